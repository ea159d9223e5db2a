//! Every verdict, from the record alone: the same while a check goes on, at its end, and when a report is verified.

use super::{
    by_itself::explain,
    history::{History, us},
    record::{Record, Step, What},
    steps::{connects, half_open, limits, old_words, reacts, recovers, refusal, talks},
    timings::LIMIT_WINDOW,
    verdict::{Cause, Outcome, Verdict},
};

/// The verdicts on the steps that were asked for, in order.
#[must_use]
pub fn judge(record: &Record) -> Vec<Verdict> {
    record.steps.iter().map(|step| judge_step(record, *step)).collect()
}

#[must_use]
pub fn judge_step(record: &Record, step: Step) -> Verdict {
    let reason = record.entries.iter().find_map(|entry| match &entry.what {
        What::Unplayable { step: of, reason } if *of == step => Some(reason),
        _ => None,
    });
    if let Some(reason) = reason {
        return Verdict::unjudged(step, reason.clone());
    }
    let Some((from, to)) = record.span(step) else {
        return Verdict::unjudged(step, "the check ended before this step");
    };
    let ended =
        record.entries.iter().any(|entry| matches!(entry.what, What::Ended { step: of } if of == step));
    if !ended {
        return Verdict::unjudged(step, "the check ended in the middle of this step");
    }
    let history = History::up_to(record, to);
    let verdict = match step {
        Step::Connects => connects::judge(&history),
        Step::Talks => talks::judge(&history),
        Step::Reacts => reacts::judge(&history, from, to),
        Step::RecoversFromReset | Step::RecoversFromBrokerLoss | Step::RecoversFromWifiLoss => {
            recovers::judge(&history, step, from, to)
        }
        Step::NoticesHalfOpen => half_open::judge(&history, from, to),
        Step::DistrustsOldWords => old_words::judge(&history, from, to),
        Step::SurvivesRefusal => refusal::judge(&history, from, to),
        Step::KeepsWithinLimits => {
            let verdict = limits::judge(&history, to);
            let seen = to.saturating_sub(history.connections().first().map_or(to, |one| one.opened));
            if verdict.outcome == Outcome::Pass && seen + 1_000_000 < us(LIMIT_WINDOW) {
                Verdict::unjudged(step, "it was not seen for a whole minute")
            } else {
                verdict
            }
        }
    };
    let explained = explain(&history, verdict.clone(), from, to);
    // A light that hangs up is told so at the end, where no step has failed before.
    let told = || {
        let earlier = record.steps.iter().filter(|earlier| **earlier < step);
        earlier.map(|earlier| judge_step(record, *earlier)).any(|earlier| earlier.outcome == Outcome::Fail)
    };
    let again = step == Step::KeepsWithinLimits && explained.cause == Some(Cause::HangsUpByItself);
    fairly(record, if again && told() { verdict } else { explained })
}

/// Causes that may have lain in the broker, the partner, or the hook, where one of these did not do its part.
const MAY_BE_THE_BENCH: [Cause; 17] = [
    Cause::NeverCame,
    Cause::LoginRefused,
    Cause::NoSubscribe,
    Cause::WordsNotUnderstood,
    Cause::NeverSpeaks,
    Cause::NeverYields,
    Cause::YieldsLate,
    Cause::GoesOnAmber,
    Cause::NeverGoes,
    Cause::NotReconnected,
    Cause::NoResubscribe,
    Cause::MuteAfterReconnect,
    Cause::DeafAfterReconnect,
    Cause::StopsByItself,
    Cause::HangsUpByItself,
    Cause::ObeysOldWord,
    Cause::GaveUpAfterRefusal,
];

/// A light is not blamed for what the check did not do as it should.
fn fairly(record: &Record, verdict: Verdict) -> Verdict {
    if !verdict.cause.is_some_and(|cause| MAY_BE_THE_BENCH.contains(&cause)) {
        return verdict;
    }
    let step = verdict.step;
    let played = record.entries.iter().skip_while(|entry| entry.what != What::Began { step });
    let trouble = played.take_while(|entry| entry.what != What::Ended { step }).find_map(|entry| {
        let What::Trouble { text } = &entry.what else { return None };
        Some(text)
    });
    match trouble {
        Some(text) => Verdict::unjudged(step, format!("{text}; it was seen: {}", verdict.evidence)),
        None => verdict,
    }
}

/// When a step was decided, in milliseconds since the check began.
#[must_use]
pub fn decided_ms(record: &Record, step: Step) -> u64 {
    let decides = |what: &What| match what {
        What::Ended { step: of } | What::Unplayable { step: of, .. } => *of == step,
        _ => false,
    };
    let at = record
        .entries
        .iter()
        .find(|entry| decides(&entry.what))
        .map_or_else(|| record.end(), |entry| entry.at);
    at / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand::Script;

    #[test]
    fn a_light_is_not_blamed_where_the_check_had_trouble_of_its_own() {
        let of = |trouble: bool| {
            let mut script = Script::learned();
            script.began(0, Step::Connects);
            if trouble {
                script.at(50_000, What::Trouble { text: "the broker cannot be reached".to_owned() });
            }
            script.ended(60_000, Step::Connects);
            judge_step(&script.record, Step::Connects)
        };
        assert_eq!(of(false).cause, Some(Cause::NeverCame));
        let unjudged = of(true);
        assert_eq!(unjudged.outcome, Outcome::Unjudged);
        assert!(
            unjudged.evidence.starts_with("the broker cannot be reached; it was seen: nothing connected")
        );
    }

    #[test]
    fn what_was_not_played_is_not_judged_and_says_why() {
        let mut script = Script::learned();
        script.connected(0, 30).began(0, Step::Connects).ended(3_000, Step::Connects);
        let reason = "it never came back".to_owned();
        script
            .at(4_000, What::Unplayable { step: Step::Talks, reason: reason.clone() })
            .began(5_000, Step::Reacts);
        let verdicts = judge(&script.record);
        assert_eq!(verdicts.len(), Step::ALL.len());
        assert_eq!(verdicts[0].outcome, Outcome::Pass);
        assert_eq!((verdicts[1].outcome, &verdicts[1].evidence), (Outcome::Unjudged, &reason));
        assert!(verdicts[2].evidence.contains("in the middle"), "{:?}", verdicts[2]);
        assert!(verdicts[3].evidence.contains("before this step"), "{:?}", verdicts[3]);
        assert_eq!(decided_ms(&script.record, Step::Connects), 3_000);
    }
}
