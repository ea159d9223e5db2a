//! Only so many bytes a second.

use serde::{Deserialize, Serialize};

use super::{
    Draw, Effect, Rng, Shaping,
    definition::{About, Definition, Parameter, Stroke, parameters},
};

/// Bytes wait for their turn, and what waits too long holds the sender back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Bytes a second, each direction for itself.
    pub bytes_per_s: u32,
}

pub(super) const ABOUT: About = About {
    name: "bandwidth",
    title: "Bandwidth",
    meaning: "Only so many bytes a second pass.",
    parameters: &[Parameter {
        offered: (20, 100_000),
        logarithmic: true,
        ..Parameter::new("bytes_per_s", "Bandwidth", "bytes/s", 1, u32::MAX)
    }],
    // A pipe that narrows.
    sign: &[
        Stroke::Line(&[(-0.62, -0.5), (-0.2, -0.16), (0.2, -0.16), (0.62, -0.5)]),
        Stroke::Line(&[(-0.62, 0.5), (-0.2, 0.16), (0.2, 0.16), (0.62, 0.5)]),
    ],
    ..About::LINK
};

pub(super) const EXAMPLE: Bandwidth = Bandwidth { bytes_per_s: 200 };

impl Definition for Bandwidth {
    parameters!(bytes_per_s);

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.bytes_per_s = draw.spread(60, 6_000);
    }
}

impl Effect for Bandwidth {
    fn bytes(&self, shaping: &mut Shaping, _rng: &mut Rng) {
        let narrowest = shaping.bytes_per_s.map_or(self.bytes_per_s, |other| other.min(self.bytes_per_s));
        shaping.bytes_per_s = Some(narrowest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_part_of_the_wire_counts() {
        let (mut shaping, mut rng) = (Shaping::default(), Rng::new(1, 0));
        for bytes_per_s in [500, 100, 300] {
            Bandwidth { bytes_per_s }.bytes(&mut shaping, &mut rng);
        }
        assert_eq!(shaping.bytes_per_s, Some(100));
    }
}
