//! What scene and panels may look at while one frame is drawn. Nothing in it can be changed.

use super::{board::form::Lab, player::Watched, settings::Settings, state::State, theme::Palette};
use crate::model::LightId;

/// What a panel may look at.
#[derive(Clone, Copy)]
pub struct ViewContext<'a> {
    /// What is known.
    pub state: &'a State,
    /// What is remembered.
    pub settings: &'a Settings,
    /// The time on the world's clock.
    pub now_ms: u64,
    /// The colours.
    pub palette: &'static Palette,
    /// What the configuration says, where boards can be flashed.
    pub lab: Option<&'a Lab>,
    /// What is played, where the live lab is not shown.
    pub watched: Option<&'a Watched>,
    /// The selected light.
    pub selected: Option<&'a LightId>,
    /// What the window is told to call this run, such as its configuration.
    pub subtitle: &'a str,
}

impl ViewContext<'_> {
    /// Whether lamps switch at once: where nothing is to move, and where time stands still, so that
    /// none is caught half lit.
    #[must_use]
    pub fn lamps_switch_at_once(&self) -> bool {
        self.settings.reduce_motion || self.watched.is_some_and(Watched::stands)
    }
}
