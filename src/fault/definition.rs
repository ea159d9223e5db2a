//! What each fault says of itself, in its own file.

use simulation::Rng;

use crate::model::Diagnostic;

/// The longest span of a parameter, in milliseconds: an hour.
const LONGEST_MS: u32 = 3_600_000;

/// What holds for a fault whatever its parameters. Each file of a fault has one, made from
/// `About::LINK`, `About::LIGHT` or `About::BROKER`.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The word of configurations, reports and the command line.
    pub name: &'static str,
    /// The name in the window.
    pub title: &'static str,
    /// What happens, in a sentence.
    pub meaning: &'static str,
    /// In the order of `Definition::values`.
    pub parameters: &'static [Parameter],
    /// Its sign where it is drawn: strokes on a disc, later ones over earlier ones.
    pub(crate) sign: &'static [Stroke],
    /// What the event log says when it begins and when it ends, where that is more than its name.
    pub(super) log: Option<[&'static str; 2]>,
    /// It happens once and is over: it has no duration and cannot be cleared.
    pub instant: bool,
    /// A link fault that strikes connections as a whole, so that a direction has no meaning.
    pub(crate) whole_connection: bool,
    /// It needs a broker that asks for a login.
    pub needs_login: bool,
    /// What to do by hand, where a board cannot be given it from here; `None` where it can.
    pub board: Option<&'static str>,
    /// The same for a foreign light.
    pub(super) foreign: Option<&'static str>,
    /// The same for a broker outside this program; only a fault of the broker has it.
    pub other_broker: Option<&'static str>,
}

const OWNER: Option<&str> = Some("ask its owner to do it");
const PORT: Option<&str> = Some("let it connect to the port of its proxy (links.board_port)");

impl About {
    /// Of a link: whoever connects through a proxy of this program can be given it.
    pub(super) const LINK: About = About { board: PORT, foreign: PORT, ..About::LIGHT };
    /// Of a light: one that runs in this program can be given it.
    pub(super) const LIGHT: About = About {
        name: "",
        title: "",
        meaning: "",
        parameters: &[],
        sign: &[],
        log: None,
        instant: false,
        whole_connection: false,
        needs_login: false,
        board: OWNER,
        foreign: OWNER,
        other_broker: None,
    };
    /// Of the broker: it strikes all lights, of any kind.
    pub(super) const BROKER: About = About { board: None, foreign: None, ..About::LIGHT };
}

/// A number that a fault is injected with.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The member of the configuration; ends in its unit.
    pub name: &'static str,
    /// The name in the window.
    pub(crate) title: &'static str,
    /// The unit, for people.
    pub(crate) unit: &'static str,
    /// How many of the stored number make one unit; 1 for most.
    pub scale: i64,
    /// The least and the greatest accepted number, as stored.
    pub(crate) limits: (i64, i64),
    /// What the form offers of them.
    pub(crate) offered: (i64, i64),
    /// Whether small numbers need more room in the form than large ones.
    pub(crate) logarithmic: bool,
    /// What a configuration means that leaves it out.
    pub left_out: LeftOut,
}

/// What a parameter is that is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// That of the fault's example.
    Example,
    /// This number, as stored.
    Is(i64),
    /// It has to be given.
    Refused,
}

impl Parameter {
    /// A share of the PUBLISH packets.
    pub(super) const PERCENT: Parameter = Parameter::new("percent", "Messages", "%", 1, 100);

    /// A whole number from `least` to `most`.
    pub(super) const fn new(
        name: &'static str,
        title: &'static str,
        unit: &'static str,
        least: u32,
        most: u32,
    ) -> Parameter {
        let limits = (least as i64, most as i64);
        let left_out = LeftOut::Example;
        Parameter { name, title, unit, scale: 1, limits, offered: limits, logarithmic: false, left_out }
    }

    /// A span of at least this many milliseconds, and an hour at the most, of which the form offers so
    /// many.
    pub(super) const fn ms(name: &'static str, title: &'static str, least: u32, offered: u32) -> Parameter {
        let span = Parameter::new(name, title, "ms", least, LONGEST_MS);
        Parameter { offered: (least as i64, offered as i64), ..span }
    }

