//! Another client has the light's client id, and takes its session over again and again.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Ink, Stroke};

/// Another client has the light's client id, and takes its session over again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TakenOver;

pub(super) const ABOUT: About = About {
    name: "taken-over",
    title: "Taken over",
    meaning: "Another client has its client id and takes its session again and again.",
    sign: &[
        Stroke::Dot(Ink::Sign, -0.3, -0.28, 0.2),
        Stroke::Arc(-0.3, 0.5, 0.34, 0.5, 1.0),
        Stroke::Dot(Ink::Sign, 0.3, -0.28, 0.2),
        Stroke::Arc(0.3, 0.5, 0.34, 0.5, 1.0),
    ],
    board: Some("run a virtual light of the same name beside it"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: TakenOver = TakenOver;

impl Definition for TakenOver {}
