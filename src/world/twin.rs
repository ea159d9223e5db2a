//! Twins of boards: the light's own library, stepped here with the words that passed the broker, so
//! that what a board says it shows can be held against what it should show.

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

/// The twins of all boards that are heard.
#[derive(Debug, Default)]
pub(super) struct Twins(BTreeMap<LightId, Twin>);

#[derive(Debug)]
struct Twin {
    replica: Replica,
    patience: Duration,
    lost_after: Duration,
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
            lost_after: Duration::from_millis(u64::from(config.timing().lost_after_ms)),
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
            if now.saturating_sub(twin.heard_at) >= twin.lost_after {
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
        let aspect = self.replica.aspect();
        if aspect != self.told {
            self.told = aspect;
            events.push(EventKind::TwinChanged { light: light.clone(), aspect });
        }
        match (aspect.filter(|twin| *twin != self.board), self.differs) {
            (Some(_), None) => self.differs = Some(Difference { since: now, told: false }),
            (Some(twin), Some(Difference { since, told: false }))
                if now.saturating_sub(since) > self.patience =>
            {
                self.differs = Some(Difference { since, told: true });
                events.push(EventKind::TwinDiffers { light: light.clone(), board: self.board, twin });
            }
            (None, Some(difference)) => {
                self.differs = None;
                if difference.told {
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
