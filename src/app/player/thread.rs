//! The thread that owns a playback, lets its time pass, and gives its events to the window.
//!
//! It never gets further ahead of the window than the window can take: with too many events waiting
//! it stands still for a moment, so that none is ever lost.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{broadcast, mpsc, watch},
    time::sleep,
};

use super::{
    source::{JudgedPlayback, OpenPlayback},
    transport::{PlayerCommand, Progress, SPEEDS},
};
use crate::{
    scenario::Judge,
    world::{Command, Event, EventKind, event::Severity},
};

/// Time between two looks at the clock while it plays.
const BEAT: Duration = Duration::from_millis(16);
/// How long it may be busy before it looks for commands again.
const BUDGET: Duration = Duration::from_millis(25);
/// A pause that is not of the player's making (a suspended computer) is not made good.
const LONGEST_BEAT: Duration = Duration::from_millis(100);
/// What is played in one go while it seeks.
const SEEK: Duration = Duration::from_millis(100);
/// A lamp that does not change for so long is not waited for.
const LONGEST_STEP: Duration = Duration::from_secs(600);
/// Time between two verdicts while it plays.
const JUDGE_EVERY: Duration = Duration::from_millis(250);
/// Events that may wait for the window; the channel holds more than this and one go's together.
pub(super) const MOST_WAITING: usize = 16_384;

pub(super) struct PlayerThread {
    pub(super) open: OpenPlayback,
    pub(super) player_commands: mpsc::Receiver<PlayerCommand>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) wake: Arc<dyn Fn() + Send + Sync>,
    /// Where to seek to first.
    pub(super) from: Duration,
}

struct Machine {
    opened: JudgedPlayback,
    events: broadcast::Sender<Event>,
    shown: Progress,
    /// Up to when to seek for a change of a lamp.
    to_lamp: Option<Duration>,
    beat: Instant,
    judged: Instant,
}

impl PlayerThread {
    /// Tells the window why nothing can be played.
    pub(super) fn fail(self, reason: String) {
        let shown = self.progress.borrow().clone();
        self.progress.send_replace(Progress { failed: Some(reason), playing: false, ..shown });
        (self.wake)();
    }

    /// Plays until the window lets go of it.
    pub(super) async fn run(mut self) {
        let mut shown = self.progress.borrow().clone();
        let opened = match (self.open)() {
            Ok(opened) => opened,
            Err(reason) => return self.fail(reason),
        };
        shown.opened = true;
        shown.began = opened.playback.now();
        shown.seeking_to = (self.from > shown.began).then_some(self.from);
        let now = Instant::now();
        let mut machine =
            Machine { opened, events: self.events.clone(), shown, to_lamp: None, beat: now, judged: now };
        loop {
            machine.advance(Instant::now());
            machine.judge();
            self.progress.send_replace(machine.shown.clone());
            (self.wake)();
            tokio::select! {
                command = self.player_commands.recv() => match command {
                    Some(command) => machine.take(command),
                    None => return,
                },
                command = self.commands.recv() => match command {
                    Some(command) => machine.obey(command),
                    None => return,
                },
                () = sleep(machine.rest()), if machine.is_busy() => {}
            }
        }
    }
}

impl Machine {
    fn take(&mut self, command: PlayerCommand) {
        // Up to here it went on as before.
        self.advance(Instant::now());
        match command {
            PlayerCommand::PlayOrPause => self.shown.playing = !self.shown.playing && !self.shown.ended,
            PlayerCommand::Speed(speed) => self.shown.speed = speed.min(SPEEDS.len() - 1),
            PlayerCommand::SpeedUp(true) => self.shown.speed = (self.shown.speed + 1).min(SPEEDS.len() - 1),
            PlayerCommand::SpeedUp(false) => self.shown.speed = self.shown.speed.saturating_sub(1),
            PlayerCommand::StepToLamp => {
                self.shown.playing = false;
                self.to_lamp = Some(self.opened.playback.now() + LONGEST_STEP);
            }
            PlayerCommand::Step(by) => {
                self.shown.playing = false;
                self.shown.seeking_to = Some(self.opened.playback.now() + by);
            }
            PlayerCommand::Seek(at) => self.shown.seeking_to = Some(at),
        }
        self.judged = Instant::now() - JUDGE_EVERY;
    }

