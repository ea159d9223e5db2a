//! Ends a job from outside.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::BoardError;

/// A flag that several threads share: one sets it, a job looks at it between two blocks.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the job to end. It does so after the block that it is at, as a rule within a second.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the job was asked to end.
    #[must_use]
    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Goes on, unless the job was asked to end.
    ///
    /// # Errors
    /// [`BoardError::Cancelled`].
    pub(super) fn check(&self) -> Result<(), BoardError> {
        if self.is_cancelled() { Err(BoardError::Cancelled) } else { Ok(()) }
    }
}
