//! It stays within half of what an account of Adafruit IO may do, in any minute of the check.

use std::time::Duration;

use crate::check::{
    bench::Bench,
    history::{History, seconds, us},
    record::Step,
    timings::{LIMIT_WINDOW, MOST_LOGINS, MOST_PUBLISHES},
    verdict::{Cause, Verdict},
};

/// Waits until there is a whole minute to judge.
pub(crate) async fn play(bench: &mut Bench) {
    let first = bench.look(|history| history.connections().first().map(|one| one.opened));
    let seen = Duration::from_micros(bench.now().saturating_sub(first.unwrap_or_default()));
    bench.pass(LIMIT_WINDOW.saturating_sub(seen), "counts what it says in a minute").await;
}

/// The most in a window: how many, and when that window began.
fn most(times: &[u64]) -> (usize, u64) {
    let mut most = (0, 0);
    let mut first = 0;
    for (index, at) in times.iter().enumerate() {
        while times.get(first).is_some_and(|begin| at - begin > us(LIMIT_WINDOW)) {
            first += 1;
        }
        let count = index + 1 - first;
        if count > most.0 {
            most = (count, times.get(first).copied().unwrap_or_default());
        }
    }
    most
}

pub(crate) fn judge(history: &History<'_>, to: u64) -> Verdict {
    let step = Step::KeepsWithinLimits;
    let (publishes, since) = most(&history.publishes_of_its_own(to));
    if publishes > MOST_PUBLISHES {
        let evidence = format!(
            "{publishes} publishes in the minute from {} on; {MOST_PUBLISHES} are allowed",
            seconds(since)
        );
        return Verdict::fail(step, Cause::Floods, evidence);
    }
    let mut times: Vec<u64> =
        history.connections().iter().filter_map(|one| one.connect).filter(|at| *at <= to).collect();
    times.sort_unstable();
    let (logins, since) = most(&times);
    if logins > MOST_LOGINS {
        let evidence =
            format!("{logins} logins in the minute from {} on; {MOST_LOGINS} are allowed", seconds(since));
        return Verdict::fail(step, Cause::ReconnectStorm, evidence);
    }
    Verdict::pass(step, format!("at most {publishes} publishes and {logins} logins in a minute"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand::Script;

    #[test]
    fn the_fullest_minute_counts() {
        let mut script = Script::learned();
        script.connected(0, 30);
        for n in 0..30 {
            script.says(n * 4_100, "red");
        }
        let judge = |script: &Script| judge(&History::of(&script.record), 300_000_000).cause;
        assert_eq!(judge(&script), None, "15 a minute");
        script.says(124_000, "red").says(124_100, "red");
        assert_eq!(judge(&script), Some(Cause::Floods));
        let mut script = Script::learned();
        script.connected(0, 30);
        for n in 0..15 {
            script.says(n * 4_000, "red");
        }
        script.connected(57_000, 30).says(57_100, "red");
        assert_eq!(judge(&script), None, "its connection was broken, and it has to say its word again");
        script.says(57_200, "red");
        assert_eq!(judge(&script), Some(Cause::Floods));
        let mut script = Script::learned();
        for n in 0..11 {
            script.connected(n * 5_000, 30);
        }
        assert_eq!(judge(&script), Some(Cause::ReconnectStorm));
    }
}
