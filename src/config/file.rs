//! A configuration as a file: its text, and who else can read it.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::model::Diagnostic;

/// The most bytes of a configuration file. More is not one.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    /// One that comes with the program.
    Text(&'static str),
}

impl Source {
    /// Its text; a file is read anew.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&self) -> Result<String, Diagnostic> {
        match self {
            Source::File(file) => read_file(file)
                .map_err(|why| Diagnostic { message: format!("{}: {why}", file.display()), help: why.help }),
            Source::Text(text) => Ok((*text).to_owned()),
        }
    }
}

/// The text of a configuration file, or why there is none.
pub(crate) fn read_file(path: &Path) -> Result<String, Diagnostic> {
    use std::io::ErrorKind;
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Diagnostic::new(
            "there is no such file",
            "check the name and the folder (the shipped ones are in config/)",
        ),
        ErrorKind::PermissionDenied => Diagnostic::new("this user may not read it", "change its permissions"),
        ErrorKind::IsADirectory => Diagnostic::new("it is a folder", "name a .toml file in it"),
        _ => format!("it cannot be read ({error})").into(),
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(ErrorKind::IsADirectory.into()));
    }
    // One byte more than is taken, rather than the size that the system tells: that is 0 for a pipe.
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(("it is larger than 1 MiB and so no configuration", "name another file").into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        Diagnostic::new(
            format!("line {line} is not UTF-8 text"),
            "save the file as UTF-8 (PowerShell: Set-Content -Encoding utf8)",
        )
    })
}
