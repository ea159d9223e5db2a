//! The light's broker session is cut once. It comes back by itself.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Stroke};

/// The light's broker session is cut once. It comes back by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionDrop;

pub(super) const ABOUT: About = About {
    name: "session-drop",
    title: "Drop session",
    meaning: "Its broker session is cut once; it comes back by itself.",
    sign: &[
        Stroke::Line(&[(-0.66, 0.0), (-0.2, 0.0)]),
        Stroke::Line(&[(0.2, 0.0), (0.66, 0.0)]),
        Stroke::Line(&[(-0.16, 0.34), (0.16, -0.34)]),
    ],
    instant: true,
    board: Some("use \"Drop session\" on its card"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: SessionDrop = SessionDrop;

impl Definition for SessionDrop {}
