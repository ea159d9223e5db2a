//! Ends one live world and starts another, on the world's runtime, while the window stays.
//!
//! The configuration is read before anything is ended: what cannot be read leaves the live world
//! alone. Where the new world does not start, the old configuration is started again.

use std::sync::Arc;

use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::JoinHandle,
};

use super::variables::Variables;
use crate::{
    app::{board::context::ProvisioningContext, world_client::WorldLink},
    config::{Config, Source},
    keys,
    model::Diagnostic,
    presets::Preset,
    world::{Event, World, WorldError, WorldOptions},
};

/// One configuration that the live lab can be run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Start,
    Preset(usize),
}

/// Before the name of a preset, where a run is named.
pub const PRESET: &str = "preset ";

/// Behind the name of a run whose configuration was changed in the window.
const CHANGED: &str = ", changed here";

/// The window asks for one change at a time.
const REQUESTS: usize = 1;
/// The events of one change: three stages and its end.
const EVENTS: usize = 4;

/// Makes what boards have to know from a configuration; may read files.
pub type ContextSource = Arc<dyn Fn(&Config) -> ProvisioningContext + Send + Sync>;

/// What the live lab is run on.
pub(super) struct ChangeRequest {
    pub(super) choice: Choice,
    pub(super) wanted: Wanted,
}

pub(super) enum Wanted {
    /// What the program was started with.
    Start,
    Preset(Preset, Variables),
    /// A configuration that was made in the window, from that of the choice.
    Config(Arc<Config>),
}

/// A world that was started, and all that the window has to know of it.
pub struct StartedWorld {
    /// What it runs on.
    pub choice: Choice,
    /// What the run is, in a few words.
    pub subtitle: String,
    pub link: WorldLink,
    pub config: Arc<Config>,
    /// What boards have to know.
    pub context: ProvisioningContext,
}

/// What happens while the world is changed.
pub enum ChangeEvent {
    /// What it is at.
    StageBegan(&'static str),
    /// The change is over: the world that was started, if one was, and what went wrong, if something did.
    Over(Option<Box<StartedWorld>>, Option<String>),
}

/// The window's end of the switch.
#[derive(Debug)]
pub struct WorldSwitcher {
    requests: mpsc::Sender<ChangeRequest>,
    events: mpsc::Receiver<ChangeEvent>,
    config: Arc<Config>,
    source: Source,
    subtitle: String,
}

impl WorldSwitcher {
    /// Where that came from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What the program was started with, in a few words.
    #[must_use]
    pub fn subtitle(&self) -> &str {
        &self.subtitle
    }

    /// The configuration that the program was started with.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.config.clone()
    }

    /// Asks for a change; whether it could be asked for: one at a time.
    pub(super) fn ask(&self, request: ChangeRequest) -> bool {
        self.requests.try_send(request).is_ok()
    }

    pub(super) fn next_event(&mut self) -> Option<ChangeEvent> {
        self.events.try_recv().ok()
    }
}

/// What the program was started with.
pub struct Start {
    pub config: Config,
    /// Where it came from.
    pub source: Source,
    /// What it is, in a few words.
    pub subtitle: String,
    /// What the world is told beside it.
    pub options: WorldOptions,
    /// Makes what boards have to know.
    pub context: ContextSource,
}

/// The live lab: one world at a time. Dropping it ends the world; [`LiveWorld::stop`] also waits for that.
#[derive(Debug)]
pub struct LiveWorld {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl LiveWorld {
    /// Starts the first world, on the tokio runtime that this is called within.
    ///
    /// # Errors
    /// When that world cannot start.
    pub async fn start(start: Start) -> Result<(LiveWorld, WorldLink, WorldSwitcher), WorldError> {
        let Start { config, source, subtitle, mut options, context } = start;
        let (world, events) = World::start(config.clone(), options.clone()).await?;
        // The file is there now, and a recording is of one world.
        options.record_to = None;
        let link = link(&world, events);
        let config = Arc::new(config);
        let (requests, requested) = mpsc::channel(REQUESTS);
        let (send_events, switch_events) = mpsc::channel(EVENTS);
        let (end, ended) = oneshot::channel();
        let running = Running { choice: Choice::Start, config: config.clone(), subtitle: subtitle.clone() };
        let manager = WorldManager {
            start: running.clone(),
            running,
            world: Some(world),
            options,
            context,
            events: send_events,
        };
        let task = tokio::spawn(manager.run(requested, ended));
        Ok((
            LiveWorld { end, task },
            link,
            WorldSwitcher { requests, events: switch_events, config, source, subtitle },
        ))
    }

