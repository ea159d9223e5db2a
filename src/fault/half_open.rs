//! One end is gone, and the other is not told.

use serde::{Deserialize, Serialize};

use super::{Effect, Rules, check_ms, us};

/// The broker's end of the connection ends (so that the broker says the light's will), and the
/// light's end stays as if nothing had happened: what it sends is taken and goes nowhere (RFC 9293,
/// section 3.5.1, "half-open"). Only the light's keep-alive can notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HalfOpen {
    /// How long a connection is whole, in milliseconds, counted from when it was made or this was
    /// put in, whichever is later; 0 breaks it at once.
    pub after_ms: u32,
}

impl Effect for HalfOpen {
    fn check(&self) -> Result<(), String> {
        check_ms(self.after_ms, 0)
    }

    fn dose(&self) -> String {
        if self.after_ms == 0 { "at once".to_owned() } else { format!("after {} ms", self.after_ms) }
    }

    fn connection(&self, rules: &mut Rules) {
        let after_us = us(self.after_ms);
        rules.half_open_after_us =
            Some(rules.half_open_after_us.map_or(after_us, |other| other.min(after_us)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_whole_for_as_long_as_the_dose_says() {
        let mut rules = Rules::default();
        HalfOpen { after_ms: 30 }.connection(&mut rules);
        assert_eq!(rules, Rules { half_open_after_us: Some(30_000), ..Rules::default() });
    }
}
