//! What became of an expectation.

use std::fmt;

/// What became of one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was expected, as a sentence without its stop.
    pub expectation: String,
    /// Whether it held.
    pub outcome: Outcome,
    /// What shows it, with times, as a sentence without its stop.
    pub evidence: String,
}

/// Whether an expectation held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Held,
    /// It did not hold.
    Failed,
    /// Nothing can be said: not yet, while the run goes on; at its end that counts as failed.
    NotJudged,
}

impl Verdict {
    /// Whether it counts as passed.
    #[must_use]
    pub fn held(&self) -> bool {
        self.outcome == Outcome::Held
    }
}

impl Outcome {
    /// Two words at the most: `held`, `failed`, `not judged`.
    #[must_use]
    pub(in crate::scenario) fn as_str(self) -> &'static str {
        match self {
            Outcome::Held => "held",
            Outcome::Failed => "failed",
            Outcome::NotJudged => "not judged",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
