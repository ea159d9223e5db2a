//! Recording what happens, on and off.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::Supervisor;
use crate::{
    config::Config,
    model::{Diagnostic, private_file},
    world::{
        event::{EventKind, Severity},
        event_bus::EventBus,
        recorder::{Header, Limits, RecordError, Recorder, RecorderEvent},
    },
};

/// The folder for recordings that nobody named a file for, beside what else is remembered.
pub(super) const FOLDER: &str = "recordings";

/// Begins to record all that happens in `bus` from now on.
pub(super) fn begin(
    file: &Path,
    config: &Config,
    bus: &Arc<EventBus>,
    limits: Limits,
) -> Result<Recorder, RecordError> {
    let told = bus.clone();
    let name = file.display().to_string();
    let tell = move |news| match news {
        RecorderEvent::Lost(lost) => {
            let text = format!(
                "the disk is too slow for the recording: {lost} events are missing in it, and more may follow"
            );
            told.notice(Severity::Warning, None, text);
        }
        RecorderEvent::LeftOut => {
            let text = "there is too much to be recorded: single messages are missing in the recording, and more may be";
            told.notice(Severity::Warning, None, text);
        }
        RecorderEvent::Failed(reason) => {
            let message = format!("the recording {name} has ended: {reason}");
            told.notice(Severity::Error, None, Diagnostic { message, help: reason.help });
            told.emit(EventKind::RecordingChanged { file: None });
        }
    };
    Recorder::start(file, &Header::of(config, bus.clock().started_at()), bus.subscribe(), limits, tell)
}

impl Supervisor {
    /// Records from now on, beginning with all that is true at present.
    pub(super) fn start_recording(&mut self, file: Option<PathBuf>) {
        if let Some(recorder) = self.recorder.as_ref().filter(|recorder| !recorder.has_ended()) {
            let text = format!("this run is recorded already, to {}", recorder.file().display());
            self.bus.notice(Severity::Warning, None, text);
            return;
        }
        let begun = match file {
            Some(file) => Ok(file),
            None => self.new_file(),
        };
        let begun = begun.and_then(|file| Ok(begin(&file, &self.config, &self.bus, self.record_limits)?));
        match begun {
            Ok(recorder) => {
                self.recorder = Some(recorder);
                self.bus.with(|engine| engine.state.tell_all());
                self.report();
            }
            Err(reason) => self.bus.notice(Severity::Error, None, reason),
        }
    }

    pub(super) fn stop_recording(&mut self) {
        if let Some((file, events)) = self.end_recording() {
            self.bus.notice(Severity::Info, None, format!("{events} events were recorded to {file}"));
            self.bus.emit(EventKind::RecordingChanged { file: None });
        }
    }

    pub(super) fn tell_of_recording(&self) {
        let recorder = self.recorder.as_ref().filter(|recorder| !recorder.has_ended());
        let file = recorder.map(|recorder| recorder.file().display().to_string());
        self.bus.emit(EventKind::RecordingChanged { file });
    }

    /// Ends it; returns the file and how many events it has.
    pub(super) fn end_recording(&mut self) -> Option<(String, u64)> {
        let recorder = self.recorder.take()?;
        let file = recorder.file().display().to_string();
        Some((file, recorder.finish().events))
    }

    /// A file that is not there yet, named by the time.
    fn new_file(&self) -> Result<PathBuf, Diagnostic> {
        let folder = self.recordings.as_ref().ok_or((
            "this system has no folder for recordings",
            "start Twinlight with --record FILE, or with --state FOLDER",
        ))?;
        private_file::make_folder(folder).map_err(|error| {
            let message =
                format!("the folder {} for recordings could not be created: {error}", folder.display());
            Diagnostic::new(message, "create it, or start Twinlight with --state FOLDER")
        })?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let name = |count: u32| match count {
            0 => format!("run-{now_s}.jsonl"),
            count => format!("run-{now_s}-{count}.jsonl"),
        };
        let free = (0..1_000).map(|count| folder.join(name(count))).find(|file| !file.exists());
        free.ok_or_else(|| ("there are too many recordings of this second", "try again").into())
    }
}
