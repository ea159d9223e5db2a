//! The settings from one run to the next, in a file of this user alone. A thread of its own writes it, since a disk
//! may be slow.
//!
//! eframe could keep the settings, the window's place and egui's memory by itself, but it reads them before anybody
//! can look at them, and panics at some of what can stand there.

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use super::settings::Settings;
use crate::model::{private_file, text_file};

pub const FILE_NAME: &str = "window.toml";

const HEADER: &str = "# What Twinlight's window remembers. It may be deleted.\n";
/// Far more than is written.
const MAX_BYTES: u64 = 64 << 10;
/// Settings may change with each frame, as while a window is resized: only what has stayed for so long is written.
const SETTLED: Duration = Duration::from_secs(1);
/// How long the end of the program waits for a disk.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// Writes settings while it is there, and the last ones when it is dropped.
#[derive(Debug)]
pub struct SettingsFile {
    kept: Settings,
    changes: Option<Sender<Settings>>,
    written: Receiver<()>,
}

/// What `file` holds; the default of all that cannot be read.
#[must_use]
pub fn load(file: &Path) -> Settings {
    match text_file::read(file, MAX_BYTES) {
        Ok(text) => Settings::from_toml(&text),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "the window's settings in {} cannot be read", file.display());
            }
            Settings::default()
        }
    }
}

impl SettingsFile {
    /// Keeps settings in `file`, which holds `settings` now.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn new(file: PathBuf, settings: Settings) -> io::Result<SettingsFile> {
        let (changes, changed) = mpsc::channel();
        let (done, written) = mpsc::channel();
        thread::Builder::new().name("window-settings".to_owned()).spawn(move || {
            // Its end tells that all is written.
            let _done: Sender<()> = done;
            while let Some(settings) = settled(&changed) {
                let text = format!("{HEADER}{}", settings.to_toml());
                if let Err(error) = private_file::write(&file, &text) {
                    tracing::warn!(%error, "the window's settings cannot be kept in {}", file.display());
                }
            }
        })?;
        Ok(SettingsFile { kept: settings, changes: Some(changes), written })
    }

    /// Has `settings` written, if they are others than before.
    pub fn update(&mut self, settings: &Settings) {
        if *settings == self.kept {
            return;
        }
        self.kept.clone_from(settings);
        if let Some(changes) = &self.changes {
            // The thread ends with this alone.
            let _ = changes.send(settings.clone());
        }
    }
}

impl Drop for SettingsFile {
    fn drop(&mut self) {
        self.changes = None;
        let _ = self.written.recv_timeout(LAST_WRITE);
    }
}

/// The next settings that stay, or the last ones; `None`: there are no more.
fn settled(changed: &Receiver<Settings>) -> Option<Settings> {
    let mut settings = changed.recv().ok()?;
    loop {
        match changed.recv_timeout(SETTLED) {
            Ok(newer) => settings = newer,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Some(settings),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::app::settings::{LeftPanel, SettingsAction, ThemeChoice};

    #[test]
    fn the_last_settings_are_there_at_the_next_start_for_their_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join(FILE_NAME);
        let mut settings = load(&file);
        assert_eq!(settings, Settings::default());
        let mut kept = SettingsFile::new(file.clone(), settings.clone()).unwrap();
        kept.update(&settings);
        for width in 760..900 {
            settings.size = Some((width, 600));
            kept.update(&settings);
        }
        settings.perform(SettingsAction::ChooseTheme(ThemeChoice::Dark));
        settings.perform(SettingsAction::ToggleLeft(LeftPanel::Topics));
        settings.filter = "a \"quoted\"\nfilter".to_owned();
        settings.zoom = Some(1.25);
        settings.maximized = true;
        settings.panels.insert("log".to_owned(), 180.0);
        kept.update(&settings);
        drop(kept);
        assert_eq!(load(&file), settings);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_with_anything_in_it_gives_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE_NAME);
        let nested = format!("panels = {}", "[".repeat(50_000));
        let many = format!("filter = \"{}\"", "x".repeat(1 << 20));
        let contents: [&[u8]; 9] = [
            b"",
            b"\0\0\0\0",
            b"\xff\xfe\x00",
            b"theme = ",
            b"theme = \"Da",
            b"[[[[[",
            b"(theme:Dark,zoom:Some(0.0))",
            nested.as_bytes(),
            many.as_bytes(),
        ];
        for content in contents {
            fs::write(&file, content).unwrap();
            assert_eq!(load(&file), Settings::default(), "{:?}", content.get(..80));
        }
        assert_eq!(load(folder.path()), Settings::default(), "a folder");
    }

    #[test]
    fn what_cannot_be_written_holds_up_nothing() {
        let mut kept = SettingsFile::new("/proc/no/such/file".into(), Settings::default()).unwrap();
        kept.update(&Settings { reduce_motion: true, ..Settings::default() });
    }
}
