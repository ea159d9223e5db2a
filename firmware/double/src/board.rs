//! The board at work, on a thread of its own: it waits for the client, the line, the program and the
//! handle, and does one thing after another.

use std::{
    collections::VecDeque,
    io::{self, Read},
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender},
    time::{Duration, Instant},
};

use crate::{
    fault::{Event, Fault, Faults, Kind},
    line::{Lane, Noise, understand},
    loader::{Action, Loader, LoaderKind, START_BAUD},
    op::Op,
    packet,
    pic::{PicDouble, PicEvent},
    program::{Cause, Program, Script, download_banner, script},
    pty::{self, Pty},
    seen::{Mode, Seen},
    slip,
};

/// How much is read, and written, at a time where the line takes its time, in bytes.
const PACED_BYTES: usize = 512;
const READ_BYTES: usize = 0x4000;
/// How much of its log a program keeps for a client that does not read, in bytes.
const MAX_WAITING_BYTES: usize = 0x1_0000;

/// What the handle asks for.
pub(crate) enum Ask {
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
pub(crate) struct Told {
    /// What a client opens; none while the cable is out.
    pub(crate) port: Option<PathBuf>,
    pub(crate) seen: Seen,
    /// Why it was not done.
    pub(crate) error: Option<io::Error>,
}

/// A question, and where its answer goes.
pub(crate) type Question = (Ask, SyncSender<Told>);

/// What waits to be sent, or to be done when all before it has been.
enum Out {
    Bytes { bytes: Vec<u8>, due: Option<Instant> },
    Then(Action),
}

/// How a board is made.
pub(crate) struct Setup {
    pub(crate) mode: Mode,
    pub(crate) program: Program,
    pub(crate) paced: bool,
    pub(crate) pic: Option<PicDouble>,
}

/// The board.
pub(crate) struct Board {
    pty: Option<Pty>,
    loader: Loader,
    setup: Setup,
    mode: Mode,
    script: Option<Script>,
    /// What the program says next, and when.
    line: Option<(Instant, String)>,
    decoder: slip::Decoder,
    faults: Faults,
    break_above: Option<u32>,
    noise: Noise,
    /// What came over the line, and when the last of it has.
    arriving: Option<(Instant, Vec<u8>)>,
    leaving: VecDeque<Out>,
    lane_in: Lane,
    lane_out: Lane,
    seen: Seen,
    started: Instant,
    stopped: bool,
}

impl Board {
    pub(crate) fn new(pty: Pty, loader: Loader, setup: Setup) -> Board {
        let mut board = Board {
            pty: Some(pty),
            seen: Seen::new(setup.mode),
            mode: setup.mode,
            loader,
            setup,
            script: None,
            line: None,
            decoder: slip::Decoder::default(),
            faults: Faults::default(),
            break_above: None,
            noise: Noise::default(),
            arriving: None,
            leaving: VecDeque::new(),
            lane_in: Lane::default(),
            lane_out: Lane::default(),
            started: Instant::now(),
            stopped: false,
        };
        board.reset(board.mode, Cause::Reset);
        board
    }

    /// Works until it is told to stop, or the system fails it: then its port hangs up.
    pub(crate) fn run(mut self, asked: &Receiver<Question>, mut wake: &UnixStream) {
        loop {
            let mut nudges = [0; 16];
            while matches!(wake.read(&mut nudges), Ok(1..)) {}
            while let Ok((ask, answer)) = asked.try_recv() {
                let error = self.do_ask(ask).err();
                // A handle that no longer waits needs no answer.
                let _ = answer.try_send(Told { port: self.port(), seen: self.look(), error });
            }
            if self.stopped || self.step(wake).is_err() {
                return;
            }
        }
    }

    fn port(&self) -> Option<PathBuf> {
        self.pty.as_ref().map(|pty| pty.path().to_owned())
    }

    fn do_ask(&mut self, ask: Ask) -> io::Result<()> {
        match ask {
            Ask::Reset(mode) => self.reset(mode, Cause::Reset),
            Ask::Unplug => self.unplug(),
            Ask::PlugIn(mode) => {
                self.unplug();
                self.pty = Some(Pty::open()?);
                self.reset(mode, Cause::Reset);
            }
            Ask::Arm(fault) => self.faults.arm(fault),
            Ask::Disarm => self.faults.disarm(),
            Ask::BreakAbove(baud) => self.break_above = baud,
            Ask::Say(text) => self.say(text),
            Ask::Forget => {
                self.seen = Seen::new(self.mode);
                self.loader.flash.erased = crate::Ranges::default();
                self.loader.flash.written = crate::Ranges::default();
                self.loader.blocks = 0;
            }
            Ask::Look => {}
            Ask::Stop => self.stopped = true,
        }
        Ok(())
    }

    fn look(&mut self) -> Seen {
        self.take_news();
        self.seen.mode = self.mode;
        self.seen.loader = self.loader.kind;
        self.seen.baud = if self.mode == Mode::Running { Some(START_BAUD) } else { self.loader.baud };
        self.seen.open = self.pty.as_ref().is_some_and(Pty::is_open);
        self.seen.blocks = self.loader.blocks;
        self.seen.erased = self.loader.flash.erased.clone();
        self.seen.written = self.loader.flash.written.clone();
        self.seen.clone()
    }

