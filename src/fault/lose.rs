//! PUBLISH packets are lost.

use serde::{Deserialize, Serialize};

use super::{Effect, PacketAction, Rng, chance, check_percent};

/// The packet does not arrive and nobody is told. At QoS 1 the sender keeps it unacknowledged, and
/// sends it again only when it connects to the same session anew (MQTT 3.1.1, section 4.4); a light
/// starts clean and never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lose {
    /// How many of a hundred packets, 1 to 100.
    pub percent: u8,
}

impl Effect for Lose {
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
            action.copies = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_as_many_are_lost_as_was_asked_for() {
        let mut rng = Rng::new(1, 0);
        let mut lost = |percent| {
            (0..10_000)
                .filter(|_| {
                    let mut action = PacketAction::default();
                    Lose { percent }.packet(&mut action, &mut rng);
                    action.copies == 0
                })
                .count()
        };
        assert!((1_800..2_200).contains(&lost(20)));
        assert_eq!(lost(100), 10_000);
        assert!(Lose { percent: 0 }.check().is_err() && Lose { percent: 101 }.check().is_err());
    }
}
