//! Which chip the emulator is: what its fuses and registers say of it.
//!
//! Sources: ESP32 Technical Reference Manual (eFuse controller, SPI, UART, RTC), and what esptool and
//! espflash read of them.

/// A kind of chip. The LoPy4 has the first; the others are there to be refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChipKind {
    /// The ESP32 of a LoPy4.
    #[default]
    Esp32,
    /// An ESP32-S3: it tells its number by `GET_SECURITY_INFO`.
    Esp32S3,
    /// An ESP32-C3: likewise.
    Esp32C3,
}

#[derive(Clone, Debug)]
pub(crate) struct Chip {
    pub(crate) kind: ChipKind,
    /// The major revision of an ESP32: 0, 1, 2 or 3.
    pub(crate) revision: u8,
    /// The factory's MAC address.
    pub(crate) mac: [u8; 6],
    pub(crate) secure_boot: bool,
    pub(crate) flash_encryption: bool,
}

/// Where a chip that is none of these has nothing, a word of the ROM says which chip this is.
const MAGIC_REGISTER: u32 = 0x4000_1000;
const ESP32_EFUSE: u32 = 0x3FF5_A000;
const ESP32_APB_CTL_DATE: u32 = 0x3FF6_607C;
const ESP32_RTC_CALIBRATION: u32 = 0x3FF5_F06C;
const ESP32_UART_CLOCK_DIVIDER: u32 = 0x3FF4_0014;
const ESP32_STRAPS: u32 = 0x3FF4_4038;
const ESP32_S3_MAC: u32 = 0x6000_7044;
const ESP32_C3_MAC: u32 = 0x6000_8844;

/// The crystal of every board with an ESP32 and Wi-Fi on it, in hertz.
const CRYSTAL_HZ: u32 = 40_000_000;
/// What the fuse says of the internal 8 MHz oscillator, and what the ROM counted of it: by the ROM's
/// rule, count · 15625 · fuse / 40, just 40 MHz, so that no client has to correct a speed.
const OSCILLATOR_FUSE: u32 = 32;
const OSCILLATOR_COUNT: u32 = 3_200;

impl Chip {
    /// What a register says that the chip sets by itself; none for one that merely keeps what was
    /// written. `baud` is the speed of its UART.
    pub(crate) fn register(&self, address: u32, baud: u32) -> Option<u32> {
        if address == MAGIC_REGISTER {
            return Some(match self.kind {
                ChipKind::Esp32 => 0x00F0_1D83,
                ChipKind::Esp32S3 => 0x0000_0009,
                ChipKind::Esp32C3 => 0x1B31_506F,
            });
        }
        let [mac_0, mac_1, mac @ ..] = self.mac;
        let mac_low = u32::from_be_bytes(mac);
        let mac_high = u32::from(u16::from_be_bytes([mac_0, mac_1]));
        match (self.kind, address) {
            (ChipKind::Esp32, ESP32_APB_CTL_DATE) => Some(u32::from(self.revision >= 3) << 31),
            (ChipKind::Esp32, ESP32_RTC_CALIBRATION) => Some(OSCILLATOR_COUNT << 7),
            (ChipKind::Esp32, ESP32_UART_CLOCK_DIVIDER) => Some(CRYSTAL_HZ / baud.max(1)),
            // The straps of download mode, and 3.3 V for the flash.
            (ChipKind::Esp32, ESP32_STRAPS) => Some(0x03),
            (ChipKind::Esp32, ESP32_EFUSE..0x3FF5_A020) => {
                Some(self.fuse_word((address - ESP32_EFUSE) / 4, mac_low, mac_high))
            }
            (ChipKind::Esp32S3, ESP32_S3_MAC) | (ChipKind::Esp32C3, ESP32_C3_MAC) => Some(mac_low),
            (ChipKind::Esp32S3, 0x6000_7048) | (ChipKind::Esp32C3, 0x6000_8848) => Some(mac_high),
            _ => None,
        }
    }

    /// Where the registers of the flash's SPI controller begin.
    pub(crate) fn spi_base(&self) -> u32 {
        match self.kind {
            ChipKind::Esp32 => 0x3FF4_2000,
            ChipKind::Esp32S3 | ChipKind::Esp32C3 => 0x6000_2000,
        }
    }

    /// The 20 bytes of `GET_SECURITY_INFO`; an ESP32 does not know that command.
    pub(crate) fn security_info(&self) -> Option<[u8; 20]> {
        let number: u8 = match self.kind {
            ChipKind::Esp32 => return None,
            ChipKind::Esp32S3 => 9,
            ChipKind::Esp32C3 => 5,
        };
        let mut info = [0; 20];
        let [flags, _, _, _, crypt_count, _, _, _, _, _, _, _, chip, ..] = &mut info;
        *flags = u8::from(self.secure_boot);
        *crypt_count = u8::from(self.flash_encryption);
        *chip = number;
        Some(info)
    }

    /// A word of the ESP32's fuse block 0.
    fn fuse_word(&self, index: u32, mac_low: u32, mac_high: u32) -> u32 {
        match index {
            // FLASH_CRYPT_CNT: encryption is on while an odd number of its bits is set.
            0 => u32::from(self.flash_encryption) << 20,
            1 => mac_low,
            2 => u32::from(crc8(&self.mac)) << 16 | mac_high,
            // CHIP_VER_REV1; the package of all zeros is that of an ESP32-D0WDQ6.
            3 => u32::from(self.revision >= 1) << 15,
            4 => OSCILLATOR_FUSE,
            // CHIP_VER_REV2
            5 => u32::from(self.revision >= 2) << 20,
            // ABS_DONE_0, and from revision 3 on ABS_DONE_1
            6 if self.secure_boot => 1 << if self.revision >= 3 { 5 } else { 4 },
            _ => 0,
        }
    }
}

/// The checksum of the MAC address in the fuses: CRC-8 with the reflected polynomial 0x8C.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x8C } else { sum >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(revision: u8) -> Chip {
        Chip {
            kind: ChipKind::Esp32,
            revision,
            mac: [0x24, 0x0A, 0xC4, 1, 2, 3],
            secure_boot: false,
            flash_encryption: false,
        }
    }

    #[test]
    fn the_fuses_tell_mac_and_revision_as_the_manual_has_them() {
        let read = |chip: &Chip, index: u32| chip.register(ESP32_EFUSE + 4 * index, 115_200).unwrap();
        let chip_1 = chip(1);
        assert_eq!(read(&chip_1, 1), 0xC401_0203);
        assert_eq!(read(&chip_1, 2) & 0xFFFF, 0x240A);
        assert_eq!((read(&chip(0), 3) >> 15, read(&chip_1, 3) >> 15, read(&chip(3), 5) >> 20), (0, 1, 1));
        assert_eq!(chip(3).register(ESP32_APB_CTL_DATE, 0).unwrap(), 1 << 31);
    }

    #[test]
    fn the_checksum_is_the_catalogues() {
        // CRC-8/MAXIM-DOW
        assert_eq!(crc8(b"123456789"), 0xA1);
    }
}
