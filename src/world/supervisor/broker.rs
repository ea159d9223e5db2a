//! The broker in this program starts, stops and opens to the network.

use std::sync::Arc;

use super::{Supervisor, descriptors::own_clients};
use crate::{
    config::{BrokerChoice, Config},
    model::{Diagnostic, LightId, Login},
    world::{
        broker::{Broker, BrokerConfig, Ended},
        client_watch::{ClientWatch, ForeignSession},
        event::Severity,
        event_bus::EventBus,
    },
};

impl Supervisor {
    pub(super) async fn run_broker(&mut self, on: bool) -> Result<(), Diagnostic> {
        if on {
            return self.start_broker().await;
        }
        // Whoever connects to a port here finds what it would find at the broker: nobody listens.
        self.close_board_ports(true);
        if let Some(broker) = self.broker.take() {
            broker.stop().await;
        }
        Ok(())
    }

    pub(super) fn close_board_ports(&self, closed: bool) {
        for proxy in self.board_ports.iter().filter_map(|light| self.proxies.get(light)) {
            proxy.set_closed(closed);
        }
    }

    async fn start_broker(&mut self) -> Result<(), Diagnostic> {
        let BrokerChoice::Embedded { lan, login, limits, .. } = &self.config.broker else { return Ok(()) };
        if self.broker.is_some() {
            return Ok(());
        }
        let config = BrokerConfig {
            first_port: self.port,
            search: false,
            lan: *lan,
            login: login.clone(),
            limits: *limits,
            own: own_clients(self.lights.len(), self.proxied()),
        };
        let mut broker = Broker::start_watched(&config, self.limiter.clone(), self.clients.clone()).await?;
        tell_notices(&self.bus, &mut broker);
        self.close_board_ports(false);
        tell_of(&self.bus, &broker);
        self.broker = Some(broker);
        Ok(())
    }

    /// Starts the broker again on all interfaces. Links that lose their session log in anew.
    pub(super) async fn open_broker(&mut self, new: &Login) -> Result<(), Diagnostic> {
        let BrokerChoice::Embedded { lan, login, .. } = &mut self.config.broker else { return Ok(()) };
        if *lan && login.as_ref() == Some(new) && self.broker.is_some() {
            return Ok(());
        }
        let before = login.replace(new.clone());
        *lan = true;
        self.login_before.get_or_insert(before);
        self.restart_broker("it starts again, open to the network").await
    }

    /// Starts the broker again on this computer only, with the login of before it was opened.
    pub(super) async fn close_broker(&mut self) -> Result<(), Diagnostic> {
        let BrokerChoice::Embedded { lan, login, .. } = &mut self.config.broker else { return Ok(()) };
        if !std::mem::replace(lan, false) {
            return Ok(());
        }
        if let Some(before) = self.login_before.take() {
            *login = before;
        }
        self.restart_broker("it starts again, on this computer only").await
    }

    async fn restart_broker(&mut self, why: &str) -> Result<(), Diagnostic> {
        if let BrokerChoice::Embedded { login, .. } = &self.config.broker {
            self.spec.path.target.login.set(login.clone());
        }
        self.close_board_ports(true);
        if let Some(broker) = self.broker.take() {
            broker.stop().await;
            self.bus.with(|engine| engine.state.broker_stopped(why));
        }
        self.start_broker().await
    }
}

/// What tells the engine of the sessions of foreign lights; `None` where there are none and nobody looks.
pub(super) fn client_watch(config: &Config, bus: &Arc<EventBus>, detailed: bool) -> Option<Arc<ClientWatch>> {
    let lights = config.junctions.iter().flat_map(|junction| {
        let id = |name: &traffic_light::Name| LightId::new(junction.name().clone(), name.clone());
        junction.foreign_lights().map(move |(name, foreign)| (id(name), foreign.clone()))
    });
    let lights: Vec<_> = lights.collect();
    let bus = bus.clone();
    let listener = Box::new(move |light: &LightId, session| {
        bus.with(|engine| match session {
            ForeignSession::Subscribed => engine.foreign_subscribed(light),
            ForeignSession::Over => engine.foreign_session_over(light),
        });
    });
    (detailed || !lights.is_empty()).then(|| Arc::new(ClientWatch::new(lights, listener)))
}

pub(super) fn tell_of(bus: &EventBus, broker: &Broker) {
    let open = broker.address().ip().is_unspecified();
    let (address, note) = (broker.address().to_string(), note_on(broker));
    bus.with(|engine| engine.state.broker_started(address, true, open, note));
}

/// Tells what the broker has to do to its clients, for as long as it runs.
pub(super) fn tell_notices(bus: &Arc<EventBus>, broker: &mut Broker) {
    let bus = bus.clone();
    if let Some(mut notices) = broker.take_notices() {
        tokio::spawn(async move {
            while let Some(notice) = notices.recv().await {
                bus.notice(Severity::Warning, None, notice);
            }
        });
    }
}

/// What the user should know of how a broker listens.
fn note_on(broker: &Broker) -> Option<String> {
    let port = broker.address().port();
    let taken = broker.wanted_port_taken();
    let taken =
        taken.map(|taken| format!("port {taken} is in use by another program, so this one took port {port}"));
    let open = broker.address().ip().is_unspecified();
    let open = open.then(|| "open to this network, with user and password".to_owned());
    let notes: Vec<_> = open.into_iter().chain(taken).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// Waits for a broker that ends by itself, and says why; for ever where there is none.
pub(super) async fn ended(broker: Option<&Broker>) -> String {
    match broker {
        Some(broker) => {
            let ended = broker.ended();
            match ended.await {
                Ended::Stopped => "it was stopped".to_owned(),
                Ended::Failed { reason } => reason,
            }
        }
        None => std::future::pending().await,
    }
}
