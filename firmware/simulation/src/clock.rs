//! The clock of one light: wrong by an offset and a rate, and now and then standing still.

use traffic_light::Instant;

/// True time, in microseconds since the start of a run.
pub type TrueMicros = u64;

const MILLION: u64 = 1_000_000;

/// A light's own clock.
#[derive(Clone, Debug)]
pub struct Clock {
    /// What it shows at true time 0, in microseconds.
    pub offset_us: u64,
    /// Its microseconds in a million true ones: 990,000 to 1,010,000.
    pub rate: u64,
    /// True time that it stood still.
    pub stood_us: u64,
}

impl Clock {
    /// What the light reads at `now`: whole milliseconds, rounded down.
    #[must_use]
    pub fn read(&self, now: TrueMicros) -> Instant {
        let ran_us = now.saturating_sub(self.stood_us);
        let local_us = self.offset_us + ran_us / MILLION * self.rate + ran_us % MILLION * self.rate / MILLION;
        Instant::from_ms(local_us / 1_000)
    }

    /// The longest true span in which this clock counts no more than `ms`, in microseconds.
    #[must_use]
    pub fn true_us(&self, ms: u64) -> TrueMicros {
        ms * 1_000 * MILLION / self.rate
    }
}
