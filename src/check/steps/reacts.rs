//! It yields when its partner goes, and takes its turn when the partner does not.

use traffic_light::mqtt::codec::matches;

use super::talks;
use crate::check::{
    bench::Bench,
    history::{History, seconds, us},
    reaction::{Asked, Partner, Reaction, Round, ask_until_met, goes_on_amber, rounds, understood_form},
    record::{Step, What, Who},
    timings::{AMBER_TRIES, LONGEST_GREEN, TURN},
    verdict::{Cause, Verdict},
    vocabulary::{Shown, Source},
};

/// A yield is asked for so often, each time by a partner of this kind.
const PARTNERS: [Partner; 3] = [Partner::Amber, Partner::Long, Partner::Amber];
/// A green that ends so soon after its own word came back to the light ends because of it.
const ECHO_US: u64 = 1_000_000;

pub(crate) async fn play(bench: &mut Bench) {
    bench.say(Shown::Red).await;
    // Its own green, to its end: with nobody to yield to.
    let went = |history: &History<'_>| history.goes(0, u64::MAX).last().map(|_| ());
    if bench.until(TURN, "the partner is red: waits for the light to go", went).await.is_some() {
        let from = bench.now();
        let ended = move |history: &History<'_>| {
            history.spoken(from, u64::MAX).iter().find(|(_, shown)| !shown.is_go()).map(|_| ())
        };
        bench.until(LONGEST_GREEN, "measures its own green", ended).await;
        talks::refine(bench);
    }
    for partner in PARTNERS {
        match ask_until_met(bench, partner).await {
            Asked::Yielded => {}
            Asked::NeverYielded => {
                talks::try_other_forms(bench).await;
                break;
            }
            Asked::WentAgain | Asked::NeverWent | Asked::Missed => break,
        }
    }
    bench.say(Shown::Red).await;
}

pub(crate) fn judge(history: &History<'_>, from: u64, to: u64) -> Verdict {
    let step = Step::Reacts;
    let rounds = rounds(history, from, to);
    if let Some(evidence) = echo(history, from, to) {
        return Verdict::fail(step, Cause::OneTopicForBoth, evidence);
    }
    if let Some(evidence) = history.other_words(from, to) {
        return Verdict::fail(step, Cause::WordsNotUnderstood, evidence);
    }
    let of = |wanted: Reaction| rounds.iter().find(|round| round.reaction() == wanted);
    if let Some(round) = of(Reaction::Never) {
        if !round.understood(history)
            && let Some((at, form)) = understood_form(history, from, to)
        {
            let said =
                history.profile.map(|profile| profile.vocabulary.encode(Shown::Green)).unwrap_or_default();
            let evidence = format!(
                "it says {said}, and does not yield when it is told {said}; told {form} at {} it did",
                seconds(at)
            );
            return Verdict::fail(step, Cause::WordsNotUnderstood, evidence);
        }
        if let Some(reason) = unsure_topic(history) {
            return Verdict::unjudged(step, reason);
        }
        return Verdict::fail(
            step,
            Cause::NeverYields,
            format!("{}{}", round.describe(), silent(history, round.told, to)),
        );
    }
    if let Some(round) = of(Reaction::Late) {
        return Verdict::fail(step, Cause::YieldsLate, round.describe());
    }
    let on_amber = goes_on_amber(history, from, to);
    if let Some(at) = on_amber.first().filter(|_| on_amber.len() >= AMBER_TRIES) {
        let evidence = format!(
            "it went at {}, while its partner was in amber after green; {} times in all",
            seconds(*at),
            on_amber.len()
        );
        return Verdict::fail(step, Cause::GoesOnAmber, evidence);
    }
    let yields: Vec<&Round> = rounds.iter().filter(|round| round.reaction() == Reaction::InTime).collect();
    // The partner was red for long enough, and the light stayed.
    let waited = history.partner(from, to).windows(2).any(|pair| match pair {
        [(at, Shown::Red, _), (next, ..)] => {
            next - at + 200_000 >= us(TURN)
                && history.goes(*at, *next).is_empty()
                && !history.shown_at(*at).is_some_and(Shown::is_go)
        }
        _ => false,
    });
    if yields.is_empty() || waited {
        if history.goes(from, to).is_empty() || waited {
            let last = history.shown_at(to).map_or("nothing", Shown::name);
            let evidence = format!(
                "its partner was red for {} s, and it did not go; it said {last} last{}",
                TURN.as_secs(),
                silent(history, from, to)
            );
            return Verdict::fail(step, Cause::NeverGoes, evidence);
        }
        if let Some(closed) = gone(history, to) {
            return Verdict::fail(step, Cause::NotReconnected, closed);
        }
        return Verdict::unjudged(step, "its green was over each time before the partner could go");
    }
    let slowest =
        yields.iter().filter_map(|round| Some(round.yielded? - round.told)).max().unwrap_or_default();
    let evidence =
        format!("it yielded {} times, after at most {} ms, and took its turn", yields.len(), slowest / 1_000);
    Verdict::pass(step, evidence)
}

