//! Cars from above.

use egui::{Color32, Painter, Pos2, Shape, Stroke, Vec2, vec2};

use super::{
    geometry::{Arm, Plan},
    head::radial,
};
use crate::app::{
    theme::{Palette, lamp},
    traffic::{CAR_LENGTH_M, CAR_WIDTH_M, Car, HALF_STREET_M},
};

pub(super) fn paint(painter: &Painter, plan: &Plan, arm: Arm, cars: &[Car], palette: &Palette) {
    for car in cars {
        let centre = plan.on(arm, car.at_m, HALF_STREET_M / 2.0);
        if plan.rect.expand(plan.m(4.0)).contains(centre) {
            paint_one(painter, plan, arm, car, centre, palette);
        }
    }
}

/// Paints the burst over cars that have met; after all cars, for it lies above them.
pub(super) fn paint_bursts(painter: &Painter, plan: &Plan, arm: Arm, cars: &[Car], palette: &Palette) {
    for car in cars {
        if let Some(since_s) = car.crashed_s {
            let centre = plan.on(arm, car.at_m, HALF_STREET_M / 2.0);
            burst(painter, centre, plan.m(3.4) * (since_s * 6.0).min(1.0), palette);
        }
    }
}

fn paint_one(painter: &Painter, plan: &Plan, arm: Arm, car: &Car, centre: Pos2, palette: &Palette) {
    let (along, right) = (arm.direction(), arm.right());
    let (length, width) = (plan.m(CAR_LENGTH_M), plan.m(CAR_WIDTH_M));
    let at = |forward: f32, side: f32| centre + along * length * forward + right * width * side;
    let slab = |from: f32, to: f32, half: f32, color: Color32, round: f32| {
        let (a, b) = (at(from, -half), at(to, half));
        painter.rect_filled(egui::Rect::from_two_pos(a, b), round, color);
    };
    let body = palette.cars[car.paint % palette.cars.len()];
    if palette.dark {
        beam(painter, at(0.48, 0.0), along, right, plan);
    }
    let shade = Color32::from_black_alpha(if palette.dark { 80 } else { 45 });
    let offset = Vec2::splat(plan.m(0.22));
    let rect = egui::Rect::from_two_pos(at(-0.5, -0.5), at(0.5, 0.5));
    painter.rect_filled(rect.translate(offset), plan.m(0.6), shade);
    slab(-0.5, 0.5, 0.5, body, plan.m(0.6));
    let glass = if palette.dark { Color32::from_rgb(20, 27, 34) } else { Color32::from_rgb(46, 58, 70) };
    slab(0.1, 0.28, 0.4, glass, plan.m(0.25));
    slab(-0.4, -0.28, 0.36, glass, plan.m(0.2));
    slab(-0.26, 0.08, 0.38, super::head::mix(body, Color32::WHITE, 0.12), plan.m(0.3));
    let lamps = if car.braking { lamp::LIT[0] } else { lamp::LIT[0].gamma_multiply(0.45) };
    for side in [-0.34_f32, 0.34] {
        let tail = at(-0.485, side);
        painter.circle_filled(tail, plan.m(0.24), lamps);
        painter.circle_filled(at(0.47, side), plan.m(0.2), Color32::from_rgb(255, 246, 214));
        if car.braking && palette.dark {
            let red = lamp::LIT[0].gamma_multiply(0.35);
            painter.add(radial(tail, plan.m(1.3), &[(0.0, red), (1.0, Color32::TRANSPARENT)]));
        }
    }
}

/// Headlights on the street, at night only.
fn beam(painter: &Painter, from: Pos2, along: Vec2, right: Vec2, plan: &Plan) {
    let mut mesh = egui::Mesh::default();
    let near = Color32::from_rgba_unmultiplied(255, 244, 205, 52);
    mesh.colored_vertex(from - right * plan.m(0.7), near);
    mesh.colored_vertex(from + right * plan.m(0.7), near);
    mesh.colored_vertex(from + along * plan.m(7.0) - right * plan.m(2.0), Color32::TRANSPARENT);
    mesh.colored_vertex(from + along * plan.m(7.0) + right * plan.m(2.0), Color32::TRANSPARENT);
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(1, 2, 3);
    painter.add(Shape::mesh(mesh));
}

fn burst(painter: &Painter, centre: Pos2, radius: f32, palette: &Palette) {
    const POINTS: u16 = 18;
    let points = |scale: f32| -> Vec<Pos2> {
        (0..POINTS)
            .map(|point| {
                let angle = std::f32::consts::TAU * f32::from(point) / f32::from(POINTS);
                let reach = if point.is_multiple_of(2) { 1.0 } else { 0.55 };
                centre + Vec2::angled(angle) * radius * reach * scale
            })
            .collect()
    };
    // Not convex, so the middle is filled by itself and each point by its own triangle.
    let outer = points(1.0);
    painter.circle_filled(centre, radius * 0.58, palette.alarm);
    for point in (0..usize::from(POINTS)).step_by(2) {
        let last = (point + usize::from(POINTS) - 1) % usize::from(POINTS);
        let next = (point + 1) % usize::from(POINTS);
        let triangle = vec![outer[point], outer[next], outer[last]];
        painter.add(Shape::convex_polygon(triangle, palette.alarm, Stroke::NONE));
    }
    let stroke = Stroke::new((radius * 0.14).max(1.5), Color32::WHITE);
    painter.line_segment([centre - vec2(0.0, radius * 0.34), centre + vec2(0.0, radius * 0.08)], stroke);
    painter.circle_filled(centre + vec2(0.0, radius * 0.3), stroke.width * 0.65, Color32::WHITE);
}
