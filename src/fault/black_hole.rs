//! The connection stays, nothing passes.

use serde::{Deserialize, Serialize};

use super::{Effect, Passage, Rng};

/// Packets on their way vanish. TCP sends them again, so that all of it arrives once this is over,
/// unless an end has given the connection up by then; a new connection does not come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlackHole;

impl Effect for BlackHole {
    fn bytes(&self, passage: &mut Passage, _rng: &mut Rng) {
        passage.stalled = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Placed, stalls};

    #[test]
    fn nothing_passes_and_no_connection_comes_to_be() {
        let mut passage = Passage::default();
        BlackHole.bytes(&mut passage, &mut Rng::new(1, 0));
        assert!(passage.stalled);
        assert!(stalls(&[Placed::up(BlackHole)]) && !stalls(&[]));
    }
}
