//! Every behaviour of two lights in a small world.
#![allow(clippy::panic)]

use proof::exhaust::{ALL_RATES, Searched, World};

fn holds(world: World) -> Searched {
    let searched = world.search(2);
    if let Some(trace) = &searched.violation {
        panic!("\n{trace}");
    }
    println!(
        "{} states, {} transitions, depth {}, {:.1} s",
        searched.states, searched.transitions, searched.depth, searched.seconds
    );
    searched
}

#[test]
fn two_lights_are_safe_in_every_behaviour_without_restarts() {
    let rates = &ALL_RATES[..1];
    let world = World { kept: 1, restarts: 0, turns: 6, depth: None, keyed: true, rates, mutation: None };
    assert!(holds(world).states > 100_000);
}

#[test]
fn two_lights_are_safe_in_every_short_behaviour_with_restarts_and_wrong_clocks() {
    for keyed in [true, false] {
        let rates = &ALL_RATES[..3];
        let world = World { kept: 2, restarts: 2, turns: 6, depth: Some(8), keyed, rates, mutation: None };
        assert!(holds(world).states > 10_000);
    }
}
