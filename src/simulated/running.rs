//! Lights start, report and go.

use traffic_light::{LightConfig, Start, mqtt::client_id, program::Place};

use super::{
    link::Socket,
    step::Step,
    world::{SimulationError, World},
};
use crate::{
    config::Junction,
    fault::Micros,
    model::LightId,
    world::{
        EventKind,
        light::{Light, LightParts},
    },
};

/// Lights start over this long for each of them, as in the live world.
const START_SPACING_US: Micros = 500;

/// When a simulated world starts, in seconds since 1970.
const EPOCH_S: u32 = 1_000_000_000;

impl World {
    /// A number for a light that starts now: higher than that of every run so far, but for those of the
    /// world's start.
    fn next_boot(&self) -> u32 {
        let now_s = EPOCH_S.saturating_add(u32::try_from(self.net.now / 1_000_000).unwrap_or(u32::MAX));
        if self.net.now == 0 { now_s } else { now_s.max(self.highest_boot.saturating_add(1)) }
    }

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
        let place = place.with_foreign(junction.partner_of(config.name()).cloned());
        self.observer.engine.light_added(&id, junction.rule(), self.config.links.proxy);
        let now = self.net.now;
        let start = Start {
            boot: self.next_boot(),
            seed: self.net.rng.draw(),
            lease_max_ms: config.timing().lease_ms,
            last_run_ended_ms,
        };
        let number = self.lights.len();
        let spacing_us = START_SPACING_US * u64::try_from(self.index.len()).unwrap_or(0);
        let client_id = client_id(root, id.junction.as_str(), id.light.as_str()).to_string();
        let parts = LightParts {
            id: id.clone(),
            config: config.clone(),
            place,
            start,
            client_id,
            broker: self.address.clone(),
            keep_alive_s: self.config.links.keep_alive_s,
            budget: self.budget.clone(),
            wifi_join_us: u64::from(self.config.links.wifi_join_ms) * 1_000 + spacing_us,
            seed: self.net.rng.draw(),
            rerun_seed: self.net.rng.draw(),
            epoch_s: EPOCH_S,
            measured: false,
        };
        let light = Light::new(parts, now);
        let phase_us = self.net.rng.between(1, light.check_every_us());
        self.lights.push(Some(Box::new(light)));
        self.sockets.push(Socket::default());
        self.index.insert(id, number);
        self.net.plan(now + phase_us, Step::Check(number));
        self.with_light(number, |light, now| {
            light.check(now);
            light.tick(now);
        });
        Ok(())
    }

    pub(super) fn report(&mut self, number: usize, asked: bool) {
        let Some(light) = self.lights.get_mut(number).and_then(Option::as_deref_mut) else { return };
        if let Some((view, counters)) = light.report(asked) {
            let light = light.id().clone();
            self.observer.engine.state.tell(EventKind::LightReported { light, view, counters });
        }
    }

    /// A light says goodbye, which is still on its way when it is gone.
    pub(super) fn retire(&mut self, number: usize) {
        let Some(light) = self.light(number) else { return };
        let id = light.id().clone();
        self.with_light(number, |light, _| light.disconnect());
        self.close_all(number);
        self.index.remove(&id);
        self.link_faults.remove(&id);
        if let Some(slot) = self.lights.get_mut(number) {
            *slot = None;
        }
    }
}
