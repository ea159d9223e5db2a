//! Reads both directions of one connection.
//!
//! What is no MQTT 3.1.1 is told once, and nothing more is read of that direction: behind a wrong length every byte
//! would be a guess.

use std::{borrow::Cow, mem, net::SocketAddr, sync::Arc, time::Duration};

use traffic_light::mqtt::codec::{self, FixedHeader, Malformed, PacketType, PublishHead};

use super::{Closer, Connect, LinkEvent, Packet, Publish, Seen};
use crate::fault::Direction;

/// So much of a packet is kept until it is whole; of a longer PUBLISH the rest is passed over.
const KEPT_BYTES: usize = 4 * 1_024;
/// So much of a payload is told.
const PAYLOAD_BYTES: usize = 1_024;
/// The shortest packet.
const HEADER_BYTES: usize = 2;
/// Where texts begin in the shortest CONNECT.
const CONNECT_TEXTS_AT: usize = 14;
/// What TLS begins with (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
const HTTP_METHODS: [&[u8]; 5] = [b"GE", b"PO", b"PU", b"HE", b"OP"];
/// The likely cause, and then of what.
const CHARACTERS: &str = "likely cause: characters were counted instead of bytes in";
/// A list of more topic filters is not told.
const MOST_FILTERS: usize = 64;

/// Follows one connection. It holds at most one packet's beginning for each direction.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: u64,
    streams: [Stream; 2],
}

#[derive(Debug, Default)]
struct Stream {
    at: At,
    /// The beginning of a packet, as far as it has come.
    kept: Vec<u8>,
    /// A packet has come before.
    begun: bool,
    /// The last packet's name, where it has a text with characters of several bytes.
    wide: Option<&'static str>,
}

#[derive(Debug, Default)]
enum At {
    /// At the beginning of a packet, of which so many bytes are needed to go on.
    Packet { needed: usize },
    /// In a long packet, of which so many bytes are still to come. It is told then.
    Passing { left: usize, then: Packet },
    /// Behind a DISCONNECT.
    Ended,
    /// Nothing more is read.
    #[default]
    Opaque,
}

/// What can be made of the bytes that are there.
enum Step {
    /// So many bytes of the packet have to be there.
    Needs(usize),
    /// So many bytes were read, and so many more of the packet are to be passed over.
    Read { used: usize, left: usize, packet: Packet },
}

impl Reader {
    /// The connection with this number.
    #[must_use]
    pub(crate) fn new(connection: u64) -> Reader {
        let stream = || Stream { at: At::Packet { needed: HEADER_BYTES }, ..Stream::default() };
        Reader { connection, streams: [stream(), stream()] }
    }

    /// The light has opened it.
    #[must_use]
    pub(crate) fn opened(&self, at: Duration, from: SocketAddr) -> Seen {
        self.seen(at, LinkEvent::Opened { from })
    }

    /// Bytes have passed.
    pub(crate) fn bytes(
        &mut self,
        at: Duration,
        direction: Direction,
        bytes: &[u8],
        mut out: impl FnMut(Seen),
    ) {
        let connection = self.connection;
        let mut tell = |what| out(Seen { at, connection, what });
        let [up, down] = &mut self.streams;
        let (stream, other) = if direction == Direction::ToBroker { (up, down) } else { (down, up) };
        let read = stream.read(direction, bytes, |packet| tell(LinkEvent::Packet { direction, packet }));
        if let Err(reason) = read {
            // Of two that do not speak MQTT 3.1.1 with each other one is told.
            if !stream.begun {
                *other = Stream::default();
            }
            *stream = Stream { begun: stream.begun, ..Stream::default() };
            tell(LinkEvent::Malformed { direction, reason });
        }
    }

    /// The light has ended its side.
    pub(crate) fn half_closed(&mut self, at: Duration, mut out: impl FnMut(Seen)) {
        let stream = mem::take(&mut self.streams[Direction::ToBroker.index()]);
        if let Some(reason) = stream.unfinished() {
            let direction = Direction::ToBroker;
            out(self.seen(at, LinkEvent::Malformed { direction, reason }));
        }
        out(self.seen(at, LinkEvent::HalfClosed));
    }

