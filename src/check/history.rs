//! A record, looked at: connections, what the light said and heard, and when. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use traffic_light::mqtt::codec::matches;

use super::{
    record::{BenchFault, Entry, Payload, Record, What, Who},
    vocabulary::{Profile, Shown},
};

/// Microseconds as seconds, for evidence.
#[must_use]
pub(super) fn seconds(us: u64) -> String {
    let tenths = us / 100_000;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// A time as microseconds.
#[must_use]
pub(super) fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// One connection of the light's.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    pub(super) c: u64,
    pub(super) from: Option<IpAddr>,
    pub(super) opened: u64,
    /// When its CONNECT came.
    pub(super) connect: Option<u64>,
    pub(super) client_id: String,
    pub(super) keep_alive_s: u16,
    pub(super) will: Option<(String, Payload)>,
    /// When CONNACK came, its code, and whether the broker had kept a session.
    pub(super) answer: Option<(u64, u8, bool)>,
    clean: bool,
    /// The filters of the session that the broker had kept; `None`: it kept one that began before the check.
    kept: Option<Vec<String>>,
    /// What it asked for, and when it was granted.
    pub(super) subscriptions: Vec<Subscription>,
    /// When it published something, in order; kept ones alone.
    pub(super) first_packet_is_connect: Option<bool>,
    pub(super) malformed: Option<(u64, Who, String)>,
    /// When the light sent anything last.
    pub(super) last_sent: Option<u64>,
    pub(super) pings: usize,
    /// It subscribed or published on it.
    pub(super) used: bool,
    pub(super) closed: Option<(u64, Who, bool)>,
    /// When the light ended its side.
    pub(super) left: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Subscription {
    id: u16,
    pub(super) filter: String,
    /// When, and with which code.
    pub(super) granted: Option<(u64, u8)>,
}

impl Connection {
    /// Since when it is let in.
    pub(super) fn up(&self) -> Option<u64> {
        self.answer.filter(|(_, code, _)| *code == 0).map(|(at, ..)| at)
    }

    /// Since when what is said on `topic` reaches it.
    pub(super) fn hears(&self, topic: &str) -> Option<u64> {
        let granted = |subscription: &Subscription| match subscription.granted {
            Some((at, code)) if code < 0x80 && matches(&subscription.filter, topic) => Some(at),
            _ => None,
        };
        self.subscriptions.iter().filter_map(granted).chain(self.hears_as_before(topic)).min()
    }

    /// The same, where it did not have to subscribe: the broker had kept its session.
    pub(super) fn hears_as_before(&self, topic: &str) -> Option<u64> {
        let carries = |filters: &Vec<String>| filters.iter().any(|filter| matches(filter, topic));
        let (at, code, session) = self.answer?;
        (code == 0 && session && self.kept.as_ref().is_none_or(carries)).then_some(at)
    }

    /// Whether it is open at `at`.
    pub(super) fn is_open(&self, at: u64) -> bool {
        self.opened <= at && self.closed.is_none_or(|(closed, ..)| closed > at)
    }
}

/// A record and what is known of its light.
#[derive(Clone, Copy)]
pub(super) struct History<'r> {
    pub(super) record: &'r Record,
    /// What had happened by the moment from which it is looked at.
    pub(super) all: &'r [Entry],
    pub(super) profile: Option<&'r Profile>,
}

