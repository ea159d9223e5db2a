//! One MQTT 3.1.1 session of a board, without a socket or a clock: bytes in, bytes and events out.
//!
//! It knows what a light needs: a clean session with a last will, subscriptions, publishes at
//! QoS 1, keep-alive, and that nothing outlives it. What cannot be sent at once is refused, so that
//! no word of before an outage is ever sent after it. (The `no_std` clients that are kept today
//! keep a publish and send it again after a reconnect, and ask for the old session back; a light
//! must do neither.) It never asks for QoS 2; a broker that sends it all the same is answered.
//!
//! Section numbers are those of the OASIS standard "MQTT Version 3.1.1".

use core::fmt;

use heapless::Vec;

use super::{
    codec::{
        self, Connect, DISCONNECT, Delivery, FixedHeader, Malformed, PINGREQ, Packet, PacketType, Publish,
        TooLong, Will,
    },
    inbox::{Inbox, Incoming, drop_front},
};
use crate::time::Instant;

/// A packet with more bytes than this is passed over; a message of the junction is shorter.
pub const INBOX_BYTES: usize = 1024;
/// So many bytes may wait for the socket.
pub const OUTBOX_BYTES: usize = 4096;
/// So many messages may wait for the broker's acknowledgement.
pub const MAX_UNACKED: usize = 32;
/// The broker has to answer each of the two steps to a session within this.
const ANSWER_MS: u64 = 5_000;
/// Kept free for acknowledgements and pings, which are never refused.
const RESERVED_BYTES: usize = 64;

/// How a light introduces itself to a broker.
#[derive(Clone, Copy)]
pub struct ConnectOptions<'a> {
    /// The same at each start of the same light, so that it takes over from its dead connection.
    pub client_id: &'a str,
    /// In seconds.
    pub keep_alive_s: u16,
    /// Empty to log in without.
    pub user: &'a str,
    /// Goes with `user`.
    pub password: &'a str,
    /// Published by the broker, retained, at QoS 1, when the light is gone without a goodbye. Empty for a
    /// broker that has neither wills nor retained messages: then nothing is published retained.
    pub will_topic: &'a str,
    /// What it then says.
    pub will: &'a [u8],
}

/// What came of the bytes that were fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The broker let the light in: now it subscribes.
    Accepted,
    /// All subscriptions are made: the session is up.
    Subscribed,
    Message {
        topic: &'a str,
        /// Its content.
        payload: &'a [u8],
        /// The broker had kept it.
        retained: bool,
    },
    /// A packet that no light needs, passed over.
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
}

/// Why a session is over, or never came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The broker did not let the light in, with this code (section 3.2.2.3).
    Refused(u8),
    /// The broker did not let the light in, which gave no user.
    LoginMissing,
    /// What answers does not speak MQTT 3.1.1.
    NotMqtt,
    /// The broker, which had answered as one, sent something that MQTT 3.1.1 does not allow.
    Malformed(Malformed),
    /// The broker refused a subscription.
    SubscriptionRefused,
    /// The broker did not answer in time when the light wanted a session.
    NoAnswer,
    /// The broker did not answer for two keep-alives.
    Silent,
    /// The broker has not acknowledged as many messages as may wait for that: no more can be sent.
    Unacknowledged,
    /// What the light has to say about itself is longer than a packet may be.
    TooMuchToSay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Accepted,
    Subscribing,
    Up,
}

/// One session, from the moment that TCP is connected.
#[derive(Clone, Debug)]
pub struct Session {
    stage: Stage,
    /// Whether a user was given.
    has_login: bool,
    inbox: Inbox<INBOX_BYTES>,
    outbox: Vec<u8, OUTBOX_BYTES>,
    unacked: Vec<u16, MAX_UNACKED>,
    /// A message was refused because too many were unacknowledged, and they still are.
    stuck: bool,
    last_id: u16,
    /// Whether messages are published retained.
    retains: bool,
    keep_alive_ms: u64,
    /// When the next answer is due, or the next ping to be sent.
    due_at: Instant,
    awaits_ping: bool,
}

