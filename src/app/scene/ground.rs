//! What lies still: lawn, pavement, streets and their markings.

use egui::{Color32, Painter, Pos2, Rect, Stroke, StrokeKind, vec2};

use super::geometry::{Arm, Plan};
use crate::app::{
    theme::Palette,
    traffic::{ARM_M, HALF_STREET_M, STOP_LINE_M},
};

const PAVEMENT_M: f32 = 2.2;

/// Paints the crossing of these arms. `alarm` (0 to 1) outlines it in red.
pub(super) fn paint(painter: &Painter, plan: &Plan, arms: &[Arm], palette: &Palette, alarm: f32) {
    painter.rect_filled(plan.rect, 0.0, palette.lawn);
    tufts(painter, plan, palette);
    for (half, color) in [(HALF_STREET_M + PAVEMENT_M, palette.pavement), (HALF_STREET_M, palette.asphalt)] {
        for arm in arms {
            painter.rect_filled(strip(plan, *arm, half), 0.0, color);
        }
        corners(painter, plan, arms, half, color);
    }
    for arm in arms {
        markings(painter, plan, *arm, palette);
    }
    if alarm > 0.0 {
        let box_ = plan.crossing();
        for (grow, share) in [(1.2, 0.9), (2.6, 0.45), (4.2, 0.2)] {
            let stroke = Stroke::new(plan.m(0.9), palette.alarm.gamma_multiply(alarm * share));
            painter.rect_stroke(box_.expand(plan.m(grow)), plan.m(1.0), stroke, StrokeKind::Middle);
        }
        painter.rect_filled(box_, 0.0, palette.alarm.gamma_multiply(alarm * 0.4));
    }
}

/// The part of an arm from the middle of the crossing to the rim of the picture.
fn strip(plan: &Plan, arm: Arm, half_m: f32) -> Rect {
    let half = plan.m(half_m);
    let (rect, centre) = (plan.rect, plan.centre);
    match arm {
        Arm::East => Rect::from_min_max(centre - vec2(half, half), Pos2::new(rect.right(), centre.y + half)),
        Arm::West => Rect::from_min_max(Pos2::new(rect.left(), centre.y - half), centre + vec2(half, half)),
        Arm::South => {
            Rect::from_min_max(centre - vec2(half, half), Pos2::new(centre.x + half, rect.bottom()))
        }
        Arm::North => Rect::from_min_max(Pos2::new(centre.x - half, rect.top()), centre + vec2(half, half)),
    }
}

/// Rounds the corners between neighbouring arms: a square of street with a quarter of what lies
/// behind cut out of it.
fn corners(painter: &Painter, plan: &Plan, arms: &[Arm], half_m: f32, color: Color32) {
    const STEPS: u16 = 8;
    let round = plan.m(PAVEMENT_M + 0.6);
    for (one, other) in
        [(Arm::East, Arm::South), (Arm::South, Arm::West), (Arm::West, Arm::North), (Arm::North, Arm::East)]
    {
        if !(arms.contains(&one) && arms.contains(&other)) {
            continue;
        }
        // Cars come from there, so the corner lies against both directions.
        let out = -(one.direction() + other.direction());
        let corner = plan.centre + out * plan.m(half_m);
        let pivot = corner + out * round;
        let mut mesh = egui::Mesh::default();
        mesh.colored_vertex(corner - out, color);
        for step in 0..=STEPS {
            let angle = std::f32::consts::FRAC_PI_2 * f32::from(step) / f32::from(STEPS);
            let toward = vec2(-out.x * angle.cos(), -out.y * angle.sin());
            mesh.colored_vertex(pivot + toward * round, color);
            if step > 0 {
                let at = u32::from(step);
                mesh.add_triangle(0, at, at + 1);
            }
        }
        painter.add(egui::Shape::mesh(mesh));
    }
}

fn markings(painter: &Painter, plan: &Plan, arm: Arm, palette: &Palette) {
    let marking = palette.marking;
    let line = |from: (f32, f32), to: (f32, f32), width_m: f32| {
        let points = [plan.on(arm, from.0, from.1), plan.on(arm, to.0, to.1)];
        painter.line_segment(points, Stroke::new(plan.m(width_m).max(1.0), marking));
    };
    // Stop line, and a solid line in the middle before it.
    let stop = -STOP_LINE_M;
    line((stop + 0.4, 0.25), (stop + 0.4, HALF_STREET_M - 0.2), 0.55);
    line((stop + 0.4, 0.0), (stop - 13.0, 0.0), 0.16);
    let mut at = stop - 15.0;
    while at > -ARM_M * 1.6 {
        line((at, 0.0), (at - 2.5, 0.0), 0.16);
        at -= 5.0;
    }
    // Zebra.
    let mut across = -HALF_STREET_M + 0.55;
    while across < HALF_STREET_M {
        line((stop + 1.4, across), (stop + 4.0, across), 0.5);
        across += 0.98;
    }
}

/// A few tufts, so that the lawn is not a void. Their places are fixed to the plan.
fn tufts(painter: &Painter, plan: &Plan, palette: &Palette) {
    let mut random: u32 = 7;
    for _ in 0..70 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let x = (random >> 20) as f32 / 4_096.0;
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let y = (random >> 20) as f32 / 4_096.0;
        let at = plan.rect.min + vec2(x * plan.rect.width(), y * plan.rect.height());
        painter.circle_filled(at, plan.m(0.5 + x * 0.9), palette.lawn_edge);
    }
}
