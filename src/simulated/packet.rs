//! The packets of MQTT 3.1.1 that a light and its broker exchange, as the broker reads and writes
//! them: without allocation, since a simulated week has hundreds of millions. Section numbers are
//! those of the OASIS standard.

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Connect(Connect<'a>),
    Publish {
        topic: &'a str,
        payload: &'a [u8],
        id: Option<u16>,
        retain: bool,
    },
    PubAck,
    /// The identifier, and the list of filters as it stands in the packet.
    Subscribe {
        id: u16,
        filters: &'a [u8],
    },
    Ping,
    Disconnect,
}

/// Section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connect<'a> {
    pub(super) client_id: &'a str,
    pub(super) keep_alive_s: u16,
    pub(super) will: Option<Will<'a>>,
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a [u8]>,
}

/// Section 3.1.2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Will<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) retain: bool,
}

/// It is no packet that a client may send here: QoS 2, another protocol, or noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// How long the packet is that `bytes` begin with; `None` where too little of it is there.
pub(super) fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let mut remaining = 0;
    for (index, byte) in bytes.iter().skip(1).enumerate() {
        if index == 4 {
            return Err(Malformed);
        }
        remaining |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let head = index + 2;
            return Ok((bytes.len() >= head + remaining).then_some((head, head + remaining)));
        }
    }
    Ok(None)
}

/// Reads one whole packet, whose fixed header has `head` bytes.
pub(super) fn read(packet: &[u8], head: usize) -> Result<Packet<'_>, Malformed> {
    let first = *packet.first().ok_or(Malformed)?;
    let mut body = Reader(packet.get(head..).ok_or(Malformed)?);
    match first >> 4 {
        1 => connect(&mut body).map(Packet::Connect),
        3 => {
            let topic = body.text()?;
            let id = match (first >> 1) & 3 {
                0 => None,
                1 => Some(body.short()?),
                _ => return Err(Malformed),
            };
            Ok(Packet::Publish { topic, payload: body.0, id, retain: first & 1 == 1 })
        }
        4 => Ok(Packet::PubAck),
        8 => Ok(Packet::Subscribe { id: body.short()?, filters: body.0 }),
        12 => Ok(Packet::Ping),
        14 => Ok(Packet::Disconnect),
        _ => Err(Malformed),
    }
}

fn connect<'a>(body: &mut Reader<'a>) -> Result<Connect<'a>, Malformed> {
    if body.text()? != "MQTT" || body.byte()? != 4 {
        return Err(Malformed);
    }
    let flags = body.byte()?;
    let keep_alive_s = body.short()?;
    let client_id = body.text()?;
    let will = match flags & 4 {
        0 => None,
        _ => Some(Will { topic: body.text()?, payload: body.bytes()?, retain: flags & 0x20 != 0 }),
    };
    let user = if flags & 0x80 == 0 { None } else { Some(body.text()?) };
    let password = if flags & 0x40 == 0 { None } else { Some(body.bytes()?) };
    Ok(Connect { client_id, keep_alive_s, will, user, password })
}

/// The filters of a SUBSCRIBE, each with the QoS asked for.
pub(super) fn filters(list: &[u8]) -> impl Iterator<Item = Result<(&str, u8), Malformed>> {
    let mut rest = Reader(list);
    std::iter::from_fn(move || {
        if rest.0.is_empty() {
            return None;
        }
        let filter = rest.text().and_then(|filter| Ok((filter, rest.byte()?)));
        if filter.is_err() {
            rest.0 = &[];
        }
        Some(filter)
    })
}

/// Writes a PUBLISH (section 3.3) into `into`, which it clears.
pub(super) fn publish(into: &mut Vec<u8>, topic: &str, payload: &[u8], id: Option<u16>, retain: bool) {
    into.clear();
    let body = 2 + topic.len() + payload.len() + if id.is_some() { 2 } else { 0 };
    into.push(0x30 | u8::from(retain) | if id.is_some() { 2 } else { 0 });
    let mut left = body;
    loop {
        let low = u8::try_from(left & 0x7F).unwrap_or_default();
        left >>= 7;
        into.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    into.extend_from_slice(&u16::try_from(topic.len()).unwrap_or(u16::MAX).to_be_bytes());
    into.extend_from_slice(topic.as_bytes());
    if let Some(id) = id {
        into.extend_from_slice(&id.to_be_bytes());
    }
    into.extend_from_slice(payload);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(Malformed)
    }

    fn short(&mut self) -> Result<u16, Malformed> {
        self.take(2)?.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes)).ok_or(Malformed)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<Packet<'_>, Malformed> {
        let (head, total) = length(bytes)?.ok_or(Malformed)?;
        read(&bytes[..total], head)
    }

    #[test]
    fn a_hello_is_read_with_its_will_and_login() {
        let hello =
            b"\x10\x24\x00\x04MQTT\x04\xee\x00\x05\x00\x02id\x00\x01w\x00\x03bye\x00\x04king\x00\x06arthur";
        let Ok(Packet::Connect(connect)) = whole(hello) else { panic!("{:?}", whole(hello)) };
        assert_eq!((connect.client_id, connect.keep_alive_s), ("id", 5));
        assert_eq!(connect.will, Some(Will { topic: "w", payload: b"bye", retain: true }));
        assert_eq!((connect.user, connect.password), (Some("king"), Some(&b"arthur"[..])));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut bytes = Vec::new();
        for (payload, id) in [(vec![], None), (vec![7; 300], Some(9)), (vec![1; 20_000], Some(65_535))] {
            publish(&mut bytes, "a/b", &payload, id, true);
            let expected = Packet::Publish { topic: "a/b", payload: &payload, id, retain: true };
            assert_eq!(whole(&bytes), Ok(expected));
        }
    }

    #[test]
    fn a_packet_that_has_not_come_whole_waits_and_noise_is_refused() {
        assert_eq!(length(&[0x30]), Ok(None));
        assert_eq!(length(&[0x30, 0x80]), Ok(None));
        assert_eq!(length(&[0x30, 3, 0]), Ok(None));
        assert_eq!(length(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1]), Err(Malformed));
        assert_eq!(whole(&[0x34, 5, 0, 1, b't', 0, 1]), Err(Malformed), "QoS 2");
        assert_eq!(whole(&[0x10, 6, 0, 4, b'M', b'Q', b'T', b'X']), Err(Malformed));
        assert_eq!(filters(&[0, 1, b'a', 1, 0]).last(), Some(Err(Malformed)));
    }
}
