//! After a reset, a loss of the broker, or a loss of the Wi-Fi: connected, subscribed and speaking again, and not deaf.

use super::talks::hears_itself;
use crate::check::{
    bench::Bench,
    history::{Connection, History, is_sent, seconds, us},
    reaction::{Partner, Reaction, ask_until_met, rounds},
    record::{BenchFault, Entry, Step, What, Who},
    timings::{BROKER_AWAY, RECOVERY, WIFI_AWAY},
    verdict::{Cause, Outcome, Verdict},
    vocabulary::Shown,
};

/// A recovery that tries so often without success is a storm.
const STORM: usize = 15;

pub(crate) async fn play(bench: &mut Bench, step: Step, hears_partner: bool) {
    let since = match step {
        Step::RecoversFromBrokerLoss => {
            bench.refuse(true);
            bench.reset();
            // Nobody listens, as where a broker has stopped. Logins that are cut are the step `survives-refusal`:
            // who does not survive those has another mistake.
            bench.pass(BROKER_AWAY, "the broker is away: nobody listens").await;
            let since = bench.now();
            bench.refuse(false);
            since
        }
        Step::RecoversFromWifiLoss => {
            bench.refuse(true);
            bench.silence(true);
            if bench.has_hook() {
                bench.hook(false).await;
            }
            bench.pass(WIFI_AWAY, "the Wi-Fi is away").await;
            let since = bench.now();
            bench.silence(false);
            bench.refuse(false);
            if bench.has_hook() {
                bench.hook(true).await;
            }
            since
        }
        _ => {
            let since = bench.now();
            bench.reset();
            since
        }
    };
    let recovered = move |history: &History<'_>| recovery(history, step, since, u64::MAX).spoke.map(|_| ());
    let back =
        bench.until(RECOVERY, "waits until it is connected, subscribed and speaking again", recovered).await;
    if back.is_some() && hears_partner {
        ask_until_met(bench, Partner::Plain).await;
    }
    if bench.shown() != Some(Shown::Red) {
        bench.say(Shown::Red).await;
    }
}

/// How far a light came back after `since`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovery {
    /// Let in again, or still.
    pub(crate) connected: Option<u64>,
    pub(crate) subscribed: Option<u64>,
    pub(crate) spoke: Option<u64>,
    /// CONNECTs after the fault's end.
    pub(crate) tries: usize,
    /// The connection outlived the fault.
    survived: bool,
}

pub(crate) fn recovery(history: &History<'_>, step: Step, since: u64, until: u64) -> Recovery {
    let Some(profile) = history.profile else { return Recovery::default() };
    let connections = history.connections();
    // Of the connections that were reset the end may be seen a moment after the fault's.
    let outlives = step == Step::RecoversFromWifiLoss;
    let lasting = |connection: &Connection| {
        connection.up().is_some_and(|up| up <= until)
            && connection.closed.is_none_or(|(closed, ..)| closed > since)
            && (outlives || connection.opened >= since)
    };
    // A connection that nobody uses any more may look open for ever: a packet tells that the light is there.
    let used = |connection: &Connection| {
        let alive = |entry: &Entry| entry.what.connection() == Some(connection.c) && is_sent(&entry.what);
        let sent = || history.entries(since, until).iter().find(|entry| alive(entry)).map(|entry| entry.at);
        connection.up().and_then(|up| if up < since { sent() } else { Some(up) })
    };
    let back: Vec<(u64, &Connection)> =
        connections.iter().filter(|one| lasting(one)).filter_map(|one| Some((used(one)?, one))).collect();
    let mut best = Recovery::default();
    for (connected, connection) in &back {
        let subscribed = connection.hears(&profile.topic).map(|at| at.max(since)).filter(|at| *at <= until);
        // It may speak on another connection than the one on which it hears.
        let speaks = |entry: &Entry| match &entry.what {
            What::Publish { c, by: Who::Light, topic, .. } => {
                let lasts = back.iter().any(|(_, one)| one.c == *c) && connection.is_open(entry.at);
                *topic == profile.says && (*c == connection.c || lasts)
            }
            _ => false,
        };
        let spoke =
            history.entries(*connected, until).iter().find(|entry| speaks(entry)).map(|entry| entry.at);
        let own = Recovery {
            connected: Some(*connected),
            subscribed,
            spoke: spoke.filter(|_| subscribed.is_some()),
            tries: 0,
            survived: connection.up().is_some_and(|up| up < since),
        };
        let depth = |one: &Recovery| [one.connected, one.subscribed, one.spoke].iter().flatten().count();
        if depth(&own) > depth(&best) {
            best = own;
        }
    }
    let tried = |connection: &&Connection| connection.connect.is_some_and(|at| at >= since && at <= until);
    best.tries = connections.iter().filter(tried).count();
    best
}

