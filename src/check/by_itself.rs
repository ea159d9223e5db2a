//! What happened to a light's connections though the bench had broken nothing: another board with the same client id,
//! a program that hangs up, one that stops. It explains failures of whatever step it falls into.

use super::{
    history::{Connection, History, is_sent, seconds, us},
    record::{Step, What, Who},
    timings::{STOPPED, TAKEOVERS},
    verdict::{Cause, Outcome, Verdict},
};

/// So soon before or after the other's CONNECT a connection ends that is taken over.
const TAKEN_OVER_US: u64 = 1_000_000;
/// Once may be an accident.
const HANG_UPS: usize = 2;
/// A program that hangs up so often is told of, though every step went well.
const MANY_HANG_UPS: usize = 3;
/// Packets that a light must have sent before its rhythm is known.
const RHYTHM: usize = 6;

/// The connections that no fault has touched: nothing was broken from their beginning to their end.
fn untouched<'c>(
    history: &History<'_>,
    connections: &'c [Connection],
) -> impl Iterator<Item = &'c Connection> + use<'c> {
    let mut faults = Vec::new();
    for entry in history.all {
        if let What::Fault { on, .. } = entry.what {
            faults.push((entry.at, on));
        }
    }
    connections.iter().filter(move |one| {
        let end = one.closed.map_or(u64::MAX, |(at, ..)| at);
        let before = faults.iter().rev().find(|(at, _)| *at <= one.opened);
        let within = faults.iter().any(|(at, _)| *at > one.opened && *at <= end);
        !within && before.is_none_or(|(_, on)| !on)
    })
}

/// A connection that ended because another of the same client id was let in.
struct TakenOver {
    at: u64,
    client_id: String,
    /// The light had connected twice, and went on with the second connection: it has thrown nobody out but itself.
    itself: bool,
}

fn taken_over(history: &History<'_>) -> Vec<TakenOver> {
    let connections = history.connections();
    let taken = |old: &Connection| {
        // The broker says goodbye first, and the light may be the quicker to close.
        let Some((closed, Who::Broker | Who::Light, _)) = old.closed else { return None };
        // Of two that come together the broker may let the first in last.
        let other = connections.iter().find(|other| {
            let same = other.c != old.c && other.client_id == old.client_id && !old.client_id.is_empty();
            let came = other
                .connect
                .is_some_and(|at| at.abs_diff(closed) <= TAKEN_OVER_US && other.opened <= closed);
            same && came && other.is_open(closed) && !is_restart(old, other)
        })?;
        let itself = !old.used && other.used;
        Some(TakenOver { at: closed, client_id: old.client_id.clone(), itself })
    };
    // One that is thrown out at once may have had no answer.
    let refused = |connection: &Connection| connection.answer.is_some_and(|(_, code, _)| code != 0);
    untouched(history, &connections).filter(|connection| !refused(connection)).filter_map(taken).collect()
}

/// When connections ended because another of the same client id was let in.
pub(super) fn takeovers(history: &History<'_>) -> Vec<u64> {
    taken_over(history).into_iter().map(|taken| taken.at).collect()
}

/// One board has one address, while programs on one computer share theirs.
fn is_restart(old: &Connection, new: &Connection) -> bool {
    old.from.is_some_and(|from| !from.is_loopback()) && old.from == new.from
}

/// What a shared client id looks like.
pub(super) fn shared_client_id(history: &History<'_>) -> Option<String> {
    let taken = taken_over(history);
    let id = &taken.last()?.client_id;
    (taken.len() >= TAKEOVERS && taken.iter().any(|taken| !taken.itself)).then(|| {
        format!(
            "{} connections were ended by the broker because another one came with the same client id \"{id}\"",
            taken.len()
        )
    })
}

/// When the light ended a connection that worked.
fn hang_ups(history: &History<'_>) -> Vec<u64> {
    let connections = history.connections();
    let taken = takeovers(history);
    let ended = |one: &Connection| {
        one.up()?;
        let restarted = |closed: u64| {
            connections.iter().any(|new| {
                let came = new.connect.is_some_and(|at| at.abs_diff(closed) <= TAKEN_OVER_US);
                new.c != one.c && new.client_id == one.client_id && came && is_restart(one, new)
            })
        };
        let at = match one.closed {
            Some((at, Who::Light, _)) => at,
            Some((at, Who::Broker, _)) if restarted(at) => at,
            _ => return None,
        };
        // One that it never used did not get so far as to work.
        (one.used && one.malformed.is_none() && !taken.contains(&at)).then_some(at)
    };
    let mut times: Vec<u64> = untouched(history, &connections).filter_map(ended).collect();
    times.sort_unstable();
    times
}

