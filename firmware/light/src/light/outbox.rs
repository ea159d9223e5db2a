//! What a light says, when, and which of its requests were sent.

use heapless::Vec;

use super::{Light, Rule, peer::MAX_BOOTS};
use crate::{
    aspect::Aspect,
    message::{Give, MAX_GIVES, MAX_PEERS, Need, State},
    name::Name,
    time::Instant,
    timing::Quota,
};

/// Requests kept to know when they were sent. Older ones fall out: a lease that answers them would
/// be nearly over.
const MAX_REQUESTS: usize = 32;

/// What has been said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outbox {
    pub(super) boot: u32,
    pub(super) seq: u32,
    pub(super) said_at: Option<Instant>,
    pub(super) said: Option<SentState>,
    /// A promise was made that has not been told.
    promise_untold: bool,
    /// Seq and time of the messages sent with the present turn.
    pub(super) requests: Vec<(u32, Instant), MAX_REQUESTS>,
    pub(super) bucket: Bucket,
}

/// What makes a new message necessary when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SentState {
    aspect: Aspect,
    pub(super) need: Option<Need>,
    lost: Vec<Name, MAX_PEERS>,
}

/// A token bucket that counts in milliseconds of refill.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    level_ms: u64,
    /// What was said without asking, and has to be saved up again first.
    debt_ms: u64,
    pub(super) filled_at: Instant,
}

impl Outbox {
    pub(super) fn new(boot: u32, now: Instant, quota: Option<Quota>) -> Outbox {
        Outbox {
            boot,
            seq: 0,
            said_at: None,
            said: None,
            promise_untold: false,
            requests: Vec::new(),
            bucket: Bucket { level_ms: quota.map_or(0, capacity_ms), debt_ms: 0, filled_at: now },
        }
    }

    pub(super) fn boot(&self) -> u32 {
        self.boot
    }

    pub(super) fn seq(&self) -> u32 {
        self.seq
    }

    /// When the request `seq` was sent, if it was sent with the present turn.
    pub(super) fn sent_at(&self, seq: u32) -> Option<Instant> {
        self.requests.iter().find(|(sent, _)| *sent == seq).map(|(_, at)| *at)
    }

    pub(super) fn forget_requests(&mut self) {
        self.requests.clear();
    }

    /// Makes a message due at the next step.
    pub(super) fn announce(&mut self) {
        self.said_at = None;
    }

    /// Notes that a request was sent.
    pub(super) fn sent(&mut self, seq: u32, at: Instant) {
        if self.requests.is_full() {
            self.requests.remove(0);
        }
        // There is room now: one was taken out where it was full.
        let _ = self.requests.push((seq, at));
    }

    pub(super) fn promised(&mut self) {
        self.promise_untold = true;
    }
}

fn capacity_ms(quota: Quota) -> u64 {
    u64::from(quota.burst) * u64::from(quota.refill_ms)
}

impl Bucket {
    /// Takes one message's worth out, if there is that much.
    fn take(&mut self, quota: Quota, now: Instant) -> bool {
        let refilled_ms = now.since(self.filled_at);
        let paid_ms = refilled_ms.min(self.debt_ms);
        self.debt_ms -= paid_ms;
        self.level_ms = (self.level_ms + refilled_ms - paid_ms).min(capacity_ms(quota));
        self.filled_at = now;
        let cost_ms = u64::from(quota.refill_ms);
        let enough = self.level_ms >= cost_ms;
        if enough {
            self.level_ms -= cost_ms;
        }
        enough
    }

    /// Something was said that could not wait.
    pub(super) fn charge(&mut self, quota: Quota) {
        let cost_ms = u64::from(quota.refill_ms);
        let taken_ms = cost_ms.min(self.level_ms);
        self.level_ms -= taken_ms;
        self.debt_ms = (self.debt_ms + cost_ms - taken_ms).min(capacity_ms(quota));
    }
}

impl Light {
    /// The message that is due now, if any.
    pub(super) fn speak(&mut self) -> Option<State> {
        let timing = self.config.timing;
        let lost = self.lost();
        let aspect = self.aspect();
        let outbox = &self.outbox;
        let heartbeat_due =
            outbox.said_at.is_none_or(|at| self.now.since(at) >= u64::from(timing.heartbeat_ms));
        let changed = outbox.said.as_ref().is_none_or(|said| {
            let aspect_counts = timing.quota.is_none() || self.config.rule == Rule::React;
            (aspect_counts && said.aspect != aspect) || said.need != self.need || said.lost != lost
        });
        if !(heartbeat_due || changed || outbox.promise_untold) {
            return None;
        }
        if let Some(quota) = timing.quota
            && !self.outbox.bucket.take(quota, self.now)
        {
            return None;
        }
        // A light that has said all the numbers there are would be ignored from then on; it would
        // have to speak 1,000 times a second for 49 days.
        self.outbox.seq = self.outbox.seq.saturating_add(1);
        let seq = self.outbox.seq;
        let mut state = State::new(aspect, self.outbox.boot, seq, self.now.since(self.booted_at));
        state.need = self.need;
        state.lost = lost.clone();
        state.give = self.gives();
        if self.need.is_some() {
            self.outbox.sent(seq, self.now);
        }
        self.outbox.said_at = Some(self.now);
        self.outbox.said = Some(SentState { aspect, need: self.need, lost });
        self.outbox.promise_untold = false;
        Some(state)
    }

    /// One entry for each promise in force. Those to the boot heard last come first, and of these
    /// the lowest turn, so that the most wanted ones are in a message without room for all.
    fn gives(&self) -> Vec<Give, MAX_GIVES> {
        let mut promises: Vec<_, { MAX_PEERS * MAX_BOOTS }> = self
            .peers
            .iter()
            .flat_map(|peer| peer.promises.iter().map(move |promise| (peer, promise)))
            .collect();
        promises.sort_unstable_by_key(|(peer, promise)| {
            let older = peer.freshness.last().is_none_or(|(boot, _)| boot != promise.boot);
            (older, promise.turn, &peer.name, promise.boot)
        });
        promises
            .into_iter()
            .take(MAX_GIVES)
            .map(|(peer, promise)| Give {
                to: peer.name.clone(),
                boot: promise.boot,
                seq: promise.seq,
                ms: promise.ms,
            })
            .collect()
    }
}
