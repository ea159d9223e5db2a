//! When a fault of whole connections strikes one, and how that ends it.

use super::{Placed, Rules, Us, rules};

/// How a fault ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// Both ends get an RST.
    Reset,
    /// The broker's end is gone, the light's is not told.
    HalfOpen,
}

/// What one connection remembers of the rules that hold for it.
#[derive(Clone, Copy, Debug)]
pub struct Strikes {
    rules: Rules,
    /// When `rules` came into force, or the connection was made: from then a strike is counted.
    ruled_us: Us,
}

impl Strikes {
    /// A connection that is made `now`.
    #[must_use]
    pub fn new(now: Us, faults: &[Placed]) -> Strikes {
        Strikes { rules: rules(faults), ruled_us: now }
    }

    /// Other faults are in force from `now` on.
    pub fn change(&mut self, now: Us, faults: &[Placed]) {
        let rules = rules(faults);
        if rules != self.rules {
            *self = Strikes { rules, ruled_us: now };
        }
    }

    /// When a fault ends the connection, and how.
    #[must_use]
    pub fn next(&self) -> Option<(Us, Strike)> {
        let Rules { reset_after_us, half_open_after_us, .. } = self.rules;
        let reset = reset_after_us.map(|after_us| (self.ruled_us + after_us, Strike::Reset));
        let half_open = half_open_after_us.map(|after_us| (self.ruled_us + after_us, Strike::HalfOpen));
        [reset, half_open].into_iter().flatten().min_by_key(|(at_us, _)| *at_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{HalfOpen, Latency, Reset};

    #[test]
    fn a_strike_is_counted_from_when_its_rule_came_and_other_faults_do_not_put_it_off() {
        let (reset, slow) =
            (Placed::both(Reset { after_ms: 30 }), Placed::both(Latency { ms: 1, jitter_ms: 0 }));
        let mut strikes = Strikes::new(5_000, &[]);
        assert_eq!(strikes.next(), None);
        strikes.change(10_000, &[reset]);
        strikes.change(20_000, &[reset, slow]);
        assert_eq!(strikes.next(), Some((40_000, Strike::Reset)));
        strikes.change(25_000, &[reset, Placed::both(HalfOpen { after_ms: 1 })]);
        assert_eq!(strikes.next(), Some((26_000, Strike::HalfOpen)), "the earlier one counts");
    }
}
