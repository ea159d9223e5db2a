//! "Check my light": what is typed for a check, and the check that goes on; or the checks of a whole class.
//!
//! | module | one idea |
//! | --- | --- |
//! | `job` | one check, on a thread of its own |
//! | `class` | a check for each group |
//! | `picture` | a check as the scene draws it |

mod class;
mod job;
mod picture;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError, channel},
    },
    time::SystemTime,
};

pub use self::{
    class::{ClassCheck, GroupRow, Need},
    job::{CheckJob, CheckSpec, OpenPort, Playing, Stage},
    picture::Picture,
};
use super::{background::spawn, board::join_info::Code};
use crate::{
    check::class::{Group, MOST_GROUPS, numbered, read},
    config::Config,
    model::unix_seconds,
    world::Waker,
};

/// What boards and programs usually have free beside a broker.
const USUAL_PORT: u16 = 1_884;

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnLightAction {
    /// Open a port for the light, or one for each group, and play the steps.
    Begin,
    Cancel,
    /// Put what was found away, and show the form again.
    Dismiss,
    /// Check this group again, by its place in the roster.
    Again(usize),
    /// End the check of this group.
    CancelGroup(usize),
    /// Draw this group's lights.
    Watch(usize),
    /// Write the table of the class as it stands.
    SaveTable(PathBuf),
}

/// Who is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    OneLight,
    /// So many groups, numbered.
    Numbered,
    /// The groups of a roster.
    Roster,
}

/// What is typed in the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLightForm {
    pub subject: Subject,
    pub port: String,
    pub groups: String,
    /// The file of the roster.
    pub roster: String,
    pub lan: bool,
    /// The broker of the live lab, instead of one of the check's own.
    pub broker_in_use: bool,
    /// Where the table of a class is to be saved.
    pub table: String,
    pub password_in_code: bool,
}

impl OwnLightForm {
    /// The port, where it is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port.trim().parse().ok()
    }

    /// How many groups, where that is a number that fits.
    #[must_use]
    pub fn groups(&self) -> Option<usize> {
        self.groups.trim().parse().ok().filter(|count| (1..=MOST_GROUPS).contains(count))
    }

    /// What is still to be typed; `None` where the check can begin.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        match self.subject {
            Subject::OneLight if self.port().is_none() => {
                Some("A port is a number from 0 to 65535.".to_owned())
            }
            Subject::Numbered if self.groups().is_none() => {
                Some(format!("How many groups: a number from 1 to {MOST_GROUPS}."))
            }
            Subject::Roster if self.roster.trim().is_empty() => {
                Some("Name the file of the roster.".to_owned())
            }
            _ => None,
        }
    }
}

impl Default for OwnLightForm {
    fn default() -> OwnLightForm {
        let user = directories::UserDirs::new();
        let folder = user.as_ref().map(|user| user.document_dir().unwrap_or(user.home_dir()).to_path_buf());
        let seconds = unix_seconds(SystemTime::now());
        let table = folder.unwrap_or_default().join(format!("class-{seconds}.csv"));
        OwnLightForm {
            subject: Subject::OneLight,
            port: USUAL_PORT.to_string(),
            groups: "12".to_owned(),
            roster: String::new(),
            lan: false,
            broker_in_use: false,
            table: table.display().to_string(),
            password_in_code: false,
        }
    }
}

type ReadRoster = Result<Vec<Group>, String>;

/// Owns the form and the checks.
#[derive(Debug, Default)]
pub struct OwnLight {
    pub form: OwnLightForm,
    /// The check that goes on, or has ended and is still shown.
    pub job: Option<CheckJob>,
    /// The same of a class.
    pub class: Option<ClassCheck>,
    /// Which group's lights are drawn.
    pub watched: Option<usize>,
    /// What the scene draws while a check goes on.
    pub picture: Option<Picture>,
    /// The QR code of the port's address.
    pub code: Option<Code>,
    /// Where reports and the key that seals them are kept; without it none is written.
    pub state_folder: Option<PathBuf>,
    /// A roster that is being read, and the checks that wait for it.
    reading: Option<(Receiver<ReadRoster>, CheckSpec)>,
}

