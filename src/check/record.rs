//! What was seen and what was done, in the order of time: all that a verdict is made of.

use std::{
    fmt,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::vocabulary::{Profile, Shown};

/// The form of the record; another one cannot be judged.
pub const VERSION: u32 = 1;
/// Packets of one connection that are kept in one second; the rest are counted. A flood costs the flooder.
const MOST_A_SECOND: u32 = 60;
/// The same, where the light says something else than last.
const MOST_CHANGES_A_SECOND: u32 = 600;
/// Entries that are kept in all.
const MOST_ENTRIES: usize = 60_000;
/// More than a bench ever notes of what it does itself.
const MOST_OF_BENCH: usize = 10_000;
/// Seconds that a check and the wait for its light take at the most.
const LONGEST_S: u64 = 7 * 24 * 3_600;
/// Bytes of a payload that are kept.
const MOST_PAYLOAD: usize = 256;

/// The steps, in the order in which they are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Connects,
    Talks,
    Reacts,
    RecoversFromReset,
    RecoversFromBrokerLoss,
    RecoversFromWifiLoss,
    NoticesHalfOpen,
    DistrustsOldWords,
    SurvivesRefusal,
    KeepsWithinLimits,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Step; 10] = [
        Step::Connects,
        Step::Talks,
        Step::Reacts,
        Step::RecoversFromReset,
        Step::RecoversFromBrokerLoss,
        Step::RecoversFromWifiLoss,
        Step::NoticesHalfOpen,
        Step::DistrustsOldWords,
        Step::SurvivesRefusal,
        Step::KeepsWithinLimits,
    ];

    /// As it is written in a report and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Step::Connects => "connects",
            Step::Talks => "talks",
            Step::Reacts => "reacts",
            Step::RecoversFromReset => "recovers-from-reset",
            Step::RecoversFromBrokerLoss => "recovers-from-broker-loss",
            Step::RecoversFromWifiLoss => "recovers-from-wifi-loss",
            Step::NoticesHalfOpen => "notices-half-open",
            Step::DistrustsOldWords => "distrusts-old-words",
            Step::SurvivesRefusal => "survives-refusal",
            Step::KeepsWithinLimits => "keeps-within-limits",
        }
    }

    #[must_use]
    pub fn find(name: &str) -> Option<Step> {
        Step::ALL.into_iter().find(|step| step.name() == name)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Bytes of a payload; in JSON a text where they are one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PayloadForm", into = "PayloadForm")]
pub struct Payload(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PayloadForm {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<PayloadForm> for Payload {
    fn from(form: PayloadForm) -> Payload {
        match form {
            PayloadForm::Text(text) => Payload(text.into_bytes()),
            PayloadForm::Bytes(bytes) => Payload(bytes),
        }
    }
}

impl From<Payload> for PayloadForm {
    fn from(payload: Payload) -> PayloadForm {
        String::from_utf8(payload.0)
            .map_or_else(|error| PayloadForm::Bytes(error.into_bytes()), PayloadForm::Text)
    }
}

impl fmt::Display for Payload {
    /// Shortened, and with control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.0);
        let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
        write!(f, "\"{shown}{}\"", if text.chars().count() > 40 { "…" } else { "" })
    }
}

/// Who sent a packet, or ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    Light,
    Broker,
    Fault,
}

/// A fault that the bench plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchFault {
    /// The connections are reset.
    Reset,
    /// Nobody listens.
    Refuse,
    /// Nothing passes, either way.
    Silence,
    /// Logins are refused with a code.
    RefuseLogin,
    /// A connection ends at its CONNECT.
    CutConnect,
    /// The light's own network is switched off, by the hook.
    Hook,
}

impl BenchFault {
    /// For people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            BenchFault::Reset => "connection reset",
            BenchFault::Refuse => "connections refused",
            BenchFault::Silence => "nothing passes",
            BenchFault::RefuseLogin => "login refused",
            BenchFault::CutConnect => "CONNECT cut",
            BenchFault::Hook => "Wi-Fi off",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "kebab-case")]
