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
pub mod cancel;
mod chip;
pub mod entry;
pub mod error;
mod file;
mod flash_writer;
mod frames;
mod guard;
mod image;
pub mod job_event;
pub mod job_runner;
mod jobs;
mod line;
mod loader;
pub mod log;
mod memory;
pub mod plan;
pub mod ports;
mod progress;
pub mod provision;
mod restore;
mod serial;
mod stub;

pub use backup::{default_folder, facts_file};
pub use cancel::Cancel;
pub use error::BoardError;
pub use file::BoardFile;
pub use guard::Refusal;
pub use image::built_in_version;
pub use job_event::{
    Backup, BoardInfo, Identity, JobEvent, JobObserver, Mac, Outcome, Part, Progress, Question, Step, Written,
};
pub use job_runner::{Answer, Busy, Event, JobId, JobKind, JobRunner, Request, Waker};
pub use jobs::{back_up, examine, flash, provision, reset, restore};
pub use plan::{
    BackupJob, BackupPlace, BackupScope, Connection, EntryMethod, FlashJob, ImageChoice, ProvisionJob,
    RestoreJob, provisioned,
};
