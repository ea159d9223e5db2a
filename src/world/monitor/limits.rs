//! What the monitor assumes of the lights that it only hears.

use std::time::Duration;

use traffic_light::Timing;

use super::heard::at_most;

/// The assumptions on the heard lights of a junction, from its timings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How long the fastest messages take from a light's lamps to this program (`rtt_ms`).
    pub(super) delay: Duration,
    /// Lamps switch, and messages go out, within this time of each other (`tick_ms`).
    pub(super) tick: Duration,
    /// After this time without a message a light counts as silent (`lost_after_ms`); between two intervals a
    /// light is without right of way for at least as long.
    pub(super) lost_after: Duration,
    /// No interval lasts longer: red-amber, the longest green and amber, on the slowest clock.
    pub(super) longest_interval: Duration,
    /// Whether each change of aspect is told at once; not so on a broker with a quota.
    pub(super) told_at_once: bool,
}

impl Limits {
    /// The limits that interval with `timing`.
    #[must_use]
    pub(crate) fn of(timing: &Timing) -> Limits {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        Limits {
            delay: ms(timing.rtt_ms),
            tick: ms(timing.tick_ms),
            lost_after: ms(timing.lost_after_ms),
            longest_interval: at_most(
                ms(timing.red_amber_ms) + ms(timing.green_max_ms) + ms(timing.amber_ms),
            ),
            told_at_once: timing.quota.is_none(),
        }
    }

    /// How long an interval that is over may still matter: a message may tell of an interval that began as long ago.
    pub(super) fn memory(&self) -> Duration {
        self.longest_interval + self.lost_after + self.delay * 2
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::of(&Timing::default())
    }
}
