//! No new connection is accepted.

use serde::{Deserialize, Serialize};

use super::{Effect, Rules};

/// Nobody listens: `ECONNREFUSED`. A connection that is there stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refuse;

impl Effect for Refuse {
    fn connection(&self, rules: &mut Rules) {
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
        assert_eq!(refused, Rules { refuse: true, ..Rules::default() });
    }
}
