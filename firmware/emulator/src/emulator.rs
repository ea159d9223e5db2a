//! The handle of an emulator, and how one is made.

use std::{
    fmt, io,
    io::Write,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::mpsc::{Sender, channel, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    board::{Board, BoardCommand, Reply, Request},
    chip::{Chip, ChipKind},
    fault::Fault,
    flash::Flash,
    loader::Loader,
    pic::PicEmulator,
    program::Program,
    pty::Pty,
    seen::{Mode, Seen},
    wire::Wire,
};

/// How long a handle waits for its board, which never takes long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Espressif's first block of MAC addresses.
const DEFAULT_MAC: [u8; 6] = [0x24, 0x0A, 0xC4, 0x12, 0x34, 0x56];

/// A board that is still to be made: a LoPy4 with 4 MB of flash in download mode, unless told otherwise.
#[derive(Clone, Debug)]
pub struct Builder {
    flash_file: PathBuf,
    flash_mb: u32,
    chip: Chip,
    stub_allowed: bool,
    mode: Mode,
    program: Program,
    paced: bool,
    pic: Option<PicEmulator>,
}

impl Builder {
    /// The size of the flash, in megabytes of 2²⁰ bytes.
    #[must_use]
    pub fn flash_mb(self, flash_mb: u32) -> Builder {
        Builder { flash_mb, ..self }
    }

    /// The factory's MAC address.
    #[must_use]
    pub fn mac(mut self, mac: [u8; 6]) -> Builder {
        self.chip.mac = mac;
        self
    }

    /// Another chip than the LoPy4's.
    #[must_use]
    pub fn chip(mut self, kind: ChipKind) -> Builder {
        self.chip.kind = kind;
        self
    }

    /// The major revision of an ESP32, 0 to 3; the default is 1.
    #[must_use]
    pub fn revision(mut self, revision: u8) -> Builder {
        self.chip.revision = revision;
        self
    }

    /// Whether the fuses ask for secure boot.
    #[must_use]
    pub fn secure_boot(mut self, on: bool) -> Builder {
        self.chip.secure_boot = on;
        self
    }

    /// Whether the fuses ask for an encrypted flash.
    #[must_use]
    pub fn flash_encryption(mut self, on: bool) -> Builder {
        self.chip.flash_encryption = on;
        self
    }

    /// Whether a stub starts that a client puts into the RAM. Where it does not, the ROM takes it, says
    /// that it would start it, and goes on as before.
    #[must_use]
    pub fn stub_allowed(self, stub_allowed: bool) -> Builder {
        Builder { stub_allowed, ..self }
    }

    /// What the board does at first.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Builder {
        Builder { mode, ..self }
    }

    /// What it runs when it does not load.
    #[must_use]
    pub fn program(self, program: Program) -> Builder {
        Builder { program, ..self }
    }

    /// Whether bytes take the time that the line's speed asks for. Else they take none.
    #[must_use]
    pub fn paced(self, paced: bool) -> Builder {
        Builder { paced, ..self }
    }

    /// A PIC before the ESP32, on the same port.
    #[must_use]
    pub fn behind_pic(self, pic: PicEmulator) -> Builder {
        Builder { pic: Some(pic), ..self }
    }

    /// Makes the board and plugs it in.
    ///
    /// # Errors
    /// When the flash's file cannot be used, or the system has no pseudo-terminal or thread left.
    pub fn start(self) -> io::Result<Emulator> {
        let too_large = || io::Error::new(io::ErrorKind::InvalidInput, "the flash is too large");
        let bytes = self.flash_mb.checked_mul(1 << 20).ok_or_else(too_large)?;
        let flash = Flash::open(&self.flash_file, bytes)?;
        let pty = Pty::open()?;
        let port = Some(pty.path().to_owned());
        let loader = Loader::new(self.chip, flash, self.stub_allowed);
        let (asks, asked) = channel();
        let (nudge, wake) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        nudge.set_nonblocking(true)?;
        let wire = Wire::new(pty, self.paced);
        let board = Board::new(wire, loader, self.pic, self.program, self.mode);
        let thread = thread::Builder::new()
            .name("lopy4-emulator".to_owned())
            .spawn(move || board.run(&asked, &wake))?;
        let emulator = Emulator { port, flash_file: self.flash_file, asks, nudge, thread: Some(thread) };
        // What it says at power-on is said before anybody can have the port open.
        emulator.ask(BoardCommand::Look);
        Ok(emulator)
    }
}

