//! The world's own MQTT client, on rumqttc: an independent one, for the observer, and as the duplicate that
//! takes a light's session over. Lights have the board's session instead ([`super::light`]).
//!
//! Each connection is a new MQTT client with a clean session: what was queued for an old one dies with it, so
//! that nothing stale is ever sent after an outage.

use std::{io, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rumqttc::{
    AsyncClient, ConnectionError, EventLoop, Incoming, MqttOptions, NetworkOptions, Outgoing, QoS,
    StateError, SubscribeFilter, SubscribeReasonCode,
    mqttbytes::{
        self,
        Error::{InvalidConnectReturnCode, PayloadSizeLimitExceeded},
    },
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use traffic_light::{
    link::{CONNECT_TIMEOUT_MS, LinkError},
    mqtt::End,
    reconnector::{Action, Reconnector},
};

use super::{
    budget::{Budget, SharedBudget},
    link::BrokerPath,
};
use crate::model::{Login, packet_limit};

/// Events that may wait; the client stops reading while there are more, and TCP holds the broker back.
const EVENTS: usize = 64;
/// Messages that may wait for the socket.
const REQUESTS: usize = 32;
const MOST_IN_FLIGHT: u16 = 256;
/// Unacknowledged messages, at which a session is given up; the client would soon send no more.
const MOST_UNACKNOWLEDGED: u16 = 200;
const DISCONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// MQTT's own limit: what is said here, a person wrote.
const MAX_OUTGOING_BYTES: usize = 268_435_455;

/// What a client is made of.
#[derive(Clone)]
pub(super) struct ClientSpec {
    pub(super) client_id: String,
    pub(super) path: BrokerPath,
    pub(super) subscriptions: Vec<String>,
    pub(super) keep_alive: Duration,
    /// Bytes of a packet from the broker; a longer one ends the session.
    pub(super) max_packet: usize,
    /// Whether anybody takes its events.
    pub(super) heard: bool,
    pub(super) seed: u64,
    /// Of an account that counts, which all clients share.
    pub(super) budget: Option<SharedBudget>,
}

/// What has happened to the session.
#[derive(Clone)]
pub(super) enum ClientEvent {
    /// It is up, with all subscriptions made; messages go out through the client.
    Up(AsyncClient),
    /// It is over, or did not come to be.
    Down {
        reason: String,
    },
    Message {
        topic: String,
        payload: Vec<u8>,
        retained: bool,
        qos: QoS,
    },
}

/// A client that runs until it is dropped; it then disconnects in its own time.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) events: mpsc::Receiver<ClientEvent>,
    task: JoinHandle<()>,
}

impl Client {
    /// Disconnects.
    pub(super) async fn stop(self) {
        drop(self.events);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a client ended by itself");
        }
    }
}

struct Runner {
    spec: ClientSpec,
    events: mpsc::Sender<ClientEvent>,
    random: StdRng,
    reconnector: Reconnector,
    began: Instant,
}

/// Nobody wants the client any more.
struct Unwanted;

pub(super) fn start(spec: ClientSpec) -> Client {
    let (events_in, events) = mpsc::channel(EVENTS);
    let began = Instant::now();
    let mut reconnector = Reconnector::new(traffic_light::Instant::from_ms(0));
    // It needs no Wi-Fi.
    reconnector.wifi_joined(traffic_light::Instant::from_ms(0));
    let random = StdRng::seed_from_u64(spec.seed);
    let mut runner = Runner { spec, events: events_in, random, reconnector, began };
    let task = tokio::spawn(async move { while runner.turn().await.is_ok() {} });
    Client { events, task }
}

impl Runner {
    /// A session, or the wait for one.
    async fn turn(&mut self) -> Result<(), Unwanted> {
        let now = self.now();
        if let Action::Wait { until } = self.reconnector.next_action(now) {
            return self.wait(Duration::from_millis(until.since(now))).await;
        }
        if let Some(budget) = &self.spec.budget
            && let Err(wait) = budget.with(Budget::login)
        {
            return self.wait(wait).await;
        }
        let (error, reason) = self.session().await?;
        let pending = self.reconnector.progress() != traffic_light::lamps::Progress::Connected;
        let (now, random) = (self.now(), self.random.random());
        if error.is_refusal(self.spec.budget.is_some(), pending) {
            self.reconnector.session_refused(now, random);
            if let Some(budget) = &self.spec.budget {
                budget.with(Budget::refused);
            }
        } else {
            self.reconnector.session_lost(now, random);
        }
        let address = self.spec.path.target.address.address();
        let reason = reason.unwrap_or_else(|| error.about(address).to_string());
        self.tell(ClientEvent::Down { reason }).await
    }

