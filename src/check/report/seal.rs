//! The seal of a record: an HMAC with a key that this program keeps for its user alone.

use std::{io, path::Path};

use hmac::{Hmac, KeyInit, Mac};
use rand::{TryRng, rngs::SysRng};
use sha2::Sha256;

use crate::model::{Diagnostic, private_file, text_file};

const FILE_NAME: &str = "check-seal.key";
const KEY_BYTES: usize = 32;
const MAX_FILE_BYTES: u64 = 1_024;

/// The key. `Debug` does not show it.
pub struct SealKey([u8; KEY_BYTES]);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl SealKey {
    /// The key that is kept in `folder`; made where there is none.
    ///
    /// # Errors
    /// When it can be neither read nor kept.
    pub fn load(folder: &Path) -> Result<SealKey, Diagnostic> {
        let file = folder.join(FILE_NAME);
        let damaged = || {
            let message = format!("{} is not as this program wrote it", file.display());
            let help = "put the file back, or delete it: pages that it sealed cannot be verified then";
            Diagnostic::new(message, help)
        };
        match text_file::read(&file, MAX_FILE_BYTES) {
            Ok(text) => from_hex(text.trim()).map(SealKey).ok_or_else(damaged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&file),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged()),
            Err(error) => Err(kept(&file, &error)),
        }
    }

    fn mac(&self, bytes: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(bytes);
        Some(mac)
    }

    /// The seal of these bytes, in hex.
    pub(super) fn seal(&self, bytes: &[u8]) -> String {
        self.mac(bytes).map(|mac| hex(&mac.finalize().into_bytes())).unwrap_or_default()
    }

    /// Whether `seal` is that of these bytes; in constant time.
    pub(super) fn fits(&self, bytes: &[u8], seal: &str) -> bool {
        let (Some(mac), Some(seal)) = (self.mac(bytes), from_hex(seal)) else { return false };
        mac.verify_slice(&seal).is_ok()
    }
}

fn make(file: &Path) -> Result<SealKey, Diagnostic> {
    let mut key = [0; KEY_BYTES];
    SysRng
        .try_fill_bytes(&mut key)
        .map_err(|error| Diagnostic::from(format!("the system gives no random bytes: {error}")))?;
    private_file::write(file, &format!("{}\n", hex(&key))).map_err(|error| kept(file, &error))?;
    Ok(SealKey(key))
}

fn kept(file: &Path, error: &io::Error) -> Diagnostic {
    let message = format!("the key for sealing reports cannot be kept in {}: {error}", file.display());
    Diagnostic::new(message, "give the folder to this user, or name another one with --state")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_this_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let seal = SealKey::load(folder.path()).unwrap().seal(b"record");
        let again = SealKey::load(folder.path()).unwrap();
        assert!(
            again.fits(b"record", &seal) && !again.fits(b"recorD", &seal) && !again.fits(b"record", "00")
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join(FILE_NAME)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        for damaged in [&b"not a key"[..], b"", b"\xff", &[b'a'; 65], &[0; 64], &[b'a'; 1 << 20]] {
            fs::write(folder.path().join(FILE_NAME), damaged).unwrap();
            let told = SealKey::load(folder.path()).unwrap_err();
            assert!(told.message.contains("is not as this program wrote it"), "{told:?}");
        }
    }
}
