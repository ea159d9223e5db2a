//! What is flashed: bootloader, partition table and program, from the image that came with this
//! program or from a file, and the provisioning record with them.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use esp_image::{
    BootError, Bundle, Header, Partition, Program,
    layout::{
        BOOTLOADER_OFFSET, PARTITION_TABLE_BYTES, PARTITION_TABLE_OFFSET, PARTITION_TABLE_READ_BYTES,
        PROTECTED, SECTOR_BYTES,
    },
    program::ESP32,
};
use traffic_light::record::{PARTITION_BYTES, Record};

use super::{
    BoardError, BoardInfo, ImageChoice,
    flash_writer::Region,
    memory::BLANK,
    provision::{this_computer, unreachable},
};

const BOOTLOADER: &[u8] = include_bytes!("../../assets/firmware/bootloader.bin");
const TABLE: &[u8] = include_bytes!("../../assets/firmware/partition-table.bin");
const APP: &[u8] = include_bytes!("../../assets/firmware/app.bin");

/// The largest file that can be an image: all of a flash of 16 MB.
const MOST_FILE_BYTES: u64 = 16 << 20;
/// What to do about an image that is damaged.
const DAMAGED: &str = "copy or build the file anew (\"cargo xtask image\")";

/// Something to flash, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    file: PathBuf,
    bootloader: (Program, Vec<u8>),
    table: Vec<u8>,
    partitions: Vec<Partition>,
    app: (Program, Vec<u8>),
    app_at: u32,
    /// Where the provisioning record goes.
    record_at: u32,
}

impl Image {
    pub(super) fn load(choice: &ImageChoice) -> Result<Image, BoardError> {
        match choice {
            ImageChoice::BuiltIn => {
                Image::of_parts(Path::new("the built-in image"), BOOTLOADER, TABLE, |_| APP)
            }
            ImageChoice::File(file) => Image::of_file(file, &read(file)?),
        }
    }

    fn of_file(file: &Path, bytes: &[u8]) -> Result<Image, BoardError> {
        let from = |offset: u32| bytes.get(offset as usize..).unwrap_or_default();
        let is_program = |bytes: &[u8]| bytes.first() == Some(&0xE9);
        if is_program(from(BOOTLOADER_OFFSET)) && from(PARTITION_TABLE_OFFSET).starts_with(&[0xAA, 0x50]) {
            let table = from(PARTITION_TABLE_OFFSET);
            let table = table.get(..PARTITION_TABLE_BYTES as usize).unwrap_or(table);
            Image::of_parts(file, from(BOOTLOADER_OFFSET), table, from)
        } else if is_program(bytes) {
            Image::of_parts(file, BOOTLOADER, TABLE, |_| bytes)
        } else {
            Err(bad(
                file,
                "is no image: neither an app nor a merged image, with a bootloader at 0x1000 and a partition \
                 table at 0x8000, begins there",
                "choose a file that \"cargo xtask image\" made",
            ))
        }
    }

    /// `app` gives the bytes of the app, by the offset of its partition.
    fn of_parts<'b>(
        file: &Path,
        bootloader: &[u8],
        table: &[u8],
        app: impl FnOnce(u32) -> &'b [u8],
    ) -> Result<Image, BoardError> {
        let partitions =
            Partition::read_table(table.get(..PARTITION_TABLE_READ_BYTES as usize).unwrap_or(table))
                .map_err(|error| bad(file, &format!("has a partition table that {error}"), DAMAGED))?;
        let room = PARTITION_TABLE_OFFSET - BOOTLOADER_OFFSET;
        let bootloader = program(file, "bootloader", bootloader, room)?;
        // Together, as the chip will find them: what is sound by itself may still not start.
        let bundle = Bundle { bootloader: &bootloader.0, partitions: &partitions };
        let factory = bundle.check().map_err(|error| no_start(file, &error))?;
        let prov = partitions.iter().find(|partition| partition.is_prov() && holds_record(partition));
        let prov = prov.ok_or_else(|| {
            bad(
                file,
                "has no partition for the provisioning record (data, subtype 6): it is not Twinlight's",
                "add one of 0x1000 bytes to its partition table",
            )
        })?;
        let app = program(file, "app", app(factory.offset), factory.size)?;
        if app.0.descriptor.is_none() {
            return Err(bad(
                file,
                "holds no app: the program in it does not describe itself as one",
                "choose the app, not its bootloader",
            ));
        }
        bundle.check_app(&app.0, factory.offset).map_err(|error| no_start(file, &error))?;
        let mut table = table.to_vec();
        table.resize(PARTITION_TABLE_BYTES as usize, BLANK);
        let (app_at, record_at) = (factory.offset, prov.offset);
        Ok(Image { file: file.to_owned(), bootloader, table, partitions, app, app_at, record_at })
    }

    /// Whether this board can start it.
    pub(super) fn check_for(&self, board: &BoardInfo) -> Result<(), BoardError> {
        let bundle = Bundle { bootloader: &self.bootloader.0, partitions: &self.partitions };
        bundle.check_on(board.flash_bytes).map_err(|error| no_start(&self.file, &error))?;
        let (major, minor) = board.revision;
        let revision = u16::try_from(major * 100 + minor).unwrap_or(u16::MAX);
        for (name, (program, _)) in [("bootloader", &self.bootloader), ("app", &self.app)] {
            if !program.header.starts_on(revision) {
                let text = format!("cannot run here: its {name} is not for chip revision {major}.{minor}");
                let help = format!("build it for chips from revision {major}.{minor} on");
                return Err(bad(&self.file, &text, &help));
            }
            let megabytes = 1_u64 << program.header.flash_size;
            if megabytes << 20 > u64::from(board.flash_bytes) {
                let text = format!("cannot run here: its {name} is made for {megabytes} MB of flash");
                let has = board.flash_bytes >> 20;
                return Err(bad(
                    &self.file,
                    &text,
                    &format!("build it for the {has} MB that this board has"),
                ));
            }
        }
        Ok(())
    }

    /// What the flash should hold, with `record`.
    pub(super) fn regions(&self, record: &Record) -> Result<Vec<Region>, BoardError> {
        Ok(vec![
            Region::new("bootloader", BOOTLOADER_OFFSET, self.bootloader.1.clone()),
            Region::new("partition table", PARTITION_TABLE_OFFSET, self.table.clone()),
            record_region(self.record_at, record)?,
            Region::new("program", self.app_at, self.app.1.clone()),
        ])
    }
}

