//! A simulated light: the board's own program, on a clock that can be wrong, over a link that can be
//! lost. What is around the program is what is around it in the live world.

use std::{collections::VecDeque, sync::Arc};

use traffic_light::{
    Aspect, Instant, LightConfig, Name, Start, State, View,
    message::Message,
    mqtt::Session,
    program::{Facts, HostCommand, LightHost, LogEvent, Place, Program, Topic, TopicText},
    reconnector::Reconnector,
};

use super::{
    budget::SharedBudget,
    net::{ConnId, Out},
    observer::at,
};
use crate::{
    fault::Micros,
    model::LightId,
    world::{clock::LightClock, event::Counters, log_event},
};

/// The program is called twice a tick, so that a late call still keeps the tick.
pub(super) const CHECKS_PER_TICK: u64 = 2;
/// Words that may wait for a program that hangs; beyond, the link stops reading.
pub(super) const NEWS_QUEUE: usize = 64;

/// Where a light stands on its way to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// It waits before the next step.
    Waiting,
    /// There is no Wi-Fi to join.
    NoWifi,
    /// It joins, which takes so long in all.
    Joining { takes_us: Micros },
    /// It asks for its broker under a name that nobody has.
    Looking,
    /// It connects, or has a session.
    Connected(ConnId),
}

/// What the link tells a program that cannot be called just now.
#[derive(Clone, Debug)]
pub(super) enum News {
    Up,
    Down,
    Message { topic: String, payload: Vec<u8>, retained: bool },
    TooLong(usize),
}

/// What the program did, for the world around it to act upon.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Shows(Aspect),
    GoEnded { boot: u32, seq: u32 },
    Heard { from: Name, boot: u32, seq: u32 },
    LogEvent(LogEvent),
    HostCommand(HostCommand),
}

pub(super) struct Light {
    pub(super) id: LightId,
    config: LightConfig,
    place: Place,
    pub(super) client_id: String,
    pub(super) program: Program,
    pub(super) host: Host,
    pub(super) clock: LightClock,
    pub(super) check_every_us: Micros,
    pub(super) silenced: bool,
    /// When the watchdog resets the program, which hangs.
    pub(super) watchdog_us: Option<Micros>,
    pub(super) asleep: bool,
    pub(super) news: VecDeque<News>,
    told: Option<(Arc<View>, Counters)>,
    pub(super) link: Link,
}

/// The light's way to the broker.
pub(super) struct Link {
    pub(super) reconnector: Reconnector,
    pub(super) rung: Rung,
    /// When the next step of the reconnector is due.
    pub(super) climb_us: Micros,
    /// When the session is to be looked after, by the light's own clock.
    pub(super) session_at: Option<Instant>,
    /// The same by the world's, as it is planned.
    pub(super) session_us: Micros,
    pub(super) wifi_there: bool,
    pub(super) wifi_join_us: Micros,
    pub(super) wrong_password: bool,
    pub(super) name_not_found: bool,
    /// The connection of a light whose Wi-Fi has gone: the broker does not know yet.
    pub(super) parked: Option<ConnId>,
    /// What has come in and was not read, by a host that sleeps or a link that is held back.
    pub(super) unread: Vec<u8>,
    pub(super) unread_end: Option<Out>,
    /// A step that came due while the host slept.
    pub(super) missed: bool,
}

/// What is around the program.
pub(super) struct Host {
    pub(super) session: Option<Box<Session>>,
    state_topic: TopicText,
    pub(super) status_topic: TopicText,
    budget: Option<SharedBudget>,
    pub(super) acts: Vec<Act>,
    /// The program knows that there is a session.
    pub(super) knows_up: bool,
    /// Of this run of the light.
    pub(super) wifi_joins: u32,
    pub(super) mqtt_joins: u32,
    reset: &'static str,
    /// The longest lease that a run of this light may have promised.
    lease_max_ms: u32,
}

/// What a light is made of.
pub(super) struct Make {
    pub(super) id: LightId,
    pub(super) config: LightConfig,
    pub(super) place: Place,
    pub(super) client_id: String,
    /// Where an account counts.
    pub(super) budget: Option<SharedBudget>,
    pub(super) start: Start,
    pub(super) wifi_join_us: Micros,
    pub(super) now: Micros,
}

