//! Where everything of a crossing lies. Metres of the street become points of the screen here.

use egui::{Pos2, Rect, Vec2, pos2, vec2};

use crate::app::traffic::HALF_STREET_M;

/// An approach, named by where its cars come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arm {
    East,
    South,
    West,
    North,
}

impl Arm {
    /// The order in which a junction's lights get their arms.
    pub(super) const ORDER: [Arm; 4] = [Arm::East, Arm::South, Arm::West, Arm::North];

    /// The direction that its cars drive in; y points down.
    #[must_use]
    pub(super) fn direction(self) -> Vec2 {
        match self {
            Arm::East => vec2(-1.0, 0.0),
            Arm::South => vec2(0.0, -1.0),
            Arm::West => vec2(1.0, 0.0),
            Arm::North => vec2(0.0, 1.0),
        }
    }

    /// The driver's right hand: the side that is driven on.
    #[must_use]
    pub(super) fn right(self) -> Vec2 {
        let along = self.direction();
        vec2(-along.y, along.x)
    }

    /// The arm across the crossing.
    #[must_use]
    pub(super) fn opposite(self) -> Arm {
        match self {
            Arm::East => Arm::West,
            Arm::South => Arm::North,
            Arm::West => Arm::East,
            Arm::North => Arm::South,
        }
    }

    /// Whether it lies on the west–east street.
    #[must_use]
    pub(super) fn is_west_east(self) -> bool {
        matches!(self, Arm::East | Arm::West)
    }

    /// Towards the corner where its head stands: near side, right hand.
    #[must_use]
    pub(super) fn corner(self) -> Vec2 {
        self.right() - self.direction()
    }
}

/// A head on the crossing: which light it belongs to, and whether it only repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Post {
    /// The approach that it stands at.
    pub(super) arm: Arm,
    pub(super) light: usize,
    /// A second head for the traffic of the other direction; smaller, without links.
    pub(super) repeats: bool,
}

/// The approaches of lights that are all named by one: `n`, `east`. `None` where they are not.
fn named_arms(names: &[impl AsRef<str>]) -> Option<Vec<Arm>> {
    let arm = |name: &str| match name {
        "n" | "north" | "norr" => Some(Arm::North),
        "e" | "east" | "o" | "ost" => Some(Arm::East),
        "s" | "south" | "syd" => Some(Arm::South),
        "w" | "west" | "v" | "vast" => Some(Arm::West),
        _ => None,
    };
    let arms: Vec<Arm> = names.iter().map(|name| arm(name.as_ref())).collect::<Option<_>>()?;
    let twice = arms.iter().enumerate().any(|(at, arm)| arms[at + 1..].contains(arm));
    // The lights of a pair rule a street each.
    let one_street = matches!(arms.as_slice(), [one, other] if one.opposite() == *other);
    (!twice && !one_street).then_some(arms)
}

/// Which heads stand where, for a junction of lights with these names. A pair rules two streets, each in
/// both directions; three and four lights have an approach each, by their names where these are approaches.
/// More cannot be drawn.
#[must_use]
pub(super) fn posts(names: &[impl AsRef<str>]) -> Vec<Post> {
    let post = |(light, arm): (usize, Arm)| Post { arm, light, repeats: false };
    let arms = named_arms(names).unwrap_or_else(|| Arm::ORDER.to_vec());
    let mut posts: Vec<Post> = arms.into_iter().take(names.len()).enumerate().map(post).collect();
    if names.len() <= 2 {
        let repeaters: Vec<Post> =
            posts.iter().map(|post| Post { arm: post.arm.opposite(), repeats: true, ..*post }).collect();
        posts.extend(repeaters);
    }
    posts
}

/// Where a crossing lies on the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// All that may be painted on.
    pub(super) rect: Rect,
    /// The middle of the crossing.
    pub(super) centre: Pos2,
    /// Points of the screen to a metre.
    pub(super) scale: f32,
}

/// Metres from the middle of the crossing to the near corner of a head.
const HEAD_OFF_M: f32 = HALF_STREET_M + 3.6;
/// A head's size in metres: far more than life, for it is what this is about.
const HEAD_M: Vec2 = vec2(8.2, 19.4);

/// What a light's plaque takes beside its head, in points, with the longest word on it.
const PLAQUE: f32 = 116.0;
/// What the list of faults takes beside the plaque.
const LIST: f32 = 160.0;

