//! Packets out and in, and what came instead of one.

use std::{io, time::Duration};

use bytes::{Buf, BytesMut};
use rumqttc::{
    Packet,
    mqttbytes::{Error, v4},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use crate::tls::Failure;

/// More than a light's longest message, and little enough to keep.
const MOST_BYTES: usize = 64 * 1_024;
/// As much of a wrong answer as is looked at.
const SHOWN_BYTES: usize = 60;
/// What TLS sends to one who does not speak it: an alert, of version 1.x (RFC 8446, section 5.1).
const TLS_ALERT: [u8; 2] = [0x15, 0x03];

/// A connection, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Speaks MQTT 3.1.1 on a connection.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
}

/// What came instead of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// Nothing, in the time that there was.
    Silence,
    /// The end of the connection, by a reset or not.
    End { reset: bool },
    /// A CONNACK with a code that is in no standard.
    Code(u8),
    /// A web page; its first line.
    Http(String),
    /// TLS, on a connection that was to be plain.
    Tls,
    /// A word of TLS about the end of the connection.
    TlsSaid(Failure),
    /// Something else; how it begins.
    NotMqtt(String),
    /// The system says why the connection is over.
    Io(String),
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Wire {
        Wire { stream, inbox: BytesMut::new() }
    }

    pub(super) async fn send(&mut self, packet: Packet) -> Result<(), Instead> {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, MOST_BYTES).map_err(|error| Instead::Io(error.to_string()))?;
        let written = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        match written.await {
            Ok(()) => Ok(()),
            // What was said before the end may tell why.
            Err(error) => match self.receive(Duration::from_millis(200)).await {
                Err(Instead::Silence) | Ok(_) => Err(ended(&error)),
                Err(instead) => Err(instead),
            },
        }
    }

    /// The next packet, for at most `limit`.
    pub(super) async fn receive(&mut self, limit: Duration) -> Result<Packet, Instead> {
        let until = Instant::now() + limit;
        loop {
            if self.inbox.has_remaining() {
                if let Some(instead) = instead_of_mqtt(&self.inbox) {
                    return Err(instead);
                }
                match v4::Packet::read(&mut self.inbox, MOST_BYTES) {
                    Ok(packet) => return Ok(packet),
                    Err(Error::InsufficientBytes(_)) => {}
                    Err(Error::InvalidConnectReturnCode(code)) => return Err(Instead::Code(code)),
                    Err(_) => return Err(Instead::NotMqtt(shown(&self.inbox))),
                }
            }
            match timeout_at(until, self.stream.read_buf(&mut self.inbox)).await {
                Err(_) => return Err(Instead::Silence),
                Ok(Ok(0)) if self.inbox.has_remaining() => return Err(Instead::NotMqtt(shown(&self.inbox))),
                Ok(Ok(0)) => return Err(Instead::End { reset: false }),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(ended(&error)),
            }
        }
    }

    /// Waits until a packet is as wanted; others are passed over.
    pub(super) async fn until<T>(
        &mut self,
        limit: Duration,
        mut wanted: impl FnMut(Packet) -> Option<T>,
    ) -> Result<T, Instead> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Some(found) = wanted(self.receive(left).await?) {
                return Ok(found);
            }
        }
    }
}

fn ended(error: &io::Error) -> Instead {
    use io::ErrorKind;
    if let Some(failure) = Failure::of(error) {
        return Instead::TlsSaid(failure);
    }
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
            Instead::End { reset: true }
        }
        // TLS ended without its goodbye, which is how many brokers close.
        ErrorKind::UnexpectedEof => Instead::End { reset: false },
        _ => Instead::Io(error.to_string()),
    }
}

fn instead_of_mqtt(bytes: &[u8]) -> Option<Instead> {
    if bytes.starts_with(b"HTTP/") {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        return Some(Instead::Http(shown(line)));
    }
    bytes.starts_with(&TLS_ALERT).then_some(Instead::Tls)
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
