//! What a light knows of one conflicting light.

use heapless::Vec;

use crate::{aspect::Aspect, freshness::Freshness, name::Name, time::Instant};

/// Promises kept apart for one light, one for each boot that asked. Older ones are merged: they
/// keep their end, and nothing ends them early any more.
pub(super) const MAX_BOOTS: usize = 3;

/// A promise to one boot of one light.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Promise {
    pub(super) boot: u32,
    /// The highest seq promised to.
    pub(super) seq: u32,
    /// The highest turn promised to.
    pub(super) turn: u32,
    /// The lease that was promised last, in milliseconds.
    pub(super) ms: u32,
    /// Never moves nearer.
    pub(super) until: Instant,
}

/// A request as heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) boot: u32,
    pub(super) seq: u32,
    pub(super) turn: u32,
}

/// One conflicting light.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    pub(super) name: Name,
    /// Which of its messages are new.
    pub(super) freshness: Freshness,
    /// When something new was last heard; the start of this light before that.
    pub(super) heard_at: Instant,
    /// When it last spoke the whole contract.
    pub(super) state_at: Option<Instant>,
    /// Judged once a step from `heard_at`.
    pub(super) lost: bool,
    /// The light's last word names lost ones.
    pub(super) names_lost: bool,
    /// Speaks in bare aspects: it can neither promise nor ask.
    pub(super) foreign: bool,
    /// What it showed when last heard.
    pub(super) aspect: Aspect,
    /// When that was.
    pub(super) aspect_at: Instant,
    /// Its need, from its last word.
    pub(super) need: Option<Request>,
    pub(super) promises: Vec<Promise, MAX_BOOTS>,
    /// The end of promises to boots that there was no room to keep apart.
    pub(super) older_until: Option<Instant>,
    /// Until when this light may count on the other's promise.
    pub(super) lease_until: Option<Instant>,
}

impl Peer {
    pub(super) fn new(name: Name, now: Instant) -> Peer {
        Peer {
            name,
            freshness: Freshness::new(now),
            heard_at: now,
            state_at: None,
            lost: false,
            names_lost: false,
            foreign: false,
            aspect: Aspect::Dark,
            aspect_at: now,
            need: None,
            promises: Vec::new(),
            older_until: None,
            lease_until: None,
        }
    }

    pub(super) fn has_promise(&self) -> bool {
        !self.promises.is_empty() || self.older_until.is_some()
    }

    /// The end of the promise that lasts longest.
    pub(super) fn promised_until(&self) -> Option<Instant> {
        self.promises.iter().map(|promise| promise.until).chain(self.older_until).max()
    }

    /// Whether this request has its promise already.
    pub(super) fn has_answer(&self, request: Request) -> bool {
        self.promises.iter().any(|promise| promise.boot == request.boot && promise.seq >= request.seq)
    }

    /// Records a promise; returns whether it is a new one rather than a longer one.
    pub(super) fn promise(&mut self, request: Request, ms: u32, until: Instant) -> bool {
        if let Some(promise) = self.promises.iter_mut().find(|promise| promise.boot == request.boot) {
            let new_turn = request.turn > promise.turn;
            promise.seq = promise.seq.max(request.seq);
            promise.turn = promise.turn.max(request.turn);
            promise.ms = ms;
            promise.until = promise.until.max(until);
            return new_turn;
        }
        if self.promises.is_full() {
            let oldest = self.promises.remove(0);
            self.older_until = self.older_until.max(Some(oldest.until));
        }
        // There is room now: one was taken out where it was full.
        let _ = self.promises.push(Promise {
            boot: request.boot,
            seq: request.seq,
            turn: request.turn,
            ms,
            until,
        });
        true
    }
}
