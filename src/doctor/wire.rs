//! Packets out and in, and what came instead of one.
//!
//! Whatever the other end does, time and memory are bounded: long messages are passed over, what has to be
//! answered waits in a buffer of its own, and with too much of that nothing more is read.

use std::{io, time::Duration};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split},
    time::{Instant, sleep_until, timeout},
};
use traffic_light::mqtt::{
    Inbox, Incoming,
    codec::{DISCONNECT, FixedHeader, Packet, PacketType, TooLong},
};

use crate::tls::Failure;

/// A longer packet is passed over; a light's longest message is far shorter.
const INBOX_BYTES: usize = 4 * 1_024;
const READ_BYTES: usize = 16 * 1_024;
/// With more than this waiting for the other end, nothing is read from it.
const MAX_WAITING_BYTES: usize = 64 * 1_024;
/// An end that takes nothing for so long takes nothing at all.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// As much of a wrong answer as is looked at.
const SHOWN_BYTES: usize = 60;
/// What TLS sends to one who does not speak it: an alert, of version 1.x (RFC 8446, section 5.1).
const TLS_ALERT: [u8; 2] = [0x15, 0x03];
const HTTP: &[u8] = b"HTTP/";
/// With so many messages in the way the broker is not silent: it floods.
const FLOOD: u64 = 1_000;

/// A connection, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Speaks MQTT 3.1.1 on a connection, and answers what arrives as the protocol demands.
pub(super) struct Wire {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    /// Boxed, since futures hold it.
    inbox: Box<Inbox<INBOX_BYTES>>,
    /// Bytes that the inbox had no room for.
    unread: BytesMut,
    outbox: BytesMut,
    /// The packet that is being passed over, in bytes.
    passes_over: usize,
}

