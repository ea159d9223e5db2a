//! The line to a chip in download mode: commands there, replies back ("Serial Protocol" of esptool's
//! documentation). espflash makes the commands.
//!
//! espflash 4.7's own `Connection` is not used to send them: it has no place for a [`Guard`] between a
//! command and the wire, and its reader cannot be used here (see `frames`).
//!
//! Every command passes the [`Guard`] here, on its last step to the wire.

use std::{
    io::{ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use espflash::{
    command::{Command, CommandType},
    connection::Port,
};
use serialport::{ClearBuffer, SerialPort};

use super::{
    BoardError, Cancel,
    frames::{Frames, framed},
    guard::Guard,
};

/// Time for a command that does not depend on the size of anything.
pub(super) const SHORT: Duration = Duration::from_secs(3);
/// Time for a chip to answer that listens at all.
const SYNC: Duration = Duration::from_millis(120);
/// For how long a job that was cancelled waits for the reply to its last command.
const AFTER_CANCEL: Duration = Duration::from_millis(500);
/// After noise, and then silence for so long, no reply is on its way any more.
const AFTER_NOISE: Duration = Duration::from_secs(1);
/// Times that a command is sent which arrives damaged.
const SENDINGS: u32 = 3;
/// What the ROM and the stub say of a command that arrived damaged: no message, or a wrong checksum; a wrong
/// length, checksum or block size. They do nothing then.
const DAMAGED_BY_ROM: [u8; 2] = [0x05, 0x07];
const DAMAGED_BY_STUB: [u8; 3] = [0xC0, 0xC1, 0xC2];
/// How long one read waits, so that a cancel is seen.
const SLICE: Duration = Duration::from_millis(50);
/// Bytes of a reply before its data.
const HEADER_BYTES: usize = 8;
const SYNC_REPLIES: usize = 8;

/// The line to a chip.
#[derive(Debug)]
pub(super) struct Line {
    port: Port,
    name: String,
    frames: Frames,
    received: Vec<u8>,
    /// How far `received` has been looked at.
    looked: usize,
    pub(super) guard: Guard,
    cancel: Cancel,
    /// Bytes of status at the end of a reply: 2 from the stub, 4 from the ROM.
    status_bytes: usize,
    /// Bytes that came since the last command.
    heard: usize,
    /// When the last of them came.
    heard_at: Instant,
    /// Whether anything came that was no reply.
    noise: bool,
}

/// The reply to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The word in its header.
    pub(super) value: u32,
    /// What follows, without the status.
    pub(super) data: Vec<u8>,
}

impl Line {
    pub(super) fn new(port: Port, name: &str, cancel: &Cancel) -> Line {
        Line {
            port,
            name: name.to_owned(),
            frames: Frames::default(),
            received: Vec::new(),
            looked: 0,
            guard: Guard::new(),
            cancel: cancel.clone(),
            status_bytes: 4,
            heard: 0,
            heard_at: Instant::now(),
            noise: false,
        }
    }

    /// Whether the flasher stub answers, and not the ROM.
    pub(super) fn is_stub(&self) -> bool {
        self.status_bytes == 2
    }

    pub(super) fn heard_noise(&self) -> bool {
        self.noise
    }

    /// Takes the port out, for whoever goes on with it.
    pub(super) fn into_port(self) -> (Port, Guard) {
        (self.port, self.guard)
    }

    pub(super) fn set_baud(&mut self, baud: u32) -> Result<(), BoardError> {
        self.port.set_baud_rate(baud).map_err(|_| self.lost())
    }

    /// Whether a chip in download mode answers, and if so, whether it is the ROM or the stub.
    pub(super) fn sync(&mut self) -> Result<bool, BoardError> {
        let deadline = Instant::now() + SYNC;
        match self.send(&Command::Sync) {
            Ok(()) => {}
            // Nobody takes the bytes from the other end.
            Err(BoardError::Silent { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        let mut replies = 0;
        while replies < SYNC_REPLIES {
            match self.frame(deadline)? {
                Some(frame) if is_reply_to(&frame, CommandType::Sync) => {
                    self.status_bytes = if frame.len() == HEADER_BYTES + 2 { 2 } else { 4 };
                    replies += 1;
                }
                Some(_) => {}
                None => break,
            }
        }
        self.noise |= replies == 0 && self.heard > 0;
        Ok(replies > 0)
    }

    /// Sends a command and waits for its reply; again where it arrived damaged.
    pub(super) fn command(
        &mut self,
        command: &Command<'_>,
        timeout: Duration,
        doing: &'static str,
    ) -> Result<Reply, BoardError> {
        let mut sent = 0;
        loop {
            self.send(command)?;
            sent += 1;
            match self.reply(command.command_type(), timeout, doing) {
                Err(BoardError::Damaged { .. }) if sent < SENDINGS => self.guard.not_taken(command),
                done => return done,
            }
        }
    }

    /// Sends a command. The guard sees it first.
    pub(super) fn send(&mut self, command: &Command<'_>) -> Result<(), BoardError> {
        self.guard.check(command)?;
        let mut bytes = Vec::new();
        // Writing to a vector cannot fail.
        let _ = command.write(&mut bytes);
        // Late replies to an earlier command are not to be taken for this one's.
        self.port.clear(ClearBuffer::Input).map_err(|_| self.lost())?;
        self.received.clear();
        self.looked = 0;
        self.heard = 0;
        self.frames.forget();
        self.write(&bytes)
    }

    /// Waits for the reply to a command that was sent.
    pub(super) fn reply(
        &mut self,
        to: CommandType,
        timeout: Duration,
        doing: &'static str,
    ) -> Result<Reply, BoardError> {
        let deadline = Instant::now() + timeout;
        while let Some(frame) = self.frame(deadline)? {
            if is_reply_to(&frame, to) {
                return self.parse(&frame, doing);
            }
            // A late reply to another command spoils nothing.
            if is_whole(&frame) {
                self.heard = 0;
            }
        }
        Err(if self.heard > 0 { BoardError::Garbled { doing } } else { BoardError::Silent { doing } })
    }

    fn parse(&self, frame: &[u8], doing: &'static str) -> Result<Reply, BoardError> {
        let garbled = || BoardError::Garbled { doing };
        let (header, data) = frame.split_first_chunk::<HEADER_BYTES>().ok_or_else(garbled)?;
        if usize::from(u16::from_le_bytes([header[2], header[3]])) != data.len() {
            return Err(garbled());
        }
        let (data, status) =
            data.len().checked_sub(self.status_bytes).map(|at| data.split_at(at)).ok_or_else(garbled)?;
        match status {
            [0, ..] => Ok(Reply {
                value: u32::from_le_bytes([header[4], header[5], header[6], header[7]]),
                data: data.to_vec(),
            }),
            // The ROM says that it failed, and why; the stub says why at once.
            [code, 0, ..] | [_, code, ..] => {
                let damaged: &[u8] = if self.is_stub() { &DAMAGED_BY_STUB } else { &DAMAGED_BY_ROM };
                Err(if damaged.contains(code) {
                    BoardError::Damaged { doing, code: *code }
                } else {
                    BoardError::Refused { doing, code: *code }
                })
            }
            _ => Err(garbled()),
        }
    }

    /// The next frame, whatever it is; `None` when none came in time.
    pub(super) fn frame(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>, BoardError> {
        let mut deadline = deadline;
        let mut cancelled = false;
        loop {
            while let Some(byte) = self.received.get(self.looked) {
                self.looked += 1;
                if let Some(frame) = self.frames.take(*byte) {
                    return Ok(Some(frame));
                }
            }
            self.received.clear();
            self.looked = 0;
            if self.cancel.is_cancelled() && !cancelled {
                cancelled = true;
                deadline = deadline.min(Instant::now() + AFTER_CANCEL);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let spoilt = self.heard > 0 && self.heard_at.elapsed() > AFTER_NOISE;
            if left.is_zero() || spoilt {
                return if cancelled { Err(BoardError::Cancelled) } else { Ok(None) };
            }
            self.read(left.min(SLICE))?;
        }
    }

    fn read(&mut self, wait: Duration) -> Result<(), BoardError> {
        let mut bytes = [0; 4096];
        self.port.set_timeout(wait).map_err(|_| self.lost())?;
        match self.port.read(&mut bytes) {
            Ok(0) => Err(self.lost()),
            Ok(count) => {
                self.heard += count;
                self.heard_at = Instant::now();
                self.received.extend_from_slice(bytes.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => Ok(()),
            Err(_) => Err(self.lost()),
        }
    }

    /// Sends `content` as a frame.
    pub(super) fn write(&mut self, content: &[u8]) -> Result<(), BoardError> {
        let frame = framed(content);
        self.port.set_timeout(SHORT).map_err(|_| self.lost())?;
        self.port.write_all(&frame).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => BoardError::Silent { doing: "sending a command" },
            _ => self.lost(),
        })
    }

    fn lost(&self) -> BoardError {
        BoardError::PortLost { port: self.name.clone() }
    }
}

/// Whether a frame is a reply, to whatever.
fn is_whole(frame: &[u8]) -> bool {
    matches!(frame, [1, _, low, high, _, _, _, _, data @ ..]
        if usize::from(u16::from_le_bytes([*low, *high])) == data.len())
}

fn is_reply_to(frame: &[u8], to: CommandType) -> bool {
    matches!(frame, [1, op, ..] if *op == to as u8)
}
