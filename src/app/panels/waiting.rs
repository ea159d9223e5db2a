//! What the window shows while there is no junction.

use egui::{RichText, Ui};

use crate::app::{state::Broker, theme, view::ViewContext};

/// Shows why there is no crossing yet.
pub(in crate::app) fn show(ui: &mut Ui, view: &ViewContext<'_>) {
    let opening = view.watched.is_some_and(|watched| !watched.progress.opened);
    let (title, text) = match (&view.state.broker, view.state.stopped) {
        _ if opening => ("Opening…", "A long recording takes a moment."),
        (_, true) => ("The world has stopped", "Close the window and start Twinlight again."),
        (Broker::Starting, _) => (
            "Starting the broker…",
            "The lights join as soon as it answers. If this takes long, another program may be using its port: see the event log below.",
        ),
        (Broker::Running { .. }, _) => (
            "No lights yet",
            "Add lights to the configuration file, or let a board or your own program publish to \
             twinlight/JUNCTION/LIGHT/state: it appears here by itself.",
        ),
        (Broker::Unreachable { reason }, _) => ("Not connected to the broker", reason.as_str()),
        (Broker::Stopped { .. }, _) => (
            "The broker is stopped",
            "Press “Start broker” above, or the key B. The lights reconnect by themselves.",
        ),
    };
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.35).max(12.0));
        ui.label(RichText::new(title).text_style(theme::headline()));
        ui.set_max_width(460.0);
        ui.label(RichText::new(text).color(view.palette.weak));
    });
}