/// When the step's fault was over.
fn fault_end(history: &History<'_>, step: Step, from: u64, to: u64) -> Option<u64> {
    let of = |fault| history.faults(fault, from, to).last().and_then(|(_, end)| *end);
    match step {
        Step::RecoversFromBrokerLoss => of(BenchFault::Refuse),
        Step::RecoversFromWifiLoss => of(BenchFault::Refuse).max(of(BenchFault::Hook)),
        _ => of(BenchFault::Reset),
    }
}

pub(crate) fn judge(history: &History<'_>, step: Step, from: u64, to: u64) -> Verdict {
    let Some(since) = fault_end(history, step, from, to) else {
        return Verdict::unjudged(step, "the fault did not come to its end");
    };
    let until = to.min(since + us(RECOVERY));
    let seen = recovery(history, step, since, until);
    let after = |at: u64| seconds(at.saturating_sub(since));
    let Some(connected) = seen.connected else { return lost(history, step, since, until, seen.tries) };
    let Some(subscribed) = seen.subscribed else {
        if let Some(evidence) = other_subscription(history, since, until) {
            return Verdict::fail(step, Cause::WrongTopic, evidence);
        }
        let evidence = format!(
            "connected again after {}, and did not subscribe within {} s",
            after(connected),
            RECOVERY.as_secs()
        );
        return Verdict::fail(step, Cause::NoResubscribe, evidence);
    };
    let Some(spoke) = seen.spoke else {
        if let Some(evidence) = other_publishes(history, since, until) {
            return Verdict::fail(step, Cause::WrongTopic, evidence);
        }
        let evidence = format!(
            "connected and subscribed again after {}, and said nothing within {} s{}",
            after(subscribed),
            RECOVERY.as_secs(),
            history
                .last_sent(to)
                .map(|at| format!("; its last packet came {} after the fault's end", after(at)))
                .unwrap_or_default()
        );
        return Verdict::fail(step, Cause::MuteAfterReconnect, evidence);
    };
    if seen.tries > STORM {
        let evidence = format!("{} CONNECTs in {}", seen.tries, after(spoke));
        return Verdict::fail(step, Cause::ReconnectStorm, evidence);
    }
    let came_back = if seen.survived {
        format!("its connection outlived the fault; it spoke {} after", after(spoke))
    } else {
        format!(
            "connected after {}, subscribed after {}, spoke after {}",
            after(connected),
            after(subscribed),
            after(spoke)
        )
    };
    if let Some(evidence) = history.other_words(since, to) {
        return Verdict::fail(step, Cause::WordsNotUnderstood, format!("{came_back}; {evidence}"));
    }
    match deaf(history, since, to) {
        Some(evidence) => Verdict::fail(step, Cause::DeafAfterReconnect, format!("{came_back}; {evidence}")),
        None => Verdict::pass(step, came_back),
    }
}

/// To what it subscribed instead of its partner's topic.
fn other_subscription(history: &History<'_>, since: u64, until: u64) -> Option<String> {
    let profile = history.profile?;
    history.entries(since, until).iter().find_map(|entry| match &entry.what {
        What::Subscribe { filters, .. } => Some(format!(
            "connected again it subscribed to \"{}\", and before the fault to \"{}\"",
            filters.join("\", \""),
            profile.hears
        )),
        _ => None,
    })
}

/// To what it published instead of its own topic.
fn other_publishes(history: &History<'_>, since: u64, until: u64) -> Option<String> {
    let profile = history.profile?;
    history.entries(since, until).iter().find_map(|entry| match &entry.what {
        What::Publish { by: Who::Light, topic, payload, .. }
            if *topic != profile.says && profile.vocabulary.understand(payload).is_some() =>
        {
            Some(format!(
                "connected again it says {payload} on \"{topic}\", and before the fault it spoke on \"{}\"",
                profile.says
            ))
        }
        _ => None,
    })
}

fn lost(history: &History<'_>, step: Step, since: u64, until: u64, tries: usize) -> Verdict {
    if tries > STORM {
        let evidence = format!("{tries} CONNECTs within {} s, and none was answered", RECOVERY.as_secs());
        return Verdict::fail(step, Cause::ReconnectStorm, evidence);
    }
    let last = history.last_sent(until);
    let evidence = match last {
        _ if tries > 0 => {
            format!("{tries} CONNECTs within {} s, and it is not connected", RECOVERY.as_secs())
        }
        Some(last) if last >= since => format!(
            "it is not connected {} s after the fault; its last packet came {} after",
            RECOVERY.as_secs(),
            seconds(last - since)
        ),
        Some(last) => format!(
            "no connection within {} s; its program sent nothing after {}: it has ended or hangs",
            RECOVERY.as_secs(),
            seconds(last)
        ),
        None => "it never sent anything".to_owned(),
    };
    Verdict::fail(step, Cause::NotReconnected, history.with_traceback(evidence, until))
}

