//! The embedded MQTT broker: nothing to install, and a broker that a scenario can stop and start.
//!
//! Sessions, routing, retained messages and wills are those of the `mqtt5` crate. Listening, accepting
//! and stopping are done here, because of three things in version 0.49.0 (`src/broker/server.rs` there;
//! no report of them was found at <https://github.com/LabOverWire/mqtt-lib/issues>):
//!
//! - `bind_plaintext_listeners` returns a failed bind as `MqttError::Configuration` with a text, without
//!   the `io::ErrorKind`: a port in use cannot be told from a port that needs permission.
//! - `spawn_tcp_accept_tasks` logs a failed accept and tries again at once: without a free file
//!   descriptor it spins, and writes a line of the log at each turn.
//! - `finish_shutdown` waits up to five seconds for connections that have not finished logging in, and
//!   then returns while they still run.
//!
//! | module | one idea |
//! | --- | --- |
//! | `listener` | which port, and the accept loop |
//! | `sessions` | who serves a connection, and the numbers that the crate limits |
//! | `client_stream` | between a socket and the crate: packets are checked, mended and counted |
//! | `connect` | CONNECT packets of any version, made fit for the crate |
//! | `properties` | the properties of MQTT 5's packets |
//! | `memory` | what clients take of the memory, and who has to go |
//! | `limits` | how the memory is shared out |
//! | `places` | how many connections there may be, and whose |
//! | `notice` | what is told of clients |
//! | `authentication` | who is let in |
//! | `events` | what the broker tells of its clients |
//! | `limited` | connections whose account may be banned |
//! | `adafruit_filter` | between a client and the broker, where it is to be like Adafruit IO |
//!
//! What a client should know:
//!
//! - Protocols are MQTT 3.1, 3.1.1 and 5, QoS 0 to 2, without TLS.
//! - Everything is kept in memory: a stop forgets retained messages and sessions.
//! - A client id of more than 128 bytes, or with an ASCII control character in it, is refused (CONNACK code 2).
//! - A client is dropped after 1.5 keep-alives of silence; without a keep-alive, never.
//! - At a takeover the old connection's will is published, as MQTT 3.1.1 demands. Others may hear of the end and of
//!   the new beginning in any order.
//!
//! A broker that is given an [`AccountLimiter`] counts what its clients do: then publishes may be rejected,
//! and a banned account is refused at CONNECT and has its connections reset.

mod adafruit_filter;
mod authentication;
mod client_stream;
mod connect;
mod events;
mod limited;
mod limits;
mod listener;
mod memory;
mod notice;
mod places;
mod properties;
mod sessions;

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tracing::{error, info};

pub use self::{
    listener::PORTS_TRIED,
    notice::{BrokerNotice, SummedNotice},
    places::OwnClients,
};
use self::{memory::Memory, notice::Notices, places::Places, sessions::Sessions};
use super::{account_limiter::AccountLimiter, client_watch::ClientWatch, own_ports};
use crate::model::{BrokerLimits, Diagnostic, Login};

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
    /// How much its clients may use.
    pub limits: BrokerLimits,
    /// For whom places are kept free.
    pub own: OwnClients,
}

/// Why the broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The wanted port is in use and no other was to be tried.
    #[error("port {port} is in use on {ip}")]
    PortInUse {
        /// The address it was to listen on.
        ip: Ipv4Addr,
        /// The port wanted.
        port: u16,
    },
    /// The search found no free port.
    #[error("no port from {first} to {last} is free on {ip}")]
    NoFreePort {
        /// The address it was to listen on.
        ip: Ipv4Addr,
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// The system does not let this user listen on the port.
    #[error("this user may not listen on port {port}")]
    NoPermission {
        /// The port wanted.
        port: u16,
    },
    /// It was to listen on all interfaces without a login.
    #[error("a broker that other machines can reach needs a login")]
    LanWithoutLogin,
    /// The user name or the password is empty.
    #[error("the broker's user name or password is empty")]
    EmptyLogin,
    /// Listening failed for another reason.
    #[error("the broker cannot listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddrV4,
        /// What the system said.
        source: io::Error,
    },
}

