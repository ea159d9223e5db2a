//! A virtual light without I/O: the board's program and link, on a clock that can be wrong, and what is
//! around them on a computer. The live world drives it with sockets and timers, the simulated one with its
//! own; what happens to a light is decided here for both.
//!
//! Time is passed in, in microseconds since the world's start. Whatever is called leaves [`LightEffect`]s for the
//! host, and bytes for the socket in [`Light::outgoing`]; [`Light::due_us`] says when [`Light::tick`] has
//! something to do.

mod effect;
mod link;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use simulation::Rng;
use traffic_light::{
    Aspect, Instant, LightConfig, Name, Start, State, View,
    link::{BrokerLink, Received},
    message::Message,
    program::{Facts, HostCommand, LightHost, LogEvent, Place, Program, Topic, TopicText},
};

use self::link::ConnectionState;
pub(crate) use self::{effect::LightEffect, link::BrokerAddress};

use super::{
    budget::{Budget, SharedBudget},
    clock::LightClock,
    engine::LightCommand,
    event::Counters,
    log_event,
};
use crate::{
    fault::{Fault, Hang, Micros, Silence},
    model::LightId,
};

/// The program is called twice a tick, so that a late call still keeps the tick.
const CHECKS_PER_TICK: u64 = 2;
/// Messages that may wait for a program that hangs; beyond, the link stops reading, and TCP holds the broker
/// back.
const INBOX: usize = 64;
/// What a light is made of.
pub(crate) struct LightParts {
    pub(crate) id: LightId,
    pub(crate) config: LightConfig,
    pub(crate) place: Place,
    pub(crate) start: Start,
    pub(crate) client_id: String,
    pub(crate) broker: Arc<BrokerAddress>,
    pub(crate) keep_alive_s: u16,
    /// Of an account that counts, shared by all lights.
    pub(crate) budget: Option<SharedBudget>,
    pub(crate) wifi_join_us: Micros,
    /// For waits and delays.
    pub(crate) seed: u64,
    /// For the seeds of later runs. A live light's is never the same twice.
    pub(crate) rerun_seed: u64,
    /// The world's start, in seconds since 1970: the numbers of later runs grow with the time since then.
    pub(crate) epoch_s: u32,
    /// Whether each single message is told, for somebody who measures.
    pub(crate) measured: bool,
}

/// What the program has not taken yet.
#[allow(clippy::large_enum_variant, reason = "it waits only while a program hangs")]
enum Notification {
    Received(Received),
    /// The session is over.
    Down,
    /// The foreign light that it conflicts with has subscribed anew.
    PartnerSubscribed,
    /// That one speaks in a new session.
    PartnerSpeaks,
    /// That one's session is over.
    PartnerGone,
}

pub(crate) struct Light {
    id: LightId,
    config: LightConfig,
    place: Place,
    client_id: String,
    broker: Arc<BrokerAddress>,
    keep_alive_s: u16,
    wifi_join_us: Micros,
    program: Program,
    host: Host,
    clock: LightClock,
    random: Rng,
    reruns: Rng,
    epoch_s: u32,
    /// The world asked for silence: it outlasts a restart of the light.
    silenced: bool,
    /// When the watchdog resets the program, which hangs.
    watchdog_us: Option<Micros>,
    asleep: bool,
    /// What waits for a program that cannot be called.
    inbox: VecDeque<Notification>,
    /// What was last told of its inside.
    told: Option<(Arc<View>, Counters)>,

    state: ConnectionState,
    /// When the present wait, join, lookup or try to connect is over.
    state_us: Micros,
    /// When the session is to be looked after, by the light's own clock, and the same by the world's.
    session_at: Option<Instant>,
    session_us: Micros,
    wifi_there: bool,
    wrong_password: bool,
    name_not_found: bool,
}

/// What is around the program.
struct Host {
    link: BrokerLink,
    state_topic: TopicText,
    status_topic: TopicText,
    /// What a foreign light listens to; empty where there is none.
    partner_topic: TopicText,
    partner_retains: bool,
    budget: Option<SharedBudget>,
    measured: bool,
    effects: Vec<LightEffect>,
    /// The program knows that there is a session.
    knows_up: bool,
    reset: &'static str,
    /// The longest lease that a run of this light may have promised.
    lease_max_ms: u32,
}

