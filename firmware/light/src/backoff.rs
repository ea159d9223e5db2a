//! How long to wait before the next try.

/// Doubles its wait with every try up to a limit, and picks each wait at random below that, so that
/// many lights that lost the same broker do not come back all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first_ms: u32,
    longest_ms: u32,
    tries: u32,
}

impl Backoff {
    /// Waits of at most `first_ms`, then twice that, and so on up to `longest_ms`.
    #[must_use]
    pub const fn new(first_ms: u32, longest_ms: u32) -> Backoff {
        Backoff { first_ms, longest_ms, tries: 0 }
    }

    /// The wait before the next try, in milliseconds: between half of the present limit and all of
    /// it, by the random number.
    pub fn next_wait(&mut self, random: u32) -> u32 {
        let factor = 2_u32.saturating_pow(self.tries);
        let limit_ms = self.first_ms.saturating_mul(factor).min(self.longest_ms);
        self.tries = self.tries.saturating_add(1);
        let half = limit_ms / 2;
        half + random % (limit_ms - half + 1)
    }

    /// It worked: the next wait is a short one again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_limit_and_never_over_it_however_often_it_fails() {
        let mut backoff = Backoff::new(250, 4_000);
        for (random, limit) in [(0, 250), (u32::MAX, 500), (77, 1_000), (123_456, 2_000), (9, 4_000)] {
            let wait = backoff.next_wait(random);
            assert!((limit / 2..=limit).contains(&wait), "{wait} of {limit}");
        }
        for random in 0..1_000_000 {
            assert!((2_000..=4_000).contains(&backoff.next_wait(random)));
        }
        assert_ne!(backoff.next_wait(1), backoff.next_wait(2), "without jitter all come back at once");
        backoff.reset();
        assert!(backoff.next_wait(5) <= 250);
    }

    #[test]
    fn it_takes_any_limits() {
        let mut backoff = Backoff::new(0, 0);
        assert_eq!(backoff.next_wait(7), 0);
        let mut backoff = Backoff::new(u32::MAX, u32::MAX);
        assert!(backoff.next_wait(u32::MAX) >= u32::MAX / 2);
    }
}
