//! What is known of one junction.

use std::collections::VecDeque;

use traffic_light::{Aspect, Name, Rule};

use super::light::{LightState, push_bounded};
use crate::{model::LightId, world::event::TopicKind};

/// The most messages drawn under way at once.
const MAX_FLIGHTS: usize = 48;

/// A message on its way, for the scene.
#[derive(Clone, Debug)]
pub struct Flight {
    pub(in crate::app) at_ms: u64,
    /// Whose it is.
    pub(in crate::app) from: Name,
    pub(in crate::app) topic: TopicKind,
}

/// One junction and its lights.
#[derive(Clone, Debug)]
pub struct Junction {
    pub name: Name,
    pub(crate) rule: Rule,
    pub keyed: bool,
    pub lights: Vec<LightState>,
    /// Messages under way, oldest first.
    pub(in crate::app) flights: VecDeque<Flight>,
    /// Since when two of its lights have right of way at once.
    pub conflict_since_ms: Option<u64>,
    /// Since when two of its lights may have right of way at once, as far as heard.
    pub(crate) maybe_since_ms: Option<u64>,
}

impl Junction {
    pub(super) fn new(name: Name, rule: Rule, keyed: bool) -> Junction {
        Junction {
            name,
            rule,
            keyed,
            lights: Vec::new(),
            flights: VecDeque::new(),
            conflict_since_ms: None,
            maybe_since_ms: None,
        }
    }

    #[must_use]
    pub(crate) fn light(&self, name: &Name) -> Option<&LightState> {
        self.lights.binary_search_by(|light| light.id.light.cmp(name)).ok().map(|at| &self.lights[at])
    }

    /// The light of this name, with its place in [`Junction::lights`].
    #[must_use]
    pub(crate) fn place_of(&self, name: &Name) -> Option<usize> {
        self.lights.binary_search_by(|light| light.id.light.cmp(name)).ok()
    }

    pub(super) fn light_mut(&mut self, id: &LightId) -> Option<&mut LightState> {
        match self.lights.binary_search_by(|light| light.id.light.cmp(&id.light)) {
            Ok(at) => Some(&mut self.lights[at]),
            Err(_) => None,
        }
    }

    pub(super) fn insert(&mut self, light: LightState) {
        match self.lights.binary_search_by(|known| known.id.light.cmp(&light.id.light)) {
            Ok(at) => {
                // A resync repeats it: only what it may correct is taken.
                self.lights[at].kind = light.kind;
            }
            Err(at) => self.lights.insert(at, light),
        }
    }

    /// Forgets a light; returns whether it was known.
    pub(super) fn remove(&mut self, light: &LightId) -> bool {
        let place = self.place_of(&light.light);
        place.map(|at| self.lights.remove(at)).is_some()
    }

    pub(super) fn add_flight(&mut self, flight: Flight) {
        push_bounded(&mut self.flights, flight, MAX_FLIGHTS);
    }

    /// Whether any of its lights flashes or is lost: what the overview marks.
    #[must_use]
    pub(crate) fn is_disturbed(&self) -> bool {
        self.lights
            .iter()
            .any(|light| light.aspect == Aspect::FlashingAmber || light.broken_layer().is_some())
    }
}
