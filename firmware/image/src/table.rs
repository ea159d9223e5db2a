//! The partition table ("Partition Tables" of ESP-IDF's programming guide).

use md5::{Digest, Md5};

use crate::{text, word};

const ENTRY_BYTES: usize = 32;
const ENTRY_MAGIC: [u8; 2] = [0xAA, 0x50];
const MD5_MAGIC: [u8; 2] = [0xEB, 0xEB];
const TYPE_APP: u8 = 0;
const TYPE_DATA: u8 = 1;
const SUBTYPE_FACTORY: u8 = 0;
/// The subtype of the partition that says which of several apps starts.
const SUBTYPE_OTADATA: u8 = 0;
/// The subtype of the partition that holds the provisioning record.
const SUBTYPE_PROV: u8 = 6;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    pub name: String,
    /// Its type: 0 app, 1 data.
    pub kind: u8,
    pub subtype: u8,
    /// Where it begins.
    pub offset: u32,
    /// Its bytes.
    pub size: u32,
}

/// Why bytes are no partition table. Continues a sentence that names the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// There is no partition in it.
    #[error("holds no partition")]
    Empty,
    /// There is something that is neither a partition nor the end.
    #[error("holds something at {0:#x} that is no partition")]
    Entry(usize),
    /// Its checksum is wrong.
    #[error("has a wrong checksum")]
    Checksum,
    /// It has more than one checksum.
    #[error("has two checksums")]
    TwoChecksums,
    /// Nothing says where it ends.
    #[error("has no end: no blank entry follows its last one")]
    NoEnd,
}

impl Partition {
    /// Reads a partition table; what follows it does not count.
    ///
    /// # Errors
    /// When there is none, or a damaged one.
    pub fn read_table(bytes: &[u8]) -> Result<Vec<Partition>, TableError> {
        let mut partitions = Vec::new();
        let (mut has_checksum, mut has_end) = (false, false);
        for (index, entry) in bytes.chunks_exact(ENTRY_BYTES).enumerate() {
            let at = index * ENTRY_BYTES;
            if entry.starts_with(&ENTRY_MAGIC) {
                partitions.push(Partition::read(entry).ok_or(TableError::Entry(at))?);
            } else if entry.starts_with(&MD5_MAGIC) {
                if std::mem::replace(&mut has_checksum, true) {
                    return Err(TableError::TwoChecksums);
                }
                let sum = Md5::digest(bytes.get(..at).unwrap_or_default());
                if entry.get(16..) != Some(sum.as_slice()) {
                    return Err(TableError::Checksum);
                }
            } else if entry.iter().all(|byte| *byte == 0xFF) {
                has_end = true;
                break;
            } else {
                return Err(TableError::Entry(at));
            }
        }
        match (partitions.is_empty(), has_end) {
            (true, _) => Err(TableError::Empty),
            (false, false) => Err(TableError::NoEnd),
            (false, true) => Ok(partitions),
        }
    }

    fn read(entry: &[u8]) -> Option<Partition> {
        Some(Partition {
            name: text(entry.get(12..28)?),
            kind: *entry.get(2)?,
            subtype: *entry.get(3)?,
            offset: word(entry, 4)?,
            size: word(entry, 8)?,
        })
    }

    /// Whether it holds the app that starts where there is no other.
    #[must_use]
    pub fn is_factory(&self) -> bool {
        self.kind == TYPE_APP && self.subtype == SUBTYPE_FACTORY
    }

    /// Whether it holds an app.
    #[must_use]
    pub fn is_app(&self) -> bool {
        self.kind == TYPE_APP
    }

    /// Whether it says which of several apps starts.
    #[must_use]
    pub fn is_otadata(&self) -> bool {
        self.kind == TYPE_DATA && self.subtype == SUBTYPE_OTADATA
    }

    /// Whether it holds the provisioning record.
    #[must_use]
    pub fn is_prov(&self) -> bool {
        self.kind == TYPE_DATA && self.subtype == SUBTYPE_PROV
    }

    /// The first byte behind it.
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.size)
    }
}
