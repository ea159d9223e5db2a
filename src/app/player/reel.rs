//! What can be played, and how it is made each time from its start.

use std::{path::Path, sync::Arc};

use crate::{
    playback::Playback,
    recording::Recording,
    scenario::{Judge, Scenario},
    simulated::{Options, Simulation},
};

/// Something that is being played.
pub struct Film {
    /// Its events.
    pub playback: Box<dyn Playback>,
    /// Who judges it, where something is expected; it tells the end as well.
    pub judge: Option<Judge>,
}

/// Makes a film, on the player's thread, which may take its time.
pub type Make = Arc<dyn Fn() -> Result<Film, String> + Send + Sync>;

/// Where what is played comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is made up, from this seed.
    Simulation {
        /// What its random numbers are drawn from.
        seed: u64,
    },
    /// It has happened before.
    Recording,
}

/// Something that can be played.
#[derive(Clone)]
pub struct Reel {
    /// What it is called.
    pub title: String,
    /// Where it comes from.
    pub kind: Kind,
    /// What it teaches; empty where it teaches nothing.
    pub teaches: String,
    /// How it is made.
    pub make: Make,
}

impl Reel {
    /// The recording in this file, which is read each time that it is played.
    #[must_use]
    pub fn recording(file: &Path) -> Reel {
        let title = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let file = file.to_owned();
        let teaches = format!("What was recorded into {}.", file.display());
        let make = move || {
            let playback = Recording::open(&file).map_err(|error| error.to_string())?;
            Ok(Film { playback: Box::new(playback), judge: None })
        };
        Reel { title, kind: Kind::Recording, teaches, make: Arc::new(make) }
    }

    /// A scenario, played in a simulated world.
    ///
    /// # Errors
    /// Why it cannot be simulated, and what to do.
    pub fn simulation(scenario: Scenario, seed: u64) -> Result<Reel, String> {
        if let Some(why) = scenario.why_not_simulated() {
            return Err(format!(
                "{} cannot be played here: {why}. Play it with \"twinlight scenario\".",
                scenario.title
            ));
        }
        let (title, teaches) = (scenario.title.clone(), scenario.teaches.clone());
        let make = move || {
            let options = Options { detailed: true };
            let playback =
                Simulation::new(&scenario.config, seed, options).map_err(|error| error.to_string())?;
            let (playback, judge) = (Box::new(playback), Some(Judge::new(&scenario.drawn(seed))));
            Ok(Film { playback, judge })
        };
        Ok(Reel { title, kind: Kind::Simulation { seed }, teaches, make: Arc::new(make) })
    }
}