/// That it takes its own words for its partner's, where its subscription carries both.
fn echo(history: &History<'_>, from: u64, to: u64) -> Option<String> {
    let profile = history.profile?;
    if !matches(&profile.hears, &profile.says) {
        return None;
    }
    let goes = history.goes(from, to);
    let ends = |went: u64| history.spoken(went + 1, to).into_iter().find(|(_, shown)| !shown.is_go());
    let by_itself = |went: &&u64| {
        let Some((end, _)) = ends(**went).filter(|(end, _)| end - **went < ECHO_US) else { return false };
        let heard = |what: &What| matches!(what, What::Publish { by: Who::Broker, topic, .. } if *topic == profile.says);
        history.entries(**went, end).iter().any(|entry| heard(&entry.what))
    };
    let count = goes.iter().filter(by_itself).count();
    (count >= 2 && count * 2 > goes.len()).then(|| {
        format!(
            "it subscribed to \"{}\", which carries its own \"{}\" too, and ended its green {count} times right after it had heard itself",
            profile.hears, profile.says
        )
    })
}

/// That it may have yielded to nobody because its partner's topic is not known.
fn unsure_topic(history: &History<'_>) -> Option<String> {
    let profile = history.profile?;
    (profile.source != Source::Given && profile.hears.contains(['+', '#'])).then(|| {
        format!(
            "it subscribed to \"{}\" and did not yield to what was said on \"{}\": it may look at the topic, and then its partner's has to be named (--foreign)",
            profile.hears, profile.topic
        )
    })
}

/// That nothing came any more, where that is so.
fn silent(history: &History<'_>, since: u64, to: u64) -> String {
    match history.last_sent(to) {
        Some(last) if last <= since + 500_000 => {
            format!(
                "; its program sent nothing after {}: it has ended, hangs or waits for a message",
                seconds(last)
            )
        }
        _ => String::new(),
    }
}

/// What ended its connection, where it has none at `to`.
fn gone(history: &History<'_>, to: u64) -> Option<String> {
    if history.up_at(to).is_some() {
        return None;
    }
    let (closed, by, _) = history.connections().iter().rev().find_map(|connection| connection.closed)?;
    let who = if by == Who::Light { "the light" } else { "the broker" };
    Some(format!("{who} ended the connection at {}, and the light did not come back", seconds(closed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand::Script;

    fn cause(script: &Script) -> Option<Cause> {
        let history = History::of(&script.record);
        judge(&history, 0, history.end()).cause
    }

    fn started() -> Script {
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(10).says(20, "red").partner(100, Shown::Red);
        script
    }

    #[test]
    fn a_light_that_yields_passes_and_one_that_is_late_or_deaf_does_not() {
        let mut script = started();
        script
            .says(2_000, "green")
            .partner(2_400, Shown::Green)
            .says(2_900, "red")
            .partner(9_000, Shown::Red);
        assert_eq!(cause(&script), None);
        script
            .says(12_000, "green")
            .partner(12_400, Shown::Green)
            .says(16_000, "red")
            .partner(40_000, Shown::Red);
        assert_eq!(cause(&script), Some(Cause::YieldsLate));
        script.says(42_000, "green").partner(42_400, Shown::Green).partner(56_000, Shown::Red);
        assert_eq!(cause(&script), Some(Cause::NeverYields));
    }

    #[test]
    fn a_light_that_never_goes_is_told_so() {
        let mut script = started();
        script.partner(31_000, Shown::Red);
        assert_eq!(cause(&script), Some(Cause::NeverGoes));
    }

    #[test]
    fn a_light_that_understands_one_case_only_is_told_which() {
        let mut script = started();
        script.says(2_000, "green").partner(2_400, Shown::Green).says(20_000, "red").says(25_000, "green");
        let payload = crate::check::record::Payload(b"GREEN".to_vec());
        script.at(25_300, What::Tried { payload: payload.clone() });
        let topic = "lab/a".to_owned();
        script.at(
            25_310,
            What::Publish { c: 1, by: Who::Broker, topic, payload, qos: 0, retain: false, id: None },
        );
        script.says(25_600, "red").partner(33_500, Shown::Red);
        let history = History::of(&script.record);
        let verdict = judge(&history, 0, history.end());
        assert_eq!(verdict.cause, Some(Cause::WordsNotUnderstood), "{verdict:?}");
        assert!(verdict.evidence.contains("\"GREEN\""), "{}", verdict.evidence);
    }
}
