//! A board in download mode: reached, examined, with the stub running and the line as fast as it
//! goes.
//!
//! espflash 4.7's `Flasher` does this too, but only on a port whose DTR and RTS reset the chip or that is
//! in download mode already: there is no way in for the PIC of Pycom's boards, for a person's hand that
//! takes minutes, or for a fall-back to a lower rate. It also writes to wherever an image says.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use espflash::command::Command;

use super::{
    BoardError, BoardInfo, Cancel, Connection, JobEvent, JobObserver, Step,
    chip::{self, Examined},
    entry::{EntryRoute, pause},
    line::{Line, SHORT},
    serial::{self, BAUD},
    stub,
};

/// Rates of the line, the fastest first, in baud.
const RATES: [u32; 4] = [921_600, 460_800, 230_400, BAUD];
/// For how long a hand may take to find jumper and button.
const HAND: Duration = Duration::from_secs(300);
/// For how long a chip may be silent that is said to be in download mode.
const THERE_ALREADY: Duration = Duration::from_secs(4);
/// Between two tellings that the chip is still waited for.
const WAITING_PACE: Duration = Duration::from_millis(500);
/// Tries to reset the chip into download mode.
const RESETS: u32 = 4;
/// Tries to reach it after each reset.
const SYNCS: u32 = 5;
/// Time for both sides to change the rate.
const NEW_RATE: Duration = Duration::from_millis(50);

/// A board in download mode.
pub(super) struct Loader {
    pub(super) line: Line,
    pub(super) info: BoardInfo,
    name: String,
    way: EntryRoute,
    cancel: Cancel,
    /// What is to be told when somebody listens.
    notes: Vec<String>,
}

/// Why an attempt was given up, and another may do.
enum Again {
    /// The stub does not start.
    WithoutStub(String),
    /// The line does not work at this rate.
    Slower(u32),
}

impl Loader {
    /// Reaches the board.
    ///
    /// # Errors
    /// When it cannot be reached, or may not be flashed. Nothing was written then.
    pub(super) fn connect(
        connection: &Connection,
        observer: &mut dyn JobObserver,
        cancel: &Cancel,
    ) -> Result<Loader, BoardError> {
        let name = connection.port.as_str();
        let way = EntryRoute::of(connection)?;
        let most = connection.max_baud.min(way.most_baud());
        let mut rates = RATES.into_iter().filter(|rate| *rate <= most);
        let mut rate = rates.next().unwrap_or(BAUD);
        let mut stub = connection.stub;
        loop {
            match Loader::attempt(name, way, stub, rate, observer, cancel)? {
                Ok(loader) => return Ok(loader),
                Err(Again::WithoutStub(reason)) => {
                    stub = false;
                    let text = format!(
                        "the flasher stub does not start ({reason}); going on with the chip's ROM, which is slower"
                    );
                    observer.notify(JobEvent::Noted(text));
                }
                Err(Again::Slower(failed)) => {
                    rate = rates.next().unwrap_or(BAUD);
                    let text = format!("{failed} baud do not work on this line; trying {rate}");
                    observer.notify(JobEvent::Noted(text));
                }
            }
        }
    }

    fn attempt(
        name: &str,
        way: EntryRoute,
        stub: bool,
        rate: u32,
        observer: &mut dyn JobObserver,
        cancel: &Cancel,
    ) -> Result<Result<Loader, Again>, BoardError> {
        let (mut line, mut baud) = reach(name, way, observer, cancel)?;
        observer.notify(JobEvent::StepBegan(Step::Examine));
        let Examined { revision, mac, flash_bytes } = chip::examine(&mut line)?;
        if stub && !line.is_stub() {
            cancel.check()?;
            line = match start_stub(line, name, cancel)? {
                Ok(line) => line,
                Err(reason) => return Ok(Err(Again::WithoutStub(reason))),
            };
            chip::attach_flash(&mut line)?;
        }
        chip::set_flash_size(&mut line, flash_bytes)?;
        if rate > baud {
            match change_rate(&mut line, baud, rate, observer)? {
                Some(true) => baud = rate,
                Some(false) => {}
                None => return Ok(Err(Again::Slower(rate))),
            }
        }
        line.guard.set_flash_bytes(flash_bytes);
        let info =
            BoardInfo { chip: "ESP32".to_owned(), revision, mac, flash_bytes, stub: line.is_stub(), baud };
        observer.notify(JobEvent::BoardMet(info.clone()));
        Ok(Ok(Loader { line, info, name: name.to_owned(), way, cancel: cancel.clone(), notes: Vec::new() }))
    }

