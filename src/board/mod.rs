//! Boards on a serial port: found, backed up, flashed, provisioned, restored, watched.
//!
//! Everything here blocks and runs on threads of its own; the window uses it through [`Desk`], which
//! never blocks its caller, and the command line calls the same functions directly.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`plan`] | what may be asked for |
//! | [`news`] | what is told on the way: steps, progress, questions |
//! | [`error`] | what went wrong, and what to do next |
//! | [`cancel`] | ends a job between two blocks |
//! | [`desk`] | a worker behind two queues, for the window |
//! | [`ports`] | serial ports: what they are, who has them, hot plug |
//! | [`log`] | what a board says |
//! | [`provision`] | from a form or a file to the provisioning record |

pub mod cancel;
pub mod desk;
pub mod error;
pub mod log;
pub mod news;
pub mod plan;
pub mod ports;
pub mod provision;

pub use cancel::Cancel;
pub use desk::{Answer, Busy, Desk, Event, JobId, JobKind, Request, Waker};
pub use error::BoardError;
pub use news::{BoardInfo, Mac, News, Observer, Outcome, Part, Progress, Question, Step};
pub use plan::{
    BackupJob, BackupPlace, BackupScope, Connection, EntryMethod, FlashJob, ImageChoice, ProvisionJob,
    RestoreJob,
};
