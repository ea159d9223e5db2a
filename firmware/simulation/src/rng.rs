//! Random numbers whose sequence is part of the proof: a seed means the same run for ever.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
///
/// Written out here, and not taken from a library, because a seed in an issue must still replay
/// after every dependency has been updated.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream `stream` of `seed`.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Rng {
        let mut rng = Rng(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        // Neighbouring streams must not start alike.
        rng.0 = rng.draw();
        rng
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.draw() % (high.saturating_sub(low) + 1)
    }

    /// As [`Rng::between`], for spans in milliseconds.
    pub fn ms(&mut self, low: u32, high: u32) -> u32 {
        u32::try_from(self.between(u64::from(low), u64::from(high))).unwrap_or(high)
    }

    /// True in `permille` of 1,000 cases.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.draw() % 1_000 < permille
    }

    /// An index below `len`; 0 for an empty list.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.draw() % (len.max(1) as u64)).unwrap_or(0)
    }

    /// A span from `low` to `high` where each order of magnitude is as likely as the next.
    pub fn spread(&mut self, low: u64, high: u64) -> u64 {
        let mut top = high.max(low);
        while top / 2 > low && self.chance(500) {
            top /= 2;
        }
        self.between(low.min(top), top)
    }
}
