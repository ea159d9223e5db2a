//! When lights last ran on this computer, so that a light knows how long it has to wait after a
//! start (rule 4 of the design): not at all where its last run ended long enough ago.
//!
//! The world touches one file for as long as it runs. The file is the user's own, beside the
//! settings; without a place for it, every start counts as one after a run that has just ended.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How often [`LastRun::touch`] is to be called, and by how much the file may lag behind.
pub(super) const TOUCH_EVERY: Duration = Duration::from_secs(1);

/// The file, and what it said at the start.
#[derive(Debug)]
pub(super) struct LastRun {
    file: Option<PathBuf>,
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

    /// Says that lights run now.
    ///
    /// # Errors
    /// When the file cannot be written; the next start then waits longer than it must.
    pub(super) fn touch(&self) -> io::Result<()> {
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
