//! PUBLISH packets come late.

use serde::{Deserialize, Serialize};

use super::{
    Draw, Effect, PacketAction, Rng, chance,
    definition::{About, Definition, Ink, Parameter, Stroke, parameters},
    us,
};

/// A packet is held back while later ones pass: an old message comes after new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Delay {
    /// How many of a hundred packets, 1 to 100.
    pub percent: u32,
    /// For how long at most, in milliseconds; each for a time drawn between none and this.
    pub ms: u32,
}

pub(super) const ABOUT: About = About {
    name: "delay",
    title: "Delay messages",
    meaning: "A share of the messages comes late.",
    parameters: &[Parameter::PERCENT, Parameter::ms("ms", "Delay", 1, 20_000)],
    // A message that is kept waiting.
    sign: &[
        Stroke::Dot(Ink::Sign, -0.36, 0.0, 0.24),
        Stroke::Line(&[(0.16, -0.4), (0.16, 0.4)]),
        Stroke::Line(&[(0.48, -0.4), (0.48, 0.4)]),
    ],
    ..About::LINK
};

pub(super) const EXAMPLE: Delay = Delay { percent: 30, ms: 3_000 };

impl Definition for Delay {
    parameters!(percent, ms);

    fn words(&self) -> Option<String> {
        Some(format!("{} %, up to {} ms", self.percent, self.ms))
    }

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.percent = draw.between(5, 80);
        self.ms = draw.spread(50, 10_000);
    }
}

impl Effect for Delay {
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
    fn those_that_are_late_are_late_by_up_to_the_parameter() {
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
