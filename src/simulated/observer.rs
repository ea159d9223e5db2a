//! The world's own observer at the broker: it hears every message at the moment at which the broker
//! does, and tells what the live world's observer tells.

use std::time::Duration;

use simulation::Rng;
use traffic_light::{Key, Name, PeerMessage, Status, command::Command as LightCommand};

use crate::{
    fault::Micros,
    world::{
        EventKind,
        engine::Engine,
        event::{About, Ignorer, TopicKind},
        foreign::ForeignWatch,
        shortened,
        topics::Topics,
    },
};

/// What is true, and what was told of it.
pub(super) struct Observer {
    pub(super) engine: Engine,
    pub(super) topics: Topics,
    pub(super) detailed: bool,
    /// The key of each junction, where it has one.
    keys: Vec<(Name, Option<Key>)>,
    pub(super) foreign: ForeignWatch,
}

impl Observer {
    pub(super) fn new(
        engine: Engine,
        topics: Topics,
        keys: Vec<(Name, Option<Key>)>,
        foreign: ForeignWatch,
        detailed: bool,
    ) -> Observer {
        Observer { engine, topics, detailed, keys, foreign }
    }

    /// A message on a topic of foreign lights; `false` for any other.
    fn hear_foreign(&mut self, topic: &str, payload: &[u8], retained: bool, qos: u8) -> bool {
        let speaker = self.foreign.who_says(topic).cloned();
        if speaker.is_none() && !self.foreign.is_told(topic) {
            return false;
        }
        if self.detailed {
            let (shown, bytes) = (shortened(payload), payload.len());
            let (topic, payload) = (topic.into(), shown.clone());
            self.engine.state.tell(EventKind::TopicHeard {
                topic,
                payload,
                bytes,
                retained,
                qos: qos.min(1),
            });
            if let Some(light) = speaker {
                let topic = TopicKind::State;
                self.engine.state.tell(EventKind::MessagePassed { light, topic, payload: shown, retained });
            }
        }
        self.foreign.hear(&mut self.engine, topic, payload, retained)
    }

    /// A message passes the broker.
    pub(super) fn hear(&mut self, topic: &str, payload: &[u8], retained: bool, qos: u8) {
        if self.hear_foreign(topic, payload, retained, qos) {
            return;
        }
        // Where nobody looks at single messages, only what a light says of itself is news.
        if !self.detailed && !topic.ends_with("/status") {
            return;
        }
        let text = self.detailed.then(|| shortened(payload));
        if let (Some(payload_text), true) = (&text, self.topics.are_below_root(topic)) {
            let (topic, shown, bytes) = (topic.into(), payload_text.clone(), payload.len());
            self.engine.state.tell(EventKind::TopicHeard {
                topic,
                payload: shown,
                bytes,
                retained,
                qos: qos.min(1),
            });
        }
        let Some((light, kind)) = self.topics.parse(topic) else { return };
        let Some((_, key)) = self.keys.iter().find(|(junction, _)| *junction == light.junction) else {
            return;
        };
        let key = key.clone();
        if let Some(payload) = text {
            self.engine.state.tell(EventKind::MessagePassed {
                light: light.clone(),
                topic: kind,
                payload,
                retained,
            });
        }
        let heard = match kind {
            TopicKind::State => PeerMessage::decode(topic, payload, key.as_ref()).map(|_| ()),
            TopicKind::Command => LightCommand::decode(topic, payload, key.as_ref()).map(|_| ()),
            TopicKind::Status => Status::decode(topic, payload, key.as_ref()).map(|status| {
                let about = status.online.then(|| About::from(&status));
                self.engine.state.presence_changed(&light, status.online, about);
            }),
        };
        if let Err(reason) = heard {
            let reason = format!("a message on {topic}: {reason}");
            self.engine.state.ignored(None, Some(light), Ignorer::Observer, reason);
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
