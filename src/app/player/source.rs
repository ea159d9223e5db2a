//! What can be played, and how it is opened each time from its start.

use std::{path::Path, sync::Arc};

use crate::{
    model::Diagnostic,
    playback::Playback,
    recording::Recording,
    scenario::{Judge, Scenario},
    simulated::{Options, Simulation},
};

pub struct JudgedPlayback {
    pub playback: Box<dyn Playback>,
    /// Who judges it, where something is expected; it tells the end as well.
    pub judge: Option<Judge>,
}

/// Opens a playback, on the player's thread, which may take its time.
pub(in crate::app) type OpenPlayback = Arc<dyn Fn() -> Result<JudgedPlayback, String> + Send + Sync>;

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

#[derive(Clone)]
pub struct PlaybackSource {
    pub title: String,
    pub kind: Kind,
    /// What it teaches; empty where it teaches nothing.
    pub teaches: String,
    pub open: OpenPlayback,
}

impl PlaybackSource {
    /// The recording in this file, which is read each time that it is played.
    #[must_use]
    pub(crate) fn recording(file: &Path) -> PlaybackSource {
        let title = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let file = file.to_owned();
        let teaches = format!("What was recorded into {}.", file.display());
        let open = move || {
            let playback = Recording::open(&file).map_err(|error| Diagnostic::from(error).one_line())?;
            Ok(JudgedPlayback { playback: Box::new(playback), judge: None })
        };
        PlaybackSource { title, kind: Kind::Recording, teaches, open: Arc::new(open) }
    }

    /// A scenario, played in a simulated world.
    ///
    /// # Errors
    /// Why it cannot be simulated, and what to do.
    pub(crate) fn simulation(scenario: Scenario, seed: u64) -> Result<PlaybackSource, String> {
        if let Some(why) = scenario.why_not_simulated() {
            return Err(format!(
                "{} cannot be played here: {why}. Play it with \"twinlight scenario\".",
                scenario.title
            ));
        }
        let (title, teaches) = (scenario.title.clone(), scenario.teaches.clone());
        let open = move || {
            let options = Options { detailed: true };
            let playback = Simulation::new(&scenario.config, seed, options)
                .map_err(|error| Diagnostic::from(error).one_line())?;
            let (playback, judge) = (Box::new(playback), Some(Judge::new(&scenario.drawn(seed))));
            Ok(JudgedPlayback { playback, judge })
        };
        Ok(PlaybackSource { title, kind: Kind::Simulation { seed }, teaches, open: Arc::new(open) })
    }
}
