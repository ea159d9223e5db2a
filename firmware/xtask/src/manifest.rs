//! What `assets/firmware/manifest.toml` says of the image: what it is, where it goes, and how it
//! was built. The desktop embeds it.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::image::{Image, MERGED, file_name};

const FILE: &str = "manifest.toml";
const HEAD: &str = "\
# The firmware of a LoPy4, as it is flashed. Written by `cargo xtask image`; do not edit.
# Sizes and offsets are in bytes. `cargo xtask image --check` builds it again and compares.
";

/// What is said of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The firmware's version; the desktop's is the same.
    pub version: String,
    /// The chip that it runs on.
    pub chip: String,
    /// The lowest chip revision that it starts on, major · 100 + minor.
    pub min_chip_revision: u16,
    /// How the flash is read.
    pub flash_mode: String,
    /// How fast the flash is read, in MHz.
    pub flash_mhz: u32,
    /// The flash that it fits into.
    pub flash_bytes: u32,
    /// What compiled it.
    pub compiler: String,
    /// How it was built.
    pub built: String,
    /// All of it in one file, for offset 0. Writing it erases the provisioning record.
    pub merged: File,
    /// What is flashed one by one, in this order.
    pub parts: Vec<File>,
}

/// One file of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What it is.
    pub name: String,
    /// Its file, beside this manifest.
    pub file: String,
    /// Where it goes on flash.
    pub offset: u32,
    /// How long it is.
    pub size: u32,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
}

impl Manifest {
    /// Tells of an image that `compiler` built.
    #[must_use]
    pub fn of(image: &Image, compiler: &str) -> Manifest {
        Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            chip: "esp32".to_owned(),
            min_chip_revision: 0,
            flash_mode: "dio".to_owned(),
            flash_mhz: 40,
            flash_bytes: 4 * 1024 * 1024,
            compiler: compiler.to_owned(),
            built: "cargo xtask image; the bootloader is ESP-IDF's, from espflash 4.7".to_owned(),
            merged: File::of(MERGED, 0, &image.merged),
            parts: image.parts.iter().map(|part| File::of(&part.name, part.offset, &part.bytes)).collect(),
        }
    }

    /// Reads the manifest in `folder`.
    ///
    /// # Errors
    /// When it is not there or not a manifest.
    pub fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}; `cargo xtask image` writes it", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is no manifest of an image", path.display()))
    }

    /// Writes the manifest into `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let text = format!("{HEAD}\n{}", toml::to_string(self)?);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// One line for a person.
    #[must_use]
    pub fn summary(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!("{} {} bytes at {:#x}", part.name, part.size, part.offset))
            .collect();
        format!("version {}; {}", self.version, parts.join(", "))
    }
}

impl File {
    fn of(name: &str, offset: u32, bytes: &[u8]) -> File {
        File {
            name: name.to_owned(),
            file: file_name(name),
            offset,
            size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            sha256: sha256(bytes),
        }
    }
}

/// The SHA-256 of `bytes`, in lower-case hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
