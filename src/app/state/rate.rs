//! How many a second, over the last few seconds.

/// Whole seconds that the rate is taken over.
const SECONDS: usize = 5;

/// Counts by the second in a ring.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// One more than is averaged: the present second is not over.
    buckets: [u32; SECONDS + 1],
    newest_s: u64,
}

impl Rate {
    pub(super) fn count(&mut self, at_ms: u64) {
        let second = at_ms / 1_000;
        let buckets = self.buckets.len() as u64;
        if second > self.newest_s {
            for passed in (self.newest_s + 1..=second).take(self.buckets.len()) {
                self.buckets[slot(passed, buckets)] = 0;
            }
            // After a long pause the loop has not come to the newest one.
            self.buckets[slot(second, buckets)] = 0;
            self.newest_s = second;
        }
        if second + buckets > self.newest_s {
            self.buckets[slot(second, buckets)] += 1;
        }
    }

    pub(super) fn per_second(&self, now_ms: u64) -> f32 {
        let (now_s, buckets) = (now_ms / 1_000, self.buckets.len() as u64);
        let counted = (now_s.saturating_sub(SECONDS as u64)..now_s)
            .filter(|second| *second <= self.newest_s && second + buckets > self.newest_s)
            .map(|second| self.buckets[slot(second, buckets)])
            .sum::<u32>();
        counted as f32 / SECONDS as f32
    }
}

fn slot(second: u64, buckets: u64) -> usize {
    usize::try_from(second % buckets).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_is_told_as_it_is_and_silence_as_none() {
        let mut rate = Rate::default();
        for ms in (10_000..20_000).step_by(250) {
            rate.count(ms);
        }
        assert!((rate.per_second(20_000) - 4.0).abs() < 0.01);
        assert!(rate.per_second(26_000) < 0.01);
    }
}
