//! A light's link to the broker, as the lab builds it: not on Wi-Fi → join; no session → connect;
//! session → carry words; for ever, each step with back-off and jitter.
//!
//! Each connection is a new MQTT client with a clean session: what was queued for an old one dies
//! with it, so that nothing stale is ever sent after an outage.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, Incoming, LastWill, MqttOptions,
    NetworkOptions, Outgoing, QoS, StateError, SubscribeReasonCode,
    mqttbytes::{self, Error::InvalidConnectReturnCode},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use traffic_light::backoff::Backoff;

use super::{
    budget::{Budget, REFUSED_REST, SharedBudget},
    event::Layer,
    proxy::{Destination, Proxy, Trouble},
};
use crate::{
    model::Login,
    tls::{Failure, Tls},
};

/// Words that may wait for the light's program; the link stops reading while there are more, and
/// TCP holds the broker back.
const NEWS_QUEUE: usize = 64;
/// Messages that may wait for the socket; one more is dropped by the light.
const SEND_QUEUE: usize = 32;
/// A session that lasted this long shows that the broker is well: the next back-off starts short.
const WELL_AFTER: Duration = Duration::from_secs(5);
const FIRST_WAIT_MS: u32 = 250;
const LONGEST_WAIT_MS: u32 = 4_000;
/// Unacknowledged messages, at which a session is given up; the client would soon send no more.
const MOST_UNACKNOWLEDGED: u16 = 200;
const MOST_IN_FLIGHT: u16 = 256;
/// Nobody has a name below this (RFC 6761, section 6.4).
pub(crate) const UNKNOWN_HOST: &str = "no-such-broker.invalid";
/// MQTT's port with TLS.
const TLS_PORT: u16 = 8883;
const CLOSED: &str = "the broker closed the connection";
const CONNECT_TIMEOUT_S: u64 = 5;
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);
/// The last return code of CONNACK that MQTT 3.1.1 knows.
pub(crate) const LAST_STANDARD_CODE: u8 = 5;
/// Rests after refusals grow up to so many times the first.
const MOST_RESTS: u32 = 20;
/// A wait for the account is told when it is longer than this.
const LONG_WAIT: Duration = Duration::from_secs(2);
/// MQTT's own limit: a longer message must not cost the light its session.
const MAX_PACKET_BYTES: usize = 268_435_455;

/// Where the broker is, and how to log in.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: SharedLogin,
    /// Links to a broker with TLS go through a proxy, which speaks it.
    pub(super) tls: Option<Tls>,
}

/// A login that may change while links use it: each new connection logs in with the present one.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedLogin(Arc<Mutex<Option<Login>>>);

impl SharedLogin {
    pub(super) fn new(login: Option<Login>) -> SharedLogin {
        SharedLogin(Arc::new(Mutex::new(login)))
    }

    pub(super) fn set(&self, login: Login) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(login);
    }

    fn get(&self) -> Option<Login> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The proxy that a link goes through.
#[derive(Clone, Debug)]
pub(super) struct Via {
    pub(super) address: SocketAddr,
    pub(super) trouble: Trouble,
}

impl Via {
    pub(super) fn through(proxy: &Proxy) -> Via {
        Via { address: proxy.address(), trouble: proxy.trouble() }
    }
}

/// What a link needs to know of its light.
#[derive(Clone)]
pub(super) struct LinkSpec {
    pub(super) client_id: String,
    pub(super) target: Target,
    /// `None`: straight to the target.
    pub(super) via: Option<Via>,
    pub(super) subscriptions: Vec<String>,
    /// Topic and payload, at QoS 1, retained.
    pub(super) will: Option<(String, Vec<u8>)>,
    pub(super) keep_alive: Duration,
    /// How long joining Wi-Fi takes; `None` for a link without Wi-Fi.
    pub(super) wifi_join: Option<Duration>,
    pub(super) seed: u64,
    /// Of an account that counts, which all links share.
    pub(super) budget: Option<SharedBudget>,
}

