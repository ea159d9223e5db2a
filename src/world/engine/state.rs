//! What is true at present: lights, links, presence, broker, faults, conflicts. Each change is told as an
//! event, if it is news; the monitor judges each change of lamps.
//!
//! It has no clock, no lock and no I/O: whoever drives it says what time it is, and takes the events.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use traffic_light::{Aspect, Foreign, Name, PeerMessage, Rule};

use super::{
    cause::{Cause, Talk},
    repeats::Repeats,
};
use crate::{
    fault::{Fault, LightFault},
    model::{Diagnostic, LightId, LightKind},
    world::{
        event::{About, Event, EventKind, Ignorer, Layer, Severity},
        monitor::{Limits, Monitor},
    },
};

/// What is true at present, and the events that tell of it.
#[derive(Default)]
pub(crate) struct WorldState {
    now: Duration,
    lights: BTreeMap<LightId, KnownLight>,
    monitor: Monitor,
    broker: Option<EventKind>,
    faults: Vec<Fault>,
    /// The seed of chaos, while it is on.
    chaos: Option<u64>,
    ends_of_go: HashMap<LightId, EndOfGo>,
    /// Of each foreign light of the configuration, what it said and was told.
    pub(super) talks: BTreeMap<LightId, Talk>,
    /// How to talk with each of them.
    pub(super) mapped: BTreeMap<LightId, Foreign>,
    /// Why there is a conflict, of those that go on.
    causes: BTreeMap<Vec<LightId>, Cause>,
    repeats: Repeats,
    events: VecDeque<Event>,
}

struct KnownLight {
    kind: LightKind,
    rule: Rule,
    keyed: bool,
    aspect: Aspect,
    links: BTreeMap<Layer, (bool, String)>,
    presence: Option<(bool, Option<About>)>,
    /// Of a virtual light: the numbers of all its runs in this world.
    boots: Vec<u32>,
}

/// The message in which a light told that it has no right of way any more.
#[derive(Clone, Copy)]
struct EndOfGo {
    boot: u32,
    seq: u32,
    at: Duration,
}

