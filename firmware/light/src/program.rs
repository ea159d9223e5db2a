//! What a host does around its light: topics, status, commands and what it says when.
//!
//! A board and a virtual light both run this. The host gives it what it hears and calls
//! [`Program::check`] twice a tick; lamps, link and log are behind [`LightHost`].

use core::fmt::{self, Write};

use heapless::{String, Vec};

use crate::{
    aspect::Aspect,
    command::{Action, Command, Refused, ReplayGuard},
    feeds::{self, MAX_FEED_TOPIC_BYTES},
    foreign::{Foreign, Forms, Shown},
    key::Key,
    light::{Demand, Heard, Light, LightConfig, Start},
    message::{Ignored, MAX_PEERS, MAX_TEXT_BYTES, Message, PeerMessage, State, Status},
    name::{MAX_NAME_BYTES, Name},
    record::{Broker, Dialect, MAX_ROOT_BYTES, Record, RecordError},
    time::Instant,
    timing::Infeasible,
};

/// The most bytes of a topic: root, junction, light, `/status` and two slashes; or that of a feed.
pub const MAX_TOPIC_BYTES: usize =
    if LONGEST_TOPIC_BYTES > MAX_FEED_TOPIC_BYTES { LONGEST_TOPIC_BYTES } else { MAX_FEED_TOPIC_BYTES };
const LONGEST_TOPIC_BYTES: usize = MAX_ROOT_BYTES + 2 * MAX_NAME_BYTES + 9;
/// How often a light tells of itself on its status topic.
const STATUS_EVERY_MS: u64 = 30_000;
/// How long a command without a time lasts.
const DEFAULT_COMMAND_MS: u32 = 10_000;

pub type TopicText = String<MAX_TOPIC_BYTES>;

/// One of a light's own topics. Of these, feeds have the state alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What it shows, needs and promises.
    State,
    /// How it is.
    Status,
    /// What it is asked to do.
    Command,
    /// What a foreign light is told.
    Partner,
}

/// What a command asks of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostCommand {
    /// Leave Wi-Fi for so many milliseconds.
    WifiDown { ms: u32 },
    /// Drop the session once, as a failure does.
    DropSession,
    /// Start anew.
    Reboot,
    /// Remember, before this returns, that a promise of this run may be so long.
    KeepLease {
        /// How long, in milliseconds.
        ms: u32,
    },
}

/// Where a light belongs.
#[derive(Clone, Debug)]
pub struct Place {
    /// With feeds, the account's name.
    root: String<MAX_ROOT_BYTES>,
    dialect: Dialect,
    junction: Name,
    key: Option<Key>,
    foreign: Option<Foreign>,
}

impl Place {
    /// A junction below the root topic, and the key that signs its messages where it has one;
    /// `None` where the root has over [`MAX_ROOT_BYTES`] bytes.
    #[must_use]
    pub fn new(root: &str, junction: Name, key: Option<Key>) -> Option<Place> {
        Some(Place {
            root: String::try_from(root).ok()?,
            dialect: Dialect::Standard,
            junction,
            key,
            foreign: None,
        })
    }

    /// A junction on feeds of the account `user`, and the key that signs its messages where it has one;
    /// `None` where that cannot be an account's name.
    #[must_use]
    pub fn on_feeds(user: &str, junction: Name, key: Option<Key>) -> Option<Place> {
        let place = Place::new(user, junction, key)?;
        feeds::is_account(user).then_some(Place { dialect: Dialect::AdafruitIo, ..place })
    }

    /// The same place, where the light that it conflicts with is somebody else's.
    #[must_use]
    pub fn with_foreign(self, foreign: Option<Foreign>) -> Place {
        Place { foreign, ..self }
    }

    /// Whether it is on feeds: then nothing may be kept by the broker, and there are no wills.
    #[must_use]
    pub fn is_on_feeds(&self) -> bool {
        self.dialect == Dialect::AdafruitIo
    }
}

/// What the host knows of itself, for the status message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `board` or `virtual`.
    pub kind: &'static str,
    /// Signal strength in dBm.
    pub wifi_rssi: Option<i32>,
    /// Times that the light joined Wi-Fi.
    pub wifi_joins: u32,
    /// Times that it got a session.
    pub mqtt_joins: u32,
    /// Free heap in bytes.
    pub heap: Option<u32>,
    /// Bytes of stack that were never used, of the thread that has the least of them.
    pub stack: Option<u32>,
    /// Why it last started.
    pub reset: &'static str,
    /// Version of its program.
    pub firmware: &'static str,
}

/// What has happened, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// The lamps show something else.
    Shows(Aspect),
    /// A message was ignored.
    Ignored(Ignored),
    /// A bare aspect on the topic of a light that speaks the whole contract.
    Doubtful(Name, Aspect),
    /// Nothing but messages of earlier runs comes from this light.
    WentBack {
        light: Name,
        /// They count, as the junction has no key.
        taken: bool,
    },
    /// A command was not obeyed.
    Refused(Refused),
    /// A command is obeyed.
    Obeys(Action),
    /// Timings that were sent cannot work.
    Timing(Infeasible),
    /// The host cannot be watched as closely as timings that were sent ask for.
    Watchdog {
        /// The shortest watchdog that it can bear, in milliseconds.
        least_ms: u32,
    },
    /// The command `set` came without timings.
    NoTiming,
    /// The host had no room for an order.
    Overrun,
    /// The feed that stands for the button says that it was pressed.
    Called,
    /// The feed that stands for the button says what no button does.
    NoCall,
    /// The light may speak again.
    Speaks,
    /// A foreign light said this, which is none of its words.
    NotUnderstood(Name, Shown),
    /// A foreign light is lost.
    PartnerLost(Name),
    /// A foreign light is heard again.
    PartnerBack(Name),
}

