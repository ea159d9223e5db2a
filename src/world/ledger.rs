//! What is true at present, as a world has told it: lights, links, presence, faults. It says what
//! is news, and lets the monitor judge each change of lamps.
//!
//! It has no clock and no lock: the world in real time and the simulated one both keep one.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use traffic_light::{Aspect, Name, Rule, Word};

use super::{
    event::{About, EventKind, Fault, Layer},
    monitor::{Limits, Monitor},
};
use crate::model::{LightId, LightKind};

/// What is true at present. Each change gives the event that tells of it, if it is one.
#[derive(Default)]
pub(crate) struct Ledger {
    lights: BTreeMap<LightId, Known>,
    monitor: Monitor,
    broker: Option<EventKind>,
    faults: Vec<Fault>,
    /// The seed of chaos, while it is on.
    chaos: Option<u64>,
    ends_of_go: HashMap<LightId, EndOfGo>,
}

struct Known {
    kind: LightKind,
    rule: Rule,
    keyed: bool,
    aspect: Aspect,
    links: BTreeMap<Layer, (bool, String)>,
    presence: Option<(bool, Option<About>)>,
    /// Of a virtual light: the numbers of all its runs in this world.
    boots: Vec<u32>,
}

/// The message in which a light told that its go was over.
#[derive(Clone, Copy)]
struct EndOfGo {
    boot: u32,
    seq: u32,
    at: Duration,
}

impl Ledger {
    pub(crate) fn light_added(
        &mut self,
        light: &LightId,
        kind: LightKind,
        rule: Rule,
        keyed: bool,
    ) -> EventKind {
        let known = Known {
            kind,
            rule,
            keyed,
            aspect: Aspect::Dark,
            links: BTreeMap::new(),
            presence: None,
            boots: Vec::new(),
        };
        self.lights.insert(light.clone(), known);
        EventKind::LightAdded { light: light.clone(), kind, rule, keyed }
    }

    /// A light turned out to be of another kind than it seemed.
    pub(crate) fn light_is(&mut self, light: &LightId, kind: LightKind) -> Option<EventKind> {
        let known = self.lights.get_mut(light)?;
        known.kind = kind;
        let (rule, keyed) = (known.rule, known.keyed);
        Some(EventKind::LightAdded { light: light.clone(), kind, rule, keyed })
    }

    /// A light is no longer run here. Its lamps are out already.
    pub(crate) fn light_removed(&mut self, light: &LightId) -> Option<EventKind> {
        self.lights.remove(light)?;
        Some(EventKind::LightRemoved { light: light.clone() })
    }

    pub(crate) fn knows(&self, light: &LightId) -> Option<LightKind> {
        self.lights.get(light).map(|known| known.kind)
    }

    /// A virtual light runs as `boot` from now on.
    pub(crate) fn booted(&mut self, light: &LightId, boot: u32) {
        if let Some(known) = self.lights.get_mut(light) {
            known.boots.push(boot);
        }
    }

    /// Whether `boot` is a run of this virtual light in this world.
    pub(crate) fn is_own_boot(&self, light: &LightId, boot: u32) -> bool {
        self.lights.get(light).is_some_and(|known| known.boots.contains(&boot))
    }

    /// What the monitor assumes of the lights of `junction` that are only heard.
    pub(crate) fn set_limits(&mut self, junction: &Name, limits: Limits) {
        self.monitor.set_limits(junction, limits);
    }

    /// The lamps of `light` have switched to `aspect` at `at`; what the monitor says comes after it.
    pub(crate) fn aspect_changed(
        &mut self,
        at: Duration,
        light: &LightId,
        aspect: Aspect,
        tell: impl FnMut(EventKind),
    ) {
        // What does not change need not be judged again: this is called for every step of a light.
        if self.lights.get(light).is_some_and(|known| known.aspect != aspect) {
            self.shows(light, aspect, |monitor| monitor.observe(at, light, aspect), tell);
        }
    }

    /// `light`, which runs elsewhere, was heard at `at`.
    pub(crate) fn aspect_heard(
        &mut self,
        at: Duration,
        light: &LightId,
        word: &Word,
        tell: impl FnMut(EventKind),
    ) {
        self.shows(light, word.aspect(), |monitor| monitor.hear(at, light, word), tell);
    }

    /// `light`, which runs elsewhere, is gone, says the broker. What its lamps show nobody knows: the
    /// monitor goes by its words.
    pub(crate) fn gone(&mut self, light: &LightId, tell: impl FnMut(EventKind)) {
        self.shows(light, Aspect::Dark, |_| Vec::new(), tell);
    }

    fn shows(
        &mut self,
        light: &LightId,
        aspect: Aspect,
        judge: impl FnOnce(&mut Monitor) -> Vec<EventKind>,
        mut tell: impl FnMut(EventKind),
    ) {
        let Some(known) = self.lights.get_mut(light) else { return };
        if known.aspect != aspect {
            known.aspect = aspect;
            tell(EventKind::AspectChanged { light: light.clone(), aspect });
        }
        judge(&mut self.monitor).into_iter().for_each(tell);
    }

