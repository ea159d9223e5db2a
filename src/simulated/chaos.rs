//! The chaos switch of a simulated world.

use std::time::Duration;

use super::{
    Step,
    observer::{at, random_u32},
    world::World,
};
use crate::{
    chaos::{Chaos, ChaosOptions, Reign, longest_at},
    config::FaultKind,
    fault::Micros,
    world::{Command, Fault, event::Severity},
};

/// Chaos that is on.
pub(super) struct Reigns {
    reign: Reign,
    began_us: Micros,
    /// When it is asked next.
    due_us: Micros,
}

impl World {
    /// Begins chaos, with another seed or pace where it is on already.
    pub(super) fn start_chaos(&mut self, seed: Option<u64>, pace: Duration) {
        self.stop_chaos();
        let now = self.net.now;
        let seed = seed.unwrap_or_else(|| u64::from(random_u32(&mut self.net.rng) >> 16));
        let options = ChaosOptions {
            pace,
            longest: longest_at(pace),
            links: self.config.links.proxy,
            has_login: self.login.is_some(),
            ..ChaosOptions::default()
        };
        let lights = self.index.keys().cloned().collect();
        let Some(reign) = Reign::begin(Chaos::new(seed, lights, options)) else {
            let text = "there is nothing here that chaos could break: no light runs in this simulation";
            return self.observer.engine.state.notice(Severity::Warning, None, text);
        };
        self.chaos = Some(Reigns { reign, began_us: now, due_us: Micros::MAX });
        self.observer.engine.state.chaos_changed(Some(seed));
        self.plan_chaos();
    }

    /// Ends chaos, and takes out what it has put in.
    pub(super) fn stop_chaos(&mut self) {
        let Some(Reigns { reign, .. }) = self.chaos.take() else { return };
        for fault in reign.end() {
            self.set_fault(fault, false);
        }
        self.observer.engine.state.chaos_changed(None);
    }

    fn plan_chaos(&mut self) {
        if let Some(Reigns { reign, began_us, due_us }) = &mut self.chaos {
            let after_us = Micros::try_from(reign.due_at().as_micros()).unwrap_or(Micros::MAX / 2);
            *due_us = began_us.saturating_add(after_us);
            self.net.plan(*due_us, Step::Chaos);
        }
    }

    /// Does what is due by now.
    pub(super) fn play_chaos(&mut self) {
        let now_us = self.net.now;
        let Some(Reigns { reign, began_us, .. }) =
            self.chaos.as_mut().filter(|reigns| reigns.due_us == now_us)
        else {
            return;
        };
        let now = at(now_us.saturating_sub(*began_us));
        let (over, comes) = reign.play(now);
        for fault in over {
            self.set_fault(fault, false);
        }
        for what in comes {
            match what {
                FaultKind::Lasting { fault, lasts } => {
                    self.put_by_chaos(fault, now + lasts.unwrap_or_default());
                }
                FaultKind::SessionDrop(light) if self.index.contains_key(&light) => {
                    self.obey_now(Command::DropSession { light });
                }
                FaultKind::Reboot(light) if self.index.contains_key(&light) => {
                    self.obey_now(Command::RebootLight { light });
                }
                FaultKind::SessionDrop(_) | FaultKind::Reboot(_) => {}
            }
        }
        self.plan_chaos();
    }

    fn put_by_chaos(&mut self, fault: Fault, until: Duration) {
        let gone = fault.light().is_some_and(|light| !self.index.contains_key(light));
        // A person's own faults stay as they are.
        if gone || self.observer.engine.state.faults().iter().any(|on| on.is_replaced_by(&fault)) {
            return;
        }
        self.set_fault(fault.clone(), true);
        if let Some(Reigns { reign, .. }) = &mut self.chaos {
            reign.has_put_in(fault, until);
        }
    }

    /// A person takes this fault over: chaos leaves it alone from now on.
    pub(super) fn take_from_chaos(&mut self, fault: &Fault) {
        if let Some(Reigns { reign, .. }) = &mut self.chaos {
            reign.leave(fault);
        }
    }
}
