//! Why a foreign light was in conflict: what it had been told when it went.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why two lights had right of way at once of which one is somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The other's word had not been delivered to it yet.
    NotTold,
    /// Both spoke within a round trip.
    Race,
    /// It had been told.
    DidNotReact,
}

impl Cause {
    /// The word of the command line.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Cause::NotTold => "not-told",
            Cause::Race => "race",
            Cause::DidNotReact => "did-not-react",
        }
    }

    /// A sentence about the foreign light.
    #[must_use]
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Cause::NotTold => "it had not been told yet that the other goes",
            Cause::Race => "both began within one round trip, so that neither could know of the other",
            Cause::DidNotReact => {
                "it had been told that the other goes, and went or stayed green all the same"
            }
        }
    }
}

/// What a foreign light said and was told of late.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    /// The round trip that is allowed for.
    rtt: Duration,
    goes: bool,
    /// When its present or last right of way began, as it was heard.
    went_at: Duration,
    /// From when to when it was told that the other goes.
    told: Option<(Duration, Option<Duration>)>,
}

impl Talk {
    pub(super) fn new(rtt: Duration) -> Talk {
        Talk { rtt, goes: false, went_at: Duration::ZERO, told: None }
    }

    /// It says that it has right of way, or has none.
    pub(super) fn heard(&mut self, now: Duration, goes: bool) {
        if goes && !self.goes {
            self.went_at = now;
        }
        self.goes = goes;
    }

    /// It is told that the other has right of way, or has none.
    pub(super) fn told(&mut self, now: Duration, goes: bool) {
        match (&mut self.told, goes) {
            (Some((_, until @ None)), false) => *until = Some(now),
            (Some((_, None)), true) | (_, false) => {}
            (told, true) => *told = Some((now, None)),
        }
    }

    /// It hears nothing any more, and has to be told anew.
    pub(super) fn cut_off(&mut self) {
        self.told = None;
    }

    pub(super) fn went_at(&self) -> Duration {
        self.went_at
    }

    /// Why it is in a conflict now.
    pub(super) fn cause(&self) -> Cause {
        let went = self.went_at;
        match self.told {
            Some((from, until)) if until.is_none_or(|until| until > went) => {
                if from + self.rtt < went {
                    Cause::DidNotReact
                } else if from <= went + self.rtt {
                    Cause::Race
                } else {
                    Cause::NotTold
                }
            }
            _ => Cause::NotTold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn talk(told: &[(u64, bool)], went: u64) -> Cause {
        let mut talk = Talk::new(MS(200));
        for (at, goes) in told.iter().filter(|(at, _)| *at <= went) {
            talk.told(MS(*at), *goes);
        }
        talk.heard(MS(went), true);
        for (at, goes) in told.iter().filter(|(at, _)| *at > went) {
            talk.told(MS(*at), *goes);
        }
        talk.cause()
    }

    #[test]
    fn the_cause_is_what_it_had_been_told_when_it_went() {
        assert_eq!(talk(&[], 5_000), Cause::NotTold);
        assert_eq!(
            talk(&[(1_000, true), (4_000, false)], 5_000),
            Cause::NotTold,
            "the other's last go was over"
        );
        assert_eq!(talk(&[(4_900, true)], 5_000), Cause::Race);
        assert_eq!(talk(&[(5_100, true)], 5_000), Cause::Race);
        assert_eq!(talk(&[(5_300, true)], 5_000), Cause::NotTold);
        assert_eq!(talk(&[(4_700, true)], 5_000), Cause::DidNotReact);
        assert_eq!(talk(&[(4_000, true), (4_900, true)], 5_000), Cause::DidNotReact, "told twice");
    }

    #[test]
    fn who_is_cut_off_has_to_be_told_anew() {
        let mut talk = Talk::new(MS(200));
        talk.told(MS(1_000), true);
        talk.cut_off();
        talk.heard(MS(5_000), true);
        assert_eq!(talk.cause(), Cause::NotTold);
    }
}