    /// Goes on after a reply was lost or garbled.
    pub(super) fn recover(&mut self) -> Result<(), BoardError> {
        let started = Instant::now();
        while started.elapsed() < SHORT {
            self.cancel.check()?;
            if self.line.sync()? {
                return Ok(());
            }
        }
        Err(BoardError::Silent { doing: "after a lost reply" })
    }

    /// Goes on at the next lower rate, since the line disturbs what is sent at this one; whether there is one
    /// that works.
    pub(super) fn step_down(&mut self) -> Result<bool, BoardError> {
        let now = self.info.baud;
        let Some(rate) = RATES.into_iter().find(|rate| *rate < now) else { return Ok(false) };
        let command = change_baud(&self.line, now, rate);
        match self.line.command(&command, SHORT, "changing the rate") {
            Ok(_) => {}
            // It may have heard it all the same.
            Err(error) if error.blames_line() => {}
            Err(BoardError::Refused { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.line.set_baud(rate)?;
        sleep(NEW_RATE);
        if (0..3).any(|_| chip::answers(&mut self.line)) {
            self.notes.push(format!("{now} baud are too fast for this line; going on at {rate}"));
            self.info.baud = rate;
            return Ok(true);
        }
        self.line.set_baud(now)?;
        Ok(false)
    }

    /// Tells what happened to the line meanwhile.
    pub(super) fn tell(&mut self, observer: &mut dyn JobObserver) {
        self.notes.drain(..).for_each(|note| observer.notify(JobEvent::Noted(note)));
    }

    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Starts the program and gives the port free; whether that was done, else the reset button has
    /// to.
    pub(super) fn leave(mut self, observer: &mut dyn JobObserver) -> Result<bool, BoardError> {
        observer.notify(JobEvent::StepBegan(Step::Start));
        self.slow_down();
        if !self.way.can_repeat() {
            observer.notify(JobEvent::Noted(
                "take the jumper off G23 and press the reset button: then the program starts".to_owned(),
            ));
        }
        let (port, _) = self.line.into_port();
        self.way.leave(port, &self.name)
    }

    /// Gives the port free without a word, after a failure; starts the old program where it is
    /// still whole.
    pub(super) fn give_up(mut self, whole: bool) {
        self.slow_down();
        if whole && self.way.can_repeat() {
            let (port, _) = self.line.into_port();
            // The failure itself is what matters.
            let _ = self.way.leave(port, &self.name);
        }
    }

    /// Whoever talks to the chip next, the next job or a PIC, is to find it at the usual rate.
    fn slow_down(&mut self) {
        if self.info.baud != BAUD && self.recover().is_ok() {
            let command = change_baud(&self.line, self.info.baud, BAUD);
            // It is found at the other rate too, if need be.
            let _ = self.line.command(&command, SHORT, "changing the rate");
        }
    }
}

/// Reaches a chip in download mode; gives the line and its rate.
fn reach(
    name: &str,
    way: EntryRoute,
    observer: &mut dyn JobObserver,
    cancel: &Cancel,
) -> Result<(Line, u32), BoardError> {
    observer.notify(JobEvent::StepBegan(Step::Enter));
    let found = match way {
        EntryRoute::Pic | EntryRoute::Wires { then_by_hand: false } => by_reset(name, way, cancel),
        EntryRoute::Wires { then_by_hand: true } => match by_reset(name, way, cancel) {
            Err(BoardError::NoAnswer { .. }) => by_hand(name, observer, cancel),
            other => other,
        },
        EntryRoute::Hand => by_hand(name, observer, cancel),
        EntryRoute::Nothing => there_already(name, cancel),
    }?;
    observer.notify(JobEvent::ChipAnswered);
    Ok(found)
}

fn by_reset(name: &str, way: EntryRoute, cancel: &Cancel) -> Result<(Line, u32), BoardError> {
    let mut noise = false;
    for attempt in 0..RESETS {
        cancel.check()?;
        let mut line = Line::new(way.enter(name, attempt)?, name, cancel);
        for _ in 0..SYNCS {
            if line.sync()? {
                return Ok((line, BAUD));
            }
        }
        noise |= line.heard_noise();
    }
    Err(BoardError::NoAnswer { port: name.to_owned(), noise })
}

/// Waits for the chip. A person may well pull the plug to reset it.
fn by_hand(name: &str, observer: &mut dyn JobObserver, cancel: &Cancel) -> Result<(Line, u32), BoardError> {
    let started = Instant::now();
    let mut told: Option<Instant> = None;
    let mut line = Some(Line::new(EntryRoute::Hand.enter(name, 0)?, name, cancel));
    while started.elapsed() < HAND {
        cancel.check()?;
        match line.as_mut().map(Line::sync) {
            Some(Ok(true)) => break,
            Some(Ok(false)) => {}
            Some(Err(error)) if !error.is_of_port() => return Err(error),
            Some(Err(_)) => line = None,
            None => line = EntryRoute::Hand.enter(name, 0).ok().map(|port| Line::new(port, name, cancel)),
        }
        if told.is_none_or(|told| told.elapsed() >= WAITING_PACE) {
            told = Some(Instant::now());
            observer.notify(JobEvent::WaitingForChip { waited: started.elapsed() });
        }
        pause(cancel, Duration::from_millis(100))?;
    }
    match line {
        Some(line) if started.elapsed() < HAND => Ok((line, BAUD)),
        Some(line) => Err(BoardError::NoAnswer { port: name.to_owned(), noise: line.heard_noise() }),
        None => Err(BoardError::NoSuchPort { port: name.to_owned() }),
    }
}

/// Looks for a chip that is in download mode already, perhaps at the rate of the last job.
fn there_already(name: &str, cancel: &Cancel) -> Result<(Line, u32), BoardError> {
    let mut line = Line::new(EntryRoute::Nothing.enter(name, 0)?, name, cancel);
    let started = Instant::now();
    let slowest_first = RATES.into_iter().rev().cycle();
    for rate in slowest_first {
        cancel.check()?;
        line.set_baud(rate)?;
        if line.sync()? || line.sync()? {
            return Ok((line, rate));
        }
        if started.elapsed() > THERE_ALREADY {
            break;
        }
    }
    Err(BoardError::NoAnswer { port: name.to_owned(), noise: line.heard_noise() })
}

/// Starts the stub; the reason where it does not start.
fn start_stub(line: Line, name: &str, cancel: &Cancel) -> Result<Result<Line, String>, BoardError> {
    let (port, _) = line.into_port();
    let (port, failed) = match stub::start(port) {
        Ok(port) => (port, None),
        Err((Some(port), reason)) => (port, Some(reason)),
        Err((None, reason)) => (serial::open(name, serialport::DataBits::Eight)?, Some(reason)),
    };
    let mut line = Line::new(port, name, cancel);
    if let Some(reason) = failed {
        // Whether the port is still there decides whether to try without.
        line.sync()?;
        return Ok(Err(reason));
    }
    for _ in 0..SYNCS {
        if line.sync()? {
            break;
        }
    }
    Ok(if line.is_stub() { Ok(line) } else { Err("it does not answer".to_owned()) })
}

/// Raises the rate. `Some(false)`: the chip would not, and nothing changed; `None`: the line does
/// not work any more, and the chip has to be reached anew.
fn change_rate(
    line: &mut Line,
    from: u32,
    to: u32,
    observer: &mut dyn JobObserver,
) -> Result<Option<bool>, BoardError> {
    let command = change_baud(line, from, to);
    match line.command(&command, SHORT, "changing the rate") {
        Ok(_) => {}
        Err(BoardError::Refused { .. }) => {
            observer
                .notify(JobEvent::Noted(format!("the chip does not change to {to} baud; staying at {from}")));
            return Ok(Some(false));
        }
        Err(error) if error.is_of_line() => return Ok(None),
        Err(error) => return Err(error),
    }
    line.set_baud(to)?;
    sleep(NEW_RATE);
    for _ in 0..2 {
        if chip::answers(line) {
            return Ok(Some(true));
        }
    }
    // Silence and a port that is gone look alike in the question above.
    line.sync()?;
    Ok(None)
}

fn change_baud(line: &Line, from: u32, to: u32) -> Command<'static> {
    Command::ChangeBaudrate { new_baud: to, prior_baud: if line.is_stub() { from } else { 0 } }
}
