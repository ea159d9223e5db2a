//! Runs the jobs of the window: takes requests, works on threads of its own, gives events.
//! Nothing here blocks the caller.
//!
//! One job at a time. A log may be watched beside it: a job on the same port interrupts the log,
//! and the log goes on when the job has ended.

mod log_monitor;
mod message;
mod outbox;
mod shared;
mod worker;

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

pub(crate) use self::message::Waker;
pub use self::message::{Answer, Busy, Event, JobId, JobKind, Request};
use self::{
    log_monitor::LogMonitor,
    outbox::Outbox,
    shared::{State, lock},
    worker::Worker,
};
use super::{Cancel, error::BoardError, ports::Watcher};

/// Runs jobs for the window. Dropping it cancels the job, ends the log, and waits until both have
/// ended: within a second as a rule.
pub struct JobRunner {
    outbox: Arc<Outbox>,
    state: Arc<State>,
    /// Room for one: another job is refused while one runs. `None` once it is dropped.
    jobs: Option<SyncSender<(JobId, Request, Cancel)>>,
    worker: Option<JoinHandle<()>>,
    log_monitor: Arc<LogMonitor>,
    log: Option<JoinHandle<()>>,
    _watcher: Watcher,
}

impl JobRunner {
    /// Starts the threads, which begin to watch the ports. `waker` is called, from those threads,
    /// after each event.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(waker: Waker) -> Result<JobRunner, BoardError> {
        let outbox = Arc::new(Outbox::new(waker));
        let state = Arc::new(State::default());
        let log_monitor = Arc::new(LogMonitor::default());
        let log = {
            let (log_monitor, outbox) = (Arc::clone(&log_monitor), Arc::clone(&outbox));
            spawn("twinlight-log", move || log_monitor.run(&outbox))?
        };
        let (jobs, requests) = sync_channel(1);
        let worker = {
            let worker = Worker {
                outbox: Arc::clone(&outbox),
                state: Arc::clone(&state),
                log_monitor: Arc::clone(&log_monitor),
            };
            spawn("twinlight-board", move || worker.work(&requests))?
        };
        let ports = Arc::clone(&outbox);
        let watcher = Watcher::start(move |list| ports.put(Event::PortsChanged(list)))?;
        Ok(JobRunner {
            outbox,
            state,
            jobs: Some(jobs),
            worker: Some(worker),
            log_monitor,
            log: Some(log),
            _watcher: watcher,
        })
    }

    /// Starts a job.
    ///
    /// # Errors
    /// While another one runs.
    pub fn start(&self, request: Request) -> Result<JobId, Busy> {
        let mut running = lock(&self.state.running);
        if running.job.is_some() {
            return Err(Busy);
        }
        let job = JobId(running.last + 1);
        let cancel = Cancel::default();
        let jobs = self.jobs.as_ref().ok_or(Busy)?;
        jobs.try_send((job, request, cancel.clone())).map_err(|_| Busy)?;
        running.last = job.0;
        running.job = Some((job, cancel));
        Ok(job)
    }

    /// The job that runs.
    #[must_use]
    pub fn running(&self) -> Option<JobId> {
        lock(&self.state.running).job.as_ref().map(|(job, _)| *job)
    }

    /// Asks the job that runs to end after the block that it is at.
    pub fn cancel(&self) {
        if let Some((_, cancel)) = &lock(&self.state.running).job {
            cancel.cancel();
        }
    }

    /// Answers the question of a job; without effect where it asked none.
    pub fn answer(&self, job: JobId, answer: Answer) {
        *lock(&self.state.answer) = Some((job, answer));
        self.state.answered.notify_all();
    }

    /// Watches the log on `port`, in place of the one that was watched before.
    pub fn watch_log(&self, port: &str) {
        self.log_monitor.watch(Some(port));
    }

    /// Ends the log.
    pub(crate) fn close_log(&self) {
        self.log_monitor.watch(None);
    }

    /// The next event, oldest first; `None` when there is none. Never blocks. What nobody takes is
    /// bounded: progress replaces older progress, and of log lines the oldest are thrown away, which
    /// `LogEvent::Dropped` tells.
    #[must_use]
    pub fn next_event(&self) -> Option<Event> {
        self.outbox.take()
    }
}

impl Drop for JobRunner {
    fn drop(&mut self) {
        self.cancel();
        self.jobs = None;
        self.log_monitor.close();
        for thread in [self.worker.take(), self.log.take()].into_iter().flatten() {
            // A panic in there has been told already.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, BoardError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(BoardError::NoThread)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::board::{Connection, log::LogEvent};

    /// Events until `last` says that one was the last.
    fn events(runner: &JobRunner, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let started = Instant::now();
        let mut events = Vec::new();
        while started.elapsed() < Duration::from_secs(20) {
            match runner.next_event() {
                Some(event) => {
                    let done = last(&event);
                    events.push(event);
                    if done {
                        return events;
                    }
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
        panic!("the last event never came: {events:?}");
    }

    #[test]
    fn a_job_on_a_port_that_is_not_there_fails_with_help_and_frees_the_runner() {
        let (woken, wakes) = std::sync::mpsc::channel();
        let woken = Mutex::new(woken);
        let runner = JobRunner::new(Arc::new(move || lock(&woken).send(()).unwrap_or(()))).unwrap();
        let job = runner.start(Request::Examine(Connection::new("/dev/no-such-port"))).unwrap();
        let events = events(&runner, |event| matches!(event, Event::JobFailed { .. }));
        let Some(Event::JobFailed { job: failed, diagnostic, cancelled }) = events.last() else { panic!() };
        assert_eq!((*failed, *cancelled), (job, false));
        assert_eq!(diagnostic.message, "there is no serial port /dev/no-such-port");
        assert!(diagnostic.help.as_ref().unwrap().contains("many only charge"), "{diagnostic:?}");
        assert!(wakes.try_iter().count() >= events.len() - 1);
        assert_eq!(runner.running(), None);
        assert_eq!(runner.start(Request::Examine(Connection::new("/dev/x"))), Ok(JobId(job.0 + 1)));
    }

    #[test]
    fn a_log_on_a_port_that_is_not_there_says_so_once_and_ends_when_asked() {
        let runner = JobRunner::new(Arc::new(|| {})).unwrap();
        runner.watch_log("/dev/no-such-port");
        events(&runner, |event| matches!(event, Event::Log(LogEvent::Lost { .. })));
        runner.close_log();
        let rest = events(&runner, |event| *event == Event::Log(LogEvent::Closed));
        assert!(!rest.iter().any(|event| matches!(event, Event::Log(LogEvent::Lost { .. }))));
    }
}
