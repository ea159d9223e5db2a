//! PUBLISH packets are overtaken.

use serde::{Deserialize, Serialize};

use super::{
    Draw, Effect, PacketAction, Rng, chance,
    definition::{About, Definition, Ink, Parameter, Stroke, parameters},
};

/// A packet waits until a few later ones have passed; if none come, it goes on after two seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reorder {
    /// How many of a hundred packets, 1 to 100.
    pub percent: u32,
}

/// By how many later packets one is overtaken at most.
const MOST_BEHIND: u64 = 3;

pub(super) const ABOUT: About = About {
    name: "reorder",
    title: "Reorder messages",
    meaning: "A share of the messages is overtaken by later ones.",
    parameters: &[Parameter::PERCENT],
    // One goes before the other.
    sign: &[
        Stroke::Line(&[(-0.6, 0.32), (-0.24, 0.32), (0.2, -0.32), (0.5, -0.32)]),
        Stroke::Fill(Ink::Sign, &[(0.66, -0.32), (0.36, -0.52), (0.36, -0.12)]),
        Stroke::Line(&[(-0.6, -0.32), (-0.24, -0.32), (0.2, 0.32), (0.5, 0.32)]),
        Stroke::Fill(Ink::Sign, &[(0.66, 0.32), (0.36, 0.12), (0.36, 0.52)]),
    ],
    ..About::LINK
};

pub(super) const EXAMPLE: Reorder = Reorder { percent: 30 };

impl Definition for Reorder {
    parameters!(percent);

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.percent = draw.between(5, 80);
    }
}

impl Effect for Reorder {
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
