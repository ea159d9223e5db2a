//! Starts the broker, the lights and the observer, performs what the engine asks for, and ends everything in
//! order.
//!
//! | module | one idea |
//! | --- | --- |
//! | `world` | the handle on a world that runs |
//! | `start` | from a configuration to a world in which every light runs |
//! | `effects` | does what the engine asks for |
//! | `lights` | lights start and go, with the proxies of their links |
//! | `broker` | the broker starts, stops and opens to the network |
//! | `metering` | what the broker counts, told as notices |
//! | `foreign` | a light becomes somebody else's, or no more; what speaks on the broker beside |
//! | `record` | recording, on and off |

mod broker;
mod descriptors;
mod effects;
mod foreign;
mod lights;
mod metering;
mod record;
mod start;
mod world;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use rand::rngs::StdRng;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use self::broker::ended;
pub use self::world::{World, WorldError, WorldOptions};
use super::{
    Command,
    account_limiter::AccountLimiter,
    broker::Broker,
    client::{Client, ClientSpec},
    client_watch::ClientWatch,
    engine::Engine,
    event::{EventKind, TopicKind},
    event_bus::EventBus,
    last_run::{Boots, RunningNow},
    observer::ObserverCommand,
    port_watch::SharedClientIds,
    proxy::Proxy,
    surveyor::RunningSurvey,
    topics::Topics,
    virtual_light::RunningLight,
};
use crate::{
    config::Config,
    model::{LightId, Login, RootTopic},
    world::recorder::{Limits, Recorder},
};

/// Commands that may wait for the world; a client that finds the queue full says so.
const COMMAND_QUEUE: usize = 256;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// Owns everything of a world that runs. The engine decides what changes in it.
struct Supervisor {
    config: Config,
    bus: Arc<EventBus>,
    broker: Option<Broker>,
    /// Counts what the clients of the embedded broker do.
    limiter: Option<AccountLimiter>,
    /// Tells what becomes of the sessions of foreign lights, there or through ports.
    clients: Option<Arc<ClientWatch>>,
    /// The login that the broker wanted before it was opened to the network; `None`: it was not opened.
    login_before: Option<Option<Login>>,
    /// The port that the lights know; the broker comes back there.
    port: u16,
    lights: BTreeMap<LightId, RunningLight>,
    /// Where the faults of links are injected: of each virtual light, and of boards that have a port.
    proxies: BTreeMap<LightId, Proxy>,
    /// Lights that run elsewhere and have a port here.
    board_ports: Vec<LightId>,
    /// Those who watch these ports.
    watches: JoinSet<()>,
    /// Speaks TLS for links that have no proxy of their own.
    _tunnel: Option<Proxy>,
    /// Clients that have a light's client id, and take its session over.
    duplicates: BTreeMap<LightId, Client>,
    /// What every link starts from.
    spec: ClientSpec,
    reported: bool,
    random: StdRng,
    observer: JoinHandle<()>,
    /// Calls the engine where time alone changes something.
    clock: JoinHandle<()>,
    stop_observer: watch::Sender<bool>,
    observer_commands: mpsc::Sender<ObserverCommand>,
    /// Whether the broker is to forget the virtual lights at the end.
    forgets: bool,
    last_run: Option<RunningNow>,
    boots: Arc<Boots>,
    recorder: Option<Recorder>,
    record_limits: Limits,
    /// Where recordings are kept that nobody named a file for.
    recordings: Option<PathBuf>,
    /// What speaks on the broker, while somebody wants to know.
    survey: Option<RunningSurvey>,
    topics: Topics,
    /// The client ids that are in use, as far as they are known here.
    port_ids: SharedClientIds,
    /// Lights that are saying goodbye.
    leaving: JoinSet<()>,
}

impl Supervisor {
    async fn run(mut self, mut commanded: mpsc::Receiver<Command>) {
        loop {
            let broker_ended = ended(self.broker.as_ref());
            tokio::select! {
                // What was asked for is done before more is asked for.
                biased;
                task = self.bus.next_task() => self.perform(task).await,
                reason = broker_ended => {
                    self.broker = None;
                    self.close_board_ports(true);
                    self.bus.with(|engine| engine.state.broker_stopped(reason));
                }
                command = commanded.recv() => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.bus.with(|engine| engine.command(command)),
                },
                Some(_) = self.leaving.join_next() => {}
            }
        }
        self.stop().await;
    }

    async fn stop(mut self) {
        self.bus.with(Engine::end);
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
            while self.leaving.join_next().await.is_some() {}
        };
        if timeout(GOODBYE_TIMEOUT, goodbyes).await.is_err() {
            tracing::warn!("some lights did not say goodbye in time");
        }
        // Nothing is told of them once the world has stopped.
        self.leaving.shutdown().await;
        if let Some(kept) = kept.filter(|_| self.broker.is_none()) {
            let (done, forgotten) = oneshot::channel();
            // It answers by dropping `done`, whatever came of it.
            let _ = self.observer_commands.send(ObserverCommand::Forget(kept, done)).await;
            let _ = forgotten.await;
        }
        self.survey = None;
        // The observer hears the goodbyes; it is the last to go.
        let _ = self.stop_observer.send(true);
        if timeout(GOODBYE_TIMEOUT, &mut self.observer).await.is_err() {
            tracing::warn!("the observer did not end in time");
        }
        if let Some(last_run) = self.last_run.take()
            && timeout(GOODBYE_TIMEOUT, last_run.end()).await.is_err()
        {
            tracing::debug!("the disk is too slow to note that lights ran");
        }
        // Nothing is told of what passes their ports once the world has stopped.
        self.proxies.clear();
        self.watches.shutdown().await;
        if let Some(broker) = self.broker.take() {
            broker.stop().await;
            self.bus.with(|engine| engine.state.broker_stopped("the program ends"));
        }
        self.clock.abort();
        self.bus.emit(EventKind::Stopped);
        // The recorder ends with that event.
        self.end_recording();
    }
}

/// The topics on which a broker keeps the last words of `lights`.
fn kept_topics<'a>(root: &RootTopic, lights: impl Iterator<Item = &'a LightId>) -> Vec<String> {
    let topics = Topics::new(root);
    lights
        .flat_map(|light| [TopicKind::State, TopicKind::Status].map(|kind| topics.of(light, kind)))
        .collect()
}
