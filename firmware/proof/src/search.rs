//! Many runs: on several threads, counted, and stopped at the first violations.

use std::{
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use traffic_light::Mutation;

use crate::{
    plan::{Kind, Plan},
    trace::Trace,
    watcher::Violation,
    world::{Tally, play},
};

/// Which runs.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The kind of run.
    pub kind: Kind,
    /// How many lights, 2 or more.
    pub lights: usize,
    /// The base seed; run number `i` depends on it and `i` alone.
    pub seed: u64,
    /// The first run's number.
    pub first: u64,
    /// How many runs at most.
    pub runs: u64,
    /// Stop after this many violations.
    pub enough: usize,
    /// Stop after this time.
    pub limit: Option<Duration>,
    /// A safeguard to switch off.
    pub mutation: Option<Mutation>,
    /// Threads.
    pub jobs: NonZeroUsize,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Runs that were played.
    pub runs: u64,
    /// Their figures.
    pub tally: Tally,
    /// Violations with the number of their run, by that number.
    pub violations: Vec<(u64, Violation)>,
}

impl Search {
    /// `runs` runs with the base seed 1, on two threads, until the first violation.
    #[must_use]
    pub fn new(kind: Kind, lights: usize, runs: u64) -> Search {
        let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Search { kind, lights, seed: 1, first: 0, runs, enough: 1, limit: None, mutation: None, jobs }
    }

    /// Plays the runs; `progress` is called now and then with what was found so far.
    pub fn play(&self, progress: impl Fn(&Found) + Sync) -> Found {
        let started = Instant::now();
        let next = AtomicU64::new(self.first);
        let found = Mutex::new(Found::default());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.get() {
                scope.spawn(|| {
                    loop {
                        let run = next.fetch_add(1, Ordering::Relaxed);
                        if run >= self.first + self.runs
                            || self.limit.is_some_and(|limit| started.elapsed() > limit)
                        {
                            return;
                        }
                        let outcome = play(&self.plan(run), self.mutation, Trace::default());
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        found.runs += 1;
                        found.tally.add(&outcome.tally);
                        if let Some(violation) = outcome.violation {
                            found.violations.push((run, violation));
                        }
                        progress(&found);
                        if found.violations.len() >= self.enough {
                            return;
                        }
                    }
                });
            }
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.violations.sort_by_key(|(run, _)| *run);
        found
    }

    /// The plan of run number `run`.
    #[must_use]
    pub fn plan(&self, run: u64) -> Plan {
        Plan::draw(self.kind, self.lights, self.seed, run)
    }

    /// The command that shows run number `run`.
    #[must_use]
    pub fn replay_command(&self, run: u64) -> String {
        use clap::ValueEnum as _;
        let kind = self.kind.to_possible_value().map_or(String::new(), |kind| kind.get_name().to_owned());
        let mutation = self
            .mutation
            .map_or(String::new(), |mutation| format!(" --mutation {}", crate::mutation::name(mutation)));
        format!(
            "cargo run -p proof --bin prove -- replay --kind {kind} --lights {} --seed {} --run {run}{mutation}",
            self.lights, self.seed
        )
    }

    /// The end of run number `run` in words, with its violation and how to see all of it.
    #[must_use]
    pub fn explain(&self, run: u64, lines: usize) -> String {
        let outcome = play(&self.plan(run), self.mutation, Trace::kept());
        let violation =
            outcome.violation.map_or("no violation".to_owned(), |violation| violation.to_string());
        format!("{}run {run}: {violation}\nreplay: {}\n", outcome.trace.last(lines), self.replay_command(run))
    }
}
