//! Puts faults in and takes them out, by command and by plan.

use traffic_light::command::Action;

use super::*;
use crate::{config::PlannedFault, fault::LinkFaultSpec, world::plan};

impl Supervisor {
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
        for (light, port) in self.config.board_ports() {
            let ip = if self.config.links.board_lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
            let destination = self.spec.path.target.destination();
            let encrypted = if destination.tls.is_some() { ", and needs no TLS of its own" } else { "" };
            let seed = self.config.seed.unwrap_or(0) ^ u64::from(port);
            let (severity, text) = match Proxy::towards(destination, SocketAddr::new(ip.into(), port), seed) {
                Ok(proxy) => {
                    self.proxies.insert(light.clone(), proxy);
                    let text = format!(
                        "port {port} leads {light} to the broker: a board that connects there can have its link \
                         broken{encrypted}"
                    );
                    (Severity::Info, text)
                }
                Err(error) => {
                    let text = format!(
                        "port {port}, which leads {light} to the broker, is not to be had: {error}; end what uses \
                             it, or choose another links.board_port"
                    );
                    (Severity::Warning, text)
                }
            };
            self.bus.notice(severity, Some(&light), text);
        }
    }

    /// Puts a fault in, for a while where that is said.
    pub(super) async fn put_fault(&mut self, fault: Fault, lasts: Option<Duration>) {
        if self.is_remote(&fault) {
            self.take_from_chaos(&fault);
            return self.tell_board(fault, lasts);
        }
        self.set_own_fault(fault.clone(), true).await;
        if let Some(lasts) = lasts {
            self.clear_after(fault, lasts);
        }
    }

    /// Whether a board has to be told of this fault over MQTT.
    pub(super) fn is_remote(&self, fault: &Fault) -> bool {
        let board = fault.light().is_some_and(|light| self.bus.knows(light) == Some(LightKind::Board));
        board && matches!(fault, Fault::WifiDown(_) | Fault::Silence(_))
    }

    /// Tells a board to break itself for a while. Nobody can call one back that has left its Wi-Fi,
    /// so there has to be an end.
    pub(super) fn tell_board(&mut self, fault: Fault, lasts: Option<Duration>) {
        let Some(light) = fault.light().cloned() else { return };
        let keyed = self.config.junction(&light.junction).is_some_and(|junction| junction.key().is_some());
        let action = if matches!(fault, Fault::Silence(_)) { Action::Silence } else { Action::WifiDown };
        let sent = match lasts {
            None => Err("a board cannot be called back from it; say for how long"),
            Some(_) if !keyed => Err(
                "the board obeys this only in a junction with a key: anybody could send it; give it a key",
            ),
            Some(lasts) => {
                let ms = u32::try_from(lasts.as_millis()).unwrap_or(u32::MAX);
                let tell = Tell { light: light.clone(), action, ms: Some(ms) };
                let said = self.says.try_send(Say::Tell(tell));
                said.map_err(|_| "too many commands at once; try again").map(|()| lasts)
            }
        };
        match sent {
            Ok(lasts) => {
                let over = tokio::time::Instant::now() + lasts;
                self.remote.retain(|(known, _)| !known.is_replaced_by(&fault));
                self.remote.push((fault.clone(), over));
                self.bus.with(|engine| engine.state.fault_changed(fault.clone(), true));
                self.clear_after(fault, lasts);
            }
            Err(reason) => {
                let text = format!("{} cannot be put in: {reason}", fault.name());
                self.bus.notice(Severity::Warning, Some(&light), text);
            }
        }
    }

    /// A board's fault is over, if its time is.
    fn end_remote(&mut self, fault: &Fault) -> Result<bool, String> {
        let now = tokio::time::Instant::now();
        if self.remote.iter().any(|(known, over)| known.is_replaced_by(fault) && *over > now) {
            let light = fault.light().map_or_else(String::new, ToString::to_string);
            let text = format!("{light} was told for how long, and comes back by itself");
            self.bus.notice(Severity::Info, fault.light(), text);
            return Ok(false);
        }
        self.remote.retain(|(known, _)| !known.is_replaced_by(fault));
        Ok(true)
    }

    fn clear_after(&self, fault: Fault, lasts: Duration) {
        let commands = self.commands.clone();
        tokio::spawn(async move {
            tokio::time::sleep(lasts).await;
            // A world that has ended in between needs no end of a fault.
            let _ = commands.send(Command::ClearFault(fault)).await;
        });
    }

    /// As [`Supervisor::set_fault`], for a person or a plan: chaos keeps off it.
    pub(super) async fn set_own_fault(&mut self, fault: Fault, on: bool) {
        self.take_from_chaos(&fault);
        self.set_fault(fault, on).await;
    }

    /// Puts a fault in or takes it out, and tells; tells why where that cannot be.
    pub(super) async fn set_fault(&mut self, fault: Fault, on: bool) {
        let done = match fault.check() {
            Ok(()) => self.try_fault(&fault, on).await,
            Err(reason) => Err(reason),
        };
        match done {
            Ok(true) => {
                self.bus.with(|engine| engine.state.fault_changed(fault, on));
            }
            // It was told already, or there is nothing to tell.
            Ok(false) => {}
            Err(reason) => {
                let text = format!("{} cannot be put in: {reason}", fault.name());
                self.bus.notice(Severity::Warning, fault.light(), text);
            }
        }
    }

    async fn try_fault(&mut self, fault: &Fault, on: bool) -> Result<bool, String> {
        let light = match (fault, fault.light()) {
            (Fault::Quota { per_minute }, _) => return self.set_quota(on.then_some(*per_minute)),
            (_, Some(light)) => light,
            (_, None) => {
                return if on { self.stop_broker().await } else { self.start_broker().await };
            }
        };
        if let Fault::Link { spec, .. } = fault {
            return self.set_link_fault(light, spec, on);
        }
        if let Some(why) = self.bus.knows(light).and_then(|kind| fault.why_not(kind)) {
            return Err(why.to_owned());
        }
        if self.is_remote(fault) {
            return if on { Err("say for how long".to_owned()) } else { self.end_remote(fault) };
        }
        let command = match fault {
            Fault::WifiDown(_) => LightCommand::SetWifi(!on),
            Fault::Silence(_) => LightCommand::Silence(on),
            Fault::WrongPassword(_) if on && !self.spec.path.target.login.is_needed() => {
                return Err("this broker lets everybody in; give it a user and a password first".to_owned());
            }
            Fault::WrongPassword(_) => LightCommand::SetWrongPassword(on),
            Fault::NameNotFound(_) => LightCommand::SetNameNotFound(on),
            Fault::TakenOver(_) => return Ok(self.set_duplicate_client(light, on)),
            Fault::Hang(_) => LightCommand::Hang(on),
            Fault::ClockDrift { ppm, .. } => LightCommand::Drift(if on { *ppm } else { 0 }),
            Fault::Suspend(_) => LightCommand::Suspend(on),
            Fault::BrokerDown | Fault::Quota { .. } | Fault::Link { .. } => return Ok(false),
        };
        Ok(self.ask(light, command))
    }

    fn set_link_fault(&self, light: &LightId, spec: &LinkFaultSpec, on: bool) -> Result<bool, String> {
        let Some(proxy) = self.proxies.get(light) else {
            return Err(match self.bus.knows(light) {
                Some(LightKind::Virtual) => "its link has no proxy; set links.proxy = true".to_owned(),
                Some(_) => {
                    "its link does not go through this program; set links.board_port, and let it connect there"
                        .to_owned()
                }
                None => format!("there is no light {light}"),
            });
        };
        if on {
            proxy.put(*spec)?;
        } else {
            proxy.clear(spec);
        }
        Ok(true)
    }

    /// A second client with the light's client id: each takes the session from the other.
    fn set_duplicate_client(&mut self, light: &LightId, on: bool) -> bool {
        if !on {
            // It disconnects in its own time.
            self.duplicates.remove(light);
            return true;
        }
        self.duplicates.entry(light.clone()).or_insert_with(|| {
            let id = client_id(self.config.root.as_str(), light.junction.as_str(), light.light.as_str());
            let seed = rand::random();
            client::start(ClientSpec { client_id: id.to_string(), seed, heard: false, ..self.spec.clone() })
        });
        true
    }

    fn set_quota(&self, per_minute: Option<u32>) -> Result<bool, String> {
        let Some(limiter) = &self.limiter else {
            return Err("the broker is not part of this program, and counts by its own rules".to_owned());
        };
        limiter.set_quota(per_minute);
        Ok(true)
    }

    pub(super) async fn stop_broker(&mut self) -> Result<bool, String> {
        let BrokerChoice::Embedded { .. } = self.config.broker else {
            return Err("the broker is not part of this program; stop it where it runs".to_owned());
        };
        let Some(broker) = self.broker.take() else { return Ok(false) };
        broker.stop().await;
        self.bus.with(|engine| engine.state.broker_stopped("stopped on purpose"));
        Ok(true)
    }

    pub(super) async fn start_broker(&mut self) -> Result<bool, String> {
        let BrokerChoice::Embedded { lan, login, .. } = &self.config.broker else { return Ok(false) };
        if self.broker.is_some() {
            return Ok(false);
        }
        let config = BrokerConfig { first_port: self.port, search: false, lan: *lan, login: login.clone() };
        match Broker::start_limited(&config, self.limiter.clone()).await {
            Ok(broker) => {
                tell_of(&self.bus, &broker);
                self.broker = Some(broker);
                Ok(true)
            }
            Err(error) => {
                self.bus.notice(Severity::Error, None, error.to_string());
                Ok(false)
            }
        }
    }
}

/// Puts the planned faults in and takes them out again at their times.
pub(super) async fn follow_plan(faults: Vec<PlannedFault>, commands: mpsc::Sender<Command>) {
    let started = tokio::time::Instant::now();
    for (at, command) in plan::steps(faults) {
        tokio::time::sleep_until(started + at).await;
        if commands.send(command).await.is_err() {
            return;
        }
    }
}
