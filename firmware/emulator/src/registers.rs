//! The chip's registers as `READ_REG` and `WRITE_REG` see them, with the flash behind the SPI
//! controller as far as identifying it goes.

use std::collections::BTreeMap;

use crate::chip::Chip;

/// The SPI controller's registers, by their distance from its base.
const SPI_COMMAND: u32 = 0x00;
const SPI_USER_2: u32 = 0x24;
const SPI_DATA: u32 = 0x80;
/// Set to start a transaction, and cleared by the hardware at its end.
const SPI_USER_COMMAND: u32 = 1 << 18;

/// The commands of a NOR flash that the controller is asked to send.
const READ_IDENTITY: u32 = 0x9F;
const READ_STATUS: [u32; 3] = [0x05, 0x35, 0x15];
/// What an identity begins with: GigaDevice, and the type of its 3.3 V NOR flashes.
const MAKER_AND_TYPE: u32 = 0x40C8;

#[derive(Default)]
pub(crate) struct Registers {
    kept: BTreeMap<u32, u32>,
}

impl Registers {
    /// The word at `address`; 0 where nothing is known to be. `baud` is the speed of the UART.
    pub(crate) fn read(&self, chip: &Chip, address: u32, baud: u32) -> u32 {
        let kept = || self.kept.get(&address).copied().unwrap_or(0);
        chip.register(address, baud).unwrap_or_else(kept)
    }

    /// Changes the bits of `mask`. A flash of `flash_bytes` answers the SPI controller.
    pub(crate) fn write(&mut self, chip: &Chip, address: u32, value: u32, mask: u32, flash_bytes: u32) {
        let old = self.kept.get(&address).copied().unwrap_or(0);
        let mut new = old & !mask | value & mask;
        let base = chip.spi_base();
        if address == base + SPI_COMMAND && new & SPI_USER_COMMAND != 0 {
            new &= !SPI_USER_COMMAND;
            let command = self.kept.get(&(base + SPI_USER_2)).copied().unwrap_or(0) & 0xFFFF;
            self.kept.insert(base + SPI_DATA, flash_says(command, flash_bytes));
        }
        self.kept.insert(address, new);
    }
}

/// What the flash answers, the first byte lowest.
fn flash_says(command: u32, flash_bytes: u32) -> u32 {
    match command {
        // The third byte is the binary logarithm of the size.
        READ_IDENTITY => flash_bytes.checked_ilog2().unwrap_or(0) << 16 | MAKER_AND_TYPE,
        command if READ_STATUS.contains(&command) => 0,
        // An open line reads as ones.
        _ => u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::ChipKind;

    #[test]
    fn the_flash_is_identified_through_the_controller() {
        let chip = Chip {
            kind: ChipKind::Esp32,
            revision: 1,
            mac: [0; 6],
            secure_boot: false,
            flash_encryption: false,
        };
        let mut registers = Registers::default();
        let base = chip.spi_base();
        registers.write(&chip, base + SPI_USER_2, 7 << 28 | READ_IDENTITY, u32::MAX, 8 << 20);
        registers.write(&chip, base, SPI_USER_COMMAND, u32::MAX, 8 << 20);
        assert_eq!(registers.read(&chip, base, 0), 0);
        assert_eq!(registers.read(&chip, base + SPI_DATA, 0), 0x17_40C8);
    }
}
