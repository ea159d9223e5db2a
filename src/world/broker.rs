//! The embedded MQTT broker: nothing to install, and a broker that a scenario can stop and start.
//!
//! Sessions, routing, retained messages and wills are those of the `mqtt5` crate. Its accept loop is
//! replaced by the one here, because that one leaves four things open: a bind error comes as text
//! without its kind, so that a port in use cannot be told from a port not permitted; a failing accept
//! (no file descriptor left) spins; a stop waits up to 5 s for peers that have not finished logging in,
//! and leaves them running; and its default storage writes a folder into the working directory.
//!
//! What a client should know, all of it the crate's doing:
//!
//! - Protocols are MQTT 3.1.1 and 5, QoS 0 to 2, without TLS.
//! - Everything is kept in memory: a stop forgets retained messages and sessions.
//! - A client id of more than 128 bytes, or with `/`, `\` or an ASCII control character in it, is refused
//!   (CONNACK code 2).
//! - A client is dropped after 1.5 keep-alives of silence. Keep-alive 0 does not mean for ever, as the
//!   standard has it, but 300 s; it cannot be configured. Every client here should ask for a keep-alive.
//! - At a takeover the old connection's will is published, as MQTT 3.1.1 demands, and the old connection
//!   gets MQTT 5's DISCONNECT even if it speaks 3.1.1. The two may reach others in any order.
//! - A peer that has not sent its CONNECT within 10 s is dropped.
//!
//! A broker that is given a [`AccountLimiter`] counts what its clients do: then publishes may be rejected, and a
//! banned account is refused at CONNECT and has its connections reset.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use mqtt5::{
    broker::{
        AllowAllAuthProvider, AuthProvider, AuthResult, BrokerConfig as CrateConfig, DynamicStorage,
        MemoryBackend, ResourceLimits, ResourceMonitor, StorageBackend, client_handler::ClientHandler,
        events::BrokerEventHandler, router::MessageRouter, storage::QueueLimits, sys_topics::BrokerStats,
        transport::BrokerTransport,
    },
    packet::connect::ConnectPacket,
    protocol::v5::reason_codes::ReasonCode,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{broadcast, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, error, info, warn};

use super::{
    account_limiter::{AccountLimiter, PublishHandler},
    gate,
};
use crate::model::Login;

/// How many ports a search tries, the first one included.
pub const PORTS_TRIED: u16 = 100;

/// Sockets open at once, those that have not logged in included. One more is closed at once.
const MAX_CONNECTIONS: usize = 10_000;

/// Messages that one client may be behind while it is connected; its retained messages at a subscribe
/// count too. Beyond it, QoS 0 is dropped and QoS 1 goes to the queue of [`QUEUED_MESSAGES`].
const CLIENT_BACKLOG: usize = 20_000;

/// Messages kept for a client that is away or further behind than [`CLIENT_BACKLOG`]; the oldest go first.
const QUEUED_MESSAGES: usize = 20_000;

/// Bytes kept for such a client.
const QUEUED_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of one MQTT packet. The crate's 256 MiB would let a peer without a password fill the memory.
const MAX_PACKET_BYTES: usize = 1024 * 1024;

/// Topics with a retained message.
const MAX_RETAINED: usize = 100_000;

/// How long the session of an absent client is kept (MQTT 3.1.1 names no end to it).
const SESSION_EXPIRY: Duration = Duration::from_hours(1);

/// How often expired sessions and messages are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Rest after an accept that failed for want of file descriptors or memory.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How long a session may take to end once its account is banned.
const CUT_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections that the system may hold ready for an accept; the system caps it (Linux: 4096).
const BACKLOG: u32 = 4096;

/// Where the broker listens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// The port wanted; 0 takes any free one.
    pub first_port: u16,
    /// Whether to try the next ports, [`PORTS_TRIED`] in all, if the wanted one is in use.
    pub search: bool,
    /// Whether to listen on all interfaces, so that boards can join; needs a login. Otherwise 127.0.0.1.
    pub lan: bool,
    /// What every client must present; `None` lets anybody in.
    pub login: Option<Login>,
}

