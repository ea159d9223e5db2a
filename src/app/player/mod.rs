//! The player: shows what has a clock of its own, a simulated world or a recorded one, at any pace.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`transport`] | where it stands and how fast it goes |
//! | `thread` | lets its time pass, beside the window |
//! | [`source`] | what can be played: lessons, scenarios, recordings |

pub mod source;
mod thread;
pub(super) mod transport;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::sync::{broadcast, mpsc, watch};

use self::transport::PlayerCommand;
use crate::{
    app::{
        clock::Clock,
        world_client::{WorldClient, WorldLink},
    },
    world::Waker,
};

pub use self::source::{JudgedPlayback, PlaybackSource};
pub(crate) use self::transport::SPEEDS;
pub(super) use self::transport::{LIFE, Progress};

/// Commands that may wait for the player.
const QUEUE: usize = 64;
/// What "a little" is.
pub(super) const STEP: Duration = Duration::from_millis(100);
/// How far one press goes back.
pub(super) const BACK: Duration = Duration::from_secs(5);

/// What a person asks of the player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PlayerAction {
    /// Play or pause; at the end, play again.
    PlayOrPause,
    /// Play to the next change of a lamp and pause there.
    StepToLamp,
    /// Go on by [`STEP`].
    Step,
    /// Go this fast: a place in [`SPEEDS`].
    Speed(usize),
    Faster,
    Slower,
    /// Seek to this moment; an earlier one is played to from the start.
    Seek(Duration),
    /// Play a lesson, by its place in the list, with this seed.
    Open {
        place: usize,
        /// What the simulation's random numbers are drawn from.
        seed: u64,
    },
    OpenRecording(PathBuf),
    /// Go back to the live lab.
    Leave,
}

/// What the panels may know of what is played.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) title: String,
    /// What kind of thing it is: a simulation, or a recording.
    pub(super) kind: source::Kind,
    /// What it teaches, if it does.
    pub(super) teaches: String,
    pub(super) progress: Progress,
    pub(super) now: Duration,
}

impl Watched {
    /// Whether its clock stands still, so that the picture does too.
    #[must_use]
    pub(super) fn stands(&self) -> bool {
        !self.progress.playing && self.progress.seeking_to.is_none()
    }
}

/// Something that could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) title: String,
    pub(super) reason: String,
}

/// Owns what is played, if anything is. The live lab goes on behind it.
#[derive(Default)]
pub(super) struct PlayerController {
    player: Option<Player>,
}

impl PlayerController {
    /// Plays `source` from its start. `wake` is called when there is something new to show.
    ///
    /// # Errors
    /// A sentence for the user where the system has no thread to play it on.
    pub(super) fn play(&mut self, source: PlaybackSource, wake: Waker) -> Result<(), String> {
        self.player = Some(Player::open(source, wake)?);
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.player = None;
    }

    /// What could not be opened has no world to show: the live one stays in sight.
    fn shown(&self) -> Option<&Player> {
        self.player.as_ref().filter(|player| !player.has_failed())
    }

    #[must_use]
    pub(super) fn client(&self) -> Option<&WorldClient> {
        self.shown().map(|player| &player.client)
    }

    /// The played world, to be asked something.
    pub(super) fn client_mut(&mut self) -> Option<&mut WorldClient> {
        self.player.as_mut().filter(|player| !player.has_failed()).map(|player| &mut player.client)
    }

    #[must_use]
    pub(super) fn watched(&self) -> Option<Watched> {
        self.shown().map(Player::watched)
    }

    /// What could not be opened, and why, until it is left.
    #[must_use]
    pub(super) fn failure(&self) -> Option<Failure> {
        let player = self.player.as_ref()?;
        let reason = player.progress.borrow().failed.clone()?;
        Some(Failure { title: player.source.title.clone(), reason })
    }

    /// Whether something is shown whose clock stands still.
    #[must_use]
    pub(super) fn stands(&self) -> bool {
        self.shown().is_some_and(Player::stands)
    }

