//! What the board says on its serial line.

use egui::{Color32, RichText, ScrollArea, TextStyle, Ui};

use crate::{
    app::{
        action::Actions,
        board::{
            BoardAction,
            form::Form,
            state::{BoardState, log_line},
        },
        theme::Palette,
        view::ViewContext,
        widgets,
    },
    board::log::LogLevel,
};

pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, state: &BoardState, form: &Form) -> Actions {
    let mut actions = Actions::default();
    let (palette, log) = (view.palette, &state.log);
    let port = log.port.as_deref().unwrap_or_default();
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        widgets::dot(ui, Some(log.open), palette);
        ui.label(RichText::new(format!("Log of {port}")).strong());
        let mut action = |action| actions.push(action);
        let held = log.held.is_some();
        let (text, name) =
            if held { ("Go on", "Let the log go on") } else { ("Pause", "Hold the log still") };
        if widgets::named_button(ui, text, name).clicked() {
            action(BoardAction::PauseLog(!held));
        }
        if widgets::named_button(ui, "Clear", "Clear the board's log").clicked() {
            action(BoardAction::ClearLog);
        }
        let save = widgets::named_button(ui, "Save", "Save the board's log");
        if save.on_hover_text("Into a new file in your documents, or your home.").clicked() {
            action(BoardAction::SaveLog);
        }
        let here = form.connection().is_some_and(|connection| connection.port == port);
        let reset = ui.add_enabled(!state.works() && here, egui::Button::new("Reset"));
        reset.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Reset the watched board"));
        if reset.clicked() {
            action(BoardAction::Reset);
        }
        if widgets::named_button(ui, "Close", "Close the board's log").clicked() {
            action(BoardAction::CloseLog);
        }
    });
    let lines = log.shown();
    let height = ui.text_style_height(&TextStyle::Monospace);
    let scroll = ScrollArea::both().auto_shrink(false).stick_to_bottom(log.held.is_none());
    scroll.id_salt("board-log-lines").show_rows(ui, height, lines.len(), |ui, range| {
        for line in log.shown().skip(range.start).take(range.len()) {
            let text = RichText::new(log_line(line)).monospace().color(color(palette, line.level));
            ui.add(egui::Label::new(text).selectable(true).extend());
        }
    });
    actions
}

fn color(palette: &Palette, level: LogLevel) -> Color32 {
    match level {
        LogLevel::Raw => palette.weak,
        LogLevel::Info => palette.text,
        LogLevel::Warning => palette.warn,
        LogLevel::Error => palette.bad,
    }
}
