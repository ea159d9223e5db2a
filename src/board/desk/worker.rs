//! Does the jobs, one after the other, on a thread of its own.

use std::{
    sync::{Arc, PoisonError, mpsc::Receiver},
    time::Duration,
};

use super::{Answer, Event, JobId, Request, State, lock, logbook::Logbook, outbox::Outbox};
use crate::board::{Cancel, News, Observer, Outcome, Question, log::LogNews};

/// How soon a question is given up after a cancel.
const LOOK_FOR_CANCEL: Duration = Duration::from_millis(100);

pub(super) struct Worker {
    pub(super) outbox: Arc<Outbox>,
    pub(super) state: Arc<State>,
    pub(super) logbook: Arc<Logbook>,
}

impl Worker {
    pub(super) fn work(&self, requests: &Receiver<(JobId, Request, Cancel)>) {
        while let Ok((job, request, cancel)) = requests.recv() {
            let port = request.connection().port.clone();
            self.outbox.put(Event::JobStarted { job, kind: request.kind(), port: port.clone() });
            let interrupted = self.logbook.interrupt(&port);
            let mut observer = JobObserver { job, cancel: &cancel, worker: self };
            let done = request.run(&mut observer, &cancel);
            if interrupted && matches!(done, Ok(Outcome::Reset)) {
                self.outbox.put(Event::Log(LogNews::Reset));
            }
            self.logbook.go_on();
            // Before it is told: whoever hears of the end may start the next job.
            lock(&self.state.running).job = None;
            self.outbox.put(match done {
                Ok(outcome) => Event::JobDone { job, outcome },
                Err(error) => Event::JobFailed {
                    job,
                    what: error.to_string(),
                    advice: error.help(),
                    cancelled: error.is_cancelled(),
                },
            });
        }
    }
}

/// Passes on what a job tells.
struct JobObserver<'a> {
    job: JobId,
    cancel: &'a Cancel,
    worker: &'a Worker,
}

impl Observer for JobObserver<'_> {
    fn tell(&mut self, news: News) {
        self.worker.outbox.put(Event::JobTold { job: self.job, news });
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
