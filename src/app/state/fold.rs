//! How each event changes what the window knows.

use std::time::Duration;

use super::{Broker, Category, Flight, ForeignState, Junction, LightState, Message, State, order};
use crate::{
    app::labels,
    fault::{Fault, LightFault},
    model::LightId,
    world::{
        Event, EventKind,
        event::{Certainty, Ignorer, Layer, TopicKind},
    },
};

impl State {
    pub fn apply(&mut self, event: &Event) {
        let at = milliseconds(event.at);
        self.latest_ms = self.latest_ms.max(at);
        match &event.kind {
            EventKind::LightAdded { light, kind, rule, keyed } => {
                let place = match self
                    .junctions
                    .binary_search_by(|known| order::by_number(&known.name, &light.junction))
                {
                    Ok(place) => place,
                    Err(place) => {
                        self.junctions.insert(place, Junction::new(light.junction.clone(), *rule, *keyed));
                        place
                    }
                };
                let junction = &mut self.junctions[place];
                (junction.rule, junction.keyed) = (*rule, *keyed);
                junction.insert(LightState::new(light.clone(), *kind, at));
            }
            EventKind::ForeignMapped { light, foreign } => {
                let Some(known) = self.light_mut(light) else { return };
                if known.foreign.as_ref().is_none_or(|known| known.foreign != **foreign) {
                    known.foreign = Some(Box::new(ForeignState::new((**foreign).clone())));
                }
            }
            EventKind::Surveyed(survey) => self.survey = Some(survey.clone()),
            EventKind::BrokerStarted { address, embedded, open, note } => {
                let (address, embedded, open, note) = (address.clone(), *embedded, *open, note.clone());
                let now = Broker::Running { address: address.clone(), embedded, open, note: note.clone() };
                if self.broker != now {
                    let place = if embedded { "broker in this program" } else { "broker" };
                    let note = note.as_deref().map(|note| format!("; {note}")).unwrap_or_default();
                    let address = match address.strip_prefix("0.0.0.0:") {
                        Some(port) => format!("port {port} of this computer"),
                        None => address.clone(),
                    };
                    let text = match note.as_str() {
                        "; simulated" => "The simulated broker answers".to_owned(),
                        note => format!("The {place} answers at {address}{note}"),
                    };
                    self.log.add(at, Category::Link, None, "", text);
                    self.broker = now;
                }
            }
            EventKind::LightRemoved { light } => {
                if self.junction_mut(light).is_some_and(|junction| junction.remove(light)) {
                    let text = "does not run here any more";
                    self.log.add(at, Category::Light, Some(light.clone()), "", text);
                }
            }
            EventKind::BrokerStopped { reason } => {
                let reason = reason.clone();
                // One in this program has run before it stops, and another one is tried from the start.
                let here =
                    matches!(self.broker, Broker::Running { embedded: true, .. } | Broker::Stopped { .. });
                let (text, now) = if here {
                    (format!("The broker has stopped: {reason}"), Broker::Stopped { reason })
                } else {
                    (format!("Not connected to the broker: {reason}"), Broker::Unreachable { reason })
                };
                if self.broker != now {
                    self.log.add(at, Category::Link, None, "", text);
                    self.broker = now;
                }
            }
            EventKind::AspectChanged { light, aspect } => {
                if self.light_mut(light).is_some_and(|known| known.show(*aspect, at)) {
                    let text = labels::shows(*aspect);
                    self.log.add(at, Category::Light, Some(light.clone()), "", text);
                }
            }
            EventKind::LightReported { light, view, counters } => {
                if let Some(known) = self.light_mut(light) {
                    known.view = Some(view.clone());
                    known.counters = *counters;
                }
            }
            EventKind::PresenceChanged { light, online, about } => {
                self.presence_changed(at, light, *online, about);
            }
            EventKind::LinkChanged { light, layer, up, reason } => {
                let Some(known) = self.light_mut(light) else { return };
                let state = known.layer_mut(*layer);
                if state.up == Some(*up) && *state.reason == **reason {
                    return;
                }
                if !*up && *layer == Layer::Tcp {
                    known.last_end = Some((at, reason.as_str().into()));
                }
                let state = known.layer_mut(*layer);
                *state = super::LayerState { up: Some(*up), reason: reason.as_str().into(), since_ms: at };
                let name = labels::layer(*layer);
                let text = format!("{name} {}: {reason}", if *up { "up" } else { "down" });
                self.log.add(at, Category::Link, Some(light.clone()), "", text);
            }
            EventKind::FaultChanged { fault, on } => self.fault_changed(at, fault, *on),
            EventKind::ChaosChanged { seed } => {
                if self.chaos != *seed {
                    self.chaos = *seed;
                    let text = match seed {
                        Some(seed) => format!("Chaos started with seed {seed}"),
                        None => "Chaos stopped, and its faults were cleared".to_owned(),
                    };
                    self.log.add(at, Category::Fault, None, "", text);
                }
            }
            EventKind::MessagePassed { light, topic, payload, retained } => {
                self.messages += 1;
                self.rate.count(at);
                let lead = topic_word(*topic);
                self.log.add(
                    at,
                    Category::Message,
                    Some(light.clone()),
                    lead,
                    super::Text::Shared(payload.clone()),
                );
                let Some(junction) = self.junction_mut(light) else { return };
                if !*retained {
                    junction.add_flight(Flight { at_ms: at, from: light.light.clone(), topic: *topic });
                }
                if let Some(known) = junction.light_mut(light) {
                    known.add_message(Message {
                        at_ms: at,
                        topic: *topic,
                        payload: payload.clone(),
                        retained: *retained,
                    });
                }
            }
            EventKind::TopicHeard { topic, payload, bytes, retained, qos } => {
                let (payload, bytes, retained, qos) = (payload.clone(), *bytes, *retained, *qos);
                let value = super::Value { at_ms: at, payload, bytes, retained, qos };
                let lights = self.junctions.iter_mut().flat_map(|junction| &mut junction.lights);
                for foreign in lights.filter_map(|light| light.foreign.as_mut()) {
                    foreign.heard(topic, &value);
                }
                self.topics.heard(topic, value);
            }
            EventKind::PacketSeen { light, connection: _, text, untold } => {
                if let Some(known) = self.light_mut(light) {
                    known.add_packet(super::SeenPacket { at_ms: at, text: text.clone(), untold: *untold });
                }
            }
            EventKind::MessageIgnored { light, by, reason, more } => {
                self.ignored += (*more).max(1);
                let text = match (by, more) {
                    (Ignorer::Light(by), 0) => format!("{by} ignored a message: {reason}"),
                    (Ignorer::Observer, 0) => format!("A message was ignored: {reason}"),
                    (Ignorer::Light(by), more) => format!("{by} ignored {more} more, the last one: {reason}"),
                    (Ignorer::Observer, more) => format!("{more} more were ignored, the last one: {reason}"),
                };
                self.log.add(at, Category::Notice, light.clone(), "", text);
            }
            EventKind::ConflictBegan { lights, certainty, since, cause } => {
                if self.conflicts.begin(lights, *certainty, milliseconds(*since)) {
                    let (lead, text) = labels::conflict_began(lights, *certainty);
                    let text = match cause {
                        Some(cause) => format!("{text} (cause: {})", cause.sentence()),
                        None => text,
                    };
                    self.log.add(at, Category::Conflict, None, lead, text);
                }
                self.mark_conflict(lights);
            }
            EventKind::ConflictEnded { lights, certainty, lasted, at_most } => {
                let shown = if *certainty == Certainty::Sure { lasted } else { at_most };
                self.conflicts.end(lights, milliseconds(*shown));
                self.mark_conflict(lights);
                let (lead, text) = labels::conflict_ended(lights, *certainty, *lasted, *at_most);
                self.log.add(at, Category::Conflict, None, lead, text);
            }
            EventKind::GlitchSeen { lights, since, lasted, .. } => {
                self.conflicts.glitch(lights, milliseconds(*since), milliseconds(*lasted));
                let text = labels::glitch(lights, *lasted);
                self.log.add(at, Category::Conflict, None, "Glitch:", text);
            }
            EventKind::TwinChanged { light, aspect } => {
                let differed = self.light_mut(light).is_some_and(|known| {
                    known.twin = *aspect;
                    aspect.is_none() && known.differs_since_ms.take().is_some()
                });
                if differed {
                    let text = "is not heard any more: its twin cannot tell".to_owned();
                    self.log.add(at, Category::Notice, Some(light.clone()), "", text);
                }
            }
            EventKind::TwinDiffers { light, board, twin } => {
                if let Some(known) = self.light_mut(light) {
                    known.differs_since_ms = Some(at);
                }
                let text = format!("{}, but its twin {}", labels::shows(*board), labels::shows(*twin));
                self.log.add(at, Category::Notice, Some(light.clone()), "", text);
            }
            EventKind::TwinAgrees { light, lasted } => {
                if let Some(known) = self.light_mut(light) {
                    known.differs_since_ms = None;
                }
                let text = format!("and its twin agree again, after {:.1} s", lasted.as_secs_f32());
                self.log.add(at, Category::Notice, Some(light.clone()), "", text);
            }
            EventKind::Reacted { from: _, to, took } => {
                let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                if let Some(known) = self.light_mut(to) {
                    known.reacted(took_us);
                }
            }
            EventKind::RecordingChanged { file } => {
                if self.recording != *file {
                    let text = match file {
                        Some(file) => format!("Recording to {file}"),
                        None => "Recording ended".to_owned(),
                    };
                    self.log.add(at, Category::Notice, None, "", text);
                    self.recording.clone_from(file);
                }
            }
            EventKind::Noticed { severity, light, text } => {
                self.note(at, *severity, light.clone(), text.clone());
            }
            EventKind::Stopped => {
                self.stopped = true;
                self.log.add(at, Category::Link, None, "", "The world has stopped");
            }
        }
    }

