//! How long to wait before the next try.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Doubles its wait with every try up to a limit, and picks each wait at random below that, so that
/// many lights that lost the same broker do not come back all at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
}

impl Backoff {
    /// Waits of at most `first`, then twice that, and so on up to `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, tries: 0 }
    }

    /// The wait before the next try: between half of the present limit and all of it.
    pub fn next_wait(&mut self, random: &mut impl Rng) -> Duration {
        let limit = self.first.saturating_mul(2_u32.saturating_pow(self.tries)).min(self.longest);
        self.tries = self.tries.saturating_add(1);
        limit.mul_f64(random.random_range(0.5..=1.0))
    }

    /// It worked: the next wait is a short one again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn waits_grow_to_the_limit_and_never_reach_over_it_however_often_it_fails() {
        let mut random = StdRng::seed_from_u64(1);
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(4));
        let waits: Vec<_> = (0..100).map(|_| backoff.next_wait(&mut random)).collect();
        assert!(waits[0] <= Duration::from_millis(250) && waits[0] >= Duration::from_millis(125));
        assert!(
            waits
                .iter()
                .skip(4)
                .all(|wait| *wait >= Duration::from_secs(2) && *wait <= Duration::from_secs(4))
        );
        assert!(waits.iter().skip(10).any(|wait| *wait != waits[10]), "without jitter all come back at once");
        backoff.reset();
        assert!(backoff.next_wait(&mut random) <= Duration::from_millis(250));
    }
}
