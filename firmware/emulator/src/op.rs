//! The commands of the two loaders.

use std::fmt;

/// A command's code, as it stands in a request (Espressif's "Serial Protocol").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op(pub u8);

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        impl Op {
            $($(#[$doc])* pub const $name: Op = Op($code);)*
        }

        /// The name of the command, or its number where it has none.
        impl fmt::Debug for Op {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($code => f.write_str(stringify!($name)),)*
                    other => write!(f, "Op({other:#04x})"),
                }
            }
        }
    };
}

ops! {
    /// Begins plain data for the flash.
    FLASH_BEGIN = 0x02,
    /// A block of it.
    FLASH_DATA = 0x03,
    /// Ends it, and may leave the loader.
    FLASH_END = 0x04,
    /// Begins data for the RAM.
    MEM_BEGIN = 0x05,
    /// Ends it, and may jump into it.
    MEM_END = 0x06,
    /// A block of it.
    MEM_DATA = 0x07,
    /// Asks whether anybody is there.
    SYNC = 0x08,
    /// Writes a 32 bit word.
    WRITE_REG = 0x09,
    /// Reads a 32 bit word.
    READ_REG = 0x0A,
    /// Tells how the flash is divided.
    SPI_SET_PARAMS = 0x0B,
    /// Connects the flash.
    SPI_ATTACH = 0x0D,
    /// Reads 64 bytes of flash (ROM).
    READ_FLASH_SLOW = 0x0E,
    /// Changes the line's speed.
    CHANGE_BAUDRATE = 0x0F,
    /// Begins compressed data for the flash.
    FLASH_DEFL_BEGIN = 0x10,
    /// A block of it.
    FLASH_DEFL_DATA = 0x11,
    /// Ends it, and may leave the loader.
    FLASH_DEFL_END = 0x12,
    /// The MD5 sum of a part of the flash.
    SPI_FLASH_MD5 = 0x13,
    /// What is locked (chips after the ESP32).
    GET_SECURITY_INFO = 0x14,
    /// Erases all of the flash (stub).
    ERASE_FLASH = 0xD0,
    /// Erases a part of the flash (stub).
    ERASE_REGION = 0xD1,
    /// Reads the flash in a stream (stub).
    READ_FLASH = 0xD2,
    /// Leaves for the program, without an answer (stub).
    RUN_USER_CODE = 0xD3,
}

impl Op {
    /// Whether it carries a block of data for the flash.
    #[must_use]
    pub fn is_block(self) -> bool {
        matches!(self, Op::FLASH_DATA | Op::FLASH_DEFL_DATA)
    }
}
