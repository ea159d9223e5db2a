//! What is looked at: the junction that is shown large, the selected light, the timeline's right end.

use traffic_light::Name;

use super::{
    state::{Junction, State},
    traffic::{Approach, Traffic},
};
use crate::model::LightId;

/// What a person asks to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SelectionAction {
    /// This light, and with it its junction.
    Light(LightId),
    /// This junction, large.
    Junction(Name),
    /// The timeline up to this time on the world's clock; `None` follows the present.
    LookAt(Option<u64>),
}

/// Owned by the window; changed by [`Selection::perform`], and by [`Selection::keep`] where what was
/// selected has gone.
#[derive(Debug)]
pub(super) struct Selection {
    /// The junction that the user chose; the first one until then.
    pub(super) junction: Option<Name>,
    pub(super) light: Option<LightId>,
    /// The timeline's right end, on the world's clock; `None` = now.
    pub(super) look_at_ms: Option<u64>,
    traffic: Traffic,
    /// Whose cars they are.
    traffic_of: Option<Name>,
}

impl Selection {
    /// `junction` is the one that was shown last.
    #[must_use]
    pub(super) fn new(junction: Option<Name>) -> Selection {
        Selection { junction, light: None, look_at_ms: None, traffic: Traffic::new(0), traffic_of: None }
    }

    pub(super) fn perform(&mut self, action: SelectionAction) {
        match action {
            SelectionAction::Light(light) => {
                self.junction = Some(light.junction.clone());
                self.light = Some(light);
            }
            SelectionAction::Junction(junction) => self.junction = Some(junction),
            SelectionAction::LookAt(at_ms) => self.look_at_ms = at_ms,
        }
    }

    /// Another world is shown: looks at its present, with new cars.
    pub(super) fn restart(&mut self) {
        self.look_at_ms = None;
        self.restart_cars();
    }

    /// Time has moved back, and cars do not drive backwards.
    pub(super) fn restart_cars(&mut self) {
        self.traffic_of = None;
    }

    #[must_use]
    pub(super) fn junction_in<'a>(&self, state: &'a State) -> Option<&'a Junction> {
        let chosen = self.junction.as_ref().and_then(|name| state.junction(name));
        chosen.or(state.junctions.first())
    }

    /// Keeps a light of the shown junction selected, so that the keys always act on one.
    pub(super) fn follow(&mut self, state: &State) {
        let Some(junction) = self.junction_in(state) else { return };
        let here =
            |light: &LightId| light.junction == junction.name && junction.light(&light.light).is_some();
        if !self.light.as_ref().is_some_and(here) {
            self.light = junction.lights.first().map(|light| light.id.clone());
        }
        if self.traffic_of.as_ref() != Some(&junction.name) {
            let letters = junction.name.as_str().bytes();
            let seed = letters.fold(7, |seed: u64, letter| seed.wrapping_mul(31) + u64::from(letter));
            self.traffic = Traffic::new(seed);
            self.traffic_of = Some(junction.name.clone());
        }
    }

    /// Lets the cars drive until `now_ms`; `approaches` are those of the shown junction.
    pub(super) fn drive(&mut self, now_ms: u64, approaches: &[Approach]) {
        self.traffic.advance(now_ms, approaches);
    }

    #[must_use]
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}