/// What a light's program asks of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Wi-Fi is there, or gone.
    SetWifi(bool),
    /// End the session as a failure does.
    DropSession,
    /// Log in with a wrong password from now on, or the right one; ends the session.
    SetWrongPassword(bool),
    /// Look for the broker under a name that nobody has, or the right one; ends the session.
    SetNameNotFound(bool),
    /// The host sleeps: nothing is sent or read, and nothing closed.
    SetAsleep(bool),
    /// Lose everything, as a reset does, and start again with joining Wi-Fi.
    Restart,
    /// Say goodbye as MQTT has it, and end.
    Stop,
}

/// What a link tells its light's program.
#[derive(Clone)]
pub(super) enum News {
    /// A layer went up or down.
    Layer { layer: Layer, up: bool, reason: String },
    /// There is a session, with all subscriptions made; words go out through the client.
    Up(AsyncClient),
    /// The session is over.
    Down,
    /// A message came in.
    Message { topic: String, payload: Vec<u8>, retained: bool, qos: QoS },
}

/// The two ends that a light's program keeps of its link. Dropping it ends the link.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) news: mpsc::Receiver<News>,
    pub(super) task: tokio::task::JoinHandle<()>,
}

struct Runner {
    spec: LinkSpec,
    orders: mpsc::Receiver<Order>,
    news: mpsc::Sender<News>,
    random: StdRng,
    backoff: Backoff,
    wifi_wanted: bool,
    wrong_password: bool,
    name_not_found: bool,
    asleep: bool,
    /// Refused logins in a row.
    refusals: u32,
    /// The connection of a light whose Wi-Fi has gone: the broker does not know yet. It is dropped
    /// when the light connects again.
    parked: Option<Box<EventLoop>>,
}

/// Why a step of the ladder is over.
enum Over {
    /// The light asks for it.
    Ordered(Order),
    /// The link's light is gone.
    Abandoned,
}

/// How a session, or the try to get one, ended.
enum Ended {
    Ordered(Order, Option<Box<EventLoop>>),
    Abandoned,
    Failed(ConnectionError),
    Refused(String),
}

/// Starts a link; it works until it is told to stop or its ends are dropped.
pub(super) fn start(spec: LinkSpec) -> Link {
    let (orders_in, orders) = mpsc::channel(16);
    let (news, news_out) = mpsc::channel(NEWS_QUEUE);
    let mut runner = Runner {
        random: StdRng::seed_from_u64(spec.seed),
        backoff: Backoff::new(FIRST_WAIT_MS, LONGEST_WAIT_MS),
        spec,
        orders,
        news,
        wifi_wanted: true,
        wrong_password: false,
        name_not_found: false,
        asleep: false,
        refusals: 0,
        parked: None,
    };
    // Ends with `Over`, which says no more than that it did.
    let task = tokio::spawn(async move { while runner.climb().await.is_ok() {} });
    Link { orders: orders_in, news: news_out, task }
}

impl Runner {
    /// Once up the ladder and down again.
    async fn climb(&mut self) -> Result<(), ()> {
        self.join_wifi().await?;
        loop {
            if let Some(over) = self.wait_for_turn().await? {
                return self.step_down(over).await;
            }
            let started = Instant::now();
            let ended = self.session().await;
            self.tell(News::Down).await?;
            if started.elapsed() >= WELL_AFTER {
                self.backoff.reset();
            }
            let mut least_wait = Duration::ZERO;
            let reason = match ended {
                Ended::Ordered(Order::Stop, _) | Ended::Abandoned => return Err(()),
                Ended::Ordered(Order::SetWifi(_), connection) => {
                    self.parked = connection;
                    return self.lose_wifi("the Wi-Fi is gone").await;
                }
                Ended::Ordered(Order::Restart, _) => {
                    return self.lose_wifi("the light has been restarted").await;
                }
                Ended::Ordered(_, _) => {
                    self.layer(Layer::Mqtt, false, "the session was dropped on purpose").await?;
                    self.layer(Layer::Tcp, false, "the session was dropped on purpose").await?;
                    String::new()
                }
                Ended::Refused(reason) => {
                    self.layer(Layer::Mqtt, false, reason.as_str()).await?;
                    reason
                }
                Ended::Failed(error) => {
                    if let Some(code) = refused_with(&error) {
                        least_wait = self.note_refusal(code);
                    }
                    let (mqtt, reason) = self.explain(&error);
                    self.layer(Layer::Mqtt, false, reason.as_str()).await?;
                    if !mqtt {
                        self.layer(Layer::Tcp, false, reason.as_str()).await?;
                    }
                    reason
                }
            };
            let wait = Duration::from_millis(u64::from(self.backoff.next_wait(self.random.random())));
            tracing::debug!(client = self.spec.client_id, ?wait, reason, "will connect again");
            if let Some(over) = self.pause(wait.max(least_wait)).await {
                return self.step_down(over).await;
            }
        }
    }

