//! The PIC between USB and ESP32 on Expansion board 3.x, Pysense and their kin: it moves bytes, and
//! resets the ESP32 when a client changes its registers.
//!
//! Known from how Pycom's own tools behave, and not tried on hardware: `0x11` answers two bytes of
//! firmware version; `0x02 low high and or xor` changes the register at that address to
//! ((old & and) | or) ^ xor, without an answer. Assumed from the same chip's I²C commands: `0x00 low high`
//! answers the register's value. The PIC takes commands while the client has five data bits set. On a
//! pseudo-terminal that cannot be seen; see [`PicEmulator::wants`]. Whether it passes on meanwhile what the
//! ESP32 says is not known; wired before one, the emulator does, so that a program that talks all the time
//! talks into the PIC's answers.

/// Registers of the PIC by address: direction (1 = input) and level of its ports A and C.
pub mod register {
    /// Direction of port A.
    pub const TRISA: u16 = 0x8C;
    /// Levels of port A.
    pub const PORTA: u16 = 0x0C;
    /// Direction of port C.
    pub const TRISC: u16 = 0x8E;
    /// Levels of port C.
    pub const PORTC: u16 = 0x0E;
}

const PEEK: u8 = 0x00;
const MODIFY: u8 = 0x02;
const VERSION: u8 = 0x11;

/// The two pins that keep the ESP32 from its program while it is reset, and the one that resets it.
const STRAP_A: u8 = 1 << 5;
const STRAP_C: u8 = 1 << 0;
const RESET_C: u8 = 1 << 5;

/// A change of a register, in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The register's address.
    pub register: u16,
    /// Its value before.
    pub from: u8,
    /// Its value after.
    pub to: u8,
}

/// What the PIC does to the ESP32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PicEvent {
    /// It holds it in reset.
    Held,
    /// It has let it go, with both straps low: the ESP32 is in download mode.
    ReleasedToDownload,
    /// It has let it go otherwise: the ESP32 runs its program.
    ReleasedToRun,
}

/// The PIC: bytes in, bytes out, registers, and what it does to the ESP32.
#[derive(Clone, Debug)]
pub struct PicEmulator {
    version: u16,
    trisa: u8,
    porta: u8,
    trisc: u8,
    portc: u8,
    /// The command so far.
    command: Vec<u8>,
    changes: Vec<Change>,
    events: Vec<PicEvent>,
}

impl Default for PicEmulator {
    /// As after power-on, with a firmware that can do what is asked of it: all pins are inputs.
    fn default() -> PicEmulator {
        PicEmulator::new(8)
    }
}

