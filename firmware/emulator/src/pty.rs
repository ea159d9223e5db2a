//! A pseudo-terminal that plays a serial port, seen from the board's side.
//!
//! Linux keeps the speed that a client sets on a pseudo-terminal, so that the board can read it. It does
//! not keep the number of data bits (they are always eight), nor are there control lines: DTR and RTS
//! cannot be set, and clients have to be told to reset nothing.

use std::{
    ffi::OsStr,
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{
        OFlags, fcntl_getfl, fcntl_setfl,
        inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    },
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt},
    termios::{OptionalActions, QueueSelector, ioctl_tiocnxcl, tcflush, tcgetattr, tcsetattr},
};

use crate::loader::START_BAUD;

/// A pseudo-terminal. Dropping it is pulling the cable: whoever has it open sees it hang up.
pub(crate) struct Pty {
    board: OwnedFd,
    /// Open all the time, so that a client that leaves does not hang the line up.
    client: OwnedFd,
    path: PathBuf,
    /// Tells who opens and closes `path`.
    watch: OwnedFd,
    /// How many clients have it open.
    clients: u32,
}

/// What clients did with the port since that was last asked.
#[derive(Default)]
pub(crate) struct PortChange {
    /// How often it was opened.
    pub(crate) opened: u32,
    /// Whether the last one that had it open has closed it.
    pub(crate) left: bool,
}

impl Pty {
    /// Makes one.
    ///
    /// # Errors
    /// When the system has none left, or no means to watch it.
    pub(crate) fn open() -> io::Result<Pty> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let board = openpt(flags)?;
        grantpt(&board)?;
        unlockpt(&board)?;
        let name = ptsname(&board, Vec::new())?;
        let path = PathBuf::from(OsStr::from_bytes(name.as_bytes()));
        let client = ioctl_tiocgptpeer(&board, flags)?;
        let mut settings = tcgetattr(&client)?;
        settings.make_raw();
        settings.set_speed(START_BAUD)?;
        tcsetattr(&client, OptionalActions::Now, &settings)?;
        fcntl_setfl(&board, fcntl_getfl(&board)? | OFlags::NONBLOCK)?;
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        inotify::add_watch(&watch, &path, WatchFlags::OPEN | WatchFlags::CLOSE)?;
        Ok(Pty { board, client, path, watch, clients: 0 })
    }

    /// What a client opens.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a client has it open.
    pub(crate) fn is_open(&self) -> bool {
        self.clients > 0
    }

    /// The speed that the client has set, in baud.
    pub(crate) fn client_baud(&self) -> u32 {
        tcgetattr(&self.board).map_or(START_BAUD, |settings| settings.output_speed())
    }

    /// What clients did. When the last has left, what it did not read is forgotten, as a serial driver
    /// does, and so is its claim to have the port to itself.
    pub(crate) fn change(&mut self) -> PortChange {
        let mut change = PortChange::default();
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut reader = inotify::Reader::new(&self.watch, &mut buffer);
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::OPEN) {
                self.clients += 1;
                change.opened += 1;
                change.left = false;
            } else if event.events().intersects(ReadFlags::CLOSE_WRITE | ReadFlags::CLOSE_NOWRITE) {
                self.clients = self.clients.saturating_sub(1);
                change.left = self.clients == 0;
            }
        }
        if change.left {
            // Neither can fail on an open pseudo-terminal, and neither is worth a word if it did.
            let _ = tcflush(&self.client, QueueSelector::IFlush);
            let _ = ioctl_tiocnxcl(&self.client);
        }
        change
    }

    /// Reads what the client has sent; nothing if there is nothing.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.board, buffer) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
            done => Ok(done?),
        }
    }

    /// Writes as much as there is room for.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(&self.board, bytes) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
            done => Ok(done?),
        }
    }
}

/// Waits until the port changes, can be read (if `read`) or written (if `write`), `wake` can be read,
/// or the time is over; for ever without one. Says whether the port can be read.
pub(crate) fn wait(
    pty: Option<&Pty>,
    wake: BorrowedFd<'_>,
    read: bool,
    write: bool,
    timeout: Option<Duration>,
) -> io::Result<bool> {
    let mut wanted = PollFlags::empty();
    wanted.set(PollFlags::IN, read);
    wanted.set(PollFlags::OUT, write);
    let mut sources = vec![PollFd::from_borrowed_fd(wake, PollFlags::IN)];
    if let Some(pty) = pty {
        sources.push(PollFd::from_borrowed_fd(pty.watch.as_fd(), PollFlags::IN));
        if !wanted.is_empty() {
            sources.push(PollFd::from_borrowed_fd(pty.board.as_fd(), wanted));
        }
    }
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut sources, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(sources.get(2).is_some_and(|source| source.revents().contains(PollFlags::IN)))
}