/// Why the broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The wanted port is in use and no other was to be tried.
    #[error(
        "port {port} is in use on {ip}: stop the program that has it (perhaps another broker), \
         choose another port, or let the broker search for a free one"
    )]
    PortInUse {
        /// The address it was to listen on.
        ip: Ipv4Addr,
        /// The port wanted.
        port: u16,
    },
    /// The search found no free port.
    #[error(
        "no free port on {ip}, tried {first} to {last}: choose another first port, \
         or port 0 for any free one"
    )]
    NoFreePort {
        /// The address it was to listen on.
        ip: Ipv4Addr,
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// The system does not let this user listen on the port.
    #[error(
        "no permission to listen on port {port}: choose a port from 1024 up, such as 1883 \
         (lower ones are the administrator's; Windows reserves some higher ones too)"
    )]
    NoPermission {
        /// The port wanted.
        port: u16,
    },
    /// It was to listen on all interfaces without a login.
    #[error(
        "a broker that other machines can reach needs a login: set a user name and a password, \
         or keep it to this machine"
    )]
    LanWithoutLogin,
    /// The user name or the password is empty.
    #[error("the broker's user name and password must not be empty: set both, or neither")]
    EmptyLogin,
    /// Listening failed for another reason.
    #[error("cannot listen on {address}: check that the machine's network is up and try another port")]
    Listen {
        /// Where it was to listen.
        address: SocketAddrV4,
        /// What the system said.
        source: io::Error,
    },
}

/// How a broker came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was stopped, or its [`Broker`] was dropped.
    Stopped,
    /// It ended by itself.
    Failed {
        /// What happened, in a person's words.
        reason: String,
    },
}

/// A running broker. Dropping it stops it too, but without waiting until the port is free.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    wanted_port_taken: Option<u16>,
    /// Its drop is the request to stop.
    stop: oneshot::Sender<()>,
    ended: watch::Receiver<Option<Ended>>,
    task: JoinHandle<()>,
}

impl Broker {
    /// Starts a broker on the caller's tokio runtime; clients can connect as soon as this returns.
    ///
    /// # Errors
    ///
    /// If the login does not fit the rest of the configuration, or no port could be had.
    pub async fn start(config: &BrokerConfig) -> Result<Broker, BrokerError> {
        Broker::start_limited(config, None).await
    }

    /// As [`Broker::start`], and counts with `limiter` what the clients do.
    ///
    /// # Errors
    ///
    /// If the login does not fit the rest of the configuration, or no port could be had.
    pub async fn start_limited(
        config: &BrokerConfig,
        limiter: Option<AccountLimiter>,
    ) -> Result<Broker, BrokerError> {
        let login = match &config.login {
            None if config.lan => return Err(BrokerError::LanWithoutLogin),
            Some(login) if login.user.is_empty() || login.password.is_empty() => {
                return Err(BrokerError::EmptyLogin);
            }
            login => login.clone(),
        };
        let listener = listen(config)?;
        let address = listener.local_addr().map_err(|source| BrokerError::Listen {
            address: SocketAddrV4::new(bind_ip(config.lan), config.first_port),
            source,
        })?;
        let wanted = config.first_port;
        let wanted_port_taken = (wanted != 0 && wanted != address.port()).then_some(wanted);
        info!(%address, "broker listens");

        let (stop, stop_requested) = oneshot::channel();
        let (tell_end, ended) = watch::channel(None);
        let sessions = Sessions::new(login, limiter);
        let task = tokio::spawn(async move {
            let end = serve(listener, sessions, stop_requested).await;
            tell_end.send_replace(Some(end));
        });
        Ok(Broker { address, wanted_port_taken, stop, ended, task })
    }

    /// Where it listens: 127.0.0.1, or 0.0.0.0 (all interfaces) with `lan`; and the port it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a client on this machine connects to. (Not every system connects to 0.0.0.0.)
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.address.port()))
    }

    /// The port that was wanted, if it could not be had and another was taken.
    #[must_use]
    pub fn wanted_port_taken(&self) -> Option<u16> {
        self.wanted_port_taken
    }

    /// Resolves when the broker has ended, and tells how. The future may outlive the `Broker`.
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            let outcome = match ended.wait_for(Option::is_some).await {
                Ok(end) => end.clone(),
                Err(_) => None,
            };
            outcome.unwrap_or_else(|| Ended::Failed {
                reason: "the broker's task ended without a word (a bug: see the log)".to_owned(),
            })
        }
    }

    /// Stops the broker; returns when its port is free and every connection is closed.
    ///
    /// Clients see the connection end as if the broker's process had been killed: no DISCONNECT, and no wills.
    pub async fn stop(self) {
        let Broker { stop, task, .. } = self;
        drop(stop);
        if let Err(failed) = task.await {
            error!("the broker's task failed: {failed}");
        }
    }
}