    /// Does what is due, and waits for what comes next.
    fn step(&mut self, wake: &UnixStream) -> io::Result<()> {
        self.take_news();
        let now = Instant::now();
        if let Some((_, bytes)) = self.arriving.take_if(|(due, _)| *due <= now) {
            for byte in bytes {
                self.take_byte(byte);
            }
        }
        if let Some((_, text)) = self.line.take_if(|(due, _)| *due <= now) {
            self.say(text);
            self.next_line(now);
        }
        let blocked = self.send(now)?;
        let due = [
            self.arriving.as_ref().map(|(due, _)| *due),
            self.line.as_ref().map(|(due, _)| *due),
            self.leaving.front().and_then(|out| match out {
                Out::Bytes { due, .. } if !blocked => *due,
                _ => None,
            }),
        ];
        let timeout =
            due.into_iter().flatten().min().map(|due| due.saturating_duration_since(Instant::now()));
        let reads = self.arriving.is_none();
        let ready = pty::wait(self.pty.as_ref(), wake.as_fd(), reads, blocked, timeout)?;
        if ready.read {
            self.receive()?;
        }
        Ok(())
    }

    fn take_news(&mut self) {
        let Some(pty) = &mut self.pty else { return };
        let news = pty.news();
        self.seen.opened += news.opened;
    }

    fn receive(&mut self) -> io::Result<()> {
        let Some(pty) = &self.pty else { return Ok(()) };
        let mut buffer = [0; READ_BYTES];
        let most = if self.setup.paced { PACED_BYTES } else { READ_BYTES };
        let count = pty.read(buffer.get_mut(..most).unwrap_or_default())?;
        if count == 0 {
            return Ok(());
        }
        self.seen.bytes_in += u64::try_from(count).unwrap_or_default();
        let now = Instant::now();
        let due = if self.setup.paced { self.lane_in.carry(now, count, pty.client_baud()) } else { now };
        self.arriving = Some((due, buffer.iter().take(count).copied().collect()));
        Ok(())
    }

    /// Whether client and board understand each other at their present speeds.
    fn understood(&self) -> bool {
        let Some(pty) = &self.pty else { return false };
        let client = pty.client_baud();
        // A ROM that has not measured the speed yet has the client's.
        let own = if self.mode == Mode::Running { START_BAUD } else { self.loader.baud.unwrap_or(client) };
        understand(client, own) && self.break_above.is_none_or(|limit| own <= limit)
    }

    fn take_byte(&mut self, byte: u8) {
        if !self.decoder.inside()
            && let Some(pic) = &mut self.setup.pic
            && pic.wants(byte)
        {
            let before = pic.events().len();
            let answer = pic.take(byte);
            let events: Vec<PicEvent> = pic.events().iter().skip(before).copied().collect();
            for event in events {
                self.obey(event);
            }
            if !answer.is_empty() {
                self.leave(answer);
            }
            return;
        }
        let heard = if self.understood() { byte } else { self.noise.byte() };
        if let Some(frame) = self.decoder.push(heard)
            && self.mode == Mode::Download
        {
            self.take_frame(frame);
        }
    }

    fn obey(&mut self, event: PicEvent) {
        self.seen.pic.push((self.started.elapsed(), event));
        match event {
            // Held in reset, it neither speaks nor listens.
            PicEvent::Held => {
                self.mode = Mode::Running;
                self.script = None;
                self.line = None;
            }
            PicEvent::ReleasedToDownload => self.reset(Mode::Download, Cause::Reset),
            PicEvent::ReleasedToRun => self.reset(Mode::Running, Cause::Reset),
        }
    }

    fn take_frame(&mut self, mut frame: Vec<u8>) {
        let op = self.loader.op(&frame);
        let mut struck = Vec::new();
        if let Some(op) = op {
            self.seen.commands.push(op);
            struck = self.faults.strike(Event::Command(op));
            if op == Op::SYNC
                && self.loader.baud.is_none()
                && let Some(pty) = &self.pty
            {
                self.loader.baud = Some(pty.client_baud());
            }
        }
        for kind in &struck {
            match *kind {
                Kind::Silence => return,
                Kind::Unplugged => return self.unplug(),
                Kind::LostByte => {
                    frame.remove(frame.len() / 2);
                }
                Kind::Refused(error) => {
                    let status: &[u8] = match self.loader.kind {
                        LoaderKind::Rom => &[1, error, 0, 0],
                        LoaderKind::Stub => &[error, 0],
                    };
                    let answer = packet::answer(op.unwrap_or(Op(0)), 0, &[], status);
                    return self.leave(slip::encode(&answer));
                }
                _ => {}
            }
        }
        let streams = self.loader.stream.is_some();
        let actions = self.loader.take(&frame);
        for (index, action) in actions.into_iter().enumerate() {
            match action {
                Action::Send(content) => {
                    // What follows the answer to a `READ_FLASH` is what was read.
                    let is_read = streams || op == Some(Op::READ_FLASH) && index > 0;
                    let kinds = if is_read { self.faults.strike(Event::ReadBlock) } else { struck.clone() };
                    self.send_content(content, &kinds);
                }
                other => self.leaving.push_back(Out::Then(other)),
            }
        }
    }

