//! Conflicts, sure and possible, and glitches: for the banner and the timeline.

use std::collections::VecDeque;

use super::{MAX_MARKS, light::push_keeping_open};
use crate::{model::LightId, world::event::Certainty};

/// What the monitor says of two lights that have right of way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Too short to count.
    Glitch,
    /// A conflict, or perhaps none.
    Conflict(Certainty),
}

/// Two lights that have right of way at once, and how long that lasted.
#[derive(Clone, Debug)]
pub struct ConflictSpan {
    pub(crate) lights: Vec<LightId>,
    /// What it was.
    pub(crate) overlap: Overlap,
    pub from_ms: u64,
    /// When it ended; `None` = it goes on.
    pub(crate) until_ms: Option<u64>,
    /// The number of its alarm; 0 for a glitch, which gives none.
    alarm: u64,
}

/// All of them, and what the user has seen.
#[derive(Debug, Default)]
pub struct Conflicts {
    pub(in crate::app) spans: VecDeque<ConflictSpan>,
    /// How many sure conflicts there were.
    pub count: u64,
    /// How many alarms there were: sure conflicts and possible ones.
    alarms: u64,
    /// How many of them the user has acknowledged.
    acknowledged: u64,
}

impl Conflicts {
    /// The newest conflict that was not acknowledged; a sure one before a possible one.
    #[must_use]
    pub(crate) fn pending(&self) -> Option<&ConflictSpan> {
        let newest = |certainty| {
            let wanted = Overlap::Conflict(certainty);
            self.spans.iter().rev().find(|span| span.alarm > self.acknowledged && span.overlap == wanted)
        };
        newest(Certainty::Sure).or_else(|| newest(Certainty::Possible))
    }

    /// How many alarms were not acknowledged.
    #[must_use]
    pub(in crate::app) fn unseen(&self) -> u64 {
        self.alarms - self.acknowledged
    }

    /// Takes the conflicts seen so far for known.
    pub(in crate::app) fn acknowledge(&mut self) {
        self.acknowledged = self.alarms;
    }

    /// Since when a conflict of that certainty goes on in the junction of `light`.
    #[must_use]
    pub(super) fn since(&self, light: &LightId, certainty: Certainty) -> Option<u64> {
        let here = |span: &&ConflictSpan| {
            span.until_ms.is_none()
                && span.overlap == Overlap::Conflict(certainty)
                && span.lights.iter().any(|of| of.junction == light.junction)
        };
        self.spans.iter().filter(here).map(|span| span.from_ms).min()
    }

    /// Returns whether that is news.
    pub(super) fn begin(&mut self, lights: &[LightId], certainty: Certainty, since_ms: u64) -> bool {
        let overlap = Overlap::Conflict(certainty);
        let open = self.open(lights);
        // A resync repeats what is known.
        if open.as_ref().is_some_and(|span| span.overlap == overlap) {
            return false;
        }
        // What may have been a conflict turns out to be one.
        if let Some(span) = open {
            span.until_ms = Some(since_ms.max(span.from_ms));
        }
        self.alarms += 1;
        self.count += u64::from(certainty == Certainty::Sure);
        self.push(lights, overlap, since_ms, None, self.alarms);
        true
    }

    pub(super) fn end(&mut self, lights: &[LightId], lasted_ms: u64) {
        if let Some(span) = self.open(lights) {
            span.until_ms = Some(span.from_ms + lasted_ms);
        }
    }

    pub(super) fn glitch(&mut self, lights: &[LightId], since_ms: u64, lasted_ms: u64) {
        self.push(lights, Overlap::Glitch, since_ms, Some(since_ms + lasted_ms), 0);
    }

    fn open(&mut self, lights: &[LightId]) -> Option<&mut ConflictSpan> {
        self.spans.iter_mut().rev().find(|span| span.until_ms.is_none() && span.lights == lights)
    }

    fn push(
        &mut self,
        lights: &[LightId],
        overlap: Overlap,
        from_ms: u64,
        until_ms: Option<u64>,
        alarm: u64,
    ) {
        let span = ConflictSpan { lights: lights.to_vec(), overlap, from_ms, until_ms, alarm };
        push_keeping_open(&mut self.spans, span, MAX_MARKS, |span| span.until_ms.is_some());
    }
}
