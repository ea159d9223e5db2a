//! Whether an image is one that a LoPy4 can start and may be given.
//!
//! It looks at the bytes alone: the format is ESP-IDF's ("App Image Format" of its guide), read
//! here a second time, so that a slip in making it does not hide itself.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use esp_idf_part::PartitionTable;
use espflash::{flasher::FlashFrequency, target::Chip};

use crate::{
    image::{
        APP_OFFSET, BOOTLOADER_OFFSET, Image, PARTITION_TABLE_BYTES, PARTITION_TABLE_OFFSET,
        PYCOM_CONFIG_OFFSET, Part, merge,
    },
    manifest::{File, Manifest, sha256},
};

/// The largest app that is allowed.
pub const MAX_APP_BYTES: usize = 1024 * 1024;

const HEADER_BYTES: usize = 24;
const APP_DESCRIPTOR_MAGIC: u32 = 0xABCD_5432;
const MODE_DIO: u8 = 2;
const SIZE_4_MB: u8 = 2;

/// Name, type, subtype, offset and size of each partition, as section 4 of the design has it.
const PARTITIONS: [(&str, u8, u8, u32, u32); 4] = [
    ("nvs", 1, 2, 0x9000, 0x4000),
    ("otadata", 1, 0, 0xD000, 0x2000),
    ("prov", 1, 6, 0xF000, 0x1000),
    ("factory", 0, 0, 0x1_0000, 0x1E_0000),
];

/// What may stand in an image of a path: those that `cargo xtask image` puts there instead.
const MACHINE_PATHS: [&str; 7] = ["/home/", "/root/", "/Users/", "/work/", "/tmp/", "/opt/", "C:\\"];

/// Looks at all of it.
///
/// # Errors
/// The first thing that is not as it has to be.
pub fn check(image: &Image, manifest: &Manifest) -> Result<()> {
    let part = |name: &str| image.part(name).with_context(|| format!("there is no part \"{name}\""));
    check_files(image, manifest)?;
    let (bootloader, table, app) = (part("bootloader")?, part("partition-table")?, part("app")?);
    ensure!(bootloader.offset == BOOTLOADER_OFFSET, "the bootloader is not at {BOOTLOADER_OFFSET:#x}");
    ensure!(table.offset == PARTITION_TABLE_OFFSET, "the table is not at {PARTITION_TABLE_OFFSET:#x}");
    ensure!(app.offset == APP_OFFSET, "the app is not at {APP_OFFSET:#x}");
    for part in &image.parts {
        let end = u64::from(part.offset) + part.bytes.len() as u64;
        ensure!(end <= u64::from(PYCOM_CONFIG_OFFSET), "\"{}\" reaches Pycom's block", part.name);
    }
    check_program(bootloader).context("the bootloader")?;
    check_program(app).context("the app")?;
    check_descriptor(app, manifest).context("the app's descriptor")?;
    check_table(table).context("the partition table")?;
    ensure!(app.bytes.len() <= MAX_APP_BYTES, "the app has {} bytes, over 1 MB", app.bytes.len());
    check_paths(app)
}

fn check_files(image: &Image, manifest: &Manifest) -> Result<()> {
    let same = |file: &File, offset: u32, bytes: &[u8]| {
        ensure!(
            file.offset == offset && u64::from(file.size) == bytes.len() as u64,
            "{}: wrong size",
            file.file
        );
        ensure!(file.sha256 == sha256(bytes), "{}: its SHA-256 is not that of the manifest", file.file);
        Ok(())
    };
    ensure!(image.parts.len() == manifest.parts.len(), "the manifest tells of other parts");
    for (part, file) in image.parts.iter().zip(&manifest.parts) {
        same(file, part.offset, &part.bytes)?;
    }
    same(&manifest.merged, 0, &image.merged)?;
    ensure!(merge(&image.parts)? == image.merged, "the merged image is not that of the parts");
    Ok(())
}