    /// Ends the world that runs, and waits for it.
    pub async fn stop(self) {
        drop(self.end);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the live lab ended by itself");
        }
    }
}

fn link(world: &World, events: broadcast::Receiver<Event>) -> WorldLink {
    WorldLink { commands: world.commands(), events }
}

#[derive(Clone)]
struct Running {
    choice: Choice,
    config: Arc<Config>,
    subtitle: String,
}

/// Owns the one world that runs.
struct WorldManager {
    start: Running,
    running: Running,
    world: Option<World>,
    options: WorldOptions,
    context: ContextSource,
    events: mpsc::Sender<ChangeEvent>,
}

impl WorldManager {
    async fn run(mut self, mut requests: mpsc::Receiver<ChangeRequest>, mut ended: oneshot::Receiver<()>) {
        loop {
            let request = tokio::select! {
                _ = &mut ended => break,
                request = requests.recv() => request,
            };
            match request {
                Some(request) => self.change(request).await,
                // The window has gone. Whoever opened it ends the world.
                None => {
                    let _ = ended.await;
                    break;
                }
            }
        }
        if let Some(world) = self.world.take() {
            world.stop().await;
        }
    }

    fn report(&self, event: ChangeEvent) {
        // There is room for all events of one change, and it is fine to have no window.
        let _ = self.events.try_send(event);
        if let Some(wake) = &self.options.wake {
            wake();
        }
    }

    async fn change(&mut self, request: ChangeRequest) {
        self.report(ChangeEvent::StageBegan("Reading the configuration…"));
        let next = match self.read(request).await {
            Ok(next) => next,
            Err(text) => {
                let text = format!("Nothing was changed: {text}");
                return self.report(ChangeEvent::Over(None, Some(text)));
            }
        };
        self.report(ChangeEvent::StageBegan("Stopping the lights…"));
        if let Some(world) = self.world.take() {
            world.stop().await;
        }
        self.report(ChangeEvent::StageBegan("Starting the lights…"));
        let over = match self.begin(next.clone()).await {
            Ok(started) => ChangeEvent::Over(Some(started), None),
            Err(error) => {
                let before = self.running.clone();
                let error = Diagnostic::from(error).one_line();
                let sorry = format!("{} cannot be started: {error}.", next.subtitle);
                match self.begin(before).await {
                    Ok(started) => {
                        let text = format!("{sorry} The lab goes on as before.");
                        ChangeEvent::Over(Some(started), Some(text))
                    }
                    Err(again) => {
                        let text =
                            format!("{sorry} What ran before cannot be started again either: {again}.");
                        ChangeEvent::Over(None, Some(text))
                    }
                }
            }
        };
        self.report(over);
    }

    /// The configuration that is wanted. Files are read beside the runtime's work.
    async fn read(&self, ChangeRequest { choice, wanted }: ChangeRequest) -> Result<Running, String> {
        let (preset, typed) = match wanted {
            Wanted::Start => return Ok(self.start.clone()),
            Wanted::Preset(preset, typed) => (preset, typed),
            Wanted::Config(config) => {
                let subtitle = self.running.subtitle.trim_end_matches(CHANGED);
                return Ok(Running { choice, config, subtitle: format!("{subtitle}{CHANGED}") });
            }
        };
        let folder = self.options.state_folder.clone();
        let subtitle = format!("{PRESET}{}", preset.name);
        let read = tokio::task::spawn_blocking(move || {
            let mut config =
                preset.load_with(&|name| typed.typed(name)).map_err(|error| error.to_string())?;
            let chosen = format!("--preset {}", preset.name);
            keys::give_and_tell(&mut config, folder.as_deref(), &chosen)
                .map_err(|error| error.to_string())?;
            Ok::<Config, String>(config)
        });
        let config = read.await.map_err(|error| error.to_string())??;
        Ok(Running { choice, config: Arc::new(config), subtitle })
    }

    async fn begin(&mut self, next: Running) -> Result<Box<StartedWorld>, WorldError> {
        let (world, events) = World::start((*next.config).clone(), self.options.clone()).await?;
        let link = link(&world, events);
        self.world = Some(world);
        self.running = next.clone();
        let Running { choice, config, subtitle } = next;
        // It reads a small file at most, while no window waits for this thread.
        let context = (self.context)(&config);
        Ok(Box::new(StartedWorld { choice, subtitle, link, config, context }))
    }
}
