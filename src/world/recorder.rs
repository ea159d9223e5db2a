//! Writes a run to its file while it goes on, on a thread of its own.
//!
//! The world's own queue of events is the recorder's queue too: bounded, and when the disk is slower
//! than the run, the oldest events are lost and the recording says so. After each event for which
//! none waits, what was written is handed to the system, so that a crash of the program loses at
//! most the line that was being written.

pub(crate) mod format;
pub(crate) mod view;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::{
    broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    watch,
};

use self::format::Gap;
use super::event::{Event, EventKind};
use crate::model::{Diagnostic, private_file};

pub use self::format::{Header, RecordedJunction, VERSION};

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file of that name is there.
    #[error("there is a file {} already, and a recording is not written over", .0.display())]
    Exists(PathBuf),
    /// It cannot be made.
    #[error("cannot make the recording {}: {error}", .file.display())]
    Make {
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is no thread or runtime for it.
    #[error("the system gives no thread to record on: {0}")]
    Thread(io::Error),
}

impl RecordError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            RecordError::Exists(_) => "choose another name, or remove the file",
            RecordError::Make { .. } => "choose a folder that exists and that you may write to",
            RecordError::Thread(_) => "end other programs and try again",
        }
    }
}

impl From<RecordError> for Diagnostic {
    fn from(error: RecordError) -> Diagnostic {
        Diagnostic::new(error.to_string(), error.help())
    }
}

/// What a recording came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Events written.
    pub events: u64,
    /// Events lost because the disk was too slow, or left out because there were too many at once.
    pub lost: u64,
}

/// How much a recording may take of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of the file. The recording ends there, and can be played as far as it goes.
    pub bytes: u64,
    /// The most bytes in a second: beyond, single messages and the insides of lights are left out, and what
    /// lamps, links, faults and the monitor do is still recorded.
    pub bytes_per_s: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 500_000_000, bytes_per_s: 16_000_000 }
    }
}

/// What the recorder has to tell while it records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecorderEvent {
    /// Events were lost; told once.
    Lost(u64),
    /// Events were left out, since there were too many at once; told once.
    LeftOut,
    /// It can write no more, and has ended.
    Failed(Diagnostic),
}

/// A recording that goes on. Dropping it ends it; [`Recorder::finish`] also waits for that.
#[derive(Debug)]
pub struct Recorder {
    file: PathBuf,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Written>>,
}