    /// Refuses a number beyond the limits.
    ///
    /// # Errors
    /// Returns which numbers are accepted.
    pub(super) fn check(&self, value: i64) -> Result<(), Diagnostic> {
        let (least, most) = self.limits;
        if (least..=most).contains(&value) {
            return Ok(());
        }
        let message = format!("{} {} is out of range", self.name, self.shown(value));
        Err(Diagnostic::new(message, format!("give {}", self.range())))
    }

    /// The accepted numbers, as people write them: `1 to 100`.
    #[must_use]
    pub fn range(&self) -> String {
        let hour = if self.limits.1 == i64::from(LONGEST_MS) { " (an hour)" } else { "" };
        format!("{} to {}{hour}", self.shown(self.limits.0), self.shown(self.limits.1))
    }

    /// A stored number as people write it, without its unit.
    #[must_use]
    pub fn shown(&self, value: i64) -> String {
        (value as f64 / self.scale as f64).to_string()
    }
}

/// A stroke of a sign. Its disc has the radius 1 around 0, x to the right and y down.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stroke {
    /// Through these points.
    Line(&'static [(f32, f32)]),
    /// The convex shape of these corners.
    Fill(Ink, &'static [(f32, f32)]),
    /// A full disc: x, y, radius.
    Dot(Ink, f32, f32, f32),
    /// A part of a circle: x, y, radius, and from where to where in turns, clockwise from the right.
    Arc(f32, f32, f32, f32, f32),
    /// A box with round corners: from where to where.
    Box((f32, f32), (f32, f32)),
}

/// What a stroke is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// The colour of faults.
    Sign,
    /// What is behind the sign.
    Ground,
    /// As dark as there is, with an edge in the colour of faults.
    Dark,
}

/// A number of a fault, whatever its type.
pub trait Number {
    /// Changes it to `value`, or to what is nearest to it.
    fn set(&mut self, value: i64);
}

impl Number for u32 {
    fn set(&mut self, value: i64) {
        *self = u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    }
}

impl Number for i32 {
    fn set(&mut self, value: i64) {
        *self = i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX });
    }
}

/// What a fault is, with its parameters. Each file of a fault implements it.
pub(crate) trait Definition {
    /// The numbers of its parameters, as stored.
    fn values(&self) -> Vec<i64> {
        Vec::new()
    }

    /// The same, to be changed.
    fn numbers(&mut self) -> Vec<&mut dyn Number> {
        Vec::new()
    }

    /// What has to hold besides the limits of each parameter.
    ///
    /// # Errors
    /// Returns why the parameters are invalid and which values are accepted.
    fn check(&self) -> Result<(), Diagnostic> {
        Ok(())
    }

    /// Brings parameters that depend on each other together, after one was changed.
    fn settle(&mut self) {}

    /// The parameters for people, such as `200 ms ± 50 ms`, where that is more than each with its unit.
    fn words(&self) -> Option<String> {
        None
    }

    /// Draws the parameters that chaos injects it with.
    fn draw(&mut self, _draw: &mut Draw<'_>) {}
}

/// Which fields are the parameters, in the order of [`About::parameters`].
macro_rules! parameters {
    ($($field:ident),+) => {
        fn values(&self) -> Vec<i64> {
            vec![$(i64::from(self.$field)),+]
        }

        fn numbers(&mut self) -> Vec<&mut dyn $crate::fault::definition::Number> {
            vec![$(&mut self.$field),+]
        }
    };
}
pub(super) use parameters;

/// Random parameters.
pub struct Draw<'r> {
    /// Where they come from.
    pub(crate) rng: &'r mut Rng,
    /// Whether clocks may drift by more than the right-of-way rules allow for.
    pub(crate) beyond_rho: bool,
}

impl Draw<'_> {
    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        self.rng.ms(low, high)
    }

    /// The same, where each order of magnitude is as likely as the next.
    pub(super) fn spread(&mut self, low: u32, high: u32) -> u32 {
        u32::try_from(self.rng.spread(u64::from(low), u64::from(high))).unwrap_or(high)
    }
}
