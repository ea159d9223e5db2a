//! Packets of MQTT 3.1.1, read and written without allocation.
//!
//! What is read borrows from the bytes that it was read from. What is written goes, piece by piece, to
//! a function of the caller's, so that the same writer fills a fixed buffer on a board and a `Vec` on a
//! computer. A packet is read only if it keeps the standard's rules for its header, lengths and strings.

use core::{error::Error, fmt, ops::Range};

/// The longest remaining length that four bytes can say (section 2.2.3).
const MAX_REMAINING: usize = 268_435_455;

/// PINGREQ (section 3.12).
pub const PINGREQ: [u8; 2] = [(PacketType::PingReq as u8) << 4, 0];
/// PINGRESP (section 3.13).
pub const PINGRESP: [u8; 2] = [(PacketType::PingResp as u8) << 4, 0];
/// DISCONNECT (section 3.14).
pub const DISCONNECT: [u8; 2] = [(PacketType::Disconnect as u8) << 4, 0];

/// A SUBACK's code for a subscription that is refused (section 3.9.3).
pub const SUBSCRIPTION_REFUSED: u8 = 0x80;

/// Why bytes are no packet of MQTT 3.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No packet begins with this byte (section 2.2.1).
    UnknownType(u8),
    /// The first byte of a packet whose flags are fixed to others (section 2.2.2).
    Flags(u8),
    /// A remaining length of more than four bytes (section 2.2.3).
    RemainingLength,
    /// A field would go on beyond the end of the packet.
    FieldBeyondEnd,
    /// The packet goes on after its last field.
    BytesAfterEnd,
    /// A text that is not UTF-8 (section 1.5.3).
    NotUtf8,
    /// A text that ends within a character.
    CutCharacter,
    /// A CONNECT of another protocol.
    ProtocolName,
    /// A CONNECT of MQTT 3.1, which calls itself `MQIsdp`.
    Mqtt31,
    /// A CONNECT of another version of MQTT; 5 is MQTT 5.
    Version(u8),
    /// Flags of a CONNECT that contradict each other, or the reserved one (section 3.1.2).
    ConnectFlags,
    Qos,
    /// A PUBLISH to a topic with `+` or `#` (section 3.3.2.1).
    WildcardTopic,
    /// A PUBLISH without a topic (section 4.7.3).
    EmptyTopic,
    /// A packet identifier of 0 (section 2.3.1).
    PacketId,
    /// A SUBSCRIBE or UNSUBSCRIBE without a topic filter (sections 3.8.3 and 3.10.3).
    NoFilter,
    /// A packet that may not come at this place of the stream, or from this end.
    Misplaced(PacketType),
}

/// A string or a whole packet is longer than MQTT can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// The kinds of packets (section 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "they are the standard's names")]
pub enum PacketType {
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
}

impl PacketType {
    /// The standard's name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PacketType::Connect => "CONNECT",
            PacketType::ConnAck => "CONNACK",
            PacketType::Publish => "PUBLISH",
            PacketType::PubAck => "PUBACK",
            PacketType::PubRec => "PUBREC",
            PacketType::PubRel => "PUBREL",
            PacketType::PubComp => "PUBCOMP",
            PacketType::Subscribe => "SUBSCRIBE",
            PacketType::SubAck => "SUBACK",
            PacketType::Unsubscribe => "UNSUBSCRIBE",
            PacketType::UnsubAck => "UNSUBACK",
            PacketType::PingReq => "PINGREQ",
            PacketType::PingResp => "PINGRESP",
            PacketType::Disconnect => "DISCONNECT",
        }
    }

    /// Reads the first byte of a packet: its type, and four flags (section 2.2.2).
    ///
    /// # Errors
    /// When no packet begins with it.
    pub fn of(first: u8) -> Result<(PacketType, u8), Malformed> {
        use PacketType::{
            ConnAck, Connect, Disconnect, PingReq, PingResp, PubAck, PubComp, PubRec, PubRel, Publish,
            SubAck, Subscribe, UnsubAck, Unsubscribe,
        };
        let flags = first & 15;
        let (kind, wanted) = match first >> 4 {
            1 => (Connect, 0),
            2 => (ConnAck, 0),
            3 => (Publish, flags),
            4 => (PubAck, 0),
            5 => (PubRec, 0),
            6 => (PubRel, 2),
            7 => (PubComp, 0),
            8 => (Subscribe, 2),
            9 => (SubAck, 0),
            10 => (Unsubscribe, 2),
            11 => (UnsubAck, 0),
            12 => (PingReq, 0),
            13 => (PingResp, 0),
            14 => (Disconnect, 0),
            _ => return Err(Malformed::UnknownType(first)),
        };
        if flags == wanted { Ok((kind, flags)) } else { Err(Malformed::Flags(first)) }
    }
}

