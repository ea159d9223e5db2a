//! An old green of a partner that is gone does not stop it for ever, and an old red does not let it go at once.
//!
//! That a light goes soon after it subscribed may be its own clock: so a go at once is looked for again, and it is
//! looked at whether it also goes at once where no word is kept.

use crate::check::{
    bench::Bench,
    history::{Connection, History, seconds, us},
    reaction::calm,
    record::{BenchFault, Step, What, Who},
    timings::{
        AT_ONCE, CHANGE_RETAINED, OLD_GREEN, OLD_RED_LATE, OLD_RED_TRIES, OLD_RED_WATCHED, RECOVERY, SETTLED,
        TURN,
    },
    verdict::{Cause, Verdict},
    vocabulary::Shown,
};

pub(crate) async fn play(bench: &mut Bench) {
    let retains = bench.look(|history| history.record.retains);
    if !play_green(bench, retains).await {
        return bench.partner_returns(Shown::Red).await;
    }
    if retains {
        play_red(bench).await;
    }
    bench.partner_returns(Shown::Red).await;
}

/// The partner says green and is gone; where the broker keeps that, the light subscribes anew and hears it again.
async fn play_green(bench: &mut Bench, retains: bool) -> bool {
    calm(bench).await;
    let go = |history: &History<'_>| history.shown_at(u64::MAX).filter(|shown| shown.is_go()).map(|_| ());
    if retains {
        bench.say_retained(Shown::Green).await;
        let stopped = move |history: &History<'_>| if go(history).is_none() { Some(()) } else { None };
        bench.until(TURN, "the partner goes", stopped).await;
        bench.partner_leaves().await;
        bench.reset();
    } else {
        bench.say(Shown::Green).await;
        bench.partner_leaves().await;
    }
    let since = bench.now();
    let heard = move |history: &History<'_>| {
        let kept = || kept_session(history, since, u64::MAX).then_some(());
        heard_old(history, Shown::Green, since, u64::MAX).map(|_| ()).or_else(kept)
    };
    if retains && bench.until(RECOVERY, "waits until it hears the old green", heard).await.is_none() {
        return false;
    }
    let freed = move |history: &History<'_>| freed(history, since, u64::MAX).map(|_| ());
    bench.until(OLD_GREEN, "its partner is gone and green: waits for it to go on by itself", freed).await;
    true
}

async fn play_red(bench: &mut Bench) {
    let (mut at_once, mut late) = (0, 0);
    let mut is_kept = false;
    loop {
        // It must not be in go when the link ends: it would say so again when it is back.
        let stopped =
            |history: &History<'_>| (!history.shown_at(u64::MAX).is_some_and(Shown::is_go)).then_some(());
        bench.until(TURN, "waits for its red", stopped).await;
        bench.refuse(true);
        bench.reset();
        let is_last = at_once == OLD_RED_TRIES;
        if is_last {
            bench.clear_retained().await;
        } else if !is_kept {
            bench.leave_word(Shown::Red).await;
            is_kept = true;
        }
        bench.pass(CHANGE_RETAINED, "changes what the broker keeps").await;
        bench.refuse(false);
        let since = bench.now();
        let back = move |history: &History<'_>| subscribed(history, since, u64::MAX).map(|_| ());
        if bench.until(RECOVERY, "waits until it has subscribed again", back).await.is_none() || is_last {
            return;
        }
        bench.pass(OLD_RED_WATCHED, "an old red: watches whether it goes at once").await;
        match bench.look(|history| first_go(history, since, u64::MAX)) {
            Some((_, after)) if after <= us(AT_ONCE) => at_once += 1,
            // A busy computer may have held it up: once more.
            Some(_) if late < OLD_RED_LATE => late += 1,
            _ => return,
        }
    }
}

