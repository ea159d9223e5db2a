//! One form for all states of a light that behave alike, so that an exhaustive search can end.
//!
//! A light only ever compares its times with its clock, its seqs and turns with others of their
//! kind, and boots with each other, which never change. So two states that differ by a shift of the clock, or by numbers
//! in the same order, go on alike; and so do two that differ in what has no effect any more. The
//! search puts every state into the form below before it asks whether it has seen it.

use super::{Light, Phase};
use crate::{aspect::Aspect, freshness::Freshness, message::State, time::Instant};

/// How the numbers of a world are replaced.
pub trait Renumber {
    /// Instead of message `seq` of `boot`; keeps the order within a boot, and 0.
    fn seq(&self, boot: u32, seq: u32) -> u32;
    /// Instead of `turn`; shifts all turns alike.
    fn turn(&self, turn: u32) -> u32;
    /// Whether a promise may ever echo message `seq` of `boot`.
    fn is_awaited(&self, boot: u32, seq: u32) -> bool;
}

impl Light {
    /// Boot and seq of the message last heard from conflicting light number `peer`.
    #[must_use]
    pub fn last_heard(&self, peer: usize) -> Option<(u32, u32)> {
        self.peers.get(peer)?.freshness.last()
    }

    /// Calls `seq` with each boot and seq, and `turn` with each turn, that the light remembers.
    /// `echoed` is called with those that a promise of this light echoes, or may come to echo.
    pub fn each_number(
        &self,
        seq: &mut dyn FnMut(u32, u32),
        echoed: &mut dyn FnMut(u32, u32),
        turn: &mut dyn FnMut(u32),
    ) {
        seq(self.outbox.boot, self.outbox.seq);
        for (sent, _) in &self.outbox.requests {
            seq(self.outbox.boot, *sent);
        }
        turn(self.highest_turn);
        if let Some(need) = self.need {
            turn(need.turn);
        }
        if let Some(need) = self.outbox.said.as_ref().and_then(|said| said.need) {
            turn(need.turn);
        }
        for peer in &self.peers {
            for (boot, last) in peer.freshness.last.into_iter().chain(peer.freshness.lower) {
                seq(boot, last);
            }
            if let Some(need) = peer.need {
                seq(need.boot, need.seq);
                echoed(need.boot, need.seq);
                turn(need.turn);
            }
            for promise in &peer.promises {
                seq(promise.boot, promise.seq);
                echoed(promise.boot, promise.seq);
                turn(promise.turn);
            }
        }
    }

    /// Drops requests that nobody can echo any more, or whose lease would be over.
    pub fn forget_unawaited(&mut self, renumber: &impl Renumber) {
        let (now, boot) = (self.now, self.outbox.boot);
        let lease_ms = u64::from(self.config.timing.lease_ms);
        self.outbox.requests.retain(|(seq, at)| now.since(*at) < lease_ms && renumber.is_awaited(boot, *seq));
    }