/// Reads a remaining length byte by byte (section 2.2.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct RemainingLength {
    value: usize,
    shift: u32,
}

impl RemainingLength {
    /// Takes the next byte, and returns the length with its last one.
    ///
    /// # Errors
    /// When there are more than four.
    pub fn push(&mut self, byte: u8) -> Result<Option<usize>, Malformed> {
        self.value |= usize::from(byte & 0x7F) << self.shift;
        self.shift += 7;
        match byte & 0x80 {
            0 => Ok(Some(self.value)),
            _ if self.shift < 28 => Ok(None),
            _ => Err(Malformed::RemainingLength),
        }
    }
}

/// The fixed header of a packet (section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    pub packet_type: PacketType,
    /// Its flags, the low four bits.
    pub flags: u8,
    /// Bytes of the header itself.
    pub length: usize,
    /// Bytes of the whole packet, with this header.
    pub total: usize,
}

impl FixedHeader {
    /// Reads the header that `bytes` begin with; `None` while too few are there.
    ///
    /// # Errors
    /// When no packet begins like that.
    pub fn read(bytes: &[u8]) -> Result<Option<FixedHeader>, Malformed> {
        let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
        let (packet_type, flags) = PacketType::of(*first)?;
        let mut remaining = RemainingLength::default();
        for (length, byte) in (2..).zip(rest) {
            if let Some(value) = remaining.push(*byte)? {
                return Ok(Some(FixedHeader { packet_type, flags, length, total: length + value }));
            }
        }
        Ok(None)
    }
}

/// A packet, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of packets and fields are the standard's")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    /// Codes from 1 up refuse (section 3.2.2.3); some brokers say more than the standard has.
    ConnAck {
        session_present: bool,
        code: u8,
    },
    Publish(Publish<'a>),
    PubAck {
        id: u16,
    },
    /// Part of the exchange of QoS 2: a PUBREC, PUBREL or PUBCOMP.
    Qos2(PacketType, u16),
    Subscribe {
        id: u16,
        filters: Filters<'a>,
    },
    /// One code for each filter: the QoS that is granted, or [`SUBSCRIPTION_REFUSED`].
    SubAck {
        id: u16,
        codes: &'a [u8],
    },
    Unsubscribe {
        id: u16,
        filters: Filters<'a>,
    },
    UnsubAck {
        id: u16,
    },
    PingReq,
    PingResp,
    Disconnect,
}

impl<'a> Packet<'a> {
    /// Reads the packet that `bytes` begin with, and how many of them it has; `None` while it is not
    /// whole. A caller that has to bound what it waits for reads the [`FixedHeader`] first.
    ///
    /// # Errors
    /// When it is no packet of MQTT 3.1.1.
    pub fn read(bytes: &'a [u8]) -> Result<Option<(Packet<'a>, usize)>, Malformed> {
        let Some(header) = FixedHeader::read(bytes)? else { return Ok(None) };
        let Some(packet) = bytes.get(..header.total) else { return Ok(None) };
        let mut fields = Fields(packet.get(header.length..).unwrap_or_default());
        let read = match header.packet_type {
            PacketType::Connect => Packet::Connect(Connect::read(&mut fields)?),
            PacketType::ConnAck => {
                Packet::ConnAck { session_present: fields.byte()? & 1 == 1, code: fields.byte()? }
            }
            PacketType::Publish => Packet::Publish(Publish::read(header.flags, packet, &mut fields)?),
            PacketType::PubAck => Packet::PubAck { id: fields.short()? },
            PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
                Packet::Qos2(header.packet_type, fields.short()?)
            }
            PacketType::Subscribe => {
                Packet::Subscribe { id: fields.id()?, filters: Filters::read(&mut fields, true)? }
            }
            PacketType::SubAck => Packet::SubAck { id: fields.short()?, codes: fields.rest() },
            PacketType::Unsubscribe => {
                Packet::Unsubscribe { id: fields.id()?, filters: Filters::read(&mut fields, false)? }
            }
            PacketType::UnsubAck => Packet::UnsubAck { id: fields.short()? },
            PacketType::PingReq => Packet::PingReq,
            PacketType::PingResp => Packet::PingResp,
            PacketType::Disconnect => Packet::Disconnect,
        };
        if fields.0.is_empty() { Ok(Some((read, header.total))) } else { Err(Malformed::BytesAfterEnd) }
    }
}

