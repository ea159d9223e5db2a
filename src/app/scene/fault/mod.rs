//! The faults that are on, drawn on what they strike: signs on a link, and beside each light a list
//! of signs with their words.

pub(in crate::app) mod glyph;

use std::sync::Arc;

use egui::{
    Color32, FontId, Galley, Painter, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};

use crate::{
    app::{
        action::{Action, Actions, FaultTarget},
        scene::{
            geometry::{Plan, Post, at_share, cubic, length},
            network::link_in_words,
        },
        state::{Junction, LightState, State},
        theme::Palette,
        view::ViewContext,
    },
    fault::{Direction, Directions, Fault, LinkFault},
    world::event::Layer,
};

/// The share of a link's length that its signs lie on, from the light (0) to the broker (1).
const SIGNS: [f32; 2] = [0.08, 0.94];
/// The same for a light on the left: its link goes on behind the heads on the right.
const SIGNS_LEFT: [f32; 2] = [0.05, 0.33];
/// The most that a sign takes of it.
const WIDEST: f32 = 0.17;
/// How near to a link the pointer picks it, in points.
const NEAR: f32 = 9.0;

/// A fault of a link, and the share of the link's length where its sign is.
pub(super) struct Mark<'a> {
    pub(super) fault: &'a Fault,
    at: f32,
}

/// The faults on one light and on its link.
pub(super) struct Marks<'a> {
    on_light: Vec<&'a Fault>,
    pub(super) on_link: Vec<Mark<'a>>,
    /// The share of the link's length where the cross of a broken layer is.
    pub(super) cross: Option<f32>,
    /// The share of the link's length that each has for itself.
    room: f32,
}

impl<'a> Marks<'a> {
    /// What is on at `light`, which has its head at `post`, laid out so that nothing covers another.
    pub(super) fn of(state: &'a State, light: &LightState, post: Post) -> Marks<'a> {
        let on = state.faults_on().filter(|fault| fault.light() == Some(&light.id));
        let (on_link, on_light): (Vec<_>, Vec<_>) = on.partition(|fault| matches!(fault, Fault::Link { .. }));
        // What strikes the broker's end is there, whatever the order.
        let (at_end, on_way): (Vec<_>, Vec<_>) = on_link.into_iter().partition(|fault| strikes_end(fault));
        let broken = broken(state, light);
        let others = on_way.len() + usize::from(broken.is_some());
        let (right, [_, end]) = (post.arm.corner().x > 0.0, SIGNS);
        let [first, last] = if right { SIGNS } else { SIGNS_LEFT };
        // To the left they do not share their stretch with those at the broker's end.
        let together = others + if right { at_end.len() } else { 0 };
        let room = ((last - first) / together.max(1) as f32).min(WIDEST);
        let mut marks = Marks { on_light, on_link: Vec::new(), cross: None, room };
        for (place, fault) in at_end.iter().copied().enumerate() {
            marks.on_link.push(Mark { fault, at: end - room * (place as f32 + 0.5) });
        }
        let until = if right { last - room * at_end.len() as f32 } else { last };
        let share = |place: usize| first + (until - first) * (place as f32 + 0.5) / others as f32;
        // The lower the broken layer, the nearer the cross is to the light.
        let crossed = broken.map(|layer| on_way.len() * (layer as usize) / 2);
        marks.cross = match broken {
            // Alone, it is where its layer is.
            Some(layer) if others == 1 => Some(first + (until - first) * cross_at(layer)),
            _ => crossed.map(share),
        };
        let free = (0..others).filter(|place| Some(*place) != crossed);
        marks
            .on_link
            .extend(on_way.into_iter().zip(free).map(|(fault, place)| Mark { fault, at: share(place) }));
        marks
    }

    /// Where a black hole swallows what goes `way`, if there is one.
    pub(super) fn hole(&self, way: Direction) -> Option<f32> {
        let holes = self.on_link.iter().filter(|mark| match mark.fault {
            Fault::Link { spec, .. } => {
                matches!(spec.fault, LinkFault::BlackHole(_)) && spec.directions.include(way)
            }
            _ => false,
        });
        let places = holes.map(|mark| mark.at);
        match way {
            Direction::ToBroker => places.min_by(f32::total_cmp),
            Direction::FromBroker => places.max_by(f32::total_cmp),
        }
    }

    fn all(&self) -> impl Iterator<Item = &'a Fault> {
        self.on_light.iter().copied().chain(self.on_link.iter().map(|mark| mark.fault))
    }
}

