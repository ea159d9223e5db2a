//! Starts the broker, the lights and the observer, obeys commands, and ends everything in order.

mod chaos;
mod faults;
mod metering;
mod record;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{interval, timeout},
};
use traffic_light::{LightConfig, Start, mqtt::client_id, program::Place};

use super::{
    account_limiter::AccountLimiter,
    broker::{Broker, BrokerConfig, BrokerError, Ended},
    budget::{Budget, SharedBudget},
    client::{self, Client, ClientSpec},
    command::Command,
    delivery::Deliveries,
    engine::Engine,
    event::{Event, EventKind, Severity, TopicKind},
    event_bus::{EventBus, Waker},
    fault::Fault,
    feed_watch::FeedWatch,
    last_run::{LastRun, TOUCH_EVERY},
    light::{BrokerAddress, LightCommand, LightParts},
    link::{BrokerPath, SharedLogin, Target, Via},
    monitor::Limits,
    observer::{External, Observer, Say, Tell},
    proxy::{Destination, Proxy},
    topics::Topics,
    virtual_light::{self, LightSpec, Request, RunningLight},
};
use crate::{
    config::{BrokerChoice, Config, Junction},
    keys::{self, KeyError},
    model::{LightId, LightKind, Login, RootTopic},
    recording::{RecordError, Recorder},
};

/// Commands that may wait for the world; a face that finds the queue full says so.
const COMMAND_QUEUE: usize = 256;
/// Events that a slow face may be behind by, for each light; more are lost, oldest first.
const EVENTS_PER_LIGHT: usize = 64;
const EVENT_QUEUE: usize = 8_192;
/// File descriptors for each light (its socket, two for the broker's end, and the proxy's three between
/// them), and for everything else.
const FILES_PER_LIGHT: u64 = 3;
const FILES_PER_PROXY: u64 = 3;
const OTHER_FILES: u64 = 128;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const UNCHECKED: &str = "nobody checks that the broker is the broker (insecure = true): whoever is on the way to it can \
                         read and change everything, passwords too; give its authority's certificate as ca_file instead";
/// Lights start over this long for each of them, so that a thousand do not connect at once.
const START_SPACING: Duration = Duration::from_micros(500);

/// What a face wants of the world beside its configuration.
#[derive(Clone, Default)]
pub struct WorldOptions {
    /// Whether the insides of lights and the single messages are told, for somebody who looks.
    pub detailed: bool,
    /// Into which file all is recorded from the start on; it must not exist. `None`: nothing is, until
    /// somebody asks for it.
    pub record_to: Option<PathBuf>,
    /// Called after each event.
    pub wake: Option<Waker>,
    /// Where the program keeps what it must remember from one run to the next; `None`: nowhere.
    pub state_folder: Option<PathBuf>,
    /// Where each word's way from light to light is counted, for somebody who measures.
    pub deliveries: Option<Arc<Deliveries>>,
    /// Whether the broker is to forget, at the end, what it keeps of the virtual lights: for lights
    /// that are not to come back.
    pub forgets: bool,
}

