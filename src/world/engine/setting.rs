//! What an engine must know of the configuration.

use traffic_light::Name;

use crate::config::{BrokerChoice, Config, Junction};
use crate::model::LightId;

pub(super) struct Setting {
    junctions: Vec<Junction>,
    /// The broker is part of this program: it can be stopped, and made to count.
    pub(super) own_broker: bool,
    /// That broker is an account with a user and key of its own.
    pub(super) is_account: bool,
    /// Whether the broker asks for a login.
    pub(super) has_login: bool,
    /// Whether links go through proxies.
    pub(super) proxies: bool,
}

impl Setting {
    pub(super) fn of(config: &Config, own_broker: bool) -> Setting {
        let (BrokerChoice::Embedded { login, .. } | BrokerChoice::External { login, .. }) = &config.broker;
        Setting {
            junctions: config.junctions.clone(),
            own_broker,
            is_account: config.emulated.is_some(),
            has_login: login.is_some(),
            proxies: config.links.proxy,
        }
    }

    pub(super) fn lights(&self) -> impl Iterator<Item = LightId> {
        self.junctions.iter().flat_map(Junction::light_ids)
    }

    pub(super) fn has_light(&self, light: &LightId) -> bool {
        self.junction(&light.junction).is_some_and(|junction| junction.light_config(&light.light).is_some())
    }

    /// Whether the light's junction signs its messages.
    pub(super) fn is_keyed(&self, light: &LightId) -> bool {
        self.junction(&light.junction).is_some_and(|junction| junction.key().is_some())
    }

    fn junction(&self, name: &Name) -> Option<&Junction> {
        self.junctions.iter().find(|junction| junction.name() == name)
    }
}
