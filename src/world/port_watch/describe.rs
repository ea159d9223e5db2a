//! Packets and ends of connections in a person's words.

use crate::{
    fault::Direction,
    tap::{Closer, Connect, Packet, Publish},
};

/// So many characters of a payload, topic or name are shown.
const SHOWN_CHARS: usize = 60;

/// What was sent or received, such as `sent PUBLISH cars "RED", QoS 1`.
pub(super) fn packet(direction: Direction, packet: &Packet) -> String {
    let verb = if direction == Direction::ToBroker { "sent" } else { "received" };
    let what = match packet {
        Packet::Connect(connect) => format!("CONNECT {}", login(connect)),
        Packet::ConnAck { session_present, code } => {
            let kept = if *session_present { ", to a kept session" } else { "" };
            format!("CONNACK {code}{kept}")
        }
        Packet::Publish(publish) => format!("PUBLISH {}", message(publish)),
        Packet::Subscribe { id: _, filters } => {
            let filters: Vec<_> = filters
                .iter()
                .map(|(filter, qos)| format!("{} (QoS {qos})", shown(filter.as_bytes())))
                .collect();
            format!("SUBSCRIBE {}", cut(filters.join(", ")))
        }
        Packet::SubAck { id: _, codes } => {
            let codes: Vec<_> = codes.iter().map(u8::to_string).collect();
            format!("SUBACK {}", cut(codes.join(", ")))
        }
        Packet::Unsubscribe { id: _, filters } => {
            let filters: Vec<_> = filters.iter().map(|filter| shown(filter.as_bytes())).collect();
            format!("UNSUBSCRIBE {}", cut(filters.join(", ")))
        }
        Packet::Ack { name, id } => format!("{name} {id}"),
        Packet::PingReq => "PINGREQ".to_owned(),
        Packet::PingResp => "PINGRESP".to_owned(),
        Packet::Disconnect => "DISCONNECT".to_owned(),
        Packet::Long { name, bytes } => format!("{name} of {bytes} bytes"),
    };
    format!("{verb} {what}")
}

fn login(connect: &Connect) -> String {
    let mut text = format!("as {}, keep-alive {} s", quoted(&connect.client_id), connect.keep_alive_s);
    text += if connect.clean_session { ", clean session" } else { ", kept session" };
    if let Some((topic, payload, _)) = &connect.will {
        text += &format!(", will {} {}", shown(topic.as_bytes()), quoted_bytes(payload));
    }
    if let Some(user) = &connect.user {
        text += &format!(", user {}", quoted(user));
    }
    text
}

fn message(publish: &Publish) -> String {
    let retain = if publish.retain { ", retained" } else { "" };
    let dup = if publish.dup { ", sent again" } else { "" };
    let payload = quoted_bytes(&publish.payload);
    format!("{} {payload}, QoS {}{retain}{dup}", shown(publish.topic.as_bytes()), publish.qos)
}

/// Why a CONNECT was refused (MQTT 3.1.1, section 3.2.2.3, and what Adafruit IO says besides).
pub(super) fn refusal(code: u8) -> String {
    let why = match code {
        1 => "it does not take this version of MQTT",
        2 => "it does not take the client id",
        3 => "it is not available",
        4 => "wrong user or password",
        5 => "not authorised",
        _ => "for a reason that the standard does not have",
    };
    format!("the broker refused the login: {why} (code {code})")
}

/// How a connection ended.
pub(super) fn end(by: Closer, reset: bool, disconnected: bool) -> &'static str {
    match (by, reset) {
        (Closer::Light, false) if disconnected => "it disconnected",
        (Closer::Light, false) => "it closed the connection without a DISCONNECT",
        (Closer::Light, true) => "it reset the connection",
        (Closer::Broker, false) => "the broker closed the connection",
        (Closer::Broker, true) => "the broker reset the connection, or cannot be reached",
        (Closer::Fault, false) => "a fault ended the connection",
        (Closer::Fault, true) => "a fault reset the connection",
    }
}

pub(super) fn quoted(text: &str) -> String {
    quoted_bytes(text.as_bytes())
}

fn quoted_bytes(bytes: &[u8]) -> String {
    format!("\"{}\"", shown(bytes))
}

/// Harmless for a terminal, and short.
fn shown(bytes: &[u8]) -> String {
    let start = bytes.get(..4 * SHOWN_CHARS).unwrap_or(bytes);
    let text: String = String::from_utf8_lossy(start).chars().flat_map(char::escape_debug).collect();
    cut(text)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_short_and_harmless() {
        let publish = |payload: &[u8]| {
            Packet::Publish(Publish {
                topic: "cars\u{1b}[2J".to_owned(),
                payload: payload.into(),
                bytes: payload.len(),
                qos: 1,
                retain: true,
                dup: false,
                id: Some(1),
            })
        };
        let text = packet(Direction::ToBroker, &publish(b"RED\0"));
        assert_eq!(text, "sent PUBLISH cars\\u{1b}[2J \"RED\\0\", QoS 1, retained");
        assert!(packet(Direction::FromBroker, &publish(&[b'x'; 1_000])).chars().count() < 120);
    }
}
