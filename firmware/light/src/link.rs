//! A light's link to its broker: the [`Reconnector`] and, while TCP is connected, the MQTT [`Session`].
//!
//! A board, a virtual light and a simulated one all run this. It decides when to join, to connect and to
//! try again, what counts as a refused login, and how a failure is described; the host joins networks,
//! opens sockets, moves bytes and keeps timers.

use core::fmt;

use heapless::Vec;

use crate::{
    lamps::Progress,
    message::{MAX_PEERS, Message},
    mqtt::{ConnectOptions, End, Event, Session},
    program::TopicText,
    reconnector::{Action, Reconnector},
    time::Instant,
};

/// TCP has to connect within this, its name's lookup included.
pub const CONNECT_TIMEOUT_MS: u32 = 5_000;
/// The last return code of CONNACK that MQTT 3.1.1 knows (section 3.2.2.3); Adafruit IO has 6 and 7 for
/// too many logins and for a ban.
const LAST_STANDARD_CODE: u8 = 5;

/// Why a connection is over, or never came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// Nobody knows the broker's name.
    NameNotFound,
    /// TCP: refused.
    NobodyListens,
    /// TCP: no answer within [`CONNECT_TIMEOUT_MS`], or none to what was sent.
    NoAnswer,
    /// TCP: reset by the other end.
    Reset,
    /// TCP: closed by the other end.
    Closed,
    /// Dropped by this end, as a command asks.
    Dropped,
    /// No way to the broker, for a reason that the host alone knows.
    Unreachable,
    /// MQTT ended the session.
    Mqtt(End),
}

/// What a light subscribes to.
pub type Topics = Vec<TopicText, { MAX_PEERS + 1 }>;

/// What came from the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "it is handed over at once, and this library has no heap")]
pub enum Received {
    /// It let the light in, which now subscribes.
    Accepted,
    /// The session is up.
    Up,
    Message {
        topic: TopicText,
        /// Its content.
        payload: Message,
        /// The broker had kept it.
        retained: bool,
    },
    /// A message that is too long to be of a junction.
    TooLong { bytes: usize },
}

/// When the next try is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// After so many milliseconds.
    pub after_ms: u32,
    /// The broker refused the login: brokers that count logins ban who tries again and again.
    pub refused: bool,
}

/// A broker's address, as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// A name, or an IP address.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
}

/// The pure part of a link.
#[derive(Clone, Debug)]
pub struct BrokerLink {
    reconnector: Reconnector,
    session: Option<Session>,
    counts_logins: bool,
}

impl BrokerLink {
    /// Off Wi-Fi. A broker that `counts_logins` (Adafruit IO) bans clients whose logins fail again and
    /// again, and may cut connections instead of refusing them.
    #[must_use]
    pub const fn new(counts_logins: bool, now: Instant) -> BrokerLink {
        BrokerLink { reconnector: Reconnector::new(now), session: None, counts_logins }
    }

    /// What is due while there is no connection.
    pub fn next_action(&mut self, now: Instant) -> Action {
        self.reconnector.next_action(now)
    }

    /// The network let the light in, and it has an address.
    pub fn wifi_joined(&mut self, now: Instant) {
        self.reconnector.wifi_joined(now);
    }

    /// Joining failed, or the network is gone, and the connection with it. Returns the wait before the next
    /// try, in milliseconds.
    pub fn wifi_lost(&mut self, now: Instant, random: u32) -> u32 {
        self.session = None;
        self.reconnector.wifi_lost(now, random)
    }

    /// The light left the network on purpose.
    pub fn wifi_left(&mut self, now: Instant) {
        self.session = None;
        self.reconnector.wifi_left(now);
    }

    /// Takes the light off Wi-Fi for a while, on purpose.
    pub fn take_wifi_down(&mut self, now: Instant, for_ms: u32) {
        self.reconnector.take_wifi_down(now, for_ms);
    }

