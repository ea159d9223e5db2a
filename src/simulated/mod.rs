//! The simulated world: the same world as [`crate::world`], on a clock of its own. It takes the same
//! [`Command`]s and gives the same [`Event`]s, follows from its configuration and a seed alone, and
//! runs as fast as the computer can.
//!
//! A light is the live world's (`world::light`): the board's program with the board's link
//! ([`traffic_light::program`], [`traffic_light::link`]). Its bytes pass
//! [`crate::fault::ImpairedLink`] to a broker that is simulated too. So what is judged here is the code that
//! runs on boards, and a fault means what it means in the live world's proxy.
//!
//! | module | one idea |
//! | --- | --- |
//! | `world`, `step` | everything that happens, one step after the other |
//! | `link` | the sockets of the lights |
//! | `net` | connections, and what faults make of them |
//! | `broker` | sessions, routing, retained messages, wills |
//! | `step` | what happens next |
//! | `running` | lights start and go |
//! | `connections` | from a dialled number to the last byte |
//! | `effects` | does what [`crate::world`]'s engine asks for |
//! | `duplicate_client` | takes a light's session over again and again |
//! | `observer` | what the world's observer hears, and what is told |
//!
//! What is simple here: joining Wi-Fi takes the configured time, give or take a third, and always
//! works; bytes travel 0.2 to 2 ms each way; the broker answers at once, and the world's observer hears
//! with it; a computer's load is nothing. A configuration with a broker of its own is played with a
//! simulated broker of that address and login, which can be stopped like any other, and which counts
//! and bans as Adafruit IO does where the lights meet on feeds; lights that it
//! does not `run` are not there, so that the others find them lost.

mod broker;
mod connections;
mod duplicate_client;
mod effects;
mod link;
mod net;
mod observer;
mod running;
mod step;
mod world;

use std::time::Duration;

pub use self::world::Options;
pub(crate) use self::world::SimulationError;
use self::{observer::at, world::World};
use crate::{
    adafruit::Tally,
    config::Config,
    fault::Micros,
    model::Diagnostic,
    playback::Playback,
    world::{Command, Event},
};

/// A world that is simulated. See the [module](self).
pub struct Simulation {
    world: World,
    length: Option<Duration>,
}

impl Simulation {
    /// The world of `config` before its first moment. The same seed means the same events.
    ///
    /// `config.seed` and `config.run_for` are not looked at, but for [`Playback::length`].
    ///
    /// # Errors
    /// When there cannot be such a world.
    pub fn new(config: &Config, seed: u64, options: Options) -> Result<Simulation, SimulationError> {
        let mut config = config.clone();
        config.draw_faults(seed);
        let length = config.run_for;
        Ok(Simulation { world: World::new(config, seed, options)?, length })
    }
}

impl Simulation {
    /// What the broker has counted of its account; `None` while it counts nothing.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        self.world.broker.limiter.tally()
    }
}

impl Playback for Simulation {
    /// When something happens next that may be an event: a simulation finds out by playing on.
    fn next_at(&mut self) -> Option<Duration> {
        self.world.next_us().map(at)
    }

    fn play(&mut self, until: Duration, take: &mut dyn FnMut(Event)) {
        let until = Micros::try_from(until.as_micros()).unwrap_or(Micros::MAX);
        self.world.play(until, take);
    }

    fn now(&self) -> Duration {
        at(self.world.now())
    }

    /// What the configuration says. A simulation goes on beyond it for as long as it is played.
    fn length(&self) -> Option<Duration> {
        self.length
    }

    /// What cannot be meant is told by a notice, as in the live world.
    ///
    /// # Errors
    /// After its end; and where boards would have to join, which cannot be part of a simulation.
    fn obey(&mut self, command: Command) -> Result<(), Diagnostic> {
        self.world.obey(command)
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation").field("now", &self.now()).finish_non_exhaustive()
    }
}
