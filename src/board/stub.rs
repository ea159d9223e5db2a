//! The flasher stub: a small program that espflash's library loads into the chip's RAM. It writes
//! compressed data and reads many times faster than the chip's ROM.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use espflash::{
    connection::{Connection, Port, ResetAfterOperation, ResetBeforeOperation},
    flasher::Flasher,
    target::Chip,
};
use serialport::{SerialPort, UsbPortInfo};

use super::{line::SHORT, serial::BAUD};

/// Starts the stub on a chip whose ROM answers on `port`. The port comes back either way, unless
/// the library lost it; then it has to be opened again.
pub(super) fn start(mut port: Port) -> Result<Port, (Option<Port>, String)> {
    if let Err(error) = port.set_timeout(SHORT) {
        return Err((None, error.to_string()));
    }
    let usb = UsbPortInfo { vid: 0, pid: 0, serial_number: None, manufacturer: None, product: None };
    let (after, before) = (ResetAfterOperation::NoReset, ResetBeforeOperation::NoReset);
    let connection = Connection::new(port, usb, after, before, BAUD);
    let started = quietly(|| Flasher::try_connect(connection, true, false, false, Some(Chip::Esp32), None));
    match started {
        Some(Ok(flasher)) => Ok(flasher.into_connection().into_serial()),
        Some(Err(failed)) => {
            let (error, connection) = *failed;
            Err((Some(connection.into_serial()), error.to_string()))
        }
        None => Err((None, "a reply was garbled".to_owned())),
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` where it panicked. espflash 4.7 does when a reply is shorter than it claims
/// (`Connection::command`), which is a bad cable and no mistake of this program's, so nothing is printed.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_library_ends_its_work_and_nothing_else() {
        assert_eq!(quietly(|| 1), Some(1));
        let nothing: Vec<u8> = Vec::new();
        assert_eq!(quietly(|| nothing[0]), None);
        assert!(!QUIET.get());
    }
}