    /// TCP is connected: the session begins, and its CONNECT waits in [`BrokerLink::outgoing`].
    ///
    /// # Errors
    /// When `options` do not fit into one packet; the host then calls [`BrokerLink::lost`].
    pub fn connected(&mut self, options: &ConnectOptions<'_>, now: Instant) -> Result<(), LinkError> {
        self.session = Some(Session::open(options, now).map_err(LinkError::Mqtt)?);
        Ok(())
    }

    /// What the bytes so far come to, one after the other until there is nothing more; to be called after
    /// each feeding and each sending. Once the broker has let the light in, it subscribes to `topics`.
    ///
    /// # Errors
    /// Why the session is over; the host then closes the connection and calls [`BrokerLink::lost`].
    pub fn receive(
        &mut self,
        now: Instant,
        topics: impl FnOnce() -> Topics,
    ) -> Result<Option<Received>, LinkError> {
        let Some(session) = &mut self.session else { return Ok(None) };
        let received = match session.next_event(now).map_err(LinkError::Mqtt)? {
            None => return Ok(None),
            Some(Event::Accepted) => {
                session.subscribe(topics().iter().map(TopicText::as_str), now).map_err(LinkError::Mqtt)?;
                Received::Accepted
            }
            Some(Event::Subscribed) => {
                self.reconnector.session_up(now);
                Received::Up
            }
            Some(Event::TooLong { bytes }) => Received::TooLong { bytes },
            Some(Event::Message { topic, payload, retained }) => {
                match (TopicText::try_from(topic), Message::from_slice(payload)) {
                    (Ok(topic), Ok(payload)) => Received::Message { topic, payload, retained },
                    _ => Received::TooLong { bytes: payload.len() },
                }
            }
        };
        Ok(Some(received))
    }

    /// Pings the broker when that is due, and looks whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&mut self, now: Instant) -> Result<(), LinkError> {
        self.session.as_mut().map_or(Ok(()), |session| session.check(now)).map_err(LinkError::Mqtt)
    }

    /// When [`BrokerLink::check`] has something to do; `None` without a session.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        self.session.as_ref().map(Session::due_at)
    }

    /// The connection is over, or did not come to be.
    pub fn lost(&mut self, error: LinkError, now: Instant, random: u32) -> Retry {
        let login_pending = self.session.as_ref().is_some_and(|session| !session.is_up());
        let refused = error.is_refusal(self.counts_logins, login_pending);
        self.session = None;
        let after_ms = if refused {
            self.reconnector.session_refused(now, random)
        } else {
            self.reconnector.session_lost(now, random)
        };
        Retry { after_ms, refused }
    }

    /// Whether messages can be published.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_up)
    }

    /// Sends a message, now or never; see [`Session::publish`].
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> bool {
        self.session.as_mut().is_some_and(|session| session.publish(topic, payload))
    }

    /// The same, kept by the broker only where `retain` says so too.
    pub fn publish_retained(&mut self, topic: &str, payload: &[u8], retain: bool) -> bool {
        self.session.as_mut().is_some_and(|session| session.publish_retained(topic, payload, retain))
    }

    /// Asks the broker to end the session without telling the will.
    pub fn disconnect(&mut self) {
        if let Some(session) = &mut self.session {
            session.disconnect();
        }
    }

    /// The bytes that wait for the socket.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        self.session.as_ref().map_or(&[], Session::outgoing)
    }

    /// The socket took so many of [`BrokerLink::outgoing`].
    pub fn sent(&mut self, bytes: usize) {
        if let Some(session) = &mut self.session {
            session.sent(bytes);
        }
    }

    /// How many bytes [`BrokerLink::feed`] would take now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.session.as_ref().map_or(0, Session::room)
    }

    /// Takes bytes from the socket and returns how many; see [`Session::feed`]. Without a session all of
    /// them, unread.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        self.session.as_mut().map_or(bytes.len(), |session| session.feed(bytes))
    }

    /// How far the light has come.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.reconnector.progress()
    }

    /// Times that the light joined Wi-Fi since its start.
    #[must_use]
    pub const fn wifi_joins(&self) -> u32 {
        self.reconnector.wifi_joins()
    }

    /// Sessions since its start.
    #[must_use]
    pub const fn mqtt_joins(&self) -> u32 {
        self.reconnector.mqtt_joins()
    }
}

