//! What a light knows of a foreign light beside its aspect.

use crate::{aspect::Aspect, time::Instant};

/// What is known of a foreign light beside its aspect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Partner {
    pub(super) lost_after_ms: u32,
    /// It has spoken since it was lost last.
    pub(super) heard: bool,
    /// Its session is known to be over.
    pub(super) gone: bool,
    /// What arrives until then may have been said in the session that is over.
    pub(super) late_until: Instant,
    /// What arrived so.
    pub(super) late: Option<Aspect>,
    /// What it said may be older than an outage of this light's own session: it counts again when the other could not have
    /// gone unheard.
    pub(super) doubted_until: Instant,
    /// Its turn: it was told red a short while ago.
    pub(super) turn_until: Instant,
    /// It can be told of a green now.
    pub(super) can_be_told: bool,
    /// A green is shown that it was not told of.
    pub(super) untold: bool,
}

impl Partner {
    pub(super) fn new(lost_after_ms: u32, now: Instant) -> Partner {
        Partner {
            lost_after_ms,
            heard: false,
            gone: false,
            late_until: now,
            late: None,
            doubted_until: now,
            turn_until: now,
            can_be_told: true,
            untold: false,
        }
    }
}
