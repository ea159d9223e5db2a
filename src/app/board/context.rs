//! What the configuration knows that a board needs.

use std::path::PathBuf;

use traffic_light::record::Dialect;

use super::login_store;
use crate::{
    board::provision::dialect_of,
    config::{BrokerChoice, Config, Junction},
    model::Login,
};

/// What the configuration says of lights and broker, and where files go. Made anew with each world.
#[derive(Clone, Debug, Default)]
pub struct ProvisioningContext {
    pub(crate) junctions: Vec<Junction>,
    /// What stands before the junction in every topic.
    pub(in crate::app) root: String,
    /// In which dialect the lights speak.
    pub(super) dialect: Dialect,
    /// The broker, where it is not inside this program.
    pub(in crate::app) broker: Option<ExternalBroker>,
    /// The login of the broker inside this program, where the configuration gives one.
    pub(crate) login: Option<Login>,
    pub(in crate::app) backups: Option<PathBuf>,
    /// Where the login that boards are given is kept.
    pub(super) login_file: Option<PathBuf>,
}

/// A broker that runs elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct ExternalBroker {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Option<Login>,
    /// Whether the connection is encrypted.
    pub(super) tls: bool,
    /// Whether its certificate is not checked, although it is.
    pub(in crate::app) unchecked: bool,
}

impl ProvisioningContext {
    /// The context of a configuration.
    #[must_use]
    pub fn of(config: &Config, backups: Option<PathBuf>) -> ProvisioningContext {
        let (broker, login) = match &config.broker {
            BrokerChoice::Embedded { login, .. } => (None, login.clone()),
            BrokerChoice::External { host, port, login, tls } => {
                let elsewhere = ExternalBroker {
                    host: host.clone(),
                    port: *port,
                    login: login.clone(),
                    tls: tls.is_some(),
                    unchecked: tls.as_ref().is_some_and(|tls| !tls.checks_the_broker()),
                };
                (Some(elsewhere), None)
            }
        };
        ProvisioningContext {
            junctions: config.junctions.clone(),
            root: config.root.as_str().to_owned(),
            dialect: dialect_of(config),
            broker,
            login,
            backups,
            login_file: None,
        }
    }

    /// With the login that boards were given before, where the configuration gives none, and a file
    /// to keep it in. Reads that file.
    #[must_use]
    pub fn with_login_file(mut self, file: Option<PathBuf>) -> ProvisioningContext {
        let kept = file.as_deref().and_then(login_store::load);
        self.login = self.login.or(kept);
        self.login_file = file;
        self
    }

    #[must_use]
    pub(in crate::app) fn junction(&self, name: &str) -> Option<&Junction> {
        self.junctions.iter().find(|junction| junction.name().as_str() == name)
    }
}
