//! Ends one live world and starts another, on the world's runtime, while the window stays.
//!
//! The configuration is read before anything is ended: what cannot be read leaves the live world
//! alone. Where the new world does not start, the old configuration is started again.

use std::sync::Arc;

use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::JoinHandle,
};

use super::{Choice, typed::Typed};
use crate::{
    app::{board::form::Lab, world_client::WorldLink},
    config::Config,
    keys,
    presets::Preset,
    world::{Event, World, WorldError, WorldOptions},
};

/// Before the name of a preset, where a run is named.
pub const PRESET: &str = "preset ";

/// The window asks for one change at a time.
const ORDERS: usize = 1;
/// What one change tells: three stages and its end.
const NEWS: usize = 4;

/// Makes what boards have to know from a configuration; may read files.
pub type MakeLab = Arc<dyn Fn(&Config) -> Lab + Send + Sync>;

/// What the live lab is run on.
struct Wanted {
    choice: Choice,
    /// `None`: what the program was started with.
    preset: Option<(Preset, Typed)>,
}

/// A world that was started, and all that the window has to know of it.
pub struct Started {
    /// What it runs on.
    pub choice: Choice,
    /// What the run is, in a few words.
    pub subtitle: String,
    /// The link to it.
    pub link: WorldLink,
    /// Its configuration.
    pub config: Arc<Config>,
    /// What boards have to know.
    pub lab: Lab,
}

/// What the switch tells.
pub enum News {
    /// What it is at.
    Stage(&'static str),
    /// The change is over: the world that was started, if one was, and what went wrong, if something did.
    Over(Option<Box<Started>>, Option<String>),
}

/// The window's end of the switch.
#[derive(Debug)]
pub struct Switch {
    orders: mpsc::Sender<Wanted>,
    news: mpsc::Receiver<News>,
    config: Arc<Config>,
    subtitle: String,
}

impl Switch {
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
    pub(super) fn ask(&self, choice: Choice, preset: Option<(Preset, Typed)>) -> bool {
        self.orders.try_send(Wanted { choice, preset }).is_ok()
    }

    pub(super) fn next_news(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }
}

/// What the program was started with.
pub struct Start {
    /// The configuration, with the keys of its junctions.
    pub config: Config,
    /// What it is, in a few words.
    pub subtitle: String,
    /// What the world is told beside it.
    pub options: WorldOptions,
    /// Makes what boards have to know.
    pub lab: MakeLab,
}

/// The live lab: one world at a time. Dropping it ends the world; [`LiveLab::stop`] also waits for that.
#[derive(Debug)]
pub struct LiveLab {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl LiveLab {
    /// Starts the first world, on the tokio runtime that this is called within.
    ///
    /// # Errors
    /// When that world cannot start.
    pub async fn start(start: Start) -> Result<(LiveLab, WorldLink, Switch), WorldError> {
        let Start { config, subtitle, mut options, lab } = start;
        let (world, events) = World::start(config.clone(), options.clone()).await?;
        // The file is there now, and a recording is of one world.
        options.record_to = None;
        let link = link(&world, events);
        let config = Arc::new(config);
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (tell, news) = mpsc::channel(NEWS);
        let (end, ended) = oneshot::channel();
        let running = Running { choice: Choice::Start, config: config.clone(), subtitle: subtitle.clone() };
        let keeper = Keeper { start: running.clone(), running, world: Some(world), options, lab, news: tell };
        let task = tokio::spawn(keeper.run(ordered, ended));
        Ok((LiveLab { end, task }, link, Switch { orders, news, config, subtitle }))
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

/// Keeps the one world that runs.
struct Keeper {
    start: Running,
    running: Running,
    world: Option<World>,
    options: WorldOptions,
    lab: MakeLab,
    news: mpsc::Sender<News>,
}

impl Keeper {
    async fn run(mut self, mut orders: mpsc::Receiver<Wanted>, mut ended: oneshot::Receiver<()>) {
        loop {
            let wanted = tokio::select! {
                _ = &mut ended => break,
                wanted = orders.recv() => wanted,
            };
            match wanted {
                Some(wanted) => self.change(wanted).await,
                // The window has gone; whoever opened it says when the world is to end.
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

    fn tell(&self, news: News) {
        // There is room for all that one change tells, and without a window nobody has to hear it.
        let _ = self.news.try_send(news);
        if let Some(wake) = &self.options.wake {
            wake();
        }
    }

    async fn change(&mut self, wanted: Wanted) {
        self.tell(News::Stage("Reading the configuration…"));
        let next = match self.read(wanted).await {
            Ok(next) => next,
            Err(text) => {
                let text = format!("Nothing was changed: {text}");
                return self.tell(News::Over(None, Some(text)));
            }
        };
        self.tell(News::Stage("The lights say goodbye…"));
        if let Some(world) = self.world.take() {
            world.stop().await;
        }
        self.tell(News::Stage("Starting the lights…"));
        let over = match self.begin(next.clone()).await {
            Ok(started) => News::Over(Some(started), None),
            Err(error) => {
                let before = self.running.clone();
                let help = error.help().map(|help| format!(" (help: {help})")).unwrap_or_default();
                let sorry = format!("{} cannot be started: {error}{help}.", next.subtitle);
                match self.begin(before).await {
                    Ok(started) => {
                        let text = format!("{sorry} The lab goes on as before.");
                        News::Over(Some(started), Some(text))
                    }
                    Err(again) => {
                        let text =
                            format!("{sorry} What ran before cannot be started again either: {again}.");
                        News::Over(None, Some(text))
                    }
                }
            }
        };
        self.tell(over);
    }

    /// The configuration that is wanted. Files are read beside the runtime's work.
    async fn read(&self, Wanted { choice, preset }: Wanted) -> Result<Running, String> {
        let Some((preset, typed)) = preset else { return Ok(self.start.clone()) };
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

    async fn begin(&mut self, next: Running) -> Result<Box<Started>, WorldError> {
        let (world, events) = World::start((*next.config).clone(), self.options.clone()).await?;
        let link = link(&world, events);
        self.world = Some(world);
        self.running = next.clone();
        let Running { choice, config, subtitle } = next;
        // It reads a small file at most, while no window waits for this thread.
        let lab = (self.lab)(&config);
        Ok(Box::new(Started { choice, subtitle, link, config, lab }))
    }
}
