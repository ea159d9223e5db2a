//! A verdict on each expectation, with the evidence, from the events of one run.
//!
//! It takes events and nothing else: no clock, no I/O. The same judge serves a simulated run, a live
//! one, and one that was recorded.

mod clash;
mod evaluate;
mod moment;
mod run;
mod verdict;

use std::time::Duration;

use self::run::Run;
pub use self::verdict::Outcome;
pub(crate) use self::verdict::Verdict;
use super::{Scenario, record::Record};
use crate::world::{Event, EventKind};

/// A live run puts its faults in some milliseconds late; what is counted from them may then end as
/// much after the run. So long it may go on.
const LONGEST_OVERTIME: Duration = Duration::from_secs(2);

/// Judges one run of a scenario.
#[derive(Clone, Debug)]
pub struct Judge(Run);

impl Judge {
    /// Judges a run of `scenario` from its start.
    #[must_use]
    pub(crate) fn new(scenario: &Scenario) -> Judge {
        Judge(Run {
            expectations: scenario.expectations.clone(),
            config: scenario.config.clone(),
            length: scenario.length,
            record: Record::default(),
        })
    }

    /// Takes one event into account. What happens after the run's end does not count.
    pub(crate) fn see(&mut self, event: &Event) {
        if event.at > self.ends_at() {
            self.0.record.reach(event.at);
        } else if !matches!(event.kind, EventKind::Stopped) {
            self.0.record.see(event);
        }
    }

    /// Time has passed up to `at`, and all events up to there were seen.
    pub(crate) fn reach(&mut self, at: Duration) {
        self.0.record.reach(at);
    }

    /// Events were lost, so that what was not seen may have happened.
    pub(crate) fn miss(&mut self, why: &str) {
        self.0.record.miss(why);
    }

    /// When the run is over: after its length, and a little later where a fault came late.
    #[must_use]
    pub(crate) fn ends_at(&self) -> Duration {
        let latest = self
            .0
            .expectations
            .iter()
            .filter_map(|expectation| evaluate::deadline(&self.0, expectation))
            .max();
        latest.unwrap_or_default().clamp(self.0.length, self.0.length + LONGEST_OVERTIME)
    }

    /// What was seen, to be kept.
    #[must_use]
    pub(super) fn into_record(self) -> Record {
        self.0.record
    }

    /// A verdict on each expectation, in their order, by what was seen so far.
    #[must_use]
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        self.0.expectations.iter().map(|expectation| evaluate::evaluate(&self.0, expectation)).collect()
    }
}

#[cfg(test)]
mod tests;
