//! The handle on a world that runs, and what it takes to start one.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use tokio::{
    sync::{broadcast, mpsc},
    task::{JoinHandle, spawn_blocking},
};

use super::{
    COMMAND_QUEUE, Supervisor,
    broker::{client_watch, tell_notices},
    descriptors::own_clients,
    metering, record,
    start::{BrokerRoute, allow_files, tunnel_to},
};
use crate::{
    config::{BrokerChoice, Config, Junction},
    keys::{self, KeyError},
    model::Diagnostic,
    world::{
        Command, Event, Waker,
        broker::{Broker, BrokerConfig, BrokerError},
        delivery::Deliveries,
        engine::Engine,
        event_bus::EventBus,
        recorder::{Limits, RecordError},
    },
};

/// Events that a slow subscriber may be behind by, for each light; more are lost, oldest first. Where
/// somebody looks, each message is an event, too.
const EVENTS_PER_LIGHT: usize = 24;
const DETAILED_EVENTS_PER_LIGHT: usize = 64;
const EVENT_QUEUE: usize = 8_192;

/// What a face wants of the world beside its configuration.
#[derive(Clone, Default)]
pub struct WorldOptions {
    /// Whether the insides of lights and the single messages are told, for somebody who looks.
    pub detailed: bool,
    /// Into which file all is recorded from the start on; it must not exist. `None`: nothing is, until
    /// somebody asks for it.
    pub record_to: Option<PathBuf>,
    /// How much of the disk each recording may take.
    pub record_limits: Limits,
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
    #[error("{lights} lights need {needed} open files, and this system allows {allowed}")]
    Files {
        /// How many lights were asked for.
        lights: usize,
        /// How many files that takes.
        needed: u64,
        /// How many there may be.
        allowed: u64,
    },
    /// There is no port on this machine for the way to a broker with TLS.
    #[error("no port on this machine is free for the way to the broker ({0})")]
    Tunnel(#[source] std::io::Error),
    /// The key of a junction that has to be made up cannot be kept.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The program ended meanwhile.
    #[error("the program ended while the world was being started")]
    Interrupted,
}

impl WorldError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            WorldError::Broker(error) => Some(error.help().to_owned()),
            WorldError::Recording(error) => Some(error.help().to_owned()),
            WorldError::Keys(error) => Some(error.help()),
            WorldError::Files { needed, .. } => Some(format!(
                "allow more with \"ulimit -n {needed}\" in this terminal (its hard limit may have to be raised in \
                 /etc/security/limits.conf), or run fewer lights"
            )),
            WorldError::Tunnel(_) => Some("end other programs and try again".to_owned()),
            WorldError::Interrupted => None,
        }
    }
}

impl From<WorldError> for Diagnostic {
    fn from(error: WorldError) -> Diagnostic {
        Diagnostic { message: error.to_string(), help: error.help() }
    }
}

