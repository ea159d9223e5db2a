//! Whether bootloader, partition table and app start together: what the chip's ROM checks of the bootloader,
//! and the second-stage bootloader of table and app, before anything is written.
//!
//! Sources: ESP-IDF's `bootloader_support` (`esp_image_format.c`, `flash_partitions.c`,
//! `bootloader_utility.c`) and `soc.h` of the ESP32.

use std::ops::Range;

use crate::{
    Partition, Program, Segment,
    layout::{MAP_PAGE_BYTES, PARTITION_TABLE_BYTES, PARTITION_TABLE_OFFSET, PROTECTED},
};

/// Flash that is mapped as data, and as instructions.
const MAPPED_DATA: Range<u32> = 0x3F40_0000..0x3F80_0000;
const MAPPED_CODE: Range<u32> = 0x400D_0000..0x4040_0000;
const DATA_RAM: Range<u32> = 0x3FFA_E000..0x4000_0000;
const CODE_RAM: Range<u32> = 0x4008_0000..0x400A_A000;
/// The ROM has the caches' memory for code too, which an app's bootloader runs in.
const CODE_RAM_OF_ROM: Range<u32> = 0x4007_0000..0x400C_0000;
/// The memory that stays on in deep sleep.
const RTC_RAM: [Range<u32>; 3] =
    [0x3FF8_0000..0x3FF8_2000, 0x400C_0000..0x400C_2000, 0x5000_0000..0x5000_2000];
/// The bootloader's stack, which grows down from the ROM's, and what it keeps free below it.
const STACK: Range<u32> = 0x3FFD_BF20..0x3FFE_3F20;
/// Segments below are padding, and not loaded.
const FIRST_LOADED: u32 = 0x1000_0000;
/// The least of the partition that says which app starts: two sectors.
const OTADATA_BYTES: u32 = 0x2000;
/// The table and what lies before it.
const FIRST_PARTITION: u32 = PARTITION_TABLE_OFFSET + PARTITION_TABLE_BYTES;

/// What is written together, each part read and sound by itself.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'a> {
    /// What the ROM starts.
    pub bootloader: &'a Program,
    /// What it looks for the app in.
    pub partitions: &'a [Partition],
}

/// Which program something is wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The second-stage bootloader.
    Bootloader,
    App,
}

/// Why no board would start it. Continues a sentence that names the image; [`BootError::help`] says what
/// to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the numbers are")]
pub enum BootError {
    /// An end that has no 32 bits.
    #[error("has a partition {name:?} of {size:#x} bytes at {offset:#x}, which ends beyond 2³²")]
    PartitionWraps { name: String, offset: u32, size: u32 },
    /// More than the board has.
    #[error(
        "has a partition {name:?} that ends at {end:#x}, and this board's flash ends at {flash_bytes:#x}"
    )]
    PartitionBeyondFlash { name: String, end: u64, flash_bytes: u64 },
    /// More than the bootloader will believe that there is.
    #[error(
        "has a partition {name:?} that ends at {end:#x}, and the header of its bootloader names {megabytes} MB of \
         flash: the bootloader would refuse the table"
    )]
    PartitionBeyondHeader { name: String, end: u64, megabytes: u64 },
    /// Two things at one place.
    #[error("has a partition {name:?} that lies upon another or upon the table")]
    PartitionsOverlap { name: String },
    /// It reaches what is never touched.
    #[error(
        "has a partition {name:?} that reaches the block at 0x3ff000, where Pycom keeps the radio identity"
    )]
    PartitionProtected { name: String },
    /// An app where none can be mapped.
    #[error("has the app's partition {name:?} at {offset:#x}, which is no multiple of {MAP_PAGE_BYTES:#x}")]
    AppPlace { name: String, offset: u32 },
    /// Nothing to start.
    #[error("has no partition for a factory app")]
    NoFactory,
    /// The bootloader starts the last, others the first.
    #[error("has two partitions for a factory app, {first:?} and {second:?}")]
    TwoFactories { first: String, second: String },
    /// The bootloader gives up before it looks for an app.
    #[error(
        "has a partition {name:?} of {size:#x} bytes for the choice of the app, and {OTADATA_BYTES:#x} are needed"
    )]
    OtadataSize { name: String, size: u32 },
    /// It is not copied word by word.
    #[error("holds {which} whose segment {index} has {length} bytes, which is no multiple of 4")]
    SegmentLength { which: Which, index: usize, length: u32 },
    /// No memory is there.
    #[error("holds {which} whose segment {index} goes to {address:#x} to {end:#x}, where it has no memory")]
    SegmentAddress { which: Which, index: usize, address: u32, end: u64 },
    /// Its place within the 64 KiB that are mapped at once.
    #[error(
        "holds an app whose segment {index} is mapped to {address:#x} and would lie at {at:#x} on the flash: the \
         chip maps whole pages of {MAP_PAGE_BYTES:#x}, so that both must be the same within a page"
    )]
    SegmentPlace { index: usize, address: u32, at: u64 },
    /// The bootloader maps the last one alone.
    #[error(
        "holds an app that maps the segments {first} and {second} as the same kind, and one of a kind is mapped"
    )]
    MappedTwice { first: usize, second: usize },
    /// One would overwrite the other.
    #[error("holds {which} whose segments {first} and {second} go to the same addresses")]
    SegmentsOverlap { which: Which, first: usize, second: usize },
    /// The bootloader would overwrite itself.
    #[error("holds an app whose segment {index} goes to {address:#x}, upon the bootloader that loads it")]
    OverBootloader { index: usize, address: u32 },
    /// It would start where there is nothing.
    #[error("holds {which} that starts at {entry:#x}, which is in none of its segments of code")]
    Entry { which: Which, entry: u32 },
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Which::Bootloader => "a bootloader",
            Which::App => "an app",
        })
    }
}

