//! What a light and its partner show at this moment, and what is done to their link: a fold of the record.

use std::collections::BTreeMap;

use super::{
    history::History,
    record::{BenchFault, Payload, Record, What, Who},
    vocabulary::Shown,
};

/// The present moment of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// What the light said last, as far as it was understood; `None` before.
    pub light: Option<Shown>,
    /// What the partner shows; `None`: it is not there.
    pub partner: Option<Shown>,
    pub faults: Vec<BenchFault>,
    /// How often the light's connections were reset.
    pub resets: u32,
    /// How often the light spoke, and its partner.
    pub words: (u64, u64),
    /// The open connections, and whether they were let in.
    pub open: BTreeMap<u64, bool>,
}

impl Live {
    /// Takes in the entries from `from` on; returns how many there are in all, for the next time.
    pub(super) fn follow(&mut self, record: &Record, from: usize) -> usize {
        let new = record.entries.get(from..).unwrap_or_default();
        if new.is_empty() {
            return record.entries.len();
        }
        let profile = record.profile();
        let understand = |topic: &str, payload: &Payload| {
            profile.filter(|profile| profile.says == topic)?.vocabulary.understand(payload)
        };
        for entry in new {
            match &entry.what {
                What::Opened { c, .. } => _ = self.open.insert(*c, false),
                What::ConnAck { c, code: 0, .. } => _ = self.open.insert(*c, true),
                What::Closed { c, .. } => _ = self.open.remove(c),
                What::Publish { by: Who::Light, topic, payload, .. } => {
                    if let Some(shown) = understand(topic, payload) {
                        self.light = Some(shown);
                        self.words.0 += 1;
                    }
                }
                // What it said before its words were known.
                What::Learned { .. } => self.light = History::of(record).shown_at(u64::MAX),
                What::PartnerSays { shown, .. } => {
                    self.partner = Some(*shown);
                    self.words.1 += 1;
                }
                What::PartnerGone => self.partner = None,
                What::Fault { fault: BenchFault::Reset, on } => self.resets += u32::from(*on),
                What::Fault { fault, on } => {
                    self.faults.retain(|known| known != fault);
                    if *on {
                        self.faults.push(*fault);
                    }
                }
                _ => {}
            }
        }
        record.entries.len()
    }

    /// Whether the light has a connection to its port.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether the broker has let it in.
    #[must_use]
    pub fn has_session(&self) -> bool {
        self.open.values().any(|let_in| *let_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand::{Script, profile};

    #[test]
    fn it_follows_words_connections_and_faults_piece_by_piece() {
        let mut script = Script::learned();
        let mut live = Live::default();
        script.connected(1_000, 30).says(1_100, "red").says(1_200, "hello").partner(1_300, Shown::Green);
        let seen = live.follow(&script.record, 0);
        assert!(live.is_connected() && live.has_session());
        assert_eq!((live.light, live.partner, live.words), (Some(Shown::Red), Some(Shown::Green), (1, 1)));
        script.fault(2_000, BenchFault::Silence, true).says(2_100, "green").fault(
            2_200,
            BenchFault::Reset,
            true,
        );
        let seen = live.follow(&script.record, seen);
        assert_eq!(
            (live.light, &*live.faults, live.resets),
            (Some(Shown::Green), &[BenchFault::Silence][..], 1)
        );
        script
            .fault(3_000, BenchFault::Silence, false)
            .closed(3_100, Who::Light)
            .at(3_200, What::PartnerGone);
        let seen = live.follow(&script.record, seen);
        assert!(!live.is_connected() && live.faults.is_empty() && live.partner.is_none());
        let before = live.clone();
        live.follow(&script.record, seen);
        assert_eq!(live, before, "nothing is counted twice");
    }

    #[test]
    fn what_it_said_before_its_words_were_learned_is_shown_then() {
        let mut script = Script::learned();
        script.record.entries.clear();
        script.connected(1_000, 30).says(1_100, "red");
        let mut live = Live::default();
        let seen = live.follow(&script.record, 0);
        assert_eq!(live.light, None);
        script.at(2_000, What::Learned { profile: profile() });
        live.follow(&script.record, seen);
        assert_eq!(live.light, Some(Shown::Red));
    }
}