impl LinkError {
    /// Whether the broker has heard a login and not let the client in: by a code that asks for patience, or,
    /// where it `counts_logins`, in any way while one was `pending`.
    #[must_use]
    pub const fn is_refusal(self, counts_logins: bool, pending: bool) -> bool {
        match self {
            LinkError::Mqtt(End::Refused(code)) if code > LAST_STANDARD_CODE => true,
            LinkError::Closed | LinkError::Reset | LinkError::Mqtt(_) => counts_logins && pending,
            _ => false,
        }
    }

    /// Whether MQTT alone failed, on a connection that worked.
    #[must_use]
    pub const fn is_mqtts(&self) -> bool {
        matches!(
            self,
            LinkError::Mqtt(
                End::Refused(_)
                    | End::LoginMissing
                    | End::NotMqtt
                    | End::Malformed(_)
                    | End::SubscriptionRefused
                    | End::Unacknowledged
                    | End::TooMuchToSay
            )
        )
    }

    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub const fn help(&self) -> Option<&'static str> {
        Some(match self {
            LinkError::NameNotFound => "check the host name, and that the network reaches a name server",
            LinkError::NobodyListens => "check that the broker is running",
            LinkError::NoAnswer => "check the address and the firewall",
            LinkError::Mqtt(end) => return end.help(),
            LinkError::Reset | LinkError::Closed | LinkError::Dropped | LinkError::Unreachable => {
                return None;
            }
        })
    }

    /// A sentence for people about the broker at `address`, and the help where there is one.
    #[must_use]
    pub const fn about(self, address: Address<'_>) -> Explained<'_> {
        Explained { error: self, address }
    }
}

