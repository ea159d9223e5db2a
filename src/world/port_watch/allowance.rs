//! So many in so long a time; the rest is counted.

use std::time::Duration;

#[derive(Debug)]
pub(super) struct Allowance {
    most: u32,
    window: Duration,
    began: Duration,
    /// How many there were in this window.
    count: u32,
    /// How many there were in earlier windows that had more than allowed, as far as nobody has asked.
    over: u32,
}

impl Allowance {
    pub(super) fn new(most: u32, window: Duration) -> Allowance {
        Allowance { most, window, began: Duration::ZERO, count: 0, over: 0 }
    }

    /// Counts one more, and returns whether it is within the allowance.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        self.renew(now);
        self.count = self.count.saturating_add(1);
        self.count <= self.most
    }

    /// Whether there were more than allowed, and nobody has asked how many.
    pub(super) fn is_over(&self) -> bool {
        self.over > 0 || self.count > self.most
    }

    /// How many there were in windows that are over and had more than allowed.
    pub(super) fn excess(&mut self, now: Duration) -> Option<u32> {
        self.renew(now);
        Some(std::mem::take(&mut self.over)).filter(|over| *over > 0)
    }

    fn renew(&mut self, now: Duration) {
        if now < self.began + self.window {
            return;
        }
        if self.count > self.most {
            self.over = self.over.saturating_add(self.count);
        }
        (self.began, self.count) = (now, 0);
    }

    pub(super) fn seconds(&self) -> u64 {
        self.window.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_allowance_is_counted_until_the_window_ends() {
        let s = Duration::from_secs;
        let mut allowance = Allowance::new(2, s(10));
        let taken: Vec<bool> = (0..5).map(|_| allowance.take(s(1))).collect();
        assert_eq!(taken, [true, true, false, false, false]);
        assert_eq!(allowance.excess(s(9)), None);
        assert!(allowance.take(s(11)) && allowance.is_over());
        assert_eq!(allowance.excess(s(11)), Some(5));
        assert!(!allowance.is_over());
    }
}
