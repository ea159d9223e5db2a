//! Lights start and go, with the proxies of their links.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::PoisonError,
    time::{Duration, SystemTime},
};

use rand::RngExt;
use tokio::{sync::mpsc, time::timeout};
use traffic_light::{LightConfig, Start, mqtt::client_id, program::Place};

use super::{
    GOODBYE_TIMEOUT, Supervisor,
    start::{LOOPBACK, allow_files},
};
use crate::{
    config::{BrokerChoice, Junction},
    model::{Diagnostic, LightId, unix_seconds},
    world::{
        client::{self, ClientSpec},
        event::Severity,
        light::LightParts,
        link::{BrokerPath, Via},
        port_watch::{self, PortSpec},
        proxy::Proxy,
        virtual_light::{self, LightSpec, RunningLight},
    },
};

/// Lights start over this long for each of them, so that a thousand do not connect at once.
const START_SPACING: Duration = Duration::from_micros(500);

impl Supervisor {
    pub(super) fn add_light(
        &mut self,
        junction: &Junction,
        config: &LightConfig,
        boot: u32,
        last_run_ended_ms: Option<u64>,
    ) {
        let id = LightId::new(junction.name().clone(), config.name().clone());
        let (name, key) = (junction.name().clone(), junction.key().cloned());
        let place = match &self.config.feeds {
            Some(feeds) => Place::on_feeds(&feeds.user, name, key),
            None => Place::new(self.config.root.as_str(), name, key),
        };
        let Some(place) = place else {
            self.bus.notice(Severity::Error, None, ("the root topic is too long", "make it shorter"));
            return;
        };
        let place = place.with_foreign(junction.partner_of(config.name()).cloned());
        let start = Start {
            boot,
            seed: self.random.random(),
            lease_max_ms: config.timing().lease_ms,
            last_run_ended_ms,
        };
        let spacing = START_SPACING.saturating_mul(u32::try_from(self.lights.len()).unwrap_or(u32::MAX));
        let join = Duration::from_millis(u64::from(self.config.links.wifi_join_ms)) + spacing;
        let name = client_id(self.config.root.as_str(), id.junction.as_str(), id.light.as_str());
        let seed = self.random.random();
        let via = self.put_proxy_before(&id, seed);
        let proxied = self.proxies.contains_key(&id);
        self.bus.with(|engine| engine.light_added(&id, junction.rule(), proxied));
        let parts = LightParts {
            id: id.clone(),
            config: config.clone(),
            place,
            start,
            client_id: name.to_string(),
            broker: self.spec.path.target.address.clone(),
            keep_alive_s: self.config.links.keep_alive_s,
            budget: self.spec.budget.clone(),
            wifi_join_us: u64::try_from(join.as_micros()).unwrap_or(u64::MAX),
            seed: self.random.random(),
            rerun_seed: rand::random(),
            epoch_s: unix_seconds(self.bus.clock().started_at()),
            measured: self.bus.measures(),
        };
        let spec = LightSpec {
            parts,
            path: BrokerPath { via, ..self.spec.path.clone() },
            reported: self.reported,
            bus: self.bus.clone(),
            boots: self.boots.clone(),
            phase: self.random.random(),
        };
        self.lights.insert(id, virtual_light::start(spec));
    }

    /// Runs a light of the configuration here. It waits as after any start: whoever had its name
    /// until now may have promised something.
    pub(super) fn run_light(&mut self, light: &LightId) -> Result<(), Diagnostic> {
        let Some(junction) = self.config.junction(&light.junction).cloned() else { return Ok(()) };
        let Some(config) = junction.light_config(&light.light) else { return Ok(()) };
        allow_files(self.lights.len() + 1, self.proxied())?;
        let boot = self.boots.next(SystemTime::now());
        self.add_light(&junction, config, boot, Some(0));
        Ok(())
    }

