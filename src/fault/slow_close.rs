//! One end learns late that the other has closed.

use serde::{Deserialize, Serialize};

use super::{Effect, Rng, Shaping, check_ms, us};

/// The end of the stream travels longer than its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlowClose {
    /// How much longer, in milliseconds.
    pub ms: u32,
}

impl Effect for SlowClose {
    fn check(&self) -> Result<(), String> {
        check_ms(self.ms, 1)
    }

    fn dose(&self) -> String {
        format!("{} ms", self.ms)
    }

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
