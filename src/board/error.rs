//! What went wrong with a board, and what to do next.

use std::{io, path::PathBuf};

use super::{guard::Refusal, job_event::Mac};
use crate::model::Diagnostic;

/// Why a job did not come to its end. `Display` says what happened; [`BoardError::help`] says what
/// to do next.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// Somebody asked the job to end.
    #[error("the job was cancelled")]
    Cancelled,
    /// It ended after something had been written and before all was.
    #[error("{0}: the board is half written and starts no program")]
    Halfway(#[source] Box<BoardError>),

    /// There is no such port.
    #[error("there is no serial port {port}")]
    NoSuchPort { port: String },
    /// This user may not open it.
    #[error("this user may not open {port}")]
    PortDenied {
        port: String,
        /// The group that may.
        group: Option<String>,
    },
    /// Another program has it.
    #[error("{port} is in use by {}", .program.as_deref().unwrap_or("another program"))]
    PortBusy { port: String, program: Option<String> },
    /// The system does not open it.
    #[error("{port} cannot be opened: {reason}")]
    PortFailed {
        port: String,
        /// What the system says.
        reason: String,
    },
    /// It went away while it was in use.
    #[error("the connection to the board was lost: {port} is gone")]
    PortLost { port: String },

    /// No chip in download mode answers.
    #[error("no chip in download mode answers on {port}{}", heard(*.noise))]
    NoAnswer {
        /// Where.
        port: String,
        /// Whether something else came.
        noise: bool,
    },
    /// The chip stopped answering.
    #[error("the board stopped answering ({doing})")]
    Silent {
        /// What it was asked to do.
        doing: &'static str,
    },
    /// What came back makes no sense.
    #[error("the board's answer was garbled ({doing})")]
    Garbled {
        /// What it was asked to do.
        doing: &'static str,
    },
    /// The chip says that what came was not what was sent, again and again.
    #[error("what was sent to the chip arrived damaged, again and again ({doing}: error {code:#04x})")]
    Damaged {
        /// What it was asked to do.
        doing: &'static str,
        /// Its error code.
        code: u8,
    },
    /// The chip says no.
    #[error("the chip refused a command ({doing}: error {code:#04x})")]
    Refused {
        /// What it was asked to do.
        doing: &'static str,
        /// Its error code.
        code: u8,
    },
    /// The PIC between USB and the chip does not answer.
    #[error("the expansion board's own controller does not answer on {port}")]
    PicSilent {
        /// Where.
        port: String,
    },
    /// Its firmware is too old to be switched from here.
    #[error("the expansion board's firmware is version {version}, and version 6 is needed")]
    PicTooOld {
        /// Which one it has.
        version: u16,
    },

    /// No wire leads to the chip's reset pin.
    #[error("this board cannot be reset from here")]
    NoReset,

    /// Another chip.
    #[error("the chip is an {chip}, not an ESP32")]
    WrongChip { chip: String },
    /// A chip that nobody here knows.
    #[error("the chip is not an ESP32 (its signature is {magic:#010x})")]
    UnknownChip {
        /// What it says of itself.
        magic: u32,
    },
    /// It lets nobody look at it.
    #[error("the chip refuses to be examined: it is locked (secure download mode)")]
    Locked,
    /// It starts signed programs alone.
    #[error("the chip has secure boot switched on: it starts only programs that its maker signed")]
    SecureBoot,
    /// Its flash is encrypted.
    #[error("the chip has flash encryption switched on: it cannot read what is written from here")]
    Encrypted,
    /// The flash chip says nothing that makes sense.
    #[error("the flash chip does not answer (its id reads {id:#08x})")]
    FlashSilent {
        /// What was read.
        id: u32,
    },
    #[error("the board has {} MB of flash, and 4 MB are needed", *.bytes / 1_048_576)]
    FlashTooSmall {
        /// How much there is.
        bytes: u32,
    },

    /// The guard of the flash said no.
    #[error(transparent)]
    Guarded(#[from] Refusal),
    /// What was written does not read back.
    #[error("the {part} does not read back as it was written, twice")]
    VerifyFailed { part: String },
    /// What was read does not have the checksum that the chip computed.
    #[error("the flash at {offset:#x} does not read the same twice")]
    ReadFailed {
        /// Where.
        offset: u32,
    },

    /// An image that this board cannot start, or may not be given.
    #[error("{} {reason}", .file.display())]
    BadImage {
        file: PathBuf,
        /// What is wrong with it: continues "FILE …".
        reason: String,
        /// What to do about it, as a sentence without a full stop.
        help: String,
    },
    /// A board that this program did not flash has no place for a record.
    #[error(
        "the board does not run Twinlight's firmware: its partition table has no place for a provisioning record"
    )]
    OtherFirmware,
    /// No board would find its broker.
    #[error("{}", .0.message)]
    UnreachableBroker(Diagnostic),
    /// The record cannot be made.
    #[error("{0}")]
    BadRecord(traffic_light::record::RecordError),

    /// A backup is never written over.
    #[error("{} exists already, and a backup is never written over", .file.display())]
    BackupExists { file: PathBuf },
    /// The folder for backups is not known.
    #[error("the system names no folder for the user's data")]
    NoDataFolder,
    /// A file cannot be read or written.
    #[error("{} cannot be {doing}: {source}", .file.display())]
    File {
        file: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A backup that is not what it should be.
    #[error("{} {reason}", .file.display())]
    BadBackup {
        file: PathBuf,
        /// What is wrong: continues "FILE …".
        reason: String,
    },
    /// A backup of another board.
    #[error("the backup is of the board {backup}, and this one is {board}")]
    OtherBoard {
        /// Of which board it is.
        backup: Mac,
        board: Mac,
    },
    /// A backup of a flash of another size.
    #[error("the backup has {backup} bytes, and this board's flash has {board}")]
    OtherSize {
        /// The backup's.
        backup: u64,
        /// The board's.
        board: u64,
    },

    /// The system gives no threads.
    #[error("the system gives no thread to work on: {0}")]
    NoThread(io::Error),
}

