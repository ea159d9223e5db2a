//! Makes, reads and writes `assets/firmware/manifest.toml`.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use esp_image::{Manifest, layout::LEAST_FLASH_BYTES, manifest::File, sha256};

use crate::image::{Image, MERGED, file_name};

const FILE: &str = "manifest.toml";
const HEAD: &str = "\
# The firmware of a LoPy4, as it is flashed. Written by `cargo xtask image`; do not edit.
# Sizes and offsets are in bytes. `cargo xtask image --check` builds it again and compares.
";

/// Tells of an image that `compiler` built.
#[must_use]
pub fn of(image: &Image, compiler: &str) -> Manifest {
    Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        chip: "esp32".to_owned(),
        min_chip_revision: 0,
        flash_mode: "dio".to_owned(),
        flash_mhz: 40,
        flash_bytes: LEAST_FLASH_BYTES,
        compiler: compiler.to_owned(),
        built: "cargo xtask image; the bootloader is ESP-IDF's, from espflash 4.7".to_owned(),
        merged: file(MERGED, 0, &image.merged),
        parts: image.parts.iter().map(|part| file(&part.name, part.offset, &part.bytes)).collect(),
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

/// Writes `manifest` into `folder`.
///
/// # Errors
/// When it cannot be written.
pub fn write(manifest: &Manifest, folder: &Path) -> Result<()> {
    let path = folder.join(FILE);
    let text = format!("{HEAD}\n{}", toml::to_string(manifest)?);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// One line for a person.
#[must_use]
pub fn summary(manifest: &Manifest) -> String {
    let parts: Vec<String> = manifest
        .parts
        .iter()
        .map(|part| format!("{} {} bytes at {:#x}", part.name, part.size, part.offset))
        .collect();
    format!("version {}; {}", manifest.version, parts.join(", "))
}

fn file(name: &str, offset: u32, bytes: &[u8]) -> File {
    File {
        name: name.to_owned(),
        file: file_name(name),
        offset,
        size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        sha256: sha256(bytes),
    }
}