/// Connections that the broker ended because nothing came on them: when, after how long, and their keep-alive.
pub(super) fn expired(history: &History<'_>) -> Vec<(u64, u64, u16)> {
    let connections = history.connections();
    let over = |one: &Connection| {
        let Some((at, Who::Broker, _)) = one.closed else { return None };
        let silent = at.saturating_sub(one.last_sent?);
        let limit = u64::from(one.keep_alive_s) * 1_400_000;
        (one.keep_alive_s > 0 && silent >= limit).then_some((at, silent, one.keep_alive_s))
    };
    untouched(history, &connections).filter_map(over).collect()
}

/// When a program that had a rhythm of its own sent its last packet, where it is silent since, on a connection that
/// works: it has ended or hangs.
pub(super) fn stopped(history: &History<'_>, to: u64) -> Option<u64> {
    let end = to.min(history.end());
    let connections = history.connections();
    let untouched: Vec<u64> = untouched(history, &connections).map(|one| one.c).collect();
    let sent: Vec<(u64, u64)> = history
        .entries(0, end)
        .iter()
        .filter(|entry| is_sent(&entry.what))
        .filter_map(|entry| Some((entry.at, entry.what.connection()?)))
        .collect();
    let (last, c) = *sent.last()?;
    let works = connections.iter().find(|one| one.c == c)?;
    let ended_by_light = matches!(works.closed, Some((_, Who::Light, _)));
    if sent.len() < RHYTHM || !untouched.contains(&c) || ended_by_light || works.left.is_some() {
        return None;
    }
    // One that goes by itself does not wait for messages.
    if history.goes(0, end).is_empty() {
        return None;
    }
    let gap = |pair: &[(u64, u64)]| match pair {
        [(before, of), (after, same)] if of == same && untouched.contains(of) => Some(after - before),
        _ => None,
    };
    let longest = sent.windows(2).filter_map(gap).max()?;
    let told = history.told_last(end).unwrap_or_default();
    let silent = end.saturating_sub(last.max(told));
    let open = works.closed.is_none() || works.closed.is_some_and(|(_, by, _)| by == Who::Broker);
    (open && silent >= us(STOPPED).max(2 * longest)).then_some(last)
}

/// The verdict, with its cause where what happened by itself is the cause.
pub(super) fn explain(history: &History<'_>, verdict: Verdict, from: u64, to: u64) -> Verdict {
    let step = verdict.step;
    if step <= Step::Talks {
        return verdict;
    }
    let within = |at: &u64| (from..=to).contains(at);
    let last = step == Step::KeepsWithinLimits;
    let failed = verdict.outcome == Outcome::Fail;
    // However well the step went otherwise.
    if let Some(evidence) = shared_client_id(history)
        && (last || takeovers(history).iter().any(within))
    {
        return Verdict::fail(step, Cause::SharedClientId, evidence);
    }
    if verdict.outcome != Outcome::Pass
        && !last
        && let Some(at) = stopped(history, to)
    {
        let evidence = format!(
            "nothing was broken, and its program sent nothing after {}: it has ended or hangs",
            seconds(at)
        );
        return Verdict::fail(step, Cause::StopsByItself, history.with_traceback(evidence, to));
    }
    let hang_ups = hang_ups(history);
    let of_hang_ups =
        failed && hang_ups.len() >= HANG_UPS && hang_ups.iter().any(within) && explains(&verdict);
    if of_hang_ups || last && !failed && hang_ups.len() >= MANY_HANG_UPS {
        let times: Vec<String> = hang_ups.iter().take(5).map(|at| seconds(*at)).collect();
        let evidence = format!(
            "it ended a connection that worked {} times though nothing was broken, at {}",
            hang_ups.len(),
            times.join(", ")
        );
        return Verdict::fail(step, Cause::HangsUpByItself, history.with_traceback(evidence, to));
    }
    verdict
}

