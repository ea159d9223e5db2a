//! The topic panel: what passes on the broker below the root topic, as a tree with last values; what
//! changed from one value to the next; and a message by hand.
//!
//! | file | what it shows |
//! | --- | --- |
//! | `tree` | the topics, with their last values and marks |
//! | `detail` | one topic: its value, what changed, its history |
//! | `difference` | how two payloads differ |
//! | `by_hand` | the form of a message by hand |

mod by_hand;
mod detail;
mod difference;
mod tree;

use std::{collections::BTreeSet, sync::Arc};

use egui::{RichText, ScrollArea, TextEdit, Ui};

use crate::{
    app::{
        action::{Action, Actions},
        labels,
        repaint::RepaintScheduler,
        settings::Part,
        theme,
        view::ViewContext,
        widgets,
    },
    world::Command,
};

/// What the user has chosen and typed in this panel.
#[derive(Debug, Default)]
pub struct TopicBrowser {
    filter: String,
    /// Levels that the user opened or closed, against what is usual.
    turned: BTreeSet<String>,
    selected: Option<Arc<str>>,
    /// The value that is looked at; `None` follows the newest.
    picked: Option<Arc<str>>,
    by_hand: by_hand::Form,
    /// What the form took in the last frame.
    form_height: f32,
}

/// Shows the panel.
pub fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    browser: &mut TopicBrowser,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Topics").text_style(theme::title()).strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let close = widgets::named_button(ui, "Close", "Close the topic panel");
            if close.on_hover_text("Hides this panel (F5)").clicked() {
                actions.push(Action::Toggle(Part::Topics));
            }
            let ask = widgets::named_button(ui, "What is kept?", "Ask the broker what it keeps");
            let why = "The broker tells again what it keeps on each topic. Of a message that was just said, nobody \
                       can tell whether the broker keeps it.";
            if ask.on_hover_text(why).clicked() {
                actions.ask(Command::RequestRetained);
            }
        });
    });
    filter(ui, view, browser);
    let topics = &view.state.topics;
    if topics.left_out > 0 {
        let left_out = labels::count(topics.left_out);
        let text =
            format!("{left_out} messages came on more topics than are kept here; choose a narrower root.");
        widgets::caption(ui, text, view.palette);
    }
    ui.separator();
    if topics.is_empty() {
        widgets::caption(ui, "Nothing has been heard below the root topic yet.", view.palette);
    }
    let rows = tree::rows(topics, &browser.filter.trim().to_ascii_lowercase(), &browser.turned);
    let room = ui.available_height();
    let scroll = ScrollArea::vertical().id_salt("topic-tree").auto_shrink([false, true]);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        scroll.max_height((room * 0.45).max(90.0)).show_rows(
            ui,
            tree::ROW_HEIGHT,
            rows.len(),
            |ui, visible| {
                for row in &rows[visible] {
                    tree::show(ui, view, browser, row);
                }
            },
        );
    });
    if topics.iter().any(|(_, topic)| topic.per_second(view.now_ms) > 0.0) {
        // The rates are by the second.
        repaint.within(1_000);
    }
    ui.separator();
    // The form stays in sight below, however long the history is.
    let height = (ui.available_height() - browser.form_height).max(40.0);
    let scroll = ScrollArea::vertical().id_salt("topic-detail").auto_shrink(false).max_height(height);
    scroll.show(ui, |ui| detail::show(ui, view, browser));
    let top = ui.cursor().top();
    actions.append(by_hand::show(ui, view, &mut browser.by_hand));
    let form_height = ui.cursor().top() - top;
    if (form_height - browser.form_height).abs() > 0.5 {
        browser.form_height = form_height;
        ui.ctx().request_repaint();
    }
    actions
}

/// A number of things, in words: `1 value`, `2 values`.
fn many(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", labels::count(count), if count == 1 { "" } else { "s" })
}

fn filter(ui: &mut Ui, view: &ViewContext<'_>, browser: &mut TopicBrowser) {
    ui.horizontal(|ui| {
        let field =
            TextEdit::singleline(&mut browser.filter).hint_text("Filter").desired_width(130.0).show(ui);
        let response = field
            .response
            .response
            .on_hover_text("Shows only topics whose name or last value holds this text");
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label("Filter of the topics"));
        if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
            browser.filter.clear();
        }
        let topics = &view.state.topics;
        let rate: f32 = topics.iter().map(|(_, topic)| topic.per_second(view.now_ms)).sum();
        let topics = many(topics.len() as u64, "topic");
        widgets::caption(ui, format!("{topics}, {rate:.1} messages/s"), view.palette);
    });
}
