//! A virtual light: the program of `traffic_light`, run on this computer's clock over its own link.
//!
//! It does what the firmware does on a board: it calls the program twice a tick and for each word,
//! switches the lamps at once, and carries out what a command orders.

use std::{sync::Arc, time::Duration};

use rumqttc::{AsyncClient, QoS};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};
use traffic_light::{
    Aspect, LightConfig, Name, Start, State, View,
    message::Message,
    program::{Facts, HostCommand, LightHost, LogEvent, Place, Program, Topic},
};

use super::{
    budget::{Budget, SharedBudget},
    clock::{JumpWatch, LightClock},
    event::{Counters, EventKind, Layer, Severity},
    event_bus::EventBus,
    fault::Fault,
    link::{self, Link, LinkSpec, News, Order},
    log_event,
};
use crate::model::LightId;

/// The program is called twice a tick, so that a late call still keeps the tick.
const CHECKS_PER_TICK: u32 = 2;

/// What the world may ask of a virtual light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Link(Order),
    Silence(bool),
    Reboot,
    Call,
    Report,
    /// The program is called no more, or is again.
    Hang(bool),
    /// The clock is fast by so many millionths.
    Drift(i32),
    /// The host sleeps, or wakes up.
    Suspend(bool),
}

/// What a virtual light is made of.
pub(super) struct Make {
    pub(super) id: LightId,
    pub(super) config: LightConfig,
    pub(super) place: Place,
    pub(super) start: Start,
    pub(super) link: LinkSpec,
    /// Whether its inside is reported; nobody looks at it without a window.
    pub(super) reported: bool,
    pub(super) bus: Arc<EventBus>,
    /// Shortens or stretches the first tick, so that a thousand lights do not tick at once.
    pub(super) phase: f64,
}

/// A light that runs. It ends when it is asked to stop, or this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) task: JoinHandle<()>,
}

struct Driver {
    config: LightConfig,
    place: Place,
    program: Program,
    host: Host,
    reported: bool,
    /// The world asked for silence: it outlasts a restart of the light.
    silenced: bool,
    clock: LightClock,
    /// When the watchdog resets the program, which hangs.
    watchdog_at: Option<Instant>,
    asleep: bool,
    told: Option<(Arc<View>, Counters)>,
    jumps: JumpWatch,
}

/// What is around the program.
struct Host {
    id: LightId,
    bus: Arc<EventBus>,
    session: Option<AsyncClient>,
    orders: mpsc::Sender<Order>,
    state_topic: String,
    status_topic: String,
    /// Whether the broker keeps messages.
    retains: bool,
    /// Of an account that counts, shared by all lights.
    budget: Option<SharedBudget>,
    wifi_joins: u32,
    mqtt_joins: u32,
    reset: &'static str,
    /// The longest lease that a run of this light may have promised.
    lease_max_ms: u32,
}

/// Starts a light. Its lamps are dark until its first step.
pub(super) fn start(make: Make) -> Running {
    let (asks, asked) = mpsc::channel(16);
    let task = tokio::spawn(run(make, asked));
    Running { asks, task }
}

async fn run(make: Make, mut asked: mpsc::Receiver<Ask>) {
    let check_every =
        Duration::from_millis(u64::from(make.config.timing().tick_ms)).div_f64(f64::from(CHECKS_PER_TICK));
    let first_check = Instant::now() + check_every.mul_f64(make.phase);
    let mut checks = interval_at(first_check, check_every.max(Duration::from_millis(1)));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);

    let (mut driver, mut link) = Driver::new(make);
    driver.check();
    loop {
        tokio::select! {
            biased;
            ask = asked.recv() => match ask {
                Some(Ask::Link(Order::Stop)) | None => break,
                Some(ask) => driver.obey(ask),
            },
            // A host that sleeps has no watchdog either.
            () = at(driver.watchdog_at), if !driver.asleep => driver.watchdog_bites(),
            news = link.news.recv(), if driver.runs() => match news {
                Some(news) => driver.take(news),
                None => break,
            },
            _ = checks.tick(), if driver.runs() => driver.check(),
        }
    }
    driver.program.publish_offline(&mut driver.host);
    if link.orders.send(Order::Stop).await.is_ok() {
        // The link says what it still has to say; nobody listens any more.
        while link.news.recv().await.is_some() {}
    }
    let id = &driver.host.id;
    if let Err(error) = link.task.await {
        tracing::error!(light = %id, %error, "a link ended by itself");
    }
    driver.host.bus.with(|engine| engine.state.aspect_changed(id, Aspect::Dark));
}

