//! The result of a soak.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

/// More failures than these are counted and not listed.
const MOST_LISTED: usize = 50;

/// A violation, with what it takes to reproduce it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which world: its number and its seed.
    pub(crate) world: String,
    /// When, on that world's clock.
    pub(crate) at: Duration,
    /// What was seen.
    pub(crate) text: String,
}

/// The figures of one world, or of many together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// How many worlds were played, be it that the user ended them early.
    pub worlds: u64,
    /// For how long, all together, on their own clocks.
    pub played: Duration,
    /// Faults injected, by their name.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Sure conflicts, of 200 ms and more.
    pub conflicts: u64,
    /// Possible ones, of lights that are only heard. They are told and do not count.
    pub possible: u64,
    /// Shorter ones.
    pub(crate) glitches: u64,
    /// Greens shown.
    pub greens: u64,
    /// Sessions got.
    pub(crate) sessions: u64,
    /// Quiet times.
    pub(crate) rounds: u64,
    /// Lights that had no green in a quiet time.
    pub(crate) stuck: u64,
    /// The longest time from the end of all faults to the green of the last light.
    pub(crate) longest_recovery: Duration,
    /// The first failures.
    pub(crate) failures: Vec<Failure>,
}

impl Figures {
    /// Whether nothing was seen that must not be, and something was judged at all.
    #[must_use]
    pub(crate) fn passed(&self) -> bool {
        self.conflicts == 0 && self.glitches == 0 && self.stuck == 0
    }

    /// How many faults were injected.
    #[must_use]
    pub(crate) fn faults_in_all(&self) -> u64 {
        self.faults.values().sum()
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        if self.failures.len() < MOST_LISTED {
            self.failures.push(failure);
        }
    }

    /// Takes the figures of another world in.
    pub(crate) fn add(&mut self, other: Figures) {
        self.worlds += other.worlds;
        self.played += other.played;
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        self.conflicts += other.conflicts;
        self.possible += other.possible;
        self.glitches += other.glitches;
        self.greens += other.greens;
        self.sessions += other.sessions;
        self.rounds += other.rounds;
        self.stuck += other.stuck;
        self.longest_recovery = self.longest_recovery.max(other.longest_recovery);
        for failure in other.failures {
            self.fail(failure);
        }
    }

    /// The figures as JSON: times in seconds.
    #[must_use]
    pub(crate) fn json(&self) -> Value {
        let failures: Vec<_> = self
            .failures
            .iter()
            .map(|failure| json!({"world": failure.world, "at_s": failure.at.as_secs_f64(), "what": failure.text}))
            .collect();
        json!({
            "worlds": self.worlds,
            "simulated_s": self.played.as_secs_f64(),
            "faults": self.faults,
            "faults_in_all": self.faults_in_all(),
            "conflicts": self.conflicts,
            "possible_conflicts": self.possible,
            "glitches": self.glitches,
            "greens": self.greens,
            "sessions": self.sessions,
            "quiet_times": self.rounds,
            "stuck": self.stuck,
            "longest_recovery_s": self.longest_recovery.as_secs_f64(),
            "failures": failures,
        })
    }
}
