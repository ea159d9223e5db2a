//! The drawing for those who bring the chip into its ROM loader by hand.

use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::view::ViewContext;

/// Draws an expansion board with the jumper from G23 to GND and the reset button.
pub(super) fn show(ui: &mut Ui, view: &ViewContext<'_>) {
    let palette = view.palette;
    let width = ui.available_width().min(360.0);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 132.0), Sense::hover());
    let spoken = "Drawing: a jumper wire joins the pins G23 and GND of the expansion board; then the reset button is pressed";
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, spoken));
    let painter = ui.painter();
    let board = Rect::from_min_max(rect.min + vec2(2.0, 30.0), rect.max - vec2(2.0, 22.0));
    painter.rect(board, 8.0, palette.card, Stroke::new(1.5, palette.line), StrokeKind::Inside);
    let font = FontId::proportional(11.0);
    let module = Rect::from_center_size(board.center(), vec2(board.width() * 0.42, board.height() * 0.62));
    painter.rect(module, 4.0, palette.base, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    painter.text(module.center(), Align2::CENTER_CENTER, "LoPy4", font.clone(), palette.text);

    let pin = |at: usize| pos2(board.left() + 22.0 + at as f32 * 13.0, board.top() + 9.0);
    for at in 0..20 {
        if pin(at).x < board.right() - 12.0 {
            painter.circle(pin(at), 3.2, palette.base, Stroke::new(1.0, palette.idle));
        }
    }
    let (g23, ground) = (pin(3), pin(9));
    jumper(painter, g23, ground, palette.warn);
    for (at, name) in [(g23, "G23"), (ground, "GND")] {
        painter.circle(at, 4.0, palette.warn, Stroke::new(1.0, palette.text));
        painter.text(at + vec2(0.0, 8.0), Align2::CENTER_TOP, name, font.clone(), palette.text);
    }
    painter.text(
        pos2((g23.x + ground.x) / 2.0, rect.top()),
        Align2::CENTER_TOP,
        "1  join them",
        font.clone(),
        palette.text,
    );

    let button = pos2(board.right() - 34.0, board.center().y);
    painter.rect(
        Rect::from_center_size(button, vec2(24.0, 24.0)),
        3.0,
        palette.base,
        Stroke::new(1.0, palette.idle),
        StrokeKind::Inside,
    );
    painter.circle(button, 7.5, palette.accent, Stroke::new(1.0, palette.text));
    painter.text(button + vec2(0.0, 16.0), Align2::CENTER_TOP, "reset", font.clone(), palette.text);
    painter.text(pos2(button.x, rect.top()), Align2::CENTER_TOP, "2  press it", font.clone(), palette.text);
    painter.text(
        pos2(rect.left() + 4.0, rect.bottom()),
        Align2::LEFT_BOTTOM,
        "3  when it is done: take the jumper off, press reset again",
        font,
        palette.weak,
    );
}

fn jumper(painter: &egui::Painter, from: Pos2, to: Pos2, color: Color32) {
    let middle = pos2((from.x + to.x) / 2.0, from.y - 26.0);
    let points = [from, pos2(from.x, middle.y), pos2(to.x, middle.y), to];
    let wire = egui::epaint::CubicBezierShape::from_points_stroke(
        points,
        false,
        Color32::TRANSPARENT,
        Stroke::new(2.5, color),
    );
    painter.add(wire);
}
