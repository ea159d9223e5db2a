//! Small things that block, done on threads of their own: the window's thread does no I/O.

use std::{
    fs::OpenOptions,
    io::Write,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use super::keep;
use crate::{board::provision::here, model::Login};

/// What this computer knows that a board has to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Under which boards reach it, the likeliest first.
    pub addresses: Vec<Ipv4Addr>,
    /// The Wi-Fi network that it is in.
    pub wifi: Option<String>,
}

/// An errand that is done.
#[derive(Debug)]
pub enum Errand {
    /// A look at this computer's networks.
    Looked(Found),
    /// A login was kept, or why not.
    Kept(Result<PathBuf, String>),
    /// A log was saved, or why not and what to do.
    Saved(Result<PathBuf, String>),
}

/// Errands that run, and their results.
#[derive(Debug)]
pub struct Errands {
    done: Sender<Errand>,
    results: Receiver<Errand>,
    looked: bool,
}

impl Default for Errands {
    fn default() -> Errands {
        let (done, results) = channel();
        Errands { done, results, looked: false }
    }
}

impl Errands {
    /// The next result, if there is one.
    pub fn next_done(&mut self) -> Option<Errand> {
        self.results.try_recv().ok()
    }

    /// Looks at this computer's networks, once.
    pub fn look_around(&mut self, wake: impl Fn() + Send + 'static) {
        if !std::mem::replace(&mut self.looked, true) {
            self.run(
                || Errand::Looked(Found { addresses: here::addresses(), wifi: here::wifi_name() }),
                wake,
            );
        }
    }

    /// Writes `text` into `file`, which must not exist.
    pub fn save(&mut self, file: PathBuf, text: String, wake: impl Fn() + Send + 'static) {
        self.run(move || Errand::Saved(write_new(&file, &text).map(|()| file)), wake);
    }

    /// Keeps `login` in `file` for the next run.
    pub fn keep(&mut self, file: PathBuf, login: Login, wake: impl Fn() + Send + 'static) {
        self.run(move || Errand::Kept(keep::save(&file, &login)), wake);
    }

    fn run(&self, work: impl FnOnce() -> Errand + Send + 'static, wake: impl Fn() + Send + 'static) {
        let done = self.done.clone();
        let started = thread::Builder::new().name("errand".to_owned()).spawn(move || {
            // A window that has closed needs no result.
            let _ = done.send(work());
            wake();
        });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread for an errand");
        }
    }
}

fn write_new(file: &Path, text: &str) -> Result<(), String> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut opened| opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            format!("{} exists already and was left as it is. Choose another name.", file.display())
        }
        _ => format!(
            "The log could not be saved in {}: {error}. Choose a folder that exists and is yours.",
            file.display()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_log_never_replaces_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.txt");
        assert_eq!(write_new(&file, "one\n"), Ok(()));
        let refused = write_new(&file, "two\n").unwrap_err();
        assert!(refused.contains("exists already"), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\n");
        assert!(write_new(&folder.path().join("no/such/log.txt"), "").is_err());
    }
}
