//! The proof's own command line: long searches, replays and figures.

use std::{
    num::NonZeroUsize,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use proof::{
    exhaust::{ALL_RATES, World},
    figures, mutation,
    plan::Kind,
    search::{Found, Search},
    trace::Trace,
    watcher::seconds,
    world::play,
};
use traffic_light::Mutation;

/// Holds the light's program to its promises, by simulation and by exhaustive search.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Simulates many runs and says how many, how many hours, and what went wrong.
    Search {
        /// Kinds of runs.
        #[arg(long, value_enum, value_delimiter = ',', default_values = ["hostile", "recovery", "replays"])]
        kind: Vec<Kind>,
        /// Numbers of lights.
        #[arg(long, value_delimiter = ',', default_values_t = [2, 3, 4])]
        lights: Vec<usize>,
        /// Runs of each kind and number of lights.
        #[arg(long, default_value_t = 10_000)]
        runs: u64,
        /// Minutes in all, shared evenly; instead of a number of runs.
        #[arg(long, conflicts_with = "runs")]
        minutes: Option<f64>,
        /// The base seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Stop after this many violations.
        #[arg(long, default_value_t = 5)]
        enough: usize,
        /// A safeguard to switch off.
        #[arg(long, value_parser = mutation::parse)]
        mutation: Option<Mutation>,
        /// Threads.
        #[arg(long, default_value_t = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))]
        jobs: NonZeroUsize,
    },
    /// Searches all behaviours of two lights in a small world.
    Exhaust {
        /// Messages that the network holds in each direction.
        #[arg(long, default_value_t = 1)]
        kept: usize,
        /// Restarts in all.
        #[arg(long, default_value_t = 1)]
        restarts: u8,
        /// The greatest difference of turns that is followed.
        #[arg(long, default_value_t = 6)]
        turns: u32,
        /// Happenings after which a way is not followed further.
        #[arg(long)]
        depth: Option<usize>,
        /// How many of the nine pairs of clock rates.
        #[arg(long, default_value_t = ALL_RATES.len())]
        rates: usize,
        /// A safeguard to switch off.
        #[arg(long, value_parser = mutation::parse)]
        mutation: Option<Mutation>,
        /// In a junction without a key.
        #[arg(long)]
        open: bool,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
    /// Measures the figures that the design compares with.
    Figures {
        /// Runs for each figure.
        #[arg(long, default_value_t = 300)]
        runs: u64,
    },
    /// Shows one run, as a violation names it.
    Replay {
        /// The kind of run.
        #[arg(long, value_enum, default_value = "hostile")]
        kind: Kind,
        /// The number of lights.
        #[arg(long, default_value_t = 2)]
        lights: usize,
        /// The base seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The run's number.
        #[arg(long)]
        run: u64,
        /// A safeguard to switch off.
        #[arg(long, value_parser = mutation::parse)]
        mutation: Option<Mutation>,
        /// Show only the last lines.
        #[arg(long)]
        last: Option<usize>,
    },
}

fn main() -> ExitCode {
    let well = match Cli::parse().command {
        Task::Search { kind, lights, runs, minutes, seed, enough, mutation, jobs } => {
            let parts = u32::try_from(kind.len() * lights.len()).unwrap_or(1).max(1);
            let limit = minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0) / parts);
            let runs = if limit.is_some() { u64::MAX / 2 } else { runs };
            let mut all = Found::default();
            for kind in kind {
                for lights in &lights {
                    let search =
                        Search { kind, lights: *lights, seed, first: 0, runs, enough, limit, mutation, jobs };
                    let found = run(&search);
                    all.runs += found.runs;
                    all.tally.add(&found.tally);
                    all.violations.extend(found.violations);
                }
            }
            println!(
                "in all: {} runs, {:.1} simulated hours, {} violations",
                all.runs,
                seconds(all.tally.simulated_us) / 3600.0,
                all.violations.len()
            );
            all.violations.is_empty()
        }
        Task::Exhaust { kept, restarts, turns, depth, rates, mutation, open, jobs } => {
            let rates = &ALL_RATES[..rates.min(ALL_RATES.len())];
            let searched = World { kept, restarts, turns, depth, keyed: !open, rates, mutation }.search(jobs);
            println!(
                "{} states, {} transitions, depth {}, {:.1} s",
                searched.states, searched.transitions, searched.depth, searched.seconds
            );
            match &searched.violation {
                Some(trace) => println!("{trace}"),
                None => println!("no violation"),
            }
            searched.violation.is_none()
        }
        Task::Figures { runs } => {
            figures::print(runs);
            true
        }
        Task::Replay { kind, lights, seed, run, mutation, last } => {
            let search = Search { seed, mutation, ..Search::new(kind, lights, 1) };
            let plan = search.plan(run);
            println!("{plan:#?}");
            let outcome = play(&plan, mutation, Trace::kept());
            print!("{}", outcome.trace.last(last.unwrap_or(usize::MAX)));
            match &outcome.violation {
                Some(violation) => println!("{violation}"),
                None => println!("no violation"),
            }
            outcome.violation.is_none()
        }
    };
    if well { ExitCode::SUCCESS } else { ExitCode::from(3) }
}

/// Plays one search. Every line of progress is complete, so that nothing is lost with Ctrl-C.
fn run(search: &Search) -> Found {
    let started = Instant::now();
    let told_s = AtomicU64::new(0);
    let line = |found: &Found| {
        let hours = seconds(found.tally.simulated_us) / 3600.0;
        #[expect(clippy::cast_precision_loss, reason = "a printed number of a few digits")]
        let per_minute = found.tally.greens as f64 / (hours * 60.0).max(1e-9);
        format!(
            "{:?} {} lights: {} runs, {hours:.1} simulated hours, {} violations, {per_minute:.2} greens/min, worst recovery {:.3} s, {:.1} s",
            search.kind,
            search.lights,
            found.runs,
            found.violations.len(),
            seconds(found.tally.recovery_us),
            started.elapsed().as_secs_f64()
        )
    };
    let found = search.play(|found| {
        let now_s = started.elapsed().as_secs() / 5;
        if told_s.swap(now_s, Ordering::Relaxed) != now_s {
            eprintln!("{}", line(found));
        }
    });
    println!("{}", line(&found));
    for (run, violation) in &found.violations {
        println!("  run {run}: {violation}\n    {}", search.replay_command(*run));
    }
    if let Some((run, _)) = found.violations.first() {
        println!("{}", search.explain(*run, 60));
    }
    found
}
