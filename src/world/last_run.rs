//! When lights last ran on this computer, so that a light knows how long it has to wait after a
//! start (rule 4 of the design): not at all where its last run ended long enough ago. And which numbers
//! their runs had, so that the next ones are higher, also where the clock was set back (rule 2).
//!
//! The world touches one file for as long as it runs. The file is the user's own, beside the
//! settings; without a place for it, every start counts as one after a run that has just ended.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::oneshot;

use crate::model::{private_file, text_file, unix_seconds};

/// How often the file is touched, and by how much it may lag behind.
const TOUCH_EVERY: Duration = Duration::from_secs(1);
const RUNNING: &str = "Twinlight's lights were running when this file was last written.";
const MAX_FILE_BYTES: u64 = 1_024;
/// Behind it there is no room for later starts, and no run had it before the year 2106: a higher number in the
/// file was not written by this program.
const MAX_BOOT: u32 = u32::MAX - 1_000_000;
const HIGHEST: &str = "The highest number of a run: ";

/// The file, and what it said at the start.
#[derive(Debug)]
pub(super) struct LastRun {
    file: Option<PathBuf>,
}

/// The numbers of runs that were given on this computer.
#[derive(Debug, Default)]
pub(super) struct Boots {
    highest: AtomicU32,
    /// A higher one was given, or no more will be: the thread that notes them is to look at once.
    news: AtomicBool,
    ended: AtomicBool,
    noting: OnceLock<Thread>,
}

impl Boots {
    /// A number for lights that start `now`: higher than all so far, and at least the seconds since 1970.
    pub(super) fn next(&self, now: SystemTime) -> u32 {
        let boot = self.highest.load(Ordering::SeqCst).saturating_add(1).max(unix_seconds(now));
        self.given(boot);
        boot
    }

    /// A light runs as `boot`.
    pub(super) fn given(&self, boot: u32) {
        if self.highest.fetch_max(boot, Ordering::SeqCst) < boot {
            self.wake();
        }
    }

    fn wake(&self) {
        self.news.store(true, Ordering::SeqCst);
        if let Some(thread) = self.noting.get() {
            thread.unpark();
        }
    }