/// Where to listen: this machine alone unless boards are to join.
fn bind_ip(lan: bool) -> Ipv4Addr {
    if lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST }
}

/// Listens on the first port of the configuration that can be had.
fn listen(config: &BrokerConfig) -> Result<TcpListener, BrokerError> {
    let ip = bind_ip(config.lan);
    let first = config.first_port;
    let searches = config.search && first != 0;
    let last = if searches { first.saturating_add(PORTS_TRIED - 1) } else { first };
    for port in first..=last {
        let address = SocketAddrV4::new(ip, port);
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
            // Windows reserves ranges of ports and then calls them not permitted: the next may do.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && searches && port >= 1024 => {}
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                return Err(BrokerError::NoPermission { port });
            }
            Err(source) => return Err(BrokerError::Listen { address, source }),
        }
    }
    Err(if searches {
        BrokerError::NoFreePort { ip, first, last }
    } else {
        BrokerError::PortInUse { ip, port: first }
    })
}

fn listen_on(address: SocketAddrV4) -> io::Result<TcpListener> {
    if address.ip().is_unspecified() && address.port() != 0 {
        // Beside a broker on 127.0.0.1, macOS and Windows let another have all interfaces, and local
        // clients would then reach the other one. Linux refuses it below anyway.
        bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, address.port()))?;
    }
    bind(address)?.listen(BACKLOG)
}

fn bind(address: SocketAddrV4) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Elsewhere this lets a restart have the port of connections that still linger; on Windows that
    // needs no option, and this one would let two programs share the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::V4(address))?;
    Ok(socket)
}

/// What the crate needs to serve one connection, shared by all.
struct Sessions {
    config: Arc<CrateConfig>,
    router: Arc<MessageRouter>,
    auth: Arc<dyn AuthProvider>,
    storage: Arc<DynamicStorage>,
    stats: Arc<BrokerStats>,
    monitor: Arc<ResourceMonitor>,
    /// Held open and never used: sessions end by being dropped.
    shutdown: broadcast::Sender<()>,
    limiter: Option<AccountLimiter>,
}