impl<'r> History<'r> {
    pub(super) fn of(record: &'r Record) -> History<'r> {
        History::up_to(record, u64::MAX)
    }

    /// What was known at `to`: later entries change nothing.
    pub(super) fn up_to(record: &'r Record, to: u64) -> History<'r> {
        let end = record.entries.partition_point(|entry| entry.at <= to);
        let all = record.entries.get(..end).unwrap_or_default();
        let profile = all.iter().rev().find_map(|entry| match &entry.what {
            What::Learned { profile } => Some(profile),
            _ => None,
        });
        History { record, all, profile }
    }

    /// The time of the last entry.
    pub(super) fn end(&self) -> u64 {
        self.all.last().map_or(0, |entry| entry.at)
    }

    /// The entries from `from` to `to`, both included.
    pub(super) fn entries(&self, from: u64, to: u64) -> &'r [Entry] {
        let all = self.all;
        let begin = all.partition_point(|entry| entry.at < from);
        let end = all.partition_point(|entry| entry.at <= to);
        all.get(begin..end).unwrap_or_default()
    }

    /// All connections, in the order in which they were opened.
    pub(super) fn connections(&self) -> Vec<Connection> {
        let mut connections: Vec<Connection> = Vec::new();
        // What the broker keeps, by client id.
        let mut sessions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Entry { at, what } in self.all {
            let Some(c) = what.connection() else { continue };
            // The latest are looked for first: there may be very many.
            let index = match connections.iter().rposition(|connection| connection.c == c) {
                Some(index) => index,
                None => {
                    connections.push(Connection { c, opened: *at, ..Connection::default() });
                    connections.len() - 1
                }
            };
            if let Some(connection) = connections.get_mut(index) {
                connection.take(*at, what);
                connection.keep_session(&mut sessions, what);
            }
        }
        connections
    }

    /// What the light says that it shows, from `from` to `to`: each time that it says it.
    pub(super) fn spoken(&self, from: u64, to: u64) -> Vec<(u64, Shown)> {
        let Some(profile) = self.profile else { return Vec::new() };
        let understood = |entry: &Entry| match &entry.what {
            What::Publish { by: Who::Light, topic, payload, .. } if *topic == profile.says => {
                Some((entry.at, profile.vocabulary.understand(payload)?))
            }
            _ => None,
        };
        self.entries(from, to).iter().filter_map(understood).collect()
    }

    /// What it says on its own topic from `from` to `to`, where none of it is one of its words.
    pub(super) fn other_words(&self, from: u64, to: u64) -> Option<String> {
        let profile = self.profile?;
        let mut others: Vec<&Payload> = Vec::new();
        for entry in self.entries(from, to) {
            let What::Publish { by: Who::Light, topic, payload, .. } = &entry.what else { continue };
            if *topic != profile.says {
                continue;
            }
            if profile.vocabulary.understand(payload).is_some() {
                return None;
            }
            if !others.contains(&payload) && others.len() < 4 {
                others.push(payload);
            }
        }
        let listed: Vec<String> = others.iter().map(ToString::to_string).collect();
        (!listed.is_empty())
            .then(|| format!("it says {}, which is none of the words that it said before", listed.join(", ")))
    }

    /// What it said last by `at`.
    pub(super) fn shown_at(&self, at: u64) -> Option<Shown> {
        let profile = self.profile?;
        let understood = |entry: &Entry| match &entry.what {
            What::Publish { by: Who::Light, topic, payload, .. } if *topic == profile.says => {
                profile.vocabulary.understand(payload)
            }
            _ => None,
        };
        self.entries(0, at).iter().rev().find_map(understood)
    }

    /// When the light began to go, from `from` to `to`, coming from something else.
    pub(super) fn goes(&self, from: u64, to: u64) -> Vec<u64> {
        let mut before = if from == 0 { None } else { self.shown_at(from - 1) };
        let mut goes = Vec::new();
        for (at, shown) in self.spoken(from, to) {
            if shown.is_go() && !before.is_some_and(Shown::is_go) {
                goes.push(at);
            }
            before = Some(shown);
        }
        goes
    }

    /// What the partner said, from `from` to `to`.
    pub(super) fn partner(&self, from: u64, to: u64) -> Vec<(u64, Shown, &'r Payload)> {
        let said = |entry: &'r Entry| match &entry.what {
            What::PartnerSays { shown, payload, .. } => Some((entry.at, *shown, payload)),
            _ => None,
        };
        self.entries(from, to).iter().filter_map(said).collect()
    }

    /// When `payload` reached the light on its partner's topic: the first time from `from` to `to`.
    pub(super) fn delivered(&self, payload: &Payload, from: u64, to: u64) -> Option<u64> {
        let topic = &self.profile?.topic;
        self.entries(from, to).iter().find_map(|entry| match &entry.what {
            What::Publish { by: Who::Broker, topic: of, payload: is, .. } if of == topic && is == payload => {
                Some(entry.at)
            }
            _ => None,
        })
    }

    /// When anything was delivered to the light on its partner's topic last, by `to`.
    pub(super) fn told_last(&self, to: u64) -> Option<u64> {
        let topic = &self.profile?.topic;
        let told = |entry: &&Entry| matches!(&entry.what, What::Publish { by: Who::Broker, topic: of, .. } if of == topic);
        self.entries(0, to).iter().rev().find(told).map(|entry| entry.at)
    }

