//! What lies where on the flash of a LoPy4 (section 4 of the design).

use std::ops::Range;

/// Where the second-stage bootloader goes.
pub const BOOTLOADER_OFFSET: u32 = 0x1000;
/// Where the partition table goes.
pub const PARTITION_TABLE_OFFSET: u32 = 0x8000;
pub const PARTITION_TABLE_BYTES: u32 = 0x1000;
/// Of these, the bytes that the bootloader looks at.
pub const PARTITION_TABLE_READ_BYTES: u32 = 0xC00;
/// Where the app goes.
pub const APP_OFFSET: u32 = 0x1_0000;
/// What the chip maps from flash at once. An app begins at a multiple of it, and what is mapped stands at
/// the same place within it on the flash and in the address space.
pub const MAP_PAGE_BYTES: u32 = 0x1_0000;
/// Pycom's block with the board's radio identity (LoRa MAC, Sigfox id and keys): nothing may reach it.
pub const PROTECTED: Range<u32> = 0x3F_F000..0x40_0000;
/// What is erased at once.
pub const SECTOR_BYTES: u32 = 0x1000;
/// The least flash of a LoPy4.
pub const LEAST_FLASH_BYTES: u32 = 4 * 1024 * 1024;
