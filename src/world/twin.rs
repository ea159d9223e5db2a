//! Twins of boards: the light's own library, stepped here with the words that passed the broker, so
//! that what a board says it shows can be held against what it should show.
//!
//! A board that is silent for longer than its heartbeat, or that nobody can hear, may do anything: its twin cannot tell, and
//! begins anew with its next word. Only a word can show a difference.

use std::{collections::BTreeMap, time::Duration};

use traffic_light::{Aspect, Instant, LightConfig, PeerMessage, Replica, State};

use super::event::EventKind;
use crate::model::LightId;

/// What a board and its twin may differ for without a word: a word is on its way, and a lamp is
/// switched at a tick.
fn patience(config: &LightConfig) -> Duration {
    let timing = config.timing();
    // On a quota an aspect rides on a later message.
    let late = timing.quota.map_or(0, |_| u64::from(timing.heartbeat_ms));
    Duration::from_millis(2 * u64::from(timing.rtt_ms) + 2 * u64::from(timing.tick_ms) + late)
}

/// After so long without a word of a board, words were lost or the board has gone.
fn silence(config: &LightConfig) -> Duration {
    let timing = config.timing();
    let two_beats = Duration::from_millis(2 * u64::from(timing.heartbeat_ms)) + patience(config);
    two_beats.min(Duration::from_millis(u64::from(timing.lost_after_ms)))
}

/// The twins of all boards that are heard.
#[derive(Debug, Default)]
pub(super) struct Twins(BTreeMap<LightId, Twin>);

#[derive(Debug)]
struct Twin {
    replica: Replica,
    patience: Duration,
    silence: Duration,
    /// What the board said it shows, and when it was last heard.
    board: Aspect,
    heard_at: Duration,
    /// What was told of the twin.
    told: Option<Aspect>,
    differs: Option<Difference>,
}

#[derive(Clone, Copy, Debug)]
struct Difference {
    since: Duration,
    told: bool,
}

impl Twins {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The board `light` said something fresh.
    pub(super) fn follow(&mut self, now: Duration, light: &LightId, config: &LightConfig, state: &State) {
        let twin = self.0.entry(light.clone()).or_insert_with(|| Twin {
            replica: Replica::new(config.clone(), instant(now)),
            patience: patience(config),
            silence: silence(config),
            board: state.aspect,
            heard_at: now,
            told: None,
            differs: None,
        });
        twin.replica.follow(instant(now), state);
        (twin.board, twin.heard_at) = (state.aspect, now);
    }

    /// Another light of a junction said something.
    pub(super) fn hear(&mut self, now: Duration, from: &LightId, word: &PeerMessage, retained: bool) {
        let others = self.0.iter_mut().filter(|(id, _)| id.junction == from.junction && *id != from);
        for (_, twin) in others {
            twin.replica.hear(instant(now), &from.light, word, retained);
        }
    }

    /// Nobody listens any more: what the boards and the others say meanwhile is not heard.
    pub(super) fn lose(&mut self) {
        for twin in self.0.values_mut() {
            twin.replica.lose();
        }
    }

    /// The board has gone, or is no board any more.
    pub(super) fn remove(&mut self, light: &LightId) -> Option<EventKind> {
        let twin = self.0.remove(light)?;
        twin.told.map(|_| EventKind::TwinChanged { light: light.clone(), aspect: None })
    }

    /// Steps all twins and compares them with their boards. To be called once a tick and after each
    /// word.
    pub(super) fn check(&mut self, now: Duration) -> Vec<EventKind> {
        let mut events = Vec::new();
        for (light, twin) in &mut self.0 {
            if now.saturating_sub(twin.heard_at) >= twin.silence {
                twin.replica.lose();
            } else {
                twin.replica.step(instant(now));
            }
            twin.compare(now, light, &mut events);
        }
        events
    }
}

impl Twin {
    fn compare(&mut self, now: Duration, light: &LightId, events: &mut Vec<EventKind>) {
        let differs = self.replica.aspect().is_some_and(|twin| twin != self.board);
        let since = self.differs.map(|difference| difference.since);
        // The board has said otherwise for longer than words are on their way.
        let lasts = differs && since.is_some_and(|since| self.heard_at.saturating_sub(since) > self.patience);
        if lasts && !self.replica.is_sure() {
            self.replica.doubt();
        }
        let aspect = self.replica.aspect();
        if aspect != self.told {
            self.told = aspect;
            events.push(EventKind::TwinChanged { light: light.clone(), aspect });
        }
        match (aspect.filter(|_| differs), self.differs) {
            (Some(_), None) => self.differs = Some(Difference { since: now, told: false }),
            (Some(twin), Some(Difference { since, told: false })) if lasts => {
                self.differs = Some(Difference { since, told: true });
                events.push(EventKind::TwinDiffers { light: light.clone(), board: self.board, twin });
            }
            (None, Some(difference)) => {
                self.differs = None;
                if difference.told && aspect.is_some() {
                    let lasted = now.saturating_sub(difference.since);
                    events.push(EventKind::TwinAgrees { light: light.clone(), lasted });
                }
            }
            _ => {}
        }
    }
}