impl Recorder {
    /// Makes `file`, for its user alone, and records what `events` bring until [`EventKind::Stopped`]
    /// or [`Recorder::finish`]. `tell` is called from the recorder's thread.
    ///
    /// # Errors
    /// When there is such a file, or it cannot be made.
    pub fn start(
        file: &Path,
        header: &Header,
        events: Receiver<Event>,
        limits: Limits,
        tell: impl Fn(RecorderEvent) + Send + 'static,
    ) -> Result<Recorder, RecordError> {
        let made = |error| RecordError::Make { file: file.to_owned(), error };
        let opened = private_file::options().write(true).create_new(true).open(file);
        let opened = opened.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RecordError::Exists(file.to_owned()),
            _ => made(error),
        })?;
        let begun = Recorder::begin(file, header, opened, events, limits, tell);
        if begun.is_err() {
            // It is this recorder's own, and nothing is in it.
            let _ = fs::remove_file(file);
        }
        begun
    }

    fn begin(
        file: &Path,
        header: &Header,
        opened: File,
        events: Receiver<Event>,
        limits: Limits,
        tell: impl Fn(RecorderEvent) + Send + 'static,
    ) -> Result<Recorder, RecordError> {
        let made = |error| RecordError::Make { file: file.to_owned(), error };
        let mut writer = Writer::new(opened, limits);
        writer.line(header).and_then(|()| writer.out.flush()).map_err(made)?;
        // Waits for events and for the end at once, which a plain thread cannot.
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(RecordError::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let thread = thread::Builder::new()
            .name("twinlight-recorder".to_owned())
            .spawn(move || runtime.block_on(writer.run(events, stopped, tell)))
            .map_err(RecordError::Thread)?;
        Ok(Recorder { file: file.to_owned(), stop, thread: Some(thread) })
    }

    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Writes what has happened so far, closes the file, and tells what it came to.
    #[must_use]
    pub fn finish(mut self) -> Written {
        // One that has ended by itself needs no word.
        let _ = self.stop.send(true);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

/// What of a second's bytes was written, and what was left out.
#[derive(Default)]
struct Second {
    began: Duration,
    bytes: u64,
    left_out: u64,
}

struct Writer {
    out: BufWriter<File>,
    line: Vec<u8>,
    limits: Limits,
    bytes: u64,
    second: Second,
    written: Written,
}

impl Writer {
    fn new(file: File, limits: Limits) -> Writer {
        let (out, line) = (BufWriter::new(file), Vec::new());
        Writer { out, line, limits, bytes: 0, second: Second::default(), written: Written::default() }
    }

    async fn run(
        mut self,
        mut events: Receiver<Event>,
        mut stopped: watch::Receiver<bool>,
        tell: impl Fn(RecorderEvent),
    ) -> Written {
        loop {
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                _ = stopped.changed() => Err(RecvError::Closed),
            };
            let mut told = self.take(event, &tell);
            // What waits is written before the file is brought up to date.
            while matches!(told, Ok(true)) && self.bytes < self.limits.bytes {
                told = match events.try_recv() {
                    Ok(event) => self.take(Ok(event), &tell),
                    Err(TryRecvError::Lagged(lost)) => self.take(Err(RecvError::Lagged(lost)), &tell),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                };
            }
            let told = match told {
                Ok(false) => self.note_gap().map(|()| false),
                told => told,
            };
            match told.and_then(|more| self.out.flush().map(|()| more)) {
                Ok(true) if self.bytes < self.limits.bytes => {}
                Ok(true) => {
                    let message = format!("it is as long as it may be: {} MB", self.limits.bytes / 1_000_000);
                    let help = "record for a shorter time, or allow more with --record-mb";
                    tell(RecorderEvent::Failed(Diagnostic::new(message, help)));
                    return self.written;
                }
                Ok(false) => return self.written,
                Err(error) => {
                    let help = "make room on the disk and record again";
                    tell(RecorderEvent::Failed(Diagnostic::new(error.to_string(), help)));
                    return self.written;
                }
            }
        }
    }

    /// Writes an event; returns whether more may follow.
    fn take(&mut self, event: Result<Event, RecvError>, tell: &impl Fn(RecorderEvent)) -> io::Result<bool> {
        match event {
            // The place of the recording does not belong into the recording, nor what others say on their broker.
            Ok(Event { kind: EventKind::RecordingChanged { .. } | EventKind::Surveyed(_), .. }) => Ok(true),
            Ok(event) => {
                if event.at >= self.second.began + Duration::from_secs(1) {
                    self.note_gap()?;
                    self.second = Second { began: event.at, ..Second::default() };
                }
                if self.second.bytes >= self.limits.bytes_per_s && is_detail(&event.kind) {
                    if self.second.left_out == 0 && self.written.lost == 0 {
                        tell(RecorderEvent::LeftOut);
                    }
                    self.second.left_out += 1;
                    return Ok(true);
                }
                self.line(&event)?;
                self.written.events += 1;
                Ok(!matches!(event.kind, EventKind::Stopped))
            }
            Err(RecvError::Lagged(lost)) => {
                if self.written.lost == 0 {
                    tell(RecorderEvent::Lost(lost));
                }
                self.written.lost += lost;
                self.line(&Gap { lost })?;
                Ok(true)
            }
            Err(RecvError::Closed) => Ok(false),
        }
    }

    /// Says how many events were left out, where any were.
    fn note_gap(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.second.left_out) {
            0 => Ok(()),
            lost => {
                self.written.lost += lost;
                self.line(&Gap { lost })
            }
        }
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        let bytes = self.line.len() as u64;
        self.bytes += bytes;
        self.second.bytes += bytes;
        self.out.write_all(&self.line)
    }
}

/// What may be left out where there is too much: what single messages say, and how lights come to decide.
fn is_detail(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::MessagePassed { .. }
            | EventKind::TopicHeard { .. }
            | EventKind::PacketSeen { .. }
            | EventKind::LightReported { .. }
            | EventKind::TwinChanged { .. }
    )
}
