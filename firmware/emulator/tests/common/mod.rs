//! What the tests share: clients, and bytes to write.
#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use board_emulator::Emulator;
use espflash::{
    connection::{Connection, ResetAfterOperation, ResetBeforeOperation},
    flasher::Flasher,
};
use serialport::{TTYPort, UsbPortInfo};

/// Opens a port as a client does.
pub(crate) fn open(port: &Path, baud: u32) -> TTYPort {
    serialport::new(port.to_str().unwrap(), baud).timeout(Duration::from_secs(3)).open_native().unwrap()
}

/// Connects espflash's library.
pub(crate) fn connect(board: &Emulator, stub: bool, baud: Option<u32>) -> Result<Flasher, espflash::Error> {
    let usb =
        UsbPortInfo { vid: 0x0403, pid: 0x6015, serial_number: None, manufacturer: None, product: None };
    let connection = Connection::new(
        open(board.port(), 115_200),
        usb,
        ResetAfterOperation::NoResetNoStub,
        ResetBeforeOperation::NoReset,
        115_200,
    );
    Flasher::connect(connection, stub, true, false, None, baud)
}

/// Bytes that compress to some half.
pub(crate) fn content(bytes: u32, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [.., byte] = state.to_le_bytes();
        byte & 0x0F
    };
    (0..bytes).map(|_| next()).collect()
}
