//! S1, S2, S3, the fail-safe, L1 and L2 on thousands of simulated runs of real lights.
#![allow(clippy::panic)]

use proof::{
    plan::{Kind, Plan},
    search::Search,
    trace::Trace,
    world::play,
};

/// Plays the runs and shows the first violation in full.
fn holds(kind: Kind, lights: usize, runs: u64) {
    let search = Search::new(kind, lights, runs);
    let found = search.play(|_| ());
    if let Some((run, _)) = found.violations.first() {
        panic!("\n{}", search.explain(*run, 80));
    }
    assert_eq!(found.runs, runs);
    assert!(found.tally.greens > runs, "the lights hardly ever went, which proves nothing: {found:?}");
}

#[test]
fn two_lights_are_safe_whatever_happens() {
    holds(Kind::Hostile, 2, 3_000);
}

#[test]
fn three_lights_are_safe_whatever_happens() {
    holds(Kind::Hostile, 3, 1_500);
}

#[test]
fn four_lights_are_safe_whatever_happens() {
    holds(Kind::Hostile, 4, 1_000);
}

#[test]
fn lights_that_hang_until_the_watchdog_are_safe() {
    holds(Kind::Hangs, 2, 2_000);
    holds(Kind::Hangs, 3, 500);
}

#[test]
fn two_lights_alternate_again_in_time_after_all_faults() {
    holds(Kind::Recovery, 2, 1_500);
}

#[test]
fn three_lights_alternate_again_in_time_after_all_faults() {
    holds(Kind::Recovery, 3, 800);
}

#[test]
fn four_lights_alternate_again_in_time_after_all_faults() {
    holds(Kind::Recovery, 4, 500);
}

#[test]
fn old_words_move_nothing_whoever_replays_them() {
    holds(Kind::Replays, 2, 300);
    holds(Kind::Replays, 3, 150);
    holds(Kind::Replays, 4, 80);
}

#[test]
fn lights_with_the_default_timings_recover_in_time() {
    holds(Kind::Lab, 3, 300);
}

#[test]
fn with_good_links_every_light_gets_its_green_and_none_is_cut() {
    for lights in [2, 3, 4] {
        let found = Search::new(Kind::Quiet, lights, 30).play(|_| ());
        assert_eq!(found.violations, []);
        assert_eq!(found.tally.greens_cut, 0);
    }
}

#[test]
fn a_seed_means_the_same_run_for_ever() {
    for run in 0..20 {
        let plan = Plan::draw(Kind::Hostile, 3, 7, run);
        let [first, second] = [play(&plan, None, Trace::kept()), play(&plan, None, Trace::kept())];
        assert_eq!(first.trace.last(usize::MAX), second.trace.last(usize::MAX));
        assert_eq!(first.tally, second.tally);
    }
}
