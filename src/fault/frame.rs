//! Where the packets of an MQTT stream begin and end (MQTT 3.1.1, section 2.2).
//!
//! It follows the stream from its first byte, so that packets can be told apart at any later
//! moment. It holds bytes back only while somebody wants whole packets.

use traffic_light::mqtt::codec::{Packet, PacketType, PublishHead, RemainingLength};

/// A longer packet passes in pieces, as if nobody wanted it whole.
const LONGEST_WHOLE: usize = 256 * 1024;

/// A part of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A whole packet.
    Packet(Vec<u8>),
    /// Bytes that nobody looks into.
    Raw(Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// Between two packets.
    Boundary,
    /// Within the remaining length.
    Length(RemainingLength),
    /// So many bytes of the packet are still to come.
    Body { left: usize },
    /// It is no MQTT; all of it is passed on.
    Opaque,
}

/// Follows one direction of one connection.
#[derive(Debug)]
pub(super) struct Framer {
    at: At,
    /// Nothing has come yet.
    fresh: bool,
    /// The present packet, as far as it is held back.
    held: Vec<u8>,
    /// The present packet is held back.
    holding: bool,
}

impl Framer {
    pub(super) fn new() -> Framer {
        Framer { at: At::Boundary, fresh: true, held: Vec::new(), holding: false }
    }

    /// In the middle of a stream of MQTT, between two packets.
    pub(super) fn at_boundary() -> Framer {
        Framer { fresh: false, ..Framer::new() }
    }

    /// Whether it is between two packets.
    pub(super) fn is_at_boundary(&self) -> bool {
        matches!(self.at, At::Boundary)
    }

    /// Takes the next bytes in; `whole` asks for whole packets from the next boundary on.
    pub(super) fn feed(&mut self, bytes: &[u8], whole: bool, mut out: impl FnMut(Unit)) {
        if self.holding && !whole {
            self.holding = false;
            out(Unit::Raw(std::mem::take(&mut self.held)));
        }
        let mut rest = bytes;
        let mut raw = Vec::new();
        while !rest.is_empty() {
            if matches!(self.at, At::Boundary) && whole {
                self.holding = true;
            }
            let taken = self.advance(rest);
            let (now, later) = rest.split_at(taken);
            rest = later;
            if self.holding {
                self.held.extend_from_slice(now);
            } else {
                raw.extend_from_slice(now);
                if !whole {
                    continue;
                }
            }
            if !raw.is_empty() {
                out(Unit::Raw(std::mem::take(&mut raw)));
            }
            let complete = matches!(self.at, At::Boundary);
            let too_long = matches!(self.at, At::Body { left } if left + self.held.len() > LONGEST_WHOLE);
            if self.holding && complete {
                out(Unit::Packet(std::mem::take(&mut self.held)));
            } else if self.holding && (too_long || matches!(self.at, At::Opaque)) {
                self.holding = false;
                out(Unit::Raw(std::mem::take(&mut self.held)));
            }
        }
        if !raw.is_empty() {
            out(Unit::Raw(raw));
        }
    }

    /// Goes on by one part of a packet; returns its bytes, at least one.
    fn advance(&mut self, bytes: &[u8]) -> usize {
        let Some(first) = bytes.first().copied() else { return 0 };
        match self.at {
            At::Opaque => bytes.len(),
            At::Boundary => {
                // The first packet says whether this is MQTT at all.
                let known = !self.fresh
                    || matches!(PacketType::of(first), Ok((PacketType::Connect | PacketType::ConnAck, _)));
                self.fresh = false;
                self.at = if known { At::Length(RemainingLength::default()) } else { At::Opaque };
                1
            }
            At::Length(mut length) => {
                self.at = match length.push(first) {
                    Ok(None) => At::Length(length),
                    Ok(Some(0)) => At::Boundary,
                    Ok(Some(left)) => At::Body { left },
                    Err(_) => At::Opaque,
                };
                1
            }
            At::Body { left } => {
                let taken = left.min(bytes.len());
                self.at = if taken == left { At::Boundary } else { At::Body { left: left - taken } };
                taken
            }
        }
    }
}

/// Whether a whole packet is a PUBLISH; and of one at QoS 1 or 2, its packet identifier.
pub(super) fn publish_id(packet: &[u8]) -> Option<Option<u16>> {
    Some(PublishHead::read(packet).ok()??.delivery.id())
}

