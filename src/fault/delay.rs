//! PUBLISH packets come late.

use serde::{Deserialize, Serialize};

use super::{Effect, PacketAction, Rng, chance, check_ms, check_percent, us};

/// A packet is held back while later ones pass: an old message comes after new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Delay {
    /// How many of a hundred packets, 1 to 100.
    pub percent: u8,
    /// For how long at most, in milliseconds; each for a time drawn between none and this.
    pub ms: u32,
}

impl Effect for Delay {
    fn check(&self) -> Result<(), String> {
        check_percent(self.percent)?;
        check_ms(self.ms, 1)
    }

    fn dose(&self) -> String {
        format!("{} %, up to {} ms", self.percent, self.ms)
    }

    fn reads_packets(&self) -> bool {
        true
    }

    fn packet(&self, action: &mut PacketAction, rng: &mut Rng) {
        if chance(rng, self.percent) {
            action.delay_us += rng.between(0, us(self.ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_late_are_late_by_up_to_the_dose() {
        let mut rng = Rng::new(1, 0);
        let delays: Vec<u64> = (0..1_000)
            .map(|_| {
                let mut action = PacketAction::default();
                Delay { percent: 50, ms: 1_000 }.packet(&mut action, &mut rng);
                action.delay_us
            })
            .collect();
        let late = delays.iter().filter(|us| **us > 0).count();
        assert!((400..600).contains(&late), "{late}");
        assert!(delays.iter().all(|us| *us <= 1_000_000) && delays.iter().any(|us| *us > 900_000));
    }
}
