//! Which log is watched, and when it has to make way for a job.

use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

use super::{Event, lock, outbox::Outbox};
use crate::board::{Cancel, log};

#[derive(Default)]
pub(super) struct Logbook {
    wish: Mutex<Wish>,
    changed: Condvar,
}

#[derive(Default)]
struct Wish {
    /// The port to watch.
    port: Option<String>,
    /// A job needs the port.
    interrupted: bool,
    /// The log that is followed now, and what ends it.
    following: Option<Cancel>,
    closed: bool,
}

impl Logbook {
    /// Watches another port, or none.
    pub(super) fn watch(&self, port: Option<&str>) {
        let mut wish = lock(&self.wish);
        if wish.port.as_deref() != port {
            wish.port = port.map(str::to_owned);
            wish.stop();
            self.changed.notify_all();
        }
    }

    /// Ends it for good.
    pub(super) fn close(&self) {
        let mut wish = lock(&self.wish);
        wish.closed = true;
        wish.stop();
        self.changed.notify_all();
    }

    /// Takes the log off `port`, if it is there, and waits until it is; whether it was.
    pub(super) fn interrupt(&self, port: &str) -> bool {
        let mut wish = lock(&self.wish);
        if !wish.port.as_ref().is_some_and(|watched| is_same(watched, port)) {
            return false;
        }
        wish.interrupted = true;
        wish.stop();
        while wish.following.is_some() {
            wish = self.changed.wait(wish).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// The job is over.
    pub(super) fn go_on(&self) {
        lock(&self.wish).interrupted = false;
        self.changed.notify_all();
    }

    /// Follows what is to be watched until the end. For a thread of its own.
    pub(super) fn keep(&self, outbox: &Outbox) {
        loop {
            let mut wish = lock(&self.wish);
            let (port, stop) = loop {
                if wish.closed {
                    return;
                }
                if let Some(port) = wish.port.clone().filter(|_| !wish.interrupted) {
                    let stop = Cancel::default();
                    wish.following = Some(stop.clone());
                    break (port, stop);
                }
                wish = self.changed.wait(wish).unwrap_or_else(PoisonError::into_inner);
            };
            drop(wish);
            log::follow(&port, &stop, &mut |news| outbox.put(Event::Log(news)));
            lock(&self.wish).following = None;
            self.changed.notify_all();
        }
    }
}

impl Wish {
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
