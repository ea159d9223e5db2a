//! Where a playback stands, how fast it goes, and what can be asked of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::scenario::Verdict;

/// How many times faster than life it can go.
pub(crate) const SPEEDS: [f64; 7] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
/// The place of life's own speed among them.
pub(in crate::app) const LIFE: usize = 2;
/// How far the clock may run ahead of what was played, in real time: a frame and a bit.
const AHEAD: Duration = Duration::from_millis(40);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlayerCommand {
    PlayOrPause,
    /// Go this fast: a place in [`SPEEDS`].
    Speed(usize),
    /// Go one place faster, or slower.
    SpeedUp(bool),
    /// Go on to the next change of a lamp and stand still there.
    StepToLamp,
    /// Go on by so much and stand still there.
    Step(Duration),
    /// Play to this later moment as fast as possible.
    Seek(Duration),
}

#[derive(Clone, Debug)]
pub(in crate::app) struct Progress {
    /// Whether what is played has been opened.
    pub(crate) opened: bool,
    pub(in crate::app) failed: Option<String>,
    /// Where it begins: a recording may begin in the middle of a run.
    pub(in crate::app) began: Duration,
    /// Up to where it was played.
    pub(crate) at: Duration,
    /// When that was so.
    pub(super) updated: Instant,
    pub(in crate::app) playing: bool,
    /// A place in [`SPEEDS`].
    pub speed: usize,
    /// How long it is, where it has an end.
    pub(in crate::app) length: Option<Duration>,
    pub ended: bool,
    /// Where it is seeking to.
    pub(in crate::app) seeking_to: Option<Duration>,
    /// What became of the expectations so far, where there are any.
    pub verdicts: Arc<[Verdict]>,
}

impl Progress {
    #[must_use]
    pub(super) fn start(playing: bool, speed: usize) -> Progress {
        Progress {
            opened: false,
            failed: None,
            began: Duration::ZERO,
            at: Duration::ZERO,
            updated: Instant::now(),
            playing,
            speed: speed.min(SPEEDS.len() - 1),
            length: None,
            ended: false,
            seeking_to: None,
            verdicts: Arc::from([]),
        }
    }

    /// How many times faster than life it goes.
    #[must_use]
    pub(super) fn times(&self) -> f64 {
        SPEEDS.get(self.speed).copied().unwrap_or(1.0)
    }

    /// What the playback's clock shows at `now`: between two words of the player it runs on, but
    /// never far ahead of what was played.
    #[must_use]
    pub(super) fn clock(&self, now: Instant) -> Duration {
        if !self.playing || self.seeking_to.is_some() || self.ended {
            return self.at;
        }
        let since = now.saturating_duration_since(self.updated).min(AHEAD);
        let at = self.at + since.mul_f64(self.times());
        self.length.map_or(at, |length| at.min(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_at_the_speed_and_not_far_ahead_of_what_was_played() {
        let updated = Instant::now();
        let progress = Progress { updated, at: Duration::from_secs(10), ..Progress::start(true, 4) };
        let after = |ms| progress.clock(updated + Duration::from_millis(ms));
        assert_eq!(after(10), Duration::from_millis(10_040));
        assert_eq!(after(5_000), Duration::from_millis(10_160));
    }

    #[test]
    fn the_clock_stands_while_it_is_paused_and_at_the_end() {
        let updated = Instant::now();
        let at = Duration::from_secs(3);
        let later = updated + Duration::from_millis(30);
        assert_eq!(Progress { updated, at, ..Progress::start(false, LIFE) }.clock(later), at);
        let length = Some(Duration::from_millis(3_010));
        let close = Progress { updated, at, length, ..Progress::start(true, LIFE) };
        assert_eq!(close.clock(later), Duration::from_millis(3_010));
    }
}
