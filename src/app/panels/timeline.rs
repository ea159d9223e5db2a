//! What each light showed over the last minutes, on one time axis, with faults and conflicts.
//!
//! Painted by hand rather than as a plot: each light's row has three lanes in the order of the
//! lamps, so that an aspect can be read without its colour, and only what is in sight is made.

use std::ops::RangeInclusive;

use egui::{
    Align, Align2, Color32, FontId, Layout, Painter, Rect, RichText, Role, Sense, Shape, Stroke, Ui,
    WidgetInfo, pos2,
};
use traffic_light::Aspect;

use crate::{
    app::{
        action::Actions,
        labels,
        repaint::RepaintScheduler,
        selection::SelectionAction,
        settings::SettingsAction,
        state::{FaultSpan, Junction, LightState, Overlap, State},
        theme,
        view::ViewContext,
        widgets,
    },
    world::event::Certainty,
};

/// What the timeline can span, in seconds.
const SPANS_S: [(u32, &str); 4] = [(30, "30 s"), (60, "1 min"), (120, "2 min"), (300, "5 min")];
const ROW: f32 = 31.0;
const AXIS: f32 = 18.0;
/// Faults at once that have a lane of their own.
const FAULT_LANES: usize = 3;
const FAULT_LANE: f32 = 13.5;
/// How often the time axis moves on while nothing else does.
const SCROLL_MS: u64 = 1_000;

/// The height that a junction needs.
#[must_use]
pub(in crate::app) fn height(state: &State, junction: &Junction) -> f32 {
    38.0 + AXIS + faults_height(state, junction) + ROW * junction.lights.len().clamp(1, 6) as f32
}

fn faults_height(state: &State, junction: &Junction) -> f32 {
    let lanes = lanes_of_faults(state, junction).into_iter().filter_map(|(_, lane)| lane).max();
    3.5 + FAULT_LANE * (lanes.unwrap_or(0) + 1) as f32
}

/// Shows a junction's timeline; `look_at_ms` is its right end, `None` = now.
pub(in crate::app) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: &Junction,
    look_at_ms: Option<u64>,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let mut actions = Actions::default();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Timeline").text_style(theme::title()));
        for (span, text) in SPANS_S {
            let chosen = view.settings.span_s == span;
            let name = format!("Timeline spans {text}");
            let text = RichText::new(text).small();
            if widgets::selectable(ui, chosen, text, Role::RadioButton, name).clicked() {
                actions.push(SettingsAction::SpanTimeline(span));
            }
        }
        if look_at_ms.is_some() {
            let live = widgets::named_button(ui, "Back to now", "Timeline back to now");
            if live.clicked() {
                actions.push(SelectionAction::LookAt(None));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.available_width() > 260.0 {
                widgets::caption(ui, "drag to look back", view.palette);
            }
        });
    });
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::drag());
    if rect.width() < 120.0 || rect.height() < 30.0 {
        return actions;
    }
    let axis = Axis::new(view, rect, faults_height(view.state, junction), look_at_ms);
    if response.dragged() {
        let shift = axis.ms_of(response.drag_delta().x.abs());
        let end = axis.end_ms;
        let end = if response.drag_delta().x > 0.0 { end.saturating_sub(shift) } else { end + shift };
        actions.push(SelectionAction::LookAt((end < view.now_ms).then_some(end)));
    }
    // While anything moves the timeline does so too; by itself it is worth a frame a second.
    if look_at_ms.is_none() {
        repaint.within(SCROLL_MS);
    }
    paint(ui, view, junction, rect, &axis);
    tooltip(response, view, junction, &axis);
    actions
}

struct Axis {
    /// Where time is drawn: beside the names, above the axis.
    plot: Rect,
    from_ms: u64,
    end_ms: u64,
    span_ms: u64,
}

impl Axis {
    fn new(view: &ViewContext<'_>, rect: Rect, faults_height: f32, look_at_ms: Option<u64>) -> Axis {
        let span_ms = u64::from(view.settings.span_s.clamp(5, 600)) * 1_000;
        let end_ms = look_at_ms.unwrap_or(view.now_ms).max(span_ms / 20);
        let plot = Rect::from_min_max(
            pos2(rect.left() + 62.0, rect.top()),
            pos2(rect.right() - 8.0, rect.bottom() - AXIS - faults_height),
        );
        Axis { plot, from_ms: end_ms.saturating_sub(span_ms), end_ms, span_ms }
    }

    fn x(&self, at_ms: u64) -> f32 {
        // Measured from the right end, so that a young world does not fill the width.
        let before = self.end_ms.saturating_sub(at_ms) as f32;
        let after = at_ms.saturating_sub(self.end_ms) as f32;
        self.plot.right() - (before - after) / self.span_ms as f32 * self.plot.width()
    }

    fn ms_of(&self, points: f32) -> u64 {
        // Truncation is harmless: points of a screen.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "points of a screen")]
        let ms = (points.max(0.0) / self.plot.width() * self.span_ms as f32) as u64;
        ms
    }

    fn at(&self, x: f32) -> u64 {
        self.end_ms.saturating_sub(self.ms_of(self.plot.right() - x))
    }

