//! "Check my light": what is typed for a check, and the check that goes on.

mod job;

use std::path::PathBuf;

pub use self::job::{CheckJob, Playing, Stage};
use crate::world::Waker;

/// What boards and programs usually have free beside a broker.
const USUAL_PORT: u16 = 1_884;

/// What a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnLightAction {
    /// Open a port for the light and play the steps.
    Begin {
        /// 0: any free one.
        port: u16,
        /// Whether others in the network may connect.
        lan: bool,
    },
    Cancel,
    /// Put what was found away, and show the form again.
    Dismiss,
}

/// What is typed in the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLightForm {
    pub port: String,
    pub lan: bool,
}

impl OwnLightForm {
    /// The port, where it is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port.trim().parse().ok()
    }
}

impl Default for OwnLightForm {
    fn default() -> OwnLightForm {
        OwnLightForm { port: USUAL_PORT.to_string(), lan: false }
    }
}

/// Owns the form and the check.
#[derive(Debug, Default)]
pub struct OwnLight {
    pub form: OwnLightForm,
    /// The check that goes on, or has ended and is still shown.
    pub job: Option<CheckJob>,
    /// Where reports and the key that seals them are kept; without it none is written.
    pub state_folder: Option<PathBuf>,
}

impl OwnLight {
    /// Does what the panel asks for; `wake` is called whenever there is something new to show.
    ///
    /// # Errors
    /// A sentence for the user when the check cannot begin.
    pub fn perform(&mut self, action: OwnLightAction, wake: Waker) -> Result<(), String> {
        match action {
            OwnLightAction::Begin { port, lan } => {
                // One that went on before is ended by being dropped.
                self.job = None;
                self.job = Some(CheckJob::begin(port, lan, self.state_folder.clone(), wake)?);
            }
            OwnLightAction::Cancel => {
                if let Some(job) = &mut self.job {
                    job.cancel();
                }
            }
            OwnLightAction::Dismiss => self.job = None,
        }
        Ok(())
    }

    /// Takes in what the check has to tell.
    pub fn drain(&mut self) {
        if let Some(job) = &mut self.job {
            job.drain();
        }
    }
}
