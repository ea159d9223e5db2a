//! The brokers that can be chosen in the window: what each needs, a look at it by the doctor, and the
//! change of the live lab to it.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`facts`] | what the text of a preset says of its broker |
//! | [`typed`] | what was typed for the variables of presets, in memory alone |
//! | [`checkup`] | the doctor at work, on a thread of its own |
//! | [`switch`] | ends one live world and starts another, beside the window |
//! | `perform` | does what the panel asks for |

pub mod checkup;
pub mod facts;
mod perform;
pub mod switch;
pub mod typed;

use std::sync::Arc;

use self::{
    checkup::Checkup,
    facts::Facts,
    switch::{News, Switch},
    typed::Typed,
};
use crate::{
    config::{BrokerChoice, Config},
    presets::Preset,
};

pub use self::perform::BOARD_WORKS;

/// The preset that needs nothing but this program.
const BUILT_IN: &str = "default";

/// One configuration that the live lab can be run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The one that the program was started with.
    Start,
    /// A preset, by its place in the list.
    Preset(usize),
}

/// What the doctor looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patient {
    /// The broker that the live lab is on now.
    InUse,
    /// That of a preset, by its place in the list.
    Preset(usize),
}

/// What the panel asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokersAction {
    /// Let the doctor examine this broker.
    Check(Patient),
    /// End the examination.
    CancelCheck,
    /// Put what the doctor found away.
    DismissCheck,
    /// Run the live lab on this configuration.
    Use(Choice),
    /// Put the sentence about the last change away.
    Dismiss,
}

/// A preset, and what its text says.
#[derive(Debug)]
pub struct Entry {
    /// The preset.
    pub preset: Preset,
    /// What its text says of its broker.
    pub facts: Facts,
}

/// What the window knows of the brokers that can be chosen.
#[derive(Debug)]
pub struct Brokers {
    /// What can be chosen, in the order of the list.
    pub entries: Vec<Entry>,
    /// What was typed for the variables that they need.
    pub typed: Typed,
    /// What the live lab runs on.
    pub in_use: Choice,
    /// What the program was started with, in a few words.
    pub started_with: String,
    /// The doctor's work, going on or done, and on whom.
    pub checkup: Option<(Patient, Checkup)>,
    /// What the switch is at, while it works.
    pub working: Option<String>,
    /// Why the last change did not come about.
    pub trouble: Option<String>,
    /// What the program was started with, where it is one of the list.
    start: Option<usize>,
    switch: Option<Switch>,
    config: Option<Arc<Config>>,
}

impl Brokers {
    /// A list of these presets, in a window that cannot change its world.
    #[must_use]
    pub fn new(presets: &[Preset]) -> Brokers {
        let entries: Vec<_> =
            presets.iter().map(|preset| Entry { preset: *preset, facts: Facts::of(preset) }).collect();
        let typed = Typed::new(entries.iter().flat_map(|entry| entry.preset.needs));
        Brokers {
            entries,
            typed,
            in_use: Choice::Start,
            started_with: String::new(),
            checkup: None,
            working: None,
            trouble: None,
            start: None,
            switch: None,
            config: None,
        }
    }

    /// With a switch, so that the live lab can be changed.
    #[must_use]
    pub fn with_switch(mut self, switch: Switch) -> Brokers {
        self.started_with = switch.subtitle().to_owned();
        self.config = Some(switch.config());
        let named = self.started_with.strip_prefix(switch::PRESET);
        let named = named.or((*switch.config() == Config::default()).then_some(BUILT_IN));
        self.start = named.and_then(|name| self.place(name));
        self.in_use = self.start.map_or(Choice::Start, Choice::Preset);
        self.switch = Some(switch);
        self
    }

    /// Whether the program was started with a configuration that is not in the list.
    #[must_use]
    pub fn has_start(&self) -> bool {
        self.switch.is_some() && self.start.is_none()
    }

    /// The way back to the broker inside this program, while the live lab is on one that runs elsewhere.
    #[must_use]
    pub fn built_in(&self) -> Option<Choice> {
        let broker = &self.config.as_ref()?.broker;
        let away = matches!(broker, BrokerChoice::External { .. });
        self.place(BUILT_IN).map(Choice::Preset).filter(|_| away)
    }

    /// Whether the live lab can be changed at all.
    #[must_use]
    pub fn can_switch(&self) -> bool {
        self.switch.is_some()
    }

    /// Whether it is known what the live lab runs on.
    #[must_use]
    pub fn knows_in_use(&self) -> bool {
        self.config.is_some()
    }

    /// What the list calls a choice.
    #[must_use]
    pub fn title(&self, choice: Choice) -> &str {
        match choice {
            Choice::Start => &self.started_with,
            Choice::Preset(place) => self.entries.get(place).map_or("", |entry| entry.preset.title),
        }
    }

    /// The variables that a preset needs and nobody has given.
    #[must_use]
    pub fn missing(&self, place: usize) -> Vec<&'static str> {
        let needs = self.entries.get(place).map_or(&[][..], |entry| entry.preset.needs);
        needs.iter().copied().filter(|name| !self.typed.has(name)).collect()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.preset.name == name)
    }

    /// What the switch has to tell.
    fn next_news(&mut self) -> Option<News> {
        self.switch.as_mut()?.next_news()
    }
}