/// The host around its light.
pub trait LightHost {
    /// Switches the lamps, at once.
    fn show(&mut self, aspect: Aspect);
    /// Sends a message on the light's own topic, at QoS 1, now or never; returns whether that was
    /// possible. It is retained where [`Program::retains`] says so; what a foreign light is told, where
    /// [`Program::partner_retains`] does. Where publishes are counted, that goes before everything else.
    fn publish(&mut self, topic: Topic, message: &Message) -> bool;
    /// Whether so many messages to a foreign light would go out now.
    fn can_tell(&self, _messages: u32) -> bool {
        true
    }
    /// Obeys an order of a command; returns whether it could be taken.
    fn execute(&mut self, command: HostCommand) -> bool;
    /// What the host knows of itself just now.
    fn facts(&self) -> Facts;
    /// The shortest watchdog that the host can bear, in milliseconds; timings with a shorter one are
    /// refused.
    fn least_watchdog_ms(&self) -> u32 {
        0
    }
    /// Writes to the log.
    fn log(&mut self, event: LogEvent);
    /// The light is about to say `state`; `ends_go` where that tells of the end of its go. For hosts
    /// that measure.
    fn says(&mut self, _state: &State, _ends_go: bool) {}
    /// `state` of the light `from` was new, and this light `waited` for others to let it go. For
    /// hosts that measure.
    fn heard(&mut self, _from: &Name, _state: &State, _waited: bool) {}
}

/// Numbers for whoever looks at a light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Greens shown.
    pub greens: u64,
    /// Messages handed to the session.
    pub sent: u64,
    /// Messages that could not be sent and were dropped.
    pub dropped: u64,
    /// Words of other lights taken in.
    pub received: u64,
    /// Messages ignored.
    pub ignored: u64,
}

/// A light with all that surrounds it.
#[derive(Clone, Debug)]
pub struct Program {
    place: Place,
    light: Light,
    guard: ReplayGuard,
    started_at: Instant,
    connected: bool,
    silent_until: Option<Instant>,
    identify_until: Option<Instant>,
    status_at: Instant,
    /// The longest lease that the host keeps for the next start.
    kept_lease_ms: u32,
    shown: Aspect,
    /// What a foreign light was last told.
    told: Option<Aspect>,
    /// It may not have got that.
    tell_again: bool,
    partner_lost: bool,
    forms: Forms,
    counters: Counters,
}

impl Program {
    /// The light of a record, dark until its first check.
    ///
    /// # Errors
    /// When the record's names or timings cannot be.
    pub fn new(record: &Record, start: Start, now: Instant) -> Result<Program, RecordError> {
        let config = record.light_config().map_err(RecordError::Light)?;
        let Broker { root, user, dialect, .. } = &record.broker;
        let (junction, key) = (record.junction.clone(), record.key.clone());
        let place = match dialect {
            Dialect::Standard => Place::new(root, junction, key).ok_or(RecordError::Root)?,
            Dialect::AdafruitIo => Place::on_feeds(user, junction, key).ok_or(RecordError::Account)?,
        };
        let place = place.with_foreign(record.foreign.clone());
        Ok(Program::of(config, place, start, now))
    }

    /// A light at its place, dark until its first check.
    #[must_use]
    pub fn of(config: LightConfig, place: Place, start: Start, now: Instant) -> Program {
        let config = config.keyed(place.key.is_some());
        let kept_lease_ms = start.lease_max_ms.max(config.timing().lease_ms);
        let lost_after_ms = place.foreign.as_ref().map(Foreign::lost_after_ms);
        let (config, place) = match lost_after_ms.map(|ms| config.clone().with_foreign_partner(ms)) {
            Some(Some(config)) => (config, place),
            _ => (config, place.with_foreign(None)),
        };
        let mut light = Light::new(config, start, now);
        light.set_connected(now, false);
        Program {
            kept_lease_ms,
            light,
            guard: ReplayGuard::new(start.boot, place.key.is_some()),
            place,
            started_at: now,
            connected: false,
            silent_until: None,
            identify_until: None,
            status_at: now,
            shown: Aspect::Dark,
            told: None,
            tell_again: false,
            partner_lost: false,
            forms: Forms::default(),
            counters: Counters::default(),
        }
    }

    /// The light itself.
    #[must_use]
    pub fn light(&self) -> &Light {
        &self.light
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// One of the light's own topics, or what a foreign light listens to. On feeds there is [`Topic::State`] of its own
    /// alone, and the others are empty.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> TopicText {
        self.topic_of(self.light.config().name(), topic)
    }

