//! One real world with random faults, against the broker that it is configured with.

use std::time::Duration;

use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        mpsc::Sender,
    },
    time::{Instant, sleep_until},
};

use super::{Figures, Judge, QUIET, ROUND, command, options};
use crate::{
    config::Config,
    world::{Command, Event, EventKind, World, WorldError, WorldOptions, chaos::Chaos},
};

/// The lights may join before anything is broken.
const CALM_START: Duration = Duration::from_secs(5);

/// Why a live soak could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// The world did not start.
    #[error(transparent)]
    World(#[from] WorldError),
    /// Events were lost, so that nothing can be judged.
    #[error("the computer is too slow for this many lights: {0} events were lost")]
    Lost(u64),
    /// The world has ended by itself.
    #[error("the world has ended by itself")]
    Ended,
}

impl LiveError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            LiveError::World(error) => error.help(),
            LiveError::Lost(_) => Some("run fewer lights".to_owned()),
            LiveError::Ended => Some("look into the log on standard error".to_owned()),
        }
    }
}

struct Live {
    commands: Sender<Command>,
    events: Receiver<Event>,
    judge: Judge,
    /// The world's clock at its last event.
    last: Duration,
}

/// Plays the world of `config` for `time` and its last quiet time, or until `asked_to_end` does, and
/// tells how far it is once a second. Has to be called within a tokio runtime.
///
/// # Errors
/// When the world does not start, or could not be judged.
pub(crate) async fn live(
    config: Config,
    options_for_world: WorldOptions,
    time: Duration,
    seed: u64,
    asked_to_end: impl Future<Output = ()>,
    mut tell: impl FnMut(Duration),
) -> Result<Figures, LiveError> {
    let config = Config { faults: Vec::new(), run_for: None, ..config };
    let lights: Vec<_> = config
        .junctions
        .iter()
        .flat_map(|junction| junction.light_ids().filter(|light| junction.runs(&light.light)))
        .collect();
    let mut faults = Chaos::new(seed, lights, options(&config, time)).peekable();
    let (world, events) = World::start(config, options_for_world).await?;
    let mut live = Live {
        commands: world.commands(),
        events,
        judge: Judge::new(format!("live, seed {seed}")),
        last: Duration::ZERO,
    };
    let began = Instant::now();
    tokio::pin!(asked_to_end);
    let mut begins = CALM_START;
    while begins < time {
        let quiet_at = (begins + ROUND).min(time);
        while let Some(planned) = faults.next_if(|planned| planned.at < quiet_at) {
            if planned.at < begins {
                continue;
            }
            if live.listen(began, planned.at, &mut asked_to_end, &mut tell, false).await? {
                return live.finish(world).await;
            }
            live.judge.fault(planned.name());
            live.ask(command(planned)).await?;
        }
        if live.listen(began, quiet_at, &mut asked_to_end, &mut tell, false).await? {
            return live.finish(world).await;
        }
        live.ask(Command::ClearFaults).await?;
        live.judge.begin_quiet(began.elapsed());
        if live.listen(began, quiet_at + QUIET, &mut asked_to_end, &mut tell, true).await? {
            return live.finish(world).await;
        }
        live.judge.end_quiet();
        begins = began.elapsed();
    }
    live.finish(world).await
}

impl Live {
    async fn ask(&self, command: Command) -> Result<(), LiveError> {
        self.commands.send(command).await.map_err(|_| LiveError::Ended)
    }

    /// Listens until `until`, or until all have had their green where that is waited for; returns
    /// whether the user asked to end.
    async fn listen(
        &mut self,
        began: Instant,
        until: Duration,
        asked_to_end: &mut (impl Future<Output = ()> + Unpin),
        tell: &mut impl FnMut(Duration),
        to_green: bool,
    ) -> Result<bool, LiveError> {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            if to_green && self.judge.all_had_green() {
                return Ok(false);
            }
            tokio::select! {
                () = sleep_until(began + until) => return Ok(false),
                () = &mut *asked_to_end => return Ok(true),
                _ = tick.tick() => tell(began.elapsed()),
                event = self.events.recv() => self.take(event)?,
            }
        }
    }

    fn take(&mut self, event: Result<Event, RecvError>) -> Result<(), LiveError> {
        match event {
            Ok(event) => {
                self.last = event.at;
                self.judge.take(&event);
                Ok(())
            }
            Err(RecvError::Lagged(lost)) => Err(LiveError::Lost(lost)),
            Err(RecvError::Closed) => Err(LiveError::Ended),
        }
    }

    async fn finish(mut self, world: World) -> Result<Figures, LiveError> {
        let stopping = tokio::spawn(world.stop());
        loop {
            match self.events.recv().await {
                Ok(Event { kind: EventKind::Stopped, .. }) | Err(RecvError::Closed) => break,
                event => self.take(event)?,
            }
        }
        if let Err(error) = stopping.await {
            tracing::error!(%error, "the world did not end well");
        }
        let played = self.last;
        Ok(self.judge.finish(played))
    }
}