impl Light {
    pub(super) fn new(make: Make) -> Light {
        let Make { id, config, place, client_id, budget, start, wifi_join_us, now } = make;
        let clock = LightClock::new();
        let local = clock.read(at(now));
        let program = Program::of(config.clone(), place.clone(), start, local);
        let host = Host {
            session: None,
            state_topic: program.topic(Topic::State),
            status_topic: program.topic(Topic::Status),
            budget,
            acts: Vec::new(),
            knows_up: false,
            wifi_joins: 0,
            mqtt_joins: 0,
            reset: "power-on",
            lease_max_ms: start.lease_max_ms.max(config.timing().lease_ms),
        };
        let link = Link {
            reconnector: Reconnector::new(local),
            rung: Rung::Waiting,
            climb_us: Micros::MAX,
            session_at: None,
            session_us: Micros::MAX,
            wifi_there: true,
            wifi_join_us,
            wrong_password: false,
            name_not_found: false,
            parked: None,
            unread: Vec::new(),
            unread_end: None,
            missed: false,
        };
        let tick_us = u64::from(config.timing().tick_ms) * 1_000;
        Light {
            id,
            config,
            place,
            client_id,
            program,
            host,
            clock,
            check_every_us: (tick_us / CHECKS_PER_TICK).max(1_000),
            silenced: false,
            watchdog_us: None,
            asleep: false,
            news: VecDeque::new(),
            told: None,
            link,
        }
    }

    /// What the light's own clock shows.
    pub(super) fn local(&self, now: Micros) -> Instant {
        self.clock.read(at(now))
    }

    /// Whether the program is called.
    pub(super) fn runs(&self) -> bool {
        self.watchdog_us.is_none() && !self.asleep
    }

    pub(super) fn watchdog_ms(&self) -> u32 {
        self.config.timing().watchdog_ms
    }

    /// Calls the program, which hears first what has waited for it meanwhile.
    pub(super) fn check(&mut self, now: Micros) {
        if !self.news.is_empty() {
            self.catch_up(now);
        }
        let local = self.local(now);
        self.program.check(local, &mut self.host);
    }

    fn catch_up(&mut self, now: Micros) {
        while let Some(news) = self.news.pop_front() {
            self.hand_over(now, &news);
        }
    }

    pub(super) fn hand_over(&mut self, now: Micros, news: &News) {
        let local = self.local(now);
        let Light { program, host, .. } = self;
        match news {
            News::Up => {
                host.knows_up = true;
                program.session_up(local, host);
            }
            News::Down => {
                host.knows_up = false;
                program.session_down(local, host);
            }
            News::Message { topic, payload, retained } => {
                program.hear(local, topic, payload, *retained, host);
            }
            News::TooLong(bytes) => program.hear_too_long(*bytes, host),
        }
    }

    /// The program of a new run, as after a reset.
    pub(super) fn start_anew(&mut self, now: Micros, boot: u32, seed: u64, reset: &'static str) {
        let start = Start { boot, seed, lease_max_ms: self.host.lease_max_ms, last_run_ended_ms: Some(0) };
        let local = self.local(now);
        self.program = Program::of(self.config.clone(), self.place.clone(), start, local);
        self.watchdog_us = None;
        self.news.clear();
        self.host.session = None;
        self.host.knows_up = false;
        self.host.wifi_joins = 0;
        self.host.mqtt_joins = 0;
        self.host.reset = reset;
        if self.silenced {
            self.program.set_silent(local, true, &mut self.host);
        }
    }

    /// The light's inside, where it is news or asked for.
    pub(super) fn report(&mut self, asked: bool) -> Option<(Arc<View>, Counters)> {
        let view = self.clock.view_in_world(self.program.light().view());
        let (wifi_joins, mqtt_joins) = (self.host.wifi_joins, self.host.mqtt_joins);
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
}

impl LightHost for Host {
    fn show(&mut self, aspect: Aspect) {
        self.acts.push(Act::Shows(aspect));
    }

    fn publish(&mut self, topic: Topic, message: &Message) -> bool {
        let topic = match topic {
            Topic::Status => &self.status_topic,
            _ => &self.state_topic,
        };
        let Some(session) = self.session.as_mut().filter(|_| self.knows_up) else { return false };
        self.budget.as_ref().is_none_or(SharedBudget::publish) && session.publish(topic, message)
    }

    fn execute(&mut self, command: HostCommand) -> bool {
        if let HostCommand::KeepLease { ms } = command {
            self.lease_max_ms = self.lease_max_ms.max(ms);
        } else {
            self.acts.push(Act::HostCommand(command));
        }
        true
    }

    fn facts(&self) -> Facts {
        log_event::facts(self.wifi_joins, self.mqtt_joins, self.reset)
    }

    fn log(&mut self, event: LogEvent) {
        // The lamps are told of by `show`, and a bad message by the observer, once for all lights.
        if !matches!(event, LogEvent::Shows(_) | LogEvent::Ignored(_)) {
            self.acts.push(Act::LogEvent(event));
        }
    }

    fn says(&mut self, state: &State, ends_go: bool) {
        if ends_go {
            self.acts.push(Act::GoEnded { boot: state.boot, seq: state.seq });
        }
    }

    fn heard(&mut self, from: &Name, state: &State, waited: bool) {
        if waited {
            self.acts.push(Act::Heard { from: from.clone(), boot: state.boot, seq: state.seq });
        }
    }
}
