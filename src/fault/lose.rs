//! PUBLISH packets are lost.

use serde::{Deserialize, Serialize};

use super::{
    Draw, Effect, PacketAction, Rng, chance,
    definition::{About, Definition, Ink, Parameter, Stroke, parameters},
};

/// The packet does not arrive and nobody is told. At QoS 1 the sender keeps it unacknowledged, and
/// sends it again only when it connects to the same session anew (MQTT 3.1.1, section 4.4); a light
/// starts clean and never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lose {
    /// How many of a hundred packets, 1 to 100.
    pub percent: u32,
}

pub(super) const ABOUT: About = About {
    name: "lose",
    title: "Lose messages",
    meaning: "A share of the messages is lost. QoS 1 does not send them again within a session.",
    parameters: &[Parameter::PERCENT],
    // A message crossed out, its ring in dots.
    sign: &[
        Stroke::Dot(Ink::Sign, 0.6, 0.0, 0.09),
        Stroke::Dot(Ink::Sign, 0.424, 0.424, 0.09),
        Stroke::Dot(Ink::Sign, 0.0, 0.6, 0.09),
        Stroke::Dot(Ink::Sign, -0.424, 0.424, 0.09),
        Stroke::Dot(Ink::Sign, -0.6, 0.0, 0.09),
        Stroke::Dot(Ink::Sign, -0.424, -0.424, 0.09),
        Stroke::Dot(Ink::Sign, 0.0, -0.6, 0.09),
        Stroke::Dot(Ink::Sign, 0.424, -0.424, 0.09),
        Stroke::Line(&[(-0.3, -0.3), (0.3, 0.3)]),
        Stroke::Line(&[(-0.3, 0.3), (0.3, -0.3)]),
    ],
    ..About::LINK
};

pub(super) const EXAMPLE: Lose = Lose { percent: 20 };

impl Definition for Lose {
    parameters!(percent);

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.percent = draw.between(5, 80);
    }
}

impl Effect for Lose {
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
    use crate::fault::FaultKind;

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
        for percent in [0, 101] {
            let refused = FaultKind::LinkFault(Lose { percent }.into()).check().unwrap_err();
            assert!(refused.one_line().contains("give 1 to 100"), "{refused}");
        }
    }
}
