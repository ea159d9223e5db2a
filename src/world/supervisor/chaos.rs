//! The chaos switch: random faults that come and go until it is switched off.

use tokio::time::{Instant, sleep_until};

use super::*;
use crate::{
    chaos::{Chaos, ChaosOptions, Reign, longest_at},
    config::FaultKind,
};

/// Chaos that is on, and when it began.
pub(super) type Reigns = (Reign, Instant);

/// Waits until chaos has something to do; for ever where it is off.
pub(super) async fn due(reigns: Option<&Reigns>) {
    match reigns {
        Some((reign, began)) => sleep_until(*began + reign.due_at()).await,
        None => std::future::pending().await,
    }
}

impl Supervisor {
    /// Begins chaos, with another seed or pace where it is on already.
    pub(super) async fn start_chaos(&mut self, seed: Option<u64>, pace: Duration) {
        self.stop_chaos().await;
        // Short enough to be read out in class, and to be written down.
        let seed = seed.unwrap_or_else(|| u64::from(rand::random::<u16>()));
        let mut kinds = BTreeMap::new();
        for junction in &self.config.junctions {
            for light in junction.light_ids() {
                let kind = match self.bus.knows(&light) {
                    None => continue,
                    // Without a key it obeys nothing that could break it.
                    Some(LightKind::Board) if junction.key().is_none() => LightKind::Foreign,
                    Some(kind) => kind,
                };
                kinds.insert(light, kind);
            }
        }
        let lights = kinds.keys().cloned().collect();
        let options = ChaosOptions {
            pace,
            longest: longest_at(pace),
            links: self.config.links.proxy,
            stops_broker: matches!(self.config.broker, BrokerChoice::Embedded { .. }),
            has_login: self.spec.path.target.login.is_needed(),
            kinds,
            ..ChaosOptions::default()
        };
        let Some(reign) = Reign::begin(Chaos::new(seed, lights, options)) else {
            let text = "there is nothing here that chaos could break: no light runs in this program";
            self.bus.notice(Severity::Warning, None, text);
            return;
        };
        self.chaos = Some((reign, Instant::now()));
        self.bus.with(|engine| engine.state.chaos_changed(Some(seed)));
    }

    /// Ends chaos, and takes out what it has put in.
    pub(super) async fn stop_chaos(&mut self) {
        let Some((reign, _)) = self.chaos.take() else { return };
        for fault in reign.end() {
            self.set_fault(fault, false).await;
        }
        self.bus.with(|engine| engine.state.chaos_changed(None));
    }

    /// Does what is due by now.
    pub(super) async fn play_chaos(&mut self) {
        let Some((reign, began)) = &mut self.chaos else { return };
        let now = began.elapsed();
        let (over, comes) = reign.play(now);
        for fault in over {
            self.set_fault(fault, false).await;
        }
        for what in comes {
            self.strike(what, now).await;
        }
    }

    async fn strike(&mut self, what: FaultKind, now: Duration) {
        match what {
            FaultKind::Lasting { fault, lasts } => {
                let gone = fault.light().is_some_and(|light| self.bus.knows(light).is_none());
                // A person's own faults stay as they are.
                if gone
                    || self
                        .bus
                        .with(|engine| engine.state.faults().iter().any(|on| on.is_replaced_by(&fault)))
                {
                    return;
                }
                if self.is_remote(&fault) {
                    return self.tell_board(fault, lasts);
                }
                self.set_fault(fault.clone(), true).await;
                if let Some((reign, _)) = &mut self.chaos {
                    reign.has_put_in(fault, now + lasts.unwrap_or_default());
                }
            }
            FaultKind::SessionDrop(light) if self.lights.contains_key(&light) => {
                self.ask(&light, LightCommand::DropSession);
            }
            FaultKind::Reboot(light) if self.lights.contains_key(&light) => {
                self.ask(&light, LightCommand::Reboot);
            }
            FaultKind::SessionDrop(_) | FaultKind::Reboot(_) => {}
        }
    }

    /// A person takes this fault over, by putting it in or out: chaos leaves it alone from now on.
    pub(super) fn take_from_chaos(&mut self, fault: &Fault) {
        if let Some((reign, _)) = &mut self.chaos {
            reign.leave(fault);
        }
    }
}
