//! One end learns late that the other has closed.

use serde::{Deserialize, Serialize};

use super::{
    Draw, Effect, Rng, Shaping,
    definition::{About, Definition, Ink, Parameter, Stroke, parameters},
    us,
};

/// The end of the stream travels longer than its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlowClose {
    /// How much longer, in milliseconds.
    pub ms: u32,
}

pub(super) const ABOUT: About = About {
    name: "slow-close",
    title: "Slow close",
    meaning: "One end learns late that the other has closed.",
    parameters: &[Parameter::ms("ms", "Close delay", 1, 60_000)],
    // It walks to the door.
    sign: &[
        Stroke::Line(&[(0.5, -0.52), (0.5, 0.52)]),
        Stroke::Dot(Ink::Sign, -0.56, 0.0, 0.1),
        Stroke::Dot(Ink::Sign, -0.28, 0.0, 0.1),
        Stroke::Dot(Ink::Sign, 0.0, 0.0, 0.1),
        Stroke::Line(&[(0.06, -0.24), (0.28, 0.0), (0.06, 0.24)]),
    ],
    ..About::LINK
};

pub(super) const EXAMPLE: SlowClose = SlowClose { ms: 5_000 };

impl Definition for SlowClose {
    parameters!(ms);

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.ms = draw.spread(100, 30_000);
    }
}

impl Effect for SlowClose {
    fn bytes(&self, shaping: &mut Shaping, _rng: &mut Rng) {
        shaping.close_delay_us += us(self.ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_late() {
        let mut shaping = Shaping::default();
        SlowClose { ms: 700 }.bytes(&mut shaping, &mut Rng::new(1, 0));
        assert_eq!(shaping, Shaping { close_delay_us: 700_000, ..Shaping::default() });
    }
}
