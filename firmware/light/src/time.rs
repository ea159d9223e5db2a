//! Instants of the host's monotonic clock, and spans stretched or shrunk by a clock's error.

/// By how much the rates of two lights' clocks may differ, in percent (ρ of the design).
pub const CLOCK_ERROR_PERCENT: u64 = 1;

/// What a reading of a clock that counts whole milliseconds may be late by, in milliseconds.
const RESOLUTION_MS: u64 = 1;

/// A moment on the host's monotonic clock, in whole milliseconds rounded down.
///
/// The origin is the host's choice; only differences count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The moment `ms` milliseconds after the clock's origin.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Instant {
        Instant(ms)
    }

    /// Milliseconds since the clock's origin.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// The moment `ms` milliseconds later.
    #[must_use]
    pub const fn after(self, ms: u64) -> Instant {
        Instant(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`; 0 if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Instant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The shortest span on this clock that is surely `ms` on any other: `ms`·(1+ρ), rounded up.
#[must_use]
pub const fn at_least(ms: u64) -> u64 {
    ms.saturating_add(ms.saturating_mul(CLOCK_ERROR_PERCENT).div_ceil(100)).saturating_add(RESOLUTION_MS)
}

/// The longest span on this clock that is surely not over `ms` on any other: `ms`·(1−ρ), rounded
/// down.
#[must_use]
pub const fn at_most(ms: u64) -> u64 {
    ms.saturating_sub(ms.saturating_mul(CLOCK_ERROR_PERCENT).div_ceil(100)).saturating_sub(RESOLUTION_MS)
}