fn strikes_end(fault: &Fault) -> bool {
    fault.about().whole_connection
        || matches!(fault, Fault::Link { spec, .. } if matches!(spec.fault, LinkFault::SlowClose(_)))
}

/// The lowest layer that does not carry, as far as is known.
pub(super) fn broken(state: &State, light: &LightState) -> Option<Layer> {
    light.broken_layer().or(state.broker_is_down().then_some(Layer::Mqtt))
}

/// Where the cross of a broken layer is on the stretch of a link without faults.
fn cross_at(layer: Layer) -> f32 {
    match layer {
        Layer::Wifi => 0.25,
        Layer::Tcp => 0.5,
        Layer::Mqtt => 0.75,
    }
}

/// Lets each link be picked, by keyboard and by pointer, and shows which one would be.
pub(super) fn pick_links(
    ui: &Ui,
    ground: &egui::Response,
    plan: &Plan,
    junction: &Junction,
    posts: &[Post],
    view: &ViewContext<'_>,
) -> Actions {
    let mut actions = Actions::default();
    for post in posts.iter().filter(|post| !post.repeats) {
        let Some(light) = junction.lights.get(post.light) else { continue };
        let way = plan.link(*post);
        let grip = Rect::from_center_size(cubic(&way, 0.5), Vec2::splat(24.0));
        let grip = ui.interact(grip, ui.scope_id().with(("link", &light.id)), Sense::click());
        let said = said_of_link(light, &Marks::of(view.state, light, *post));
        grip.widget_info(|| WidgetInfo::labeled(Role::Button, true, &said));
        let near = |at: Option<Pos2>| at.is_some_and(|at| distance(&way, at) < NEAR);
        let hovered = grip.hovered() || (ground.hovered() && near(ground.hover_pos()));
        if hovered || grip.has_focus() {
            let color = if grip.has_focus() { view.palette.text } else { view.palette.accent };
            let line = super::network::sample(&way, 0.0, 1.0);
            ui.painter_at(plan.rect).line(line, Stroke::new(plan.m(0.9).clamp(5.0, 9.0), color));
        }
        if grip.clicked() || (ground.clicked() && near(ground.interact_pointer_pos())) {
            actions.push(Action::AimFault(FaultTarget::Link(light.id.clone())));
        }
        let how = if view.is_check { "" } else { "\nClick to break it on purpose." };
        let why = format!("{said}.{how}");
        if grip.hovered() {
            grip.on_hover_text(why);
        } else if hovered {
            ground.clone().on_hover_text_at_pointer(why);
        }
    }
    actions
}

