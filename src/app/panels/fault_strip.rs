//! What is on now, in sight while the fault panel is closed.

use std::sync::Arc;

use egui::{Galley, RichText, Sense, Ui, WidgetInfo, vec2};

use crate::{
    app::{
        action::Actions,
        scene::fault::glyph,
        settings::{LeftPanel, SettingsAction},
        view::ViewContext,
        widgets,
    },
    fault::Fault,
    model::LightId,
    world::Command,
};

/// What a sign takes beside its words.
const SIGN: f32 = 26.0;
/// What the count of those takes that have no room.
const MORE: f32 = 84.0;

/// Shows the strip, if there is anything to show.
pub(in crate::app) fn show(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let on: Vec<&Fault> = view.state.faults_on().collect();
    if (view.settings.left == Some(LeftPanel::Faults)) || (on.is_empty() && view.state.chaos.is_none()) {
        return actions;
    }
    let palette = view.palette;
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        let text = match on.len() {
            0 => "No fault on".to_owned(),
            1 => "1 fault on".to_owned(),
            number => format!("{number} faults on"),
        };
        ui.label(RichText::new(text).color(palette.warn).strong());
        if !on.is_empty() {
            actions.append(widgets::clear_faults(ui, view.why_fixed()));
        }
        if let Some(seed) = view.state.chaos {
            ui.separator();
            ui.label(RichText::new(format!("Chaos, seed {seed}")).color(palette.warn));
            let stop =
                widgets::unless(ui, view.why_fixed(), |ui| widgets::named_button(ui, "Stop", "Stop chaos"));
            if stop.on_hover_text("Ends it and clears the faults that it has injected.").clicked() {
                actions.push(Command::StopChaos);
            }
        }
        ui.separator();
        for (at, fault) in on.iter().enumerate() {
            let galley = words_of(ui, view, fault);
            let last = at + 1 == on.len();
            if ui.available_width() < galley.size().x + SIGN + if last { 0.0 } else { MORE } {
                widgets::caption(ui, format!("and {} more", on.len() - at), palette);
                break;
            }
            if chip(ui, view, fault, galley) {
                actions.push(SettingsAction::ToggleLeft(LeftPanel::Faults));
            }
        }
    });
    actions
}

fn words_of(ui: &Ui, view: &ViewContext<'_>, fault: &Fault) -> Arc<Galley> {
    let place = fault.light().map(|light| format!("{}: ", light.light)).unwrap_or_default();
    let font = egui::TextStyle::Small.resolve(ui.style());
    let text = format!("{place}{}", fault.label());
    ui.painter().layout_no_wrap(text, font, view.palette.warn)
}

/// One fault, with its sign; returns whether it was pressed.
fn chip(ui: &mut Ui, view: &ViewContext<'_>, fault: &Fault, galley: Arc<Galley>) -> bool {
    let palette = view.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + SIGN, 22.0), Sense::click());
    let whole = fault.light().map_or_else(|| "all lights".to_owned(), LightId::to_string);
    response.widget_info(|| {
        WidgetInfo::labeled(egui::Role::Button, true, format!("On now: {whole}, {}", fault.label()))
    });
    if response.has_focus() || response.hovered() {
        let edge = egui::Stroke::new(1.0, palette.accent);
        ui.painter().rect_stroke(rect, 5.0, edge, egui::StrokeKind::Inside);
    }
    let centre = egui::pos2(rect.left() + 10.0, rect.center().y);
    glyph::paint(ui.painter(), centre, 8.5, fault, palette);
    let left = egui::pos2(rect.left() + 23.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(left, galley, palette.warn);
    response.on_hover_text(format!("{whole}: {}.\nOpens the fault panel.", fault.label())).clicked()
}
