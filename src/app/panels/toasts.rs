//! Warnings and errors over the lower edge, for a while.
//!
//! Not with egui-notify 0.24: it never breaks a line, and ours are sentences; it only paints, so that a screen
//! reader hears nothing; it asks for frames without end while a toast is up; and it counts time by frames,
//! where a world that stands still has to show a still picture.

use std::time::Duration;

use egui::{Align2, Area, Frame, Id, Role, Stroke, WidgetInfo, accesskit::Live, vec2};

use crate::{
    app::{
        labels,
        repaint::RepaintScheduler,
        state::{Notice, SHOWN_MS},
        view::ViewContext,
    },
    world::event::Severity,
};

/// Shows them, the newest at the bottom.
pub(in crate::app) fn show(ctx: &egui::Context, view: &ViewContext<'_>, repaint: &mut RepaintScheduler) {
    let notices = match view.watched {
        None => view.state.notices.shown(view.now_ms).cloned().collect(),
        Some(_) => of_what_is_played(ctx, view),
    };
    if notices.is_empty() {
        return;
    }
    let area = Area::new(Id::unique("notices")).anchor(Align2::CENTER_BOTTOM, vec2(0.0, -14.0));
    area.interactable(false).show(ctx, |ui| {
        for notice in &notices {
            if view.watched.is_none() {
                repaint.at(view.now_ms, notice.over_ms());
            }
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

/// The clock of what is played may stand still or run fast; a notice stays for as long as a person needs to read
/// it, from when it was first seen.
fn of_what_is_played(ctx: &egui::Context, view: &ViewContext<'_>) -> Vec<Notice> {
    let (id, now_s) = (Id::unique("notices-seen"), ctx.input(|input| input.time));
    let mut seen: Vec<(Notice, f64)> = ctx.data(|data| data.get_temp(id)).unwrap_or_default();
    seen.retain(|(notice, _)| view.state.notices.all().any(|known| known == notice));
    for notice in view.state.notices.shown(view.now_ms) {
        if !seen.iter().any(|(known, _)| known == notice) {
            seen.push((notice.clone(), now_s));
        }
    }
    let left_s = |since_s: f64| since_s + Duration::from_millis(SHOWN_MS).as_secs_f64() - now_s;
    let shown: Vec<_> = seen.iter().filter(|(_, since_s)| left_s(*since_s) > 0.0).collect();
    // Also where what is played stands still and asks for no frame.
    if let Some(next_s) = shown.iter().map(|(_, since_s)| left_s(*since_s)).reduce(f64::min) {
        ctx.request_repaint_after(Duration::from_secs_f64(next_s));
    }
    let shown = shown.into_iter().map(|(notice, _)| notice.clone()).collect();
    ctx.data_mut(|data| data.insert_temp(id, seen));
    shown
}
