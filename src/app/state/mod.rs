//! What the window knows: a pure fold of the world's events, bounded in every direction. The one
//! source of truth for all panels; only [`State::apply`] and the few methods below change it.

mod conflicts;
mod fold;
mod foreign;
mod junction;
mod light;
mod log;
mod notices;
mod order;
mod rate;
#[cfg(test)]
mod tests;
mod topics;

use std::{collections::VecDeque, sync::Arc};

use traffic_light::Name;

use self::{light::push_keeping_open, rate::Rate};
use crate::{
    app::labels,
    fault::Fault,
    model::LightId,
    world::event::{Severity, Survey},
};

pub use conflicts::{ConflictSpan, Conflicts, Overlap};
pub use foreign::{ForeignMessage, ForeignState};
pub use junction::{Flight, Junction};
pub use light::{LayerState, LightState, Message, SeenPacket, Span};
pub use log::{Category, Entry, Log, Text};
pub(in crate::app) use notices::SHOWN_MS;
pub use notices::{Notice, Notices};
pub use topics::{Topic, Topics, Value};

/// The most faults and conflicts kept for the timeline.
const MAX_MARKS: usize = 400;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Broker {
    /// It has not answered yet.
    #[default]
    Starting,
    Running {
        /// `host:port`.
        address: String,
        /// Whether it runs in this program, and so can be stopped here.
        embedded: bool,
        /// Whether it was opened to the network here.
        open: bool,
        /// What the user should know of it.
        note: Option<String>,
    },
    /// The one in this program was stopped, or has ended.
    Stopped { reason: String },
    /// One that runs elsewhere: it cannot be reached, or does not let this program in.
    Unreachable { reason: String },
}

impl Broker {
    /// The port of the broker in this program, while it runs.
    #[must_use]
    pub fn embedded_port(&self) -> Option<u16> {
        let Broker::Running { address, embedded: true, .. } = self else { return None };
        address.rsplit(':').next()?.parse().ok()
    }

    /// Whether boards may join it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Broker::Running { open: true, .. })
    }
}

/// A fault and how long it was in force.
#[derive(Clone, Debug)]
pub struct FaultSpan {
    pub fault: Fault,
    pub from_ms: u64,
    /// When it ended; `None` = still in force.
    pub until_ms: Option<u64>,
}

/// What the window knows of one world. [`State::apply`] folds the world's events into it.
#[derive(Debug, Default)]
pub struct State {
    pub broker: Broker,
    pub junctions: Vec<Junction>,
    pub log: Log,
    pub faults: VecDeque<FaultSpan>,
    /// The seed of chaos, while it is on.
    pub chaos: Option<u64>,
    pub conflicts: Conflicts,
    /// Into which file this run is recorded.
    pub recording: Option<String>,
    pub messages: u64,
    pub ignored: u64,
    pub topics: Topics,
    /// What speaks on the broker beside this program's lights, while somebody wants to know.
    pub survey: Option<Arc<Survey>>,
    pub notices: Notices,
    pub stopped: bool,
    /// The time of the newest event, on the world's clock.
    pub latest_ms: u64,
    rate: Rate,
}

impl State {
    #[must_use]
    pub fn junction(&self, name: &Name) -> Option<&Junction> {
        self.place_of(name).map(|at| &self.junctions[at])
    }

    /// The place of the junction in [`State::junctions`].
    #[must_use]
    pub fn place_of(&self, name: &Name) -> Option<usize> {
        self.junctions.binary_search_by(|junction| order::by_number(&junction.name, name)).ok()
    }

    #[must_use]
    pub fn light(&self, id: &LightId) -> Option<&LightState> {
        self.junction(&id.junction)?.light(&id.light)
    }

    /// How many lights there are, and how many the broker says are there.
    #[must_use]
    pub fn presence(&self) -> (usize, usize) {
        let lights = self.junctions.iter().flat_map(|junction| &junction.lights);
        lights
            .fold((0, 0), |(all, online), light| (all + 1, online + usize::from(light.online == Some(true))))
    }

    /// Messages a second over the last seconds.
    #[must_use]
    pub fn messages_per_second(&self, now_ms: u64) -> f32 {
        self.rate.per_second(now_ms)
    }

    pub fn faults_on(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|span| span.until_ms.is_none()).map(|span| &span.fault)
    }

    /// Whether there is no broker to speak through.
    #[must_use]
    pub fn broker_is_down(&self) -> bool {
        matches!(self.broker, Broker::Stopped { .. } | Broker::Unreachable { .. })
    }

    /// Tells the user something that the window itself found out.
    pub fn note(&mut self, at_ms: u64, severity: Severity, light: Option<LightId>, text: String) {
        self.notices.add(at_ms, severity, &text);
        self.log.add(at_ms, Category::Notice, light, labels::severity(severity), text);
    }

    fn mark_fault(&mut self, fault: &Fault, on: bool, at_ms: u64) -> bool {
        let open = self
            .faults
            .iter_mut()
            .rev()
            .find(|span| span.until_ms.is_none() && span.fault.is_replaced_by(fault));
        // Another dose ends the span of the last one.
        let open = match open {
            Some(span) if on && span.fault != *fault => {
                span.until_ms = Some(at_ms);
                None
            }
            open => open,
        };
        match (open, on) {
            (Some(span), false) => span.until_ms = Some(at_ms),
            (None, true) => {
                let span = FaultSpan { fault: fault.clone(), from_ms: at_ms, until_ms: None };
                push_keeping_open(&mut self.faults, span, MAX_MARKS, |span| span.until_ms.is_some());
            }
            // A resync repeats what is known.
            (Some(_), true) | (None, false) => return false,
        }
        true
    }
}