    /// Brings the light into the common form, its clock at `base`.
    ///
    /// Holds for lights that go by leases, whose shortest green is also their longest, without a
    /// quota, that are never called, given other timings, told of their session, or spoken to in
    /// bare aspects: what only those cases use is wiped. `base` must lie further from the clock's
    /// origin than any span that the light waits.
    pub fn rebase(&mut self, base: Instant, renumber: &impl Renumber) {
        let now = self.now;
        let (timing, keyed) = (self.config.timing, self.config.keyed);
        // What lies ahead keeps its distance, what is past is past.
        let ahead = |at: Instant| base.after(at.since(now));
        // What began keeps its age, up to the span that is asked for.
        let ago = |at: Instant, most_ms: u32| {
            Instant::from_ms(base.as_ms().saturating_sub(now.since(at).min(u64::from(most_ms))))
        };
        self.now = base;
        self.booted_at = base;
        self.random = 0;
        self.turns = super::react::Turns::new(&self.config, base);
        self.phase_since = match self.phase {
            Phase::Red | Phase::Flashing => base,
            Phase::RedAmber => ago(self.phase_since, timing.red_amber_ms),
            Phase::Green { .. } => ago(self.phase_since, timing.green_max_ms),
            Phase::Amber => ago(self.phase_since, timing.amber_ms),
        };
        self.hold_until = ahead(self.hold_until);
        self.clear_at = ahead(self.clear_at);
        self.highest_turn = renumber.turn(self.highest_turn);
        if let Some(need) = &mut self.need {
            need.turn = renumber.turn(need.turn);
        }
        for peer in &mut self.peers {
            let numbered =
                |heard: Option<(u32, u32)>| heard.map(|(boot, seq)| (boot, renumber.seq(boot, seq)));
            peer.freshness = Freshness {
                last: numbered(peer.freshness.last),
                lower: numbered(peer.freshness.lower),
                // With a key it is only told of.
                heard_at: if keyed { base } else { ago(peer.freshness.heard_at, timing.lost_after_ms) },
                told: false,
            };
            peer.heard_at = ago(peer.heard_at, timing.lost_after_ms);
            peer.state_at = None;
            peer.aspect_at = base;
            peer.aspect = canonical(peer.aspect, Aspect::Red);
            if let Some(need) = &mut peer.need {
                need.seq = renumber.seq(need.boot, need.seq);
                need.turn = renumber.turn(need.turn);
            }
            for promise in &mut peer.promises {
                promise.seq = renumber.seq(promise.boot, promise.seq);
                promise.turn = renumber.turn(promise.turn);
                promise.until = ahead(promise.until);
            }
            peer.older_until = peer.older_until.map(ahead);
            peer.lease_until = peer.lease_until.filter(|until| *until > now).map(ahead);
        }
        let outbox = &mut self.outbox;
        let boot = outbox.boot;
        for (seq, at) in &mut outbox.requests {
            *seq = renumber.seq(boot, *seq);
            *at = ago(*at, timing.lease_ms);
        }
        outbox.seq = renumber.seq(boot, outbox.seq);
        outbox.said_at = outbox.said_at.map(|at| ago(at, timing.heartbeat_ms));
        outbox.bucket.filled_at = base;
        if let Some(need) = outbox.said.as_mut().and_then(|said| said.need.as_mut()) {
            need.turn = renumber.turn(need.turn);
        }
    }
}

/// Calls `seq`, `echoed` and `turn` as [`Light::each_number`] does, for a message on its way:
/// its own seq may come to be echoed, those of its promises are.
pub fn each_number(
    state: &State,
    seq: &mut dyn FnMut(u32, u32),
    echoed: &mut dyn FnMut(u32, u32),
    turn: &mut dyn FnMut(u32),
) {
    seq(state.boot, state.seq);
    if let Some(need) = state.need {
        echoed(state.boot, state.seq);
        turn(need.turn);
    }
    for give in &state.give {
        seq(give.boot, give.seq);
        echoed(give.boot, give.seq);
    }
}

/// Brings a message on its way into the common form.
pub fn rebase(state: &mut State, renumber: &impl Renumber) {
    state.at = 0;
    state.aspect = canonical(state.aspect, Aspect::FlashingAmber);
    state.seq = renumber.seq(state.boot, state.seq);
    if let Some(need) = &mut state.need {
        need.turn = renumber.turn(need.turn);
    }
    for give in &mut state.give {
        give.seq = renumber.seq(give.boot, give.seq);
    }
}

/// Whether another light is in go is all that is asked of its aspect, and in a message also
/// whether it is red; `other` stands for what is neither.
fn canonical(aspect: Aspect, other: Aspect) -> Aspect {
    match aspect {
        Aspect::RedAmber | Aspect::Green | Aspect::Amber => Aspect::Green,
        Aspect::Red => Aspect::Red,
        Aspect::Dark | Aspect::FlashingAmber => other,
    }
}
