//! The loader that a chip in download mode runs: the ROM's, or the stub that was put into its RAM.
//! A frame in, actions out; the only thing behind it is the flash.

use crate::{
    chip::Chip,
    download::{Download, Trouble},
    flash::Flash,
    op::Op,
    packet::Request,
    registers::Registers,
    stub::Stream,
};

/// The speed that a chip's UART starts with.
pub(crate) const START_BAUD: u32 = 115_200;

/// What a loader does for a request, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Sends a frame with this in it.
    Send(Vec<u8>),
    /// Goes on at this speed.
    Baud(u32),
    /// Starts the ROM's loader anew.
    Restart,
    /// Starts the program in the flash.
    Run,
}

/// Which loader runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoaderKind {
    /// The one in the chip's ROM.
    Rom,
    /// The one that a client has put into the RAM.
    Stub,
}

/// The loader's state.
pub(crate) struct Loader {
    pub(crate) chip: Chip,
    pub(crate) flash: Flash,
    pub(crate) registers: Registers,
    pub(crate) kind: LoaderKind,
    /// Whether a program that is put into the RAM may run.
    pub(crate) stub_allowed: bool,
    /// The speed of the chip's UART; none while the ROM waits for a first `SYNC` to measure.
    pub(crate) baud: Option<u32>,
    /// What the ROM last answered as value: it keeps that from answer to answer.
    pub(crate) value: u32,
    /// Whether the flash is connected; the stub does that by itself.
    pub(crate) attached: bool,
    /// The flash's size that the client told, in bytes.
    pub(crate) told_bytes: u32,
    pub(crate) ram: Ram,
    pub(crate) download: Option<Download>,
    /// What the stub could not say before the next block's answer.
    pub(crate) late: Option<Trouble>,
    /// The flash on its way to the client.
    pub(crate) stream: Option<Stream>,
    /// How many blocks for the flash were taken.
    pub(crate) blocks: u64,
}

/// What was put into the RAM.
#[derive(Default)]
pub(crate) struct Ram {
    /// Where the next block goes; none outside of a download.
    next: Option<u32>,
    /// Where blocks went, and their ends.
    parts: Vec<(u32, u32)>,
}

impl Ram {
    pub(crate) fn begin(&mut self, address: u32) {
        self.next = Some(address);
    }

    /// Takes a block; says whether there was a beginning.
    pub(crate) fn take(&mut self, data: &[u8]) -> bool {
        let Some(next) = self.next else { return false };
        let end = next.saturating_add(u32::try_from(data.len()).unwrap_or(u32::MAX));
        self.parts.push((next, end));
        self.next = Some(end);
        true
    }

    /// Ends a download; says whether a program was put where `entry` is.
    pub(crate) fn end(&mut self, entry: u32) -> bool {
        self.next = None;
        self.parts.iter().any(|(start, end)| (*start..*end).contains(&entry))
    }
}

impl Loader {
    pub(crate) fn new(chip: Chip, flash: Flash, stub_allowed: bool) -> Loader {
        Loader {
            chip,
            registers: Registers::default(),
            kind: LoaderKind::Rom,
            stub_allowed,
            baud: None,
            value: 0,
            attached: false,
            told_bytes: flash.bytes(),
            flash,
            ram: Ram::default(),
            download: None,
            late: None,
            stream: None,
            blocks: 0,
        }
    }

    /// The ROM's loader, as after a reset; the flash is what it was.
    pub(crate) fn reset(&mut self) {
        self.registers = Registers::default();
        self.kind = LoaderKind::Rom;
        self.baud = None;
        self.value = 0;
        self.attached = false;
        self.told_bytes = self.flash.bytes();
        self.ram = Ram::default();
        self.download = None;
        self.late = None;
        self.stream = None;
    }

    /// Takes a frame.
    pub(crate) fn take(&mut self, frame: &[u8]) -> Vec<Action> {
        if self.stream.is_some() {
            return self.stream_on(frame);
        }
        let Some(request) = Request::parse(frame) else { return Vec::new() };
        match self.kind {
            LoaderKind::Rom => self.rom(&request),
            LoaderKind::Stub => self.stub(&request),
        }
    }

    /// The frame's command, if it is one.
    pub(crate) fn op(&self, frame: &[u8]) -> Option<Op> {
        if self.stream.is_some() { None } else { Request::parse(frame).map(|request| request.op) }
    }

    pub(crate) fn read_register(&self, address: u32) -> u32 {
        self.registers.read(&self.chip, address, self.baud.unwrap_or(START_BAUD))
    }

    pub(crate) fn write_register(&mut self, address: u32, value: u32, mask: u32) {
        self.registers.write(&self.chip, address, value, mask, self.flash.bytes());
    }

    /// Whether a part of the flash is within what the client told of its size.
    pub(crate) fn in_reach(&self, start: u32, bytes: u32) -> bool {
        start.checked_add(bytes).is_some_and(|end| end <= self.told_bytes.min(self.flash.bytes()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{chip::ChipKind, packet::tests::request};

    /// A loader with 1 MB of flash, all of it programmed to zeros.
    pub(crate) fn loader(stub_allowed: bool) -> (tempfile::TempDir, Loader) {
        let folder = tempfile::tempdir().unwrap();
        let mut flash = Flash::open(&folder.path().join("flash"), 1 << 20).unwrap();
        flash.program(0, &vec![0; 1 << 20]).unwrap();
        flash.written = crate::Ranges::default();
        let chip = Chip {
            kind: ChipKind::Esp32,
            revision: 1,
            mac: [0; 6],
            secure_boot: false,
            flash_encryption: false,
        };
        (folder, Loader::new(chip, flash, stub_allowed))
    }

    pub(crate) fn start_stub(loader: &mut Loader) -> Vec<Action> {
        loader.take(&request(Op::MEM_BEGIN, &[4, 1, 4, 0x4009_0000]));
        loader.take(&crate::packet::tests::block(Op::MEM_DATA, 0, b"stub"));
        loader.take(&request(Op::MEM_END, &[0, 0x4009_0000]))
    }

    /// The data and status that a single answer ends with.
    pub(crate) fn ending(actions: &[Action]) -> &[u8] {
        match actions {
            [Action::Send(answer), ..] => answer.get(8..).unwrap(),
            other => panic!("no answer: {other:?}"),
        }
    }
}
