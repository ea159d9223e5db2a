//! The broker to examine.

use super::load::Load;
use crate::{
    config::{BrokerChoice, Config},
    model::Login,
    tls::Tls,
};

/// A broker to examine, and how lights would use it.
#[derive(Clone)]
pub struct Target {
    /// A name or an IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How to log in.
    pub login: Option<Login>,
    /// How to encrypt; `None`: not at all.
    pub tls: Option<Tls>,
    /// What stands before the junction in every topic.
    pub root: String,
    /// What lights will do there.
    pub load: Load,
    /// Whether it is Adafruit IO, or acts so: feeds in place of topics, no retained messages, no wills.
    pub adafruit: bool,
}

/// The one broker without free topics, retained messages and wills.
pub(super) const ADAFRUIT: &str = "io.adafruit.com";

impl Target {
    /// The broker of a configuration; `None` where it is the one inside this program, which has to
    /// be started first.
    #[must_use]
    pub fn of(config: &Config) -> Option<Target> {
        match &config.broker {
            BrokerChoice::External { host, port, login, tls } => Some(Target {
                host: host.clone(),
                port: *port,
                login: login.clone(),
                tls: tls.clone(),
                root: config.root.to_string(),
                load: Load::of(config),
                adafruit: host == ADAFRUIT || config.feeds.is_some(),
            }),
            BrokerChoice::Embedded { .. } => None,
        }
    }

    /// The broker inside this program, which listens on `port` of this machine.
    #[must_use]
    pub fn embedded(config: &Config, port: u16) -> Target {
        let login = match &config.broker {
            BrokerChoice::Embedded { login, .. } | BrokerChoice::External { login, .. } => login.clone(),
        };
        Target {
            host: "127.0.0.1".to_owned(),
            port,
            login,
            tls: None,
            root: config.root.to_string(),
            load: Load::of(config),
            adafruit: config.emulated.is_some() || config.feeds.is_some(),
        }
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        let Target { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Whether the user name is the secret, as at flespi.
    pub(super) fn is_token_login(&self) -> bool {
        self.login.as_ref().is_some_and(|login| login.password.is_empty())
    }
}
