//! Does the jobs, one after the other, on a thread of its own.

use std::{
    sync::{Arc, PoisonError, mpsc::Receiver},
    time::Duration,
};

use super::{Answer, Event, JobId, Request, State, lock, log_monitor::LogMonitor, outbox::Outbox};
use crate::{
    board::{Cancel, JobEvent, JobObserver, Outcome, Question, log::LogEvent},
    model::Diagnostic,
};

/// How soon a question is given up after a cancel.
const LOOK_FOR_CANCEL: Duration = Duration::from_millis(100);

pub(super) struct Worker {
    pub(super) outbox: Arc<Outbox>,
    pub(super) state: Arc<State>,
    pub(super) log_monitor: Arc<LogMonitor>,
}

impl Worker {
    pub(super) fn work(&self, requests: &Receiver<(JobId, Request, Cancel)>) {
        while let Ok((job, request, cancel)) = requests.recv() {
            let port = request.connection().port.clone();
            self.outbox.put(Event::JobStarted { job, kind: request.kind(), port: port.clone() });
            let interrupted = self.log_monitor.interrupt(&port);
            let mut observer = EventForwarder { job, cancel: &cancel, worker: self };
            let done = request.run(&mut observer, &cancel);
            if interrupted && matches!(done, Ok(Outcome::Reset)) {
                self.outbox.put(Event::Log(LogEvent::Reset));
            }
            self.log_monitor.go_on();
            // Before it is told: whoever hears of the end may start the next job.
            lock(&self.state.running).job = None;
            self.outbox.put(match done {
                Ok(outcome) => Event::JobDone { job, outcome },
                Err(error) => Event::JobFailed {
                    job,
                    diagnostic: Diagnostic::new(error.to_string(), error.help()),
                    cancelled: error.is_cancelled(),
                },
            });
        }
    }
}

/// Passes the events of a job on.
struct EventForwarder<'a> {
    job: JobId,
    cancel: &'a Cancel,
    worker: &'a Worker,
}

impl JobObserver for EventForwarder<'_> {
    fn notify(&mut self, event: JobEvent) {
        self.worker.outbox.put(Event::JobReported { job: self.job, event });
    }

    fn ask(&mut self, question: &Question) -> bool {
        let state = &self.worker.state;
        let mut answer = lock(&state.answer);
        *answer = None;
        self.worker.outbox.put(Event::JobAsked { job: self.job, question: question.clone() });
        while !self.cancel.is_cancelled() {
            if let Some((job, given)) = answer.take()
                && job == self.job
            {
                return given == Answer::Yes;
            }
            let waited = state.answered.wait_timeout(answer, LOOK_FOR_CANCEL);
            answer = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}