impl BootError {
    /// What to do, as a sentence without a full stop.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            BootError::PartitionWraps { .. } => {
                "correct that partition's offset and size in the partition table"
            }
            BootError::PartitionBeyondFlash { .. } => {
                "make the partitions smaller, or take a board with a larger flash"
            }
            BootError::PartitionBeyondHeader { .. } => {
                "let the partitions end there, or build the bootloader for a larger flash (espflash's --flash-size), if \
                 the board has one"
            }
            BootError::PartitionsOverlap { .. } => "give each partition a place of its own from 0x9000 on",
            BootError::PartitionProtected { .. } => "let the partitions end at or before 0x3ff000",
            BootError::AppPlace { .. } => "put the app at a multiple of 0x10000, such as 0x10000",
            BootError::NoFactory => "add a partition of type app and subtype factory to the partition table",
            BootError::TwoFactories { .. } => "leave one of them in the partition table",
            BootError::OtadataSize { .. } => "give that partition (data, ota) 0x2000 bytes, or leave it out",
            BootError::SegmentPlace { .. } => {
                "merge the image anew with the tool that links it (espflash save-image), which pads the segments"
            }
            BootError::SegmentLength { .. }
            | BootError::SegmentAddress { .. }
            | BootError::MappedTwice { .. }
            | BootError::SegmentsOverlap { .. }
            | BootError::OverBootloader { .. }
            | BootError::Entry { .. } => {
                "link it anew for the ESP32, and make the image with espflash or esptool"
            }
        }
    }
}

