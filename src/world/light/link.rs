//! A light's way to its broker: the board's link decides, and here is what the faults of a computer's
//! network make of it.

use std::time::Duration;

use traffic_light::{
    lamps::Progress,
    link::{Address, CONNECT_TIMEOUT_MS, LinkError, Received},
    mqtt::ConnectOptions,
    reconnector::Action,
};

use super::{INBOX, Light, LightEffect, Notification, at};
use crate::{
    fault::Micros,
    model::Login,
    world::{budget::Budget, event::Layer},
};

/// How long a name server takes to say that it knows no such name, at least and at most.
const LOOKUP_US: (Micros, Micros) = (5_000, 50_000);
/// Nobody has a name below this (RFC 6761, section 6.4).
const UNKNOWN_HOST: &str = "no-such-broker.invalid";
/// A wait for the account is told when it is longer than this.
const LONG_WAIT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT_US: Micros = CONNECT_TIMEOUT_MS as Micros * 1_000;

/// Where a light stands on its way to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// It waits before the next action.
    Waiting,
    /// There is no Wi-Fi to join.
    NoWifi,
    /// It joins, which takes so long in all.
    Joining { takes_us: Micros },
    /// It looks for its broker under a name that nobody has.
    LookingUp,
    /// The host connects.
    Connecting,
    /// TCP is connected.
    Connected,
}

/// Where the broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokerAddress {
    pub(crate) host: String,
    pub port: u16,
}

impl BrokerAddress {
    pub(in crate::world) fn address(&self) -> Address<'_> {
        Address { host: &self.host, port: self.port }
    }
}

impl std::fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address().fmt(f)
    }
}

impl Light {
    /// Whether the host may read from the connection just now, and at most how many bytes.
    pub(crate) fn room(&self) -> usize {
        if self.asleep || self.inbox.len() >= INBOX { 0 } else { self.host.link.room() }
    }

    /// The connection is made; `login` is the present one, where the broker wants one.
    pub(crate) fn connected(&mut self, now: Micros, login: Option<Login>) {
        self.state = ConnectionState::Connected;
        self.state_us = Micros::MAX;
        let Login { user, mut password } =
            login.unwrap_or_else(|| Login { user: String::new(), password: String::new() });
        if self.wrong_password {
            password.push('?');
        }
        // Without a will's topic the session keeps to what a broker without retained messages has.
        let will_topic = if self.program.retains() { self.host.status_topic.as_str() } else { "" };
        let will = self.program.will();
        let options = ConnectOptions {
            client_id: &self.client_id,
            keep_alive_s: self.keep_alive_s,
            user: &user,
            password: &password,
            will_topic,
            will: &will,
        };
        let local = self.clock.read(at(now));
        if let Err(error) = self.host.link.connected(&options, local) {
            self.lose(now, error, None);
        }
        self.plan(now);
    }

    /// The connection did not come to be, or the other end has ended it; `reason` where the host knows more
    /// than `error` says.
    pub(crate) fn connection_lost(&mut self, now: Micros, error: LinkError, reason: Option<String>) {
        if matches!(self.state, ConnectionState::Connecting | ConnectionState::Connected) {
            self.lose(now, error, reason);
        }
        self.plan(now);
    }

    /// The bytes that wait for the socket.
    pub(crate) fn outgoing(&self) -> &[u8] {
        if self.asleep { &[] } else { self.host.link.outgoing() }
    }

    /// The socket took so many of [`Light::outgoing`].
    pub(crate) fn sent(&mut self, now: Micros, bytes: usize) {
        self.host.link.sent(bytes);
        // Acknowledgements may have waited for room.
        self.receive(now);
        self.plan(now);
    }

    /// Takes bytes from the socket and returns how many; fewer where the program hangs or acknowledgements wait
    /// for room.
    pub(crate) fn feed(&mut self, now: Micros, bytes: &[u8]) -> usize {
        let taken = self.host.link.feed(bytes);
        self.receive(now);
        self.plan(now);
        taken
    }

    /// The Wi-Fi is there, or gone.
    pub(super) fn set_wifi(&mut self, now: Micros, there: bool) {
        if self.wifi_there == there {
            return;
        }
        self.wifi_there = there;
        match self.state {
            ConnectionState::NoWifi if there => self.proceed(now),
            _ if there => {}
            ConnectionState::NoWifi => {}
            // It was lost before, and is not joined again yet.
            ConnectionState::Waiting if self.host.link.progress() == Progress::Joining => {}
            state => {
                match state {
                    ConnectionState::Connected => self.host.effects.push(LightEffect::Park),
                    _ => self.host.effects.push(LightEffect::HangUp),
                }
                if self.host.link.is_up() {
                    self.notify(now, Notification::Down);
                }
                self.tell_wifi_lost("Wi-Fi lost");
                let (local, random) = (self.local(now), self.random_u32());
                self.host.link.wifi_lost(local, random);
                self.proceed(now);
            }
        }
        self.plan(now);
    }

    /// Ends the session as a failure does.
    pub(super) fn drop_session(&mut self, now: Micros) {
        if matches!(self.state, ConnectionState::Connecting | ConnectionState::Connected) {
            self.lose(now, LinkError::Dropped, None);
        }
        self.plan(now);
    }

    /// The host wakes up, and gives a connection in the making its whole time.
    pub(super) fn connect_anew(&mut self, now: Micros) {
        if self.state == ConnectionState::Connecting {
            self.state_us = now + CONNECT_TIMEOUT_US;
        }
    }

