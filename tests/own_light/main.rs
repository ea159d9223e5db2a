//! Lights as students write them, under a real MicroPython (Unix port) with the field's MQTT clients.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod alone;
mod document;
mod graded;
mod table;
