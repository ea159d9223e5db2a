//! Lights come, go, start anew, and are told what to do.

use std::time::Duration;

use traffic_light::{
    Rule,
    program::{HostCommand, LogEvent},
};

use super::{
    Engine,
    effect::{Effect, LightCommand, Task},
    faults::does_not_run,
    holds::{Hold, Source},
};
use crate::fault::{Fault, LightFault, Silence, WifiDown};
use crate::model::{LightId, LightKind};
use crate::world::{
    event::{Ignorer, Severity},
    log_event::{self, LogEntry},
};

/// Effects that may wait when a light orders one more: whoever floods it with commands is not obeyed.
const MOST_WAITING: usize = 256;

impl Engine {
    /// A light of the configuration runs here from now on; `proxied`: its link's faults can be injected.
    pub(crate) fn light_added(&mut self, light: &LightId, rule: Rule, proxied: bool) {
        if proxied {
            self.proxied.insert(light.clone());
        }
        self.state.light_added(light, LightKind::Virtual, rule, self.setting.is_keyed(light));
    }

    /// The link of a light that runs elsewhere goes through a proxy here.
    pub(crate) fn link_proxied(&mut self, light: &LightId) {
        self.proxied.insert(light.clone());
    }

    /// A light that runs elsewhere uses its port: it is there, though nobody may have heard it speak.
    pub(crate) fn light_connects(&mut self, light: &LightId, rule: Rule) {
        if self.state.knows(light).is_none() {
            self.state.light_added(light, LightKind::Foreign, rule, self.setting.is_keyed(light));
        }
    }

    /// A light that had to go has said goodbye.
    pub(crate) fn light_removed(&mut self, light: &LightId) {
        self.holds.end(|hold| hold.fault.light() == Some(light));
        for fault in self.state.faults().to_vec() {
            if fault.light() == Some(light) {
                self.state.fault_changed(fault, false);
            }
        }
        self.state.light_removed(light);
        if self.setting.is_foreign(light) {
            self.leaving.remove(light);
            return self.add_foreign_light(light);
        }
        self.proxied.remove(light);
        if self.leaving.remove(light) == Some(true) {
            self.add_light(light.clone());
        }
    }

    /// A fault of a light's program has ended with the run that it struck: a hang, or the silence that a
    /// command asked for.
    pub(crate) fn fault_over(&mut self, fault: Fault) {
        if let Fault::Light { light, fault: LightFault::Silence(_) } = &fault {
            return self.program_speaks(light);
        }
        self.holds.clear(&fault);
        self.state.fault_changed(fault, false);
    }

    /// A light's program carries out what a command over MQTT ordered; returns whether that can be done.
    pub(crate) fn order(&mut self, light: &LightId, order: HostCommand) -> bool {
        if self.queue.len() >= MOST_WAITING {
            return false;
        }
        match order {
            HostCommand::WifiDown { ms } => {
                let lasts = Duration::from_millis(u64::from(ms));
                self.inject(Fault::on(light.clone(), WifiDown), Some(lasts), Source::Mqtt);
            }
            HostCommand::DropSession => self.do_to_light(light.clone(), LightCommand::DropSession),
            HostCommand::Reboot => self.do_to_light(light.clone(), LightCommand::Reboot),
            // The light's host has taken it in.
            HostCommand::KeepLease { .. } => {}
        }
        true
    }

    /// A light's program logs something.
    pub(crate) fn log(&mut self, light: &LightId, event: &LogEvent) {
        match log_event::silence(event) {
            Some(true) => {
                let fault = Fault::on(light.clone(), Silence);
                self.holds.add(Hold { fault: fault.clone(), source: Source::Program, until: None });
                self.state.fault_changed(fault, true);
            }
            Some(false) => self.program_speaks(light),
            None => {}
        }
        match log_event::of(light, event) {
            Some(LogEntry::Ignored(reason)) => {
                let (light, by) = (Some(light.clone()), Ignorer::Light(light.clone()));
                self.state.ignored(None, light, by, reason);
            }
            Some(LogEntry::Notice(severity, text)) => self.state.notice(severity, Some(light), text),
            None => {}
        }
    }

    fn program_speaks(&mut self, light: &LightId) {
        let silence = Fault::on(light.clone(), Silence);
        self.holds.end(|hold| hold.source == Source::Program && hold.fault == silence);
        if self.holds.newest(&silence).is_none() {
            self.state.fault_changed(silence, false);
        }
    }

    /// Whether a light runs here, and is not about to go.
    pub(super) fn runs(&self, light: &LightId) -> bool {
        self.state.knows(light) == Some(LightKind::Virtual) && !self.leaving.contains_key(light)
    }

    pub(super) fn do_to_light(&mut self, light: LightId, does: LightCommand) {
        if self.runs(&light) {
            self.push(Task { effect: Effect::Light(light, does), change: None });
        } else {
            self.state.notice(Severity::Warning, Some(&light), does_not_run(&light).one_line());
        }
    }

    pub(super) fn run_light(&mut self, light: LightId) {
        if let Some(again) = self.leaving.get_mut(&light) {
            // Its place is free when it has said goodbye.
            *again = true;
        } else if !self.runs(&light) {
            self.add_light(light);
        }
    }

    fn add_light(&mut self, light: LightId) {
        if self.setting.is_foreign(&light) {
            let text =
                format!("somebody else's program runs {light} (help: remove its [[foreign]] to run it here)");
            return self.state.notice(Severity::Warning, Some(&light), text);
        }
        if self.setting.has_light(&light) {
            return self.push(Task { effect: Effect::AddLight(light), change: None });
        }
        let text = format!("the configuration has no light {light} (help: add it there)");
        self.state.notice(Severity::Warning, Some(&light), text);
    }

    pub(super) fn retire_light(&mut self, light: LightId) {
        if let Some(again) = self.leaving.get_mut(&light) {
            *again = false;
        } else if self.runs(&light) {
            self.clear_light(&light);
            self.leaving.insert(light.clone(), false);
            self.push(Task { effect: Effect::RetireLight(light), change: None });
        }
    }
}