/// An emulated LoPy4, plugged in. Dropping it pulls the cable for good.
pub struct Emulator {
    /// What a client opens; none while the cable is out and nobody has asked again.
    port: Option<PathBuf>,
    flash_file: PathBuf,
    asks: Sender<Request>,
    /// Wakes the board's thread to its questions.
    nudge: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// A board whose flash is in the file at `flash_file`; it is made, and erased, if there is none.
    #[must_use]
    pub fn builder(flash_file: impl Into<PathBuf>) -> Builder {
        Builder {
            flash_file: flash_file.into(),
            flash_mb: 4,
            chip: Chip {
                kind: ChipKind::Esp32,
                revision: 1,
                mac: DEFAULT_MAC,
                secure_boot: false,
                flash_encryption: false,
            },
            stub_allowed: true,
            mode: Mode::Download,
            program: Program::Firmware,
            paced: false,
            pic: None,
        }
    }

    /// What a client opens as serial port, at the last plugging in.
    #[must_use]
    pub fn port(&self) -> &Path {
        self.port.as_deref().unwrap_or(Path::new(""))
    }

    /// The file with the flash. It may be read at any time, and changed while nobody uses the board.
    #[must_use]
    pub fn flash_file(&self) -> &Path {
        &self.flash_file
    }

    /// All of the flash.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn flash(&self) -> io::Result<Vec<u8>> {
        std::fs::read(&self.flash_file)
    }

    /// Resets it into download mode, as with the jumper and the button.
    pub fn enter_download_mode(&self) {
        self.ask(BoardCommand::Reset(Mode::Download));
    }

    /// Resets it, as with the button: it runs its program.
    pub fn reset(&self) {
        self.ask(BoardCommand::Reset(Mode::Running));
    }

    /// Pulls the cable: the port is gone, whoever had it open sees it hang up, and the board is without
    /// power. The flash stays.
    pub fn unplug(&self) {
        self.ask(BoardCommand::Unplug);
    }

    /// Plugs it in again, pulling the cable first if it was in. The port may have another name.
    ///
    /// # Errors
    /// When the system has no pseudo-terminal left.
    pub fn plug_in(&mut self, mode: Mode) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the board's thread has ended");
        let told = self.ask(BoardCommand::PlugIn(mode)).ok_or_else(gone)?;
        self.port = told.port;
        told.error.map_or(Ok(()), Err)
    }

    /// Arms a fault beside those that are armed.
    pub fn arm(&self, fault: Fault) {
        self.ask(BoardCommand::Arm(fault));
    }

    /// Disarms all faults.
    pub fn disarm(&self) {
        self.ask(BoardCommand::Disarm);
    }

    /// Lets the line carry noise alone while the board's speed is above so many baud; `None` mends it.
    pub fn break_above(&self, baud: Option<u32>) {
        self.ask(BoardCommand::BreakAbove(baud));
    }

    /// Lets the board say something on the line, as its program would.
    pub fn say(&self, text: &str) {
        self.ask(BoardCommand::Say(text.to_owned()));
    }

    /// What it saw. A command whose answer a client has is in it.
    ///
    /// # Panics
    /// When the board's thread has ended, which is a mistake of the emulator.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that goes on without its board would tell nothing")]
    pub fn seen(&self) -> Seen {
        self.ask(BoardCommand::Look).expect("the emulator's thread has ended").seen
    }

    /// Forgets what it saw.
    pub fn forget(&self) {
        self.ask(BoardCommand::Forget);
    }

    /// Asks the board's thread; none if that has ended.
    fn ask(&self, ask: BoardCommand) -> Option<Reply> {
        let (answer, answered) = sync_channel(1);
        self.asks.send((ask, answer)).ok()?;
        // A pipe that is full of nudges wakes as well.
        let _ = (&self.nudge).write(&[0]);
        answered.recv_timeout(PATIENCE).ok()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.ask(BoardCommand::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("port", &self.port).field("flash_file", &self.flash_file).finish()
    }
}
