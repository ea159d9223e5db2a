//! The one clock that all virtual lights, the monitor and the events share.

use std::time::{Duration, Instant, SystemTime};

/// Counts from the start of the world. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Clock {
        Clock { started: Instant::now() }
    }

    /// Time since the world started.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The same, as the light's program counts it: whole milliseconds, rounded down.
    #[must_use]
    pub fn now_ms(&self) -> traffic_light::Instant {
        let ms = u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX);
        traffic_light::Instant::from_ms(ms)
    }
}

/// Notices that the monotonic clock stood still or the wall clock jumped, as in a laptop's suspend.
#[derive(Debug)]
pub(super) struct JumpWatch {
    wall: SystemTime,
    monotonic: Instant,
}

impl JumpWatch {
    pub(super) fn new() -> JumpWatch {
        JumpWatch { wall: SystemTime::now(), monotonic: Instant::now() }
    }

    /// By how much the two clocks went apart since the last look.
    pub(super) fn look(&mut self) -> Duration {
        self.compare(SystemTime::now(), Instant::now())
    }

    fn compare(&mut self, wall: SystemTime, monotonic: Instant) -> Duration {
        let passed = monotonic.duration_since(self.monotonic);
        let apart = match wall.duration_since(self.wall) {
            Ok(wall_passed) => wall_passed.abs_diff(passed),
            Err(backwards) => backwards.duration() + passed,
        };
        self.wall = wall;
        self.monotonic = monotonic;
        apart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspend_and_a_wall_clock_set_back_are_both_seen_and_only_once() {
        let mut watch = JumpWatch::new();
        let (wall, monotonic) = (watch.wall, watch.monotonic);
        let s = Duration::from_secs;
        assert_eq!(watch.compare(wall + s(1), monotonic + s(1)), s(0));
        assert_eq!(watch.compare(wall + s(61), monotonic + s(2)), s(59));
        assert_eq!(watch.compare(wall + s(62), monotonic + s(3)), s(0));
        assert_eq!(watch.compare(wall + s(52), monotonic + s(4)), s(11));
    }
}
