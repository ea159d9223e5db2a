//! What went wrong with a board, and what to do next.

/// Why a job did not come to its end. `Display` says what happened; [`BoardError::advice`] says what
/// to do next.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// Somebody asked the job to end.
    #[error("cancelled")]
    Cancelled,
}

impl BoardError {
    /// What to do next, as a sentence without a full stop.
    #[must_use]
    pub fn advice(&self) -> String {
        String::new()
    }
}