impl Sessions {
    fn new(login: Option<Login>, limiter: Option<AccountLimiter>) -> Sessions {
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(QueueLimits {
            max_messages: QUEUED_MESSAGES,
            max_bytes: QUEUED_BYTES,
        })));
        let router = MessageRouter::with_storage(Arc::clone(&storage)).with_retained_limits(MAX_RETAINED, 0);
        let router = Arc::new(router);
        // Where the broker is to be like Adafruit IO, the gate counts.
        let counter = limiter.clone().filter(|limiter| !limiter.emulates());
        let counter = counter.map(|limiter| -> Arc<dyn BrokerEventHandler> {
            Arc::new(PublishHandler { limiter, router: Arc::clone(&router) })
        });
        let config = CrateConfig {
            event_handler: counter,
            bind_addresses: Vec::new(),
            max_clients: MAX_CONNECTIONS,
            max_packet_size: MAX_PACKET_BYTES,
            client_channel_capacity: CLIENT_BACKLOG,
            session_expiry_interval: SESSION_EXPIRY,
            sys_topics_enabled: false,
            ..CrateConfig::default()
        };
        // The crate's own provider hashes with argon2, tens of milliseconds for each of 1,000 logins, to
        // protect a password file that does not exist here; its rate limit would lock all of loopback out
        // for 300 s after five wrong passwords.
        let auth: Arc<dyn AuthProvider> = match login {
            Some(login) => Arc::new(OneLogin(login)),
            None => Arc::new(AllowAllAuthProvider),
        };
        // Only counts: a zero means no limit, and connections are limited by the accept loop.
        let monitor = ResourceMonitor::new(ResourceLimits {
            max_connections: MAX_CONNECTIONS,
            max_connections_per_ip: MAX_CONNECTIONS,
            max_message_rate_per_client: 0,
            max_bandwidth_per_client: 0,
            ..ResourceLimits::default()
        });
        let (shutdown, _) = broadcast::channel(1);
        Sessions {
            config: Arc::new(config),
            router,
            auth,
            storage,
            stats: Arc::new(BrokerStats::new()),
            monitor: Arc::new(monitor),
            shutdown,
            limiter,
        }
    }

    /// Serves one connection to its end.
    fn serve(&self, stream: TcpStream, peer: SocketAddr) -> BoxFuture {
        match &self.limiter {
            None => Box::pin(self.handle(stream, peer)),
            Some(limiter) if limiter.emulates() => {
                let (limiter, router) = (limiter.clone(), Arc::clone(&self.router));
                let handle = self.handler(peer);
                Box::pin(async move {
                    match gate::pair().await {
                        Ok((near, far)) => {
                            tokio::join!(gate::carry(stream, near, limiter, router), handle(far));
                        }
                        Err(error) => warn!(%peer, "no way to the broker for a connection: {error}"),
                    }
                })
            }
            Some(limiter) => Box::pin(serve_counted(stream, limiter.clone(), self.handler(peer))),
        }
    }

    fn handle(&self, stream: TcpStream, peer: SocketAddr) -> impl Future<Output = ()> + Send + use<> {
        let handle = self.handler(peer);
        async move { handle(stream).await }
    }

    /// What serves the connection of a peer, once its stream is there.
    fn handler(&self, peer: SocketAddr) -> impl FnOnce(TcpStream) -> BoxFuture + Send + use<> {
        let (config, router) = (Arc::clone(&self.config), Arc::clone(&self.router));
        let (auth, storage) = (Arc::clone(&self.auth), Arc::clone(&self.storage));
        let (stats, monitor) = (Arc::clone(&self.stats), Arc::clone(&self.monitor));
        let shutdown = self.shutdown.subscribe();
        move |stream| {
            let stream = BrokerTransport::tcp(stream);
            let storage = Some(storage);
            let handler =
                ClientHandler::new(stream, peer, config, router, auth, storage, stats, monitor, shutdown);
            Box::pin(async move {
                if let Err(reason) = handler.run().await {
                    debug!(%peer, "connection ended: {reason}");
                }
            })
        }
    }

    /// Forgets, now and then, what has expired.
    fn sweep(&self) -> impl Future<Output = ()> + Send + use<> {
        let storage = Arc::clone(&self.storage);
        let router = Arc::clone(&self.router);
        async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                if let Err(e) = storage.cleanup_expired().await {
                    warn!("the broker's sweep failed: {e}");
                }
                router.sweep_sessions().await;
            }
        }
    }
}

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves a connection whose account may be banned meanwhile.
async fn serve_counted(
    mut stream: TcpStream,
    limiter: AccountLimiter,
    handle: impl FnOnce(TcpStream) -> BoxFuture + Send,
) {
    let mut cuts = limiter.cuts();
    if limiter.counts() {
        if gate::first_byte(&stream).await.is_none() {
            return;
        }
        if let Err(refusal) = limiter.login() {
            return gate::refuse(&mut stream, refusal.code()).await;
        }
    }
    let (stream, twin) = match doubled(stream) {
        Ok(both) => both,
        Err(error) => return warn!("a connection cannot be counted: {error}"),
    };
    let mut session = handle(stream);
    tokio::select! {
        () = &mut session => return,
        Ok(()) = cuts.changed() => {}
    }
    // The session has to see an end, so that it publishes the will; the socket's last close is the RST.
    match TcpStream::from_std(twin) {
        Ok(twin) => {
            gate::reset(&twin);
            let twin = twin.into_std().and_then(|twin| twin.shutdown(Shutdown::Read).map(|()| twin));
            let _ = timeout(CUT_TIMEOUT, session).await;
            drop(twin);
        }
        Err(error) => warn!("a banned connection ends without a reset: {error}"),
    }
}

/// A socket, and another hold on it that outlives the session's.
fn doubled(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let twin = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, twin))
}

/// Accepts and serves until the stop is requested (or its sender dropped) or the listener is gone.
async fn serve(
    listener: TcpListener,
    sessions: Sessions,
    mut stop_requested: oneshot::Receiver<()>,
) -> Ended {
    let mut tasks = JoinSet::new();
    tasks.spawn(sessions.sweep());
    let mut accept_from = Instant::now();
    let mut refusing = false;
    let end = loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stop_requested => break Ended::Stopped,
            Some(done) = tasks.join_next() => {
                if let Err(failed) = done {
                    error!("a connection of the broker failed: {failed}");
                }
                continue;
            }
            accepted = accept(&listener, accept_from) => accepted,
        };
        let was_refusing = refusing;
        match accepted {
            Ok((stream, peer)) if tasks.len() <= MAX_CONNECTIONS => {
                refusing = false;
                // Nagle's algorithm would hold small messages back for the peer's delayed ACK.
                if let Err(e) = stream.set_nodelay(true) {
                    debug!(%peer, "TCP_NODELAY not set: {e}");
                }
                tasks.spawn(sessions.serve(stream, peer));
            }
            Ok((stream, peer)) => {
                drop(stream);
                refusing = true;
                if !was_refusing {
                    warn!(%peer, "the broker has {MAX_CONNECTIONS} connections and refuses more");
                }
            }
            Err(e) => match on_accept_error(e.kind()) {
                OnAcceptError::Retry => {}
                OnAcceptError::Rest => {
                    refusing = true;
                    accept_from = Instant::now() + ACCEPT_REST;
                    if !was_refusing {
                        warn!("the broker cannot accept connections at the moment: {e}");
                    }
                }
                OnAcceptError::End => {
                    break Ended::Failed { reason: format!("the listening socket is gone: {e}") };
                }
            },
        }
    };
    drop(listener);
    tasks.shutdown().await;
    end
}

