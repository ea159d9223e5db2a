//! What has happened in a run, in the form that expectations and pictures ask about.

use std::{collections::BTreeMap, time::Duration};

use traffic_light::{Aspect, Rule};

use crate::{
    fault::Fault,
    model::{LightId, LightKind},
    world::{
        Event, EventKind,
        event::{Certainty, Ignorer, Layer, Severity},
        monitor::GLITCH_BELOW,
    },
};

/// Things that are kept of one run; a run in which more happens is not judged. Far above what the
/// longest scenario of all lights makes, and far below the memory of any computer.
const MOST_KEPT: usize = 2_000_000;

/// A run so far, folded from its events.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Each light of which anything was told.
    pub lights: BTreeMap<LightId, LightRecord>,
    /// Faults, in the order of their start.
    pub faults: Vec<FaultSpan>,
    /// Conflicts, in the order of their start.
    pub conflicts: Vec<ConflictSpan>,
    /// Overlaps too short to count as conflicts, in the order of their start.
    pub glitches: Vec<ConflictSpan>,
    /// Reactions, in their order.
    pub reactions: Vec<Reacted>,
    /// Messages that were ignored, in their order.
    pub ignored: Vec<Ignored>,
    /// When the broker came (`true`) and went.
    pub broker: Vec<(Duration, bool)>,
    /// Warnings and errors, in their order.
    pub notices: Vec<(Duration, String)>,
    /// Up to when everything is known.
    pub reached: Duration,
    /// Why something may be missing; `None` where all is there.
    pub incomplete: Option<String>,
    kept: usize,
}

/// What happened to one light.
#[derive(Clone, Debug, Default)]
pub struct LightRecord {
    /// Virtual, board or foreign, as last told.
    pub kind: Option<LightKind>,
    /// The rule that it follows.
    pub rule: Option<Rule>,
    /// What it shows from when on.
    pub aspects: Vec<(Duration, Aspect)>,
    /// How the layers of its link came and went.
    pub links: Vec<LinkChange>,
}

/// A layer of a link came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkChange {
    /// When.
    pub at: Duration,
    pub layer: Layer,
    /// Whether it carries since then.
    pub up: bool,
    /// Why, in a person's words.
    pub reason: String,
}

/// A fault from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSpan {
    pub fault: Fault,
    /// When it was injected.
    pub from: Duration,
    /// When it ended; `None` while it lasts.
    pub until: Option<Duration>,
}

/// A conflict from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictSpan {
    /// The lights with right of way at once, sorted.
    pub lights: Vec<LightId>,
    /// How sure that is.
    pub certainty: Certainty,
    /// When it began.
    pub from: Duration,
    /// When it ended; `None` while it lasts.
    pub until: Option<Duration>,
}

/// A light flashed amber while another of its junction had right of way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsafeSpan {
    pub flashing: LightId,
    /// The light that had right of way.
    pub going: LightId,
    /// From when both did.
    pub from: Duration,
    /// Until when both did.
    pub until: Duration,
}

/// A waiting light heard that another had ended its right of way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reacted {
    /// When it heard it.
    pub at: Duration,
    /// The light that heard it.
    pub to: LightId,
    /// How long that took.
    pub took: Duration,
}

/// A message that was counted and otherwise ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// When.
    pub at: Duration,
    /// Whose topic it came on.
    pub light: Option<LightId>,
    /// Which light ignored it; `None`: the observer, for all.
    pub by: Option<LightId>,
    /// Why, in a person's words.
    pub reason: String,
    /// How many it stands for.
    pub count: u64,
}

