//! Whether an image is one that a LoPy4 can start and may be given.
//!
//! It looks at the bytes alone: `esp_image` reads what espflash's library made, so that a slip in
//! making it does not hide itself.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use esp_idf_part::PartitionTable;
use esp_image::{
    Header, Manifest, Partition, Program,
    layout::{APP_OFFSET, BOOTLOADER_OFFSET, PARTITION_TABLE_BYTES, PARTITION_TABLE_OFFSET, PROTECTED},
    manifest::File,
    sha256,
};
use espflash::{flasher::FlashFrequency, target::Chip};

use crate::image::{Image, Part, merge};

/// The largest app that is allowed.
pub const MAX_APP_BYTES: usize = 1024 * 1024;

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
        ensure!(end <= u64::from(PROTECTED.start), "\"{}\" reaches Pycom's block", part.name);
    }
    check_program(bootloader).context("the bootloader")?;
    let program = check_program(app).context("the app")?;
    check_descriptor(&program, manifest).context("the app's descriptor")?;
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

fn check_program(part: &Part) -> Result<Program> {
    let header = Header::read(&part.bytes)?;
    let clock = FlashFrequency::_40Mhz.encode_flash_frequency(Chip::Esp32)?;
    ensure!(header.flash_mode == MODE_DIO, "is not for flash mode DIO");
    ensure!(
        header.flash_size == SIZE_4_MB && header.flash_clock == clock,
        "is not for 4 MB of flash at 40 MHz"
    );
    ensure!(header.chip == Chip::Esp32.id(), "is not for an ESP32");
    ensure!(header.min_major == 0, "does not start on chip revision 0");
    let (min, max) = (header.min_revision, header.max_revision);
    ensure!(min == 0 && max >= 1, "is for chip revisions {min} to {max}, and a LoPy4 has 0 or 1");
    ensure!(header.has_digest, "has no digest");
    Ok(Program::read(&part.bytes)?)
}

fn check_descriptor(app: &Program, manifest: &Manifest) -> Result<()> {
    let descriptor = app.descriptor.as_ref().context("is not at the beginning")?;
    let (version, project) = (&descriptor.version, &descriptor.project);
    ensure!(*version == manifest.version, "says version {version}, the manifest {}", manifest.version);
    ensure!(version == env!("CARGO_PKG_VERSION"), "says version {version}, this program is another");
    ensure!(project == "twinlight-firmware", "says project {project}");
    Ok(())
}

fn check_table(part: &Part) -> Result<()> {
    ensure!(part.bytes.len() as u64 <= u64::from(PARTITION_TABLE_BYTES), "is too long");
    // A second judge.
    PartitionTable::try_from_bytes(part.bytes.clone())?.validate()?;
    let found: BTreeSet<_> = Partition::read_table(&part.bytes)?.into_iter().collect();
    let wanted: BTreeSet<_> = PARTITIONS
        .into_iter()
        .map(|(name, kind, subtype, offset, size)| Partition {
            name: name.to_owned(),
            kind,
            subtype,
            offset,
            size,
        })
        .collect();
    ensure!(found == wanted, "has other partitions: {found:?}");
    for partition in found {
        ensure!(partition.end() <= u64::from(PROTECTED.start), "{} reaches Pycom's block", partition.name);
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