/// Why it is taken for deaf, where reactions were looked at, and an earlier step showed that it can hear.
fn deaf(history: &History<'_>, since: u64, to: u64) -> Option<String> {
    let reacts = history.record.span(Step::Reacts).map(|(from, to)| super::reacts::judge(history, from, to));
    let reacted = reacts
        .is_none_or(|verdict| verdict.outcome == Outcome::Pass || verdict.cause == Some(Cause::YieldsLate));
    if !reacted || history.profile.is_some_and(hears_itself) {
        return None;
    }
    let rounds = rounds(history, since, to);
    if let Some(round) = rounds.iter().find(|round| round.reaction() == Reaction::Never) {
        return Some(round.describe());
    }
    // It was asked, and never went: what it hears does not reach its program.
    let asked = history.partner(since, to).iter().any(|(_, shown, _)| *shown == Shown::Red);
    let long = to.saturating_sub(since) >= us(crate::check::timings::TURN);
    (rounds.is_empty() && asked && long && history.goes(since, to).is_empty())
        .then(|| format!("its partner is red, and it did not go for {}", seconds(to - since)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand::Script;

    const STEP: Step = Step::RecoversFromReset;

    fn struck() -> Script {
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(10).says(20, "red").began(100, STEP).fault(
            101,
            BenchFault::Reset,
            true,
        );
        script.fault(102, BenchFault::Reset, false).closed(103, Who::Fault);
        script
    }

    fn cause(script: &mut Script, end: u64) -> Option<Cause> {
        script.ended(end, STEP);
        let history = History::of(&script.record);
        let (from, to) = history.record.span(STEP).unwrap();
        judge(&history, STEP, from, to).cause
    }

    #[test]
    fn each_way_not_to_recover_has_its_cause() {
        assert_eq!(cause(&mut struck(), 31_000), Some(Cause::NotReconnected));
        let mut script = struck();
        script.connected(5_000, 30);
        assert_eq!(cause(&mut script, 31_000), Some(Cause::NoResubscribe));
        let mut script = struck();
        script.connected(5_000, 30).subscribed(5_100);
        assert_eq!(cause(&mut script, 31_000), Some(Cause::MuteAfterReconnect));
        let mut script = struck();
        script.connected(5_000, 30).subscribed(5_100).says(6_000, "red");
        assert_eq!(cause(&mut script, 6_500), None);
    }

    #[test]
    fn a_connection_that_outlives_a_fault_counts_once_the_light_uses_it() {
        let judged = |pings: bool| {
            let mut script = Script::learned();
            let step = Step::RecoversFromWifiLoss;
            script.connected(0, 30).subscribed(10).says(20, "red").began(100, step);
            script.fault(101, BenchFault::Refuse, true).fault(12_000, BenchFault::Refuse, false);
            if pings {
                script.ping(15_000).says(16_000, "green");
            }
            script.ended(if pings { 16_100 } else { 42_000 }, step);
            let history = History::of(&script.record);
            let (from, to) = history.record.span(step).unwrap();
            judge(&history, step, from, to).cause
        };
        assert_eq!(judged(true), None);
        assert_eq!(judged(false), Some(Cause::NotReconnected));
    }

    #[test]
    fn a_session_that_the_broker_kept_needs_no_subscription() {
        let mut script = struck();
        script
            .at(5_000, What::Opened { c: 7, from: None })
            .at(5_001, What::ConnAck { c: 7, session: true, code: 0 });
        let (topic, payload) = ("lab/b".to_owned(), crate::check::record::Payload(b"red".to_vec()));
        script.at(
            6_000,
            What::Publish { c: 7, by: Who::Light, topic, payload, qos: 0, retain: false, id: None },
        );
        assert_eq!(cause(&mut script, 6_500), None);
    }

    #[test]
    fn one_that_speaks_and_does_not_hear_is_deaf() {
        let mut script = struck();
        script.connected(5_000, 30).subscribed(5_100).says(6_000, "red").says(9_000, "green");
        script.partner(9_500, Shown::Green).partner(22_000, Shown::Red);
        assert_eq!(cause(&mut script, 22_500), Some(Cause::DeafAfterReconnect));
    }

    #[test]
    fn many_tries_are_a_storm_and_a_traceback_is_told() {
        let mut script = struck();
        for n in 0..40 {
            script.at(
                1_000 + n * 10,
                What::Connect {
                    c: 10 + n,
                    client_id: "x".to_owned(),
                    keep_alive_s: 0,
                    clean: true,
                    will: None,
                    user: None,
                },
            );
        }
        assert_eq!(cause(&mut script, 31_000), Some(Cause::ReconnectStorm));
        let mut script = struck();
        for line in ["Traceback (most recent call last):", "  File \"main.py\", line 7", "OSError: -1", ">>>"]
        {
            script.at(500, What::Log { line: line.to_owned() });
        }
        script.ended(31_000, STEP);
        let history = History::of(&script.record);
        let (from, to) = history.record.span(STEP).unwrap();
        assert!(judge(&history, STEP, from, to).evidence.contains("OSError: -1"));
    }
}
