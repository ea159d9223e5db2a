//! The faults that are on, drawn on what they strike: signs on a link, and beside each light a list
//! of signs with their words.

pub(in crate::app) mod glyph;

use egui::{FontId, Painter, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use super::{
    geometry::{Plan, Post, cubic},
    network::link_in_words,
};
use crate::{
    app::{
        act::{Act, Acts},
        panels::{Shown, faults::Target},
        state::{Junction, LightState, State},
        theme::Palette,
        words,
    },
    fault::{LinkFault, Way, Ways},
    world::{Fault, event::Layer},
};

/// Where signs sit on a link, from the light (0) to the broker (1); the first free one is taken.
const PLACES: [f32; 6] = [0.42, 0.62, 0.2, 0.31, 0.52, 0.73];
/// Where those sit that strike the broker's end.
const BROKER_END: [f32; 4] = [0.9, 0.8, 0.7, 0.6];
/// How near to a link the pointer picks it, in points.
const NEAR: f32 = 9.0;

/// A fault of a link and where its sign is.
pub(super) struct Mark<'a> {
    pub(super) fault: &'a Fault,
    at: f32,
}

/// The faults on one light and on its link.
pub(super) struct Marks<'a> {
    on_light: Vec<&'a Fault>,
    pub(super) on_link: Vec<Mark<'a>>,
}

impl<'a> Marks<'a> {
    /// What is on at `light`.
    pub(super) fn of(state: &'a State, light: &LightState) -> Marks<'a> {
        let mut marks = Marks { on_light: Vec::new(), on_link: Vec::new() };
        // The cross of a broken layer has the place that is nearest to it.
        let crossed = light.broken_layer().map(cross_at);
        for fault in state.faults_on().filter(|fault| fault.light() == Some(&light.id)) {
            let Fault::Link { placed, .. } = fault else {
                marks.on_light.push(fault);
                continue;
            };
            let at_end =
                placed.fault.strikes_connections() || matches!(placed.fault, LinkFault::SlowClose(_));
            let places: &[f32] = if at_end { &BROKER_END } else { &PLACES };
            let free = |at: &&f32| {
                marks.on_link.iter().all(|mark| (mark.at - **at).abs() > 0.07)
                    && crossed.is_none_or(|cross| (cross - **at).abs() > 0.08)
            };
            // Where all are taken, the list beside the light still has it.
            if let Some(at) = places.iter().find(free) {
                marks.on_link.push(Mark { fault, at: *at });
            } else {
                marks.on_link.push(Mark { fault, at: f32::NAN });
            }
        }
        marks
    }

    /// Where a black hole swallows what goes `way`, if there is one.
    pub(super) fn hole(&self, way: Way) -> Option<f32> {
        let holes = self.on_link.iter().filter(|mark| match mark.fault {
            Fault::Link { placed, .. } => {
                matches!(placed.fault, LinkFault::BlackHole(_)) && placed.ways.include(way)
            }
            _ => false,
        });
        let places = holes.map(|mark| if mark.at.is_nan() { 0.5 } else { mark.at });
        match way {
            Way::Up => places.min_by(f32::total_cmp),
            Way::Down => places.max_by(f32::total_cmp),
        }
    }

    fn all(&self) -> impl Iterator<Item = &'a Fault> {
        self.on_light.iter().copied().chain(self.on_link.iter().map(|mark| mark.fault))
    }
}

/// Where the cross of a broken layer sits on a link.
pub(super) fn cross_at(layer: Layer) -> f32 {
    match layer {
        Layer::Wifi => 0.3,
        Layer::Tcp => 0.52,
        Layer::Mqtt => 0.74,
    }
}

/// Lets each link be picked, by keyboard and by pointer, and shows which one would be.
pub(super) fn pick_links(
    ui: &Ui,
    ground: &egui::Response,
    plan: &Plan,
    junction: &Junction,
    posts: &[Post],
    shown: &Shown<'_>,
) -> Acts {
    let mut acts = Acts::default();
    for post in posts.iter().filter(|post| !post.repeats) {
        let Some(light) = junction.lights.get(post.light) else { continue };
        let way = plan.link(*post);
        let grip = Rect::from_center_size(cubic(&way, 0.5), Vec2::splat(24.0));
        let grip = ui.interact(grip, ui.scope_id().with(("link", &light.id)), Sense::click());
        let said = said_of_link(light, &Marks::of(shown.state, light));
        grip.widget_info(|| WidgetInfo::labeled(Role::Button, true, &said));
        let near = |at: Option<Pos2>| at.is_some_and(|at| distance(&way, at) < NEAR);
        let hovered = grip.hovered() || (ground.hovered() && near(ground.hover_pos()));
        if hovered || grip.has_focus() {
            let color = if grip.has_focus() { shown.palette.text } else { shown.palette.accent };
            let line = super::network::sample(&way, 0.0, 1.0);
            ui.painter_at(plan.rect).line(line, Stroke::new(plan.m(0.9).clamp(5.0, 9.0), color));
        }
        if grip.clicked() || (ground.clicked() && near(ground.interact_pointer_pos())) {
            acts.push(Act::Target(Target::Link(light.id.clone())));
        }
        let why = format!("{said}.\nClick to break it on purpose.");
        if grip.hovered() {
            grip.on_hover_text(why);
        } else if hovered {
            ground.clone().on_hover_text_at_pointer(why);
        }
    }
    acts
}

