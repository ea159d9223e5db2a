//! What is known of ports, job and log: a fold of the desk's events, bounded in every direction.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{context::ProvisioningContext, join_info::Code};
use crate::{
    board::{
        BoardInfo, Event, JobEvent, JobId, JobKind, Outcome, Progress, Question, Step,
        job_event::Backup,
        log::{LogEvent, LogLevel, LogLine},
        ports::PortInfo,
    },
    model::Login,
};

/// The most lines of a board's log that are kept.
const MAX_LINES: usize = 2_000;
/// The most sentences that a job's report keeps.
const MAX_NOTES: usize = 12;

/// What is known of boards, and of the broker that they are to join.
#[derive(Debug, Default)]
pub struct BoardState {
    /// What the configuration says of lights and broker.
    pub context: Arc<ProvisioningContext>,
    /// The login of the broker inside this program.
    pub(in crate::app) login: Option<Login>,
    /// Whether boards could join that broker in the run before, and nobody has said yet what is to be now.
    pub(in crate::app) could_join: bool,
    /// The QR code of that broker's address, while boards may join it.
    pub code: Option<Code>,
    /// The serial ports; `None` until they were looked at.
    pub(crate) ports: Option<Vec<PortInfo>>,
    /// The job that runs, or the last one.
    pub job: Option<Job>,
    pub log: SerialLog,
}

#[derive(Debug)]
pub struct Job {
    pub(super) id: JobId,
    pub kind: JobKind,
    pub(crate) port: String,
    /// The step that it is at, and those before.
    pub steps: Vec<Step>,
    /// How far the step is.
    pub(in crate::app) progress: Option<Progress>,
    /// How long it has been waiting for a chip that a person brings into download mode.
    pub(in crate::app) waiting: Option<Duration>,
    pub(in crate::app) board: Option<BoardInfo>,
    /// The backup that was made first.
    pub(in crate::app) backup: Option<Backup>,
    /// What it did and found out, oldest first.
    pub(in crate::app) notes: VecDeque<String>,
    /// What it wants to know.
    pub(in crate::app) question: Option<Question>,
    /// Whether it was asked to end.
    pub(crate) cancelling: bool,
    /// How it ended.
    pub end: Option<End>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It did what it was to do.
    Done(Box<Outcome>),
    Failed {
        what: String,
        advice: String,
        /// Whether that was asked for.
        cancelled: bool,
    },
}

#[derive(Debug, Default)]
pub struct SerialLog {
    /// On which port; `None`: no log is watched.
    pub port: Option<String>,
    /// Whether the port is open now.
    pub(in crate::app) open: bool,
    /// Its lines, oldest first.
    pub lines: VecDeque<LogLine>,
    /// While the log is held still, so many lines from the start of `lines` are shown.
    pub(crate) held: Option<usize>,
}

impl BoardState {
    /// Takes an event in; returns whether a board has started as the light that it was made.
    pub fn apply(&mut self, event: Event) -> bool {
        match event {
            Event::PortsChanged(ports) => self.ports = Some(ports),
            Event::JobStarted { job, kind, port } => self.job = Some(Job::new(job, kind, port)),
            Event::JobReported { job, event } => {
                if let Some(job) = self.job_mut(job) {
                    job.apply(event);
                }
            }
            Event::JobAsked { job, question } => {
                if let Some(job) = self.job_mut(job) {
                    job.question = Some(question);
                }
            }
            Event::JobDone { job, outcome } => {
                let Some(job) = self.job_mut(job) else { return false };
                let started = match &outcome {
                    Outcome::Flashed(written) | Outcome::Provisioned(written) => written.started,
                    _ => false,
                };
                job.finish(End::Done(Box::new(outcome)));
                return started;
            }
            Event::JobFailed { job, diagnostic, cancelled } => {
                let (what, advice) = (diagnostic.message, diagnostic.help.unwrap_or_default());
                if let Some(job) = self.job_mut(job) {
                    job.finish(End::Failed { what, advice, cancelled });
                }
            }
            Event::Log(event) => self.log.apply(event),
        }
        false
    }

    /// Whether a job runs that closing the window would end.
    #[must_use]
    pub(crate) fn works(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.end.is_none())
    }

    /// The job was asked to end.
    pub(super) fn cancelling(&mut self) {
        if let Some(job) = &mut self.job {
            job.cancelling = true;
        }
    }

    /// The job's question is answered; returns the job that asked.
    pub(super) fn answered(&mut self) -> Option<JobId> {
        let job = self.job.as_mut()?;
        job.question.take().map(|_| job.id)
    }

    /// Puts the report of a job that has ended away.
    pub(super) fn dismiss(&mut self) {
        if self.job.as_ref().is_some_and(|job| job.end.is_some()) {
            self.job = None;
        }
    }

    fn job_mut(&mut self, id: JobId) -> Option<&mut Job> {
        self.job.as_mut().filter(|job| job.id == id)
    }
}

impl Job {
    fn new(id: JobId, kind: JobKind, port: String) -> Job {
        Job {
            id,
            kind,
            port,
            steps: Vec::new(),
            progress: None,
            waiting: None,
            board: None,
            backup: None,
            notes: VecDeque::new(),
            question: None,
            cancelling: false,
            end: None,
        }
    }

