//! What is judged: a run, as far as it was seen.

use std::time::Duration;

use crate::{
    config::Config,
    fault::PlannedFault,
    scenario::{Expectation, record::Record},
};

/// One run of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) expectations: Vec<Expectation>,
    pub(super) config: Config,
    pub(super) length: Duration,
    pub(super) record: Record,
}

impl Run {
    /// The times that the fault of this entry is planned, in their order.
    pub(super) fn planned(&self, entry: usize) -> impl DoubleEndedIterator<Item = &PlannedFault> {
        self.config.faults.iter().filter(move |fault| fault.entry == entry)
    }
}