fn said_of_link(light: &LightState, marks: &Marks<'_>) -> String {
    let faults: Vec<String> = marks.on_link.iter().map(|mark| mark.fault.label()).collect();
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
    view: &ViewContext<'_>,
) {
    for post in posts.iter().filter(|post| !post.repeats) {
        let Some(light) = junction.lights.get(post.light) else { continue };
        let way = plan.link(*post);
        let marks = Marks::of(view.state, light, *post);
        let radius = plan.m(1.5).clamp(8.0, 15.0).min(length(&way) * marks.room * 0.4).max(6.0);
        for mark in &marks.on_link {
            let at = at_share(&way, mark.at);
            let centre = cubic(&way, at);
            let along = (cubic(&way, at + 0.02) - cubic(&way, at - 0.02)).normalized();
            glyph::paint(painter, centre, radius, mark.fault, view.palette);
            if let Fault::Link { spec, .. } = mark.fault {
                match spec.directions {
                    Directions::ToBroker => glyph::arrow(painter, centre, radius, along, view.palette),
                    Directions::FromBroker => glyph::arrow(painter, centre, radius, -along, view.palette),
                    Directions::Both => {}
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
    view: &ViewContext<'_>,
) {
    let marks = Marks::of(view.state, light, post);
    let faults: Vec<&Fault> = marks.all().collect();
    if faults.is_empty() {
        return;
    }
    let (below, right) = (post.arm.corner().y < 0.0, post.arm.corner().x > 0.0);
    let inside = plan.rect.shrink(4.0);
    // To the right there is room up to the link; to the left up to the picture's edge.
    let (top, bottom) = match (right, below) {
        (true, true) => (inside.top(), plan.link(post)[0].y - 12.0),
        (true, false) => (plan.link(post)[0].y + 12.0, inside.bottom()),
        (false, true) => (plaque.bottom() + 4.0, inside.bottom()),
        (false, false) => (inside.top(), plaque.top() - 4.0),
    };
    let rows = Rows { faults: &faults, height: row_height(plan), room: bottom - top };
    let size = rows.size(painter);
    let beside = plaque.right() + 6.0;
    if right && beside + size.x > inside.right() {
        // No room beside the plaque: under it, or over it, and over the link if it must be.
        let x = plaque.left().min(inside.right() - size.x);
        let y = if below { plaque.bottom() + 3.0 } else { plaque.top() - 3.0 - size.y };
        return rows.paint(ui, painter, pos2(x, y), &light.id.to_string(), view.palette);
    }
    let x = if right { beside } else { plaque.right() - size.x };
    let x = x.max(inside.left());
    // At the plaque's height, unless there are many.
    let y = match (right, below) {
        (true, true) => plaque.top().min(bottom - size.y).max(top),
        (true, false) => (plaque.bottom() - size.y).max(top).min(bottom - size.y),
        (false, true) => top,
        (false, false) => bottom - size.y,
    };
    rows.paint(ui, painter, pos2(x, y), &light.id.to_string(), view.palette);
}

/// The list of what is on at the broker, below it.
pub(super) fn list_on_broker(ui: &Ui, painter: &Painter, plan: &Plan, view: &ViewContext<'_>) {
    let faults: Vec<&Fault> = view.state.faults_on().filter(|fault| fault.light().is_none()).collect();
    if faults.is_empty() {
        return;
    }
    let broker = plan.broker();
    let rows = Rows { faults: &faults, height: row_height(plan), room: plan.rect.bottom() - broker.bottom() };
    let size = rows.size(painter);
    let left = (broker.center().x - size.x / 2.0).min(plan.rect.right() - 4.0 - size.x);
    rows.paint(ui, painter, pos2(left, broker.bottom() + 6.0), "the broker", view.palette);
}

fn row_height(plan: &Plan) -> f32 {
    plan.m(2.7).clamp(17.0, 22.0)
}

/// A list of faults, each with its sign and its words.
struct Rows<'a> {
    faults: &'a [&'a Fault],
    height: f32,
    /// How high it may be.
    room: f32,
}

impl Rows<'_> {
    /// How many faults are named; the others are counted.
    fn named(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows of a list")]
        let room = (self.room / self.height).floor().max(1.0) as usize;
        if self.faults.len() > room { room.saturating_sub(1).max(1) } else { self.faults.len() }
    }

    fn galleys(&self, painter: &Painter, palette: Option<&Palette>) -> Vec<Arc<Galley>> {
        let font = FontId::proportional((self.height * 0.62).clamp(11.5, 13.5));
        let color = palette.map_or(Color32::PLACEHOLDER, |palette| palette.warn);
        let more = self.faults.len() - self.named();
        let named = self.faults.iter().take(self.named()).map(|fault| fault.label());
        let counted = (more > 0).then(|| format!("and {more} more"));
        named.chain(counted).map(|text| painter.layout_no_wrap(text, font.clone(), color)).collect()
    }

    fn size(&self, painter: &Painter) -> Vec2 {
        let galleys = self.galleys(painter, None);
        let widest = galleys.iter().map(|galley| galley.size().x).fold(0.0, f32::max);
        vec2(self.height + widest + 14.0, galleys.len() as f32 * self.height + 4.0)
    }

    fn paint(&self, ui: &Ui, painter: &Painter, min: Pos2, place: &str, palette: &Palette) {
        let plate = Rect::from_min_size(min, self.size(painter));
        let edge = Stroke::new(1.0, palette.warn.gamma_multiply(0.6));
        painter.rect(plate, 6.0, palette.plaque, edge, StrokeKind::Inside);
        for (at, galley) in self.galleys(painter, Some(palette)).into_iter().enumerate() {
            let top = plate.top() + 2.0 + at as f32 * self.height;
            let row = Rect::from_x_y_ranges(plate.x_range().shrink(2.0), top..=top + self.height);
            let left = pos2(row.left() + self.height + 4.0, row.center().y - galley.size().y / 2.0);
            painter.galley(left, galley, palette.warn);
            let Some(fault) = self.faults.get(at).filter(|_| at < self.named()) else { continue };
            let (centre, radius) = glyph::beside(row);
            glyph::paint(painter, centre, radius, fault, palette);
            let on = if matches!(fault, Fault::Link { .. }) { "On the link of" } else { "On" };
            let said = format!("{on} {place}: {}", fault.label());
            let response = ui.interact(row, ui.scope_id().with(("fault", place, at)), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &said));
            response.on_hover_text(format!("{said}.\n{}", fault.about().meaning));
        }
    }
}
