//! DTR and RTS: on most development boards they lead to the chip's boot and reset pins by way of two
//! transistors. espflash's library knows the ways to pull them.

use espflash::connection::{Connection, Port, ResetAfterOperation, ResetBeforeOperation};
use serialport::{SerialPort, UsbPortInfo};

use crate::board::BoardError;

/// Resets the chip into download mode. Every other attempt gives it more time.
pub(super) fn enter(port: Port, name: &str, attempt: u32) -> Result<Port, BoardError> {
    let mut connection = connection(port);
    // Nothing to be done about a port without these lines: the chip does not answer then.
    let done = connection.reset_to_flash(attempt % 2 == 1);
    let port = connection.into_serial();
    if done.is_err() && port.bytes_to_read().is_err() {
        return Err(BoardError::PortLost { port: name.to_owned() });
    }
    Ok(port)
}

/// Resets the chip into its program.
pub(super) fn reset(port: Port) -> Result<(), espflash::Error> {
    connection(port).reset()
}

fn connection(port: Port) -> Connection {
    let usb = UsbPortInfo { vid: 0, pid: 0, serial_number: None, manufacturer: None, product: None };
    Connection::new(port, usb, ResetAfterOperation::HardReset, ResetBeforeOperation::DefaultReset, 115_200)
}
