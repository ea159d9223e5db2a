//! A NOR flash in a file: programming clears bits, erasing sets whole sectors to 0xFF.

use std::{
    fs::{File, OpenOptions},
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
};

use crate::ranges::Ranges;

/// The smallest piece that can be erased, in bytes.
pub const SECTOR_BYTES: u32 = 0x1000;
/// The large piece that can be erased in one go, in bytes.
pub(crate) const BLOCK_BYTES: u32 = 0x1_0000;
/// How much is read or changed at a time.
const CHUNK_BYTES: u32 = BLOCK_BYTES;

/// Why the flash did not do what it was told.
#[derive(Debug)]
pub(crate) enum FlashError {
    /// Some of the addresses are beyond its end.
    OutOfRange,
    /// The file behind it cannot be read or written.
    File,
}

/// The flash, and which parts of it were touched since it was opened.
pub(crate) struct Flash {
    file: File,
    bytes: u32,
    pub(crate) erased: Ranges,
    pub(crate) written: Ranges,
}

impl Flash {
    /// Opens the flash in the file at `path`; makes an erased one of `bytes` bytes if there is none.
    ///
    /// # Errors
    /// When the file cannot be opened or made, or holds a flash of another size.
    pub(crate) fn open(path: &Path, bytes: u32) -> io::Result<Flash> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut flash = Flash { file, bytes, erased: Ranges::default(), written: Ranges::default() };
        let found = flash.file.metadata()?.len();
        if found == 0 {
            flash.erase(0..bytes).map_err(|_| io::Error::other("the flash file cannot be filled"))?;
            flash.erased = Ranges::default();
        } else if found != u64::from(bytes) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} holds {found} bytes, and a flash of {bytes} was asked for", path.display()),
            ));
        }
        Ok(flash)
    }

    /// Its size in bytes.
    pub(crate) fn bytes(&self) -> u32 {
        self.bytes
    }

    /// What lies at `range`.
    pub(crate) fn read(&self, range: Range<u32>) -> Result<Vec<u8>, FlashError> {
        self.check(&range)?;
        let length = usize::try_from(range.end - range.start).map_err(|_| FlashError::OutOfRange)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, range.start.into()).map_err(|_| FlashError::File)?;
        Ok(bytes)
    }

    /// Programs `data` at `at`: a bit that is 0 stays 0, whatever is written to it.
    pub(crate) fn program(&mut self, at: u32, data: &[u8]) -> Result<(), FlashError> {
        let length = u32::try_from(data.len()).map_err(|_| FlashError::OutOfRange)?;
        let range = at..at.checked_add(length).ok_or(FlashError::OutOfRange)?;
        let mut bytes = self.read(range.clone())?;
        for (old, new) in bytes.iter_mut().zip(data) {
            *old &= new;
        }
        self.file.write_all_at(&bytes, at.into()).map_err(|_| FlashError::File)?;
        self.written.add(range);
        Ok(())
    }

    /// Erases every sector that `range` touches.
    pub(crate) fn erase(&mut self, range: Range<u32>) -> Result<(), FlashError> {
        if range.is_empty() {
            return Ok(());
        }
        let start = range.start - range.start % SECTOR_BYTES;
        let end = range.end.checked_next_multiple_of(SECTOR_BYTES).ok_or(FlashError::OutOfRange)?;
        self.check(&(start..end))?;
        let mut at = start;
        while at < end {
            let count = CHUNK_BYTES.min(end - at);
            let blank = vec![0xFF; usize::try_from(count).map_err(|_| FlashError::OutOfRange)?];
            self.file.write_all_at(&blank, at.into()).map_err(|_| FlashError::File)?;
            at += count;
        }
        self.erased.add(start..end);
        Ok(())
    }

    fn check(&self, range: &Range<u32>) -> Result<(), FlashError> {
        if range.start <= range.end && range.end <= self.bytes { Ok(()) } else { Err(FlashError::OutOfRange) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u32 = 0x4_0000;

    fn flash() -> (tempfile::TempDir, Flash) {
        let folder = tempfile::tempdir().unwrap();
        let flash = Flash::open(&folder.path().join("flash"), BYTES).unwrap();
        (folder, flash)
    }

    #[test]
    fn a_new_flash_is_erased_and_nothing_was_done_to_it() {
        let (_folder, flash) = flash();
        assert!(flash.read(0..BYTES).unwrap().iter().all(|byte| *byte == 0xFF));
        assert!(flash.erased.is_empty() && flash.written.is_empty());
    }

    #[test]
    fn programming_only_clears_bits() {
        let (_folder, mut flash) = flash();
        flash.program(0x100, &[0b1010_1010]).unwrap();
        flash.program(0x100, &[0b1100_1100]).unwrap();
        assert_eq!(flash.read(0x100..0x102).unwrap(), [0b1000_1000, 0xFF]);
        assert_eq!(flash.written.as_slice(), [0x100..0x101]);
    }

    #[test]
    fn erasing_takes_the_whole_sectors_that_it_touches_and_no_other() {
        let (_folder, mut flash) = flash();
        flash.program(0, &vec![0; 0x4000]).unwrap();
        flash.erase(0x1FFF..0x2001).unwrap();
        let found = flash.read(0..0x4000).unwrap();
        let blank: Vec<_> = found.iter().map(|byte| *byte == 0xFF).collect();
        assert!(blank[0x1000..0x3000].iter().all(|blank| *blank));
        assert!(!blank[..0x1000].iter().chain(&blank[0x3000..]).any(|blank| *blank));
        assert_eq!(flash.erased.as_slice(), [0x1000..0x3000]);
    }

    #[test]
    fn what_is_beyond_the_end_is_refused_and_changes_nothing() {
        let (_folder, mut flash) = flash();
        assert!(matches!(flash.program(BYTES - 1, &[0, 0]), Err(FlashError::OutOfRange)));
        assert!(matches!(flash.erase(BYTES - 1..BYTES + 1), Err(FlashError::OutOfRange)));
        assert!(matches!(flash.read(BYTES..BYTES + 1), Err(FlashError::OutOfRange)));
        assert_eq!(flash.read(BYTES - 1..BYTES).unwrap(), [0xFF]);
    }

    #[test]
    fn the_file_keeps_the_flash_and_its_size() {
        let (folder, mut flash) = flash();
        let path = folder.path().join("flash");
        flash.program(7, b"kept").unwrap();
        drop(flash);
        assert_eq!(Flash::open(&path, BYTES).unwrap().read(7..11).unwrap(), b"kept");
        assert!(Flash::open(&path, 2 * BYTES).is_err());
    }
}
