//! Only so many bytes a second.

use serde::{Deserialize, Serialize};

use super::{Effect, Rng, Shaping};

/// A narrow wire: bytes wait for their turn, and what waits too long holds the sender back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Bytes a second, each direction for itself.
    pub bytes_per_s: u32,
}

impl Effect for Bandwidth {
    fn check(&self) -> Result<(), String> {
        if self.bytes_per_s == 0 {
            return Err("0 bytes a second is a black hole; use that, or give 1 and more".to_owned());
        }
        Ok(())
    }

    fn dose(&self) -> String {
        format!("{} bytes/s", self.bytes_per_s)
    }

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
        assert!(Bandwidth { bytes_per_s: 0 }.check().unwrap_err().contains("black hole"));
    }
}
