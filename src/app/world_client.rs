//! One world as the window sees it: the link to it, its clock, and what is known of it.

use std::time::{Duration, Instant};

use tokio::sync::{
    broadcast::{self, error::TryRecvError},
    mpsc::{self, error::TrySendError},
};

use crate::{
    app::{clock::Clock, state::State},
    world::{Command, Event, event::Severity},
};

/// How long one frame may take events in; what is left waits for the next frame.
const DRAIN_BUDGET: Duration = Duration::from_millis(3);

/// Events taken in between two looks at the time.
const DRAIN_BATCH: usize = 64;

/// The window's end of the world.
#[derive(Debug)]
pub struct WorldLink {
    /// Where commands go; tried, never waited for.
    pub commands: mpsc::Sender<Command>,
    /// Where events come from; after a lag the world is asked to tell all again.
    pub events: broadcast::Receiver<Event>,
}

/// The window's side of one world: the live one, or one that is played.
pub(super) struct WorldClient {
    pub(super) link: WorldLink,
    pub(super) clock: Clock,
    pub(super) state: State,
}

impl WorldClient {
    pub(super) fn new(link: WorldLink, clock: Clock) -> WorldClient {
        WorldClient { link, clock, state: State::default() }
    }

    /// Takes events in within the budget; returns whether more are waiting.
    pub(super) fn drain(&mut self) -> bool {
        let start = Instant::now();
        loop {
            for _ in 0..DRAIN_BATCH {
                match self.link.events.try_recv() {
                    Ok(event) => {
                        self.clock.observe(u64::try_from(event.at.as_millis()).unwrap_or(u64::MAX));
                        self.state.apply(&event);
                    }
                    Err(TryRecvError::Empty) => return false,
                    Err(TryRecvError::Closed) => {
                        self.state.stopped = true;
                        return false;
                    }
                    Err(TryRecvError::Lagged(missed)) => {
                        let text =
                            format!("The window fell behind by {missed} events and asks for all again");
                        self.note(Severity::Info, text);
                        self.send(Command::Resync);
                    }
                }
            }
            if start.elapsed() > DRAIN_BUDGET {
                return true;
            }
        }
    }

    /// Tries to give a command; a world that takes none is told of.
    pub(super) fn send(&mut self, command: Command) {
        let text = match self.link.commands.try_send(command) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => "The world is too busy for another command. Try again in a moment.",
            Err(TrySendError::Closed(_)) => {
                "The world has stopped. Close the window and start Twinlight again."
            }
        };
        self.note(Severity::Warning, text.to_owned());
    }

    /// Tells the user something that the window itself found out.
    pub(super) fn note(&mut self, severity: Severity, text: String) {
        self.state.note(self.clock.now_ms(), severity, None, text);
    }
}
