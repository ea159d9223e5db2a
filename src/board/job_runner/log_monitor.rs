//! Which log is watched, and when it has to make way for a job.

use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

use super::{Event, lock, outbox::Outbox};
use crate::board::{Cancel, log};

#[derive(Default)]
pub(super) struct LogMonitor {
    watched: Mutex<Watched>,
    changed: Condvar,
}

#[derive(Default)]
struct Watched {
    /// The port to watch.
    port: Option<String>,
    /// A job needs the port.
    interrupted: bool,
    /// The log that is followed now, and what ends it.
    following: Option<Cancel>,
    closed: bool,
}

impl LogMonitor {
    /// Watches another port, or none.
    pub(super) fn watch(&self, port: Option<&str>) {
        let mut watched = lock(&self.watched);
        if watched.port.as_deref() != port {
            watched.port = port.map(str::to_owned);
            watched.stop();
            self.changed.notify_all();
        }
    }

    /// Ends it for good.
    pub(super) fn close(&self) {
        let mut watched = lock(&self.watched);
        watched.closed = true;
        watched.stop();
        self.changed.notify_all();
    }

    /// Takes the log off `port`, if it is there, and waits until it is; whether it was.
    pub(super) fn interrupt(&self, port: &str) -> bool {
        let mut watched = lock(&self.watched);
        if !watched.port.as_ref().is_some_and(|watched| is_same(watched, port)) {
            return false;
        }
        watched.interrupted = true;
        watched.stop();
        while watched.following.is_some() {
            watched = self.changed.wait(watched).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// The job is over.
    pub(super) fn go_on(&self) {
        lock(&self.watched).interrupted = false;
        self.changed.notify_all();
    }

    /// Follows what is to be watched until the end. For a thread of its own.
    pub(super) fn run(&self, outbox: &Outbox) {
        loop {
            let mut watched = lock(&self.watched);
            let (port, stop) = loop {
                if watched.closed {
                    return;
                }
                if let Some(port) = watched.port.clone().filter(|_| !watched.interrupted) {
                    let stop = Cancel::default();
                    watched.following = Some(stop.clone());
                    break (port, stop);
                }
                watched = self.changed.wait(watched).unwrap_or_else(PoisonError::into_inner);
            };
            drop(watched);
            log::follow(&port, &stop, &mut |news| outbox.put(Event::Log(news)));
            lock(&self.watched).following = None;
            self.changed.notify_all();
        }
    }
}

impl Watched {
    fn stop(&self) {
        if let Some(following) = &self.following {
            following.cancel();
        }
    }
}

/// Whether two paths lead to one port: `/dev/serial/by-id/…` and `/dev/ttyACM0`, for instance.
fn is_same(one: &str, other: &str) -> bool {
    let real = |port: &str| std::fs::canonicalize(Path::new(port)).unwrap_or_else(|_| PathBuf::from(port));
    one == other || real(one) == real(other)
}
