//! A virtual light: the program of `traffic_light`, run on this computer's clock over its own link.
//!
//! It does what the firmware does on a board: it calls the program once a tick and after each word,
//! switches the lamps at once, sends what the program says, and obeys commands.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rumqttc::{AsyncClient, QoS};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{MissedTickBehavior, interval_at},
};
use traffic_light::{
    Aspect, CommandGate, Heard, Key, Light, LightConfig, Start, State, Status, View, Waiting, Word,
    command::{Action, Command as Wired},
    message::Message,
};

use super::{
    clock::JumpWatch,
    command::Command,
    event::{Counters, EventKind, Ignorer, Layer, LightId, Severity, TopicKind},
    hub::Hub,
    link::{self, Link, LinkSpec, News, Order},
    topics::Topics,
};

/// How often a light tells of itself on its status topic.
const STATUS_EVERY: Duration = Duration::from_secs(30);
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
}

/// What a virtual light is made of.
pub(super) struct Make {
    pub(super) id: LightId,
    pub(super) config: LightConfig,
    pub(super) key: Option<Key>,
    pub(super) topics: Topics,
    pub(super) start: Start,
    pub(super) link: LinkSpec,
    /// Whether its inside is reported; nobody looks at it without a window.
    pub(super) reported: bool,
    pub(super) hub: Arc<Hub>,
    /// Where a command that came over MQTT and touches the link goes.
    pub(super) commands: mpsc::Sender<Command>,
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
    id: LightId,
    config: LightConfig,
    key: Option<Key>,
    hub: Arc<Hub>,
    commands: mpsc::Sender<Command>,
    state_topic: String,
    status_topic: String,
    command_topic: String,
    topics: Topics,
    reported: bool,
    light: Light,
    gate: CommandGate,
    session: Option<AsyncClient>,
    orders: mpsc::Sender<Order>,
    silent: bool,
    counters: Counters,
    started: Instant,
    status_at: Instant,
    shown: Aspect,
    told: Option<(Arc<View>, Counters)>,
    jumps: JumpWatch,
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
    let first_check = tokio::time::Instant::now() + check_every.mul_f64(make.phase);
    let mut checks = interval_at(first_check, check_every.max(Duration::from_millis(1)));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);

    let (mut driver, mut link) = Driver::new(make);
    driver.turn();
    loop {
        tokio::select! {
            biased;
            ask = asked.recv() => match ask {
                Some(Ask::Link(Order::Stop)) | None => break,
                Some(ask) => driver.obey(ask),
            },
            news = link.news.recv() => match news {
                Some(news) => driver.take(news),
                None => break,
            },
            _ = checks.tick() => driver.check(),
        }
    }
    driver.say_goodbye();
    if link.orders.send(Order::Stop).await.is_ok() {
        // The link says what it still has to say; nobody listens any more.
        while link.news.recv().await.is_some() {}
    }
    if let Err(error) = link.task.await {
        tracing::error!(light = %driver.id, %error, "a link ended by itself");
    }
    driver.hub.aspect_changed(&driver.id, Aspect::Dark);
}

impl Driver {
    fn new(make: Make) -> (Driver, Link) {
        let Make { id, config, key, topics, start, link, reported, hub, commands, phase: _ } = make;
        let state_topic = topics.of(&id, TopicKind::State);
        let status_topic = topics.of(&id, TopicKind::Status);
        let command_topic = topics.of(&id, TopicKind::Command);
        let will = Status::offline().encode(&status_topic, key.as_ref()).to_vec();
        let mut subscriptions = vec![command_topic.clone()];
        for peer in config.peers() {
            let peer = LightId::new(id.junction.clone(), peer.clone());
            subscriptions.push(topics.of(&peer, TopicKind::State));
        }
        let link = link::start(LinkSpec { will: Some((status_topic.clone(), will)), subscriptions, ..link });
        let light = new_light(&config, start, &hub);
        hub.booted(&id, start.boot);
        let driver = Driver {
            gate: CommandGate::new(start.boot, key.is_some()),
            id,
            config,
            key,
            hub,
            commands,
            state_topic,
            status_topic,
            command_topic,
            topics,
            reported,
            light,
            session: None,
            orders: link.orders.clone(),
            silent: false,
            counters: Counters::default(),
            started: Instant::now(),
            status_at: Instant::now(),
            shown: Aspect::Dark,
            told: None,
            jumps: JumpWatch::new(),
        };
        (driver, link)
    }

