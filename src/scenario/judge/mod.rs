//! A verdict on each expectation, with the evidence, from the events of one run.
//!
//! It takes events and nothing else: no clock, no I/O. The same judge serves a simulated run, a live
//! one, and one that was recorded.

mod clash;
mod moment;
mod weigh;

use std::{fmt, time::Duration};

use super::{Expectation, Scenario, record::Record};
use crate::{
    config::Config,
    fault::PlannedFault,
    world::{Event, EventKind},
};

/// A live run puts its faults in some milliseconds late; what is counted from them may then end as
/// much after the run. So long it may go on.
const LONGEST_OVERTIME: Duration = Duration::from_secs(2);

/// Judges one run of a scenario.
#[derive(Clone, Debug)]
pub struct Judge {
    expectations: Vec<Expectation>,
    config: Config,
    length: Duration,
    record: Record,
}

/// What became of one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was expected, as a sentence without its stop.
    pub expectation: String,
    /// Whether it held.
    pub outcome: Outcome,
    /// What shows it, with times, as a sentence without its stop.
    pub evidence: String,
}

/// Whether an expectation held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It held.
    Held,
    /// It did not hold.
    Failed,
    /// Nothing can be said: not yet, while the run goes on; at its end that counts as failed.
    NotJudged,
}

impl Judge {
    /// Judges a run of `scenario` from its start.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Judge {
        Judge {
            expectations: scenario.expectations.clone(),
            config: scenario.config.clone(),
            length: scenario.length,
            record: Record::default(),
        }
    }

    /// Takes one event into account. What happens after the run's end does not count.
    pub fn see(&mut self, event: &Event) {
        if event.at > self.ends_at() {
            self.record.reach(event.at);
        } else if !matches!(event.kind, EventKind::Stopped) {
            self.record.see(event);
        }
    }

    /// Time has passed up to `at`, and all events up to there were seen.
    pub fn reach(&mut self, at: Duration) {
        self.record.reach(at);
    }

    /// Events were lost, so that what was not seen may have happened.
    pub fn miss(&mut self, why: &str) {
        self.record.miss(why);
    }

    /// When the run is over: after its length, and a little later where a fault came late.
    #[must_use]
    pub fn ends_at(&self) -> Duration {
        let latest =
            self.expectations.iter().filter_map(|expectation| weigh::deadline(self, expectation)).max();
        latest.unwrap_or_default().clamp(self.length, self.length + LONGEST_OVERTIME)
    }

    /// What was seen.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What was seen, to be kept.
    #[must_use]
    pub fn into_record(self) -> Record {
        self.record
    }

    /// A verdict on each expectation, in their order, by what was seen so far.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.expectations.iter().map(|expectation| weigh::weigh(self, expectation)).collect()
    }

    /// The times that the fault of this entry is planned, in their order.
    fn planned(&self, entry: usize) -> impl DoubleEndedIterator<Item = &PlannedFault> {
        self.config.faults.iter().filter(move |fault| fault.entry == entry)
    }
}

impl Verdict {
    /// Whether it counts as passed.
    #[must_use]
    pub fn held(&self) -> bool {
        self.outcome == Outcome::Held
    }
}

impl Outcome {
    /// Two words at the most: `held`, `failed`, `not judged`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Held => "held",
            Outcome::Failed => "failed",
            Outcome::NotJudged => "not judged",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
