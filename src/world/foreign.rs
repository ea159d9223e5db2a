//! What passes on the topics of foreign lights, as the live and the simulated observer hear it.

use std::{collections::BTreeMap, time::Duration};

use traffic_light::{
    Aspect, Foreign,
    foreign::{Forms, Shown, amber_after},
};

use super::{engine::Engine, event::Ignorer};
use crate::{
    config::Junction,
    model::{LightId, LightKind},
};

/// One foreign light.
struct Watched {
    light: LightId,
    foreign: Foreign,
    /// What its last word counts as.
    means: Aspect,
    /// What it was told last counts as.
    told: Aspect,
    forms: Forms,
    /// When it was last understood; `None` while it is not there.
    heard_at: Option<Duration>,
}

/// Follows all foreign lights of a configuration.
pub(crate) struct ForeignWatch {
    lights: Vec<Watched>,
    /// Whose words a topic has, and whom it tells.
    says: BTreeMap<String, usize>,
    hears: BTreeMap<String, usize>,
}

impl ForeignWatch {
    pub(crate) fn new(junctions: &[Junction]) -> ForeignWatch {
        let mut watch = ForeignWatch { lights: Vec::new(), says: BTreeMap::new(), hears: BTreeMap::new() };
        for junction in junctions {
            for (name, foreign) in junction.foreign_lights() {
                let light = LightId::new(junction.name().clone(), name.clone());
                watch.set_light(&light, Some(foreign.clone()));
            }
        }
        watch
    }

    /// How a light is talked with from now on; `None`: it is no foreign light any more.
    pub(crate) fn set_light(&mut self, light: &LightId, foreign: Option<Foreign>) {
        self.lights.retain(|watched| watched.light != *light);
        self.lights.extend(foreign.map(|foreign| Watched {
            light: light.clone(),
            foreign,
            means: Aspect::Dark,
            told: Aspect::Dark,
            forms: Forms::default(),
            heard_at: None,
        }));
        let places = |topic: fn(&Foreign) -> &str| {
            let lights = self.lights.iter().enumerate();
            lights.map(|(index, watched)| (topic(&watched.foreign).to_owned(), index)).collect()
        };
        (self.says, self.hears) = (places(Foreign::says), places(Foreign::hears));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lights.is_empty()
    }

    /// All topics of foreign lights, each once.
    pub(crate) fn topics(&self) -> Vec<String> {
        let mut topics: Vec<_> = self.says.keys().chain(self.hears.keys()).cloned().collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// Which foreign light says its words on this topic.
    pub(crate) fn who_says(&self, topic: &str) -> Option<&LightId> {
        self.says.get(topic).and_then(|index| self.lights.get(*index)).map(|watched| &watched.light)
    }

    /// Whether this is a word of the foreign light that speaks on this topic.
    pub(crate) fn understands(&self, topic: &str, payload: &[u8]) -> bool {
        let speaker = self.says.get(topic).and_then(|index| self.lights.get(*index));
        speaker.is_some_and(|watched| watched.foreign.understand(payload).is_some())
    }

    /// Whether a foreign light is told on this topic.
    pub(crate) fn is_told(&self, topic: &str) -> bool {
        self.hears.contains_key(topic)
    }

    /// The light that a topic belongs to whose words are counted where they are sent: the partner of a foreign one.
    pub(crate) fn told_by<'a>(
        &self,
        topic: &str,
        junctions: impl Iterator<Item = &'a Junction>,
    ) -> Option<LightId> {
        let told = self.hears.get(topic).and_then(|index| self.lights.get(*index))?;
        let junction = junctions.into_iter().find(|junction| *junction.name() == told.light.junction)?;
        junction.light_ids().find(|light| *light != told.light)
    }

    /// Tells the engine of a message; `false` for one that is on none of these topics.
    pub(crate) fn hear(&mut self, engine: &mut Engine, topic: &str, payload: &[u8], retained: bool) -> bool {
        let (says, hears) = (self.says.get(topic).copied(), self.hears.get(topic).copied());
        if let Some(told) = hears.and_then(|index| self.lights.get_mut(index)) {
            told.is_told(engine, payload);
        }
        if let Some(speaker) = says.and_then(|index| self.lights.get_mut(index)) {
            // Whoever had its name until now may still be saying goodbye.
            if engine.state.knows(&speaker.light) == Some(LightKind::Foreign) {
                speaker.says(engine, topic, payload, retained);
            }
        }
        says.or(hears).is_some()
    }

    /// Tells the engine of the lights that have been silent for too long.
    pub(crate) fn note_silence(&mut self, engine: &mut Engine, now: Duration) {
        for watched in &mut self.lights {
            let lost_after = Duration::from_millis(u64::from(watched.foreign.lost_after_ms()));
            if watched.heard_at.is_some_and(|at| now.saturating_sub(at) >= lost_after) {
                (watched.heard_at, watched.means) = (None, Aspect::Dark);
                engine.state.presence_changed(&watched.light, false, None);
                engine.state.gone(&watched.light);
            }
        }
    }
}

impl Watched {
    fn says(&mut self, engine: &mut Engine, topic: &str, payload: &[u8], retained: bool) {
        let Some(word) = self.foreign.understand(payload) else {
            if self.forms.is_new(payload) {
                let light = Some(self.light.clone());
                let reason = self.not_understood(topic, payload);
                engine.state.ignored(None, light, Ignorer::Observer, reason);
            }
            return;
        };
        // What the broker kept may be years old.
        if retained {
            return;
        }
        if word == Aspect::Dark {
            (self.heard_at, self.means) = (None, Aspect::Dark);
            engine.state.presence_changed(&self.light, false, None);
            return engine.state.foreign_heard(&self.light, word, word);
        }
        self.means = amber_after(self.means, word);
        self.heard_at = Some(engine.state.now());
        engine.state.presence_changed(&self.light, true, None);
        engine.state.foreign_heard(&self.light, word, self.means);
    }

    fn is_told(&mut self, engine: &mut Engine, payload: &[u8]) {
        let Some(word) = self.foreign.understand(payload) else { return };
        self.told = amber_after(self.told, word);
        engine.state.foreign_told(&self.light, self.told.is_go());
    }

    fn not_understood(&self, topic: &str, payload: &[u8]) -> String {
        let words: Vec<_> = self.foreign.words().iter().map(|(_, word)| format!("{word:?}")).collect();
        let place = self.foreign.json().map(|json| format!(" at {} of a JSON object", json.as_str()));
        format!(
            "the foreign light {} said {} on {topic}, which is none of its words (help: let it say {}{}, or add the word to \
             its [[foreign]])",
            self.light,
            Shown::of(payload),
            words.join(", "),
            place.unwrap_or_default()
        )
    }
}
