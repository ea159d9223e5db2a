//! CONNECT packets of any version of MQTT, made fit for the broker crate.
//!
//! What `mqtt5` 0.49.0 would do wrong with them is mended here, before it reads them:
//!
//! - it drops clients with a keep-alive of 0 after 300 s (`client_handler/mod.rs`, `read_limit`);
//! - it refuses client ids with `/` or `\`, which it keeps fit for file names (`is_path_safe_client_id`);
//! - it closes a connection of MQTT 3.1 without a word, which differs from 3.1.1 in the name of the protocol and in
//!   flags that mean nothing;
//! - it answers a Mosquitto bridge, which marks its protocol level, in MQTT 5;
//! - it takes a will on a topic with wildcards, and publishes it;
//! - it leaves out messages that are too large for a client of MQTT 5 with what it adds to them, and not without.

use std::{borrow::Cow, ops::Range};

use traffic_light::mqtt::codec::connack;

use super::properties::{self, Properties};

/// The CONNACK code for a protocol level that is not spoken here (MQTT 3.1.1, section 3.2.2.3).
const UNACCEPTABLE_PROTOCOL: u8 = 1;
/// MQTT 5's CONNACK for a protocol level that is not spoken here.
const UNSUPPORTED_VERSION: [u8; 5] = [0x20, 3, 0, 0x84, 0];
/// MQTT 5's CONNACK for a will whose topic is none.
const INVALID_TOPIC: [u8; 5] = [0x20, 3, 0, 0x90, 0];
/// A Mosquitto bridge sets this bit of the protocol level; it tries again without when it is told that the level is
/// not spoken.
const BRIDGE: u8 = 0x80;
/// What the crate is told instead of a keep-alive of 0. [`super::client_stream`] sees to it that it hears something
/// in time.
const LONGEST_KEEP_ALIVE: u16 = u16::MAX;

const CLEAN: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_RETAIN: u8 = 0x20;
const SESSION_EXPIRY: u8 = 0x11;
const RECEIVE_MAXIMUM: u8 = 0x21;
const MAXIMUM_PACKET_SIZE: u8 = 0x27;
/// More than the crate adds to a PUBLISH: a client id and a user.
const ADDED: u32 = 80_000;

/// The version of MQTT that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// 3.1, `MQIsdp`.
    V31,
    /// 3.1.1.
    V311,
    /// 5.
    V5,
}

/// A CONNECT that the crate may read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Connect {
    pub(super) packet: Vec<u8>,
    pub(super) version: Version,
    /// As the client said it.
    pub(super) client_id: String,
    /// It asked for a keep-alive of 0.
    pub(super) for_ever: bool,
    /// Its session outlives the connection.
    pub(super) kept: bool,
    /// Messages of QoS 1 and 2 that it takes before it has acknowledged one.
    pub(super) receive_maximum: u16,
    /// Bytes of a packet that it takes.
    pub(super) maximum_packet: usize,
}

/// Why the crate is not to read a CONNECT.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It breaks the rules: the connection ends.
    Malformed,
    /// The client is told.
    Answer(Vec<u8>),
}

