//! A real MicroPython, which is fetched where it is not there.

use std::{
    io::{Write, stderr},
    path::PathBuf,
    process::{Command, Stdio},
};

use super::folder;

/// The interpreter. Without Python or network there is none; `what` is then named as left out, past the capture of the
/// tests' output, so that nobody takes it for tested.
pub fn micropython(what: &str) -> Option<PathBuf> {
    let setup = folder().join("setup");
    let reason = match Command::new("python3").arg(&setup).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {
            let path = String::from_utf8(output.stdout).unwrap();
            return Some(PathBuf::from(path.trim()));
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("python3: {error}"),
    };
    let _ =
        writeln!(stderr(), "\nLEFT OUT: {what}: {} did not bring a MicroPython:\n{reason}", setup.display());
    None
}
