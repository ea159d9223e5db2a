//! Files for this user alone.

use std::{fs, io, io::Write, path::Path};

/// Writes `text` into `file`, and makes its folder where there is none. The file is whole or stays
/// as it was, and nobody else can read it at any moment.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    // A temporary file is its owner's alone from the start.
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    Ok(())
}

/// Makes a folder with those above it, as far as they are not there; nobody else may look into what is made.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// How a file of this user alone is opened: what is made then is nobody else's, whatever the user's mask says.
pub(crate) fn options() -> fs::OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is no mode to set"))]
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
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
