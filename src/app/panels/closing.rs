//! The question before a window is closed that works on a board.

use egui::{Context, Id, Modal};

use crate::app::{action::Actions, closing::ClosingAction, theme::Palette, widgets};

/// Shows the question over the window.
pub(in crate::app) fn show(ctx: &Context, palette: &Palette) -> Actions {
    let mut actions = Actions::default();
    let response = Modal::new(Id::unique("closing")).show(ctx, |ui| {
        ui.set_width(420.0);
        ui.heading("A board is being worked on");
        ui.colored_label(
            palette.text,
            "Closing the window now interrupts that. A board that is half written starts no program. It can be \
             flashed again at any time.",
        );
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            if widgets::button(ui, "Let it finish").clicked() {
                actions.push(ClosingAction::StayOpen);
            }
            if widgets::button(ui, "Interrupt and close").clicked() {
                actions.push(ClosingAction::CloseAnyway);
            }
        });
    });
    if response.should_close() {
        actions.push(ClosingAction::StayOpen);
    }
    actions
}