    fn range(&self, from_ms: u64, until_ms: Option<u64>, now_ms: u64) -> Option<RangeInclusive<f32>> {
        let until_ms = until_ms.unwrap_or(now_ms);
        if until_ms < self.from_ms || from_ms > self.end_ms {
            return None;
        }
        let from = self.x(from_ms).max(self.plot.left());
        let until = self.x(until_ms).min(self.plot.right());
        Some(from..=until.max(from + 1.5))
    }
}

fn paint(ui: &Ui, view: &ViewContext<'_>, junction: &Junction, rect: Rect, axis: &Axis) {
    let palette = view.palette;
    let painter = ui.painter_at(rect);
    grid(&painter, view, axis);
    let rows = junction.lights.len().max(1);
    let row_height = (axis.plot.height() / rows as f32).min(44.0);
    for (at, light) in junction.lights.iter().enumerate() {
        let top = axis.plot.top() + at as f32 * row_height;
        let row = Rect::from_min_max(
            pos2(axis.plot.left(), top + 2.0),
            pos2(axis.plot.right(), top + row_height - 3.0),
        );
        painter.rect_filled(row, 3.0, if palette.dark { palette.base } else { palette.card });
        let name =
            painter.layout_no_wrap(light.id.light.to_string(), FontId::proportional(13.0), palette.text);
        let x = (row.left() - 8.0 - name.size().x).max(rect.left());
        painter.with_clip_rect(Rect::everything_left_of(row.left() - 2.0).intersect(rect)).galley(
            pos2(x, row.center().y - name.size().y / 2.0),
            name,
            palette.text,
        );
        lanes(&painter, view, light, row, axis);
        let spoken = format!(
            "Timeline of {}: {} spans, now {}",
            light.id,
            light.spans.len(),
            labels::aspect(light.aspect)
        );
        let response = ui.interact(row, ui.scope_id().with(("timeline", &light.id)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &spoken));
    }
    conflicts(&painter, view, junction, axis);
    faults(&painter, view, junction, axis);
    let x = axis.x(view.now_ms);
    if x <= axis.plot.right() + 1.0 {
        painter.vline(x, axis.plot.y_range(), Stroke::new(1.5, palette.accent));
    }
}

fn grid(painter: &Painter, view: &ViewContext<'_>, axis: &Axis) {
    let palette = view.palette;
    let steps_s = [1, 2, 5, 10, 15, 30, 60, 120];
    let least = axis.ms_of(64.0) / 1_000;
    let step_ms = steps_s.into_iter().find(|step| *step > least).unwrap_or(300) * 1_000;
    let mut at = axis.from_ms.div_ceil(step_ms) * step_ms;
    while at <= axis.end_ms {
        let x = axis.x(at);
        painter.vline(x, axis.plot.y_range(), Stroke::new(1.0, palette.line.gamma_multiply(0.6)));
        let text = format!("{}:{:02}", at / 60_000, at / 1_000 % 60);
        let room = axis.plot.right() - x;
        let align = if room < 18.0 { Align2::RIGHT_TOP } else { Align2::CENTER_TOP };
        let x = if room < 18.0 { axis.plot.right() } else { x };
        let y = axis.plot.bottom() + 2.0;
        painter.text(pos2(x, y), align, text, FontId::proportional(11.5), palette.weak);
        at += step_ms;
    }
}

fn lanes(painter: &Painter, view: &ViewContext<'_>, light: &LightState, row: Rect, axis: &Axis) {
    let lane = row.height() / 3.0;
    let lane_rect = |at: f32, x: &RangeInclusive<f32>| {
        let top = row.top() + lane * at;
        Rect::from_x_y_ranges(*x.start()..=*x.end(), top + 0.5..=top + lane - 0.5)
    };
    let mut until_ms = None;
    for span in light.spans.iter().rev() {
        let end_ms = until_ms.replace(span.from_ms);
        let Some(x) = axis.range(span.from_ms, end_ms, view.now_ms) else {
            if end_ms.is_some_and(|end| end < axis.from_ms) {
                break;
            }
            continue;
        };
        let [red, amber, green] = view.palette.lanes();
        let bar = |at: f32, color: Color32| {
            painter.rect_filled(lane_rect(at, &x), 1.5, color);
        };
        match span.aspect {
            Aspect::Dark => {}
            Aspect::Red => bar(0.0, red),
            Aspect::RedAmber => {
                bar(0.0, red);
                bar(1.0, amber);
            }
            Aspect::Amber => bar(1.0, amber),
            Aspect::Green => bar(2.0, green),
            Aspect::FlashingAmber => hatch(painter, lane_rect(1.0, &x), amber),
        }
    }
}

fn hatch(painter: &Painter, rect: Rect, color: Color32) {
    let mut x = rect.left();
    while x < rect.right() {
        let end = (x + 3.0).min(rect.right());
        painter.rect_filled(Rect::from_x_y_ranges(x..=end, rect.y_range()), 0.0, color);
        x += 6.0;
    }
}

