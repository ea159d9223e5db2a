//! Ways into download mode, where the chip's ROM takes commands, and out of it again.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`pic`] | the PIC of Pycom's newer boards, by commands |
//! | `reset_lines` | DTR and RTS |
//!
//! By hand there is nothing to do but to wait for the chip, which is the loader's.

pub(super) mod pic;
mod reset_lines;

use std::time::Duration;

use espflash::connection::Port;
use serialport::{ClearBuffer, DataBits, SerialPort};

use super::{
    BoardError, Cancel, Connection, EntryMethod,
    ports::{self, Adapter},
    serial,
};

/// The highest rate that a PIC passes on, in baud.
const MOST_BAUD_THROUGH_PIC: u32 = 230_400;

/// A way into download mode, as it was chosen for one board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryRoute {
    /// Through the PIC.
    Pic,
    /// By DTR and RTS. Where the chip does not answer then, and the choice was automatic, by hand.
    Wires {
        /// Whether to wait for a hand.
        then_by_hand: bool,
    },
    Hand,
    /// It is there already.
    Nothing,
}

impl EntryRoute {
    /// The way that was asked for, or the one for what is plugged in.
    pub(super) fn of(connection: &Connection) -> Result<EntryRoute, BoardError> {
        let adapter = ports::adapter(&connection.port);
        // A port is not opened for nothing: that moves its lines.
        let wired = connection.entry == EntryMethod::Auto
            && !adapter.is_some_and(Adapter::has_pic)
            && is_wired(&connection.port)?;
        Ok(EntryRoute::choose(connection.entry, adapter, wired))
    }

    /// The way that was asked for, or the one for what is plugged in. `wired`: whether the port has
    /// DTR and RTS.
    fn choose(method: EntryMethod, adapter: Option<Adapter>, wired: bool) -> EntryRoute {
        match method {
            EntryMethod::Auto if adapter.is_some_and(Adapter::has_pic) => EntryRoute::Pic,
            EntryMethod::Auto if wired => EntryRoute::Wires { then_by_hand: true },
            EntryMethod::Auto | EntryMethod::Manual => EntryRoute::Hand,
            EntryMethod::Pic => EntryRoute::Pic,
            EntryMethod::Classic => EntryRoute::Wires { then_by_hand: false },
            EntryMethod::None => EntryRoute::Nothing,
        }
    }

    /// The rate that the line is good for, at most.
    pub(super) fn most_baud(self) -> u32 {
        if self == EntryRoute::Pic { MOST_BAUD_THROUGH_PIC } else { u32::MAX }
    }

    /// Whether the chip can be brought back into download mode without a person.
    pub(super) fn can_repeat(self) -> bool {
        matches!(self, EntryRoute::Pic | EntryRoute::Wires { .. })
    }

    /// Resets the chip into download mode, as far as that can be done from here, and gives the port
    /// to talk to it. `attempt` counts from 0; later ones give the chip more time.
    pub(super) fn enter(self, name: &str, attempt: u32) -> Result<Port, BoardError> {
        match self {
            EntryRoute::Pic => {
                in_pic_mode(name, pic::enter)?;
                serial::open(name, DataBits::Eight)
            }
            EntryRoute::Wires { .. } => {
                reset_lines::enter(serial::open(name, DataBits::Eight)?, name, attempt)
            }
            EntryRoute::Hand | EntryRoute::Nothing => serial::open(name, DataBits::Eight),
        }
    }

    /// Starts the program; whether that was done, else the reset button has to.
    pub(super) fn leave(self, port: Port, name: &str) -> Result<bool, BoardError> {
        match self {
            EntryRoute::Pic => {
                drop(port);
                in_pic_mode(name, pic::leave)?;
                Ok(true)
            }
            EntryRoute::Wires { .. } => Ok(reset_lines::reset(port).is_ok()),
            // The jumper is still there: a reset would lead back into download mode.
            EntryRoute::Hand | EntryRoute::Nothing => Ok(false),
        }
    }

    /// Resets a board whose program runs, so that it starts anew.
    pub(super) fn reset(self, name: &str) -> Result<bool, BoardError> {
        match self {
            EntryRoute::Pic => {
                in_pic_mode(name, pic::leave)?;
                Ok(true)
            }
            EntryRoute::Wires { .. } => Ok(reset_lines::reset(serial::open(name, DataBits::Eight)?).is_ok()),
            EntryRoute::Hand | EntryRoute::Nothing => Ok(false),
        }
    }
}

/// Opens the port as the PIC wants it for its commands, and closes it again.
fn in_pic_mode(
    name: &str,
    talk: fn(&mut dyn pic::PicLine) -> Result<(), pic::PicError>,
) -> Result<(), BoardError> {
    let port = serial::open(name, DataBits::Five)?;
    // What the board said before is not the PIC's.
    let _ = port.clear(ClearBuffer::Input);
    talk(&mut pic::SerialLine(port)).map_err(|error| match error {
        pic::PicError::Silent => BoardError::PicSilent { port: name.to_owned() },
        pic::PicError::TooOld(version) => BoardError::PicTooOld { version },
        pic::PicError::Lost => BoardError::PortLost { port: name.to_owned() },
    })
}

/// Whether the port has DTR and RTS: a pseudo-terminal has not.
fn is_wired(name: &str) -> Result<bool, BoardError> {
    Ok(serial::open(name, DataBits::Eight)?.read_clear_to_send().is_ok())
}

/// Waits, unless the job was cancelled.
pub(super) fn pause(cancel: &Cancel, time: Duration) -> Result<(), BoardError> {
    std::thread::sleep(time);
    cancel.check()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_follows_from_what_is_plugged_in_unless_a_person_chose_it() {
        let auto = |adapter, wired| EntryRoute::choose(EntryMethod::Auto, adapter, wired);
        assert_eq!(auto(Some(Adapter::Pysense), true), EntryRoute::Pic);
        assert_eq!(auto(Some(Adapter::Expansion3), true), EntryRoute::Pic);
        assert_eq!(auto(Some(Adapter::Ft231x), true), EntryRoute::Wires { then_by_hand: true });
        assert_eq!(auto(None, true), EntryRoute::Wires { then_by_hand: true });
        assert_eq!(auto(None, false), EntryRoute::Hand, "a pseudo-terminal");
        let chosen = |method| EntryRoute::choose(method, Some(Adapter::Pysense), true);
        assert_eq!(chosen(EntryMethod::Pic), EntryRoute::Pic);
        assert_eq!(chosen(EntryMethod::Classic), EntryRoute::Wires { then_by_hand: false });
        assert_eq!(chosen(EntryMethod::Manual), EntryRoute::Hand);
        assert_eq!(chosen(EntryMethod::None), EntryRoute::Nothing);
        assert_eq!(EntryRoute::Pic.most_baud(), 230_400);
    }
}
