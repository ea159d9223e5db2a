//! Which light: its full name, and where its program runs.

use std::fmt;

use serde::{Deserialize, Serialize};
use traffic_light::Name;

/// Names one light of one junction. Cheap to copy about; prints as `junction/light`.
///
/// In a recording it is that text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LightId {
    pub junction: Name,
    /// The light within it.
    pub light: Name,
}

impl LightId {
    /// The light `light` of `junction`.
    #[must_use]
    pub fn new(junction: Name, light: Name) -> LightId {
        LightId { junction, light }
    }
}

impl From<LightId> for String {
    fn from(light: LightId) -> String {
        light.to_string()
    }
}

impl TryFrom<String> for LightId {
    type Error = String;

    fn try_from(text: String) -> Result<LightId, String> {
        let name = |text: &str| Name::new(text).map_err(|error| error.to_string());
        let (junction, light) = text.split_once('/').ok_or("a light is called junction/light")?;
        Ok(LightId::new(name(junction)?, name(light)?))
    }
}

impl fmt::Display for LightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.junction, self.light)
    }
}

/// Where a light's program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LightKind {
    /// In this program.
    Virtual,
    /// On a LoPy4, by what its status says.
    Board,
    /// Anybody's: a beginner's own program.
    Foreign,
}