impl Light {
    /// A light with dark lamps, off Wi-Fi. [`Light::check`] and [`Light::tick`] are due at once.
    pub(crate) fn new(parts: LightParts, now: Micros) -> Light {
        let LightParts { id, config, place, start, client_id, broker, keep_alive_s, budget, .. } = parts;
        let clock = LightClock::new();
        let local = clock.read(at(now));
        let program = Program::of(config.clone(), place.clone(), start, local);
        let host = Host {
            link: BrokerLink::new(place.is_on_feeds(), local),
            state_topic: program.topic(Topic::State),
            status_topic: program.topic(Topic::Status),
            partner_topic: program.topic(Topic::Partner),
            partner_retains: program.partner_retains(),
            budget,
            measured: parts.measured,
            effects: vec![LightEffect::Booted(start.boot)],
            knows_up: false,
            reset: "power-on",
            lease_max_ms: start.lease_max_ms.max(config.timing().lease_ms),
        };
        Light {
            id,
            config,
            place,
            client_id,
            broker,
            keep_alive_s,
            wifi_join_us: parts.wifi_join_us,
            program,
            host,
            clock,
            random: Rng::new(parts.seed, 0),
            reruns: Rng::new(parts.rerun_seed, 1),
            epoch_s: parts.epoch_s,
            silenced: false,
            watchdog_us: None,
            asleep: false,
            inbox: VecDeque::new(),
            told: None,
            state: ConnectionState::Waiting,
            state_us: now,
            session_at: None,
            session_us: Micros::MAX,
            wifi_there: true,
            wrong_password: false,
            name_not_found: false,
        }
    }

    pub(crate) fn id(&self) -> &LightId {
        &self.id
    }

