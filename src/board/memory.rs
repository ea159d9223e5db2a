//! The flash of a board in download mode: checksums and reading. Writing is in `flash_writer`.

use std::time::{Duration, Instant};

use espflash::command::{Command, CommandType};
use md5::{Digest, Md5};

use super::{BoardError, line::SHORT, loader::Loader};

/// What the stub sends at once, and waits to hear of.
const BLOCK_BYTES: u32 = 0x1000;
/// Blocks that the stub sends before it has to hear of the first.
const IN_FLIGHT: u32 = 64;
/// What the ROM reads at once.
const ROM_READ_BYTES: u32 = 64;
/// Of the chip's time for a checksum, per byte: 8 s for a megabyte.
const MD5_NS_PER_BYTE: u64 = 8_000;
/// Tries to read a piece.
const TRIES: u32 = 3;
/// What an erased flash holds.
pub(super) const BLANK: u8 = 0xFF;

/// An MD5 checksum.
pub(super) type Checksum = [u8; 16];

pub(super) fn checksum(bytes: &[u8]) -> Checksum {
    Md5::digest(bytes).into()
}

/// Of `size` blank bytes.
pub(super) fn blank_checksum(size: u32) -> Checksum {
    let sector = [BLANK; 4096];
    let mut sum = Md5::new();
    let mut left = size as usize;
    while left > 0 {
        let count = left.min(sector.len());
        sum.update(sector.get(..count).unwrap_or_default());
        left -= count;
    }
    sum.finalize().into()
}

impl Loader {
    /// The MD5 of a range of the flash, computed by the chip.
    pub(super) fn checksum(&mut self, offset: u32, size: u32) -> Result<Checksum, BoardError> {
        let doing = "computing a checksum";
        let timeout = SHORT + Duration::from_nanos(u64::from(size) * MD5_NS_PER_BYTE);
        let reply =
            self.again(|loader| loader.line.command(&Command::FlashMd5 { offset, size }, timeout, doing))?;
        // The stub gives it as it is, the ROM in hex.
        let sum = match reply.data.len() {
            16 => reply.data.as_slice().try_into().ok(),
            32 => from_hex(&reply.data),
            _ => None,
        };
        sum.ok_or(BoardError::Garbled { doing })
    }

    /// Reads a piece of the flash, and compares it with the chip's own checksum. `progress` gets the
    /// bytes as they come.
    pub(super) fn read(
        &mut self,
        offset: u32,
        size: u32,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<u8>, BoardError> {
        let expected = self.checksum(offset, size)?;
        if expected == blank_checksum(size) {
            progress(size as usize);
            return Ok(vec![BLANK; size as usize]);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let read = if self.line.is_stub() {
                self.read_by_stub(offset, size, progress)
            } else {
                self.read_by_rom(offset, size, progress)
            };
            match read {
                Ok(bytes) if checksum(&bytes) == expected => return Ok(bytes),
                Ok(_) if tries < TRIES => {}
                Ok(_) if self.step_down()? => tries = 0,
                Ok(_) => return Err(BoardError::ReadFailed { offset }),
                Err(error) if error.is_of_line() => {
                    self.recover()?;
                    if tries == TRIES {
                        if !error.blames_line() || !self.step_down()? {
                            return Err(error);
                        }
                        tries = 0;
                    }
                }
                Err(error) => return Err(error),
            }
            progress(0);
        }
    }

    fn read_by_stub(
        &mut self,
        offset: u32,
        size: u32,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<u8>, BoardError> {
        let doing = "reading the flash";
        let command = Command::ReadFlash { offset, size, block_size: BLOCK_BYTES, max_in_flight: IN_FLIGHT };
        self.line.command(&command, SHORT, doing)?;
        let mut bytes = Vec::with_capacity(size as usize);
        while bytes.len() < size as usize {
            let block = self.block(doing)?;
            bytes.extend_from_slice(&block);
            if block.len() > BLOCK_BYTES as usize || bytes.len() > size as usize {
                return Err(BoardError::Garbled { doing });
            }
            progress(bytes.len());
            let received = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            self.line.write(&received.to_le_bytes())?;
        }
        // The stub's checksum of what it sent; the caller has a better one, of what is there.
        self.block(doing)?;
        Ok(bytes)
    }

    fn block(&mut self, doing: &'static str) -> Result<Vec<u8>, BoardError> {
        self.line.frame(Instant::now() + SHORT)?.ok_or(BoardError::Silent { doing })
    }

    fn read_by_rom(
        &mut self,
        offset: u32,
        size: u32,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<u8>, BoardError> {
        let doing = "reading the flash";
        let mut bytes = Vec::with_capacity(size as usize);
        for at in (0..size).step_by(ROM_READ_BYTES as usize) {
            self.cancel().check()?;
            let count = ROM_READ_BYTES.min(size - at);
            let command = Command::ReadFlashSlow {
                offset: offset + at,
                size: count,
                block_size: BLOCK_BYTES,
                max_in_flight: IN_FLIGHT,
            };
            let reply = self.again(|loader| loader.line.command(&command, SHORT, doing))?;
            let read = reply.data.get(..count as usize).ok_or(BoardError::Garbled { doing })?;
            bytes.extend_from_slice(read);
            progress(bytes.len());
        }
        Ok(bytes)
    }

    /// Does once more what the line disturbed, and then at lower rates. It is to be something that may be
    /// done twice.
    pub(super) fn again<T>(
        &mut self,
        mut ask: impl FnMut(&mut Loader) -> Result<T, BoardError>,
    ) -> Result<T, BoardError> {
        let done = ask(self);
        if !done.as_ref().is_err_and(BoardError::is_of_line) {
            return done;
        }
        loop {
            self.recover()?;
            match ask(self) {
                Err(error) if error.blames_line() => {
                    self.recover()?;
                    if !self.step_down()? {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    /// Waits until the chip has done all that it was asked to.
    pub(super) fn settle(&mut self, timeout: Duration) -> Result<(), BoardError> {
        let command = Command::ReadReg { address: super::chip::MAGIC };
        self.line.send(&command)?;
        self.line.reply(CommandType::ReadReg, timeout, "writing the flash").map(drop)
    }
}

fn from_hex(digits: &[u8]) -> Option<Checksum> {
    let mut sum = [0; 16];
    for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_bytes() {
        for size in [0, 1, 4096, 4097, 100_000] {
            assert_eq!(blank_checksum(size), checksum(&vec![0xFF; size as usize]));
        }
        assert_eq!(from_hex(b"d41d8cd98f00b204e9800998ecf8427e"), Some(checksum(b"")));
        assert_eq!(from_hex(b"x41d8cd98f00b204e9800998ecf8427e"), None);
    }
}
