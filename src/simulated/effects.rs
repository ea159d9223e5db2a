//! Performs the engine's effects.

use std::sync::Arc;

use traffic_light::command::{Action, Command as Wired};

use super::{
    broker::Message,
    net::{Owner, Reach},
    step::Step,
    world::World,
};
use crate::{
    fault::{LinkFaultSpec, stalls},
    model::{Diagnostic, LightId},
    world::{
        command::ByHand,
        engine::{Effect, NotSent},
        event::TopicKind,
        topics::check_publishable,
    },
};

impl World {
    /// Does what the engine asks for, until it asks for nothing more.
    pub(super) fn perform_tasks(&mut self) {
        while let Some(task) = self.observer.engine.next_task() {
            let result = self.perform(&task.effect);
            self.observer.engine.performed(task, result);
        }
    }

    fn perform(&mut self, effect: &Effect) -> Result<(), Diagnostic> {
        match effect {
            Effect::Light(light, does) => {
                let number = self.number(light)?;
                self.command_light(number, *does);
            }
            Effect::LinkFault { light, spec, on } => {
                let number = self.number(light)?;
                self.set_link_fault(number, light, *spec, *on);
            }
            Effect::DuplicateClient { light, on } => {
                let number = self.number(light)?;
                self.set_duplicate_client(number, *on);
            }
            Effect::RunBroker(true) => self.start_broker(),
            Effect::RunBroker(false) => {
                if self.broker.runs() {
                    self.broker.stop(&mut self.net);
                }
            }
            Effect::SetQuota(per_minute) => self.broker.limiter.set_quota(*per_minute),
            Effect::AddLight(light) => self.run_light(light)?,
            Effect::RetireLight(light) => {
                let number = self.number(light)?;
                self.retire(number);
                // Its goodbye is still on its way, and then nobody of its name is there any more.
                self.observer.engine.state.presence_changed(light, false, None);
                self.observer.engine.light_removed(light);
            }
            Effect::TellLight { light, action, ms } => self.tell_light(light, *action, *ms)?,
            Effect::Publish(message) => self.publish_by_hand(message)?,
            Effect::RequestRetained if self.broker.runs() => {
                self.broker.repeat_retained(&mut self.observer);
            }
            Effect::RequestRetained => return Err(NotSent::CannotAsk.into()),
            Effect::Report => {
                for number in 0..self.lights.len() {
                    if self.observer.detailed {
                        self.report(number, true);
                    }
                }
            }
            Effect::SetForeign { .. } | Effect::Survey(_) => {
                return Err(("this world is simulated", "do it in the live lab").into());
            }
            // Refused before they come to the engine.
            Effect::OpenBroker(_)
            | Effect::CloseBroker
            | Effect::StartRecording(_)
            | Effect::StopRecording => {}
        }
        Ok(())
    }

    fn number(&self, light: &LightId) -> Result<usize, Diagnostic> {
        self.index.get(light).copied().ok_or_else(|| "it has gone".into())
    }

    fn set_link_fault(&mut self, number: usize, light: &LightId, spec: LinkFaultSpec, on: bool) {
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
    }

    pub(super) fn start_broker(&mut self) {
        if self.broker.runs() {
            return;
        }
        self.broker.start();
        let note = Some("simulated".to_owned());
        self.observer.engine.state.broker_started(self.address.to_string(), true, false, note);
    }

    fn run_light(&mut self, light: &LightId) -> Result<(), Diagnostic> {
        let Some(junction) = self.config.junction(&light.junction).cloned() else { return Ok(()) };
        let Some(config) = junction.light_config(&light.light) else { return Ok(()) };
        // Whoever had its name until now may have promised something.
        self.add_light(&junction, config, Some(0)).map_err(|error| error.to_string().into())
    }

    /// Sends a command to a light over MQTT.
    fn tell_light(&mut self, light: &LightId, action: Action, ms: Option<u32>) -> Result<(), NotSent> {
        let junction = self.config.junction(&light.junction).ok_or(NotSent::UnknownJunction)?;
        let key = junction.key().cloned();
        let told = self.index.get(light).and_then(|number| self.lights.get(*number)?.as_ref());
        let boot = told.ok_or(NotSent::NeverHeard)?.boot();
        if !self.broker.runs() {
            return Err(NotSent::NoSession);
        }
        let last = self.last_n.entry(light.clone()).or_default();
        let now_s = u32::try_from(self.net.now / 1_000_000).unwrap_or(u32::MAX);
        *last = now_s.max(last.saturating_add(1));
        let mut command = Wired::new(boot, *last, action);
        command.ms = ms;
        let topic = self.observer.topics.of(light, TopicKind::Command);
        let message = command.encode(&topic, key.as_ref());
        let message = Message { topic: &topic, payload: message.as_slice(), qos: 1, retain: false };
        self.broker.publish(&mut self.net, &mut self.observer, None, message);
        Ok(())
    }

    fn publish_by_hand(&mut self, message: &ByHand) -> Result<(), NotSent> {
        let ByHand { topic, payload, retain, qos } = message;
        check_publishable(topic).map_err(NotSent::Topic)?;
        if *qos > 2 {
            return Err(NotSent::Qos);
        }
        if !self.broker.runs() {
            return Err(NotSent::NoSession);
        }
        let message = Message { topic, payload, qos: *qos, retain: *retain };
        self.broker.publish(&mut self.net, &mut self.observer, None, message);
        Ok(())
    }
}
