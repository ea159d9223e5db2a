//! The wire between board and client: what comes and goes, when, and whether it is understood.

use std::{
    collections::VecDeque,
    io,
    os::fd::BorrowedFd,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    line::{Lane, Noise, understand},
    loader::{Action, START_BAUD},
    pty::{self, PortChange, Pty},
};

/// How much is read, and written, at a time where the line takes its time, in bytes.
const PACED_BYTES: usize = 512;
const READ_BYTES: usize = 0x4000;
/// How much is kept for a client that does not read before a program's words are dropped, in bytes.
const MAX_WAITING_BYTES: usize = 0x1_0000;

/// What waits to be sent, or to be done when all before it has been.
enum Out {
    Bytes { bytes: Vec<u8>, due: Option<Instant> },
    Then(Action),
}

pub(crate) struct Wire {
    /// None while the cable is out.
    pty: Option<Pty>,
    /// Whether bytes take their time.
    paced: bool,
    /// Above this many baud there is only noise.
    pub(crate) break_above: Option<u32>,
    noise: Noise,
    /// What came, and when the last of it has.
    arriving: Option<(Instant, Vec<u8>)>,
    leaving: VecDeque<Out>,
    lane_in: Lane,
    lane_out: Lane,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

impl Wire {
    pub(crate) fn new(pty: Pty, paced: bool) -> Wire {
        Wire {
            pty: Some(pty),
            paced,
            break_above: None,
            noise: Noise::default(),
            arriving: None,
            leaving: VecDeque::new(),
            lane_in: Lane::default(),
            lane_out: Lane::default(),
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Puts a new port in the place of the old.
    ///
    /// # Errors
    /// When the system has none left; then there is no port.
    pub(crate) fn plug_in(&mut self) -> io::Result<()> {
        self.unplug();
        self.pty = Some(Pty::open()?);
        Ok(())
    }

    /// The port is gone, and what was under way.
    pub(crate) fn unplug(&mut self) {
        self.pty = None;
        self.arriving = None;
        self.leaving.clear();
    }

    pub(crate) fn port(&self) -> Option<PathBuf> {
        self.pty.as_ref().map(|pty| pty.path().to_owned())
    }

    /// Whether a client has the port open.
    pub(crate) fn is_open(&self) -> bool {
        self.pty.as_ref().is_some_and(Pty::is_open)
    }

    /// What clients did with the port.
    pub(crate) fn change(&mut self) -> PortChange {
        self.pty.as_mut().map(Pty::change).unwrap_or_default()
    }

    /// The speed that the client has set, in baud.
    pub(crate) fn client_baud(&self) -> u32 {
        self.pty.as_ref().map_or(START_BAUD, Pty::client_baud)
    }

    /// A byte as a board hears it whose UART runs at `baud`; none if it still has to measure the speed.
    pub(crate) fn hear(&mut self, byte: u8, baud: Option<u32>) -> u8 {
        if self.is_understood(baud) { byte } else { self.noise.byte() }
    }

    fn is_understood(&self, baud: Option<u32>) -> bool {
        let client = self.client_baud();
        let own = baud.unwrap_or(client);
        understand(client, own) && self.break_above.is_none_or(|limit| own <= limit)
    }

    /// What has come by now.
    pub(crate) fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.arriving.take_if(|(due, _)| *due <= now).map(|(_, bytes)| bytes)
    }

    /// Puts bytes on the line, behind what is on it.
    pub(crate) fn leave(&mut self, bytes: Vec<u8>) {
        if !self.paced {
            self.leaving.push_back(Out::Bytes { bytes, due: None });
            return;
        }
        let baud = self.client_baud();
        let now = Instant::now();
        for part in bytes.chunks(PACED_BYTES) {
            let due = Some(self.lane_out.carry(now, part.len(), baud));
            self.leaving.push_back(Out::Bytes { bytes: part.to_vec(), due });
        }
    }

    /// Puts noise on the line.
    pub(crate) fn leave_noise(&mut self, count: usize) {
        let noise = self.noise.bytes(count);
        self.leave(noise);
    }

    /// Has something done when all that is on the line has left.
    pub(crate) fn then(&mut self, action: Action) {
        self.leaving.push_back(Out::Then(action));
    }

    /// Forgets what has not left yet.
    pub(crate) fn clear(&mut self) {
        self.leaving.clear();
    }

    /// Whether there is room for a program's words.
    pub(crate) fn has_room(&self) -> bool {
        let bytes = |out: &Out| if let Out::Bytes { bytes, .. } = out { bytes.len() } else { 0 };
        self.leaving.iter().map(bytes).sum::<usize>() < MAX_WAITING_BYTES
    }

    /// Sends what is due, of a board whose UART runs at `baud`, up to the next thing to do.
    pub(crate) fn send(&mut self, now: Instant, baud: Option<u32>) -> io::Result<Sent> {
        while let Some(out) = self.leaving.pop_front() {
            let (bytes, due) = match out {
                Out::Then(action) => return Ok(Sent::Then(action)),
                Out::Bytes { bytes, due } => (bytes, due),
            };
            if let Some(due) = due.filter(|due| *due > now) {
                self.leaving.push_front(Out::Bytes { bytes, due: Some(due) });
                return Ok(Sent::Until(due));
            }
            let heard = if self.is_understood(baud) { bytes } else { self.noise.bytes(bytes.len()) };
            // Nobody hears what is said to a closed port.
            let Some(pty) = self.pty.as_ref().filter(|pty| pty.is_open()) else { continue };
            let count = pty.write(&heard)?;
            self.bytes_out += u64::try_from(count).unwrap_or_default();
            let rest = heard.get(count..).unwrap_or_default();
            if !rest.is_empty() {
                self.leaving.push_front(Out::Bytes { bytes: rest.to_vec(), due: None });
                return Ok(Sent::Blocked);
            }
        }
        Ok(Sent::All)
    }

    /// Waits until there is something to do: `sent` is what came of sending, `until` when the board itself
    /// wants to do something. Takes what has come.
    pub(crate) fn wait(
        &mut self,
        wake: BorrowedFd<'_>,
        sent: &Sent,
        until: Option<Instant>,
    ) -> io::Result<()> {
        let leaving = if let Sent::Until(due) = sent { Some(*due) } else { None };
        let arriving = self.arriving.as_ref().map(|(due, _)| *due);
        let due = [until, leaving, arriving].into_iter().flatten().min();
        let timeout: Option<Duration> = due.map(|due| due.saturating_duration_since(Instant::now()));
        let blocked = matches!(sent, Sent::Blocked);
        let readable = pty::wait(self.pty.as_ref(), wake, arriving.is_none(), blocked, timeout)?;
        if readable { self.receive() } else { Ok(()) }
    }

    fn receive(&mut self) -> io::Result<()> {
        let Some(pty) = &self.pty else { return Ok(()) };
        let mut bytes = vec![0; if self.paced { PACED_BYTES } else { READ_BYTES }];
        let count = pty.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        bytes.truncate(count);
        self.bytes_in += u64::try_from(count).unwrap_or_default();
        let now = Instant::now();
        let due = if self.paced { self.lane_in.carry(now, count, pty.client_baud()) } else { now };
        self.arriving = Some((due, bytes));
        Ok(())
    }
}

/// How far sending went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// All has left.
    All,
    /// All but what comes over the line later.
    Until(Instant),
    /// The client has to read before there is room.
    Blocked,
    /// All that was before this, which is to be done now.
    Then(Action),
}
