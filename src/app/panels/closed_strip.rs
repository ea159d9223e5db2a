//! Tells that the broker is closed to boards that could join in the run before.

use egui::{RichText, Ui};

use crate::app::{
    action::Actions,
    board::{BoardAction, state::BoardState},
    state::Broker,
    view::ViewContext,
    widgets,
};

/// Shows the strip until somebody has said what is to be.
pub(in crate::app) fn show(ui: &mut Ui, view: &ViewContext<'_>, state: &BoardState) -> Actions {
    let mut actions = Actions::default();
    let closed = matches!(&view.state.broker, Broker::Running { embedded: true, open: false, .. });
    if !state.could_join || !closed {
        return actions;
    }
    ui.horizontal_wrapped(|ui| {
        ui.set_min_height(24.0);
        let text = "Boards could join in the last run. Now the broker listens on this computer only.";
        ui.label(RichText::new(text).color(view.palette.warn));
        if widgets::named_button(ui, "Let them join", "Let boards join again").clicked() {
            actions.push(BoardAction::LetBoardsJoin);
        }
        if widgets::named_button(ui, "Stay closed", "Keep the broker closed to boards").clicked() {
            actions.push(BoardAction::StayClosed);
        }
    });
    actions
}
