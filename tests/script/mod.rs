//! A make-believe world for tests of the window: lights that take turns by the clock, obey the
//! window's commands as far as the picture goes, and can be told to conflict.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use traffic_light::{Aspect, Held, Instant, Name, Rule, View, Waiting};
use twinlight::{
    fault::{BrokerDown, Fault, Silence, WifiDown},
    model::{LightId, LightKind},
    world::{
        Command, Event, EventKind,
        event::{Certainty, Counters, Layer, TopicKind},
    },
};

const GO_MS: u64 = 8_000;
const SLOT_MS: u64 = 9_000;
const STEP_MS: u64 = 100;
const LOST_AFTER_MS: u64 = 4_000;

/// The make-believe world.
pub struct Script {
    lights: Vec<Scripted>,
    now_ms: u64,
    broker_down: bool,
    /// Every light of every junction shows green.
    pub reckless: bool,
    conflict: bool,
    faults: Vec<Fault>,
}

struct Scripted {
    id: LightId,
    place: u64,
    of: u64,
    aspect: Option<Aspect>,
    cut_ms: Option<u64>,
    silent: bool,
    sent: u64,
    greens: u64,
}

/// `junction/light` as an id.
pub fn id(text: &str) -> LightId {
    let (junction, light) = text.split_once('/').unwrap();
    LightId::new(Name::new(junction).unwrap(), Name::new(light).unwrap())
}

impl Script {
    /// `junctions` junctions of `lights` lights each; a single one is called `demo`.
    pub fn new(junctions: usize, lights: usize) -> Script {
        let mut all = Vec::new();
        for junction in 0..junctions {
            let name = if junctions == 1 { "demo".to_owned() } else { format!("j-{:03}", junction + 1) };
            for (place, light) in ('a'..='z').take(lights).enumerate() {
                let id = LightId::new(Name::new(&name).unwrap(), Name::new(&light.to_string()).unwrap());
                let (place, of) = (place as u64, lights as u64);
                let place = place + if junctions > 1 { junction as u64 * 3 } else { 0 };
                all.push(Scripted {
                    id,
                    place,
                    of,
                    aspect: None,
                    cut_ms: None,
                    silent: false,
                    sent: 0,
                    greens: 0,
                });
            }
        }
        Script {
            lights: all,
            now_ms: 0,
            broker_down: false,
            reckless: false,
            conflict: false,
            faults: Vec::new(),
        }
    }

    /// What happens first.
    pub fn begin(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for light in &self.lights {
            push(
                &mut events,
                0,
                EventKind::LightAdded {
                    light: light.id.clone(),
                    kind: LightKind::Virtual,
                    rule: Rule::Lease,
                    keyed: true,
                },
            );
        }
        let address = "127.0.0.1:1883".to_owned();
        push(&mut events, 1, EventKind::BrokerStarted { address, embedded: true, open: false, note: None });
        for light in &self.lights {
            for layer in [Layer::Wifi, Layer::Tcp, Layer::Mqtt] {
                push(&mut events, 2, link(&light.id, layer, true, "joined"));
            }
            let light = light.id.clone();
            push(&mut events, 3, EventKind::PresenceChanged { light, online: true, about: None });
        }
        events
    }