impl PicEmulator {
    /// A PIC with firmware `version` (6 is the first that resets the ESP32 on command).
    #[must_use]
    pub fn new(version: u16) -> PicEmulator {
        PicEmulator {
            version,
            trisa: 0xFF,
            porta: 0xFF,
            trisc: 0xFF,
            portc: 0xFF,
            command: Vec::new(),
            changes: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Whether `byte` belongs to the PIC where the framing cannot tell: it begins a command, or one has
    /// begun. What clients send to the ESP32's loaders begins with 0xC0, so there is no doubt between the
    /// two.
    #[must_use]
    pub fn wants(&self, byte: u8) -> bool {
        !self.command.is_empty() || matches!(byte, PEEK | MODIFY | VERSION)
    }

    /// Takes a byte; gives what the PIC answers. A byte that begins no command is dropped.
    pub fn take(&mut self, byte: u8) -> Vec<u8> {
        if !self.wants(byte) {
            return Vec::new();
        }
        self.command.push(byte);
        let answer = match *self.command.as_slice() {
            [VERSION] => self.version.to_le_bytes().to_vec(),
            [PEEK, low, high] => {
                let found = self.register(u16::from_le_bytes([low, high]));
                vec![found.map_or(0, |register| *register)]
            }
            [MODIFY, low, high, and, or, xor] => {
                self.modify(u16::from_le_bytes([low, high]), and, or, xor);
                Vec::new()
            }
            _ => return Vec::new(),
        };
        self.command.clear();
        answer
    }

    /// All changes of registers, the oldest first.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// All that was done to the ESP32, the oldest first.
    #[must_use]
    pub fn events(&self) -> &[PicEvent] {
        &self.events
    }

    fn register(&mut self, address: u16) -> Option<&mut u8> {
        match address {
            register::TRISA => Some(&mut self.trisa),
            register::PORTA => Some(&mut self.porta),
            register::TRISC => Some(&mut self.trisc),
            register::PORTC => Some(&mut self.portc),
            _ => None,
        }
    }

    fn modify(&mut self, address: u16, and: u8, or: u8, xor: u8) {
        let held = self.holds_reset();
        let Some(register) = self.register(address) else { return };
        let from = *register;
        let to = ((from & and) | or) ^ xor;
        *register = to;
        self.changes.push(Change { register: address, from, to });
        match (held, self.holds_reset()) {
            (false, true) => self.events.push(PicEvent::Held),
            (true, false) => {
                let download = drives_low(self.trisa, self.porta, STRAP_A)
                    && drives_low(self.trisc, self.portc, STRAP_C);
                self.events.push(if download {
                    PicEvent::ReleasedToDownload
                } else {
                    PicEvent::ReleasedToRun
                });
            }
            _ => {}
        }
    }

    fn holds_reset(&self) -> bool {
        drives_low(self.trisc, self.portc, RESET_C)
    }
}

/// Whether a pin is an output, and low.
fn drives_low(direction: u8, level: u8, pin: u8) -> bool {
    (direction | level) & pin == 0
}

#[cfg(test)]
mod tests {
    use super::{register::*, *};

    fn modify(pic: &mut PicEmulator, address: u16, and: u8, or: u8) {
        let [low, high] = address.to_le_bytes();
        for byte in [MODIFY, low, high, and, or, 0] {
            assert!(pic.take(byte).is_empty(), "a change is not answered");
        }
    }

    fn reset(pic: &mut PicEmulator) {
        modify(pic, TRISC, !RESET_C, 0);
        modify(pic, PORTC, !RESET_C, 0);
        modify(pic, PORTC, 0xFF, RESET_C);
        modify(pic, TRISC, 0xFF, RESET_C);
    }

    fn enter(pic: &mut PicEmulator) {
        modify(pic, TRISA, !STRAP_A, 0);
        modify(pic, PORTA, !STRAP_A, 0);
        modify(pic, TRISC, !STRAP_C, 0);
        modify(pic, PORTC, !STRAP_C, 0);
        reset(pic);
    }

    #[test]
    fn the_version_has_two_bytes() {
        let mut pic = PicEmulator::new(0x0106);
        assert_eq!(pic.take(VERSION), [0x06, 0x01]);
        assert_eq!(pic.take(VERSION), [0x06, 0x01]);
    }

    #[test]
    fn entering_and_leaving_are_told_apart_by_the_straps_at_the_release() {
        let mut pic = PicEmulator::default();
        enter(&mut pic);
        assert_eq!(pic.events(), [PicEvent::Held, PicEvent::ReleasedToDownload]);
        modify(&mut pic, TRISA, !STRAP_A, 0);
        modify(&mut pic, PORTA, 0xFF, STRAP_A);
        modify(&mut pic, TRISC, 0xFF, STRAP_C);
        reset(&mut pic);
        assert_eq!(pic.events()[2..], [PicEvent::Held, PicEvent::ReleasedToRun]);
    }

    #[test]
    fn changes_are_kept_in_order() {
        let mut pic = PicEmulator::default();
        modify(&mut pic, TRISA, !STRAP_A, 0);
        modify(&mut pic, PORTA, !STRAP_A, 0);
        let change = |register| Change { register, from: 0xFF, to: 0xDF };
        assert_eq!(pic.changes(), [change(TRISA), change(PORTA)]);
        assert_eq!([PEEK, 0x0C, 0].map(|byte| pic.take(byte)).concat(), [0xDF]);
    }

    #[test]
    fn straps_without_a_reset_do_nothing() {
        let mut pic = PicEmulator::default();
        modify(&mut pic, TRISA, !STRAP_A, 0);
        modify(&mut pic, PORTA, !STRAP_A, 0);
        assert!(pic.events().is_empty());
    }

    #[test]
    fn what_begins_no_command_is_dropped() {
        let mut pic = PicEmulator::default();
        assert!([0xC0, 0x55, 0xFF].iter().all(|byte| pic.take(*byte).is_empty()));
        assert_eq!(pic.take(VERSION), [8, 0]);
    }
}