    /// Sends a frame, with what goes wrong with it.
    fn send_content(&mut self, mut content: Vec<u8>, kinds: &[Kind]) {
        let middle = content.len() / 2;
        for kind in kinds {
            match kind {
                Kind::LostAnswer | Kind::Silence => return,
                Kind::Unplugged => return self.unplug(),
                Kind::Noise => {
                    let count = slip::encode(&content).len();
                    let noise = self.noise.bytes(count);
                    return self.leave(noise);
                }
                Kind::ShortAnswer => {
                    content.remove(middle);
                }
                Kind::FlippedBit | Kind::WrongMd5 => {
                    if let Some(byte) = content.get_mut(middle) {
                        // Of the ROM's hex digits this makes other hex digits.
                        *byte ^= 0x01;
                    }
                }
                Kind::LostByte | Kind::Refused(_) => {}
            }
        }
        self.leave(slip::encode(&content));
    }

    /// Puts bytes on the line, behind what is on it.
    fn leave(&mut self, bytes: Vec<u8>) {
        if !self.setup.paced {
            self.leaving.push_back(Out::Bytes { bytes, due: None });
            return;
        }
        let baud = self.pty.as_ref().map_or(START_BAUD, Pty::client_baud);
        let now = Instant::now();
        for part in bytes.chunks(PACED_BYTES) {
            let due = Some(self.lane_out.carry(now, part.len(), baud));
            self.leaving.push_back(Out::Bytes { bytes: part.to_vec(), due });
        }
    }

    /// Sends what is due; says whether it waits for room.
    fn send(&mut self, now: Instant) -> io::Result<bool> {
        loop {
            match self.leaving.pop_front() {
                None => return Ok(false),
                Some(Out::Then(action)) => self.act(action),
                Some(Out::Bytes { bytes, due }) => {
                    if due.is_some_and(|due| due > now) {
                        self.leaving.push_front(Out::Bytes { bytes, due });
                        return Ok(false);
                    }
                    let noisy = !self.understood();
                    // Nobody hears what is said to a closed port.
                    let Some(pty) = self.pty.as_ref().filter(|pty| pty.is_open()) else { continue };
                    let heard = if noisy { self.noise.bytes(bytes.len()) } else { bytes };
                    let count = pty.write(&heard)?;
                    self.seen.bytes_out += u64::try_from(count).unwrap_or_default();
                    let rest = heard.get(count..).unwrap_or_default();
                    if !rest.is_empty() {
                        self.leaving.push_front(Out::Bytes { bytes: rest.to_vec(), due: None });
                        return Ok(true);
                    }
                }
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Baud(baud) => self.loader.baud = Some(baud),
            Action::Restart => self.reset(Mode::Download, Cause::Software),
            Action::Run => self.reset(Mode::Running, Cause::Software),
            Action::Send(content) => self.leave(slip::encode(&content)),
        }
    }

    /// Starts the chip anew.
    fn reset(&mut self, mode: Mode, cause: Cause) {
        self.seen.resets += 1;
        self.mode = mode;
        self.loader.reset();
        self.decoder = slip::Decoder::default();
        self.leaving.clear();
        self.script = None;
        self.line = None;
        match mode {
            Mode::Download => self.leave(download_banner(cause).into_bytes()),
            Mode::Running => {
                let revision = self.loader.chip.revision;
                self.script = Some(script(&self.setup.program, &self.loader.flash, revision, cause));
                self.next_line(Instant::now());
            }
        }
    }

    fn next_line(&mut self, now: Instant) {
        let next = self.script.as_mut().and_then(Script::next);
        self.line = next.map(|(after, text)| (now + after, text));
    }

    fn say(&mut self, text: String) {
        let waiting: usize = self
            .leaving
            .iter()
            .map(|out| if let Out::Bytes { bytes, .. } = out { bytes.len() } else { 0 })
            .sum();
        if waiting < MAX_WAITING_BYTES {
            self.leave(text.into_bytes());
        }
    }

    /// The port is gone, and with it the power.
    fn unplug(&mut self) {
        self.pty = None;
        self.arriving = None;
        self.mode = Mode::Running;
        self.loader.reset();
        self.leaving.clear();
        self.script = None;
        self.line = None;
    }
}

impl Seen {
    fn new(mode: Mode) -> Seen {
        Seen {
            mode,
            loader: LoaderKind::Rom,
            baud: None,
            open: false,
            opened: 0,
            commands: Vec::new(),
            blocks: 0,
            erased: crate::Ranges::default(),
            written: crate::Ranges::default(),
            bytes_in: 0,
            bytes_out: 0,
            resets: 0,
            pic: Vec::new(),
        }
    }
}

/// How long a handle waits for its board, which never takes long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
