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

use egui::{Id, ScrollArea, TextEdit, Ui};

use crate::{
    app::{
        action::Actions,
        labels,
        repaint::RepaintScheduler,
        settings::LeftPanel,
        topics::{TopicBrowser, TopicsForm},
        view::ViewContext,
        widgets,
    },
    world::Command,
};

pub(in crate::app) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    browser: &TopicBrowser,
    form: &mut TopicsForm,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let hint = "Hides this panel (F5)";
    let mut actions = widgets::panel_header(
        ui,
        "Topics",
        "Close the topic panel",
        hint,
        LeftPanel::Topics,
        |ui, actions| {
            let ask =
                widgets::named_button(ui, "Retained messages", "Ask the broker for its retained messages");
            let why = "The broker sends what it retains on each topic once more. Of a message that was just received, nobody \
                   can tell whether the broker retains it.";
            if ask.on_hover_text(why).clicked() {
                actions.push(Command::RequestRetained);
            }
        },
    );
    filter(ui, view, form);
    let topics = &view.state.topics;
    if topics.left_out > 0 {
        let left_out = labels::count(topics.left_out);
        let text =
            format!("{left_out} messages came on more topics than fit here. Choose a narrower root topic.");
        widgets::caption(ui, text, view.palette);
    }
    ui.separator();
    if topics.is_empty() {
        widgets::caption(ui, "Nothing has been heard below the root topic yet.", view.palette);
    }
    let rows = tree::rows(topics, &form.filter.trim().to_ascii_lowercase(), &browser.toggled);
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
                    actions.append(tree::show(ui, view, browser, row));
                }
            },
        );
    });
    if topics.iter().any(|(_, topic)| topic.per_second(view.now_ms) > 0.0) {
        // The rates are by the second.
        repaint.within(1_000);
    }
    ui.separator();
    // The form stays in sight below, however long the history is; it takes what it took in the last frame.
    let id = Id::unique("topic-form-height");
    let form_height = ui.data(|data| data.get_temp(id)).unwrap_or(0.0_f32);
    let height = (ui.available_height() - form_height).max(40.0);
    let scroll = ScrollArea::vertical().id_salt("topic-detail").auto_shrink(false).max_height(height);
    scroll.show(ui, |ui| actions.append(detail::show(ui, view, browser)));
    let top = ui.cursor().top();
    actions.append(by_hand::show(ui, view, &mut form.publish));
    let height = ui.cursor().top() - top;
    if (form_height - height).abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(id, height));
        ui.ctx().request_repaint();
    }
    actions
}

/// A number of things, in words: `1 value`, `2 values`.
fn many(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", labels::count(count), if count == 1 { "" } else { "s" })
}

fn filter(ui: &mut Ui, view: &ViewContext<'_>, form: &mut TopicsForm) {
    ui.horizontal(|ui| {
        let field = TextEdit::singleline(&mut form.filter).hint_text("Filter").desired_width(130.0).show(ui);
        let response = field
            .response
            .response
            .on_hover_text("Shows only topics whose name or last value holds this text");
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label("Filter of the topics"));
        if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
            form.filter.clear();
        }
        let topics = &view.state.topics;
        let rate: f32 = topics.iter().map(|(_, topic)| topic.per_second(view.now_ms)).sum();
        let topics = many(topics.len() as u64, "topic");
        widgets::caption(ui, format!("{topics}, {rate:.1} messages/s"), view.palette);
    });
}