/// What came instead of a packet, or instead of the packet that was waited for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unexpected {
    /// Nothing, in the time that there was.
    Silence,
    /// So many messages that were not waited for, and no end of them in the time that there was.
    Flood { messages: u64 },
    /// A packet of so many bytes, the end of which did not come in the time that there was.
    Endless { bytes: usize },
    /// The end of the connection, by a reset or not.
    End { reset: bool },
    /// A CONNACK that refuses, with this code.
    Refused(u8),
    /// A web page; its first line.
    Http(String),
    /// TLS, on a connection that was to be plain.
    Tls,
    /// A TLS alert at the end of the connection.
    TlsAlert(Failure),
    /// Something else; how it begins.
    NotMqtt(String),
    /// The system's reason why the connection is over.
    Io(String),
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Wire {
        let (reader, writer) = split(stream);
        Wire {
            reader,
            writer,
            inbox: Box::default(),
            unread: BytesMut::new(),
            outbox: BytesMut::new(),
            passes_over: 0,
        }
    }

    /// Sends the packet that `encode` writes.
    pub(super) async fn send(
        &mut self,
        encode: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), TooLong>,
    ) -> Result<(), Unexpected> {
        encode(&mut |bytes| self.outbox.extend_from_slice(bytes))
            .map_err(|too_long| Unexpected::Io(too_long.to_string()))?;
        self.flush().await
    }

    /// Sends a packet.
    pub(super) async fn write(&mut self, packet: &[u8]) -> Result<(), Unexpected> {
        self.outbox.extend_from_slice(packet);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Unexpected> {
        let written = timeout(WRITE_LIMIT, async {
            self.writer.write_all_buf(&mut self.outbox).await?;
            self.writer.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Err(_) => Err(Unexpected::Silence),
            // What was sent before the end may tell why.
            Ok(Err(error)) => {
                self.outbox.clear();
                match self.receive(Duration::from_millis(200)).await {
                    Err(Unexpected::Silence) | Ok(_) => Err(ended(&error)),
                    Err(unexpected) => Err(unexpected),
                }
            }
        }
    }

    /// Says goodbye, and waits for a moment until the other end has let go: it has room for another one then.
    pub(super) async fn close(mut self) {
        if self.write(&DISCONNECT).await.is_ok() {
            let _ = self.until(CLOSE_LIMIT, |_| None::<()>).await;
        }
    }

    /// The next packet, for at most `limit`.
    pub(super) async fn receive(&mut self, limit: Duration) -> Result<Packet<'_>, Unexpected> {
        self.await_packet(Instant::now() + limit).await?;
        let outbox = &mut self.outbox;
        match self.inbox.next_packet(|answer| outbox.extend_from_slice(answer)) {
            Ok(Some(Incoming::Packet(packet))) => Ok(packet),
            // It was whole, and short enough.
            Ok(_) => Err(Unexpected::Silence),
            Err(malformed) => {
                Err(Unexpected::NotMqtt(format!("a packet of MQTT that is none ({malformed})")))
            }
        }
    }

    /// Waits until a packet is whole, passes over what is too long for one, and sends what has to be answered.
    async fn await_packet(&mut self, until: Instant) -> Result<(), Unexpected> {
        loop {
            let fed = self.inbox.feed(&self.unread);
            self.unread.advance(fed);
            let waiting = self.inbox.waiting();
            if let Some(other) = other_protocol(waiting) {
                return Err(other);
            }
            let header = match FixedHeader::read(waiting) {
                Err(_) if HTTP.starts_with(waiting) => None,
                Err(_) => return Err(Unexpected::NotMqtt(shown(waiting))),
                Ok(header) => header,
            };
            match header {
                Some(header) if header.total > INBOX_BYTES => {
                    if header.packet_type != PacketType::Publish {
                        return Err(Unexpected::NotMqtt(shown(waiting)));
                    }
                    let outbox = &mut self.outbox;
                    let passed = self.inbox.next_packet(|answer| outbox.extend_from_slice(answer));
                    if passed.is_err() {
                        return Err(Unexpected::NotMqtt("a message without a topic".to_owned()));
                    }
                    self.passes_over = header.total;
                }
                Some(header) if header.total <= waiting.len() => return Ok(()),
                _ => {}
            }
            if !self.unread.is_empty() && Instant::now() < until {
                continue;
            }
            if Instant::now() >= until {
                return Err(self.out_of_time());
            }
            self.unread.reserve(READ_BYTES);
            let writes = !self.outbox.is_empty();
            tokio::select! {
                written = self.writer.write(&self.outbox), if writes => match written {
                    Ok(count) => self.outbox.advance(count),
                    // The end of the connection tells why when it is read.
                    Err(_) => self.outbox.clear(),
                },
                read = self.reader.read_buf(&mut self.unread), if self.outbox.len() < MAX_WAITING_BYTES => match read {
                    Ok(0) if self.inbox.to_skip() == 0 && !self.inbox.waiting().is_empty() => {
                        return Err(Unexpected::NotMqtt(shown(self.inbox.waiting())));
                    }
                    Ok(0) => return Err(Unexpected::End { reset: false }),
                    Ok(_) => {}
                    Err(error) => return Err(ended(&error)),
                },
                () = sleep_until(until) => return Err(self.out_of_time()),
            }
        }
    }

    fn out_of_time(&self) -> Unexpected {
        if self.inbox.to_skip() > 0 {
            Unexpected::Endless { bytes: self.passes_over }
        } else {
            Unexpected::Silence
        }
    }

    /// Waits until a packet is as wanted; others are passed over.
    pub(super) async fn until<T>(
        &mut self,
        limit: Duration,
        mut wanted: impl FnMut(Packet<'_>) -> Option<T>,
    ) -> Result<T, Unexpected> {
        let until = Instant::now() + limit;
        let mut others = 0_u64;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() && others >= FLOOD {
                return Err(Unexpected::Flood { messages: others });
            }
            match self.receive(left).await {
                Ok(packet) => {
                    if let Some(found) = wanted(packet) {
                        return Ok(found);
                    }
                }
                Err(Unexpected::Silence) if others >= FLOOD => {
                    return Err(Unexpected::Flood { messages: others });
                }
                Err(unexpected) => return Err(unexpected),
            }
            others += 1;
            if left.is_zero() {
                return Err(Unexpected::Silence);
            }
        }
    }
}

