//! Where everything that happens comes together: it stamps events with the world's one clock, and
//! keeps the ledger of what is true at present, in which the monitor judges each change of lamps as
//! it happens.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, broadcast},
    time::sleep,
};
use traffic_light::{Aspect, Name, Rule, Word};

use super::{
    clock::Clock,
    delivery::Deliveries,
    event::{About, Event, EventKind, Fault, Layer, Severity},
    ledger::Ledger,
    monitor::Limits,
};
use crate::model::{LightId, LightKind};

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
    /// The monitor has to be asked again at another moment than before.
    due_changed: Notify,
}

impl Hub {
    pub(super) fn new(capacity: usize, wake: Option<Waker>, deliveries: Option<Arc<Deliveries>>) -> Hub {
        Hub {
            clock: Clock::start(),
            events: broadcast::Sender::new(capacity),
            wake,
            deliveries,
            ledger: Mutex::new(Ledger::default()),
            due_changed: Notify::new(),
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
        let added = self.ledger().light_added(light, kind, rule, keyed);
        self.emit(added);
    }

    /// A light turned out to be of another kind than it seemed.
    pub(super) fn light_is(&self, light: &LightId, kind: LightKind) {
        let is = self.ledger().light_is(light, kind);
        self.emit_news(is);
    }

    /// A light is no longer run here. Its lamps are out already.
    pub(super) fn light_removed(&self, light: &LightId) {
        let removed = self.ledger().light_removed(light);
        self.emit_news(removed);
    }

    pub(super) fn knows(&self, light: &LightId) -> Option<LightKind> {
        self.ledger().knows(light)
    }

    /// A virtual light runs as `boot` from now on.
    pub(super) fn booted(&self, light: &LightId, boot: u32) {
        self.ledger().booted(light, boot);
    }

    /// Whether `boot` is a run of this virtual light in this world.
    pub(super) fn is_own_boot(&self, light: &LightId, boot: u32) -> bool {
        self.ledger().is_own_boot(light, boot)
    }

    /// What the monitor assumes of the lights of `junction` that are only heard.
    pub(super) fn set_limits(&self, junction: &Name, limits: Limits) {
        self.ledger().set_limits(junction, limits);
    }

    /// The lamps of `light` switch to `aspect` now.
    pub(super) fn aspect_changed(&self, light: &LightId, aspect: Aspect) {
        self.judged(|ledger, at, tell| ledger.aspect_changed(at, light, aspect, tell));
    }

    /// `light`, which runs elsewhere, said this now.
    pub(super) fn aspect_heard(&self, light: &LightId, word: &Word) {
        self.judged(|ledger, at, tell| ledger.aspect_heard(at, light, word, tell));
    }

    /// `light`, which runs elsewhere, is gone, says the broker.
    pub(super) fn gone(&self, light: &LightId) {
        self.judged(|ledger, _, tell| ledger.gone(light, tell));
    }

    /// Sends what `change` tells under the lock, so that every face sees switches and verdicts in their
    /// true order.
    fn judged(&self, change: impl FnOnce(&mut Ledger, Duration, &mut dyn FnMut(EventKind))) {
        let mut ledger = self.ledger();
        let at = self.clock.now();
        let due_before = ledger.due_at();
        change(&mut ledger, at, &mut |kind| self.emit_at(at, kind));
        if ledger.due_at() != due_before {
            self.due_changed.notify_one();
        }
    }

    /// Asks the monitor whenever time alone may have changed its mind, for ever.
    pub(super) async fn keep_judging(&self) {
        loop {
            let due_at = self.ledger().due_at();
            match due_at.map(|due| due.saturating_sub(self.clock.now())) {
                None => self.due_changed.notified().await,
                Some(wait) if wait.is_zero() => {
                    self.judged(|ledger, at, tell| ledger.check(at, tell));
                }
                Some(wait) => tokio::select! {
                    () = sleep(wait) => {}
                    () = self.due_changed.notified() => {}
                },
            }
        }
    }

    pub(super) fn link_changed(&self, light: &LightId, layer: Layer, up: bool, reason: impl Into<String>) {
        let changed = self.ledger().link_changed(light, layer, up, reason);
        self.emit_news(changed);
    }

    pub(super) fn presence_changed(&self, light: &LightId, online: bool, about: Option<About>) {
        let changed = self.ledger().presence_changed(light, online, about);
        self.emit_news(changed);
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
        let started = self.ledger().broker_started(kind);
        self.emit(started);
    }

    pub(super) fn broker_stopped(&self, reason: impl Into<String>) {
        let stopped = self.ledger().broker_stopped(reason);
        self.emit_news(stopped);
    }

    /// Notes that a fault was put in, got another dose, or has ended; returns whether that is a
    /// change.
    pub(super) fn fault_changed(&self, fault: Fault, on: bool) -> bool {
        let changed = self.ledger().fault_changed(fault, on);
        let is_change = changed.is_some();
        self.emit_news(changed);
        is_change
    }

    /// Chaos was switched on, with its seed, or off.
    pub(super) fn chaos_changed(&self, seed: Option<u64>) {
        let changed = self.ledger().chaos_changed(seed);
        self.emit(changed);
    }

    /// The faults that are in force.
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.ledger().faults().to_vec()
    }

    /// The faults that are on at `light`.
    pub(super) fn faults_of(&self, light: &LightId) -> Vec<Fault> {
        self.ledger().faults_of(light)
    }

    /// `light` is about to publish word `seq`, which says, where `ends_go`, that its go is over.
    pub(super) fn said(&self, light: &LightId, boot: u32, seq: u32, ends_go: bool) {
        let at = self.clock.now();
        if let Some(deliveries) = &self.deliveries {
            deliveries.said(light, boot, seq, at);
        }
        if ends_go {
            self.ledger().go_ended(at, light, boot, seq);
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
        let at = self.clock.now();
        if let Some(deliveries) = &self.deliveries {
            deliveries.heard(from, boot, seq, at);
        }
        if waited {
            let reacted = self.ledger().heard(at, from, to, boot, seq);
            self.emit_news(reacted);
        }
    }

    /// Tells all that is true at present once more, but for the insides of the lights.
    pub(super) fn resync(&self) {
        let at = self.clock.now();
        self.ledger().present(|kind| self.emit_at(at, kind));
    }

    fn emit_news(&self, kind: Option<EventKind>) {
        if let Some(kind) = kind {
            self.emit(kind);
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
