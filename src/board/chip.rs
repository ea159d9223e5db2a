//! What the chip says of itself: kind, revision, MAC, protection, flash.
//!
//! Registers and eFuses: ESP32 Technical Reference Manual, chapters "eFuse Controller" and "SPI
//! Controller"; magic value: esptool.

use std::{thread::sleep, time::Duration};

use esp_image::layout::LEAST_FLASH_BYTES;
use espflash::{
    command::Command,
    flasher::{FlashSize, SpiAttachParams, SpiSetParams},
    target::Chip,
};

use super::{
    BoardError, Mac,
    line::{Line, SHORT},
};

/// Reads a value here by which chips can be told apart.
pub(super) const MAGIC: u32 = 0x4000_1000;
/// Block 0 of the eFuses.
const EFUSES: u32 = 0x3FF5_A000;
/// Its top bit is the third bit of the revision.
const APB_CTL_DATE: u32 = 0x3FF6_607C;

/// Begins the transfer that the SPI controller's registers describe.
const SPI_USR: u32 = 1 << 18;
const SPI_USR_COMMAND: u32 = 1 << 31;
const SPI_USR_MISO: u32 = 1 << 28;
/// Length of a command less one, in `usr2`.
const SPI_COMMAND_BITS: u32 = 7 << 28;
/// JEDEC's command for the id of a flash chip.
const READ_ID: u32 = 0x9F;
const ID_BITS: u32 = 24;
/// Looks at the SPI controller before it counts as stuck.
const MOST_LOOKS: usize = 20;

/// For how long a chip that listens may keep silent.
const AT_ONCE: Duration = Duration::from_millis(400);

/// What the ROM was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Examined {
    pub(super) revision: (u32, u32),
    pub(super) mac: Mac,
    pub(super) flash_bytes: u32,
}

/// Finds out what the chip is.
///
/// # Errors
/// When it is none that may be flashed; nothing was written then.
pub(super) fn examine(line: &mut Line) -> Result<Examined, BoardError> {
    let magic = match read(line, MAGIC) {
        // The ROM's word for a command that it does not take is that for one that it does not understand.
        Err(BoardError::Refused { .. } | BoardError::Damaged { code: 0x05, .. }) => {
            return Err(BoardError::Locked);
        }
        other => other?,
    };
    match Chip::from_magic(magic) {
        Ok(Chip::Esp32) => {}
        Ok(chip) => return Err(BoardError::WrongChip { chip: chip_name(chip) }),
        Err(_) => return Err(BoardError::UnknownChip { magic }),
    }
    let mut words = [0; 7];
    for (index, word) in (0..).zip(&mut words) {
        *word = read(line, EFUSES + 4 * index)?;
    }
    check_protection(&words)?;
    let date = read(line, APB_CTL_DATE)?;
    let flash_bytes = flash_bytes(line)?;
    Ok(Examined { revision: revision(&words, date), mac: mac(&words), flash_bytes })
}

/// Tells the loader of the flash, as the ROM and then the stub need it.
pub(super) fn attach_flash(line: &mut Line) -> Result<(), BoardError> {
    let spi_params = SpiAttachParams::default();
    let command = if line.is_stub() {
        Command::SpiAttachStub { spi_params }
    } else {
        Command::SpiAttach { spi_params }
    };
    line.command(&command, SHORT, "attaching the flash").map(drop)
}

/// Tells the loader how large the flash is.
pub(super) fn set_flash_size(line: &mut Line, bytes: u32) -> Result<(), BoardError> {
    let command = Command::SpiSetParams { spi_params: SpiSetParams::default(bytes) };
    line.command(&command, SHORT, "describing the flash").map(drop)
}

/// Whether the chip answers a question whose answer is known.
pub(super) fn answers(line: &mut Line) -> bool {
    let command = Command::ReadReg { address: MAGIC };
    line.command(&command, AT_ONCE, "reading a register")
        .is_ok_and(|reply| Chip::Esp32.has_magic_value(reply.value))
}

fn read(line: &mut Line, address: u32) -> Result<u32, BoardError> {
    Ok(line.command(&Command::ReadReg { address }, SHORT, "reading a register")?.value)
}

fn write(line: &mut Line, address: u32, value: u32) -> Result<(), BoardError> {
    let command = Command::WriteReg { address, value, mask: None };
    line.command(&command, SHORT, "writing a register").map(drop)
}

