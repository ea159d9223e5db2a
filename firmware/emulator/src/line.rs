//! What a serial line does to bytes: it takes its time, and where the two ends disagree about the speed
//! it makes noise of them.

use std::time::{Duration, Instant};

/// Start bit, eight data bits, stop bit.
const BITS_A_BYTE: u32 = 10;

/// Whether two ends with these speeds understand each other: a UART samples the tenth bit of a byte
/// still within that bit if they differ by less than some 3 %.
pub(crate) fn understand(a_baud: u32, b_baud: u32) -> bool {
    u64::from(a_baud.abs_diff(b_baud)) * 100 <= u64::from(a_baud.max(b_baud)) * 3
}

/// Noise, always the same sequence.
pub(crate) struct Noise(u32);

impl Default for Noise {
    fn default() -> Noise {
        Noise(0x9E37_79B9)
    }
}

impl Noise {
    pub(crate) fn byte(&mut self) -> u8 {
        // Marsaglia's xorshift
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        let [_, byte, ..] = self.0.to_le_bytes();
        byte
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

/// One direction of the line, and how long it is taken.
#[derive(Default)]
pub(crate) struct Lane {
    free_at: Option<Instant>,
}

impl Lane {
    /// Takes the line for `count` bytes that want to go at `now`; gives when the last of them is over.
    pub(crate) fn carry(&mut self, now: Instant, count: usize, baud: u32) -> Instant {
        let start = self.free_at.map_or(now, |free| free.max(now));
        let bits = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(BITS_A_BYTE.into());
        let over = start + Duration::from_nanos(bits.saturating_mul(1_000_000_000) / u64::from(baud.max(1)));
        self.free_at = Some(over);
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_that_differ_by_a_little_understand_each_other() {
        assert!(understand(115_200, 115_200) && understand(921_600, 905_000));
        assert!(!understand(115_200, 230_400) && !understand(115_200, 120_000));
    }

    #[test]
    fn bytes_follow_each_other_at_the_lines_speed() {
        let now = Instant::now();
        let mut lane = Lane::default();
        assert_eq!(lane.carry(now, 11_520, 115_200), now + Duration::from_secs(1));
        assert_eq!(lane.carry(now, 11_520, 115_200), now + Duration::from_secs(2));
        let later = now + Duration::from_secs(5);
        assert_eq!(lane.carry(later, 0, 115_200), later);
    }
}
