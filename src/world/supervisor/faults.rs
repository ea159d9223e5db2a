//! Puts faults in and takes them out, by command and by plan.

use super::*;
use crate::{
    config::{FaultKind, PlannedFault},
    fault::Placed,
};

impl Supervisor {
    /// Whether each link goes through a proxy: where that is wanted, and where the proxy has to speak
    /// TLS for the link.
    pub(super) fn proxied(&self) -> bool {
        self.config.links.proxy || self.spec.target.tls.is_some()
    }

    /// The proxy of a light's link; without one, where that is wanted or none is to be had, the link
    /// goes as all others do that have none.
    pub(super) fn put_proxy_before(&mut self, light: &LightId, seed: u64) -> Option<Via> {
        let others = self.spec.via.clone();
        if !self.proxied() {
            return others;
        }
        match Proxy::towards(self.spec.target.destination(), LOOPBACK, seed) {
            Ok(proxy) => {
                let via = Via::through(&proxy);
                self.proxies.insert(light.clone(), proxy);
                Some(via)
            }
            Err(error) => {
                let text =
                    format!("{light} has no proxy, so its link cannot be broken in finer ways: {error}");
                self.hub.notice(Severity::Warning, Some(light), text);
                others
            }
        }
    }

    /// A port for each light that does not run here, where the configuration asks for them.
    pub(super) fn open_board_ports(&mut self) {
        for (light, port) in self.config.board_ports() {
            let ip = if self.config.links.board_lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
            let destination = self.spec.target.destination();
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
            self.hub.notice(severity, Some(&light), text);
        }
    }

    /// Puts a fault in, for a while where that is said.
    pub(super) async fn put_fault(&mut self, fault: Fault, lasts: Option<Duration>) {
        self.set_fault(fault.clone(), true).await;
        if let Some(lasts) = lasts {
            let commands = self.commands.clone();
            tokio::spawn(async move {
                tokio::time::sleep(lasts).await;
                // A world that has ended in between needs no end of a fault.
                let _ = commands.send(Command::ClearFault(fault)).await;
            });
        }
    }

    /// Puts a fault in or takes it out, and tells; tells why where that cannot be.
    pub(super) async fn set_fault(&mut self, fault: Fault, on: bool) {
        let done = match fault.check() {
            Ok(()) => self.try_fault(&fault, on).await,
            Err(reason) => Err(reason),
        };
        match done {
            Ok(true) => {
                self.hub.fault_changed(fault, on);
            }
            // It was told already, or there is nothing to tell.
            Ok(false) => {}
            Err(reason) => {
                let text = format!("{} cannot be put in: {reason}", fault.name());
                self.hub.notice(Severity::Warning, fault.light(), text);
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
        if let Fault::Link { placed, .. } = fault {
            return self.set_link_fault(light, placed, on);
        }
        if let Some(why) = self.hub.knows(light).and_then(|kind| fault.why_not(kind)) {
            return Err(why.to_owned());
        }
        let ask = match fault {
            Fault::WifiDown(_) => Ask::Link(Order::SetWifi(!on)),
            Fault::Silence(_) => Ask::Silence(on),
            Fault::WrongPassword(_) if on && !self.spec.target.login.is_needed() => {
                return Err("this broker lets everybody in; give it a user and a password first".to_owned());
            }
            Fault::WrongPassword(_) => Ask::Link(Order::SetWrongPassword(on)),
            Fault::NameNotFound(_) => Ask::Link(Order::SetNameNotFound(on)),
            Fault::TakenOver(_) => return Ok(self.set_usurper(light, on).await),
            Fault::Hang(_) => Ask::Hang(on),
            Fault::ClockDrift { ppm, .. } => Ask::Drift(if on { *ppm } else { 0 }),
            Fault::Suspend(_) => Ask::Suspend(on),
            Fault::BrokerDown | Fault::Quota { .. } | Fault::Link { .. } => return Ok(false),
        };
        Ok(self.ask(light, ask))
    }

    fn set_link_fault(&self, light: &LightId, placed: &Placed, on: bool) -> Result<bool, String> {
        let Some(proxy) = self.proxies.get(light) else {
            return Err(match self.hub.knows(light) {
                Some(LightKind::Virtual) => "its link has no proxy; set links.proxy = true".to_owned(),
                Some(_) => {
                    "its link does not go through this program; set links.board_port, and let it connect there"
                        .to_owned()
                }
                None => format!("there is no light {light}"),
            });
        };
        if on {
            proxy.put(*placed)?;
        } else {
            proxy.clear(placed);
        }
        Ok(true)
    }

    /// A second client with the light's client id: each takes the session from the other.
    async fn set_usurper(&mut self, light: &LightId, on: bool) -> bool {
        let usurper = self.usurpers.remove(light);
        if !on {
            if let Some(usurper) = usurper {
                // One that has ended already needs no end.
                let _ = usurper.orders.send(Order::Stop).await;
            }
            return true;
        }
        let usurper = usurper.unwrap_or_else(|| {
            let id = client_id(self.config.root.as_str(), light.junction.as_str(), light.light.as_str());
            link::start(LinkSpec { client_id: id.to_string(), seed: rand::random(), ..self.spec.clone() })
        });
        self.usurpers.insert(light.clone(), usurper);
        true
    }

    fn set_quota(&self, per_minute: Option<u32>) -> Result<bool, String> {
        let Some(meter) = &self.meter else {
            return Err("the broker is not part of this program, and counts by its own rules".to_owned());
        };
        meter.set_quota(per_minute);
        Ok(true)
    }

    pub(super) async fn stop_broker(&mut self) -> Result<bool, String> {
        let BrokerChoice::Embedded { .. } = self.config.broker else {
            return Err("the broker is not part of this program; stop it where it runs".to_owned());
        };
        let Some(broker) = self.broker.take() else { return Ok(false) };
        broker.stop().await;
        self.hub.broker_stopped("stopped on purpose");
        Ok(true)
    }

    pub(super) async fn start_broker(&mut self) -> Result<bool, String> {
        let BrokerChoice::Embedded { lan, login, .. } = &self.config.broker else { return Ok(false) };
        if self.broker.is_some() {
            return Ok(false);
        }
        let config = BrokerConfig { first_port: self.port, search: false, lan: *lan, login: login.clone() };
        match Broker::start_metered(&config, self.meter.clone()).await {
            Ok(broker) => {
                tell_of(&self.hub, &broker);
                self.broker = Some(broker);
                Ok(true)
            }
            Err(error) => {
                self.hub.notice(Severity::Error, None, error.to_string());
                Ok(false)
            }
        }
    }
}

/// Puts the planned faults in and takes them out again at their times.
pub(super) async fn follow_plan(faults: Vec<PlannedFault>, commands: mpsc::Sender<Command>) {
    let started = tokio::time::Instant::now();
    let mut steps = Vec::new();
    for fault in faults {
        let ends_at = fault.ends_at();
        match fault.what {
            FaultKind::Lasting { fault: lasting, .. } => {
                steps.push((fault.at, Command::PutFault { fault: lasting.clone(), lasts: None }));
                steps.extend(ends_at.map(|at| (at, Command::ClearFault(lasting))));
            }
            FaultKind::SessionDrop(light) => steps.push((fault.at, Command::DropSession { light })),
            FaultKind::Reboot(light) => steps.push((fault.at, Command::RebootLight { light })),
        }
    }
    steps.sort_by_key(|(at, _)| *at);
    for (at, command) in steps {
        tokio::time::sleep_until(started + at).await;
        if commands.send(command).await.is_err() {
            return;
        }
    }
}
