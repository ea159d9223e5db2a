//! What must hold while a scenario is played.

use std::{fmt, time::Duration};

use traffic_light::Name;

use crate::{config::Config, model::LightId};

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// What must hold.
    pub check: Check,
    /// Of which lights.
    pub(super) scope: Scope,
    /// When. What has a moment and a time within which it must come has it in [`Check`] instead.
    pub(super) window: Window,
    /// The line of the file; `None` where it is expected without being written.
    pub line: Option<usize>,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// No two conflicting lights have right of way at once.
    NoConflict,
    /// A conflict comes: with at least one of the seeds, where there are several.
    Conflict,
    /// No light flashes amber while a conflicting one has right of way.
    NoUnsafeFlashing,
    /// A light flashes amber while a conflicting one has right of way: with at least one of the seeds, where
    /// there are several.
    UnsafeFlashing,
    /// Each light flashes amber at some time within `within` of `from`.
    Flashing {
        /// From when.
        from: Moment,
        /// Within which time.
        within: Duration,
    },
    /// Each light begins a green within `within` of `from`.
    Alternating {
        /// From when.
        from: Moment,
        /// Within which time.
        within: Duration,
    },
    /// No light flashes amber.
    Steady,
    /// No light has right of way.
    NoGo,
    /// Each light begins this many greens at least.
    Greens { at_least: u64 },
    /// Each light gets this many MQTT sessions at most.
    Joins {
        /// How many, the first one included.
        at_most: u64,
    },
    /// Of a hundred reactions, 99 take no longer.
    Reaction {
        /// The longest that is allowed.
        p99: Duration,
    },
    /// So many messages are counted and otherwise ignored.
    Ignored {
        /// The fewest.
        at_least: u64,
        /// The most; `None`: any number.
        at_most: Option<u64>,
    },
}

/// Which lights an expectation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All lights of all junctions.
    All,
    /// The lights of one junction.
    Junction(Name),
    Light(LightId),
}

/// A part of the run, its ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// From when, since the start.
    pub(super) from: Duration,
    /// Until when, since the start.
    pub(super) until: Duration,
    /// Whether that is the whole run.
    pub(super) whole: bool,
}

/// A moment from which a time is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after the start.
    At(Duration),
    /// When the fault of this entry begins (the first time, where it comes several times).
    Began(FaultName),
    /// When the fault of this entry has ended (the last time, where it comes several times).
    Ended(FaultName),
    /// When, after the end of this fault, all links are up.
    LinksUp(FaultName),
}

/// A `[[fault]]` of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultName {
    /// Which one, counted from 0.
    pub(super) entry: usize,
    /// What an expectation calls it, with its light: `wifi-down on demo/a`.
    pub(super) name: String,
}

impl Check {
    /// The word of the file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Check::NoConflict => "no-conflict",
            Check::Conflict => "conflict",
            Check::NoUnsafeFlashing => "no-unsafe-flashing",
            Check::UnsafeFlashing => "unsafe-flashing",
            Check::Flashing { .. } => "flashing",
            Check::Alternating { .. } => "alternating",
            Check::Steady => "steady",
            Check::NoGo => "no-go",
            Check::Greens { .. } => "greens",
            Check::Joins { .. } => "joins",
            Check::Reaction { .. } => "reaction",
            Check::Ignored { .. } => "ignored",
        }
    }
}

impl Check {
    /// Whether it is looked for, and one run of many that shows it is enough; else it is asked of
    /// every run.
    #[must_use]
    pub(super) fn is_sought(&self) -> bool {
        matches!(self, Check::Conflict | Check::UnsafeFlashing)
    }
}

impl Scope {
    /// Whether `light` is one of them.
    #[must_use]
    pub(super) fn includes(&self, light: &LightId) -> bool {
        match self {
            Scope::All => true,
            Scope::Junction(junction) => light.junction == *junction,
            Scope::Light(only) => light == only,
        }
    }

    /// Those of `config`.
    pub(super) fn lights(&self, config: &Config) -> Vec<LightId> {
        config.lights().filter(|light| self.includes(light)).collect()
    }
}

