//! What a command prints, on standard output, which can be closed or full, and on standard error. All that is
//! printed goes through here, and nothing in it commands the terminal.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use crate::model::{Diagnostic, printable};

/// Prints a line. Where nobody reads it any more, as behind `| head -1`, that is no failure.
///
/// # Errors
/// When standard output takes no more, such as a file on a full disk.
pub(super) fn line(text: impl Display) -> anyhow::Result<()> {
    told(try_line(text))
}

/// Prints whole lines, as [`line`] prints one.
///
/// # Errors
/// When standard output takes no more.
pub(super) fn lines(text: &str) -> anyhow::Result<()> {
    told(write(text))
}

/// Prints a line, and says when nobody reads it any more ([`ErrorKind::BrokenPipe`]).
///
/// # Errors
/// When standard output takes no more.
pub(super) fn try_line(text: impl Display) -> io::Result<()> {
    write(&format!("{text}\n"))
}

/// Prints whole lines, as [`try_line`] prints one.
///
/// # Errors
/// When standard output takes no more.
pub(super) fn try_lines(text: &str) -> io::Result<()> {
    write(text)
}

/// What the failure to print comes to: nothing where nobody reads any more.
///
/// # Errors
/// What happened and what to do.
pub(super) fn told(printed: io::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritten(&error).into()),
        _ => Ok(()),
    }
}

/// Prints a line on standard error. Where that is closed, nobody can be told.
pub(super) fn note(text: impl Display) {
    note_part(format_args!("{text}\n"));
}

/// The same without the line's end, for a question.
pub(super) fn note_part(text: impl Display) {
    let mut error = io::stderr().lock();
    let _ = error.write_all(printable(&text.to_string()).as_bytes()).and_then(|()| error.flush());
}

/// Prints what was drawn for standard error, with colours of its own: whoever drew it wrote out what others put
/// into it.
pub(super) fn drawn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(printable(text).as_bytes())?;
    // Whoever reads along wants to see it now.
    out.flush()
}

fn unwritten(error: &io::Error) -> Diagnostic {
    Diagnostic::new(
        format!("standard output cannot be written: {error}"),
        "make room on the disk, or let it go elsewhere",
    )
}
