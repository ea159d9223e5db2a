//! The light starts anew.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Ink, Stroke};

/// The light starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reboot;

pub(super) const ABOUT: About = About {
    name: "reboot",
    title: "Restart",
    meaning: "It starts anew, as after a reset.",
    sign: &[
        Stroke::Arc(0.0, 0.0, 0.52, -0.15, 0.6),
        Stroke::Fill(Ink::Sign, &[(0.1, -0.5), (0.62, -0.66), (0.56, -0.16)]),
    ],
    instant: true,
    board: Some("use \"Restart\" on its card"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: Reboot = Reboot;

impl Definition for Reboot {}
