//! The PIC of Expansion Board 3.x, Pytrack, Pysense, Pyscan and Pygate. It sits between USB and the
//! chip; DTR and RTS lead nowhere. On a port opened with **five data bits** it takes commands that
//! change its registers, and with them the chip's reset and boot pins.
//!
//! Source: the behaviour of Pycom's own updater, as section 4 of the design has it. Not tried on
//! hardware.

use std::{
    io::{self, ErrorKind, Read, Write},
    thread::sleep,
    time::{Duration, Instant},
};

use espflash::connection::Port;
use serialport::SerialPort;

/// Asks for the version of the PIC's firmware: two bytes.
const READ_VERSION: u8 = 0x11;
/// Changes a register: address (2), AND, OR, XOR; no answer.
const MODIFY: u8 = 0x02;

const TRISA: u8 = 0x8C;
const PORTA: u8 = 0x0C;
const TRISC: u8 = 0x8E;
const PORTC: u8 = 0x0E;

/// Port A: the chip's boot pin, by way of a transistor.
const BOOT: u8 = 1 << 5;
/// Port C: which of its pins hold the chip in download mode.
const DOWNLOAD: u8 = 1 << 0;
/// Port C: the chip's reset pin, active low.
const RESET: u8 = 1 << 5;

/// For how long the chip is held in reset.
const HELD: Duration = Duration::from_millis(200);
/// For how long the pin is driven high before it is let go.
const RELEASED: Duration = Duration::from_millis(100);
/// How long the PIC may take to answer.
const ANSWER: Duration = Duration::from_millis(500);
/// How long to listen for what the PIC says unasked.
const DRAIN: Duration = Duration::from_millis(20);
/// The most bytes that it says unasked.
const DRAIN_BYTES: usize = 10;
/// Questions for the version before the line counts as too noisy for it.
const MOST_QUESTIONS: u32 = 8;
/// The first firmware with these commands.
const LEAST_VERSION: u16 = 6;

/// A line to a PIC in command mode.
pub(super) trait PicLine {
    /// Sends bytes.
    ///
    /// # Errors
    /// When the port is gone.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Receives at most `most` bytes, for at most `wait`; fewer where fewer come.
    ///
    /// # Errors
    /// When the port is gone.
    fn receive(&mut self, most: usize, wait: Duration) -> io::Result<Vec<u8>>;

    /// Lets time pass.
    fn wait(&mut self, time: Duration);
}

/// Why the PIC did not do what it was asked to.
#[derive(Debug)]
pub(super) enum PicError {
    /// It does not answer.
    Silent,
    /// Its firmware does not know these commands.
    TooOld(u16),
    /// The port is gone.
    Lost,
}

impl From<io::Error> for PicError {
    fn from(_: io::Error) -> PicError {
        PicError::Lost
    }
}

/// Resets the chip into download mode.
///
/// # Errors
/// When the PIC does not answer or is too old.
pub(super) fn enter(line: &mut dyn PicLine) -> Result<(), PicError> {
    check_version(line)?;
    clear(line, TRISA, BOOT)?;
    clear(line, PORTA, BOOT)?;
    clear(line, TRISC, DOWNLOAD)?;
    clear(line, PORTC, DOWNLOAD)?;
    reset(line)
}

/// Resets the chip into its program.
///
/// # Errors
/// When the PIC does not answer or is too old.
pub(super) fn leave(line: &mut dyn PicLine) -> Result<(), PicError> {
    check_version(line)?;
    clear(line, TRISA, BOOT)?;
    set(line, PORTA, BOOT)?;
    set(line, TRISC, DOWNLOAD)?;
    reset(line)
}

fn reset(line: &mut dyn PicLine) -> Result<(), PicError> {
    clear(line, TRISC, RESET)?;
    clear(line, PORTC, RESET)?;
    line.wait(HELD);
    set(line, PORTC, RESET)?;
    line.wait(RELEASED);
    set(line, TRISC, RESET)
}

/// Asks until the same answer came twice: what the chip's program says on the same line could pass
/// for an answer.
fn check_version(line: &mut dyn PicLine) -> Result<(), PicError> {
    let mut last = None;
    for _ in 0..MOST_QUESTIONS {
        line.receive(DRAIN_BYTES, DRAIN)?;
        line.send(&[READ_VERSION])?;
        let [low, high] = *line.receive(2, ANSWER)?.as_slice() else { return Err(PicError::Silent) };
        line.receive(DRAIN_BYTES, DRAIN)?;
        let version = u16::from_le_bytes([low, high]);
        if last.replace(version) == Some(version) {
            return if version < LEAST_VERSION { Err(PicError::TooOld(version)) } else { Ok(()) };
        }
    }
    Err(PicError::Silent)
}

fn set(line: &mut dyn PicLine, register: u8, bits: u8) -> Result<(), PicError> {
    modify(line, register, 0xFF, bits)
}