impl Record {
    /// Takes one event in. What is told again changes nothing.
    pub fn see(&mut self, event: &Event) {
        let at = event.at;
        self.reached = self.reached.max(at);
        if self.kept >= MOST_KEPT {
            self.miss(
                "more happened than can be kept (help: play a shorter scenario, or one with fewer lights)",
            );
            return;
        }
        let before = self.told();
        match &event.kind {
            EventKind::LightAdded { light, kind, rule, .. } => {
                let known = self.lights.entry(light.clone()).or_default();
                (known.kind, known.rule) = (Some(*kind), Some(*rule));
            }
            EventKind::AspectChanged { light, aspect } => {
                let aspects = &mut self.lights.entry(light.clone()).or_default().aspects;
                if aspects.last().is_none_or(|(_, last)| last != aspect) {
                    aspects.push((at, *aspect));
                    self.kept += 1;
                }
            }
            EventKind::LinkChanged { light, layer, up, reason } => {
                let links = &mut self.lights.entry(light.clone()).or_default().links;
                let last = links.iter().rev().find(|change| change.layer == *layer);
                if last.is_none_or(|last| last.up != *up) {
                    links.push(LinkChange { at, layer: *layer, up: *up, reason: reason.clone() });
                    self.kept += 1;
                }
            }
            EventKind::FaultChanged { fault, on } => self.see_fault(at, fault, *on),
            EventKind::ConflictBegan { lights, certainty, since, .. } => {
                match self.open_conflict(lights) {
                    // What was possible has turned out to be so.
                    Some(span) => span.certainty = span.certainty.max(*certainty),
                    None => self.conflicts.push(ConflictSpan {
                        lights: lights.clone(),
                        certainty: *certainty,
                        from: *since,
                        until: None,
                    }),
                }
            }
            EventKind::ConflictEnded { lights, certainty, lasted, at_most } => {
                if let Some(span) = self.open_conflict(lights) {
                    span.certainty = *certainty;
                    span.until = Some(span.from + *(lasted.max(at_most)));
                }
            }
            EventKind::GlitchSeen { lights, since, at_most, .. } => self.glitches.push(ConflictSpan {
                lights: lights.clone(),
                certainty: Certainty::Possible,
                from: *since,
                until: Some(*since + *at_most),
            }),
            EventKind::Reacted { to, took, .. } => {
                self.reactions.push(Reacted { at, to: to.clone(), took: *took });
            }
            EventKind::MessageIgnored { light, by, reason, more } => {
                let by = match by {
                    Ignorer::Light(light) => Some(light.clone()),
                    Ignorer::Observer => None,
                };
                let (count, light) = ((*more).max(1), light.clone());
                self.ignored.push(Ignored { at, light, by, reason: reason.clone(), count });
            }
            EventKind::BrokerStarted { .. } => self.see_broker(at, true),
            EventKind::BrokerStopped { .. } => self.see_broker(at, false),
            EventKind::Noticed { severity: Severity::Warning | Severity::Error, text, .. } => {
                self.notices.push((at, text.clone()));
            }
            _ => {}
        }
        self.kept += self.told() - before;
    }

    /// Time has passed up to `at`, and everything up to there has been seen.
    pub fn reach(&mut self, at: Duration) {
        self.reached = self.reached.max(at);
    }

    /// Something was not seen.
    pub fn miss(&mut self, why: impl Into<String>) {
        self.incomplete.get_or_insert_with(|| why.into());
    }

    /// When lights flashed amber while others of their junction had right of way, in the order of its start.
    /// Less than a glitch does not count: lamps that switch one after the other.
    #[must_use]
    pub fn unsafe_flashing(&self) -> Vec<UnsafeSpan> {
        let end = self.reached;
        let mut found = Vec::new();
        for (flashing, record) in &self.lights {
            let flashes = || record.spans(end).filter(|(.., aspect)| *aspect == Aspect::FlashingAmber);
            if flashes().next().is_none() {
                continue;
            }
            let others = self.lights.iter().filter(|(other, _)| other.junction == flashing.junction);
            for (going, other) in others.filter(|(other, _)| *other != flashing) {
                let goes = other.goes(end);
                for (from, until, _) in flashes() {
                    let first = goes.partition_point(|(_, go_until)| *go_until <= from);
                    for (go_from, go_until) in
                        goes.iter().skip(first).take_while(|(go_from, _)| *go_from < until)
                    {
                        let (from, until) = (from.max(*go_from), until.min(*go_until));
                        if until.saturating_sub(from) >= GLITCH_BELOW {
                            let (flashing, going) = (flashing.clone(), going.clone());
                            found.push(UnsafeSpan { flashing, going, from, until });
                        }
                    }
                }
            }
        }
        found.sort_by_key(|span| span.from);
        found
    }

