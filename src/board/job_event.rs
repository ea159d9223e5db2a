//! What is told while a job runs, and what it comes to.

use std::{fmt, path::PathBuf, time::Duration};

use super::plan::BackupScope;

/// Who is told while a job runs, and asked what only a person can decide.
pub trait JobObserver {
    /// Takes an event. Must not block for long: the board waits meanwhile.
    fn notify(&mut self, event: JobEvent);

    /// Asks, and waits for the answer; no where nobody can answer or the job was cancelled.
    fn ask(&mut self, question: &Question) -> bool;
}

/// Something that happened in a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEvent {
    /// A step began; the one before is done.
    StepBegan(Step),
    /// How far the step is.
    Progressed(Progress),
    /// By hand: still waiting for the chip, for so long. Comes about twice a second.
    WaitingForChip {
        /// Since when.
        waited: Duration,
    },
    ChipAnswered,
    BoardMet(BoardInfo),
    /// The backup is complete and in this file.
    BackedUp(Backup),
    /// This part of the flash was right already.
    PartSkipped(Part),
    /// This part of the flash was written.
    PartWritten(Part),
    /// This part of the flash was compared byte for byte with what it should be, by MD5.
    PartVerified(Part),
    /// A sentence worth showing: a fall-back that was taken, for instance.
    Noted(String),
}

/// A step of a job, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Brings the chip into download mode and waits until it answers.
    Enter,
    /// Finds out what it is, and whether it can be flashed.
    Examine,
    /// Reads the flash into a file.
    BackUp,
    /// Compares the flash with what it should be.
    Compare,
    /// Writes what differs.
    Write,
    /// Compares byte for byte, by MD5.
    Verify,
    /// Starts the program.
    Start,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub step: Step,
    /// Bytes of flash that are done.
    pub done: u64,
    /// Bytes of flash in all.
    pub total: u64,
    /// How long the rest will take; `None` until that can be told.
    pub left: Option<Duration>,
}

/// A part of the flash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is: `bootloader`, `partition table`, `program`, `provisioning record`, …
    pub name: String,
    /// Where it begins.
    pub(super) offset: u32,
    /// How long it is, in bytes.
    pub(super) size: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardInfo {
    /// The chip, such as `ESP32`.
    pub chip: String,
    /// Its revision, major and minor.
    pub revision: (u32, u32),
    /// The address that it was made with.
    pub mac: Mac,
    /// Its flash, in bytes.
    pub flash_bytes: u32,
    /// Whether the flasher stub runs.
    pub stub: bool,
    /// The rate of the serial line, in baud.
    pub baud: u32,
}

/// An Ethernet address, as report into the chip. The same board always has the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file; what is known of it lies beside it, under the same name and `.toml`.
    pub file: PathBuf,
    /// How much it holds.
    pub(super) scope: BackupScope,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in lower-case hex.
    pub(crate) sha256: String,
    /// Of which board.
    pub(crate) mac: Mac,
}

/// What only a person can decide. The safe answer is always no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Pycom's block on the board differs from that of this board's own backup: write it too?
    IdentityDiffers { mac: Mac },
}

impl Question {
    /// The question, and what each answer does.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        match self {
            Question::IdentityDiffers { mac } => format!(
                "Pycom's block on this board ({mac}) is not that of its backup. It holds the LoRa address and the \
                 Sigfox identity. Write the backup's block too? Yes brings the old identity back; no leaves the \
                 block on the board as it is"
            ),
        }
    }
}

/// What a job came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The board was looked at.
    Examined(BoardInfo),
    /// The board is flashed, provisioned, verified and started.
    Flashed(Written),
    /// The record is written and verified, and the board started.
    Provisioned(Written),
    /// The backup is complete.
    BackedUp(Backup),
    /// The backup is back on the board, byte for byte.
    Restored {
        /// What was done.
        written: Written,
        /// Whether Pycom's block is that of the backup now.
        identity: Identity,
    },
    /// The board was reset.
    Reset,
}

/// What was done to a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub board: BoardInfo,
    /// The backup that was made first.
    pub(crate) backup: Option<Backup>,
    /// Bytes of flash that were written.
    pub written: u64,
    /// Bytes of flash that were right already.
    pub skipped: u64,
    /// How long it took, without the backup.
    pub took: Duration,
    /// Whether the program was started; else the reset button does it.
    pub started: bool,
}

/// What a `restore` did with Pycom's block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// It was the backup's already.
    Equal,
    /// It was written, as a person confirmed.
    Written,
    /// It differs and was left alone.
    LeftAlone,
    /// The backup does not hold it.
    NotHeld,
}

impl Step {
    /// What it does, for a person.
    #[must_use]
    pub(crate) fn words(self) -> &'static str {
        match self {
            Step::Enter => "reach the chip",
            Step::Examine => "examine the board",
            Step::BackUp => "back up the flash",
            Step::Compare => "compare",
            Step::Write => "write",
            Step::Verify => "verify",
            Step::Start => "start the program",
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Mac {
    type Err = ();

    fn from_str(text: &str) -> Result<Mac, ()> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().ok_or(())?;
            if part.len() != 2 || !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(());
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| ())?;
        }
        if parts.next().is_some() { Err(()) } else { Ok(Mac(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_read_as_it_is_written() {
        let mac = Mac([0x24, 0x0A, 0xC4, 0, 1, 0xFF]);
        assert_eq!(mac.to_string(), "24:0a:c4:00:01:ff");
        assert_eq!(mac.to_string().parse(), Ok(mac));
        for bad in ["", "24:0a:c4:00:01", "24:0a:c4:00:01:ff:00", "24-0a-c4-00-01-ff", "+4:0a:c4:00:01:ff"] {
            assert_eq!(bad.parse::<Mac>(), Err(()), "{bad}");
        }
    }
}