    fn now(&self) -> traffic_light::Instant {
        traffic_light::Instant::from_ms(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    async fn wait(&self, wait: Duration) -> Result<(), Unwanted> {
        tokio::select! {
            () = sleep_until(Instant::now() + wait) => Ok(()),
            () = self.events.closed() => Err(Unwanted),
        }
    }

    async fn tell(&self, event: ClientEvent) -> Result<(), Unwanted> {
        match self.spec.heard {
            true => self.events.send(event).await.map_err(|_| Unwanted),
            false if self.events.is_closed() => Err(Unwanted),
            false => Ok(()),
        }
    }

    /// Connects, subscribes, and carries messages until something ends it.
    async fn session(&mut self) -> Result<(LinkError, Option<String>), Unwanted> {
        let (client, mut connection) = AsyncClient::new(self.options(), REQUESTS);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(u64::from(CONNECT_TIMEOUT_MS) / 1_000);
        connection.set_network_options(network);
        let mut subscribed = self.spec.subscriptions.is_empty();
        let mut unacknowledged = 0_u16;
        loop {
            let event = tokio::select! {
                () = self.events.closed() => {
                    disconnect(&client, &mut connection).await;
                    return Err(Unwanted);
                }
                event = connection.poll() => event,
            };
            match event {
                Ok(rumqttc::Event::Outgoing(Outgoing::Publish(_))) => unacknowledged += 1,
                Ok(rumqttc::Event::Incoming(Incoming::PubAck(_))) => {
                    unacknowledged = unacknowledged.saturating_sub(1);
                }
                Ok(rumqttc::Event::Incoming(Incoming::ConnAck(_))) if subscribed => self.up(&client).await?,
                Ok(rumqttc::Event::Incoming(Incoming::ConnAck(_))) => {
                    let filters = self.spec.subscriptions.iter();
                    let filters = filters.map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
                    // A new client's queue has room for one request.
                    if client.try_subscribe_many(filters).is_err() {
                        return Ok((LinkError::Mqtt(End::TooMuchToSay), None));
                    }
                }
                Ok(rumqttc::Event::Incoming(Incoming::SubAck(ack))) if !subscribed => {
                    if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                        return Ok((LinkError::Mqtt(End::SubscriptionRefused), None));
                    }
                    subscribed = true;
                    self.up(&client).await?;
                }
                Ok(rumqttc::Event::Incoming(Incoming::Publish(publish))) => {
                    let payload = publish.payload.to_vec();
                    let (topic, retained, qos) = (publish.topic, publish.retain, publish.qos);
                    self.tell(ClientEvent::Message { topic, payload, retained, qos }).await?;
                }
                Ok(_) => {}
                Err(error) => return Ok(self.explain(&error)),
            }
            if unacknowledged >= MOST_UNACKNOWLEDGED {
                return Ok((LinkError::Mqtt(End::Unacknowledged), None));
            }
        }
    }

    async fn up(&mut self, client: &AsyncClient) -> Result<(), Unwanted> {
        let now = self.now();
        self.reconnector.session_up(now);
        if let Some(budget) = &self.spec.budget {
            budget.with(|budget, _| budget.let_in());
        }
        self.tell(ClientEvent::Up(client.clone())).await
    }

    fn options(&self) -> MqttOptions {
        let spec = &self.spec;
        let (host, port) = spec.path.first_hop();
        let mut options = MqttOptions::new(&spec.client_id, host, port);
        options.set_clean_session(true);
        options.set_inflight(MOST_IN_FLIGHT);
        options.set_keep_alive(spec.keep_alive);
        options.set_max_packet_size(spec.max_packet, MAX_OUTGOING_BYTES);
        if let Some(Login { user, password }) = spec.path.target.login.get() {
            options.set_credentials(user, password);
        }
        options
    }

    fn has_login(&self) -> bool {
        self.spec.path.target.login.get().is_some_and(|login| !login.user.is_empty())
    }

    fn explain(&self, error: &ConnectionError) -> (LinkError, Option<String>) {
        let closed = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let end = match error {
            ConnectionError::ConnectionRefused(code) => End::of_refusal(*code as u8, self.has_login()),
            ConnectionError::MqttState(StateError::Deserialization(InvalidConnectReturnCode(code))) => {
                End::of_refusal(*code, self.has_login())
            }
            ConnectionError::NotConnAck(_) => End::NotMqtt,
            ConnectionError::MqttState(StateError::AwaitPingResp) => End::Silent,
            ConnectionError::MqttState(StateError::ConnectionAborted) => {
                return self.spec.path.explain(&closed());
            }
            ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
                return self.spec.path.explain(&io::ErrorKind::TimedOut.into());
            }
            ConnectionError::Io(io)
            | ConnectionError::MqttState(
                StateError::Io(io) | StateError::Deserialization(mqttbytes::Error::Io(io)),
            ) => return self.spec.path.explain(io),
            ConnectionError::MqttState(StateError::Deserialization(PayloadSizeLimitExceeded(bytes))) => {
                let sentence = packet_limit::too_long(*bytes, self.spec.max_packet).one_line();
                return (LinkError::Unreachable, Some(sentence));
            }
            // Such as a packet that rumqttc did not expect.
            other => return (LinkError::Unreachable, Some(other.to_string())),
        };
        (LinkError::Mqtt(end), None)
    }
}

/// Sends what waits and DISCONNECT, for at most [`DISCONNECT_TIMEOUT`].
async fn disconnect(client: &AsyncClient, connection: &mut EventLoop) {
    if client.try_disconnect().is_err() {
        return;
    }
    let sent = async {
        loop {
            match connection.poll().await {
                Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect)) | Err(_) => break,
                Ok(_) => {}
            }
        }
        // The packet is in the socket's buffer; a poll more flushes it.
        let _ = timeout(Duration::from_millis(50), connection.poll()).await;
    };
    if timeout(DISCONNECT_TIMEOUT, sent).await.is_err() {
        sleep(Duration::ZERO).await;
    }
}