/// A [`LinkError`] in words.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    error: LinkError,
    address: Address<'a>,
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explained { error, address } = self;
        match error {
            LinkError::NameNotFound => write!(f, "the name {} was not found", address.host),
            LinkError::NobodyListens => write!(f, "nobody listens at {address}"),
            LinkError::NoAnswer => write!(f, "{address} does not answer"),
            LinkError::Reset => f.write_str("the connection was reset by the broker"),
            LinkError::Closed => f.write_str("the broker closed the connection"),
            LinkError::Dropped => f.write_str("the session was dropped on purpose"),
            LinkError::Unreachable => write!(f, "{address} cannot be reached"),
            LinkError::Mqtt(end) => write!(f, "{end}"),
        }?;
        error.help().map_or(Ok(()), |help| write!(f, " (help: {help})"))
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port } = self;
        // An IPv6 address.
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    extern crate std;

    use std::{format, string::ToString};

    use super::*;

    const OPTIONS: ConnectOptions<'_> = ConnectOptions {
        client_id: "id",
        keep_alive_s: 5,
        user: "",
        password: "",
        will_topic: "",
        will: b"",
    };

    fn at(ms: u64) -> Instant {
        Instant::from_ms(ms)
    }

    /// Connected by TCP.
    fn connected(counts_logins: bool) -> BrokerLink {
        let mut link = BrokerLink::new(counts_logins, at(0));
        link.wifi_joined(at(0));
        link.connected(&OPTIONS, at(0)).unwrap();
        link
    }

    /// With a session.
    fn up(counts_logins: bool) -> BrokerLink {
        let mut link = connected(counts_logins);
        assert_eq!(link.feed(&[0x20, 2, 0, 0]), 4);
        let topics = || [TopicText::try_from("a").unwrap()].into_iter().collect();
        assert_eq!(link.receive(at(1), topics), Ok(Some(Received::Accepted)));
        link.feed(&[0x90, 3, 0, 1, 1]);
        assert_eq!(link.receive(at(2), topics), Ok(Some(Received::Up)));
        link
    }

    #[test]
    fn a_session_is_up_once_all_is_subscribed_and_over_when_the_connection_is() {
        let mut link = up(false);
        assert_eq!((link.progress(), link.mqtt_joins()), (Progress::Connected, 1));
        assert!(link.publish("b", b"red") && !link.outgoing().is_empty());
        let retry = link.lost(LinkError::Closed, at(10), 0);
        assert!(!retry.refused && retry.after_ms <= 250);
        assert!(!link.publish("b", b"red") && link.outgoing().is_empty() && link.due_at().is_none());
        assert_eq!(link.next_action(at(10)), Action::Wait { until: at(10 + u64::from(retry.after_ms)) });
    }

    #[test]
    fn a_broker_that_counts_logins_has_refused_one_by_cutting_the_connection_and_another_has_not() {
        let cut = [LinkError::Closed, LinkError::Reset, LinkError::Mqtt(End::NoAnswer)];
        for error in cut.into_iter().chain([LinkError::Mqtt(End::Refused(5))]) {
            let retry = connected(true).lost(error, at(10), 0);
            assert!(retry.refused && retry.after_ms >= 30_000, "{error:?}");
            assert!(!connected(false).lost(error, at(10), 0).refused, "{error:?}");
            assert!(!up(true).lost(error, at(10), 0).refused, "{error:?}: it had let the light in");
        }
        for error in [LinkError::NobodyListens, LinkError::NoAnswer, LinkError::NameNotFound] {
            let mut link = BrokerLink::new(true, at(0));
            assert!(!link.lost(error, at(10), 0).refused, "{error:?}: nobody heard of a login");
        }
        assert!(!connected(true).lost(LinkError::Dropped, at(10), 0).refused);
    }

    #[test]
    fn codes_that_the_standard_does_not_know_are_refusals_wherever_they_come_from() {
        for code in [6, 7, 200] {
            assert!(connected(false).lost(LinkError::Mqtt(End::Refused(code)), at(1), 0).refused, "{code}");
        }
        for code in 1..=5 {
            assert!(!connected(false).lost(LinkError::Mqtt(End::Refused(code)), at(1), 0).refused, "{code}");
        }
    }

    #[test]
    fn a_broker_that_never_answers_is_tried_at_growing_intervals() {
        let mut link = BrokerLink::new(false, at(0));
        link.wifi_joined(at(0));
        let mut now = 0;
        let mut waits = std::vec::Vec::new();
        for _ in 0..6 {
            assert_eq!(link.next_action(at(now)), Action::Connect);
            link.connected(&OPTIONS, at(now)).unwrap();
            let due = link.due_at().unwrap();
            let silent = link.check(due).unwrap_err();
            assert_eq!(silent, LinkError::Mqtt(End::NoAnswer));
            let retry = link.lost(silent, due, 0);
            waits.push(retry.after_ms);
            now = due.as_ms() + u64::from(retry.after_ms);
        }
        assert_eq!(waits, [125, 250, 500, 1_000, 2_000, 2_000]);
    }

    #[test]
    fn each_failure_is_explained_with_what_to_do() {
        let address = Address { host: "broker.example", port: 1883 };
        let said = |error: LinkError| error.about(address).to_string();
        assert_eq!(
            said(LinkError::NobodyListens),
            "nobody listens at broker.example:1883 (help: check that the broker is running)"
        );
        assert!(said(LinkError::NameNotFound).starts_with("the name broker.example was not found (help: "));
        assert_eq!(said(LinkError::Closed), "the broker closed the connection");
        for code in 1..=8 {
            assert!(said(LinkError::Mqtt(End::Refused(code))).starts_with("the broker "), "{code}");
        }
        assert_eq!(format!("{}", Address { host: "::1", port: 1 }), "[::1]:1");
    }
}