/// The header, the segments, the checksum and the digest of a program.
fn check_program(part: &Part) -> Result<()> {
    let bytes = part.bytes.as_slice();
    let header = bytes.first_chunk::<HEADER_BYTES>().context("is cut off")?;
    ensure!(header[0] == 0xE9, "does not begin with 0xE9");
    ensure!(header[2] == MODE_DIO, "is not for flash mode DIO");
    let clock = FlashFrequency::_40Mhz.encode_flash_frequency(Chip::Esp32)?;
    ensure!(header[3] == SIZE_4_MB << 4 | clock, "is not for 4 MB of flash at 40 MHz");
    ensure!(u16::from_le_bytes([header[12], header[13]]) == Chip::Esp32.id(), "is not for an ESP32");
    ensure!(header[14] == 0, "does not start on chip revision 0");
    let (min, max) =
        (u16::from_le_bytes([header[15], header[16]]), u16::from_le_bytes([header[17], header[18]]));
    ensure!(min == 0 && max >= 1, "is for chip revisions {min} to {max}, and a LoPy4 has 0 or 1");
    ensure!(header[23] == 1, "has no digest");

    let mut at = HEADER_BYTES;
    let mut checksum = 0xEF;
    for _ in 0..header[1] {
        let length = word(bytes, at + 4).context("is cut off")? as usize;
        let segment = bytes.get(at + 8..at + 8 + length).context("is cut off in a segment")?;
        checksum = segment.iter().fold(checksum, |sum, byte| sum ^ byte);
        at += 8 + length;
    }
    let digest_at = (at + 16) / 16 * 16;
    ensure!(bytes.get(digest_at - 1) == Some(&checksum), "has a wrong checksum");
    let digest = bytes.get(digest_at..digest_at + 32).context("is cut off before its digest")?;
    let expected = sha256(bytes.get(..digest_at).unwrap_or_default());
    let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(found == expected, "has a wrong digest");
    Ok(())
}

fn check_descriptor(app: &Part, manifest: &Manifest) -> Result<()> {
    // It is the first thing in the first segment.
    let at = HEADER_BYTES + 8;
    ensure!(word(&app.bytes, at) == Some(APP_DESCRIPTOR_MAGIC), "is not at the beginning");
    let text = |from: usize| {
        let field = app.bytes.get(at + from..at + from + 32).unwrap_or_default();
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
    };
    let (version, project) = (text(16), text(48));
    ensure!(version == manifest.version, "says version {version}, the manifest {}", manifest.version);
    ensure!(version == env!("CARGO_PKG_VERSION"), "says version {version}, this program is another");
    ensure!(project == "twinlight-firmware", "says project {project}");
    Ok(())
}

fn check_table(part: &Part) -> Result<()> {
    ensure!(part.bytes.len() as u64 <= u64::from(PARTITION_TABLE_BYTES), "is too long");
    // The library checks the table's own MD5; the entries are read here.
    PartitionTable::try_from_bytes(part.bytes.clone())?.validate()?;
    let entries = part.bytes.chunks_exact(32).take_while(|entry| entry.starts_with(&[0xAA, 0x50]));
    let found: BTreeSet<_> = entries
        .filter_map(|entry| {
            let name = String::from_utf8_lossy(&entry[12..28]).trim_end_matches('\0').to_owned();
            Some((name, entry[2], entry[3], word(entry, 4)?, word(entry, 8)?))
        })
        .collect();
    let wanted: BTreeSet<_> = PARTITIONS
        .into_iter()
        .map(|(name, ty, subtype, offset, size)| (name.to_owned(), ty, subtype, offset, size))
        .collect();
    ensure!(found == wanted, "has other partitions: {found:?}");
    for (name, _, _, offset, size) in PARTITIONS {
        ensure!(offset + size <= PYCOM_CONFIG_OFFSET, "{name} reaches Pycom's block");
    }
    Ok(())
}

/// No folder of the building machine may be in what everybody is given.
fn check_paths(app: &Part) -> Result<()> {
    for path in MACHINE_PATHS {
        let at = app.bytes.windows(path.len()).position(|window| window == path.as_bytes());
        if let Some(at) = at {
            let end = app.bytes.len().min(at + 60);
            let shown = String::from_utf8_lossy(app.bytes.get(at..end).unwrap_or_default()).into_owned();
            bail!("the app names a folder of the machine that built it: {shown:?}");
        }
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word))
}
