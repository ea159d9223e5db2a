//! What scene and panels may look at while one frame is drawn. Nothing in it can be changed.

use std::net::Ipv4Addr;

use super::{
    board::context::ProvisioningContext,
    player::{Watched, source::Kind},
    settings::Settings,
    state::State,
    theme::Palette,
};
use crate::model::LightId;

#[derive(Clone, Copy)]
pub(super) struct ViewContext<'a> {
    pub state: &'a State,
    pub settings: &'a Settings,
    /// The time on that world's clock.
    pub now_ms: u64,
    pub palette: &'static Palette,
    /// What the configuration says; only where boards can be flashed, and never of what is played.
    pub context: Option<&'a ProvisioningContext>,
    /// What is played, where the live lab is not shown.
    pub watched: Option<&'a Watched>,
    pub selected: Option<&'a LightId>,
    /// Whether the lights of a check are shown: nothing of them can be broken by hand.
    pub is_check: bool,
    /// Under which address others in the network reach this computer, where that was looked up.
    pub lan: Option<Ipv4Addr>,
    /// What the run is, such as the name of its configuration.
    pub subtitle: &'a str,
}

/// Why nothing can be changed in a recording.
const RECORDED: &str = "This is a recording. Go back to the live lab to change something.";

impl ViewContext<'_> {
    /// Why nothing can be changed in what is shown; `None` where it can.
    #[must_use]
    pub(super) fn why_fixed(&self) -> Option<&'static str> {
        self.watched.filter(|watched| watched.kind == Kind::Recording).map(|_| RECORDED)
    }

    /// Whether a simulated world is shown, which has no port and no socket.
    #[must_use]
    pub(super) fn is_simulated(&self) -> bool {
        self.watched.is_some_and(|watched| matches!(watched.kind, Kind::Simulation { .. }))
    }

    /// Where the broker is: as others reach it, where it listens on all of this computer's networks.
    #[must_use]
    pub(super) fn broker_at(&self, address: &str) -> String {
        match (address.strip_prefix("0.0.0.0:"), self.lan) {
            _ if self.is_simulated() => "simulated".to_owned(),
            (Some(port), Some(lan)) => format!("{lan}:{port}"),
            (Some(port), None) => format!("port {port}"),
            (None, _) => address.to_owned(),
        }
    }

    /// Whether lamps switch at once: where nothing is to move, and where time stands still, so that
    /// none is caught half lit.
    #[must_use]
    pub(super) fn lamps_switch_at_once(&self) -> bool {
        self.settings.reduce_motion || self.watched.is_some_and(Watched::stands)
    }
}
