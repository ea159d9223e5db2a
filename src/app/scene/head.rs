//! A signal head: board, housing, visors, three lamps, and their glow.

use egui::{Color32, CornerRadius, Mesh, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};
use traffic_light::Aspect;

use crate::app::{
    repaint::RepaintScheduler,
    theme::{Palette, lamp},
};

/// How long a lamp takes to light up or go out: an incandescent one, seen from afar.
const FADE_MS: u64 = 160;

/// Half the period of flashing amber.
pub(super) const FLASH_HALF_MS: u64 = 500;

/// How bright each lamp is, from top to bottom, 0 to 1.
pub(super) type Lamps = [f32; 3];

/// What the lamps show at `now_ms`, the aspect being `aspect` since `since_ms` and `previous`
/// before. With `reduce_motion` they switch at once.
#[must_use]
pub(crate) fn lamps(
    aspect: Aspect,
    previous: Aspect,
    since_ms: u64,
    now_ms: u64,
    reduce_motion: bool,
) -> Lamps {
    let age = now_ms.saturating_sub(since_ms);
    let target = lit(aspect, age);
    if reduce_motion {
        return target;
    }
    let before = if aspect == Aspect::FlashingAmber && age >= FLASH_HALF_MS {
        lit(aspect, age - age % FLASH_HALF_MS - 1)
    } else {
        lit(previous, 0)
    };
    let faded_ms = if aspect == Aspect::FlashingAmber { age % FLASH_HALF_MS } else { age };
    let share = (faded_ms as f32 / FADE_MS as f32).min(1.0);
    let share = share * share * (3.0 - 2.0 * share);
    std::array::from_fn(|at| before[at] + (target[at] - before[at]) * share)
}

/// Asks for the frames that the lamps need.
pub(in crate::app) fn repaint(
    aspect: Aspect,
    since_ms: u64,
    now_ms: u64,
    reduce_motion: bool,
    repaint: &mut RepaintScheduler,
) {
    let age = now_ms.saturating_sub(since_ms);
    let phase = if aspect == Aspect::FlashingAmber { age % FLASH_HALF_MS } else { age };
    if !reduce_motion && phase < FADE_MS {
        repaint.moving();
    } else if aspect == Aspect::FlashingAmber {
        repaint.within(FLASH_HALF_MS - phase);
    }
}

fn lit(aspect: Aspect, age_ms: u64) -> Lamps {
    match aspect {
        Aspect::Dark => [0.0; 3],
        Aspect::Red => [1.0, 0.0, 0.0],
        Aspect::RedAmber => [1.0, 1.0, 0.0],
        Aspect::Green => [0.0, 0.0, 1.0],
        Aspect::Amber => [0.0, 1.0, 0.0],
        Aspect::FlashingAmber => {
            [0.0, if (age_ms / FLASH_HALF_MS).is_multiple_of(2) { 1.0 } else { 0.0 }, 0.0]
        }
    }
}

/// Paints a head into `rect`. One that is only heard of and silent is painted pale.
pub(super) fn paint(painter: &Painter, rect: Rect, lamps: Lamps, palette: &Palette, pale: bool) {
    let round = rect.width() * 0.16;
    let shadow = rect.translate(vec2(rect.width() * 0.05, rect.width() * 0.07));
    painter.rect_filled(shadow, round, Color32::from_black_alpha(if palette.dark { 90 } else { 50 }));
    painter.rect_filled(rect, round, lamp::BOARD);
    let edge = (rect.width() * 0.045).max(1.0);
    let edge_color = if pale { lamp::EDGE.gamma_multiply(0.45) } else { lamp::EDGE };
    painter.rect_stroke(rect.shrink(edge), round * 0.85, Stroke::new(edge, edge_color), StrokeKind::Inside);
    let housing = rect.shrink2(vec2(rect.width() * 0.17, rect.width() * 0.15));
    painter.rect_filled(housing, housing.width() * 0.22, lamp::HOUSING);
    let radius = lamp_radius(rect);
    for (at, brightness) in lamps.into_iter().enumerate() {
        let centre = lamp_centre(rect, at);
        glow(painter, centre, radius, lamp::LIT[at], brightness, palette.dark);
        lens(painter, centre, radius, lamp::UNLIT[at], lamp::LIT[at], brightness);
        visor(painter, centre, radius);
    }
}

fn lamp_radius(rect: Rect) -> f32 {
    rect.width() * 0.25
}

fn lamp_centre(rect: Rect, at: usize) -> Pos2 {
    pos2(rect.center().x, rect.center().y + (at as f32 - 1.0) * rect.width() * 0.66)
}

/// A small head for lists: three lamps without a housing's details.
pub(crate) fn paint_small(painter: &Painter, rect: Rect, lamps: Lamps, palette: &Palette) {
    painter.rect(
        rect,
        CornerRadius::same(3),
        lamp::HOUSING,
        Stroke::new(1.0, if palette.dark { palette.line } else { lamp::VISOR }),
        StrokeKind::Outside,
    );
    let radius = (rect.width() * 0.34).min(rect.height() * 0.135);
    for (at, brightness) in lamps.into_iter().enumerate() {
        let centre = pos2(rect.center().x, rect.center().y + (at as f32 - 1.0) * rect.height() * 0.31);
        painter.circle_filled(centre, radius, mix(lamp::UNLIT[at], lamp::LIT[at], brightness));
    }
}

