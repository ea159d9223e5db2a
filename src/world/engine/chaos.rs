//! The chaos switch: random faults that come and go until it is switched off.

use std::{collections::BTreeMap, time::Duration};

use super::{Engine, Queued, holds::Source};
use crate::{
    chaos::{Chaos, ChaosOptions},
    fault::PlannedFault,
    model::LightKind,
    world::event::Severity,
};

/// The longest time that a fault stays, at the fastest and the slowest pace.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// Chaos that is on. What it has injected it holds like everybody else.
pub(super) struct ActiveChaos {
    source: Chaos,
    began: Duration,
    next: PlannedFault,
}

impl ActiveChaos {
    /// When the next fault comes.
    pub(super) fn due_at(&self) -> Duration {
        self.began.saturating_add(self.next.at)
    }
}

impl Engine {
    /// Begins chaos, with another seed or pace where it is on already.
    pub(super) fn start_chaos(&mut self, seed: Option<u64>, pace: Duration) {
        self.stop_chaos();
        // Short enough to be read out in class, and to be written down.
        let seed = seed.unwrap_or_else(|| self.rng.draw() >> 48);
        let mut kinds = BTreeMap::new();
        for light in self.setting.lights() {
            let kind = match self.state.knows(&light) {
                None => continue,
                // Without a key it obeys nothing that could break it.
                Some(LightKind::Board) if !self.setting.is_keyed(&light) => LightKind::Foreign,
                Some(kind) => kind,
            };
            kinds.insert(light, kind);
        }
        let lights = kinds.keys().cloned().collect();
        let options = ChaosOptions {
            pace,
            longest: longest_at(pace),
            links: self.setting.proxies,
            stops_broker: self.setting.own_broker,
            has_login: self.setting.has_login,
            kinds,
            ..ChaosOptions::default()
        };
        let mut source = Chaos::new(seed, lights, options);
        let Some(next) = source.next() else {
            let text = "there is nothing here that chaos could break: no light runs in this program";
            return self.state.notice(Severity::Warning, None, text);
        };
        self.chaos = Some(ActiveChaos { source, began: self.state.now(), next });
        self.queue.push_back(Queued::ChaosChanged(Some(seed)));
    }

    /// Ends chaos, and clears what it still holds.
    pub(super) fn stop_chaos(&mut self) {
        if self.chaos.take().is_none() {
            return;
        }
        // A board was told for how long: nobody can call it back.
        let state = &self.state;
        let ended = self.holds.end(|hold| hold.source == Source::Chaos && !state.is_remote(&hold.fault));
        for fault in ended {
            self.hold_ended(fault);
        }
        self.queue.push_back(Queued::ChaosChanged(None));
    }

    /// Injects what chaos has due by now.
    pub(super) fn play_chaos(&mut self) {
        while let Some(chaos) = self.chaos.as_mut().filter(|chaos| chaos.due_at() <= self.state.now()) {
            let Some(next) = chaos.source.next() else {
                self.chaos = None;
                return;
            };
            let PlannedFault { fault, lasts, .. } = std::mem::replace(&mut chaos.next, next);
            let gone = fault.light().is_some_and(|light| {
                if fault.is_instant() { !self.runs(light) } else { self.state.knows(light).is_none() }
            });
            // Nobody else's fault is touched.
            if !gone && self.holds.newest(&fault).is_none() {
                self.inject(fault, lasts, Source::Chaos);
            }
        }
    }
}

/// The longest time that a fault is to stay where they come at `pace`: however fast they come, most
/// are over when the next few are there.
fn longest_at(pace: Duration) -> Duration {
    pace.saturating_mul(5).clamp(SHORTEST, LONGEST)
}