    /// Leaves the ladder's upper part for what was asked.
    async fn step_down(&mut self, over: Over) -> Result<(), ()> {
        match over {
            Over::Ordered(Order::SetWifi(_)) => self.lose_wifi("the Wi-Fi is gone").await,
            Over::Ordered(Order::Restart) => self.lose_wifi("the light has been restarted").await,
            _ => Err(()),
        }
    }

    /// Waits until the account may log in once more, and tells of a long wait.
    async fn wait_for_turn(&mut self) -> Result<Option<Over>, ()> {
        let Some(budget) = self.spec.budget.clone() else { return Ok(None) };
        let mut told = false;
        while let Err(wait) = budget.with(Budget::login) {
            if wait > LONG_WAIT && !told {
                told = true;
                let seconds = wait.as_secs();
                let text = format!("the account has to rest: the next login is in {seconds} s");
                self.layer(Layer::Mqtt, false, text).await?;
            }
            if let Some(over) = self.pause(wait).await {
                return Ok(Some(over));
            }
        }
        Ok(None)
    }

    /// A broker refused the login. Returns the least wait before the next: brokers that count ban who tries
    /// again and again.
    fn note_refusal(&mut self, code: u8) -> Duration {
        self.refusals = self.refusals.saturating_add(1);
        match &self.spec.budget {
            // It tells this link when, as all others.
            Some(budget) => budget.with(Budget::refused),
            None if code > LAST_STANDARD_CODE => {
                return REFUSED_REST.saturating_mul(self.refusals.min(MOST_RESTS));
            }
            None => {}
        }
        Duration::ZERO
    }

    async fn join_wifi(&mut self) -> Result<(), ()> {
        let Some(join) = self.spec.wifi_join else { return Ok(()) };
        loop {
            while !self.wifi_wanted {
                match self.orders.recv().await {
                    Some(Order::SetWifi(up)) => self.wifi_wanted = up,
                    Some(Order::Stop) | None => return Err(()),
                    Some(Order::Restart) => {}
                    // It is about the session, which there is not; it is remembered.
                    order => drop(self.weigh(order)),
                }
            }
            let takes = join.mul_f64(self.random.random_range(0.7..=1.3));
            self.layer(Layer::Wifi, false, "joining").await?;
            match self.pause(takes).await {
                None => {
                    let said = format!("joined in {:.1} s", takes.as_secs_f64());
                    return self.layer(Layer::Wifi, true, said).await;
                }
                Some(Over::Ordered(Order::Stop) | Over::Abandoned) => return Err(()),
                Some(Over::Ordered(_)) => {
                    if !self.wifi_wanted {
                        self.layer(Layer::Wifi, false, "the Wi-Fi is gone").await?;
                    }
                }
            }
        }
    }

    async fn lose_wifi(&mut self, reason: &str) -> Result<(), ()> {
        if self.spec.wifi_join.is_some() {
            self.layer(Layer::Wifi, false, reason).await?;
        }
        self.layer(Layer::Tcp, false, reason).await?;
        self.layer(Layer::Mqtt, false, reason).await
    }

