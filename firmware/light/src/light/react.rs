//! The lab's own first idea: look at the others' last words, and take turns.
//!
//! It is safe only while every word arrives at once, and there to show what links that fail do to
//! it. The same look at the last word serves foreign lights, which know nothing of promises, in a
//! junction that otherwise goes by leases.

use super::{Light, LightConfig, Rule, peer::Peer};
use crate::{name::Name, time::Instant};

/// How much later each further light in the order of names may go, so that two do not go at once.
const STAGGER_MS: u64 = 500;

/// Whose go ended last, and so who is next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Turns {
    ended_at: Instant,
    /// How many lights come before this one.
    before: u32,
    /// Nobody has gone yet, as far as this light knows.
    at_start: bool,
}

impl Turns {
    pub(super) fn new(config: &LightConfig, now: Instant) -> Turns {
        Turns { ended_at: now, before: rank(config, &config.name), at_start: true }
    }

    /// A conflicting light's go has ended: the next in the order of names is first.
    pub(super) fn go_ended(&mut self, config: &LightConfig, light: &Name, now: Instant) {
        let lights = lights(config);
        let steps = rank(config, &config.name) + lights - rank(config, light);
        self.before = (steps + lights - 1) % lights;
        self.ended_at = now;
        self.at_start = false;
    }

    /// The light can be heard from now on: the first in the order of names begins.
    pub(super) fn connected(&mut self, now: Instant) {
        if self.at_start {
            self.ended_at = now;
        }
    }

    /// This light's own go has ended: all others come before it.
    pub(super) fn own_go_ended(&mut self, now: Instant) {
        self.ended_at = now;
        self.before = u32::MAX;
        self.at_start = false;
    }
}

fn lights(config: &LightConfig) -> u32 {
    u32::try_from(config.peers.len() + 1).unwrap_or(u32::MAX)
}

/// How many lights of the junction have a lower name.
fn rank(config: &LightConfig, light: &Name) -> u32 {
    let peers = config.peers.iter().filter(|peer| *peer < light).count();
    let own = usize::from(config.name < *light);
    u32::try_from(peers + own).unwrap_or(u32::MAX)
}

impl Light {
    /// Whether the last word of a light is to be taken for a go that goes on.
    pub(super) fn counts_as_going(&self, peer: &Peer) -> bool {
        let age_ms = self.now.since(peer.aspect_at);
        if self.partner_shows_amber_for_ever(peer) {
            return false;
        }
        match self.config.rule {
            // A beginner reckons that no go lasts for ever.
            Rule::React => peer.aspect.is_go() && age_ms <= self.config.timing.longest_go_ms(),
            Rule::Lease => peer.aspect.is_go(),
        }
    }

    /// Whether this light, in go, has to give way to a light that it has no lease from.
    pub(super) fn reacts_to_go(&self) -> bool {
        let react = self.config.rule == Rule::React;
        self.peers.iter().any(|peer| (react || peer.foreign) && self.counts_as_going(peer))
    }

    /// Until when this light lets others go first, if it goes by last words.
    pub(super) fn yields_until(&self) -> Option<Instant> {
        if self.config.rule == Rule::Lease && !self.peers.iter().any(|peer| peer.foreign) {
            return None;
        }
        // Even a beginner's light says hello before it goes for the first time.
        let silent = self.turns.at_start && self.disconnected_since.is_some();
        if silent {
            return Some(self.now.after(STAGGER_MS));
        }
        let before = self.turns.before.min(lights(&self.config));
        let wait_ms = self.stretched(self.config.timing.clearance_ms) + STAGGER_MS * u64::from(before);
        Some(self.turns.ended_at.after(wait_ms)).filter(|until| self.now < *until)
    }
}