/// Of a whole PUBACK, the packet identifier.
pub(super) fn puback_id(packet: &[u8]) -> Option<u16> {
    match Packet::read(packet) {
        Ok(Some((Packet::PubAck { id }, _))) => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNACK_PACKET: [u8; 4] = [0x20, 2, 0, 0];
    /// QoS 1, topic "t", identifier 7, payload "hi".
    const PUBLISH_PACKET: [u8; 9] = [0x32, 7, 0, 1, b't', 0, 7, b'h', b'i'];

    fn feed(framer: &mut Framer, bytes: &[u8], whole: bool) -> Vec<Unit> {
        let mut units = Vec::new();
        framer.feed(bytes, whole, |unit| units.push(unit));
        units
    }

    #[test]
    fn packets_come_whole_however_the_stream_is_cut() {
        let stream = [&CONNACK_PACKET[..], &PUBLISH_PACKET, &[0xD0, 0], &PUBLISH_PACKET].concat();
        for size in 1..stream.len() {
            let mut framer = Framer::new();
            let units: Vec<_> =
                stream.chunks(size).flat_map(|chunk| feed(&mut framer, chunk, true)).collect();
            let packets = [&CONNACK_PACKET[..], &PUBLISH_PACKET, &[0xD0, 0], &PUBLISH_PACKET];
            assert_eq!(units, packets.map(|packet| Unit::Packet(packet.to_vec())), "chunks of {size}");
        }
    }

    #[test]
    fn nothing_is_held_back_while_nobody_wants_packets_and_the_switch_waits_for_a_boundary() {
        let mut framer = Framer::new();
        assert_eq!(feed(&mut framer, &CONNACK_PACKET, false), [Unit::Raw(CONNACK_PACKET.to_vec())]);
        assert_eq!(feed(&mut framer, &PUBLISH_PACKET[..3], false), [Unit::Raw(PUBLISH_PACKET[..3].to_vec())]);
        let rest = [&PUBLISH_PACKET[3..], &PUBLISH_PACKET[..5]].concat();
        assert_eq!(feed(&mut framer, &rest, true), [Unit::Raw(PUBLISH_PACKET[3..].to_vec())]);
        assert_eq!(feed(&mut framer, &PUBLISH_PACKET[5..], true), [Unit::Packet(PUBLISH_PACKET.to_vec())]);
        assert_eq!(feed(&mut framer, &PUBLISH_PACKET[..5], true), []);
        let back = [Unit::Raw(PUBLISH_PACKET[..5].to_vec()), Unit::Raw(PUBLISH_PACKET[5..].to_vec())];
        assert_eq!(feed(&mut framer, &PUBLISH_PACKET[5..], false), back);
    }

    #[test]
    fn what_is_no_mqtt_and_what_is_too_long_passes_untouched() {
        let mut framer = Framer::new();
        let tls = [0x16, 3, 1, 0, 5, 1, 2, 3];
        let seen: Vec<u8> = feed(&mut framer, &tls, true).into_iter().flat_map(bytes_of).collect();
        assert_eq!(seen, tls);
        assert_eq!(feed(&mut framer, &tls, true), [Unit::Raw(tls.to_vec())]);

        let mut framer = Framer::new();
        let mut long = vec![0x30, 0x80, 0x80, 0x40];
        long.resize(4 + (1 << 20), 0);
        let stream = [&CONNACK_PACKET[..], &long, &PUBLISH_PACKET].concat();
        let units: Vec<_> = stream.chunks(1_000).flat_map(|chunk| feed(&mut framer, chunk, true)).collect();
        assert_eq!(units.last(), Some(&Unit::Packet(PUBLISH_PACKET.to_vec())));
        assert_eq!(units.into_iter().flat_map(bytes_of).collect::<Vec<_>>(), stream);
    }

    fn bytes_of(unit: Unit) -> Vec<u8> {
        match unit {
            Unit::Packet(bytes) | Unit::Raw(bytes) => bytes,
        }
    }

    #[test]
    fn identifiers_are_read_and_broken_packets_have_none() {
        assert_eq!(publish_id(&PUBLISH_PACKET), Some(Some(7)));
        assert_eq!(publish_id(&[0x30, 3, 0, 1, b't']), Some(None));
        assert_eq!(publish_id(&CONNACK_PACKET), None);
        assert_eq!(publish_id(&[0x32, 2, 0, 9]), None);
        assert_eq!(publish_id(&[]), None);
        assert_eq!(puback_id(&[0x40, 2, 1, 2]), Some(258));
        assert_eq!(puback_id(&[0x40, 2, 1]), None);
        assert_eq!(puback_id(&PUBLISH_PACKET), None);
    }
}
