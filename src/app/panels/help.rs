//! The help: what everything means, and all keys.

use egui::{Context, Grid, Id, Key, Modal, RichText, ScrollArea, Ui};

use crate::app::{
    action::{Action, Actions},
    theme::{self, Palette},
    widgets,
};

/// All keys, with what they do; shown here and meant to be complete.
const KEYS: [(&str, &str); 28] = [
    ("F1", "this help"),
    ("F2", "flash a board: back up, write, set up, watch"),
    ("F3", "inject faults, and clear them"),
    ("F4", "lessons: scenarios to watch, and how they come out"),
    ("F5", "the messages on each topic, and a message by hand"),
    ("F6", "other brokers: check one with the doctor, and use it"),
    ("F7", "check a light of your own: what it does well, and what to change"),
    ("F8", "let a light be somebody else's: topics, words, and a file that keeps them"),
    ("Tab, Space", "go to the next button or switch, and press it"),
    (
        "1 … 9",
        "select a light; single keys act while nothing has the keyboard, and can be switched off (View)",
    ),
    ("W", "cut or restore the selected light's Wi-Fi"),
    ("D", "drop the selected light's session once"),
    ("S", "silence the selected light, or end that"),
    ("R", "restart the selected light"),
    ("C", "press the selected light's button, where it gets green only on call"),
    ("B", "stop or start the broker"),
    ("Page up, Page down", "the junction before or after"),
    ("L", "go to the log's filter"),
    ("Space or P", "while something is played: pause, or play on"),
    ("→ or N", "… to the next change of a lamp"),
    ("Shift+→", "… forward by a tenth of a second"),
    ("←, Home", "… back by five seconds, back to the start"),
    ("↑, ↓", "… faster, slower"),
    ("Esc", "leave a field, clear the conflict or the filter, close the help"),
    ("Ctrl+T", "light or dark theme"),
    ("Ctrl+Plus, Ctrl+Minus, Ctrl+0", "zoom; the View menu has the automatic zoom again"),
    ("Ctrl+M", "reduce motion"),
    ("Ctrl+Q", "close the window; the lights disconnect properly"),
];

const MEANINGS: [(&str, &str); 10] = [
    (
        "The crossing",
        "Each head shows what its light reports. Cars only look at the lamps: they make a conflict visible and change nothing.",
    ),
    (
        "Promises",
        "An arrow with a shield is a light's promise to another to stay red; the number is how long it still holds. A light gets green only while every conflicting light has promised it to stay red.",
    ),
    (
        "Messages",
        "Dots travel from the light to the broker and on to the other lights. They are drawn far slower than they travel.",
    ),
    (
        "Links",
        "Wi-Fi, TCP and MQTT build on each other; the cross sits where the lowest one is cut. A grey dashed link is a light that publishes nothing.",
    ),
    (
        "Faults",
        "Each kind has its sign, on the link or beside the light that it affects; a triangle beside it means one direction only. Click a link or the broker, or double-click a light, to break it.",
    ),
    (
        "Lessons",
        "Scenarios that are played in a simulation with a clock of its own, at any speed, and checked while they run. The bar at the top says so while one is shown.",
    ),
    (
        "Flashing amber",
        "The fail-safe: a light that cannot reach its junction ends up there, never in a lasting green.",
    ),
    (
        "Conflict",
        "Two conflicting lights have right of way at once, from red-amber to the end of amber, for 0.2 s or longer; a shorter overlap is a glitch. An independent monitor reports it. The large letters stay until you clear them.",
    ),
    (
        "Possible conflict",
        "The lights of this program are known exactly; boards and foreign lights are known from their messages, which come late or get lost. Where these leave open whether two had right of way at once, the monitor says so.",
    ),
    (
        "The timeline",
        "Each light has three lanes, in the order of the lamps. Faults are marked below the time axis, conflicts through all rows: filled for a sure one, dashed for a possible one, a thin line for a glitch.",
    ),
];

/// Shows the help over the window.
pub(crate) fn show(ctx: &Context, palette: &Palette) -> Actions {
    let mut actions = Actions::default();
    let response = Modal::new(Id::unique("help")).show(ctx, |ui| {
        let room = ctx.content_rect();
        ui.set_width((room.width() - 80.0).min(760.0));
        ui.horizontal(|ui| {
            ui.heading("What you see, and all keys");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let close = widgets::named_button(ui, "Close", "Close the help");
                if close.clicked() {
                    actions.push(Action::ShowHelp(false));
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
        actions.push(Action::ShowHelp(false));
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
