//! A crossing seen from above: streets, cars, heads, links, messages and promises. Everything is a
//! pure function of the state, the time and the cars, which drive on before a frame is drawn.

mod cars;
pub(super) mod fault;
pub(super) mod geometry;
mod ground;
pub(super) mod head;
mod network;
mod promise;

use egui::{Align2, FontId, Painter, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use traffic_light::Rule;

use self::geometry::{Arm, Plan, Post, posts};
use crate::app::{
    action::{Action, Actions, FaultTarget},
    labels,
    repaint::RepaintScheduler,
    selection::SelectionAction,
    state::{Junction, LightState},
    theme::Palette,
    traffic::{Approach, Traffic},
    view::ViewContext,
};

/// A full swing of the alarm's outline.
const ALARM_MS: u64 = 900;

/// Shows `junction` in all the room that `ui` has.
pub(super) fn show(
    ui: &mut Ui,
    view: &ViewContext<'_>,
    junction: &Junction,
    traffic: &Traffic,
    repaint: &mut RepaintScheduler,
) -> Actions {
    // Clicked for the links that lie on it; not a stop of the keyboard, as each link is one itself.
    let (rect, ground) = ui.allocate_exact_size(ui.available_size(), Sense::CLICK);
    let mut actions = Actions::default();
    if rect.width() < 80.0 || rect.height() < 80.0 {
        return actions;
    }
    let painter = ui.painter_at(rect);
    let plan = Plan::new(rect, junction.lights.len());
    let posts = posts_of(junction);
    let arms: Vec<Arm> = posts.iter().map(|post| post.arm).collect();
    let (palette, now, calm) = (view.palette, view.now_ms, view.settings.reduce_motion);

    ground::paint(&painter, &plan, &arms, palette, alarm(junction, now, calm, repaint));
    if !calm {
        paint_cars(&painter, &plan, &posts, palette, traffic);
        if traffic.moves() {
            repaint.moving();
        }
    }
    actions.append(fault::pick_links(ui, &ground, &plan, junction, &posts, view));
    network::paint_links(&painter, &plan, junction, &posts, view);
    let promises = promise::paint(&painter, &plan, junction, &posts, palette, now, repaint);
    for post in &posts {
        if let Some(light) = junction.lights.get(post.light) {
            head::repaint(light.aspect, light.since_ms, now, view.lamps_switch_at_once(), repaint);
            actions.append(show_head(ui, &painter, &plan, *post, light, view));
        }
    }
    if !calm {
        network::paint_flights(&painter, &plan, junction, &posts, view, repaint);
    }
    fault::paint_on_links(&painter, &plan, junction, &posts, view);
    let spoken = network::paint_broker(&painter, &plan, view);
    actions.append(pick_broker(ui, &painter, plan.broker(), &spoken, view));
    fault::list_on_broker(ui, &painter, &plan, view);
    for (at, (centre, spoken)) in promises.into_iter().enumerate() {
        let size = vec2(2.0, 2.0) * promise::shield_radius(&plan);
        let why = "The light that the arrow comes from stays red for that long; the other may count on it.";
        tell(ui, Rect::from_center_size(centre, size), ("promise", at), spoken, why);
    }
    title(&painter, rect, junction, palette);
    actions
}

/// Shows the light that is checked and its partner, with what is played at the moment. Nothing of it can be
/// commanded.
pub(super) fn show_check(ui: &mut Ui, view: &ViewContext<'_>, banner: &str, repaint: &mut RepaintScheduler) {
    let Some(junction) = view.state.junctions.first() else { return };
    let rect = ui.available_rect_before_wrap();
    drop(show(ui, view, junction, &Traffic::new(0), repaint));
    let (at, palette) = (rect.center_top() + vec2(0.0, 10.0), view.palette);
    let painter = ui.painter_at(rect);
    let plate = network::label(&painter, at, Align2::CENTER_TOP, banner, palette.text, palette);
    tell(
        ui,
        plate,
        "check",
        banner.to_owned(),
        "The light that is checked, and the partner that is played for it",
    );
}

/// How strongly the alarm is drawn now, 0 to 1.
fn alarm(junction: &Junction, now_ms: u64, calm: bool, repaint: &mut RepaintScheduler) -> f32 {
    let Some(since) = junction.conflict_since_ms else { return 0.0 };
    if calm {
        return 1.0;
    }
    repaint.moving();
    let phase = (now_ms.saturating_sub(since) % ALARM_MS) as f32 / ALARM_MS as f32;
    0.65 + 0.35 * (phase * std::f32::consts::TAU).cos()
}

fn posts_of(junction: &Junction) -> Vec<Post> {
    let names: Vec<&str> = junction.lights.iter().map(|light| light.id.light.as_str()).collect();
    posts(&names)
}

/// What the cars of `junction` see, in the order of its posts.
#[must_use]
pub(super) fn approaches(junction: &Junction) -> Vec<Approach> {
    let approach = |post: Post| {
        let aspect = junction.lights.get(post.light)?.aspect;
        Some(Approach { aspect, west_east: post.arm.is_west_east() })
    };
    posts_of(junction).into_iter().filter_map(approach).collect()
}

fn paint_cars(painter: &Painter, plan: &Plan, posts: &[Post], palette: &Palette, traffic: &Traffic) {
    for (post, cars) in posts.iter().zip(traffic.lanes()) {
        cars::paint(painter, plan, post.arm, cars, palette);
    }
    for (post, cars) in posts.iter().zip(traffic.lanes()) {
        cars::paint_bursts(painter, plan, post.arm, cars, palette);
    }
}

fn show_head(
    ui: &Ui,
    painter: &Painter,
    plan: &Plan,
    post: Post,
    light: &LightState,
    view: &ViewContext<'_>,
) -> Actions {
    let (palette, calm) = (view.palette, view.lamps_switch_at_once());
    let rect = plan.head(post);
    let lamps = head::lamps(light.aspect, light.previous, light.since_ms, view.now_ms, calm);
    // Virtual lights are known exactly; others may have fallen silent.
    let pale = !light.is_virtual() && light.online != Some(true);
    head::paint(painter, rect, lamps, palette, pale);
    let mut actions = Actions::default();
    if post.repeats {
        return actions;
    }
    let plaque = plaque(painter, plan, post, light, view);
    fault::list(ui, painter, plan, post, plaque, light, view);
    let id = ui.scope_id().with(("head", &light.id));
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| {
        let heard = if light.is_virtual() { "" } else { ", as heard" };
        WidgetInfo::labeled(
            Role::Button,
            true,
            format!("Light {} {}{heard}", light.id, labels::shows(light.aspect)),
        )
    });
    if view.selected == Some(&light.id) || response.has_focus() {
        let color = if response.has_focus() { palette.text } else { palette.accent };
        painter.rect_stroke(
            rect.expand(3.0),
            rect.width() * 0.18,
            Stroke::new(2.5, color),
            StrokeKind::Outside,
        );
    }
    let response = response.on_hover_text(format!(
        "{}: {}. {}\n{}",
        light.id,
        labels::aspect(light.aspect),
        labels::meaning(light.aspect),
        network::link_in_words(light),
    ));
    if response.double_clicked() {
        actions.push(Action::AimFault(FaultTarget::Light(light.id.clone())));
    } else if response.clicked() {
        actions.push(SelectionAction::Light(light.id.clone()));
    }
    actions
}

