//! The light's host sleeps, lamps dark, its clock standing still.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Ink, Stroke};

/// The light's host sleeps, lamps dark, its clock standing still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suspend;

pub(super) const ABOUT: About = About {
    name: "suspend",
    title: "Suspend",
    meaning: "Its host sleeps, lamps dark, its clock standing still.",
    sign: &[Stroke::Dot(Ink::Sign, -0.04, 0.0, 0.56), Stroke::Dot(Ink::Ground, 0.22, -0.18, 0.48)],
    board: Some("take its power away: it never sleeps"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: Suspend = Suspend;

impl Definition for Suspend {}