    /// The present wait, join, lookup or try to connect is over.
    pub(super) fn state_over(&mut self, now: Micros) {
        self.state_us = Micros::MAX;
        match self.state {
            ConnectionState::Waiting => self.next_action(now),
            ConnectionState::Joining { takes_us } => {
                self.host.link.wifi_joined(self.local(now));
                self.tell(Layer::Wifi, true, format!("joined in {:.1} s", at(takes_us).as_secs_f64()));
                self.next_action(now);
            }
            ConnectionState::LookingUp => {
                let error = LinkError::NameNotFound;
                let address = Address { host: UNKNOWN_HOST, port: self.broker.port };
                self.lose(now, error, Some(error.about(address).to_string()));
            }
            ConnectionState::Connecting => self.lose(now, LinkError::NoAnswer, None),
            ConnectionState::NoWifi | ConnectionState::Connected => {}
        }
    }

    pub(super) fn clock_changed(&mut self, now: Micros) {
        self.session_at = None;
        if self.state == ConnectionState::Waiting {
            self.next_action(now);
        }
        self.plan(now);
    }

    /// Plans the next look at the session.
    pub(super) fn plan(&mut self, now: Micros) {
        let due = self.host.link.due_at();
        if due != self.session_at {
            self.session_at = due;
            self.session_us = due.map_or(Micros::MAX, |due| self.when_us(now, due));
        }
    }

    /// Takes the next action, now or once the host wakes up.
    pub(super) fn proceed(&mut self, now: Micros) {
        self.enter(ConnectionState::Waiting, now);
        self.next_action(now);
    }

    fn next_action(&mut self, now: Micros) {
        if self.asleep {
            return;
        }
        let local = self.local(now);
        loop {
            match self.host.link.next_action(local) {
                Action::Wait { until } => {
                    return self.enter(ConnectionState::Waiting, self.when_us(now, until));
                }
                Action::LeaveWifi => self.host.link.wifi_left(local),
                Action::JoinWifi if !self.wifi_there => {
                    return self.enter(ConnectionState::NoWifi, Micros::MAX);
                }
                Action::JoinWifi => {
                    let takes_us = self.wifi_join_us * self.random.between(700, 1_300) / 1_000;
                    self.tell(Layer::Wifi, false, "joining");
                    return self.enter(ConnectionState::Joining { takes_us }, now + takes_us);
                }
                Action::Connect => return self.connect(now),
            }
        }
    }

    fn connect(&mut self, now: Micros) {
        if let Some(budget) = &self.host.budget
            && let Err(wait) = budget.with(Budget::login)
        {
            if wait > LONG_WAIT {
                let seconds = wait.as_secs();
                self.tell(
                    Layer::Mqtt,
                    false,
                    format!("the account has to rest: the next login is in {seconds} s"),
                );
            }
            let wait_us = Micros::try_from(wait.as_micros()).unwrap_or(Micros::MAX / 2);
            return self.enter(ConnectionState::Waiting, now + wait_us);
        }
        self.host.effects.push(LightEffect::CloseParked);
        if self.name_not_found {
            let takes_us = self.random.between(LOOKUP_US.0, LOOKUP_US.1);
            return self.enter(ConnectionState::LookingUp, now + takes_us);
        }
        self.host.effects.push(LightEffect::Connect);
        self.enter(ConnectionState::Connecting, now + CONNECT_TIMEOUT_US);
    }

    fn enter(&mut self, state: ConnectionState, until_us: Micros) {
        (self.state, self.state_us) = (state, until_us);
    }

    /// Takes in what has come from the broker.
    pub(super) fn receive(&mut self, now: Micros) {
        while self.state == ConnectionState::Connected && !self.asleep && self.inbox.len() < INBOX {
            let local = self.local(now);
            let Light { host, program, .. } = self;
            match host.link.receive(local, || program.subscriptions()) {
                Ok(None) => return,
                Ok(Some(Received::Accepted)) => {
                    let broker = self.broker.to_string();
                    self.tell(Layer::Tcp, true, broker);
                }
                Ok(Some(received)) => {
                    match &received {
                        Received::Up => {
                            if let Some(budget) = &self.host.budget {
                                budget.with(|budget, _| budget.let_in());
                            }
                            self.tell(Layer::Mqtt, true, "connected and subscribed");
                        }
                        Received::Message { .. } if self.host.measured => {
                            self.host.effects.push(LightEffect::Received);
                        }
                        _ => {}
                    }
                    self.notify(now, Notification::Received(received));
                }
                Err(error) => return self.lose(now, error, None),
            }
        }
    }

    /// There is no connection any more.
    pub(super) fn lose(&mut self, now: Micros, error: LinkError, reason: Option<String>) {
        self.host.effects.push(LightEffect::HangUp);
        let (local, random) = (self.local(now), self.random_u32());
        let was_up = self.host.link.is_up();
        let retry = self.host.link.lost(error, local, random);
        if let Some(budget) = self.host.budget.as_ref().filter(|_| retry.refused) {
            // It tells this link when, as all others.
            budget.with(Budget::refused);
        }
        if was_up {
            self.notify(now, Notification::Down);
        }
        let reason = reason.unwrap_or_else(|| error.about(self.broker.address()).to_string());
        self.tell(Layer::Mqtt, false, reason.as_str());
        if !error.is_mqtts() {
            self.tell(Layer::Tcp, false, reason);
        }
        self.proceed(now);
    }

    pub(super) fn tell_wifi_lost(&mut self, reason: &str) {
        for layer in [Layer::Wifi, Layer::Tcp, Layer::Mqtt] {
            self.tell(layer, false, reason);
        }
    }

    fn tell(&mut self, layer: Layer, up: bool, reason: impl Into<String>) {
        self.host.effects.push(LightEffect::Link { layer, up, reason: reason.into() });
    }
}