/// Why a world could not be started.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The embedded broker did not start.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The recording cannot be made.
    #[error(transparent)]
    Recording(#[from] RecordError),
    /// The system does not let the program open that many files.
    #[error(
        "{lights} lights need {needed} open files, and this system allows {allowed}; allow more with \
         \"ulimit -n {needed}\" in this terminal (its hard limit may have to be raised in \
         /etc/security/limits.conf), or run fewer lights"
    )]
    Files {
        /// How many lights were asked for.
        lights: usize,
        /// How many files that takes.
        needed: u64,
        /// How many there may be.
        allowed: u64,
    },
    /// There is no port on this machine for the way to a broker with TLS.
    #[error(
        "no port on this machine is free for the way to the broker ({0}); end other programs and try again"
    )]
    Tunnel(#[source] std::io::Error),
    /// The key of a junction that has to be made up cannot be kept.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// A world that runs. Dropping it asks the world to end; [`World::stop`] also waits for that.
#[derive(Debug)]
pub struct World {
    commands: mpsc::Sender<Command>,
    bus: Arc<EventBus>,
    task: Option<JoinHandle<()>>,
}

struct Supervisor {
    config: Config,
    bus: Arc<EventBus>,
    commands: mpsc::Sender<Command>,
    broker: Option<Broker>,
    /// Counts what the clients of the embedded broker do.
    limiter: Option<AccountLimiter>,
    /// The port that the lights know; the broker comes back there.
    port: u16,
    lights: BTreeMap<LightId, RunningLight>,
    /// Where the faults of links are put in: of each virtual light, and of boards that have a port.
    proxies: BTreeMap<LightId, Proxy>,
    /// Speaks TLS for links that have no proxy of their own.
    _tunnel: Option<Proxy>,
    /// Clients that have a light's client id, and take its session over.
    duplicates: BTreeMap<LightId, Client>,
    /// What every link starts from.
    spec: ClientSpec,
    reported: bool,
    random: StdRng,
    observer: JoinHandle<()>,
    /// Drives the monitor where time alone decides.
    judge: JoinHandle<()>,
    stop_observer: watch::Sender<bool>,
    says: mpsc::Sender<Say>,
    /// Whether the broker is to forget the virtual lights at the end.
    forgets: bool,
    last_run: LastRun,
    recorder: Option<Recorder>,
    /// Where recordings are kept that nobody named a file for.
    recordings: Option<PathBuf>,
    /// Random faults, while they are switched on.
    chaos: Option<chaos::Reigns>,
    /// What boards were told to do to themselves, with its end.
    remote: Vec<(Fault, tokio::time::Instant)>,
}

impl World {
    /// Starts the broker, if it is to be an embedded one, then the lights.
    ///
    /// Has to be called within a tokio runtime, which the world then lives on.
    ///
    /// # Errors
    /// When the broker cannot start or the system allows too few files.
    pub async fn start(
        mut config: Config,
        options: WorldOptions,
    ) -> Result<(World, broadcast::Receiver<Event>), WorldError> {
        config.draw_faults(config.seed.unwrap_or_else(rand::random));
        // Nothing runs unsigned that is to be signed, wherever the configuration came from.
        keys::give(&mut config, options.state_folder.as_deref())?;
        let lights = config.junctions.iter().map(|junction| junction.virtual_lights().count()).sum();
        allow_files(lights, config.links.proxy || config.broker.tls().is_some())?;
        let capacity = EVENT_QUEUE.max(EVENTS_PER_LIGHT * lights);
        let bus = Arc::new(EventBus::new(
            Engine::default(),
            capacity,
            options.wake.clone(),
            options.deliveries.clone(),
        ));
        let limiter = metering::limiter(&config, &bus);
        let broker = match &config.broker {
            BrokerChoice::Embedded { port, lan, login } => {
                let (port, lan, login) = (*port, *lan, login.clone());
                let config = BrokerConfig { first_port: port, search: true, lan, login };
                Some(Broker::start_limited(&config, limiter.clone()).await?)
            }
            BrokerChoice::External { .. } => None,
        };
        let tunnel = tunnel_to(&config.broker).map_err(WorldError::Tunnel)?;
        let events = bus.subscribe();
        let recorder = match &options.record_to {
            Some(file) => Some(record::begin(file, &config, &bus)?),
            None => None,
        };
        let (commands, commanded) = mpsc::channel(COMMAND_QUEUE);
        let way = Way { broker, limiter, tunnel };
        let mut supervisor = Supervisor::start(config, options, bus.clone(), commands.clone(), way);
        supervisor.recorder = recorder;
        let task = tokio::spawn(supervisor.run(commanded));
        Ok((World { commands, bus, task: Some(task) }, events))
    }

    /// Where commands go. Bounded: when it is full, the world is busy with earlier ones.
    #[must_use]
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// When its clock stood at zero, by the computer's wall clock.
    #[must_use]
    pub fn started_at(&self) -> SystemTime {
        self.bus.clock().started_at()
    }

    /// One more listener; it hears what happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.bus.subscribe()
    }

    /// Ends the world: lights say goodbye, the broker stops, the last event is
    /// [`EventKind::Stopped`].
    pub async fn stop(mut self) {
        // A world that has ended already takes no more commands.
        let _ = self.commands.send(Command::Shutdown).await;
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the world ended by itself");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.task.is_some() {
            // A full queue means that the world is alive; it ends with the runtime then.
            let _ = self.commands.try_send(Command::Shutdown);
        }
    }
}