pub enum What {
    /// A connection of the light's began.
    Opened {
        c: u64,
        /// The light's address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<IpAddr>,
    },
    Connect {
        c: u64,
        client_id: String,
        keep_alive_s: u16,
        clean: bool,
        will: Option<(String, Payload)>,
        user: Option<String>,
    },
    ConnAck {
        c: u64,
        session: bool,
        code: u8,
    },
    Publish {
        c: u64,
        by: Who,
        topic: String,
        payload: Payload,
        qos: u8,
        retain: bool,
        id: Option<u16>,
    },
    Subscribe {
        c: u64,
        id: u16,
        filters: Vec<String>,
    },
    SubAck {
        c: u64,
        id: u16,
        codes: Vec<u8>,
    },
    Unsubscribe {
        c: u64,
        filters: Vec<String>,
    },
    Ack {
        c: u64,
        by: Who,
        name: String,
        id: u16,
    },
    Ping {
        c: u64,
        by: Who,
    },
    Disconnect {
        c: u64,
        by: Who,
    },
    Malformed {
        c: u64,
        by: Who,
        reason: String,
    },
    Closed {
        c: u64,
        by: Who,
        reset: bool,
    },
    /// The light has ended its side.
    HalfClosed {
        c: u64,
    },
    /// So many packets more of this light's came than are kept; so many of them were publishes.
    Dropped {
        c: u64,
        packets: u32,
        publishes: u32,
    },
    Began {
        step: Step,
    },
    Ended {
        step: Step,
    },
    /// The step cannot be played, for this reason.
    Unplayable {
        step: Step,
        reason: String,
    },
    /// The partner says what it shows.
    PartnerSays {
        shown: Shown,
        topic: String,
        payload: Payload,
        retain: bool,
    },
    /// Another form of its green was tried, because the light did not yield to the first.
    Tried {
        payload: Payload,
    },
    PartnerGone,
    PartnerBack,
    /// What is retained on the light's topic was removed.
    Cleared,
    Fault {
        fault: BenchFault,
        on: bool,
    },
    Learned {
        profile: Profile,
    },
    /// A line of the board's log.
    Log {
        line: String,
    },
    /// Something in the check itself did not work.
    Trouble {
        text: String,
    },
    /// Something that a person should know.
    Notice {
        text: String,
    },
}

impl What {
    /// The connection that it belongs to.
    #[must_use]
    pub fn connection(&self) -> Option<u64> {
        match self {
            What::Opened { c, .. }
            | What::Connect { c, .. }
            | What::ConnAck { c, .. }
            | What::Publish { c, .. }
            | What::Subscribe { c, .. }
            | What::SubAck { c, .. }
            | What::Unsubscribe { c, .. }
            | What::Ack { c, .. }
            | What::Ping { c, .. }
            | What::Disconnect { c, .. }
            | What::Malformed { c, .. }
            | What::Closed { c, .. }
            | What::HalfClosed { c }
            | What::Dropped { c, .. } => Some(*c),
            _ => None,
        }
    }

    /// Whether the light or its board decides how much of it there is.
    fn is_of_others(&self) -> bool {
        self.connection().is_some() || matches!(self, What::Log { .. })
    }

    fn may_be_dropped(&self) -> bool {
        matches!(
            self,
            What::Publish { .. }
                | What::Ack { .. }
                | What::Ping { .. }
                | What::Subscribe { .. }
                | What::SubAck { .. }
        )
    }
}

/// Something that happened, and when: microseconds since the check began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: u64,
    #[serde(flatten)]
    pub what: What,
}

/// The whole of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub version: u32,
    /// Of the program that made it.
    pub program: String,
    pub seed: u64,
    /// Seconds since 1970.
    pub began_s: u64,
    /// Who is graded, in a class.
    pub group: Option<String>,
    /// In a person's words.
    pub broker: String,
    /// Whether the broker retains messages.
    pub retains: bool,
    /// What the configuration says of the light.
    pub given: Option<Profile>,
    /// The steps that were asked for.
    pub steps: Vec<Step>,
    pub entries: Vec<Entry>,
    /// In which second packets were counted last, and how many.
    #[serde(skip)]
    second: (u64, u32),
    /// What the light published last, of what is kept.
    #[serde(skip)]
    last: Payload,
}

impl Record {
    /// Of a check that begins now, at `broker`, which retains messages or does not.
    #[must_use]
    pub fn new(seed: u64, steps: Vec<Step>, broker: String, retains: bool) -> Record {
        let began_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Record { version: VERSION, program, seed, began_s, broker, retains, steps, ..Record::default() }
    }

    /// Adds what happened; within its limits.
    pub fn push(&mut self, at: Duration, what: What) {
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        // Two sources may disagree by a little about the time.
        let at = self.entries.last().map_or(at, |last| at.max(last.at));
        if let Some(c) = what.connection().filter(|_| what.may_be_dropped()) {
            let second = at / 1_000_000;
            self.second = if self.second.0 == second { (second, self.second.1 + 1) } else { (second, 1) };
            let most = if self.is_change(&what) { MOST_CHANGES_A_SECOND } else { MOST_A_SECOND };
            if self.second.1 > most || self.entries.len() >= MOST_ENTRIES {
                return self.count_dropped(at, c, &what);
            }
        } else if self.entries.len() >= 2 * MOST_ENTRIES && what.is_of_others() {
            // What the bench itself does is little, and verdicts need it.
            return;
        }
        let what = cut(what);
        if let What::Publish { by: Who::Light, payload, .. } = &what {
            self.last.clone_from(payload);
        }
        self.entries.push(Entry { at, what });
    }

    /// Whether the light publishes something else than last.
    fn is_change(&self, what: &What) -> bool {
        matches!(what, What::Publish { by: Who::Light, payload, .. } if *payload != self.last)
    }

