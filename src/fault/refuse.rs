//! No new connection is accepted.

use serde::{Deserialize, Serialize};

use super::{
    ConnectionRules, Effect,
    definition::{About, Definition, Ink, Stroke},
};

/// Nobody listens: `ECONNREFUSED`. A connection that is there stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refuse;

pub(super) const ABOUT: About = About {
    name: "refuse",
    title: "Refuse",
    meaning: "No new connection is accepted.",
    // No entry.
    sign: &[
        Stroke::Dot(Ink::Sign, 0.0, 0.0, 0.72),
        Stroke::Fill(Ink::Ground, &[(-0.43, -0.13), (0.43, -0.13), (0.43, 0.13), (-0.43, 0.13)]),
    ],
    whole_connection: true,
    ..About::LINK
};

pub(super) const EXAMPLE: Refuse = Refuse;

impl Definition for Refuse {}

impl Effect for Refuse {
    fn connection(&self, rules: &mut ConnectionRules) {
        rules.refuse = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{LinkFaultSpec, rules};

    #[test]
    fn new_connections_are_refused_and_nothing_else_changes() {
        let refused = rules(&[LinkFaultSpec::both_ways(Refuse)]);
        assert_eq!(refused, ConnectionRules { refuse: true, ..ConnectionRules::default() });
    }
}