impl Driver {
    fn new(make: Make) -> (Driver, Link) {
        let Make { id, config, place, start, link, reported, bus, phase: _ } = make;
        let clock = LightClock::new();
        let program = Program::of(config.clone(), place.clone(), start, clock.read(bus.clock().now()));
        let topic = |topic| program.topic(topic).to_string();
        let (state_topic, status_topic) = (topic(Topic::State), topic(Topic::Status));
        let (retains, budget) = (program.retains(), link.budget.clone());
        let link = link::start(LinkSpec {
            will: program.retains().then(|| (status_topic.clone(), program.will().to_vec())),
            subscriptions: program.subscriptions().iter().map(ToString::to_string).collect(),
            ..link
        });
        bus.with(|engine| engine.state.booted(&id, start.boot));
        let host = Host {
            id,
            bus,
            session: None,
            orders: link.orders.clone(),
            state_topic,
            status_topic,
            retains,
            budget,
            wifi_joins: 0,
            mqtt_joins: 0,
            reset: "power-on",
            lease_max_ms: start.lease_max_ms.max(config.timing().lease_ms),
        };
        let driver = Driver {
            config,
            place,
            program,
            host,
            reported,
            silenced: false,
            clock,
            watchdog_at: None,
            asleep: false,
            told: None,
            jumps: JumpWatch::new(),
        };
        (driver, link)
    }

    fn now(&self) -> traffic_light::Instant {
        self.clock.read(self.host.bus.clock().now())
    }

    /// Whether the program is called.
    fn runs(&self) -> bool {
        self.watchdog_at.is_none() && !self.asleep
    }

    fn check(&mut self) {
        let apart = self.jumps.look();
        if apart > Duration::from_millis(u64::from(self.config.timing().tick_ms)) {
            self.program.lose_leases();
            let light = &self.host.id;
            tracing::info!(%light, ?apart, "wall clock and monotonic clock went apart: leases dropped");
        }
        self.program.check(self.now(), &mut self.host);
        self.report(false);
    }

    fn take(&mut self, news: News) {
        let now = self.now();
        match news {
            News::Layer { layer, up, reason } => {
                match (layer, up) {
                    (Layer::Wifi, true) => self.host.wifi_joins += 1,
                    (Layer::Mqtt, true) => self.host.mqtt_joins += 1,
                    _ => {}
                }
                self.host.bus.with(|engine| engine.state.link_changed(&self.host.id, layer, up, reason));
                return;
            }
            News::Up(session) => {
                self.host.session = Some(session);
                self.program.session_up(now, &mut self.host);
            }
            News::Down => {
                self.host.session = None;
                self.program.session_down(now, &mut self.host);
            }
            News::Message { topic, payload, retained, qos: _ } => {
                self.host.bus.received();
                self.program.hear(now, &topic, &payload, retained, &mut self.host);
            }
        }
        self.report(false);
    }

    fn obey(&mut self, ask: Ask) {
        let now = self.now();
        match ask {
            Ask::Link(order) => self.host.order_link(order),
            Ask::Silence(on) => {
                self.silenced = on;
                self.program.set_silent(now, on, &mut self.host);
            }
            Ask::Reboot => self.reboot("software"),
            Ask::Call if self.runs() => self.program.call(now, &mut self.host),
            Ask::Call => {}
            Ask::Report => self.report(true),
            Ask::Hang(on) => {
                let watchdog = Duration::from_millis(u64::from(self.config.timing().watchdog_ms));
                self.watchdog_at = on.then(|| self.watchdog_at.unwrap_or(Instant::now() + watchdog));
            }
            Ask::Drift(ppm) => self.clock.set_drift(self.host.bus.clock().now(), ppm),
            Ask::Suspend(on) => self.suspend(on),
        }
        if self.runs() {
            self.check();
        }
    }

    fn watchdog_bites(&mut self) {
        self.reboot("watchdog");
        self.check();
    }

