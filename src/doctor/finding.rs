//! The steps of an examination, and what each came to.

use std::{fmt, time::Duration};

use crate::model::Diagnostic;

/// What a light needs of a broker, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The host's name has an address.
    Name,
    /// Something listens there.
    Tcp,
    /// It proves who it is, and encrypts.
    Tls,
    /// It speaks MQTT and lets this user in.
    Connect,
    /// It takes a subscription.
    Subscribe,
    /// What is published is heard.
    Hear,
    /// It lets as many sessions in as the lights have.
    Sessions,
    /// A retained message is kept for who comes later.
    Retained,
    /// The last will of a client that vanishes is published.
    Will,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Step; 9] = [
        Step::Name,
        Step::Tcp,
        Step::Tls,
        Step::Connect,
        Step::Subscribe,
        Step::Hear,
        Step::Sessions,
        Step::Retained,
        Step::Will,
    ];

    /// One word, as other programs read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Step::Name => "name",
            Step::Tcp => "tcp",
            Step::Tls => "tls",
            Step::Connect => "connect",
            Step::Subscribe => "subscribe",
            Step::Hear => "hear",
            Step::Sessions => "sessions",
            Step::Retained => "retained",
            Step::Will => "will",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be; what was seen.
    Well(String),
    /// It works, and something about it is not as it should be.
    Doubtful(Diagnostic),
    /// It does not work.
    Failed(Diagnostic),
    /// It was not tried, for this reason.
    Skipped(String),
}

/// One step, done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub step: Step,
    /// What it came to.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// What a step gives to the next one: itself, and what is to be said of it.
pub(super) type Done<T> = Result<(T, Verdict), Verdict>;

impl Verdict {
    /// One word, as other programs read it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Well(_) => "well",
            Verdict::Doubtful(_) => "doubtful",
            Verdict::Failed(_) => "failed",
            Verdict::Skipped(_) => "skipped",
        }
    }

    /// Whether lights cannot work like that.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Verdict::Failed(_))
    }
}