    fn obey(&mut self, command: Command) {
        if let Err(refused) = self.opened.playback.obey(command) {
            let at = self.opened.playback.now();
            let text = refused.one_line();
            let kind = EventKind::Noticed { severity: Severity::Warning, light: None, text };
            // A window that is closing hears nothing more.
            let _ = self.events.send(Event { at, kind });
        }
        // What the command changed at once happens at the present moment.
        self.play(self.opened.playback.now());
    }

    fn is_busy(&self) -> bool {
        self.shown.playing || self.shown.seeking_to.is_some() || self.to_lamp.is_some()
    }

    /// How long to wait for the next beat.
    fn rest(&self) -> Duration {
        let seeks = self.shown.seeking_to.is_some() || self.to_lamp.is_some();
        if seeks && !self.is_full() { Duration::ZERO } else { BEAT }
    }

    /// Whether the window has enough to do.
    fn is_full(&self) -> bool {
        self.events.len() > MOST_WAITING
    }

    fn end(&self) -> Option<Duration> {
        let judged = self.opened.judge.as_ref().map(Judge::ends_at);
        judged.or_else(|| self.opened.playback.length())
    }

    /// Plays up to `until`; returns whether a lamp changed.
    fn play(&mut self, until: Duration) -> bool {
        let mut lamp = false;
        let (events, judge) = (&self.events, &mut self.opened.judge);
        self.opened.playback.play(until, &mut |event| {
            lamp |= matches!(event.kind, EventKind::AspectChanged { .. });
            if let Some(judge) = judge {
                judge.see(&event);
            }
            let _ = events.send(event);
        });
        lamp
    }

    /// Lets as much time pass as is due at `now`.
    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.beat).min(LONGEST_BEAT);
        self.beat = now;
        if let Some(latest) = self.to_lamp {
            self.step_to_lamp(now, latest);
        } else if let Some(target) = self.shown.seeking_to {
            self.seek(now, target);
        } else if self.shown.playing && !self.is_full() {
            let until = self.opened.playback.now() + passed.mul_f64(self.shown.times());
            self.play(self.end().map_or(until, |end| until.min(end)));
        }
        let at = self.opened.playback.now();
        (self.shown.at, self.shown.updated, self.shown.length) = (at, Instant::now(), self.end());
        let over = self.end().is_some_and(|end| at >= end) || self.opened.playback.next_at().is_none();
        self.shown.ended = over;
        if over {
            self.shown.playing = false;
            self.shown.seeking_to = None;
            self.to_lamp = None;
        }
    }

    fn step_to_lamp(&mut self, start: Instant, latest: Duration) {
        let latest = self.end().map_or(latest, |end| latest.min(end));
        while start.elapsed() < BUDGET && !self.is_full() {
            let next = self.opened.playback.next_at().map_or(latest, |next| next.min(latest));
            if self.play(next) || next >= latest {
                self.to_lamp = None;
                return;
            }
        }
    }

    fn seek(&mut self, start: Instant, target: Duration) {
        let target = self.end().map_or(target, |end| target.min(end));
        while start.elapsed() < BUDGET && !self.is_full() {
            let next = (self.opened.playback.now() + SEEK).min(target);
            self.play(next);
            if next >= target {
                self.shown.seeking_to = None;
                return;
            }
        }
    }

    fn judge(&mut self) {
        let Some(judge) = &mut self.opened.judge else { return };
        let settled = !(self.shown.playing || self.shown.seeking_to.is_some() || self.to_lamp.is_some());
        if settled || self.judged.elapsed() >= JUDGE_EVERY || self.shown.verdicts.is_empty() {
            judge.reach(self.shown.at);
            self.shown.verdicts = judge.verdicts().into();
            self.judged = Instant::now();
        }
    }
}
