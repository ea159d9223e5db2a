//! The sign of each fault, told apart by form and not by colour.

use egui::{Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};

use crate::{
    app::theme::Palette,
    fault::{Fault, Ink, Stroke as SignStroke},
};

/// Paints the sign of `fault` on a disc.
pub(in crate::app) fn paint(painter: &Painter, centre: Pos2, radius: f32, fault: &Fault, palette: &Palette) {
    painter.circle(centre, radius, palette.plaque, Stroke::new((radius * 0.14).max(1.3), palette.warn));
    let pen = Stroke::new((radius * 0.17).max(1.3), palette.warn);
    let at = |(x, y): (f32, f32)| centre + vec2(x, y) * radius;
    let all = |points: &[(f32, f32)]| points.iter().copied().map(at).collect::<Vec<_>>();
    let fill = |ink| match ink {
        Ink::Sign => (palette.warn, Stroke::NONE),
        Ink::Ground => (palette.plaque, Stroke::NONE),
        Ink::Dark => (if palette.dark { egui::Color32::BLACK } else { palette.text }, pen),
    };
    for stroke in fault.about().sign {
        painter.add(match *stroke {
            SignStroke::Line(points) => Shape::line(all(points), pen),
            SignStroke::Fill(ink, points) => {
                let (color, edge) = fill(ink);
                Shape::convex_polygon(all(points), color, edge)
            }
            SignStroke::Dot(ink, x, y, size) => {
                let (color, edge) = fill(ink);
                painter.circle(at((x, y)), size * radius, color, edge);
                continue;
            }
            SignStroke::Arc(x, y, size, from, to) => {
                Shape::line(arc(at((x, y)), size * radius, from, to), pen)
            }
            SignStroke::Box(min, max) => {
                let rect = Rect::from_min_max(at(min), at(max));
                painter.rect_stroke(rect, radius * 0.2, pen, StrokeKind::Middle);
                continue;
            }
        });
    }
}

/// Part of a circle, in turns from the right, clockwise.
fn arc(centre: Pos2, radius: f32, from: f32, to: f32) -> Vec<Pos2> {
    const STEPS: u16 = 24;
    let turn = |step| from + (to - from) * f32::from(step) / f32::from(STEPS);
    (0..=STEPS).map(|step| centre + Vec2::angled(turn(step) * std::f32::consts::TAU) * radius).collect()
}

/// A triangle beside a disc that tells the one way that a fault strikes; `along` points there.
pub(super) fn arrow(painter: &Painter, centre: Pos2, radius: f32, along: Vec2, palette: &Palette) {
    let side = vec2(-along.y, along.x);
    let tip = centre + along * radius * 1.95;
    let back = centre + along * radius * 1.2;
    let points = vec![tip, back + side * radius * 0.6, back - side * radius * 0.6];
    painter.add(Shape::convex_polygon(points, palette.warn, Stroke::new(1.0, palette.plaque)));
}

/// Where a sign sits in a line of text of this height: the middle of its disc, and the radius.
#[must_use]
pub(super) fn beside(row: Rect) -> (Pos2, f32) {
    let radius = row.height() * 0.42;
    (pos2(row.left() + radius + 2.0, row.center().y), radius)
}
