//! What the lights may publish together, where an account counts: the live world's budget, on the
//! simulation's clock.

use std::sync::{Arc, Mutex, PoisonError};

use super::observer::at;
use crate::{
    config::{Feeds, Junction},
    fault::Us,
    world::budget::Budget,
};

/// Shared by the lights of one simulation, which runs on one thread: the lock is never waited for.
#[derive(Clone)]
pub(super) struct SharedBudget(Arc<Mutex<(Budget, Us)>>);

impl SharedBudget {
    pub(super) fn new(feeds: &Feeds, junctions: &[Junction]) -> SharedBudget {
        SharedBudget(Arc::new(Mutex::new((Budget::of(feeds, junctions), 0))))
    }

    /// Time has gone on.
    pub(super) fn set_now(&self, now: Us) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = now;
    }

    /// Takes one publish out, if there is that much.
    pub(super) fn publish(&self) -> bool {
        let (budget, now) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        budget.publish(at(*now))
    }
}