/// CONNECT (section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// May be empty with a clean session: then the broker makes one up.
    pub client_id: &'a str,
    /// Whether the broker forgets an earlier session of this client.
    pub clean_session: bool,
    /// 0: the broker waits for ever.
    pub keep_alive_s: u16,
    /// What the broker publishes when the connection ends without a DISCONNECT.
    pub will: Option<Will<'a>>,
    /// The standard knows no password without a user.
    pub login: Option<(&'a str, Option<&'a [u8]>)>,
}

/// A last will (section 3.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where it is published.
    pub topic: &'a str,
    /// What it says.
    pub payload: &'a [u8],
    /// 0 to 2.
    pub qos: u8,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
}

impl<'a> Connect<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Connect<'a>, Malformed> {
        match fields.bytes()? {
            b"MQTT" => {}
            b"MQIsdp" => return Err(Malformed::Mqtt31),
            _ => return Err(Malformed::ProtocolName),
        }
        match fields.byte()? {
            4 => {}
            version => return Err(Malformed::Version(version)),
        }
        let flags = fields.byte()?;
        let is = |flag: u8| flags & flag != 0;
        let qos = flags >> 3 & 3;
        // Section 3.1.2.3 and what follows: bit 0 is reserved, and no field is described that is not there.
        if is(1) || qos > 2 || !is(4) && flags & 0x38 != 0 || is(0x40) && !is(0x80) {
            return Err(Malformed::ConnectFlags);
        }
        let keep_alive_s = fields.short()?;
        let client_id = fields.text()?;
        let will = match is(4) {
            true => Some(Will { topic: fields.text()?, payload: fields.bytes()?, qos, retain: is(0x20) }),
            false => None,
        };
        let login = match is(0x80) {
            true => Some((fields.text()?, if is(0x40) { Some(fields.bytes()?) } else { None })),
            false => None,
        };
        Ok(Connect { client_id, clean_session: is(2), keep_alive_s, will, login })
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// When a field is longer than 65,535 bytes; nothing is written then.
    pub fn encode(&self, append: impl FnMut(&[u8])) -> Result<(), TooLong> {
        let mut flags = u8::from(self.clean_session) << 1;
        if let Some(will) = &self.will {
            flags |= 4 | (will.qos & 3) << 3 | u8::from(will.retain) << 5;
        }
        if let Some((_, password)) = &self.login {
            flags |= 0x80 | u8::from(password.is_some()) << 6;
        }
        write(PacketType::Connect, 0, append, |put| {
            put_bytes(put, b"MQTT")?;
            put(&[4, flags]);
            put(&self.keep_alive_s.to_be_bytes());
            put_bytes(put, self.client_id.as_bytes())?;
            if let Some(will) = &self.will {
                put_bytes(put, will.topic.as_bytes())?;
                put_bytes(put, will.payload)?;
            }
            if let Some((user, password)) = self.login {
                put_bytes(put, user.as_bytes())?;
                password.map_or(Ok(()), |password| put_bytes(put, password))?;
            }
            Ok(())
        })
    }
}

/// How often a message may arrive, and the number by which it is acknowledged (section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are the standard's names")]
pub enum Delivery {
    AtMostOnce,
    AtLeastOnce { id: u16 },
    ExactlyOnce { id: u16 },
}