/// The broker can be picked, to be broken.
fn pick_broker(ui: &Ui, painter: &Painter, rect: Rect, spoken: &str, view: &ViewContext<'_>) -> Actions {
    let ViewContext { palette, is_check, .. } = *view;
    let mut actions = Actions::default();
    let response = ui.interact(rect, ui.scope_id().with("broker"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, spoken));
    if response.has_focus() || response.hovered() {
        let color = if response.has_focus() { palette.text } else { palette.accent };
        painter.rect_stroke(rect.expand(2.0), 8.0, Stroke::new(2.0, color), StrokeKind::Outside);
    }
    if response.clicked() {
        actions.push(Action::AimFault(FaultTarget::Broker));
    }
    let why = if is_check { "" } else { " Click to break it on purpose." };
    response.on_hover_text(format!("{spoken}.\nEvery message between the lights passes the broker.{why}"));
    actions
}

/// The light's name and aspect beside its head; returns where.
fn plaque(painter: &Painter, plan: &Plan, post: Post, light: &LightState, view: &ViewContext<'_>) -> Rect {
    let (palette, head) = (view.palette, plan.head(post));
    let size = plan.m(2.6).clamp(15.0, 26.0);
    let name =
        painter.layout_no_wrap(light.id.light.to_string(), FontId::proportional(size), palette.on_lawn);
    let word = painter.layout_no_wrap(
        labels::aspect(light.aspect).to_owned(),
        FontId::proportional((size * 0.66).clamp(12.5, 17.0)),
        palette.aspect(light.aspect),
    );
    let inner = vec2(name.size().x.max(word.size().x), name.size().y + word.size().y);
    let gap = plan.m(1.2).max(6.0);
    let corner = post.arm.corner();
    let x = if corner.x > 0.0 { head.right() + gap } else { head.left() - gap - inner.x - 16.0 };
    let y = if corner.y > 0.0 { head.bottom() - inner.y - 10.0 } else { head.top() };
    let rect = Rect::from_min_size(pos2(x, y), inner + vec2(16.0, 10.0));
    painter.rect(
        rect,
        8.0,
        palette.plaque,
        Stroke::new(1.0, palette.aspect(light.aspect).gamma_multiply(0.6)),
        StrokeKind::Inside,
    );
    let at = rect.min + vec2(8.0, 5.0);
    let below = at + vec2(0.0, name.size().y);
    painter.galley(at, name, palette.on_lawn);
    painter.galley(below, word, palette.on_lawn);
    rect
}

/// The junction's name and rule in the corner of the picture.
fn title(painter: &Painter, rect: Rect, junction: &Junction, palette: &Palette) {
    let name = painter.text(
        rect.left_top() + vec2(14.0, 10.0),
        Align2::LEFT_TOP,
        format!("Junction {}", junction.name),
        FontId::proportional(17.0),
        palette.on_lawn,
    );
    let rule = match junction.rule {
        Rule::Lease => "right of way by promises",
        Rule::React => "right of way by the other's last message",
    };
    let key = if junction.keyed { "signed messages" } else { "unsigned messages" };
    let more = junction.lights.len().saturating_sub(Arm::ORDER.len());
    let more = if more > 0 { format!(" · {more} more lights not drawn") } else { String::new() };
    painter.text(
        name.left_bottom() + vec2(0.0, 2.0),
        Align2::LEFT_TOP,
        format!("{rule}\n{key}{more}"),
        FontId::proportional(12.5),
        palette.on_lawn.gamma_multiply(0.85),
    );
}

/// Gives something that is only painted a tooltip and a voice.
fn tell(ui: &Ui, rect: Rect, salt: impl std::hash::Hash + std::fmt::Debug, spoken: String, why: &str) {
    let response = ui.interact(rect, ui.scope_id().with(salt), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &spoken));
    response.on_hover_text(format!("{spoken}.\n{why}"));
}