    /// The program's turn: it decides, the lamps follow at once, and what it says goes out.
    fn turn(&mut self) {
        let now = self.hub.clock().now_ms();
        let said = self.light.step(now);
        let aspect = self.light.aspect();
        let was_in_go = self.shown.is_go();
        if aspect != self.shown {
            self.hub.aspect_changed(&self.id, aspect);
            self.shown = aspect;
            if aspect == Aspect::Green {
                self.counters.greens += 1;
            }
        }
        if let Some(state) = said {
            self.say(&state, was_in_go && !aspect.is_go());
        }
        if self.reported {
            self.report(false);
        }
    }

    fn check(&mut self) {
        let apart = self.jumps.look();
        if apart > Duration::from_millis(u64::from(self.config.timing().tick_ms)) {
            self.light.lose_leases();
            tracing::info!(light = %self.id, ?apart, "wall clock and monotonic clock went apart: leases dropped");
        }
        self.turn();
        if self.session.is_some() && self.status_at.elapsed() >= STATUS_EVERY {
            self.say_status();
        }
    }

    fn say(&mut self, state: &State, ends_go: bool) {
        if ends_go {
            self.hub.go_ended(&self.id, state.boot, state.seq);
        }
        let message = state.encode(&self.state_topic, self.key.as_ref());
        self.publish(&self.state_topic.clone(), &message);
    }

    fn say_status(&mut self) {
        self.status_at = Instant::now();
        let status = self.status();
        let message = status.encode(&self.status_topic, self.key.as_ref());
        self.publish(&self.status_topic.clone(), &message);
    }

