//! Puts faults in and takes them out.

use std::sync::Arc;

use super::{
    Step,
    net::{Owner, Reach},
    world::World,
};
use crate::{
    fault::{LinkFaultSpec, stalls},
    model::LightId,
    world::{Fault, event::Severity, light::LightCommand},
};

impl World {
    /// As [`World::set_fault`], for a person or a plan: chaos keeps off it.
    pub(super) fn set_own_fault(&mut self, fault: Fault, on: bool) {
        self.take_from_chaos(&fault);
        self.set_fault(fault, on);
    }

    /// Puts a fault in or takes it out, and tells; tells why where that cannot be.
    pub(super) fn set_fault(&mut self, fault: Fault, on: bool) {
        let done = match fault.check() {
            Ok(()) => self.try_fault(&fault, on),
            Err(reason) => Err(reason),
        };
        match done {
            Ok(true) => {
                self.observer.engine.state.fault_changed(fault, on);
            }
            // It was told already, or there is nothing to tell.
            Ok(false) => {}
            Err(reason) => {
                let text = format!("{} cannot be put in: {reason}", fault.name());
                self.observer.engine.state.notice(Severity::Warning, fault.light(), text);
            }
        }
    }

    fn try_fault(&mut self, fault: &Fault, on: bool) -> Result<bool, String> {
        let light = match (fault, fault.light()) {
            (Fault::Quota { per_minute }, _) => return Ok(self.set_quota(on.then_some(*per_minute))),
            (_, Some(light)) => light,
            (_, None) => return Ok(if on { self.stop_broker() } else { self.start_broker() }),
        };
        match fault {
            Fault::Link { spec, .. } => return self.set_link_fault(light, *spec, on),
            Fault::WrongPassword(_) if on && self.login.is_none() => {
                return Err("this broker lets everybody in; give it a user and a password first".to_owned());
            }
            _ => {}
        }
        Ok(self.on_light(light, |world, number| match fault {
            Fault::WifiDown(_) => world.command_light(number, LightCommand::SetWifi(!on)),
            Fault::Silence(_) => world.command_light(number, LightCommand::Silence(on)),
            Fault::WrongPassword(_) => world.command_light(number, LightCommand::SetWrongPassword(on)),
            Fault::NameNotFound(_) => world.command_light(number, LightCommand::SetNameNotFound(on)),
            Fault::TakenOver(_) => world.set_duplicate_client(number, on),
            Fault::Hang(_) => world.command_light(number, LightCommand::Hang(on)),
            Fault::ClockDrift { ppm, .. } => {
                world.command_light(number, LightCommand::Drift(if on { *ppm } else { 0 }));
            }
            Fault::Suspend(_) => world.command_light(number, LightCommand::Suspend(on)),
            Fault::BrokerDown | Fault::Quota { .. } | Fault::Link { .. } => {}
        }))
    }

    fn set_link_fault(&mut self, light: &LightId, spec: LinkFaultSpec, on: bool) -> Result<bool, String> {
        let Some(number) = self.index.get(light).copied() else {
            return Err(if self.config.lights().any(|other| other == *light) {
                "it does not run in this simulation; add it to run, or strike another".to_owned()
            } else {
                format!("there is no light {light}")
            });
        };
        if !self.config.links.proxy {
            return Err("its link has no proxy; set links.proxy = true".to_owned());
        }
        let mut faults = self.faults_on(number).to_vec();
        faults.retain(|other| !other.is_replaced_by(&spec));
        if on {
            faults.push(spec);
        }
        let faults: Arc<[LinkFaultSpec]> = faults.into();
        self.link_faults.insert(light.clone(), faults.clone());
        for id in self.net.of(Owner::Light(number)) {
            self.net.change(id, &faults);
            let at_proxy = self.net.get(id).is_some_and(|conn| conn.reach == Reach::Proxy);
            if at_proxy && !stalls(&faults) {
                let answer_us = self.net.now + self.net.round_trip_us();
                self.net.plan(answer_us, Step::Reached(id));
            }
        }
        Ok(true)
    }

    fn set_quota(&mut self, per_minute: Option<u32>) -> bool {
        self.broker.limiter.set_quota(per_minute);
        true
    }

    pub(super) fn stop_broker(&mut self) -> bool {
        if !self.broker.runs() {
            return false;
        }
        self.broker.stop(&mut self.net);
        self.observer.engine.state.broker_stopped("stopped on purpose");
        true
    }

    pub(super) fn start_broker(&mut self) -> bool {
        if self.broker.runs() {
            return false;
        }
        self.broker.start();
        self.observer.engine.state.broker_started(
            self.address.to_string(),
            true,
            false,
            Some("simulated".to_owned()),
        );
        true
    }
}