    /// Obeys a command of the window.
    pub fn obey(&mut self, command: Command) -> Vec<Event> {
        let (mut events, now) = (Vec::new(), self.now_ms);
        match command {
            Command::SetWifi { light, up } => {
                let known = self.lights.iter_mut().find(|known| known.id == light).unwrap();
                known.cut_ms = (!up).then_some(now);
                push(
                    &mut events,
                    now,
                    EventKind::FaultChanged { fault: Fault::on(light.clone(), WifiDown), on: !up },
                );
                let reason = if up { "joined again" } else { "the access point is gone" };
                for layer in [Layer::Wifi, Layer::Tcp, Layer::Mqtt] {
                    push(&mut events, now, link(&light, layer, up, reason));
                }
                push(&mut events, now, EventKind::PresenceChanged { light, online: up, about: None });
            }
            Command::SetSilence { light, on } => {
                self.lights.iter_mut().find(|known| known.id == light).unwrap().silent = on;
                push(&mut events, now, EventKind::FaultChanged { fault: Fault::on(light, Silence), on });
            }
            Command::InjectFault { fault, .. } => {
                self.faults.push(fault.clone());
                push(&mut events, now, EventKind::FaultChanged { fault, on: true });
            }
            Command::ClearFault(fault) => {
                self.faults.retain(|known| *known != fault);
                push(&mut events, now, EventKind::FaultChanged { fault, on: false });
            }
            Command::ClearFaults => {
                for fault in std::mem::take(&mut self.faults) {
                    push(&mut events, now, EventKind::FaultChanged { fault, on: false });
                }
            }
            Command::StartChaos { seed, .. } => {
                push(&mut events, now, EventKind::ChaosChanged { seed: Some(seed.unwrap_or(4_711)) });
            }
            Command::StopChaos => push(&mut events, now, EventKind::ChaosChanged { seed: None }),
            Command::StartRecording { file: None } => {
                let file = Some("recordings/run-1.jsonl".to_owned());
                push(&mut events, now, EventKind::RecordingChanged { file });
            }
            Command::StopRecording => push(&mut events, now, EventKind::RecordingChanged { file: None }),
            Command::StopBroker => {
                self.broker_down = true;
                push(
                    &mut events,
                    now,
                    EventKind::FaultChanged { fault: Fault::on_broker(BrokerDown), on: true },
                );
                push(&mut events, now, EventKind::BrokerStopped { reason: "asked for".to_owned() });
                for light in &self.lights {
                    for layer in [Layer::Tcp, Layer::Mqtt] {
                        push(&mut events, now, link(&light.id, layer, false, "connection refused"));
                    }
                }
            }
            Command::StartBroker => {
                self.broker_down = false;
                let address = "127.0.0.1:1883".to_owned();
                push(
                    &mut events,
                    now,
                    EventKind::FaultChanged { fault: Fault::on_broker(BrokerDown), on: false },
                );
                push(
                    &mut events,
                    now,
                    EventKind::BrokerStarted { address, embedded: true, open: false, note: None },
                );
                for light in &self.lights {
                    for layer in [Layer::Tcp, Layer::Mqtt] {
                        push(&mut events, now, link(&light.id, layer, true, "connected"));
                    }
                }
            }
            _ => {}
        }
        events
    }

    /// Lets time pass; returns what happened.
    pub fn run_until(&mut self, until_ms: u64) -> Vec<Event> {
        let mut events = Vec::new();
        while self.now_ms + STEP_MS <= until_ms {
            self.now_ms += STEP_MS;
            self.step(&mut events);
        }
        events
    }

