//! How sure a verdict is, and how grave.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// An overlap shorter than this is a glitch: NEMA TS 2 lets no conflict monitor trip on it.
pub const GLITCH_BELOW: Duration = Duration::from_millis(200);
/// From here on every conflict monitor must trip (NEMA TS 2). Between the two it may do either;
/// this one counts such an overlap as a conflict, and calls it brief.
pub const CONFLICT_FROM: Duration = Duration::from_millis(450);

/// How sure it is that two lights had right of way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// They may have been: what was heard does not tell it apart from an orderly change.
    Possible,
    /// They were.
    Sure,
}

/// How grave an overlap of two intervals is, by its duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// Under 200 ms: lamps that switch, no conflict.
    Glitch,
    /// From 200 ms and under 450 ms: a conflict that not every monitor would have tripped on.
    Brief,
    /// From 450 ms on.
    Full,
}

impl Grade {
    /// The grade of an overlap that lasted for `lasted`.
    #[must_use]
    pub(crate) fn of(lasted: Duration) -> Grade {
        if lasted < GLITCH_BELOW {
            Grade::Glitch
        } else if lasted < CONFLICT_FROM {
            Grade::Brief
        } else {
            Grade::Full
        }
    }

    /// The message of the command line.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Grade::Glitch => "glitch",
            Grade::Brief => "brief",
            Grade::Full => "full",
        }
    }
}

impl Certainty {
    /// The message of the command line.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Certainty::Possible => "possible",
            Certainty::Sure => "sure",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
