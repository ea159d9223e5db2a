//! The receiving half of a connection: bytes in, packets out, and the answers that the protocol demands.
//!
//! Whoever speaks MQTT by hand reads through it, so that a message of any QoS and any length is answered by
//! whoever gets one: a broker stops sending to a client that does not acknowledge.

use heapless::Vec;

use super::codec::{FixedHeader, Malformed, Packet, PacketType, PublishHead, acknowledgement, pubcomp};

/// Bytes that arrived and are not yet taken. A packet of more than `N` is passed over.
#[derive(Clone, Debug)]
pub struct Inbox<const N: usize> {
    bytes: Vec<u8, N>,
    /// Bytes at the front that the last packet was made of.
    taken: usize,
    /// Bytes of a too long packet that are still to come.
    to_skip: usize,
}

/// What has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    Packet(Packet<'a>),
    /// A PUBLISH that is too long, of so many bytes. Most of it may still have to come.
    TooLong {
        /// As its header says.
        bytes: usize,
    },
}

impl<const N: usize> Inbox<N> {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Inbox<N> {
        Inbox { bytes: Vec::new(), taken: 0, to_skip: 0 }
    }

    /// How many bytes [`Inbox::feed`] would take now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.to_skip.saturating_add(N - self.bytes.len())
    }

    /// How many bytes of a too long packet are still to come.
    #[must_use]
    pub fn to_skip(&self) -> usize {
        self.to_skip
    }

    /// Takes bytes from the socket, and returns how many; the rest has to be given again after packets
    /// were taken.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let skipped = self.to_skip.min(bytes.len());
        self.to_skip -= skipped;
        let rest = bytes.get(skipped..).unwrap_or_default();
        let taken = rest.len().min(N - self.bytes.len());
        // It fits: that much room is there.
        let _ = self.bytes.extend_from_slice(rest.get(..taken).unwrap_or_default());
        skipped + taken
    }

    /// What has arrived of the next packets.
    pub fn waiting(&mut self) -> &[u8] {
        drop_front(&mut self.bytes, core::mem::take(&mut self.taken));
        &self.bytes
    }

    /// The next packet, if the bytes so far make one. What it has to be answered with goes to `answer`.
    ///
    /// # Errors
    /// When no packet begins like that, or one that is too long is none that can be passed over.
    pub fn next_packet(&mut self, mut answer: impl FnMut(&[u8])) -> Result<Option<Incoming<'_>>, Malformed> {
        let Some(header) = FixedHeader::read(self.waiting())? else { return Ok(None) };
        if header.total > N {
            let Some(head) = PublishHead::read(&self.bytes)? else {
                // A topic that does not fit is none that was subscribed to.
                return if self.bytes.is_full() { Err(Malformed::FieldBeyondEnd) } else { Ok(None) };
            };
            acknowledgement(head.delivery).iter().for_each(|bytes| answer(bytes));
            self.to_skip = header.total - self.bytes.len();
            self.bytes.clear();
            return Ok(Some(Incoming::TooLong { bytes: header.total }));
        }
        let Some((packet, total)) = Packet::read(&self.bytes)? else { return Ok(None) };
        self.taken = total;
        match packet {
            Packet::Publish(publish) => {
                acknowledgement(publish.delivery).iter().for_each(|bytes| answer(bytes));
            }
            Packet::Qos2(PacketType::PubRel, id) => answer(&pubcomp(id)),
            _ => {}
        }
        Ok(Some(Incoming::Packet(packet)))
    }
}

impl<const N: usize> Default for Inbox<N> {
    fn default() -> Inbox<N> {
        Inbox::new()
    }
}

pub(super) fn drop_front<const N: usize>(bytes: &mut Vec<u8, N>, count: usize) {
    let count = count.min(bytes.len());
    bytes.copy_within(count.., 0);
    bytes.truncate(bytes.len() - count);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    extern crate std;

    use std::{string::String, vec::Vec};

    use super::*;

    /// What arrives, and what is answered, when `bytes` come in pieces of `piece`.
    fn exchange(bytes: &[u8], piece: usize) -> (Vec<String>, Vec<u8>) {
        let mut inbox = Inbox::<16>::new();
        let (mut seen, mut answers) = (Vec::new(), Vec::new());
        for chunk in bytes.chunks(piece) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let fed = inbox.feed(rest);
                rest = &rest[fed..];
                while let Some(incoming) = inbox.next_packet(|put| answers.extend_from_slice(put)).unwrap() {
                    seen.push(match incoming {
                        Incoming::Packet(Packet::Publish(publish)) => publish.topic.into(),
                        Incoming::Packet(packet) => std::format!("{packet:?}"),
                        Incoming::TooLong { bytes } => std::format!("{bytes} bytes"),
                    });
                }
            }
        }
        (seen, answers)
    }

    #[test]
    fn each_message_is_answered_as_its_qos_demands_in_whatever_pieces_it_comes() {
        // QoS 0, 1 and 2, the release of the last one, and two that are too long.
        let mut bytes =
            b"\x30\x03\x00\x01a\x32\x05\x00\x01b\x12\x34\x34\x05\x00\x01c\x00\x07\x62\x02\x00\x07".to_vec();
        bytes.extend_from_slice(b"\x32\x20\x00\x01d\x00\x08");
        bytes.extend_from_slice(&[b'x'; 27]);
        bytes.extend_from_slice(b"\x34\x20\x00\x01e\x00\x09");
        bytes.extend_from_slice(&[b'x'; 27]);
        bytes.extend_from_slice(b"\xd0\x00");
        for piece in 1..bytes.len() {
            let (seen, answers) = exchange(&bytes, piece);
            assert_eq!(
                seen,
                ["a", "b", "c", "Qos2(PubRel, 7)", "34 bytes", "34 bytes", "PingResp"],
                "{piece}"
            );
            assert_eq!(
                answers,
                b"\x40\x02\x12\x34\x50\x02\x00\x07\x70\x02\x00\x07\x40\x02\x00\x08\x50\x02\x00\x09"
            );
        }
    }

    #[test]
    fn a_message_of_256_mb_is_answered_once_and_takes_no_room() {
        let mut inbox = Inbox::<64>::new();
        inbox.feed(b"\x32\xff\xff\xff\x7f\x00\x01a\x00\x01");
        let mut answers = Vec::new();
        let incoming = inbox.next_packet(|put| answers.extend_from_slice(put)).unwrap();
        assert_eq!(incoming, Some(Incoming::TooLong { bytes: 268_435_460 }));
        assert_eq!((answers.as_slice(), inbox.to_skip()), (&b"\x40\x02\x00\x01"[..], 268_435_450));
        assert_eq!(inbox.feed(&[0; 1_000]), 1_000);
        assert_eq!(inbox.next_packet(|_| unreachable!()), Ok(None));
    }

    #[test]
    fn what_is_no_packet_is_an_error() {
        let mut inbox = Inbox::<16>::new();
        inbox.feed(b"\xff\x00");
        assert_eq!(inbox.next_packet(|_| {}), Err(Malformed::UnknownType(0xFF)));
        let mut inbox = Inbox::<16>::new();
        inbox.feed(b"\x90\x7f");
        assert_eq!(inbox.next_packet(|_| {}), Err(Malformed::Misplaced(PacketType::SubAck)));
    }
}
