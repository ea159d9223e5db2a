//! The broker behind a light's port: one of the check's own, or one that runs elsewhere.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

use super::{
    bench::Setup,
    record::{Record, Step},
};
use crate::{
    board::provision::this_computer::make_login,
    config::{BrokerChoice, Config},
    model::{BrokerLimits, Diagnostic, Login},
    world::{
        account_limiter::AccountLimiter,
        broker::{Broker, BrokerConfig, OwnClients},
        proxy::Destination,
    },
};

/// Where a check is played. Of a configuration it takes the broker: the very one where it runs elsewhere, and one
/// like it, started for the check, where it is the embedded one.
pub struct Ground {
    broker: Option<Broker>,
    destination: Destination,
    /// What the light and its partner log in with.
    pub login: Option<Login>,
    /// The login was made up because the port is open to the network.
    pub made_up: bool,
    /// In a person's words.
    pub label: String,
    retains: bool,
    /// Whether others in the network may connect to the light's port.
    pub lan: bool,
}

impl Ground {
    /// Starts the broker where it is the check's own. It is reached through the light's port alone, which is open
    /// to the network with `lan`, whatever the configuration says. `notice` gets what an emulated account says.
    ///
    /// # Errors
    /// When the broker cannot be started, or reached.
    pub async fn prepare(
        config: &Config,
        lan: bool,
        notice: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Ground, Diagnostic> {
        let retains = config.emulated.is_none() && config.feeds.is_none();
        match &config.broker {
            BrokerChoice::External { host, port, login, tls } => {
                let destination = Destination { host: host.clone(), port: *port, tls: tls.clone() };
                // A light that is let in by nobody would be blamed for it.
                reach(&destination).await.map_err(|why| {
                    Diagnostic::new(why, "start it, or let \"twinlight doctor\" find out what is wrong")
                })?;
                Ok(Ground {
                    broker: None,
                    destination,
                    login: login.clone(),
                    made_up: false,
                    label: format!("{host}:{port}"),
                    retains,
                    lan,
                })
            }
            BrokerChoice::Embedded { login, .. } => {
                let made_up = lan && login.is_none();
                let login = if made_up { Some(make_login()) } else { login.clone() };
                let broker = BrokerConfig {
                    first_port: 0,
                    search: false,
                    lan: false,
                    login: login.clone(),
                    limits: BrokerLimits::default(),
                    own: OwnClients::default(),
                };
                let limiter = config.emulated.as_ref().map(|emulated| {
                    let listener = Box::new(move |event| notice(format!("{event}")));
                    AccountLimiter::adafruit(&emulated.user, emulated.per_minute, listener)
                });
                let label = match config.emulated {
                    Some(_) => "the embedded broker, as Adafruit IO",
                    None => "the embedded broker",
                };
                let broker = Broker::start_limited(&broker, limiter).await?;
                let port = broker.local_address().port();
                Ok(Ground {
                    destination: Destination { host: "127.0.0.1".to_owned(), port, tls: None },
                    broker: Some(broker),
                    login,
                    made_up,
                    label: label.to_owned(),
                    retains,
                    lan,
                })
            }
        }
    }

    /// The record of a check that begins now.
    #[must_use]
    pub fn record(&self, seed: u64, steps: Vec<Step>) -> Record {
        Record::new(seed, steps, self.label.clone(), self.retains)
    }

    /// A bench whose light connects to `port`; 0: any free one. `another_port` says how a person takes another one.
    #[must_use]
    pub fn setup(
        &self,
        port: u16,
        another_port: &'static str,
        wifi_hook: Option<String>,
        record: Record,
    ) -> Setup {
        let ip = if self.lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        Setup {
            listen: SocketAddr::from((ip, port)),
            another_port,
            destination: self.destination.clone(),
            login: self.login.clone(),
            wifi_hook,
            record,
        }
    }

    /// Stops the broker where it is the check's own.
    pub async fn stop(self) {
        if let Some(broker) = self.broker {
            broker.stop().await;
        }
    }
}

/// How long a broker may take to accept a connection.
const REACHED: Duration = Duration::from_secs(5);

/// Whether somebody listens where the broker is to be.
///
/// # Errors
/// Why not.
pub(super) async fn reach(broker: &Destination) -> Result<(), String> {
    let connected = timeout(REACHED, TcpStream::connect((broker.host.as_str(), broker.port))).await;
    let trouble = match connected {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", REACHED.as_secs()),
    };
    Err(format!("the broker at {}:{} cannot be reached: {trouble}", broker.host, broker.port))
}
