//! Writes a run to its file while it goes on, on a thread of its own.
//!
//! The world's own queue of events is the recorder's queue too: bounded, and when the disk is slower
//! than the run, the oldest events are lost and the recording says so. After each event for which
//! none waits, what was written is handed to the system, so that a crash of the program loses at
//! most the line that was being written.

pub(crate) mod format;
pub(crate) mod view;

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
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
use crate::model::Diagnostic;

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
    /// Events lost because the disk was too slow.
    pub lost: u64,
}

/// What the recorder has to tell while it records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecorderEvent {
    /// Events were lost; told once.
    Lost(u64),
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
        tell: impl Fn(RecorderEvent) + Send + 'static,
    ) -> Result<Recorder, RecordError> {
        let made = |error| RecordError::Make { file: file.to_owned(), error };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let opened = options.open(file).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RecordError::Exists(file.to_owned()),
            _ => made(error),
        })?;
        let mut writer = Writer { out: BufWriter::new(opened), written: Written::default() };
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

struct Writer {
    out: BufWriter<File>,
    written: Written,
}

impl Writer {
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
            while matches!(told, Ok(true)) {
                told = match events.try_recv() {
                    Ok(event) => self.take(Ok(event), &tell),
                    Err(TryRecvError::Lagged(lost)) => self.take(Err(RecvError::Lagged(lost)), &tell),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                };
            }
            match told.and_then(|more| self.out.flush().map(|()| more)) {
                Ok(true) => {}
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

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}