impl Session {
    /// A session on a connection that was just made; its first packet waits in the outbox.
    ///
    /// # Errors
    /// When the packet would be too long.
    pub fn open(options: &ConnectOptions<'_>, now: Instant) -> Result<Session, End> {
        let mut session = Session {
            stage: Stage::Connecting,
            has_login: !options.user.is_empty(),
            inbox: Inbox::new(),
            outbox: Vec::new(),
            unacked: Vec::new(),
            stuck: false,
            last_id: 0,
            retains: !options.will_topic.is_empty(),
            keep_alive_ms: u64::from(options.keep_alive_s) * 1_000,
            due_at: now.after(ANSWER_MS),
            awaits_ping: false,
        };
        let connect = Connect {
            client_id: options.client_id,
            clean_session: true,
            keep_alive_s: options.keep_alive_s,
            will: session.retains.then_some(Will {
                topic: options.will_topic,
                payload: options.will,
                qos: 1,
                retain: true,
            }),
            login: (!options.user.is_empty()).then_some((options.user, Some(options.password.as_bytes()))),
        };
        if session.append(0, |put| connect.encode(put)) { Ok(session) } else { Err(End::TooMuchToSay) }
    }

    /// Asks for all `topics` at QoS 1; to be called once the broker has let the light in.
    ///
    /// # Errors
    /// When they do not fit into one packet.
    pub fn subscribe<'a>(
        &mut self,
        topics: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
        now: Instant,
    ) -> Result<(), End> {
        let id = self.next_id();
        let filters = topics.into_iter().map(|topic| (topic, 1));
        self.stage = Stage::Subscribing;
        self.due_at = now.after(ANSWER_MS);
        if self.append(0, |put| codec::subscribe(id, filters, put)) { Ok(()) } else { Err(End::TooMuchToSay) }
    }

    /// Whether the session is up: words can be published.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// Sends a message at QoS 1, now or never; retained where the broker has such.
    ///
    /// Returns whether it was taken; it is not where too much is waiting already. Where that is the
    /// broker's acknowledgements, the session is of no use any more: lost ones never come, and
    /// [`Session::check`] is due at once.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> bool {
        self.publish_retained(topic, payload, self.retains)
    }

    /// As [`Session::publish`], retained only where `retain` says so too.
    pub fn publish_retained(&mut self, topic: &str, payload: &[u8], retain: bool) -> bool {
        if !self.is_up() {
            return false;
        }
        if self.unacked.is_full() {
            self.stuck = true;
            return false;
        }
        let id = self.next_id();
        let delivery = Delivery::AtLeastOnce { id };
        let retain = retain && self.retains;
        let publish = Publish { topic, payload, delivery, retain, dup: false };
        self.append(RESERVED_BYTES, |put| publish.encode(put)) && self.unacked.push(id).is_ok()
    }

    /// The bytes that wait for the socket.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        &self.outbox
    }

    /// The socket took so many of [`Session::outgoing`].
    pub fn sent(&mut self, bytes: usize) {
        drop_front(&mut self.outbox, bytes);
    }

    /// How many bytes [`Session::feed`] would take now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.inbox.room()
    }

    /// Takes bytes from the socket, and returns how many; the rest has to be given again after the
    /// events were taken.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        self.inbox.feed(bytes)
    }

    /// The next event, if the bytes so far make one. To be called until there is none, after each
    /// feeding and each sending.
    ///
    /// # Errors
    /// Why the session is over.
    pub fn next_event(&mut self, now: Instant) -> Result<Option<Event<'_>>, End> {
        loop {
            // Acknowledgements must find room; until then the broker has to wait.
            if OUTBOX_BYTES - self.outbox.len() < 8 {
                return Ok(None);
            }
            let waiting = self.inbox.waiting();
            // The first thing that a broker says is CONNACK; anything else is no broker.
            if self.stage == Stage::Connecting && waiting.first().is_some_and(|first| first >> 4 != 2) {
                return Err(End::NotMqtt);
            }
            let Some(header) = FixedHeader::read(waiting).map_err(|why| broken(self.stage, why))? else {
                return Ok(None);
            };
            if header.packet_type == PacketType::Publish {
                return self.message();
            }
            let (inbox, outbox) = (&mut self.inbox, &mut self.outbox);
            // There is room: it was looked for before the packet was.
            let answer = |bytes: &[u8]| _ = outbox.extend_from_slice(bytes);
            let next = inbox.next_packet(answer).map_err(|why| broken(self.stage, why))?;
            let Some(Incoming::Packet(packet)) = next else { return Ok(None) };
            let event = match packet {
                Packet::ConnAck { code, .. } => {
                    self.connack(code, now)?;
                    Some(Event::Accepted)
                }
                Packet::SubAck { codes, .. } => {
                    let granted = codes.iter().all(|code| *code <= 2);
                    self.suback(granted, now)?;
                    Some(Event::Subscribed)
                }
                Packet::PubAck { id } => {
                    self.unacked.retain(|unacked| *unacked != id);
                    self.stuck &= self.unacked.is_full();
                    None
                }
                Packet::PingResp => {
                    self.awaits_ping = false;
                    None
                }
                Packet::Qos2(PacketType::PubRel, _) => None,
                _ => return Err(misplaced(header.packet_type)),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Pings the broker, and looks whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&mut self, now: Instant) -> Result<(), End> {
        if self.stuck {
            return Err(End::Unacknowledged);
        }
        if now < self.due_at {
            return Ok(());
        }
        match self.stage {
            Stage::Connecting | Stage::Subscribing => return Err(End::NoAnswer),
            Stage::Up if self.awaits_ping => return Err(End::Silent),
            Stage::Accepted | Stage::Up => {}
        }
        self.due_at = now.after(self.keep_alive_ms);
        // Without room for a ping the socket is stuck; the next check ends the session then.
        self.awaits_ping = true;
        let _ = self.outbox.extend_from_slice(&PINGREQ);
        Ok(())
    }

    /// When [`Session::check`] has something to do.
    #[must_use]
    pub fn due_at(&self) -> Instant {
        if self.stuck { Instant::from_ms(0) } else { self.due_at }
    }

    /// MQTT's goodbye: the broker then keeps the will to itself.
    pub fn disconnect(&mut self) {
        let _ = self.outbox.extend_from_slice(&DISCONNECT);
    }

    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    fn connack(&mut self, code: u8, now: Instant) -> Result<(), End> {
        if self.stage != Stage::Connecting {
            return Err(misplaced(PacketType::ConnAck));
        }
        if code != 0 {
            return Err(End::of_refusal(code, self.has_login));
        }
        self.stage = Stage::Accepted;
        self.due_at = now.after(ANSWER_MS);
        Ok(())
    }

    fn suback(&mut self, granted: bool, now: Instant) -> Result<(), End> {
        if self.stage != Stage::Subscribing {
            return Err(misplaced(PacketType::SubAck));
        }
        if !granted {
            return Err(End::SubscriptionRefused);
        }
        self.stage = Stage::Up;
        self.due_at = now.after(self.keep_alive_ms);
        Ok(())
    }

    fn message(&mut self) -> Result<Option<Event<'_>>, End> {
        let (stage, inbox, outbox) = (self.stage, &mut self.inbox, &mut self.outbox);
        let next = inbox.next_packet(|bytes| _ = outbox.extend_from_slice(bytes));
        Ok(match next.map_err(|why| broken(stage, why))? {
            Some(Incoming::Packet(Packet::Publish(Publish { topic, payload, retain: retained, .. }))) => {
                Some(Event::Message { topic, payload, retained })
            }
            // A message that is too long must not cost the light its session.
            Some(Incoming::TooLong { bytes }) => Some(Event::TooLong { bytes }),
            _ => None,
        })
    }

    /// Appends a packet to the outbox where so many bytes stay free, or nothing.
    fn append(
        &mut self,
        reserved: usize,
        encode: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), TooLong>,
    ) -> bool {
        let before = self.outbox.len();
        let mut fits = true;
        let encoded = encode(&mut |bytes| fits &= self.outbox.extend_from_slice(bytes).is_ok());
        fits &= encoded.is_ok() && self.outbox.len() + reserved <= OUTBOX_BYTES;
        if !fits {
            self.outbox.truncate(before);
        }
        fits
    }
}

