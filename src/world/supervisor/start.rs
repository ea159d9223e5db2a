//! From a configuration to a world in which every light runs.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};
use traffic_light::mqtt::client_id;

use super::{COMMAND_QUEUE, Supervisor, WorldError, WorldOptions, broker::tell_of, descriptors, record};
use crate::{
    config::{BrokerChoice, Config},
    model::packet_limit::MAX_PACKET_BYTES,
    world::{
        account_limiter::AccountLimiter,
        broker::Broker,
        budget::{Budget, SharedBudget},
        client::{self, ClientSpec},
        client_watch::ClientWatch,
        engine::Engine,
        event::Severity,
        event_bus::EventBus,
        feed_watch::FeedWatch,
        last_run::LastRun,
        light::BrokerAddress,
        link::{BrokerPath, SharedLogin, Target, Via},
        monitor::Limits,
        observer::{External, Observer},
        port_watch::SharedClientIds,
        proxy::{Destination, Proxy},
        topics::Topics,
    },
};

/// File descriptors for all but the lights.
const OTHER_FILES: u64 = 128;
pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const UNCHECKED: &str = "The broker's certificate is not checked (insecure = true): whoever is on the way to it can read \
                         and change everything, passwords too (help: give its authority's certificate as ca_file)";

impl Supervisor {
    pub(super) fn start(
        config: Config,
        options: WorldOptions,
        bus: Arc<EventBus>,
        BrokerRoute { broker, limiter, clients, tunnel }: BrokerRoute,
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
            bus.notice(Severity::Warning, None, warning.one_line());
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
        bus.with(Engine::add_foreign_lights);
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
            max_packet: max_packet(&config.broker),
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
            subscriptions: observer.subscriptions(),
            seed: random.random(),
            ..spec.clone()
        });
        let (observer_commands, commanded) = mpsc::channel(COMMAND_QUEUE);
        let observer = observer.start(client, commanded, stopped);

        let last_run = LastRun::new(options.state_folder.as_deref());
        let recordings = options.state_folder.as_ref().map(|folder| folder.join(record::FOLDER));
        let ended_ms = last_run.ended_ms(SystemTime::now());
        let boots = last_run.boots();
        let boot = boots.next(SystemTime::now());
        // It waits until every light that a fault may be planned for is there.
        let (ready, began) = oneshot::channel::<()>();
        let clock = tokio::spawn({
            let bus = bus.clone();
            async move {
                let _ = began.await;
                bus.keep_time().await;
            }
        });
        let mut supervisor = Supervisor {
            login_before: None,
            bus,
            broker,
            limiter,
            clients,
            port,
            lights: BTreeMap::new(),
            proxies: BTreeMap::new(),
            board_ports: Vec::new(),
            watches: JoinSet::new(),
            _tunnel: tunnel,
            duplicates: BTreeMap::new(),
            spec,
            reported: options.detailed,
            random,
            observer,
            clock,
            stop_observer,
            observer_commands,
            forgets: options.forgets,
            last_run: last_run.keep_noting(&boots),
            boots,
            recorder: None,
            record_limits: options.record_limits,
            recordings,
            survey: None,
            topics,
            port_ids: SharedClientIds::default(),
            leaving: JoinSet::new(),
            config,
        };
        let junctions = supervisor.config.junctions.clone();
        for junction in &junctions {
            for light in junction.virtual_lights() {
                supervisor.add_light(junction, light, boot, ended_ms);
            }
        }
        supervisor.open_board_ports();
        drop(ready);
        supervisor
    }
}

/// What there is of the broker and of the way to it before the first light starts.
pub(super) struct BrokerRoute {
    pub(super) broker: Option<Broker>,
    pub(super) limiter: Option<AccountLimiter>,
    pub(super) clients: Option<Arc<ClientWatch>>,
    pub(super) tunnel: Option<Proxy>,
}

/// Bytes of a packet that the program's own clients take: all that the broker lets through, where it is this one's.
fn max_packet(broker: &BrokerChoice) -> usize {
    match broker {
        BrokerChoice::Embedded { limits, .. } => limits.packet.max(MAX_PACKET_BYTES),
        BrokerChoice::External { .. } => MAX_PACKET_BYTES,
    }
}

/// Where the broker wants TLS, a way to it that is never broken on purpose.
pub(super) fn tunnel_to(broker: &BrokerChoice) -> std::io::Result<Option<Proxy>> {
    match broker {
        BrokerChoice::External { host, port, tls: Some(tls), .. } => {
            let destination = Destination { host: host.clone(), port: *port, tls: Some(tls.clone()) };
            Proxy::towards(destination, LOOPBACK, 0).map(Some)
        }
        _ => Ok(None),
    }
}

/// Sees to it that there may be as many open files as the lights need.
pub(super) fn allow_files(lights: usize, proxied: bool) -> Result<(), WorldError> {
    let needed = OTHER_FILES + descriptors::of_lights(lights, proxied);
    let allowed = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    if allowed < needed { Err(WorldError::Files { lights, needed, allowed }) } else { Ok(()) }
}