    /// When it was noted last that a light's session came (`true`) or went, light by light.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (&LightId, Duration, bool)> {
        self.lights.iter().filter_map(|(light, record)| {
            let change = record.links.iter().rev().find(|change| change.layer == Layer::Mqtt)?;
            Some((light, change.at, change.up))
        })
    }

    fn see_fault(&mut self, at: Duration, fault: &Fault, on: bool) {
        let open = self.faults.iter_mut().rev();
        let open = open.into_iter().find(|span| span.until.is_none() && span.fault.is_replaced_by(fault));
        match (open, on) {
            (Some(span), true) if span.fault == *fault => {}
            (Some(span), on) => {
                span.until = Some(at);
                if on {
                    self.faults.push(FaultSpan { fault: fault.clone(), from: at, until: None });
                }
            }
            (None, true) => self.faults.push(FaultSpan { fault: fault.clone(), from: at, until: None }),
            (None, false) => {}
        }
    }

    fn open_conflict(&mut self, lights: &[LightId]) -> Option<&mut ConflictSpan> {
        self.conflicts.iter_mut().rev().find(|span| span.until.is_none() && span.lights == lights)
    }

    fn see_broker(&mut self, at: Duration, up: bool) {
        if self.broker.last().is_none_or(|(_, last)| *last != up) {
            self.broker.push((at, up));
        }
    }

    /// How much is kept besides what belongs to single lights.
    fn told(&self) -> usize {
        self.faults.len()
            + self.conflicts.len()
            + self.glitches.len()
            + self.reactions.len()
            + self.ignored.len()
            + self.broker.len()
            + self.notices.len()
    }
}

impl LightRecord {
    /// What it shows at `at`; `None` where nothing was told of it by then.
    #[must_use]
    pub fn aspect_at(&self, at: Duration) -> Option<Aspect> {
        let index = self.aspects.partition_point(|(since, _)| *since <= at);
        self.aspects.get(index.checked_sub(1)?).map(|(_, aspect)| *aspect)
    }

    /// What it shows from when to when, up to `end`.
    pub fn spans(&self, end: Duration) -> impl Iterator<Item = (Duration, Duration, Aspect)> {
        let ends = self.aspects.iter().skip(1).map(|(at, _)| *at).chain([end]);
        self.aspects.iter().zip(ends).map(|((from, aspect), until)| (*from, until, *aspect))
    }

    /// From when to when it had right of way, up to `end`.
    #[must_use]
    pub fn goes(&self, end: Duration) -> Vec<(Duration, Duration)> {
        let mut goes: Vec<(Duration, Duration)> = Vec::new();
        for (from, until, _) in self.spans(end).filter(|(.., aspect)| aspect.is_go()) {
            match goes.last_mut() {
                Some((_, last)) if *last == from => *last = until,
                _ => goes.push((from, until)),
            }
        }
        goes
    }

    /// When it began to show `aspect`, again and again.
    pub fn began(&self, aspect: Aspect) -> impl Iterator<Item = Duration> {
        self.aspects.iter().filter(move |(_, shown)| *shown == aspect).map(|(at, _)| *at)
    }

    /// When it got a session, again and again.
    pub fn joins(&self) -> impl Iterator<Item = Duration> {
        self.links.iter().filter(|change| change.layer == Layer::Mqtt && change.up).map(|change| change.at)
    }
}