/// What is broken before a broker has let the light in need not be a broker's.
fn broken(stage: Stage, why: Malformed) -> End {
    if stage == Stage::Connecting { End::NotMqtt } else { End::Malformed(why) }
}

fn misplaced(packet: PacketType) -> End {
    End::Malformed(Malformed::Misplaced(packet))
}

impl End {
    /// A login was refused with `code` of a client that gave a user, or gave none.
    #[must_use]
    pub const fn of_refusal(code: u8, has_login: bool) -> End {
        if matches!(code, 4 | 5) && !has_login { End::LoginMissing } else { End::Refused(code) }
    }

    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub const fn help(&self) -> Option<&'static str> {
        Some(match self {
            End::Refused(2) => "choose shorter names",
            End::Refused(4) => "check both, in the configuration or on the board",
            End::Refused(5) => "check user and password, or ask whoever runs the broker",
            End::Refused(3 | 6 | 7) => "wait: the next try comes later",
            End::Refused(8..) => "ask whoever runs the broker",
            End::LoginMissing => "give a user and a password, in the configuration or on the board",
            End::NotMqtt => "check the port",
            End::Malformed(_) => "update the broker, or try another one",
            End::SubscriptionRefused => "ask for the right to read it, or choose another root topic",
            End::TooMuchToSay => "choose shorter ones",
            End::Refused(_) | End::NoAnswer | End::Silent | End::Unacknowledged => return None,
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            End::Refused(1) => "the broker does not speak MQTT 3.1.1",
            End::Refused(2) => "the broker refused the client's name",
            End::Refused(3) => "the broker is not available just now",
            End::Refused(4) => "the broker refused user or password",
            End::Refused(5) => "the broker does not let this user in",
            // Adafruit IO's.
            End::Refused(6) => "the broker refused the login (code 6): there were too many within a minute",
            End::Refused(7) => "the broker refused the login (code 7): the account is banned for a while",
            End::Refused(code) => {
                return write!(
                    f,
                    "the broker refused the login with code {code}, which MQTT 3.1.1 does not know"
                );
            }
            End::LoginMissing => "the broker lets nobody in without a user, and none is given",
            End::Malformed(why) => {
                return write!(f, "the broker sent what MQTT 3.1.1 does not allow: {why}");
            }
            End::NotMqtt => "what answers there does not speak MQTT 3.1.1",
            End::SubscriptionRefused => "the broker refused a subscription: this user may not read the topic",
            End::NoAnswer => "the broker did not answer in time",
            End::Silent => "the broker has not answered for two keep-alives",
            End::Unacknowledged => {
                "the broker has not acknowledged the last 32 messages, so this session is of no use"
            }
            End::TooMuchToSay => "the names, topics and passwords are too long for one packet",
        })
    }
}

