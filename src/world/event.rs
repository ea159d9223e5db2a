//! What has happened in the world: the only thing a face (window or command line) learns from.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use traffic_light::{Aspect, Foreign, Rule, Status, View};

use crate::{
    fault::Fault,
    model::{LightId, LightKind},
};

pub use super::{
    engine::Cause,
    monitor::{Certainty, Grade},
    survey::{Survey, SurveyTopic},
};

/// One thing that happened, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Time since the world started, on the one clock that all virtual lights share.
    #[serde(rename = "ns", with = "nanos")]
    pub at: Duration,
    /// What happened.
    #[serde(rename = "event")]
    pub kind: EventKind,
}

/// What happened. Its form in a recording ([`crate::recording`]) is derived: a member may be added
/// with a default, and nothing else changed without another version.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A light of the configuration exists now; comes once for each before anything else of it.
    LightAdded {
        light: LightId,
        /// Virtual, board or foreign.
        kind: LightKind,
        /// The rule its junction follows.
        rule: Rule,
        /// Whether the junction's messages are signed.
        keyed: bool,
    },
    /// A light is somebody else's, and this is how to talk with it.
    ForeignMapped { light: LightId, foreign: Box<Foreign> },
    /// What speaks on the broker beside this program's lights, told now and then while somebody wants to know.
    Surveyed(Arc<Survey>),
    /// A virtual light is no longer run here; nothing follows of it until it is added again.
    LightRemoved { light: LightId },
    /// The broker answers at `address` (embedded: has been bound).
    BrokerStarted {
        /// `host:port`.
        address: String,
        /// Whether it runs inside this program.
        embedded: bool,
        /// Whether it was opened to the network here.
        open: bool,
        /// Anything the user should know, such as that the wanted port was in use.
        note: Option<String>,
    },
    /// The embedded broker is no longer there.
    BrokerStopped {
        /// Why: asked for, or the error that ended it.
        reason: String,
    },
    /// A light's lamps have changed: exact for a virtual light, as heard for others.
    AspectChanged { light: LightId, aspect: Aspect },
    /// The inside of a virtual light has changed: why it waits, promises, leases.
    LightReported {
        light: LightId,
        /// Its program's state, with deadlines on the world's clock (milliseconds since it started).
        #[serde(with = "crate::world::recorder::view")]
        view: Arc<View>,
        /// What it has sent and received.
        counters: Counters,
    },
    /// A light's status on the broker: online or not, and what it tells of itself.
    PresenceChanged {
        light: LightId,
        /// Whether it is connected.
        online: bool,
        /// What the status message said besides.
        about: Option<About>,
    },
    /// One layer of a light's link went up or down: of a virtual light as it knows it, of another one as its
    /// port here sees it.
    LinkChanged {
        light: LightId,
        layer: Layer,
        /// Whether it carries now.
        up: bool,
        /// What brought it up or down, in a person's words.
        reason: String,
    },
    /// A fault was injected (`on`) or has ended.
    FaultChanged {
        fault: Fault,
        /// Whether it is in force now.
        on: bool,
    },
    /// Random faults were switched on, or off.
    ChaosChanged {
        /// What they are drawn from; `None`: there is no chaos now.
        seed: Option<u64>,
    },
    /// A message passed the broker, as the world's own observer heard it.
    MessagePassed {
        /// The light whose topic it is.
        light: LightId,
        /// Which of the light's topics.
        topic: TopicKind,
        /// The payload as text, shortened where it is very long.
        payload: Arc<str>,
        /// Whether the broker delivered it as a kept message.
        retained: bool,
    },
    /// Any message below the root topic, of the contract or not. Told only where somebody looks, and
    /// before [`EventKind::MessagePassed`] where it is of a light.
    TopicHeard {
        /// The whole topic.
        topic: Arc<str>,
        /// The payload as text, shortened where it is very long.
        payload: Arc<str>,
        /// How many bytes the whole payload has.
        bytes: usize,
        /// Whether the broker delivered it as a kept message.
        retained: bool,
        /// The quality of service that it was delivered with: at most 1, whatever it was sent with.
        qos: u8,
    },
    /// A packet passed the port of a light that runs elsewhere. Told only where somebody looks, and of a flood
    /// not each one.
    PacketSeen {
        light: LightId,
        /// Which connection to its port, counted from 1.
        connection: u64,
        /// What was sent or received, in a person's words.
        text: Arc<str>,
        /// How many were seen before it and not told.
        #[serde(default)]
        untold: u64,
    },
    /// A message was counted and otherwise ignored.
    MessageIgnored {
        /// The light whose topic it came on, where the topic names one.
        light: Option<LightId>,
        /// Which of our lights, or the observer, ignored it.
        by: Ignorer,
        /// Why, in a person's words; of several the last one's.
        reason: String,
        /// 0: this is one message. Else it sums up so many that came too fast to be told one by one.
        #[serde(default, skip_serializing_if = "is_zero")]
        more: u64,
    },
    /// Two conflicting lights have right of way at once, or may be. Ends with [`EventKind::ConflictEnded`];
    /// a possible conflict that turns out to be sure begins once more, as that.
    ConflictBegan {
        /// The two lights, sorted.
        lights: Vec<LightId>,
        /// How sure that is.
        certainty: Certainty,
        /// Since when, on the world's clock: it counts as a conflict only some time later.
        #[serde(with = "nanos")]
        since: Duration,
        /// Why, where one of them is a foreign light of the configuration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
    },
    /// The conflict of these lights is over.
    ConflictEnded {
        /// The two lights, sorted.
        lights: Vec<LightId>,
        /// How sure it was.
        certainty: Certainty,
        /// How long both had right of way at once for sure, without a moment of doubt; nothing for a possible
        /// conflict that turned out to be none.
        #[serde(with = "nanos")]
        lasted: Duration,
        /// How long they may have been. The same as `lasted` where both run in this program.
        #[serde(with = "nanos")]
        at_most: Duration,
    },
    /// Two conflicting lights had right of way at once for too short a time to count as a conflict.
    GlitchSeen {
        /// The two lights, sorted.
        lights: Vec<LightId>,
        /// Since when, on the world's clock.
        #[serde(with = "nanos")]
        since: Duration,
        /// How long they were for sure.
        #[serde(with = "nanos")]
        lasted: Duration,
        /// How long they may have been.
        #[serde(with = "nanos")]
        at_most: Duration,
    },
    /// A waiting light has received that `from` ended its right of way.
    Reacted {
        /// The light whose go ended.
        from: LightId,
        /// The light that heard it while it waited for green.
        to: LightId,
        /// From the publishing by `from` to the receipt by `to`.
        #[serde(with = "nanos")]
        took: Duration,
    },
    /// What a board should show, by its twin: the same library, stepped here with the words that
    /// passed the broker.
    TwinChanged {
        light: LightId,
        /// What its twin shows; `None` while it cannot tell: the board is not heard.
        aspect: Option<Aspect>,
    },
    /// A board says that it shows something else than its twin, for longer than messages take. Ends with
    /// [`EventKind::TwinAgrees`], or with [`EventKind::TwinChanged`] where the twin cannot tell any more.
    TwinDiffers {
        light: LightId,
        /// What it says it shows.
        board: Aspect,
        /// What its twin shows.
        twin: Aspect,
    },
    /// A board shows again what its twin shows.
    TwinAgrees {
        light: LightId,
        /// For how long they differed.
        #[serde(with = "nanos")]
        lasted: Duration,
    },
    /// A recording of this run began, or ended.
    RecordingChanged {
        /// The file; `None`: nothing is recorded now.
        file: Option<String>,
    },
    /// Something that a person should read: a refusal, two lights of one name, a full queue.
    Noticed {
        /// How grave it is.
        severity: Severity,
        /// Which light it is about, if one.
        light: Option<LightId>,
        /// The sentence, with what to do next where something can be done.
        text: String,
    },
    /// The world has stopped; nothing follows.
    Stopped,
}