fn chip_name(chip: Chip) -> String {
    let name = chip.to_string().to_uppercase();
    match name.strip_prefix("ESP32") {
        Some(rest) => format!("ESP32-{rest}"),
        None => name,
    }
}

/// `FLASH_CRYPT_CNT` with an odd number of ones: encrypted; `ABS_DONE_0` and `ABS_DONE_1`: secure
/// boot, version 1 and 2.
fn check_protection(words: &[u32; 7]) -> Result<(), BoardError> {
    if words[6] >> 4 & 0b11 != 0 {
        return Err(BoardError::SecureBoot);
    }
    if (words[0] >> 20 & 0x7F).count_ones() % 2 == 1 {
        return Err(BoardError::Encrypted);
    }
    Ok(())
}

fn revision(words: &[u32; 7], date: u32) -> (u32, u32) {
    let bits = (date >> 31) << 2 | (words[5] >> 20 & 1) << 1 | (words[3] >> 15 & 1);
    let major = match bits {
        0b001 => 1,
        0b011 => 2,
        0b111 => 3,
        _ => 0,
    };
    (major, words[5] >> 24 & 0b11)
}

fn mac(words: &[u32; 7]) -> Mac {
    let [low, high] = [words[1].to_be_bytes(), words[2].to_be_bytes()];
    Mac([high[2], high[3], low[0], low[1], low[2], low[3]])
}

/// Asks the flash chip itself how large it is.
fn flash_bytes(line: &mut Line) -> Result<u32, BoardError> {
    attach_flash(line)?;
    let id = flash_id(line)?;
    let size = u8::try_from(id >> 16 & 0xFF).unwrap_or(0);
    let bytes = match (size, FlashSize::from_detected(size)) {
        (0 | 0xFF, _) | (_, Err(_)) => return Err(BoardError::FlashSilent { id }),
        (_, Ok(size)) => size.size(),
    };
    if bytes < LEAST_FLASH_BYTES { Err(BoardError::FlashTooSmall { bytes }) } else { Ok(bytes) }
}

fn flash_id(line: &mut Line) -> Result<u32, BoardError> {
    let spi = Chip::Esp32.spi_registers();
    let (usr, usr2) = (read(line, spi.usr())?, read(line, spi.usr2())?);
    write(line, spi.usr(), SPI_USR_COMMAND | SPI_USR_MISO)?;
    write(line, spi.usr2(), SPI_COMMAND_BITS | READ_ID)?;
    if let Some(length) = spi.miso_length() {
        write(line, length, ID_BITS - 1)?;
    }
    write(line, spi.w0(), 0)?;
    write(line, spi.cmd(), SPI_USR)?;
    let mut looks = 0;
    while read(line, spi.cmd())? & SPI_USR != 0 {
        looks += 1;
        if looks == MOST_LOOKS {
            return Err(BoardError::FlashSilent { id: 0 });
        }
        sleep(Duration::from_millis(1));
    }
    let id = read(line, spi.w0())?;
    write(line, spi.usr(), usr)?;
    write(line, spi.usr2(), usr2)?;
    Ok(id & 0xFF_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efuses_tell_mac_revision_and_protection() {
        let mut words = [0; 7];
        words[1] = 0xC401_02FE;
        words[2] = 0xAB00_240A;
        assert_eq!(mac(&words), Mac([0x24, 0x0A, 0xC4, 0x01, 0x02, 0xFE]));
        assert_eq!(revision(&words, 0), (0, 0));
        words[3] = 1 << 15;
        assert_eq!(revision(&words, 0), (1, 0));
        words[5] = 1 << 20 | 1 << 24;
        assert_eq!(revision(&words, 1 << 31), (3, 1));
        assert!(check_protection(&words).is_ok());
        words[0] = 0b11 << 20;
        assert!(check_protection(&words).is_ok(), "switched on and off again");
        words[0] = 0b111 << 20;
        assert!(matches!(check_protection(&words), Err(BoardError::Encrypted)));
        for bit in [4, 5] {
            words[6] = 1 << bit;
            assert!(matches!(check_protection(&words), Err(BoardError::SecureBoot)));
        }
    }

    #[test]
    fn chips_are_called_what_their_maker_calls_them() {
        assert_eq!(chip_name(Chip::Esp32s3), "ESP32-S3");
        assert_eq!(chip_name(Chip::Esp32c3), "ESP32-C3");
    }
}
