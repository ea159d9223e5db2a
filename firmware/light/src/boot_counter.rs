//! The count of a board's starts, kept on flash so that the number of each run is higher than the last.
//!
//! A board has no clock that runs without power. Its `boot` is therefore the time at which it was
//! provisioned plus this count. Beside the count stands the longest lease that a run may have promised.
//!
//! Two sectors are written in turn, one entry a start, and a full one is erased only once the other
//! holds newer entries: whatever moment the power fails at, the last whole entry is still there.
//! A sector takes 256 starts, and flash some 100,000 erasures.

use crate::crc::crc32;

/// The bytes of one flash sector.
pub const SECTOR_BYTES: usize = 4096;
/// The bytes of one entry: count, longest lease, checksum of both, and a blank word.
pub const ENTRY_BYTES: usize = 16;
const ENTRIES: usize = SECTOR_BYTES / ENTRY_BYTES;

/// One start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// How many starts there have been, this one included.
    pub count: u32,
    /// The longest lease that any run so far may have promised, in milliseconds.
    pub lease_max_ms: u32,
}

/// Where the next entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which of the two sectors.
    pub sector: usize,
    /// Which entry of it.
    pub index: usize,
    /// Whether the sector has to be erased first.
    pub erase: bool,
}

impl Slot {
    /// The offset from the beginning of the first sector, in bytes.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.sector * SECTOR_BYTES + self.index * ENTRY_BYTES
    }

    /// The slot after this one, once this one is written.
    #[must_use]
    pub const fn after(self) -> Slot {
        if self.index + 1 < ENTRIES {
            Slot { sector: self.sector, index: self.index + 1, erase: false }
        } else {
            Slot { sector: 1 - self.sector, index: 0, erase: true }
        }
    }
}

impl Entry {
    /// The entry of the start after `last`, of a light that promises for `lease_ms`.
    #[must_use]
    pub fn after(last: Option<Entry>, lease_ms: u32) -> Entry {
        let last = last.unwrap_or_default();
        Entry { count: last.count.wrapping_add(1), lease_max_ms: last.lease_max_ms.max(lease_ms) }
    }

    /// The entry as it lies on flash.
    #[must_use]
    pub fn encode(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0xFF; ENTRY_BYTES];
        bytes[..4].copy_from_slice(&self.count.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.lease_max_ms.to_le_bytes());
        let crc = crc32(&bytes[..8]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Entry> {
        let word = |index: usize| -> Option<u32> {
            let bytes = bytes.get(4 * index..4 * index + 4)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let crc = crc32(bytes.get(..8)?);
        let entry = Entry { count: word(0)?, lease_max_ms: word(1)? };
        (word(2)? == crc && word(3)? == u32::MAX).then_some(entry)
    }
}

/// Reads two sectors: the last start, if there is any, and where the next one is written.
///
/// Bytes that are no entry, such as another program's, are passed over.
#[must_use]
pub fn last(sectors: [&[u8]; 2]) -> (Option<Entry>, Slot) {
    let entries = |sector: &[u8]| {
        let newest = sector.chunks_exact(ENTRY_BYTES).filter_map(Entry::decode).max_by_key(|e| e.count);
        // The first slot after everything that was ever written, whole or not.
        let written = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0xFF);
        let blank_from = sector.chunks_exact(ENTRY_BYTES).rposition(written).map_or(0, |index| index + 1);
        (newest, blank_from)
    };
    let [(first, first_blank), (second, second_blank)] = sectors.map(entries);
    let (sector, newest, blank_from) = match (first, second) {
        (Some(a), Some(b)) if a.count < b.count => (1, Some(b), second_blank),
        (None, Some(b)) => (1, Some(b), second_blank),
        (first, _) => (0, first, first_blank),
    };
    let slot = match newest {
        Some(_) if blank_from < ENTRIES => Slot { sector, index: blank_from, erase: false },
        Some(_) => Slot { sector: 1 - sector, index: 0, erase: true },
        None => Slot { sector: 0, index: 0, erase: true },
    };
    (newest, slot)
}

/// The number of run `count` of a board that was provisioned at `provisioned_s`, in seconds since 1970.
///
/// It grows even where the count was lost, once the board is provisioned anew: a board starts less than
/// once a second.
#[must_use]
pub fn boot_number(provisioned_s: u32, count: u32) -> u32 {
    provisioned_s.saturating_add(count)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use super::*;

    struct Flash(Vec<u8>);

    impl Flash {
        fn last(&self) -> (Option<Entry>, Slot) {
            let (first, second) = self.0.split_at(SECTOR_BYTES);
            last([first, second])
        }

        /// A start whose power fails after `bytes` bytes; an erasure is one of the steps.
        fn start(&mut self, lease_max_ms: u32, bytes: usize) -> u32 {
            let (before, slot) = self.last();
            let next = Entry::after(before, lease_max_ms);
            if slot.erase {
                let from = slot.sector * SECTOR_BYTES;
                self.0[from..from + SECTOR_BYTES].fill(0xFF);
            }
            let entry = next.encode();
            for (cell, byte) in self.0[slot.offset()..].iter_mut().zip(&entry[..bytes.min(ENTRY_BYTES)]) {
                // Flash only clears bits: a slot that is not blank would be spoilt.
                assert_eq!(*cell, 0xFF);
                *cell &= byte;
            }
            if bytes >= ENTRY_BYTES {
                assert_eq!(self.last().1, slot.after());
            }
            next.count
        }
    }

    #[test]
    fn starts_are_counted_over_many_sectors_and_none_is_told_twice() {
        for content in [0xFF, 0, 0xA5] {
            let mut flash = Flash(vec![content; 2 * SECTOR_BYTES]);
            assert_eq!(flash.last().0, None);
            for n in 1..1_500 {
                assert_eq!(flash.start(8_000, ENTRY_BYTES), n);
            }
        }
    }

    #[test]
    fn power_that_fails_at_any_byte_costs_at_most_that_one_start() {
        let mut flash = Flash(vec![0xFF; 2 * SECTOR_BYTES]);
        let mut whole = 0;
        for n in 0..2_000 {
            let bytes = n % (ENTRY_BYTES + 1);
            let count = flash.start(8_000, bytes);
            assert_eq!(count, whole + 1);
            // The last four bytes of an entry are blank.
            whole = if bytes >= 12 { count } else { whole };
        }
    }

    #[test]
    fn the_longest_lease_is_kept() {
        let mut flash = Flash(vec![0xFF; 2 * SECTOR_BYTES]);
        flash.start(8_000, ENTRY_BYTES);
        flash.start(30_000, ENTRY_BYTES);
        flash.start(8_000, ENTRY_BYTES);
        assert_eq!(flash.last().0, Some(Entry { count: 3, lease_max_ms: 30_000 }));
    }

    #[test]
    fn numbers_grow_from_start_to_start_and_over_a_lost_count() {
        let mut flash = Flash(vec![0xFF; 2 * SECTOR_BYTES]);
        let mut highest = 0;
        for provisioned_s in [1_800_000_000, 1_800_003_600] {
            flash.0.fill(0xFF);
            for _ in 0..600 {
                let boot = boot_number(provisioned_s, flash.start(8_000, ENTRY_BYTES));
                assert!(boot > highest);
                highest = boot;
            }
        }
        assert_eq!(boot_number(u32::MAX, 2), u32::MAX);
    }
}
