//! Every byte takes longer.

use serde::{Deserialize, Serialize};

use super::{Effect, Rng, Shaping, check_ms, us};

/// A longer way. Bytes keep their order, whatever the jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Latency {
    /// How much longer, in milliseconds.
    pub ms: u32,
    /// Each piece takes up to so much more or less, in milliseconds; at most `ms`.
    pub jitter_ms: u32,
}

impl Effect for Latency {
    fn check(&self) -> Result<(), String> {
        check_ms(self.ms, 1)?;
        if self.jitter_ms > self.ms {
            return Err(format!(
                "a jitter of {} ms is more than the latency of {} ms; nothing arrives before it was sent",
                self.jitter_ms, self.ms
            ));
        }
        Ok(())
    }

    fn dose(&self) -> String {
        match self.jitter_ms {
            0 => format!("{} ms", self.ms),
            jitter_ms => format!("{} ms ± {jitter_ms} ms", self.ms),
        }
    }

    fn bytes(&self, shaping: &mut Shaping, rng: &mut Rng) {
        let (shortest, longest) = (self.ms - self.jitter_ms.min(self.ms), self.ms + self.jitter_ms);
        shaping.delay_us += rng.between(us(shortest), us(longest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_jitter_before_its_time_is_refused() {
        assert!(Latency { ms: 10, jitter_ms: 11 }.check().is_err());
        assert!(Latency { ms: 0, jitter_ms: 0 }.check().is_err());
        assert!(Latency { ms: 4_000_000, jitter_ms: 0 }.check().unwrap_err().contains("an hour"));
    }
}
