//! Injecting faults and clearing them.

use std::time::Duration;

use traffic_light::command::Action;

use super::{
    Engine,
    effect::{Change, Effect, Task},
    holds::{Hold, Source},
};
use crate::{
    fault::{BrokerFault, Fault, LightFault},
    model::{Diagnostic, LightId, LightKind},
    world::event::Severity,
};

impl Engine {
    pub(super) fn inject(&mut self, fault: Fault, lasts: Option<Duration>, source: Source) {
        let task = fault.check().and_then(|()| self.task_for(&fault, lasts));
        match task {
            // An instant is over as soon as it has happened: nobody holds it.
            Ok(task) if fault.is_instant() => self.push(Task { change: None, ..task }),
            Ok(task) => {
                let until = lasts.map(|lasts| self.state.now().saturating_add(lasts));
                self.holds.add(Hold { fault, source, until });
                self.push(task);
            }
            Err(reason) => self.cannot(&fault, "injected", &reason),
        }
    }

    fn task_for(&self, fault: &Fault, lasts: Option<Duration>) -> Result<Task, Diagnostic> {
        self.can_reach(fault)?;
        let change = Some(Change { fault: fault.clone(), on: true });
        if !self.state.is_remote(fault) {
            if fault.about().needs_login && !self.setting.has_login {
                return Err(Diagnostic::new(
                    "this broker lets everybody in",
                    "give it a user and a password first",
                ));
            }
            return Ok(Task { effect: Effect::of(fault, true), change });
        }
        let light = fault.light().ok_or("it strikes all lights")?;
        // Nobody can call a board back that has left its Wi-Fi.
        let lasts = lasts
            .ok_or_else(|| Diagnostic::new("a board cannot be called back from it", "say for how long"))?;
        if !self.setting.is_keyed(light) {
            return Err(Diagnostic::new(
                "a board obeys this only in a junction with a key: anybody could send it",
                "give the junction a key",
            ));
        }
        let action = if matches!(fault, Fault::Light { fault: LightFault::Silence(_), .. }) {
            Action::Silence
        } else {
            Action::WifiDown
        };
        let ms = Some(u32::try_from(lasts.as_millis()).unwrap_or(u32::MAX));
        Ok(Task { effect: Effect::TellLight { light: light.clone(), action, ms }, change })
    }

    /// A person clears a fault, whoever injected it.
    pub(super) fn clear(&mut self, fault: &Fault) {
        if fault.is_instant() {
            return;
        }
        let held = self.holds.newest(fault).is_some();
        if self.state.is_remote(fault) {
            if held {
                let light = fault.light().map_or_else(String::new, ToString::to_string);
                let text = format!("{light} was told for how long, and comes back by itself");
                self.state.notice(Severity::Info, fault.light(), text);
            }
            return;
        }
        if !held && let Err(reason) = self.can_reach(fault) {
            return self.cannot(fault, "cleared", &reason);
        }
        self.holds.clear(fault);
        self.push_clear(fault.clone());
    }

    /// Clears all that is in force or about to be.
    pub(super) fn clear_all(&mut self) {
        for fault in self.known_faults(|_| true) {
            self.clear(&fault);
        }
    }

    /// Clears what there is at a light that goes.
    pub(super) fn clear_light(&mut self, light: &LightId) {
        for fault in self.known_faults(|fault| fault.light() == Some(light)) {
            self.holds.clear(&fault);
            self.push_clear(fault);
        }
    }

    /// The faults that are told of as in force, and those that are about to be.
    fn known_faults(&self, wanted: impl Fn(&Fault) -> bool) -> Vec<Fault> {
        let mut faults: Vec<Fault> = Vec::new();
        for fault in self.state.faults().iter().chain(self.holds.all()).filter(|fault| wanted(fault)) {
            if !faults.iter().any(|known| known.is_replaced_by(fault)) {
                faults.push(fault.clone());
            }
        }
        faults
    }

    /// A hold of `fault` has ended: what the others say applies from now on.
    pub(super) fn hold_ended(&mut self, fault: Fault) {
        let told = self.state.fault_like(&fault);
        match self.holds.newest(&fault) {
            Some(newest) if told == Some(newest) => {}
            // A board comes back by itself.
            _ if self.state.is_remote(&fault) => {
                let on = self.holds.newest(&fault).is_some();
                self.state.fault_changed(fault, on);
            }
            Some(newest) => {
                let change = Change { fault: newest.clone(), on: true };
                self.push(Task { effect: Effect::of(newest, true), change: Some(change) });
            }
            None => self.push_clear(fault),
        }
    }

    fn push_clear(&mut self, fault: Fault) {
        self.push(Task { effect: Effect::of(&fault, false), change: Some(Change { fault, on: false }) });
    }

    pub(super) fn fault_performed(&mut self, change: Change, result: Result<(), Diagnostic>) {
        let Change { fault, on } = change;
        match (result, on) {
            (Ok(()), true) => {
                if stops_broker(&fault) && self.state.broker_runs() {
                    self.state.broker_stopped("stopped on purpose");
                }
                // What ended while it was being injected is told of neither way.
                if self.holds.newest(&fault).is_some() {
                    self.state.fault_changed(fault, true);
                }
            }
            (Ok(()), false) => self.state.fault_changed(fault, false),
            (Err(reason), true) => {
                match self.state.fault_like(&fault) {
                    Some(was) => self.holds.keep_as_it_was(was),
                    None => self.holds.clear(&fault),
                }
                self.cannot(&fault, "injected", &reason);
            }
            (Err(reason), false) => self.cannot(&fault, "cleared", &reason),
        }
    }

    fn cannot(&mut self, fault: &Fault, what: &str, reason: &Diagnostic) {
        // A broker that does not start is more than a refusal.
        let severity =
            if stops_broker(fault) && what == "cleared" { Severity::Error } else { Severity::Warning };
        let text = format!("{} cannot be {what}: {}", fault.name(), reason.one_line());
        self.state.notice(severity, fault.light(), text);
    }

    /// Whether there is what the fault strikes, here or at a board.
    fn can_reach(&self, fault: &Fault) -> Result<(), Diagnostic> {
        let Some(light) = fault.light() else {
            return if self.setting.own_broker {
                Ok(())
            } else {
                let help = fault.about().other_broker.map(str::to_owned);
                Err(Diagnostic { message: "the broker is not part of this program".to_owned(), help })
            };
        };
        let kind = self.state.knows(light);
        if matches!(fault, Fault::Link { .. }) {
            if self.proxied.contains(light) {
                return Ok(());
            }
            return Err(match kind {
                Some(LightKind::Virtual) => {
                    Diagnostic::new("its link has no proxy", "set links.proxy = true")
                }
                Some(_) => Diagnostic::new(
                    "its link does not go through this program",
                    "set links.board_port, and let it connect there",
                ),
                None if self.setting.has_light(light) => does_not_run(light),
                None => format!("there is no light {light}").into(),
            });
        }
        if let Some(why) = kind.and_then(|kind| fault.why_not(kind)) {
            return Err(why);
        }
        if self.runs(light) || self.state.is_remote(fault) { Ok(()) } else { Err(does_not_run(light)) }
    }
}

fn stops_broker(fault: &Fault) -> bool {
    matches!(fault, Fault::Broker(BrokerFault::BrokerDown(_)))
}

pub(super) fn does_not_run(light: &LightId) -> Diagnostic {
    Diagnostic::new(format!("{light} does not run in this program"), "use its own switches")
}
