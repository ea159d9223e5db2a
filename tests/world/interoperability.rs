//! What the broker crate does otherwise than MQTT has it, and the layer around it mends. Each test sends the bytes
//! themselves. Found by Paho's interoperability suite (<https://github.com/eclipse/paho.mqtt.testing>), by Mosquitto's
//! bridge and by MicroPython's clients.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use twinlight::world::broker::Broker;

use crate::client::{Client, PATIENCE, Pair, Raw, connect_packet, loopback, options, start};

/// Reads whole packets: first byte and body.
async fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let read = async {
        let first = stream.read_u8().await.ok()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        Some((first, body))
    };
    timeout(PATIENCE, read).await.expect("waited in vain for a packet")
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128);
    [&[first, u8::try_from(body.len()).unwrap()], body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

/// A client of MQTT 5 with a clean start, logged in.
async fn v5(broker: &Broker, id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(broker.local_address()).await.unwrap();
    let connect = [&b"\x00\x04MQTT\x05\x02\x00\x3c\x00"[..], &text(id)].concat();
    stream.write_all(&framed(0x10, &connect)).await.unwrap();
    let (first, body) = packet(&mut stream).await.expect("CONNACK");
    assert_eq!((first, body[1]), (0x20, 0));
    stream
}

/// A client of MQTT 3.1.1, logged in.
async fn v311(broker: &Broker, id: &str) -> TcpStream {
    Raw::connected(broker.address(), &connect_packet(id.as_bytes(), 60, None)).await.0
}

async fn subscribe_v5(stream: &mut TcpStream, filter: &str) {
    let body = [&b"\x00\x01\x00"[..], &text(filter), &[1]].concat();
    stream.write_all(&framed(0x82, &body)).await.unwrap();
    assert_eq!(packet(stream).await.expect("SUBACK").0, 0x90);
}

/// The fault: all subscribers are told the client id of whoever published, and lose properties in the noise.
#[tokio::test]
async fn a_publish_of_mqtt_5_arrives_with_its_own_properties_alone() {
    let broker = start(&loopback()).await;
    let mut subscriber = v5(&broker, "subscriber").await;
    subscribe_v5(&mut subscriber, "t").await;
    let mut publisher = v5(&broker, "secret-name").await;
    let property = [&[0x26][..], &text("key"), &text("value")].concat();
    let body = [&text("t")[..], &[u8::try_from(property.len()).unwrap()], &property, b"hello"].concat();
    publisher.write_all(&framed(0x30, &body)).await.unwrap();
    assert_eq!(packet(&mut subscriber).await, Some((0x30, body)));
    // From a client of MQTT 3.1.1, which has none.
    Client::connect(&broker, "other").await.publish("t", false, "bare").await;
    let (_, body) = packet(&mut subscriber).await.unwrap();
    assert_eq!(body[5..], *b"\x00bare", "a topic, an identifier, no properties, the payload");
    broker.stop().await;
}

/// The fault: a connection that ends without a word for an alias of 0, or one of an earlier connection.
#[tokio::test]
async fn a_topic_alias_that_is_not_there_is_answered_with_its_reason() {
    let broker = start(&loopback()).await;
    for (topic, alias) in [("t", 0), ("t", 60_000_u16), ("", 1)] {
        let mut stream = v5(&broker, "client").await;
        let body = [&text(topic)[..], &[3, 0x23], &alias.to_be_bytes(), b"x"].concat();
        stream.write_all(&framed(0x30, &body)).await.unwrap();
        let (first, body) = packet(&mut stream).await.expect("a DISCONNECT");
        assert_eq!((first, body[0]), (0xE0, 0x94), "{topic:?} {alias}");
        assert_eq!(packet(&mut stream).await, None);
    }
    let mut subscriber = v5(&broker, "subscriber").await;
    subscribe_v5(&mut subscriber, "t").await;
    let mut stream = v5(&broker, "client").await;
    for topic in ["t", ""] {
        let body = [&text(topic)[..], &[3, 0x23, 0, 1], b"x"].concat();
        stream.write_all(&framed(0x30, &body)).await.unwrap();
        assert_eq!(packet(&mut subscriber).await.unwrap().1, [&text("t")[..], b"\x00x"].concat());
    }
    broker.stop().await;
}

/// The fault: packets that MQTT forbids are taken: an identifier of 0, a QoS of 3.
#[tokio::test]
async fn what_mqtt_forbids_ends_the_connection() {
    let broker = start(&loopback()).await;
    let mut pair = Pair::connect(&broker).await;
    for (what, packet_311, body_5) in [
        (
            "PUBLISH with identifier 0",
            framed(0x32, b"\x00\x01t\x00\x00x"),
            framed(0x32, b"\x00\x01t\x00\x00\x00x"),
        ),
        (
            "SUBSCRIBE with identifier 0",
            framed(0x82, b"\x00\x00\x00\x01t\x00"),
            framed(0x82, b"\x00\x00\x00\x00\x01t\x00"),
        ),
        (
            "SUBSCRIBE with QoS 3",
            framed(0x82, b"\x00\x01\x00\x01t\x03"),
            framed(0x82, b"\x00\x01\x00\x00\x01t\x03"),
        ),
    ] {
        let mut old = v311(&broker, "old").await;
        old.write_all(&packet_311).await.unwrap();
        assert_eq!(packet(&mut old).await, None, "{what}");
        let mut new = v5(&broker, "new").await;
        new.write_all(&body_5).await.unwrap();
        let (first, body) = packet(&mut new).await.unwrap_or_else(|| panic!("no DISCONNECT for a {what}"));
        assert!(first == 0xE0 && matches!(body[0], 0x81 | 0x82), "{what}: {body:?}");
    }
    // Whoever subscribes with QoS 3 beside a good filter gets neither.
    pair.talks().await;
    broker.stop().await;
}

/// The fault: a will that is published on a topic which nobody may publish on.
#[tokio::test]
async fn a_will_on_a_wildcard_topic_is_refused() {
    let broker = start(&loopback()).await;
    let mut raw = Raw::open(broker.address()).await;
    assert_eq!(raw.log_in(&connect_packet(b"light", 60, Some(("demo/#", "bye")))).await, None);
    broker.stop().await;
}

/// The fault: MicroPython's default keep-alive. The crate drops its clients after 300 s of silence; what it is told
/// instead is tested beside the code, this is whether such a client is served.
#[tokio::test]
async fn a_client_without_keep_alive_publishes_and_is_told() {
    let broker = start(&loopback()).await;
    let mut stream = TcpStream::connect(broker.local_address()).await.unwrap();
    stream.write_all(&connect_packet(b"micropython", 0, None)).await.unwrap();
    assert_eq!(packet(&mut stream).await, Some((0x20, vec![0, 0])));
    stream.write_all(&framed(0x82, b"\x00\x01\x00\x01t\x00")).await.unwrap();
    assert_eq!(packet(&mut stream).await, Some((0x90, vec![0, 1, 0])));
    Client::connect(&broker, "other").await.publish("t", false, "hi").await;
    assert_eq!(packet(&mut stream).await, Some((0x30, b"\x00\x01thi".to_vec())));
    broker.stop().await;
}

/// The fault: a client of MQTT 3.1 that waits for ever for an answer to its CONNECT.
#[tokio::test]
async fn mqtt_31_is_served() {
    let broker = start(&loopback()).await;
    let mut stream = TcpStream::connect(broker.local_address()).await.unwrap();
    stream.write_all(&framed(0x10, b"\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x03old")).await.unwrap();
    assert_eq!(packet(&mut stream).await, Some((0x20, vec![0, 0])));
    // A repeated SUBSCRIBE has the DUP flag in MQTT 3.1.
    stream.write_all(&framed(0x8A, b"\x00\x01\x00\x01t\x01")).await.unwrap();
    assert_eq!(packet(&mut stream).await, Some((0x90, vec![0, 1, 1])));
    Client::connect(&broker, "other").await.publish("t", false, "hi").await;
    let (first, body) = packet(&mut stream).await.unwrap();
    assert_eq!((first, &body[5..]), (0x32, &b"hi"[..]));
    broker.stop().await;
}

/// The fault: Mosquitto's bridge, which marks its protocol level, understands the answer only in its own version; it
/// then tries again without the mark.
#[tokio::test]
async fn a_bridge_and_other_levels_are_told_that_they_are_not_spoken() {
    let broker = start(&loopback()).await;
    for level in [0x84, 3] {
        let mut stream = TcpStream::connect(broker.local_address()).await.unwrap();
        let connect = [&b"\x00\x04MQTT"[..], &[level], b"\x02\x00\x3c\x00\x01b"].concat();
        stream.write_all(&framed(0x10, &connect)).await.unwrap();
        assert_eq!(packet(&mut stream).await, Some((0x20, vec![0, 1])), "level {level}");
        assert_eq!(packet(&mut stream).await, None);
    }
    broker.stop().await;
}

/// The fault: at a takeover, a client of MQTT 3.1.1 is sent a packet that its version has from clients alone.
#[tokio::test]
async fn a_client_of_mqtt_311_that_is_taken_over_is_closed_without_a_packet_and_one_of_mqtt_5_with_a_reason()
{
    let broker = start(&loopback()).await;
    let mut first = v311(&broker, "light").await;
    let _second = v311(&broker, "light").await;
    assert_eq!(packet(&mut first).await, None);

    let mut first = v5(&broker, "other").await;
    let _second = v5(&broker, "other").await;
    let (kind, body) = packet(&mut first).await.expect("a DISCONNECT");
    assert_eq!((kind, body[0]), (0xE0, 0x8E));
    broker.stop().await;
}

/// The fault: client ids with `/` are refused, or two of them are taken for one client.
#[tokio::test]
async fn client_ids_with_slashes_are_clients_of_their_own() {
    let broker = start(&loopback()).await;
    let mut slash = Client::with(options(&broker, "lab/a")).await.unwrap();
    slash.subscribe("t").await;
    let mut escaped = Client::with(options(&broker, "lab%2Fa")).await.unwrap();
    escaped.publish("t", false, "both are here").await;
    assert_eq!(slash.text().await, "both are here");
    // And the same one is the same client.
    let _again = Client::with(options(&broker, "lab/a")).await.unwrap();
    slash.closed().await;
    broker.stop().await;
}

/// The fault: what the crate adds to a message counts as its sender's, so that it is too large for its receiver.
#[tokio::test]
async fn a_client_of_mqtt_5_gets_what_its_maximum_packet_has_room_for_and_nothing_larger() {
    let broker = start(&loopback()).await;
    let mut small = TcpStream::connect(broker.local_address()).await.unwrap();
    let connect = [&b"\x00\x04MQTT\x05\x02\x00\x3c\x05\x27\x00\x00\x00\x28"[..], &text("small")].concat();
    small.write_all(&framed(0x10, &connect)).await.unwrap();
    assert_eq!(packet(&mut small).await.expect("CONNACK").0, 0x20);
    subscribe_v5(&mut small, "t").await;
    let mut other = Client::connect(&broker, "a-name-of-more-than-forty-bytes-in-each-of-its-messages").await;
    for length in [32, 33, 32] {
        other.publish("t", false, &"x".repeat(length)).await;
    }
    for _ in 0..2 {
        let (first, body) = packet(&mut small).await.unwrap();
        assert_eq!((first, body.len()), (0x32, 38), "40 bytes in all");
    }
    broker.stop().await;
}