impl core::error::Error for End {}

/// A name for the broker that is the same at every start of the same light, so that a light that
/// comes back takes over from its own dead connection, and different for every root topic, so that
/// classes that share a broker do not throw each other out.
#[must_use]
pub fn client_id(root: &str, junction: &str, light: &str) -> heapless::String<64> {
    // FNV-1a, 32 bits (RFC 9923): short, and the same in every version of this program.
    let hash =
        root.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut id = heapless::String::new();
    // It fits: 12 bytes and two names of at most 16.
    let _ = fmt::Write::write_fmt(&mut id, format_args!("tl-{hash:08x}-{junction}-{light}"));
    id
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    extern crate std;

    use std::{string::ToString, vec, vec::Vec};

    use super::*;

    const OPTIONS: ConnectOptions<'_> = ConnectOptions {
        client_id: "id",
        keep_alive_s: 5,
        user: "",
        password: "",
        will_topic: "w",
        will: b"bye",
    };

    fn at(ms: u64) -> Instant {
        Instant::from_ms(ms)
    }

    fn sent(session: &mut Session) -> Vec<u8> {
        let bytes = session.outgoing().to_vec();
        session.sent(bytes.len());
        bytes
    }

    fn fed(session: &mut Session, bytes: &[u8]) {
        assert_eq!(session.feed(bytes), bytes.len());
    }

    fn up() -> Session {
        let mut session = Session::open(&OPTIONS, at(0)).unwrap();
        fed(&mut session, &[0x20, 2, 0, 0]);
        assert_eq!(session.next_event(at(10)), Ok(Some(Event::Accepted)));
        session.subscribe(["a", "b"], at(10)).unwrap();
        fed(&mut session, &[0x90, 4, 0, 1, 1, 1]);
        assert_eq!(session.next_event(at(20)), Ok(Some(Event::Subscribed)));
        assert_eq!(session.next_event(at(20)), Ok(None));
        sent(&mut session);
        session
    }

    #[test]
    fn it_says_hello_as_the_standard_has_it() {
        let mut session = Session::open(&OPTIONS, at(0)).unwrap();
        let expected = b"\x10\x16\x00\x04MQTT\x04\x2e\x00\x05\x00\x02id\x00\x01w\x00\x03bye";
        assert_eq!(sent(&mut session), expected);
        let options = ConnectOptions { user: "king", password: "arthur", ..OPTIONS };
        let mut session = Session::open(&options, at(0)).unwrap();
        let bytes = sent(&mut session);
        assert_eq!(bytes[9], 0b1110_1110);
        assert!(bytes.ends_with(b"\x00\x04king\x00\x06arthur"));
    }

    #[test]
    fn without_a_will_it_has_none_and_publishes_nothing_to_be_kept() {
        let options = ConnectOptions { will_topic: "", ..OPTIONS };
        let mut session = Session::open(&options, at(0)).unwrap();
        assert_eq!(sent(&mut session), b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x05\x00\x02id");
        fed(&mut session, &[0x20, 2, 0, 0]);
        assert_eq!(session.next_event(at(10)), Ok(Some(Event::Accepted)));
        session.subscribe(["a"], at(10)).unwrap();
        fed(&mut session, &[0x90, 3, 0, 1, 1]);
        assert_eq!(session.next_event(at(20)), Ok(Some(Event::Subscribed)));
        sent(&mut session);
        assert!(session.publish("a", b"x"));
        assert_eq!(sent(&mut session), b"\x32\x06\x00\x01a\x00\x02x");
    }

    #[test]
    fn it_subscribes_once_it_is_let_in_and_is_up_once_that_is_granted() {
        let mut session = Session::open(&OPTIONS, at(0)).unwrap();
        sent(&mut session);
        assert!(!session.publish("a", b"too early"));
        fed(&mut session, &[0x20]);
        assert_eq!(session.next_event(at(5)), Ok(None));
        fed(&mut session, &[2, 0, 0]);
        assert_eq!(session.next_event(at(5)), Ok(Some(Event::Accepted)));
        session.subscribe(["x/state", "y"], at(5)).unwrap();
        assert_eq!(sent(&mut session), b"\x82\x10\x00\x01\x00\x07x/state\x01\x00\x01y\x01");
        assert!(!session.is_up());
        fed(&mut session, &[0x90, 4, 0, 1, 0, 1]);
        assert_eq!(session.next_event(at(9)), Ok(Some(Event::Subscribed)));
        assert!(session.is_up());
    }

    #[test]
    fn each_refusal_is_told_apart() {
        let mut session = Session::open(&OPTIONS, at(0)).unwrap();
        fed(&mut session, &[0x20, 2, 0, 0]);
        session.next_event(at(1)).unwrap();
        session.subscribe(["a"], at(1)).unwrap();
        fed(&mut session, &[0x90, 3, 0, 1, 0x80]);
        assert_eq!(session.next_event(at(1)), Err(End::SubscriptionRefused));
        let mut session = Session::open(&OPTIONS, at(0)).unwrap();
        fed(&mut session, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(session.next_event(at(1)), Err(End::NotMqtt));
    }

    #[test]
    fn who_gives_no_user_is_told_so_where_one_is_wanted() {
        for code in 1..=7 {
            let options = ConnectOptions { user: "king", password: "arthur", ..OPTIONS };
            let mut with = Session::open(&options, at(0)).unwrap();
            fed(&mut with, &[0x20, 2, 0, code]);
            assert_eq!(with.next_event(at(1)), Err(End::Refused(code)));
            let mut without = Session::open(&OPTIONS, at(0)).unwrap();
            fed(&mut without, &[0x20, 2, 0, code]);
            let end = if matches!(code, 4 | 5) { End::LoginMissing } else { End::Refused(code) };
            assert_eq!(without.next_event(at(1)), Err(end));
        }
        assert!(End::LoginMissing.to_string().contains("without a user"));
        assert!(End::LoginMissing.help().unwrap().contains("user and a password"));
    }

    #[test]
    fn a_broker_that_breaks_the_standard_is_told_from_a_wrong_port() {
        let wrong_port: [&[u8]; 4] =
            [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x", b"\x21\x02\0\0", b"\x20\x03\0\0\0"];
        for bytes in wrong_port {
            let mut session = Session::open(&OPTIONS, at(0)).unwrap();
            fed(&mut session, bytes);
            assert_eq!(session.next_event(at(1)), Err(End::NotMqtt), "{bytes:x?}");
        }
        let broken: [&[u8]; 9] = [
            // QoS 3, no topic, a wildcard, a length of five bytes, and no packet at all.
            b"\x36\x06\0\x01a\0\x09x",
            b"\x30\x02\0\0",
            b"\x30\x03\0\x01#",
            b"\x30\xff\xff\xff\xff\x01",
            b"\xff\0",
            // Packets that belong elsewhere: PUBREC answers QoS 2, which a light never asks for.
            b"\x20\x02\0\0",
            b"\x90\x03\0\x01\x01",
            b"\x50\x02\0\x01",
            b"\x82\x06\0\x01\0\x01a\x01",
        ];
        for bytes in broken {
            let mut session = up();
            fed(&mut session, bytes);
            let end = session.next_event(at(1)).unwrap_err();
            assert!(matches!(end, End::Malformed(_)), "{bytes:x?}: {end:?}");
            let told = std::format!("{end} {}", end.help().unwrap());
            assert!(
                told.starts_with("the broker sent what MQTT 3.1.1 does not allow: ")
                    && !told.contains("port"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_message_is_told_with_its_flag_and_acknowledged() {
        let mut session = up();
        fed(&mut session, b"\x33\x09\x00\x01a\x12\x34word\x30\x05\x00\x01bhi\xd0\x00");
        let word = Event::Message { topic: "a", payload: b"word", retained: true };
        assert_eq!(session.next_event(at(30)), Ok(Some(word)));
        let hi = Event::Message { topic: "b", payload: b"hi", retained: false };
        assert_eq!(session.next_event(at(30)), Ok(Some(hi)));
        assert_eq!(session.next_event(at(30)), Ok(None));
        assert_eq!(sent(&mut session), b"\x40\x02\x12\x34");
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut() {
        let stream =
            b"\x20\x02\x00\x00\x90\x03\x00\x01\x01\x32\x09\x00\x01a\x12\x34word\x40\x02\x00\x02\xd0\x00";
        for step in 1..stream.len() {
            let mut session = Session::open(&OPTIONS, at(0)).unwrap();
            let mut events = 0;
            for piece in stream.chunks(step) {
                fed(&mut session, piece);
                while let Some(event) = session.next_event(at(1)).unwrap() {
                    events += 1;
                    if event == Event::Accepted {
                        session.subscribe(["a"], at(1)).unwrap();
                    }
                }
            }
            assert_eq!(events, 3, "{step}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_acknowledged_and_passed_over() {
        let mut session = up();
        let mut long = b"\x32\xff\x7f\x00\x01a\x00\x09".to_vec();
        long.resize(3 + 16_383, b'x');
        long.extend_from_slice(b"\x30\x04\x00\x01bk");
        let mut events = Vec::new();
        let mut rest = &long[..];
        while !rest.is_empty() {
            rest = &rest[session.feed(&rest[..rest.len().min(300)])..];
            while let Some(event) = session.next_event(at(1)).unwrap() {
                events.push(match event {
                    Event::TooLong { bytes } => bytes,
                    Event::Message { payload, .. } => payload.len(),
                    _ => 0,
                });
            }
        }
        assert_eq!(events, [16_386, 1]);
        assert_eq!(sent(&mut session), b"\x40\x02\x00\x09");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_never_kept() {
        let mut session = up();
        let mut taken = 0;
        while session.publish("a/state", &[b'x'; 512]) {
            taken += 1;
        }
        assert_eq!(taken, 7, "the outbox is full");
        let first = session.outgoing().to_vec();
        assert!(!session.publish("a/state", &[b'y'; 512]));
        assert_eq!(session.outgoing(), first, "a refused message leaves no trace");
        let mut session = up();
        let mut taken: usize = 0;
        while session.publish("a", b"") {
            taken += 1;
            sent(&mut session);
        }
        assert_eq!(taken, MAX_UNACKED);
        fed(&mut session, &[0x40, 2, 0, 2]);
        assert_eq!(session.next_event(at(30)), Ok(None));
        assert!(session.publish("a", b""), "the broker has acknowledged one");
    }

    #[test]
    fn a_session_whose_messages_are_never_acknowledged_is_given_up_and_a_slow_one_is_not() {
        let mut session = up();
        for _ in 0..MAX_UNACKED {
            assert!(session.publish("a", b""));
            sent(&mut session);
        }
        assert_eq!(session.check(at(100)), Ok(()), "as many may wait");
        assert!(!session.publish("a", b""));
        assert_eq!(session.due_at(), at(0), "it is to be looked after now");
        let mut slow = session.clone();
        assert_eq!(session.check(at(100)), Err(End::Unacknowledged));
        fed(&mut slow, &[0x40, 2, 0, 2]);
        assert_eq!(slow.next_event(at(101)), Ok(None));
        assert_eq!((slow.check(at(101)), slow.due_at()), (Ok(()), at(5_020)));
    }

    #[test]
    fn a_publish_is_retained_and_at_qos_1() {
        let mut session = up();
        assert!(session.publish("a", b"red"));
        assert_eq!(sent(&mut session), b"\x33\x08\x00\x01a\x00\x02red");
        assert!(session.publish("a", &[b'x'; 300]));
        assert_eq!(sent(&mut session)[..3], [0x33, 0xB1, 0x02], "305 bytes follow");
    }

    #[test]
    fn it_pings_every_keep_alive_and_gives_up_after_two_without_an_answer() {
        let mut session = up();
        assert_eq!(session.due_at(), at(5_020));
        assert_eq!(session.check(at(5_019)), Ok(()));
        assert_eq!(sent(&mut session), b"");
        assert_eq!(session.check(at(5_020)), Ok(()));
        assert_eq!(sent(&mut session), b"\xc0\x00");
        fed(&mut session, b"\xd0\x00");
        assert_eq!(session.next_event(at(5_100)), Ok(None));
        assert_eq!(session.check(at(10_020)), Ok(()));
        assert_eq!(session.check(at(15_020)), Err(End::Silent));
    }

    #[test]
    fn a_broker_that_does_not_answer_a_hello_or_a_subscription_is_given_up() {
        let mut session = Session::open(&OPTIONS, at(0)).unwrap();
        assert_eq!(session.check(at(4_999)), Ok(()));
        assert_eq!(session.check(at(5_000)), Err(End::NoAnswer));
        let mut session = Session::open(&OPTIONS, at(0)).unwrap();
        fed(&mut session, &[0x20, 2, 0, 0]);
        session.next_event(at(4_000)).unwrap();
        session.subscribe(["a"], at(4_000)).unwrap();
        assert_eq!(session.check(at(8_999)), Ok(()));
        assert_eq!(session.check(at(9_000)), Err(End::NoAnswer));
    }

    #[test]
    fn acknowledgements_wait_for_room_and_none_is_lost() {
        let mut session = up();
        while session.publish("a", &[b'x'; 100]) {}
        let mut acknowledged = 0;
        for id in 1..=200_u16 {
            let mut message = b"\x32\x05\x00\x01a".to_vec();
            message.extend_from_slice(&id.to_be_bytes());
            let mut rest = &message[..];
            while !rest.is_empty() {
                rest = &rest[session.feed(rest)..];
                while session.next_event(at(1)).unwrap().is_some() {}
                if session.room() == 0 {
                    acknowledged += sent(&mut session).windows(2).filter(|two| *two == [0x40, 2]).count();
                    while session.next_event(at(1)).unwrap().is_some() {}
                }
            }
        }
        loop {
            let bytes = sent(&mut session);
            if bytes.is_empty() {
                break;
            }
            acknowledged += bytes.windows(2).filter(|two| *two == [0x40, 2]).count();
            while session.next_event(at(1)).unwrap().is_some() {}
        }
        assert_eq!(acknowledged, 200);
    }

    #[test]
    fn a_message_of_qos_2_is_heard_and_answered_to_its_end() {
        let mut session = up();
        session.feed(b"\x34\x06\x00\x01a\x00\x09x\x62\x02\x00\x09");
        let heard = Event::Message { topic: "a", payload: b"x", retained: false };
        assert_eq!(session.next_event(at(1)), Ok(Some(heard)));
        assert_eq!(session.next_event(at(1)), Ok(None));
        assert_eq!(sent(&mut session), b"\x50\x02\x00\x09\x70\x02\x00\x09");
    }

    #[test]
    fn bytes_at_random_never_panic() {
        let mut seed = 7_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33).to_le_bytes()[0]
        };
        for round in 0..20_000 {
            let mut session = if round % 2 == 0 { up() } else { Session::open(&OPTIONS, at(0)).unwrap() };
            let kinds = [0x20, 0x30, 0x32, 0x33, 0x40, 0x90, 0xD0, random()];
            let mut stream = vec![];
            for _ in 0..4 {
                stream.extend_from_slice(&[kinds[usize::from(random() % 8)], random() % 16]);
                stream.extend((0..random() % 16).map(|_| random() % 8));
            }
            fed(&mut session, &stream);
            while let Ok(Some(_)) = session.next_event(at(1)) {
                sent(&mut session);
            }
        }
    }

    #[test]
    fn a_client_id_is_that_of_the_virtual_twin() {
        assert_eq!(client_id("twinlight", "demo", "a"), "tl-70b44b1d-demo-a");
        assert!(!client_id("lab/3", "demo", "a").contains('/'));
        assert_eq!(client_id("x", "junction-sixteen", "light-of-sixteen").len(), 45);
    }
}