impl Supervisor {
    fn start(
        config: Config,
        options: WorldOptions,
        bus: Arc<EventBus>,
        commands: mpsc::Sender<Command>,
        Way { broker, limiter, tunnel }: Way,
    ) -> Supervisor {
        let target = match (&config.broker, &broker) {
            (BrokerChoice::External { host, port, login, tls }, _) => Target {
                address: Arc::new(BrokerAddress { host: host.clone(), port: *port }),
                login: SharedLogin::new(login.clone()),
                tls: tls.clone(),
            },
            (BrokerChoice::Embedded { login, .. }, broker) => {
                let port = broker.as_ref().map_or(0, |broker| broker.address().port());
                let login = SharedLogin::new(login.clone());
                let address = Arc::new(BrokerAddress { host: "127.0.0.1".to_owned(), port });
                Target { address, login, tls: None }
            }
        };
        if let Some(broker) = &broker {
            tell_of(&bus, broker);
        }
        for warning in &config.warnings {
            bus.notice(Severity::Warning, None, warning.clone());
        }

        if target.tls.as_ref().is_some_and(|tls| !tls.checks_the_broker()) {
            bus.notice(Severity::Error, None, UNCHECKED);
            tracing::warn!("{UNCHECKED}");
        }

        let external = broker.is_none().then(|| External::of(&target));
        let (topics, budget) = match &config.feeds {
            Some(feeds) => (
                Topics::on_feeds(&feeds.user, config.lights()),
                Some(SharedBudget::new(Budget::of(feeds, &config.junctions))),
            ),
            None => (Topics::new(&config.root), None),
        };
        let mut random = match config.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => rand::make_rng(),
        };
        let (stop_observer, stopped) = watch::channel(false);
        let junctions = &config.junctions;
        for timing in
            junctions.iter().filter_map(|junction| Some((junction, junction.light_configs().first()?)))
        {
            let (junction, light) = timing;
            bus.with(|engine| engine.state.set_limits(junction.name(), Limits::of(light.timing())));
        }
        let judge = tokio::spawn({
            let bus = bus.clone();
            async move { bus.keep_time().await }
        });
        let observer = Observer::new(bus.clone(), topics.clone(), junctions, external, options.detailed);
        let watch = config.feeds.as_ref().zip(budget.clone());
        let observer =
            observer.on_feeds(watch.map(|(feeds, budget)| FeedWatch::new(&feeds.user, budget, junctions)));
        let port = target.address.port;
        let spec = ClientSpec {
            client_id: String::new(),
            path: BrokerPath { target, via: tunnel.as_ref().map(Via::through) },
            subscriptions: Vec::new(),
            keep_alive: Duration::from_secs(u64::from(config.links.keep_alive_s)),
            heard: true,
            seed: 0,
            budget,
        };
        let client = client::start(ClientSpec {
            client_id: client_id(
                config.root.as_str(),
                "observer",
                &format!("{:08x}", random.random::<u32>()),
            )
            .to_string(),
            subscriptions: if options.detailed { topics.everything() } else { topics.all() },
            seed: random.random(),
            ..spec.clone()
        });
        let (says, said) = mpsc::channel(COMMAND_QUEUE);
        let observer = observer.start(client, said, stopped);

