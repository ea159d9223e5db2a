//! The links to the broker, cut where a layer is down, and the messages that travel along them.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};

use super::{
    fault::{Marks, broken},
    geometry::{Plan, Post, at_share, cubic},
};
use crate::{
    app::{
        labels,
        repaint::RepaintScheduler,
        state::{Broker, Junction, LightState},
        theme::Palette,
        view::ViewContext,
    },
    fault::Direction,
    world::event::Layer,
};

/// How long a message is drawn on its way to the broker, and as long from there to the others.
/// Longer than it takes: nobody would see a millisecond.
const HOP_MS: u64 = 420;

pub(super) fn paint_links(
    painter: &Painter,
    plan: &Plan,
    junction: &Junction,
    posts: &[Post],
    view: &ViewContext<'_>,
) {
    for post in posts.iter().filter(|post| !post.repeats) {
        if let Some(light) = junction.lights.get(post.light) {
            paint_link(painter, plan, *post, light, view);
        }
    }
}

fn paint_link(painter: &Painter, plan: &Plan, post: Post, light: &LightState, view: &ViewContext<'_>) {
    let palette = view.palette;
    let way = plan.link(post);
    let width = plan.m(0.32).clamp(1.5, 4.0);
    let broken = broken(view.state, light);
    let marks = Marks::of(view.state, light, post);
    let known = light.is_virtual() || light.online == Some(true);
    if broken.is_none() && known && !light.silenced {
        painter.line(sample(&way, 0.0, 1.0), Stroke::new(width + 2.0, halo(palette)));
        let color = if marks.on_link.is_empty() { palette.link } else { palette.warn };
        painter.line(sample(&way, 0.0, 1.0), Stroke::new(width, color));
        return;
    }
    let color = if broken.is_some() { palette.bad } else { palette.idle };
    painter.extend(Shape::dashed_line(
        &sample(&way, 0.0, 1.0),
        Stroke::new(width, color.gamma_multiply(0.8)),
        plan.m(1.0).max(4.0),
        plan.m(0.8).max(3.0),
    ));
    let text = match broken {
        Some(Layer::Wifi) => "no Wi-Fi",
        Some(Layer::Tcp) => "no connection",
        Some(Layer::Mqtt) => "no session",
        None if light.silenced => "silent",
        None => "not heard",
    };
    let centre = cubic(
        &way,
        at_share(&way, marks.cross.unwrap_or(if post.arm.corner().x > 0.0 { 0.45 } else { 0.2 })),
    );
    if broken.is_some() {
        cut_mark(painter, centre, plan.m(1.5).clamp(7.0, 14.0), palette);
    }
    // Towards the street: beyond the link is the list of what is on at it.
    let (side, off) =
        if post.arm.corner().y < 0.0 { (Align2::CENTER_TOP, 1.0) } else { (Align2::CENTER_BOTTOM, -1.0) };
    label(painter, centre + vec2(0.0, off * plan.m(2.0).max(10.0)), side, text, color, palette);
}

/// A light edge under a line, so that it can be followed over the streets.
fn halo(palette: &Palette) -> Color32 {
    palette.plaque.gamma_multiply(0.7)
}

pub(super) fn sample(way: &[Pos2; 4], from: f32, to: f32) -> Vec<Pos2> {
    const STEPS: u16 = 28;
    (0..=STEPS).map(|step| cubic(way, from + (to - from) * f32::from(step) / f32::from(STEPS))).collect()
}

fn cut_mark(painter: &Painter, centre: Pos2, radius: f32, palette: &Palette) {
    painter.circle_filled(centre, radius * 1.15, palette.plaque);
    painter.circle_stroke(centre, radius * 1.15, Stroke::new(1.5, palette.bad));
    let stroke = Stroke::new((radius * 0.3).max(2.0), palette.bad);
    let arm = Vec2::splat(radius * 0.5);
    painter.line_segment([centre - arm, centre + arm], stroke);
    painter.line_segment([centre + vec2(-arm.x, arm.y), centre + vec2(arm.x, -arm.y)], stroke);
}

/// Letters on a small plate, so that they can be read on any ground.
pub(super) fn label(
    painter: &Painter,
    at: Pos2,
    align: Align2,
    text: &str,
    color: Color32,
    palette: &Palette,
) -> Rect {
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(12.5), color);
    let rect = align.anchor_size(at, galley.size() + vec2(10.0, 4.0));
    let rect = rect.translate(
        (painter.clip_rect().shrink(4.0).clamp(rect.min) - rect.min)
            + (painter.clip_rect().shrink(4.0).clamp(rect.max) - rect.max),
    );
    painter.rect(rect, 5.0, palette.plaque, Stroke::new(1.0, color.gamma_multiply(0.5)), StrokeKind::Inside);
    painter.galley(rect.center() - galley.size() / 2.0, galley, color);
    rect
}

