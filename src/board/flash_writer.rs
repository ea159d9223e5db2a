//! Makes the flash what it should be: compares, writes what differs, verifies.
//!
//! A board that is half written must never be taken for a good one. So the first sector of the
//! bootloader, without which the chip's ROM starts nothing, is blanked before anything else is
//! written, and written last, once everything else has been verified. Where only data differs that
//! guards itself, as the provisioning record does, that sector stays as it is.

use std::{ops::Range, time::Duration};

use esp_image::layout::{BOOTLOADER_OFFSET, SECTOR_BYTES};
use espflash::command::Command;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::{
    BoardError, JobEvent, JobObserver, Part, Step,
    line::SHORT,
    loader::Loader,
    memory::{BLANK, checksum},
    progress::ProgressReporter,
};

/// What is compared and written at once: enough for deflate, little enough to be done again.
const PIECE_BYTES: u32 = 256 * 1024;
/// What the stub takes at once.
const STUB_BLOCK_BYTES: u32 = 0x4000;
/// What the ROM takes at once.
const ROM_BLOCK_BYTES: u32 = 0x400;
/// Of the chip's time to erase and write, per byte: 40 s for a megabyte.
const WRITE_NS_PER_BYTE: u64 = 40_000;
/// Times that a piece is written before the flash counts as broken.
const TRIES: u32 = 2;
/// What makes the chip's ROM start a program.
const BOOT_SECTOR: Range<u32> = BOOTLOADER_OFFSET..BOOTLOADER_OFFSET + SECTOR_BYTES;

/// What a range of the flash should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) offset: u32,
    pub(super) bytes: Vec<u8>,
    /// Whether a half-written one is told from a whole one by itself.
    pub(super) guards_itself: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WriteReport {
    pub(super) written: u64,
    pub(super) skipped: u64,
}

/// A part of a region that is compared and written at once.
struct Piece<'a> {
    region: usize,
    offset: u32,
    bytes: &'a [u8],
}

impl Region {
    pub(super) fn new(name: &str, offset: u32, bytes: Vec<u8>) -> Region {
        Region { name: name.to_owned(), offset, bytes, guards_itself: false }
    }

    pub(super) fn part(&self) -> Part {
        let size = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        Part { name: self.name.clone(), offset: self.offset, size }
    }
}

impl Piece<'_> {
    fn size(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn is_boot_sector(&self) -> bool {
        self.offset == BOOT_SECTOR.start
    }
}

/// Makes the flash hold `regions`, which do not overlap.
///
/// # Errors
/// When that fails, or is cancelled; as [`BoardError::Halfway`] once the boot sector is blank.
pub(super) fn write_flash(
    loader: &mut Loader,
    regions: &[Region],
    observer: &mut dyn JobObserver,
) -> Result<WriteReport, BoardError> {
    let pieces = cut(regions);
    // All of it is looked at before any of it is written.
    for piece in &pieces {
        let from = u64::from(piece.offset);
        loader.line.guard.may_write(from..from + piece.bytes.len() as u64)?;
    }
    let differing = compare(loader, regions, &pieces, observer)?;
    let all: u64 = pieces.iter().map(|piece| piece.bytes.len() as u64).sum();
    let mut report = WriteReport::default();
    if !differing.is_empty() {
        let blanks_boot_sector =
            differing.iter().any(|piece| !regions.get(piece.region).is_some_and(|r| r.guards_itself));
        let mut blanked = false;
        let done =
            write_all(loader, regions, &pieces, &differing, blanks_boot_sector, &mut blanked, observer);
        report.written = done.map_err(|error| if blanked { halfway(error) } else { error })?;
    }
    report.skipped = all.saturating_sub(report.written);
    Ok(report)
}

fn halfway(error: BoardError) -> BoardError {
    BoardError::Halfway(Box::new(error))
}

/// Cuts regions into pieces of whole sectors; the boot sector is one by itself.
fn cut(regions: &[Region]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for (index, region) in regions.iter().enumerate() {
        let (mut offset, mut rest) = (region.offset, region.bytes.as_slice());
        while !rest.is_empty() {
            let to_boundary = PIECE_BYTES - offset % PIECE_BYTES;
            let to_boot_sector =
                if offset < BOOT_SECTOR.start { BOOT_SECTOR.start - offset } else { PIECE_BYTES };
            let most =
                if offset == BOOT_SECTOR.start { SECTOR_BYTES } else { to_boundary.min(to_boot_sector) };
            let (bytes, after) = rest.split_at(rest.len().min(most as usize));
            pieces.push(Piece { region: index, offset, bytes });
            offset += most;
            rest = after;
        }
    }
    pieces
}