fn ended(error: &io::Error) -> Unexpected {
    use io::ErrorKind;
    if let Some(failure) = Failure::of(error) {
        return Unexpected::TlsAlert(failure);
    }
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
            Unexpected::End { reset: true }
        }
        // TLS ended without its close_notify, which is how many brokers close.
        ErrorKind::UnexpectedEof => Unexpected::End { reset: false },
        _ => Unexpected::Io(error.to_string()),
    }
}

fn other_protocol(bytes: &[u8]) -> Option<Unexpected> {
    if bytes.starts_with(HTTP) {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        return Some(Unexpected::Http(shown(line)));
    }
    bytes.starts_with(&TLS_ALERT).then_some(Unexpected::Tls)
}

/// How an answer begins, made harmless for a terminal.
fn shown(bytes: &[u8]) -> String {
    let start = bytes.get(..SHOWN_BYTES).unwrap_or(bytes);
    let text = String::from_utf8_lossy(start);
    text.trim()
        .chars()
        .map(|c| if c.is_control() || c == char::REPLACEMENT_CHARACTER { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn messages_are_answered_as_their_qos_demands_however_long_they_are() {
        let (near, mut far) = tokio::io::duplex(100_000);
        let mut wire = Wire::new(Box::new(near));
        far.write_all(
            b"\x30\x04\x00\x01ax\x32\x06\x00\x01a\x12\x34x\x34\x06\x00\x01a\x12\x35x\x62\x02\x12\x35",
        )
        .await
        .unwrap();
        // A healthy broker may have kept a message that is of no use here: 20,005 bytes after the header.
        let mut long = b"\x32\xa5\x9c\x01\x00\x01a\x00\x09".to_vec();
        long.resize(4 + 20_005, b'x');
        far.write_all(&long).await.unwrap();
        far.write_all(b"\xd0\x00").await.unwrap();
        assert_eq!(wire.until(LIMIT, |packet| (packet == Packet::PingResp).then_some(())).await, Ok(()));
        wire.flush().await.unwrap();
        drop(wire);
        let mut answers = Vec::new();
        far.read_to_end(&mut answers).await.unwrap();
        assert_eq!(answers, b"\x40\x02\x12\x34\x50\x02\x12\x35\x70\x02\x12\x35\x40\x02\x00\x09");
    }

    #[tokio::test]
    async fn endless_messages_and_a_message_without_an_end_are_waited_for_no_longer_than_allowed() {
        let limit = Duration::from_millis(500);
        let (near, mut far) = tokio::io::duplex(65_536);
        let mut wire = Wire::new(Box::new(near));
        // It reads nothing of what it is answered.
        let flooding = tokio::spawn(async move {
            let messages = b"\x30\x04\x00\x01ax".repeat(1_000);
            while far.write_all(&messages).await.is_ok() {}
        });
        let came = wire.until(limit, |packet| (packet == Packet::PingResp).then_some(())).await;
        assert!(matches!(came, Err(Unexpected::Flood { messages: 1_000.. })), "{came:?}");
        drop(wire);
        flooding.await.unwrap();

        let (near, mut far) = tokio::io::duplex(65_536);
        let mut wire = Wire::new(Box::new(near));
        let flooding = tokio::spawn(async move {
            far.write_all(b"\x30\xff\xff\xff\x7f\x00\x01a").await.unwrap();
            for _ in 0..1_000 {
                far.write_all(&[b'x'; 10_000]).await.unwrap();
            }
            // The rest of its 256 MB does not come.
            far.read_to_end(&mut Vec::new()).await.unwrap();
        });
        let came = wire.receive(Duration::from_secs(3)).await;
        assert_eq!(came, Err(Unexpected::Endless { bytes: 268_435_460 }));
        assert!(wire.unread.capacity() <= 4 * READ_BYTES);
        drop(wire);
        flooding.await.unwrap();
    }
}
