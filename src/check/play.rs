//! The steps in their order: which of them can be played, after what the earlier ones showed.

use super::{
    bench::Bench,
    by_itself::{stopped, takeovers},
    history::{Connection, History, us},
    judge::judge_step,
    record::{Step, What, Who},
    steps::{connects, half_open, limits, old_words, reacts, recovers, refusal, talks, talks::noise},
    timings::{COME_BACK, SIGN_OF_LIFE},
    verdict::{Cause, Outcome},
};

/// More changes of the speaker, and more of them by name, tell nothing new.
const MOST_TURNS: usize = 64;
const MOST_LISTED: usize = 6;
const THROWN_OUT: &str = "two connections throw each other out all the time";

/// Plays the steps that are asked for.
pub(super) async fn play(bench: &mut Bench) {
    let wanted = bench.look(|history| history.record.steps.clone());
    bench.began(Step::Connects);
    connects::play(bench).await;
    bench.look_for_broker().await;
    bench.ended(Step::Connects);
    let connects = bench.look(|history| judge_step(history.record, Step::Connects));
    if connects.outcome != Outcome::Pass {
        return leave_out(bench, &wanted, Step::Talks, "it was never connected");
    }
    bench.began(Step::Talks);
    talks::play(bench).await;
    bench.look_for_broker().await;
    bench.ended(Step::Talks);
    strangers(bench);
    let talks = bench.look(|history| judge_step(history.record, Step::Talks));
    let reason = match talks.cause {
        Some(Cause::MalformedPacket) => Some("what it sends is no MQTT, and the broker ends its connections"),
        Some(Cause::SharedClientId) => Some(THROWN_OUT),
        _ => None,
    };
    if let Some(reason) = reason {
        return leave_out(bench, &wanted, Step::Reacts, reason);
    }
    let can_react = matches!((talks.outcome, talks.cause), (Outcome::Pass, _) | (_, Some(Cause::WillSaysGo)));
    let mut reacted = can_react;
    for step in wanted.iter().copied().filter(|step| *step > Step::Talks) {
        if let Some(reason) = unplayable(bench, step, can_react, reacted) {
            bench.note(What::Unplayable { step, reason });
            bench.ended(step);
            continue;
        }
        if step != Step::KeepsWithinLimits && !is_back(bench).await {
            let told = wanted.iter().filter(|earlier| **earlier < step).any(|earlier| {
                bench.look(|history| judge_step(history.record, *earlier)).cause == Some(Cause::StopsByItself)
            });
            if !told && bench.look(|history| stopped(history, u64::MAX).is_some()) {
                // Not unplayable: that it stopped is what the step shows.
                bench.began(step);
                bench.ended(step);
                let next = wanted.iter().copied().find(|later| *later > step);
                if let Some(next) = next {
                    leave_out(bench, &wanted, next, "its program has stopped");
                }
                return;
            }
            let last = bench.look(|history| history.last_sent(u64::MAX)).map(super::history::seconds);
            let reason = format!(
                "it is not connected any more; its last packet came at {}",
                last.unwrap_or_else(|| "no time".to_owned())
            );
            // A broker that counts may have banned it for its flood, which was seen.
            let flooded = bench.look(|history| limits::judge(history, u64::MAX)).cause == Some(Cause::Floods);
            let told = |later: &Step| flooded && *later == Step::KeepsWithinLimits;
            let left_out: Vec<Step> = wanted.iter().copied().filter(|later| !told(later)).collect();
            leave_out(bench, &left_out, step, &reason);
            if wanted.iter().any(told) {
                bench.began(Step::KeepsWithinLimits);
                bench.ended(Step::KeepsWithinLimits);
            }
            return;
        }
        bench.began(step);
        let began = bench.now();
        match step {
            Step::Reacts => reacts::play(bench).await,
            Step::NoticesHalfOpen => half_open::play(bench).await,
            Step::DistrustsOldWords => old_words::play(bench).await,
            Step::SurvivesRefusal => refusal::play(bench).await,
            Step::KeepsWithinLimits => limits::play(bench).await,
            step => recovers::play(bench, step, reacted).await,
        }
        let thrown_out = |history: &History<'_>| takeovers(history).iter().any(|at| *at >= began);
        if bench.look(thrown_out) {
            talks::watch_takeovers(bench).await;
        }
        bench.look_for_broker().await;
        bench.ended(step);
        strangers(bench);
        let verdict = bench.look(|history| judge_step(history.record, step));
        if verdict.cause == Some(Cause::SharedClientId)
            && let Some(next) = wanted.iter().copied().find(|later| *later > step)
        {
            return leave_out(bench, &wanted, next, THROWN_OUT);
        }
        if step == Step::Reacts {
            reacted = verdict.outcome == Outcome::Pass || verdict.cause == Some(Cause::YieldsLate);
        }
    }
}

