//! What an emulator saw its client do.

use std::time::Duration;

use crate::{LoaderKind, Op, PicEvent, Ranges};

/// Whether a board loads or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It waits for a loader's commands.
    Download,
    /// It runs its program, and answers nobody.
    Running,
}

/// What an emulator saw since it started, or since `forget`.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whether it loads or runs now.
    pub mode: Mode,
    /// Which loader runs, where one does.
    pub loader: LoaderKind,
    /// The speed of its UART, in baud; none while the ROM still has to measure it.
    pub baud: Option<u32>,
    /// Whether a client has the port open.
    pub open: bool,
    /// How often a client opened the port.
    pub opened: u32,
    /// The commands that came, in order.
    pub commands: Vec<Op>,
    /// How many blocks for the flash were taken.
    pub blocks: u64,
    /// Which parts of the flash were erased.
    pub erased: Ranges,
    /// Which parts of the flash were programmed.
    pub written: Ranges,
    /// How many bytes came over the line.
    pub bytes_in: u64,
    /// How many bytes were sent to a client that listened.
    pub bytes_out: u64,
    /// How often it was reset, in any way.
    pub resets: u32,
    /// What its PIC did to it, and when: the time since the emulator started.
    pub pic: Vec<(Duration, PicEvent)>,
}

impl Seen {
    /// How often a command came.
    #[must_use]
    pub fn count(&self, op: Op) -> usize {
        self.commands.iter().filter(|seen| **seen == op).count()
    }

    /// Whether any byte of a part of the flash was erased or programmed.
    #[must_use]
    pub fn touched(&self, range: &std::ops::Range<u32>) -> bool {
        self.erased.touch(range) || self.written.touch(range)
    }

    /// Nothing, of a board in this mode.
    pub(crate) fn nothing(mode: Mode) -> Seen {
        Seen {
            mode,
            loader: LoaderKind::Rom,
            baud: None,
            open: false,
            opened: 0,
            commands: Vec::new(),
            blocks: 0,
            erased: Ranges::default(),
            written: Ranges::default(),
            bytes_in: 0,
            bytes_out: 0,
            resets: 0,
            pic: Vec::new(),
        }
    }
}
