//! One small sign for each kind of fault, told apart by form and not by colour.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};

use crate::{app::theme::Palette, fault::LinkFault, world::Fault};

/// Paints the sign of `fault` on a disc.
pub(in crate::app) fn paint(painter: &Painter, centre: Pos2, radius: f32, fault: &Fault, palette: &Palette) {
    let pen = Pen { painter, centre, radius, color: palette.warn, ground: palette.plaque };
    painter.circle(centre, radius, palette.plaque, Stroke::new((radius * 0.14).max(1.3), palette.warn));
    match fault {
        Fault::Link { spec, .. } => pen.link(&spec.fault, palette),
        Fault::WifiDown(_) => pen.wifi_down(),
        Fault::Silence(_) => pen.silence(),
        Fault::BrokerDown => pen.square(),
        Fault::Quota { .. } => pen.gauge(),
        Fault::WrongPassword(_) => pen.key(),
        Fault::NameNotFound(_) => pen.question(),
        Fault::TakenOver(_) => pen.two_heads(),
        Fault::Hang(_) => pen.hourglass(),
        Fault::ClockDrift { .. } => pen.clock(),
        Fault::Suspend(_) => pen.moon(),
    }
}

/// A triangle beside a disc that tells the one way that a fault strikes; `along` points there.
pub(super) fn arrow(painter: &Painter, centre: Pos2, radius: f32, along: Vec2, palette: &Palette) {
    let side = vec2(-along.y, along.x);
    let tip = centre + along * radius * 1.95;
    let back = centre + along * radius * 1.2;
    let points = vec![tip, back + side * radius * 0.6, back - side * radius * 0.6];
    painter.add(Shape::convex_polygon(points, palette.warn, Stroke::new(1.0, palette.plaque)));
}

struct Pen<'a> {
    painter: &'a Painter,
    centre: Pos2,
    radius: f32,
    color: Color32,
    ground: Color32,
}

