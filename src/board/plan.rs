//! What may be asked for.

use std::{path::PathBuf, time::SystemTime};

use traffic_light::record::Record;

use crate::model::unix_seconds;

/// How to bring the chip into download mode, where its ROM takes commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum EntryMethod {
    /// By what is plugged in: the PIC's protocol for Pycom's boards of USB vendor 04D8, else DTR and
    /// RTS, else by hand.
    #[default]
    Auto,
    /// The PIC of Expansion Board 3.x, Pytrack, Pysense, Pyscan and Pygate.
    Pic,
    /// DTR and RTS, as on most development boards.
    Classic,
    /// A jumper from G23 to ground and the reset button: waits until the chip answers.
    Manual,
    /// The chip is in download mode already.
    None,
}

/// Which board, and how to talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The serial port: a device's path, or a name such as `COM3`. A pseudo-terminal does too.
    pub port: String,
    /// How to bring the chip into download mode.
    pub entry: EntryMethod,
    /// The highest rate to try, in baud; lower ones follow where it does not work. Through a PIC it
    /// is never above 230 400.
    pub max_baud: u32,
    /// Whether to load the flasher stub into the chip's RAM, which is faster than the chip's ROM.
    /// Where that fails the job goes on without.
    pub stub: bool,
}

impl Connection {
    /// The port at `port`, with everything else as it should be.
    #[must_use]
    pub fn new(port: impl Into<String>) -> Connection {
        Connection { port: port.into(), entry: EntryMethod::Auto, max_baud: 921_600, stub: true }
    }
}

/// The record as a board gets it `now`. The numbers of the board's runs begin with that time.
#[must_use]
pub(crate) fn provisioned(record: Record, now: SystemTime) -> Record {
    Record { provisioned_s: unix_seconds(now), ..record }
}

/// Back up, flash, provision, verify, start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashJob {
    pub connection: Connection,
    /// What the board is to know.
    pub record: Record,
    /// What to flash.
    pub image: ImageChoice,
    /// What to back up first; `None`: nothing.
    pub backup: Option<(BackupScope, BackupPlace)>,
}

/// Write the provisioning record alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionJob {
    pub connection: Connection,
    /// What the board is to know.
    pub record: Record,
}

/// Read the flash into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupJob {
    pub connection: Connection,
    /// How much of it.
    pub scope: BackupScope,
    /// Where to.
    pub place: BackupPlace,
}

/// Write a backup back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreJob {
    pub connection: Connection,
    /// The backup; what is known of it lies beside it, under the same name and `.toml`.
    pub file: PathBuf,
    /// Whether to take the backup of another board. Its Pycom block is never written.
    pub of_another_board: bool,
}

/// What to flash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ImageChoice {
    /// The firmware that came with this program.
    #[default]
    BuiltIn,
    /// A merged image or an app alone, checked before anything is written.
    File(PathBuf),
}

/// How much of the flash a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum BackupScope {
    /// All of it: what `restore` needs to bring a board back to what it was.
    #[default]
    Whole,
    /// Pycom's block of 4 KiB alone: the board's radio identity.
    Identity,
}

/// Where a backup goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupPlace {
    /// This file, which must not exist.
    File(PathBuf),
    /// A new file in this folder, named by MAC and date.
    Folder(PathBuf),
}
