//! Every byte takes longer.

use serde::{Deserialize, Serialize};

use super::{
    Draw, Effect, Rng, Shaping,
    definition::{About, Definition, Ink, LeftOut, Parameter, Stroke, parameters},
    us,
};
use crate::model::Diagnostic;

/// A longer way. Bytes keep their order, whatever the jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Latency {
    /// How much longer, in milliseconds.
    pub ms: u32,
    /// Each piece takes up to so much more or less, in milliseconds; at most `ms`.
    pub jitter_ms: u32,
}

pub(super) const ABOUT: About = About {
    name: "latency",
    title: "Latency",
    meaning: "Every byte takes longer.",
    parameters: &[
        Parameter { logarithmic: true, ..Parameter::ms("ms", "Latency", 1, 5_000) },
        Parameter { left_out: LeftOut::Is(0), ..Parameter::ms("jitter_ms", "Jitter", 0, 5_000) },
    ],
    // Dots that crawl.
    sign: &[
        Stroke::Dot(Ink::Sign, -0.52, 0.0, 0.11),
        Stroke::Dot(Ink::Sign, -0.12, 0.0, 0.16),
        Stroke::Dot(Ink::Sign, 0.4, 0.0, 0.22),
    ],
    ..About::LINK
};

pub(super) const EXAMPLE: Latency = Latency { ms: 200, jitter_ms: 50 };

impl Definition for Latency {
    parameters!(ms, jitter_ms);

    fn check(&self) -> Result<(), Diagnostic> {
        if self.jitter_ms > self.ms {
            return Err(Diagnostic::new(
                format!("a jitter of {} ms is more than the latency of {} ms", self.jitter_ms, self.ms),
                "give at most as much jitter as latency",
            ));
        }
        Ok(())
    }

    fn settle(&mut self) {
        self.jitter_ms = self.jitter_ms.min(self.ms);
    }

    fn words(&self) -> Option<String> {
        Some(match self.jitter_ms {
            0 => format!("{} ms", self.ms),
            jitter_ms => format!("{} ms ± {jitter_ms} ms", self.ms),
        })
    }

    fn draw(&mut self, draw: &mut Draw<'_>) {
        self.ms = draw.spread(10, 2_000);
        self.jitter_ms = draw.between(0, self.ms);
    }
}

impl Effect for Latency {
    fn bytes(&self, shaping: &mut Shaping, rng: &mut Rng) {
        let (shortest, longest) = (self.ms - self.jitter_ms.min(self.ms), self.ms + self.jitter_ms);
        shaping.delay_us += rng.between(us(shortest), us(longest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    #[test]
    fn a_piece_takes_the_latency_give_or_take_the_jitter() {
        let (latency, mut rng) = (Latency { ms: 200, jitter_ms: 50 }, Rng::new(1, 0));
        let delays: Vec<u64> = (0..1_000)
            .map(|_| {
                let mut shaping = Shaping::default();
                latency.bytes(&mut shaping, &mut rng);
                shaping.delay_us
            })
            .collect();
        assert!(delays.iter().all(|us| (150_000..=250_000).contains(us)));
        assert!(delays.iter().any(|us| *us < 160_000) && delays.iter().any(|us| *us > 240_000));
        let mean = delays.iter().sum::<u64>() / 1_000;
        assert!((195_000..205_000).contains(&mean), "{mean}");
    }

    #[test]
    fn a_jitter_above_the_latency_is_refused() {
        let refused =
            |ms, jitter_ms| FaultKind::LinkFault(Latency { ms, jitter_ms }.into()).check().unwrap_err();
        assert!(refused(10, 11).message.contains("a jitter of 11 ms"));
        assert!(refused(0, 0).message.contains("out of range"));
        assert!(refused(4_000_000, 0).one_line().contains("an hour"));
    }
}
