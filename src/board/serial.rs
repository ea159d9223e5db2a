//! Opens serial ports, and says in plain words why one cannot be opened.

use std::{io, time::Duration};

use espflash::connection::Port;
use serialport::{DataBits, ErrorKind};

use super::{
    BoardError,
    ports::{self, Access},
};

/// The rate of the chip's ROM, of the board's log, and of the PIC's commands, in baud.
pub(super) const BAUD: u32 = 115_200;

/// Opens the port at 115 200 baud, for this program alone.
pub(super) fn open(name: &str, data_bits: DataBits) -> Result<Port, BoardError> {
    serialport::new(name, BAUD)
        .data_bits(data_bits)
        .timeout(Duration::from_millis(100))
        .open_native()
        .map_err(|error| explain(name, &error))
}

fn explain(name: &str, error: &serialport::Error) -> BoardError {
    let port = name.to_owned();
    match (error.kind(), ports::access(name)) {
        (ErrorKind::Io(io::ErrorKind::NotFound), _) | (_, None) => BoardError::NoSuchPort { port },
        (_, Some(Access::Denied { group })) => BoardError::PortDenied { port, group },
        (_, Some(Access::Busy { program })) => BoardError::PortBusy { port, program },
        // Another user's program, which this one may not look at.
        (ErrorKind::Io(io::ErrorKind::WouldBlock) | ErrorKind::NoDevice, _) => {
            BoardError::PortBusy { port, program: None }
        }
        _ => BoardError::PortFailed { port, reason: error.to_string() },
    }
}