    fn presence_changed(
        &mut self,
        at: u64,
        light: &LightId,
        online: bool,
        about: &Option<crate::world::event::About>,
    ) {
        let Some(known) = self.light_mut(light) else { return };
        let news = known.online != Some(online);
        known.online = Some(online);
        if about.is_some() {
            known.about.clone_from(about);
        }
        if news {
            let text = if online { "is online" } else { "is offline, says the broker" };
            self.log.add(at, Category::Light, Some(light.clone()), "", text);
        }
    }

    fn fault_changed(&mut self, at: u64, fault: &Fault, on: bool) {
        if let Some(known) = fault.light().and_then(|light| self.light_mut(light)) {
            match fault {
                Fault::Light { fault: LightFault::WifiDown(_), .. } => known.wifi_cut = on,
                Fault::Light { fault: LightFault::Silence(_), .. } => known.silenced = on,
                Fault::Light { fault: LightFault::Suspend(_), .. } => known.suspended = on,
                _ => {}
            }
        }
        if self.mark_fault(fault, on, at) {
            let text = fault.log(on);
            self.log.add(at, Category::Fault, fault.light().cloned(), "", text);
        }
    }

    fn junction_mut(&mut self, light: &LightId) -> Option<&mut Junction> {
        let place = self.place_of(&light.junction)?;
        self.junctions.get_mut(place)
    }

    fn light_mut(&mut self, light: &LightId) -> Option<&mut LightState> {
        self.junction_mut(light)?.light_mut(light)
    }

    fn mark_conflict(&mut self, lights: &[LightId]) {
        let Some(light) = lights.first() else { return };
        let sure = self.conflicts.since(light, Certainty::Sure);
        let possible = self.conflicts.since(light, Certainty::Possible);
        if let Some(junction) = self.junction_mut(light) {
            (junction.conflict_since_ms, junction.maybe_since_ms) = (sure, possible);
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn topic_word(topic: TopicKind) -> &'static str {
    match topic {
        TopicKind::State => "state",
        TopicKind::Status => "status",
        TopicKind::Command => "cmd",
    }
}
