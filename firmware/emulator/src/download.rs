//! A download into the flash: blocks come in, plain or compressed, and are programmed in turn.

use flate2::{Decompress, FlushDecompress, Status};

use crate::flash::{BLOCK_BYTES, Flash, FlashError, SECTOR_BYTES};

/// How much is decompressed before it is programmed, in bytes.
const WINDOW_BYTES: usize = 0x8000;

/// Why a block was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The flash refused.
    Flash,
    /// The compressed data cannot be decompressed.
    Inflate,
    /// There is more of it than was announced.
    TooMuch,
    /// It ended before all that was announced was there.
    NotEnough,
}

impl From<FlashError> for Trouble {
    fn from(_: FlashError) -> Trouble {
        Trouble::Flash
    }
}

/// How a loader erases for a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Erase {
    /// All of it before the first block (ROM).
    Before,
    /// Sectors, and whole 64 KiB blocks where they fit, just before they are needed (stub).
    AsItGoes,
}

/// A download that has begun.
pub(crate) struct Download {
    /// Where the next byte goes.
    next: u32,
    /// How many bytes are still to be programmed.
    remaining: u32,
    /// The next sector to erase, and how many are left.
    next_sector: u32,
    sectors: u32,
    inflate: Option<Inflate>,
    /// The number that the next block should have.
    pub(crate) sequence: u32,
}

struct Inflate {
    stream: Decompress,
    /// Decompressed, and not yet programmed.
    window: Vec<u8>,
    ended: bool,
}

impl Download {
    /// Begins a download of `bytes` bytes, as they will be in the flash, at `offset`.
    pub(crate) fn begin(
        flash: &mut Flash,
        offset: u32,
        bytes: u32,
        compressed: bool,
        erase: Erase,
    ) -> Result<Download, FlashError> {
        let end = offset.checked_add(bytes).filter(|end| *end <= flash.bytes());
        let end = end.ok_or(FlashError::OutOfRange)?;
        let next_sector = offset / SECTOR_BYTES;
        let sectors = match erase {
            Erase::Before => {
                flash.erase(offset..end)?;
                0
            }
            Erase::AsItGoes => (offset % SECTOR_BYTES + bytes).div_ceil(SECTOR_BYTES),
        };
        let inflate = compressed.then(|| Inflate {
            stream: Decompress::new(true),
            window: Vec::with_capacity(WINDOW_BYTES),
            ended: false,
        });
        Ok(Download { next: offset, remaining: bytes, next_sector, sectors, inflate, sequence: 0 })
    }

    /// Whether its blocks are compressed.
    pub(crate) fn is_compressed(&self) -> bool {
        self.inflate.is_some()
    }

    /// Whether all that was announced is programmed.
    pub(crate) fn is_complete(&self) -> bool {
        self.remaining == 0
    }

    /// Takes the data of the next block.
    pub(crate) fn take(&mut self, flash: &mut Flash, data: &[u8]) -> Result<(), Trouble> {
        self.sequence += 1;
        match self.inflate.take() {
            None => self.program(flash, data),
            Some(mut inflate) => {
                let taken = self.inflate(flash, &mut inflate, data);
                self.inflate = Some(inflate);
                taken
            }
        }
    }

    fn inflate(&mut self, flash: &mut Flash, inflate: &mut Inflate, data: &[u8]) -> Result<(), Trouble> {
        // Behind the data there may be the rest of a checksum of four bytes, and nothing else.
        if self.remaining == 0 && data.len() > 4 {
            return Err(Trouble::TooMuch);
        }
        let mut rest = data;
        while self.remaining > 0 && !inflate.ended {
            let (taken, made) = (inflate.stream.total_in(), inflate.window.len());
            let status = inflate
                .stream
                .decompress_vec(rest, &mut inflate.window, FlushDecompress::None)
                .map_err(|_| Trouble::Inflate)?;
            let used = usize::try_from(inflate.stream.total_in() - taken).unwrap_or(rest.len());
            rest = rest.get(used..).unwrap_or_default();
            inflate.ended = status == Status::StreamEnd;
            let idle = used == 0 && inflate.window.len() == made;
            if inflate.ended || inflate.window.len() >= WINDOW_BYTES {
                self.program(flash, &inflate.window)?;
                inflate.window.clear();
            } else if idle && rest.is_empty() {
                break;
            } else if idle {
                return Err(Trouble::Inflate);
            }
        }
        if inflate.ended && self.remaining > 0 { Err(Trouble::NotEnough) } else { Ok(()) }
    }

