//! A light's way to its broker: not on Wi-Fi → join; no session → connect; and again when either is
//! lost, for ever, each step with back-off and jitter.
//!
//! It decides; the host acts and reports the outcome. Time and random numbers are passed in.

use crate::{backoff::Backoff, lamps::Progress, time::Instant};

/// After a refused login, no other within this.
const REFUSED_MS: u32 = 30_000;
/// A session that lasted this long shows that the broker is well: the next back-off starts short.
const WELL_AFTER_MS: u64 = 5_000;

/// What the host is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing before this moment.
    Wait {
        /// The moment.
        until: Instant,
    },
    /// Leave the network.
    LeaveWifi,
    /// Join the network and get an address.
    JoinWifi,
    /// Connect to the broker.
    Connect,
}

/// Where a light stands on its way to the broker, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconnector {
    on_wifi: bool,
    session_since: Option<Instant>,
    /// No step before this.
    wait_until: Instant,
    /// Off Wi-Fi until then, on purpose.
    wifi_down_until: Option<Instant>,
    wifi_backoff: Backoff,
    broker_backoff: Backoff,
    refused_backoff: Backoff,
    wifi_joins: u32,
    mqtt_joins: u32,
}

impl Reconnector {
    /// Off Wi-Fi.
    #[must_use]
    pub const fn new(now: Instant) -> Reconnector {
        Reconnector {
            on_wifi: false,
            session_since: None,
            wait_until: now,
            wifi_down_until: None,
            wifi_backoff: Backoff::new(500, 8_000),
            broker_backoff: Backoff::new(250, 4_000),
            refused_backoff: Backoff::new(4_000, 256_000),
            wifi_joins: 0,
            mqtt_joins: 0,
        }
    }

    /// What is due.
    pub fn next_action(&mut self, now: Instant) -> Action {
        if let Some(until) = self.wifi_down_until {
            if self.on_wifi {
                return Action::LeaveWifi;
            }
            if now < until {
                return Action::Wait { until };
            }
            self.wifi_down_until = None;
        }
        if now < self.wait_until {
            return Action::Wait { until: self.wait_until };
        }
        if self.on_wifi { Action::Connect } else { Action::JoinWifi }
    }

    /// The network let the board in, and it has an address.
    pub fn wifi_joined(&mut self, now: Instant) {
        self.on_wifi = true;
        self.wifi_joins = self.wifi_joins.saturating_add(1);
        self.wifi_backoff.reset();
        self.wait_until = now;
    }

    /// Joining failed, or the network is gone. Returns the wait before the next try, in
    /// milliseconds.
    pub fn wifi_lost(&mut self, now: Instant, random: u32) -> u32 {
        self.on_wifi = false;
        self.session_over(now);
        let wait_ms = self.wifi_backoff.next_wait(random);
        self.wait_until = now.after(u64::from(wait_ms));
        wait_ms
    }

    /// The board left the network on purpose.
    pub fn wifi_left(&mut self, now: Instant) {
        self.on_wifi = false;
        self.session_over(now);
        self.wait_until = now;
    }

    /// There is a session, with all subscriptions made.
    pub fn session_up(&mut self, now: Instant) {
        self.session_since = Some(now);
        self.refused_backoff.reset();
        self.mqtt_joins = self.mqtt_joins.saturating_add(1);
    }

    /// The session is over, or did not come to be. Returns the wait before the next try, in
    /// milliseconds.
    pub fn session_lost(&mut self, now: Instant, random: u32) -> u32 {
        self.session_over(now);
        let wait_ms = self.broker_backoff.next_wait(random);
        self.wait_until = now.after(u64::from(wait_ms));
        wait_ms
    }

    /// The broker refused the login. Returns the wait before the next try, in milliseconds: at least half a
    /// minute, and longer each time, because brokers that count ban who tries again and again.
    pub fn session_refused(&mut self, now: Instant, random: u32) -> u32 {
        self.session_over(now);
        let wait_ms = REFUSED_MS + self.refused_backoff.next_wait(random);
        self.wait_until = now.after(u64::from(wait_ms));
        wait_ms
    }

    /// Takes the board off Wi-Fi for a while, on purpose.
    pub fn take_wifi_down(&mut self, now: Instant, for_ms: u32) {
        let until = now.after(u64::from(for_ms));
        self.wifi_down_until = Some(self.wifi_down_until.map_or(until, |other| other.max(until)));
    }

