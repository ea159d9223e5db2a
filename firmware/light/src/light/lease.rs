//! Right of way by promises: no leader, no shared clock.
//!
//! A light that wants green says so with its turn. Each conflicting light that has no better claim
//! promises to stay out of go, for a lease counted on its own clock from then on. The asker counts
//! the same lease from when it *sent* the request, and shrinks it by the error of its clock: so it
//! never believes in a promise longer than the other keeps it, however late the messages were.

#[cfg(feature = "mutations")]
use super::Mutation;
use super::{
    Heard, Light, Phase, Rule,
    peer::{Peer, Request},
    view::{Held, Waiting},
};
#[cfg(feature = "mutations")]
use crate::freshness::Judged;
use crate::{aspect::Aspect, message::State, time::at_most};

impl Light {
    /// Takes in a fresh state of a conflicting light.
    pub(super) fn hear_state(&mut self, index: usize, state: &State) -> Heard {
        let own_turn = self.need.map(|need| need.turn);
        #[cfg(feature = "mutations")]
        let (any_boot, older) =
            (self.mutated(Mutation::ReleaseByAnyBoot), self.mutated(Mutation::ReleaseByOlder));
        #[cfg(not(feature = "mutations"))]
        let (any_boot, older) = (false, false);
        let listener = self.config.listener();
        #[cfg(feature = "mutations")]
        let any_boot_is_new = any_boot || self.mutated(Mutation::AnyBootIsNew);
        let Some(peer) = self.peers.get_mut(index) else { return Heard::NoConflict };
        #[cfg(feature = "mutations")]
        let judged = if any_boot_is_new {
            peer.freshness.judge_any_boot(self.now, state.boot, state.seq)
        } else {
            peer.freshness.judge(self.now, state.boot, state.seq, listener)
        };
        #[cfg(not(feature = "mutations"))]
        let judged = peer.freshness.judge(self.now, state.boot, state.seq, listener);
        #[cfg(feature = "mutations")]
        let judged = if older { Judged::New } else { judged };
        if !judged.is_new() {
            return Heard::of(judged);
        }
        peer.heard_at = self.now;
        peer.state_at = Some(self.now);
        peer.foreign = false;
        peer.names_lost = !state.lost.is_empty();
        peer.need = state.need.map(|need| Request { boot: state.boot, seq: state.seq, turn: need.turn });

        let released = peer.promises.len();
        peer.promises.retain(|promise| {
            let newer = state.seq > promise.seq || older;
            let same_boot = state.boot == promise.boot || any_boot;
            let over = state.aspect == Aspect::Red && state.need.is_none_or(|need| need.turn > promise.turn);
            !(same_boot && newer && over)
        });
        if peer.promises.len() < released {
            self.keep_clear_after(self.now);
        }

        self.highest_turn = self.highest_turn.max(state.need.map_or(0, |need| need.turn));
        self.hear_aspect(index, state.aspect);
        if own_turn.is_some() {
            self.take_leases(index, state);
        }
        Heard::of(judged)
    }

    /// Counts on the promises of `state` that answer requests of this light.
    fn take_leases(&mut self, index: usize, state: &State) {
        let lease_ms = self.config.timing.lease_ms;
        for give in &state.give {
            if give.to != self.config.name || give.boot != self.outbox.boot() {
                continue;
            }
            let Some(sent_at) = self.outbox.sent_at(give.seq) else { continue };
            let shrunk = at_most(u64::from(lease_ms.min(give.ms)));
            #[cfg(feature = "mutations")]
            let shrunk =
                if self.mutated(Mutation::NoDrift) { u64::from(lease_ms.min(give.ms)) } else { shrunk };
            #[cfg(feature = "mutations")]
            let sent_at = if self.mutated(Mutation::LeaseFromReceipt) { self.now } else { sent_at };
            if let Some(peer) = self.peers.get_mut(index) {
                peer.lease_until = peer.lease_until.max(Some(sent_at.after(shrunk)));
            }
        }
    }

    /// Drops the promises that are over; the junction clears from their end, not from when that
    /// was noticed.
    pub(super) fn expire_promises(&mut self) {
        let now = self.now;
        let mut last_end = None;
        for peer in &mut self.peers {
            peer.promises.retain(|promise| {
                let over = promise.until <= now;
                if over {
                    last_end = last_end.max(Some(promise.until));
                }
                !over
            });
            if let Some(until) = peer.older_until.filter(|until| *until <= now) {
                last_end = last_end.max(Some(until));
                peer.older_until = None;
            }
        }
        if let Some(end) = last_end {
            self.keep_clear_after(end);
        }
    }

    /// Judges which conflicting lights are lost.
    pub(super) fn note_lost(&mut self) {
        let lost_after = u64::from(self.config.timing.lost_after_ms);
        let cut_off = self.disconnected_since.is_some_and(|since| self.now.since(since) >= lost_after);
        if self.partner.is_some() {
            return self.note_partner_lost(cut_off);
        }
        for peer in &mut self.peers {
            peer.lost = match (self.config.rule, peer.foreign) {
                (Rule::React, _) => false,
                (Rule::Lease, true) => cut_off,
                (Rule::Lease, false) => self.now.since(peer.heard_at) >= lost_after,
            };
        }
    }

