//! The large letters when two conflicting lights were seen to have right of way at once, and the smaller
//! ones when they may have had.

use egui::{Align, Color32, CornerRadius, Frame, Layout, Margin, RichText, Role, Stroke, Ui, WidgetInfo};

use crate::{
    app::{
        action::{Action, Actions},
        labels,
        selection::SelectionAction,
        state::{ConflictSpan, Overlap},
        theme,
        view::ViewContext,
        widgets,
    },
    world::event::Certainty,
};

/// Shows the banner while a conflict is not acknowledged.
pub(in crate::app) fn show(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let Some(conflict) = view.state.conflicts.pending() else { return actions };
    let sure = conflict.overlap == Overlap::Conflict(Certainty::Sure);
    let (headline, detail) = if sure { sentences(conflict, view) } else { doubtful(conflict, view) };
    // A doubt differs from a certainty by words, size and frame, not by its colour alone.
    let goes_on = conflict.until_ms.is_none();
    let (fill, letters, size) = if sure && goes_on {
        (view.palette.alarm, Color32::WHITE, theme::alarm())
    } else if sure {
        (view.palette.card, view.palette.bad, theme::title())
    } else {
        (view.palette.card, view.palette.warn, theme::title())
    };
    let frame = Frame::new()
        .fill(fill)
        .stroke(Stroke::new(2.0, if sure { view.palette.alarm } else { view.palette.warn }))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(14, 7));
    let banner = frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.label(RichText::new(&headline).text_style(size).color(letters));
                ui.label(RichText::new(&detail).color(letters));
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let button = widgets::named_button(ui, "Clear", "Clear the conflict");
                if button.on_hover_text("I have seen it (Esc). The timeline and the log keep it.").clicked() {
                    actions.push(Action::AcknowledgeConflicts);
                }
                if let (true, Some(light)) = (view.state.junctions.len() > 1, conflict.lights.first()) {
                    let show = widgets::named_button(ui, "Show", "Show the conflict's junction");
                    if show.clicked() {
                        actions.push(SelectionAction::Junction(light.junction.clone()));
                    }
                }
            });
        });
    });
    // Its own node, so that a screen reader says it at once.
    let response = ui.interact(banner.response.rect, ui.scope_id().with("conflict"), egui::Sense::hover());
    let spoken = format!("{headline}. {detail}");
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &spoken));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(egui::accesskit::Live::Assertive));
    actions
}

fn sentences(conflict: &ConflictSpan, view: &ViewContext<'_>) -> (String, String) {
    let (place, several) = (place(conflict), several(view));
    let detail = match conflict.until_ms {
        None => format!("Both have right of way at once{place}, now.{several}"),
        Some(until) => {
            let lasted = labels::seconds_left(conflict.from_ms, until);
            let at = labels::clock(conflict.from_ms);
            format!("Both had right of way at once{place} at {at}, for {lasted:.1} s.{several}")
        }
    };
    let headline = if conflict.until_ms.is_none() { "CONFLICT" } else { "Conflict, over now" };
    (format!("{headline}: {}", names(conflict)), detail)
}

fn doubtful(conflict: &ConflictSpan, view: &ViewContext<'_>) -> (String, String) {
    let (place, several) = (place(conflict), several(view));
    let detail = match conflict.until_ms {
        None => {
            format!(
                "As far as heard, both may have right of way at once{place}, now. Look at the lamps.{several}"
            )
        }
        Some(until) => {
            let lasted = labels::seconds_left(conflict.from_ms, until);
            let at = labels::clock(conflict.from_ms);
            format!(
                "Both may have had right of way at once{place} at {at}, for {lasted:.1} s at most.{several}"
            )
        }
    };
    (format!("Possible conflict: {}", names(conflict)), detail)
}

fn names(conflict: &ConflictSpan) -> String {
    let names: Vec<_> = conflict.lights.iter().map(|light| light.light.as_str()).collect();
    names.join(" and ")
}

fn place(conflict: &ConflictSpan) -> String {
    conflict.lights.first().map(|light| format!(" in junction {}", light.junction)).unwrap_or_default()
}

fn several(view: &ViewContext<'_>) -> String {
    match view.state.conflicts.unseen() {
        0 | 1 => String::new(),
        unseen => format!(" {unseen} conflicts since the last Clear."),
    }
}