    /// It is over.
    #[must_use]
    pub(crate) fn closed(&self, at: Duration, by: Closer, reset: bool) -> Seen {
        self.seen(at, LinkEvent::Closed { by, reset })
    }

    fn seen(&self, at: Duration, what: LinkEvent) -> Seen {
        Seen { at, connection: self.connection, what }
    }
}

impl Stream {
    fn read(
        &mut self,
        direction: Direction,
        mut bytes: &[u8],
        mut tell: impl FnMut(Packet),
    ) -> Result<(), String> {
        while !bytes.is_empty() {
            match mem::take(&mut self.at) {
                At::Opaque => return Ok(()),
                At::Ended => return Err("bytes after a DISCONNECT, which is the last packet".to_owned()),
                At::Passing { left, then } => {
                    let passed = left.min(bytes.len());
                    bytes = bytes.get(passed..).unwrap_or_default();
                    if passed == left {
                        self.at = At::Packet { needed: HEADER_BYTES };
                        tell(then);
                    } else {
                        self.at = At::Passing { left: left - passed, then };
                    }
                }
                At::Packet { needed } => {
                    let mut kept = mem::take(&mut self.kept);
                    let (view, rest) = if kept.is_empty() {
                        (Cow::Borrowed(bytes), &[][..])
                    } else {
                        let missing = needed.saturating_sub(kept.len()).min(bytes.len());
                        let (now, later) = bytes.split_at(missing);
                        kept.extend_from_slice(now);
                        (Cow::Owned(kept), later)
                    };
                    let step =
                        if view.len() < needed { Step::Needs(needed) } else { self.step(direction, &view)? };
                    bytes = rest;
                    match step {
                        Step::Needs(needed) => {
                            self.at = At::Packet { needed };
                            self.kept = view.into_owned();
                        }
                        Step::Read { used, left, packet } => {
                            if let Cow::Borrowed(view) = view {
                                bytes = view.get(used..).unwrap_or_default();
                            }
                            self.begun = true;
                            if left > 0 {
                                self.at = At::Passing { left, then: packet };
                                continue;
                            }
                            let ended = packet == Packet::Disconnect;
                            self.at = if ended { At::Ended } else { At::Packet { needed: HEADER_BYTES } };
                            tell(packet);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the packet that `view` begins with.
    fn step(&mut self, direction: Direction, view: &[u8]) -> Result<Step, String> {
        let packet_type = self.check_place(direction, view)?;
        let header = match FixedHeader::read(view) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(Step::Needs(view.len() + 1)),
            Err(why) => return Err(self.reason(packet_type, view, why)),
        };
        let name = packet_type.name();
        if header.total <= KEPT_BYTES {
            return match codec::Packet::read(view) {
                Ok(Some((packet, used))) => {
                    self.wide = has_wide_text(&packet).then_some(name);
                    Ok(Step::Read { used, left: 0, packet: told(packet, used) })
                }
                Ok(None) => Ok(Step::Needs(header.total)),
                Err(why) => Err(self.reason(packet_type, view, why)),
            };
        }
        let mut used = header.length;
        let mut packet = Packet::Long { name, bytes: header.total };
        if packet_type == PacketType::Publish {
            let Some(begin) = view.get(..KEPT_BYTES) else { return Ok(Step::Needs(KEPT_BYTES)) };
            let head = PublishHead::read(begin).map_err(|why| self.reason(packet_type, view, why))?;
            used = KEPT_BYTES;
            // A topic that does not fit is not told.
            if let Some(head) = head {
                packet = Packet::Publish(cut(&header, head, begin));
            }
        }
        self.wide = None;
        Ok(Step::Read { used, left: header.total - used, packet })
    }

    /// Whether a packet that begins like this may come here.
    fn check_place(&self, direction: Direction, view: &[u8]) -> Result<PacketType, String> {
        let from_light = direction == Direction::ToBroker;
        if from_light && !self.begun {
            if view.first() == Some(&TLS_HANDSHAKE) {
                return Err("it speaks TLS; this port takes plain MQTT".to_owned());
            }
            if HTTP_METHODS.iter().any(|method| view.starts_with(method)) {
                return Err("it speaks HTTP; this port takes MQTT".to_owned());
            }
        }
        let first = view.first().copied().unwrap_or_default();
        let (packet_type, _) = PacketType::of(first).map_err(|why| self.hinted(why.to_string()))?;
        let name = packet_type.name();
        let (opening, sender) =
            if from_light { (PacketType::Connect, "broker") } else { (PacketType::ConnAck, "client") };
        if packet_type == opening {
            let second = || self.hinted(format!("a second {name} on one connection"));
            return if self.begun { Err(second()) } else { Ok(packet_type) };
        }
        if !self.begun {
            return Err(format!("the first packet is a {name}, not a {}", opening.name()));
        }
        use PacketType::{
            ConnAck, Connect, Disconnect, PingReq, PingResp, SubAck, Subscribe, UnsubAck, Unsubscribe,
        };
        let is_others = match packet_type {
            ConnAck | SubAck | UnsubAck | PingResp => from_light,
            Connect | Subscribe | Unsubscribe | PingReq | Disconnect => !from_light,
            _ => false,
        };
        if packet_type == Disconnect && is_others {
            return Err(
                "a DISCONNECT, as brokers of MQTT 5 send it before they throw a client out".to_owned()
            );
        }
        if is_others {
            return Err(self.hinted(format!("a {name}, which only a {sender} sends")));
        }
        Ok(packet_type)
    }

    fn reason(&self, packet_type: PacketType, view: &[u8], why: Malformed) -> String {
        let header = FixedHeader::read(view).ok().flatten();
        let end = header.map_or(0, |header| header.total.min(view.len()));
        let within = match packet_type {
            PacketType::Connect => view.get(CONNECT_TEXTS_AT..end),
            PacketType::Subscribe | PacketType::Unsubscribe => view.get(4..end),
            _ => None,
        };
        let wide = why == Malformed::CutCharacter || within.is_some_and(|texts| !texts.is_ascii());
        let text = match why {
            // These name the packet themselves.
            Malformed::Mqtt31
            | Malformed::Version(_)
            | Malformed::ProtocolName
            | Malformed::ConnectFlags
            | Malformed::WildcardTopic
            | Malformed::EmptyTopic => why.to_string(),
            _ => format!("in a {}: {why}", packet_type.name()),
        };
        if wide { format!("{text}; {CHARACTERS} it") } else { self.hinted(text) }
    }

    /// With the likely cause, where the packet before this one gives one.
    fn hinted(&self, text: String) -> String {
        match self.wide {
            Some(name) => format!("{text}; {CHARACTERS} the {name} before it"),
            None => text,
        }
    }

    /// What is to be said where the stream ends here.
    fn unfinished(&self) -> Option<String> {
        let (come, of, name) = match &self.at {
            At::Packet { .. } if !self.kept.is_empty() => {
                let header = FixedHeader::read(&self.kept).ok().flatten();
                let name = header.map(|header| header.packet_type.name());
                (self.kept.len(), header.map(|header| header.total), name)
            }
            At::Passing { left, then: Packet::Publish(publish) } => {
                return Some(format!(
                    "the connection ended within a PUBLISH, {left} bytes before its end; it has {} bytes of payload",
                    publish.bytes
                ));
            }
            At::Passing { left, then: Packet::Long { name, bytes } } => {
                (bytes.saturating_sub(*left), Some(*bytes), Some(*name))
            }
            _ => return None,
        };
        let name = name.unwrap_or("packet");
        Some(match of {
            Some(of) => format!("the connection ended within a {name}: {come} of {of} bytes have come"),
            None => format!("the connection ended within a {name}"),
        })
    }
}

/// What is told of a packet of so many bytes.
fn told(packet: codec::Packet<'_>, bytes: usize) -> Packet {
    let ack = |packet_type: PacketType, id| Packet::Ack { name: packet_type.name(), id };
    match packet {
        codec::Packet::Connect(connect) => Packet::Connect(Connect {
            client_id: connect.client_id.to_owned(),
            keep_alive_s: connect.keep_alive_s,
            clean_session: connect.clean_session,
            will: connect.will.map(|will| (will.topic.to_owned(), shortened(will.payload), will.retain)),
            user: connect.login.map(|(user, _)| user.to_owned()),
            has_password: connect.login.is_some_and(|(_, password)| password.is_some()),
        }),
        codec::Packet::ConnAck { session_present, code } => Packet::ConnAck { session_present, code },
        codec::Packet::Publish(publish) => Packet::Publish(Publish {
            topic: publish.topic.to_owned(),
            payload: shortened(publish.payload),
            bytes: publish.payload.len(),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            dup: publish.dup,
            id: publish.delivery.id(),
        }),
        codec::Packet::Subscribe { filters, .. } if filters.count() > MOST_FILTERS => {
            Packet::Long { name: PacketType::Subscribe.name(), bytes }
        }
        codec::Packet::Unsubscribe { filters, .. } if filters.count() > MOST_FILTERS => {
            Packet::Long { name: PacketType::Unsubscribe.name(), bytes }
        }
        codec::Packet::Subscribe { id, filters } => {
            Packet::Subscribe { id, filters: filters.map(|(filter, qos)| (filter.to_owned(), qos)).collect() }
        }
        codec::Packet::Unsubscribe { id, filters } => {
            Packet::Unsubscribe { id, filters: filters.map(|(filter, _)| filter.to_owned()).collect() }
        }
        codec::Packet::SubAck { id, codes } => Packet::SubAck { id, codes: codes.to_vec() },
        codec::Packet::PubAck { id } => ack(PacketType::PubAck, id),
        codec::Packet::UnsubAck { id } => ack(PacketType::UnsubAck, id),
        codec::Packet::Qos2(packet_type, id) => ack(packet_type, id),
        codec::Packet::PingReq => Packet::PingReq,
        codec::Packet::PingResp => Packet::PingResp,
        codec::Packet::Disconnect => Packet::Disconnect,
    }
}

/// What is told of a long PUBLISH, by its first bytes.
fn cut(header: &FixedHeader, head: PublishHead, begin: &[u8]) -> Publish {
    let topic = begin.get(head.topic).unwrap_or_default();
    Publish {
        topic: String::from_utf8_lossy(topic).into_owned(),
        payload: shortened(begin.get(head.payload_at..).unwrap_or_default()),
        bytes: header.total - head.payload_at,
        qos: head.delivery.qos(),
        retain: header.flags & 1 != 0,
        dup: header.flags & 8 != 0,
        id: head.delivery.id(),
    }
}

fn shortened(payload: &[u8]) -> Arc<[u8]> {
    payload.get(..PAYLOAD_BYTES).unwrap_or(payload).into()
}

/// Whether one of its texts has characters of several bytes: who counts characters gets its length wrong.
fn has_wide_text(packet: &codec::Packet<'_>) -> bool {
    match packet {
        codec::Packet::Connect(connect) => {
            let will = connect.will.map(|will| [will.topic.as_bytes(), will.payload]);
            let login = connect.login.map(|(user, password)| [user.as_bytes(), password.unwrap_or_default()]);
            let mut texts = [will, login].into_iter().flatten().flatten();
            !connect.client_id.is_ascii() || texts.any(|text| !text.is_ascii())
        }
        codec::Packet::Publish(publish) => !publish.topic.is_ascii() || !publish.payload.is_ascii(),
        codec::Packet::Subscribe { filters, .. } | codec::Packet::Unsubscribe { filters, .. } => {
            { *filters }.any(|(filter, _)| !filter.is_ascii())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02me";
    const CONNACK: &[u8] = b"\x20\x02\x00\x00";
    const AT: Duration = Duration::from_secs(1);

    fn connected() -> Reader {
        let mut reader = Reader::new(1);
        reader.bytes(AT, Direction::ToBroker, CONNECT, drop);
        reader.bytes(AT, Direction::FromBroker, CONNACK, drop);
        reader
    }

    fn read(reader: &mut Reader, direction: Direction, bytes: &[u8]) -> Vec<LinkEvent> {
        let mut events = Vec::new();
        reader.bytes(AT, direction, bytes, |seen| events.push(seen.what));
        events
    }

    /// The only complaint about bytes from the light after its CONNECT.
    fn complaint(bytes: &[u8]) -> String {
        let mut events = read(&mut connected(), Direction::ToBroker, bytes);
        match events.pop() {
            Some(LinkEvent::Malformed { direction: Direction::ToBroker, reason }) => {
                assert!(
                    !events.iter().any(|event| matches!(event, LinkEvent::Malformed { .. })),
                    "{events:?}"
                );
                reason
            }
            other => panic!("{other:?}"),
        }
    }

    /// The same about its first bytes.
    fn first_complaint(bytes: &[u8]) -> String {
        let mut reader = Reader::new(1);
        let events = read(&mut reader, Direction::ToBroker, bytes);
        assert_eq!(read(&mut reader, Direction::FromBroker, b"\x20\x03\x00\x00\x00"), [], "told once");
        match &events[..] {
            [LinkEvent::Malformed { direction: Direction::ToBroker, reason }] => reason.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_session_is_read_however_its_bytes_are_cut_and_its_password_is_not_kept() {
        let up = [
            b"\x10\x28\x00\x04MQTT\x04\xee\x00\x05\x00\x02id\x00\x01w\x00\x03bye\x00\x04king\x00\x0asecret-pwd".as_slice(),
            b"\x82\x0b\x00\x01\x00\x01a\x01\x00\x02b/\x00",
            b"\x3b\x07\x00\x01t\x00\x07hi",
            b"\xc0\x00",
            b"\xe0\x00",
        ]
        .concat();
        let down = [CONNACK, b"\x90\x04\x00\x01\x01\x80", b"\x40\x02\x00\x07", b"\xd0\x00"].concat();
        let (light, broker) = (Direction::ToBroker, Direction::FromBroker);
        let mut whole = Reader::new(7);
        let expected = [read(&mut whole, light, &up), read(&mut whole, broker, &down)].concat();
        assert_eq!(expected.len(), 9, "{expected:?}");
        assert!(!format!("{expected:?} {whole:?}").contains("secret"), "{expected:?}");
        let LinkEvent::Packet { packet: Packet::Connect(connect), .. } = &expected[0] else { panic!() };
        assert_eq!(connect.will, Some(("w".to_owned(), b"bye".as_slice().into(), true)));
        assert_eq!((connect.user.as_deref(), connect.has_password), (Some("king"), true));
        let LinkEvent::Packet { packet: Packet::Publish(publish), .. } = &expected[2] else { panic!() };
        assert_eq!((publish.id, publish.qos, publish.retain, publish.dup), (Some(7), 1, true, true));
        for size in 1..up.len() {
            let mut reader = Reader::new(7);
            let mut events = Vec::new();
            for (direction, bytes) in [(light, &up), (broker, &down)] {
                events.extend(bytes.chunks(size).flat_map(|chunk| read(&mut reader, direction, chunk)));
            }
            assert_eq!(events, expected, "chunks of {size}");
        }
    }

    #[test]
    fn each_mistake_is_named() {
        for (bytes, wanted) in [
            (b"\x10\x10\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x02me".as_slice(), "MQTT 3.1 (MQIsdp)"),
            (b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02me", "MQTT 5"),
            (b"\x16\x03\x01\x02\x00\x01", "TLS"),
            (b"GET / HTTP/1.1\r\n", "HTTP"),
            (b"\x30\x05\x00\x01thi", "first packet is a PUBLISH, not a CONNECT"),
            (b"\x00\x00", "0x00"),
        ] {
            let reason = first_complaint(bytes);
            assert!(reason.contains(wanted), "{reason}");
        }
        for (bytes, wanted) in [
            (
                b"\x30\xff\xff\xff\xff\x01".as_slice(),
                "in a PUBLISH: a remaining length of more than four bytes",
            ),
            (b"\x30\x06\x00\x02\xff\xffhi", "not UTF-8"),
            (b"\x36\x07\x00\x01t\x00\x01hi", "QoS of 3"),
            (b"\x30\x05\x00\x01#hi", "topic with + or #"),
            (b"\x32\x05\x00\x01t\x00\x00", "packet identifier of 0"),
            (b"\x80\x06\x00\x01\x00\x01a\x01", "0x80: wrong flags"),
            (b"\x82\x02\x00\x01", "without a topic filter"),
            (b"\xe0\x00\xc0\x00", "after a DISCONNECT"),
            (CONNECT, "a second CONNECT"),
            (CONNACK, "a CONNACK, which only a broker sends"),
            (b"\x30\x04\x00\x09t!", "beyond the end"),
        ] {
            let reason = complaint(bytes);
            assert!(reason.contains(wanted), "{reason}");
        }
    }

    #[test]
    fn characters_counted_as_bytes_are_recognised() {
        // "grön" has four characters and five bytes: the last letter begins the next packet.
        let spilled = "\x30\x07\x00\x01tgrön";
        let after = complaint(&[spilled.as_bytes(), b"\xc0\x00"].concat());
        assert!(
            after.contains("characters were counted instead of bytes in the PUBLISH before it"),
            "{after}"
        );
        // A topic "gröna" with the length of five: it is cut within no character, the payload spills.
        let topic = complaint(&["\x30\x08\x00\x05gröna".as_bytes(), b"x", b"\x30\x04\x00\x01th"].concat());
        assert!(topic.contains("characters were counted"), "{topic}");
        let cut = complaint("\x30\x06\x00\x01öab".as_bytes());
        assert!(cut.contains("ends within a character; likely cause: characters were counted"), "{cut}");
        let filter = complaint(&[b"\x82\x08\x00\x01\x00\x03", "löb\x01".as_bytes()].concat());
        assert!(filter.contains("characters were counted instead of bytes in it"), "{filter}");
        // Nothing of the kind is said where all is ASCII.
        assert!(!complaint(b"\x30\x05\x00\x01tredx").contains("characters"));
    }

    #[test]
    fn a_long_packet_is_cut_and_not_held() {
        let mut reader = connected();
        let mut long = b"\x32\x80\x80\x80\x02\x00\x01t\x00\x05".to_vec();
        let total = 5 + (2 << 21);
        assert_eq!(read(&mut reader, Direction::ToBroker, &long), []);
        let chunk = [b'x'; 1_000];
        let mut sent = long.len();
        let mut most = 0;
        let mut events = Vec::new();
        while sent < total {
            let now = chunk.len().min(total - sent);
            events.extend(read(&mut reader, Direction::ToBroker, &chunk[..now]));
            sent += now;
            most = most.max(reader.streams[0].kept.capacity());
        }
        assert!(most <= 2 * KEPT_BYTES, "{most}");
        let [LinkEvent::Packet { packet: Packet::Publish(publish), .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((publish.bytes, publish.payload.len(), publish.id), (total - 10, PAYLOAD_BYTES, Some(5)));
        assert_eq!(read(&mut reader, Direction::ToBroker, b"\xc0\x00").len(), 1, "the next packet is read");
        // A subscription to thousands of filters.
        long = b"\x82\x82\x7d\x00\x01".to_vec();
        long.extend(b"\x00\x01a\x01".repeat(4_000));
        let name = "SUBSCRIBE";
        let expected = [LinkEvent::Packet {
            direction: Direction::ToBroker,
            packet: Packet::Long { name, bytes: long.len() },
        }];
        assert_eq!(read(&mut reader, Direction::ToBroker, &long), expected);
    }

    #[test]
    fn an_end_within_a_packet_is_told_before_the_end() {
        let mut reader = connected();
        let mut events = read(&mut reader, Direction::ToBroker, b"\x30\x09\x00\x01t");
        reader.half_closed(AT, |seen| events.push(seen.what));
        let reason = "the connection ended within a PUBLISH: 5 of 11 bytes have come".to_owned();
        let malformed = LinkEvent::Malformed { direction: Direction::ToBroker, reason };
        assert_eq!(events, [malformed, LinkEvent::HalfClosed]);
        let mut reader = connected();
        let mut events = Vec::new();
        reader.half_closed(AT, |seen| events.push(seen.what));
        assert_eq!(events, [LinkEvent::HalfClosed]);
        let opened = reader.opened(AT, (Ipv4Addr::LOCALHOST, 9).into());
        assert_eq!(opened.connection, 1);
        assert_eq!(
            reader.closed(AT, Closer::Light, false).what,
            LinkEvent::Closed { by: Closer::Light, reset: false }
        );
    }
}
