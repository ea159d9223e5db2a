//! The broker of this program is stopped.

use serde::{Deserialize, Serialize};

use super::definition::{About, Definition, Ink, Stroke};

/// The broker of this program is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BrokerDown;

pub(super) const ABOUT: About = About {
    name: "broker-down",
    title: "Broker down",
    meaning: "The broker in this program stops: it strikes all lights.",
    sign: &[Stroke::Fill(Ink::Sign, &[(-0.42, -0.42), (0.42, -0.42), (0.42, 0.42), (-0.42, 0.42)])],
    log: Some(["The broker was stopped on purpose", "The broker was started again"]),
    other_broker: Some("stop yours by hand, or use wifi-down on each light"),
    ..About::BROKER
};

pub(super) const EXAMPLE: BrokerDown = BrokerDown;

impl Definition for BrokerDown {}