/// A world that runs. Dropping it asks the world to end; [`World::stop`] also waits for that.
#[derive(Debug)]
pub struct World {
    commands: mpsc::Sender<Command>,
    bus: Arc<EventBus>,
    task: Option<JoinHandle<()>>,
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
        let config = give_keys(config, options.state_folder.clone()).await?;
        let lights = config.junctions.iter().map(|junction| junction.virtual_lights().count()).sum();
        let proxied = config.links.proxy || config.broker.tls().is_some();
        allow_files(lights, proxied)?;
        let each = if options.detailed { DETAILED_EVENTS_PER_LIGHT } else { EVENTS_PER_LIGHT };
        let capacity = EVENT_QUEUE.max(each * lights);
        let bus = Arc::new(EventBus::new(
            Engine::new(&config, matches!(config.broker, BrokerChoice::Embedded { .. }), rand::random()),
            capacity,
            options.wake.clone(),
            options.deliveries.clone(),
        ));
        let limiter = metering::limiter(&config, &bus);
        let clients = client_watch(&config, &bus, options.detailed);
        let broker = match &config.broker {
            BrokerChoice::Embedded { port, lan, login, limits } => {
                let (port, lan, login) = (*port, *lan, login.clone());
                let config = BrokerConfig {
                    first_port: port,
                    search: true,
                    lan,
                    login,
                    limits: *limits,
                    own: own_clients(lights, proxied),
                };
                let mut broker = Broker::start_watched(&config, limiter.clone(), clients.clone()).await?;
                tell_notices(&bus, &mut broker);
                Some(broker)
            }
            BrokerChoice::External { .. } => None,
        };
        let tunnel = tunnel_to(&config.broker).map_err(WorldError::Tunnel)?;
        let events = bus.subscribe();
        let recorder = match &options.record_to {
            Some(file) => Some(record::begin(file, &config, &bus, options.record_limits)?),
            None => None,
        };
        let (commands, commanded) = mpsc::channel(COMMAND_QUEUE);
        let route = BrokerRoute { broker, limiter, clients, tunnel };
        let mut supervisor = Supervisor::start(config, options, bus.clone(), route);
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
    /// [`EventKind::Stopped`](crate::world::EventKind::Stopped).
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

/// Nothing runs unsigned that is to be signed, wherever the configuration came from. Keys are files that are
/// synced to the disk: no task of the runtime waits for that.
async fn give_keys(mut config: Config, folder: Option<PathBuf>) -> Result<Config, WorldError> {
    if !config.junctions.iter().any(Junction::lacks_key) {
        return Ok(config);
    }
    let given = spawn_blocking(move || keys::give(&mut config, folder.as_deref()).map(|_| config));
    Ok(given.await.map_err(|_| WorldError::Interrupted)??)
}

/// Files of a disk that does not answer: nothing of the world may wait for them but the file's own thread.
#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{path::Path, process, sync::mpsc, thread, time::Duration};

    use tokio::{runtime, time::sleep};

    use super::*;
    use crate::world::EventKind;

    const PAIR: &str = "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\n";
    const SOON: Duration = Duration::from_secs(30);

    /// A file whose opening waits until somebody opens its other end, which nobody does.
    fn stuck_file(folder: &Path, name: &str) {
        assert!(process::Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
    }

    /// Starts a world on a runtime with one thread, lets `use_it` use it, and waits for its answer.
    fn one_thread<F: Future<Output = ()> + Send + 'static>(
        text: &str,
        folder: &Path,
        use_it: impl FnOnce(
            mpsc::Sender<()>,
            JoinHandle<Result<(World, broadcast::Receiver<Event>), WorldError>>,
        ) -> F
        + Send
        + 'static,
    ) -> Result<(), mpsc::RecvTimeoutError> {
        let config = Config::from_toml(text, "lab.toml", &|_| None).unwrap();
        let options = WorldOptions { state_folder: Some(folder.to_owned()), ..WorldOptions::default() };
        let (answer, answered) = mpsc::channel();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { use_it(answer, tokio::spawn(World::start(config, options))).await });
        });
        answered.recv_timeout(SOON)
    }

    #[test]
    fn a_disk_that_does_not_answer_holds_up_no_command() {
        let folder = tempfile::tempdir().unwrap();
        stuck_file(folder.path(), "last-run");
        let answered = one_thread(PAIR, folder.path(), |answer, start| async move {
            let (world, mut events) = start.await.unwrap().unwrap();
            sleep(Duration::from_millis(1_500)).await;
            world.commands().send(Command::StopBroker).await.unwrap();
            while !matches!(events.recv().await.unwrap().kind, EventKind::BrokerStopped { .. }) {}
            answer.send(()).unwrap();
        });
        assert_eq!(answered, Ok(()));
    }

    #[test]
    fn a_key_that_is_being_made_up_holds_up_nothing_else_of_the_program() {
        let folder = tempfile::tempdir().unwrap();
        stuck_file(folder.path(), keys::FILE_NAME);
        let text = format!("{PAIR}key = \"auto\"\n");
        let answered = one_thread(&text, folder.path(), |answer, _start| async move {
            sleep(Duration::from_millis(100)).await;
            answer.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        assert_eq!(answered, Ok(()));
    }
}
