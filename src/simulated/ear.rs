//! The world's own ear at the broker: it hears every message at the moment at which the broker
//! does, and tells what the live world's observer tells.

use std::{collections::VecDeque, time::Duration};

use simulation::Rng;
use traffic_light::{Key, Name, Status, Word, command::Command as Wired};

use crate::{
    fault::Micros,
    model::LightId,
    world::{
        Event, EventKind,
        event::{About, Ignorer, Severity, TopicKind},
        ledger::Ledger,
        shortened,
        topics::Topics,
    },
};

/// What is true, and what was told of it.
pub(super) struct Ear {
    pub(super) ledger: Ledger,
    pub(super) topics: Topics,
    pub(super) detailed: bool,
    /// The key of each junction, where it has one.
    keys: Vec<(Name, Option<Key>)>,
    events: VecDeque<Event>,
}

impl Ear {
    pub(super) fn new(topics: Topics, keys: Vec<(Name, Option<Key>)>, detailed: bool) -> Ear {
        Ear { ledger: Ledger::default(), topics, detailed, keys, events: VecDeque::new() }
    }

    pub(super) fn tell(&mut self, now: Micros, kind: EventKind) {
        self.events.push_back(Event { at: at(now), kind });
    }

    pub(super) fn news(&mut self, now: Micros, kind: Option<EventKind>) {
        if let Some(kind) = kind {
            self.tell(now, kind);
        }
    }

    pub(super) fn notice(
        &mut self,
        now: Micros,
        severity: Severity,
        light: Option<&LightId>,
        text: impl Into<String>,
    ) {
        self.tell(now, EventKind::Noticed { severity, light: light.cloned(), text: text.into() });
    }

    pub(super) fn next(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When the first event was that nobody has taken yet.
    pub(super) fn first_at(&self) -> Option<Duration> {
        self.events.front().map(|event| event.at)
    }

    pub(super) fn aspect_changed(&mut self, now: Micros, light: &LightId, aspect: traffic_light::Aspect) {
        let Ear { ledger, events, .. } = self;
        ledger.aspect_changed(at(now), light, aspect, |kind| events.push_back(Event { at: at(now), kind }));
    }

    /// When the monitor has something to say though no light changes.
    pub(super) fn judges_us(&self) -> Option<Micros> {
        self.ledger.due_at().map(|due| Micros::try_from(due.as_micros()).unwrap_or(Micros::MAX))
    }

    /// Lets the monitor judge what time alone has made of it.
    pub(super) fn judge(&mut self, now: Micros) {
        let Ear { ledger, events, .. } = self;
        ledger.check(at(now), |kind| events.push_back(Event { at: at(now), kind }));
    }

    /// Tells all that is true once more.
    pub(super) fn resync(&mut self, now: Micros) {
        let Ear { ledger, events, .. } = self;
        ledger.present(|kind| events.push_back(Event { at: at(now), kind }));
    }

    /// A message passes the broker.
    pub(super) fn hear(&mut self, now: Micros, topic: &str, payload: &[u8], retained: bool, qos: u8) {
        // Where nobody looks at single messages, only what a light says of itself is news.
        if !self.detailed && !topic.ends_with("/status") {
            return;
        }
        let text = self.detailed.then(|| shortened(payload));
        if let (Some(payload_text), true) = (&text, self.topics.are_below_root(topic)) {
            let (topic, shown, bytes) = (topic.into(), payload_text.clone(), payload.len());
            self.tell(now, EventKind::TopicHeard { topic, payload: shown, bytes, retained, qos: qos.min(1) });
        }
        let Some((light, kind)) = self.topics.parse(topic) else { return };
        let Some((_, key)) = self.keys.iter().find(|(junction, _)| *junction == light.junction) else {
            return;
        };
        let key = key.clone();
        if let Some(payload) = text {
            self.tell(now, EventKind::MessagePassed { light: light.clone(), topic: kind, payload, retained });
        }
        let heard = match kind {
            TopicKind::State => Word::decode(topic, payload, key.as_ref()).map(|_| ()),
            TopicKind::Command => Wired::decode(topic, payload, key.as_ref()).map(|_| ()),
            TopicKind::Status => Status::decode(topic, payload, key.as_ref()).map(|status| {
                let about = status.online.then(|| About::from(&status));
                let changed = self.ledger.presence_changed(&light, status.online, about);
                self.news(now, changed);
            }),
        };
        if let Err(reason) = heard {
            let reason = format!("a message on {topic}: {reason}");
            self.tell(now, EventKind::MessageIgnored { light: Some(light), by: Ignorer::Observer, reason });
        }
    }
}

/// A moment of the simulation as a face knows it.
pub(super) fn at(now: Micros) -> Duration {
    Duration::from_micros(now)
}

/// 32 random bits.
pub(super) fn random_u32(rng: &mut Rng) -> u32 {
    u32::try_from(rng.draw() >> 32).unwrap_or_default()
}