    /// Lets a light say goodbye, which nobody waits for: the engine is told when it has gone.
    pub(super) fn retire_light(&mut self, light: &LightId) {
        let Some(running) = self.lights.remove(light) else { return };
        let is_foreign = self
            .config
            .junction(&light.junction)
            .is_some_and(|junction| junction.foreign(&light.light).is_some());
        let id = light;
        let (light, bus, proxy) = (light.clone(), self.bus.clone(), self.proxies.remove(light));
        self.leaving.spawn(async move {
            let RunningLight { commands, task } = running;
            drop(commands);
            match timeout(GOODBYE_TIMEOUT, task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%light, %error, "a light ended by itself"),
                Err(_) => tracing::warn!(%light, "a light did not say goodbye in time"),
            }
            drop(proxy);
            bus.with(|engine| engine.light_removed(&light));
        });
        if is_foreign {
            self.open_new_board_port(id);
        }
    }

    /// Whether each link goes through a proxy: where that is wanted, and where the proxy has to speak
    /// TLS for the link.
    pub(super) fn proxied(&self) -> bool {
        self.config.links.proxy || self.spec.path.target.tls.is_some()
    }

    /// The proxy of a light's link; without one, where that is wanted or none is to be had, the link
    /// goes as all others do that have none.
    pub(super) fn put_proxy_before(&mut self, light: &LightId, seed: u64) -> Option<Via> {
        let others = self.spec.path.via.clone();
        if !self.proxied() {
            return others;
        }
        match Proxy::towards(self.spec.path.target.destination(), LOOPBACK, seed) {
            Ok(proxy) => {
                let via = Via::through(&proxy);
                self.proxies.insert(light.clone(), proxy);
                Some(via)
            }
            Err(error) => {
                let text =
                    format!("{light} has no proxy, so its link cannot be broken in finer ways: {error}");
                self.bus.notice(Severity::Warning, Some(light), text);
                others
            }
        }
    }

    /// A port for each light that does not run here, where the configuration asks for them.
    pub(super) fn open_board_ports(&mut self) {
        if self.config.links.board_port.is_some() {
            let mut ids = self.port_ids.lock().unwrap_or_else(PoisonError::into_inner);
            for light in self.lights.keys() {
                let id = client_id(self.config.root.as_str(), light.junction.as_str(), light.light.as_str());
                ids.add_own(&id, light.clone());
            }
        }
        let ports: Vec<_> = self.config.board_ports().collect();
        for (light, port) in ports {
            self.open_board_port(&light, port);
        }
    }

    /// The port of a light that has just become somebody else's, where the configuration asks for one and that is free.
    pub(super) fn open_new_board_port(&mut self, light: &LightId) {
        if self.board_ports.contains(light) {
            return;
        }
        let Some((_, port)) = self.config.board_ports().find(|(of, _)| of == light) else { return };
        // Ports are counted in the order of the file: another light may have this one until the next start.
        if self.board_ports.is_empty() {
            self.open_board_port(light, port);
        } else {
            let text = format!("{light} gets a port of its own when this configuration is started again");
            self.bus.notice(Severity::Info, Some(light), text);
        }
    }

    fn open_board_port(&mut self, light: &LightId, port: u16) {
        let ip = if self.config.links.board_lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let destination = self.spec.path.target.destination();
        let encrypted = if destination.tls.is_some() { ", and needs no TLS of its own" } else { "" };
        let seed = self.config.seed.unwrap_or(0) ^ u64::from(port);
        let (tap, seen) = mpsc::channel(port_watch::ROOM);
        let opened = Proxy::tapped(destination, SocketAddr::new(ip.into(), port), seed, tap);
        let (severity, text) = match opened {
            Ok(proxy) => {
                self.proxies.insert(light.clone(), proxy);
                self.board_ports.push(light.clone());
                if let Some(junction) = self.config.junction(&light.junction) {
                    let spec = PortSpec {
                        light: light.clone(),
                        rule: junction.rule(),
                        packets: self.reported,
                        ids: self.port_ids.clone(),
                        // The broker in this program knows its clients itself, those that come through ports too.
                        clients: self.clients.clone().filter(|_| !self.embeds_broker()),
                        bus: self.bus.clone(),
                    };
                    self.watches.spawn(port_watch::watch(spec, seen));
                }
                self.bus.with(|engine| engine.link_proxied(light));
                let text = format!(
                    "port {port} leads {light} to the broker: a board that connects there can have its link \
                     broken{encrypted}"
                );
                (Severity::Info, Diagnostic::from(text))
            }
            Err(error) => {
                let message =
                    format!("port {port}, which leads {light} to the broker, cannot be opened: {error}");
                let help = "end the program that uses it, or choose another links.board_port";
                (Severity::Warning, Diagnostic::new(message, help))
            }
        };
        self.bus.notice(severity, Some(light), text);
    }

    fn embeds_broker(&self) -> bool {
        matches!(self.config.broker, BrokerChoice::Embedded { .. })
    }

    /// A second client with the light's client id: each takes the session from the other.
    pub(super) fn set_duplicate_client(&mut self, light: &LightId, on: bool) {
        if !on {
            // It disconnects in its own time.
            self.duplicates.remove(light);
            return;
        }
        self.duplicates.entry(light.clone()).or_insert_with(|| {
            let id = client_id(self.config.root.as_str(), light.junction.as_str(), light.light.as_str());
            let seed = rand::random();
            client::start(ClientSpec { client_id: id.to_string(), seed, heard: false, ..self.spec.clone() })
        });
    }
}