impl Window {
    /// Whether `at` lies in it.
    #[must_use]
    pub(super) fn includes(&self, at: Duration) -> bool {
        (self.from..=self.until).contains(&at)
    }
}

impl Expectation {
    fn each(&self) -> String {
        match &self.scope {
            Scope::All => "every light".to_owned(),
            Scope::Junction(junction) => format!("every light of {junction}"),
            Scope::Light(light) => light.to_string(),
        }
    }

    fn none(&self) -> String {
        match &self.scope {
            Scope::All => "no light".to_owned(),
            Scope::Junction(junction) => format!("no light of {junction}"),
            Scope::Light(light) => format!("{light} never"),
        }
    }

    fn place(&self) -> String {
        match &self.scope {
            Scope::All => String::new(),
            Scope::Junction(junction) => format!(" in {junction}"),
            Scope::Light(light) => format!(" with {light}"),
        }
    }
}

impl fmt::Display for Expectation {
    /// A sentence without its stop: `every light flashes amber within 13 s of the start of …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.check {
            Check::NoConflict => write!(f, "never a conflict{}", self.place())?,
            Check::Conflict => write!(f, "a conflict{}", self.place())?,
            Check::NoUnsafeFlashing => {
                write!(f, "no light flashes amber{} while another has right of way", self.place())?;
            }
            Check::UnsafeFlashing => {
                write!(f, "a light flashes amber{} while another has right of way", self.place())?;
            }
            Check::Flashing { from, within } => {
                write!(f, "{} flashes amber within {} of {from}", self.each(), Seconds(*within))?;
            }
            Check::Alternating { from, within } => {
                write!(f, "{} has green again within {} of {from}", self.each(), Seconds(*within))?;
            }
            Check::Steady => write!(f, "{} flashes amber", self.none())?,
            Check::NoGo => write!(f, "{} goes", self.none())?,
            Check::Greens { at_least } => {
                write!(f, "{} has at least {}", self.each(), Count(*at_least, "green"))?;
            }
            Check::Joins { at_most } => {
                write!(f, "{} joins at most {}", self.each(), Count(*at_most, "time"))?;
            }
            Check::Reaction { p99 } => {
                write!(f, "99 of 100 reactions{} take at most {} ms", self.place(), p99.as_millis())?;
            }
            Check::Ignored { at_least, at_most: None } => {
                write!(f, "at least {} ignored{}", Are(*at_least), self.place())?;
            }
            Check::Ignored { at_least: 0, at_most: Some(0) } => {
                write!(f, "no message is ignored{}", self.place())?;
            }
            Check::Ignored { at_least: 0, at_most: Some(most) } => {
                write!(f, "at most {} ignored{}", Are(*most), self.place())?;
            }
            Check::Ignored { at_least, at_most: Some(most) } => {
                write!(f, "{at_least} to {} ignored{}", Are(*most), self.place())?;
            }
        }
        if self.window.whole { Ok(()) } else { write!(f, ", {}", self.window) }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", Seconds(self.from), Seconds(self.until))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::At(at) => write!(f, "second {}", Seconds(*at).number()),
            Moment::Began(fault) => write!(f, "the start of {}", fault.name),
            Moment::Ended(fault) => write!(f, "the end of {}", fault.name),
            Moment::LinksUp(fault) => write!(f, "all links being up after {}", fault.name),
        }
    }
}

/// A time in seconds, with as many decimals as it needs, three at the most: `13 s`, `4.25 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(pub Duration);

impl Seconds {
    /// Without the unit.
    #[must_use]
    pub(super) fn number(self) -> String {
        let text = format!("{:.3}", self.0.as_secs_f64());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.number())
    }
}

/// A number of things: `1 green`, `3 greens`.
pub(super) struct Count(pub(super) u64, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(number, thing) = self;
        write!(f, "{number} {thing}{}", if *number == 1 { "" } else { "s" })
    }
}

/// `1 message is`, `3 messages are`.
struct Are(u64);

impl fmt::Display for Are {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Count(self.0, "message"), if self.0 == 1 { "is" } else { "are" })
    }
}
