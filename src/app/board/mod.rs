//! The window's side of flashing boards: what is known of ports and jobs, and what a person has filled in.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`login_store`] | the login that boards were given, from run to run |
//! | [`context`] | what the configuration knows that a board needs |
//! | [`form`] | what a person fills in, and the jobs that it makes |
//! | [`join_info`] | the address of the broker here, as text and as a QR code |
//! | [`state`] | a fold of the job runner's events |
//! | [`tasks`] | small things that block, done on threads of their own |

pub mod context;
pub mod form;
pub(super) mod join_info;
pub(crate) mod login_store;
pub mod state;
pub(super) mod tasks;

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use traffic_light::Name;

use self::{
    context::ProvisioningContext,
    form::Form,
    join_info::Code,
    state::BoardState,
    tasks::{BackgroundTasks, NetworkInfo, TaskResult},
};
use super::{
    labels,
    state::{LightState, State},
};
use crate::{
    board::{Answer, BackupScope, JobRunner, Request, provision::this_computer},
    model::Login,
    world::{Command, event::Severity},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BoardAction {
    /// Back up, flash, provision, verify and start, as the form says.
    Flash,
    /// Write the form's settings alone.
    Provision,
    Examine,
    Reset,
    BackUp(BackupScope),
    /// Write back the backup that the form names.
    Restore,
    /// End the job after the block that it is at.
    Cancel,
    /// Answer the job's question.
    Answer(Answer),
    /// Put the finished job's report away.
    DismissReport,
    /// Show the log of the board on this port.
    WatchLog(String),
    CloseLog,
    ClearLog,
    /// Hold the log still, or let it go on.
    PauseLog(bool),
    /// Write the log's lines into a new file.
    SaveLog,
    /// The board is to be this light.
    ChooseLight {
        junction: Name,
        light: Name,
    },
    /// The board is to connect to the broker inside this program, or to another one.
    UseThisComputer(bool),
    /// Boards are to reach this computer under this one of its addresses.
    ChooseAddress(usize),
    /// Open the broker inside this program to boards.
    LetBoardsJoin,
    /// Close it again.
    CloseToBoards,
    /// It stays closed, although boards could join in the run before.
    StayClosed,
}

impl BoardAction {
    /// Whether it starts a job, which needs the board's settings as they are.
    #[must_use]
    pub(super) fn starts_job(&self) -> bool {
        matches!(
            self,
            BoardAction::Flash
                | BoardAction::Provision
                | BoardAction::Examine
                | BoardAction::Reset
                | BoardAction::BackUp(_)
                | BoardAction::Restore
        )
    }
}

/// What the window has to do about something that happened to boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BoardEffect {
    Notify(Severity, String),
    Send(Command),
}

/// Owns the job runner, what is known of it, and the form.
pub struct BoardController {
    runner: JobRunner,
    tasks: BackgroundTasks,
    pub state: BoardState,
    /// What a person fills in; the panel edits its texts.
    pub form: Form,
}

impl BoardController {
    /// For the lights of `context`. `form` holds what was remembered.
    #[must_use]
    pub(super) fn new(runner: JobRunner, context: Arc<ProvisioningContext>, form: Form) -> BoardController {
        let state = BoardState { login: context.login.clone(), context, ..BoardState::default() };
        BoardController { runner, tasks: BackgroundTasks::default(), state, form }
    }

    /// Joins another world: its lights and its broker. What was filled in for the Wi-Fi stays.
    pub(super) fn change_context(&mut self, context: Arc<ProvisioningContext>) {
        let mut form = Form::new(&context, &self.form.remembered());
        form.addresses = std::mem::take(&mut self.form.addresses);
        form.settings.wifi_password = std::mem::take(&mut self.form.settings.wifi_password);
        self.form = form;
        self.state.login.clone_from(&context.login);
        self.state.code = None;
        self.state.context = context;
    }

    /// Takes in what has happened. `live` is the live world: a board that starts takes the place of its
    /// virtual light.
    pub(super) fn drain(&mut self, live: &State) -> Vec<BoardEffect> {
        let mut effects = Vec::new();
        while let Some(event) = self.runner.next_event() {
            if self.state.apply(event)
                && let Some(light) = self.form.light().filter(|_| self.form.takes_place)
                && live.light(&light).is_some_and(LightState::is_virtual)
            {
                effects.push(BoardEffect::Send(Command::RunLight { light, on: false }));
            }
        }
        while let Some(result) = self.tasks.next_result() {
            let (severity, text) = match result {
                TaskResult::NetworkFound(Ok(found)) => {
                    self.network_found(&found);
                    continue;
                }
                TaskResult::LoginSaved(Ok(_)) => continue,
                TaskResult::LogSaved(Ok(file)) => {
                    (Severity::Info, format!("The log is in {}", file.display()))
                }
                TaskResult::NetworkFound(Err(text)) => (Severity::Warning, text),
                TaskResult::LoginSaved(Err(text)) | TaskResult::LogSaved(Err(text)) => {
                    (Severity::Error, text)
                }
            };
            effects.push(BoardEffect::Notify(severity, text));
        }
        effects
    }

    fn network_found(&mut self, found: &NetworkInfo) {
        self.form.addresses.clone_from(&found.addresses);
        if self.form.settings.wifi_ssid.is_empty()
            && let Some(name) = &found.wifi
        {
            self.form.settings.wifi_ssid.clone_from(name);
        }
    }

    /// Looks up under which address others reach this computer, the first time.
    pub(super) fn look_up_network(&mut self, wake: impl Fn() + Send + 'static) {
        self.tasks.look_up_network(wake);
    }

