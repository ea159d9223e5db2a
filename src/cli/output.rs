//! What a command prints on standard output, which can be closed or full.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use crate::model::Diagnostic;

/// Prints a line. Where nobody reads it any more, as behind `| head -1`, that is no failure.
///
/// # Errors
/// When standard output takes no more, such as a file on a full disk.
pub(super) fn line(text: impl Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritten(&error).into()),
        _ => Ok(()),
    }
}

fn unwritten(error: &io::Error) -> Diagnostic {
    Diagnostic::new(
        format!("standard output cannot be written: {error}"),
        "make room on the disk, or let it go elsewhere",
    )
}