/// The pieces that are not on the flash yet.
fn compare<'p, 'a>(
    loader: &mut Loader,
    regions: &[Region],
    pieces: &'p [Piece<'a>],
    observer: &mut dyn JobObserver,
) -> Result<Vec<&'p Piece<'a>>, BoardError> {
    let total = pieces.iter().map(|piece| piece.bytes.len() as u64).sum();
    let mut progress = ProgressReporter::begin(Step::Compare, total, observer);
    let mut differing = Vec::new();
    for piece in pieces {
        loader.cancel().check()?;
        if loader.checksum(piece.offset, piece.size())? != checksum(piece.bytes) {
            differing.push(piece);
        }
        progress.add(piece.bytes.len() as u64, observer);
        loader.tell(observer);
    }
    for (index, region) in regions.iter().enumerate() {
        if !differing.iter().any(|piece| piece.region == index) {
            observer.notify(JobEvent::PartSkipped(region.part()));
        }
    }
    Ok(differing)
}

/// Writes and verifies; gives the bytes that were written. `blanked` is set once the boot sector is blank.
fn write_all(
    loader: &mut Loader,
    regions: &[Region],
    pieces: &[Piece<'_>],
    differing: &[&Piece<'_>],
    blanks_boot_sector: bool,
    blanked: &mut bool,
    observer: &mut dyn JobObserver,
) -> Result<u64, BoardError> {
    let boot_sector = pieces.iter().find(|piece| blanks_boot_sector && piece.is_boot_sector());
    let others: Vec<_> =
        differing.iter().copied().filter(|piece| !blanks_boot_sector || !piece.is_boot_sector()).collect();
    let bytes: u64 = others.iter().copied().chain(boot_sector).map(|piece| piece.bytes.len() as u64).sum();
    let mut progress = ProgressReporter::begin(Step::Write, bytes, observer);
    loader.cancel().check()?;
    if boot_sector.is_some() {
        *blanked = true;
        let blank = vec![BLANK; SECTOR_BYTES as usize];
        let blank = Piece { region: 0, offset: BOOT_SECTOR.start, bytes: &blank };
        loader.again(|loader| write(loader, &blank, &mut |_| {}))?;
    }
    for piece in &others {
        write_piece(loader, piece, &mut progress, observer)?;
    }
    // From here on the board starts: all else has to be right before.
    let mut boot_progress = progress;
    let mut progress = ProgressReporter::begin(Step::Verify, bytes, observer);
    for piece in &others {
        verify(loader, regions, piece)?;
        progress.add(piece.bytes.len() as u64, observer);
    }
    if let Some(boot_sector) = boot_sector {
        loader.cancel().check()?;
        write_piece(loader, boot_sector, &mut boot_progress, observer)?;
        verify(loader, regions, boot_sector)?;
        progress.add(boot_sector.bytes.len() as u64, observer);
    }
    for (index, region) in regions.iter().enumerate() {
        if others.iter().copied().chain(boot_sector).any(|piece| piece.region == index) {
            observer.notify(JobEvent::PartWritten(region.part()));
        }
        observer.notify(JobEvent::PartVerified(region.part()));
    }
    Ok(bytes)
}

/// Compares a piece by the chip's checksum, and writes it once more where it differs.
fn verify(loader: &mut Loader, regions: &[Region], piece: &Piece<'_>) -> Result<(), BoardError> {
    for again in 0..TRIES {
        loader.cancel().check()?;
        if again > 0 {
            loader.again(|loader| write(loader, piece, &mut |_| {}))?;
        }
        if loader.checksum(piece.offset, piece.size())? == checksum(piece.bytes) {
            return Ok(());
        }
    }
    let part = regions.get(piece.region).map(|region| region.name.clone()).unwrap_or_default();
    Err(BoardError::VerifyFailed { part })
}

/// Writes a piece, and again where the line disturbed that.
fn write_piece(
    loader: &mut Loader,
    piece: &Piece<'_>,
    progress: &mut ProgressReporter,
    observer: &mut dyn JobObserver,
) -> Result<(), BoardError> {
    let before = progress.done();
    let written =
        loader.again(|loader| write(loader, piece, &mut |done| progress.set(before + done, observer)));
    loader.tell(observer);
    written?;
    progress.set(before + piece.bytes.len() as u64, observer);
    Ok(())
}

fn write(loader: &mut Loader, piece: &Piece<'_>, progress: &mut dyn FnMut(u64)) -> Result<(), BoardError> {
    if loader.line.is_stub() {
        write_by_stub(loader, piece, progress)
    } else {
        write_by_rom(loader, piece, progress)
    }
}

/// Compressed: the stub erases as it goes.
fn write_by_stub(
    loader: &mut Loader,
    piece: &Piece<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BoardError> {
    let doing = "writing the flash";
    let compressed = deflate(piece.bytes).ok_or(BoardError::Garbled { doing: "compressing" })?;
    let blocks = compressed.chunks(STUB_BLOCK_BYTES as usize);
    let begin = Command::FlashDeflBegin {
        size: piece.size(),
        blocks: u32::try_from(blocks.len()).unwrap_or(u32::MAX),
        block_size: STUB_BLOCK_BYTES,
        offset: piece.offset,
        supports_encryption: false,
    };
    loader.line.command(&begin, time_for(piece.bytes.len() as u64), "erasing the flash")?;
    let mut inflate = Inflated::default();
    for (sequence, data) in (0..).zip(blocks) {
        loader.cancel().check()?;
        let done = inflate.after(data);
        let command = Command::FlashDeflData { data, pad_to: 0, pad_byte: BLANK, sequence };
        loader.line.command(&command, time_for(done - inflate.before), doing)?;
        inflate.before = done;
        progress(done);
    }
    // The last block was taken, but perhaps not written yet.
    loader.settle(time_for(piece.bytes.len() as u64))
}

/// Plain: the ROM erases all of it first.
fn write_by_rom(
    loader: &mut Loader,
    piece: &Piece<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BoardError> {
    let doing = "writing the flash";
    let blocks = piece.bytes.chunks(ROM_BLOCK_BYTES as usize);
    let begin = Command::FlashBegin {
        size: piece.size().next_multiple_of(SECTOR_BYTES),
        blocks: u32::try_from(blocks.len()).unwrap_or(u32::MAX),
        block_size: ROM_BLOCK_BYTES,
        offset: piece.offset,
        supports_encryption: false,
    };
    loader.line.command(&begin, time_for(piece.bytes.len() as u64), "erasing the flash")?;
    let mut done = 0;
    for (sequence, data) in (0..).zip(blocks) {
        loader.cancel().check()?;
        let command =
            Command::FlashData { data, pad_to: ROM_BLOCK_BYTES as usize, pad_byte: BLANK, sequence };
        loader.line.command(&command, SHORT, doing)?;
        done += data.len() as u64;
        progress(done);
    }
    Ok(())
}

fn time_for(bytes: u64) -> Duration {
    SHORT + Duration::from_nanos(bytes * WRITE_NS_PER_BYTE)
}

fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut compress = Compress::new(Compression::best(), true);
    let mut compressed = Vec::with_capacity(bytes.len() + bytes.len() / 1000 + 128);
    compress.compress_vec(bytes, &mut compressed, FlushCompress::Finish).ok()?;
    (compress.total_in() == bytes.len() as u64).then_some(compressed)
}

/// How much of the flash each compressed block comes to: by that, how long it may take.
struct Inflated {
    state: Decompress,
    before: u64,
}

impl Default for Inflated {
    fn default() -> Inflated {
        Inflated { state: Decompress::new(true), before: 0 }
    }
}

impl Inflated {
    /// Bytes of flash in all, once `block` is written.
    fn after(&mut self, mut block: &[u8]) -> u64 {
        let mut scratch = [0; 8192];
        loop {
            let (taken, made) = (self.state.total_in(), self.state.total_out());
            let done = self.state.decompress(block, &mut scratch, FlushDecompress::None);
            let taken = usize::try_from(self.state.total_in() - taken).unwrap_or(block.len());
            block = block.get(taken..).unwrap_or_default();
            // It is this program's own stream; where it cannot be read the guess is only worse.
            if done.is_err() || (taken == 0 && self.state.total_out() == made) {
                return self.state.total_out();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_cut_at_the_gate_and_into_pieces_that_can_be_done_again() {
        let regions = [
            Region::new("bootloader", 0x1000, vec![1; 0x6500]),
            Region::new("program", 0x1_0000, vec![2; 0x9_0003]),
        ];
        let pieces = cut(&regions);
        let cuts: Vec<_> =
            pieces.iter().map(|piece| (piece.region, piece.offset, piece.bytes.len())).collect();
        assert_eq!(
            cuts,
            [
                (0, 0x1000, 0x1000),
                (0, 0x2000, 0x5500),
                (1, 0x1_0000, 0x3_0000),
                (1, 0x4_0000, 0x4_0000),
                (1, 0x8_0000, 0x2_0003)
            ]
        );
        assert!(pieces[0].is_boot_sector());
        let whole = [Region::new("flash", 0, vec![0; 0x10_0000])];
        let cuts: Vec<_> = cut(&whole).iter().map(|piece| (piece.offset, piece.bytes.len())).collect();
        assert_eq!(cuts[..3], [(0, 0x1000), (0x1000, 0x1000), (0x2000, 0x3_E000)]);
        assert_eq!(cuts.iter().map(|(_, size)| size).sum::<usize>(), 0x10_0000);
    }

    #[test]
    fn the_bytes_behind_each_compressed_block_are_counted() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(n) / 7).to_le_bytes()[1]).collect();
        let compressed = deflate(&bytes).unwrap();
        let mut inflated = Inflated::default();
        let mut last = 0;
        for block in compressed.chunks(1000) {
            let now = inflated.after(block);
            assert!(now >= last);
            last = now;
        }
        assert_eq!(last, bytes.len() as u64);
    }
}
