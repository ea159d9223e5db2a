//! One topic: its value with what changed in it, its marks, and the values before.

use std::sync::Arc;

use egui::{Grid, Label, RichText, Role, Ui};

use super::{
    difference::{Change, Member, members},
    many,
};
use crate::app::{
    action::Actions,
    labels,
    state::{Topic, Value},
    topics::{TopicBrowser, TopicsAction},
    view::ViewContext,
    widgets,
};

/// Letters of a value in the history.
const SHOWN_LETTERS: usize = 120;

/// Shows the topic that is selected.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, browser: &TopicBrowser) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let found = browser.selected.clone().and_then(|name| Some((view.state.topics.get(&name)?, name)));
    let Some((topic, name)) = found else {
        widgets::caption(ui, "Choose a topic above to see what changes in it.", palette);
        return actions;
    };
    ui.add(Label::new(RichText::new(&*name).strong()).wrap());
    let values = topic.values();
    let place = browser
        .picked
        .as_ref()
        .and_then(|picked| values.iter().position(|value| Arc::ptr_eq(&value.payload, picked)));
    let place = place.unwrap_or(values.len().saturating_sub(1));
    let Some(value) = values.get(place) else { return actions };
    marks(ui, view, topic, value);
    let before = place.checked_sub(1).and_then(|before| values.get(before));
    payload(ui, view, value, before);
    ui.horizontal_wrapped(|ui| {
        let edit = widgets::named_button(ui, "Copy to \"Publish\"", "Copy this message to the form below");
        if edit.on_hover_text("Fills topic and payload into the form below").clicked() {
            let (topic, payload) = (name.clone(), value.payload.clone());
            actions.push(TopicsAction::CopyToForm { topic, payload });
        }
        if browser.picked.is_some()
            && widgets::named_button(ui, "Follow", "Follow the newest value").clicked()
        {
            actions.push(TopicsAction::Pick(None));
        }
    });
    actions.append(history(ui, view, topic, place));
    actions
}

fn marks(ui: &mut Ui, view: &ViewContext<'_>, topic: &Topic, value: &Value) {
    let palette = view.palette;
    ui.horizontal_wrapped(|ui| {
        let how = if value.retained { "delivered as retained" } else { "received" };
        let at = labels::clock(value.at_ms);
        let (bytes, qos) = (value.bytes, value.qos);
        widgets::caption(ui, format!("{how} {at}, {bytes} bytes, QoS {qos}"), palette);
        let (messages, rate) = (many(topic.messages, "message"), topic.per_second(view.now_ms));
        widgets::caption(ui, format!("{messages}, {rate:.1}/s"), palette);
    });
    let (text, color) = match topic.kept_at_ms {
        Some(at_ms) => (format!("Retained, as delivered {}", labels::clock(at_ms)), palette.accent),
        None => ("Not retained, as far as known".to_owned(), palette.weak),
    };
    ui.label(RichText::new(text).small().color(color));
}

fn payload(ui: &mut Ui, view: &ViewContext<'_>, value: &Value, before: Option<&Value>) {
    let palette = view.palette;
    let was = before.map(|before| &*before.payload);
    if let Some(members) = members(was, &value.payload) {
        ui.spacing_mut().interact_size.y = 17.0;
        Grid::new("topic-members").num_columns(3).spacing(egui::vec2(12.0, 2.0)).show(ui, |ui| {
            for member in &members {
                line(ui, view, member);
                ui.end_row();
            }
        });
        return;
    }
    let text =
        if value.bytes == 0 { "(empty: the broker deletes what it retained here)" } else { &value.payload };
    ui.add(Label::new(RichText::new(text).monospace()).wrap());
    if value.payload.len() < value.bytes {
        widgets::caption(ui, "The rest of it is left out.", palette);
    }
    if let Some(was) = was.filter(|was| **was != *value.payload) {
        ui.add(Label::new(RichText::new(format!("changed, was {was}")).small().color(palette.warn)).wrap());
    }
}

fn line(ui: &mut Ui, view: &ViewContext<'_>, member: &Member) {
    let palette = view.palette;
    let (word, strong) = match &member.change {
        Change::Same => (String::new(), false),
        Change::Was(was) => (format!("changed, was {was}"), true),
        Change::New => ("new".to_owned(), true),
        Change::Gone(was) => (format!("gone, was {was}"), true),
    };
    ui.label(RichText::new(&member.name).color(if strong { palette.warn } else { palette.weak }));
    let value = RichText::new(&member.value).monospace();
    let value = if strong { value.strong().color(palette.text) } else { value.color(palette.weak) };
    let room = (ui.available_width() * 0.55).max(80.0);
    ui.scope(|ui| {
        ui.set_max_width(room);
        ui.add(Label::new(value).truncate());
    });
    if !word.is_empty() {
        ui.add(Label::new(RichText::new(word).small().color(palette.warn)).truncate());
    }
}

fn history(ui: &mut Ui, view: &ViewContext<'_>, topic: &Topic, place: usize) -> Actions {
    let mut actions = Actions::default();
    let palette = view.palette;
    let values = topic.values();
    ui.add_space(4.0);
    ui.label(RichText::new("Before").strong().color(palette.accent));
    let values_in_words = many(values.len() as u64, "value");
    widgets::caption(
        ui,
        format!("{values_in_words}, the newest first. Choose one to see what it changed."),
        palette,
    );
    for (index, value) in values.iter().enumerate().rev() {
        ui.horizontal(|ui| {
            let at = labels::clock(value.at_ms);
            let chosen = index == place;
            let (name, text) = (format!("Value at {at}"), RichText::new(at).monospace());
            if widgets::selectable(ui, chosen, text, Role::RadioButton, name).clicked() {
                actions.push(TopicsAction::Pick(Some(value.payload.clone())));
            }
            if value.retained {
                widgets::chip(ui, "retained", palette.accent, palette);
            }
            let text: String = value.payload.chars().take(SHOWN_LETTERS).collect();
            let text =
                if value.bytes == 0 { "(empty)".to_owned() } else { text.replace(char::is_control, " ") };
            ui.add(Label::new(RichText::new(text).monospace().color(palette.weak)).truncate());
        });
    }
    actions
}
