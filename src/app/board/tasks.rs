//! Small things that block, done on threads of their own: the window's thread does no I/O.

use std::{
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::mpsc::{Receiver, Sender, channel},
};

use super::login_store;
use crate::{
    app::background::{BackgroundTask, spawn, write_new},
    board::provision::this_computer,
    model::Login,
};

/// What this computer knows that a board needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NetworkInfo {
    /// Under which boards reach it, the likeliest first.
    pub(super) addresses: Vec<Ipv4Addr>,
    /// The Wi-Fi network that it is in.
    pub(super) wifi: Option<String>,
}

/// A task that is over. An error is a sentence for the user: what was not done, and what to do.
#[derive(Debug)]
pub(super) enum TaskResult {
    NetworkFound(Result<NetworkInfo, String>),
    LoginSaved(Result<PathBuf, String>),
    LogSaved(Result<PathBuf, String>),
}

/// Starts a task on a thread.
pub(super) type Spawn = fn(BackgroundTask) -> io::Result<()>;

/// Tasks that run, and their results.
#[derive(Debug)]
pub(super) struct BackgroundTasks {
    done: Sender<TaskResult>,
    results: Receiver<TaskResult>,
    spawn: Spawn,
    looked_up: bool,
}

impl Default for BackgroundTasks {
    fn default() -> BackgroundTasks {
        BackgroundTasks::with(spawn)
    }
}

impl BackgroundTasks {
    /// With another way to start a task, for tests.
    #[must_use]
    pub(super) fn with(spawn: Spawn) -> BackgroundTasks {
        let (done, results) = channel();
        BackgroundTasks { done, results, spawn, looked_up: false }
    }

    /// The next result, if there is one.
    pub(super) fn next_result(&mut self) -> Option<TaskResult> {
        self.results.try_recv().ok()
    }

    /// Looks up this computer's networks, the first time. `wake` is called when it is done.
    pub(super) fn look_up_network(&mut self, wake: impl Fn() + Send + 'static) {
        if !std::mem::replace(&mut self.looked_up, true) {
            let look_up = || {
                Ok(NetworkInfo { addresses: this_computer::addresses(), wifi: this_computer::wifi_name() })
            };
            let what = "This computer's networks were not looked up".to_owned();
            self.run(what, look_up, TaskResult::NetworkFound, wake);
        }
    }

    /// Writes `text` into `file`, which must not exist.
    pub(super) fn save_log(&mut self, file: PathBuf, text: String, wake: impl Fn() + Send + 'static) {
        let what = format!("The log was not saved in {}", file.display());
        self.run(what, move || write_new("The log", &file, &text).map(|()| file), TaskResult::LogSaved, wake);
    }

    /// Saves `login` in `file` for the next run.
    pub(super) fn save_login(&mut self, file: PathBuf, login: Login, wake: impl Fn() + Send + 'static) {
        let what = format!("The login for boards was not saved in {}", file.display());
        self.run(what, move || login_store::save(&file, &login), TaskResult::LoginSaved, wake);
    }

    /// `what` begins the sentence that the user reads where the task cannot be started.
    fn run<T: 'static>(
        &self,
        what: String,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
        result: fn(Result<T, String>) -> TaskResult,
        wake: impl Fn() + Send + 'static,
    ) {
        let done = self.done.clone();
        let task = Box::new(move || {
            // A window that has closed needs no result.
            let _ = done.send(result(work()));
            wake();
        });
        if let Err(error) = (self.spawn)(task) {
            let text = format!("{what}: {error}. End other programs and try again.");
            let _ = self.done.send(result(Err(text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_cannot_be_started_is_told_as_one_that_failed() {
        let mut tasks = BackgroundTasks::with(|_| Err(io::Error::other("no threads left")));
        tasks.save_log("/tmp/log.txt".into(), "one\n".to_owned(), || ());
        let Some(TaskResult::LogSaved(Err(text))) = tasks.next_result() else {
            panic!("the log counts as saved");
        };
        assert!(text.starts_with("The log was not saved in /tmp/log.txt: no threads left."), "{text}");
    }
}
