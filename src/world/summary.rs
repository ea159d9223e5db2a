//! What a run comes to, folded from its events.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use serde::Serialize;
use traffic_light::Aspect;

use super::event::{Certainty, Event, EventKind, Layer};
use crate::model::LightId;

/// The figures of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Sure conflicts that the monitor reported.
    pub conflicts: u64,
    /// Conflicts that may have been, and did not turn out to be sure.
    pub possible_conflicts: u64,
    /// Overlaps too short to count as a conflict.
    pub glitches: u64,
    /// Greens shown, by light.
    pub greens: BTreeMap<String, u64>,
    /// Sessions got, by light.
    pub joins: BTreeMap<String, u64>,
    /// Messages ignored.
    pub ignored: u64,
    /// Events that were lost before they were counted: where there are any, the other figures lack them.
    pub lost: u64,
    /// From the publishing of an end of right of way to its receipt by a waiting light.
    pub reaction_ms: Option<Reaction>,
}

/// Percentiles of the reaction, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reaction {
    /// How many were measured.
    pub count: usize,
    /// Half were no longer.
    pub p50: f64,
    /// Of a hundred, 99 were no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Collects the figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    summary: Summary,
    reactions: Vec<Duration>,
    /// What each light showed last: a resync tells it again.
    shown: HashMap<LightId, Aspect>,
    /// The lights of possible conflicts that go on.
    maybe: BTreeSet<Vec<LightId>>,
}

impl Tally {
    /// Takes one event into account.
    pub fn count(&mut self, event: &Event) {
        match &event.kind {
            EventKind::LightAdded { light, .. } => {
                self.summary.greens.entry(light.to_string()).or_default();
                self.summary.joins.entry(light.to_string()).or_default();
            }
            EventKind::AspectChanged { light, aspect } => {
                let last = self.shown.insert(light.clone(), *aspect);
                if last != Some(Aspect::Green) && *aspect == Aspect::Green {
                    add(&mut self.summary.greens, light);
                }
            }
            EventKind::LinkChanged { light, layer: Layer::Mqtt, up: true, .. } => {
                add(&mut self.summary.joins, light);
            }
            EventKind::ConflictBegan { lights, certainty: Certainty::Sure, .. } => {
                self.summary.conflicts += 1;
                if self.maybe.remove(lights) {
                    self.summary.possible_conflicts -= 1;
                }
            }
            EventKind::ConflictBegan { lights, certainty: Certainty::Possible, .. } => {
                self.summary.possible_conflicts += 1;
                self.maybe.insert(lights.clone());
            }
            EventKind::ConflictEnded { lights, .. } => {
                self.maybe.remove(lights);
            }
            EventKind::GlitchSeen { .. } => self.summary.glitches += 1,
            EventKind::MessageIgnored { more, .. } => self.summary.ignored += (*more).max(1),
            EventKind::Reacted { took, .. } => self.reactions.push(*took),
            _ => {}
        }
    }

    /// So many events were lost, and are not in the figures.
    pub fn miss(&mut self, lost: u64) {
        self.summary.lost += lost;
    }

    /// Lets the reactions so far not count, as those of a start do not.
    pub fn forget_reactions(&mut self) {
        self.reactions.clear();
    }

    /// Takes the figures of another run in.
    pub fn add(&mut self, other: Tally) {
        let Summary { conflicts, possible_conflicts, glitches, greens, joins, ignored, lost, reaction_ms: _ } =
            other.summary;
        self.summary.conflicts += conflicts;
        self.summary.possible_conflicts += possible_conflicts;
        self.summary.glitches += glitches;
        self.summary.ignored += ignored;
        self.summary.lost += lost;
        for (sums, counts) in [(&mut self.summary.greens, greens), (&mut self.summary.joins, joins)] {
            for (light, count) in counts {
                *sums.entry(light).or_default() += count;
            }
        }
        self.reactions.extend(other.reactions);
    }

    /// The figures so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary { reaction_ms: percentiles(self.reactions.clone()), ..self.summary.clone() }
    }
}

fn add(counts: &mut BTreeMap<String, u64>, light: &LightId) {
    *counts.entry(light.to_string()).or_default() += 1;
}

/// Nearest-rank percentiles; `None` where nothing was measured.
fn percentiles(mut measured: Vec<Duration>) -> Option<Reaction> {
    measured.sort_unstable();
    let at = |share: usize| {
        let rank = (measured.len() * share).div_ceil(100).max(1);
        measured.get(rank - 1).map(|took| took.as_secs_f64() * 1_000.0)
    };
    Some(Reaction { count: measured.len(), p50: at(50)?, p99: at(99)?, max: at(100)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank_and_none_of_nothing() {
        assert_eq!(percentiles(Vec::new()), None);
        let hundred: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        let expected = Reaction { count: 100, p50: 50.0, p99: 99.0, max: 100.0 };
        assert_eq!(percentiles(hundred), Some(expected));
        let one = percentiles(vec![Duration::from_micros(250)]).unwrap();
        assert_eq!((one.p50, one.p99, one.max), (0.25, 0.25, 0.25));
    }
}