    /// The evidence, with what the board's log says of an exception.
    pub(super) fn with_traceback(&self, evidence: String, to: u64) -> String {
        let lines: Vec<&String> = self
            .entries(0, to)
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Log { line } => Some(line),
                _ => None,
            })
            .collect();
        let error = lines
            .iter()
            .rposition(|line| line.starts_with("Traceback"))
            .and_then(|begin| lines.iter().skip(begin + 1).find(|line| !line.starts_with(' ')));
        match error {
            Some(line) => format!("{evidence}; the board's log says: {line}"),
            None => evidence,
        }
    }

    /// When a fault came and went, from `from` to `to`; one that lasts has no end.
    pub(super) fn faults(&self, wanted: BenchFault, from: u64, to: u64) -> Vec<(u64, Option<u64>)> {
        let mut spans: Vec<(u64, Option<u64>)> = Vec::new();
        for entry in self.entries(from, to) {
            match (&entry.what, spans.last_mut()) {
                (What::Fault { fault, on: true }, _) if *fault == wanted => spans.push((entry.at, None)),
                (What::Fault { fault, on: false }, Some((_, end @ None))) if *fault == wanted => {
                    *end = Some(entry.at);
                }
                _ => {}
            }
        }
        spans
    }

    /// When the light published, from `from` to `to`, whatever it said.
    pub(super) fn publishes(&self, from: u64, to: u64) -> Vec<u64> {
        self.publishes_of(from, to, |_| true)
    }

    /// The same up to `to`, without the word that it says again on each further connection: the check breaks more
    /// connections in a minute than a day has.
    pub(super) fn publishes_of_its_own(&self, to: u64) -> Vec<u64> {
        let mut spoken: BTreeSet<u64> = self.connections().iter().take(1).map(|one| one.c).collect();
        self.publishes_of(0, to, |c| !spoken.insert(c))
    }

    fn publishes_of(&self, from: u64, to: u64, mut counts: impl FnMut(u64) -> bool) -> Vec<u64> {
        let mut times = Vec::new();
        for entry in self.entries(from, to) {
            match &entry.what {
                What::Publish { c, by: Who::Light, .. } if counts(*c) => times.push(entry.at),
                What::Dropped { publishes, .. } => {
                    // As many as matter to any limit.
                    times.extend(std::iter::repeat_n(
                        entry.at,
                        usize::try_from(*publishes).unwrap_or(0).min(10_000),
                    ));
                }
                _ => {}
            }
        }
        times
    }

    /// The connection that is let in and open at `at`, the latest of them.
    pub(super) fn up_at(&self, at: u64) -> Option<Connection> {
        let up =
            |connection: &Connection| connection.is_open(at) && connection.up().is_some_and(|up| up <= at);
        self.connections().into_iter().rfind(up)
    }

    /// When the light sent anything last, by `to`.
    pub(super) fn last_sent(&self, to: u64) -> Option<u64> {
        self.entries(0, to).iter().rev().find(|entry| is_sent(&entry.what)).map(|entry| entry.at)
    }
}

/// Whether it is a packet from the light.
pub(super) fn is_sent(what: &What) -> bool {
    match what {
        What::Connect { .. } | What::Subscribe { .. } | What::Unsubscribe { .. } => true,
        What::Publish { by, .. }
        | What::Ack { by, .. }
        | What::Ping { by, .. }
        | What::Disconnect { by, .. } => *by == Who::Light,
        What::Dropped { .. } => true,
        _ => false,
    }
}

impl Connection {
    /// Follows what the broker keeps of its session.
    fn keep_session(&mut self, sessions: &mut BTreeMap<String, Vec<String>>, what: &What) {
        match what {
            What::ConnAck { session: true, code: 0, .. } => {
                self.kept = sessions.get(&self.client_id).cloned();
            }
            What::ConnAck { session: false, code: 0, .. } => {
                // Of a clean session nothing is left.
                sessions.insert(self.client_id.clone(), Vec::new());
            }
            What::SubAck { .. } if !self.clean => {
                let granted =
                    self.subscriptions.iter().filter(|one| one.granted.is_some_and(|(_, code)| code < 0x80));
                let session = sessions.entry(self.client_id.clone()).or_default();
                for one in granted {
                    if !session.contains(&one.filter) {
                        session.push(one.filter.clone());
                    }
                }
            }
            _ => {}
        }
    }