fn said_of_link(light: &LightState, marks: &Marks<'_>) -> String {
    let faults: Vec<String> = marks.on_link.iter().map(|mark| mark.fault.to_string()).collect();
    let faults = match faults.as_slice() {
        [] => "no fault on it".to_owned(),
        some => format!("on it: {}", some.join("; ")),
    };
    format!("Link of {}: {}, {faults}", light.id, link_in_words(light))
}

/// How far `at` is from the link.
fn distance(way: &[Pos2; 4], at: Pos2) -> f32 {
    let points = super::network::sample(way, 0.0, 1.0);
    let to_piece = |pair: &[Pos2]| {
        let (from, along) = (pair[0], pair[1] - pair[0]);
        let share = ((at - from).dot(along) / along.length_sq().max(1e-6)).clamp(0.0, 1.0);
        (from + along * share).distance(at)
    };
    points.windows(2).map(to_piece).fold(f32::INFINITY, f32::min)
}

/// Paints the signs on the links.
pub(super) fn paint_on_links(
    painter: &Painter,
    plan: &Plan,
    junction: &Junction,
    posts: &[Post],
    shown: &Shown<'_>,
) {
    let radius = plan.m(1.5).clamp(8.0, 15.0);
    for post in posts.iter().filter(|post| !post.repeats) {
        let Some(light) = junction.lights.get(post.light) else { continue };
        let way = plan.link(*post);
        for mark in Marks::of(shown.state, light).on_link.iter().filter(|mark| !mark.at.is_nan()) {
            let centre = cubic(&way, mark.at);
            let along = (cubic(&way, mark.at + 0.02) - cubic(&way, mark.at - 0.02)).normalized();
            glyph::paint(painter, centre, radius, mark.fault, shown.palette);
            if let Fault::Link { placed, .. } = mark.fault {
                match placed.ways {
                    Ways::Up => glyph::arrow(painter, centre, radius, along, shown.palette),
                    Ways::Down => glyph::arrow(painter, centre, radius, -along, shown.palette),
                    Ways::Both => {}
                }
            }
        }
    }
}

/// The list of what is on at a light and its link, beside its plaque.
pub(super) fn list(
    ui: &Ui,
    painter: &Painter,
    plan: &Plan,
    post: Post,
    plaque: Rect,
    light: &LightState,
    shown: &Shown<'_>,
) {
    let marks = Marks::of(shown.state, light);
    let faults: Vec<&Fault> = marks.all().collect();
    if faults.is_empty() {
        return;
    }
    let palette = shown.palette;
    let (below, right) = (post.arm.corner().y < 0.0, post.arm.corner().x > 0.0);
    let height = plan.m(2.7).clamp(17.0, 22.0);
    let inside = plan.rect.shrink(4.0);
    // To the right there is room up to the link; to the left up to the picture's edge.
    let (top, bottom) = match (right, below) {
        (true, true) => (plaque.top(), plan.link(post)[0].y - 10.0),
        (true, false) => (plan.link(post)[0].y + 10.0, plaque.bottom()),
        (false, true) => (plaque.bottom() + 4.0, inside.bottom()),
        (false, false) => (inside.top(), plaque.top() - 4.0),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows of a list")]
    let room = ((bottom - top) / height).floor().max(1.0) as usize;
    let shown_rows = if faults.len() > room { room.saturating_sub(1).max(1) } else { faults.len() };
    let mut rows: Vec<(Option<&Fault>, String)> =
        faults.iter().take(shown_rows).map(|fault| (Some(*fault), words::fault_in_short(fault))).collect();
    let more = faults.len() - shown_rows;
    if more > 0 {
        rows.push((None, format!("and {more} more")));
    }
    let font = FontId::proportional((height * 0.62).clamp(11.5, 13.5));
    let galleys: Vec<_> = rows
        .iter()
        .map(|(_, text)| painter.layout_no_wrap(text.clone(), font.clone(), palette.warn))
        .collect();
    let sign = height + 2.0;
    let widest = galleys.iter().map(|galley| galley.size().x).fold(0.0, f32::max);
    let size = vec2(sign + widest + 10.0, rows.len() as f32 * height + 4.0);
    let x = if right { plaque.right() + 6.0 } else { plaque.right() - size.x };
    let x = x.min(inside.right() - size.x).max(inside.left());
    let y = if below { top } else { bottom - size.y };
    let plate = Rect::from_min_size(pos2(x, y), size);
    painter.rect(
        plate,
        6.0,
        palette.plaque,
        Stroke::new(1.0, palette.warn.gamma_multiply(0.6)),
        StrokeKind::Inside,
    );
    for (at, ((fault, _), galley)) in rows.iter().zip(galleys).enumerate() {
        let row = Rect::from_min_size(
            plate.min + vec2(2.0, 2.0 + at as f32 * height),
            vec2(plate.width() - 4.0, height),
        );
        let left = pos2(row.left() + sign, row.center().y - galley.size().y / 2.0);
        painter.galley(left, galley, palette.warn);
        let Some(fault) = fault else { continue };
        let (centre, radius) = glyph::beside(row);
        glyph::paint(painter, centre, radius, fault, palette);
        tell(ui, row, at, light, fault, palette);
    }
}

fn tell(ui: &Ui, row: Rect, at: usize, light: &LightState, fault: &Fault, _palette: &Palette) {
    let place = if matches!(fault, Fault::Link { .. }) { "On the link of" } else { "On" };
    let said = format!("{place} {}: {fault}", light.id);
    let response = ui.interact(row, ui.scope_id().with(("fault", &light.id, at)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &said));
    response.on_hover_text(format!("{said}.\n{}", crate::app::panels::faults::meaning(fault)));
}