/// The provisioning record, and nothing else in its sector.
pub(super) fn record_region(offset: u32, record: &Record) -> Result<Region, BoardError> {
    if let Some(problem) = unreachable(&record.broker.host, &this_computer::addresses()) {
        return Err(BoardError::UnreachableBroker(problem));
    }
    let mut bytes = record.encode().map_err(BoardError::BadRecord)?.to_vec();
    bytes.resize(PARTITION_BYTES, BLANK);
    Ok(Region { guards_itself: true, ..Region::new("provisioning record", offset, bytes) })
}

/// Where the record goes on a board with the partition table `table`; `None` where the board has
/// another firmware.
pub(super) fn record_at(table: &[u8]) -> Option<u32> {
    let partitions = Partition::read_table(table).ok()?;
    let prov = partitions.iter().find(|partition| partition.is_prov() && holds_record(partition))?;
    (prov.end() <= u64::from(PROTECTED.start)).then_some(prov.offset)
}

fn holds_record(partition: &Partition) -> bool {
    partition.size as usize >= PARTITION_BYTES && partition.offset.is_multiple_of(SECTOR_BYTES)
}

fn read(file: &Path) -> Result<Vec<u8>, BoardError> {
    let unreadable = |source| BoardError::File { file: file.to_owned(), doing: "read", source };
    let mut bytes = Vec::new();
    File::open(file)
        .map_err(unreadable)?
        .take(MOST_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_FILE_BYTES {
        return Err(bad(file, "is larger than any flash", "choose an image, not a backup of something else"));
    }
    Ok(bytes)
}

fn program(file: &Path, name: &str, bytes: &[u8], room: u32) -> Result<(Program, Vec<u8>), BoardError> {
    let unable = |error| bad(file, &format!("holds no {name} that could start: it {error}"), DAMAGED);
    let a = if name == "app" { "an" } else { "a" };
    // Another chip's program is told as that, whatever else is wrong with it.
    let chip = Header::read(bytes).map_err(unable)?.chip;
    if chip != ESP32 {
        let text = format!("holds {a} {name} for another chip (id {chip}), not for an ESP32");
        return Err(bad(file, &text, "build it for the ESP32 (xtensa-esp32)"));
    }
    let program = Program::read(bytes).map_err(unable)?;
    if program.length > room as usize {
        let length = program.length;
        let text = format!("holds {a} {name} of {length} bytes, and there is room for {room}");
        return Err(bad(file, &text, "build a smaller one, without debug information"));
    }
    let bytes = bytes.get(..program.length).unwrap_or(bytes).to_vec();
    Ok((program, bytes))
}

fn no_start(file: &Path, error: &BootError) -> BoardError {
    bad(file, &error.to_string(), error.help())
}

fn bad(file: &Path, reason: &str, help: &str) -> BoardError {
    BoardError::BadImage { file: file.to_owned(), reason: reason.to_owned(), help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use esp_image::layout::APP_OFFSET;
    use traffic_light::Name;

    use super::*;
    use crate::board::Mac;

    const MERGED: &[u8] = include_bytes!("../../assets/firmware/twinlight-lopy4.bin");

    fn of_file(bytes: &[u8]) -> Result<Image, String> {
        Image::of_file(Path::new("F"), bytes).map_err(|error| error.to_string())
    }

    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = MERGED.to_vec();
        change(&mut bytes);
        of_file(&bytes).unwrap_err()
    }

    fn board(revision: (u32, u32), flash_bytes: u32) -> BoardInfo {
        BoardInfo {
            chip: "ESP32".to_owned(),
            revision,
            mac: Mac([0; 6]),
            flash_bytes,
            stub: true,
            baud: 115_200,
        }
    }

    pub(crate) fn record() -> Record {
        let mut record = Record::new(Name::new("demo").unwrap(), Name::new("b").unwrap());
        record.wifi.ssid = "lab".try_into().unwrap();
        record.broker.host = "192.168.1.2".try_into().unwrap();
        record
    }

    #[test]
    fn the_built_in_image_is_whole_and_is_that_of_its_manifest() {
        let manifest: esp_image::Manifest =
            toml::from_str(include_str!("../../assets/firmware/manifest.toml")).unwrap();
        assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
        for (part, bytes, offset) in
            [(0, BOOTLOADER, BOOTLOADER_OFFSET), (1, TABLE, PARTITION_TABLE_OFFSET), (2, APP, APP_OFFSET)]
        {
            assert_eq!(manifest.parts[part].sha256, esp_image::sha256(bytes));
            assert_eq!(manifest.parts[part].offset, offset);
        }
        let image = Image::load(&ImageChoice::BuiltIn).unwrap();
        assert!(image.check_for(&board((0, 0), 4 << 20)).is_ok());
        assert!(image.check_for(&board((1, 0), 8 << 20)).is_ok());
        let places: Vec<_> = image.regions(&record()).unwrap().iter().map(|region| region.offset).collect();
        assert_eq!(places, [0x1000, 0x8000, 0xF000, 0x1_0000]);
    }

    #[test]
    fn a_merged_image_and_an_app_alone_come_to_the_same_as_the_parts() {
        let regions = |image: Image| image.regions(&record()).unwrap();
        let built_in = regions(Image::load(&ImageChoice::BuiltIn).unwrap());
        assert_eq!(regions(of_file(MERGED).unwrap()), built_in);
        assert_eq!(regions(of_file(APP).unwrap()), built_in);
    }

    #[test]
    fn what_a_board_could_not_start_is_refused_with_the_reason() {
        assert!(of_file(b"").unwrap_err().contains("is no image"));
        assert!(of_file(&[0xFF; 0x2_0000]).unwrap_err().contains("is no image"));
        assert!(of_file(BOOTLOADER).unwrap_err().contains("holds no app"));
        assert!(of_file(&APP[..APP.len() - 1]).unwrap_err().contains("cut off before its digest"));
        assert!(changed(|bytes| bytes[0x1_0000 + 12] = 9).contains("for another chip"));
        assert!(changed(|bytes| bytes[0x1_0100] ^= 1).contains("wrong checksum"));
        assert!(changed(|bytes| bytes.truncate(0x1_0000)).contains("holds no app"));
        assert!(
            changed(|bytes| bytes[0x8000 + 5] ^= 1).contains("partition table that has a wrong checksum")
        );
    }

    /// Makes the table anew, so that its checksum is right.
    fn with_table(change: impl FnOnce(&mut [u8])) -> String {
        use md5::{Digest, Md5};
        changed(|bytes| {
            let table = &mut bytes[0x8000..0x9000];
            change(table);
            let sum: [u8; 16] = Md5::digest(&table[..4 * 32]).into();
            table[4 * 32 + 16..5 * 32].copy_from_slice(&sum);
        })
    }

    #[test]
    fn a_table_that_reaches_pycoms_block_or_has_no_room_for_the_record_is_refused() {
        let grown =
            with_table(|table| table[3 * 32 + 8..3 * 32 + 12].copy_from_slice(&0x3F_0000_u32.to_le_bytes()));
        assert!(grown.contains("reaches the block at 0x3ff000"), "{grown}");
        let unprovisioned = with_table(|table| table[2 * 32 + 3] = 7);
        assert!(unprovisioned.contains("no partition for the provisioning record"), "{unprovisioned}");
        let overlapping =
            with_table(|table| table[32 + 4..32 + 8].copy_from_slice(&0xA000_u32.to_le_bytes()));
        assert!(overlapping.contains("lies upon another"), "{overlapping}");
        assert_eq!(record_at(TABLE), Some(0xF000));
        assert_eq!(record_at(&[0xFF; 512]), None);
    }

    #[test]
    fn an_image_for_another_revision_or_a_larger_flash_is_refused_for_this_board() {
        let mut image = Image::load(&ImageChoice::BuiltIn).unwrap();
        image.app.0.header.min_revision = 300;
        let error = image.check_for(&board((1, 0), 8 << 20)).unwrap_err().to_string();
        assert!(error.contains("its app is not for chip revision 1.0"), "{error}");
        let mut image = Image::load(&ImageChoice::BuiltIn).unwrap();
        image.bootloader.0.header.flash_size = 4;
        let error = image.check_for(&board((1, 0), 8 << 20)).unwrap_err().to_string();
        assert!(error.contains("made for 16 MB"), "{error}");
    }
}