impl WorldState {
    /// The time of all that follows, since the world's start.
    pub(crate) fn set_now(&mut self, now: Duration) {
        self.now = now;
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    pub(crate) fn tell(&mut self, kind: EventKind) {
        self.events.push_back(Event { at: self.now, kind });
    }

    pub(crate) fn notice(
        &mut self,
        severity: Severity,
        light: Option<&LightId>,
        text: impl Into<Diagnostic>,
    ) {
        self.tell(EventKind::Noticed { severity, light: light.cloned(), text: text.into().one_line() });
    }

    /// The oldest event that nobody has taken yet.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When the oldest event was that nobody has taken yet.
    pub(crate) fn first_event_at(&self) -> Option<Duration> {
        self.events.front().map(|event| event.at)
    }

    pub(crate) fn light_added(&mut self, light: &LightId, kind: LightKind, rule: Rule, keyed: bool) {
        let known = KnownLight {
            kind,
            rule,
            keyed,
            aspect: Aspect::Dark,
            links: BTreeMap::new(),
            presence: None,
            boots: Vec::new(),
        };
        self.lights.insert(light.clone(), known);
        self.tell(EventKind::LightAdded { light: light.clone(), kind, rule, keyed });
    }

    /// A light turned out to be of another kind than it seemed.
    pub(crate) fn light_is(&mut self, light: &LightId, kind: LightKind) {
        let Some(known) = self.lights.get_mut(light) else { return };
        known.kind = kind;
        let (rule, keyed) = (known.rule, known.keyed);
        self.tell(EventKind::LightAdded { light: light.clone(), kind, rule, keyed });
    }

    /// A light is no longer run here. Its lamps are out already.
    pub(crate) fn light_removed(&mut self, light: &LightId) {
        if self.lights.remove(light).is_some() {
            self.tell(EventKind::LightRemoved { light: light.clone() });
        }
    }

    /// What is known of a light's link.
    pub(super) fn links_of(&self, light: &LightId) -> BTreeMap<Layer, (bool, String)> {
        self.lights.get(light).map(|known| known.links.clone()).unwrap_or_default()
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

    /// The lamps of `light` have switched to `aspect`; what the monitor says comes after it.
    pub(crate) fn aspect_changed(&mut self, light: &LightId, aspect: Aspect) {
        // What does not change need not be judged again: this is called for every step of a light.
        if self.lights.get(light).is_some_and(|known| known.aspect != aspect) {
            self.shows(light, aspect, |monitor, now| monitor.observe(now, light, aspect));
        }
    }

    /// `light`, which runs elsewhere, was heard.
    pub(crate) fn aspect_heard(&mut self, light: &LightId, word: &PeerMessage) {
        self.shows(light, word.aspect(), |monitor, now| monitor.hear(now, light, word));
    }

    /// `light`, a foreign one, said a word for `shown` that counts as `means`.
    pub(super) fn aspect_heard_as(&mut self, light: &LightId, shown: Aspect, means: Aspect) {
        let word = PeerMessage::Plain(means);
        self.shows(light, shown, |monitor, now| monitor.hear(now, light, &word));
    }

    /// `light`, which runs elsewhere, is gone, says the broker. What its lamps show nobody knows: the
    /// monitor goes by its messages.
    pub(crate) fn gone(&mut self, light: &LightId) {
        self.shows(light, Aspect::Dark, |_, _| Vec::new());
    }

    fn shows(
        &mut self,
        light: &LightId,
        aspect: Aspect,
        judge: impl FnOnce(&mut Monitor, Duration) -> Vec<EventKind>,
    ) {
        let Some(known) = self.lights.get_mut(light) else { return };
        if known.aspect != aspect {
            known.aspect = aspect;
            self.tell(EventKind::AspectChanged { light: light.clone(), aspect });
        }
        for verdict in judge(&mut self.monitor, self.now) {
            self.tell_verdict(verdict);
        }
    }

    /// When there will be something to tell though nothing else happens.
    pub(crate) fn due_at(&self) -> Option<Duration> {
        [self.monitor.due_at(), self.repeats.due_at()].into_iter().flatten().min()
    }

    /// A message is ignored. Where it is told by itself, `passed` is told before it: that it passed.
    pub(crate) fn ignored(
        &mut self,
        passed: Option<EventKind>,
        light: Option<LightId>,
        by: Ignorer,
        reason: String,
    ) {
        if self.repeats.take(self.now, light.as_ref(), &by, &reason) {
            passed.into_iter().for_each(|passed| self.tell(passed));
            self.tell(EventKind::MessageIgnored { light, by, reason, more: 0 });
        }
    }

    /// Sums up the ignored messages of which it is time to tell.
    pub(super) fn sum_up(&mut self) {
        let sums = self.repeats.end(self.now);
        sums.into_iter().for_each(|sum| self.tell(sum));
    }

    /// Sums up all that were not told.
    pub(super) fn sum_up_all(&mut self) {
        let sums = self.repeats.end_all();
        sums.into_iter().for_each(|sum| self.tell(sum));
    }

    /// Lets the monitor judge what time alone has changed.
    pub(crate) fn judge(&mut self) {
        for verdict in self.monitor.check(self.now) {
            self.tell_verdict(verdict);
        }
    }

    /// Tells what the monitor says, and of a conflict with a foreign light its cause.
    fn tell_verdict(&mut self, mut verdict: EventKind) {
        match &mut verdict {
            EventKind::ConflictBegan { lights, cause, .. } => {
                *cause = self.cause_of(lights);
                if let Some(cause) = cause {
                    self.causes.insert(lights.clone(), *cause);
                }
            }
            EventKind::ConflictEnded { lights, .. } => {
                self.causes.remove(lights);
            }
            _ => {}
        }
        self.tell(verdict);
    }

    pub(crate) fn link_changed(
        &mut self,
        light: &LightId,
        layer: Layer,
        up: bool,
        reason: impl Into<String>,
    ) {
        let reason = reason.into();
        let Some(known) = self.lights.get_mut(light) else { return };
        let last = known.links.insert(layer, (up, reason.clone()));
        if last.is_none_or(|(was_up, said)| was_up != up || said != reason) {
            self.tell(EventKind::LinkChanged { light: light.clone(), layer, up, reason });
        }
    }

    pub(crate) fn presence_changed(&mut self, light: &LightId, online: bool, about: Option<About>) {
        let Some(known) = self.lights.get_mut(light) else { return };
        let presence = Some((online, about.clone()));
        if known.presence != presence {
            known.presence = presence;
            self.tell(EventKind::PresenceChanged { light: light.clone(), online, about });
        }
    }

    /// A broker answers: one in this program (`embedded`), which may be `open` to the network, or one that
    /// runs elsewhere.
    pub(crate) fn broker_started(
        &mut self,
        address: String,
        embedded: bool,
        open: bool,
        note: Option<String>,
    ) {
        let kind = EventKind::BrokerStarted { address, embedded, open, note };
        self.broker = Some(kind.clone());
        self.tell(kind);
    }

    pub(crate) fn broker_stopped(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        // An outside broker that stays away is told of once for each reason.
        if matches!(&self.broker, Some(EventKind::BrokerStopped { reason: known }) if *known == reason) {
            return;
        }
        let kind = EventKind::BrokerStopped { reason };
        self.broker = Some(kind.clone());
        self.tell(kind);
    }

    /// A fault is in force, with these parameters, or has ended.
    pub(crate) fn fault_changed(&mut self, fault: Fault, on: bool) {
        let place = self.faults.iter().position(|known| known.is_replaced_by(&fault));
        let was = place.map(|place| self.faults.remove(place));
        if on {
            self.faults.push(fault.clone());
        }
        let changed = if on { was.as_ref() != Some(&fault) } else { was.is_some() };
        if changed {
            self.tell(EventKind::FaultChanged { fault, on });
        }
    }

    /// Chaos was switched on, with its seed, or off.
    pub(crate) fn chaos_changed(&mut self, seed: Option<u64>) {
        self.chaos = seed;
        self.tell(EventKind::ChaosChanged { seed });
    }

    /// The faults that are in force.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The fault in force that `like` would replace.
    pub(super) fn fault_like(&self, like: &Fault) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.is_replaced_by(like))
    }

