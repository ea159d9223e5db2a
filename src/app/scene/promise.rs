//! Promises: an arrow from the light that made one to the light that may count on it, with
//! a shield that runs down.

use egui::{Align2, FontId, Painter, Pos2, Shape, Stroke, Vec2, pos2, vec2};

use super::geometry::{Plan, Post, quadratic};
use crate::app::{labels::seconds_left, repaint::RepaintScheduler, state::Junction, theme::Palette};

/// A full turn of the countdown's arc.
const FULL_S: f32 = 8.0;

/// Paints all promises in force at `now_ms`; returns what a screen reader says of each, with the
/// place of its shield.
#[must_use]
pub(super) fn paint(
    painter: &Painter,
    plan: &Plan,
    junction: &Junction,
    posts: &[Post],
    palette: &Palette,
    now_ms: u64,
    repaint: &mut RepaintScheduler,
) -> Vec<(Pos2, String)> {
    let mut spoken = Vec::new();
    let post_of = |light: usize| posts.iter().find(|post| post.light == light && !post.repeats);
    for (place, light) in junction.lights.iter().enumerate() {
        let (Some(view), Some(from)) = (&light.view, post_of(place)) else { continue };
        for held in &view.promises {
            let left = seconds_left(now_ms, held.until.as_ms());
            let to = junction.place_of(&held.light).and_then(post_of);
            let (true, Some(to)) = (left > 0.0, to) else { continue };
            let way = plan.promise(*from, *to);
            arrow(painter, &way, palette, plan);
            let centre = shield_on(&way);
            shield(painter, centre, left, palette, plan);
            repaint.counting();
            repaint.at(now_ms, held.until.as_ms());
            spoken.push((
                centre,
                format!("{} has promised {} to stay red for {left:.0} seconds", light.id, held.light),
            ));
        }
    }
    spoken
}

/// Where a promise's shield is: beside the light that gave it. In the middle of their ways the shields of crossing
/// promises would lie on one point.
#[must_use]
pub(super) fn shield_on(way: &[Pos2; 3]) -> Pos2 {
    quadratic(way, 0.27)
}

/// The radius of a shield on the screen.
#[must_use]
pub(super) fn shield_radius(plan: &Plan) -> f32 {
    plan.m(2.5).clamp(15.0, 30.0)
}

fn arrow(painter: &Painter, way: &[Pos2; 3], palette: &Palette, plan: &Plan) {
    const STEPS: u16 = 24;
    let points: Vec<Pos2> =
        (0..=STEPS).map(|step| quadratic(way, f32::from(step) / f32::from(STEPS))).collect();
    let width = plan.m(0.4).clamp(1.8, 4.5);
    let color = palette.promise;
    // It crosses streets of another brightness.
    painter.add(Shape::line(points.clone(), Stroke::new(width + 2.5, palette.plaque)));
    painter.add(Shape::line(points, Stroke::new(width, color)));
    let along = (way[2] - quadratic(way, 0.9)).normalized();
    let side = vec2(-along.y, along.x);
    let size = plan.m(1.5).clamp(7.0, 15.0);
    let tip = way[2] + along * size * 0.35;
    let back = way[2] - along * size * 0.8;
    let triangle = vec![tip, back + side * size * 0.6, back - side * size * 0.6];
    painter.add(Shape::convex_polygon(triangle, color, Stroke::new(1.0, palette.plaque)));
}

fn shield(painter: &Painter, centre: Pos2, left_s: f32, palette: &Palette, plan: &Plan) {
    let radius = shield_radius(plan);
    painter.add(Shape::convex_polygon(
        outline(centre, radius),
        palette.plaque,
        Stroke::new(1.0, palette.promise.gamma_multiply(0.5)),
    ));
    // What is left of it, along the shield's edge from the top.
    let edge = outline(centre, radius);
    let share = (left_s / FULL_S).clamp(0.0, 1.0);
    painter.add(Shape::line(start_of(&edge, share), Stroke::new((radius * 0.16).max(2.0), palette.promise)));
    let text = format!("{left_s:.1}");
    let size = (radius * 0.72).clamp(12.0, 19.0);
    painter.text(
        centre - vec2(0.0, radius * 0.06),
        Align2::CENTER_CENTER,
        text,
        FontId::proportional(size),
        palette.on_lawn,
    );
}

/// The shield's edge, from the middle of the top, clockwise and closed.
fn outline(centre: Pos2, radius: f32) -> Vec<Pos2> {
    const CURVE: u16 = 10;
    let at = |x: f32, y: f32| centre + Vec2::new(x, y) * radius;
    let mut points = vec![at(0.0, -1.0), at(0.92, -0.78)];
    let (from, bend, tip) = (pos2(0.92, -0.78), pos2(0.98, 0.55), pos2(0.0, 1.08));
    let curve = |step: u16| quadratic(&[from, bend, tip], f32::from(step) / f32::from(CURVE));
    points.extend((1..=CURVE).map(|step| at(curve(step).x, curve(step).y)));
    points.extend((0..CURVE).rev().map(|step| at(-curve(step).x, curve(step).y)));
    points.push(at(0.0, -1.0));
    points
}

/// The first `share` of a line's length.
fn start_of(line: &[Pos2], share: f32) -> Vec<Pos2> {
    let total: f32 = line.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
    let mut left = total * share;
    let mut start: Vec<Pos2> = line.first().copied().into_iter().collect();
    for pair in line.windows(2) {
        let length = pair[0].distance(pair[1]);
        if length >= left {
            start.push(pair[0].lerp(pair[1], if length > 0.0 { left / length } else { 0.0 }));
            break;
        }
        left -= length;
        start.push(pair[1]);
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shield_lies_over_another_one() {
        for size in [vec2(600.0, 330.0), vec2(1_000.0, 600.0), vec2(2_600.0, 1_400.0)] {
            for lights in [2, 3, 4] {
                let plan = Plan::new(egui::Rect::from_min_size(Pos2::ZERO, size), lights);
                let names: Vec<String> = (0..lights).map(|light| format!("l{light}")).collect();
                let posts: Vec<Post> = super::super::geometry::posts(&names);
                let own: Vec<Post> = posts.into_iter().filter(|post| !post.repeats).collect();
                let ways = own.iter().flat_map(|from| own.iter().map(move |to| (*from, *to)));
                let ways = ways.filter(|(from, to)| from.light != to.light);
                let shields: Vec<Pos2> = ways.map(|(from, to)| shield_on(&plan.promise(from, to))).collect();
                for (at, one) in shields.iter().enumerate() {
                    for other in &shields[at + 1..] {
                        let apart = one.distance(*other);
                        let room = 1.9 * shield_radius(&plan);
                        assert!(apart >= room, "{lights} lights, {size:?}: {apart} of {room}");
                    }
                }
            }
        }
    }

    #[test]
    fn half_of_a_line_is_half_as_long() {
        let line = [pos2(0.0, 0.0), pos2(4.0, 0.0), pos2(4.0, 4.0)];
        assert_eq!(start_of(&line, 0.75), vec![pos2(0.0, 0.0), pos2(4.0, 0.0), pos2(4.0, 2.0)]);
    }
}
