//! Adafruit IO's rules on the embedded broker, as clients see them on real sockets; and the quota that can be
//! put on it as a fault.

use std::{
    io::ErrorKind,
    sync::{Arc, Mutex},
};

use rumqttc::{ConnectionError, LastWill, MqttOptions, QoS, StateError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use twinlight::world::{
    account_limiter::{AccountEvent, AccountLimiter},
    broker::{Broker, BrokerConfig},
};

use crate::client::{Client, PATIENCE, Raw, connect_packet, king_arthur, loopback, options, refusal};

type Seen = Arc<Mutex<Vec<AccountEvent>>>;

fn listener(told: &Seen) -> Box<dyn Fn(AccountEvent) + Send + Sync> {
    let told = told.clone();
    Box::new(move |event| told.lock().unwrap().push(event))
}

async fn adafruit(per_minute: u32) -> (Broker, AccountLimiter, Seen) {
    let told = Seen::default();
    let limiter = AccountLimiter::adafruit("king", per_minute, listener(&told));
    let config = BrokerConfig { login: Some(king_arthur()), ..loopback() };
    (Broker::start_limited(&config, Some(limiter.clone())).await.unwrap(), limiter, told)
}

async fn plain() -> (Broker, AccountLimiter, Seen) {
    let told = Seen::default();
    let limiter = AccountLimiter::idle("twinlight", listener(&told));
    (Broker::start_limited(&loopback(), Some(limiter.clone())).await.unwrap(), limiter, told)
}

fn as_king(broker: &Broker, id: &str) -> MqttOptions {
    let mut options = options(broker, id);
    options.set_credentials("king", "arthur");
    options
}

async fn king(broker: &Broker, id: &str) -> Client {
    Client::with(as_king(broker, id)).await.unwrap()
}

/// The return code of a CONNACK, those that MQTT 3.1.1 does not know included.
fn code(refused: Result<Client, ConnectionError>) -> u8 {
    match refused {
        Err(ConnectionError::MqttState(StateError::Deserialization(
            rumqttc::mqttbytes::Error::InvalidConnectReturnCode(code),
        ))) => code,
        Err(other) => panic!("not refused with a code of its own: {other}"),
        Ok(_) => panic!("let in"),
    }
}

async fn next(client: &mut Client) -> (String, String) {
    let message = client.message().await;
    (message.topic, String::from_utf8(message.payload.to_vec()).unwrap())
}

fn pair(topic: &str, text: &str) -> (String, String) {
    (topic.to_owned(), text.to_owned())
}

/// How a raw connection ends, whatever comes before.
async fn end_of(raw: &mut Raw) -> ErrorKind {
    let mut rest = Vec::new();
    match timeout(PATIENCE, raw.0.read_to_end(&mut rest)).await.expect("kept open") {
        Ok(_) => panic!("it ended with a FIN"),
        Err(error) => error.kind(),
    }
}

/// A CONNECT as king, with a clean session.
fn king_packet() -> Vec<u8> {
    let mut packet = b"\x10\x00\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01x\x00\x04king\x00\x06arthur".to_vec();
    packet[1] = u8::try_from(packet.len() - 2).unwrap();
    packet
}

/// QoS 0, so that nobody has to read acknowledgements.
fn publish_packet(topic: &str) -> Vec<u8> {
    let length = u8::try_from(topic.len()).unwrap();
    [&[0x30, length + 5, 0, length], topic.as_bytes(), b"red"].concat()
}

#[tokio::test]
async fn a_feed_passes_in_both_forms_and_its_last_value_is_told_to_who_asks_and_to_nobody_else() {
    let (broker, limiter, _) = adafruit(30).await;
    let (mut light, mut other) = (king(&broker, "light").await, king(&broker, "other").await);
    other.subscribe("king/f/demo-a").await;
    light.publish("king/feeds/demo-a", true, "red").await;
    let heard = other.message().await;
    assert_eq!(
        (heard.topic.as_str(), &heard.payload[..], heard.retain),
        ("king/f/demo-a", &b"red"[..], false)
    );

    let mut late = king(&broker, "late").await;
    late.subscribe("king/feeds/demo-a").await;
    late.publish("king/feeds/demo-a/get", false, "\0").await;
    let told = late.message().await;
    assert_eq!((told.topic.as_str(), &told.payload[..]), ("king/feeds/demo-a", &b"red"[..]));
    assert!(!told.retain, "nothing tells an old value from a fresh one");
    // Had the retain flag counted, the late one would have heard red first; had the answer gone to all, so
    // would the other.
    light.publish("king/feeds/demo-a", false, "green").await;
    assert_eq!(next(&mut late).await, pair("king/feeds/demo-a", "green"));
    assert_eq!(next(&mut other).await, pair("king/f/demo-a", "green"));
    assert_eq!(limiter.tally().unwrap().passed, 3);
    broker.stop().await;
}

#[tokio::test]
async fn feeds_and_groups_are_told_in_every_form_and_nothing_that_is_documented_bans() {
    let (broker, limiter, told) = adafruit(30).await;
    let mut light = king(&broker, "light").await;
    let mut others = Vec::new();
    for filter in [
        "king/feeds/lab.a",
        "king/f/lab.a/json",
        "king/feeds/lab.a/csv",
        "king/groups/lab/json",
        "king/g/lab/csv",
    ] {
        let mut other = king(&broker, &filter.replace(['/', '.'], "-")).await;
        other.subscribe(filter).await;
        others.push((other, filter));
    }
    light.subscribe("time/seconds").await;
    let expect = [
        (
            "king/feeds/lab.a",
            r#"{"value": "red"}"#,
            ["red", r#"{"value":"red"}"#, "red", r#"{"feeds":{"a":"red"}}"#, "a,red"],
        ),
        (
            "king/f/lab.a/csv",
            "green",
            ["green", r#"{"value":"green"}"#, "green", r#"{"feeds":{"a":"green"}}"#, "a,green"],
        ),
        (
            "king/groups/lab",
            r#"{"feeds":{"a":"amber","b":7}}"#,
            ["amber", r#"{"value":"amber"}"#, "amber", r#"{"feeds":{"a":"amber","b":"7"}}"#, "a,amber\nb,7"],
        ),
    ];
    for (topic, sent, heard) in expect {
        light.publish(topic, false, sent).await;
        for ((other, filter), heard) in others.iter_mut().zip(heard) {
            assert_eq!(next(other).await, pair(filter, heard), "{topic}: {sent}");
        }
    }
    let tally = limiter.tally().unwrap();
    assert_eq!((tally.passed, tally.failed), (3, 0));
    assert_eq!(*told.lock().unwrap(), []);
    broker.stop().await;
}

#[tokio::test]
async fn topics_that_adafruit_does_not_have_are_refused_with_a_notice() {
    let (broker, _, told) = adafruit(30).await;
    let mut light = king(&broker, "light").await;
    light.subscribe("king/errors").await;
    light.publish("twinlight/demo/a/state", false, "red").await;
    let text = "PUBLISH twinlight/demo/a/state rejected, only shared feeds may be published to";
    assert_eq!(next(&mut light).await, pair("king/errors", text));

    let mut raw = Raw::open(broker.local_address()).await;
    assert_eq!(raw.log_in(&king_packet()).await, Some(0));
    // Three filters, the middle one of which is nobody's.
    let filters = [&b"\x00\x0dking/throttle\x01"[..], b"\x00\x01#\x01", b"\x00\x0bking/errors\x01"].concat();
    let subscribe = [&[0x82, u8::try_from(filters.len() + 2).unwrap(), 0, 9][..], &filters].concat();
    raw.0.write_all(&subscribe).await.unwrap();
    // The notice may come before or after.
    let mut heard = Vec::new();
    while !heard.windows(7).any(|bytes| bytes == [0x90, 5, 0, 9, 1, 0x80, 1]) {
        let mut bytes = [0; 256];
        let count = timeout(PATIENCE, raw.0.read(&mut bytes)).await.expect("no SUBACK").unwrap();
        assert!(count > 0, "closed instead: {heard:x?}");
        heard.extend_from_slice(&bytes[..count]);
    }
    assert_eq!(told.lock().unwrap().len(), 2, "{told:?}");
    broker.stop().await;
}

#[tokio::test]
async fn a_will_is_not_kept_and_qos_2_is_not_spoken() {
    let (broker, limiter, _) = adafruit(30).await;
    let mut other = king(&broker, "other").await;
    other.subscribe("king/feeds/+").await;
    let mut options = as_king(&broker, "light");
    options.set_last_will(LastWill::new("king/feeds/will", "gone", QoS::AtLeastOnce, true));
    drop(Client::with(options).await.unwrap());
    other.publish("king/feeds/a", false, "here").await;
    assert_eq!(next(&mut other).await, pair("king/feeds/a", "here"), "the will came before");
    let mut raw = Raw::open(broker.local_address()).await;
    let version_5 = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03abc";
    assert_eq!(raw.log_in(version_5).await, Some(1), "MQTT 5 is not spoken either");

    let mut raw = Raw::open(broker.local_address()).await;
    assert_eq!(raw.log_in(&king_packet()).await, Some(0));
    raw.0.write_all(b"\x34\x11\x00\x0cking/feeds/a\x00\x01r").await.unwrap();
    raw.closed().await;
    assert_eq!(limiter.tally().unwrap().failed, 0);
    broker.stop().await;
}

#[tokio::test]
async fn too_many_publishes_are_rejected_with_a_notice_then_banned_and_reset_and_nobody_is_let_in() {
    let (broker, limiter, told) = adafruit(5).await;
    let (mut light, mut other) = (king(&broker, "light").await, king(&broker, "other").await);
    other.subscribe("king/throttle").await;
    other.subscribe("king/errors").await;
    other.subscribe("king/feeds/+").await;
    for n in 0..5 {
        light.publish("king/feeds/a", false, &n.to_string()).await;
        assert_eq!(next(&mut other).await, pair("king/feeds/a", &n.to_string()));
    }
    light.publish("king/feeds/a", false, "one too many").await;
    let (topic, text) = next(&mut other).await;
    assert_eq!(topic, "king/throttle", "a rejected value must not pass: {text}");
    assert!(text.starts_with("king data rate limit reached, ") && text.ends_with(" until throttle released"));
    for _ in 0..9 {
        light.send("king/feeds/a", false, "and on").await;
    }
    let banned = loop {
        let (topic, text) = next(&mut other).await;
        if topic == "king/errors" {
            break text;
        }
    };
    assert_eq!(banned, "enforcement limit reached, your account is banned for 30 seconds");
    light.closed().await;
    other.closed().await;
    assert_eq!(code(Client::with(as_king(&broker, "again")).await), 7);
    let tally = limiter.tally().unwrap();
    assert_eq!((tally.passed, tally.throttled, tally.bans, tally.refused), (5, 10, 1, 1));
    let told = told.lock().unwrap().clone();
    assert_eq!(told, [AccountEvent::Throttled { per_minute: 5 }, AccountEvent::Banned { seconds: 30 }]);
    broker.stop().await;
}

#[tokio::test]
async fn the_21st_login_of_a_minute_is_refused_with_code_6_and_bans_those_who_are_in() {
    let (broker, limiter, _) = adafruit(30).await;
    let mut first = king(&broker, "first").await;
    for n in 0..19 {
        let mut wrong = as_king(&broker, &format!("n{n}"));
        if n % 2 == 0 {
            wrong.set_credentials("king", "wrong");
            assert_eq!(refusal(Client::with(wrong).await), rumqttc::ConnectReturnCode::BadUserNamePassword);
        } else {
            drop(Client::with(wrong).await.unwrap());
        }
    }
    assert_eq!(code(Client::with(as_king(&broker, "late")).await), 6);
    first.closed().await;
    assert_eq!(code(Client::with(as_king(&broker, "later")).await), 7);
    assert_eq!(limiter.tally().unwrap().bans, 1);
    broker.stop().await;
}

#[tokio::test]
async fn a_quota_put_on_any_broker_rejects_bans_and_resets_with_a_real_rst() {
    let (broker, limiter, told) = plain().await;
    let mut watcher = Client::connect(&broker, "watcher").await;
    watcher.subscribe("#").await;
    let connect = connect_packet(b"raw", 60, Some(("twinlight/demo/raw/status", "gone")));
    let mut raw = Raw::connected(broker.local_address(), &connect).await;
    let publish = publish_packet("twinlight/demo/a/state");
    for _ in 0..50 {
        raw.0.write_all(&publish).await.unwrap();
        assert_eq!(watcher.text().await, "red", "nothing is counted yet");
    }

    limiter.set_quota(Some(3));
    for _ in 0..13 {
        raw.0.write_all(&publish).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(next(&mut watcher).await, pair("twinlight/demo/a/state", "red"));
    }
    let (topic, text) = next(&mut watcher).await;
    assert_eq!(topic, "twinlight/throttle", "{text}");
    assert_eq!(end_of(&mut raw).await, ErrorKind::ConnectionReset);
    watcher.closed().await;
    assert_eq!(code(Client::with(options(&broker, "again")).await), 7);
    assert_eq!(
        *told.lock().unwrap(),
        [AccountEvent::Throttled { per_minute: 3 }, AccountEvent::Banned { seconds: 30 }]
    );

    limiter.set_quota(None);
    let mut after = Client::connect(&broker, "after").await;
    after.subscribe("#").await;
    for _ in 0..50 {
        after.publish("twinlight/demo/a/state", false, "red").await;
        assert_eq!(after.text().await, "red");
    }
    assert_eq!(limiter.tally(), None);
    broker.stop().await;
}

#[tokio::test]
async fn the_will_of_a_connection_that_a_ban_has_reset_is_told() {
    let (broker, limiter, _) = plain().await;
    let mut connect = connect_packet(b"raw", 60, Some(("twinlight/demo/raw/status", "gone")));
    // A will that is kept: those who are there to hear it are reset as well.
    connect[9] |= 0x20;
    let mut raw = Raw::connected(broker.local_address(), &connect).await;
    limiter.set_quota(Some(1));
    for _ in 0..11 {
        raw.0.write_all(&publish_packet("twinlight/demo/a/state")).await.unwrap();
    }
    assert_eq!(end_of(&mut raw).await, ErrorKind::ConnectionReset);
    limiter.set_quota(None);
    let mut watcher = Client::connect(&broker, "watcher").await;
    watcher.subscribe("#").await;
    assert_eq!(next(&mut watcher).await, pair("twinlight/demo/raw/status", "gone"));
    broker.stop().await;
}

/// The client writes and reads at once. A filter that does not read while it writes leaves the broker
/// blocked with a full buffer, and is itself blocked by the broker's other one: for ever, or until
/// one of them gives up.
#[tokio::test(flavor = "multi_thread")]
async fn large_values_pass_both_ways_at_once() {
    const VALUES: usize = 400;
    let (broker, limiter, _) = adafruit(1_000_000).await;
    let mut raw = Raw::open(broker.local_address()).await;
    assert_eq!(raw.log_in(&king_packet()).await, Some(0));
    raw.0.write_all(b"\x82\x11\x00\x01\x00\x0cking/feeds/a\x00").await.unwrap();
    let (mut incoming, mut outgoing) = raw.0.into_split();
    let mut suback = [0; 5];
    incoming.read_exact(&mut suback).await.unwrap();
    assert_eq!(suback, *b"\x90\x03\x00\x01\x00");
    // 100,014 bytes follow the fixed header of four.
    let mut value = b"\x30\xae\x8d\x06\x00\x0cking/feeds/a".to_vec();
    value.resize(4 + 100_014, b'x');
    let sent = value.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..VALUES {
            outgoing.write_all(&sent).await.unwrap();
        }
        outgoing
    });
    let mut heard = vec![0; value.len()];
    for number in 0..VALUES {
        let read = timeout(PATIENCE, incoming.read_exact(&mut heard)).await;
        read.expect("nothing comes").unwrap_or_else(|error| panic!("value {number}: {error}"));
        assert!(heard == value, "value {number} differs");
    }
    writing.await.unwrap();
    assert_eq!(limiter.tally().unwrap().passed, u64::try_from(VALUES).unwrap());
    broker.stop().await;
}
