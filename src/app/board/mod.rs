//! The window's end of the desk where boards are flashed: what is known of ports and jobs, and what
//! a person has filled in.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`form`] | what a person fills in, and the jobs that it makes |
//! | [`invitation`] | the address of the broker here, as text and as a QR code |
//! | [`keep`] | the login that boards were given, from run to run |
//! | [`state`] | a fold of the desk's events |
//! | [`errand`] | small things that block, done on threads of their own |

pub mod errand;
pub mod form;
pub mod invitation;
pub mod keep;
pub mod state;

use std::{path::PathBuf, sync::Arc};

use self::{
    errand::{Errand, Errands, Found},
    form::{Form, Lab},
    state::BoardState,
};
use crate::{
    board::{Answer, Desk, Request},
    model::Login,
};

/// What a panel asks of the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoardAction {
    /// Start a job.
    Start(Box<Request>),
    /// End the job after the block that it is at.
    Cancel,
    /// Answer the job's question.
    Answer(Answer),
    /// Put the finished job's report away.
    Dismiss,
    /// Show the log of the board on this port.
    Watch(String),
    /// End the log.
    CloseLog,
    /// Forget the lines of the log.
    ClearLog,
    /// Hold the log still, or let it go on.
    PauseLog(bool),
    /// Remember the login that boards are given, for the next run.
    KeepLogin(Login),
    /// Write the log's lines into this file, which must not exist.
    SaveLog(PathBuf),
}

/// The desk, what is known of it, and the form.
pub struct Workbench {
    desk: Desk,
    errands: Errands,
    /// What is known.
    pub state: BoardState,
    /// What a person fills in.
    pub form: Form,
    /// What the configuration says of lights and broker.
    pub lab: Arc<Lab>,
    /// The login of the broker inside this program.
    pub login: Option<Login>,
    /// The QR code that was last shown.
    pub code: Option<invitation::Code>,
}

impl Workbench {
    /// A workbench at `desk`, for the lights of `lab`. `form` holds what was remembered.
    #[must_use]
    pub fn new(desk: Desk, lab: Arc<Lab>, form: Form) -> Workbench {
        let login = lab.login.clone();
        let (errands, state) = (Errands::default(), BoardState::default());
        Workbench { desk, errands, state, form, lab, login, code: None }
    }

    /// Looks, the first time, what this computer knows that a board has to be told. `wake` is called
    /// when it is found.
    pub fn look_around(&mut self, wake: impl Fn() + Send + 'static) {
        self.errands.look_around(wake);
    }

    /// Takes the desk's events in; returns the sentences that a person should read now.
    pub fn drain(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        while let Some(event) = self.desk.next_event() {
            said.extend(self.state.apply(event));
        }
        while let Some(errand) = self.errands.next_done() {
            match errand {
                Errand::Looked(found) => self.found(&found),
                Errand::Kept(Ok(_)) => {}
                Errand::Saved(Ok(file)) => {
                    said.push(Said::Notice(format!("The log is in {}", file.display())));
                }
                Errand::Kept(Err(text)) | Errand::Saved(Err(text)) => said.push(Said::Trouble(text)),
            }
        }
        said
    }

    fn found(&mut self, found: &Found) {
        self.form.addresses.clone_from(&found.addresses);
        if self.form.settings.wifi_ssid.is_empty()
            && let Some(name) = &found.wifi
        {
            self.form.settings.wifi_ssid.clone_from(name);
        }
    }

    /// Does what a panel asked for; returns a sentence where that is not possible.
    pub fn perform(&mut self, action: BoardAction, wake: impl Fn() + Send + 'static) -> Option<String> {
        match action {
            BoardAction::Start(request) => {
                if let Err(busy) = self.desk.start(*request) {
                    return Some(sentence(&busy.to_string()));
                }
            }
            BoardAction::Cancel => {
                self.desk.cancel();
                self.state.cancelling();
            }
            BoardAction::Answer(answer) => {
                if let Some(job) = self.state.answered() {
                    self.desk.answer(job, answer);
                }
            }
            BoardAction::Dismiss => self.state.dismiss(),
            BoardAction::Watch(port) => {
                self.desk.watch_log(&port);
                self.state.log.watch(port);
            }
            BoardAction::CloseLog => self.desk.close_log(),
            BoardAction::ClearLog => self.state.log.clear(),
            BoardAction::PauseLog(on) => self.state.log.pause(on),
            BoardAction::KeepLogin(login) => {
                if let Some(file) = self.lab.login_file.clone() {
                    self.errands.keep(file, login.clone(), wake);
                }
                self.login = Some(login);
            }
            BoardAction::SaveLog(file) => self.errands.save(file, self.state.log.text(), wake),
        }
        None
    }

    /// Whether a job runs that closing the window would break off.
    #[must_use]
    pub fn works(&self) -> bool {
        self.state.job.as_ref().is_some_and(|job| job.end.is_none())
    }
}

/// What the window should do about something that happened at the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Something to know.
    Notice(String),
    /// Something went wrong.
    Trouble(String),
    /// A board has been given the place of this light, as `junction/light`.
    BoardStarts,
}

/// With a capital letter.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