    /// Waits for news, at most so long.
    fn wait(&self, longest: Duration) {
        let until = Instant::now() + longest;
        while !self.news.swap(false, Ordering::SeqCst) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

/// Lights run, and that is noted. Dropping it ends that, too.
#[derive(Debug)]
pub(super) struct RunningNow {
    boots: Arc<Boots>,
    noted: Option<oneshot::Receiver<()>>,
}

impl RunningNow {
    /// Waits until it has been noted for the last time.
    pub(super) async fn end(mut self) {
        let noted = self.noted.take();
        drop(self);
        if let Some(noted) = noted {
            // It answers by dropping its end.
            let _ = noted.await;
        }
    }
}

impl Drop for RunningNow {
    fn drop(&mut self) {
        self.boots.ended.store(true, Ordering::SeqCst);
        self.boots.wake();
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

    /// The numbers that were given so far.
    pub(super) fn boots(&self) -> Arc<Boots> {
        Arc::new(Boots { highest: AtomicU32::new(self.highest()), ..Boots::default() })
    }

    /// The highest number that the file knows of; 0 where it knows of none.
    fn highest(&self) -> u32 {
        // What is no file, such as a pipe, may never have been written to.
        let file = self.file.as_ref().filter(|file| file.is_file());
        let text = file.and_then(|file| text_file::read(file, MAX_FILE_BYTES).ok()).unwrap_or_default();
        let number = text.lines().find_map(|line| line.strip_prefix(HIGHEST));
        let number = number.and_then(|number| number.trim().parse().ok());
        number.filter(|number| *number <= MAX_BOOT).unwrap_or(0)
    }

    /// Notes that lights run from now on, and with which numbers: each second and at each new number, until
    /// [`RunningNow::end`]. That has a thread of its own, since a disk may be slow; `None`: there is no place
    /// for the file.
    pub(super) fn keep_noting(self, boots: &Arc<Boots>) -> Option<RunningNow> {
        self.file.as_ref()?;
        let (done, noted) = oneshot::channel();
        let running = RunningNow { boots: boots.clone(), noted: Some(noted) };
        let boots = boots.clone();
        let note = move || {
            let _ = boots.noting.set(thread::current());
            let mut well = true;
            loop {
                let touched = self.touch(&boots);
                if let (true, Err(error)) = (well, &touched) {
                    tracing::warn!(%error, "cannot note that lights run; the next start will wait longer");
                }
                well = touched.is_ok();
                boots.wait(TOUCH_EVERY);
                if boots.ended.load(Ordering::SeqCst) {
                    break;
                }
            }
            if let Err(error) = self.touch(&boots) {
                tracing::debug!(%error, "cannot note that lights ran");
            }
            drop(done);
        };
        match thread::Builder::new().name("last-run".to_owned()).spawn(note) {
            Ok(_) => Some(running),
            Err(error) => {
                tracing::warn!(%error, "cannot note that lights run; the next start will wait longer");
                None
            }
        }
    }

    /// Says that lights run now, and what the highest number of their runs is.
    ///
    /// # Errors
    /// When the file cannot be written; the next start then waits longer than it must.
    fn touch(&self, boots: &Boots) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if let Some(folder) = file.parent() {
            private_file::make_folder(folder)?;
        }
        // Another program of this user may have given a higher one.
        boots.highest.fetch_max(self.highest(), Ordering::SeqCst);
        let highest = boots.highest.load(Ordering::SeqCst);
        let text = format!("{RUNNING}\n{HIGHEST}{highest:010}\n");
        // Always as long, and never cut before it is written: whenever the program ends, a number is there.
        let mut file = private_file::options().write(true).create(true).truncate(false).open(file)?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
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
        run.touch(&run.boots()).unwrap();
        assert_eq!(run.ended_ms(SystemTime::now()), None, "it may have ended just now");
        let later = run.ended_ms(SystemTime::now() + Duration::from_secs(60)).unwrap();
        assert!((57_000..=58_100).contains(&later), "{later}");
        assert_eq!(run.ended_ms(now - Duration::from_secs(60)), None, "the wall clock was set back");
        assert_eq!(LastRun::new(None).ended_ms(now), None);
    }

    #[test]
    fn numbers_grow_with_the_clock_and_over_a_clock_that_was_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let (now, run) = (SystemTime::now(), || LastRun::new(Some(folder.path())));
        let boots = run().boots();
        let first = boots.next(now);
        assert_eq!(first, unix_seconds(now), "nothing is stored yet");
        boots.given(first + 5);
        run().touch(&boots).unwrap();
        let a_year_ago = now - Duration::from_secs(365 * 86_400);
        assert_eq!(run().boots().next(a_year_ago), first + 6);
        let later = now + Duration::from_secs(60);
        assert_eq!(run().boots().next(later), first + 60);
        // Another program of the same user notes a lower one, and takes nothing back.
        run().touch(&Boots::default()).unwrap();
        assert_eq!(run().boots().next(a_year_ago), first + 6);
    }

    #[test]
    fn a_file_with_anything_in_it_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let (now, run) = (SystemTime::now(), || LastRun::new(Some(folder.path())));
        let line = |number: &str| format!("{RUNNING}\n{HIGHEST}{number}\n").into_bytes();
        // With the highest of all, no later start could have a higher one.
        let highest = line(&u32::MAX.to_string());
        let huge = [line("5"), vec![b'x'; 1 << 20]].concat();
        for content in [
            &b""[..],
            b"x",
            b"\0\0\0",
            b"\xff",
            &line("-1"),
            &line("99999999999"),
            &line("NaN"),
            &highest,
            &huge,
        ] {
            fs::write(folder.path().join("last-run"), content).unwrap();
            let boots = run().boots();
            assert_eq!(boots.next(now), unix_seconds(now), "{:?}", content.get(..80));
            run().touch(&boots).unwrap();
            assert_eq!(run().highest(), unix_seconds(now), "it is whole again");
        }
    }

    #[tokio::test]
    async fn a_new_number_is_noted_at_once_and_when_the_lights_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let run = || LastRun::new(Some(folder.path()));
        let boots = run().boots();
        boots.given(7);
        let running = run().keep_noting(&boots).unwrap();
        boots.given(4_000_000_000);
        running.end().await;
        assert_eq!(run().highest(), 4_000_000_000);
    }
}
