//! A foreign light that was announced as one: somebody else's program, which is talked to in its own words.
//!
//! It promises nothing, so this light goes by its last word, and makes the best of that:
//!
//! - it goes only after it has heard the other, and never on what a lost one said last;
//! - having told the other red, it gives it a turn before it goes again: the other may take a second to read and to act;
//! - it goes only while it can tell the other so, and ends a green at once that it could not tell.

use super::{Heard, Light, Phase, peer::Peer, view::Waiting};
use crate::{aspect::Aspect, foreign::amber_after, time::Instant};

/// For how long, in milliseconds, the last words of a session may still be on their way after its end was told.
const LAST_WORDS_MS: u64 = 1_000;

impl Light {
    /// Tells of what the foreign light shows, received `now`; `retained` as in [`Light::hear`].
    pub fn hear_foreign(&mut self, now: Instant, word: Aspect, retained: bool) -> Heard {
        self.advance(now);
        let turn_until = self.turn_ends();
        let (Some(partner), Some(peer)) = (&mut self.partner, self.peers.first_mut()) else {
            return Heard::NoConflict;
        };
        if retained {
            return Heard::Kept;
        }
        if partner.gone && self.now < partner.late_until {
            partner.late = Some(word);
            return Heard::Stale;
        }
        if !partner.heard || partner.gone {
            partner.turn_until = turn_until;
        }
        (partner.heard, partner.gone, partner.doubted_until) = (true, false, self.now);
        let (before, before_at) = (peer.aspect, peer.aspect_at);
        let aspect = amber_after(before, word);
        peer.heard_at = self.now;
        if before.is_go() && !aspect.is_go() {
            // Its turn was taken.
            partner.turn_until = self.now;
        }
        self.hear_aspect(0, aspect);
        if aspect == Aspect::Amber
            && before == Aspect::Amber
            && let Some(peer) = self.peers.first_mut()
        {
            peer.aspect_at = before_at;
        }
        Heard::New
    }

    /// The foreign light has said that it goes, or its will has: it is lost at once. That is its last word.
    pub fn partner_gone(&mut self, now: Instant) {
        self.advance(now);
        if let Some(partner) = &mut self.partner {
            (partner.gone, partner.late_until, partner.late) = (true, self.now, None);
        }
    }

    /// The session of the foreign light is known to be over: it is lost at once. Its last words may take another way and arrive
    /// later; they do not bring it back.
    pub fn partner_session_over(&mut self, now: Instant) {
        self.partner_gone(now);
        let late_until = self.now.after(LAST_WORDS_MS);
        if let Some(partner) = &mut self.partner {
            partner.late_until = late_until;
        }
    }

    /// The foreign light speaks in a new session: its words count, one that came before this was known among them.
    pub fn partner_speaks(&mut self, now: Instant) {
        self.advance(now);
        let late = self.partner.as_mut().and_then(|partner| {
            partner.late_until = self.now;
            partner.late.take()
        });
        if let Some(word) = late {
            self.hear_foreign(now, word, false);
        }
    }

    /// The foreign light was told what this light shows: of a quota that is one message.
    pub fn told_partner(&mut self) {
        let turn_until = self.turn_ends();
        let in_go = self.in_go();
        let Some(partner) = &mut self.partner else { return };
        if !in_go {
            partner.turn_until = turn_until;
        }
        if let Some(quota) = self.config.timing.quota {
            self.outbox.bucket.charge(quota);
        }
    }

    /// Whether a green can be told to the foreign light now, and whether one is shown that it does not know of.
    pub fn set_telling(&mut self, can_be_told: bool, untold: bool) {
        if let Some(partner) = &mut self.partner {
            (partner.can_be_told, partner.untold) = (can_be_told, untold);
        }
    }

    /// Whether a foreign light is lost that this light was announced as the partner of.
    #[must_use]
    pub fn partner_is_lost(&self) -> bool {
        self.partner.is_some() && self.peers.iter().any(|peer| peer.lost)
    }

    /// A turn that begins now lasts as long as the shortest green and its clearance.
    fn turn_ends(&self) -> Instant {
        let timing = &self.config.timing;
        self.now.after(u64::from(timing.clearance_ms) + u64::from(timing.green_min_ms))
    }

    /// This light's own session is up again.
    pub(super) fn partner_connected(&mut self) {
        let doubted_until = self.now.after(self.config.timing.longest_go_ms());
        if let Some(partner) = &mut self.partner {
            partner.doubted_until = doubted_until;
        }
    }

    /// Judges whether the foreign light is lost: `cut_off` where this light itself is.
    pub(super) fn note_partner_lost(&mut self, cut_off: bool) {
        let now = self.now;
        let (Some(partner), Some(peer)) = (&mut self.partner, self.peers.first_mut()) else { return };
        peer.lost = cut_off || partner.gone || now.since(peer.heard_at) >= u64::from(partner.lost_after_ms);
        if peer.lost {
            // What it said last never lets a light go, nor keeps it from going for ever.
            partner.heard = false;
            peer.aspect = Aspect::Dark;
        }
    }

    /// Right of way has begun, and the foreign light takes it for a red.
    pub(super) fn partner_is_untold(&self) -> bool {
        matches!(self.phase, Phase::RedAmber | Phase::Green { .. })
            && self.partner.as_ref().is_some_and(|partner| partner.untold)
    }

    /// An amber that lasts longer than any right of way is what a beginner shows that has lost its way.
    pub(super) fn partner_shows_amber_for_ever(&self, peer: &Peer) -> bool {
        self.partner.is_some()
            && peer.aspect == Aspect::Amber
            && self.now.since(peer.aspect_at) > self.config.timing.longest_go_ms()
    }

    /// Why this light does not go for the sake of a foreign one, beside that one's right of way.
    pub(super) fn waiting_for_partner(&self) -> Option<Waiting> {
        let (partner, peer) = (self.partner.as_ref()?, self.peers.first()?);
        if !partner.heard || self.now < partner.doubted_until {
            return Some(Waiting::Unheard(peer.name.clone()));
        }
        if !partner.can_be_told {
            return Some(Waiting::Untold(peer.name.clone()));
        }
        (self.now < partner.turn_until).then_some(Waiting::Yields { until: partner.turn_until })
    }
}
