//! A twin of a light that runs elsewhere: the same program, stepped with the words that the other
//! lights and the light itself sent, so that what the light shows can be held against what it
//! should show.
//!
//! What a word does not tell is left open: how long a green was planned to be (between the shortest
//! and the longest), and how long the light has to wait after a start (until it asks for green). A
//! message that the light itself did not receive, and the replica did, makes them differ; so does a
//! light that does not follow the rules.
//!
//! A light that is heard again after a silence, in the middle of what it does, is taken over from its first word. How
//! long it has shown that, and until when its promises hold, the word does not tell: the light's own next words do.
//! Until all of that is over a difference proves nothing, and [`Replica::is_sure`] says so.

use super::{
    Light, LightConfig, Phase, Rule, Start,
    peer::{Peer, Request},
};
use crate::{
    aspect::Aspect,
    freshness::Freshness,
    message::{Need, PeerMessage, State},
    name::Name,
    time::{Instant, at_least, at_most},
};

/// How far the words of a light may be behind what it does, in milliseconds: the replica takes a
/// step that is due within this for done when the light's word says so.
const BEHIND_MS: u64 = 500;
/// A run that is younger than this, in milliseconds, is known from its start: it holds nothing and
/// has promised nothing.
const YOUNG_MS: u64 = 3_000;
/// A light that differs from all that was taken over from it, for so many times as long as that may take, does not follow
/// the rules.
const TAKEOVERS: u64 = 3;

/// The twin of a light that is only heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    light: Light,
    /// Which of the light's own words are new.
    freshness: Freshness,
    /// The run that was heard last is followed.
    follows: bool,
    shown: Aspect,
    knowledge: Knowledge,
}

/// How well the light's inside is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    Nothing,
    /// It was taken over from a word `since` then, and for the `first` time after a silence.
    TakenOver {
        since: Instant,
        first: Instant,
    },
    /// What was taken over did not last: the next word is.
    Doubted {
        first: Instant,
    },
    /// All that counts.
    Sure,
}

impl Replica {
    /// A replica of the light of `config` that knows nothing of it yet.
    #[must_use]
    pub fn new(config: LightConfig, now: Instant) -> Replica {
        let light = fresh(config, 0, now);
        let knowledge = Knowledge::Nothing;
        Replica { light, freshness: Freshness::new(now), follows: false, shown: Aspect::Dark, knowledge }
    }

    /// What the light should show; `None` until it has said something.
    #[must_use]
    pub fn aspect(&self) -> Option<Aspect> {
        let knows = matches!(self.knowledge, Knowledge::TakenOver { .. } | Knowledge::Sure);
        knows.then(|| self.light.aspect())
    }

    /// Whether a light that shows something else does not follow the rules, or hears something else. That takes its start,
    /// a go that was heard to its end, or as long as a lease and a go may last.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.knowledge == Knowledge::Sure
    }

    /// The light shows something else for longer than messages take, while that proves nothing: it is taken over anew from
    /// its next word.
    pub fn doubt(&mut self) {
        if let Knowledge::TakenOver { first, .. } = self.knowledge {
            self.knowledge = Knowledge::Doubted { first };
        }
    }

    /// The light is not heard any more, or nothing is heard at all: starts again from knowing
    /// nothing.
    pub fn lose(&mut self) {
        self.knowledge = Knowledge::Nothing;
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
        } else if let Knowledge::Doubted { first } = self.knowledge {
            self.take_over(now, state, first);
        }
        let ended_go = !new_run && self.shown.is_go() && state.aspect == Aspect::Red;
        self.follows = true;
        self.shown = state.aspect;
        self.step(now);
        if let Knowledge::TakenOver { since, .. } = self.knowledge {
            self.light.believe(state, since);
        }
        if ended_go && !self.is_sure() {
            self.light = Light {
                peers: self.light.peers.clone(),
                ..fresh(self.light.config.clone(), state.boot, now)
            };
            self.light.lose_leases();
            self.knowledge = Knowledge::Sure;
        }
        self.light.follow(state);
        self.step(now);
    }

    /// To be called once a tick.
    pub fn step(&mut self, now: Instant) {
        self.become_sure(now);
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

    /// A run of the light that was not heard before, or not for a while.
    fn begin(&mut self, now: Instant, state: &State) {
        if state.at >= YOUNG_MS || state.aspect != Aspect::Red {
            return self.take_over(now, state, now);
        }
        self.renew(now, state);
        self.knowledge = Knowledge::Sure;
        if state.need.is_none() {
            // For how long it has to wait only its program knows: until it asks for green.
            self.light.hold_until = Instant::from_ms(u64::MAX);
        }
    }

    /// Takes over what the light says of itself.
    fn take_over(&mut self, now: Instant, state: &State, first: Instant) {
        self.renew(now, state);
        self.light.take_over(state);
        self.knowledge = Knowledge::TakenOver { since: self.light.now, first };
    }

    /// A light that knows what was heard of the others, and has done nothing.
    fn renew(&mut self, now: Instant, state: &State) {
        let peers = self.light.peers.clone();
        self.light = Light { peers, ..fresh(self.light.config.clone(), state.boot, now) };
        for peer in &mut self.light.peers {
            peer.promises.clear();
            peer.older_until = None;
            peer.lease_until = None;
        }
    }

    /// What was taken over is over by itself. By their last words lights go in turns, which have to be seen.
    fn become_sure(&mut self, now: Instant) {
        let timing = self.light.config.timing;
        let lease_ms = at_least(u64::from(timing.lease_ms) + u64::from(timing.clearance_ms));
        let long_ms = lease_ms.max(timing.longest_go_ms()) + 2 * u64::from(timing.heartbeat_ms);
        let (since, first) = match self.knowledge {
            Knowledge::TakenOver { since, first } if self.light.config.rule == Rule::Lease => (since, first),
            _ => return,
        };
        if now.since(since) >= long_ms || now.since(first) >= TAKEOVERS * long_ms {
            self.knowledge = Knowledge::Sure;
        }
    }
}