    fn status(&self) -> Status {
        let text = |text: &str| heapless_text(text);
        let mut status = Status::online();
        status.kind = text("virtual");
        status.fw = text(env!("CARGO_PKG_VERSION"));
        status.wifi_joins = Some(self.counters.wifi_joins);
        status.mqtt_joins = Some(self.counters.mqtt_joins);
        status.uptime_s = Some(u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX));
        status
    }

    /// Sends a message now or never.
    fn publish(&mut self, topic: &str, message: &Message) {
        let Some(session) = self.session.as_ref().filter(|_| !self.silent) else {
            self.counters.dropped += 1;
            return;
        };
        match session.try_publish(topic, QoS::AtLeastOnce, true, message.as_slice()) {
            Ok(()) => self.counters.sent += 1,
            Err(_) => self.counters.dropped += 1,
        }
    }

    fn say_goodbye(&mut self) {
        let message = Status::offline().encode(&self.status_topic, self.key.as_ref());
        self.publish(&self.status_topic.clone(), &message);
    }

    fn take(&mut self, news: News) {
        match news {
            News::Layer { layer, up, reason } => {
                match (layer, up) {
                    (Layer::Wifi, true) => self.counters.wifi_joins += 1,
                    (Layer::Mqtt, true) => self.counters.mqtt_joins += 1,
                    _ => {}
                }
                self.hub.link_changed(&self.id, layer, up, reason);
                return;
            }
            News::Up(session) => {
                self.session = Some(session);
                self.say_status();
                self.light.set_connected(self.hub.clock().now_ms(), true);
            }
            News::Down => {
                self.session = None;
                self.light.set_connected(self.hub.clock().now_ms(), false);
            }
            News::Message { topic, payload, retained } => self.hear(&topic, &payload, retained),
        }
        self.turn();
    }

    fn hear(&mut self, topic: &str, payload: &[u8], retained: bool) {
        if topic == self.command_topic {
            if !retained {
                self.hear_command(payload);
            }
            return;
        }
        let Some((from, TopicKind::State)) = self.topics.parse(topic) else { return };
        let Ok(word) = Word::decode(topic, payload, self.key.as_ref()) else {
            // The observer tells of it, once for all lights.
            self.counters.ignored += 1;
            return;
        };
        self.counters.received += 1;
        let waits = self.waits_for_others();
        match self.light.hear(self.hub.clock().now_ms(), &from.light, &word, retained) {
            Heard::New => {
                if let (true, Word::State(state)) = (waits, &word) {
                    self.hub.heard(&from, &self.id, state.boot, state.seq);
                }
            }
            Heard::Doubtful => {
                self.counters.ignored += 1;
                self.ignored(format!(
                    "a bare \"{}\" on the topic of {from}, which has just spoken in whole messages: does another \
                     program use this light's name?",
                    word.aspect()
                ));
            }
            Heard::Stale | Heard::Kept | Heard::NoConflict => {}
        }
    }

    /// Whether this light wants green and is kept from it by others.
    fn waits_for_others(&self) -> bool {
        !self.shown.is_go()
            && !matches!(self.light.view().waiting, None | Some(Waiting::NoDemand | Waiting::Started { .. }))
    }

    fn hear_command(&mut self, payload: &[u8]) {
        let command = match Wired::decode(&self.command_topic, payload, self.key.as_ref()) {
            Ok(command) => command,
            Err(_) => {
                self.counters.ignored += 1;
                return;
            }
        };
        if let Err(refused) = self.gate.admit(&command) {
            self.counters.ignored += 1;
            self.ignored(refused.to_string());
            return;
        }
        let light = self.id.clone();
        let during = Duration::from_millis(u64::from(command.ms.unwrap_or(10_000)));
        match command.action {
            Action::Identify => {
                self.hub.notice(Severity::Info, Some(&self.id), format!("{light} was asked to show itself"));
            }
            Action::WifiDown => self.for_a_while(
                Command::SetWifi { light: light.clone(), up: false },
                during,
                Command::SetWifi { light, up: true },
            ),
            Action::MqttDrop => self.ask_world(Command::DropSession { light }),
            Action::Silence => self.for_a_while(
                Command::SetSilence { light: light.clone(), on: true },
                during,
                Command::SetSilence { light, on: false },
            ),
            Action::Reboot => self.ask_world(Command::RebootLight { light }),
            Action::Set => match command.timing.map(|timing| self.light.set_timing(timing)) {
                Some(Ok(())) => self.hub.notice(Severity::Info, Some(&self.id), "takes other timings"),
                Some(Err(error)) => self.ignored(format!("these timings cannot work: {error}")),
                None => self.ignored("\"set\" needs the member \"timing\"".to_owned()),
            },
        }
    }

    fn ignored(&self, reason: String) {
        let (light, by) = (Some(self.id.clone()), Ignorer::Light(self.id.clone()));
        self.hub.emit(EventKind::MessageIgnored { light, by, reason });
    }

    /// The world puts faults in and takes them out, whoever asks; a full queue drops the request.
    fn ask_world(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            self.hub.notice(Severity::Warning, Some(&self.id), "too many commands at once; one was dropped");
        }
    }

    fn for_a_while(&self, start: Command, during: Duration, end: Command) {
        self.ask_world(start);
        let commands = self.commands.clone();
        tokio::spawn(async move {
            tokio::time::sleep(during).await;
            // A world that has ended in between needs no end of a fault.
            let _ = commands.send(end).await;
        });
    }

    fn obey(&mut self, ask: Ask) {
        match ask {
            Ask::Link(order) => self.order(order),
            Ask::Silence(on) => {
                self.silent = on;
                if !on {
                    self.say_status();
                }
            }
            Ask::Reboot => self.reboot(),
            Ask::Call => self.light.call(),
            Ask::Report => self.report(true),
        }
        self.turn();
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            self.hub.notice(
                Severity::Warning,
                Some(&self.id),
                "too many changes of the link at once; one was dropped",
            );
        }
    }

    /// Starts anew as a board does after a reset: dark, then red, with a new boot and no session.
    fn reboot(&mut self) {
        self.hub.aspect_changed(&self.id, Aspect::Dark);
        self.shown = Aspect::Dark;
        let lease_max_ms = self.config.timing().lease_ms.max(self.light.config().timing().lease_ms);
        let start =
            Start { boot: rand::random(), seed: rand::random(), lease_max_ms, last_run_ended_ms: Some(0) };
        self.light = new_light(&self.config, start, &self.hub);
        self.hub.booted(&self.id, start.boot);
        self.gate = CommandGate::new(start.boot, self.key.is_some());
        self.session = None;
        self.counters = Counters::default();
        self.started = Instant::now();
        self.order(Order::Restart);
    }

    fn report(&mut self, even_if_known: bool) {
        let view = self.light.view();
        if !even_if_known
            && let Some((told, counters)) = &self.told
            && *counters == self.counters
            && **told == view
        {
            return;
        }
        let view = Arc::new(view);
        self.told = Some((view.clone(), self.counters));
        self.hub.emit(EventKind::LightReported { light: self.id.clone(), view, counters: self.counters });
    }
}

/// A light that starts now, without a session.
fn new_light(config: &LightConfig, start: Start, hub: &Hub) -> Light {
    let now = hub.clock().now_ms();
    let mut light = Light::new(config.clone(), start, now);
    light.set_connected(now, false);
    light
}

/// A short text of a status message; one that is too long is left out.
fn heapless_text<T: for<'a> TryFrom<&'a str>>(text: &str) -> Option<T> {
    T::try_from(text).ok()
}