    pub(super) fn has_reason_to_flash(&self) -> bool {
        (self.config.rule == Rule::Lease || self.partner.is_some())
            && self.peers.iter().any(|peer| peer.lost || peer.names_lost)
    }

    /// Promises right of way to every light that asks and has the better claim.
    pub(super) fn make_promises(&mut self) {
        // A promise that nobody can be told of helps nobody, and would only put the flashing off.
        let heard = self.disconnected_since.is_none();
        let able = heard && self.phase == Phase::Red && !self.has_reason_to_flash();
        #[cfg(feature = "mutations")]
        let able = able
            || (self.mutated(Mutation::PromiseWhileFlashing)
                && matches!(self.phase, Phase::Red | Phase::Flashing));
        if !able || self.config.rule != Rule::Lease {
            return;
        }
        let ms = self.config.timing.lease_ms;
        let until = self.now.after(self.stretched(ms));
        let lost_after = u64::from(self.config.timing.lost_after_ms);
        let own = self.need.map(|need| (need.turn, &self.config.name));
        let mut new = false;
        for peer in &mut self.peers {
            let Some(request) = peer.need else { continue };
            let fresh = self.now.since(peer.heard_at) < lost_after;
            let own_is_earlier = own.is_some_and(|own| own < (request.turn, &peer.name));
            if fresh && !own_is_earlier && !peer.has_answer(request) {
                new |= peer.promise(request, ms, until);
            }
        }
        if new {
            self.outbox.promised();
        }
    }

    /// Whether a lease is too near its end for the lamps to stay as they are: a program that hangs
    /// from now on shows them until its watchdog resets it, and it may not show go for longer than
    /// its leases last.
    pub(super) fn lease_ended(&self) -> bool {
        self.leases_end_within(self.longest_hang_ms())
    }

    /// Whether this is the last check at which every lease still covers amber, a hang and two ticks:
    /// the next one may come a whole tick later.
    pub(super) fn lease_runs_out(&self) -> bool {
        let timing = &self.config.timing;
        self.leases_end_within(
            u64::from(timing.amber_ms) + 2 * u64::from(timing.tick_ms) + self.longest_hang_ms(),
        )
    }

    /// The longest time from a check to the watchdog's reset: a program may begin to hang a tick
    /// after the check.
    fn longest_hang_ms(&self) -> u64 {
        let timing = &self.config.timing;
        #[cfg(feature = "mutations")]
        if self.mutated(Mutation::NoHangCover) {
            return 0;
        }
        u64::from(timing.watchdog_ms) + u64::from(timing.tick_ms)
    }

    fn leases_end_within(&self, ms: u64) -> bool {
        #[cfg(feature = "mutations")]
        if self.mutated(Mutation::NoLeaseWatch) {
            return false;
        }
        let end = self.now.after(ms);
        self.leasing_peers().any(|peer| peer.lease_until.is_none_or(|until| until <= end))
    }

    fn leasing_peers(&self) -> impl Iterator<Item = &Peer> {
        let lease = self.config.rule == Rule::Lease;
        self.peers.iter().filter(move |peer| lease && !peer.foreign)
    }

    /// Why this light may not go now; `None` where it may.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        let timing = &self.config.timing;
        if self.config.rule == Rule::Lease || self.partner.is_some() {
            if let Some(peer) = self.peers.iter().find(|peer| peer.lost) {
                return Some(Waiting::Lost(peer.name.clone()));
            }
            if let Some(peer) = self.peers.iter().find(|peer| peer.names_lost) {
                return Some(Waiting::NamedLost(peer.name.clone()));
            }
        }
        if self.now < self.hold_until {
            return Some(Waiting::Started { until: self.hold_until });
        }
        if self.need.is_none() {
            return Some(Waiting::NoDemand);
        }
        if let Some(peer) = self.peers.iter().find(|peer| self.counts_as_going(peer)) {
            return Some(Waiting::OtherGoes(peer.name.clone()));
        }
        let promised = self.peers.iter().filter_map(|peer| Some((peer.promised_until()?, peer)));
        if let Some((until, peer)) = promised.max_by_key(|(until, _)| *until) {
            return Some(Waiting::Promised(Held { light: peer.name.clone(), until }));
        }
        if self.now < self.clear_at {
            return Some(Waiting::Clearance { until: self.clear_at });
        }
        if let Some(waiting) = self.waiting_for_partner() {
            return Some(waiting);
        }
        let go = u64::from(timing.red_amber_ms) + u64::from(timing.amber_ms);
        let span = go + u64::from(timing.tick_ms) + self.longest_hang_ms();
        let end = self.now.after(span);
        if let Some(peer) = self.leasing_peers().find(|peer| peer.lease_until.is_none_or(|until| until < end))
        {
            return Some(Waiting::NoLease(peer.name.clone()));
        }
        self.yields_until().map(|until| Waiting::Yields { until })
    }
}
