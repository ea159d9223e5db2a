//! What a panel asks for. Panels read the state and return actions; only the window performs them.

use super::{
    board::BoardAction, brokers::BrokersAction, closing::ClosingAction, foreign_light::ForeignLightAction,
    own_light::OwnLightAction, player::PlayerAction, selection::SelectionAction, settings::SettingsAction,
    topics::TopicsAction,
};
use crate::{model::LightId, world::Command};

/// Something on the scene that can be picked to be broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FaultTarget {
    Light(LightId),
    Link(LightId),
    Broker,
}

/// One thing that a person asked for in the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    World(Command),
    Board(BoardAction),
    Brokers(BrokersAction),
    OwnLight(OwnLightAction),
    ForeignLight(ForeignLightAction),
    Player(PlayerAction),
    Topics(TopicsAction),
    Selection(SelectionAction),
    Settings(SettingsAction),
    Closing(ClosingAction),
    /// Aim the fault panel at what was picked on the scene, and open it.
    AimFault(FaultTarget),
    /// Fill the seed of the chaos that is on into its form.
    KeepChaosSeed(u64),
    /// The conflicts seen so far are known: take the large letters away.
    AcknowledgeConflicts,
    ShowHelp(bool),
}

/// What a panel asked for in one frame.
#[derive(Debug, Default)]
#[must_use = "what a panel asks for must be performed"]
pub(super) struct Actions(Vec<Action>);

impl Actions {
    pub(super) fn push(&mut self, action: impl Into<Action>) {
        self.0.push(action.into());
    }

    pub(super) fn append(&mut self, mut others: Actions) {
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

macro_rules! sub_actions {
    ($($variant:ident($sub:ty)),* $(,)?) => {
        $(impl From<$sub> for Action {
            fn from(action: $sub) -> Action {
                Action::$variant(action)
            }
        })*
    };
}

sub_actions!(
    World(Command),
    Board(BoardAction),
    Brokers(BrokersAction),
    OwnLight(OwnLightAction),
    ForeignLight(ForeignLightAction),
    Player(PlayerAction),
    Topics(TopicsAction),
    Selection(SelectionAction),
    Settings(SettingsAction),
    Closing(ClosingAction),
);