fn conflicts(painter: &Painter, view: &ViewContext<'_>, junction: &Junction, axis: &Axis) {
    let palette = view.palette;
    for span in view.state.conflicts.spans.iter().rev() {
        if !span.lights.iter().any(|light| light.junction == junction.name) {
            continue;
        }
        let Some(x) = axis.range(span.from_ms, span.until_ms, view.now_ms) else { continue };
        let rect = Rect::from_x_y_ranges(*x.start()..=*x.end(), axis.plot.y_range());
        let (word, color) = match span.overlap {
            Overlap::Conflict(Certainty::Sure) => {
                painter.rect_filled(rect, 0.0, palette.bad.gamma_multiply(0.28));
                painter.vline(*x.start(), axis.plot.y_range(), Stroke::new(2.0, palette.bad));
                ("conflict", palette.bad)
            }
            Overlap::Conflict(Certainty::Possible) => {
                let stroke = Stroke::new(1.5, palette.warn);
                let corners = [
                    rect.left_top(),
                    rect.right_top(),
                    rect.right_bottom(),
                    rect.left_bottom(),
                    rect.left_top(),
                ];
                painter.extend(Shape::dashed_line(&corners, stroke, 5.0, 4.0));
                ("conflict?", palette.warn)
            }
            Overlap::Glitch => {
                painter.vline(*x.start(), axis.plot.y_range(), Stroke::new(1.0, palette.warn));
                ("glitch", palette.warn)
            }
        };
        let word = painter.layout_no_wrap(word.to_owned(), FontId::proportional(11.5), color);
        let plate =
            Rect::from_min_size(pos2(x.start() + 1.0, axis.plot.top()), word.size() + egui::vec2(8.0, 0.0));
        painter.rect_filled(plate, 2.0, palette.panel);
        painter.galley(plate.min + egui::vec2(4.0, 0.0), word, color);
    }
}

/// Which lane each fault of the junction is drawn in, so that two at once lie below each other;
/// `None` where all are taken. In the order of [`State::faults`].
fn lanes_of_faults<'a>(state: &'a State, junction: &Junction) -> Vec<(&'a FaultSpan, Option<usize>)> {
    let mut ends: [Option<u64>; FAULT_LANES] = [None; FAULT_LANES];
    let here = state
        .faults
        .iter()
        .filter(|span| span.fault.light().is_none_or(|light| light.junction == junction.name));
    let place = |span: &'a FaultSpan| {
        let free = ends.iter().position(|end| end.is_none_or(|end| end <= span.from_ms));
        if let Some(lane) = free {
            ends[lane] = Some(span.until_ms.unwrap_or(u64::MAX));
        }
        (span, free)
    };
    here.map(place).collect()
}

fn faults(painter: &Painter, view: &ViewContext<'_>, junction: &Junction, axis: &Axis) {
    let warn = view.palette.warn;
    let first = axis.plot.bottom() + AXIS;
    painter.text(
        pos2(axis.plot.left() - 8.0, first + 6.0),
        Align2::RIGHT_CENTER,
        "faults",
        FontId::proportional(11.5),
        view.palette.weak,
    );
    let mut labelled_until = [f32::NEG_INFINITY; FAULT_LANES];
    for (span, lane) in lanes_of_faults(view.state, junction) {
        let Some(x) = axis.range(span.from_ms, span.until_ms, view.now_ms) else { continue };
        let Some(lane) = lane else {
            // No room for its bar: a mark where it begins.
            let below = first + FAULT_LANES as f32 * FAULT_LANE;
            painter.vline(*x.start(), below - 4.0..=below, Stroke::new(1.5, warn));
            continue;
        };
        let top = first + lane as f32 * FAULT_LANE;
        let bar = Rect::from_x_y_ranges(*x.start()..=*x.end(), top + 1.0..=top + 12.0);
        painter.rect_filled(bar, 2.0, warn.gamma_multiply(0.35));
        painter.vline(*x.start(), top - 1.0..=top + 12.0, Stroke::new(1.5, warn));
        let name = span.fault.about().title;
        let name =
            span.fault.light().map_or_else(|| name.to_owned(), |light| format!("{}: {name}", light.light));
        let galley = painter.layout_no_wrap(name, FontId::proportional(11.0), view.palette.text);
        if *x.start() > labelled_until[lane] {
            labelled_until[lane] = x.start() + galley.size().x + 8.0;
            painter.galley(pos2(x.start() + 4.0, top), galley, view.palette.text);
        }
    }
}

fn tooltip(response: egui::Response, view: &ViewContext<'_>, junction: &Junction, axis: &Axis) {
    let Some(pointer) = response.hover_pos().filter(|at| axis.plot.contains(*at)) else { return };
    let at_ms = axis.at(pointer.x);
    response.on_hover_ui_at_pointer(|ui| {
        ui.label(RichText::new(labels::clock(at_ms)).monospace());
        for light in &junction.lights {
            let span = light.spans.iter().rev().find(|span| span.from_ms <= at_ms);
            if let Some(span) = span {
                let color = view.palette.aspect(span.aspect);
                ui.label(
                    RichText::new(format!("{}: {}", light.id.light, labels::aspect(span.aspect)))
                        .color(color),
                );
            }
        }
    });
}