        let last_run = LastRun::new(options.state_folder.as_deref());
        let recordings = options.state_folder.as_ref().map(|folder| folder.join(record::FOLDER));
        let ended_ms = last_run.ended_ms(SystemTime::now());
        let mut supervisor = Supervisor {
            bus,
            commands,
            broker,
            limiter,
            port,
            lights: BTreeMap::new(),
            proxies: BTreeMap::new(),
            _tunnel: tunnel,
            duplicates: BTreeMap::new(),
            spec,
            reported: options.detailed,
            random,
            observer,
            judge,
            stop_observer,
            says,
            forgets: options.forgets,
            last_run,
            recorder: None,
            recordings,
            chaos: None,
            remote: Vec::new(),
            config,
        };
        let junctions = supervisor.config.junctions.clone();
        for junction in &junctions {
            for light in junction.virtual_lights() {
                supervisor.add_light(junction, light, ended_ms);
            }
        }
        supervisor.open_board_ports();
        supervisor
    }

    fn add_light(&mut self, junction: &Junction, config: &LightConfig, last_run_ended_ms: Option<u64>) {
        let id = LightId::new(junction.name().clone(), config.name().clone());
        let (name, key) = (junction.name().clone(), junction.key().cloned());
        let place = match &self.config.feeds {
            Some(feeds) => Place::on_feeds(&feeds.user, name, key),
            None => Place::new(self.config.root.as_str(), name, key),
        };
        let Some(place) = place else {
            self.bus.notice(Severity::Error, None, "the root topic is too long; make it shorter");
            return;
        };
        self.bus.with(|engine| {
            engine.state.light_added(&id, LightKind::Virtual, junction.rule(), junction.key().is_some())
        });
        let start = Start {
            // Never seeded: a run's number has to differ from that of every other run.
            boot: rand::random(),
            seed: self.random.random(),
            lease_max_ms: config.timing().lease_ms,
            last_run_ended_ms,
        };
        let spacing = START_SPACING.saturating_mul(u32::try_from(self.lights.len()).unwrap_or(u32::MAX));
        let join = Duration::from_millis(u64::from(self.config.links.wifi_join_ms)) + spacing;
        let name = client_id(self.config.root.as_str(), id.junction.as_str(), id.light.as_str());
        let seed = self.random.random();
        let via = self.put_proxy_before(&id, seed);
        let parts = LightParts {
            id: id.clone(),
            config: config.clone(),
            place,
            start,
            client_id: name.to_string(),
            broker: self.spec.path.target.address.clone(),
            keep_alive_s: self.config.links.keep_alive_s,
            budget: self.spec.budget.clone(),
            wifi_join_us: u64::try_from(join.as_micros()).unwrap_or(u64::MAX),
            seed: self.random.random(),
            boot_seed: rand::random(),
            measured: self.bus.measures(),
        };
        let spec = LightSpec {
            parts,
            path: BrokerPath { via, ..self.spec.path.clone() },
            reported: self.reported,
            bus: self.bus.clone(),
            commands: self.commands.clone(),
            phase: self.random.random(),
        };
        self.lights.insert(id, virtual_light::start(spec));
    }

    async fn run(mut self, mut commanded: mpsc::Receiver<Command>) {
        let plan = tokio::spawn(faults::follow_plan(self.config.faults.clone(), self.commands.clone()));
        let mut touches = interval(TOUCH_EVERY);
        let mut touched = true;
        loop {
            let broker_ended = ended(self.broker.as_ref());
            let chaos_due = chaos::due(self.chaos.as_ref());
            tokio::select! {
                command = commanded.recv() => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.obey(command).await,
                },
                reason = broker_ended => {
                    self.broker = None;
                    self.bus.with(|engine| engine.state.broker_stopped(reason));
                }
                () = chaos_due => self.play_chaos().await,
                _ = touches.tick() => {
                    let now_touched = self.last_run.touch();
                    if let (true, Err(error)) = (touched, &now_touched) {
                        tracing::warn!(%error, "cannot note that lights run; the next start will wait longer");
                    }
                    touched = now_touched.is_ok();
                }
            }
        }
        plan.abort();
        self.stop().await;
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::SetWifi { light, up } => self.set_own_fault(Fault::WifiDown(light), !up).await,
            Command::SetSilence { light, on } => self.set_own_fault(Fault::Silence(light), on).await,
            Command::PutFault { fault, lasts } => self.put_fault(fault, lasts).await,
            Command::ClearFault(fault) => self.set_own_fault(fault, false).await,
            Command::ClearFaults => {
                for fault in self.bus.with(|engine| engine.state.faults().to_vec()) {
                    self.set_own_fault(fault, false).await;
                }
            }
            Command::StartChaos { seed, pace } => self.start_chaos(seed, pace).await,
            Command::StopChaos => self.stop_chaos().await,
            Command::DropSession { light } => {
                self.ask(&light, LightCommand::DropSession);
            }
            Command::RebootLight { light } => {
                self.ask(&light, LightCommand::Reboot);
            }
            Command::CallLight { light } => {
                self.ask(&light, LightCommand::Call);
            }
            Command::RunLight { light, on: true } => self.run_light(&light),
            Command::RunLight { light, on: false } => self.retire_light(&light).await,
            Command::TellLight { light, action, ms } => {
                let about = Some(light.clone());
                self.say(Say::Tell(Tell { light, action, ms }), about.as_ref());
            }
            Command::Publish(message) => self.say(Say::Publish(message), None),
            Command::AskWhatIsKept => self.say(Say::AskWhatIsKept, None),
            Command::LetBoardsJoin { login } => self.let_boards_join(login).await,
            Command::StopBroker => self.set_own_fault(Fault::BrokerDown, true).await,
            Command::StartBroker => self.set_own_fault(Fault::BrokerDown, false).await,
            Command::StartRecording { file } => self.start_recording(file),
            Command::StopRecording => self.stop_recording(),
            Command::Resync => self.tell_all(),
            Command::Shutdown => {}
        }
    }

    /// Tells all that is true once more.
    fn tell_all(&self) {
        self.bus.with(|engine| engine.state.tell_all());
        for running in self.lights.values() {
            // A light too busy to report does so at its next change.
            let _ = running.commands.try_send(Request::Report);
        }
        self.tell_of_recording();
    }

    /// Passes a request on; returns whether it got there, and tells the user where it did not.
    fn ask(&self, light: &LightId, command: LightCommand) -> bool {
        let reason =
            match self.lights.get(light).map(|running| running.commands.try_send(Request::Obey(command))) {
                Some(Ok(())) => return true,
                Some(Err(mpsc::error::TrySendError::Full(_))) => "is busy; try again in a moment",
                Some(Err(mpsc::error::TrySendError::Closed(_))) => "has ended; start the program again",
                None => "does not run in this program; use its own switches",
            };
        self.bus.notice(Severity::Warning, Some(light), format!("{light} {reason}"));
        false
    }

    /// Lets the observer say something.
    fn say(&self, say: Say, about: Option<&LightId>) {
        if self.says.try_send(say).is_err() {
            let text = "too many commands at once; one was dropped";
            self.bus.notice(Severity::Warning, about, text);
        }
    }

    /// Runs a light of the configuration here. It waits as after any start: whoever had its name
    /// until now may have promised something.
    fn run_light(&mut self, light: &LightId) {
        if self.lights.contains_key(light) {
            return;
        }
        let junction = self.config.junction(&light.junction).cloned();
        let found =
            junction.as_ref().and_then(|junction| Some((junction, junction.light_config(&light.light)?)));
        match found {
            Some((junction, config)) => {
                if let Err(error) = allow_files(self.lights.len() + 1, self.proxied()) {
                    self.bus.notice(Severity::Error, Some(light), error.to_string());
                    return;
                }
                self.add_light(junction, config, Some(0));
            }
            None => {
                let text = format!("the configuration has no light {light}; add it there");
                self.bus.notice(Severity::Warning, Some(light), text);
            }
        }
    }

    async fn retire_light(&mut self, light: &LightId) {
        if self.lights.contains_key(light) {
            for fault in self.bus.with(|engine| engine.state.faults_of(light)) {
                self.set_fault(fault, false).await;
            }
        }
        let Some(running) = self.lights.remove(light) else { return };
        drop(running.commands);
        match timeout(GOODBYE_TIMEOUT, running.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%light, %error, "a light ended by itself"),
            Err(_) => tracing::warn!(%light, "a light did not say goodbye in time"),
        }
        self.proxies.remove(light);
        self.bus.with(|engine| engine.state.light_removed(light));
    }

    /// Starts the broker again on all interfaces. Links that lose their session log in anew.
    async fn let_boards_join(&mut self, new: Login) {
        if self.config.emulated.is_some() {
            let text = "this broker is an account with a user and key of its own; write lan = true into [broker] and start \
                        again";
            self.bus.notice(Severity::Warning, None, text);
            return;
        }
        let BrokerChoice::Embedded { lan, login, .. } = &mut self.config.broker else {
            let text = "the broker is not part of this program; open it where it runs";
            self.bus.notice(Severity::Warning, None, text);
            return;
        };
        if *lan && *login == Some(new.clone()) && self.broker.is_some() {
            return;
        }
        (*lan, *login) = (true, Some(new.clone()));
        self.spec.path.target.login.set(new);
        if let Some(broker) = self.broker.take() {
            broker.stop().await;
            self.bus.with(|engine| engine.state.broker_stopped("it starts again, open to the network"));
        }
        if let Err(reason) = self.start_broker().await {
            self.bus.notice(Severity::Error, None, reason);
        }
    }

    async fn stop(mut self) {
        let lights = std::mem::take(&mut self.lights);
        let kept = (self.forgets && self.config.feeds.is_none())
            .then(|| kept_topics(&self.config.root, lights.keys()));
        // All say goodbye at once.
        let tasks: Vec<_> = lights.into_iter().map(|(light, running)| (light, running.task)).collect();
        let goodbyes = async {
            for (light, task) in tasks {
                if let Err(error) = task.await {
                    tracing::error!(%light, %error, "a light ended by itself");
                }
            }
        };
        if timeout(GOODBYE_TIMEOUT, goodbyes).await.is_err() {
            tracing::warn!("some lights did not say goodbye in time");
        }
        if let Some(kept) = kept.filter(|_| self.broker.is_none()) {
            let (done, forgotten) = oneshot::channel();
            // It answers by dropping `done`, whatever came of it.
            let _ = self.says.send(Say::Forget(kept, done)).await;
            let _ = forgotten.await;
        }
        // The observer hears the goodbyes; it is the last to go.
        let _ = self.stop_observer.send(true);
        if timeout(GOODBYE_TIMEOUT, &mut self.observer).await.is_err() {
            tracing::warn!("the observer did not end in time");
        }
        if let Err(error) = self.last_run.touch() {
            tracing::debug!(%error, "cannot note that lights ran");
        }
        if let Some(broker) = self.broker.take() {
            broker.stop().await;
            self.bus.with(|engine| engine.state.broker_stopped("the program ends"));
        }
        self.judge.abort();
        self.bus.emit(EventKind::Stopped);
        // The recorder ends with that event.
        self.end_recording();
    }
}

