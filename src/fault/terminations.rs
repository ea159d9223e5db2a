//! When a fault of whole connections strikes one, and how that ends it.

use super::{
    effect::{ConnectionRules, Micros},
    spec::{LinkFaultSpec, rules},
};

/// How a fault ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Termination {
    /// Both ends get an RST.
    Reset,
    /// The broker's end is gone, the light's is not told.
    HalfOpen,
}

/// What one connection remembers of the rules that hold for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminations {
    rules: ConnectionRules,
    /// When `rules` came into force, or the connection was made: from then a strike is counted.
    ruled_us: Micros,
}

impl Terminations {
    /// A connection that is made `now`.
    #[must_use]
    pub(crate) fn new(now: Micros, faults: &[LinkFaultSpec]) -> Terminations {
        Terminations { rules: rules(faults), ruled_us: now }
    }

    /// Other faults are in force from `now` on.
    pub(crate) fn change(&mut self, now: Micros, faults: &[LinkFaultSpec]) {
        let rules = rules(faults);
        if rules != self.rules {
            *self = Terminations { rules, ruled_us: now };
        }
    }

    /// When a fault ends the connection, and how.
    #[must_use]
    pub(crate) fn next(&self) -> Option<(Micros, Termination)> {
        let ConnectionRules { reset_after_us, half_open_after_us, .. } = self.rules;
        let reset = reset_after_us.map(|after_us| (self.ruled_us + after_us, Termination::Reset));
        let half_open = half_open_after_us.map(|after_us| (self.ruled_us + after_us, Termination::HalfOpen));
        [reset, half_open].into_iter().flatten().min_by_key(|(at_us, _)| *at_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{HalfOpen, Latency, Reset};

    #[test]
    fn a_strike_is_counted_from_when_its_rule_came_and_other_faults_do_not_put_it_off() {
        let (reset, slow) = (
            LinkFaultSpec::both_ways(Reset { after_ms: 30 }),
            LinkFaultSpec::both_ways(Latency { ms: 1, jitter_ms: 0 }),
        );
        let mut terminations = Terminations::new(5_000, &[]);
        assert_eq!(terminations.next(), None);
        terminations.change(10_000, &[reset]);
        terminations.change(20_000, &[reset, slow]);
        assert_eq!(terminations.next(), Some((40_000, Termination::Reset)));
        terminations.change(25_000, &[reset, LinkFaultSpec::both_ways(HalfOpen { after_ms: 1 })]);
        assert_eq!(terminations.next(), Some((26_000, Termination::HalfOpen)), "the earlier one counts");
    }
}