    /// The number of the present run.
    pub(crate) fn boot(&self) -> u32 {
        self.program.light().boot()
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// How often [`Light::check`] is to be called.
    pub(crate) fn check_every_us(&self) -> Micros {
        (u64::from(self.config.timing().tick_ms) * 1_000 / CHECKS_PER_TICK).max(1_000)
    }

    /// Whether its host sleeps: then nothing is sent or read, and no connection comes to be.
    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// Gives what is to be done and told, oldest first, for an empty vector.
    pub(crate) fn swap_effects(&mut self, effects: &mut Vec<LightEffect>) {
        std::mem::swap(&mut self.host.effects, effects);
    }

    /// When [`Light::tick`] has something to do: never while the host sleeps.
    pub(crate) fn due_us(&self) -> Micros {
        if self.asleep {
            return Micros::MAX;
        }
        self.state_us.min(self.session_us).min(self.watchdog_us.unwrap_or(Micros::MAX))
    }

    /// Does what time alone makes due.
    pub(crate) fn tick(&mut self, now: Micros) {
        if self.asleep {
            return;
        }
        if self.watchdog_us.is_some_and(|bites_us| bites_us <= now) {
            self.reboot(now, "watchdog");
        }
        if self.session_us <= now {
            (self.session_at, self.session_us) = (None, Micros::MAX);
            if let Err(error) = self.host.link.check(self.local(now)) {
                self.lose(now, error, None);
            }
        }
        if self.state_us <= now {
            self.state_over(now);
        }
        self.plan(now);
    }

    /// Calls the program, which hears first what has waited for it; does nothing while it hangs or sleeps.
    pub(crate) fn check(&mut self, now: Micros) {
        if !self.runs() {
            return;
        }
        while let Some(notification) = self.inbox.pop_front() {
            self.hand_over(now, notification);
        }
        let local = self.local(now);
        self.program.check(local, &mut self.host);
        // What it could not take while it hung may wait in the session.
        self.receive(now);
        self.plan(now);
    }

    pub(crate) fn obey(&mut self, now: Micros, command: LightCommand) {
        match command {
            LightCommand::SetWifi(there) => self.set_wifi(now, there),
            LightCommand::DropSession => self.drop_session(now),
            LightCommand::SetWrongPassword(on) => {
                self.wrong_password = on;
                self.drop_session(now);
            }
            LightCommand::SetNameNotFound(on) => {
                self.name_not_found = on;
                self.drop_session(now);
            }
            LightCommand::Silence(on) => self.set_silence(now, on),
            LightCommand::Reboot => self.reboot(now, "software"),
            LightCommand::Call => self.call(now),
            LightCommand::Hang(on) => self.set_hung(now, on),
            LightCommand::Drift(ppm) => self.set_drift(now, ppm),
            LightCommand::Suspend(on) => self.set_asleep(now, on),
            LightCommand::PartnerSubscribed => self.notify(now, Notification::PartnerSubscribed),
            LightCommand::PartnerSpeaks => self.notify(now, Notification::PartnerSpeaks),
            LightCommand::PartnerGone => self.notify(now, Notification::PartnerGone),
        }
    }

    /// The clock may have stood still, or has jumped.
    pub(super) fn lose_leases(&mut self) {
        self.program.lose_leases();
    }

    /// The button is pressed.
    fn call(&mut self, now: Micros) {
        if self.runs() {
            let local = self.local(now);
            self.program.call(local, &mut self.host);
            self.plan(now);
        }
    }

    fn set_silence(&mut self, now: Micros, on: bool) {
        self.silenced = on;
        let local = self.local(now);
        self.program.set_silent(local, on, &mut self.host);
        self.check(now);
    }

    /// The program is called no more until the watchdog resets it, or is called again.
    fn set_hung(&mut self, now: Micros, on: bool) {
        if on {
            self.watchdog_us.get_or_insert(now + self.watchdog_after_us());
        } else {
            self.watchdog_us = None;
            self.check(now);
        }
    }

    /// The clock is fast by so many millionths.
    fn set_drift(&mut self, now: Micros, ppm: i32) {
        self.clock.set_drift(at(now), ppm);
        self.clock_changed(now);
        self.check(now);
    }

    /// The host sleeps, or wakes up: lamps dark, no program, nothing sent or read and nothing closed, and a
    /// clock that stands; the program notices at the end.
    fn set_asleep(&mut self, now: Micros, asleep: bool) {
        if self.asleep == asleep {
            return;
        }
        self.asleep = asleep;
        self.clock.set_standing(at(now), asleep);
        if asleep {
            return self.host.effects.push(LightEffect::Shows(Aspect::Dark));
        }
        self.program.lose_leases();
        if self.watchdog_us.is_some() {
            self.watchdog_us = Some(now + self.watchdog_after_us());
        }
        self.connect_anew(now);
        self.check(now);
        self.host.effects.push(LightEffect::Shows(self.program.light().aspect()));
        self.clock_changed(now);
        self.tick(now);
    }

    /// Starts anew as a board does after a reset: dark, then red, with a new boot and no session.
    fn reboot(&mut self, now: Micros, reason: &'static str) {
        if self.watchdog_us.take().is_some() {
            self.host.effects.push(LightEffect::FaultOver(Fault::on(self.id.clone(), Hang)));
        }
        let over = [LightEffect::Shows(Aspect::Dark), LightEffect::HangUp, LightEffect::CloseParked];
        self.host.effects.extend(over);
        self.tell_wifi_lost("the light has been restarted");
        (self.state, self.state_us) = (ConnectionState::Waiting, now);
        let local = self.local(now);
        let now_s = self.epoch_s.saturating_add(u32::try_from(now / 1_000_000).unwrap_or(u32::MAX));
        let (boot, seed) = (self.boot().saturating_add(1).max(now_s), self.reruns.draw());
        let lease_max_ms = self.host.lease_max_ms;
        let start = Start { boot, seed, lease_max_ms, last_run_ended_ms: Some(0) };
        self.program = Program::of(self.config.clone(), self.place.clone(), start, local);
        self.host.link = BrokerLink::new(self.place.is_on_feeds(), local);
        self.host.reset = reason;
        self.host.knows_up = false;
        self.inbox.clear();
        self.host.effects.push(LightEffect::Booted(boot));
        if self.silenced {
            self.program.set_silent(local, true, &mut self.host);
        } else {
            // A command's silence ends with the run that obeyed it.
            self.host.effects.push(LightEffect::FaultOver(Fault::on(self.id.clone(), Silence)));
        }
        self.check(now);
        self.proceed(now);
        self.plan(now);
    }

    /// Says the last words; the host sends them and closes the connection.
    pub(crate) fn disconnect(&mut self) {
        self.program.publish_offline(&mut self.host);
        self.host.link.disconnect();
        self.host.effects.push(LightEffect::Shows(Aspect::Dark));
    }

    /// Its inside, where it is news or asked for.
    pub(crate) fn report(&mut self, asked: bool) -> Option<(Arc<View>, Counters)> {
        let view = self.clock.view_in_world(self.program.light().view());
        let (wifi_joins, mqtt_joins) = (self.host.link.wifi_joins(), self.host.link.mqtt_joins());
        let counters = log_event::counters(self.program.counters(), wifi_joins, mqtt_joins);
        let known =
            |(told, told_counters): &(Arc<View>, Counters)| *told_counters == counters && **told == view;
        if !asked && self.told.as_ref().is_some_and(known) {
            return None;
        }
        let report = (Arc::new(view), counters);
        self.told = Some(report.clone());
        Some(report)
    }

    /// What the light's own clock shows.
    fn local(&self, now: Micros) -> Instant {
        self.clock.read(at(now))
    }

    /// Whether the program is called.
    fn runs(&self) -> bool {
        self.watchdog_us.is_none() && !self.asleep
    }

    fn watchdog_after_us(&self) -> Micros {
        u64::from(self.config.timing().watchdog_ms) * 1_000
    }

    fn random_u32(&mut self) -> u32 {
        random_u32(&mut self.random)
    }

    /// When the light's own clock first shows `instant`.
    fn when_us(&self, now: Micros, instant: Instant) -> Micros {
        let when = self.clock.when(instant);
        when.map_or(Micros::MAX, |when| Micros::try_from(when.as_micros()).unwrap_or(Micros::MAX).max(now))
    }

    /// Lets the program know, now or once it can be called.
    fn notify(&mut self, now: Micros, notification: Notification) {
        if self.runs() && self.inbox.is_empty() {
            self.hand_over(now, notification);
        } else {
            self.inbox.push_back(notification);
        }
    }

    fn hand_over(&mut self, now: Micros, notification: Notification) {
        let local = self.local(now);
        let Light { program, host, .. } = self;
        match notification {
            Notification::Received(Received::Up) => {
                host.knows_up = true;
                program.session_up(local, host);
            }
            Notification::Down => {
                host.knows_up = false;
                program.session_down(local, host);
            }
            Notification::PartnerSubscribed => program.partner_subscribed(local, host),
            Notification::PartnerSpeaks => program.partner_speaks(local, host),
            Notification::PartnerGone => program.partner_gone(local, host),
            Notification::Received(Received::Message { topic, payload, retained }) => {
                program.hear(local, &topic, &payload, retained, host);
            }
            Notification::Received(Received::TooLong { bytes }) => program.hear_too_long(bytes, host),
            Notification::Received(Received::Accepted) => {}
        }
    }
}

impl LightHost for Host {
    fn show(&mut self, aspect: Aspect) {
        self.effects.push(LightEffect::Shows(aspect));
    }

