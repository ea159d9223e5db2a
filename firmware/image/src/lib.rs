//! Reads images for an ESP32, and knows how the flash of a LoPy4 is laid out. `xtask` checks with it
//! what it makes, the desktop what it flashes.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`layout`] | what lies where, and what is never touched |
//! | [`program`] | a bootloader or an app: header, segments, checksum, digest |
//! | [`table`] | the partition table |
//! | [`boot`] | whether bootloader, table and app start together, as the chip will find them |
//! | [`manifest`] | what `assets/firmware/manifest.toml` says of the image beside it |

pub mod boot;
pub mod layout;
pub mod manifest;
pub mod program;
pub mod table;

pub use boot::{BootError, Bundle};
pub use manifest::Manifest;
pub use program::{Header, Program, ProgramError, Segment};
pub use table::{Partition, TableError};

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes`, in lower-case hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `bytes` in lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The little-endian word at `at`.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word))
}

/// The text in `field`, up to its first zero byte.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}