    fn step(&mut self, events: &mut Vec<Event>) {
        let now = self.now_ms;
        let disturbed: BTreeSet<Name> = self
            .lights
            .iter()
            .filter(|light| {
                self.broker_down || light.cut_ms.is_some_and(|cut| now > cut + LOST_AFTER_MS) || light.silent
            })
            .map(|light| light.id.junction.clone())
            .collect();
        let peers: Vec<LightId> = self.lights.iter().map(|light| light.id.clone()).collect();
        for light in &mut self.lights {
            let flashing = disturbed.contains(&light.id.junction);
            let aspect = if self.reckless {
                Aspect::Green
            } else if flashing {
                Aspect::FlashingAmber
            } else {
                light.in_turn(now)
            };
            let changed = light.aspect != Some(aspect);
            if changed {
                light.aspect = Some(aspect);
                light.greens += u64::from(aspect == Aspect::Green);
                push(events, now, EventKind::AspectChanged { light: light.id.clone(), aspect });
            }
            let heartbeat = now % 500 == light.place * 100 % 500;
            if changed || heartbeat {
                light.sent += 1;
                let peers =
                    peers.iter().filter(|peer| peer.junction == light.id.junction && **peer != light.id);
                let view = light.view(now, peers.map(|peer| peer.light.clone()).collect());
                let counters = Counters {
                    sent: light.sent,
                    received: light.sent,
                    greens: light.greens,
                    wifi_joins: 1,
                    mqtt_joins: 1,
                    ..Counters::default()
                };
                push(
                    events,
                    now,
                    EventKind::LightReported { light: light.id.clone(), view: Arc::new(view), counters },
                );
                if !self.broker_down && light.cut_ms.is_none() && !light.silent {
                    let payload: Arc<str> = format!(
                        r#"{{"v":1,"aspect":"{aspect}","boot":305419896,"seq":{},"at":{now},"need":{{"turn":7}}}}"#,
                        light.sent
                    )
                    .into();
                    let light = light.id.clone();
                    let topic = format!("twinlight/{light}/state").into();
                    let (shown, bytes) = (payload.clone(), payload.len());
                    push(
                        events,
                        now,
                        EventKind::TopicHeard { topic, payload: shown, bytes, retained: false, qos: 1 },
                    );
                    push(
                        events,
                        now,
                        EventKind::MessagePassed { light, topic: TopicKind::State, payload, retained: false },
                    );
                }
            }
        }
        if self.reckless != self.conflict {
            self.conflict = self.reckless;
            let first = self.lights[0].id.junction.clone();
            let lights: Vec<LightId> = self
                .lights
                .iter()
                .map(|light| light.id.clone())
                .filter(|id| id.junction == first)
                .take(2)
                .collect();
            let lasted = Duration::from_millis(1_300);
            let kind = if self.conflict {
                EventKind::ConflictBegan {
                    lights,
                    certainty: Certainty::Sure,
                    since: Duration::from_millis(now),
                    cause: None,
                }
            } else {
                EventKind::ConflictEnded { lights, certainty: Certainty::Sure, lasted, at_most: lasted }
            };
            push(events, now, kind);
        }
    }
}

impl Scripted {
    fn in_turn(&self, now: u64) -> Aspect {
        match (now + (self.of * 1_000 - self.place) * SLOT_MS) % (self.of.max(2) * SLOT_MS) {
            0..1_000 => Aspect::RedAmber,
            1_000..5_000 => Aspect::Green,
            5_000..GO_MS => Aspect::Amber,
            _ => Aspect::Red,
        }
    }

    fn view(&self, now: u64, peers: Vec<Name>) -> View {
        let aspect = self.aspect.unwrap_or_default();
        let goes = aspect.is_go();
        let until = Instant::from_ms(now + 8_000 - now % 500);
        let other = peers.first().cloned();
        let held = |peers: &[Name]| peers.iter().map(|light| Held { light: light.clone(), until }).collect();
        let goer = peers.len() == 1 && aspect == Aspect::Red;
        let lost = aspect == Aspect::FlashingAmber;
        View {
            aspect,
            since: Instant::from_ms(now),
            green_until: (aspect == Aspect::Green).then_some(Instant::from_ms(now + 2_400)),
            turn: Some(7),
            waiting: match other {
                Some(other) if lost => Some(Waiting::Lost(other)),
                Some(light) if !goes => Some(Waiting::Promised(Held { light, until })),
                _ => None,
            },
            promises: if goer { held(&peers) } else { Default::default() },
            leases: if goes { held(&peers) } else { Default::default() },
            lost: Default::default(),
            boot: 1,
            seq: 1,
        }
    }
}

fn link(light: &LightId, layer: Layer, up: bool, reason: &str) -> EventKind {
    EventKind::LinkChanged { light: light.clone(), layer, up, reason: reason.to_owned() }
}

fn push(events: &mut Vec<Event>, at_ms: u64, kind: EventKind) {
    events.push(Event { at: Duration::from_millis(at_ms), kind });
}
