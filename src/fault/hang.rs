//! The light's program is not called. At the watchdog its host resets it.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Ink, Stroke};

/// The light's program is not called. At the watchdog its host resets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hang;

pub(super) const ABOUT: About = About {
    name: "hang",
    title: "Hang",
    meaning: "Its program is not called; at the watchdog it is reset.",
    sign: &[
        Stroke::Fill(Ink::Sign, &[(-0.42, -0.58), (0.42, -0.58), (0.0, 0.02)]),
        Stroke::Line(&[(0.0, 0.0), (-0.4, 0.56), (0.4, 0.56), (0.0, 0.0)]),
    ],
    board: Some("press its reset button: nothing makes its program hang from outside"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: Hang = Hang;

impl Definition for Hang {}
