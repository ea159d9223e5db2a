//! Small things that several panels use.

use egui::{Color32, Response, RichText, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::{
    app::{
        action::Actions,
        settings::{LeftPanel, SettingsAction},
        theme::{self, Palette},
    },
    world::Command,
};

/// A switch with a short caption; `name` is its full name for screen readers.
pub(super) fn switch(ui: &mut Ui, palette: &Palette, on: bool, caption: &str, name: &str) -> Response {
    let galley = ui.painter().layout_no_wrap(
        caption.to_owned(),
        egui::TextStyle::Button.resolve(ui.style()),
        palette.text,
    );
    let track = vec2(34.0, 18.0);
    let size = vec2(track.x + 7.0 + galley.size().x, ui.spacing().interact_size.y);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, ui.is_enabled(), on, name));
    if ui.is_rect_visible(rect) {
        let position = ui.ctx().animate_bool_responsive(response.id, on);
        let visuals = ui.style().interact(&response);
        let track = egui::Rect::from_min_size(pos2(rect.left(), rect.center().y - track.y / 2.0), track);
        let fill = visuals.bg_fill.lerp_to_gamma(palette.ok, position * 0.9);
        let edge = if response.has_focus() { Stroke::new(2.0, palette.accent) } else { visuals.bg_stroke };
        let opacity = if ui.is_enabled() { 1.0 } else { 0.5 };
        ui.painter().rect(track, 9.0, fill.gamma_multiply(opacity), edge, StrokeKind::Outside);
        let x = egui::lerp(track.left() + 9.0..=track.right() - 9.0, position);
        let knob = if on { Color32::WHITE } else { palette.weak };
        ui.painter().circle_filled(pos2(x, track.center().y), 6.5, knob.gamma_multiply(opacity));
        let at = pos2(track.right() + 7.0, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, palette.text);
    }
    response
}

/// A button whose name for screen readers says more than its letters.
pub(super) fn named_button(ui: &mut Ui, text: impl Into<RichText>, name: &str) -> Response {
    let response = ui.button(text.into());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    response
}

/// The head of a panel on the left: its title and a button that closes it; `more` adds to the left of that.
pub(super) fn panel_header(
    ui: &mut Ui,
    title: &str,
    close: &str,
    hint: &str,
    panel: LeftPanel,
    more: impl FnOnce(&mut Ui, &mut Actions),
) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).text_style(theme::title()).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if named_button(ui, "Close", close).on_hover_text(hint).clicked() {
                actions.push(SettingsAction::ToggleLeft(panel));
            }
            more(ui, &mut actions);
        });
    });
    actions
}

/// A button that says all by its letters.
pub(super) fn button(ui: &mut Ui, text: &str) -> Response {
    named_button(ui, text, text)
}

/// Adds controls, which are off where there is a reason why nothing can be changed; the pointer over them tells it.
pub(super) fn unless<R>(ui: &mut Ui, why: Option<&str>, add: impl FnOnce(&mut Ui) -> R) -> R {
    let shown = ui.add_enabled_ui(why.is_none(), add);
    if let Some(why) = why {
        shown.response.on_hover_text(why);
    }
    shown.inner
}

/// The button that clears every fault; `fixed`: why nothing can be changed.
pub(super) fn clear_faults(ui: &mut Ui, fixed: Option<&str>) -> Actions {
    let mut actions = Actions::default();
    let clear = unless(ui, fixed, |ui| named_button(ui, "Clear all", "Clear all faults"));
    if clear.on_hover_text("Clears every fault. The lights recover by themselves.").clicked() {
        actions.push(Command::ClearFaults);
    }
    actions
}

/// Letters that can be chosen; `name` is their full name for screen readers.
pub(super) fn selectable(
    ui: &mut Ui,
    chosen: bool,
    text: impl Into<RichText>,
    role: Role,
    name: impl ToString,
) -> Response {
    let response = ui.selectable_label(chosen, text.into());
    response.widget_info(|| WidgetInfo::selected(role, ui.is_enabled(), chosen, name.to_string()));
    response
}

/// A small rounded label in a colour.
pub(super) fn chip(ui: &mut Ui, text: &str, color: Color32, palette: &Palette) -> Response {
    let font = egui::TextStyle::Small.resolve(ui.style());
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, color);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(14.0, 4.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    let fill = color.gamma_multiply(palette.badge_tint());
    let edge = Stroke::new(1.0, color.gamma_multiply(0.55));
    ui.painter().rect(rect, rect.height() / 2.0, fill, edge, StrokeKind::Inside);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, color);
    response
}

/// A dot that is full when something is up, and a ring with a stroke through it when it is down.
pub(super) fn dot(ui: &mut Ui, up: Option<bool>, palette: &Palette) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(12.0, 14.0), Sense::hover());
    let (painter, centre) = (ui.painter(), rect.center());
    match up {
        Some(true) => {
            painter.circle_filled(centre, 5.0, palette.ok);
        }
        Some(false) => {
            let stroke = Stroke::new(2.0, palette.bad);
            painter.circle_stroke(centre, 4.5, stroke);
            painter.line_segment([centre + vec2(-3.2, 3.2), centre + vec2(3.2, -3.2)], stroke);
        }
        None => {
            painter.circle_stroke(centre, 4.5, Stroke::new(1.5, palette.idle));
        }
    }
    response
}

/// A bar that runs down, `share` of it left.
pub(super) fn countdown(ui: &mut Ui, share: f32, color: Color32, palette: &Palette) {
    let (rect, _) = ui.allocate_exact_size(vec2(64.0, 12.0), Sense::hover());
    let bar = egui::Rect::from_center_size(rect.center(), vec2(rect.width(), 5.0));
    ui.painter().rect_filled(bar, 2.5, palette.line);
    let left = egui::Rect::from_min_size(bar.min, vec2(bar.width() * share.clamp(0.0, 1.0), bar.height()));
    ui.painter().rect_filled(left, 2.5, color);
}

/// A weak label of small letters.
pub(super) fn caption(ui: &mut Ui, text: impl Into<String>, palette: &Palette) -> Response {
    ui.label(RichText::new(text.into()).small().color(palette.weak))
}
