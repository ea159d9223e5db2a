//! Packets out and in, and what came instead of one.

use std::{io, time::Duration};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};
use traffic_light::mqtt::codec::{Delivery, FixedHeader, Packet, Publish, TooLong, puback};

use crate::tls::Failure;

/// More than a light's longest message, and little enough to keep.
const MAX_PACKET_BYTES: usize = 64 * 1_024;
/// As much of a wrong answer as is looked at.
const SHOWN_BYTES: usize = 60;
/// What TLS sends to one who does not speak it: an alert, of version 1.x (RFC 8446, section 5.1).
const TLS_ALERT: [u8; 2] = [0x15, 0x03];

/// A connection, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Speaks MQTT 3.1.1 on a connection, and acknowledges what arrives at QoS 1.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    /// Bytes at the front of `inbox` that the last packet was read from.
    taken: usize,
}

/// What came instead of a packet, or instead of the packet that was waited for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unexpected {
    /// Nothing, in the time that there was.
    Silence,
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
        Wire { stream, inbox: BytesMut::new(), taken: 0 }
    }

    /// Sends the packet that `encode` writes.
    pub(super) async fn send(
        &mut self,
        encode: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), TooLong>,
    ) -> Result<(), Unexpected> {
        let mut packet = Vec::new();
        encode(&mut |bytes| packet.extend_from_slice(bytes))
            .map_err(|too_long| Unexpected::Io(too_long.to_string()))?;
        match self.write(&packet).await {
            Ok(()) => Ok(()),
            // What was sent before the end may tell why.
            Err(error) => match self.receive(Duration::from_millis(200)).await {
                Err(Unexpected::Silence) | Ok(_) => Err(ended(&error)),
                Err(unexpected) => Err(unexpected),
            },
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next packet, for at most `limit`.
    pub(super) async fn receive(&mut self, limit: Duration) -> Result<Packet<'_>, Unexpected> {
        self.inbox.advance(std::mem::take(&mut self.taken));
        self.taken = self.read_packet(limit).await?;
        let Ok(Some((packet, _))) = Packet::read(&self.inbox) else {
            return Err(Unexpected::NotMqtt(shown(&self.inbox)));
        };
        if let Packet::Publish(Publish { delivery: Delivery::AtLeastOnce { id }, .. }) = packet {
            // A connection that takes no acknowledgement is over: the next packet will not come.
            let _ = self.stream.write_all(&puback(id)).await;
            let _ = self.stream.flush().await;
        }
        Ok(packet)
    }

    /// Waits until the packet at the front of the inbox is whole, and returns its length.
    async fn read_packet(&mut self, limit: Duration) -> Result<usize, Unexpected> {
        let until = Instant::now() + limit;
        loop {
            if self.inbox.has_remaining() {
                if let Some(other) = other_protocol(&self.inbox) {
                    return Err(other);
                }
                match FixedHeader::read(&self.inbox) {
                    Ok(Some(header)) if header.total <= self.inbox.len() => return Ok(header.total),
                    Ok(header) if header.is_none_or(|header| header.total <= MAX_PACKET_BYTES) => {}
                    _ => return Err(Unexpected::NotMqtt(shown(&self.inbox))),
                }
            }
            match timeout_at(until, self.stream.read_buf(&mut self.inbox)).await {
                Err(_) => return Err(Unexpected::Silence),
                Ok(Ok(0)) if self.inbox.has_remaining() => {
                    return Err(Unexpected::NotMqtt(shown(&self.inbox)));
                }
                Ok(Ok(0)) => return Err(Unexpected::End { reset: false }),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(ended(&error)),
            }
        }
    }

    /// Waits until a packet is as wanted; others are passed over.
    pub(super) async fn until<T>(
        &mut self,
        limit: Duration,
        mut wanted: impl FnMut(Packet<'_>) -> Option<T>,
    ) -> Result<T, Unexpected> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Some(found) = wanted(self.receive(left).await?) {
                return Ok(found);
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
    if bytes.starts_with(b"HTTP/") {
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

    #[tokio::test]
    async fn a_message_of_qos_1_is_acknowledged_once_and_one_of_qos_0_is_not() {
        let (near, mut far) = tokio::io::duplex(1_024);
        let mut wire = Wire::new(Box::new(near));
        far.write_all(b"\x30\x04\x00\x01ax\x32\x06\x00\x01a\x12\x34x\xd0\x00").await.unwrap();
        let limit = Duration::from_secs(20);
        assert_eq!(wire.until(limit, |packet| (packet == Packet::PingResp).then_some(())).await, Ok(()));
        drop(wire);
        let mut answers = Vec::new();
        far.read_to_end(&mut answers).await.unwrap();
        assert_eq!(answers, b"\x40\x02\x12\x34");
    }
}