    /// Waits, unless an order needs something else done. Orders that change nothing are taken in.
    async fn pause(&mut self, wait: Duration) -> Option<Over> {
        let until = Instant::now() + wait;
        loop {
            let order = tokio::select! {
                () = tokio::time::sleep_until(until), if !self.asleep => return None,
                order = self.orders.recv() => order,
            };
            match self.weigh(order) {
                Some(over) => return Some(over),
                None => continue,
            }
        }
    }

    /// Whether an order ends what is being done.
    fn weigh(&mut self, order: Option<Order>) -> Option<Over> {
        match order {
            None => Some(Over::Abandoned),
            Some(Order::SetWifi(up)) => {
                let gone = self.wifi_wanted && !up;
                self.wifi_wanted = up;
                (gone && self.spec.wifi_join.is_some()).then_some(Over::Ordered(Order::SetWifi(false)))
            }
            Some(Order::DropSession) => None,
            Some(Order::SetWrongPassword(on)) => {
                self.wrong_password = on;
                None
            }
            Some(Order::SetNameNotFound(on)) => {
                self.name_not_found = on;
                None
            }
            Some(Order::SetAsleep(on)) => {
                self.asleep = on;
                None
            }
            Some(order) => Some(Over::Ordered(order)),
        }
    }

    /// Connects, subscribes, and carries words until something ends it.
    async fn session(&mut self) -> Ended {
        self.parked = None;
        let (client, mut connection) = AsyncClient::new(self.options(), SEND_QUEUE);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_TIMEOUT_S);
        connection.set_network_options(network);
        let mut subscribed = self.spec.subscriptions.is_empty();
        let mut unacknowledged = 0_u16;
        loop {
            // An order first: a busy broker must not keep the light from being cut off.
            let event = tokio::select! {
                biased;
                order = self.orders.recv() => match (order, self.weigh(order)) {
                    (Some(Order::Stop), _) => {
                        goodbye(&client, &mut connection).await;
                        return Ended::Ordered(Order::Stop, None);
                    }
                    (
                        Some(Order::DropSession | Order::SetWrongPassword(_) | Order::SetNameNotFound(_)),
                        _,
                    ) => return Ended::Ordered(Order::DropSession, None),
                    (_, Some(Over::Ordered(order))) => {
                        return Ended::Ordered(order, Some(Box::new(connection)));
                    }
                    (_, Some(Over::Abandoned)) => return Ended::Abandoned,
                    (_, None) => continue,
                },
                event = connection.poll(), if !self.asleep => event,
            };
            unacknowledged = match &event {
                Ok(rumqttc::Event::Outgoing(Outgoing::Publish(_))) => unacknowledged + 1,
                Ok(rumqttc::Event::Incoming(Incoming::PubAck(_))) => unacknowledged.saturating_sub(1),
                _ => unacknowledged,
            };
            if unacknowledged >= MOST_UNACKNOWLEDGED {
                return Ended::Refused(format!(
                    "the broker has not acknowledged {unacknowledged} messages, so this session is of no use"
                ));
            }
            let told = match event {
                Ok(rumqttc::Event::Incoming(Incoming::ConnAck(_))) => {
                    // A new client's queue has room for one request.
                    let filters = self
                        .spec
                        .subscriptions
                        .iter()
                        .map(|topic| rumqttc::SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
                    if !subscribed && client.try_subscribe_many(filters).is_err() {
                        return Ended::Refused("the request to subscribe could not be queued".to_owned());
                    }
                    let told = self.layer(Layer::Tcp, true, self.spec.target.to_string()).await;
                    if subscribed { self.up(&client).await } else { told }
                }
                Ok(rumqttc::Event::Incoming(Incoming::SubAck(ack))) if !subscribed => {
                    if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                        return Ended::Refused(
                            "the broker refused a subscription: this user may not read the topic; ask for the \
                             right, or choose another root topic"
                                .to_owned(),
                        );
                    }
                    subscribed = true;
                    self.up(&client).await
                }
                Ok(rumqttc::Event::Incoming(Incoming::Publish(publish))) => {
                    let payload = publish.payload.to_vec();
                    let (topic, retained, qos) = (publish.topic, publish.retain, publish.qos);
                    self.tell(News::Message { topic, payload, retained, qos }).await
                }
                Ok(_) => Ok(()),
                Err(error) => return Ended::Failed(error),
            };
            if told.is_err() {
                return Ended::Abandoned;
            }
        }
    }

    fn options(&self) -> MqttOptions {
        let spec = &self.spec;
        let (host, port) = match &spec.via {
            _ if self.name_not_found => (UNKNOWN_HOST.to_owned(), spec.target.port),
            Some(via) => (via.address.ip().to_string(), via.address.port()),
            None => (spec.target.host.clone(), spec.target.port),
        };
        let mut options = MqttOptions::new(&spec.client_id, host, port);
        options.set_clean_session(true);
        options.set_inflight(MOST_IN_FLIGHT);
        options.set_keep_alive(spec.keep_alive);
        options.set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        if let Some(Login { user, password }) = spec.target.login.get() {
            let wrong = format!("{password}?");
            options.set_credentials(user, if self.wrong_password { wrong } else { password });
        }
        if let Some((topic, payload)) = &spec.will {
            options.set_last_will(LastWill::new(topic, payload.clone(), QoS::AtLeastOnce, true));
        }
        options
    }

    fn explain(&self, error: &ConnectionError) -> (bool, String) {
        if self.name_not_found {
            let text = format!(
                "the name {UNKNOWN_HOST} was not found; check the host and this computer's DNS server"
            );
            return (false, text);
        }
        let target = &self.spec.target;
        match self.spec.via.as_ref().and_then(|via| take_trouble(&via.trouble)) {
            Some(error) => (false, explain_failure(&error, target)),
            None => explain(error, target),
        }
    }

    async fn up(&mut self, client: &AsyncClient) -> Result<(), ()> {
        self.refusals = 0;
        if let Some(budget) = &self.spec.budget {
            budget.with(|budget, _| budget.let_in());
        }
        self.layer(Layer::Mqtt, true, "connected and subscribed").await?;
        self.tell(News::Up(client.clone())).await
    }

    async fn layer(&mut self, layer: Layer, up: bool, reason: impl Into<String>) -> Result<(), ()> {
        self.tell(News::Layer { layer, up, reason: reason.into() }).await
    }

    async fn tell(&mut self, news: News) -> Result<(), ()> {
        self.news.send(news).await.map_err(|_| ())
    }
}

