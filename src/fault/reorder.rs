//! PUBLISH packets are overtaken.

use serde::{Deserialize, Serialize};

use super::{Effect, PacketAction, Rng, chance, check_percent};

/// A packet waits until a few later ones have passed; if none come, it goes on after two seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reorder {
    /// How many of a hundred packets, 1 to 100.
    pub percent: u8,
}

/// By how many later packets one is overtaken at most.
const MOST_BEHIND: u64 = 3;

impl Effect for Reorder {
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
            action.behind += u32::try_from(rng.between(1, MOST_BEHIND)).unwrap_or(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_overtaken_by_one_to_three() {
        let mut rng = Rng::new(1, 0);
        let mut seen = [0; 5];
        for _ in 0..300 {
            let mut action = PacketAction::default();
            Reorder { percent: 100 }.packet(&mut action, &mut rng);
            seen[action.behind as usize] += 1;
        }
        assert_eq!((seen[0], seen[4]), (0, 0));
        assert!(seen[1..4].iter().all(|count| *count > 50), "{seen:?}");
    }
}