fn lens(painter: &Painter, centre: Pos2, radius: f32, unlit: Color32, lit: Color32, brightness: f32) {
    let middle = mix(unlit, mix(lit, Color32::WHITE, 0.55), brightness);
    let body = mix(unlit, lit, brightness);
    let rim = mix(mix(unlit, Color32::BLACK, 0.35), mix(lit, Color32::BLACK, 0.22), brightness);
    painter.circle_filled(centre, radius, rim);
    painter.add(radial(centre, radius * 0.96, &[(0.0, middle), (0.5, body), (1.0, rim)]));
    // What the sky leaves on the glass.
    let sheen = centre + vec2(-radius * 0.3, -radius * 0.34);
    let white = Color32::from_white_alpha(if brightness > 0.5 { 70 } else { 26 });
    painter.add(radial(sheen, radius * 0.42, &[(0.0, white), (1.0, Color32::TRANSPARENT)]));
}

fn glow(painter: &Painter, centre: Pos2, radius: f32, color: Color32, brightness: f32, dark: bool) {
    if brightness < 0.02 {
        return;
    }
    // Light adds in the dark; by day it would only bleach, so it tints.
    let (strength, reach) = if dark { (0.42, 3.4) } else { (0.34, 2.5) };
    let near = color.gamma_multiply(strength * brightness);
    let far = color.gamma_multiply(strength * 0.28 * brightness);
    let rings = [(0.0, near), (0.45, far), (1.0, Color32::TRANSPARENT)];
    let rings = if dark { rings.map(|(at, color)| (at, additive(color))) } else { rings };
    painter.add(radial(centre, radius * reach, &rings));
}

fn visor(painter: &Painter, centre: Pos2, radius: f32) {
    // A crescent over the upper half: an outer arc, and an inner one that bulges less.
    const STEPS: u16 = 14;
    let mut mesh = Mesh::default();
    for step in 0..=STEPS {
        let angle = std::f32::consts::PI * (1.0 + f32::from(step) / f32::from(STEPS));
        let toward = Vec2::angled(angle);
        let depth = (f32::from(step) / f32::from(STEPS) * std::f32::consts::PI).sin();
        mesh.colored_vertex(centre + toward * radius * 1.16, lamp::VISOR);
        mesh.colored_vertex(centre + toward * radius * (1.08 - 0.2 * depth), lamp::VISOR);
        if step > 0 {
            let at = u32::from(step) * 2;
            mesh.add_triangle(at - 2, at - 1, at);
            mesh.add_triangle(at - 1, at, at + 1);
        }
    }
    painter.add(Shape::mesh(mesh));
}

/// A disc whose colour changes from the middle to the rim; `rings` from 0 to 1, in order.
pub(super) fn radial(centre: Pos2, radius: f32, rings: &[(f32, Color32)]) -> Shape {
    const SEGMENTS: u16 = 28;
    let mut mesh = Mesh::default();
    let mut previous: Option<u32> = None;
    for (at, color) in rings {
        let first = u32::try_from(mesh.vertices.len()).unwrap_or(0);
        for segment in 0..SEGMENTS {
            let angle = std::f32::consts::TAU * f32::from(segment) / f32::from(SEGMENTS);
            mesh.colored_vertex(centre + Vec2::angled(angle) * radius * *at, *color);
        }
        if let Some(inner) = previous {
            for segment in 0..u32::from(SEGMENTS) {
                let next = (segment + 1) % u32::from(SEGMENTS);
                mesh.add_triangle(inner + segment, inner + next, first + segment);
                mesh.add_triangle(inner + next, first + segment, first + next);
            }
        }
        previous = Some(first);
    }
    Shape::mesh(mesh)
}

fn additive(color: Color32) -> Color32 {
    Color32::from_rgba_premultiplied(color.r(), color.g(), color.b(), 0)
}

/// `share` of the way from one colour to the other.
pub(super) fn mix(from: Color32, to: Color32, share: f32) -> Color32 {
    from.lerp_to_gamma(to, share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flashing_amber_needs_two_frames_a_period_when_motion_is_reduced() {
        for (now, wanted) in [(0, 500), (100, 400), (700, 300)] {
            let mut frames = RepaintScheduler::default();
            repaint(Aspect::FlashingAmber, 0, now, true, &mut frames);
            assert_eq!(frames.delay(true).map(|delay| delay.as_millis()), Some(wanted));
        }
        assert_eq!(lamps(Aspect::FlashingAmber, Aspect::Red, 0, 100, true), [0.0, 1.0, 0.0]);
        assert_eq!(lamps(Aspect::FlashingAmber, Aspect::Red, 0, 600, true), [0.0; 3]);
    }

    #[test]
    fn a_steady_lamp_needs_no_frame() {
        let mut frames = RepaintScheduler::default();
        repaint(Aspect::Green, 0, 5_000, false, &mut frames);
        assert_eq!(frames.delay(true), None);
    }
}
