//! A virtual light in real time: [`Light`] decides, here are its socket and its timer, in one task.

use std::{future::Future, io, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest, Ready},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    clock::JumpWatch,
    engine::LightCommand,
    event::EventKind,
    event_bus::EventBus,
    last_run::Boots,
    light::{Light, LightEffect, LightParts, at},
    link::BrokerPath,
    upstream,
};
use crate::{fault::Micros, model::LightId};

/// Commands that may wait for a light.
const COMMANDS: usize = 16;
/// What is read at once at most; the session takes no more.
const READ_BYTES: usize = 1_024;
/// How long the last words may take to reach the broker.
const DISCONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// What a virtual light is made of.
pub(super) struct LightSpec {
    pub(super) parts: LightParts,
    pub(super) path: BrokerPath,
    /// Whether its inside is reported; nobody looks at it without a window.
    pub(super) reported: bool,
    pub(super) bus: Arc<EventBus>,
    pub(super) boots: Arc<Boots>,
    /// Shortens or stretches the first tick, so that a thousand lights do not tick at once.
    pub(super) phase: f64,
}

/// A light that runs. When `commands` is dropped it says goodbye, and the task ends by itself within
/// [`DISCONNECT_TIMEOUT`].
#[derive(Debug)]
pub(super) struct RunningLight {
    pub(super) commands: mpsc::Sender<Request>,
    pub(super) task: JoinHandle<()>,
}

/// What a light may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Obey(LightCommand),
    /// Tell of the inside, though it is no news.
    Report,
}

struct Driver {
    light: Light,
    id: LightId,
    path: BrokerPath,
    reported: bool,
    bus: Arc<EventBus>,
    boots: Arc<Boots>,
    socket: Socket,
    /// The connection of a light whose Wi-Fi is lost: the broker does not know yet.
    parked: Option<TcpStream>,
    check_us: Micros,
    jumps: JumpWatch,
    effects: Vec<LightEffect>,
}

enum Socket {
    None,
    Connecting(Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>),
    Open(TcpStream),
}

enum Progress {
    Connected(io::Result<TcpStream>),
    Ready(io::Result<Ready>),
}

/// Starts a light. Its lamps are dark until its first step.
pub(super) fn start(spec: LightSpec) -> RunningLight {
    let (commands, requests) = mpsc::channel(COMMANDS);
    let task = tokio::spawn(run(Box::new(Driver::new(spec)), requests));
    RunningLight { commands, task }
}

async fn run(mut driver: Box<Driver>, mut requests: mpsc::Receiver<Request>) {
    driver.light.tick(driver.now());
    driver.check();
    let timer = sleep_until(Instant::now());
    tokio::pin!(timer);
    loop {
        driver.settle();
        let due = driver.due();
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        tokio::select! {
            biased;
            request = requests.recv() => match request {
                Some(Request::Obey(command)) => driver.light.obey(driver.now(), command),
                Some(Request::Report) => driver.report(true),
                None => break,
            },
            () = &mut timer => driver.tick(),
            progress = driver.progress() => driver.take(progress),
        }
    }
    driver.disconnect().await;
}

impl Driver {
    fn new(spec: LightSpec) -> Driver {
        let LightSpec { parts, path, reported, bus, boots, phase } = spec;
        let id = parts.id.clone();
        let now = micros(bus.clock().now());
        let light = Light::new(parts, now);
        let first = at(light.check_every_us()).mul_f64(phase);
        Driver {
            light,
            id,
            path,
            reported,
            bus,
            boots,
            socket: Socket::None,
            parked: None,
            check_us: now + micros(first),
            jumps: JumpWatch::new(),
            effects: Vec::new(),
        }
    }

    fn now(&self) -> Micros {
        micros(self.bus.clock().now())
    }

    /// When [`Driver::tick`] has something to do.
    fn due(&self) -> Instant {
        let due_us = self.light.due_us().min(self.check_us);
        Instant::now() + at(due_us.saturating_sub(self.now()))
    }

    fn tick(&mut self) {
        let now = self.now();
        if self.light.due_us() <= now {
            self.light.tick(now);
        }
        if self.check_us <= now {
            self.check_us = now + self.light.check_every_us();
            self.check();
        }
    }

    fn check(&mut self) {
        let apart = self.jumps.look();
        if apart > 2 * at(self.light.check_every_us()) {
            self.light.lose_leases();
            let light = &self.id;
            tracing::info!(%light, ?apart, "wall clock and monotonic clock went apart: leases dropped");
        }
        self.light.check(self.now());
    }

