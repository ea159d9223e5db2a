//! The board at work, on a thread of its own: it waits for the client, the line, the program and the
//! handle, and does one thing after another.

use std::{
    io::{self, Read},
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender},
    time::Instant,
};

use crate::{
    Ranges,
    fault::{Event, Fault, Faults, Kind},
    loader::{Action, Loader, LoaderKind, START_BAUD},
    op::Op,
    packet,
    pic::{PicEmulator, PicEvent},
    program::{Cause, Program, Script, download_banner, script},
    seen::{Mode, Seen},
    slip,
    wire::{Sent, Wire},
};

/// What the handle asks for.
pub(crate) enum BoardCommand {
    /// Reset, as by hand, into this mode.
    Reset(Mode),
    Unplug,
    /// A new port, and power.
    PlugIn(Mode),
    Arm(Fault),
    Disarm,
    /// Above this many baud the line carries noise.
    BreakAbove(Option<u32>),
    /// The program says something.
    Say(String),
    Forget,
    /// Nothing but what has been seen.
    Look,
    Stop,
}

/// What the handle is told when that is done.
pub(crate) struct Reply {
    /// What a client opens; none while the cable is out.
    pub(crate) port: Option<PathBuf>,
    pub(crate) seen: Seen,
    /// Why it was not done.
    pub(crate) error: Option<io::Error>,
}

/// A question, and where its answer goes.
pub(crate) type Request = (BoardCommand, SyncSender<Reply>);

pub(crate) struct Board {
    wire: Wire,
    loader: Loader,
    pic: Option<PicEmulator>,
    program: Program,
    mode: Mode,
    script: Option<Script>,
    /// What the program says next, and when.
    line: Option<(Instant, String)>,
    decoder: slip::Decoder,
    faults: Faults,
    seen: Seen,
    started: Instant,
    stopped: bool,
}

impl Board {
    pub(crate) fn new(
        wire: Wire,
        loader: Loader,
        pic: Option<PicEmulator>,
        program: Program,
        mode: Mode,
    ) -> Board {
        let mut board = Board {
            wire,
            loader,
            pic,
            program,
            mode,
            script: None,
            line: None,
            decoder: slip::Decoder::default(),
            faults: Faults::default(),
            seen: Seen::nothing(mode),
            started: Instant::now(),
            stopped: false,
        };
        board.reset(mode, Cause::Reset);
        board.seen.resets = 0;
        board
    }

    /// Works until it is told to stop, or the system fails it: then its port hangs up.
    pub(crate) fn run(mut self, asked: &Receiver<Request>, wake: &UnixStream) {
        while !self.stopped && self.round(asked, wake).is_ok() {}
    }

    /// Does what is asked and what is due, and waits for what comes next.
    fn round(&mut self, asked: &Receiver<Request>, mut wake: &UnixStream) -> io::Result<()> {
        let mut nudges = [0; 16];
        while matches!(wake.read(&mut nudges), Ok(1..)) {}
        while let Ok((ask, answer)) = asked.try_recv() {
            let error = self.obey(ask).err();
            // What a board says at once has been said when the handle goes on.
            self.work()?;
            // A handle that no longer waits needs no answer.
            let _ = answer.try_send(Reply { port: self.wire.port(), seen: self.look(), error });
        }
        if self.stopped {
            return Ok(());
        }
        let sent = self.work()?;
        self.wire.wait(wake.as_fd(), &sent, self.line.as_ref().map(|(due, _)| *due))
    }