    fn apply(&mut self, event: JobEvent) {
        match event {
            JobEvent::StepBegan(step) => {
                if !self.steps.contains(&step) {
                    self.steps.push(step);
                }
                (self.progress, self.waiting) = (None, None);
            }
            JobEvent::Progressed(progress) => self.progress = Some(progress),
            JobEvent::WaitingForChip { waited } => self.waiting = Some(waited),
            JobEvent::ChipAnswered => self.waiting = None,
            JobEvent::BoardMet(board) => self.board = Some(board),
            JobEvent::BackedUp(backup) => self.backup = Some(backup),
            JobEvent::PartSkipped(part) => self.note(format!("{} unchanged", part.name)),
            JobEvent::PartWritten(part) => self.note(format!("{} written", part.name)),
            JobEvent::PartVerified(part) => self.note(format!("{} verified", part.name)),
            JobEvent::Noted(text) => self.note(text),
        }
    }

    fn note(&mut self, text: String) {
        if self.notes.len() >= MAX_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(text);
    }

    fn finish(&mut self, end: End) {
        (self.progress, self.waiting, self.question) = (None, None, None);
        self.end = Some(end);
    }

    #[must_use]
    pub(in crate::app) fn step(&self) -> Option<Step> {
        self.steps.last().copied()
    }
}

impl SerialLog {
    /// A log is watched from now on.
    pub(super) fn watch(&mut self, port: String) {
        if self.port.as_ref() != Some(&port) {
            self.clear();
        }
        self.port = Some(port);
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.held = self.held.map(|_| 0);
    }

    /// Holds the log still, or lets it go on.
    pub(super) fn pause(&mut self, on: bool) {
        self.held = on.then_some(self.lines.len());
    }

    pub(crate) fn shown(&self) -> impl DoubleEndedIterator<Item = &LogLine> + ExactSizeIterator {
        self.lines.iter().take(self.held.unwrap_or(usize::MAX))
    }

    /// All lines as text, as the board wrote them.
    #[must_use]
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(&log_line(line));
            text.push('\n');
        }
        text
    }

    fn apply(&mut self, event: LogEvent) {
        match event {
            LogEvent::Opened { port } => {
                self.open = true;
                self.remark(LogLevel::Info, format!("— {port} is open —"));
                self.port = Some(port);
            }
            LogEvent::Line(line) => self.push(line),
            LogEvent::Explained(meaning) => {
                self.remark(LogLevel::Warning, format!("— {} —", meaning.one_line()));
            }
            LogEvent::Dropped { lines } => {
                self.remark(LogLevel::Warning, format!("— {lines} lines came too fast and are left out —"));
            }
            LogEvent::Lost { reason } => {
                self.open = false;
                self.remark(LogLevel::Warning, format!("— {reason} —"));
            }
            LogEvent::Reset => self.remark(LogLevel::Info, "— the board was reset —".to_owned()),
            LogEvent::Closed => {
                self.open = false;
                self.port = None;
            }
        }
    }

    fn remark(&mut self, level: LogLevel, text: String) {
        self.push(LogLine { uptime: None, level, text });
    }

    fn push(&mut self, line: LogLine) {
        if self.lines.len() >= MAX_LINES {
            self.lines.pop_front();
            self.held = self.held.map(|held| held.saturating_sub(1));
        }
        self.lines.push_back(line);
    }
}

/// A line with its time and its level, as text.
#[must_use]
pub(in crate::app) fn log_line(line: &LogLine) -> String {
    let level = match line.level {
        LogLevel::Raw | LogLevel::Info => "",
        LogLevel::Warning => "warning: ",
        LogLevel::Error => "error: ",
    };
    match line.uptime {
        Some(uptime) => format!("{:9.3} s  {level}{}", uptime.as_secs_f64(), line.text),
        None => format!("{level}{}", line.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> LogEvent {
        LogEvent::Line(LogLine { uptime: None, level: LogLevel::Raw, text: text.to_owned() })
    }

    #[test]
    fn a_log_is_bounded_and_stands_still_while_it_is_held() {
        let mut log = SerialLog::default();
        log.apply(said("first"));
        log.pause(true);
        log.apply(said("second"));
        assert_eq!(log.shown().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["first"]);
        for number in 0..3 * MAX_LINES {
            log.apply(said(&number.to_string()));
        }
        assert_eq!(log.lines.len(), MAX_LINES);
        assert_eq!(log.shown().count(), 0, "what was held has been pushed out");
        log.pause(false);
        assert_eq!(log.shown().count(), MAX_LINES);
    }

    #[test]
    fn a_job_that_is_not_the_last_one_changes_nothing() {
        let mut state = BoardState::default();
        let started = |id| Event::JobStarted { job: JobId(id), kind: JobKind::Reset, port: "p".to_owned() };
        state.apply(started(1));
        state.apply(started(2));
        assert!(!state.apply(Event::JobDone { job: JobId(1), outcome: Outcome::Reset }));
        assert!(state.job.as_ref().is_some_and(|job| job.end.is_none()));
        state.dismiss();
        assert!(state.job.is_some(), "a job that runs cannot be put away");
        state.apply(Event::JobDone { job: JobId(2), outcome: Outcome::Reset });
        state.dismiss();
        assert!(state.job.is_none());
    }
}