/// A light that has to wait for nothing.
fn fresh(config: LightConfig, boot: u32, now: Instant) -> Light {
    Light::new(config, Start { boot, seed: 0, lease_max_ms: 0, last_run_ended_ms: Start::NEVER }, now)
}

impl Light {
    /// Begins where the replicated light is by its own word. What that does not tell lasts as long as it may.
    fn take_over(&mut self, state: &State) {
        let timing = self.config.timing;
        let phase = match state.aspect {
            Aspect::RedAmber => Phase::RedAmber,
            Aspect::Green => Phase::Green { planned_ms: u64::from(timing.green_max_ms) },
            Aspect::Amber => Phase::Amber,
            Aspect::FlashingAmber => Phase::Flashing,
            Aspect::Red | Aspect::Dark => Phase::Red,
        };
        self.enter(phase);
        self.need = state.need;
        // Somebody's go may just have ended.
        self.clear_at = self.now.after(at_least(u64::from(timing.clearance_ms)));
        let lease_until = self.now.after(at_most(u64::from(timing.lease_ms)));
        for peer in &mut self.peers {
            peer.lease_until = state.aspect.is_go().then_some(lease_until);
            for give in &state.give {
                if give.to != peer.name {
                    continue;
                }
                let asked = peer.need.filter(|need| need.boot == give.boot);
                // Which turn it was promised to is known where the other was heard.
                let turn = asked.map_or(u32::MAX, |need| need.turn);
                let request = Request { boot: give.boot, seq: give.seq, turn };
                peer.promise(request, give.ms, self.now.after(at_least(u64::from(give.ms))));
            }
        }
        self.believe_lost(state);
    }

    /// Takes over from a light's own word what was not known when it was taken over, `since` then.
    fn believe(&mut self, state: &State, since: Instant) {
        let (now, beats_ms) = (self.now, 2 * u64::from(self.config.timing.heartbeat_ms));
        for peer in &mut self.peers {
            let Peer { name, promises, need, heard_at, .. } = peer;
            let asks = need.filter(|_| now.since(*heard_at) < beats_ms).map(|need| need.boot);
            promises.retain(|promise| {
                let given = state.give.iter().any(|give| give.to == *name && give.boot == promise.boot);
                // The answer to what was asked just now may be on its way.
                given || asks == Some(promise.boot)
            });
        }
        self.believe_lost(state);
        let goes = self.peers.iter().any(|peer| peer.aspect.is_go());
        if (self.phase, state.aspect) == (Phase::Red, Aspect::RedAmber)
            && !goes
            && now.since(since) <= beats_ms + u64::from(self.config.timing.clearance_ms)
        {
            // With leases that were asked for before.
            let until = now.after(at_most(u64::from(self.config.timing.lease_ms)));
            for peer in &mut self.peers {
                peer.lease_until = peer.lease_until.max(Some(until));
            }
            self.enter(Phase::RedAmber);
        }
        // How long its go has lasted is not known.
        match (self.phase, state.aspect) {
            (Phase::RedAmber, Aspect::Green) => {
                self.enter(Phase::Green { planned_ms: u64::from(self.config.timing.green_max_ms) });
            }
            (Phase::RedAmber | Phase::Green { .. }, Aspect::Amber) => self.enter(Phase::Amber),
            (Phase::RedAmber | Phase::Green { .. } | Phase::Amber, Aspect::Red) => self.become_red(),
            _ => {}
        }
    }

    /// Which others it has lost only the light itself knows: it may have heard less, or later.
    fn believe_lost(&mut self, state: &State) {
        for peer in &mut self.peers {
            if state.lost.contains(&peer.name) {
                peer.heard_at = Instant::from_ms(0);
                (peer.lost, peer.names_lost) = (true, false);
            } else if peer.lost {
                peer.heard_at = self.now;
                peer.lost = false;
            }
        }
    }

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
