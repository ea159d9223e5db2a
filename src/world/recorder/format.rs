//! The lines of a recording.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use traffic_light::{Demand, Foreign, Name, Rule, Timing};

use crate::{
    config::{Config, Junction},
    model::Diagnostic,
};

/// The version of the format. A newer one is not read; members that are not known are ignored.
pub const VERSION: u32 = 1;

/// What the first line says the file is.
const WORD: &str = "twinlight";

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    recording: String,
    v: u32,
    /// The version of the program that made it.
    pub(crate) program: String,
    /// When the run started, in nanoseconds since 1970.
    pub(super) started_unix_ns: u64,
    /// The seed of the run, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    /// The junctions of the run.
    pub junctions: Vec<RecordedJunction>,
}

/// What a recording keeps of a junction: never its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedJunction {
    pub name: Name,
    pub lights: Vec<Name>,
    /// By what its lights decide.
    pub(super) rule: Rule,
    /// When they want green.
    pub(super) demand: Demand,
    /// Whether its messages were signed.
    pub keyed: bool,
    /// Its timings.
    pub timing: Timing,
    /// How its foreign lights speak.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) foreign: BTreeMap<Name, Foreign>,
}

/// Events were lost before the next line: the writer was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gap {
    pub lost: u64,
}

impl Header {
    /// The header of a run of `config` that started at `started_at`.
    #[must_use]
    pub fn of(config: &Config, started_at: SystemTime) -> Header {
        Header {
            recording: WORD.to_owned(),
            v: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ns: started_at
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
            seed: config.seed,
            junctions: config.junctions.iter().filter_map(RecordedJunction::of).collect(),
        }
    }

    /// When the run started.
    #[must_use]
    pub(crate) fn started_at(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_nanos(self.started_unix_ns)).unwrap_or(UNIX_EPOCH)
    }

    /// # Errors
    /// Why this is no header of a recording that this program reads.
    pub(crate) fn check(&self) -> Result<(), Diagnostic> {
        if self.recording != WORD {
            let message = format!("it is a recording of \"{}\", not of Twinlight", self.recording);
            return Err((message, "open it with the program that made it").into());
        }
        if self.v > VERSION {
            let program = &self.program;
            let message = format!("it was made by a newer Twinlight ({program}, format {})", self.v);
            return Err((message, "open it with that version or a later one").into());
        }
        Ok(())
    }
}

impl RecordedJunction {
    fn of(junction: &Junction) -> Option<RecordedJunction> {
        let light = junction.light_configs().first()?;
        Some(RecordedJunction {
            name: junction.name().clone(),
            lights: junction.lights().cloned().collect(),
            rule: junction.rule(),
            demand: junction.demand(),
            keyed: junction.key().is_some(),
            timing: *light.timing(),
            foreign: junction
                .foreign_lights()
                .map(|(name, foreign)| (name.clone(), foreign.clone()))
                .collect(),
        })
    }
}