    /// Does what was asked of what is played; returns whether it plays from the start again.
    ///
    /// # Errors
    /// A sentence for the user where that cannot be.
    pub(super) fn control(&mut self, action: &PlayerAction) -> Result<bool, String> {
        self.player.as_mut().map_or(Ok(false), |player| player.perform(action))
    }
}

/// Something that is played, and the window's side of it.
struct Player {
    client: WorldClient,
    source: PlaybackSource,
    player_commands: mpsc::Sender<PlayerCommand>,
    progress: watch::Receiver<Progress>,
    wake: Waker,
}

impl Player {
    /// Begins to play `source`.
    ///
    /// # Errors
    /// When the system has no thread to play it on.
    fn open(source: PlaybackSource, wake: Waker) -> Result<Player, String> {
        Player::open_at(source, wake, Duration::ZERO, true, LIFE)
    }

    fn open_at(
        source: PlaybackSource,
        wake: Waker,
        from: Duration,
        playing: bool,
        speed: usize,
    ) -> Result<Player, String> {
        let (player_commands, player_commanded) = mpsc::channel(QUEUE);
        let (commands, commanded) = mpsc::channel(QUEUE);
        let (events, heard) = broadcast::channel(4 * thread::MOST_WAITING);
        let (tell, progress) = watch::channel(Progress::start(playing, speed));
        let player = thread::PlayerThread {
            open: source.open.clone(),
            player_commands: player_commanded,
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
                Err(error) => player.fail(format!("{error}. End other programs and try again")),
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
        Ok(Player { client, source, player_commands, progress, wake })
    }

    fn watched(&self) -> Watched {
        let progress = self.progress.borrow().clone();
        Watched {
            title: self.source.title.clone(),
            kind: self.source.kind.clone(),
            teaches: self.source.teaches.clone(),
            now: progress.clock(Instant::now()),
            progress,
        }
    }

    fn has_failed(&self) -> bool {
        self.progress.borrow().failed.is_some()
    }

    /// As [`Watched::stands`].
    fn stands(&self) -> bool {
        let progress = self.progress.borrow();
        !progress.playing && progress.seeking_to.is_none()
    }

    /// Does what was asked for; returns whether it plays from the start again.
    ///
    /// # Errors
    /// A sentence for the user where that cannot be.
    fn perform(&mut self, action: &PlayerAction) -> Result<bool, String> {
        let progress = self.progress.borrow().clone();
        let command = match action {
            PlayerAction::PlayOrPause if progress.ended => {
                return self.reopen(Duration::ZERO, true);
            }
            PlayerAction::PlayOrPause => PlayerCommand::PlayOrPause,
            PlayerAction::Faster => PlayerCommand::SpeedUp(true),
            PlayerAction::Slower => PlayerCommand::SpeedUp(false),
            PlayerAction::StepToLamp => PlayerCommand::StepToLamp,
            PlayerAction::Step => PlayerCommand::Step(STEP),
            PlayerAction::Speed(speed) => PlayerCommand::Speed(*speed),
            PlayerAction::Seek(at) if *at < progress.at => return self.reopen(*at, progress.playing),
            PlayerAction::Seek(at) => PlayerCommand::Seek(*at),
            PlayerAction::Open { .. } | PlayerAction::OpenRecording(_) | PlayerAction::Leave => {
                return Ok(false);
            }
        };
        // A full queue empties within a beat; a closed one belongs to what could not be opened.
        let sent = self.player_commands.try_send(command);
        sent.map(|()| false).map_err(|_| "The player is busy. Try again in a moment.".to_owned())
    }

    /// From the start, as what has been played cannot be taken back.
    fn reopen(&mut self, from: Duration, playing: bool) -> Result<bool, String> {
        let speed = self.progress.borrow().speed;
        *self = Player::open_at(self.source.clone(), self.wake.clone(), from, playing, speed)?;
        Ok(true)
    }
}
