//! One end is gone, and the other is not told.

use serde::{Deserialize, Serialize};

use super::{
    ConnectionRules, Draw, Effect,
    definition::{About, Definition, Ink, Parameter, Stroke, parameters},
    us,
};

/// The broker's end of the connection ends (so that the broker publishes the light's will), and the
/// light's end stays as if nothing had happened: what it sends is taken and goes nowhere (RFC 9293,
/// section 3.5.1, "half-open"). Only the light's keep-alive can notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HalfOpen {
    /// How long a connection lives, in milliseconds, counted from when it was made or this was
    /// injected, whichever is later; 0 ends it at once.
    pub after_ms: u32,
}

pub(super) const ABOUT: About = About {
    name: "half-open",
    title: "Half open",
    meaning: "One end is gone, and the other is not told.",
    parameters: &[Parameter::ms("after_ms", "After", 0, 20_000)],
    // One end full, the other empty.
    sign: &[
        Stroke::Arc(0.0, 0.0, 0.58, 0.0, 1.0),
        Stroke::Fill(
            Ink::Sign,
            &[
                (0.0, 0.58),
                (-0.29, 0.502),
                (-0.502, 0.29),
                (-0.58, 0.0),
                (-0.502, -0.29),
                (-0.29, -0.502),
                (0.0, -0.58),
            ],
        ),
    ],
    whole_connection: true,
    ..About::LINK
};

pub(super) const EXAMPLE: HalfOpen = HalfOpen { after_ms: 0 };

impl Definition for HalfOpen {
    parameters!(after_ms);

    fn words(&self) -> Option<String> {
        Some(if self.after_ms == 0 { "at once".to_owned() } else { format!("after {} ms", self.after_ms) })
    }

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.after_ms = draw.between(0, 5_000);
    }
}

impl Effect for HalfOpen {
    fn connection(&self, rules: &mut ConnectionRules) {
        let after_us = us(self.after_ms);
        rules.half_open_after_us =
            Some(rules.half_open_after_us.map_or(after_us, |other| other.min(after_us)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_whole_for_as_long_as_the_parameter_says() {
        let mut rules = ConnectionRules::default();
        HalfOpen { after_ms: 30 }.connection(&mut rules);
        assert_eq!(rules, ConnectionRules { half_open_after_us: Some(30_000), ..ConnectionRules::default() });
    }
}
