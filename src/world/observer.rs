//! The observer: the world's own ear on the broker. It speaks to nobody; it shows what passes,
//! tells what had to be ignored, and is all that the program knows of boards and foreign lights.

mod flow;
mod speak;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use rumqttc::{AsyncClient, QoS, SubscribeFilter};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{self, MissedTickBehavior, interval, timeout_at},
};
use traffic_light::{
    Foreign, Instant, Name, PeerMessage, Rule, Status,
    command::Command as LightCommand,
    freshness::{Freshness, Judged, Listener},
    program::LogEvent,
};

use self::flow::Flow;
pub(super) use self::speak::ObserverCommand;
use super::{
    client::{Client, ClientEvent},
    engine::Engine,
    event::{About, EventKind, Ignorer, Severity, TopicKind},
    event_bus::EventBus,
    feed_watch::FeedWatch,
    foreign::ForeignWatch,
    link::Target,
    topics::Topics,
    twin::Twins,
};
use crate::{
    config::Junction,
    model::{LightId, LightKind},
};

/// How long the observer still listens once the lights have gone.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// The version of this program, and of the firmware image that goes with it.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");
/// How often a board is compared with its twin beside at each word.
const TWIN_CHECK: Duration = Duration::from_millis(50);
/// Lights that the configuration does not name, and that are followed: names are made up more easily than lights.
const MOST_STRANGERS: usize = 64;
/// A longer payload is shown cut off.
const SHOWN_BYTES: usize = 1_024;

/// A broker that runs elsewhere.
pub(super) struct External {
    /// `host:port`.
    address: String,
    /// What the user should know of the way to it.
    note: Option<String>,
}

impl External {
    pub(super) fn of(target: &Target) -> External {
        let note = target.tls.as_ref().map(|tls| {
            let unchecked = if tls.checks_the_broker() { "" } else { ", and nobody checks who answers" };
            format!("encrypted with TLS{unchecked}")
        });
        External { address: target.address.to_string(), note }
    }
}

/// What a message says.
enum Heard {
    Word(Box<PeerMessage>),
    Status(Status),
    Command,
}

#[derive(Clone, Copy, Default)]
struct OtherRun {
    boot: u32,
    last_n: u32,
}

pub(super) struct Observer {
    bus: Arc<EventBus>,
    topics: Topics,
    junctions: HashMap<Name, Junction>,
    /// Where the broker is not our own: then the observer tells of it.
    external: Option<External>,
    /// Shown are single messages only where somebody looks.
    shows_messages: bool,
    /// The highest boot of another program that was heard under the name of a virtual light.
    intruders: HashMap<LightId, u32>,
    /// Which messages of each light are new.
    freshness: HashMap<LightId, Freshness>,
    /// The present run of each light that is heard, and the number of the last command to it.
    runs: HashMap<LightId, OtherRun>,
    session: Option<AsyncClient>,
    twins: Twins,
    /// The firmware that each board was last heard to run.
    firmware: HashMap<LightId, String>,
    /// Where the lights meet on feeds.
    feeds: Option<FeedWatch>,
    foreign: ForeignWatch,
    flow: Flow,
    /// Lights that were heard and are none of the configuration.
    strangers: HashSet<LightId>,
    /// What each session subscribes to by itself.
    subscribed: Vec<String>,
}

impl Observer {
    pub(super) fn new(
        bus: Arc<EventBus>,
        topics: Topics,
        junctions: &[Junction],
        external: Option<External>,
        shows_messages: bool,
    ) -> Observer {
        let foreign = ForeignWatch::new(junctions);
        let flow = Flow::new(junctions.iter().map(|junction| junction.lights().count()).sum());
        let subscribed = topics.with_others(shows_messages, foreign.topics());
        let junctions =
            junctions.iter().map(|junction| (junction.name().clone(), junction.clone())).collect();
        Observer {
            bus,
            topics,
            junctions,
            external,
            shows_messages,
            intruders: HashMap::new(),
            freshness: HashMap::new(),
            runs: HashMap::new(),
            session: None,
            twins: Twins::default(),
            firmware: HashMap::new(),
            feeds: None,
            foreign,
            flow,
            strangers: HashSet::new(),
            subscribed,
        }
    }

