//! What a board says on its serial line.
//!
//! The firmware's form is `   12.345 warning text`; anything else, from the chip's ROM, its bootloader
//! or another program, is shown as it came.

use std::{
    io::{ErrorKind, Read},
    thread::sleep,
    time::{Duration, Instant},
};

use espflash::connection::Port;
use serialport::{DataBits, SerialPort};

use super::{Cancel, serial};
use crate::model::Diagnostic;

/// The longest line that is kept, in bytes; the rest of it is cut off.
const MOST_BYTES: usize = 512;
/// Something without an end of line, such as a prompt, is shown after this silence.
const SILENCE: Duration = Duration::from_millis(500);
/// How long one read waits, so that the end is seen.
const SLICE: Duration = Duration::from_millis(100);
/// Between two tries to open a port that is gone.
const REOPEN: Duration = Duration::from_millis(500);

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
pub enum LogEvent {
    /// The port is open.
    Opened { port: String },
    /// The board said something.
    Line(LogLine),
    /// So many lines were thrown away, because nobody took them.
    Dropped { lines: u64 },
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
    let mut bytes = [0; 1024];
    let mut last = Instant::now();
    if let Err(error) = port.set_timeout(SLICE) {
        return Some(error.to_string());
    }
    while !stop.is_cancelled() {
        match port.read(&mut bytes) {
            Ok(count @ 1..) => {
                last = Instant::now();
                for byte in bytes.get(..count).unwrap_or_default() {
                    if let Some(line) = lines.take(*byte) {
                        notify(LogEvent::Line(line));
                    }
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                if last.elapsed() >= SILENCE
                    && let Some(line) = lines.rest()
                {
                    notify(LogEvent::Line(line));
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

/// Cuts what comes into lines.
#[derive(Debug, Default)]
struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Takes a byte; gives a line when it was the end of one.
    fn take(&mut self, byte: u8) -> Option<LogLine> {
        if byte == b'\n' {
            return Some(LogLine::parse(&std::mem::take(&mut self.line)));
        }
        if self.line.len() < MOST_BYTES {
            self.line.push(byte);
        }
        None
    }

    /// What has come of a line that has no end.
    fn rest(&mut self) -> Option<LogLine> {
        let line = LogLine::parse(&std::mem::take(&mut self.line));
        (!line.text.is_empty()).then_some(line)
    }
}

impl LogLine {
    /// Reads a line, whatever its bytes are.
    #[must_use]
    pub(crate) fn parse(bytes: &[u8]) -> LogLine {
        let text = plain(&String::from_utf8_lossy(bytes));
        let parsed = parse(&text);
        parsed.unwrap_or(LogLine { uptime: None, level: LogLevel::Raw, text })
    }
}

fn parse(text: &str) -> Option<LogLine> {
    let (time, rest) = text.trim_start().split_once(' ')?;
    let (seconds, milliseconds) = time.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if milliseconds.len() != 3 || !digits(milliseconds) || !digits(seconds) {
        return None;
    }
    let uptime = Duration::new(seconds.parse().ok()?, milliseconds.parse::<u32>().ok()? * 1_000_000);
    let (level, text) = rest.trim_start().split_once(' ').unwrap_or((rest, ""));
    let level = match level {
        "info" => LogLevel::Info,
        "warning" => LogLevel::Warning,
        "error" => LogLevel::Error,
        _ => return None,
    };
    Some(LogLine { uptime: Some(uptime), level, text: text.trim_start().to_owned() })
}

/// Without control characters and terminals' colours.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            // The sequence ends with a letter.
            while chars.next_if(|char| matches!(char, '0'..='9' | ';')).is_some() {}
            chars.next_if(char::is_ascii_alphabetic);
        } else if char == '\t' {
            plain.push(' ');
        } else if !char.is_control() {
            plain.push(char);
        }
        if plain.len() >= MOST_BYTES {
            plain.truncate(plain.floor_char_boundary(MOST_BYTES));
            break;
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine::parse(text.as_bytes())
    }

    #[test]
    fn lines_of_the_firmware_are_taken_apart() {
        let uptime = Some(Duration::from_millis(12_345));
        let text = |text: &str| text.to_owned();
        assert_eq!(
            line("    12.345 warning the broker is gone\r"),
            LogLine { uptime, level: LogLevel::Warning, text: text("the broker is gone") }
        );
        assert_eq!(line("12.345 info    ok"), LogLine { uptime, level: LogLevel::Info, text: text("ok") });
        assert_eq!(line("12.345 error  "), LogLine { uptime, level: LogLevel::Error, text: text("") });
        assert_eq!(line("123456789.001 info x").uptime, Some(Duration::from_millis(123_456_789_001)));
    }

    #[test]
    fn anything_else_is_shown_as_it_came() {
        for text in [
            "rst:0x1 (POWERON_RESET)",
            "12.34 info x",
            "1.000 infos x",
            "",
            "99999999999999999999.000 info x",
        ] {
            assert_eq!(line(text), LogLine { uptime: None, level: LogLevel::Raw, text: text.to_owned() });
        }
        assert_eq!(line("\u{1b}[0;32mI (31) boot: ESP-IDF\u{1b}[0m\r").text, "I (31) boot: ESP-IDF");
        assert_eq!(LogLine::parse(b"\xFF\xFEboot\x07").text, "\u{fffd}\u{fffd}boot");
    }

    #[test]
    fn bytes_at_random_give_bounded_lines_without_control_characters() {
        let mut state = 1_u64;
        let mut lines = Lines::default();
        for _ in 0..300_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Seldom an end of line.
            let byte = if state >> 60 == 0 && state >> 54 & 7 == 0 {
                b'\n'
            } else {
                (state >> 33).to_le_bytes()[0] | 1
            };
            if let Some(line) = lines.take(byte) {
                assert!(line.text.len() <= MOST_BYTES && !line.text.contains(char::is_control));
            }
        }
        assert!(lines.line.len() <= MOST_BYTES);
    }

    #[test]
    fn a_prompt_without_an_end_of_line_is_shown_too() {
        let mut lines = Lines::default();
        for byte in b">>> " {
            assert_eq!(lines.take(*byte), None);
        }
        assert_eq!(lines.rest().map(|line| line.text).as_deref(), Some(">>>"));
        assert_eq!(lines.rest(), None);
    }
}