    /// Fills in what need not be asked for, before the panel is shown.
    pub(super) fn fill_in(&mut self, live: &State, wake: impl Fn() + Send + 'static) {
        self.look_up_network(wake);
        self.form.complete(&self.state.context);
        if let Some(ports) = &self.state.ports {
            let mut likely = ports.iter().filter(|port| port.adapter.is_likely());
            // With one board there is nothing to choose.
            if let (Some(port), None, true) = (likely.next(), likely.next(), self.form.port.is_empty()) {
                self.form.port.clone_from(&port.path);
            }
        }
        let code = self.fill_in_broker(live);
        if self.state.code.as_ref().is_none_or(|known| !code.as_ref().is_some_and(|text| known.is_of(text))) {
            self.state.code = code.as_deref().and_then(Code::of);
        }
    }

    /// Fills in the broker inside this program; returns what its QR code says while boards may join it.
    fn fill_in_broker(&mut self, live: &State) -> Option<String> {
        let port = live.broker.embedded_port().filter(|_| self.form.this_computer)?;
        self.form.fill_in_this_computer(port);
        if !live.broker.is_open() {
            return None;
        }
        if self.form.settings.broker_user.is_empty() {
            self.form.log_in(self.state.login.as_ref());
        }
        let settings = &self.form.settings;
        let password = Some(settings.broker_password.as_str())
            .filter(|password| self.form.password_in_code && !password.is_empty());
        Some(join_info::address(&settings.broker_user, password, *self.form.addresses.first()?, port))
    }

    pub(super) fn perform(
        &mut self,
        action: BoardAction,
        wake: impl Fn() + Send + 'static,
    ) -> Option<BoardEffect> {
        match action {
            BoardAction::Flash => {
                let request = self.form.flash(self.state.context.backups.as_ref());
                return self.start(request);
            }
            BoardAction::Provision => {
                let request = self.form.provision();
                return self.start(request);
            }
            BoardAction::Examine => return self.start(self.form.connection().map(Request::Examine)),
            BoardAction::Reset => return self.start(self.form.connection().map(Request::Reset)),
            BoardAction::BackUp(scope) => {
                return self.start(self.form.back_up(scope, self.state.context.backups.as_ref()));
            }
            BoardAction::Restore => return self.start(self.form.restore()),
            BoardAction::Cancel => {
                self.runner.cancel();
                self.state.cancelling();
            }
            BoardAction::Answer(answer) => {
                if let Some(job) = self.state.answered() {
                    self.runner.answer(job, answer);
                }
            }
            BoardAction::DismissReport => self.state.dismiss(),
            BoardAction::WatchLog(port) => {
                self.runner.watch_log(&port);
                self.state.log.watch(port);
            }
            BoardAction::CloseLog => self.runner.close_log(),
            BoardAction::ClearLog => self.state.log.clear(),
            BoardAction::PauseLog(on) => self.state.log.pause(on),
            BoardAction::SaveLog => self.tasks.save_log(new_log_file(), self.state.log.text(), wake),
            BoardAction::ChooseLight { junction, light } => {
                if let Some(junction) = self.state.context.junction(junction.as_str()) {
                    self.form.choose(junction, &light);
                }
            }
            BoardAction::UseThisComputer(on) => self.form.use_this_computer(on),
            BoardAction::ChooseAddress(place) => {
                if place < self.form.addresses.len() {
                    self.form.addresses.swap(0, place);
                }
            }
            BoardAction::CloseToBoards => {
                self.form.show_login = false;
                return Some(BoardEffect::Send(Command::CloseToBoards));
            }
            BoardAction::StayClosed => self.state.could_join = false,
            BoardAction::LetBoardsJoin => return Some(self.let_boards_join(wake)),
        }
        None
    }

    /// Starts a job, if there is one: a form with errors makes none and shows them.
    fn start(&mut self, request: Option<Request>) -> Option<BoardEffect> {
        let busy = self.runner.start(request?).err()?;
        Some(BoardEffect::Notify(Severity::Warning, labels::sentence(&busy.to_string())))
    }

    fn let_boards_join(&mut self, wake: impl Fn() + Send + 'static) -> BoardEffect {
        self.state.could_join = false;
        // Boards that were flashed before know the login of then.
        let login = self.state.login.clone().unwrap_or_else(this_computer::make_login);
        self.form.log_in(Some(&login));
        self.remember(&login, wake);
        BoardEffect::Send(Command::LetBoardsJoin { login })
    }

    fn remember(&mut self, login: &Login, wake: impl Fn() + Send + 'static) {
        if let Some(file) = self.state.context.login_file.clone() {
            self.tasks.save_login(file, login.clone(), wake);
        }
        self.state.login = Some(login.clone());
    }
}

/// A file that is not there yet, as a rule: named by the time.
fn new_log_file() -> PathBuf {
    let user = directories::UserDirs::new();
    let folder = user.as_ref().map(|user| user.document_dir().unwrap_or(user.home_dir()).to_path_buf());
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    folder.unwrap_or_default().join(format!("lopy4-log-{seconds}.txt"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_log_that_could_not_be_saved_is_an_error_for_the_user() {
        let runner = JobRunner::new(Arc::new(|| ())).unwrap();
        let context = Arc::new(ProvisioningContext::default());
        let form = Form::new(&context, &form::Remembered::default());
        let mut board = BoardController::new(runner, context, form);
        board.tasks = BackgroundTasks::with(|_| Err(io::Error::other("no threads left")));
        assert_eq!(board.perform(BoardAction::SaveLog, || ()), None);
        let effects = board.drain(&State::default());
        let told = effects.iter().any(|effect| {
            matches!(effect, BoardEffect::Notify(Severity::Error, text) if text.contains("was not saved"))
        });
        assert!(told, "the person believes that the file was saved: {effects:?}");
    }
}
