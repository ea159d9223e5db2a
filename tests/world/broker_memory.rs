//! What the memory of the embedded broker comes to, whatever its clients do. It runs in a process of its own, whose
//! memory the system counts.
#![cfg(target_os = "linux")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::client::{PATIENCE, Raw, connect_packet};

/// The program, a debug build, without a client: 23 MiB were measured.
const EMPTY_KIB: u64 = 40 * 1024;
/// `memory_mb` by default.
const BUDGET_KIB: u64 = 256 * 1024;
const PAYLOAD: usize = 200_000;

struct Broker {
    process: Child,
    address: SocketAddr,
}

impl Broker {
    async fn start() -> Broker {
        Broker::run(&mut Command::new(env!("CARGO_BIN_EXE_twinlight"))).await
    }

    async fn run(command: &mut Command) -> Broker {
        let forked = crate::FORK.lock().await;
        let mut process = command
            .args(["broker", "--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        drop(forked);
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim().rsplit(' ').next().unwrap().parse().unwrap();
        Broker { process, address }
    }

    /// The most memory that it has had, in KiB.
    fn most(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    async fn client(&self, id: &str) -> TcpStream {
        Raw::connected(self.address, &connect_packet(id.as_bytes(), 60, None)).await.0
    }

    /// Two clients of 3.1.1 still get through to each other.
    async fn serves(&self) {
        let mut listener = self.client("listener").await;
        subscribe(&mut listener, b"lamp", 0).await;
        let mut speaker = self.client("speaker").await;
        speaker.write_all(b"\x30\x09\x00\x04lampred").await.unwrap();
        let mut heard = [0; 11];
        timeout(PATIENCE, listener.read_exact(&mut heard)).await.expect("nothing arrives").unwrap();
        assert_eq!(heard[8..], *b"red");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn subscribe(client: &mut TcpStream, filter: &[u8], qos: u8) {
    let length = u8::try_from(filter.len()).unwrap();
    client.write_all(&[&[0x82, 5 + length, 0, 1, 0, length], filter, &[qos]].concat()).await.unwrap();
    let mut suback = [0; 5];
    timeout(PATIENCE, client.read_exact(&mut suback)).await.expect("no SUBACK").unwrap();
    assert_eq!(suback[..2], [0x90, 3]);
}

/// A PUBLISH of [`PAYLOAD`] bytes; `first` has the QoS and the retain flag.
fn large(first: u8, topic: u32, id: u16) -> Vec<u8> {
    let mut body = vec![0, 8];
    body.extend(format!("{topic:08}").bytes());
    if first & 0b110 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.resize(body.len() + PAYLOAD, b'x');
    let length = body.len();
    let digit = |n: usize| u8::try_from(n % 128).unwrap();
    let mut packet = vec![first, digit(length) | 128, digit(length >> 7) | 128, digit(length >> 14)];
    packet.extend(body);
    packet
}

/// Publishes at full speed and takes the answers, until `bytes` are sent or the broker hangs up.
async fn flood(client: TcpStream, first: u8, topics: u32, bytes: usize) {
    let (mut reader, mut writer) = client.into_split();
    let answers =
        tokio::spawn(async move { while reader.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {} });
    let began = Instant::now();
    for n in 0..u32::try_from(bytes / PAYLOAD).unwrap() {
        let packet = large(first, n % topics, u16::try_from(1 + n % 60_000).unwrap());
        match timeout(PATIENCE, writer.write_all(&packet)).await {
            Ok(Ok(())) => {}
            _ => break,
        }
        assert!(began.elapsed() < 6 * PATIENCE, "it takes too long");
    }
    // The broker has read all before it closes.
    let _ = writer.write_all(&[0xE0, 0]).await;
    let _ = timeout(PATIENCE, answers).await;
}

/// The fault: 20,000 messages of 1 MB wait for a subscriber that does not read; 3 GB in 8 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_does_not_read_costs_no_more_than_the_budget_and_is_disconnected() {
    for qos in [0, 1] {
        let broker = Broker::start().await;
        let mut deaf = broker.client("deaf").await;
        subscribe(&mut deaf, b"#", qos).await;
        flood(broker.client("flood").await, 0x30 | qos << 1, 1, 600_000_000).await;
        let most = broker.most();
        assert!(most < EMPTY_KIB + BUDGET_KIB, "QoS {qos}: {most} KiB");
        broker.serves().await;
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, deaf.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "QoS {qos}: who does not read is still connected");
    }
}

/// The fault: 16 MiB for each session of a client that is away, whose number nobody limits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_sessions_cost_no_more_than_the_budget() {
    let broker = Broker::start().await;
    for n in 0..200 {
        let mut connect = connect_packet(format!("away-{n:03}").as_bytes(), 60, None);
        connect[9] = 0;
        let mut away = Raw::connected(broker.address, &connect).await.0;
        subscribe(&mut away, b"#", 1).await;
    }
    flood(broker.client("flood").await, 0x32, 1, 20_000_000).await;
    let most = broker.most();
    assert!(most < EMPTY_KIB + BUDGET_KIB, "{most} KiB");
    broker.serves().await;
}

/// The fault: 100,000 topics, and no limit on their bytes, each kept twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retained_messages_cost_no_more_than_the_budget_and_are_still_delivered() {
    let broker = Broker::start().await;
    let mut light = broker.client("light").await;
    light.write_all(b"\x31\x09\x00\x04lampred").await.unwrap();
    flood(broker.client("flood").await, 0x33, u32::MAX, 300_000_000).await;
    let most = broker.most();
    assert!(most < EMPTY_KIB + BUDGET_KIB, "{most} KiB");
    // A light's message is replaced as before.
    light.write_all(b"\x31\x0b\x00\x04lampgreen").await.unwrap();
    light.write_all(&[0xC0, 0]).await.unwrap();
    light.read_exact(&mut [0; 2]).await.unwrap();
    let mut late = broker.client("late").await;
    subscribe(&mut late, b"lamp", 0).await;
    let mut heard = [0; 13];
    timeout(PATIENCE, late.read_exact(&mut heard)).await.expect("not retained").unwrap();
    assert_eq!(heard[8..], *b"green");
}

/// The fault: whoever never releases messages of QoS 2 fills the memory, each counted twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_never_released_cost_no_more_than_the_budget() {
    let broker = Broker::start().await;
    flood(broker.client("never").await, 0x34, 1, 300_000_000).await;
    let most = broker.most();
    assert!(most < EMPTY_KIB + BUDGET_KIB, "{most} KiB");
    broker.serves().await;
}

