//! Recordings: all that happened in a run, in a file that can be played again and judged again.
//!
//! A recording is text, one JSON object a line, so that it can be read by eye and by other programs,
//! and grows at its end alone. The first line says what it is: `recording` (`twinlight`), `v` (the
//! version of the format, 1), `program`, `started_unix_ns`, `seed`, and of each junction its name, lights,
//! rule, demand and timings, and whether its messages are signed. Keys, passwords and user names are
//! never in it. Every other line is an event,
//!
//! ```json
//! {"ns":1234567890,"event":{"aspect-changed":{"light":"demo/a","aspect":"green"}}}
//! ```
//!
//! with its time in nanoseconds since the run's start, or `{"lost":12}`: that many events are missing
//! here, because the disk was too slow. An event is a [`crate::world::EventKind`], its name in
//! kebab-case; the messages that passed the broker are among them, as they were heard, and the insides
//! of the virtual lights. A recording that was begun in the middle of a run begins with all that was
//! true then.
//!
//! Only the user who made the file can read it (mode 0600): it holds all messages of a perhaps private broker.
//!
//! | module | one idea |
//! | --- | --- |
//! | `reader` | reads a file and reports all damage |
//! | `judge` | the monitor's verdicts over again |
//!
//! [`crate::world::recorder`] writes it, and has the form of its lines.

pub mod judge;
mod reader;

use std::{path::Path, time::Duration};

pub use self::judge::{Judged, judge};
pub(crate) use self::{judge::Verdict, reader::RecordingError};
use crate::{
    model::Diagnostic,
    playback::Playback,
    world::{Command, Event, recorder::Header},
};

/// A recording that can be played.
#[derive(Debug)]
pub struct Recording {
    header: Header,
    events: Vec<Event>,
    lost: u64,
    warnings: Vec<String>,
    /// The next event.
    next: usize,
    now: Duration,
}

impl Recording {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no recording, or is damaged; the error has the line and what to do.
    /// A last line that is cut off is only warned of.
    pub fn open(path: &Path) -> Result<Recording, RecordingError> {
        let contents = reader::read(path)?;
        let now = contents.events.first().map_or(Duration::ZERO, |event| event.at);
        Ok(Recording {
            header: contents.header,
            events: contents.events,
            lost: contents.lost,
            warnings: contents.warnings,
            next: 0,
            now,
        })
    }

    /// What was recorded.
    #[must_use]
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// All events, in their order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Events that are missing, because the disk was too slow when it was recorded.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// What a person should know though it can be played, each with its line.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// When the first event is: 0, or later where the recording was begun in the middle of a run.
    #[must_use]
    pub fn began(&self) -> Duration {
        self.events.first().map_or(Duration::ZERO, |event| event.at)
    }

    /// Plays it from its beginning again.
    pub fn rewind(&mut self) {
        (self.next, self.now) = (0, self.began());
    }
}

impl Playback for Recording {
    fn next_at(&mut self) -> Option<Duration> {
        self.events.get(self.next).map(|event| event.at)
    }

    fn play(&mut self, until: Duration, take: &mut dyn FnMut(Event)) {
        while let Some(event) = self.events.get(self.next).filter(|event| event.at <= until) {
            take(event.clone());
            self.next += 1;
        }
        self.now = self.now.max(until);
    }

    fn now(&self) -> Duration {
        self.now
    }

    fn length(&self) -> Option<Duration> {
        Some(self.events.last().map_or(Duration::ZERO, |event| event.at))
    }

    fn obey(&mut self, _command: Command) -> Result<(), Diagnostic> {
        Err(Diagnostic::new(
            "this is a recording: what has happened cannot be changed",
            "go back to the live lab to change something",
        ))
    }
}
