//! A connection that swallows everything is given up.

use crate::check::{
    bench::Bench,
    by_itself::expired,
    history::{Connection, History, seconds, us},
    record::{BenchFault, Step, What, Who},
    timings::HALF_OPEN,
    verdict::{Cause, Verdict},
};

/// A keep-alive that is longer than this cannot notice in time.
const LONGEST_KEEP_ALIVE_S: u16 = 30;

pub(crate) async fn play(bench: &mut Bench) {
    bench.silence(true);
    let since = bench.now();
    let noticed = move |history: &History<'_>| given_up(history, since, u64::MAX).map(|_| ());
    let noticed = bench
        .until(HALF_OPEN, "its connection swallows everything: waits until it gives it up", noticed)
        .await;
    if noticed.is_none() {
        // Otherwise it would never come back for the steps that follow.
        bench.reset();
    }
    bench.silence(false);
}

/// When the light left its connection, or opened another one.
fn given_up(history: &History<'_>, since: u64, until: u64) -> Option<u64> {
    let connections = history.connections();
    let left = connections.iter().filter(|one| one.opened < since).filter_map(|one| one.left);
    let opened = connections.iter().map(|one| one.opened);
    left.chain(opened).filter(|at| *at > since && *at <= until).min()
}

pub(crate) fn judge(history: &History<'_>, from: u64, to: u64) -> Verdict {
    let step = Step::NoticesHalfOpen;
    let Some((since, _)) = history.faults(BenchFault::Silence, from, to).first().copied() else {
        return Verdict::unjudged(step, "the fault was not played");
    };
    let until = to.min(since + us(HALF_OPEN));
    let struck = history.connections().into_iter().rfind(|one| one.is_open(since) && one.up().is_some());
    let Some(struck) = struck else {
        return Verdict::unjudged(step, "it had no connection when the fault began");
    };
    if let Some(at) = given_up(history, since, until) {
        if let Some((ended, silent, keep_alive_s)) = expired(history).first() {
            let evidence = format!(
                "its keep-alive is {keep_alive_s} s, and it sent nothing for {}: so the broker ended its connection at {}, though nothing was broken",
                seconds(*silent),
                seconds(*ended)
            );
            return Verdict::fail(step, Cause::NoPing, evidence);
        }
        return Verdict::pass(step, format!("it gave the dead connection up after {}", seconds(at - since)));
    }
    let sent = |wanted: fn(&What) -> bool| {
        history
            .entries(since, until)
            .iter()
            .filter(|entry| entry.what.connection() == Some(struck.c) && wanted(&entry.what))
            .count()
    };
    let pings = sent(|what| matches!(what, What::Ping { by: Who::Light, .. }));
    let publishes = sent(|what| matches!(what, What::Publish { by: Who::Light, .. }));
    let (cause, why) = cause(history, &struck);
    let evidence = format!(
        "{} s after its connection went dead it still used it: {publishes} publishes and {pings} pings without an answer; {why}",
        HALF_OPEN.as_secs()
    );
    Verdict::fail(step, cause, evidence)
}

fn cause(history: &History<'_>, struck: &Connection) -> (Cause, String) {
    let keep_alive_s = struck.keep_alive_s;
    if keep_alive_s == 0 {
        return (Cause::NoKeepAlive, "its CONNECT says keep-alive 0".to_owned());
    }
    let pings: usize = history.connections().iter().map(|one| one.pings).sum();
    if pings == 0 {
        return (
            Cause::NoPing,
            format!("its keep-alive is {keep_alive_s} s, and it never sent a PINGREQ in the whole check"),
        );
    }
    if keep_alive_s > LONGEST_KEEP_ALIVE_S {
        return (Cause::KeepAliveTooLong, format!("its keep-alive is {keep_alive_s} s"));
    }
    (
        Cause::IgnoresSilence,
        format!("its keep-alive is {keep_alive_s} s, it pings, and does not mind that no answer comes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand::Script;

    fn struck(keep_alive_s: u16) -> Script {
        let mut script = Script::learned();
        script.connected(0, keep_alive_s).subscribed(10).says(20, "red").began(100, Step::NoticesHalfOpen);
        script.fault(101, BenchFault::Silence, true);
        script
    }

    fn cause(script: &Script) -> Option<Cause> {
        let history = History::of(&script.record);
        judge(&history, 0, 46_000_000).cause
    }

    #[test]
    fn a_light_that_leaves_or_connects_anew_has_noticed() {
        let mut script = struck(30);
        script.at(30_000, What::HalfClosed { c: 1 });
        assert_eq!(cause(&script), None);
        let mut script = struck(0);
        script.at(44_000, What::Opened { c: 2, from: None });
        assert_eq!(cause(&script), None, "however it noticed");
    }

    #[test]
    fn each_way_not_to_notice_has_its_cause() {
        assert_eq!(cause(&struck(0)), Some(Cause::NoKeepAlive));
        assert_eq!(cause(&struck(60)), Some(Cause::NoPing));
        let mut script = struck(30);
        script.ping(15_000);
        assert_eq!(cause(&script), Some(Cause::IgnoresSilence));
        let mut script = struck(60);
        script.ping(15_000);
        assert_eq!(cause(&script), Some(Cause::KeepAliveTooLong));
        script.at(47_000, What::Opened { c: 2, from: None });
        assert_eq!(cause(&script), Some(Cause::KeepAliveTooLong), "too late");
    }
}