/// Whether the light came back to a session that the broker had kept: then it hears no retained word again, and what it
/// heard last is the old one.
fn kept_session(history: &History<'_>, from: u64, to: u64) -> bool {
    let Some(profile) = history.profile else { return false };
    let kept = |one: &Connection| one.hears_as_before(&profile.topic).is_some_and(|at| at <= to);
    history.connections().iter().any(|one| one.opened >= from && kept(one))
}

/// When an old word reached the light: from the broker's store, or from the queue of its session.
fn heard_old(history: &History<'_>, shown: Shown, from: u64, to: u64) -> Option<u64> {
    let profile = history.profile?;
    let payload = profile.vocabulary.encode(shown);
    history.entries(from, to).iter().find_map(|entry| match &entry.what {
        What::Publish { by: Who::Broker, topic, payload: is, .. }
            if *topic == profile.topic && *is == payload =>
        {
            Some(entry.at)
        }
        _ => None,
    })
}

/// When it subscribed to its partner's topic.
fn subscribed(history: &History<'_>, from: u64, to: u64) -> Option<u64> {
    let topic = &history.profile?.topic;
    let connections = history.connections();
    connections
        .iter()
        .filter(|one: &&Connection| one.opened >= from)
        .filter_map(|one| one.hears(topic))
        .find(|at| *at <= to)
}

/// When the light, stopped by an old green, showed anything but red: it went, or warned.
fn freed(history: &History<'_>, since: u64, to: u64) -> Option<u64> {
    let begin = heard_old(history, Shown::Green, since, to).unwrap_or(since) + us(SETTLED);
    if begin > to {
        return None;
    }
    let now =
        history.shown_at(begin).filter(|shown| *shown != Shown::Red && *shown != Shown::Dark).map(|_| begin);
    let later = || {
        history
            .spoken(begin, to)
            .iter()
            .find(|(_, shown)| *shown != Shown::Red && *shown != Shown::Dark)
            .map(|(at, _)| *at)
    };
    // Its state at a moment counts only once that moment is there.
    now.filter(|_| history.end() >= begin).or_else(later)
}

/// When it went first after it had subscribed from `since` on, and how long after the old red.
fn first_go(history: &History<'_>, since: u64, to: u64) -> Option<(u64, u64)> {
    let heard = subscribed(history, since, to)?;
    let old = heard_old(history, Shown::Red, since, to).unwrap_or(heard);
    let went = history.goes(heard.min(old), to).first().copied()?;
    Some((went, went.saturating_sub(old)))
}

/// Whether it went right after it had subscribed from `since` on: when, and how long after.
fn went_at_once(history: &History<'_>, since: u64, to: u64) -> Option<(u64, u64)> {
    first_go(history, since, to).filter(|(_, after)| *after <= us(AT_ONCE))
}

