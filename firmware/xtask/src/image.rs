//! From the ELF to what is flashed: bootloader, partition table and app, one by one and merged.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use esp_image::{
    Manifest,
    layout::{APP_OFFSET, BOOTLOADER_OFFSET, PARTITION_TABLE_OFFSET},
};
use espflash::{
    flasher::{FlashData, FlashFrequency, FlashMode, FlashSettings, FlashSize},
    image_format::idf::IdfBootloaderFormat,
    target::{Chip, XtalFrequency},
};

use crate::repository;

/// One part of what is flashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is, and its file's name without `.bin`.
    pub name: String,
    /// Where it goes on flash.
    pub offset: u32,
    pub bytes: Vec<u8>,
}

/// All that is flashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Bootloader, partition table, app.
    pub parts: Vec<Part>,
    /// All of them in one, from the beginning of the flash, blank bytes between.
    pub merged: Vec<u8>,
}

impl Image {
    /// Makes the image of an ELF.
    ///
    /// # Errors
    /// When the ELF is not one that espflash can make an image of.
    pub fn from_elf(elf: &[u8]) -> Result<Image> {
        let settings =
            FlashSettings::new(Some(FlashMode::Dio), Some(FlashSize::_4Mb), Some(FlashFrequency::_40Mhz));
        let flash = FlashData::new(settings, 0, None, Chip::Esp32, XtalFrequency::_40Mhz);
        let partitions = repository().join("firmware").join("partitions.csv");
        let format = IdfBootloaderFormat::new(
            elf,
            &flash,
            Some(&partitions),
            None,
            Some(PARTITION_TABLE_OFFSET),
            Some("factory"),
        )
        .context("espflash makes no image of the ELF")?;
        let mut parts = Vec::new();
        for segment in format.flash_segments() {
            let name = match segment.addr {
                BOOTLOADER_OFFSET => "bootloader",
                PARTITION_TABLE_OFFSET => "partition-table",
                APP_OFFSET => "app",
                other => bail!("espflash puts something at {other:#x}, which nobody asked for"),
            };
            parts.push(Part { name: name.to_owned(), offset: segment.addr, bytes: segment.data().to_vec() });
        }
        ensure!(parts.len() == 3, "espflash makes {} parts, and not three", parts.len());
        let merged = merge(&parts)?;
        Ok(Image { parts, merged })
    }

    /// Reads the image that `manifest` tells of.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(folder: &Path, manifest: &Manifest) -> Result<Image> {
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let mut parts = Vec::new();
        for part in &manifest.parts {
            parts.push(Part { name: part.name.clone(), offset: part.offset, bytes: read(&part.file)? });
        }
        Ok(Image { parts, merged: read(&manifest.merged.file)? })
    }

    /// Writes the parts and the merged image.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let parts = self.parts.iter().map(|part| (file_name(&part.name), &part.bytes));
        for (file, bytes) in parts.chain([(file_name(MERGED), &self.merged)]) {
            let path = folder.join(file);
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}

/// The name of the merged image.
pub const MERGED: &str = "twinlight-lopy4";

/// The file that a part of this name is in.
#[must_use]
pub fn file_name(name: &str) -> String {
    format!("{name}.bin")
}

/// All parts in one, from the beginning of the flash, with blank bytes between.
///
/// # Errors
/// When parts overlap.
pub fn merge(parts: &[Part]) -> Result<Vec<u8>> {
    let mut merged: Vec<u8> = Vec::new();
    for part in parts {
        let offset = usize::try_from(part.offset)?;
        ensure!(merged.len() <= offset, "\"{}\" lies upon what stands before it", part.name);
        merged.resize(offset, 0xFF);
        merged.extend_from_slice(&part.bytes);
    }
    Ok(merged)
}
