//! Warnings and errors over the lower edge, for a while.
//!
//! Not with egui-notify 0.24: it never breaks a line, and ours are sentences; it only paints, so that a screen
//! reader hears nothing; it asks for frames without end while a toast is up; and it counts time by frames,
//! where a world that stands still has to show a still picture.

use egui::{Align2, Area, Frame, Id, Role, Stroke, WidgetInfo, accesskit::Live, vec2};

use crate::{
    app::{labels, repaint::RepaintScheduler, view::ViewContext},
    world::event::Severity,
};

/// Shows them, the newest at the bottom.
pub(in crate::app) fn show(ctx: &egui::Context, view: &ViewContext<'_>, repaint: &mut RepaintScheduler) {
    let mut notices = view.state.notices.shown(view.now_ms).peekable();
    if notices.peek().is_none() {
        return;
    }
    let area = Area::new(Id::unique("notices")).anchor(Align2::CENTER_BOTTOM, vec2(0.0, -14.0));
    area.interactable(false).show(ctx, |ui| {
        for notice in notices {
            repaint.at(view.now_ms, notice.over_ms());
            let error = notice.severity == Severity::Error;
            let color = if error { view.palette.bad } else { view.palette.warn };
            let toast = Frame::popup(ui.style()).stroke(Stroke::new(1.5, color)).show(ui, |ui| {
                ui.set_max_width(560.0);
                ui.label(&notice.text);
            });
            // Its own node, so that a screen reader says it at once.
            let id = ui.scope_id().with(("notice", notice.at_ms, &notice.text));
            let response = ui.interact(toast.response.rect, id, egui::Sense::hover());
            let spoken = format!("{} {}", labels::severity(notice.severity), notice.text);
            response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &spoken));
            ctx.accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
        }
    });
}