    fn obey(&mut self, ask: BoardCommand) -> io::Result<()> {
        match ask {
            BoardCommand::Reset(mode) => self.reset(mode, Cause::Reset),
            BoardCommand::Unplug => self.unplug(),
            BoardCommand::PlugIn(mode) => {
                self.unplug();
                self.wire.plug_in()?;
                self.reset(mode, Cause::Reset);
            }
            BoardCommand::Arm(fault) => self.faults.arm(fault),
            BoardCommand::Disarm => self.faults.disarm(),
            BoardCommand::BreakAbove(baud) => self.wire.break_above = baud,
            BoardCommand::Say(text) => self.say(text),
            BoardCommand::Forget => self.forget(),
            BoardCommand::Look => {}
            BoardCommand::Stop => self.stopped = true,
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.seen = Seen::nothing(self.mode);
        self.loader.flash.erased = Ranges::default();
        self.loader.flash.written = Ranges::default();
        self.loader.blocks = 0;
        self.wire.bytes_in = 0;
        self.wire.bytes_out = 0;
    }

    fn look(&mut self) -> Seen {
        self.seen.opened += self.wire.change().opened;
        self.seen.mode = self.mode;
        self.seen.loader = self.loader.kind;
        self.seen.baud = self.baud();
        self.seen.open = self.wire.is_open();
        self.seen.blocks = self.loader.blocks;
        self.seen.erased = self.loader.flash.erased.clone();
        self.seen.written = self.loader.flash.written.clone();
        self.seen.bytes_in = self.wire.bytes_in;
        self.seen.bytes_out = self.wire.bytes_out;
        self.seen.clone()
    }

    /// The speed of its UART; none while the ROM still has to measure the client's.
    fn baud(&self) -> Option<u32> {
        match self.mode {
            Mode::Download => self.loader.baud,
            Mode::Running => Some(START_BAUD),
        }
    }

    /// Does what is due; says how far it has come with sending.
    fn work(&mut self) -> io::Result<Sent> {
        self.seen.opened += self.wire.change().opened;
        let now = Instant::now();
        for byte in self.wire.arrived(now).unwrap_or_default() {
            self.take_byte(byte);
        }
        if let Some((_, text)) = self.line.take_if(|(due, _)| *due <= now) {
            self.say(text);
            self.next_line(now);
        }
        loop {
            match self.wire.send(now, self.baud())? {
                Sent::Then(action) => self.perform(action),
                sent => return Ok(sent),
            }
        }
    }

    fn take_byte(&mut self, byte: u8) {
        if !self.decoder.inside()
            && let Some(pic) = &mut self.pic
            && pic.wants(byte)
        {
            let before = pic.events().len();
            let answer = pic.take(byte);
            let events: Vec<PicEvent> = pic.events().iter().skip(before).copied().collect();
            for event in events {
                self.obey_pic(event);
            }
            self.wire.leave(answer);
            return;
        }
        let heard = self.wire.hear(byte, self.baud());
        if let Some(frame) = self.decoder.push(heard)
            && self.mode == Mode::Download
        {
            self.take_frame(frame);
        }
    }

    fn obey_pic(&mut self, event: PicEvent) {
        self.seen.pic.push((self.started.elapsed(), event));
        match event {
            PicEvent::Held => self.fall_silent(),
            PicEvent::ReleasedToDownload => self.reset(Mode::Download, Cause::Reset),
            PicEvent::ReleasedToRun => self.reset(Mode::Running, Cause::Reset),
        }
    }

    fn take_frame(&mut self, mut frame: Vec<u8>) {
        let op = self.loader.op(&frame);
        let mut struck = Vec::new();
        if let Some(op) = op {
            self.seen.commands.push(op);
            let baud = self.baud();
            struck = self.faults.strike(Event::Command(op), baud);
            if op == Op::SYNC && self.loader.baud.is_none() {
                self.loader.baud = Some(self.wire.client_baud());
            }
        }
        for kind in &struck {
            match *kind {
                Kind::Silence => return,
                Kind::Unplugged => return self.unplug(),
                Kind::Refused(error) => return self.refuse(op, error),
                Kind::LostByte => {
                    frame.remove(frame.len() / 2);
                }
                Kind::DamagedCommand => {
                    let middle = frame.len() / 2;
                    if let Some(byte) = frame.get_mut(middle) {
                        *byte ^= 0x10;
                    }
                }
                _ => {}
            }
        }
        let streams = self.loader.stream.is_some();
        for (index, action) in self.loader.take(&frame).into_iter().enumerate() {
            match action {
                Action::Send(content) => {
                    // What follows the answer to a `READ_FLASH` is what was read.
                    let is_read = streams || op == Some(Op::READ_FLASH) && index > 0;
                    let baud = self.baud();
                    let kinds =
                        if is_read { self.faults.strike(Event::ReadBlock, baud) } else { struck.clone() };
                    self.send(content, &kinds);
                }
                other => self.wire.then(other),
            }
        }
    }

    fn refuse(&mut self, op: Option<Op>, error: u8) {
        let status: &[u8] = match self.loader.kind {
            LoaderKind::Rom => &[1, error, 0, 0],
            LoaderKind::Stub => &[error, 0],
        };
        self.wire.leave(slip::encode(&packet::answer(op.unwrap_or(Op(0)), 0, &[], status)));
    }

    /// Sends a frame, with what goes wrong with it.
    fn send(&mut self, mut content: Vec<u8>, kinds: &[Kind]) {
        let middle = content.len() / 2;
        for kind in kinds {
            match kind {
                Kind::LostAnswer | Kind::Silence => return,
                Kind::Unplugged => return self.unplug(),
                Kind::Noise => return self.wire.leave_noise(slip::encode(&content).len()),
                Kind::ShortAnswer => {
                    content.remove(middle);
                }
                Kind::FlippedBit | Kind::WrongMd5 => {
                    if let Some(byte) = content.get_mut(middle) {
                        // Of a hex digit this makes another hex digit.
                        *byte ^= 0x01;
                    }
                }
                Kind::LostByte | Kind::DamagedCommand | Kind::Refused(_) => {}
            }
        }
        self.wire.leave(slip::encode(&content));
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Baud(baud) => self.loader.baud = Some(baud),
            Action::Restart => self.reset(Mode::Download, Cause::Software),
            Action::Run => self.reset(Mode::Running, Cause::Software),
            Action::Send(content) => self.wire.leave(slip::encode(&content)),
        }
    }

    /// Starts the chip anew.
    fn reset(&mut self, mode: Mode, cause: Cause) {
        self.fall_silent();
        self.seen.resets += 1;
        self.mode = mode;
        match mode {
            Mode::Download => self.wire.leave(download_banner(cause).into_bytes()),
            Mode::Running => {
                let revision = self.loader.chip.revision;
                self.script = Some(script(&self.program, &self.loader.flash, revision, cause));
                self.next_line(Instant::now());
            }
        }
    }

    /// Neither speaks nor listens, as without power or held in reset.
    fn fall_silent(&mut self) {
        self.mode = Mode::Running;
        self.loader.reset();
        self.decoder = slip::Decoder::default();
        self.wire.clear();
        self.script = None;
        self.line = None;
    }

    fn unplug(&mut self) {
        self.fall_silent();
        self.wire.unplug();
    }

    fn next_line(&mut self, now: Instant) {
        let next = self.script.as_mut().and_then(Script::next);
        self.line = next.map(|(after, text)| (now + after, text));
    }

    fn say(&mut self, text: String) {
        if self.wire.has_room() {
            self.wire.leave(text.into_bytes());
        }
    }
}