impl Delivery {
    /// 0 to 2.
    #[must_use]
    pub fn qos(self) -> u8 {
        match self {
            Delivery::AtMostOnce => 0,
            Delivery::AtLeastOnce { .. } => 1,
            Delivery::ExactlyOnce { .. } => 2,
        }
    }

    /// `None` at QoS 0.
    #[must_use]
    pub fn id(self) -> Option<u16> {
        match self {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce { id } | Delivery::ExactlyOnce { id } => Some(id),
        }
    }
}

/// PUBLISH (section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Without wildcards.
    pub topic: &'a str,
    /// Up to the end of the packet.
    pub payload: &'a [u8],
    /// QoS and number.
    pub delivery: Delivery,
    /// From a client: to be kept. From a broker: it was kept.
    pub retain: bool,
    /// It may have been sent before.
    pub dup: bool,
}

impl<'a> Publish<'a> {
    fn read(flags: u8, packet: &'a [u8], fields: &mut Fields<'a>) -> Result<Publish<'a>, Malformed> {
        let head = PublishHead::read(packet)?.ok_or(Malformed::FieldBeyondEnd)?;
        let topic = utf8(packet.get(head.topic).ok_or(Malformed::FieldBeyondEnd)?)?;
        let payload = packet.get(head.payload_at..).ok_or(Malformed::FieldBeyondEnd)?;
        fields.rest();
        if topic.is_empty() {
            return Err(Malformed::EmptyTopic);
        }
        if topic.contains(['+', '#']) {
            return Err(Malformed::WildcardTopic);
        }
        if head.delivery.id() == Some(0) {
            return Err(Malformed::PacketId);
        }
        Ok(Publish { topic, payload, delivery: head.delivery, retain: flags & 1 != 0, dup: flags & 8 != 0 })
    }

    /// Writes the packet.
    ///
    /// # Errors
    /// When the topic or the packet is too long; nothing is written then.
    pub fn encode(&self, append: impl FnMut(&[u8])) -> Result<(), TooLong> {
        let flags = u8::from(self.dup) << 3 | self.delivery.qos() << 1 | u8::from(self.retain);
        write(PacketType::Publish, flags, append, |put| {
            put_bytes(put, self.topic.as_bytes())?;
            if let Some(id) = self.delivery.id() {
                put(&id.to_be_bytes());
            }
            put(self.payload);
            Ok(())
        })
    }
}

/// What stands before the payload of a PUBLISH, for one that is longer than its reader can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishHead {
    /// Where the topic is, from the packet's first byte; not yet known to be UTF-8.
    pub topic: Range<usize>,
    /// QoS and number.
    pub delivery: Delivery,
    /// Where the payload begins.
    pub payload_at: usize,
}

impl PublishHead {
    /// Reads the head of the PUBLISH that `bytes` begin with; `None` while too few are there.
    ///
    /// # Errors
    /// When they begin with something else.
    pub fn read(bytes: &[u8]) -> Result<Option<PublishHead>, Malformed> {
        let Some(header) = FixedHeader::read(bytes)? else { return Ok(None) };
        let qos = header.flags >> 1 & 3;
        let topic_at = header.length + 2;
        if header.packet_type != PacketType::Publish {
            return Err(Malformed::Misplaced(header.packet_type));
        }
        if qos == 3 {
            return Err(Malformed::Qos);
        }
        if topic_at > header.total {
            return Err(Malformed::FieldBeyondEnd);
        }
        let short = |at: usize| {
            let bytes = bytes.get(at..at + 2)?.first_chunk::<2>()?;
            Some(u16::from_be_bytes(*bytes))
        };
        let Some(length) = short(header.length) else { return Ok(None) };
        let topic = topic_at..topic_at + usize::from(length);
        let payload_at = if qos == 0 { topic.end } else { topic.end + 2 };
        if payload_at > header.total {
            return Err(Malformed::FieldBeyondEnd);
        }
        let delivery = match (qos, short(topic.end)) {
            (0, _) if topic.end <= bytes.len() => Delivery::AtMostOnce,
            (1, Some(id)) => Delivery::AtLeastOnce { id },
            (2, Some(id)) => Delivery::ExactlyOnce { id },
            _ => return Ok(None),
        };
        Ok(Some(PublishHead { topic, delivery, payload_at }))
    }
}