    /// What its client has to subscribe to.
    pub(super) fn subscriptions(&self) -> Vec<String> {
        self.subscribed.clone()
    }

    /// On the feeds that `feeds` follows.
    pub(super) fn on_feeds(mut self, feeds: Option<FeedWatch>) -> Observer {
        self.feeds = feeds;
        self
    }

    /// Listens until `stop` changes or its other end is gone.
    pub(super) fn start(
        mut self,
        mut client: Client,
        mut commands: mpsc::Receiver<ObserverCommand>,
        mut stop: watch::Receiver<bool>,
    ) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut checks = interval(TWIN_CHECK);
            checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let event = tokio::select! {
                    _ = checks.tick(), if self.has_to_look() => {
                        self.check_twins();
                        self.note_silence();
                        continue;
                    }
                    _ = stop.changed() => break,
                    Some(command) = commands.recv() => {
                        match command {
                            ObserverCommand::Perform(task) => self.perform(task),
                            ObserverCommand::SetForeign(light, foreign) => self.set_foreign(&light, foreign.map(|foreign| *foreign)),
                            ObserverCommand::Forget(topics, _done) => self.forget(&topics, &mut client).await,
                        }
                        continue;
                    }
                    event = client.events.recv() => event,
                };
                match event {
                    Some(event) => self.take(event),
                    None => break,
                }
            }
            // The last words of the lights may still be on their way.
            let until = time::Instant::now() + LAST_WORDS;
            while let Ok(Some(event)) = timeout_at(until, client.events.recv()).await {
                self.take(event);
            }
            client.stop().await;
        })
    }

    /// A light is somebody else's from now on, or no more.
    fn set_foreign(&mut self, light: &LightId, foreign: Option<Foreign>) {
        if let Some(junction) = self.junctions.get_mut(&light.junction) {
            junction.set_foreign(&light.light, foreign.clone());
        }
        self.foreign.set_light(light, foreign);
        if let Some(event) = self.twins.remove(light) {
            self.bus.emit(event);
        }
        self.subscribe_to_foreign();
    }

    /// Topics of foreign lights that came after the session's own subscriptions were made.
    fn subscribe_to_foreign(&self) {
        let more = self.topics.with_others(self.shows_messages, self.foreign.topics());
        let more: Vec<_> = more.into_iter().filter(|topic| !self.subscribed.contains(topic)).collect();
        let Some(session) = self.session.as_ref().filter(|_| !more.is_empty()) else { return };
        let filters = more.into_iter().map(|topic| SubscribeFilter::new(topic, QoS::AtLeastOnce));
        if session.try_subscribe_many(filters).is_err() {
            let text =
                "the broker is too slow: what a foreign light says is heard only after the next connection";
            self.bus.notice(Severity::Warning, None, text);
        }
    }

    /// Whether time alone may tell something.
    fn has_to_look(&self) -> bool {
        !self.twins.is_empty() || self.feeds.is_some() || !self.foreign.is_empty()
    }

    fn take(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Up(session) => {
                self.session = Some(session);
                self.ask_feeds();
                self.subscribe_to_foreign();
                if let Some(External { address, note }) = &self.external {
                    let (address, note) = (address.clone(), note.clone());
                    self.bus.with(|engine| engine.state.broker_started(address, false, false, note));
                }
            }
            ClientEvent::Down { reason } => {
                self.session = None;
                self.twins.lose();
                self.check_twins();
                if self.external.is_some() {
                    self.bus.with(|engine| engine.state.broker_stopped(reason));
                } else {
                    tracing::debug!(reason, "the observer has no session");
                }
            }
            ClientEvent::Message { topic, payload, retained, qos } => {
                self.hear(&topic, &payload, retained, qos);
            }
        }
    }

    fn hear(&mut self, topic: &str, payload: &[u8], retained: bool, qos: QoS) {
        let parsed = self.topics.parse(topic);
        let retained = match &mut self.feeds {
            None => retained,
            Some(feeds) => {
                let light = parsed.as_ref().map(|(light, _)| light);
                let Some(answer) = feeds.is_answer(topic, light, self.bus.clock().now()) else { return };
                answer
            }
        };
        let text = self.shows_messages.then(|| shortened(payload));
        let shown = text.is_some() && self.shows(topic);
        if let Some(payload_text) = text.as_ref().filter(|_| shown) {
            let (topic, shown, bytes) = (topic.into(), payload_text.clone(), payload.len());
            let kind = EventKind::TopicHeard { topic, payload: shown, bytes, retained, qos: qos as u8 };
            self.bus.emit(kind);
        }
        // The words of a foreign light are judged, in a recording too: each is told.
        let told = text.as_ref().filter(|_| shown || self.foreign.understands(topic, payload));
        if self.hear_foreign(topic, payload, told, retained) {
            return;
        }
        self.hear_account(topic, payload, parsed.as_ref().map(|(light, _)| light));
        let Some((light, kind)) = parsed else { return };
        let Some(junction) = self.junctions.get(&light.junction) else { return };
        if junction.foreign(&light.light).is_some() {
            // It speaks on a topic of its own.
            return;
        }
        let (key, rule) = (junction.key().cloned(), junction.rule());
        let listener = Listener { keyed: key.is_some(), lost_after_ms: junction.timing().lost_after_ms };
        let is_stranger = junction.lights().all(|known| *known != light.light);
        // The words of lights that run elsewhere are judged, in a recording too: each is told.
        let told = shown || self.bus.knows(&light) != Some(LightKind::Virtual);
        let passed =
            |payload| EventKind::MessagePassed { light: light.clone(), topic: kind, payload, retained };
        let passed = text.filter(|_| told).map(passed);
        let heard = match kind {
            TopicKind::State => {
                PeerMessage::decode(topic, payload, key.as_ref()).map(|word| Heard::Word(Box::new(word)))
            }
            TopicKind::Status => Status::decode(topic, payload, key.as_ref()).map(Heard::Status),
            TopicKind::Command => LightCommand::decode(topic, payload, key.as_ref()).map(|_| Heard::Command),
        };
        let heard = heard.map_err(|reason| reason.to_string()).and_then(|heard| {
            let known = !is_stranger || self.takes_stranger(&light);
            known.then_some(heard).ok_or_else(|| "too many lights have names that nobody gave".to_owned())
        });
        let heard = match heard {
            Ok(heard) => heard,
            Err(reason) => {
                let reason = format!("a message on {topic}: {reason}");
                let ignored = |engine: &mut Engine| {
                    engine.state.ignored(passed, Some(light), Ignorer::Observer, reason);
                };
                return self.bus.with(ignored);
            }
        };
        if let Some(passed) = passed {
            self.bus.emit(passed);
        }
        match heard {
            Heard::Word(word) => self.hear_word(&light, &word, retained, rule, listener),
            Heard::Status(status) => self.hear_status(&light, &status, rule, key.is_some()),
            Heard::Command => {}
        }
    }

    /// Whether a message is shown, where somebody looks.
    fn shows(&mut self, topic: &str) -> bool {
        let now = self.bus.clock().now();
        let shown = self.flow.shows(now, topic);
        if let Some(unshown) = self.flow.unshown(now) {
            let text = format!(
                "{unshown} messages came too fast to be shown or recorded one by one, the last one on {topic}"
            );
            self.bus.notice(Severity::Warning, None, text);
        }
        shown
    }

    /// Whether there is room for one more light that the configuration does not name.
    fn takes_stranger(&mut self, light: &LightId) -> bool {
        self.strangers.contains(light)
            || (self.strangers.len() < MOST_STRANGERS && self.strangers.insert(light.clone()))
    }

    /// A message on a topic of foreign lights; `false` for any other.
    fn hear_foreign(&mut self, topic: &str, payload: &[u8], text: Option<&Arc<str>>, retained: bool) -> bool {
        let speaker = self.foreign.who_says(topic).cloned();
        if speaker.is_none() && !self.foreign.is_told(topic) {
            return false;
        }
        // What it is told was counted where it was sent.
        let told_by = self.foreign.told_by(topic, self.junctions.values());
        self.hear_account(topic, payload, told_by.as_ref());
        if let (Some(light), Some(payload)) = (speaker, text) {
            let (topic, payload) = (TopicKind::State, payload.clone());
            self.bus.emit(EventKind::MessagePassed { light, topic, payload, retained });
        }
        let Observer { bus, foreign, .. } = self;
        bus.with(|engine| foreign.hear(engine, topic, payload, retained))
    }

    fn hear_word(
        &mut self,
        light: &LightId,
        word: &PeerMessage,
        retained: bool,
        rule: Rule,
        listener: Listener,
    ) {
        let now = self.bus.clock().now();
        // What was said before, or by an earlier run, tells nothing of what the light does now: as for the
        // lights themselves.
        let fresh = !retained && self.is_fresh(now, light, word, listener);
        if let (PeerMessage::State(state), true) = (word, fresh || !self.runs.contains_key(light)) {
            let run = self.runs.entry(light.clone()).or_default();
            if run.boot != state.boot {
                *run = OtherRun { boot: state.boot, last_n: 0 };
            }
        }
        let kind = match self.bus.knows(light) {
            Some(kind) => kind,
            // What the broker kept may be years old; a light is there once it speaks.
            None if !fresh => return,
            None => {
                let keyed = listener.keyed;
                self.bus.with(|engine| engine.state.light_added(light, LightKind::Foreign, rule, keyed));
                LightKind::Foreign
            }
        };
        if fresh && self.feeds.as_mut().is_some_and(|feeds| feeds.heard(light, now)) {
            self.bus.with(|engine| engine.state.presence_changed(light, true, None));
        }
        match word {
            PeerMessage::State(state) if kind == LightKind::Board && fresh => {
                let junction = self.junctions.get(&light.junction);
                // What a foreign light says and is told is more than a twin hears.
                let junction = junction.filter(|junction| junction.partner_of(&light.light).is_none());
                if let Some(config) = junction.and_then(|junction| junction.light_config(&light.light)) {
                    self.twins.follow(now, light, config, state);
                }
            }
            _ => {}
        }
        if !self.twins.is_empty() {
            self.twins.hear(now, light, word, retained);
            self.check_twins();
        }
        if kind == LightKind::Virtual {
            if let (PeerMessage::State(state), false) = (word, retained) {
                self.watch_name(light, state.boot, fresh);
            }
        } else if fresh {
            self.bus.with(|engine| engine.state.aspect_heard(light, word));
        }
    }

    /// Whether a message of `light` that the broker did not keep is new. That the light's number went back is
    /// told once.
    fn is_fresh(&mut self, now: Duration, light: &LightId, word: &PeerMessage, listener: Listener) -> bool {
        let PeerMessage::State(state) = word else { return true };
        let now = Instant::from_ms(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        let freshness = self.freshness.entry(light.clone()).or_insert_with(|| Freshness::new(now));
        let judged = freshness.judge(now, state.boot, state.seq, listener);
        if let Judged::WentBack { taken } = judged {
            let event = LogEvent::WentBack { light: light.light.clone(), taken };
            self.bus.notice(Severity::Warning, Some(light), format!("{}/{event}", light.junction));
        }
        judged.is_new()
    }

    /// On feeds, asks for the last words of lights that run elsewhere. Returns whether it could.
    fn ask_feeds(&mut self) -> bool {
        let (Some(feeds), Some(session)) = (&mut self.feeds, &self.session) else { return false };
        let asked = feeds.asks(self.bus.clock().now());
        // An empty value would be none.
        asked.into_iter().all(|topic| session.try_publish(topic, QoS::AtLeastOnce, false, [0]).is_ok())
    }

    /// On feeds, takes in what concerns the account as a whole.
    fn hear_account(&mut self, topic: &str, payload: &[u8], light: Option<&LightId>) {
        let Some(feeds) = &self.feeds else { return };
        let told = feeds.notice(topic, payload);
        let told = if told.is_none() && topic.contains("/feeds/") { feeds.count_other(light) } else { told };
        if let Some((severity, text)) = told {
            self.bus.notice(severity, None, text);
        }
    }

    /// On feeds nothing but silence tells that a light has gone.
    fn note_silence(&mut self) {
        let (now, Observer { bus, foreign, .. }) = (self.bus.clock().now(), &mut *self);
        bus.with(|engine| foreign.note_silence(engine, now));
        let Some(feeds) = &mut self.feeds else { return };
        for light in feeds.gone(self.bus.clock().now()) {
            self.bus.with(|engine| engine.state.presence_changed(&light, false, None));
            if self.bus.knows(&light).is_some_and(|kind| kind != LightKind::Virtual) {
                self.bus.with(|engine| engine.state.gone(&light));
            }
        }
    }

    fn check_twins(&mut self) {
        for event in self.twins.check(self.bus.clock().now()) {
            self.bus.emit(event);
        }
    }

    /// A word of a virtual light that this world has not said: two lights of one name, or a replay. Told once
    /// for each run that is newer than those told of.
    fn watch_name(&mut self, light: &LightId, boot: u32, fresh: bool) {
        if self.bus.with(|engine| engine.state.is_own_boot(light, boot))
            || self.intruders.get(light).is_some_and(|told| boot <= *told)
        {
            return;
        }
        self.intruders.insert(light.clone(), boot);
        let or_a_replay = if fresh { "" } else { ", or somebody replays what it said in an earlier run" };
        self.bus.notice(
            Severity::Warning,
            Some(light),
            format!(
                "another program also runs a light named {light}{or_a_replay}: give one of them another name"
            ),
        );
    }

    /// A board and its twin are the same light only as long as both run the same version.
    fn watch_firmware(&mut self, light: &LightId, version: &str) {
        let known = self.firmware.insert(light.clone(), version.to_owned());
        if version == OWN_VERSION || known.is_some_and(|known| known == version) {
            return;
        }
        let text = format!(
            "the board {light} runs firmware {version:?}, and this program is version {OWN_VERSION}: flash the board \
             with the image of this version, or they may not act alike"
        );
        self.bus.notice(Severity::Warning, Some(light), text);
    }

    fn hear_status(&mut self, light: &LightId, status: &Status, rule: Rule, keyed: bool) {
        let board = status.kind.as_deref() == Some("board");
        let known = self.bus.knows(light);
        if known.is_none() {
            if !status.online {
                return;
            }
            let kind = if board { LightKind::Board } else { LightKind::Foreign };
            self.bus.with(|engine| engine.state.light_added(light, kind, rule, keyed));
        } else if board && known == Some(LightKind::Foreign) {
            self.bus.with(|engine| engine.state.light_is(light, LightKind::Board));
        }
        if !status.online
            && let Some(event) = self.twins.remove(light)
        {
            self.bus.emit(event);
        }
        if board && status.online {
            self.watch_firmware(light, status.fw.as_deref().unwrap_or_default());
        }
        let about = status.online.then(|| About::from(status));
        self.bus.with(|engine| engine.state.presence_changed(light, status.online, about));
        if !status.online && known.is_some_and(|kind| kind != LightKind::Virtual) {
            self.bus.with(|engine| engine.state.gone(light));
        }
    }
}

/// A payload as text, cut off where it is very long.
pub(crate) fn shortened(payload: &[u8]) -> Arc<str> {
    let shown = payload.get(..SHOWN_BYTES).unwrap_or(payload);
    String::from_utf8_lossy(shown).into()
}
