//! The large letters when two conflicting lights were seen in go at once.

use egui::{Align, Color32, CornerRadius, Frame, Layout, Margin, RichText, Role, Ui, WidgetInfo};

use super::{Shown, widgets};
use crate::app::{
    act::{Act, Acts},
    state::ConflictSpan,
    theme, words,
};

/// Shows the banner while a conflict is not acknowledged.
pub fn show(ui: &mut Ui, shown: &Shown<'_>) -> Acts {
    let mut acts = Acts::default();
    let Some(conflict) = shown.state.pending_conflict() else { return acts };
    let (headline, detail) = sentences(conflict, shown);
    let frame = Frame::new()
        .fill(shown.palette.alarm)
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(14, 7));
    let banner = frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.label(RichText::new(&headline).text_style(theme::alarm()).color(Color32::WHITE));
                ui.label(RichText::new(&detail).color(Color32::WHITE));
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let button = widgets::named_button(ui, "Clear", "Clear the conflict");
                if button.on_hover_text("I have seen it (Esc). The timeline and the log keep it.").clicked() {
                    acts.push(Act::AcknowledgeConflicts);
                }
                if let (true, Some(light)) = (shown.state.junctions.len() > 1, conflict.lights.first()) {
                    let show = widgets::named_button(ui, "Show", "Show the conflict's junction");
                    if show.clicked() {
                        acts.push(Act::Open(light.junction.clone()));
                    }
                }
            });
        });
    });
    // Its own node, so that a screen reader says it at once.
    let response = ui.interact(banner.response.rect, ui.scope_id().with("conflict"), egui::Sense::hover());
    let said = format!("{headline}. {detail}");
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &said));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(egui::accesskit::Live::Assertive));
    acts
}

fn sentences(conflict: &ConflictSpan, shown: &Shown<'_>) -> (String, String) {
    let names: Vec<String> = conflict.lights.iter().map(|light| light.light.to_string()).collect();
    let names = match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => words::list(&conflict.lights),
    };
    let junction = conflict.lights.first().map(|light| format!(" in junction {}", light.junction));
    let junction = junction.unwrap_or_default();
    let several = match shown.state.conflict_count - shown.state.acknowledged {
        1 => String::new(),
        unseen => format!(" {unseen} conflicts since the last Clear."),
    };
    let who = if conflict.lights.len() > 2 { "All" } else { "Both" };
    let detail = match conflict.until_ms {
        None => format!("{who} are in go at once{junction}, now.{several}"),
        Some(until) => {
            let lasted = words::seconds_left(conflict.from_ms, until);
            let at = words::clock(conflict.from_ms);
            format!("{who} were in go at once{junction} at {at}, for {lasted:.1} s.{several}")
        }
    };
    (format!("CONFLICT: {names}"), detail)
}