impl OwnLight {
    /// Does what the panel asks for; `wake` is called whenever there is something new to show. `in_use` is the
    /// configuration of the live lab, where that is known.
    ///
    /// # Errors
    /// A sentence for the user when the check cannot begin.
    pub fn perform(
        &mut self,
        action: OwnLightAction,
        in_use: Option<Arc<Config>>,
        wake: &Waker,
    ) -> Result<(), String> {
        match action {
            OwnLightAction::Begin => self.begin(in_use, wake)?,
            OwnLightAction::Cancel => {
                self.reading = None;
                if let Some(job) = &mut self.job {
                    job.cancel();
                }
                if let Some(class) = &mut self.class {
                    class.cancel_all();
                }
            }
            OwnLightAction::Dismiss => self.dismiss(),
            OwnLightAction::Again(place) => {
                if let Some(class) = &mut self.class {
                    class.again(place);
                }
            }
            OwnLightAction::CancelGroup(place) => {
                if let Some(class) = &mut self.class {
                    class.cancel(place);
                }
            }
            OwnLightAction::Watch(place) => {
                self.watched = if self.watched == Some(place) { None } else { Some(place) };
                self.picture = None;
            }
            OwnLightAction::SaveTable(file) => {
                if let Some(class) = &self.class {
                    class.save_table(file, wake);
                }
            }
        }
        Ok(())
    }

    /// Puts all checks away; those that went on are ended by being dropped.
    fn dismiss(&mut self) {
        (self.job, self.class, self.watched, self.picture, self.code) = (None, None, None, None, None);
        self.reading = None;
    }

    fn begin(&mut self, in_use: Option<Arc<Config>>, wake: &Waker) -> Result<(), String> {
        if self.form.missing().is_some() {
            return Ok(());
        }
        self.dismiss();
        let config = match in_use.filter(|_| self.form.broker_in_use) {
            Some(config) => config,
            None => Arc::new(Config::default()),
        };
        let port = self.form.port().unwrap_or_default();
        let (lan, state_folder) = (self.form.lan, self.state_folder.clone());
        let another_port = match self.form.subject {
            Subject::OneLight => "put this check away and type another port, or 0 for any free one",
            Subject::Numbered => "check the class from a roster that names other ports",
            Subject::Roster => {
                "give the group another port in the roster; \"Again\" tries this one once more"
            }
        };
        let spec = CheckSpec { config, port, another_port, lan, group: None, state_folder };
        match self.form.subject {
            Subject::OneLight => self.job = Some(CheckJob::begin(spec, wake.clone())?),
            Subject::Numbered => {
                let groups = numbered(self.form.groups().unwrap_or_default());
                self.class = Some(ClassCheck::begin(groups, spec, wake)?);
            }
            Subject::Roster => {
                let file = PathBuf::from(self.form.roster.trim());
                let (done, groups) = channel();
                let wake = wake.clone();
                let work = move || {
                    let told = |(line, what): (u64, String)| format!("line {line}: {what}");
                    let problems = |problems: Vec<_>| {
                        let told: Vec<_> = problems.into_iter().map(told).collect();
                        format!("The roster {} cannot be used. {}.", file.display(), told.join("; "))
                    };
                    // A window that has closed needs no result.
                    let _ = done.send(read(&file).map_err(problems));
                    wake();
                };
                spawn(Box::new(work)).map_err(|error| {
                    format!("The roster was not read: {error}. End other programs and try again.")
                })?;
                self.reading = Some((groups, spec));
            }
        }
        Ok(())
    }

    /// Takes in what the checks have to tell.
    ///
    /// # Errors
    /// A sentence for the user when a check cannot begin.
    pub fn drain(&mut self, wake: &Waker) -> Result<(), String> {
        let read = self.reading.as_ref().map(|(groups, _)| groups.try_recv());
        match read {
            None | Some(Err(TryRecvError::Empty)) => {}
            Some(Err(TryRecvError::Disconnected)) => self.reading = None,
            Some(Ok(groups)) => {
                if let Some((_, spec)) = self.reading.take() {
                    self.class = Some(ClassCheck::begin(groups?, spec, wake)?);
                }
            }
        }
        if let Some(job) = &mut self.job {
            job.drain();
        }
        let begun = self.class.as_mut().map_or(Ok(()), |class| class.drain(wake));
        self.paint();
        begun
    }

    /// The check whose lights are drawn.
    #[must_use]
    pub fn drawn(&self) -> Option<&CheckJob> {
        let watched = || self.class.as_ref()?.rows.get(self.watched?).map(|row| &row.job);
        self.job.as_ref().or_else(watched).filter(|job| job.stage == Stage::Working)
    }

    /// Brings the picture up to date; there is one as long as a check goes on.
    fn paint(&mut self) {
        let live = self.drawn().and_then(|job| Some((job.live(), job.open.as_ref()?.behind.clone())));
        let Some((live, behind)) = live else {
            self.picture = None;
            return;
        };
        if self.picture.is_none() {
            self.picture = Picture::new(&behind);
        }
        if let Some(picture) = &mut self.picture {
            picture.follow(&live);
        }
    }

    /// Whether a roster is being read.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }
}
