//! A twin of a light that runs elsewhere: the same program, stepped with the words that the other
//! lights and the light itself sent, so that what the light shows can be held against what it
//! should show.
//!
//! What a word does not tell is left open: how long a green was planned to be (between the shortest
//! and the longest), and how long the light has to wait after a start (until it asks for green). A
//! message that the light itself did not receive, and the replica did, makes them differ; so does a
//! light that does not follow the rules.

use super::{Light, LightConfig, Phase, Start, peer::Peer};
use crate::{
    aspect::Aspect,
    freshness::Freshness,
    message::{Need, PeerMessage, State},
    name::Name,
    time::Instant,
};

/// How far the words of a light may be behind what it does, in milliseconds: the replica takes a
/// step that is due within this for done when the light's word says so.
const BEHIND_MS: u64 = 500;
/// A run that is younger than this, in milliseconds, is known from its start: it holds nothing and
/// has promised nothing.
const YOUNG_MS: u64 = 3_000;

/// The twin of a light that is only heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    light: Light,
    /// Which of the light's own words are new.
    freshness: Freshness,
    /// The run that was heard last is followed.
    follows: bool,
    shown: Aspect,
    /// Whether the light's inside is known well enough to say what it should show.
    knows: bool,
}

impl Replica {
    /// A replica of the light of `config` that knows nothing of it yet.
    #[must_use]
    pub fn new(config: LightConfig, now: Instant) -> Replica {
        let light = fresh(config, 0, now);
        Replica { light, freshness: Freshness::new(now), follows: false, shown: Aspect::Dark, knows: false }
    }

    /// What the light should show; `None` until that is known, which takes a go of the light that
    /// was heard to its end, or its start.
    #[must_use]
    pub fn aspect(&self) -> Option<Aspect> {
        self.knows.then(|| self.light.aspect())
    }

    /// The light is not heard any more, or nothing is heard at all: starts again from knowing
    /// nothing.
    pub fn lose(&mut self) {
        self.knows = false;
        self.follows = false;
        self.shown = Aspect::Dark;
    }

    /// A light that conflicts with the replicated one said something.
    pub fn hear(&mut self, now: Instant, from: &Name, word: &PeerMessage, retained: bool) {
        self.light.hear(now, from, word, retained);
        self.step(now);
    }

    /// The replicated light itself said something fresh.
    pub fn follow(&mut self, now: Instant, state: &State) {
        let last = self.freshness.last();
        let judged = self.freshness.judge(now, state.boot, state.seq, self.light.config.listener());
        if !judged.is_new() {
            return;
        }
        let new_run = !self.follows || last.is_none_or(|(boot, _)| boot != state.boot);
        if new_run {
            self.begin(now, state);
        }
        let ended_go = !new_run && self.shown.is_go() && state.aspect == Aspect::Red;
        self.follows = true;
        self.shown = state.aspect;
        self.step(now);
        if ended_go && !self.knows {
            self.light = Light {
                peers: self.light.peers.clone(),
                ..fresh(self.light.config.clone(), state.boot, now)
            };
            self.light.lose_leases();
            self.knows = true;
        }
        self.light.follow(state);
        self.step(now);
    }

    /// To be called once a tick.
    pub fn step(&mut self, now: Instant) {
        let light = &mut self.light;
        light.advance(now);
        light.expire_promises();
        light.note_lost();
        let flashed = light.phase == Phase::Flashing;
        light.move_on();
        if let Phase::Green { planned_ms } = &mut light.phase {
            // Any length up to the longest is right; the light's own word ends it sooner.
            *planned_ms = u64::from(light.config.timing.green_max_ms);
        }
        light.make_promises();
        if !flashed {
            light.enter_go();
        }
    }

    /// A run of the light that was not heard before.
    fn begin(&mut self, now: Instant, state: &State) {
        let peers = self.light.peers.clone();
        self.light = Light { peers, ..fresh(self.light.config.clone(), state.boot, now) };
        for peer in &mut self.light.peers {
            peer.promises.clear();
            peer.older_until = None;
            peer.lease_until = None;
        }
        self.knows = state.at < YOUNG_MS && state.aspect == Aspect::Red;
        if self.knows && state.need.is_none() {
            // For how long it has to wait only its program knows: until it asks for green.
            self.light.hold_until = Instant::from_ms(u64::MAX);
        }
    }
}

/// A light that has to wait for nothing.
fn fresh(config: LightConfig, boot: u32, now: Instant) -> Light {
    Light::new(config, Start { boot, seed: 0, lease_max_ms: 0, last_run_ended_ms: Start::NEVER }, now)
}

impl Light {
    /// Takes over what only the replicated light itself can know, from its own word.
    fn follow(&mut self, state: &State) {
        let elapsed_ms = self.now.since(self.phase_since);
        let due = |ms: u32| elapsed_ms + BEHIND_MS >= u64::from(ms);
        let timing = self.config.timing;
        match (self.phase, state.aspect) {
            (Phase::Green { .. }, Aspect::Amber) if self.somebody_waits() && due(timing.green_min_ms) => {
                self.enter(Phase::Amber);
            }
            (Phase::Amber, Aspect::Red) if due(timing.amber_ms) => self.become_red(),
            _ => {}
        }
        self.outbox.seq = state.seq;
        let turn = |need: Option<Need>| need.map(|need| need.turn);
        if turn(self.need) != turn(state.need) {
            self.outbox.forget_requests();
        }
        if let Some(need) = state.need {
            self.highest_turn = self.highest_turn.max(need.turn);
            if self.hold_until == Instant::from_ms(u64::MAX) {
                self.hold_until = self.now.after(2 * u64::from(timing.heartbeat_ms));
            }
            self.outbox.sent(state.seq, self.now);
        }
        if let Some(need) = state.need {
            self.withdraw_promises(need, state);
        }
        // A go that is still shown here ends with the need that it began with.
        if !self.in_go() || state.need.is_some() {
            self.need = state.need;
        }
    }

    /// Two requests that crossed: the light had asked, with the better claim, before it heard the
    /// other's, and so did not promise what was taken for promised here.
    fn withdraw_promises(&mut self, own: Need, state: &State) {
        let name = &self.config.name;
        for peer in &mut self.peers {
            let Peer { name: other, promises, .. } = peer;
            promises.retain(|promise| {
                let earlier = (own.turn, name) < (promise.turn, &*other);
                let given = state.give.iter().any(|give| give.to == *other && give.boot == promise.boot);
                given || !earlier
            });
        }
    }
}
