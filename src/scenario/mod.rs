//! Scenarios: a timeline of faults, and what must hold meanwhile.
//!
//! A scenario is a configuration file whose `[[fault]]`s are the timeline, with a `[scenario]` table
//! (what it is about) and `[[expect]]` entries (what must hold).
//!
//! | module | one idea |
//! | --- | --- |
//! | [`expect`] | what must hold, as a closed list |
//! | `read` | the file's part of it, checked |
//! | [`record`] | what has happened, in the form that expectations ask about |
//! | [`judge`] | a verdict on each expectation, with the evidence |
//! | [`series`] | several runs with different seeds, and what they come to |
//! | [`report`] | a run as JSON and as a page with its timeline drawn |
//! | [`lessons`](mod@lessons) | the scenarios that come with the program |

pub mod expect;
pub(crate) mod judge;
pub mod lessons;
mod read;
pub(crate) mod record;
pub(crate) mod report;
pub mod series;

use std::{fmt, path::Path, time::Duration};

pub(crate) use self::{expect::Expectation, judge::Verdict};
pub use self::{
    judge::{Judge, Outcome},
    lessons::{Lesson, lessons},
};
use crate::config::{self, BrokerChoice, Config, ConfigError};

/// A scenario, checked: everything that it expects can be judged.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called, in a few words.
    pub title: String,
    /// What to watch and what it shows, in plain text; paragraphs are parted by an empty line.
    pub teaches: String,
    /// How long it is.
    pub length: Duration,
    /// Where it is to be played.
    pub stage: Stage,
    /// With how many seeds it is to be played where it is simulated, one after the other.
    pub seeds: u32,
    /// What must hold, in the order of the file; what is always expected comes last.
    pub expectations: Vec<Expectation>,
    /// The world that it plays in, with its faults. Its warnings are the scenario's too.
    pub config: Config,
}

/// Where a scenario is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In a simulated world, on a clock of its own: as fast as the computer can.
    Simulated,
    /// With real links, brokers and boards, in real time.
    Live,
}

impl Scenario {
    /// Reads the file at `path`, with this process's environment.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold a scenario that can be judged; the error has all
    /// problems, each with its place and what to do.
    pub(crate) fn load(path: &Path) -> Result<Scenario, ConfigError> {
        config::with_file(path, Scenario::from_toml)
    }

    /// Reads `text`, which came from `file`. `env` looks environment variables up, as for
    /// [`Config::from_toml`].
    ///
    /// # Errors
    /// As for [`Scenario::load`].
    pub fn from_toml(
        text: &str,
        file: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Scenario, ConfigError> {
        let (mut scenario, warnings) = config::parse(text, file, env, read::read)?;
        scenario.config.warnings = warnings;
        Ok(scenario)
    }

    /// The same with the moments that `seed` gives its faults. What plays it has to get this one, and
    /// so has the [`Judge`].
    #[must_use]
    pub fn drawn(&self, seed: u64) -> Scenario {
        let mut drawn = self.clone();
        drawn.config.draw_faults(seed);
        drawn
    }

    /// Why it can be played live alone; `None` where it can be simulated.
    #[must_use]
    pub fn why_not_simulated(&self) -> Option<String> {
        why_not_simulated(&self.config)
    }
}

fn why_not_simulated(config: &Config) -> Option<String> {
    if let BrokerChoice::External { host, .. } = &config.broker {
        return Some(format!("its broker is {host}, which cannot be simulated"));
    }
    let elsewhere = config
        .junctions
        .iter()
        .find_map(|junction| junction.light_ids().find(|light| !junction.runs(&light.light)));
    elsewhere.map(|light| format!("{light} does not run in this program (see run)"))
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::Simulated => "simulated",
            Stage::Live => "live",
        })
    }
}