fn heard(noise: bool) -> &'static str {
    if noise { ", but something else does: perhaps a program that runs" } else { "" }
}

impl BoardError {
    /// Whether somebody asked for this end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            BoardError::Cancelled => true,
            BoardError::Halfway(error) => error.is_cancelled(),
            _ => false,
        }
    }

    /// Whether the port itself is at fault, so that trying again on it is useless.
    pub(super) fn is_of_port(&self) -> bool {
        matches!(
            self,
            BoardError::NoSuchPort { .. }
                | BoardError::PortDenied { .. }
                | BoardError::PortBusy { .. }
                | BoardError::PortFailed { .. }
                | BoardError::PortLost { .. }
        )
    }

    /// Whether the line between here and the chip may be at fault, so that trying again may help.
    pub(super) fn is_of_line(&self) -> bool {
        self.blames_line() || matches!(self, BoardError::Refused { .. })
    }

    /// Whether it is the line's fault, so that a lower rate may help.
    pub(super) fn blames_line(&self) -> bool {
        matches!(self, BoardError::Silent { .. } | BoardError::Garbled { .. } | BoardError::Damaged { .. })
    }

    /// What to do next, as a sentence without a full stop.
    #[must_use]
    pub fn help(&self) -> String {
        let text = match self {
            BoardError::Cancelled => "nothing was changed on the board. Start the job again when you like",
            BoardError::Halfway(error) => {
                let first = match **error {
                    BoardError::Cancelled => String::new(),
                    ref error => format!("{}. Then ", error.help()),
                };
                return format!(
                    "{first}flash or restore it again: its download mode is in ROM and always works"
                );
            }
            BoardError::NoSuchPort { .. } => {
                "plug the board in with a cable that carries data (many only charge). \"twinlight ports\" lists what \
                 is there"
            }
            BoardError::PortDenied { port, group } => return denied(port, group.as_deref()),
            BoardError::PortBusy { .. } => {
                "close that program (a serial monitor, Pymakr, a modem manager), and try again"
            }
            BoardError::PortFailed { .. } => "unplug the board, plug it in again, and try again",
            BoardError::PortLost { .. } => {
                "plug the cable in again, straight into the computer if there was a hub, and start the job again"
            }
            BoardError::NoAnswer { .. } => {
                "connect G23 to ground with a jumper, press the reset button, and try again. Check that the cable \
                 carries data and that the board has power"
            }
            BoardError::Silent { .. } | BoardError::Garbled { .. } | BoardError::Damaged { .. } => {
                "check the cable, close programs that use the port, and try again. A shorter cable or a lower rate \
                 may help"
            }
            BoardError::Refused { .. } => {
                "reset the board and try again. If it stays so, its flash may be failing"
            }
            BoardError::PicSilent { .. } => {
                "unplug the expansion board and plug it in again, or put the jumper from G23 to ground and choose \
                 the entry \"manual\""
            }
            BoardError::PicTooOld { .. } => {
                "update the expansion board's firmware as Pycom describes it (dfu-util), or put the jumper from \
                 G23 to ground, press reset, and choose the entry \"manual\""
            }
            BoardError::NoReset => "press its reset button",
            BoardError::WrongChip { .. } | BoardError::UnknownChip { .. } => {
                "nothing was written. Plug in a LoPy4, or choose its port"
            }
            BoardError::Locked | BoardError::SecureBoot | BoardError::Encrypted => {
                "nothing was written. Take a board without that protection: it cannot be switched off"
            }
            BoardError::FlashSilent { .. } => {
                "nothing was written. Reset the board and try again: if it stays so, its flash is broken"
            }
            BoardError::FlashTooSmall { .. } => "nothing was written. Take a LoPy4, which has 4 or 8 MB",
            BoardError::Guarded(refusal) => return refusal.help(),
            BoardError::VerifyFailed { .. } => "try again. If it stays so, the board's flash is worn out",
            BoardError::ReadFailed { .. } => {
                "check the cable and try again. If it stays so, the board's flash is failing"
            }
            BoardError::BadImage { help, .. } => {
                return format!(
                    "{help}, or flash the firmware that came with this program (without --image). Nothing was written"
                );
            }
            BoardError::OtherFirmware => "nothing was written. Flash it first: that provisions it too",
            BoardError::UnreachableBroker(problem) => {
                let help = problem.help.as_deref().unwrap_or("correct the broker's address");
                return format!("{help}. Nothing was written");
            }
            BoardError::BadRecord(error) => {
                let help = error.help().unwrap_or("correct the settings");
                return format!("{help}. Nothing was written");
            }
            BoardError::BackupExists { .. } => "choose another name, or move the old backup away",
            BoardError::NoDataFolder => "name a file for the backup, or leave the backup out",
            BoardError::File { doing: "read", .. } => "check the name and its permissions",
            BoardError::File { .. } => "choose a folder that exists, is yours, and has room",
            BoardError::BadBackup { .. } => {
                "nothing was written. Take the file and the .toml beside it as \"twinlight backup\" wrote them"
            }
            BoardError::OtherBoard { .. } => {
                "nothing was written. Choose this board's own backup, or allow another board's: Pycom's block is \
                 left alone then"
            }
            BoardError::OtherSize { .. } => "nothing was written. Choose a backup of such a board",
            BoardError::NoThread(_) => "end other programs and try again",
        };
        text.to_owned()
    }
}

/// What to do about a port that this user may not open.
pub(super) fn denied(port: &str, group: Option<&str>) -> String {
    let group = group.unwrap_or("dialout");
    format!(
        "let this user into the group that may open it with \"sudo usermod -aG {group} $USER\", log out and in again. \
         Or, for Pycom's boards alone, write SUBSYSTEM==\"tty\", ATTRS{{idVendor}}==\"04d8\", TAG+=\"uaccess\" into \
         /etc/udev/rules.d/70-lopy4.rules and plug {port} in again"
    )
}
