//! How fast a simulated pair runs, with and without faults: simulated hours for each second of one
//! core, and how long a message takes.
//!
//! ```text
//! cargo bench --bench simulated
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use twinlight::{
    chaos::{Chaos, ChaosOptions},
    config::Config,
    fault::PlannedFault,
    playback::Playback,
    simulated::{Options, Simulation},
    world::{Command, EventKind},
};

const HOURS: u64 = 48;

fn main() {
    for (name, faults) in [("without faults", false), ("with random faults", true)] {
        let config = Config::default();
        let mut simulation = Simulation::new(&config, 1, Options::default()).unwrap();
        let end = Duration::from_secs(HOURS * 3_600);
        let mut conflicts = 0;
        let mut take = |event: twinlight::world::Event| {
            conflicts += u32::from(matches!(event.kind, EventKind::ConflictBegan { .. }));
            black_box(event);
        };
        let began = Instant::now();
        if faults {
            for planned in Chaos::new(1, config.lights().collect(), ChaosOptions::default()) {
                if planned.at > end {
                    break;
                }
                simulation.play(planned.at, &mut take);
                let PlannedFault { fault, lasts, .. } = planned;
                simulation.obey(Command::InjectFault { fault, lasts }).unwrap();
            }
        }
        simulation.play(end, &mut take);
        let took = began.elapsed();
        let simulated_s = end.as_secs_f64();
        println!(
            "a pair {name}: {:.0} times real time, {:.1} pair-hours a minute of one core, {conflicts} conflicts",
            simulated_s / took.as_secs_f64(),
            simulated_s / 3_600.0 / (took.as_secs_f64() / 60.0),
        );
    }
}