fn instant(at: Duration) -> Instant {
    Instant::from_ms(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use traffic_light::{Demand, Light, Name, Rule, Start, Timing};

    use super::*;

    /// Between two checks.
    const CHECK_MS: u64 = 50;

    /// Two lights that hear each other, one of them a board with a twin.
    struct Pair {
        lights: [Light; 2],
        names: [LightId; 2],
        twins: Twins,
        now: u64,
        /// Words pass.
        is_up: bool,
        events: Vec<(u64, EventKind)>,
        /// When the board was first heard since words pass.
        heard_at: Option<u64>,
    }

    impl Pair {
        fn new() -> Pair {
            let name = |light: usize| Name::new(["a", "b"][light]).unwrap();
            let light = |light: usize| {
                let peers = [name(1 - light)];
                let timing = Timing::default();
                let config = LightConfig::new(name(light), &peers, Rule::Lease, Demand::Always, timing);
                let start =
                    Start { boot: 7, seed: light as u64, lease_max_ms: 0, last_run_ended_ms: Start::NEVER };
                Light::new(config.unwrap(), start, Instant::from_ms(0))
            };
            let id = |light| LightId::new(Name::new("demo").unwrap(), name(light));
            Pair {
                lights: [light(0), light(1)],
                names: [id(0), id(1)],
                twins: Twins::default(),
                now: 0,
                is_up: true,
                events: Vec::new(),
                heard_at: None,
            }
        }

        fn run(&mut self, ms: u64) {
            for _ in 0..ms / CHECK_MS {
                self.now += CHECK_MS;
                for light in 0..2 {
                    let word = self.lights[light].step(Instant::from_ms(self.now));
                    if let Some(state) = word.filter(|_| self.is_up) {
                        self.pass(light, state);
                    }
                }
                self.check();
            }
        }

        fn pass(&mut self, from: usize, state: State) {
            let now = Duration::from_millis(self.now);
            if from == 0 {
                self.heard_at = self.heard_at.or(Some(self.now));
                self.twins.follow(now, &self.names[0], self.lights[0].config(), &state);
            }
            let word = PeerMessage::State(state);
            self.twins.hear(now, &self.names[from], &word, false);
            let name = self.names[from].light.clone();
            self.lights[1 - from].hear(Instant::from_ms(self.now), &name, &word, false);
        }

        fn check(&mut self) {
            let events = self.twins.check(Duration::from_millis(self.now));
            self.events.extend(events.into_iter().map(|event| (self.now, event)));
        }

        fn connected(&mut self, is_up: bool) {
            self.is_up = is_up;
            self.heard_at = None;
            for light in &mut self.lights {
                light.set_connected(Instant::from_ms(self.now), is_up);
            }
        }

        fn alarms(&self) -> usize {
            self.events.iter().filter(|(_, event)| matches!(event, EventKind::TwinDiffers { .. })).count()
        }

        fn says(&self) -> Option<Aspect> {
            self.twins.0[&self.names[0]].told
        }
    }

    #[test]
    fn an_outage_is_no_difference_and_the_twin_is_back_with_the_first_word() {
        for begins in 0..40 {
            for lasts in [300, 1_000, 2_500, 6_000, 30_000] {
                let mut pair = Pair::new();
                pair.run(20_000 + begins * 450);
                assert!(pair.says().is_some());
                pair.connected(false);
                pair.run(lasts);
                // Whether the observer notices the end of its session or not.
                if begins % 2 == 0 {
                    pair.twins.lose();
                    pair.check();
                }
                assert!(pair.says().is_none() || (begins % 2 == 1 && lasts < 2_000), "{begins}, {lasts}");
                pair.connected(true);
                let ended = pair.now;
                pair.run(1_000);
                let heard = pair.heard_at.unwrap();
                let back = pair.events.iter().find_map(|(at, event)| match event {
                    EventKind::TwinChanged { aspect: Some(_), .. } if *at >= ended => Some(*at),
                    _ => None,
                });
                if lasts > 2_000 || begins % 2 == 0 {
                    assert!(back.unwrap() <= heard + 500, "{begins}, {lasts}: {back:?}, {heard}");
                }
                pair.run(60_000);
                assert_eq!(pair.alarms(), 0, "{begins}, {lasts}: {:?}", pair.events);
                assert!(pair.twins.0[&pair.names[0]].replica.is_sure());
            }
        }
    }

    #[test]
    fn a_board_that_says_otherwise_for_longer_than_words_take_differs() {
        let mut pair = Pair::new();
        pair.run(30_000);
        // A board that stays dark, and says so.
        let config = pair.lights[0].config().clone();
        let lie = |number: u32, pair: &Pair| {
            State::new(Aspect::Dark, pair.lights[0].boot(), 10_000 + number, pair.now)
        };
        let began = pair.now;
        for number in 0..6 {
            let state = lie(number, &pair);
            pair.now += 500;
            pair.twins.follow(Duration::from_millis(pair.now), &pair.names[0].clone(), &config, &state);
            pair.check();
        }
        assert_eq!(pair.alarms(), 1, "{:?}", pair.events);
        let told = pair.events.iter().find(|(_, event)| matches!(event, EventKind::TwinDiffers { .. }));
        assert!(told.unwrap().0 <= began + 2_000);
        // It falls silent: that is no agreement.
        pair.now += 2_000;
        pair.check();
        assert_eq!(pair.says(), None);
        assert!(!pair.events.iter().any(|(_, event)| matches!(event, EventKind::TwinAgrees { .. })));
    }
}