/// One layer of a light's link, from the air to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The (simulated) Wi-Fi association.
    Wifi,
    /// The TCP connection to the broker.
    Tcp,
    /// The MQTT session: connected and subscribed.
    Mqtt,
}

/// The last level of a light's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopicKind {
    /// `…/state`.
    State,
    /// `…/status`.
    Status,
    /// `…/cmd`.
    Command,
}

/// Who ignored a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ignorer {
    /// One of the virtual lights.
    Light(LightId),
    /// The world's observer, which only watches.
    Observer,
}

/// What a light's status message tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// `virtual`, `board`, or what else the light calls itself.
    pub kind: String,
    /// Version of its program.
    pub version: String,
    /// Signal strength in dBm.
    pub wifi_rssi: Option<i32>,
    /// How often it joined Wi-Fi since its start.
    pub wifi_joins: Option<u32>,
    /// How often it got an MQTT session since its start.
    pub mqtt_joins: Option<u32>,
    /// Seconds since its start, when it said so.
    pub uptime_s: Option<u32>,
    /// Free heap in bytes.
    pub heap: Option<u32>,
    /// Why it last started.
    pub reset: Option<String>,
}

impl From<&Status> for About {
    fn from(status: &Status) -> About {
        About {
            kind: status.kind.as_deref().unwrap_or_default().to_owned(),
            version: status.fw.as_deref().unwrap_or_default().to_owned(),
            wifi_rssi: status.wifi_rssi,
            wifi_joins: status.wifi_joins,
            mqtt_joins: status.mqtt_joins,
            uptime_s: status.uptime_s,
            heap: status.heap,
            reset: status.reset.as_deref().map(str::to_owned),
        }
    }
}

/// What a virtual light has sent and received since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Messages given to the broker.
    pub sent: u64,
    /// Messages heard from other lights.
    pub received: u64,
    /// Messages ignored: malformed, oversized, wrongly signed, impossible.
    pub ignored: u64,
    /// Messages that it could not send for want of a session: dropped, never sent later.
    pub dropped: u64,
    /// Times that it joined Wi-Fi.
    pub wifi_joins: u32,
    /// Times that it got an MQTT session.
    pub mqtt_joins: u32,
    /// Greens shown.
    pub greens: u64,
}

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something does not work as it should.
    Warning,
    /// Something has failed.
    Error,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Spans as whole nanoseconds, so that nothing is judged otherwise for being recorded.
mod nanos {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}
