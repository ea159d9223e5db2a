//! The real binary: its commands, sockets, files and the real clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

#[cfg(target_os = "linux")]
mod board;
mod check;
mod cluster;
mod doctor;
#[cfg(target_os = "linux")]
mod endless_message;
mod feeds;
#[cfg(target_os = "linux")]
mod files;
mod flood;
mod mosquitto;
mod output;
mod presets;
#[cfg(target_os = "linux")]
mod rabbitmq;
#[cfg(target_os = "linux")]
mod remembered;
mod replay;
mod run;
mod scenario;
mod soak;
mod swarm;
mod tls;
