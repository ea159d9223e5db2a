//! The board's desk, for the window: takes requests, works on threads of its own, gives events.
//! Nothing here blocks the caller.
//!
//! One job at a time. A log may be watched beside it: a job on the same port interrupts the log,
//! and the log goes on when the job has ended.

use std::{fmt, sync::Arc};

use super::{
    error::BoardError,
    log::LogNews,
    news::{News, Outcome, Question},
    plan::{BackupJob, Connection, FlashJob, ProvisionJob, RestoreJob},
    ports::PortInfo,
};

/// Called after each event, to wake a window that sleeps.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

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
        /// Which one.
        job: JobId,
        /// What it does.
        kind: JobKind,
        /// On which port.
        port: String,
    },
    /// A job tells how it goes. [`News::Progressed`] comes at most some ten times a second.
    JobTold {
        /// Which one.
        job: JobId,
        /// What is new.
        news: News,
    },
    /// A job waits for [`Desk::answer`].
    JobAsked {
        /// Which one.
        job: JobId,
        /// What it wants to know.
        question: Question,
    },
    /// A job came to its end.
    JobDone {
        /// Which one.
        job: JobId,
        /// What it came to.
        outcome: Outcome,
    },
    /// A job failed.
    JobFailed {
        /// Which one.
        job: JobId,
        /// What happened, as a sentence without a full stop.
        what: String,
        /// What to do next, as a sentence without a full stop.
        advice: String,
        /// Whether it ended because it was asked to.
        cancelled: bool,
    },
    /// What is new of the log.
    Log(LogNews),
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

/// Works for the window. Dropping it cancels the job, ends the log, and waits until both have
/// ended: within a second as a rule.
pub struct Desk {
    _waker: Waker,
}

impl Desk {
    /// Opens the desk: its threads begin to watch the ports. `waker` is called, from those threads,
    /// after each event.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn open(waker: Waker) -> Result<Desk, BoardError> {
        Ok(Desk { _waker: waker })
    }

    /// Starts a job.
    ///
    /// # Errors
    /// While another one runs.
    pub fn start(&self, _request: Request) -> Result<JobId, Busy> {
        Err(Busy)
    }

    /// The job that runs.
    #[must_use]
    pub fn running(&self) -> Option<JobId> {
        None
    }

    /// Asks the job that runs to end after the block that it is at.
    pub fn cancel(&self) {}

    /// Answers the question of a job; without effect where it asked none.
    pub fn answer(&self, _job: JobId, _answer: Answer) {}

    /// Watches the log on `port`, in place of the one that was watched before.
    pub fn watch_log(&self, _port: &str) {}

    /// Ends the log.
    pub fn close_log(&self) {}

    /// The next event, oldest first; `None` when there is none. Never blocks. What nobody takes is
    /// bounded: progress replaces older progress, and of log lines the oldest are thrown away, which
    /// [`LogNews::Dropped`] tells.
    pub fn next_event(&self) -> Option<Event> {
        None
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a board is being worked on; wait for that to end, or cancel it")
    }
}

impl std::error::Error for Busy {}
