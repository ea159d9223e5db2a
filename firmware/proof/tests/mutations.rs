//! Each safeguard, switched off, is noticed: the checkers can fail.
#![allow(clippy::panic)]

use proof::{
    exhaust::{ALL_RATES, World},
    mutation,
    plan::Kind,
    search::Search,
    watcher::Property,
};
use traffic_light::Mutation;

/// Looks for a violation without `mutation`'s safeguard among the first `runs` runs, and shows
/// that the same runs up to there are clean with it.
fn caught(mutation: Mutation, lights: usize, runs: u64, expected: &[Property]) {
    caught_among(Search::new(Kind::Hostile, lights, runs), mutation, expected);
}

fn caught_among(sound: Search, mutation: Mutation, expected: &[Property]) {
    let search = Search { mutation: Some(mutation), ..sound };
    let Search { runs, lights, .. } = search;
    let found = search.play(|_| ());
    let Some((run, violation)) = found.violations.first() else {
        panic!("nobody noticed {} in {runs} runs of {lights} lights", mutation::name(mutation));
    };
    println!("{}: {violation}\n  {}", mutation::name(mutation), search.replay_command(*run));
    assert!(expected.contains(&violation.property), "{violation}");
    let clean = Search { runs: run + 1, ..sound }.play(|_| ());
    assert_eq!(clean.violations, []);
}

/// The same by exhaustive search.
fn caught_exhaustively(mutation: Mutation, restarts: u8, property: &str) {
    let world = World {
        kept: 1,
        restarts,
        turns: 6,
        depth: Some(12),
        keyed: true,
        rates: &ALL_RATES[..1],
        mutation: Some(mutation),
    };
    let Some(trace) = world.search(2).violation else {
        panic!("the exhaustive search did not notice {}", mutation::name(mutation));
    };
    assert!(trace.starts_with(property), "{trace}");
}

#[test]
fn spans_without_the_error_of_clocks_are_noticed() {
    caught(Mutation::NoDrift, 2, 500, &[Property::S2]);
}

#[test]
fn a_lease_counted_from_receipt_is_noticed() {
    caught(Mutation::LeaseFromReceipt, 2, 500, &[Property::S1, Property::S2, Property::S3]);
}

#[test]
fn leases_kept_after_a_release_are_noticed() {
    caught(Mutation::KeepLeases, 2, 3_000, &[Property::S1, Property::S2, Property::S3]);
}

#[test]
fn a_release_by_any_boot_is_noticed() {
    caught(Mutation::ReleaseByAnyBoot, 2, 5_000, &[Property::S1, Property::S2, Property::S3]);
}

#[test]
fn a_release_by_an_older_message_is_noticed() {
    caught(Mutation::ReleaseByOlder, 2, 2_000, &[Property::S1, Property::S2, Property::S3]);
}

#[test]
fn no_hold_after_a_start_is_noticed() {
    caught(Mutation::NoHold, 2, 1_000, &[Property::S1, Property::S2, Property::S3]);
}

#[test]
fn no_clearance_after_a_promise_is_noticed() {
    caught(Mutation::NoClearance, 2, 100, &[Property::S2]);
}

#[test]
fn flashing_at_once_is_noticed() {
    caught(Mutation::FlashAtOnce, 2, 200, &[Property::S3]);
}

#[test]
fn promises_while_flashing_are_noticed() {
    caught(Mutation::PromiseWhileFlashing, 2, 1_000, &[Property::S3, Property::FailSafe]);
}

#[test]
fn no_watch_on_the_lease_is_noticed() {
    caught(Mutation::NoLeaseWatch, 2, 500, &[Property::S1, Property::S2, Property::S3]);
}

#[test]
fn leases_that_do_not_cover_a_hang_are_noticed() {
    // With a watchdog of 1 s one run in six thousand shows it; this seed has one among its first.
    let search = Search { seed: 3, ..Search::new(Kind::Hangs, 2, 500) };
    caught_among(search, Mutation::NoHangCover, &[Property::S1, Property::S2, Property::S3]);
}

#[test]
fn old_words_that_count_are_noticed() {
    for lights in [2, 3] {
        let search = Search::new(Kind::Replays, lights, 100);
        caught_among(search, Mutation::AnyBootIsNew, &[Property::OldWords, Property::L1, Property::L2]);
    }
}

#[test]
fn the_exhaustive_search_can_fail_too() {
    caught_exhaustively(Mutation::LeaseFromReceipt, 0, "S3");
    caught_exhaustively(Mutation::NoHold, 1, "S3");
    caught_exhaustively(Mutation::NoClearance, 0, "S2");
    caught_exhaustively(Mutation::FlashAtOnce, 0, "S3");
    caught_exhaustively(Mutation::PromiseWhileFlashing, 0, "S3");
}

#[test]
fn lights_that_stay_red_violate_l2_and_one_that_starves_violates_l1() {
    use proof::{liveness, plan::Plan, watcher::Go};
    let plan = Plan { end_us: 200_000_000, ..Plan::draw(Kind::Quiet, 2, 1, 0) };
    let judge =
        |goes: &[Go]| liveness::check(&plan, 0, &[0, 0], goes).map_err(|violation| violation.property);
    assert_eq!(judge(&[]), Err(Property::L2));
    let selfish: Vec<Go> = (0..13)
        .map(|n| {
            let start_us = 9_000_000 + n * 15_000_000;
            Go { light: 0, start_us, end_us: Some(start_us + 12_000_000), green_us: 8_000_000 }
        })
        .collect();
    assert_eq!(judge(&selfish), Err(Property::L1));
}