/// What there is of the broker and of the way to it before the first light starts.
struct Way {
    broker: Option<Broker>,
    limiter: Option<AccountLimiter>,
    tunnel: Option<Proxy>,
}

/// Where the broker wants TLS, a way to it that is never broken on purpose.
fn tunnel_to(broker: &BrokerChoice) -> std::io::Result<Option<Proxy>> {
    match broker {
        BrokerChoice::External { host, port, tls: Some(tls), .. } => {
            let destination = Destination { host: host.clone(), port: *port, tls: Some(tls.clone()) };
            Proxy::towards(destination, LOOPBACK, 0).map(Some)
        }
        _ => Ok(None),
    }
}

/// The topics on which a broker keeps the last words of `lights`.
fn kept_topics<'a>(root: &RootTopic, lights: impl Iterator<Item = &'a LightId>) -> Vec<String> {
    let topics = Topics::new(root);
    lights
        .flat_map(|light| [TopicKind::State, TopicKind::Status].map(|kind| topics.of(light, kind)))
        .collect()
}

fn tell_of(bus: &EventBus, broker: &Broker) {
    let open = broker.address().ip().is_unspecified();
    let (address, note) = (broker.address().to_string(), note_on(broker));
    bus.with(|engine| engine.state.broker_started(address, true, open, note));
}