impl Plan {
    /// Fits a crossing of `lights` lights into `rect`: in the middle, or as far to the left as the
    /// lists beside the heads on the right need.
    #[must_use]
    pub(super) fn new(rect: Rect, lights: usize) -> Plan {
        let scale = (rect.height() / 59.0).min(rect.width() / 92.0).max(2.0);
        let heads = (HEAD_OFF_M + HEAD_M.x) * scale;
        let wanted = rect.right() - heads - PLAQUE - LIST;
        // The heads on the left only repeat, or have their plaques beside them.
        let least = rect.left() + heads + if lights <= 2 { 12.0 } else { PLAQUE };
        let centre = pos2(rect.center().x.min(wanted.max(least)), rect.center().y);
        Plan { rect, centre, scale }
    }

    /// The point `along_m` before or behind the middle and `right_m` to the driver's right.
    #[must_use]
    pub(super) fn on(&self, arm: Arm, along_m: f32, right_m: f32) -> Pos2 {
        self.centre + (arm.direction() * along_m + arm.right() * right_m) * self.scale
    }

    #[must_use]
    pub(super) fn m(&self, metres: f32) -> f32 {
        metres * self.scale
    }

    #[must_use]
    pub(super) fn head(&self, post: Post) -> Rect {
        let size = HEAD_M * self.scale * if post.repeats { 0.66 } else { 1.0 };
        let near = post.arm.corner() * HEAD_OFF_M * self.scale;
        let centre = self.centre + near + post.arm.corner() * size / 2.0;
        Rect::from_center_size(centre, size)
    }

    /// The middle of the broker: over the end of the eastern arm, as far from each light.
    #[must_use]
    pub(super) fn broker(&self) -> Rect {
        let size = vec2(self.m(16.0).clamp(142.0, 176.0), self.m(9.0).clamp(52.0, 84.0));
        let right = self.rect.right() - size.x / 2.0 - 12.0;
        let ideal = self.centre.x + self.m(42.0);
        Rect::from_center_size(pos2(right.min(ideal.max(self.centre.x)), self.centre.y), size)
    }

    #[must_use]
    pub(super) fn crossing(&self) -> Rect {
        Rect::from_center_size(self.centre, Vec2::splat(self.m(2.0 * HALF_STREET_M)))
    }

    /// The way of a light's link: from its head to the broker, as a cubic curve.
    #[must_use]
    pub(super) fn link(&self, post: Post) -> [Pos2; 4] {
        let (head, broker) = (self.head(post), self.broker());
        let up = if post.arm.corner().y < 0.0 { -1.0 } else { 1.0 };
        let edge = |rect: Rect| if up < 0.0 { rect.top() } else { rect.bottom() };
        let end = pos2(broker.center().x, edge(broker));
        if post.arm.corner().x > 0.0 {
            // Below the name plate that stands at the head's outer end.
            let start = pos2(head.right(), head.center().y - up * head.height() * 0.26);
            let bend = pos2(end.x, start.y);
            [start, start.lerp(bend, 0.6), end.lerp(bend, 0.9), end]
        } else {
            // Over (or under) the heads of the east side.
            let start = pos2(head.center().x, edge(head));
            let inside = self.rect.shrink(5.0);
            let rim = (edge(head) + up * self.m(5.0)).clamp(inside.top(), inside.bottom());
            [start, pos2(start.x, rim), pos2(end.x, rim), end]
        }
    }

    /// The way of a promise between two heads. It is bowed towards the crossing, where no car
    /// waits, and lies to the giver's right so that the way back is another.
    #[must_use]
    pub(super) fn promise(&self, from: Post, to: Post) -> [Pos2; 3] {
        let (from, to) = (self.head(from), self.head(to));
        let along = (to.center() - from.center()).normalized();
        let right = vec2(-along.y, along.x) * self.m(1.4);
        let start = rim(from, along) + along * self.m(0.8) + right;
        let end = rim(to, -along) - along * self.m(0.8) + right;
        let middle = start.lerp(end, 0.5);
        let inward = (self.centre - middle).normalized() * self.m(5.0).min(self.centre.distance(middle));
        [start, middle + inward, end]
    }
}

/// Where a ray from the middle of `rect` leaves it.
fn rim(rect: Rect, along: Vec2) -> Pos2 {
    let half = rect.size() / 2.0;
    let x = if along.x.abs() < 1e-4 { f32::INFINITY } else { half.x / along.x.abs() };
    let y = if along.y.abs() < 1e-4 { f32::INFINITY } else { half.y / along.y.abs() };
    rect.center() + along * x.min(y)
}