    /// Whether a board has to be told of this fault over MQTT.
    pub(super) fn is_remote(&self, fault: &Fault) -> bool {
        let board = fault.light().is_some_and(|light| self.knows(light) == Some(LightKind::Board));
        board && matches!(fault, Fault::Light { fault: LightFault::WifiDown(_) | LightFault::Silence(_), .. })
    }

    pub(super) fn broker_runs(&self) -> bool {
        matches!(self.broker, Some(EventKind::BrokerStarted { .. }))
    }

    /// `light` is about to publish that its right of way has ended.
    pub(crate) fn go_ended(&mut self, light: &LightId, boot: u32, seq: u32) {
        self.ends_of_go.insert(light.clone(), EndOfGo { boot, seq, at: self.now });
    }

    /// `to` has received message `seq` of `from` while it waits for green.
    pub(crate) fn heard(&mut self, from: &LightId, to: &LightId, boot: u32, seq: u32) {
        let end = self.ends_of_go.get(from).filter(|end| end.boot == boot && end.seq == seq);
        let Some(took) = end.map(|end| self.now.saturating_sub(end.at)) else { return };
        self.tell(EventKind::Reacted { from: from.clone(), to: to.clone(), took });
    }

    /// Tells all that is true at present once more, but for the insides of the lights.
    pub(crate) fn tell_all(&mut self) {
        let at = self.now;
        let WorldState { lights, monitor, broker, faults, chaos, events, causes, mapped, .. } = self;
        let mut tell = |kind| events.push_back(Event { at, kind });
        for kind in broker.iter() {
            tell(kind.clone());
        }
        for (light, known) in lights {
            let (kind, rule, keyed) = (known.kind, known.rule, known.keyed);
            tell(EventKind::LightAdded { light: light.clone(), kind, rule, keyed });
            if let Some(foreign) = mapped.get(light) {
                tell(EventKind::ForeignMapped { light: light.clone(), foreign: Box::new(foreign.clone()) });
            }
            tell(EventKind::AspectChanged { light: light.clone(), aspect: known.aspect });
            for (layer, (up, reason)) in &known.links {
                let (layer, up, reason) = (*layer, *up, reason.clone());
                tell(EventKind::LinkChanged { light: light.clone(), layer, up, reason });
            }
            if let Some((online, about)) = known.presence.clone() {
                tell(EventKind::PresenceChanged { light: light.clone(), online, about });
            }
        }
        for fault in faults {
            tell(EventKind::FaultChanged { fault: fault.clone(), on: true });
        }
        tell(EventKind::ChaosChanged { seed: *chaos });
        for (lights, certainty, since) in monitor.conflicts() {
            let cause = causes.get(&lights).copied();
            tell(EventKind::ConflictBegan { lights, certainty, since, cause });
        }
    }
}
