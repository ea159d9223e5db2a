//! What the window asks for, and what it is told.

use std::{fmt, sync::Arc};

use crate::{
    board::{
        Cancel,
        error::BoardError,
        job_event::{JobEvent, JobObserver, Outcome, Question},
        jobs,
        log::LogEvent,
        plan::{BackupJob, Connection, FlashJob, ProvisionJob, RestoreJob},
        ports::PortInfo,
    },
    model::Diagnostic,
};

/// Called after each event, to wake a window that sleeps.
pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

/// Which job; each has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// What may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Look what the board is, and start its program again.
    Examine(Connection),
    /// Back up, flash, provision, verify, start.
    Flash(FlashJob),
    /// Write the provisioning record alone.
    Provision(ProvisionJob),
    /// Read the flash into a file.
    BackUp(BackupJob),
    /// Write a backup back.
    Restore(RestoreJob),
    /// Reset the board, so that its program starts anew.
    Reset(Connection),
}

/// The name of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// [`Request::Examine`].
    Examine,
    /// [`Request::Flash`].
    Flash,
    /// [`Request::Provision`].
    Provision,
    /// [`Request::BackUp`].
    BackUp,
    /// [`Request::Restore`].
    Restore,
    /// [`Request::Reset`].
    Reset,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// All serial ports, after one came, went or changed. The first comes soon after the start.
    PortsChanged(Vec<PortInfo>),
    /// A job began.
    JobStarted {
        job: JobId,
        /// What it does.
        kind: JobKind,
        port: String,
    },
    /// Something happened in a job. [`JobEvent::Progressed`] comes at most some ten times a second.
    JobReported {
        job: JobId,
        /// What is new.
        event: JobEvent,
    },
    /// A job waits for [`super::JobRunner::answer`].
    JobAsked {
        job: JobId,
        /// What it wants to know.
        question: Question,
    },
    /// A job came to its end.
    JobDone {
        job: JobId,
        /// What it came to.
        outcome: Outcome,
    },
    JobFailed {
        job: JobId,
        diagnostic: Diagnostic,
        /// Whether it ended because it was asked to.
        cancelled: bool,
    },
    /// What is new of the log.
    Log(LogEvent),
}

/// The answer to a [`Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Do it.
    Yes,
    /// Leave it.
    No,
}

/// A job runs; another cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Request {
    #[must_use]
    pub(super) fn kind(&self) -> JobKind {
        match self {
            Request::Examine(_) => JobKind::Examine,
            Request::Flash(_) => JobKind::Flash,
            Request::Provision(_) => JobKind::Provision,
            Request::BackUp(_) => JobKind::BackUp,
            Request::Restore(_) => JobKind::Restore,
            Request::Reset(_) => JobKind::Reset,
        }
    }

    /// Which board it is about.
    #[must_use]
    pub(super) fn connection(&self) -> &Connection {
        match self {
            Request::Examine(connection) | Request::Reset(connection) => connection,
            Request::Flash(job) => &job.connection,
            Request::Provision(job) => &job.connection,
            Request::BackUp(job) => &job.connection,
            Request::Restore(job) => &job.connection,
        }
    }

    /// Does it. Blocks.
    ///
    /// # Errors
    /// What went wrong.
    pub(crate) fn run(&self, observer: &mut dyn JobObserver, cancel: &Cancel) -> Result<Outcome, BoardError> {
        match self {
            Request::Examine(connection) => jobs::examine(connection, observer, cancel),
            Request::Flash(job) => jobs::flash(job, observer, cancel),
            Request::Provision(job) => jobs::provision(job, observer, cancel),
            Request::BackUp(job) => jobs::back_up(job, observer, cancel),
            Request::Restore(job) => jobs::restore(job, observer, cancel),
            Request::Reset(connection) => jobs::reset(connection),
        }
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another job is running on a board")
    }
}

impl std::error::Error for Busy {}
