//! What the board says on its serial line.

use egui::{Color32, RichText, ScrollArea, TextStyle, Ui};

use crate::{
    app::{
        action::{Action, Actions},
        board::{BoardAction, Workbench, state::words},
        theme::Palette,
        view::ViewContext,
        widgets,
    },
    board::{Request, log::LogLevel},
};

/// Shows the log.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>, bench: &Workbench) -> Actions {
    let mut actions = Actions::default();
    let (palette, log) = (view.palette, &bench.state.log);
    let port = log.port.as_deref().unwrap_or_default();
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        widgets::dot(ui, Some(log.open), palette);
        ui.label(RichText::new(format!("Log of {port}")).strong());
        let mut action = |action| actions.push(Action::Board(action));
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
            action(BoardAction::SaveLog(new_file()));
        }
        let connection = bench.form.connection().filter(|connection| connection.port == port);
        let reset = ui.add_enabled(!bench.works() && connection.is_some(), egui::Button::new("Reset"));
        reset.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Reset the watched board"));
        if let (true, Some(connection)) = (reset.clicked(), connection) {
            action(BoardAction::Start(Box::new(Request::Reset(connection))));
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
            let text = RichText::new(words(line)).monospace().color(color(palette, line.level));
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

/// A file that is not there yet, as a rule: named by the time.
fn new_file() -> std::path::PathBuf {
    let user = directories::UserDirs::new();
    let folder = user.as_ref().map(|user| user.document_dir().unwrap_or(user.home_dir()).to_path_buf());
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    folder.unwrap_or_default().join(format!("lopy4-log-{seconds}.txt"))
}