    /// What the light listens to: its commands, or on feeds its button where that counts, and the words of
    /// the lights that it conflicts with.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<TopicText, { MAX_PEERS + 1 }> {
        let foreign =
            self.place.foreign.as_ref().and_then(|foreign| TopicText::try_from(foreign.says()).ok());
        let peers = self.light.config().peers().iter().map(|peer| self.topic_of(peer, Topic::State));
        let peers = peers.filter(|_| foreign.is_none());
        let own = if self.place.is_on_feeds() { self.call_topic() } else { Some(self.topic(Topic::Command)) };
        own.into_iter().chain(peers).chain(foreign.clone()).collect()
    }

    /// Whether what the light says is kept by the broker, and its will told. Where not, the host sends
    /// without the retain flag, and connects without a will.
    #[must_use]
    pub fn retains(&self) -> bool {
        !self.place.is_on_feeds()
    }

    /// Whether the broker keeps what a foreign light is told.
    #[must_use]
    pub fn partner_retains(&self) -> bool {
        self.retains() && self.place.foreign.as_ref().is_some_and(Foreign::retain)
    }

    /// What the broker is to say when the light is gone, and the goodbye of a clean stop. Without a
    /// meaning where nothing is retained.
    #[must_use]
    pub fn will(&self) -> Message {
        Status::offline().encode(&self.topic(Topic::Status), self.place.key.as_ref())
    }

    /// Whether the light was asked to show itself.
    #[must_use]
    pub fn identifies(&self, now: Instant) -> bool {
        self.identify_until.is_some_and(|until| now < until)
    }

    /// There is a session now, with all subscriptions made.
    pub fn session_up(&mut self, now: Instant, host: &mut impl LightHost) {
        self.connected = true;
        self.tell_again = true;
        self.publish_status(now, host);
        self.light.set_connected(now, true);
        self.turn(now, host);
    }

    /// The session is over.
    pub fn session_down(&mut self, now: Instant, host: &mut impl LightHost) {
        self.connected = false;
        self.light.set_connected(now, false);
        self.turn(now, host);
    }

    /// The foreign light has just subscribed to what it is told: it is told again.
    pub fn partner_subscribed(&mut self, now: Instant, host: &mut impl LightHost) {
        self.tell_again = true;
        self.turn(now, host);
    }

    /// The session of the foreign light is known to be over.
    pub fn partner_gone(&mut self, now: Instant, host: &mut impl LightHost) {
        self.light.partner_session_over(now);
        self.turn(now, host);
    }

    /// The foreign light is seen to speak in a new session.
    pub fn partner_speaks(&mut self, now: Instant, host: &mut impl LightHost) {
        self.light.partner_speaks(now);
        self.turn(now, host);
    }

    /// The last word of a clean stop: the same as the will.
    pub fn publish_offline(&mut self, host: &mut impl LightHost) {
        if !self.retains() {
            return;
        }
        let message = self.will();
        self.publish(Topic::Status, &message, host);
    }

    /// Lets the light keep its session and publish nothing until it is told to speak again.
    pub fn set_silent(&mut self, now: Instant, silent: bool, host: &mut impl LightHost) {
        if silent {
            self.silent_until = Some(Instant::from_ms(u64::MAX));
        } else if self.silent_until.is_some() {
            self.end_silence(now, host);
        }
    }

    /// Forgets every lease: the host's clock may have stood still, or has jumped.
    pub fn lose_leases(&mut self) {
        self.light.lose_leases();
    }

    /// The button was pressed: the light may want one green.
    pub fn call(&mut self, now: Instant, host: &mut impl LightHost) {
        self.light.call();
        self.turn(now, host);
    }

    /// A message came in.
    pub fn hear(
        &mut self,
        now: Instant,
        topic: &str,
        payload: &[u8],
        retained: bool,
        host: &mut impl LightHost,
    ) {
        if self.place.foreign.as_ref().is_some_and(|foreign| foreign.says() == topic) {
            self.hear_partner(now, payload, retained, host);
        } else if self.call_topic().is_some_and(|call| call == topic) {
            self.hear_call(payload, host);
        } else if self.retains() && topic == self.topic(Topic::Command).as_str() {
            if !retained {
                self.hear_command(now, topic, payload, host);
            }
        } else if let Some(from) = self.sender(topic) {
            match PeerMessage::decode(topic, payload, self.place.key.as_ref()) {
                Ok(word) => {
                    self.counters.received += 1;
                    let waited = self.light.waits_for_others();
                    let heard = self.light.hear(now, &from, &word, retained);
                    if let (true, PeerMessage::State(state)) = (heard.is_new(), &word) {
                        host.heard(&from, state, waited);
                    }
                    match heard {
                        Heard::WentBack { taken } => host.log(LogEvent::WentBack { light: from, taken }),
                        Heard::Doubtful => self.ignore(LogEvent::Doubtful(from, word.aspect()), host),
                        _ => {}
                    }
                }
                Err(error) => self.ignore(LogEvent::Ignored(error), host),
            }
        }
        self.turn(now, host);
    }

    /// A message came in that is too long to be of the junction.
    pub fn hear_too_long(&mut self, bytes: usize, host: &mut impl LightHost) {
        self.ignore(LogEvent::Ignored(Ignored::TooLong { bytes }), host);
    }

    /// To be called twice a tick, so that a late call still keeps the tick.
    pub fn check(&mut self, now: Instant, host: &mut impl LightHost) {
        self.turn(now, host);
        if self.silent_until.is_some_and(|until| now >= until) {
            self.end_silence(now, host);
        }
        if self.connected && now.since(self.status_at) >= STATUS_EVERY_MS {
            self.publish_status(now, host);
        }
    }

    fn end_silence(&mut self, now: Instant, host: &mut impl LightHost) {
        self.silent_until = None;
        host.log(LogEvent::Speaks);
        self.publish_status(now, host);
    }

    /// The light's turn: it decides, the lamps follow at once, and what it says goes out.
    fn turn(&mut self, now: Instant, host: &mut impl LightHost) {
        if self.place.foreign.is_some() {
            self.light.set_telling(self.can_tell(host), self.is_untold());
        }
        let said = self.light.step(now);
        let aspect = self.light.aspect();
        let ends_go = self.shown.is_go() && !aspect.is_go();
        if aspect != self.shown {
            self.shown = aspect;
            host.show(aspect);
            host.log(LogEvent::Shows(aspect));
            if aspect == Aspect::Green {
                self.counters.greens += 1;
            }
        }
        self.tell_partner(host);
        if let Some(state) = said {
            host.says(&state, ends_go);
            let message = state.encode(&self.topic(Topic::State), self.place.key.as_ref());
            self.publish(Topic::State, &message, host);
        }
    }

    fn publish_status(&mut self, now: Instant, host: &mut impl LightHost) {
        self.status_at = now;
        if !self.retains() {
            return;
        }
        let facts = host.facts();
        let text = |text: &str| String::<MAX_TEXT_BYTES>::try_from(text).ok();
        let mut status = Status::online();
        status.kind = text(facts.kind);
        status.fw = text(facts.firmware);
        status.wifi_rssi = facts.wifi_rssi;
        status.wifi_joins = Some(facts.wifi_joins);
        status.mqtt_joins = Some(facts.mqtt_joins);
        status.uptime_s = Some(u32::try_from(now.since(self.started_at) / 1_000).unwrap_or(u32::MAX));
        status.heap = facts.heap;
        status.stack = facts.stack;
        status.reset = text(facts.reset);
        let message = status.encode(&self.topic(Topic::Status), self.place.key.as_ref());
        self.publish(Topic::Status, &message, host);
    }

    /// Sends a message now or never.
    fn publish(&mut self, topic: Topic, message: &Message, host: &mut impl LightHost) {
        if self.connected && self.silent_until.is_none() && host.publish(topic, message) {
            self.counters.sent += 1;
        } else {
            self.counters.dropped += 1;
        }
    }

    /// Whether the foreign light can be told of a whole right of way: green, amber, red.
    fn can_tell(&self, host: &impl LightHost) -> bool {
        self.connected && self.silent_until.is_none() && host.can_tell(3)
    }

    /// Whether the foreign light takes this one for something else than it shows.
    fn is_untold(&self) -> bool {
        let Some(foreign) = &self.place.foreign else { return false };
        let word = |aspect| foreign.words().word_for(aspect);
        self.told.map(word) != Some(word(self.light.aspect()))
    }

    /// Tells the foreign light what this one shows, where that is news to it, and tells of its loss and return.
    fn tell_partner(&mut self, host: &mut impl LightHost) {
        let Some(foreign) = &self.place.foreign else { return };
        if self.connected && self.silent_until.is_none() && (self.tell_again || self.is_untold()) {
            let aspect = self.light.aspect();
            // Tried again at the next check: a word that cannot be said now is as true then.
            if let Some(message) = foreign.say(aspect)
                && host.publish(Topic::Partner, &message)
            {
                self.counters.sent += 1;
                self.told = Some(aspect);
                self.tell_again = false;
                self.light.told_partner();
            }
        }
        let lost = self.light.partner_is_lost();
        if lost != self.partner_lost {
            self.partner_lost = lost;
            if let Some(name) = self.light.config().peers().first().cloned() {
                host.log(if lost { LogEvent::PartnerLost(name) } else { LogEvent::PartnerBack(name) });
            }
        }
    }

    fn hear_partner(&mut self, now: Instant, payload: &[u8], retained: bool, host: &mut impl LightHost) {
        let Some(foreign) = &self.place.foreign else { return };
        match foreign.understand(payload) {
            Some(word) => {
                self.counters.received += 1;
                // What its will says, or itself before it goes.
                if word == Aspect::Dark && !retained {
                    self.light.partner_gone(now);
                } else {
                    self.light.hear_foreign(now, word, retained);
                }
            }
            None if self.forms.is_new(payload) => {
                if let Some(name) = self.light.config().peers().first().cloned() {
                    self.ignore(LogEvent::NotUnderstood(name, Shown::of(payload)), host);
                }
            }
            None => self.counters.ignored += 1,
        }
    }

    fn hear_call(&mut self, value: &[u8], host: &mut impl LightHost) {
        match feeds::is_call(value) {
            Some(true) => {
                host.log(LogEvent::Called);
                self.light.call();
            }
            Some(false) => {}
            None => self.ignore(LogEvent::NoCall, host),
        }
    }

    fn hear_command(&mut self, now: Instant, topic: &str, payload: &[u8], host: &mut impl LightHost) {
        let command = match Command::decode(topic, payload, self.place.key.as_ref()) {
            Ok(command) => command,
            Err(error) => return self.ignore(LogEvent::Ignored(error), host),
        };
        if let Err(refused) = self.guard.admit(&command) {
            return self.ignore(LogEvent::Refused(refused), host);
        }
        let ms = command.ms.unwrap_or(DEFAULT_COMMAND_MS);
        let until = now.after(u64::from(ms));
        host.log(LogEvent::Obeys(command.action));
        match command.action {
            Action::Identify => self.identify_until = Some(until),
            Action::WifiDown => self.request(HostCommand::WifiDown { ms }, host),
            Action::MqttDrop => self.request(HostCommand::DropSession, host),
            Action::Silence => self.silent_until = self.silent_until.max(Some(until)),
            Action::Reboot => self.request(HostCommand::Reboot, host),
            Action::Set => match command.timing {
                None => self.ignore(LogEvent::NoTiming, host),
                Some(timing) => match timing.check() {
                    Err(error) => self.ignore(LogEvent::Timing(error), host),
                    Ok(()) if timing.watchdog_ms < host.least_watchdog_ms() => {
                        let least_ms = host.least_watchdog_ms();
                        self.ignore(LogEvent::Watchdog { least_ms }, host);
                    }
                    Ok(()) => {
                        // A promise must be remembered over a reset before it can be made.
                        if timing.lease_ms > self.kept_lease_ms {
                            if !host.execute(HostCommand::KeepLease { ms: timing.lease_ms }) {
                                return self.ignore(LogEvent::Overrun, host);
                            }
                            self.kept_lease_ms = timing.lease_ms;
                        }
                        if let Err(error) = self.light.set_timing(timing) {
                            self.ignore(LogEvent::Timing(error), host);
                        }
                    }
                },
            },
        }
    }

    fn request(&mut self, command: HostCommand, host: &mut impl LightHost) {
        if !host.execute(command) {
            self.ignore(LogEvent::Overrun, host);
        }
    }

    fn ignore(&mut self, event: LogEvent, host: &mut impl LightHost) {
        self.counters.ignored += 1;
        host.log(event);
    }

    /// The feed that stands for the button, where there is one and it counts.
    fn call_topic(&self) -> Option<TopicText> {
        let config = self.light.config();
        let counts = self.place.is_on_feeds() && config.demand() == Demand::Call;
        counts.then(|| self.feed_topic(&feeds::call_feed(&self.place.junction, config.name())))
    }

    fn feed_topic(&self, feed: &str) -> TopicText {
        let mut text = TopicText::new();
        // It fits: that is how long a topic text is.
        let _ = write!(text, "{}/feeds/{feed}", self.place.root);
        text
    }

    fn topic_of(&self, light: &Name, topic: Topic) -> TopicText {
        if topic == Topic::Partner {
            let hears = self.place.foreign.as_ref().map(Foreign::hears);
            return hears.and_then(|hears| TopicText::try_from(hears).ok()).unwrap_or_default();
        }
        if self.place.is_on_feeds() {
            return match topic {
                Topic::State => self.feed_topic(&feeds::state_feed(&self.place.junction, light)),
                Topic::Status | Topic::Command | Topic::Partner => TopicText::new(),
            };
        }
        let last = match topic {
            Topic::State => "state",
            Topic::Status => "status",
            Topic::Command | Topic::Partner => "cmd",
        };
        let mut text = TopicText::new();
        // It fits: that is how long a topic text is.
        let _ = write!(text, "{}/{}/{light}/{last}", self.place.root, self.place.junction);
        text
    }

    /// Which light of the junction has this state topic.
    fn sender(&self, topic: &str) -> Option<Name> {
        if self.place.is_on_feeds() {
            // Where the junction ends and the light begins cannot be told from a feed.
            let mut peers = self.light.config().peers().iter();
            return peers.find(|peer| self.topic_of(peer, Topic::State) == topic).cloned();
        }
        let light = topic
            .strip_prefix(self.place.root.as_str())?
            .strip_prefix('/')?
            .strip_prefix(self.place.junction.as_str())?
            .strip_prefix('/')?
            .strip_suffix("/state")?;
        Name::new(light).ok()
    }
}