/// Sends what waits and MQTT's goodbye, for at most [`GOODBYE_TIMEOUT`].
async fn goodbye(client: &AsyncClient, connection: &mut EventLoop) {
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
    if timeout(GOODBYE_TIMEOUT, sent).await.is_err() {
        sleep(Duration::ZERO).await;
    }
}

/// Says in a person's words what went wrong and what to do, and whether TCP itself worked.
fn explain(error: &ConnectionError, target: &Target) -> (bool, String) {
    match error {
        ConnectionError::ConnectionRefused(code) => (true, refusal(*code).to_owned()),
        ConnectionError::MqttState(StateError::Deserialization(InvalidConnectReturnCode(code))) => {
            (true, refusal_beyond_mqtt(*code))
        }
        ConnectionError::NotConnAck(_) => {
            (true, format!("what answers at {target} is no MQTT broker; check the port"))
        }
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            (false, explain_failure(&io::ErrorKind::TimedOut.into(), target))
        }
        ConnectionError::Io(io)
        | ConnectionError::MqttState(
            StateError::Io(io) | StateError::Deserialization(mqttbytes::Error::Io(io)),
        ) => (false, explain_failure(io, target)),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            (false, "the broker has not answered for two keep-alives".to_owned())
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => (false, closed(target)),
        other => (false, format!("{other}")),
    }
}

