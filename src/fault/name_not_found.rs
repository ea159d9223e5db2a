//! The light looks for its broker under a name that nobody has.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Ink, Stroke};

/// The light looks for its broker under a name that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NameNotFound;

pub(super) const ABOUT: About = About {
    name: "name-not-found",
    title: "Name not found",
    meaning: "It looks for its broker under a name that nobody has.",
    sign: &[
        Stroke::Arc(0.0, -0.26, 0.3, 0.5, 1.1),
        Stroke::Line(&[(0.22, -0.06), (0.0, 0.16), (0.0, 0.3)]),
        Stroke::Dot(Ink::Sign, 0.0, 0.58, 0.13),
    ],
    board: Some("write a record with a wrong host to it"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: NameNotFound = NameNotFound;

impl Definition for NameNotFound {}