    /// A computer that sleeps: lamps dark, no program, a clock that stands; it notices at the end.
    fn suspend(&mut self, on: bool) {
        if self.asleep == on {
            return;
        }
        self.asleep = on;
        self.clock.set_standing(self.host.bus.clock().now(), on);
        self.host.order_link(Order::SetAsleep(on));
        if on {
            self.host.show(Aspect::Dark);
            return;
        }
        self.program.lose_leases();
        let now = self.now();
        self.program.check(now, &mut self.host);
        self.host.show(self.program.light().aspect());
    }

    /// Starts anew as a board does after a reset: dark, then red, with a new boot and no session.
    fn reboot(&mut self, reason: &'static str) {
        if self.watchdog_at.take().is_some() {
            self.host.bus.with(|engine| engine.fault_over(Fault::Hang(self.host.id.clone())));
        }
        self.host.bus.with(|engine| engine.state.aspect_changed(&self.host.id, Aspect::Dark));
        let start = Start {
            boot: rand::random(),
            seed: rand::random(),
            lease_max_ms: self.host.lease_max_ms,
            last_run_ended_ms: Some(0),
        };
        self.program = Program::of(self.config.clone(), self.place.clone(), start, self.now());
        self.host.started_anew(reason);
        self.host.bus.with(|engine| engine.state.booted(&self.host.id, start.boot));
        if self.silenced {
            self.program.set_silent(self.now(), true, &mut self.host);
        } else {
            // A command's silence ends with the run that obeyed it.
            self.host.bus.with(|engine| engine.fault_over(Fault::Silence(self.host.id.clone())));
        }
    }

    /// Tells of the light's inside, where somebody looks and it is news or asked for.
    fn report(&mut self, asked: bool) {
        if !self.reported {
            return;
        }
        let view = self.clock.view_in_world(self.program.light().view());
        let counters = self.counters();
        if !asked
            && let Some((told, told_counters)) = &self.told
            && *told_counters == counters
            && **told == view
        {
            return;
        }
        let view = Arc::new(view);
        self.told = Some((view.clone(), counters));
        self.host.bus.emit(EventKind::LightReported { light: self.host.id.clone(), view, counters });
    }

    fn counters(&self) -> Counters {
        log_event::counters(self.program.counters(), self.host.wifi_joins, self.host.mqtt_joins)
    }
}

impl Host {
    fn started_anew(&mut self, reset: &'static str) {
        self.session = None;
        self.wifi_joins = 0;
        self.mqtt_joins = 0;
        self.reset = reset;
        self.order_link(Order::Restart);
    }

    fn order_link(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            self.bus.notice(
                Severity::Warning,
                Some(&self.id),
                "too many changes of the link at once; one was dropped",
            );
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl LightHost for Host {
    fn show(&mut self, aspect: Aspect) {
        self.bus.with(|engine| engine.state.aspect_changed(&self.id, aspect));
    }

    fn publish(&mut self, topic: Topic, message: &Message) -> bool {
        let topic = match topic {
            Topic::Status => &self.status_topic,
            _ => &self.state_topic,
        };
        let Some(session) = &self.session else { return false };
        if self.budget.as_ref().is_some_and(|budget| !budget.with(Budget::publish)) {
            return false;
        }
        let sent = session.try_publish(topic, QoS::AtLeastOnce, self.retains, message.as_slice()).is_ok();
        if sent {
            self.bus.sent(message.len());
        }
        sent
    }

    fn execute(&mut self, order: HostCommand) -> bool {
        if let HostCommand::KeepLease { ms } = order {
            self.lease_max_ms = self.lease_max_ms.max(ms);
        }
        self.bus.with(|engine| engine.order(&self.id, order))
    }

    fn facts(&self) -> Facts {
        log_event::facts(self.wifi_joins, self.mqtt_joins, self.reset)
    }

    fn log(&mut self, event: LogEvent) {
        self.bus.with(|engine| engine.log(&self.id, &event));
    }

    fn says(&mut self, state: &State, ends_go: bool) {
        self.bus.said(&self.id, state.boot, state.seq, ends_go);
    }

    fn heard(&mut self, from: &Name, state: &State, waited: bool) {
        let from = LightId::new(self.id.junction.clone(), from.clone());
        self.bus.heard(&from, &self.id, state.boot, state.seq, waited);
    }
}