    fn publish(&mut self, topic: Topic, message: &Message) -> bool {
        let (topic, retain, spend): (_, _, fn(&mut Budget, Duration) -> bool) = match topic {
            Topic::Partner => (&self.partner_topic, self.partner_retains, Budget::publish_first),
            Topic::Status => (&self.status_topic, true, Budget::publish),
            Topic::State | Topic::Command => (&self.state_topic, true, Budget::publish),
        };
        let may = self.knows_up && self.budget.as_ref().is_none_or(|budget| budget.with(spend));
        let sent = may && self.link.publish_retained(topic, message, retain);
        if sent && self.measured {
            self.effects.push(LightEffect::Sent(message.len()));
        }
        sent
    }

    fn can_tell(&self, messages: u32) -> bool {
        self.budget.as_ref().is_none_or(|budget| budget.with(|budget, now| budget.has(now, messages)))
    }

    fn execute(&mut self, command: HostCommand) -> bool {
        if let HostCommand::KeepLease { ms } = command {
            self.lease_max_ms = self.lease_max_ms.max(ms);
        } else {
            self.effects.push(LightEffect::Order(command));
        }
        true
    }

    fn facts(&self) -> Facts {
        log_event::facts(self.link.wifi_joins(), self.link.mqtt_joins(), self.reset)
    }

    fn log(&mut self, event: LogEvent) {
        // The lamps are told of by `show`, and a bad message by the observer, once for all lights.
        if !matches!(event, LogEvent::Shows(_) | LogEvent::Ignored(_) | LogEvent::NotUnderstood(..)) {
            self.effects.push(LightEffect::Log(event));
        }
    }

    fn says(&mut self, state: &State, ends_go: bool) {
        if ends_go || self.measured {
            self.effects.push(LightEffect::Said { boot: state.boot, seq: state.seq, ends_go });
        }
    }

    fn heard(&mut self, from: &Name, state: &State, waited: bool) {
        if waited || self.measured {
            self.effects.push(LightEffect::Heard {
                from: from.clone(),
                boot: state.boot,
                seq: state.seq,
                waited,
            });
        }
    }
}

/// A moment of the world as its clocks count it.
pub(super) fn at(now: Micros) -> Duration {
    Duration::from_micros(now)
}

fn random_u32(rng: &mut Rng) -> u32 {
    u32::try_from(rng.draw() >> 32).unwrap_or_default()
}
