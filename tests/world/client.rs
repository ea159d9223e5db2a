//! Clients for the broker's tests: a rumqttc one that collects what it hears, and raw MQTT 3.1.1 bytes
//! for what a well-behaved client does not do.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Packet,
    Publish, QoS,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use twinlight::{
    model::{BrokerLimits, Login},
    world::broker::{Broker, BrokerConfig, OwnClients},
};

/// Long enough for a slow and busy machine; no test that passes waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// On loopback, any free port, anybody welcome.
pub(crate) fn loopback() -> BrokerConfig {
    BrokerConfig {
        first_port: 0,
        search: false,
        lan: false,
        login: None,
        limits: BrokerLimits::default(),
        own: OwnClients::default(),
    }
}

pub(crate) fn king_arthur() -> Login {
    Login { user: "king".to_owned(), password: "arthur".to_owned() }
}

pub(crate) async fn start(config: &BrokerConfig) -> Broker {
    Broker::start(config).await.unwrap()
}

/// A port that is free now and that the system does not give to outgoing connections (Linux: 32768 up),
/// so that another test's client cannot take it between a stop and a start. `salt` keeps tests apart.
pub(crate) async fn quiet_port(salt: u16) -> u16 {
    let spread = u16::try_from(std::process::id() % 40).unwrap() * 100;
    for step in 0..100 {
        let port = 20_000 + salt * 4_000 + spread + step;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no quiet port");
}

/// A connected client that keeps all it hears.
pub(crate) struct Client {
    requests: AsyncClient,
    heard: mpsc::UnboundedReceiver<Packet>,
    poller: JoinHandle<()>,
}

/// Options as the lights have them: clean session, a keep-alive that no test reaches.
pub(crate) fn options(broker: &Broker, id: &str) -> MqttOptions {
    let address = broker.local_address();
    let mut options = MqttOptions::new(id, address.ip().to_string(), address.port());
    options.set_keep_alive(Duration::from_secs(60));
    options
}

impl Client {
    pub(crate) async fn connect(broker: &Broker, id: &str) -> Client {
        Client::with(options(broker, id)).await.unwrap()
    }

    /// Connects and waits for the CONNACK.
    pub(crate) async fn with(options: MqttOptions) -> Result<Client, ConnectionError> {
        let (requests, mut events) = AsyncClient::new(options, 1_000);
        let first = timeout(PATIENCE, events.poll()).await.expect("no answer to CONNECT")?;
        assert!(matches!(first, Event::Incoming(Packet::ConnAck(_))), "{first:?}");
        let (tell, heard) = mpsc::unbounded_channel();
        let poller = tokio::spawn(poll(events, tell));
        Ok(Client { requests, heard, poller })
    }

    pub(crate) async fn subscribe(&mut self, filter: &str) {
        self.requests.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        self.until(|packet| matches!(packet, Packet::SubAck(_))).await;
    }

    /// Publishes with QoS 1 and waits for the broker's word that it has it.
    pub(crate) async fn publish(&mut self, topic: &str, retain: bool, payload: &str) {
        self.send(topic, retain, payload).await;
        self.until(|packet| matches!(packet, Packet::PubAck(_))).await;
    }

    /// Publishes with QoS 1 and goes on.
    pub(crate) async fn send(&self, topic: &str, retain: bool, payload: &str) {
        self.requests.publish(topic, QoS::AtLeastOnce, retain, payload).await.unwrap();
    }

    /// Waits for `count` of the broker's words.
    pub(crate) async fn acknowledged(&mut self, count: usize) {
        for _ in 0..count {
            self.until(|packet| matches!(packet, Packet::PubAck(_))).await;
        }
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> Publish {
        match self.until(|packet| matches!(packet, Packet::Publish(_))).await {
            Packet::Publish(publish) => publish,
            other => panic!("{other:?}"),
        }
    }

    /// The next message's payload, as text.
    pub(crate) async fn text(&mut self) -> String {
        String::from_utf8(self.message().await.payload.to_vec()).unwrap()
    }

    /// Waits until the broker has closed the connection.
    pub(crate) async fn closed(&mut self) {
        let all = async { while self.heard.recv().await.is_some() {} };
        timeout(PATIENCE, all).await.expect("the broker kept the connection");
    }

    async fn until(&mut self, wanted: impl Fn(&Packet) -> bool) -> Packet {
        let next = async {
            loop {
                let packet = self.heard.recv().await.expect("the broker closed the connection");
                if wanted(&packet) {
                    return packet;
                }
            }
        };
        timeout(PATIENCE, next).await.expect("waited in vain")
    }
}

/// Dropping a client drops its socket, without a DISCONNECT.
impl Drop for Client {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

async fn poll(mut events: EventLoop, tell: mpsc::UnboundedSender<Packet>) {
    while let Ok(event) = events.poll().await {
        if let Event::Incoming(packet) = event
            && tell.send(packet).is_err()
        {
            return;
        }
    }
}

/// Two clients that prove the broker's health by talking.
pub(crate) struct Pair {
    speaker: Client,
    listener: Client,
    said: u32,
}

impl Pair {
    pub(crate) async fn connect(broker: &Broker) -> Pair {
        Pair::with(options(broker, "speaker"), options(broker, "listener")).await
    }

    pub(crate) async fn with(speaker: MqttOptions, listener: MqttOptions) -> Pair {
        let mut listener = Client::with(listener).await.unwrap();
        listener.subscribe("pair/talk").await;
        Pair { speaker: Client::with(speaker).await.unwrap(), listener, said: 0 }
    }

    /// Fails unless a message still gets from one to the other, exactly once.
    pub(crate) async fn talks(&mut self) {
        self.said += 1;
        let words = format!("message {}", self.said);
        self.speaker.publish("pair/talk", false, &words).await;
        assert_eq!(self.listener.text().await, words);
    }
}

/// Fails unless a client with these options is let in within a few seconds.
pub(crate) async fn gets_in_at_once(options: MqttOptions) {
    let began = Instant::now();
    Client::with(options).await.expect("a good client was refused");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "a good client waited {took:?}");
}

pub(crate) fn refusal(result: Result<Client, ConnectionError>) -> ConnectReturnCode {
    match result {
        Err(ConnectionError::ConnectionRefused(code)) => code,
        Err(other) => panic!("not refused in words: {other}"),
        Ok(_) => panic!("let in"),
    }
}

pub(crate) fn will(topic: &str, payload: &str) -> LastWill {
    LastWill::new(topic, payload, QoS::AtLeastOnce, false)
}

/// A CONNECT of MQTT 3.1.1 (section 3.1), clean session, with an optional will (topic, payload; QoS 1).
/// Written by hand, since the client id may be no UTF-8, and since the account filter that reads it uses
/// the library's codec.
pub(crate) fn connect_packet(id: &[u8], keep_alive_s: u16, will: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04".to_vec();
    body.push(if will.is_some() { 0b0000_1110 } else { 0b0000_0010 });
    body.extend(keep_alive_s.to_be_bytes());
    let mut field = |bytes: &[u8]| {
        body.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
        body.extend(bytes);
    };
    field(id);
    if let Some((topic, payload)) = will {
        field(topic.as_bytes());
        field(payload.as_bytes());
    }
    let mut packet = vec![0x10];
    let mut length = body.len();
    while length >= 128 {
        packet.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    packet.push(u8::try_from(length).unwrap());
    packet.extend(body);
    packet
}

/// A connection that sends what it is given, byte by byte.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn open(address: SocketAddr) -> Raw {
        Raw(timeout(PATIENCE, TcpStream::connect(address)).await.expect("no connection").unwrap())
    }

    /// Sends CONNECT, and returns the CONNACK's code.
    pub(crate) async fn log_in(&mut self, connect: &[u8]) -> Option<u8> {
        self.0.write_all(connect).await.ok()?;
        let mut connack = [0; 4];
        let read = self.0.read_exact(&mut connack);
        timeout(PATIENCE, read).await.expect("no answer to CONNECT").ok()?;
        (connack[0] == 0x20).then_some(connack[3])
    }

    /// Opens and logs in with a good client id.
    pub(crate) async fn connected(address: SocketAddr, connect: &[u8]) -> Raw {
        let mut raw = Raw::open(address).await;
        assert_eq!(raw.log_in(connect).await, Some(0), "CONNACK");
        raw
    }

    /// Waits until the broker has closed the connection.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        let end: io::Result<usize> =
            timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("kept open");
        // A reset is a close as well.
        drop(end);
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }
}
