//! Where everything that happens comes together: it stamps events with the world's one clock, keeps
//! what is true at present, and lets the monitor judge each change of lamps as it happens.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::broadcast;
use traffic_light::{Aspect, Rule};

use super::{
    clock::Clock,
    delivery::Deliveries,
    event::{About, Event, EventKind, Fault, Layer, LightId, LightKind, Severity},
    monitor::Monitor,
};

/// Called after each event, to wake a face that sleeps.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

pub(super) struct Hub {
    clock: Clock,
    /// Bounded: a face that falls behind loses the oldest events, is told so, and asks for
    /// [`super::Command::Resync`].
    events: broadcast::Sender<Event>,
    wake: Option<Waker>,
    deliveries: Option<Arc<Deliveries>>,
    /// A plain mutex: it is held for a few map operations and never across an await.
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    lights: BTreeMap<LightId, Known>,
    monitor: Monitor,
    broker: Option<EventKind>,
    faults: Vec<Fault>,
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

impl Hub {
    pub(super) fn new(capacity: usize, wake: Option<Waker>, deliveries: Option<Arc<Deliveries>>) -> Hub {
        Hub {
            clock: Clock::start(),
            events: broadcast::Sender::new(capacity),
            wake,
            deliveries,
            ledger: Mutex::new(Ledger::default()),
        }
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub(super) fn emit(&self, kind: EventKind) {
        self.emit_at(self.clock.now(), kind);
    }

    fn emit_at(&self, at: Duration, kind: EventKind) {
        // Without a face there is nobody to tell, which is well.
        let _ = self.events.send(Event { at, kind });
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    pub(super) fn notice(&self, severity: Severity, light: Option<&LightId>, text: impl Into<String>) {
        self.emit(EventKind::Noticed { severity, light: light.cloned(), text: text.into() });
    }

    pub(super) fn light_added(&self, light: &LightId, kind: LightKind, rule: Rule, keyed: bool) {
        let known = Known {
            kind,
            rule,
            keyed,
            aspect: Aspect::Dark,
            links: BTreeMap::new(),
            presence: None,
            boots: Vec::new(),
        };
        self.ledger().lights.insert(light.clone(), known);
        self.emit(EventKind::LightAdded { light: light.clone(), kind, rule, keyed });
    }

    /// A light turned out to be of another kind than it seemed.
    pub(super) fn light_is(&self, light: &LightId, kind: LightKind) {
        if let Some(known) = self.ledger().lights.get_mut(light) {
            known.kind = kind;
            let (rule, keyed) = (known.rule, known.keyed);
            self.emit(EventKind::LightAdded { light: light.clone(), kind, rule, keyed });
        }
    }

    /// A light is no longer run here. Its lamps are out already.
    pub(super) fn light_removed(&self, light: &LightId) {
        if self.ledger().lights.remove(light).is_some() {
            self.emit(EventKind::LightRemoved { light: light.clone() });
        }
    }

    pub(super) fn knows(&self, light: &LightId) -> Option<LightKind> {
        self.ledger().lights.get(light).map(|known| known.kind)
    }

    /// A virtual light runs as `boot` from now on.
    pub(super) fn booted(&self, light: &LightId, boot: u32) {
        if let Some(known) = self.ledger().lights.get_mut(light) {
            known.boots.push(boot);
        }
    }

    /// Whether `boot` is a run of this virtual light in this world.
    pub(super) fn is_own_boot(&self, light: &LightId, boot: u32) -> bool {
        self.ledger().lights.get(light).is_some_and(|known| known.boots.contains(&boot))
    }

    /// The lamps of `light` switch to `aspect` now.
    pub(super) fn aspect_changed(&self, light: &LightId, aspect: Aspect) {
        let mut ledger = self.ledger();
        let Some(known) = ledger.lights.get_mut(light) else { return };
        if known.aspect == aspect {
            return;
        }
        known.aspect = aspect;
        let at = self.clock.now();
        let judged = ledger.monitor.observe(at, light, aspect);
        // Sent under the lock, so that every face sees switches and verdicts in their true order.
        self.emit_at(at, EventKind::AspectChanged { light: light.clone(), aspect });
        for kind in judged {
            self.emit_at(at, kind);
        }
    }

    pub(super) fn link_changed(&self, light: &LightId, layer: Layer, up: bool, reason: impl Into<String>) {
        let reason = reason.into();
        let mut ledger = self.ledger();
        let Some(known) = ledger.lights.get_mut(light) else { return };
        let last = known.links.insert(layer, (up, reason.clone()));
        if last.is_some_and(|(was_up, said)| was_up == up && said == reason) {
            return;
        }
        drop(ledger);
        self.emit(EventKind::LinkChanged { light: light.clone(), layer, up, reason });
    }

    pub(super) fn presence_changed(&self, light: &LightId, online: bool, about: Option<About>) {
        let mut ledger = self.ledger();
        let Some(known) = ledger.lights.get_mut(light) else { return };
        let presence = Some((online, about.clone()));
        if known.presence == presence {
            return;
        }
        known.presence = presence;
        drop(ledger);
        self.emit(EventKind::PresenceChanged { light: light.clone(), online, about });
    }

    /// A broker that runs elsewhere answers.
    pub(super) fn broker_answers(&self, address: String, note: Option<String>) {
        self.broker_started(EventKind::BrokerStarted { address, embedded: false, open: false, note });
    }

    /// The broker in this program has started.
    pub(super) fn own_broker_started(&self, address: String, open: bool, note: Option<String>) {
        self.broker_started(EventKind::BrokerStarted { address, embedded: true, open, note });
    }

    fn broker_started(&self, kind: EventKind) {
        self.ledger().broker = Some(kind.clone());
        self.emit(kind);
    }

    pub(super) fn broker_stopped(&self, reason: impl Into<String>) {
        let reason = reason.into();
        let mut ledger = self.ledger();
        // An outside broker that stays away is told of once for each reason.
        if matches!(&ledger.broker, Some(EventKind::BrokerStopped { reason: known }) if *known == reason) {
            return;
        }
        let kind = EventKind::BrokerStopped { reason };
        ledger.broker = Some(kind.clone());
        drop(ledger);
        self.emit(kind);
    }

    /// Notes that a fault was put in, got another dose, or has ended; returns whether that is a
    /// change.
    pub(super) fn fault_changed(&self, fault: Fault, on: bool) -> bool {
        let mut ledger = self.ledger();
        let place = ledger.faults.iter().position(|known| known.is_replaced_by(&fault));
        let was = place.map(|place| ledger.faults.remove(place));
        if on {
            ledger.faults.push(fault.clone());
        }
        drop(ledger);
        let changed = if on { was.as_ref() != Some(&fault) } else { was.is_some() };
        if changed {
            self.emit(EventKind::FaultChanged { fault, on });
        }
        changed
    }

    /// The faults that are in force.
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.ledger().faults.clone()
    }

    /// The faults that are on at `light`.
    pub(super) fn faults_of(&self, light: &LightId) -> Vec<Fault> {
        let ledger = self.ledger();
        ledger.faults.iter().filter(|fault| fault.light() == Some(light)).cloned().collect()
    }

    /// `light` is about to publish word `seq`, which says, where `ends_go`, that its go is over.
    pub(super) fn said(&self, light: &LightId, boot: u32, seq: u32, ends_go: bool) {
        let at = self.clock.now();
        if let Some(deliveries) = &self.deliveries {
            deliveries.said(light, boot, seq, at);
        }
        if ends_go {
            self.ledger().ends_of_go.insert(light.clone(), EndOfGo { boot, seq, at });
        }
    }

    /// A virtual light has handed a message to its session.
    pub(super) fn sent(&self, bytes: usize) {
        if let Some(deliveries) = &self.deliveries {
            deliveries.sent(bytes);
        }
    }

    /// A message came to a virtual light.
    pub(super) fn received(&self) {
        if let Some(deliveries) = &self.deliveries {
            deliveries.received();
        }
    }

    /// `to` has received word `seq` of `from`, which was new; it may have `waited` for green.
    pub(super) fn heard(&self, from: &LightId, to: &LightId, boot: u32, seq: u32, waited: bool) {
        let now = self.clock.now();
        if let Some(deliveries) = &self.deliveries {
            deliveries.heard(from, boot, seq, now);
        }
        if !waited {
            return;
        }
        let end = self.ledger().ends_of_go.get(from).copied();
        if let Some(end) = end.filter(|end| end.boot == boot && end.seq == seq) {
            let took = now.saturating_sub(end.at);
            self.emit(EventKind::Reacted { from: from.clone(), to: to.clone(), took });
        }
    }

    /// Tells all that is true at present once more, but for the insides of the lights.
    pub(super) fn resync(&self) {
        let ledger = self.ledger();
        for kind in ledger.broker.iter() {
            self.emit(kind.clone());
        }
        for (light, known) in &ledger.lights {
            let (kind, rule, keyed) = (known.kind, known.rule, known.keyed);
            self.emit(EventKind::LightAdded { light: light.clone(), kind, rule, keyed });
            self.emit(EventKind::AspectChanged { light: light.clone(), aspect: known.aspect });
            for (layer, (up, reason)) in &known.links {
                let (layer, up, reason) = (*layer, *up, reason.clone());
                self.emit(EventKind::LinkChanged { light: light.clone(), layer, up, reason });
            }
            if let Some((online, about)) = known.presence.clone() {
                self.emit(EventKind::PresenceChanged { light: light.clone(), online, about });
            }
        }
        for fault in &ledger.faults {
            self.emit(EventKind::FaultChanged { fault: fault.clone(), on: true });
        }
        for lights in ledger.monitor.conflicts() {
            self.emit(EventKind::ConflictBegan { lights: lights.clone() });
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("clock", &self.clock).finish_non_exhaustive()
    }
}