/// What the user should know of how a broker listens.
fn note_on(broker: &Broker) -> Option<String> {
    let port = broker.address().port();
    let taken = broker.wanted_port_taken();
    let taken =
        taken.map(|taken| format!("port {taken} is in use by another program, so this one took port {port}"));
    let open = broker.address().ip().is_unspecified();
    let open = open.then(|| "open to this network, with user and password".to_owned());
    let notes: Vec<_> = open.into_iter().chain(taken).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// Waits for a broker that ends by itself, and says why; for ever where there is none.
async fn ended(broker: Option<&Broker>) -> String {
    match broker {
        Some(broker) => {
            let ended = broker.ended();
            match ended.await {
                Ended::Stopped => "it was stopped".to_owned(),
                Ended::Failed { reason } => reason,
            }
        }
        None => std::future::pending().await,
    }
}

/// Sees to it that there may be as many open files as the lights need.
fn allow_files(lights: usize, proxied: bool) -> Result<(), WorldError> {
    let each = FILES_PER_LIGHT + if proxied { FILES_PER_PROXY } else { 0 };
    let needed = OTHER_FILES + each * u64::try_from(lights).unwrap_or(u64::MAX / 8);
    let allowed = rlimit::increase_nofile_limit(needed.max(1_024)).unwrap_or(u64::MAX);
    if allowed < needed { Err(WorldError::Files { lights, needed, allowed }) } else { Ok(()) }
}
