//! The connection is reset by the peer.

use serde::{Deserialize, Serialize};

use super::{
    ConnectionRules, Draw, Effect,
    definition::{About, Definition, Parameter, Stroke, parameters},
    us,
};

/// A real RST to both ends: `ECONNRESET` at the next read or write. What was on its way is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reset {
    /// How long a connection lives, in milliseconds, counted from when it was made or this was
    /// injected, whichever is later; 0 ends it at once.
    pub after_ms: u32,
}

pub(super) const ABOUT: About = About {
    name: "reset",
    title: "Reset",
    meaning: "The connection is reset by the peer, again and again.",
    parameters: &[Parameter::ms("after_ms", "After", 0, 20_000)],
    // A flash that cuts.
    sign: &[Stroke::Line(&[(0.18, -0.68), (-0.26, 0.04), (0.24, 0.0), (-0.16, 0.68)])],
    whole_connection: true,
    ..About::LINK
};

pub(super) const EXAMPLE: Reset = Reset { after_ms: 0 };

impl Definition for Reset {
    parameters!(after_ms);

    fn words(&self) -> Option<String> {
        Some(if self.after_ms == 0 { "at once".to_owned() } else { format!("after {} ms", self.after_ms) })
    }

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.after_ms = draw.between(0, 5_000);
    }
}

impl Effect for Reset {
    fn connection(&self, rules: &mut ConnectionRules) {
        let after_us = us(self.after_ms);
        rules.reset_after_us = Some(rules.reset_after_us.map_or(after_us, |other| other.min(after_us)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_two_resets_counts() {
        let mut rules = ConnectionRules::default();
        for after_ms in [500, 20, 100] {
            Reset { after_ms }.connection(&mut rules);
        }
        assert_eq!(rules.reset_after_us, Some(20_000));
        assert_eq!(Reset { after_ms: 0 }.words().as_deref(), Some("at once"));
    }
}