#[must_use]
pub(super) fn cubic(points: &[Pos2; 4], t: f32) -> Pos2 {
    let u = 1.0 - t;
    let [a, b, c, d] = points.map(Pos2::to_vec2);
    (a * (u * u * u) + b * (3.0 * u * u * t) + c * (3.0 * u * t * t) + d * (t * t * t)).to_pos2()
}

/// Straight pieces that a cubic curve is measured by.
const PIECES: u16 = 24;

#[must_use]
pub(super) fn length(points: &[Pos2; 4]) -> f32 {
    pieces(points).map(|(_, length)| length).sum()
}

/// The parameter of a cubic curve at this share of its length: the parameter itself runs faster
/// where the curve is wide.
#[must_use]
pub(super) fn at_share(points: &[Pos2; 4], share: f32) -> f32 {
    let mut left = length(points) * share.clamp(0.0, 1.0);
    for (from, length) in pieces(points) {
        if left <= length {
            return from + left / length.max(1e-6) / f32::from(PIECES);
        }
        left -= length;
    }
    1.0
}

/// Where each piece begins, and its length.
fn pieces(points: &[Pos2; 4]) -> impl Iterator<Item = (f32, f32)> {
    let at = |piece: u16| f32::from(piece) / f32::from(PIECES);
    (0..PIECES).map(move |piece| (at(piece), cubic(points, at(piece)).distance(cubic(points, at(piece + 1)))))
}

#[must_use]
pub(super) fn quadratic(points: &[Pos2; 3], t: f32) -> Pos2 {
    let u = 1.0 - t;
    let [a, b, c] = points.map(Pos2::to_vec2);
    (a * (u * u) + b * (2.0 * u * t) + c * (t * t)).to_pos2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cars_drive_on_the_right_and_heads_stand_on_the_near_right_corner() {
        let plan = Plan::new(Rect::from_min_size(Pos2::ZERO, vec2(900.0, 590.0)), 2);
        let from_the_west = plan.on(Arm::West, -20.0, 1.8);
        assert!(from_the_west.x < plan.centre.x && from_the_west.y > plan.centre.y);
        let head = plan.head(Post { arm: Arm::West, light: 0, repeats: false });
        assert!(head.right() < plan.centre.x && head.top() > plan.centre.y);
    }

    #[test]
    fn lights_that_are_named_by_an_approach_stand_there() {
        let arms = |names: &[&str]| posts(names).iter().map(|post| post.arm).collect::<Vec<_>>();
        assert_eq!(arms(&["e", "n", "s", "w"]), [Arm::East, Arm::North, Arm::South, Arm::West]);
        assert_eq!(arms(&["north", "south", "west"]), [Arm::North, Arm::South, Arm::West]);
        // A pair repeats each head across the crossing.
        assert_eq!(arms(&["n", "w"]), [Arm::North, Arm::West, Arm::South, Arm::East]);
        // Of one street, twice the same, or not all: as they come.
        for names in [&["n", "s"][..], &["n", "north", "w"], &["n", "e", "x", "y"]] {
            let own: Vec<Arm> = arms(names).into_iter().take(names.len()).collect();
            assert_eq!(own, Arm::ORDER[..names.len()]);
        }
    }

    #[test]
    fn half_of_a_link_is_as_long_as_the_other_half() {
        let plan = Plan::new(Rect::from_min_size(Pos2::ZERO, vec2(900.0, 590.0)), 2);
        let way = plan.link(Post { arm: Arm::North, light: 0, repeats: false });
        let half = at_share(&way, 0.5);
        let until_half: f32 = (0..100)
            .map(|step| {
                cubic(&way, half * step as f32 / 100.0)
                    .distance(cubic(&way, half * (step + 1) as f32 / 100.0))
            })
            .sum();
        assert!((until_half * 2.0 - length(&way)).abs() < length(&way) * 0.01);
        assert!(at_share(&way, 0.0) < 1e-6 && (at_share(&way, 1.0) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn heads_keep_off_the_street_and_inside_the_picture() {
        for size in [vec2(680.0, 300.0), vec2(1_000.0, 600.0), vec2(600.0, 900.0)] {
            for lights in [2, 4] {
                let plan = Plan::new(Rect::from_min_size(pos2(40.0, 30.0), size), lights);
                let names: Vec<String> = (0..lights).map(|light| format!("l{light}")).collect();
                for post in posts(&names) {
                    let head = plan.head(post);
                    assert!(plan.rect.contains_rect(head), "{post:?} at {size:?}");
                    assert!(!head.intersects(plan.crossing().expand(plan.m(3.0))));
                }
            }
        }
    }
}
