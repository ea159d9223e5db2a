//! Lights run: they start, are called, do what their programs say, start anew and go.

use traffic_light::{Aspect, LightConfig, Start, mqtt::client_id, program::Place};

use super::{
    SimulationError, Step,
    light::{Act, Light, Make},
    observer::random_u32,
    world::World,
};
use crate::{
    config::Junction,
    fault::Micros,
    model::LightId,
    world::{EventKind, Fault},
};

/// Lights start over this long for each of them, as in the live world.
const START_SPACING_US: Micros = 500;

impl World {
    pub(super) fn add_light(
        &mut self,
        junction: &Junction,
        config: &LightConfig,
        last_run_ended_ms: Option<u64>,
    ) -> Result<(), SimulationError> {
        let id = LightId::new(junction.name().clone(), config.name().clone());
        let (name, key) = (junction.name().clone(), junction.key().cloned());
        let root = self.config.root.as_str();
        let place = match &self.config.feeds {
            Some(feeds) => Place::on_feeds(&feeds.user, name, key),
            None => Place::new(root, name, key),
        };
        let place = place.ok_or_else(|| SimulationError::Root(root.to_owned()))?;
        self.observer.engine.light_added(&id, junction.rule(), self.config.links.proxy);
        let now = self.net.now;
        let start = Start {
            boot: random_u32(&mut self.net.rng),
            seed: self.net.rng.draw(),
            lease_max_ms: config.timing().lease_ms,
            last_run_ended_ms,
        };
        let number = self.lights.len();
        let spacing_us = START_SPACING_US * u64::try_from(self.index.len()).unwrap_or(0);
        let client_id = client_id(root, id.junction.as_str(), id.light.as_str()).to_string();
        let light = Light::new(Make {
            id: id.clone(),
            config: config.clone(),
            place,
            client_id,
            budget: self.budget.clone(),
            start,
            wifi_join_us: u64::from(self.config.links.wifi_join_ms) * 1_000 + spacing_us,
            now,
        });
        let phase_us = self.net.rng.between(1, light.check_every_us);
        self.observer.engine.state.booted(&id, start.boot);
        self.lights.push(Some(Box::new(light)));
        self.index.insert(id, number);
        self.net.plan(now + phase_us, Step::Check(number));
        self.call_program(number);
        self.climb(number);
        Ok(())
    }
    /// Calls a light's program once, and does what it says.
    pub(super) fn call_program(&mut self, number: usize) {
        let now = self.net.now;
        if let Some(light) = self.light(number)
            && light.runs()
        {
            light.check(now);
        }
        self.settle(number);
    }

    /// Does what a light's program has said, and sends what its session has to send.
    pub(super) fn settle(&mut self, number: usize) {
        let Some(light) = self.light(number) else { return };
        if !light.host.acts.is_empty() {
            let mut acts = std::mem::take(&mut light.host.acts);
            for act in acts.drain(..) {
                self.act(number, act);
            }
            if let Some(light) = self.light(number)
                && light.host.acts.is_empty()
            {
                light.host.acts = acts;
            }
        }
        self.flush(number);
        if self.observer.detailed {
            self.report(number, false);
        }
    }

    pub(super) fn report(&mut self, number: usize, asked: bool) {
        let Some(light) = self.lights.get_mut(number).and_then(Option::as_deref_mut) else { return };
        if let Some((view, counters)) = light.report(asked) {
            let light = light.id.clone();
            self.observer.engine.state.tell(EventKind::LightReported { light, view, counters });
        }
    }

    fn act(&mut self, number: usize, act: Act) {
        let Some(light) = self.lights.get(number).and_then(Option::as_deref) else { return };
        let (id, engine) = (&light.id, &mut self.observer.engine);
        match act {
            Act::Shows(aspect) => engine.state.aspect_changed(id, aspect),
            Act::GoEnded { boot, seq } => engine.state.go_ended(id, boot, seq),
            Act::Heard { from, boot, seq } => {
                let from = LightId::new(id.junction.clone(), from);
                engine.state.heard(&from, id, boot, seq);
            }
            Act::LogEvent(event) => engine.log(id, &event),
            Act::HostCommand(command) => {
                engine.order(id, command);
            }
        }
    }

    /// Starts a light anew as a board does after a reset: dark, then red, with a new boot and no
    /// session.
    pub(super) fn reboot(&mut self, number: usize, reason: &'static str) {
        let now = self.net.now;
        let (boot, seed) = (random_u32(&mut self.net.rng), self.net.rng.draw());
        self.restart_link(number);
        let Some(light) = self.light(number) else { return };
        let (id, hung, silenced) = (light.id.clone(), light.watchdog_us.is_some(), light.silenced);
        light.start_anew(now, boot, seed, reason);
        let engine = &mut self.observer.engine;
        engine.state.aspect_changed(&id, Aspect::Dark);
        engine.state.booted(&id, boot);
        if hung {
            engine.fault_over(Fault::Hang(id.clone()));
        }
        if !silenced {
            // A command's silence ends with the run that obeyed it.
            engine.fault_over(Fault::Silence(id));
        }
        self.call_program(number);
        self.climb(number);
    }

    /// A light says goodbye, which is still on its way when it is gone.
    pub(super) fn retire(&mut self, number: usize) {
        let Some(light) = self.light(number) else { return };
        let id = light.id.clone();
        let Light { program, host, .. } = light;
        program.publish_offline(host);
        if let Some(session) = &mut light.host.session {
            session.disconnect();
        }
        self.settle(number);
        self.let_go(number);
        self.observer.engine.state.aspect_changed(&id, Aspect::Dark);
        self.index.remove(&id);
        self.link_faults.remove(&id);
        if let Some(slot) = self.lights.get_mut(number) {
            *slot = None;
        }
    }
}