/// Reads a whole CONNECT packet whose body begins at `body`, and mends it. `may_retain` says whether a will of so many
/// bytes may be retained on a topic.
pub(super) fn read(
    packet: &[u8],
    body: usize,
    may_retain: impl Fn(&str, usize) -> bool,
) -> Result<Connect, Refusal> {
    let fields = Fields::read(packet, body)?;
    let version = fields.version;
    let mut flags = fields.flags;
    if let Some((topic, payload)) = &fields.will {
        let topic = packet.get(topic.clone()).and_then(|topic| std::str::from_utf8(topic).ok());
        let topic = topic.ok_or(Refusal::Malformed)?;
        if topic.is_empty() || topic.contains(['+', '#']) {
            return Err(match version {
                Version::V5 => Refusal::Answer(INVALID_TOPIC.to_vec()),
                Version::V31 | Version::V311 => Refusal::Malformed,
            });
        }
        if flags & WILL_RETAIN != 0 && !payload.is_empty() && !may_retain(topic, payload.len()) {
            flags &= !WILL_RETAIN;
        }
    }
    let id = packet.get(fields.client_id.clone()).ok_or(Refusal::Malformed)?;
    let client_id = std::str::from_utf8(id).map_err(|_| Refusal::Malformed)?;
    let for_ever = fields.keep_alive_s == 0;
    let keep_alive_s = if for_ever { LONGEST_KEEP_ALIVE } else { fields.keep_alive_s };
    let level = if version == Version::V5 { 5 } else { 4 };
    let safe = safe_id(client_id);
    let (properties, rest) = (packet.get(fields.properties.clone()), packet.get(fields.client_id.end..));
    let (Some(properties), Some(rest)) = (properties, rest) else { return Err(Refusal::Malformed) };
    let id_length = u16::try_from(safe.len()).map_err(|_| Refusal::Malformed)?;

    let mut mended = b"\x00\x04MQTT".to_vec();
    mended.extend([level, flags]);
    mended.extend(keep_alive_s.to_be_bytes());
    let properties_at = mended.len();
    mended.extend_from_slice(properties);
    if let Some((at, maximum)) = fields.maximum_packet.filter(|(_, maximum)| *maximum > 0)
        && let Some(value) = mended.get_mut(properties_at + at..properties_at + at + 4)
    {
        value.copy_from_slice(&maximum.saturating_add(ADDED).to_be_bytes());
    }
    mended.extend(id_length.to_be_bytes());
    mended.extend_from_slice(safe.as_bytes());
    mended.extend_from_slice(rest);
    let mut whole = vec![0x10];
    properties::put_length(&mut whole, mended.len());
    whole.append(&mut mended);
    let kept = match version {
        Version::V5 => fields.session_expiry != 0,
        Version::V31 | Version::V311 => flags & CLEAN == 0,
    };
    Ok(Connect {
        packet: whole,
        version,
        client_id: client_id.to_owned(),
        for_ever,
        kept,
        receive_maximum: fields.receive_maximum,
        maximum_packet: fields
            .maximum_packet
            .map_or(usize::MAX, |(_, maximum)| usize::try_from(maximum).unwrap_or(usize::MAX)),
    })
}

