//! The player: shows what has a clock of its own, a simulated world or a recorded one, at any pace.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`transport`] | where it stands and how fast it goes |
//! | `thread` | lets its time pass, beside the window |
//! | [`reel`] | what can be played: lessons, scenarios, recordings |

pub mod reel;
mod thread;
pub mod transport;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{broadcast, mpsc, watch};

use self::transport::Order;
use crate::app::{
    clock::Clock,
    world_client::{WorldClient, WorldLink},
};

pub use self::{
    reel::{Film, Make, Reel},
    transport::{LIFE, Progress, SPEEDS},
};

/// Orders and commands that may wait for the player.
const QUEUE: usize = 64;
/// What "a little" is.
pub const STEP: Duration = Duration::from_millis(100);
/// How far one press goes back.
pub const BACK: Duration = Duration::from_secs(5);

/// What a person asks of the player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlayerAction {
    /// Let time pass, or stand still; at the end, begin again.
    PlayOrPause,
    /// Go on to the next change of a lamp.
    StepToLamp,
    /// Go on by [`STEP`].
    Step,
    /// Go this fast: a place in [`SPEEDS`].
    Speed(usize),
    /// Go one place faster.
    Faster,
    /// Go one place slower.
    Slower,
    /// Go to this moment: a later one is wound to, an earlier one played to from the start.
    GoTo(Duration),
    /// Play a lesson, by its place in the list, with this seed.
    Open {
        /// Its place in the list.
        place: usize,
        /// What the simulation's random numbers are drawn from.
        seed: u64,
    },
    /// Play the recording in this file.
    OpenRecording(PathBuf),
    /// Go back to the live lab.
    Leave,
}

/// What the panels may know of what is played.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What it is called.
    pub title: String,
    /// What kind of thing it is: a simulation, or a recording.
    pub kind: reel::Kind,
    /// What it teaches, if it does.
    pub teaches: String,
    /// Where it stands.
    pub progress: Progress,
    /// What its clock shows.
    pub now: Duration,
}

impl Watched {
    /// Whether its clock stands still, so that the picture does too.
    #[must_use]
    pub fn stands(&self) -> bool {
        !self.progress.playing && self.progress.going_to.is_none()
    }
}

/// Something that is played, and the window's side of it.
pub(super) struct Player {
    pub(super) client: WorldClient,
    reel: Reel,
    orders: mpsc::Sender<Order>,
    progress: watch::Receiver<Progress>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Player {
    /// Begins to play `reel`.
    ///
    /// # Errors
    /// When the system has no thread to play it on.
    pub(super) fn open(reel: Reel, wake: Arc<dyn Fn() + Send + Sync>) -> Result<Player, String> {
        Player::open_at(reel, wake, Duration::ZERO, true, LIFE)
    }

    fn open_at(
        reel: Reel,
        wake: Arc<dyn Fn() + Send + Sync>,
        from: Duration,
        playing: bool,
        speed: usize,
    ) -> Result<Player, String> {
        let (orders, ordered) = mpsc::channel(QUEUE);
        let (commands, commanded) = mpsc::channel(QUEUE);
        let (events, heard) = broadcast::channel(4 * thread::MOST_WAITING);
        let (tell, progress) = watch::channel(Progress::start(playing, speed));
        let player = thread::Player {
            make: reel.make.clone(),
            orders: ordered,
            commands: commanded,
            events,
            progress: tell,
            wake: wake.clone(),
            from,
        };
        std::thread::Builder::new()
            .name("twinlight-player".to_owned())
            .spawn(move || match tokio::runtime::Builder::new_current_thread().enable_time().build() {
                Ok(runtime) => runtime.block_on(player.run()),
                Err(error) => tracing::error!(%error, "the player has no clock"),
            })
            .map_err(|error| format!("It cannot be played: {error}. End other programs and try again."))?;
        let clock = Clock::exact(Box::new({
            let progress = progress.clone();
            move || {
                let at = progress.borrow().clock(Instant::now());
                u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
            }
        }));
        let client = WorldClient::new(WorldLink { commands, events: heard }, clock);
        Ok(Player { client, reel, orders, progress, wake })
    }

    /// What the panels may know of it.
    pub(super) fn watched(&self) -> Watched {
        let progress = self.progress.borrow().clone();
        Watched {
            title: self.reel.title.clone(),
            kind: self.reel.kind.clone(),
            teaches: self.reel.teaches.clone(),
            now: progress.clock(Instant::now()),
            progress,
        }
    }

    /// As [`Watched::stands`].
    pub(super) fn stands(&self) -> bool {
        let progress = self.progress.borrow();
        !progress.playing && progress.going_to.is_none()
    }

    /// Does what was asked for; returns whether it plays from the start again.
    ///
    /// # Errors
    /// A sentence for the user where that cannot be.
    pub(super) fn perform(&mut self, action: &PlayerAction) -> Result<bool, String> {
        let progress = self.progress.borrow().clone();
        let order = match action {
            PlayerAction::PlayOrPause if progress.ended => {
                return self.reopen(Duration::ZERO, true);
            }
            PlayerAction::PlayOrPause => Order::Toggle,
            PlayerAction::Faster => Order::SpeedUp(true),
            PlayerAction::Slower => Order::SpeedUp(false),
            PlayerAction::StepToLamp => Order::StepToLamp,
            PlayerAction::Step => Order::Step(STEP),
            PlayerAction::Speed(speed) => Order::Speed(*speed),
            PlayerAction::GoTo(at) if *at < progress.at => return self.reopen(*at, progress.playing),
            PlayerAction::GoTo(at) => Order::GoTo(*at),
            PlayerAction::Open { .. } | PlayerAction::OpenRecording(_) | PlayerAction::Leave => {
                return Ok(false);
            }
        };
        // A full queue empties within a beat; a closed one belongs to what could not be opened.
        let sent = self.orders.try_send(order);
        sent.map(|()| false).map_err(|_| "The player is busy. Try again in a moment.".to_owned())
    }

    /// From the start, as what has been played cannot be taken back.
    fn reopen(&mut self, from: Duration, playing: bool) -> Result<bool, String> {
        let speed = self.progress.borrow().speed;
        *self = Player::open_at(self.reel.clone(), self.wake.clone(), from, playing, speed)?;
        Ok(true)
    }
}