impl LogEvent {
    /// Whether somebody should look into it.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        !matches!(
            self,
            LogEvent::Shows(_)
                | LogEvent::Obeys(_)
                | LogEvent::Speaks
                | LogEvent::Called
                | LogEvent::PartnerBack(_)
        )
    }
}

impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogEvent::Shows(aspect) => write!(f, "shows {aspect}"),
            LogEvent::Ignored(why) => write!(f, "a message was ignored: {why}"),
            LogEvent::Doubtful(from, aspect) => write!(
                f,
                "a bare \"{aspect}\" on the topic of {from}, which has just spoken in whole messages: does another program \
                 use this light's name?"
            ),
            LogEvent::WentBack { light, taken: false } => write!(
                f,
                "{light} speaks with a lower number than before, and is ignored: was a clock set back, or does somebody \
                 replay what it said earlier? Set the computer's clock right, provision the board again and start all \
                 lights of the junction anew; where nothing of yours has changed, give the junction a new key"
            ),
            LogEvent::WentBack { light, taken: true } => write!(
                f,
                "{light} speaks with a lower number than before, and is believed, as nothing newer comes: was a clock set \
                 back, or does somebody replay what it said earlier? A junction with a key is safe from replays"
            ),
            LogEvent::Refused(why) => write!(f, "a command was refused: {why}"),
            LogEvent::Obeys(Action::Identify) => f.write_str("was asked to show itself"),
            LogEvent::Obeys(Action::WifiDown) => f.write_str("was asked to leave Wi-Fi for a while"),
            LogEvent::Obeys(Action::MqttDrop) => f.write_str("was asked to drop its session"),
            LogEvent::Obeys(Action::Silence) => f.write_str("was asked to be silent for a while"),
            LogEvent::Obeys(Action::Reboot) => f.write_str("was asked to start anew"),
            LogEvent::Obeys(Action::Set) => f.write_str("was asked to take other timings"),
            LogEvent::Timing(why) => write!(f, "these timings cannot work: {why} ({})", why.help()),
            LogEvent::Watchdog { least_ms } => {
                write!(f, "these timings cannot work here: make watchdog_ms at least {least_ms}")
            }
            LogEvent::NoTiming => f.write_str("\"set\" needs the member \"timing\""),
            LogEvent::Overrun => f.write_str("too many commands at once; one was dropped"),
            LogEvent::Speaks => f.write_str("speaks again"),
            LogEvent::NotUnderstood(light, payload) => {
                write!(f, "the foreign light {light} said {payload}, which is none of its words")
            }
            LogEvent::PartnerLost(light) => {
                write!(f, "the foreign light {light} is lost: it is silent, or its session is over")
            }
            LogEvent::PartnerBack(light) => write!(f, "the foreign light {light} is heard again"),
            LogEvent::Called => f.write_str("was called from a dashboard"),
            LogEvent::NoCall => f.write_str(
                "the call feed holds what is no call; let the dashboard send 1 or ON for one, 0 or OFF else",
            ),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    extern crate std;

    use std::{format, string::ToString, vec, vec::Vec};

    use super::*;
    use crate::{State, Timing, message::Give};

    #[derive(Default)]
    struct Board {
        shown: Vec<Aspect>,
        published: Vec<(Topic, Vec<u8>)>,
        orders: Vec<HostCommand>,
        notes: Vec<LogEvent>,
        said: Vec<(u32, bool)>,
        heard: Vec<(u32, bool)>,
        stuck: bool,
        least_watchdog_ms: u32,
    }

    impl LightHost for Board {
        fn least_watchdog_ms(&self) -> u32 {
            self.least_watchdog_ms
        }

        fn show(&mut self, aspect: Aspect) {
            self.shown.push(aspect);
        }

        fn publish(&mut self, topic: Topic, message: &Message) -> bool {
            if !self.stuck {
                self.published.push((topic, message.to_vec()));
            }
            !self.stuck
        }

        fn execute(&mut self, command: HostCommand) -> bool {
            self.orders.push(command);
            !self.stuck
        }

        fn facts(&self) -> Facts {
            Facts {
                kind: "board",
                wifi_rssi: Some(-61),
                reset: "power-on",
                firmware: "0.1.0",
                ..Facts::default()
            }
        }

        fn log(&mut self, event: LogEvent) {
            self.notes.push(event);
        }

        fn says(&mut self, state: &State, ends_go: bool) {
            self.said.push((state.seq, ends_go));
        }

        fn heard(&mut self, _from: &Name, state: &State, waited: bool) {
            self.heard.push((state.seq, waited));
        }
    }

    const KEY: &[u8] = b"a key of 16 bytes at least";

    fn at(ms: u64) -> Instant {
        Instant::from_ms(ms)
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn record(keyed: bool) -> Record {
        let mut record = Record::new(name("demo"), name("a"));
        record.peers.push(name("b")).unwrap();
        record.key = keyed.then(|| Key::new(KEY).unwrap());
        record
    }

    fn start() -> Start {
        Start { boot: 7, seed: 1, lease_max_ms: 8_000, last_run_ended_ms: None }
    }

    fn program(keyed: bool) -> Program {
        Program::new(&record(keyed), start(), at(0)).unwrap()
    }

    fn command(program: &mut Program, board: &mut Board, now: u64, command: &Command) {
        let topic = "twinlight/demo/a/cmd";
        let message = command.encode(topic, Some(&Key::new(KEY).unwrap()));
        program.hear(at(now), topic, &message, false, board);
    }

    #[test]
    fn topics_will_and_subscriptions_are_those_of_the_contract() {
        let program = program(false);
        assert_eq!(program.topic(Topic::Status), "twinlight/demo/a/status");
        assert_eq!(program.subscriptions(), ["twinlight/demo/a/cmd", "twinlight/demo/b/state"]);
        assert_eq!(program.will(), br#"{"v":1,"online":false}"#);
        let mut long = record(false);
        long.broker.root = (0..MAX_ROOT_BYTES).map(|_| 'r').collect();
        long.junction = name("junction-sixteen");
        long.light = name("light-of-sixteen");
        let program = Program::new(&long, start(), at(0)).unwrap();
        assert!(program.topic(Topic::Status).ends_with("/junction-sixteen/light-of-sixteen/status"));
    }

    /// A light on feeds, called or not.
    fn on_feeds(demand: Demand) -> Program {
        let mut record = record(true);
        record.demand = demand;
        record.broker.user = String::try_from("king").unwrap();
        record.broker.dialect = Dialect::AdafruitIo;
        record.timing = Timing::on_quota();
        Program::new(&record, Start { last_run_ended_ms: Start::NEVER, ..start() }, at(0)).unwrap()
    }

    #[test]
    fn on_feeds_it_listens_to_the_others_and_to_its_button_and_says_its_state_alone() {
        let mut program = on_feeds(Demand::Always);
        assert_eq!(program.topic(Topic::State), "king/feeds/demo-a");
        assert_eq!(program.topic(Topic::Status), "");
        assert_eq!(program.subscriptions(), ["king/feeds/demo-b"]);
        assert!(!program.retains());
        assert_eq!(
            on_feeds(Demand::Call).subscriptions(),
            ["king/feeds/demo-a-call", "king/feeds/demo-b"],
            "a button that does not count is not listened to"
        );
        let mut board = Board::default();
        program.session_up(at(0), &mut board);
        for ms in (50..=65_000).step_by(50) {
            program.check(at(ms), &mut board);
        }
        program.publish_offline(&mut board);
        assert!(board.published.len() > 5);
        assert!(board.published.iter().all(|(topic, _)| *topic == Topic::State));
        let PeerMessage::State(_) =
            PeerMessage::decode("king/feeds/demo-a", &board.published[0].1, Some(&Key::new(KEY).unwrap()))
                .unwrap()
        else {
            unreachable!("it is signed for the feed's topic")
        };
    }

    #[test]
    fn on_feeds_two_lights_alternate_on_fifteen_publishes_a_minute_each() {
        let mut other = record(true);
        other.light = name("b");
        other.peers = [name("a")].into_iter().collect();
        other.broker.user = String::try_from("king").unwrap();
        other.broker.dialect = Dialect::AdafruitIo;
        other.timing = Timing::on_quota();
        let start = Start { boot: 8, seed: 2, last_run_ended_ms: Start::NEVER, ..start() };
        let mut programs = [on_feeds(Demand::Always), Program::new(&other, start, at(0)).unwrap()];
        let mut boards = [Board::default(), Board::default()];
        for (program, board) in programs.iter_mut().zip(&mut boards) {
            program.session_up(at(0), board);
        }
        let mut said = Vec::new();
        for ms in (50..600_000).step_by(50) {
            for from in 0..2 {
                programs[from].check(at(ms), &mut boards[from]);
                for (_, message) in std::mem::take(&mut boards[from].published) {
                    said.push(ms);
                    let topic = programs[from].topic(Topic::State);
                    programs[1 - from].hear(at(ms), &topic, &message, false, &mut boards[1 - from]);
                }
            }
            assert!(!programs.iter().all(|program| program.light().aspect().is_go()));
        }
        let busiest =
            said.iter().map(|at| said.iter().filter(|ms| (*at..at + 60_000).contains(*ms)).count()).max();
        assert!(busiest.unwrap() <= 30, "{busiest:?} within a minute");
        for program in &programs {
            assert!(program.counters().greens >= 15, "{:?}", program.counters());
        }
    }

    #[test]
    fn a_number_that_went_back_is_told_once_with_the_remedy() {
        let key = Key::new(KEY).unwrap();
        let mut program = Program::new(&record(true), start(), at(0)).unwrap();
        let mut board = Board::default();
        program.session_up(at(0), &mut board);
        let topic = "twinlight/demo/b/state";
        for (ms, boot) in [(0, 900)].into_iter().chain((1..20).map(|n| (500 * n, 7))) {
            let seq = u32::try_from(ms).unwrap() + 1;
            let message = State::new(Aspect::Red, boot, seq, ms).encode(topic, Some(&key));
            program.hear(at(ms), topic, &message, false, &mut board);
        }
        let told: Vec<_> =
            board.notes.iter().filter(|note| matches!(note, LogEvent::WentBack { .. })).collect();
        assert_eq!(told, [&LogEvent::WentBack { light: name("b"), taken: false }]);
        assert!(told[0].is_warning());
        let text = told[0].to_string();
        assert!(
            text.starts_with("b speaks with a lower number") && text.contains("provision the board again")
        );
        assert_eq!(board.heard, [(1, false)], "and none of it was taken in");
    }

    #[test]
    fn on_feeds_a_dashboard_presses_the_button_and_nobody_elses_feed_does() {
        let (mut program, mut board) = (on_feeds(Demand::Call), Board::default());
        program.session_up(at(0), &mut board);
        let need = |board: &Board| {
            let (_, last) = board.published.last().unwrap();
            let word = PeerMessage::decode("king/feeds/demo-a", last, Some(&Key::new(KEY).unwrap())).unwrap();
            matches!(word, PeerMessage::State(state) if state.need.is_some())
        };
        for (topic, value) in [
            ("king/feeds/demo-a-call", "OFF"),
            ("king/feeds/demo-b-call", "ON"),
            ("king/feeds/demo-a", "ON"),
            ("king/feeds/demo-a-call", "maybe"),
        ] {
            program.hear(at(10_000), topic, value.as_bytes(), false, &mut board);
            assert!(!need(&board), "{topic} {value}");
        }
        assert_eq!(board.notes.last(), Some(&LogEvent::NoCall));
        program.hear(at(20_000), "king/feeds/demo-a-call", b"ON", false, &mut board);
        assert!(need(&board));
        assert!(board.notes.contains(&LogEvent::Called));
        let mut always = on_feeds(Demand::Always);
        always.hear(at(20_000), "king/feeds/demo-a-call", b"nonsense", false, &mut board);
        assert_eq!(always.counters().ignored, 0);
    }

    #[test]
    fn on_feeds_a_plain_value_makes_a_foreign_light() {
        let mut record = record(false);
        record.broker.user = String::try_from("king").unwrap();
        record.broker.dialect = Dialect::AdafruitIo;
        record.timing = Timing::on_quota();
        let (mut program, mut board) = (Program::new(&record, start(), at(0)).unwrap(), Board::default());
        program.session_up(at(0), &mut board);
        program.hear(at(10), "king/feeds/demo-b", b"GREEN", false, &mut board);
        assert_eq!((program.counters().received, program.counters().ignored), (1, 0));
    }

    #[test]
    fn it_is_dark_then_red_and_says_nothing_before_there_is_a_session() {
        let (mut program, mut board) = (program(false), Board::default());
        program.check(at(0), &mut board);
        assert_eq!(board.shown, [Aspect::Red]);
        assert_eq!(board.published, []);
        assert_eq!(program.counters().dropped, 1);
        program.session_up(at(3_000), &mut board);
        let said: Vec<_> = board.published.iter().map(|(topic, _)| *topic).collect();
        assert_eq!(said, [Topic::Status, Topic::State], "it announces itself at once");
        let status = Status::decode("twinlight/demo/a/status", &board.published[0].1, None).unwrap();
        assert_eq!((status.online, status.kind.as_deref(), status.uptime_s), (true, Some("board"), Some(3)));
        assert_eq!((status.wifi_rssi, status.reset.as_deref()), (Some(-61), Some("power-on")));
    }

    #[test]
    fn it_tells_of_itself_every_thirty_seconds_and_only_with_a_session() {
        let (mut program, mut board) = (program(false), Board::default());
        program.session_up(at(0), &mut board);
        for ms in (50..=65_000).step_by(50) {
            program.check(at(ms), &mut board);
        }
        let count = |board: &Board| board.published.iter().filter(|(t, _)| *t == Topic::Status).count();
        assert_eq!(count(&board), 3);
        program.session_down(at(65_000), &mut board);
        for ms in (65_050..=130_000).step_by(50) {
            program.check(at(ms), &mut board);
        }
        assert_eq!(count(&board), 3);
    }

    #[test]
    fn two_boards_alternate_over_a_perfect_link() {
        let mut other = record(true);
        other.light = name("b");
        other.peers = [name("a")].into_iter().collect();
        let mut programs =
            [program(true), Program::new(&other, Start { boot: 8, seed: 2, ..start() }, at(0)).unwrap()];
        let mut boards = [Board::default(), Board::default()];
        for (program, board) in programs.iter_mut().zip(&mut boards) {
            program.session_up(at(0), board);
        }
        for ms in (50..120_000).step_by(50) {
            for from in 0..2 {
                programs[from].check(at(ms), &mut boards[from]);
                for (topic, message) in std::mem::take(&mut boards[from].published) {
                    if topic == Topic::State {
                        let topic = programs[from].topic(Topic::State);
                        programs[1 - from].hear(at(ms), &topic, &message, false, &mut boards[1 - from]);
                    }
                }
            }
            assert!(!programs.iter().all(|program| program.light().aspect().is_go()));
        }
        for (program, board) in programs.iter().zip(&boards) {
            let ends = board.said.iter().filter(|(_, ends_go)| *ends_go).count();
            assert!(ends.abs_diff(usize::try_from(program.counters().greens).unwrap()) <= 1);
            assert!(program.counters().greens >= 4, "{:?}", program.counters());
            assert_eq!(program.counters().ignored, 0, "{:?}", board.notes);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_counted_and_dropped() {
        let (mut program, mut board) = (program(false), Board::default());
        program.session_up(at(0), &mut board);
        board.stuck = true;
        let sent = program.counters().sent;
        for ms in (50..2_000).step_by(50) {
            program.check(at(ms), &mut board);
        }
        assert_eq!(program.counters().sent, sent);
        assert!(program.counters().dropped >= 3);
    }

    #[test]
    fn commands_are_obeyed_once_and_only_when_signed() {
        let (mut program, mut board) = (program(true), Board::default());
        program.check(at(0), &mut board);
        let mut down = Command::new(7, 1, Action::WifiDown);
        down.ms = Some(3_000);
        command(&mut program, &mut board, 10, &down);
        command(&mut program, &mut board, 20, &down);
        command(&mut program, &mut board, 30, &Command::new(7, 2, Action::MqttDrop));
        command(&mut program, &mut board, 40, &Command::new(6, 3, Action::Reboot));
        let topic = "twinlight/demo/a/cmd";
        let unsigned = Command::new(7, 9, Action::Reboot).encode(topic, None);
        program.hear(at(50), topic, &unsigned, false, &mut board);
        assert_eq!(board.orders, [HostCommand::WifiDown { ms: 3_000 }, HostCommand::DropSession]);
        assert_eq!(program.counters().ignored, 3);
        assert!(board.notes.contains(&LogEvent::Refused(Refused::Replayed)));
        assert!(board.notes.contains(&LogEvent::Refused(Refused::OtherBoot)));
        assert!(board.notes.contains(&LogEvent::Ignored(Ignored::Unsigned)));
        command(&mut program, &mut board, 60, &Command::new(7, 10, Action::Reboot));
        assert_eq!(board.orders.last(), Some(&HostCommand::Reboot));
    }

    #[test]
    fn a_command_that_the_broker_had_kept_is_not_obeyed() {
        let (mut program, mut board) = (program(false), Board::default());
        let topic = "twinlight/demo/a/cmd";
        let message = Command::new(7, 1, Action::Identify).encode(topic, None);
        program.hear(at(10), topic, &message, true, &mut board);
        assert!(!program.identifies(at(20)));
        program.hear(at(30), topic, &message, false, &mut board);
        assert!(program.identifies(at(10_029)) && !program.identifies(at(10_030)));
    }

    #[test]
    fn a_board_without_a_key_obeys_identify_alone() {
        let (mut program, mut board) = (program(false), Board::default());
        let topic = "twinlight/demo/a/cmd";
        for (n, action) in [Action::WifiDown, Action::MqttDrop, Action::Silence, Action::Reboot, Action::Set]
            .into_iter()
            .enumerate()
        {
            let message = Command::new(7, u32::try_from(n).unwrap(), action).encode(topic, None);
            program.hear(at(10), topic, &message, false, &mut board);
        }
        assert_eq!(board.orders, []);
        assert_eq!(program.counters().ignored, 5);
    }

    #[test]
    fn a_silent_board_publishes_nothing_and_then_tells_that_it_is_there() {
        let (mut program, mut board) = (program(true), Board::default());
        program.session_up(at(0), &mut board);
        let mut silence = Command::new(7, 1, Action::Silence);
        silence.ms = Some(2_000);
        command(&mut program, &mut board, 100, &silence);
        let before = board.published.len();
        for ms in (150..2_100).step_by(50) {
            program.check(at(ms), &mut board);
        }
        assert_eq!(board.published.len(), before);
        program.check(at(2_100), &mut board);
        assert_eq!(board.published.last().unwrap().0, Topic::Status);
    }

    #[test]
    fn a_shorter_silence_does_not_end_a_longer_one_and_the_host_ends_any() {
        let (mut program, mut board) = (program(true), Board::default());
        program.session_up(at(0), &mut board);
        program.set_silent(at(10), true, &mut board);
        let mut silence = Command::new(7, 1, Action::Silence);
        silence.ms = Some(1_000);
        command(&mut program, &mut board, 100, &silence);
        let before = board.published.len();
        for ms in (150..60_000).step_by(50) {
            program.check(at(ms), &mut board);
        }
        assert_eq!(board.published.len(), before);
        program.set_silent(at(60_000), false, &mut board);
        assert_eq!(board.published.last().unwrap().0, Topic::Status);
        program.set_silent(at(60_010), false, &mut board);
        assert_eq!(board.published.len(), before + 1, "it was not silent any more");
    }

    #[test]
    fn the_host_is_told_of_each_new_word_and_whether_the_light_waited_for_it() {
        let (mut program, mut board) = (program(false), Board::default());
        program.session_up(at(0), &mut board);
        let topic = "twinlight/demo/b/state";
        let word = |seq| State::new(Aspect::Red, 99, seq, 100).encode(topic, None);
        program.hear(at(100), topic, &word(1), false, &mut board);
        program.hear(at(110), topic, &word(1), false, &mut board);
        for ms in (150..9_500).step_by(50) {
            program.check(at(ms), &mut board);
            program.hear(at(ms), topic, &word(u32::try_from(ms).unwrap()), false, &mut board);
        }
        assert_eq!(board.heard.iter().filter(|(seq, _)| *seq == 1).count(), 1, "the second was a copy");
        assert_eq!(board.heard.first(), Some(&(1, false)), "it has only just started");
        assert_eq!(board.heard.last().map(|(_, waited)| *waited), Some(true), "it waits for a promise");
    }

    #[test]
    fn longer_promises_are_remembered_before_they_are_made() {
        let (mut program, mut board) = (program(true), Board::default());
        program.check(at(0), &mut board);
        let mut set = Command::new(7, 1, Action::Set);
        set.timing = Some(Timing { lease_ms: 9_000, heartbeat_ms: 600, ..Timing::default() });
        command(&mut program, &mut board, 10, &set);
        assert_eq!(board.orders, [HostCommand::KeepLease { ms: 9_000 }]);
        program.check(at(50), &mut board);
        assert_eq!(program.light().config().timing().lease_ms, 9_000);

        board.stuck = true;
        set.n = 2;
        set.timing = Some(Timing { lease_ms: 9_500, heartbeat_ms: 600, ..Timing::default() });
        command(&mut program, &mut board, 100, &set);
        program.check(at(150), &mut board);
        assert_eq!(program.light().config().timing().lease_ms, 9_000, "it could not be remembered");

        set.n = 3;
        set.timing = Some(Timing { amber_ms: 0, ..Timing::default() });
        command(&mut program, &mut board, 200, &set);
        assert!(matches!(board.notes.last(), Some(LogEvent::Timing(_))));

        board.least_watchdog_ms = 500;
        set.n = 4;
        set.timing = Some(Timing { watchdog_ms: 499, ..Timing::default() });
        command(&mut program, &mut board, 300, &set);
        assert_eq!(board.notes.last(), Some(&LogEvent::Watchdog { least_ms: 500 }));
    }

    #[test]
    fn strange_topics_and_payloads_are_survived_and_told_in_plain_words() {
        let (mut program, mut board) = (program(false), Board::default());
        for topic in ["", "twinlight", "twinlight/demo/b/status", "twinlight/demo//state", "x/demo/b/state"] {
            program.hear(at(1), topic, b"{}", false, &mut board);
        }
        assert_eq!(program.counters().ignored, 0);
        for payload in [&b""[..], b"{", b"\xff\xfe", b"{\"v\":9,\"aspect\":\"red\"}"] {
            program.hear(at(1), "twinlight/demo/b/state", payload, false, &mut board);
        }
        program.hear_too_long(4_000, &mut board);
        assert_eq!(program.counters().ignored, 5);
        for note in &board.notes {
            assert!(!note.to_string().is_empty());
        }
        assert_eq!(
            format!("{}", LogEvent::Ignored(Ignored::TooLong { bytes: 4_000 })),
            "a message was ignored: it has 4000 bytes, more than the 512 of a message"
        );
    }

    #[test]
    fn a_word_makes_it_promise_at_once() {
        let (mut program, mut board) = (program(false), Board::default());
        program.session_up(at(0), &mut board);
        let mut state = State::new(Aspect::Red, 99, 5, 100);
        state.need = Some(crate::Need { turn: 1 });
        let topic = "twinlight/demo/b/state";
        program.hear(at(700), topic, &state.encode(topic, None), false, &mut board);
        let (_, last) = board.published.last().unwrap();
        let PeerMessage::State(said) = PeerMessage::decode("twinlight/demo/a/state", last, None).unwrap()
        else {
            unreachable!()
        };
        assert_eq!(said.give.to_vec(), vec![Give { to: name("b"), boot: 99, seq: 5, ms: 8_000 }]);
    }
}
