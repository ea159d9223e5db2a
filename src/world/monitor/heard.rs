//! When a heard message was sent: bounds on our own clock.
//!
//! A message that was heard at `h` was sent before. How long before, nobody tells; but a light that
//! speaks the contract counts its own time (`at`), and a clock that is right within ρ cannot let a
//! message be sent later than an earlier one allows. So of the messages of one run the fastest bounds all
//! others from above. From below a message is bounded by what is assumed: of the messages of a run that are
//! heard within any `lost_after`, the fastest took no longer than `rtt`, and so did the first of all.

use std::time::Duration;

use traffic_light::{Aspect, State, time::CLOCK_ERROR_PERCENT};

use super::limits::Limits;

/// Clocks are told in whole milliseconds, rounded down.
const RESOLUTION: Duration = Duration::from_millis(1);

/// What `span` of another clock is at the most on ours.
pub(super) fn at_most(span: Duration) -> Duration {
    span.saturating_add(error(span)).saturating_add(RESOLUTION)
}

/// What `span` of another clock is at least on ours.
pub(super) fn at_least(span: Duration) -> Duration {
    span.saturating_sub(error(span)).saturating_sub(RESOLUTION)
}

fn error(span: Duration) -> Duration {
    span.saturating_mul(u32::try_from(CLOCK_ERROR_PERCENT).unwrap_or(u32::MAX)) / 100
}

/// A message, and between which moments it was message.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeardMessage {
    pub(super) aspect: Aspect,
    pub(super) earliest: Duration,
    pub(super) latest: Duration,
    pub(super) heard: Duration,
    run: Option<Run>,
}

/// The messages of one run of a light, so far.
#[derive(Clone, Copy, Debug)]
struct Run {
    boot: u32,
    seq: u32,
    /// The light's own time.
    at: Duration,
}

impl HeardMessage {
    /// A bare aspect: it tells nothing of its time.
    pub(super) fn plainly(heard: Duration, aspect: Aspect, limits: &Limits) -> HeardMessage {
        HeardMessage { aspect, earliest: heard.saturating_sub(limits.delay), latest: heard, heard, run: None }
    }

    /// The message `state`, after `last`; `None` for one that is no news: a copy, or a straggler.
    pub(super) fn of(
        heard: Duration,
        state: &State,
        last: Option<&HeardMessage>,
        limits: &Limits,
    ) -> Option<HeardMessage> {
        let run = Run { boot: state.boot, seq: state.seq, at: Duration::from_millis(state.at) };
        let unbounded = HeardMessage { run: Some(run), ..HeardMessage::plainly(heard, state.aspect, limits) };
        let Some((last, earlier)) = last.and_then(|last| Some((last, last.run?))) else {
            return Some(unbounded);
        };
        if earlier.boot != run.boot {
            return Some(unbounded);
        }
        if run.seq <= earlier.seq {
            return None;
        }
        let passed = run.at.saturating_sub(earlier.at);
        // A clock that does not go, or goes so wrong that messages seem to be under way for ages, is none.
        if passed.is_zero() {
            return Some(unbounded);
        }
        let by_clock = last.latest.saturating_add(at_most(passed));
        if heard.saturating_sub(by_clock) > limits.lost_after {
            return Some(unbounded);
        }
        let latest = heard.min(by_clock);
        // The fastest message may be `lost_after` old, and both clocks have gone apart since.
        let window = limits.lost_after + limits.delay;
        let apart = at_most(window).saturating_sub(at_least(window));
        let earliest = latest.saturating_sub(limits.delay + apart);
        Some(HeardMessage { aspect: state.aspect, earliest, latest, heard, run: Some(run) })
    }

    /// Whether it was sent in another run than `later`, or by a light of another kind.
    pub(super) fn is_of_another_run(&self, later: &HeardMessage) -> bool {
        self.run.map(|run| run.boot) != later.run.map(|run| run.boot)
    }

    /// The number of its run; `None` for a plain message.
    pub(super) fn boot(&self) -> Option<u32> {
        self.run.map(|run| run.boot)
    }

    /// Whether nothing is missing between this message and `later`, so that the light showed the same
    /// in between: it tells each change, and cannot lose right of way and come back within `lost_after`.
    pub(super) fn leads_to(&self, later: &HeardMessage, limits: &Limits) -> bool {
        match (self.run, later.run) {
            (Some(run), Some(next)) => {
                run.boot == next.boot
                    && run.seq.checked_add(1) == Some(next.seq)
                    && later.latest.saturating_sub(self.earliest) <= limits.lost_after + limits.delay
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn state(seq: u32, at: u64) -> State {
        State::new(Aspect::Red, 7, seq, at)
    }

    #[test]
    fn the_fastest_word_bounds_a_late_one_and_an_assumption_bounds_it_from_below() {
        let limits = Limits::default();
        let first = HeardMessage::of(MS(10_100), &state(1, 5_000), None, &limits).unwrap();
        assert_eq!((first.earliest, first.latest), (MS(9_900), MS(10_100)));
        // HeardMessage a second later, heard three seconds later.
        let late = HeardMessage::of(MS(13_100), &state(2, 6_000), Some(&first), &limits).unwrap();
        assert_eq!(late.latest, MS(11_111), "a second of its clock is at most 1.01 s of ours");
        assert!(late.earliest >= MS(10_800) && late.earliest < late.latest, "{late:?}");
        let fast = HeardMessage::of(MS(12_050), &state(3, 7_000), Some(&late), &limits).unwrap();
        assert_eq!(fast.latest, MS(12_050), "one that was faster than all before it counts at once");
    }

    #[test]
    fn copies_and_stragglers_are_no_news_and_a_clock_that_stands_is_none() {
        let limits = Limits::default();
        let first = HeardMessage::of(MS(1_000), &state(5, 5_000), None, &limits).unwrap();
        assert!(HeardMessage::of(MS(1_001), &state(5, 5_000), Some(&first), &limits).is_none());
        assert!(HeardMessage::of(MS(1_002), &state(4, 4_500), Some(&first), &limits).is_none());
        let standing = HeardMessage::of(MS(9_000), &state(6, 5_000), Some(&first), &limits).unwrap();
        assert_eq!(standing.latest, MS(9_000));
        let slow = HeardMessage::of(MS(9_000), &state(6, 5_010), Some(&first), &limits).unwrap();
        assert_eq!(slow.latest, MS(9_000), "eight seconds under way: its clock cannot be right");
    }
}