fn clear(line: &mut dyn PicLine, register: u8, bits: u8) -> Result<(), PicError> {
    modify(line, register, !bits, 0)
}

fn modify(line: &mut dyn PicLine, register: u8, and: u8, or: u8) -> Result<(), PicError> {
    line.send(&[MODIFY, register, 0, and, or, 0])?;
    line.receive(DRAIN_BYTES, DRAIN)?;
    Ok(())
}

/// A serial port that was opened with five data bits.
pub(super) struct SerialLine(pub(super) Port);

impl PicLine for SerialLine {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.set_timeout(ANSWER)?;
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    fn receive(&mut self, most: usize, wait: Duration) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + wait;
        let mut bytes = vec![0; most];
        let mut count = 0;
        while let Some(room) = bytes.get_mut(count..).filter(|room| !room.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.0.set_timeout(left)?;
            match self.0.read(room) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(more) => count += more,
                Err(error) if error.kind() == ErrorKind::TimedOut => break,
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(count);
        Ok(bytes)
    }

    fn wait(&mut self, time: Duration) {
        sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Done {
        Sent(Vec<u8>),
        Waited(u64),
    }

    /// A PIC that remembers what it was told.
    #[derive(Default)]
    struct Pic {
        version: Option<[u8; 2]>,
        /// What comes in place of its first answers.
        said: Vec<[u8; 2]>,
        done: Vec<Done>,
        answer: Vec<u8>,
    }

    impl PicLine for Pic {
        fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
            assert!(self.answer.is_empty(), "what the PIC said before was not taken");
            if bytes == [0x11] {
                self.answer = self.said.pop().or(self.version).map(Vec::from).unwrap_or_default();
            }
            self.done.push(Done::Sent(bytes.to_vec()));
            Ok(())
        }

        fn receive(&mut self, most: usize, _: Duration) -> io::Result<Vec<u8>> {
            let most = most.min(self.answer.len());
            Ok(self.answer.drain(..most).collect())
        }

        fn wait(&mut self, time: Duration) {
            self.done.push(Done::Waited(u64::try_from(time.as_millis()).unwrap()));
        }
    }

    fn pic(version: [u8; 2]) -> Pic {
        Pic { version: Some(version), ..Pic::default() }
    }

    fn sent(bytes: &[u8]) -> Done {
        Done::Sent(bytes.to_vec())
    }

    fn reset_pulse() -> Vec<Done> {
        vec![
            sent(&[2, 0x8E, 0, 0xDF, 0, 0]),
            sent(&[2, 0x0E, 0, 0xDF, 0, 0]),
            Done::Waited(200),
            sent(&[2, 0x0E, 0, 0xFF, 0x20, 0]),
            Done::Waited(100),
            sent(&[2, 0x8E, 0, 0xFF, 0x20, 0]),
        ]
    }

    #[test]
    fn entering_drives_the_boot_pins_low_and_then_resets() {
        let mut pic = pic([6, 0]);
        enter(&mut pic).unwrap();
        let mut expected = vec![
            sent(&[0x11]),
            sent(&[0x11]),
            sent(&[2, 0x8C, 0, 0xDF, 0, 0]),
            sent(&[2, 0x0C, 0, 0xDF, 0, 0]),
            sent(&[2, 0x8E, 0, 0xFE, 0, 0]),
            sent(&[2, 0x0E, 0, 0xFE, 0, 0]),
        ];
        expected.extend(reset_pulse());
        assert_eq!(pic.done, expected);
    }

    #[test]
    fn leaving_lets_the_boot_pins_go_and_then_resets() {
        let mut pic = pic([0, 1]);
        leave(&mut pic).unwrap();
        let mut expected = vec![
            sent(&[0x11]),
            sent(&[0x11]),
            sent(&[2, 0x8C, 0, 0xDF, 0, 0]),
            sent(&[2, 0x0C, 0, 0xFF, 0x20, 0]),
            sent(&[2, 0x8E, 0, 0xFF, 0x01, 0]),
        ];
        expected.extend(reset_pulse());
        assert_eq!(pic.done, expected);
    }

    #[test]
    fn what_a_program_says_is_not_taken_for_a_version() {
        let mut pic = pic([5, 0]);
        pic.said = vec![*b"th", *b"e ", *b"la"];
        assert!(matches!(enter(&mut pic), Err(PicError::TooOld(5))));
        assert!(pic.done.iter().all(|done| *done == sent(&[0x11])), "{:?}", pic.done);
    }

    #[test]
    fn an_old_or_silent_pic_is_told_apart_and_no_register_is_touched() {
        let mut old = pic([5, 0]);
        assert!(matches!(enter(&mut old), Err(PicError::TooOld(5))));
        assert_eq!(old.done, [sent(&[0x11]), sent(&[0x11])]);
        let mut silent = Pic::default();
        assert!(matches!(leave(&mut silent), Err(PicError::Silent)));
        assert_eq!(silent.done, [sent(&[0x11])]);
    }
}
