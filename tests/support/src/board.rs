//! An emulated LoPy4 whose flash holds something everywhere.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    ops::Range,
    path::PathBuf,
};

use board_emulator::{Builder, Emulator, Seen};
use tempfile::TempDir;

/// Pycom's block.
pub const PROTECTED: Range<u32> = 0x3F_F000..0x40_0000;

pub struct Board {
    pub emulator: Emulator,
    _folder: TempDir,
}

impl Board {
    /// A LoPy4 with `megabytes` of flash, in download mode.
    pub fn new(megabytes: u32) -> Board {
        Board::made(megabytes, |builder| builder)
    }

    /// One that `make` has changed before it was plugged in.
    pub fn made(megabytes: u32, make: impl FnOnce(Builder) -> Builder) -> Board {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("flash.bin");
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let mut flash: Vec<u8> = (0..megabytes << 20).map(|_| random()).collect();
        // A blank stretch, as every flash has.
        flash[0x12_0000..0x1F_0000].fill(0xFF);
        fs::write(&file, flash).unwrap();
        let builder = Emulator::builder(file).flash_mb(megabytes).mac([0x24, 0x0A, 0xC4, 1, 2, 3]);
        Board { emulator: make(builder).start().unwrap(), _folder: folder }
    }

    pub fn port(&self) -> String {
        self.emulator.port().to_str().unwrap().to_owned()
    }

    pub fn flash(&self) -> Vec<u8> {
        self.emulator.flash().unwrap()
    }

    /// Changes the flash behind the board's back.
    pub fn write(&self, at: u32, bytes: &[u8]) {
        let mut file = fs::OpenOptions::new().write(true).open(self.emulator.flash_file()).unwrap();
        file.seek(SeekFrom::Start(at.into())).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Changes one byte of the flash behind the board's back.
    pub fn flip(&self, at: u32) {
        let old = self.flash()[at as usize];
        self.write(at, &[old ^ 0xFF]);
    }

    pub fn seen(&self) -> Seen {
        self.emulator.seen()
    }

    /// Whether nothing was erased or written since it was made, or since it last forgot.
    #[track_caller]
    pub fn assert_unchanged(&self) {
        let seen = self.seen();
        assert!(seen.erased.is_empty() && seen.written.is_empty(), "{seen:?}");
    }

    /// Nothing may ever have been done to Pycom's block.
    #[track_caller]
    pub fn assert_identity_untouched(&self, before: &[u8]) {
        let block = PROTECTED.start as usize..PROTECTED.end as usize;
        assert!(!self.seen().touched(&PROTECTED), "{:x?}", self.seen());
        assert!(self.flash()[block.clone()] == before[block]);
    }

    pub fn flash_file(&self) -> PathBuf {
        self.emulator.flash_file().to_owned()
    }
}
