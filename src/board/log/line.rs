//! A line of a board's log.

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

/// A line of the log, or a piece of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The board's time since its start; `None` for a raw line.
    pub uptime: Option<Duration>,
    /// How bad it is.
    pub level: LogLevel,
    /// What it says, without time and level, at most 512 bytes, without control characters. Of a long line each piece but
    /// the last ends with `…`, and each but the first begins with it.
    pub text: String,
}

impl LogLine {
    /// Reads a line in the firmware's form, and any other as it is. It has no control characters.
    #[must_use]
    pub(crate) fn parse(text: &str) -> LogLine {
        parse(text).unwrap_or_else(|| LogLine { uptime: None, level: LogLevel::Raw, text: text.to_owned() })
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
    let (level, text) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
    let level = match level {
        "info" => LogLevel::Info,
        "warning" => LogLevel::Warning,
        "error" => LogLevel::Error,
        _ => return None,
    };
    Some(LogLine { uptime: Some(uptime), level, text: text.trim_start().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_firmware_are_taken_apart() {
        let uptime = Some(Duration::from_millis(12_345));
        let line = |level, text: &str| LogLine { uptime, level, text: text.to_owned() };
        let warning = line(LogLevel::Warning, "the broker is gone");
        assert_eq!(LogLine::parse("    12.345 warning the broker is gone"), warning);
        assert_eq!(LogLine::parse("12.345 info    ok"), line(LogLevel::Info, "ok"));
        assert_eq!(LogLine::parse("12.345 error"), line(LogLevel::Error, ""));
        let late = LogLine::parse("123456789.001 info x").uptime;
        assert_eq!(late, Some(Duration::from_millis(123_456_789_001)));
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
            let raw = LogLine { uptime: None, level: LogLevel::Raw, text: text.to_owned() };
            assert_eq!(LogLine::parse(text), raw);
        }
    }
}
