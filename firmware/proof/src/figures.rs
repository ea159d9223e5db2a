//! The figures that the design compares with.

use crate::{
    plan::Kind,
    search::{Found, Search},
    watcher::seconds,
};

/// Measures and prints them, with `runs` runs each.
pub fn print(runs: u64) {
    for lights in [2, 3, 4] {
        let found = Search::new(Kind::Quiet, lights, runs).play(|_| ());
        println!(
            "{lights} lights, good links: {:.2} greens a minute in all",
            per_minute(found.tally.greens, &found)
        );
    }
    let lossy = Search::new(Kind::Lossy, 2, runs).play(|_| ());
    let ended = lossy.tally.greens_ended.max(1);
    println!(
        "2 lights, 20 % lost, 300 ms of delay: {:.2} greens a minute, mean green {:.2} s, {:.2} % cut below the shortest",
        per_minute(lossy.tally.greens, &lossy),
        seconds(lossy.tally.green_us / ended),
        ratio(100 * lossy.tally.greens_cut, ended)
    );
    for lights in [2, 3, 4] {
        let lab = Search::new(Kind::Lab, lights, runs).play(|_| ());
        let (recovery, wait) = (seconds(lab.tally.recovery_us), seconds(lab.tally.wait_us));
        println!(
            "{lights} lights, default timings: worst first green {recovery:.2} s after a fault (some light past its wait), \
             longest wait between two own go's {wait:.2} s; {} violations in {} runs",
            lab.violations.len(),
            lab.runs
        );
    }
    let quota = Search::new(Kind::Quota, 2, runs).play(|_| ());
    println!(
        "2 lights on a quota: {:.1} publishes and {:.2} greens a minute in all, {} of {} greens cut",
        per_minute(quota.tally.publishes, &quota),
        per_minute(quota.tally.greens, &quota),
        quota.tally.greens_cut,
        quota.tally.greens_ended
    );
}

fn per_minute(count: u64, found: &Found) -> f64 {
    ratio(60_000_000 * count, found.tally.simulated_us.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a printed number of a few digits")]
fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}