impl Pen<'_> {
    /// A point of the disc, -1 to 1 in both directions.
    fn at(&self, x: f32, y: f32) -> Pos2 {
        self.centre + vec2(x, y) * self.radius
    }

    fn stroke(&self) -> Stroke {
        Stroke::new((self.radius * 0.17).max(1.3), self.color)
    }

    fn line(&self, points: &[(f32, f32)]) {
        let points = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        self.painter.add(Shape::line(points, self.stroke()));
    }

    fn fill(&self, points: &[(f32, f32)]) {
        let points = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        self.painter.add(Shape::convex_polygon(points, self.color, Stroke::NONE));
    }

    fn dot(&self, x: f32, y: f32, size: f32) {
        self.painter.circle_filled(self.at(x, y), self.radius * size, self.color);
    }

    fn ring(&self, x: f32, y: f32, size: f32) {
        self.painter.circle_stroke(self.at(x, y), self.radius * size, self.stroke());
    }

    /// Part of a circle, in turns from the right, clockwise.
    fn arc(&self, (x, y): (f32, f32), size: f32, from: f32, to: f32) {
        const STEPS: u16 = 10;
        let points = (0..=STEPS)
            .map(|step| {
                let turn = from + (to - from) * f32::from(step) / f32::from(STEPS);
                self.at(x, y) + Vec2::angled(turn * std::f32::consts::TAU) * self.radius * size
            })
            .collect();
        self.painter.add(Shape::line(points, self.stroke()));
    }

    fn link(&self, fault: &LinkFault, palette: &Palette) {
        match fault {
            // Dots that crawl.
            LinkFault::Latency(_) => {
                for (x, size) in [(-0.52, 0.11), (-0.12, 0.16), (0.4, 0.22)] {
                    self.dot(x, 0.0, size);
                }
            }
            // A pipe that narrows.
            LinkFault::Bandwidth(_) => {
                for up in [-1.0, 1.0] {
                    self.line(&[(-0.62, 0.5 * up), (-0.2, 0.16 * up), (0.2, 0.16 * up), (0.62, 0.5 * up)]);
                }
            }
            LinkFault::BlackHole(_) => {
                let dark = if palette.dark { Color32::BLACK } else { palette.text };
                self.painter.circle(self.centre, self.radius * 0.66, dark, self.stroke());
            }
            // A flash that cuts.
            LinkFault::Reset(_) => {
                self.line(&[(0.18, -0.68), (-0.26, 0.04), (0.24, 0.0), (-0.16, 0.68)]);
            }
            // No entry.
            LinkFault::Refuse(_) => {
                self.painter.circle_filled(self.centre, self.radius * 0.72, self.color);
                let bar = Rect::from_center_size(self.centre, vec2(0.86, 0.26) * self.radius);
                self.painter.rect_filled(bar, 0.0, self.ground);
            }
            // It walks to the door.
            LinkFault::SlowClose(_) => {
                self.line(&[(0.5, -0.52), (0.5, 0.52)]);
                for x in [-0.56, -0.28, 0.0] {
                    self.dot(x, 0.0, 0.1);
                }
                self.line(&[(0.06, -0.24), (0.28, 0.0), (0.06, 0.24)]);
            }
            // One end full, the other empty.
            LinkFault::HalfOpen(_) => {
                self.ring(0.0, 0.0, 0.58);
                let half: Vec<_> = (0..=12_u16)
                    .map(|step| {
                        let turn = 0.25 + 0.5 * f32::from(step) / 12.0;
                        let toward = Vec2::angled(turn * std::f32::consts::TAU) * 0.58;
                        (toward.x, toward.y)
                    })
                    .collect();
                self.fill(&half);
            }
            // A message crossed out, its ring in dots.
            LinkFault::Lose(_) => {
                for step in 0..8_u16 {
                    let toward = Vec2::angled(std::f32::consts::TAU * f32::from(step) / 8.0) * 0.6;
                    self.dot(toward.x, toward.y, 0.09);
                }
                self.line(&[(-0.3, -0.3), (0.3, 0.3)]);
                self.line(&[(-0.3, 0.3), (0.3, -0.3)]);
            }
            LinkFault::Double(_) => {
                self.dot(-0.32, 0.0, 0.25);
                self.dot(0.32, 0.0, 0.25);
            }
            // A message that is kept waiting.
            LinkFault::Delay(_) => {
                self.dot(-0.36, 0.0, 0.24);
                self.line(&[(0.16, -0.4), (0.16, 0.4)]);
                self.line(&[(0.48, -0.4), (0.48, 0.4)]);
            }
            // One goes before the other.
            LinkFault::Reorder(_) => {
                for up in [-1.0, 1.0] {
                    self.line(&[(-0.6, -0.32 * up), (-0.24, -0.32 * up), (0.2, 0.32 * up), (0.5, 0.32 * up)]);
                    self.fill(&[(0.66, 0.32 * up), (0.36, 0.32 * up - 0.2), (0.36, 0.32 * up + 0.2)]);
                }
            }
        }
    }

    fn wifi_down(&self) {
        for size in [0.42, 0.82] {
            self.arc((0.0, 0.44), size, 0.625, 0.875);
        }
        self.dot(0.0, 0.44, 0.14);
        self.line(&[(-0.56, 0.56), (0.56, -0.56)]);
    }

    fn silence(&self) {
        let bubble = Rect::from_min_max(self.at(-0.58, -0.5), self.at(0.58, 0.2));
        self.painter.rect_stroke(bubble, self.radius * 0.2, self.stroke(), StrokeKind::Middle);
        self.fill(&[(-0.3, 0.2), (0.06, 0.2), (-0.3, 0.6)]);
        self.line(&[(-0.24, -0.15), (0.24, -0.15)]);
    }

    fn square(&self) {
        let square = Rect::from_center_size(self.centre, Vec2::splat(self.radius * 0.84));
        self.painter.rect_filled(square, 1.0, self.color);
    }

    /// A gauge whose needle stands at the end.
    fn gauge(&self) {
        self.arc((0.0, 0.22), 0.6, 0.5, 1.0);
        self.line(&[(0.0, 0.22), (0.44, 0.0)]);
        self.dot(0.0, 0.22, 0.12);
    }

    fn key(&self) {
        self.ring(-0.34, 0.0, 0.24);
        self.line(&[(-0.1, 0.0), (0.66, 0.0), (0.66, 0.3)]);
        self.line(&[(0.36, 0.0), (0.36, 0.24)]);
    }

    fn question(&self) {
        self.arc((0.0, -0.26), 0.3, 0.5, 1.1);
        self.line(&[(0.22, -0.06), (0.0, 0.16), (0.0, 0.3)]);
        self.dot(0.0, 0.58, 0.13);
    }

    fn two_heads(&self) {
        for x in [-0.3, 0.3] {
            self.dot(x, -0.28, 0.2);
            self.arc((x, 0.5), 0.34, 0.5, 1.0);
        }
    }

    fn hourglass(&self) {
        self.fill(&[(-0.42, -0.58), (0.42, -0.58), (0.0, 0.02)]);
        self.line(&[(0.0, 0.0), (-0.4, 0.56), (0.4, 0.56), (0.0, 0.0)]);
    }

    fn clock(&self) {
        self.ring(0.0, 0.0, 0.6);
        self.line(&[(0.0, -0.38), (0.0, 0.0), (0.3, 0.16)]);
    }

    fn moon(&self) {
        self.painter.circle_filled(self.at(-0.04, 0.0), self.radius * 0.56, self.color);
        self.painter.circle_filled(self.at(0.22, -0.18), self.radius * 0.48, self.ground);
    }
}

/// Where a sign sits in a line of text of this height: the middle of its disc, and the radius.
#[must_use]
pub(super) fn beside(row: Rect) -> (Pos2, f32) {
    let radius = row.height() * 0.42;
    (pos2(row.left() + radius + 2.0, row.center().y), radius)
}
