//! What the window and the worker share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::message::{Answer, JobId};
use crate::board::Cancel;

/// Plain mutexes: each is held for a few instructions.
#[derive(Default)]
pub(super) struct State {
    pub(super) running: Mutex<Running>,
    pub(super) answer: Mutex<Option<(JobId, Answer)>>,
    pub(super) answered: Condvar,
}

#[derive(Default)]
pub(super) struct Running {
    pub(super) last: u64,
    pub(super) job: Option<(JobId, Cancel)>,
}

/// What a panic left behind is as good as before: nothing is half done under these locks.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