impl BrokerError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            BrokerError::PortInUse { .. } => {
                "stop the program that has it (perhaps another broker), choose another port, or let the broker \
                 search for a free one"
            }
            BrokerError::NoFreePort { .. } => "choose another first port, or port 0 for any free one",
            BrokerError::NoPermission { .. } => {
                "choose a port from 1024 up, such as 1883 (lower ones are the administrator's; Windows reserves \
                 some higher ones too)"
            }
            BrokerError::LanWithoutLogin => "set a user name and a password, or keep it to this machine",
            BrokerError::EmptyLogin => "set both, or neither",
            BrokerError::Listen { .. } => "check that the machine's network is up, and try another port",
        }
    }
}

impl From<BrokerError> for Diagnostic {
    fn from(error: BrokerError) -> Diagnostic {
        Diagnostic::new(error.to_string(), error.help())
    }
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
    notices: Option<mpsc::Receiver<SummedNotice>>,
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
        Broker::start_watched(config, limiter, None).await
    }

    /// As [`Broker::start_limited`], and tells what becomes of the sessions of foreign lights.
    pub(in crate::world) async fn start_watched(
        config: &BrokerConfig,
        limiter: Option<AccountLimiter>,
        clients: Option<Arc<ClientWatch>>,
    ) -> Result<Broker, BrokerError> {
        let login = match &config.login {
            None if config.lan => return Err(BrokerError::LanWithoutLogin),
            Some(login) if login.user.is_empty() || login.password.is_empty() => {
                return Err(BrokerError::EmptyLogin);
            }
            login => login.clone(),
        };
        let listener = listener::listen(config)?;
        let address = listener.local_addr().map_err(|source| BrokerError::Listen {
            address: SocketAddrV4::new(listener::ip(config.lan), config.first_port),
            source,
        })?;
        let wanted = config.first_port;
        let wanted_port_taken = (wanted != 0 && wanted != address.port()).then_some(wanted);
        info!(%address, "broker listens");

        let (stop, stop_requested) = oneshot::channel();
        let (tell_end, ended) = watch::channel(None);
        if let Some(clients) = &clients {
            clients.reset();
        }
        let (notices, told) = Notices::channel();
        own_ports::listens_on(address.port());
        let places = Places::new(config.own);
        let memory = Memory::new(config.limits, places, notices);
        let sessions = Sessions::new(login, limiter, clients, memory);
        let task = tokio::spawn(async move {
            let end = listener::serve(listener, sessions, stop_requested).await;
            tell_end.send_replace(Some(end));
        });
        Ok(Broker { address, wanted_port_taken, notices: Some(told), stop, ended, task })
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

    /// What it tells of its clients; `None` after the first call. Of what nobody reads, all but the first few is lost.
    pub fn take_notices(&mut self) -> Option<mpsc::Receiver<SummedNotice>> {
        self.notices.take()
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
                reason: "the broker's task ended without a reason (a bug: see the log)".to_owned(),
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

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn the_password_does_not_reach_a_log_through_debug() {
        let login = Login { user: "king".to_owned(), password: "arthur".to_owned() };
        let config = BrokerConfig {
            first_port: 1883,
            search: true,
            lan: true,
            login: Some(login),
            limits: BrokerLimits::default(),
            own: OwnClients::default(),
        };
        let shown = format!("{config:?}");
        assert!(shown.contains("king") && !shown.contains("arthur"), "{shown}");
    }

    #[test]
    fn every_error_says_what_to_do_next() {
        let ip = Ipv4Addr::LOCALHOST;
        let source = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        let cases = [
            (BrokerError::PortInUse { ip, port: 1883 }, "search"),
            (BrokerError::NoFreePort { ip, first: 1883, last: 1982 }, "port 0"),
            (BrokerError::NoPermission { port: 80 }, "1024"),
            (BrokerError::LanWithoutLogin, "set a user name"),
            (BrokerError::EmptyLogin, "set both"),
            (
                BrokerError::Listen { address: SocketAddrV4::new(ip, 1883), source: source() },
                "try another port",
            ),
        ];
        for (error, advice) in cases {
            assert!(error.help().contains(advice), "{error}");
        }
        let with_cause = BrokerError::Listen { address: SocketAddrV4::new(ip, 1), source: source() };
        assert!(with_cause.source().is_some(), "what the system said is lost");
    }
}