/// A name for the crate that stands for this client id and no other: what it would refuse is written as in URLs.
fn safe_id(id: &str) -> Cow<'_, str> {
    let dots = id == "." || id == "..";
    let escaped = |c: char| matches!(c, '/' | '\\' | '%') || (dots && c == '.');
    // The crate keeps this beginning for clients with a certificate.
    let certificate = id.starts_with("cert:");
    if !certificate && !id.contains(escaped) {
        return Cow::Borrowed(id);
    }
    let mut safe = String::new();
    for (place, c) in id.char_indices() {
        if escaped(c) || (certificate && place == 4) {
            safe.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// The client id that a name of the crate's stands for.
pub(super) fn client_id(safe: &str) -> Cow<'_, str> {
    let mut parts = safe.split('%');
    let first = parts.next().unwrap_or_default();
    if first.len() == safe.len() {
        return Cow::Borrowed(safe);
    }
    let mut id = first.to_owned();
    for part in parts {
        let escaped = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (escaped, part.get(2..)) {
            (Some(escaped), Some(rest)) => {
                id.push(char::from(escaped));
                id.push_str(rest);
            }
            _ => id.push_str(part),
        }
    }
    Cow::Owned(id)
}

/// Where the parts of a CONNECT stand that matter here.
struct Fields {
    version: Version,
    flags: u8,
    keep_alive_s: u16,
    /// With their length; empty before MQTT 5.
    properties: Range<usize>,
    session_expiry: u32,
    receive_maximum: u16,
    /// Where its value stands among the properties, and the value.
    maximum_packet: Option<(usize, u32)>,
    client_id: Range<usize>,
    /// Topic and payload.
    will: Option<(Range<usize>, Range<usize>)>,
}

impl Fields {
    fn read(packet: &[u8], body: usize) -> Result<Fields, Refusal> {
        let mut reader = Reader { packet, at: body };
        let name = reader.field()?;
        let level = reader.byte()?;
        let version = match (packet.get(name), level) {
            (Some(b"MQTT"), 4) => Version::V311,
            (Some(b"MQTT"), 5) => Version::V5,
            (Some(b"MQIsdp"), 3) => Version::V31,
            (Some(b"MQTT"), level) if level > 5 && level & BRIDGE == 0 => {
                return Err(Refusal::Answer(UNSUPPORTED_VERSION.to_vec()));
            }
            (Some(b"MQTT" | b"MQIsdp"), _) => {
                return Err(Refusal::Answer(connack(UNACCEPTABLE_PROTOCOL).to_vec()));
            }
            _ => return Err(Refusal::Malformed),
        };
        let flags = reader.byte()?;
        let keep_alive_s = u16::from_be_bytes([reader.byte()?, reader.byte()?]);
        let (mut session_expiry, mut receive_maximum, mut maximum_packet) = (0, u16::MAX, None);
        let properties = if version == Version::V5 { reader.properties()? } else { reader.at..reader.at };
        if version == Version::V5 {
            let bytes = packet.get(properties.clone()).unwrap_or_default();
            let (Some((_, digits)), Some(found)) = (properties::length(bytes), Properties::read(bytes))
            else {
                return Err(Refusal::Malformed);
            };
            let mut at = digits;
            for (id, value) in found {
                at += 1;
                match (id, value) {
                    (SESSION_EXPIRY, &[a, b, c, d]) => session_expiry = u32::from_be_bytes([a, b, c, d]),
                    (RECEIVE_MAXIMUM, &[a, b]) => receive_maximum = u16::from_be_bytes([a, b]),
                    (MAXIMUM_PACKET_SIZE, &[a, b, c, d]) => {
                        maximum_packet = Some((at, u32::from_be_bytes([a, b, c, d])));
                    }
                    _ => {}
                }
                at += value.len();
            }
        }
        let client_id = reader.field()?;
        let will = if flags & WILL != 0 {
            if version == Version::V5 {
                reader.properties()?;
            }
            Some((reader.field()?, reader.field()?))
        } else {
            None
        };
        Ok(Fields {
            version,
            flags,
            keep_alive_s,
            properties,
            session_expiry,
            receive_maximum,
            maximum_packet,
            client_id,
            will,
        })
    }
}

struct Reader<'a> {
    packet: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Refusal> {
        let byte = self.packet.get(self.at).ok_or(Refusal::Malformed)?;
        self.at += 1;
        Ok(*byte)
    }

    fn take(&mut self, length: usize) -> Result<Range<usize>, Refusal> {
        let range = self.at..self.at + length;
        if range.end > self.packet.len() {
            return Err(Refusal::Malformed);
        }
        self.at = range.end;
        Ok(range)
    }

    /// A string or binary data, without its length.
    fn field(&mut self) -> Result<Range<usize>, Refusal> {
        let length = u16::from_be_bytes([self.byte()?, self.byte()?]);
        self.take(usize::from(length))
    }

    /// Properties, with their length.
    fn properties(&mut self) -> Result<Range<usize>, Refusal> {
        let rest = self.packet.get(self.at..).unwrap_or_default();
        let (length, digits) = properties::length(rest).ok_or(Refusal::Malformed)?;
        self.take(digits + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(packet: &[u8]) -> Result<Connect, Refusal> {
        read(packet, 2, |_, _| true)
    }

    #[test]
    fn a_usual_connect_stays_as_it_is() {
        let usual = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab";
        let connect = mended(usual).unwrap();
        assert_eq!(connect.packet, usual);
        assert_eq!((connect.version, connect.kept, connect.for_ever), (Version::V311, false, false));
    }

    #[test]
    fn a_keep_alive_of_0_becomes_the_longest_and_mqtt_31_becomes_311() {
        let connect = mended(b"\x10\x0f\x00\x06MQIsdp\x03\x00\x00\x00\x00\x01a").unwrap();
        assert_eq!(connect.packet, b"\x10\x0d\x00\x04MQTT\x04\x00\xff\xff\x00\x01a");
        assert_eq!((connect.version, connect.kept, connect.for_ever), (Version::V31, true, true));
    }

    #[test]
    fn client_ids_stay_apart_whatever_the_crate_cannot_take_of_them() {
        for (id, safe) in
            [("a/b", "a%2Fb"), ("a%2Fb", "a%252Fb"), ("..", "%2E%2E"), ("a.b", "a.b"), ("cert:x", "cert%3Ax")]
        {
            assert_eq!(safe_id(id), safe);
            assert_eq!(client_id(safe), id);
        }
    }

    #[test]
    fn a_bridge_is_told_to_try_again_without_its_mark_and_other_levels_are_refused() {
        let level = |level: u8| [&b"\x10\x0d\x00\x04MQTT"[..], &[level], b"\x02\x00\x3c\x00\x01a"].concat();
        assert_eq!(mended(&level(0x84)), Err(Refusal::Answer(vec![0x20, 2, 0, 1])));
        assert_eq!(mended(&level(3)), Err(Refusal::Answer(vec![0x20, 2, 0, 1])));
        assert_eq!(mended(&level(6)), Err(Refusal::Answer(UNSUPPORTED_VERSION.to_vec())));
    }

    #[test]
    fn a_will_on_a_wildcard_topic_is_refused_and_its_retain_flag_goes_where_nothing_more_is_kept() {
        let will = |topic: &[u8]| {
            [&b"\x10\x14\x00\x04MQTT\x04\x26\x00\x3c\x00\x01a\x00\x02"[..], topic, b"\x00\x01!"].concat()
        };
        assert_eq!(mended(&will(b"a#")), Err(Refusal::Malformed));
        assert_eq!(mended(&will(b"ab")).unwrap().packet, will(b"ab"));
        assert_eq!(read(&will(b"ab"), 2, |_, _| false).unwrap().packet[9], 0x06);
    }

    #[test]
    fn the_properties_of_mqtt_5_are_kept_and_read() {
        let packet = b"\x10\x16\x00\x04MQTT\x05\x02\x00\x00\x08\x11\x00\x00\x00\x09\x21\x00\x02\x00\x01a";
        let connect = mended(packet).unwrap();
        assert_eq!((connect.kept, connect.receive_maximum, connect.for_ever), (true, 2, true));
        assert_eq!(connect.packet[12..], packet[12..]);
    }

    #[test]
    fn the_crate_is_told_a_maximum_packet_that_has_room_for_what_it_adds() {
        let packet = b"\x10\x16\x00\x04MQTT\x05\x02\x00\x3c\x08\x21\x00\x02\x27\x00\x00\x00\x40\x00\x01a";
        let connect = mended(packet).unwrap();
        assert_eq!((connect.maximum_packet, connect.receive_maximum), (64, 2));
        assert_eq!(connect.packet[17..21], (64 + ADDED).to_be_bytes());
        assert_eq!((&connect.packet[..17], &connect.packet[21..]), (&packet[..17], &packet[21..]));
    }

    #[test]
    fn nothing_that_is_cut_off_is_read() {
        let packet = b"\x10\x14\x00\x04MQTT\x04\x26\x00\x3c\x00\x01a\x00\x02ab\x00\x01!";
        for length in 2..19 {
            assert_eq!(mended(&packet[..length]), Err(Refusal::Malformed), "{length}");
        }
    }
}
