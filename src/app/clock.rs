//! The world's clock as the window sees it.
//!
//! Events carry their time on the world's clock, which the window cannot read. It keeps the
//! largest difference between an event's time and its own clock at receipt: an event is never
//! from the future, so the event that came through fastest gives the best estimate.

use std::time::Instant;

/// Reads this machine's time in milliseconds since some fixed moment; tests pass their own.
pub(super) type Source = Box<dyn Fn() -> u64>;

/// The time on the world's clock between events.
pub struct Clock {
    source: Source,
    /// World time minus source time; `None` until the first event.
    offset_ms: Option<i64>,
    /// Whether the source is the world's own clock, so that no offset is to be learnt.
    exact: bool,
}

impl Clock {
    /// A clock on the machine's monotonic time.
    #[must_use]
    pub fn monotonic() -> Clock {
        let start = Instant::now();
        Clock::new(Box::new(move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }

    /// A clock on a source of the caller's choice.
    #[must_use]
    pub fn new(source: Source) -> Clock {
        Clock { source, offset_ms: None, exact: false }
    }

    /// The world's own clock, where it can be read.
    #[must_use]
    pub(super) fn exact(source: Source) -> Clock {
        Clock { source, offset_ms: None, exact: true }
    }

    /// Learns from an event that happened at `event_ms` and was received just now.
    pub(super) fn observe(&mut self, event_ms: u64) {
        if self.exact {
            return;
        }
        let local = signed((self.source)());
        let offset = signed(event_ms).saturating_sub(local);
        self.offset_ms = Some(self.offset_ms.map_or(offset, |known| known.max(offset)));
    }

    /// Milliseconds on the world's clock; the source's own before the first event.
    #[must_use]
    pub(super) fn now_ms(&self) -> u64 {
        let local = (self.source)();
        match self.offset_ms {
            Some(offset) => u64::try_from(signed(local).saturating_add(offset)).unwrap_or(0),
            None => local,
        }
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    #[test]
    fn an_exact_clock_is_never_set() {
        let mut clock = Clock::exact(Box::new(|| 70));
        clock.observe(5_000);
        assert_eq!(clock.now_ms(), 70);
    }

    #[test]
    fn the_fastest_event_sets_the_clock() {
        let local = Rc::new(Cell::new(1_000));
        let mut clock = Clock::new(Box::new({
            let local = Rc::clone(&local);
            move || local.get()
        }));
        clock.observe(5_000);
        local.set(1_400);
        clock.observe(5_100);
        assert_eq!(clock.now_ms(), 5_400, "a late event must not turn the clock back");
        clock.observe(5_450);
        assert_eq!(clock.now_ms(), 5_450, "a faster event corrects it");
    }
}