impl<'a> Bundle<'a> {
    /// Checks bootloader and table, whatever the board is; the partition of the app.
    ///
    /// # Errors
    /// Why no board would start it.
    pub fn check(&self) -> Result<&'a Partition, BootError> {
        check_loaded(Which::Bootloader, self.bootloader)?;
        let mut sorted: Vec<_> = self.partitions.iter().collect();
        sorted.sort_by_key(|partition| partition.offset);
        let mut end = u64::from(FIRST_PARTITION);
        for partition in sorted {
            let name = partition.name.clone();
            if partition.end() > 1 << 32 {
                let Partition { offset, size, .. } = *partition;
                return Err(BootError::PartitionWraps { name, offset, size });
            }
            if u64::from(partition.offset) < end {
                return Err(BootError::PartitionsOverlap { name });
            }
            end = partition.end();
            if u64::from(PROTECTED.start) < end && partition.offset < PROTECTED.end {
                return Err(BootError::PartitionProtected { name });
            }
            if partition.is_app() && !partition.offset.is_multiple_of(MAP_PAGE_BYTES) {
                return Err(BootError::AppPlace { name, offset: partition.offset });
            }
            if partition.is_otadata() && partition.size < OTADATA_BYTES {
                return Err(BootError::OtadataSize { name, size: partition.size });
            }
        }
        let header = &self.bootloader.header;
        let megabytes = 1_u64 << header.flash_size;
        if let Some(beyond) = self.beyond(megabytes << 20) {
            let (name, end) = (beyond.name.clone(), beyond.end());
            return Err(BootError::PartitionBeyondHeader { name, end, megabytes });
        }
        let mut factories = self.partitions.iter().filter(|partition| partition.is_factory());
        match (factories.next(), factories.next()) {
            (None, _) => Err(BootError::NoFactory),
            (Some(factory), None) => Ok(factory),
            (Some(first), Some(second)) => {
                Err(BootError::TwoFactories { first: first.name.clone(), second: second.name.clone() })
            }
        }
    }

    /// Checks the table against a board whose flash has `flash_bytes`.
    ///
    /// # Errors
    /// Why that board would not start it.
    pub fn check_on(&self, flash_bytes: u32) -> Result<(), BootError> {
        let flash_bytes = u64::from(flash_bytes);
        self.beyond(flash_bytes).map_or(Ok(()), |beyond| {
            Err(BootError::PartitionBeyondFlash { name: beyond.name.clone(), end: beyond.end(), flash_bytes })
        })
    }

    /// Checks `app` as the bootloader finds it at `offset` on the flash.
    ///
    /// # Errors
    /// Why it would not start.
    pub fn check_app(&self, app: &Program, offset: u32) -> Result<(), BootError> {
        check_loaded(Which::App, app)?;
        let mut mapped: [Option<usize>; 2] = [None; 2];
        for (index, segment) in app.segments.iter().enumerate() {
            let kind = [MAPPED_DATA, MAPPED_CODE].iter().position(|range| range.contains(&segment.address));
            if let Some(slot) = kind.and_then(|kind| mapped.get_mut(kind)) {
                if let Some(first) = slot.replace(index) {
                    return Err(BootError::MappedTwice { first, second: index });
                }
                let at = u64::from(offset) + u64::from(segment.at);
                let page = u64::from(MAP_PAGE_BYTES);
                if at % page != u64::from(segment.address) % page {
                    return Err(BootError::SegmentPlace { index, address: segment.address, at });
                }
            } else if self.is_in_bootloaders_way(segment) {
                return Err(BootError::OverBootloader { index, address: segment.address });
            }
        }
        Ok(())
    }

    /// Whether loading it would overwrite the bootloader's data or stack while it works.
    fn is_in_bootloaders_way(&self, segment: &Segment) -> bool {
        let data = self.bootloader.segments.iter().filter(|segment| DATA_RAM.contains(&segment.address));
        is_loaded(segment)
            && data.map(range).chain([range_of(&STACK)]).any(|range| overlap(&range, &self::range(segment)))
    }

    fn beyond(&self, bytes: u64) -> Option<&'a Partition> {
        self.partitions.iter().find(|partition| partition.end() > bytes)
    }
}

/// Checks where a program's segments go, and where it starts.
fn check_loaded(which: Which, program: &Program) -> Result<(), BootError> {
    for (index, segment) in program.segments.iter().enumerate() {
        let Segment { address, length, .. } = *segment;
        if !length.is_multiple_of(4) {
            return Err(BootError::SegmentLength { which, index, length });
        }
        let (end, unloaded) = (segment.end(), which == Which::App && !is_loaded(segment));
        if length > 0 && !unloaded && !memories(which).iter().any(|memory| holds(memory, segment)) {
            return Err(BootError::SegmentAddress { which, index, address, end });
        }
    }
    for (second, segment) in program.segments.iter().enumerate() {
        let others = program.segments.iter().take(second);
        let first = others.enumerate().find(|(_, other)| {
            is_loaded(other) && is_loaded(segment) && overlap(&range(other), &range(segment))
        });
        if let Some((first, _)) = first {
            return Err(BootError::SegmentsOverlap { which, first, second });
        }
    }
    let entry = program.header.entry;
    let code = [CODE_RAM_OF_ROM, MAPPED_CODE, RTC_RAM[1].clone()];
    let starts = program.segments.iter().any(|segment| {
        code.iter().any(|range| range.contains(&segment.address))
            && range(segment).contains(&u64::from(entry))
    });
    if starts { Ok(()) } else { Err(BootError::Entry { which, entry }) }
}

/// Where a program's segments may go.
fn memories(which: Which) -> Vec<Range<u32>> {
    let own = match which {
        Which::Bootloader => vec![DATA_RAM, CODE_RAM_OF_ROM],
        Which::App => vec![DATA_RAM, CODE_RAM, MAPPED_DATA, MAPPED_CODE],
    };
    own.into_iter().chain(RTC_RAM).collect()
}

/// Whether anything comes of it, and not only of its length.
fn is_loaded(segment: &Segment) -> bool {
    segment.address >= FIRST_LOADED
}

fn holds(memory: &Range<u32>, segment: &Segment) -> bool {
    memory.contains(&segment.address) && segment.end() <= u64::from(memory.end)
}

fn range(segment: &Segment) -> Range<u64> {
    u64::from(segment.address)..segment.end()
}

fn range_of(range: &Range<u32>) -> Range<u64> {
    u64::from(range.start)..u64::from(range.end)
}

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}