/// The list of a SUBSCRIBE or UNSUBSCRIBE: topic filters, each with the QoS asked for; 0 in an
/// UNSUBSCRIBE, which has none (sections 3.8.3 and 3.10.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters<'a> {
    list: Fields<'a>,
    with_qos: bool,
}

impl<'a> Filters<'a> {
    /// Takes all fields there are, once each has been looked at.
    fn read(fields: &mut Fields<'a>, with_qos: bool) -> Result<Filters<'a>, Malformed> {
        let mut filters = Filters { list: Fields(fields.rest()), with_qos };
        let read = filters;
        if filters.list.0.is_empty() {
            return Err(Malformed::NoFilter);
        }
        while !filters.list.0.is_empty() {
            filters.read_one()?;
        }
        Ok(read)
    }

    fn read_one(&mut self) -> Result<(&'a str, u8), Malformed> {
        let filter = self.list.text()?;
        let qos = if self.with_qos { self.list.byte()? } else { 0 };
        if qos > 2 { Err(Malformed::Qos) } else { Ok((filter, qos)) }
    }
}

impl<'a> Iterator for Filters<'a> {
    type Item = (&'a str, u8);

    fn next(&mut self) -> Option<(&'a str, u8)> {
        self.read_one().ok()
    }
}

/// Writes a SUBSCRIBE (section 3.8) for these filters, each with its QoS.
///
/// # Errors
/// When a filter or the packet is too long; nothing is written then.
pub fn subscribe<'a>(
    id: u16,
    filters: impl Iterator<Item = (&'a str, u8)> + Clone,
    append: impl FnMut(&[u8]),
) -> Result<(), TooLong> {
    write(PacketType::Subscribe, 2, append, |put| {
        put(&id.to_be_bytes());
        for (filter, qos) in filters.clone() {
            put_bytes(put, filter.as_bytes())?;
            put(&[qos]);
        }
        Ok(())
    })
}

/// Writes a SUBACK (section 3.9).
///
/// # Errors
/// When the packet is too long; nothing is written then.
pub fn suback(id: u16, codes: &[u8], append: impl FnMut(&[u8])) -> Result<(), TooLong> {
    write(PacketType::SubAck, 0, append, |put| {
        put(&id.to_be_bytes());
        put(codes);
        Ok(())
    })
}

/// A CONNACK without an earlier session (section 3.2).
#[must_use]
pub fn connack(code: u8) -> [u8; 4] {
    [(PacketType::ConnAck as u8) << 4, 2, 0, code]
}

/// A PUBACK (section 3.4).
#[must_use]
pub fn puback(id: u16) -> [u8; 4] {
    numbered(PacketType::PubAck, id)
}

/// A PUBCOMP (section 3.7), which answers PUBREL.
#[must_use]
pub fn pubcomp(id: u16) -> [u8; 4] {
    numbered(PacketType::PubComp, id)
}

/// What the receiver of a PUBLISH answers: a PUBACK or PUBREC, or nothing at QoS 0 (section 4.3).
#[must_use]
pub fn acknowledgement(delivery: Delivery) -> Option<[u8; 4]> {
    match delivery {
        Delivery::AtMostOnce => None,
        Delivery::AtLeastOnce { id } => Some(puback(id)),
        Delivery::ExactlyOnce { id } => Some(numbered(PacketType::PubRec, id)),
    }
}

/// A packet that has nothing but its packet identifier.
fn numbered(packet_type: PacketType, id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [(packet_type as u8) << 4, 2, high, low]
}

/// Whether a topic filter matches a topic (section 4.7).
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some(wanted), Some(level)) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
}

/// Where the pieces of a packet go.
type Put<'p> = dyn FnMut(&[u8]) + 'p;

