//! When lights last ran on this computer, so that a light knows how long it has to wait after a
//! start (rule 4 of the design): not at all where its last run ended long enough ago.
//!
//! The world touches one file for as long as it runs. The file is the user's own, beside the
//! settings; without a place for it, every start counts as one after a run that has just ended.

use std::{
    convert::Infallible,
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, SystemTime},
};

use tokio::sync::oneshot;

/// How often the file is touched, and by how much it may lag behind.
const TOUCH_EVERY: Duration = Duration::from_secs(1);

/// The file, and what it said at the start.
#[derive(Debug)]
pub(super) struct LastRun {
    file: Option<PathBuf>,
}

/// Lights run, and that is noted. Dropping it ends that, too.
#[derive(Debug)]
pub(super) struct RunningNow {
    stop: Sender<Infallible>,
    noted: oneshot::Receiver<()>,
}

impl RunningNow {
    /// Waits until it has been noted for the last time.
    pub(super) async fn end(self) {
        drop(self.stop);
        // It answers by dropping its end.
        let _ = self.noted.await;
    }
}

impl LastRun {
    pub(super) fn new(folder: Option<&Path>) -> LastRun {
        LastRun { file: folder.map(|folder| folder.join("last-run")) }
    }

    /// How long ago the last run ended, in milliseconds, never too long; `None` where nobody knows.
    /// [`traffic_light::Start::NEVER`] where there was none.
    pub(super) fn ended_ms(&self, now: SystemTime) -> Option<u64> {
        let file = self.file.as_ref()?;
        match fs::metadata(file).and_then(|metadata| metadata.modified()) {
            Ok(touched) => {
                let ago = now.duration_since(touched).ok()?.checked_sub(2 * TOUCH_EVERY)?;
                Some(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => traffic_light::Start::NEVER,
            Err(_) => None,
        }
    }

    /// Notes that lights run from now on, each second until [`RunningNow::end`]. That has a thread of its own,
    /// since a disk may be slow; `None`: there is no place for the file.
    pub(super) fn keep_noting(self) -> Option<RunningNow> {
        self.file.as_ref()?;
        let (stop, stopped) = channel();
        let (done, noted) = oneshot::channel();
        let note = move || {
            let mut well = true;
            loop {
                let touched = self.touch();
                if let (true, Err(error)) = (well, &touched) {
                    tracing::warn!(%error, "cannot note that lights run; the next start will wait longer");
                }
                well = touched.is_ok();
                if stopped.recv_timeout(TOUCH_EVERY) == Err(RecvTimeoutError::Disconnected) {
                    break;
                }
            }
            if let Err(error) = self.touch() {
                tracing::debug!(%error, "cannot note that lights ran");
            }
            drop(done);
        };
        match thread::Builder::new().name("last-run".to_owned()).spawn(note) {
            Ok(_) => Some(RunningNow { stop, noted }),
            Err(error) => {
                tracing::warn!(%error, "cannot note that lights run; the next start will wait longer");
                None
            }
        }
    }

    /// Says that lights run now.
    ///
    /// # Errors
    /// When the file cannot be written; the next start then waits longer than it must.
    fn touch(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, b"Twinlight's lights were running when this file was last written.\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_knows_of_a_run_that_ended_and_of_none() {
        let folder = tempfile::tempdir().unwrap();
        let run = LastRun::new(Some(folder.path()));
        let now = SystemTime::now();
        assert_eq!(run.ended_ms(now), traffic_light::Start::NEVER);
        run.touch().unwrap();
        assert_eq!(run.ended_ms(SystemTime::now()), None, "it may have ended just now");
        let later = run.ended_ms(SystemTime::now() + Duration::from_secs(60)).unwrap();
        assert!((57_000..=58_100).contains(&later), "{later}");
        assert_eq!(run.ended_ms(now - Duration::from_secs(60)), None, "the wall clock was set back");
        assert_eq!(LastRun::new(None).ended_ms(now), None);
    }
}
