//! The help: what everything means, and all keys.

use egui::{Context, Grid, Id, Key, Modal, RichText, ScrollArea, Ui};

use crate::app::{
    action::{Action, Actions},
    theme::{self, Palette},
    widgets,
};

/// All keys, with what they do; shown here and meant to be complete.
const KEYS: [(&str, &str); 26] = [
    ("F1", "this help"),
    ("F2", "flash a LoPy4: back up, write, set up, watch"),
    ("F3", "put faults in, and take them out"),
    ("F4", "lessons: scenarios to watch, and how they come out"),
    ("F5", "what passes on each topic, and a message by hand"),
    ("F6", "other brokers: look at one with the doctor, and use it"),
    ("Tab, Space", "go to the next button or switch, and press it"),
    ("1 … 9", "select a light of the junction"),
    ("W", "cut or restore the selected light's Wi-Fi"),
    ("D", "drop the selected light's session once"),
    ("S", "silence the selected light, or let it speak"),
    ("R", "restart the selected light"),
    ("C", "press the selected light's button, where it goes only on call"),
    ("B", "stop or start the broker"),
    ("Page up, Page down", "the junction before or after"),
    ("L", "go to the log's filter"),
    ("Space or P", "of what is played: pause, or play on"),
    ("→ or N", "of what is played: on to the next change of a lamp"),
    ("Shift+→", "of what is played: on by a tenth of a second"),
    ("←, Home", "of what is played: back by five seconds, back to the start"),
    ("↑, ↓", "of what is played: faster, slower"),
    ("Esc", "clear the conflict, leave the filter, close the help"),
    ("Ctrl+T", "light or dark theme"),
    ("Ctrl+Plus, Ctrl+Minus, Ctrl+0", "zoom"),
    ("Ctrl+M", "reduce motion"),
    ("Ctrl+Q", "close the window; the lights say goodbye"),
];

const MEANINGS: [(&str, &str); 10] = [
    (
        "The crossing",
        "Each head shows what its light reports. Cars only look at the lamps: they make a conflict visible, and never act on anything.",
    ),
    (
        "Promises",
        "An arrow with a shield is a light's word to another to stay out of go; the number is how long it still holds. A light goes only while every conflicting light has promised it to stay.",
    ),
    (
        "Messages",
        "Dots travel from the light to the broker and on to the other lights. They are drawn far slower than they are.",
    ),
    (
        "Links",
        "Wi-Fi, TCP and MQTT build on each other; the cross sits where the lowest one is cut. A grey dashed link is a light that says nothing.",
    ),
    (
        "Faults",
        "Each kind has its sign, on the link or beside the light that it strikes; a triangle beside it means one direction alone. Click a link, the broker, or a light twice, to break it.",
    ),
    (
        "Lessons",
        "Scenarios that are played in a simulation with a clock of its own, at any pace, and judged while they run. The bar at the top says so as long as one is shown.",
    ),
    (
        "Flashing amber",
        "The fail-safe: a light that cannot reach its junction ends up there, never in a lasting green.",
    ),
    (
        "Conflict",
        "Two conflicting lights in go at once for 0.2 s or longer; a shorter time is a glitch. An independent watcher reports it; the large letters stay until you clear them.",
    ),
    (
        "Possible conflict",
        "Lights of this program are seen; boards and foreign lights are only heard, late and perhaps not at all. Where their words leave it open whether two were in go at once, the watcher says so.",
    ),
    (
        "The timeline",
        "Each light has three lanes, in the order of the lamps. Faults are marked below the time axis, conflicts through all rows: full for a sure one, dashed for a possible one, a thin line for a glitch.",
    ),
];

/// Shows the help over the window.
pub fn show(ctx: &Context, palette: &Palette) -> Actions {
    let mut actions = Actions::default();
    let response = Modal::new(Id::unique("help")).show(ctx, |ui| {
        let room = ctx.content_rect();
        ui.set_width((room.width() - 80.0).min(760.0));
        ui.horizontal(|ui| {
            ui.heading("What you see, and all keys");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let close = widgets::named_button(ui, "Close", "Close the help");
                if close.clicked() {
                    actions.push(Action::Help(false));
                }
            });
        });
        ui.separator();
        let height = (room.height() - 150.0).clamp(120.0, 620.0);
        let scroll = ScrollArea::vertical().max_height(height).min_scrolled_height(height);
        scroll.content_margin(egui::Margin { right: 14, ..egui::Margin::ZERO }).show(ui, |ui| {
            for (title, text) in MEANINGS {
                ui.label(RichText::new(title).color(palette.accent).strong());
                ui.label(text);
                ui.add_space(4.0);
            }
            ui.add_space(6.0);
            ui.label(RichText::new("Keys").text_style(theme::title()));
            keys(ui, palette);
        });
    });
    if response.should_close() || ctx.input(|input| input.key_pressed(Key::Escape)) {
        actions.push(Action::Help(false));
    }
    actions
}

fn keys(ui: &mut Ui, palette: &Palette) {
    Grid::new("keys").num_columns(2).spacing(egui::vec2(18.0, 4.0)).striped(true).show(ui, |ui| {
        for (key, meaning) in KEYS {
            ui.label(RichText::new(key).monospace().color(palette.text));
            ui.label(meaning);
            ui.end_row();
        }
    });
}
