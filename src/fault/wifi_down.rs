//! The light's Wi-Fi is gone. Coming back takes a join.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Ink, Stroke};

/// The light's Wi-Fi is gone. Coming back takes a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WifiDown;

pub(super) const ABOUT: About = About {
    name: "wifi-down",
    title: "Wi-Fi down",
    meaning: "Its Wi-Fi is gone; coming back takes a join.",
    sign: &[
        Stroke::Arc(0.0, 0.44, 0.42, 0.625, 0.875),
        Stroke::Arc(0.0, 0.44, 0.82, 0.625, 0.875),
        Stroke::Dot(Ink::Sign, 0.0, 0.44, 0.14),
        Stroke::Line(&[(-0.56, 0.56), (0.56, -0.56)]),
    ],
    log: Some(["Wi-Fi taken away on purpose", "Wi-Fi given back"]),
    board: None,
    foreign: Some("switch its Wi-Fi off, or the hotspot"),
    ..About::LIGHT
};

pub(super) const EXAMPLE: WifiDown = WifiDown;

impl Definition for WifiDown {}
