//! What needs neither socket nor the real clock: configurations, recordings, the simulated world.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod config;
mod fault_table;
mod monitor;
mod mutated;
mod provisioning;
mod recording;
mod scenario_file;
mod scenarios;
mod simulated;
mod simulated_feeds;
