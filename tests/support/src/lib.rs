//! What the tests share: the real binary in a folder of its own, real brokers, certificates, emulated
//! boards. It knows nothing of the library under test, so that the two are built side by side.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and names say enough"
)]

#[cfg(target_os = "linux")]
pub mod board;
pub mod certificates;
pub mod images;
mod mosquitto;
pub mod own_light;
pub mod partner;
mod program;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

pub use self::{
    mosquitto::{Mosquitto, fill, guarded, passwords},
    program::{Going, Run, Workspace, binary},
};

/// A pair with short timings, so that a few seconds have several greens.
pub const QUICK: &str = r#"
[broker]
kind = "embedded"
port = 0
[links]
wifi_join_ms = 200
[timing]
red_amber_ms = 300
green_min_ms = 600
green_max_ms = 1500
amber_ms = 500
clearance_ms = 300
heartbeat_ms = 300
lease_ms = 2500
lost_after_ms = 2000
tick_ms = 50
watchdog_ms = 200
rtt_ms = 80
[[junction]]
name = "demo"
lights = ["a", "b"]
"#;

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Publishes one message over a plain socket: MQTT 3.1.1, written out by hand, so that bytes can be
/// sent that no client library would send.
pub fn publish_raw(port: u16, topic: &str, payload: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test").unwrap();
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(payload);
    let mut packet = vec![0x30];
    let mut left = body.len();
    loop {
        let byte = u8::try_from(left % 128).unwrap();
        left /= 128;
        packet.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    stream.write_all(&packet).unwrap();
    stream.write_all(b"\xe0\x00").unwrap();
    // The broker closes once it has read all of it.
    let _ = stream.read(&mut [0; 1]);
}
