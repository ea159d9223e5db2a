//! A refused and a cut CONNECT are followed by another try, not at once and not never.

use crate::{
    check::{
        bench::Bench,
        history::{Connection, History, seconds, us},
        record::{BenchFault, Step, Who},
        timings::{REFUSALS, RETRY, RETRY_AT_ONCE},
        verdict::{Cause, Verdict},
    },
    world::proxy::LoginAnswer,
};

/// The code of a refusal: server unavailable.
const UNAVAILABLE: u8 = 3;

pub(crate) async fn play(bench: &mut Bench) {
    bench.answer_logins(Some(LoginAnswer::Refused(UNAVAILABLE)));
    bench.reset();
    for round in 0..REFUSALS {
        let since = bench.now();
        let refused = move |history: &History<'_>| refusals(history, since, u64::MAX).first().map(|_| ());
        let text = if round == 0 {
            "waits for its next try, to refuse it"
        } else {
            "it was refused: waits for another try"
        };
        let done = bench.until(RETRY, text, refused).await;
        // By turns: a code, and no answer at all.
        bench.answer_logins(match round {
            _ if round + 1 >= REFUSALS => None,
            0 => Some(LoginAnswer::Cut),
            _ => Some(LoginAnswer::Refused(UNAVAILABLE)),
        });
        if done.is_none() {
            break;
        }
    }
    bench.answer_logins(None);
    let since = bench.now();
    let back = move |history: &History<'_>| {
        history.connections().iter().find(|one| one.up().is_some_and(|at| at >= since)).map(|_| ())
    };
    bench.until(RETRY, "waits until it is connected again", back).await;
}

/// When a try of the light's ended in a refusal or a cut, from `from` to `to`.
fn refusals(history: &History<'_>, from: u64, to: u64) -> Vec<u64> {
    let ended = |one: &Connection| {
        let refused = one.answer.filter(|(_, code, _)| *code != 0).map(|(at, ..)| at);
        let cut = match (one.answer, one.connect, one.closed) {
            (None, Some(_), Some((at, Who::Fault | Who::Broker, _))) => Some(at),
            _ => None,
        };
        refused.or(cut).filter(|at| (from..=to).contains(at))
    };
    history.connections().iter().filter_map(ended).collect()
}

pub(crate) fn judge(history: &History<'_>, from: u64, to: u64) -> Verdict {
    let step = Step::SurvivesRefusal;
    let Some((since, _)) = history.faults(BenchFault::RefuseLogin, from, to).first().copied() else {
        return Verdict::unjudged(step, "no login was refused");
    };
    let refusals = refusals(history, since, to);
    if refusals.is_empty() {
        let evidence = format!(
            "it did not connect again within {} s, so that nothing could be refused",
            RETRY.as_secs()
        );
        return Verdict::fail(step, Cause::NotReconnected, evidence);
    }
    let connections = history.connections();
    let next = |at: u64| connections.iter().map(|one| one.opened).filter(|opened| *opened > at).min();
    let mut gaps = Vec::new();
    for at in &refusals {
        match next(*at).filter(|next| *next <= to && next - at <= us(RETRY) + 1_000_000) {
            Some(next) => gaps.push(next - at),
            None if to.saturating_sub(*at) + 1_000_000 < us(RETRY) => {}
            None => {
                let evidence = format!(
                    "its login was refused or cut at {}, and it did not try again within {} s",
                    seconds(*at),
                    RETRY.as_secs()
                );
                return Verdict::fail(step, Cause::GaveUpAfterRefusal, evidence);
            }
        }
    }
    let shown = gaps.iter().map(|gap| format!("{} ms", gap / 1_000)).collect::<Vec<_>>().join(", ");
    let at_once = gaps.iter().filter(|gap| **gap < us(RETRY_AT_ONCE)).count();
    // A first try at once is well, if it waits then.
    if at_once >= 2 {
        let evidence = format!("it tried again {shown} after it was refused or cut");
        return Verdict::fail(step, Cause::ReconnectStorm, evidence);
    }
    Verdict::pass(step, format!("it tried again after {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{history::by_hand::Script, record::What};

    fn refused(gaps: &[u64]) -> Script {
        let mut script = Script::learned();
        script.connected(0, 30).fault(100, BenchFault::RefuseLogin, true).closed(101, Who::Fault);
        let mut at = 1_000;
        for (n, gap) in gaps.iter().enumerate() {
            let c = 10 + n as u64;
            script
                .at(at, What::Opened { c, from: None })
                .at(at + 1, What::ConnAck { c, session: false, code: 3 });
            at += 1 + gap;
        }
        script.connected(at, 30);
        script
    }

    fn cause(script: &Script) -> Option<Cause> {
        judge(&History::of(&script.record), 0, 200_000_000).cause
    }

    #[test]
    fn at_once_is_a_storm_and_never_is_giving_up() {
        assert_eq!(cause(&refused(&[1_000, 2_000, 4_000])), None);
        assert_eq!(cause(&refused(&[5, 1_000, 2_000])), None, "once is a first try");
        assert_eq!(cause(&refused(&[5, 5, 5])), Some(Cause::ReconnectStorm));
        let mut script = Script::learned();
        script.connected(0, 30).fault(100, BenchFault::RefuseLogin, true).closed(101, Who::Fault);
        assert_eq!(cause(&script), Some(Cause::NotReconnected));
        script
            .at(2_000, What::Opened { c: 9, from: None })
            .at(2_001, What::ConnAck { c: 9, session: false, code: 3 });
        assert_eq!(cause(&script), Some(Cause::GaveUpAfterRefusal));
    }
}
