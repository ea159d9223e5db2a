//! What `assets/firmware/manifest.toml` says of the image: what it is, where it goes, and how it
//! was built. The desktop embeds it.

use serde::{Deserialize, Serialize};

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