/// Writes a packet whose `fields` are the same at each call: they are counted first.
fn write(
    packet_type: PacketType,
    flags: u8,
    mut append: impl FnMut(&[u8]),
    fields: impl Fn(&mut Put<'_>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    let mut remaining = 0;
    fields(&mut |bytes| remaining += bytes.len())?;
    if remaining > MAX_REMAINING {
        return Err(TooLong);
    }
    append(&[(packet_type as u8) << 4 | flags]);
    loop {
        let [low, ..] = remaining.to_le_bytes();
        remaining >>= 7;
        append(&[low & 0x7F | if remaining > 0 { 0x80 } else { 0 }]);
        if remaining == 0 {
            return fields(&mut append);
        }
    }
}

/// A string or binary data, with its length before it (section 1.5.3).
fn put_bytes(put: &mut Put<'_>, bytes: &[u8]) -> Result<(), TooLong> {
    let length = u16::try_from(bytes.len()).map_err(|_| TooLong)?;
    put(&length.to_be_bytes());
    put(bytes);
    Ok(())
}

/// The fields of a packet that are still to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::FieldBeyondEnd)?;
        self.0 = rest;
        Ok(taken)
    }

    fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(Malformed::FieldBeyondEnd)
    }

    fn short(&mut self) -> Result<u16, Malformed> {
        let bytes = self.take(2)?.first_chunk::<2>().ok_or(Malformed::FieldBeyondEnd)?;
        Ok(u16::from_be_bytes(*bytes))
    }

    /// A packet identifier of the sender's own choice.
    fn id(&mut self) -> Result<u16, Malformed> {
        match self.short()? {
            0 => Err(Malformed::PacketId),
            id => Ok(id),
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        utf8(self.bytes()?)
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    core::str::from_utf8(bytes)
        .map_err(|error| error.error_len().map_or(Malformed::CutCharacter, |_| Malformed::NotUtf8))
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Malformed::UnknownType(first) => {
                return write!(f, "no packet of MQTT begins with the byte 0x{first:02X}");
            }
            Malformed::Flags(first) => {
                return write!(f, "no packet of MQTT begins with the byte 0x{first:02X}: wrong flags");
            }
            Malformed::Version(5) => "a CONNECT of MQTT 5, not of MQTT 3.1.1",
            Malformed::Version(version) => {
                return write!(f, "a CONNECT with the protocol level {version}; MQTT 3.1.1 has 4");
            }
            Malformed::Misplaced(packet) => {
                return write!(f, "a {} does not belong here", packet.name());
            }
            Malformed::RemainingLength => "a remaining length of more than four bytes",
            Malformed::FieldBeyondEnd => "a field goes on beyond the end of its packet",
            Malformed::BytesAfterEnd => "a packet goes on after its last field",
            Malformed::NotUtf8 => "a text is not UTF-8",
            Malformed::CutCharacter => "a text ends within a character",
            Malformed::ProtocolName => "a CONNECT of another protocol than MQTT",
            Malformed::Mqtt31 => "a CONNECT of MQTT 3.1 (MQIsdp), not of MQTT 3.1.1",
            Malformed::ConnectFlags => "a CONNECT whose flags contradict each other",
            Malformed::Qos => "a QoS of 3; the highest is 2",
            Malformed::WildcardTopic => "a PUBLISH to a topic with + or #",
            Malformed::EmptyTopic => "a PUBLISH without a topic",
            Malformed::PacketId => "a packet identifier of 0",
            Malformed::NoFilter => "a SUBSCRIBE or UNSUBSCRIBE without a topic filter",
        };
        f.write_str(text)
    }
}

impl Error for Malformed {}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text of more than 65,535 bytes, or a packet of more than 256 MiB")
    }
}

impl Error for TooLong {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use super::*;