/// Paints the messages under way at `now_ms`; asks for frames while there are any.
pub(super) fn paint_flights(
    painter: &Painter,
    plan: &Plan,
    junction: &Junction,
    posts: &[Post],
    view: &ViewContext<'_>,
    repaint: &mut RepaintScheduler,
) {
    let (palette, now_ms) = (view.palette, view.now_ms);
    let hole = |post: Post, way: Direction| {
        let hole =
            junction.lights.get(post.light).and_then(|light| Marks::of(view.state, light, post).hole(way));
        hole.map(|share| at_share(&plan.link(post), share))
    };
    let post_of = |light: usize| posts.iter().find(|post| post.light == light && !post.repeats);
    for flight in junction.flights.iter().rev() {
        let age = now_ms.saturating_sub(flight.at_ms);
        if age >= 2 * HOP_MS {
            break;
        }
        let Some(sender) = junction.place_of(&flight.from) else { continue };
        repaint.moving();
        let color = palette.topic(flight.topic);
        let share = (age % HOP_MS) as f32 / HOP_MS as f32;
        let eased = share * share * (3.0 - 2.0 * share);
        if age < HOP_MS {
            if let Some(post) = post_of(sender)
                && hole(*post, Direction::ToBroker).is_none_or(|hole| eased < hole)
            {
                dot(painter, &plan.link(*post), eased, color, plan);
            }
        } else {
            for post in posts.iter().filter(|post| post.light != sender && !post.repeats) {
                let deaf =
                    junction.lights.get(post.light).is_some_and(|light| light.broken_layer().is_some());
                let swallowed = hole(*post, Direction::FromBroker).is_some_and(|hole| 1.0 - eased < hole);
                if !deaf && !swallowed {
                    dot(painter, &plan.link(*post), 1.0 - eased, color, plan);
                }
            }
        }
    }
}

fn dot(painter: &Painter, way: &[Pos2; 4], at: f32, color: Color32, plan: &Plan) {
    let centre = cubic(way, at);
    let radius = plan.m(0.75).clamp(3.5, 8.0);
    painter.add(super::head::radial(
        centre,
        radius * 2.4,
        &[(0.0, color.gamma_multiply(0.55)), (1.0, Color32::TRANSPARENT)],
    ));
    painter.circle(centre, radius, color, Stroke::new(1.2, Color32::WHITE));
}

/// Paints the broker; returns what a screen reader says of it.
#[must_use]
pub(super) fn paint_broker(painter: &Painter, plan: &Plan, view: &ViewContext<'_>) -> String {
    let rect = plan.broker();
    let palette = view.palette;
    let (color, state, spoken) = match &view.state.broker {
        Broker::Starting => (palette.warn, "starting…".to_owned(), "Broker: starting".to_owned()),
        Broker::Running { address, .. } => {
            let address = view.broker_at(address);
            let spoken = format!("Broker at {address} runs");
            let spoken = if view.is_simulated() { "The simulated broker runs".to_owned() } else { spoken };
            (palette.ok, address, spoken)
        }
        Broker::Unreachable { reason } => {
            (palette.bad, "not connected".to_owned(), format!("Broker not connected: {reason}"))
        }
        Broker::Stopped { reason } => {
            (palette.bad, "stopped".to_owned(), format!("Broker stopped: {reason}"))
        }
    };
    let shadow = Color32::from_black_alpha(if palette.dark { 100 } else { 40 });
    painter.rect_filled(rect.translate(vec2(2.0, 3.0)), 10.0, shadow);
    painter.rect(rect, 10.0, palette.plaque, Stroke::new(1.5, color), StrokeKind::Inside);
    // Three slots of a rack, the state's light at the first.
    let icon = Rect::from_min_size(rect.min + vec2(10.0, rect.height() / 2.0 - 14.0), vec2(20.0, 28.0));
    for slot in 0..3_u8 {
        let top = icon.top() + f32::from(slot) * 10.0;
        let unit = Rect::from_min_size(pos2(icon.left(), top), vec2(20.0, 8.0));
        painter.rect_stroke(
            unit,
            2.0,
            Stroke::new(1.2, palette.on_lawn.gamma_multiply(0.8)),
            StrokeKind::Inside,
        );
        let lamp = if slot == 0 { color } else { palette.idle };
        painter.circle_filled(unit.left_center() + vec2(5.0, 0.0), 1.8, lamp);
    }
    let text_left = icon.right() + 8.0;
    let room = rect.right() - 6.0 - text_left;
    let title = painter.layout_no_wrap("Broker".to_owned(), FontId::proportional(14.5), palette.on_lawn);
    let state = layout_to_fit(painter, &state, room, color);
    let height = title.size().y + state.size().y;
    let top = rect.center().y - height / 2.0;
    let below = top + title.size().y;
    painter.galley(pos2(text_left, top), title, palette.on_lawn);
    painter.galley(pos2(text_left, below), state, color);
    if view.state.broker_is_down() {
        cut_mark(painter, rect.right_top() + vec2(-4.0, 4.0), 8.0, palette);
    }
    spoken
}

/// One line in the largest letters that fit, cut with an ellipsis where even the smallest do not.
fn layout_to_fit(painter: &Painter, text: &str, room: f32, color: Color32) -> std::sync::Arc<egui::Galley> {
    for size in [12.5, 11.5] {
        let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(size), color);
        if galley.size().x <= room {
            return galley;
        }
    }
    let mut job =
        egui::text::LayoutJob::simple_singleline(text.to_owned(), FontId::proportional(11.5), color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(room);
    painter.layout_job(job)
}

/// What a light's link is like, in one sentence.
#[must_use]
pub(super) fn link_in_words(light: &LightState) -> String {
    match light.broken_layer() {
        _ if light.suspended => "Its host sleeps, so nobody looks after the link".to_owned(),
        Some(layer) => {
            let reason = &light.layer(layer).reason;
            format!("{} is down: {reason}", labels::layer(layer))
        }
        None if light.silenced => "Keeps its session and publishes nothing".to_owned(),
        None => "All layers of the link are up".to_owned(),
    }
}