/// Whether a light that hangs up may fail like this. One that never goes may hang up because nothing comes.
fn explains(verdict: &Verdict) -> bool {
    matches!(
        verdict.cause,
        Some(
            Cause::NeverYields
                | Cause::YieldsLate
                | Cause::NotReconnected
                | Cause::NoResubscribe
                | Cause::MuteAfterReconnect
                | Cause::DeafAfterReconnect
                | Cause::ObeysOldWord
                | Cause::ReconnectStorm
                | Cause::GaveUpAfterRefusal
        )
    )
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::check::{history::by_hand::Script, record::BenchFault, vocabulary::Shown};

    fn explained(script: &Script, step: Step, cause: Cause) -> Option<Cause> {
        let history = History::of(&script.record);
        explain(&history, Verdict::fail(step, cause, ""), 0, history.end()).cause
    }

    fn thrown_out(script: &mut Script, from: Option<IpAddr>, begin: u64) {
        for n in 0..4 {
            script.from = from;
            script.connected(begin + n * 2_000, 30).subscribed(begin + n * 2_000 + 11);
            if n > 0 {
                let c = script.last() - 1;
                script.at(begin + n * 2_000 + 12, What::Closed { c, by: Who::Broker, reset: false });
            }
        }
    }

    #[test]
    fn a_second_board_that_comes_later_is_seen_and_one_board_that_restarts_is_none() {
        let mut script = Script::learned();
        thrown_out(&mut script, None, 0);
        assert_eq!(explained(&script, Step::Reacts, Cause::NeverGoes), Some(Cause::SharedClientId));
        let history = History::of(&script.record);
        let last = explain(&history, Verdict::pass(Step::KeepsWithinLimits, ""), 0, history.end());
        assert_eq!(last.cause, Some(Cause::SharedClientId), "it is told at last");
        let mut script = Script::learned();
        thrown_out(&mut script, Some(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7))), 0);
        assert_eq!(explained(&script, Step::Reacts, Cause::NeverYields), Some(Cause::HangsUpByItself));
        let mut script = Script::learned();
        thrown_out(&mut script, Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), 0);
        assert_eq!(explained(&script, Step::Reacts, Cause::NeverGoes), Some(Cause::SharedClientId));
    }

    #[test]
    fn a_connection_that_a_fault_has_touched_says_nothing() {
        let mut script = Script::learned();
        script.connected(0, 30).fault(100, BenchFault::Silence, true).fault(200, BenchFault::Silence, false);
        script.closed(9_000, Who::Light).fault(9_500, BenchFault::Refuse, true).connected(10_000, 30);
        script.closed(11_000, Who::Light).fault(12_000, BenchFault::Refuse, false);
        assert!(hang_ups(&History::of(&script.record)).is_empty());
        for n in 0..2 {
            let at = 20_000 + n * 5_000;
            script.connected(at, 30).subscribed(at + 20).closed(at + 2_000, Who::Light);
        }
        assert_eq!(hang_ups(&History::of(&script.record)), [22_000_000, 27_000_000]);
        assert_eq!(
            explained(&script, Step::RecoversFromReset, Cause::DeafAfterReconnect),
            Some(Cause::HangsUpByItself)
        );
        assert_eq!(explained(&script, Step::NoticesHalfOpen, Cause::NoPing), Some(Cause::NoPing));
    }

    #[test]
    fn a_program_that_had_a_rhythm_and_is_silent_has_stopped() {
        let judged = |goes: bool| {
            let mut script = Script::learned();
            script.connected(0, 30).subscribed(10).says(20, "red");
            for n in 0..4 {
                script.ping(1_000 + n * 5_000);
            }
            script.says(17_000, if goes { "green" } else { "red" }).partner(18_000, Shown::Green);
            script.partner(40_000, Shown::Red);
            let history = History::of(&script.record);
            stopped(&history, 39_000_000)
        };
        assert_eq!(judged(true), Some(17_000_000));
        assert_eq!(judged(false), None, "it may wait for a message");
    }

    #[test]
    fn a_broker_that_ends_a_silent_connection_is_told_apart() {
        let mut script = Script::learned();
        script.connected(0, 10).ping(5_000).closed(20_100, Who::Broker);
        script.connected(21_000, 10).ping(25_000).closed(26_000, Who::Broker);
        assert_eq!(expired(&History::of(&script.record)), [(20_100_000, 15_100_000, 10)]);
    }
}
