//! Work on threads of its own: the window's thread does no I/O.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    thread,
};

/// Work for a thread of its own.
pub(super) type BackgroundTask = Box<dyn FnOnce() + Send>;

/// Starts a task on a thread.
///
/// # Errors
/// When the system has no thread for it.
pub(super) fn spawn(task: BackgroundTask) -> io::Result<()> {
    thread::Builder::new().name("window-task".to_owned()).spawn(task).map(drop)
}

/// Writes `text` into `file`, which must not exist. `what` begins the sentence where that fails: "The log".
///
/// # Errors
/// A sentence for the user: what was not done, and what to do.
pub(super) fn write_new(what: &str, file: &Path, text: &str) -> Result<(), String> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut opened| opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all()));
    written.map_err(|error| unwritten(what, file, &error))
}

/// The sentence for the user about a file that could not be written.
pub(super) fn unwritten(what: &str, file: &Path, error: &io::Error) -> String {
    let file = file.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{file} exists already and was left as it is. Choose another name.")
        }
        _ => {
            format!("{what} could not be saved in {file}: {error}. Choose a folder that exists and is yours.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.txt");
        assert_eq!(write_new("The log", &file, "one\n"), Ok(()));
        let refused = write_new("The log", &file, "two\n").unwrap_err();
        assert!(refused.contains("exists already"), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\n");
        assert!(write_new("The log", &folder.path().join("no/such/log.txt"), "").is_err());
    }
}
