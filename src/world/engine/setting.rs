//! What an engine must know of the configuration.

use std::time::Duration;

use traffic_light::{Foreign, Name, Rule};

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
    /// Whether it wanted one before it was opened to the network; `None`: it was not opened.
    pub(super) had_login: Option<bool>,
    /// The lights meet on feeds.
    pub(super) on_feeds: bool,
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
            had_login: None,
            on_feeds: config.feeds.is_some(),
            proxies: config.links.proxy,
        }
    }

    pub(super) fn lights(&self) -> impl Iterator<Item = LightId> {
        self.junctions.iter().flat_map(Junction::light_ids)
    }

    pub(super) fn has_light(&self, light: &LightId) -> bool {
        self.junction(&light.junction).is_some_and(|junction| junction.light_config(&light.light).is_some())
    }

    /// Whether somebody else runs the light, as the configuration says.
    pub(super) fn is_foreign(&self, light: &LightId) -> bool {
        self.foreign(light).is_some()
    }

    /// How to talk with a light, where that is somebody else's.
    pub(super) fn foreign(&self, light: &LightId) -> Option<&Foreign> {
        self.junction(&light.junction)?.foreign(&light.light)
    }

    pub(super) fn set_foreign(&mut self, light: &LightId, foreign: Option<Foreign>) {
        if let Some(junction) = self.junctions.iter_mut().find(|known| *known.name() == light.junction) {
            junction.set_foreign(&light.light, foreign);
        }
    }

    /// How many lights the junction of a light has.
    pub(super) fn lights_beside(&self, light: &LightId) -> usize {
        self.junction(&light.junction).map_or(0, |junction| junction.lights().len())
    }

    /// The lights that somebody else runs, each with its junction's rule and the round trip that it allows for.
    pub(super) fn foreign_lights(&self) -> Vec<(LightId, Rule, Duration)> {
        let all = self.junctions.iter().flat_map(|junction| {
            let rtt = Duration::from_millis(u64::from(junction.timing().rtt_ms));
            junction.foreign_lights().map(move |(name, _)| {
                (LightId::new(junction.name().clone(), name.clone()), junction.rule(), rtt)
            })
        });
        all.collect()
    }

    /// The light that a foreign one conflicts with.
    pub(super) fn partner_of_foreign(&self, light: &LightId) -> Option<LightId> {
        self.foreign(light)?;
        self.other_of_pair(light)
    }

    /// The other light of a junction of two.
    pub(super) fn other_of_pair(&self, light: &LightId) -> Option<LightId> {
        let junction = self.junction(&light.junction)?;
        junction.light_ids().find(|other| other != light)
    }

    /// Whether the light's junction signs its messages.
    pub(super) fn is_keyed(&self, light: &LightId) -> bool {
        self.junction(&light.junction).is_some_and(|junction| junction.key().is_some())
    }

    fn junction(&self, name: &Name) -> Option<&Junction> {
        self.junctions.iter().find(|junction| junction.name() == name)
    }
}