    fn take(&mut self, at: u64, what: &What) {
        if is_sent(what) {
            self.last_sent = Some(at);
            self.first_packet_is_connect.get_or_insert(matches!(what, What::Connect { .. }));
            self.used |= matches!(what, What::Publish { .. } | What::Subscribe { .. });
        }
        match what {
            What::Opened { from, .. } => self.from = *from,
            What::Connect { client_id, keep_alive_s, will, clean, .. } => {
                self.clean = *clean;
                self.connect.get_or_insert(at);
                self.client_id.clone_from(client_id);
                self.keep_alive_s = *keep_alive_s;
                self.will.clone_from(will);
            }
            What::ConnAck { session, code, .. } => {
                self.answer.get_or_insert((at, *code, *session));
            }
            What::Subscribe { id, filters, .. } => {
                let new = filters.iter().map(|filter| Subscription {
                    id: *id,
                    filter: filter.clone(),
                    granted: None,
                });
                // A flood of them is no use.
                if self.subscriptions.len() < 256 {
                    self.subscriptions.extend(new);
                }
            }
            What::SubAck { id, codes, .. } => {
                let waiting =
                    self.subscriptions.iter_mut().filter(|one| one.id == *id && one.granted.is_none());
                for (subscription, code) in waiting.zip(codes) {
                    subscription.granted = Some((at, *code));
                }
            }
            What::Unsubscribe { filters, .. } => {
                self.subscriptions.retain(|one| !filters.contains(&one.filter));
            }
            What::Ping { by: Who::Light, .. } => self.pings += 1,
            What::Malformed { by, reason, .. } => {
                self.malformed.get_or_insert((at, *by, reason.clone()));
            }
            What::Disconnect { by: Who::Light, .. } | What::HalfClosed { .. } => {
                self.left.get_or_insert(at);
            }
            What::Closed { by, reset, .. } => {
                self.closed = Some((at, *by, *reset));
                if *by == Who::Light {
                    self.left.get_or_insert(at);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod by_hand {
    //! Records written by hand, for the tests of the judges.

    use super::*;
    use crate::check::{
        record::Step,
        vocabulary::{Source, Vocabulary},
    };

    pub(crate) struct Script {
        pub(crate) record: Record,
        c: u64,
        /// Where its connections come from.
        pub(crate) from: Option<IpAddr>,
    }

    impl Script {
        pub(crate) fn new() -> Script {
            let record = Record::new(1, Step::ALL.to_vec(), "a broker".to_owned(), true);
            Script { record, c: 0, from: None }
        }

        /// With what is known of the light.
        pub(crate) fn learned() -> Script {
            let mut script = Script::new();
            script.at(0, What::Learned { profile: profile() });
            script
        }

        pub(crate) fn at(&mut self, ms: u64, what: What) -> &mut Script {
            self.record.push(Duration::from_millis(ms), what);
            self
        }

        pub(crate) fn connected(&mut self, ms: u64, keep_alive_s: u16) -> &mut Script {
            self.c += 1;
            let c = self.c;
            let from = self.from;
            self.at(ms, What::Opened { c, from });
            let client_id = "light".to_owned();
            self.at(ms, What::Connect { c, client_id, keep_alive_s, clean: true, will: None, user: None });
            self.at(ms + 10, What::ConnAck { c, session: false, code: 0 })
        }

        /// The number of the last connection.
        pub(crate) fn last(&self) -> u64 {
            self.c
        }

        pub(crate) fn subscribed(&mut self, ms: u64) -> &mut Script {
            let c = self.c;
            self.at(ms, What::Subscribe { c, id: 1, filters: vec!["lab/a".to_owned()] });
            self.at(ms, What::SubAck { c, id: 1, codes: vec![0] })
        }

        pub(crate) fn says(&mut self, ms: u64, word: &str) -> &mut Script {
            let (c, payload) = (self.c, Payload(word.as_bytes().to_vec()));
            let topic = "lab/b".to_owned();
            self.at(ms, What::Publish { c, by: Who::Light, topic, payload, qos: 0, retain: false, id: None })
        }

        /// The partner says it, and the light gets it 5 ms later.
        pub(crate) fn partner(&mut self, ms: u64, shown: Shown) -> &mut Script {
            self.partner_unheard(ms, shown).heard(ms + 5, shown)
        }

        pub(crate) fn partner_unheard(&mut self, ms: u64, shown: Shown) -> &mut Script {
            let (topic, payload) = ("lab/a".to_owned(), profile().vocabulary.encode(shown));
            self.at(ms, What::PartnerSays { shown, topic, payload, retain: false })
        }

        pub(crate) fn heard(&mut self, ms: u64, shown: Shown) -> &mut Script {
            let (c, topic, payload) = (self.c, "lab/a".to_owned(), profile().vocabulary.encode(shown));
            self.at(ms, What::Publish { c, by: Who::Broker, topic, payload, qos: 0, retain: false, id: None })
        }

        pub(crate) fn closed(&mut self, ms: u64, by: Who) -> &mut Script {
            let c = self.c;
            self.at(ms, What::Closed { c, by, reset: by == Who::Fault })
        }

        pub(crate) fn fault(&mut self, ms: u64, fault: BenchFault, on: bool) -> &mut Script {
            self.at(ms, What::Fault { fault, on })
        }

        pub(crate) fn ping(&mut self, ms: u64) -> &mut Script {
            let c = self.c;
            self.at(ms, What::Ping { c, by: Who::Light })
        }

        pub(crate) fn began(&mut self, ms: u64, step: Step) -> &mut Script {
            self.at(ms, What::Began { step })
        }

        pub(crate) fn ended(&mut self, ms: u64, step: Step) -> &mut Script {
            self.at(ms, What::Ended { step })
        }
    }

    pub(crate) fn profile() -> Profile {
        let of = |word: &str| vec![word.to_owned()];
        let vocabulary =
            Vocabulary { red: of("red"), amber: of("amber"), green: of("green"), ..Vocabulary::default() };
        let (says, hears, topic) = ("lab/b".to_owned(), "lab/a".to_owned(), "lab/a".to_owned());
        Profile { says, hears, topic, vocabulary, source: Source::Dictionary }
    }
}
