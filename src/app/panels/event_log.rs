//! What happened, with a filter. Only the lines in sight are laid out.

use egui::{RichText, ScrollArea, TextEdit, Ui, vec2};

use crate::app::{
    action::Actions,
    labels,
    settings::SettingsAction,
    state::{Category, Entry},
    theme,
    view::ViewContext,
    widgets,
};

/// The filter field's id, for the key that goes there.
#[must_use]
pub(in crate::app) fn filter_id() -> egui::Id {
    egui::Id::unique("log-filter")
}

pub(in crate::app) fn show(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let needle = view.settings.filter.trim().to_ascii_lowercase();
    let entries = view.state.log.filtered(&needle, &view.settings.hidden);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Events").text_style(theme::title()));
        actions.append(filter(ui, view));
        for category in Category::ALL {
            let shows = !view.settings.hidden.contains(&category);
            let name = format!("Show {} in the log", category.word().to_lowercase());
            let text = RichText::new(category.word()).small();
            let button = widgets::selectable(ui, shows, text, egui::Role::Switch, &name);
            if button.on_hover_text(name).clicked() {
                actions.push(SettingsAction::ToggleCategory(category));
            }
        }
        widgets::caption(ui, format!("{} shown", labels::count(entries.len() as u64)), view.palette);
    });
    if entries.is_empty() {
        let text = if needle.is_empty() {
            "Nothing has happened yet."
        } else {
            "No event holds this text. Clear the filter with Esc."
        };
        widgets::caption(ui, text, view.palette);
        // The panel keeps its height, or everything above would jump.
        ui.allocate_space(ui.available_size());
        return actions;
    }
    let height = 19.0;
    ui.spacing_mut().item_spacing = vec2(8.0, 0.0);
    // What a row takes must be what is told to the scroll area, or it lays out rows that are out of sight.
    ui.spacing_mut().interact_size.y = height;
    ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show_rows(
        ui,
        height,
        entries.len(),
        |ui, visible| {
            for entry in &entries[visible] {
                line(ui, view, entry, height);
            }
        },
    );
    actions
}

fn filter(ui: &mut Ui, view: &ViewContext<'_>) -> Actions {
    let mut actions = Actions::default();
    let mut text = view.settings.filter.clone();
    let field =
        TextEdit::singleline(&mut text).id(filter_id()).hint_text("Filter (L)").desired_width(130.0).show(ui);
    let response = field
        .response
        .response
        .on_hover_text("Shows only events that hold this text, such as demo/a or Wi-Fi");
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label("Filter of the event log"));
    if response.changed() {
        actions.push(SettingsAction::FilterLog(text));
    }
    actions
}

fn line(ui: &mut Ui, view: &ViewContext<'_>, entry: &Entry, height: f32) {
    let palette = view.palette;
    let text_color = match entry.category {
        Category::Conflict => palette.bad,
        Category::Message => palette.weak,
        _ => palette.text,
    };
    ui.horizontal(|ui| {
        ui.set_height(height);
        let time =
            RichText::new(format!("{:>8}", labels::clock(entry.at_ms))).monospace().color(palette.weak);
        ui.label(time);
        let (rect, mark) = ui.allocate_exact_size(vec2(8.0, 8.0), egui::Sense::hover());
        ui.painter().rect_filled(rect, 2.0, palette.category(entry.category));
        mark.on_hover_text(entry.category.word());
        let mut sentence = String::new();
        if let Some(light) = &entry.light {
            // Lights do something, and something happens to links and by faults.
            let colon = matches!(entry.category, Category::Fault | Category::Link);
            sentence.push_str(&format!("{light}{} ", if colon { ":" } else { "" }));
        }
        if !entry.lead.is_empty() {
            sentence.push_str(entry.lead);
            sentence.push(' ');
        }
        sentence.push_str(entry.text.as_str());
        ui.add(egui::Label::new(RichText::new(sentence).color(text_color)).truncate());
    });
}
