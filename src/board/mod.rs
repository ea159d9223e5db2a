//! Boards on a serial port: found, backed up, flashed, provisioned, restored, watched.
//!
//! Everything here blocks and runs on threads of its own; the window uses it through [`JobRunner`], which
//! never blocks its caller, and the command line calls the same functions directly.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`plan`] | what may be asked for |
//! | [`job_event`] | what happens on the way: steps, progress, questions |
//! | [`error`] | what went wrong, and what to do next |
//! | [`cancel`] | ends a job between two blocks |
//! | [`job_runner`] | a worker behind two queues, for the window |
//! | [`ports`] | serial ports: what they are, who has them, hot plug |
//! | [`log`] | what a board says |
//! | [`provision`](mod@provision) | from a form or a file to the provisioning record |
//! | [`entry`] | ways into download mode and out of it |
//! | `loader`, `chip`, `stub` | a board in download mode: reached, examined, made fast |
//! | `line`, `frames` | commands to the chip and replies from it |
//! | `guard` | the one place that every write and erase passes |
//! | `memory`, `flash_writer` | the flash: checksums and reading; comparing, writing and verifying |
//! | `image` | what is flashed |
//! | `jobs`, `backup`, `restore` | the jobs, from the first byte to the last |

#![allow(missing_docs, reason = "a name that says all needs no second one")]

mod backup;
pub(crate) mod cancel;
mod chip;
pub(crate) mod entry;
pub(crate) mod error;
mod file;
mod flash_writer;
mod frames;
mod guard;
mod image;
pub(crate) mod job_event;
pub(crate) mod job_runner;
mod jobs;
mod line;
mod loader;
pub mod log;
mod memory;
pub(crate) mod plan;
pub(crate) mod ports;
mod progress;
pub mod provision;
pub mod restore;
mod serial;
mod stub;

pub(crate) use backup::default_folder;
pub use backup::facts_file;
pub use cancel::Cancel;
pub use error::BoardError;
pub use file::BoardFile;
pub(crate) use job_event::{BoardInfo, Mac, Part, Progress};
pub use job_event::{Identity, JobEvent, JobObserver, Outcome, Question, Step, Written};
pub use job_runner::{Answer, Busy, Event, JobId, JobKind, JobRunner, Request};
pub use jobs::{back_up, examine, flash, provision, reset, restore};
pub(crate) use plan::provisioned;
pub use plan::{
    BackupJob, BackupPlace, BackupScope, Connection, EntryMethod, FlashJob, ImageChoice, ProvisionJob,
    RestoreJob,
};
