//! The board panel: from a bare LoPy4 to a light in the junction, from top to bottom.
//!
//! | module | one idea |
//! | --- | --- |
//! | `ports` | which board |
//! | `light` | which light it is to be |
//! | `network` | Wi-Fi and broker |
//! | `more` | settings that are rarely changed; backup and restore |
//! | `job` | how far it is, and how it ended |
//! | `by_hand` | the drawing of the jumper and the button |
//! | `log` | what the board says |

mod by_hand;
mod job;
pub(super) mod join_info;
mod light;
mod log;
mod more;
mod network;
mod ports;

use egui::{RichText, ScrollArea, Ui};

use crate::app::{
    action::Actions,
    board::{BoardAction, form::Form, state::BoardState},
    repaint::RepaintScheduler,
    settings::LeftPanel,
    view::ViewContext,
    widgets,
};

pub(crate) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    state: &BoardState,
    form: &mut Form,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let hint = "Hides this panel; a job goes on (F2)";
    let mut actions = widgets::panel_header(
        ui,
        "Flash a board",
        "Close the board panel",
        hint,
        LeftPanel::Board,
        |_, _| {},
    );
    ui.separator();
    // What the job does and how it ended stays in sight, wherever the form below is scrolled to.
    let room = ui.available_height() * 0.5;
    let job = ScrollArea::vertical().id_salt("board-job").auto_shrink([false, true]).max_height(room);
    job.show(ui, |ui| actions.append(job::show(ui, view, state, repaint)));
    if state.log.port.is_some() {
        let most = (ui.available_height() - if state.job.is_some() { 120.0 } else { 220.0 }).max(120.0);
        let log = egui::Panel::bottom("board-log").frame(egui::Frame::new()).resizable(true);
        log.default_size(most.min(240.0)).size_range(110.0..=most).show(ui, |ui| {
            actions.append(log::show(ui, view, state, form));
        });
    }
    egui::CentralPanel::no_frame().show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let margin = egui::Frame::new().inner_margin(egui::Margin { right: 10, ..egui::Margin::ZERO });
            margin.show(ui, |ui| actions.append(body(ui, view, state, form)));
        });
    });
    actions
}

fn body(ui: &mut Ui, view: &ViewContext<'_>, state: &BoardState, form: &mut Form) -> Actions {
    let mut actions = Actions::default();
    let idle = !state.works();
    ui.add_enabled_ui(idle, |ui| {
        ports::show(ui, view, state, form);
        actions.append(light::show(ui, view, &state.context, form));
    });
    actions.append(network::show(ui, view, state, form, idle));
    ui.add_enabled_ui(idle, |ui| {
        more::show(ui, view, form);
        ui.add_space(8.0);
        actions.append(start(ui, view, state, form));
        ui.add_space(6.0);
        actions.append(more::backups(ui, view, &state.context, form));
    });
    actions
}

/// The buttons that start it all.
fn start(ui: &mut Ui, view: &ViewContext<'_>, state: &BoardState, form: &Form) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let port = form.connection().map(|connection| connection.port);
    let ready = port.is_some();
    let off = "Choose a port first.";
    ui.horizontal_wrapped(|ui| {
        let text = RichText::new("Flash and start").strong().color(palette.on_accent);
        let button = egui::Button::new(text).fill(palette.accent).min_size(egui::vec2(150.0, 32.0));
        let flash = ui.add_enabled(ready, button);
        flash.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, ready, "Flash and start"));
        let why = "Backs the board up, writes bootloader, program and settings, verifies them, and starts the light. Parts that need no change are skipped.";
        if flash.on_hover_text(why).on_disabled_hover_text(off).clicked() {
            actions.push(BoardAction::Flash);
        }
        let provision = ui.add_enabled(ready, egui::Button::new("Write settings only"));
        let why = "For a board that has this firmware already: seconds instead of half a minute.";
        if provision.on_hover_text(why).on_disabled_hover_text(off).clicked() {
            actions.push(BoardAction::Provision);
        }
        if let Some(port) = port {
            let log = ui.add_enabled(state.log.port.as_ref() != Some(&port), egui::Button::new("Watch its log"));
            if log.on_hover_text("Shows what the board says on its serial line.").clicked() {
                actions.push(BoardAction::WatchLog(port));
            }
        }
    });
    if !form.errors.is_empty() {
        let count = form.errors.len();
        let text =
            if count == 1 { "One entry above is".to_owned() } else { format!("{count} entries above are") };
        ui.label(RichText::new(format!("{text} missing or wrong.")).color(palette.bad));
    }
    actions
}

fn section(ui: &mut Ui, view: &ViewContext<'_>, title: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(title).strong().color(view.palette.accent));
}
