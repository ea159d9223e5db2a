//! Foreign lights: what they say and are told, and what becomes of their sessions.

use std::time::Duration;

use traffic_light::{Aspect, Foreign};

use super::{
    Engine,
    cause::{Cause, Talk},
    effect::{Effect, LightCommand, Task},
    state::WorldState,
};
use crate::{
    model::{Diagnostic, LightId, LightKind},
    world::event::{EventKind, Severity},
};

impl Engine {
    /// The foreign lights of the configuration are there from the start, dark until they speak.
    pub(crate) fn add_foreign_lights(&mut self) {
        for (light, _, _) in self.setting.foreign_lights() {
            self.add_foreign_light(&light);
        }
    }

    /// The foreign light `light` is there, dark until it speaks.
    pub(super) fn add_foreign_light(&mut self, light: &LightId) {
        let lights = self.setting.foreign_lights();
        let Some((_, rule, rtt)) = lights.into_iter().find(|(known, _, _)| known == light) else { return };
        let Some(foreign) = self.setting.foreign(light).cloned() else { return };
        self.state.foreign_added(light, rule, rtt, foreign);
    }

    /// Lets somebody else's program be `light`, or runs it here again.
    pub(super) fn set_foreign(&mut self, light: LightId, foreign: Option<Box<Foreign>>) {
        let refused = if !self.setting.has_light(&light) {
            Diagnostic::new(format!("the configuration has no light {light}"), "add it there")
        } else if self.setting.lights_beside(&light) != 2 {
            Diagnostic::new(
                format!("a foreign light has one partner, and {} has more lights than two", light.junction),
                "give it a junction of two lights",
            )
        } else if self.setting.on_feeds {
            let message = format!(
                "the lights of this account share its quota, so {light} cannot change while they run"
            );
            Diagnostic::new(message, "save the configuration, and start again with it")
        } else if foreign.is_none() && !self.setting.is_foreign(&light) {
            Diagnostic::new(format!("{light} is no foreign light"), "choose another one")
        } else {
            return self.perform(Effect::SetForeign { light, foreign });
        };
        self.state.notice(Severity::Warning, None, refused.one_line());
    }

    /// Broker and observer take `light` for somebody else's, or no more. Its partner starts anew, with the wait after
    /// any start: what it had promised to the one before still holds.
    pub(super) fn foreign_set(&mut self, light: &LightId, foreign: Option<Box<Foreign>>) {
        let is_foreign = foreign.is_some();
        self.setting.set_foreign(light, foreign.map(|foreign| *foreign));
        let partner = self.setting.other_of_pair(light);
        if is_foreign {
            if self.runs(light) || self.leaving.contains_key(light) {
                // Its place is free when it has said goodbye.
                self.retire_light(light.clone());
                self.proxied.remove(light);
            } else {
                self.add_foreign_light(light);
            }
        } else {
            self.proxied.remove(light);
            self.state.foreign_removed(light);
            self.run_light(light.clone());
        }
        if let Some(partner) = partner {
            if self.runs(&partner) {
                self.retire_light(partner.clone());
                self.run_light(partner);
            } else if is_foreign && !self.leaving.contains_key(&partner) {
                let text = format!("{partner} does not run here: whoever runs it has to know of {light} too");
                self.state.notice(Severity::Warning, Some(&partner), text);
            }
        }
        let text = if is_foreign {
            format!(
                "{light} is somebody else's light from now on, and its partner starts anew to talk with it"
            )
        } else {
            format!("{light} runs here again, and its partner starts anew")
        };
        self.state.notice(Severity::Info, Some(light), text);
    }

    /// The foreign light `light` has subscribed anew to what it is told: its partner tells it again.
    pub(crate) fn foreign_subscribed(&mut self, light: &LightId) {
        self.command_partner(light, LightCommand::PartnerSubscribed);
    }

    /// The foreign light `light` speaks in a new session.
    pub(crate) fn foreign_speaks(&mut self, light: &LightId) {
        self.command_partner(light, LightCommand::PartnerSpeaks);
    }

    /// The session of the foreign light `light` is known to be over: closed, or its will was told.
    pub(crate) fn foreign_session_over(&mut self, light: &LightId) {
        if !self.setting.is_foreign(light) {
            return;
        }
        self.state.foreign_cut_off(light);
        self.state.presence_changed(light, false, None);
        self.state.gone(light);
        self.command_partner(light, LightCommand::PartnerGone);
    }

    fn command_partner(&mut self, light: &LightId, command: LightCommand) {
        let Some(partner) = self.setting.partner_of_foreign(light) else { return };
        if self.runs(&partner) {
            self.push(Task { effect: Effect::Light(partner, command), change: None });
        }
    }
}

impl WorldState {
    /// A foreign light of the configuration, with the round trip that is allowed for.
    pub(crate) fn foreign_added(
        &mut self,
        light: &LightId,
        rule: traffic_light::Rule,
        rtt: Duration,
        foreign: Foreign,
    ) {
        // Its port may have seen more of it than its name.
        let links = self.links_of(light);
        self.light_added(light, LightKind::Foreign, rule, false);
        for (layer, (up, reason)) in links {
            self.link_changed(light, layer, up, reason);
        }
        self.talks.insert(light.clone(), Talk::new(rtt));
        self.tell(EventKind::ForeignMapped { light: light.clone(), foreign: Box::new(foreign.clone()) });
        self.mapped.insert(light.clone(), foreign);
    }

    /// A light is no foreign one any more.
    pub(super) fn foreign_removed(&mut self, light: &LightId) {
        self.talks.remove(light);
        self.mapped.remove(light);
        self.gone(light);
        self.light_removed(light);
    }

    /// A foreign light said a word for `shown`, which counts as `means`.
    pub(crate) fn foreign_heard(&mut self, light: &LightId, shown: Aspect, means: Aspect) {
        let now = self.now();
        if let Some(talk) = self.talks.get_mut(light) {
            talk.heard(now, means.is_go());
        }
        self.aspect_heard_as(light, shown, means);
    }

    /// A foreign light was told that its partner has right of way, or has none.
    pub(crate) fn foreign_told(&mut self, light: &LightId, goes: bool) {
        let now = self.now();
        if let Some(talk) = self.talks.get_mut(light) {
            talk.told(now, goes);
        }
    }

    pub(super) fn foreign_cut_off(&mut self, light: &LightId) {
        if let Some(talk) = self.talks.get_mut(light) {
            talk.cut_off();
        }
    }

    /// Why these lights are in conflict, where one of them is a foreign one: the one that went last is asked.
    pub(super) fn cause_of(&self, lights: &[LightId]) -> Option<Cause> {
        let talks = lights.iter().filter_map(|light| self.talks.get(light));
        talks.max_by_key(|talk| talk.went_at()).map(Talk::cause)
    }
}
