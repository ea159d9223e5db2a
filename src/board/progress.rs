//! How far a step is, told at a bearable pace.

use std::time::{Duration, Instant};

use super::{JobEvent, JobObserver, Progress, Step};

/// Between two tellings.
const PACE: Duration = Duration::from_millis(100);
/// A guess at the rest is not worth telling before.
const LEAST_ELAPSED: Duration = Duration::from_millis(500);

/// Counts bytes of flash.
#[derive(Debug)]
pub(super) struct ProgressReporter {
    step: Step,
    done: u64,
    total: u64,
    started: Instant,
    told: Option<Instant>,
}

impl ProgressReporter {
    /// Begins the step, of `total` bytes.
    pub(super) fn begin(step: Step, total: u64, observer: &mut dyn JobObserver) -> ProgressReporter {
        observer.notify(JobEvent::StepBegan(step));
        let mut progress = ProgressReporter { step, done: 0, total, started: Instant::now(), told: None };
        progress.set(0, observer);
        progress
    }

    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// So many bytes more are done.
    pub(super) fn add(&mut self, bytes: u64, observer: &mut dyn JobObserver) {
        self.set(self.done + bytes, observer);
    }

    /// So many bytes are done; fewer than before when something has to be done again.
    pub(super) fn set(&mut self, done: u64, observer: &mut dyn JobObserver) {
        self.done = done.min(self.total);
        let now = Instant::now();
        let due = self.told.is_none_or(|told| now.duration_since(told) >= PACE);
        if due || self.done == self.total {
            self.told = Some(now);
            let left = left(now.duration_since(self.started), self.done, self.total);
            observer.notify(JobEvent::Progressed(Progress {
                step: self.step,
                done: self.done,
                total: self.total,
                left,
            }));
        }
    }
}

/// What the rest takes if it goes on like this.
fn left(elapsed: Duration, done: u64, total: u64) -> Option<Duration> {
    if done == total {
        return Some(Duration::ZERO);
    }
    if elapsed < LEAST_ELAPSED || done == 0 {
        return None;
    }
    let milliseconds = elapsed.as_millis() * u128::from(total - done) / u128::from(done);
    Some(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_guessed_from_what_is_done() {
        assert_eq!(left(Duration::from_secs(2), 1, 4), Some(Duration::from_secs(6)));
        assert_eq!(left(Duration::from_secs(2), 0, 4), None);
        assert_eq!(left(Duration::from_millis(10), 1, 4), None, "too early to tell");
        assert_eq!(left(Duration::ZERO, 0, 0), Some(Duration::ZERO));
    }
}
