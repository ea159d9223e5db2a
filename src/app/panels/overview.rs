//! All junctions as small tiles, where there is more than one. Only the tiles in sight are made.

use egui::{Align2, FontId, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use traffic_light::Name;

use crate::app::{
    action::Actions, labels, repaint::RepaintScheduler, scene::head, selection::SelectionAction,
    state::Junction, theme, view::ViewContext, widgets,
};

const TILE: egui::Vec2 = vec2(92.0, 62.0);
const GAP: f32 = 6.0;

/// Shows the tiles; `open` is the junction that is shown large.
pub(in crate::app) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    open: Option<&Name>,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let mut actions = Actions::default();
    let junctions = &view.state.junctions;
    ui.label(egui::RichText::new(format!("{} junctions", junctions.len())).text_style(theme::title()));
    widgets::caption(ui, "Page up and down step through them", view.palette);
    let columns = columns(ui.available_width());
    let rows = junctions.len().div_ceil(columns);
    ui.spacing_mut().item_spacing = vec2(GAP, GAP);
    ScrollArea::vertical().auto_shrink(false).show_rows(ui, TILE.y, rows, |ui, visible| {
        for row in visible {
            ui.horizontal(|ui| {
                for junction in junctions.iter().skip(row * columns).take(columns) {
                    actions.append(tile(ui, view, junction, open == Some(&junction.name), repaint));
                }
            });
        }
    });
    actions
}

fn columns(width: f32) -> usize {
    let mut columns = 1;
    while columns < 12 && (columns + 1) as f32 * (TILE.x + GAP) - GAP <= width {
        columns += 1;
    }
    columns
}

fn tile(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: &Junction,
    open: bool,
    repaint: &mut RepaintScheduler,
) -> Actions {
    let palette = view.palette;
    let (rect, response) = ui.allocate_exact_size(TILE, Sense::click());
    let mut actions = Actions::default();
    if response.clicked() {
        actions.push(SelectionAction::Junction(junction.name.clone()));
    }
    response.widget_info(|| {
        let lights: Vec<String> = junction
            .lights
            .iter()
            .map(|light| format!("{} {}", light.id.light, labels::aspect(light.aspect)))
            .collect();
        let conflict = match (junction.conflict_since_ms, junction.maybe_since_ms) {
            (Some(_), _) => ", CONFLICT",
            (None, Some(_)) => ", possible conflict",
            (None, None) => "",
        };
        let label = format!("Junction {}: {}{conflict}", junction.name, lights.join(", "));
        WidgetInfo::selected(Role::Button, true, open, label)
    });
    let edge = if junction.conflict_since_ms.is_some() {
        Stroke::new(3.0, palette.bad)
    } else if junction.maybe_since_ms.is_some() {
        Stroke::new(2.0, palette.warn)
    } else if response.has_focus() {
        Stroke::new(2.0, palette.text)
    } else if open {
        Stroke::new(2.0, palette.accent)
    } else if response.hovered() {
        Stroke::new(1.0, palette.weak)
    } else {
        Stroke::new(1.0, palette.line)
    };
    let painter = ui.painter().with_clip_rect(rect.expand(2.0).intersect(ui.clip_rect()));
    painter.rect(rect, 7.0, palette.card, edge, StrokeKind::Inside);
    painter.text(
        rect.left_top() + vec2(8.0, 4.0),
        Align2::LEFT_TOP,
        junction.name.as_str(),
        FontId::proportional(12.5),
        if junction.is_disturbed() { palette.warn } else { palette.text },
    );
    let lights = junction.lights.iter().take(4);
    for (at, light) in lights.enumerate() {
        // Fades would keep hundreds of tiles awake; here lamps switch at once.
        let lamps = head::lamps(light.aspect, light.previous, light.since_ms, view.now_ms, true);
        head::repaint(light.aspect, light.since_ms, view.now_ms, true, repaint);
        let size = vec2(12.0, 30.0);
        let left = rect.left() + 9.0 + at as f32 * 20.0;
        let small = egui::Rect::from_min_size(pos2(left, rect.bottom() - size.y - 7.0), size);
        head::paint_small(&painter, small, lamps, palette);
    }
    if junction.is_disturbed() {
        let at = rect.right_bottom() - vec2(12.0, 14.0);
        painter.text(at, Align2::CENTER_CENTER, "!", FontId::proportional(17.0), palette.warn);
    }
    actions
}
