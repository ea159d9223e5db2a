//! Reads a recording, and says where it is damaged.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    time::Duration,
};

use crate::{
    model::Diagnostic,
    world::{
        Event,
        recorder::format::{Gap, Header},
    },
};

/// What helps against most damage.
const OTHER_COPY: &str = "take another copy";
const MAKE_ONE: &str = "make one with \"twinlight run --record FILE\"";

/// The most bytes of a line; an event has far fewer.
const MAX_LINE_BYTES: usize = 64 * 1_024;
/// The most events of a recording: what fits into the memory of a student's computer.
const MAX_EVENTS: usize = 8_000_000;
/// Events of several threads may be written in another order than they happened in, by less than this.
const MAX_DISORDER: Duration = Duration::from_secs(1);

/// Why a recording cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingError {
    file: String,
    line: Option<usize>,
    diagnostic: Diagnostic,
}

impl RecordingError {
    /// The damaged line, counted from 1; `None` where it is the file as a whole.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.diagnostic.help.as_deref()
    }
}

impl From<RecordingError> for Diagnostic {
    fn from(error: RecordingError) -> Diagnostic {
        Diagnostic { message: error.to_string(), help: error.diagnostic.help }
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.diagnostic),
            None => write!(f, "{}: {}", self.file, self.diagnostic),
        }
    }
}

impl std::error::Error for RecordingError {}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) header: Header,
    /// In their order.
    pub(super) events: Vec<Event>,
    /// Events that the recorder lost.
    pub(super) lost: u64,
    pub(super) warnings: Vec<String>,
}

enum Line {
    Event(Event),
    Gap(Gap),
}

pub(super) fn read(path: &Path) -> Result<Contents, RecordingError> {
    let file = path.display().to_string();
    let wrong = |line, diagnostic: Diagnostic| RecordingError { file: file.clone(), line, diagnostic };
    let opened = File::open(path).and_then(|file| {
        let is_folder = file.metadata()?.is_dir();
        if is_folder { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
    });
    let mut lines =
        Lines { input: BufReader::new(opened.map_err(|error| wrong(None, unreadable(&error)))?), number: 0 };
    let text = |lines: &mut Lines<_>| match lines.next_line() {
        Ok(next) => Ok(next),
        Err(diagnostic) => Err(wrong(Some(lines.number), diagnostic)),
    };

    let Some((first, _)) = text(&mut lines)? else {
        return Err(wrong(None, ("it is empty", MAKE_ONE).into()));
    };
    let header: Header = serde_json::from_str(&first).map_err(|_| {
        let message =
            "this is no recording of Twinlight: its first line is not the one that recordings begin with";
        wrong(Some(1), (message, MAKE_ONE).into())
    })?;
    header.check().map_err(|diagnostic| wrong(Some(1), diagnostic))?;

    let (mut events, mut lost, mut warnings) = (Vec::<Event>::new(), 0, Vec::new());
    let (mut latest, mut disordered) = (Duration::ZERO, false);
    while let Some((line, whole)) = text(&mut lines)? {
        let number = lines.number;
        match parse(&line) {
            Ok(Line::Event(event)) => {
                if event.at + MAX_DISORDER < latest {
                    let message = "its time is earlier than that of the lines above: the file holds two recordings, \
                                   or a line was moved";
                    let help = "take another copy, or cut the file before this line";
                    return Err(wrong(Some(number), (message, help).into()));
                }
                disordered |= event.at < latest;
                latest = latest.max(event.at);
                events.push(event);
            }
            Ok(Line::Gap(gap)) => {
                lost += gap.lost;
                warnings.push(format!(
                    "line {number}: {} events are missing here, because there were more at once than could be recorded",
                    gap.lost
                ));
            }
            Err(_) if !whole => {
                warnings.push(format!(
                    "line {number}: the last line is cut off, as after a crash. All lines before it are complete"
                ));
            }
            Err(error) => {
                let help = "take another copy, or remove the line";
                return Err(wrong(Some(number), (format!("it is damaged ({error})"), help).into()));
            }
        }
        if events.len() > MAX_EVENTS {
            let message = format!("it has more than {MAX_EVENTS} events");
            return Err(wrong(Some(number), (message, "record for a shorter time").into()));
        }
    }
    if disordered {
        events.sort_by_key(|event| event.at);
    }
    Ok(Contents { header, events, lost, warnings })
}

/// An event, or a gap; the error is the event's, which tells more than that it is neither.
fn parse(line: &str) -> Result<Line, serde_json::Error> {
    match serde_json::from_str(line) {
        Ok(event) => Ok(Line::Event(event)),
        Err(error) => serde_json::from_str(line).map(Line::Gap).map_err(|_| error),
    }
}

fn unreadable(error: &io::Error) -> Diagnostic {
    let (message, help) = match error.kind() {
        io::ErrorKind::NotFound => ("there is no such file", "check the name and the folder"),
        io::ErrorKind::PermissionDenied => (
            "this user may not read it: a recording is readable only by the user who made it",
            "copy it as that user",
        ),
        io::ErrorKind::IsADirectory => ("it is a folder", "name a recording in it"),
        _ => return Diagnostic::new(format!("it cannot be read ({error})"), "check the disk"),
    };
    Diagnostic::new(message, help)
}

struct Lines<R> {
    input: R,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    /// The next line that is not empty, without its end, and whether it has one.
    fn next_line(&mut self) -> Result<Option<(String, bool)>, Diagnostic> {
        loop {
            let mut bytes = Vec::new();
            let limit = MAX_LINE_BYTES as u64 + 1;
            self.number += 1;
            let read = self.input.by_ref().take(limit).read_until(b'\n', &mut bytes);
            match read {
                Err(error) => return Err(unreadable(&error)),
                Ok(0) => return Ok(None),
                Ok(_) => {}
            }
            let whole = bytes.pop_if(|last| *last == b'\n').is_some();
            if bytes.len() > MAX_LINE_BYTES {
                let message = "it is far too long for an event: this is no recording, or it is damaged";
                return Err((message, OTHER_COPY).into());
            }
            match String::from_utf8(bytes) {
                Ok(line) if line.trim().is_empty() && whole => {}
                Ok(line) => return Ok(Some((line, whole))),
                // A line that was cut off within a letter is cut off.
                Err(error) if !whole => {
                    return Ok(Some((String::from_utf8_lossy(error.as_bytes()).into_owned(), false)));
                }
                Err(_) => return Err(("it is damaged: it is not UTF-8 text", OTHER_COPY).into()),
            }
        }
    }
}
