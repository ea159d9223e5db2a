//! The connection is reset by the peer.

use serde::{Deserialize, Serialize};

use super::{Effect, Rules, check_ms, us};

/// A real RST to both ends: `ECONNRESET` at the next read or write. What was on its way is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reset {
    /// How long a connection lives, in milliseconds, counted from when it was made or this was put
    /// in, whichever is later; 0 resets at once.
    pub after_ms: u32,
}

impl Effect for Reset {
    fn check(&self) -> Result<(), String> {
        check_ms(self.after_ms, 0)
    }

    fn dose(&self) -> String {
        if self.after_ms == 0 { "at once".to_owned() } else { format!("after {} ms", self.after_ms) }
    }

    fn connection(&self, rules: &mut Rules) {
        let after_us = us(self.after_ms);
        rules.reset_after_us = Some(rules.reset_after_us.map_or(after_us, |other| other.min(after_us)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_two_resets_counts() {
        let mut rules = Rules::default();
        for after_ms in [500, 20, 100] {
            Reset { after_ms }.connection(&mut rules);
        }
        assert_eq!(rules.reset_after_us, Some(20_000));
        assert_eq!(Reset { after_ms: 0 }.dose(), "at once");
    }
}