/// The fault: the broker waits for 256 MB because a header says so. MQTT 5 is told why.
#[tokio::test]
async fn a_packet_beyond_the_limit_ends_its_connection_before_it_is_read() {
    let broker = Broker::start().await;
    for version in [4, 5] {
        let mut connect = connect_packet(b"large", 60, None);
        if version == 5 {
            connect[8] = 5;
            connect.insert(12, 0);
            connect[1] += 1;
        }
        let mut client = TcpStream::connect(broker.address).await.unwrap();
        client.write_all(&connect).await.unwrap();
        client.read_u8().await.unwrap();
        let length = client.read_u8().await.unwrap();
        client.read_exact(&mut vec![0; usize::from(length)]).await.unwrap();
        client.write_all(b"\x30\xff\xff\xff\x7f\x00\x01t").await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("still open").unwrap();
        assert_eq!(answer, if version == 5 { &[0xE0, 2, 0x95, 0][..] } else { &[] });
    }
    broker.serves().await;
}

/// The fault: connections without a CONNECT hold their places for as long as they like.
#[tokio::test]
async fn a_connection_without_a_connect_is_closed_within_seconds() {
    let broker = Broker::start().await;
    let began = Instant::now();
    let mut silent = Raw::open(broker.address).await;
    silent.closed().await;
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

/// The fault: each connection may hold a packet that never becomes whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_that_are_never_whole_cost_no_more_than_the_budget() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let broker = Broker::start().await;
    let packet = large(0x30, 1, 0);
    let mut open = Vec::new();
    for n in 0..1_700 {
        let mut client = broker.client(&format!("half-{n}")).await;
        // The broker may hang up in the middle.
        let _ = client.write_all(&packet[..packet.len() - 1]).await;
        open.push(client);
    }
    let most = broker.most();
    assert!(most < EMPTY_KIB + BUDGET_KIB, "{most} KiB");
    drop(open);
    broker.serves().await;
}

/// The fault: with the usual soft limit the broker is full long before the system is.
#[tokio::test]
async fn the_soft_limit_on_open_files_is_raised() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 64 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_twinlight")]);
    let broker = Broker::run(&mut shell).await;
    let mut clients = Vec::new();
    for n in 0..100 {
        clients.push(broker.client(&format!("client-{n}")).await);
    }
    broker.serves().await;
}
