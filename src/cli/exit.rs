//! The exit status of every command.

/// Everything went well.
pub(super) const WELL: u8 = 0;
/// Something failed while it ran.
pub(super) const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
pub(super) const WRONG_USAGE: u8 = 2;
/// A conflict was seen.
pub(super) const CONFLICT: u8 = 3;
/// What was compared is not equal.
pub(super) const CHECK_FAILED: u8 = 3;
