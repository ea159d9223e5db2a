//! Boards on a serial port, against an emulated one.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod job_runner;
mod serial;

use test_support::board::Board;
use twinlight::board::{Connection, EntryMethod};

/// A connection to a board as it is: in download mode.
fn connection(board: &Board) -> Connection {
    Connection { entry: EntryMethod::None, ..Connection::new(board.port()) }
}