    /// When the monitor will have something to say though no light changes.
    pub(crate) fn due_at(&self) -> Option<Duration> {
        self.monitor.due_at()
    }

    /// Lets the monitor judge what time alone has made of it up to `at`.
    pub(crate) fn check(&mut self, at: Duration, tell: impl FnMut(EventKind)) {
        self.monitor.check(at).into_iter().for_each(tell);
    }

    pub(crate) fn link_changed(
        &mut self,
        light: &LightId,
        layer: Layer,
        up: bool,
        reason: impl Into<String>,
    ) -> Option<EventKind> {
        let reason = reason.into();
        let known = self.lights.get_mut(light)?;
        let last = known.links.insert(layer, (up, reason.clone()));
        if last.is_some_and(|(was_up, said)| was_up == up && said == reason) {
            return None;
        }
        Some(EventKind::LinkChanged { light: light.clone(), layer, up, reason })
    }

    pub(crate) fn presence_changed(
        &mut self,
        light: &LightId,
        online: bool,
        about: Option<About>,
    ) -> Option<EventKind> {
        let known = self.lights.get_mut(light)?;
        let presence = Some((online, about.clone()));
        if known.presence == presence {
            return None;
        }
        known.presence = presence;
        Some(EventKind::PresenceChanged { light: light.clone(), online, about })
    }

    /// `kind` is an [`EventKind::BrokerStarted`].
    pub(crate) fn broker_started(&mut self, kind: EventKind) -> EventKind {
        self.broker = Some(kind.clone());
        kind
    }

    pub(crate) fn broker_stopped(&mut self, reason: impl Into<String>) -> Option<EventKind> {
        let reason = reason.into();
        // An outside broker that stays away is told of once for each reason.
        if matches!(&self.broker, Some(EventKind::BrokerStopped { reason: known }) if *known == reason) {
            return None;
        }
        let kind = EventKind::BrokerStopped { reason };
        self.broker = Some(kind.clone());
        Some(kind)
    }

    /// A fault was put in, got another dose, or has ended.
    pub(crate) fn fault_changed(&mut self, fault: Fault, on: bool) -> Option<EventKind> {
        let place = self.faults.iter().position(|known| known.is_replaced_by(&fault));
        let was = place.map(|place| self.faults.remove(place));
        if on {
            self.faults.push(fault.clone());
        }
        let changed = if on { was.as_ref() != Some(&fault) } else { was.is_some() };
        changed.then_some(EventKind::FaultChanged { fault, on })
    }

    /// Chaos was switched on, with its seed, or off.
    pub(crate) fn chaos_changed(&mut self, seed: Option<u64>) -> EventKind {
        self.chaos = seed;
        EventKind::ChaosChanged { seed }
    }

    /// The faults that are in force.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The faults that are on at `light`.
    pub(crate) fn faults_of(&self, light: &LightId) -> Vec<Fault> {
        self.faults.iter().filter(|fault| fault.light() == Some(light)).cloned().collect()
    }

    /// `light` is about to publish, at `at`, that its go is over.
    pub(crate) fn go_ended(&mut self, at: Duration, light: &LightId, boot: u32, seq: u32) {
        self.ends_of_go.insert(light.clone(), EndOfGo { boot, seq, at });
    }

    /// `to` has received message `seq` of `from` while it waits for green.
    pub(crate) fn heard(
        &self,
        at: Duration,
        from: &LightId,
        to: &LightId,
        boot: u32,
        seq: u32,
    ) -> Option<EventKind> {
        let end = self.ends_of_go.get(from).filter(|end| end.boot == boot && end.seq == seq)?;
        let took = at.saturating_sub(end.at);
        Some(EventKind::Reacted { from: from.clone(), to: to.clone(), took })
    }

    /// All that is true at present, but for the insides of the lights.
    pub(crate) fn present(&self, mut tell: impl FnMut(EventKind)) {
        for kind in self.broker.iter() {
            tell(kind.clone());
        }
        for (light, known) in &self.lights {
            let (kind, rule, keyed) = (known.kind, known.rule, known.keyed);
            tell(EventKind::LightAdded { light: light.clone(), kind, rule, keyed });
            tell(EventKind::AspectChanged { light: light.clone(), aspect: known.aspect });
            for (layer, (up, reason)) in &known.links {
                let (layer, up, reason) = (*layer, *up, reason.clone());
                tell(EventKind::LinkChanged { light: light.clone(), layer, up, reason });
            }
            if let Some((online, about)) = known.presence.clone() {
                tell(EventKind::PresenceChanged { light: light.clone(), online, about });
            }
        }
        for fault in &self.faults {
            tell(EventKind::FaultChanged { fault: fault.clone(), on: true });
        }
        tell(EventKind::ChaosChanged { seed: self.chaos });
        for (lights, certainty, since) in self.monitor.conflicts() {
            tell(EventKind::ConflictBegan { lights, certainty, since });
        }
    }
}
