//! Files for this user alone.

use std::{fs, io, io::Write, path::Path};

/// Writes `text` into `file`, and makes its folder where there is none. The file is whole or stays
/// as it was, and nobody else can read it at any moment.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A temporary file is its owner's alone from the start.
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    Ok(())
}

/// As [`write`], where there is no such file yet, in a folder that is there.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where there is one, and when it cannot be written.
pub(crate) fn write_new(file: &Path, text: &str) -> io::Result<()> {
    let mut beside = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist_noclobber(file)?;
    Ok(())
}

/// Whether other users of this computer can read a file that they should not.
pub(crate) fn is_readable_for_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
