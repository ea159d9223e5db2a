//! The one clock that all virtual lights, the monitor and the events share.

use std::time::{Duration, Instant, SystemTime};

use traffic_light::{View, Waiting};

/// Counts from the start of the world. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    started: Instant,
    started_at: SystemTime,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub(super) fn start() -> Clock {
        Clock { started: Instant::now(), started_at: SystemTime::now() }
    }

    /// Time since the world started.
    #[must_use]
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// When the world started, by the computer's wall clock, so that what several processes tell can
    /// be put in one order.
    #[must_use]
    pub(super) fn started_at(&self) -> SystemTime {
        self.started_at
    }
}

/// A virtual light's own clock: the world's, until a fault makes it wrong or stand still.
#[derive(Clone, Copy, Debug)]
pub(super) struct LightClock {
    /// Since when it runs as it does, on the world's clock.
    since: Duration,
    /// What it showed then, in microseconds.
    base_us: u64,
    /// By how much it is fast, in millionths.
    ppm: i32,
    stands: bool,
}

impl LightClock {
    pub(super) fn new() -> LightClock {
        LightClock { since: Duration::ZERO, base_us: 0, ppm: 0, stands: false }
    }

    /// What it shows, when the world's clock shows `now`.
    pub(super) fn read(&self, now: Duration) -> traffic_light::Instant {
        traffic_light::Instant::from_ms(self.us(now) / 1_000)
    }

    pub(super) fn set_drift(&mut self, now: Duration, ppm: i32) {
        *self = LightClock { since: now, base_us: self.us(now), ppm, ..*self };
    }

    pub(super) fn set_standing(&mut self, now: Duration, stands: bool) {
        *self = LightClock { since: now, base_us: self.us(now), stands, ..*self };
    }

    /// When it shows `instant`, on the world's clock, if it goes on as it does.
    pub(super) fn to_world(self, instant: traffic_light::Instant) -> traffic_light::Instant {
        let ahead_us = i128::from(instant.as_ms()) * 1_000 - i128::from(self.base_us);
        let world_us = i128::try_from(self.since.as_micros()).unwrap_or(i128::MAX / 4)
            + ahead_us * 1_000_000 / i128::from(self.rate());
        traffic_light::Instant::from_ms(u64::try_from(world_us.max(0) / 1_000).unwrap_or(u64::MAX))
    }

    /// When it first shows `instant`, on the world's clock, if it goes on as it does; `None` while it
    /// stands still before that.
    pub(super) fn when(&self, instant: traffic_light::Instant) -> Option<Duration> {
        let ahead_us = instant.as_ms().saturating_mul(1_000).saturating_sub(self.base_us);
        if ahead_us == 0 {
            return Some(self.since);
        }
        let ahead_us = (u128::from(ahead_us) * 1_000_000).div_ceil(u128::from(self.rate()));
        let ahead = Duration::from_micros(u64::try_from(ahead_us).unwrap_or(u64::MAX));
        (!self.stands).then(|| self.since.saturating_add(ahead))
    }

    /// A light's inside, with its deadlines on the world's clock.
    pub(super) fn view_in_world(&self, mut view: View) -> View {
        let held = view.promises.iter_mut().chain(&mut view.leases).map(|held| &mut held.until);
        let waits = match &mut view.waiting {
            Some(Waiting::Promised(held)) => Some(&mut held.until),
            Some(Waiting::Started { until } | Waiting::Clearance { until } | Waiting::Yields { until }) => {
                Some(until)
            }
            _ => None,
        };
        for instant in held.chain(waits).chain(&mut view.green_until).chain([&mut view.since]) {
            *instant = self.to_world(*instant);
        }
        view
    }

    fn us(&self, now: Duration) -> u64 {
        if self.stands {
            return self.base_us;
        }
        let passed = now.saturating_sub(self.since).as_micros() * u128::from(self.rate()) / 1_000_000;
        self.base_us.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// Its microseconds in a million true ones.
    fn rate(&self) -> u32 {
        1_000_000_u32.saturating_add_signed(self.ppm).max(1)
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
    fn a_lights_clock_can_be_fast_stand_still_and_is_told_in_the_worlds_time() {
        let s = Duration::from_secs;
        let mut clock = LightClock::new();
        assert_eq!(clock.read(s(5)).as_ms(), 5_000);
        clock.set_drift(s(5), 100_000);
        assert_eq!(clock.read(s(15)).as_ms(), 16_000);
        assert_eq!(clock.to_world(clock.read(s(15))).as_ms(), 15_000);
        clock.set_standing(s(15), true);
        assert_eq!(clock.read(s(60)).as_ms(), 16_000);
        clock.set_standing(s(60), false);
        clock.set_drift(s(60), 0);
        assert_eq!(clock.read(s(61)).as_ms(), 17_000, "what it was wrong by stays");
    }

    #[test]
    fn a_light_can_be_woken_at_the_first_moment_at_which_its_clock_shows_a_time() {
        let at = traffic_light::Instant::from_ms;
        let mut clock = LightClock::new();
        for ppm in [0, 10_000, -10_000, 3, -500_000] {
            clock.set_drift(Duration::from_micros(1_234_567), ppm);
            for ms in [1_235, 1_236, 5_000, 777_777] {
                let when = clock.when(at(ms)).unwrap();
                assert!(clock.read(when) >= at(ms), "{ppm}: {ms}");
                assert!(clock.read(when - Duration::from_micros(1)) < at(ms), "{ppm}: {ms}");
            }
        }
        clock.set_standing(Duration::from_secs(9), true);
        assert_eq!(clock.when(at(1_000_000)), None);
    }

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
