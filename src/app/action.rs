//! What a panel asks for. Panels read the state and return acts; only the app performs them.

use traffic_light::Name;

use crate::{
    app::{
        board::BoardAction, brokers::BrokersAction, player::PlayerAction, settings::Part, state::Category,
    },
    model::LightId,
    world::Command,
};

/// Something on the scene that can be picked to be broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultTarget {
    /// A light itself.
    Light(LightId),
    /// The link of a light.
    Link(LightId),
    /// The broker.
    Broker,
}

/// One thing that a person asked for in the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the world.
    World(Command),
    /// Ask the desk where boards are flashed.
    Board(BoardAction),
    /// Ask doctor or switch.
    Brokers(BrokersAction),
    /// Ask the player.
    Player(PlayerAction),
    /// Close the window, though a board is being worked on.
    CloseAnyway,
    /// Keep the window open.
    StayOpen,
    /// Select a light, and with it its junction.
    Select(LightId),
    /// Aim the fault panel at what was picked on the scene, and open it.
    Target(FaultTarget),
    /// Show this junction large.
    Open(Name),
    /// The conflicts seen so far are known: take the large letters away.
    AcknowledgeConflicts,
    /// Change between light and dark.
    SwitchTheme,
    /// Show or hide a part of the window.
    Toggle(Part),
    /// Let nothing move, or let it move again.
    ReduceMotion(bool),
    /// Show or hide events of this category in the log.
    ToggleCategory(Category),
    /// Show only log entries that hold this text.
    Filter(String),
    /// Let the timeline span this many seconds.
    Span(u32),
    /// Shift the timeline's right end to this time; `None` follows the present.
    LookAt(Option<u64>),
    /// Open or close the help.
    Help(bool),
}

/// What a panel asked for in one frame.
#[derive(Debug, Default)]
#[must_use = "what a panel asks for must be performed"]
pub struct Actions(Vec<Action>);

impl Actions {
    /// Adds one.
    pub fn push(&mut self, action: Action) {
        self.0.push(action);
    }

    /// Adds a command to the world.
    pub fn ask(&mut self, command: Command) {
        self.0.push(Action::World(command));
    }

    /// Adds all of another panel's.
    pub fn append(&mut self, mut others: Actions) {
        self.0.append(&mut others.0);
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = std::vec::IntoIter<Action>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