    /// Programs the next bytes; drops what is beyond the end, which is padding.
    fn program(&mut self, flash: &mut Flash, data: &[u8]) -> Result<(), Trouble> {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX).min(self.remaining);
        let kept = usize::try_from(length).ok().and_then(|length| data.get(..length)).unwrap_or_default();
        if kept.is_empty() {
            return Ok(());
        }
        while self.sectors > 0 && self.next_sector <= (self.next + length) / SECTOR_BYTES {
            self.erase_next(flash)?;
        }
        flash.program(self.next, kept)?;
        self.next += length;
        self.remaining -= length;
        Ok(())
    }

    fn erase_next(&mut self, flash: &mut Flash) -> Result<(), FlashError> {
        const SECTORS_A_BLOCK: u32 = BLOCK_BYTES / SECTOR_BYTES;
        let whole_block = self.sectors >= SECTORS_A_BLOCK && self.next_sector.is_multiple_of(SECTORS_A_BLOCK);
        let count = if whole_block { SECTORS_A_BLOCK } else { 1 };
        flash.erase(self.next_sector * SECTOR_BYTES..(self.next_sector + count) * SECTOR_BYTES)?;
        self.next_sector += count;
        self.sectors -= count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn used_flash() -> (tempfile::TempDir, Flash) {
        let folder = tempfile::tempdir().unwrap();
        let mut flash = Flash::open(&folder.path().join("flash"), 0x4_0000).unwrap();
        flash.program(0, &vec![0; 0x4_0000]).unwrap();
        flash.erased = crate::Ranges::default();
        (folder, flash)
    }

    fn compressed(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_stub_erases_no_sector_that_it_does_not_need() {
        let (_folder, mut flash) = used_flash();
        let data: Vec<u8> = (0..0x1_2000_u32).map(|index| index.to_le_bytes()[1]).collect();
        let mut download = Download::begin(&mut flash, 0x1_0000, 0x1_1F00, false, Erase::AsItGoes).unwrap();
        assert!(flash.erased.is_empty());
        for block in data.chunks(0x4000) {
            download.take(&mut flash, block).unwrap();
        }
        assert!(download.is_complete());
        assert_eq!(flash.erased.as_slice(), [0x1_0000..0x2_2000]);
        assert_eq!(flash.read(0x1_0000..0x2_1F00).unwrap(), data[..0x1_1F00]);
        assert_eq!(flash.read(0x2_1F00..0x2_1F01).unwrap(), [0xFF], "the padding is not programmed");
    }

    #[test]
    fn compressed_blocks_give_the_same_flash_however_they_are_cut() {
        let data: Vec<u8> =
            (0..100_000_u32).map(|index| index.wrapping_mul(index).to_le_bytes()[1]).collect();
        let sent = compressed(&data);
        for cut in [1, 77, 1024, 0x4000] {
            let (_folder, mut flash) = used_flash();
            let mut download = Download::begin(&mut flash, 0x1000, 100_000, true, Erase::Before).unwrap();
            for block in sent.chunks(cut) {
                download.take(&mut flash, block).unwrap();
            }
            assert!(download.is_complete());
            assert_eq!(flash.read(0x1000..0x1000 + 100_000).unwrap(), data, "cut to {cut}");
        }
    }

    #[test]
    fn what_is_no_compressed_data_is_noticed() {
        let (_folder, mut flash) = used_flash();
        let mut download = Download::begin(&mut flash, 0, 0x1000, true, Erase::AsItGoes).unwrap();
        assert_eq!(download.take(&mut flash, &[0xA5; 64]), Err(Trouble::Inflate));
        let mut short = Download::begin(&mut flash, 0, 0x1000, true, Erase::AsItGoes).unwrap();
        assert_eq!(short.take(&mut flash, &compressed(b"short")), Err(Trouble::NotEnough));
    }

    #[test]
    fn a_download_beyond_the_end_does_not_begin() {
        let (_folder, mut flash) = used_flash();
        assert!(Download::begin(&mut flash, 0x3_F000, 0x1001, false, Erase::Before).is_err());
        assert!(flash.erased.is_empty());
    }
}
