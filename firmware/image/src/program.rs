//! A program: the second-stage bootloader or an app, in the format of ESP-IDF ("App Image Format" of
//! its programming guide).

use crate::{hex, sha256, text, word};

/// The id of the ESP32 in a program's header.
pub const ESP32: u16 = 0;

const HEADER_BYTES: usize = 24;
const MAGIC: u8 = 0xE9;
const MOST_SEGMENTS: u8 = 16;
const SEGMENT_HEADER_BYTES: usize = 8;
const DESCRIPTOR_MAGIC: u32 = 0xABCD_5432;

/// A whole program: its checksum and its digest, where it has one, are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it says of itself.
    pub header: Header,
    /// Its length in bytes, with checksum and digest.
    pub length: usize,
    /// What is in it, in its order.
    pub segments: Vec<Segment>,
    /// What an app says of itself; a bootloader says nothing.
    pub descriptor: Option<Descriptor>,
}

/// The header of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many segments follow.
    pub segments: u8,
    /// The address at which it is started.
    pub entry: u32,
    /// How the flash is read: 0 QIO, 1 QOUT, 2 DIO, 3 DOUT.
    pub flash_mode: u8,
    /// The flash that it was made for: 1 MB · 2^n.
    pub flash_size: u8,
    /// The flash's clock, as the header encodes it.
    pub flash_clock: u8,
    /// Which chip it runs on; [`ESP32`] is 0.
    pub chip: u16,
    /// The lowest chip revision that it starts on, major · 100 + minor.
    pub min_revision: u16,
    /// The highest chip revision that it starts on; 0 and 65 535: any.
    pub max_revision: u16,
    /// The lowest major revision, in the field that older bootloaders read.
    pub min_major: u8,
    /// Whether a SHA-256 ends it.
    pub has_digest: bool,
}

/// A part of a program, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The address that it is loaded or mapped to.
    pub address: u32,
    /// Its bytes.
    pub length: u32,
    /// Where its bytes stand, from the beginning of the program.
    pub at: u32,
}

/// What an app says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    pub version: String,
    pub project: String,
}

/// Why bytes are no program that could start. Continues a sentence that names the program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// The first byte is another.
    #[error("does not begin with 0xE9")]
    Magic,
    /// It ends before its end.
    #[error("is cut off")]
    CutOff,
    /// It ends within a segment.
    #[error("is cut off in a segment")]
    CutOffInSegment,
    /// Its number of segments cannot be.
    #[error("has {0} segments, and 1 to 16 are possible")]
    Segments(u8),
    /// Its checksum is wrong.
    #[error("has a wrong checksum")]
    Checksum,
    /// The byte that says whether a digest ends it is neither 0 nor 1.
    #[error("has a header that says {0} where 0 or 1 tells whether a digest ends it")]
    DigestFlag(u8),
    /// It ends before its digest.
    #[error("is cut off before its digest")]
    CutOffBeforeDigest,
    /// Its digest is wrong.
    #[error("has a wrong digest")]
    Digest,
}

impl Header {
    /// Reads the header that `bytes` begin with.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(bytes: &[u8]) -> Result<Header, ProgramError> {
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(ProgramError::CutOff)?;
        if header[0] != MAGIC {
            return Err(ProgramError::Magic);
        }
        if !(1..=MOST_SEGMENTS).contains(&header[1]) {
            return Err(ProgramError::Segments(header[1]));
        }
        if header[23] > 1 {
            return Err(ProgramError::DigestFlag(header[23]));
        }
        let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        Ok(Header {
            segments: header[1],
            entry: u32::from_le_bytes([header[4], header[5], header[6], header[7]]),
            flash_mode: header[2],
            flash_size: header[3] >> 4,
            flash_clock: header[3] & 0x0F,
            chip: half(12),
            min_major: header[14],
            min_revision: half(15),
            max_revision: half(17),
            has_digest: header[23] == 1,
        })
    }

    /// Whether it starts on a chip of `revision`, major · 100 + minor.
    #[must_use]
    pub fn starts_on(&self, revision: u16) -> bool {
        let any = matches!(self.max_revision, 0 | u16::MAX);
        revision >= self.min_revision.max(u16::from(self.min_major) * 100)
            && (any || revision <= self.max_revision)
    }
}

impl Segment {
    /// The first address behind it.
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::from(self.address) + u64::from(self.length)
    }
}

impl Program {
    /// Reads the program that `bytes` begin with; what follows it does not count.
    ///
    /// # Errors
    /// When there is none, or a damaged one.
    pub fn read(bytes: &[u8]) -> Result<Program, ProgramError> {
        let header = Header::read(bytes)?;
        let mut at = HEADER_BYTES;
        let mut checksum = 0xEF;
        let mut segments = Vec::new();
        for _ in 0..header.segments {
            let address = word(bytes, at).ok_or(ProgramError::CutOff)?;
            let length = word(bytes, at + 4).ok_or(ProgramError::CutOff)?;
            at += SEGMENT_HEADER_BYTES;
            let rest = bytes.get(at..).ok_or(ProgramError::CutOff)?;
            let segment = rest.get(..length as usize).ok_or(ProgramError::CutOffInSegment)?;
            checksum = segment.iter().fold(checksum, |sum, byte| sum ^ byte);
            segments.push(Segment { address, length, at: u32::try_from(at).unwrap_or(u32::MAX) });
            at += segment.len();
        }
        // The checksum is the last byte of a line of 16.
        let end = (at + 16) / 16 * 16;
        match bytes.get(end - 1) {
            None => return Err(ProgramError::CutOff),
            Some(found) if *found != checksum => return Err(ProgramError::Checksum),
            Some(_) => {}
        }
        let mut length = end;
        if header.has_digest {
            let digest = bytes.get(end..end + 32).ok_or(ProgramError::CutOffBeforeDigest)?;
            if hex(digest) != sha256(bytes.get(..end).unwrap_or_default()) {
                return Err(ProgramError::Digest);
            }
            length += digest.len();
        }
        Ok(Program { header, length, segments, descriptor: descriptor(bytes) })
    }
}

/// It is the first thing in the first segment.
fn descriptor(bytes: &[u8]) -> Option<Descriptor> {
    let at = HEADER_BYTES + SEGMENT_HEADER_BYTES;
    if word(bytes, at)? != DESCRIPTOR_MAGIC {
        return None;
    }
    let field = |from: usize| bytes.get(at + from..at + from + 32).map(text);
    Some(Descriptor { version: field(16)?, project: field(48)? })
}
