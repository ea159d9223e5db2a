//! The live world's parts and its whole, with real sockets and the real clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod adafruit;
mod boards_join;
mod broker;
mod broker_memory;
mod client;
mod differential;
mod faults;
mod foreign;
mod interoperability;
mod mqtt_board;
mod ports;
mod proxy;

/// A process that is forked holds this one's listening sockets until it runs its own program: no test may
/// fork while another one takes a port anew.
static FORK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
