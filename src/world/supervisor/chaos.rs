//! The chaos switch: random faults that come and go until it is switched off.

use tokio::time::{Instant, sleep_until};

use super::*;
use crate::{
    chaos::{Chaos, ChaosOptions},
    config::{FaultKind, PlannedFault},
};

/// The longest time that a fault stays, at the fastest and the slowest pace.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// Chaos that is on.
pub(super) struct Reign {
    source: Chaos,
    started: Instant,
    next: Option<PlannedFault>,
    /// What it has put in, with its end. What a person changes in between is not its any more.
    put_in: Vec<(Fault, Instant)>,
}

impl Reign {
    /// When there is something to do: a fault to put in, or one to take out.
    fn due(&self) -> Option<Instant> {
        let next = self.next.as_ref().map(|next| self.started + next.at);
        let ends = self.put_in.iter().map(|(_, until)| *until);
        ends.chain(next).min()
    }
}

/// Waits until chaos has something to do; for ever where it is off.
pub(super) async fn due(reign: Option<&Reign>) {
    match reign.and_then(Reign::due) {
        Some(at) => sleep_until(at).await,
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
                let kind = match self.hub.knows(&light) {
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
            // However fast they come, most are over when the next few are there.
            longest: pace.saturating_mul(5).clamp(SHORTEST, LONGEST),
            links: self.config.links.proxy,
            stops_broker: matches!(self.config.broker, BrokerChoice::Embedded { .. }),
            has_login: self.spec.target.login.is_needed(),
            kinds,
            ..ChaosOptions::default()
        };
        let mut source = Chaos::new(seed, lights, options);
        let Some(next) = source.next() else {
            let text = "there is nothing here that chaos could break: no light runs in this program";
            self.hub.notice(Severity::Warning, None, text);
            return;
        };
        self.chaos = Some(Reign { source, started: Instant::now(), next: Some(next), put_in: Vec::new() });
        self.hub.chaos_changed(Some(seed));
    }

    /// Ends chaos, and takes out what it has put in.
    pub(super) async fn stop_chaos(&mut self) {
        let Some(reign) = self.chaos.take() else { return };
        for (fault, _) in reign.put_in {
            self.set_fault(fault, false).await;
        }
        self.hub.chaos_changed(None);
    }

    /// Does what is due by now.
    pub(super) async fn play_chaos(&mut self) {
        let now = Instant::now();
        let Some(reign) = &mut self.chaos else { return };
        let (over, on) = reign.put_in.drain(..).partition(|(_, until)| *until <= now);
        reign.put_in = on;
        let over: Vec<(Fault, Instant)> = over;
        let mut begin = Vec::new();
        while let Some(next) = reign.next.take_if(|next| reign.started + next.at <= now) {
            begin.push(next.what);
            reign.next = reign.source.next();
        }
        for (fault, _) in over {
            self.set_fault(fault, false).await;
        }
        for what in begin {
            self.strike(what, now).await;
        }
    }

    async fn strike(&mut self, what: FaultKind, now: Instant) {
        match what {
            FaultKind::Lasting { fault, lasts } => {
                let gone = fault.light().is_some_and(|light| self.hub.knows(light).is_none());
                // A person's own faults stay as they are.
                if gone || self.hub.faults().iter().any(|on| on.is_replaced_by(&fault)) {
                    return;
                }
                if self.is_remote(&fault) {
                    return self.tell_board(fault, lasts);
                }
                self.set_fault(fault.clone(), true).await;
                if let Some(reign) = &mut self.chaos {
                    reign.put_in.push((fault, now + lasts.unwrap_or_default()));
                }
            }
            FaultKind::SessionDrop(light) if self.lights.contains_key(&light) => {
                self.ask(&light, Ask::Link(Order::DropSession));
            }
            FaultKind::Reboot(light) if self.lights.contains_key(&light) => {
                self.ask(&light, Ask::Reboot);
            }
            FaultKind::SessionDrop(_) | FaultKind::Reboot(_) => {}
        }
    }

    /// A person takes this fault over, by putting it in or out: chaos leaves it alone from now on.
    pub(super) fn take_from_chaos(&mut self, fault: &Fault) {
        if let Some(reign) = &mut self.chaos {
            reign.put_in.retain(|(own, _)| !own.is_replaced_by(fault));
        }
    }
}
