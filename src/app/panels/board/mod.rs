//! The board panel: from a bare LoPy4 to a light in the junction, from top to bottom.
//!
//! | module | one idea |
//! | --- | --- |
//! | `ports` | which board |
//! | `light` | which light it is to be |
//! | `network` | Wi-Fi and broker |
//! | `more` | what hardly anybody changes; backup and restore |
//! | `job` | how far it is, and how it ended |
//! | `by_hand` | the drawing of the jumper and the button |
//! | `log` | what the board says |
//! | `field` | a row of the form |

mod by_hand;
mod field;
mod invitation;
mod job;
mod light;
mod log;
mod more;
mod network;
mod ports;

use egui::{RichText, ScrollArea, Ui};

use crate::app::{
    action::{Action, Actions},
    board::{BoardAction, Workbench},
    repaint::RepaintScheduler,
    settings::Part,
    theme,
    view::ViewContext,
    widgets,
};

/// Shows the panel.
pub fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    bench: &mut Workbench,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.label(RichText::new("A board").text_style(theme::title()).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let close = widgets::named_button(ui, "Close", "Close the board panel");
            if close.on_hover_text("Hides this panel; a job goes on (F2)").clicked() {
                actions.push(Action::Toggle(Part::Board));
            }
        });
    });
    ui.separator();
    if bench.state.log.port.is_some() {
        let most = (ui.available_height() - 220.0).max(120.0);
        let log = egui::Panel::bottom("board-log").frame(egui::Frame::new()).resizable(true);
        log.default_size(most.min(240.0)).size_range(110.0..=most).show(ui, |ui| {
            actions.append(log::show(ui, view, bench));
        });
    }
    egui::CentralPanel::no_frame().show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let margin = egui::Frame::new().inner_margin(egui::Margin { right: 10, ..egui::Margin::ZERO });
            margin.show(ui, |ui| actions.append(body(ui, view, bench, repaint)));
        });
    });
    actions
}

fn body(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    bench: &mut Workbench,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let mut actions = Actions::default();
    let works = bench.works();
    actions.append(job::show(ui, view, bench, repaint));
    ui.add_enabled_ui(!works, |ui| {
        actions.append(ports::show(ui, view, bench));
        actions.append(light::show(ui, view, bench));
        actions.append(network::show(ui, view, bench));
        actions.append(more::show(ui, view, bench));
        ui.add_space(8.0);
        actions.append(start(ui, view, bench));
        ui.add_space(6.0);
        actions.append(more::keep(ui, view, bench));
    });
    actions
}

/// The buttons that start it all.
fn start(ui: &mut Ui, view: &ViewContext<'_>, bench: &mut Workbench) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let ready = bench.form.connection().is_some();
    ui.horizontal_wrapped(|ui| {
        let text = RichText::new("Flash and start").strong().color(palette.on_accent);
        let button = egui::Button::new(text).fill(palette.accent).min_size(egui::vec2(150.0, 32.0));
        let flash = ui.add_enabled(ready, button);
        flash.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, ready, "Flash and start"));
        let why = "Backs the board up, writes bootloader, program and settings, verifies them, and starts the light. What is right already is skipped.";
        let flash = flash.on_hover_text(why).on_disabled_hover_text("Choose a port first.");
        if flash.clicked() {
            let backups = bench.lab.backups.clone();
            if let Some(request) = bench.form.flash(backups.as_ref()) {
                actions.push(Action::Board(BoardAction::Start(Box::new(request))));
            }
        }
        let provision = ui.add_enabled(ready, egui::Button::new("Write settings only"));
        let why = "For a board that has this firmware already: seconds instead of half a minute.";
        if provision.on_hover_text(why).on_disabled_hover_text("Choose a port first.").clicked()
            && let Some(request) = bench.form.provision()
        {
            actions.push(Action::Board(BoardAction::Start(Box::new(request))));
        }
        if let Some(port) = bench.form.connection().map(|connection| connection.port) {
            let watched = bench.state.log.port.as_ref() == Some(&port);
            let log = ui.add_enabled(!watched, egui::Button::new("Watch its log"));
            if log.on_hover_text("Shows what the board says on its serial line.").clicked() {
                actions.push(Action::Board(BoardAction::Watch(port)));
            }
        }
    });
    if !bench.form.errors.is_empty() {
        let count = bench.form.errors.len();
        let text = if count == 1 { "One thing is".to_owned() } else { format!("{count} things are") };
        ui.label(RichText::new(format!("{text} missing or wrong above.")).color(palette.bad));
    }
    actions
}

/// The title of a section.
fn section(ui: &mut Ui, view: &ViewContext<'_>, title: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(title).strong().color(view.palette.accent));
}
