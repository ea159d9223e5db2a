//! Foreign lights: what they say and are told, and what becomes of their sessions.

use std::time::Duration;

use traffic_light::Aspect;

use super::{
    Engine,
    cause::{Cause, Talk},
    effect::{Effect, LightCommand, Task},
    state::WorldState,
};
use crate::model::{LightId, LightKind};

impl Engine {
    /// The foreign lights of the configuration are there from the start, dark until they speak.
    pub(crate) fn add_foreign_lights(&mut self) {
        for (light, rule, rtt) in self.setting.foreign_lights() {
            self.state.foreign_added(&light, rule, rtt);
        }
    }

    /// The foreign light `light` has subscribed anew to what it is told: its partner tells it again.
    pub(crate) fn foreign_subscribed(&mut self, light: &LightId) {
        self.command_partner(light, LightCommand::PartnerSubscribed);
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
    pub(crate) fn foreign_added(&mut self, light: &LightId, rule: traffic_light::Rule, rtt: Duration) {
        self.light_added(light, LightKind::Foreign, rule, false);
        self.talks.insert(light.clone(), Talk::new(rtt));
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
