//! The light keeps its session and publishes nothing.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Ink, Stroke};

/// The light keeps its session and publishes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Silence;

pub(super) const ABOUT: About = About {
    name: "silence",
    title: "Silence",
    meaning: "It keeps its session and publishes nothing.",
    sign: &[
        Stroke::Box((-0.58, -0.5), (0.58, 0.2)),
        Stroke::Fill(Ink::Sign, &[(-0.3, 0.2), (0.06, 0.2), (-0.3, 0.6)]),
        Stroke::Line(&[(-0.24, -0.15), (0.24, -0.15)]),
    ],
    log: Some(["Silenced: it keeps its session and publishes nothing", "No longer silenced"]),
    board: None,
    ..About::LIGHT
};

pub(super) const EXAMPLE: Silence = Silence;

impl Definition for Silence {}
