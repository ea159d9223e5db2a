//! The steps, one a file: how it is played, and how the record of it is judged.

pub(super) mod connects;
pub(super) mod half_open;
pub(super) mod limits;
pub(super) mod old_words;
pub(super) mod reacts;
pub(super) mod recovers;
pub(super) mod refusal;
pub(super) mod talks;
