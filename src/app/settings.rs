//! What the window remembers from one run to the next.

use serde::{Deserialize, Serialize};

use crate::app::{board::form::Remembered, state::Category};

/// The key under which eframe stores the settings.
pub const STORAGE_KEY: &str = "twinlight-window";

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThemeChoice {
    /// As the desktop has it.
    #[default]
    System,
    /// Dark letters on a light ground.
    Light,
    /// Light letters on a dark ground.
    Dark,
}

/// A part of the window that can be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The panels of the lights, on the right.
    Lights,
    /// The timeline.
    Timeline,
    /// The event log.
    Log,
    /// The panel that flashes boards, on the left.
    Board,
    /// The panel that puts faults in, on the left.
    Faults,
    /// The list of lessons, on the left.
    Lessons,
    /// The panel that shows what passes on the broker, on the left.
    Topics,
    /// The panel where another broker is chosen, on the left.
    Brokers,
}

/// Everything that is remembered. A member that an older version did not have gets its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Light or dark.
    pub theme: ThemeChoice,
    /// Whether nothing moves but what changes.
    pub reduce_motion: bool,
    /// Whether the lights' panels are shown.
    pub show_lights: bool,
    /// Whether the timeline is shown.
    pub show_timeline: bool,
    /// Whether the event log is shown.
    pub show_log: bool,
    /// Whether the board panel is shown.
    pub show_board: bool,
    /// Whether the fault panel is shown.
    pub show_faults: bool,
    /// Whether the lessons are shown.
    pub show_lessons: bool,
    /// Whether the topic panel is shown.
    pub show_topics: bool,
    /// Whether the broker panel is shown.
    pub show_brokers: bool,
    /// What was filled in for boards, but for secrets.
    pub board: Remembered,
    /// The zoom that the user chose; `None` = by the size of the window.
    pub zoom: Option<f32>,
    /// The log's filter.
    pub filter: String,
    /// Categories that the log hides.
    pub hidden: Vec<Category>,
    /// What the timeline spans, in seconds.
    pub span_s: u32,
    /// The junction that was shown large.
    pub junction: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            theme: ThemeChoice::System,
            reduce_motion: false,
            show_lights: true,
            show_timeline: true,
            show_log: true,
            show_board: false,
            show_faults: false,
            show_lessons: false,
            show_topics: false,
            show_brokers: false,
            board: Remembered::default(),
            zoom: None,
            filter: String::new(),
            hidden: vec![Category::Message],
            span_s: 60,
            junction: String::new(),
        }
    }
}

impl Settings {
    /// Whether `part` is shown.
    #[must_use]
    pub fn shows(&self, part: Part) -> bool {
        match part {
            Part::Lights => self.show_lights,
            Part::Timeline => self.show_timeline,
            Part::Log => self.show_log,
            Part::Board => self.show_board,
            Part::Faults => self.show_faults,
            Part::Lessons => self.show_lessons,
            Part::Topics => self.show_topics,
            Part::Brokers => self.show_brokers,
        }
    }

    /// Shows `part` if it is hidden, and the other way round.
    pub fn toggle(&mut self, part: Part) {
        let shown = self.switch(part);
        *shown = !*shown;
        // They are all on the left, where there is room for one.
        const ON_THE_LEFT: [Part; 5] =
            [Part::Board, Part::Faults, Part::Lessons, Part::Topics, Part::Brokers];
        if ON_THE_LEFT.contains(&part) && self.shows(part) {
            for other in ON_THE_LEFT.into_iter().filter(|other| *other != part) {
                *self.switch(other) = false;
            }
        }
    }

    /// Shows `part`, if it is hidden.
    pub fn open(&mut self, part: Part) {
        if !self.shows(part) {
            self.toggle(part);
        }
    }

    fn switch(&mut self, part: Part) -> &mut bool {
        match part {
            Part::Lights => &mut self.show_lights,
            Part::Timeline => &mut self.show_timeline,
            Part::Log => &mut self.show_log,
            Part::Board => &mut self.show_board,
            Part::Faults => &mut self.show_faults,
            Part::Lessons => &mut self.show_lessons,
            Part::Topics => &mut self.show_topics,
            Part::Brokers => &mut self.show_brokers,
        }
    }

    /// Hides `category` in the log, or shows it again.
    pub fn toggle_category(&mut self, category: Category) {
        if let Some(at) = self.hidden.iter().position(|hidden| *hidden == category) {
            self.hidden.swap_remove(at);
        } else {
            self.hidden.push(category);
        }
    }
}
