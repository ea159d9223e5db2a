//! What a board says on its serial line.

use std::time::Duration;

/// How bad a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Not in the firmware's form: the chip's ROM, its bootloader, or another program.
    Raw,
    /// All is well.
    Info,
    /// Something to know.
    Warning,
    /// Something is wrong.
    Error,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The board's time since its start; `None` for a raw line.
    pub uptime: Option<Duration>,
    /// How bad it is.
    pub level: LogLevel,
    /// What it says, without time and level, at most 512 bytes, without control characters.
    pub text: String,
}

/// What is new of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogNews {
    /// The port is open.
    Opened {
        /// Which one.
        port: String,
    },
    /// The board said something.
    Said(LogLine),
    /// So many lines were thrown away, because nobody took them.
    Dropped {
        /// How many.
        lines: u64,
    },
    /// The port is gone or in use; the log waits for it to come back.
    Lost {
        /// Why, and what to do.
        reason: String,
    },
    /// The board was reset, as asked.
    Reset,
    /// The log ended, as asked.
    Closed,
}