pub(crate) fn judge(history: &History<'_>, from: u64, to: u64) -> Verdict {
    let step = Step::DistrustsOldWords;
    let entries = history.entries(from, to);
    let Some(gone) =
        entries.iter().find(|entry| matches!(entry.what, What::PartnerGone)).map(|entry| entry.at)
    else {
        return Verdict::unjudged(step, "the partner did not come to leave");
    };
    let retains = history.record.retains;
    let heard = heard_old(history, Shown::Green, gone, to);
    if retains && heard.is_none() && !kept_session(history, gone, to) {
        return Verdict::unjudged(step, "it did not subscribe again, so that the old word never reached it");
    }
    let since = heard.unwrap_or(gone);
    let until = to.min(since + us(OLD_GREEN) + us(SETTLED));
    let Some(free) = freed(history, gone, until) else {
        let last = history.shown_at(until).map_or("nothing", Shown::name);
        let evidence = format!(
            "its partner said green, and was gone at {}; {} later it still says {last}{}",
            seconds(gone),
            seconds(until - gone),
            if retains { ", stopped by the word that the broker had kept" } else { "" }
        );
        return Verdict::fail(step, Cause::ObeysOldWord, evidence);
    };
    let went =
        format!("it went on by itself {} after its partner had gone", seconds(free.saturating_sub(gone)));
    // Each time that the link came back with an old red, and once without a word.
    let returns = history.faults(BenchFault::Refuse, gone, to);
    let cleared = entries.iter().find(|entry| matches!(entry.what, What::Cleared)).map(|entry| entry.at);
    let (mut at_once, mut without) = (Vec::new(), false);
    for (index, (began, end)) in returns.iter().enumerate() {
        let Some(end) = *end else { continue };
        let until = returns.get(index + 1).map_or(to, |(next, _)| *next);
        let is_without = cleared.is_some_and(|at| at >= *began && at <= until);
        match went_at_once(history, end, until) {
            Some(_) if is_without => without = true,
            Some(times) => at_once.push(times),
            None => {}
        }
    }
    match at_once.first() {
        Some((at, after)) if at_once.len() >= OLD_RED_TRIES && !without && cleared.is_some() => {
            let evidence = format!(
                "an old red that the broker had kept let it go {} ms after it was heard, at {} and {} times in all; without a kept word it waited",
                after / 1_000,
                seconds(*at),
                at_once.len()
            );
            Verdict::fail(step, Cause::ObeysOldWord, evidence)
        }
        _ if !retains => Verdict::pass(step, format!("{went} (this broker keeps no words)")),
        _ => Verdict::pass(step, format!("{went}; an old red did not let it go at once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{history::by_hand::Script, record::Payload};

    fn kept_green() -> Script {
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(10).says(20, "green").partner(100, Shown::Green).says(200, "red");
        script.at(1_000, What::PartnerGone).closed(1_001, Who::Fault).connected(3_000, 30).subscribed(3_100);
        old(&mut script, 3_110, 2, "green");
        script
    }

    fn old(script: &mut Script, ms: u64, c: u64, word: &str) {
        let topic = "lab/a".to_owned();
        script.at(
            ms,
            What::Publish {
                c,
                by: Who::Broker,
                topic,
                payload: Payload(word.as_bytes().to_vec()),
                qos: 0,
                retain: true,
                id: None,
            },
        );
    }

    fn cause(script: &Script, to: u64) -> Option<Cause> {
        judge(&History::of(&script.record), 0, to * 1_000).cause
    }

    #[test]
    fn a_light_that_an_old_green_stops_for_ever_obeys_it() {
        let mut script = kept_green();
        script.says(3_200, "amber").says(3_900, "red").says(60_000, "red");
        assert_eq!(
            cause(&script, 60_000),
            Some(Cause::ObeysOldWord),
            "what it says at once is its beginning"
        );
        let mut script = kept_green();
        script.says(3_200, "red").says(20_000, "green");
        assert_eq!(cause(&script, 60_000), None);
    }

    #[test]
    fn a_go_at_once_counts_when_it_comes_again_and_only_with_the_old_word() {
        let play = |with: bool, without: bool| {
            let mut script = kept_green();
            script.says(20_000, "green").says(24_000, "red");
            let mut c = 2;
            for (round, at) in [30_000, 40_000, 50_000].into_iter().enumerate() {
                script.fault(at, BenchFault::Refuse, true).closed(at + 1, Who::Fault);
                if round == 2 {
                    script.at(at + 2, What::Cleared);
                }
                script
                    .fault(at + 1_500, BenchFault::Refuse, false)
                    .connected(at + 2_000, 30)
                    .subscribed(at + 2_100);
                c += 1;
                if round < 2 {
                    old(&mut script, at + 2_110, c, "red");
                }
                if if round < 2 { with } else { without } {
                    script.says(at + 2_300, "green").says(at + 6_000, "red");
                }
            }
            cause(&script, 60_000)
        };
        assert_eq!(play(true, false), Some(Cause::ObeysOldWord));
        assert_eq!(play(true, true), None, "it goes at once whatever it hears");
        assert_eq!(play(false, false), None);
    }
}
