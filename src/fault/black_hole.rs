//! The connection stays, nothing passes.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Rng, Shaping,
    definition::{About, Definition, Ink, Stroke},
};

/// Packets on their way vanish. TCP sends them again, so that all of it arrives once this is over,
/// unless an end has given the connection up by then; a new connection does not come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlackHole;

pub(super) const ABOUT: About = About {
    name: "black-hole",
    title: "Black hole",
    meaning: "The connection stays, nothing passes: only MQTT's keep-alive notices.",
    sign: &[Stroke::Dot(Ink::Dark, 0.0, 0.0, 0.66)],
    ..About::LINK
};

pub(super) const EXAMPLE: BlackHole = BlackHole;

impl Definition for BlackHole {}

impl Effect for BlackHole {
    fn bytes(&self, shaping: &mut Shaping, _rng: &mut Rng) {
        shaping.stalled = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{LinkFaultSpec, stalls};

    #[test]
    fn nothing_passes_and_no_connection_comes_to_be() {
        let mut shaping = Shaping::default();
        BlackHole.bytes(&mut shaping, &mut Rng::new(1, 0));
        assert!(shaping.stalled);
        assert!(stalls(&[LinkFaultSpec::to_broker(BlackHole)]) && !stalls(&[]));
    }
}
