//! The engine of the live world behind one lock: every event leaves under it, stamped with the world's one
//! clock, so that all subscribers see one order.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Notify, broadcast},
    time::sleep,
};

use super::{
    clock::Clock,
    delivery::Deliveries,
    engine::{Engine, Task},
    event::{Event, EventKind, Severity},
};
use crate::model::{Diagnostic, LightId, LightKind};

/// Called after each event, to wake a window that sleeps.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

pub(super) struct EventBus {
    clock: Clock,
    /// Bounded: a subscriber that falls behind loses the oldest events, is told so, and asks for
    /// [`super::Command::Resync`].
    events: broadcast::Sender<Event>,
    wake: Option<Waker>,
    deliveries: Option<Arc<Deliveries>>,
    /// A plain mutex: it is held for a few map operations and never across an await.
    engine: Mutex<Engine>,
    /// The engine wants to be called at another time than before.
    deadline_changed: Notify,
    /// The engine has something for the world to do.
    has_tasks: Notify,
}

impl EventBus {
    pub(super) fn new(
        engine: Engine,
        capacity: usize,
        wake: Option<Waker>,
        deliveries: Option<Arc<Deliveries>>,
    ) -> EventBus {
        EventBus {
            clock: Clock::start(),
            events: broadcast::Sender::new(capacity),
            wake,
            deliveries,
            engine: Mutex::new(engine),
            deadline_changed: Notify::new(),
            has_tasks: Notify::new(),
        }
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Lets `change` tell the engine what happens now. It must not come back to the bus.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Engine) -> T) -> T {
        let mut engine = self.engine();
        let deadline = engine.next_deadline();
        engine.state.set_now(self.clock.now());
        let changed = change(&mut engine);
        let mut told = false;
        while let Some(event) = engine.state.next_event() {
            told = true;
            // It is fine to have no subscribers.
            let _ = self.events.send(event);
        }
        if engine.next_deadline() != deadline {
            self.deadline_changed.notify_one();
        }
        if engine.has_tasks() {
            self.has_tasks.notify_one();
        }
        drop(engine);
        if let Some(wake) = self.wake.as_ref().filter(|_| told) {
            wake();
        }
        changed
    }

    /// Calls the engine whenever time alone changes something, for ever.
    pub(super) async fn keep_time(&self) {
        loop {
            let deadline = self.engine().next_deadline();
            match deadline.map(|deadline| deadline.saturating_sub(self.clock.now())) {
                None => self.deadline_changed.notified().await,
                Some(wait) if wait.is_zero() => self.with(Engine::tick),
                Some(wait) => tokio::select! {
                    () = sleep(wait) => {}
                    () = self.deadline_changed.notified() => {}
                },
            }
        }
    }

    /// What the world is to do next, as soon as there is something. Nothing is lost when it is waited for no
    /// more.
    pub(super) async fn next_task(&self) -> Task {
        loop {
            if let Some(task) = self.with(Engine::next_task) {
                return task;
            }
            self.has_tasks.notified().await;
        }
    }

    pub(super) fn emit(&self, kind: EventKind) {
        self.with(|engine| engine.state.tell(kind));
    }

    pub(super) fn notice(&self, severity: Severity, light: Option<&LightId>, text: impl Into<Diagnostic>) {
        self.with(|engine| engine.state.notice(severity, light, text));
    }

    /// Whether somebody measures how long messages are on their way.
    pub(super) fn measures(&self) -> bool {
        self.deliveries.is_some()
    }

    pub(super) fn knows(&self, light: &LightId) -> Option<LightKind> {
        self.engine().state.knows(light)
    }

    /// `light` is about to publish message `seq`, which says, where `ends_go`, that its right of way has ended.
    pub(super) fn said(&self, light: &LightId, boot: u32, seq: u32, ends_go: bool) {
        if let Some(deliveries) = &self.deliveries {
            deliveries.said(light, boot, seq, self.clock.now());
        }
        if ends_go {
            self.with(|engine| engine.state.go_ended(light, boot, seq));
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

    /// `to` has received message `seq` of `from`, which was new; it may have `waited` for green.
    pub(super) fn heard(&self, from: &LightId, to: &LightId, boot: u32, seq: u32, waited: bool) {
        if let Some(deliveries) = &self.deliveries {
            deliveries.heard(from, boot, seq, self.clock.now());
        }
        if waited {
            self.with(|engine| engine.state.heard(from, to, boot, seq));
        }
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBus").field("clock", &self.clock).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread, time::Duration};

    use traffic_light::{Name, Rule};

    use super::*;
    use crate::{config::Config, world::event::Layer};

    #[test]
    fn what_several_threads_tell_of_one_light_leaves_in_the_order_in_which_it_became_true() {
        let config = Config::default();
        let bus = Arc::new(EventBus::new(Engine::new(&config, true, 1), 1 << 16, None, None));
        let light = LightId::new(Name::new("demo").unwrap(), Name::new("a").unwrap());
        bus.with(|engine| engine.light_added(&light, Rule::Lease, true));
        let mut events = bus.subscribe();
        let together = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (bus, light, together) = (bus.clone(), light.clone(), together.clone());
                thread::spawn(move || {
                    together.wait();
                    for round in 0..1_000 {
                        let up = (round + number) % 2 == 0;
                        bus.with(|engine| engine.state.link_changed(&light, Layer::Mqtt, up, "told"));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        // A change is told only where it is one, so that in the true order up and down alternate.
        let mut last = (None, Duration::ZERO);
        while let Ok(event) = events.try_recv() {
            let EventKind::LinkChanged { up, .. } = event.kind else { continue };
            assert_ne!(last.0, Some(up), "told before what happened earlier");
            assert!(event.at >= last.1, "the clock went back");
            last = (Some(up), event.at);
        }
        assert!(last.0.is_some());
    }
}
