//! PUBLISH packets come twice.

use serde::{Deserialize, Serialize};

use super::{
    Draw, Effect, PacketAction, Rng, chance,
    definition::{About, Definition, Ink, Parameter, Stroke, parameters},
};

/// The packet arrives twice in a row. Its second acknowledgement is kept from the sender, who has
/// sent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Double {
    /// How many of a hundred packets, 1 to 100.
    pub percent: u32,
}

pub(super) const ABOUT: About = About {
    name: "double",
    title: "Double messages",
    meaning: "A share of the messages comes twice.",
    parameters: &[Parameter::PERCENT],
    sign: &[Stroke::Dot(Ink::Sign, -0.32, 0.0, 0.25), Stroke::Dot(Ink::Sign, 0.32, 0.0, 0.25)],
    ..About::LINK
};

pub(super) const EXAMPLE: Double = Double { percent: 30 };

impl Definition for Double {
    parameters!(percent);

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.percent = draw.between(5, 100);
    }
}

impl Effect for Double {
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