    fn count_dropped(&mut self, at: u64, c: u64, what: &What) {
        let published = u32::from(matches!(what, What::Publish { by: Who::Light, .. }));
        if let Some(Entry { at: since, what: What::Dropped { c: of, packets, publishes } }) =
            self.entries.last_mut()
            && *of == c
            && at - *since < 1_000_000
        {
            *packets = packets.saturating_add(1);
            *publishes = publishes.saturating_add(published);
        } else if self.entries.len() < 2 * MOST_ENTRIES {
            self.entries.push(Entry { at, what: What::Dropped { c, packets: 1, publishes: published } });
        }
    }

    /// What is known of the light: the last that was learned.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.entries.iter().rev().find_map(|entry| match &entry.what {
            What::Learned { profile } => Some(profile),
            _ => None,
        })
    }

    /// When a step began and ended; one that did not end lasts to the end of the record.
    #[must_use]
    pub fn span(&self, step: Step) -> Option<(u64, u64)> {
        let began = |entry: &&Entry| matches!(&entry.what, What::Began { step: of } if *of == step);
        let ended = |entry: &&Entry| matches!(&entry.what, What::Ended { step: of } if *of == step);
        let from = self.entries.iter().find(began)?.at;
        let to = self.entries.iter().find(ended).map_or_else(|| self.end(), |entry| entry.at);
        Some((from, to))
    }

    /// Whether it was ended while it waited for its light, so that there is nothing to hand in.
    #[must_use]
    pub(crate) fn is_of_nobody(&self) -> bool {
        !self.entries.iter().any(|entry| {
            entry.what.connection().is_some() || matches!(entry.what, What::Ended { step: Step::Connects })
        })
    }

    /// Whether a bench can have written it: nothing in it costs who reads it more than a record of this program's.
    #[must_use]
    pub(super) fn is_plausible(&self) -> bool {
        let in_order = self.entries.is_sorted_by_key(|entry| entry.at);
        let fits =
            self.entries.len() <= 2 * MOST_ENTRIES + MOST_OF_BENCH && self.steps.len() <= Step::ALL.len();
        in_order && fits && self.end() / 1_000_000 <= LONGEST_S
    }

    /// The time of the last entry.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.at)
    }
}

fn cut(mut what: What) -> What {
    if let What::Publish { payload, .. } = &mut what {
        payload.0.truncate(MOST_PAYLOAD);
    }
    what
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(topic: &str) -> What {
        let payload = Payload(b"red".to_vec());
        What::Publish {
            c: 1,
            by: Who::Light,
            topic: topic.to_owned(),
            payload,
            qos: 0,
            retain: false,
            id: None,
        }
    }

    #[test]
    fn a_flood_is_counted_and_not_kept() {
        let mut record = Record::default();
        for n in 0..100_000_u64 {
            record.push(Duration::from_micros(n * 10), publish("t"));
        }
        record.push(Duration::from_secs(3), publish("t"));
        assert!(record.entries.len() < 100, "{}", record.entries.len());
        let dropped: u32 = record
            .entries
            .iter()
            .map(|entry| match entry.what {
                What::Dropped { publishes, .. } => publishes,
                _ => 0,
            })
            .sum();
        assert_eq!(dropped, 100_000 - MOST_A_SECOND);
        assert!(matches!(record.entries.last().unwrap().what, What::Publish { .. }), "it is read again");
    }

    #[test]
    fn connections_without_end_cost_no_verdict() {
        let mut record = Record::default();
        for c in 0..50_000_u64 {
            let at = Duration::from_micros(c);
            record.push(at, What::Opened { c, from: None });
            record.push(at, What::Malformed { c, by: Who::Light, reason: "noise".to_owned() });
            record.push(at, What::Closed { c, by: Who::Broker, reset: true });
        }
        assert!(record.entries.len() <= 2 * MOST_ENTRIES);
        record.push(Duration::from_secs(1), What::Ended { step: Step::Talks });
        assert_eq!(record.entries.last().unwrap().what, What::Ended { step: Step::Talks });
        assert!(record.is_plausible());
    }

    #[test]
    fn a_record_is_the_same_after_a_way_through_json() {
        let mut record = Record { version: VERSION, ..Record::default() };
        record.push(Duration::from_micros(5), publish("t"));
        let bytes = Payload(vec![0xff, 0]);
        record.push(
            Duration::from_micros(6),
            What::PartnerSays { shown: Shown::Green, topic: "t".to_owned(), payload: bytes, retain: true },
        );
        record.push(Duration::from_micros(7), What::Began { step: Step::RecoversFromWifiLoss });
        let text = serde_json::to_string(&record).unwrap();
        let mut back: Record = serde_json::from_str(&text).unwrap();
        (back.second, back.last) = (record.second, record.last.clone());
        assert_eq!(back, record, "{text}");
    }

    #[test]
    fn every_step_is_found_by_its_name() {
        for step in Step::ALL {
            assert_eq!(Step::find(step.name()), Some(step));
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
        }
    }
}
