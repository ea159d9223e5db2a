//! What a board says on its serial line.
//!
//! The firmware's form is `   12.345 warning text`; anything else, from the chip's ROM, its bootloader
//! or another program, is shown as it came.
//!
//! | module | one idea |
//! | --- | --- |
//! | `terminal` | what a terminal would make of the bytes |
//! | `lines` | the lines of that, and progress bars |
//! | `line` | a line, in the firmware's form or not |
//! | `meaning` | what the chip's ROM and its bootloader mean |

mod line;
mod lines;
mod meaning;
mod terminal;

use std::{
    io::{ErrorKind, Read},
    thread::sleep,
    time::{Duration, Instant},
};

use espflash::connection::Port;
use serialport::{DataBits, SerialPort};

pub use self::line::{LogLevel, LogLine};
use self::{lines::Lines, meaning::Explainer};
use super::{Cancel, serial};
use crate::model::Diagnostic;

/// Something without an end of line, such as a prompt, is shown after this silence.
const SILENCE: Duration = Duration::from_millis(500);
/// How long one read waits, so that the end is seen.
const SLICE: Duration = Duration::from_millis(100);
/// Between two tries to open a port that is gone.
const REOPEN: Duration = Duration::from_millis(500);

/// What is new of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    Opened {
        port: String,
    },
    /// The board said something.
    Line(LogLine),
    /// What the line before means, from a board that starts no program. Told once until a program runs.
    Explained(Diagnostic),
    /// So many lines were thrown away, because nobody took them.
    Dropped {
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

/// Follows the log on `port` until `stop` is set. Survives the port's going away, and says so.
/// Blocks.
pub(crate) fn follow(port: &str, stop: &Cancel, notify: &mut dyn FnMut(LogEvent)) {
    let mut lost: Option<String> = None;
    while !stop.is_cancelled() {
        let reason = match serial::open(port, DataBits::Eight) {
            Ok(open) => {
                notify(LogEvent::Opened { port: port.to_owned() });
                lost = None;
                match listen(open, stop, notify) {
                    Some(reason) => reason,
                    None => break,
                }
            }
            Err(error) => Diagnostic::new(error.to_string(), error.help()).one_line(),
        };
        if lost.as_ref() != Some(&reason) {
            lost = Some(reason.clone());
            notify(LogEvent::Lost { reason });
        }
        sleep(REOPEN);
    }
    notify(LogEvent::Closed);
}

/// Tells what comes until it is asked to stop, or until the port is lost, for the reason it gives.
fn listen(mut port: Port, stop: &Cancel, notify: &mut dyn FnMut(LogEvent)) -> Option<String> {
    // Opening a port pulls both; on boards with two transistors RTS alone holds the chip in reset.
    // A port without them needs nothing.
    let _ = port.write_request_to_send(false);
    let _ = port.write_data_terminal_ready(false);
    let mut lines = Lines::default();
    let mut explainer = Explainer::default();
    let mut put = |line: LogLine| {
        let meaning = explainer.explain(&line);
        notify(LogEvent::Line(line));
        if let Some(meaning) = meaning {
            notify(LogEvent::Explained(meaning));
        }
    };
    let mut bytes = [0; 1024];
    let mut last = Instant::now();
    if let Err(error) = port.set_timeout(SLICE) {
        return Some(error.to_string());
    }
    while !stop.is_cancelled() {
        match port.read(&mut bytes) {
            Ok(count @ 1..) => {
                last = Instant::now();
                lines.take(bytes.get(..count).unwrap_or_default(), &mut put);
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                if last.elapsed() >= SILENCE {
                    lines.rest(&mut put);
                }
            }
            Ok(_) | Err(_) => {
                let text = "the board was unplugged, or another program took the port; the log goes on when it is \
                            back";
                return Some(text.to_owned());
            }
        }
    }
    None
}