/// As [`explain_io`], where TLS may have to do with it.
fn explain_failure(error: &io::Error, target: &Target) -> String {
    use std::io::ErrorKind;
    if let Some(failure) = Failure::of(error) {
        return format!("{}; {}", failure.cause(&target.host), failure.remedy());
    }
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof
            if wants_tls(target) =>
        {
            closed(target)
        }
        _ => explain_io(error, target),
    }
}

/// Says in a person's words why there is no connection to `target`, and what to do.
pub(crate) fn explain_io(error: &io::Error, target: &impl fmt::Display) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => format!("nobody listens at {target}; is the broker running?"),
        ErrorKind::ConnectionReset => "the connection was reset by the broker".to_owned(),
        ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => CLOSED.to_owned(),
        ErrorKind::TimedOut => format!("{target} does not answer; check the address and the firewall"),
        _ => format!("{target}: {error}"),
    }
}

fn closed(target: &Target) -> String {
    if wants_tls(target) {
        format!(
            "{target} closed the connection; that port is for TLS as a rule: write tls = true into [broker]"
        )
    } else {
        CLOSED.to_owned()
    }
}

fn wants_tls(target: &Target) -> bool {
    target.port == TLS_PORT && target.tls.is_none()
}

/// What the proxy knows of a connection that it could not make; it is told once.
fn take_trouble(trouble: &Mutex<Option<io::Error>>) -> Option<io::Error> {
    trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Says in a person's words why a broker let nobody in, and what to do.
pub(crate) fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::BadUserNamePassword => {
            "the broker refused user or password; check both in the configuration"
        }
        ConnectReturnCode::NotAuthorized => {
            "the broker does not let this user in; check user and password, or ask whoever runs it"
        }
        ConnectReturnCode::BadClientId => "the broker refused the client's name; choose shorter names",
        ConnectReturnCode::ServiceUnavailable => "the broker is not available just now; it is tried again",
        ConnectReturnCode::RefusedProtocolVersion => "the broker does not speak MQTT 3.1.1",
        ConnectReturnCode::Success => "the broker accepted, and yet there is no session",
    }
}

/// With which return code the broker refused the login, if that is what happened.
fn refused_with(error: &ConnectionError) -> Option<u8> {
    match error {
        ConnectionError::ConnectionRefused(code) => Some(*code as u8),
        ConnectionError::MqttState(StateError::Deserialization(InvalidConnectReturnCode(code))) => {
            Some(*code)
        }
        _ => None,
    }
}

/// Codes that MQTT 3.1.1 does not know; 6 and 7 are Adafruit IO's.
pub(crate) fn refusal_beyond_mqtt(code: u8) -> String {
    match code {
        6 => "the broker refused the login (code 6): there were too many within a minute; the next try waits"
            .to_owned(),
        7 => "the broker refused the login (code 7): the account is banned for a while; the next try waits"
            .to_owned(),
        code => format!(
            "the broker refused the login with code {code}, which MQTT 3.1.1 does not know; ask whoever runs it"
        ),
    }
}

impl Target {
    /// Where a proxy leads that a link goes through.
    pub(super) fn destination(&self) -> Destination {
        Destination { host: self.host.clone(), port: self.port, tls: self.tls.clone() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use traffic_light::mqtt::client_id;

    #[test]
    fn a_plain_connection_that_the_port_for_tls_closes_is_told_to_use_it() {
        let target = |port| Target { host: "h".to_owned(), port, login: SharedLogin::default(), tls: None };
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof] {
            let said = explain_failure(&kind.into(), &target(8883));
            assert!(said.contains("write tls = true into [broker]"), "{said}");
            assert!(!explain_failure(&kind.into(), &target(1883)).contains("tls"));
        }
    }

    #[test]
    fn a_client_id_has_no_slash_and_differs_by_root() {
        assert_eq!(client_id("twinlight", "demo", "a"), client_id("twinlight", "demo", "a"));
        assert_ne!(client_id("twinlight", "demo", "a"), client_id("twinlight-2", "demo", "a"));
        assert!(!client_id("lab/3", "demo", "a").contains('/'));
    }
}