    /// Waits until the socket can go on. Nothing is lost where this is dropped before it is done.
    async fn progress(&mut self) -> Progress {
        let (reads, writes) = (self.light.room() > 0, !self.light.outgoing().is_empty());
        let interest = match (reads, writes) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, _) => Interest::WRITABLE,
        };
        match &mut self.socket {
            Socket::Connecting(connect) if !self.light.is_asleep() => Progress::Connected(connect.await),
            Socket::Open(stream) if reads || writes => Progress::Ready(stream.ready(interest).await),
            _ => std::future::pending().await,
        }
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Connected(Ok(stream)) => {
                self.socket = Socket::Open(stream);
                let login = self.path.target.login.get();
                self.light.connected(self.now(), login);
            }
            Progress::Ready(Ok(_)) => self.read(),
            Progress::Connected(Err(error)) | Progress::Ready(Err(error)) => self.lose(&error),
        }
    }

    fn read(&mut self) {
        // On the stack and in no task: nothing waits while it is in use.
        let mut bytes = [0; READ_BYTES];
        while let Socket::Open(stream) = &self.socket
            && let Some(room) =
                bytes.get_mut(..self.light.room().min(READ_BYTES)).filter(|room| !room.is_empty())
        {
            match stream.try_read(room) {
                Ok(0) => return self.lose(&io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    let now = self.now();
                    // It takes as much as it had room for.
                    self.light.feed(now, bytes.get(..count).unwrap_or_default());
                    self.settle();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.lose(&error),
            }
        }
    }

    /// Does what the light has decided, and sends as much as the socket takes.
    fn settle(&mut self) {
        loop {
            let mut effects = std::mem::take(&mut self.effects);
            self.light.swap_effects(&mut effects);
            let quiet = effects.is_empty();
            for effect in effects.drain(..) {
                self.perform(effect);
            }
            self.effects = effects;
            if !self.flush() && quiet {
                break;
            }
        }
        self.report(false);
    }

    /// Sends what the session has to send; returns whether anything went out or failed.
    fn flush(&mut self) -> bool {
        let Socket::Open(stream) = &self.socket else { return false };
        let bytes = self.light.outgoing();
        if bytes.is_empty() {
            return false;
        }
        match stream.try_write(bytes) {
            Ok(count) => self.light.sent(self.now(), count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => self.lose(&error),
        }
        true
    }

    fn lose(&mut self, error: &io::Error) {
        self.socket = Socket::None;
        let (error, reason) = self.path.explain(error);
        self.light.connection_lost(self.now(), error, reason);
    }

    fn perform(&mut self, effect: LightEffect) {
        match effect {
            LightEffect::Said { boot, seq, ends_go } => self.bus.said(&self.id, boot, seq, ends_go),
            LightEffect::Heard { from, boot, seq, waited } => {
                let from = LightId::new(self.id.junction.clone(), from);
                self.bus.heard(&from, &self.id, boot, seq, waited);
            }
            LightEffect::Sent(bytes) => self.bus.sent(bytes),
            LightEffect::Received => self.bus.received(),
            LightEffect::Connect => {
                let (host, port) = self.path.first_hop();
                self.socket =
                    Socket::Connecting(Box::pin(async move { upstream::connect(&host, port).await }));
            }
            LightEffect::HangUp => self.socket = Socket::None,
            LightEffect::Park => {
                if let Socket::Open(stream) = std::mem::replace(&mut self.socket, Socket::None) {
                    self.parked = Some(stream);
                }
            }
            LightEffect::CloseParked => self.parked = None,
            told => {
                if let LightEffect::Booted(boot) = told {
                    self.boots.given(boot);
                }
                self.bus.with(|engine| told.tell(&self.id, engine));
            }
        }
    }

    /// Tells of the light's inside, where somebody looks and it is news or asked for.
    fn report(&mut self, asked: bool) {
        if self.reported
            && let Some((view, counters)) = self.light.report(asked)
        {
            self.bus.emit(EventKind::LightReported { light: self.id.clone(), view, counters });
        }
    }

    /// Sends the last words, and waits until the broker has them or the time is over.
    async fn disconnect(&mut self) {
        self.light.disconnect();
        self.settle();
        let Socket::Open(stream) = &mut self.socket else { return };
        let last_words = async {
            stream.write_all(self.light.outgoing()).await?;
            stream.shutdown().await?;
            // What is unread when a socket closes may cost the broker the last words.
            while stream.read(&mut [0; 64]).await? > 0 {}
            Ok::<(), io::Error>(())
        };
        match timeout(DISCONNECT_TIMEOUT, last_words).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(light = %self.id, %error, "no orderly end"),
            Err(_) => tracing::debug!(light = %self.id, "the broker did not take the last words in time"),
        }
    }
}

fn micros(since: Duration) -> Micros {
    Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
}