    fn whole(bytes: &[u8]) -> Result<Packet<'_>, Malformed> {
        let (packet, total) = Packet::read(bytes)?.expect("a whole packet");
        assert_eq!(total, bytes.len());
        Ok(packet)
    }

    fn encoded(encode: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), TooLong>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut |piece| bytes.extend_from_slice(piece)).unwrap();
        bytes
    }

    #[test]
    fn a_connect_is_read_and_written_with_its_will_and_login() {
        let bytes =
            b"\x10\x24\x00\x04MQTT\x04\xee\x00\x05\x00\x02id\x00\x01w\x00\x03bye\x00\x04king\x00\x06arthur";
        let connect = Connect {
            client_id: "id",
            clean_session: true,
            keep_alive_s: 5,
            will: Some(Will { topic: "w", payload: b"bye", qos: 1, retain: true }),
            login: Some(("king", Some(b"arthur"))),
        };
        assert_eq!(whole(bytes), Ok(Packet::Connect(connect)));
        assert_eq!(encoded(|put| connect.encode(put)), bytes);
        let bare = Connect { client_id: "", clean_session: false, will: None, login: None, ..connect };
        assert_eq!(encoded(|put| bare.encode(put)), b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x05\x00\x00");
        let token = Connect { login: Some(("token", None)), ..bare };
        assert_eq!(whole(&encoded(|put| token.encode(put))), Ok(Packet::Connect(token)));
    }

    #[test]
    fn a_publish_is_read_back_whatever_its_length_and_qos() {
        let deliveries =
            [Delivery::AtMostOnce, Delivery::AtLeastOnce { id: 9 }, Delivery::ExactlyOnce { id: 65_535 }];
        for (delivery, length) in deliveries.into_iter().flat_map(|delivery| {
            // Around each step of the remaining length from one byte to four.
            [0, 122, 127, 128, 16_376, 16_384, 2_097_152].map(|length| (delivery, length))
        }) {
            let payload = vec![7; length];
            let publish =
                Publish { topic: "a/b", payload: &payload, delivery, retain: length % 2 == 0, dup: true };
            assert_eq!(whole(&encoded(|put| publish.encode(put))), Ok(Packet::Publish(publish)));
        }
        let publish =
            Publish { topic: "a", payload: b"hi", delivery: deliveries[1], retain: true, dup: false };
        assert_eq!(encoded(|put| publish.encode(put)), b"\x33\x07\x00\x01a\x00\x09hi");
    }

    #[test]
    fn a_subscribe_has_its_filters_and_a_suback_its_codes() {
        let bytes = b"\x82\x10\x00\x01\x00\x07x/state\x01\x00\x01y\x00";
        let filters = [("x/state", 1), ("y", 0)];
        assert_eq!(encoded(|put| subscribe(1, filters.into_iter(), put)), bytes);
        let Ok(Packet::Subscribe { id: 1, filters: read }) = whole(bytes) else { panic!() };
        assert_eq!(read.collect::<Vec<_>>(), filters);
        let Ok(Packet::Unsubscribe { id: 2, filters: read }) = whole(b"\xa2\x08\x00\x02\x00\x01a\x00\x01b")
        else {
            panic!()
        };
        assert_eq!(read.collect::<Vec<_>>(), [("a", 0), ("b", 0)]);
        let bytes = encoded(|put| suback(7, &[1, SUBSCRIPTION_REFUSED], put));
        assert_eq!(bytes, [0x90, 4, 0, 7, 1, 0x80]);
        assert_eq!(whole(&bytes), Ok(Packet::SubAck { id: 7, codes: &[1, 0x80] }));
    }

    #[test]
    fn short_packets_are_read_as_they_are_written() {
        assert_eq!(whole(&connack(5)), Ok(Packet::ConnAck { session_present: false, code: 5 }));
        assert_eq!(whole(&puback(258)), Ok(Packet::PubAck { id: 258 }));
        assert_eq!(whole(&[0x62, 2, 0, 1]), Ok(Packet::Qos2(PacketType::PubRel, 1)));
        assert_eq!(whole(&[0xB0, 2, 0, 1]), Ok(Packet::UnsubAck { id: 1 }));
        assert_eq!(whole(&PINGREQ), Ok(Packet::PingReq));
        assert_eq!(whole(&PINGRESP), Ok(Packet::PingResp));
        assert_eq!(whole(&DISCONNECT), Ok(Packet::Disconnect));
    }

    #[test]
    fn a_packet_that_is_not_whole_waits() {
        let packet = b"\x32\x07\x00\x01t\x00\x07hi";
        for length in 0..packet.len() {
            assert_eq!(Packet::read(&packet[..length]), Ok(None), "{length}");
        }
        // The head is there before the payload, and not before the number to acknowledge.
        assert_eq!(PublishHead::read(&packet[..6]), Ok(None));
        let head = PublishHead { topic: 4..5, delivery: Delivery::AtLeastOnce { id: 7 }, payload_at: 7 };
        assert_eq!(PublishHead::read(&packet[..7]), Ok(Some(head)));
        assert_eq!(Packet::read(&[0x30, 0x80]), Ok(None));
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        for (broken, why) in [
            (&b"\x00\x00"[..], Malformed::UnknownType(0)),
            (b"\xF0\x00", Malformed::UnknownType(0xF0)),
            (b"\x30\xFF\xFF\xFF\xFF\x01", Malformed::RemainingLength),
            (b"\x21\x02\x00\x00", Malformed::Flags(0x21)),
            (b"\x80\x06\x00\x01\x00\x01a\x01", Malformed::Flags(0x80)),
            (b"\x36\x05\x00\x01t\x00\x01", Malformed::Qos),
            (b"\x30\x01\x00", Malformed::FieldBeyondEnd),
            (b"\x30\x03\x00\x02t", Malformed::FieldBeyondEnd),
            (b"\x32\x03\x00\x01t", Malformed::FieldBeyondEnd),
            (b"\x30\x04\x00\x01\xFFx", Malformed::NotUtf8),
            // The two bytes of an ü, with the length of one.
            (b"\x30\x04\x00\x01\xC3\xBC", Malformed::CutCharacter),
            (b"\x30\x03\x00\x01+", Malformed::WildcardTopic),
            (b"\x30\x02\x00\x00", Malformed::EmptyTopic),
            (b"\x32\x05\x00\x01t\x00\x00", Malformed::PacketId),
            (b"\x82\x06\x00\x00\x00\x01a\x01", Malformed::PacketId),
            (b"\x40\x03\x00\x01\x00", Malformed::BytesAfterEnd),
            (b"\x40\x01\x00", Malformed::FieldBeyondEnd),
            (b"\x82\x02\x00\x01", Malformed::NoFilter),
            (b"\x82\x06\x00\x01\x00\x01a\x03", Malformed::Qos),
            (b"\x82\x05\x00\x01\x00\x01a", Malformed::FieldBeyondEnd),
            (b"\xC0\x01\x00", Malformed::BytesAfterEnd),
            // Another protocol, other versions, the reserved flag, a password without a user.
            (b"\x10\x0c\x00\x04MQTX\x04\x02\x00\x05\x00\x00", Malformed::ProtocolName),
            (b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x05\x00\x00", Malformed::Mqtt31),
            (b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x05\x00\x00", Malformed::Version(5)),
            (b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x05\x00\x00", Malformed::ConnectFlags),
            (b"\x10\x0e\x00\x04MQTT\x04\x42\x00\x05\x00\x00\x00\x00", Malformed::ConnectFlags),
        ] {
            assert_eq!(Packet::read(broken), Err(why), "{broken:x?}");
        }
    }

    #[test]
    fn what_mqtt_cannot_say_is_not_written() {
        let long = std::string::String::from_utf8(vec![b'x'; 65_536]).unwrap();
        let mut pieces = 0;
        let publish =
            Publish { topic: &long, payload: b"", delivery: Delivery::AtMostOnce, retain: false, dup: false };
        assert_eq!(publish.encode(|_| pieces += 1), Err(TooLong));
        assert_eq!(subscribe(1, [("a", 1), (&long, 1)].into_iter(), |_| pieces += 1), Err(TooLong));
        assert_eq!(pieces, 0);
    }

    #[test]
    fn filters_match_as_the_standard_has_it() {
        for (filter, topic) in
            [("a/b", "a/b"), ("a/+", "a/b"), ("a/#", "a/b/c"), ("a/#", "a"), ("+/+/c", "a/b/c"), ("#", "é/a")]
        {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in
            [("a/b", "a"), ("a", "a/b"), ("a/+", "a/b/c"), ("+", "a/b"), ("a/b", "a/bc"), ("#", "$SYS/a")]
        {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }
}
