//! A link fault and its directions.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    effect::ConnectionRules,
    kinds::{self, FaultKind, LinkFault},
};
use crate::model::Diagnostic;

/// A direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the light to the broker.
    ToBroker,
    /// From the broker to the light.
    FromBroker,
}

impl Direction {
    /// Both of them.
    pub(crate) const BOTH: [Direction; 2] = [Direction::ToBroker, Direction::FromBroker];

    #[must_use]
    pub(super) fn other(self) -> Direction {
        match self {
            Direction::ToBroker => Direction::FromBroker,
            Direction::FromBroker => Direction::ToBroker,
        }
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self == Direction::FromBroker)
    }
}

/// Which directions a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Directions {
    /// From the light to the broker.
    #[serde(rename = "up")]
    ToBroker,
    /// From the broker to the light.
    #[serde(rename = "down")]
    FromBroker,
    /// Both directions.
    #[default]
    Both,
}

impl Directions {
    /// Whether `way` is among them.
    #[must_use]
    pub(crate) fn include(self, direction: Direction) -> bool {
        matches!(
            (self, direction),
            (Directions::Both, _)
                | (Directions::ToBroker, Direction::ToBroker)
                | (Directions::FromBroker, Direction::FromBroker)
        )
    }
}

impl fmt::Display for Directions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Directions::ToBroker => "to the broker",
            Directions::FromBroker => "from the broker",
            Directions::Both => "both ways",
        })
    }
}

/// A link fault and its directions. A link has at most one of a kind for the same directions;
/// injected again, it takes the new parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LinkFaultSpec {
    /// What it does.
    pub fault: LinkFault,
    /// Faults of whole connections have both.
    #[serde(rename = "ways")]
    pub directions: Directions,
}

impl LinkFaultSpec {
    /// In both directions.
    #[must_use]
    pub fn both_ways(fault: impl Into<LinkFault>) -> LinkFaultSpec {
        LinkFaultSpec { fault: fault.into(), directions: Directions::Both }
    }

    /// From the light to the broker.
    #[must_use]
    pub fn to_broker(fault: impl Into<LinkFault>) -> LinkFaultSpec {
        LinkFaultSpec { fault: fault.into(), directions: Directions::ToBroker }
    }

    /// From the broker to the light.
    #[must_use]
    pub fn from_broker(fault: impl Into<LinkFault>) -> LinkFaultSpec {
        LinkFaultSpec { fault: fault.into(), directions: Directions::FromBroker }
    }

    /// # Errors
    /// Returns why it is invalid and what is accepted.
    pub fn check(&self) -> Result<(), Diagnostic> {
        let kind = FaultKind::from(self.fault);
        if !kind.has_direction() && self.directions != Directions::Both {
            let message = format!("{} strikes the connection as a whole", kind.about().name);
            return Err(Diagnostic::new(message, "leave the direction out"));
        }
        kind.check()
    }

    /// Whether injecting `other` would give this one other parameters.
    #[must_use]
    pub fn is_replaced_by(&self, other: &LinkFaultSpec) -> bool {
        std::mem::discriminant(&self.fault) == std::mem::discriminant(&other.fault)
            && self.directions == other.directions
    }
}

impl fmt::Display for LinkFaultSpec {
    /// `latency 200 ms ± 50 ms, to the broker`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, self.fault.about().name)
    }
}

impl LinkFaultSpec {
    pub(super) fn write(&self, f: &mut impl fmt::Write, name: &str) -> fmt::Result {
        kinds::write(f, name, &FaultKind::from(self.fault).parameters())?;
        match self.directions {
            Directions::Both => Ok(()),
            directions => write!(f, ", {directions}"),
        }
    }
}

/// What `faults` make of connections as a whole.
#[must_use]
pub(crate) fn rules(faults: &[LinkFaultSpec]) -> ConnectionRules {
    let mut rules = ConnectionRules::default();
    for spec in faults {
        spec.fault.definition().connection(&mut rules);
    }
    rules
}

/// Whether nothing passes in one of the directions, so that no connection can come to be.
#[must_use]
pub(crate) fn stalls(faults: &[LinkFaultSpec]) -> bool {
    faults.iter().any(|spec| matches!(spec.fault, LinkFault::BlackHole(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Latency, Refuse};

    #[test]
    fn a_direction_for_a_whole_connection_is_refused_and_new_parameters_replace_the_last() {
        let refused = LinkFaultSpec::to_broker(Refuse).check().unwrap_err();
        assert_eq!(refused.help.as_deref(), Some("leave the direction out"));
        let slow = LinkFaultSpec::to_broker(Latency { ms: 100, jitter_ms: 0 });
        assert!(slow.is_replaced_by(&LinkFaultSpec::to_broker(Latency { ms: 200, jitter_ms: 10 })));
        assert!(!slow.is_replaced_by(&LinkFaultSpec::from_broker(Latency { ms: 200, jitter_ms: 10 })));
        assert_eq!(slow.to_string(), "latency 100 ms, to the broker");
    }
}