async fn accept(listener: &TcpListener, from: Instant) -> io::Result<(TcpStream, SocketAddr)> {
    sleep_until(from).await;
    listener.accept().await
}

/// What to do after an accept that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnAcceptError {
    /// It concerns one peer, which has gone again.
    Retry,
    /// Something is short (file descriptors, memory): an accept at once would spin.
    Rest,
    /// The listening socket itself is no good any more.
    End,
}

fn on_accept_error(kind: io::ErrorKind) -> OnAcceptError {
    match kind {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {
            OnAcceptError::Retry
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => OnAcceptError::End,
        _ => OnAcceptError::Rest,
    }
}

/// Lets in who has the one login; whoever is in may publish and subscribe anywhere.
struct OneLogin(Login);

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for OneLogin {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        _peer: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let user = connect.username.as_deref();
        let result = if self.0.admits(user, connect.password.as_deref()) {
            AuthResult::success_with_user(self.0.user.as_str())
        } else {
            AuthResult::fail(ReasonCode::BadUsernameOrPassword)
        };
        Box::pin(async move { Ok(result) })
    }

    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        _user: Option<&'a str>,
        _topic: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(async { true })
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        _user: Option<&'a str>,
        _filter: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(async { true })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    fn login() -> Login {
        Login { user: "king".to_owned(), password: "arthur".to_owned() }
    }

    #[test]
    fn a_login_admits_itself_alone() {
        let admits = |user: &str, password: &str| login().admits(Some(user), Some(password.as_bytes()));
        assert!(admits("king", "arthur"));
        for (user, password) in [
            ("king", "arthu"),
            ("king", "arthurarthur"),
            ("king", ""),
            ("kingking", "arthur"),
            ("arthur", "king"),
            ("", ""),
            ("King", "arthur"),
        ] {
            assert!(!admits(user, password), "{user}/{password} was let in");
        }
        assert!(!login().admits(None, None));
        assert!(!login().admits(Some("king"), None));
        assert!(!login().admits(None, Some(b"arthur")));
    }

    #[test]
    fn the_password_does_not_reach_a_log_through_debug() {
        let config = BrokerConfig { first_port: 1883, search: true, lan: true, login: Some(login()) };
        let shown = format!("{config:?}");
        assert!(shown.contains("king") && !shown.contains("arthur"), "{shown}");
    }

    #[test]
    fn an_accept_that_fails_for_want_of_file_descriptors_rests_and_does_not_spin_or_end() {
        let no_descriptors = io::Error::from_raw_os_error(24);
        assert_eq!(on_accept_error(no_descriptors.kind()), OnAcceptError::Rest);
        assert_eq!(on_accept_error(io::ErrorKind::ConnectionAborted), OnAcceptError::Retry);
        assert_eq!(on_accept_error(io::ErrorKind::InvalidInput), OnAcceptError::End);
    }

    #[test]
    fn every_error_says_what_to_do_next() {
        let ip = Ipv4Addr::LOCALHOST;
        let source = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        let cases = [
            (BrokerError::PortInUse { ip, port: 1883 }, "search"),
            (BrokerError::NoFreePort { ip, first: 1883, last: 1982 }, "1883 to 1982"),
            (BrokerError::NoPermission { port: 80 }, "1024"),
            (BrokerError::LanWithoutLogin, "set a user name"),
            (BrokerError::EmptyLogin, "set both"),
            (
                BrokerError::Listen { address: SocketAddrV4::new(ip, 1883), source: source() },
                "try another port",
            ),
        ];
        for (error, advice) in cases {
            assert!(error.to_string().contains(advice), "{error}");
        }
        let with_cause = BrokerError::Listen { address: SocketAddrV4::new(ip, 1), source: source() };
        assert!(with_cause.source().is_some(), "what the system said is lost");
    }
}