    /// How far up the board is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        match (self.on_wifi, self.session_since) {
            (false, _) => Progress::Joining,
            (true, None) => Progress::Connecting,
            (true, Some(_)) => Progress::Connected,
        }
    }

    /// How often the board joined Wi-Fi since its start.
    #[must_use]
    pub const fn wifi_joins(&self) -> u32 {
        self.wifi_joins
    }

    /// How often it got a session since its start.
    #[must_use]
    pub const fn mqtt_joins(&self) -> u32 {
        self.mqtt_joins
    }

    fn session_over(&mut self, now: Instant) {
        if self.session_since.take().is_some_and(|since| now.since(since) >= WELL_AFTER_MS) {
            self.broker_backoff.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_ms(ms)
    }

    /// With a session since 2 s.
    fn connected() -> Reconnector {
        let mut reconnector = Reconnector::new(at(0));
        assert_eq!(reconnector.next_action(at(0)), Action::JoinWifi);
        reconnector.wifi_joined(at(1_000));
        assert_eq!(reconnector.next_action(at(1_000)), Action::Connect);
        reconnector.session_up(at(2_000));
        reconnector
    }

    #[test]
    fn a_refused_login_is_tried_again_after_half_a_minute_and_later_each_time() {
        let mut reconnector = connected();
        let mut longest = 0;
        for tries in 0..10 {
            let now = at(10_000 + tries * 400_000);
            let wait_ms = reconnector.session_refused(now, 7);
            assert!((30_000..=286_000).contains(&wait_ms), "{wait_ms}");
            assert_eq!(reconnector.next_action(now), Action::Wait { until: now.after(u64::from(wait_ms)) });
            longest = longest.max(wait_ms);
        }
        assert!(longest > 150_000);
        reconnector.session_up(at(5_000_000));
        assert!(reconnector.session_refused(at(5_001_000), 7) < 35_000, "it was let in meanwhile");
    }

    #[test]
    fn it_goes_from_wifi_to_a_session_and_tells_how_far_it_is() {
        let mut reconnector = Reconnector::new(at(0));
        assert_eq!(reconnector.progress(), Progress::Joining);
        reconnector.wifi_joined(at(1_000));
        assert_eq!(reconnector.progress(), Progress::Connecting);
        reconnector.session_up(at(2_000));
        assert_eq!(reconnector.progress(), Progress::Connected);
        assert_eq!((reconnector.wifi_joins(), reconnector.mqtt_joins()), (1, 1));
    }

    #[test]
    fn a_lost_session_is_tried_again_for_ever_with_growing_waits() {
        let mut reconnector = connected();
        let mut now = 10_000;
        let mut last = 0;
        for try_number in 0..1_000 {
            let wait = u64::from(reconnector.session_lost(at(now), u32::MAX));
            assert!(wait <= 4_000 && wait + 1 >= last / 2, "{wait}");
            assert_eq!(reconnector.next_action(at(now)), Action::Wait { until: at(now + wait) });
            now += wait;
            assert_eq!(reconnector.next_action(at(now)), Action::Connect, "try {try_number}");
            last = wait;
        }
        assert!(last >= 2_000);
        assert_eq!(reconnector.progress(), Progress::Connecting);
    }

    #[test]
    fn a_session_that_lasted_makes_the_next_wait_a_short_one_and_one_that_did_not_does_not() {
        let mut reconnector = connected();
        for _ in 0..10 {
            reconnector.session_lost(at(3_000), 0);
        }
        reconnector.session_up(at(20_000));
        assert!(
            reconnector.session_lost(at(20_100), 0) >= 2_000,
            "a broker that throws everybody out is spared"
        );
        reconnector.session_up(at(30_000));
        assert!(reconnector.session_lost(at(35_000), 0) <= 250);
    }

    #[test]
    fn lost_wifi_means_joining_again_and_then_connecting_at_once() {
        let mut reconnector = connected();
        let wait = u64::from(reconnector.wifi_lost(at(5_000), 0));
        assert!((250..=500).contains(&wait));
        assert_eq!(reconnector.progress(), Progress::Joining);
        assert_eq!(reconnector.next_action(at(5_000)), Action::Wait { until: at(5_000 + wait) });
        assert_eq!(reconnector.next_action(at(5_000 + wait)), Action::JoinWifi);
        for _ in 0..100 {
            assert!(reconnector.wifi_lost(at(6_000), 12_345) <= 8_000);
        }
        reconnector.wifi_joined(at(60_000));
        assert_eq!(reconnector.next_action(at(60_000)), Action::Connect);
        assert_eq!(reconnector.wifi_joins(), 2);
        assert!(reconnector.wifi_lost(at(61_000), 0) <= 500, "it had joined");
    }

    #[test]
    fn wifi_that_is_taken_down_stays_down_for_as_long_as_was_asked() {
        let mut reconnector = connected();
        reconnector.take_wifi_down(at(5_000), 10_000);
        assert_eq!(reconnector.next_action(at(5_000)), Action::LeaveWifi);
        reconnector.wifi_left(at(5_100));
        assert_eq!(reconnector.next_action(at(5_100)), Action::Wait { until: at(15_000) });
        reconnector.take_wifi_down(at(6_000), 1_000);
        assert_eq!(
            reconnector.next_action(at(14_999)),
            Action::Wait { until: at(15_000) },
            "the longer one counts"
        );
        assert_eq!(reconnector.next_action(at(15_000)), Action::JoinWifi);
        assert_eq!(reconnector.next_action(at(15_000)), Action::JoinWifi);
    }

    #[test]
    fn wifi_can_be_taken_down_while_the_board_waits() {
        let mut reconnector = Reconnector::new(at(0));
        let wait = u64::from(reconnector.wifi_lost(at(0), 0));
        reconnector.take_wifi_down(at(10), 5_000);
        assert_eq!(reconnector.next_action(at(wait)), Action::Wait { until: at(5_010) });
        assert_eq!(reconnector.next_action(at(5_010)), Action::JoinWifi);
    }
}
