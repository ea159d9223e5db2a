//! The broker of this program counts publishes.

use serde::{Deserialize, Serialize};

use super::{
    Draw,
    definition::{About, Definition, Ink, Parameter, Stroke, parameters},
};

/// The embedded broker counts publishes as Adafruit IO does, of all its clients together: too many
/// are rejected with a notice, and who goes on is banned, with a reset of every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quota {
    /// How many publishes of a sliding minute pass, at most [`MOST_PER_MINUTE`].
    pub per_minute: u32,
}

/// More publishes a minute are no quota.
pub const MOST_PER_MINUTE: u32 = 100_000;

pub(super) const ABOUT: About = About {
    name: "quota",
    title: "Quota",
    meaning: "The broker in this program counts as Adafruit IO does: too many publishes of all lights together are \
              rejected, and who goes on is banned.",
    parameters: &[Parameter {
        offered: (1, 1_000),
        logarithmic: true,
        ..Parameter::new("per_minute", "Quota", "a minute", 1, MOST_PER_MINUTE)
    }],
    // A gauge whose needle stands at the end.
    sign: &[
        Stroke::Arc(0.0, 0.22, 0.6, 0.5, 1.0),
        Stroke::Line(&[(0.0, 0.22), (0.44, 0.0)]),
        Stroke::Dot(Ink::Sign, 0.0, 0.22, 0.12),
    ],
    other_broker: Some("use the broker in this program: another one counts by its own rules"),
    ..About::BROKER
};

/// That of a free account on Adafruit IO.
pub(super) const EXAMPLE: Quota = Quota { per_minute: 30 };

impl Definition for Quota {
    parameters!(per_minute);

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.per_minute = draw.between(20, 600);
    }
}
