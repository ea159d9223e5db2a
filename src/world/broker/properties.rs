//! The properties of MQTT 5's packets, byte by byte, for what the broker crate adds to them.

use traffic_light::mqtt::codec::RemainingLength;

/// The key of user properties that `mqtt5` 0.49.0 adds to every PUBLISH (`handle_publish` in
/// `client_handler/publish.rs`): it tells all subscribers the sender's client id and user.
const ADDED: [&[u8]; 2] = [b"x-mqtt-client-id", b"x-mqtt-sender"];
const USER_PROPERTY: u8 = 0x26;
const TOPIC_ALIAS: u8 = 0x23;

/// Reads a variable byte integer (section 1.5.5), and how many bytes it has.
pub(super) fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = RemainingLength::default();
    for (digits, byte) in (1..).zip(bytes) {
        if let Some(value) = length.push(*byte).ok()? {
            return Some((value, digits));
        }
    }
    None
}

/// Appends a variable byte integer.
pub(super) fn put_length(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let digit = u8::try_from(value % 128).unwrap_or(0);
        value /= 128;
        if value == 0 {
            return bytes.push(digit);
        }
        bytes.push(digit | 0x80);
    }
}

/// The properties of a packet: identifier and value, without the identifier.
pub(super) struct Properties<'a> {
    rest: &'a [u8],
}

impl<'a> Properties<'a> {
    /// From what begins with their length; whatever follows them is left alone.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Properties<'a>> {
        let (length, digits) = length(bytes)?;
        Some(Properties { rest: bytes.get(digits..digits + length)? })
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = (u8, &'a [u8]);

    /// Ends at the first one that is not understood.
    fn next(&mut self) -> Option<Self::Item> {
        let (id, rest) = self.rest.split_first()?;
        let size = match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
            0x13 | 0x21..=0x23 => 2,
            0x02 | 0x11 | 0x18 | 0x27 => 4,
            0x0B => length(rest)?.1,
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => string(rest)?,
            &USER_PROPERTY => {
                let key = string(rest)?;
                key + string(rest.get(key..)?)?
            }
            _ => return None,
        };
        let value = rest.get(..size)?;
        self.rest = rest.get(size..)?;
        Some((*id, value))
    }
}

/// Bytes of a string with its length.
fn string(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk::<2>()?;
    Some(2 + usize::from(u16::from_be_bytes(*length)))
}

/// The alias in a PUBLISH's properties.
pub(super) fn topic_alias(properties: &[u8]) -> Option<u16> {
    Properties::read(properties)?.find_map(|(id, value)| match (id, value) {
        (TOPIC_ALIAS, &[high, low]) => Some(u16::from_be_bytes([high, low])),
        _ => None,
    })
}

/// A PUBLISH of MQTT 5 without what the crate has added; `None`: there is nothing to take away.
/// `header` is the length of its fixed header, `at` where its properties begin.
pub(super) fn without_added(packet: &[u8], header: usize, at: usize) -> Option<Vec<u8>> {
    let (old, digits) = length(packet.get(at..)?)?;
    let payload = packet.get(at + digits + old..)?;
    let mut kept = Vec::with_capacity(old);
    for (id, value) in Properties::read(packet.get(at..)?)? {
        let added = id == USER_PROPERTY && key(value).is_some_and(|key| ADDED.contains(&key));
        if !added {
            kept.push(id);
            kept.extend_from_slice(value);
        }
    }
    if kept.len() == old {
        return None;
    }
    let mut body = packet.get(header..at)?.to_vec();
    put_length(&mut body, kept.len());
    body.extend_from_slice(&kept);
    let mut whole = Vec::with_capacity(packet.len());
    whole.push(*packet.first()?);
    put_length(&mut whole, body.len() + payload.len());
    whole.extend_from_slice(&body);
    whole.extend_from_slice(payload);
    Some(whole)
}

fn key(pair: &[u8]) -> Option<&[u8]> {
    pair.get(2..string(pair)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut pair = vec![USER_PROPERTY];
        for text in [key, value] {
            pair.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            pair.extend(text);
        }
        pair
    }

    fn publish(properties: &[u8]) -> Vec<u8> {
        let mut body = b"\x00\x01t".to_vec();
        put_length(&mut body, properties.len());
        body.extend(properties);
        body.extend(b"payload");
        let mut packet = vec![0x30];
        put_length(&mut packet, body.len());
        packet.extend(body);
        packet
    }

    #[test]
    fn what_the_crate_adds_goes_and_the_senders_own_properties_stay_in_order() {
        let own = [&[0x01, 1][..], &pair(b"k", b"v"), &[0x23, 0, 7], &pair(b"k", b"w")].concat();
        let added =
            [&own[..], &pair(b"x-mqtt-sender", b"king"), &pair(b"x-mqtt-client-id", &[b'c'; 90])].concat();
        let packet = publish(&added);
        // More than 127 bytes: two digits each, before; one each, after.
        assert_eq!(without_added(&packet, 3, 6), Some(publish(&own)));
        assert_eq!(without_added(&publish(&own), 2, 5), None);
        assert_eq!(without_added(&publish(&[]), 2, 5), None);
        assert_eq!(topic_alias(&publish(&own)[5..]), Some(7));
    }

    #[test]
    fn lengths_are_read_as_they_are_written() {
        for value in [0, 127, 128, 16_383, 16_384, 268_435_455] {
            let mut bytes = Vec::new();
            put_length(&mut bytes, value);
            assert_eq!(length(&bytes), Some((value, bytes.len())));
        }
        assert_eq!(length(&[0x80, 0x80, 0x80, 0x80, 1]), None);
    }
}
