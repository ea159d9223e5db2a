//! PUBLISH packets come twice.

use serde::{Deserialize, Serialize};

use super::{Effect, PacketAction, Rng, chance, check_percent};

/// The packet arrives twice in a row. Its second acknowledgement is kept from the sender, who has
/// sent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Double {
    /// How many of a hundred packets, 1 to 100.
    pub percent: u8,
}

impl Effect for Double {
    fn check(&self) -> Result<(), String> {
        check_percent(self.percent)
    }

    fn dose(&self) -> String {
        format!("{} %", self.percent)
    }

    fn reads_packets(&self) -> bool {
        true
    }

    fn packet(&self, action: &mut PacketAction, rng: &mut Rng) {
        if chance(rng, self.percent) {
            action.copies *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_packet_is_not_doubled() {
        let mut rng = Rng::new(1, 0);
        let (mut action, mut lost) =
            (PacketAction::default(), PacketAction { copies: 0, ..PacketAction::default() });
        Double { percent: 100 }.packet(&mut action, &mut rng);
        Double { percent: 100 }.packet(&mut lost, &mut rng);
        assert_eq!((action.copies, lost.copies), (2, 0));
    }
}