/// Why a step cannot be played with what is known of the light.
fn unplayable(bench: &Bench, step: Step, can_react: bool, reacted: bool) -> Option<String> {
    let known = bench.look(|history| history.profile.is_some());
    let itself = bench.look(|history| history.profile.is_some_and(talks::hears_itself));
    let reason = match step {
        Step::Reacts if !can_react && itself => "it hears itself on its partner's topic",
        Step::Reacts if !can_react => "it does not talk with its partner",
        Step::DistrustsOldWords if !reacted => {
            "it does not react to a fresh word, so an old one shows nothing"
        }
        Step::RecoversFromReset | Step::RecoversFromBrokerLoss | Step::RecoversFromWifiLoss if !known => {
            "it did not talk before, so it cannot be seen whether it does again"
        }
        Step::RecoversFromReset | Step::RecoversFromBrokerLoss | Step::RecoversFromWifiLoss
            if !can_react && !itself =>
        {
            "it did not talk before, so it cannot be seen whether it does again"
        }
        _ => return None,
    };
    Some(reason.to_owned())
}

/// Waits until the light is connected, for the next step.
async fn is_back(bench: &mut Bench) -> bool {
    let stopped = bench.look(|history| stopped(history, u64::MAX).is_some());
    let since = bench.now().saturating_sub(if stopped { 0 } else { us(SIGN_OF_LIFE) });
    let up = move |history: &History<'_>| {
        let heard = |one: &Connection| one.last_sent.is_some_and(|at| at >= since);
        history.up_at(u64::MAX - 1).filter(heard).map(|_| ())
    };
    bench.until(COME_BACK, "waits until it is back, for the next step", up).await.is_some()
}

/// The steps from `first` on cannot be played.
fn leave_out(bench: &mut Bench, wanted: &[Step], first: Step, reason: &str) {
    for step in wanted.iter().copied().filter(|step| *step >= first) {
        bench.note(What::Unplayable { step, reason: reason.to_owned() });
        bench.ended(step);
    }
}

/// Tells, once, of others on the port than one light.
fn strangers(bench: &Bench) {
    let (told, lights, noise) = bench.look(|history| {
        let told = |begin: &str| {
            history
                .all
                .iter()
                .any(|entry| matches!(&entry.what, What::Notice { text } if text.starts_with(begin)))
        };
        ([told(LIGHTS), told(NOISE)], lights(history), noise(&history.connections()))
    });
    if let (Some(lights), [false, _]) = (lights, told) {
        let help = "give each a port of its own";
        bench.notice(format!("{LIGHTS}: {} (help: {help})", lights.join(", ")));
    }
    if let (Some((count, reason)), [_, false]) = (noise, told) {
        bench.notice(format!("{NOISE}: {reason} ({count} connections, left out)"));
    }
}

const LIGHTS: &str = "more than one light speaks on this port";
const NOISE: &str = "something that speaks no MQTT connects to this port";

/// The lights, where there are several: they speak on several topics, or by turns.
fn lights(history: &History<'_>) -> Option<Vec<String>> {
    let profile = history.profile?;
    let connections = history.connections();
    let own = |c: u64| connections.iter().find(|one| one.c == c).map(|one| one.client_id.as_str());
    let mut known: Vec<(&str, &str)> = Vec::new();
    let mut turns: Vec<&str> = Vec::new();
    for entry in history.all {
        if let What::Publish { c, by: Who::Light, topic, payload, .. } = &entry.what
            && profile.vocabulary.understand(payload).is_some()
            && let Some(id) = own(*c)
        {
            // A program may have a new id after each reset; it does not go back to an old one.
            if turns.last() != Some(&id) && turns.len() < MOST_TURNS {
                turns.push(id);
            }
            if !known.contains(&(id, topic.as_str())) && known.len() < MOST_LISTED {
                known.push((id, topic));
            }
        }
    }
    let by_turns =
        turns.iter().enumerate().any(|(at, id)| turns.iter().skip(at + 2).any(|later| later == id));
    // One that changes its topic is one light all the same.
    let topics =
        known.first().is_some_and(|(first, on)| known.iter().any(|(id, topic)| id != first && topic != on));
    (topics || by_turns)
        .then(|| known.iter().map(|(id, topic)| format!("\"{id}\" says on {topic}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{history::by_hand::Script, record::Payload};

    fn words(of: &[(&str, &str)]) -> Option<Vec<String>> {
        let mut script = Script::learned();
        for (at, (id, topic)) in (0..).zip(of) {
            let c = u64::from(id.as_bytes()[0]);
            let (client_id, topic, payload) =
                ((*id).to_owned(), (*topic).to_owned(), Payload(b"red".to_vec()));
            script.at(
                at,
                What::Connect { c, client_id, keep_alive_s: 30, clean: true, will: None, user: None },
            );
            script
                .at(at, What::Publish { c, by: Who::Light, topic, payload, qos: 0, retain: false, id: None });
        }
        lights(&History::of(&script.record))
    }

    #[test]
    fn a_second_light_on_the_port_is_told_from_a_light_that_starts_anew() {
        assert_eq!(words(&[("a", "lab/b"), ("a", "lab/b"), ("a", "lab/x")]), None);
        assert_eq!(words(&[("a", "lab/b"), ("b", "lab/b"), ("b", "lab/b")]), None, "a new id after a reset");
        let both = words(&[("a", "lab/b"), ("b", "lab/b"), ("a", "lab/b")]).unwrap();
        assert_eq!(both, ["\"a\" says on lab/b", "\"b\" says on lab/b"]);
        assert!(words(&[("a", "lab/b"), ("b", "lab/a")]).is_some());
    }
}
