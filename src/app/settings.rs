//! What the window remembers from one run to the next.

use serde::{Deserialize, Serialize};

use crate::app::{board::form::Remembered, state::Category};

/// The key under which eframe stores the settings.
pub const STORAGE_KEY: &str = "twinlight-window";

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
    Timeline,
    Log,
}

/// The panel on the left, where there is room for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeftPanel {
    /// Flashes boards.
    Board,
    Faults,
    Lessons,
    Topics,
    Brokers,
    /// Checks somebody's own light.
    OwnLight,
    /// Lets a light be somebody else's.
    ForeignLight,
}

/// What a person asks of the window's appearance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsAction {
    ChooseTheme(ThemeChoice),
    TogglePart(Part),
    /// Show a panel on the left, in place of the one that is there, or hide it.
    ToggleLeft(LeftPanel),
    ReduceMotion(bool),
    /// Let single letters and digits act, or not.
    LetterKeys(bool),
    /// Zoom by the window's size again.
    AutomaticZoom,
    /// Show or hide events of this category in the log.
    ToggleCategory(Category),
    /// Show only log entries that contain this text.
    FilterLog(String),
    /// What the timeline spans, in seconds.
    SpanTimeline(u32),
}

/// Everything that is remembered. A member that an older version did not have gets its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub theme: ThemeChoice,
    /// Whether nothing moves but what changes.
    pub reduce_motion: bool,
    /// Whether single letters and digits act while nothing has the keyboard.
    pub letter_keys: bool,
    pub show_lights: bool,
    pub show_timeline: bool,
    pub show_log: bool,
    pub left: Option<LeftPanel>,
    /// What was filled in for boards, but for secrets.
    pub board: Remembered,
    /// Whether boards could join the broker in this program when the window was closed.
    pub boards_could_join: bool,
    /// The zoom that the user chose; `None` = by the size of the window.
    pub zoom: Option<f32>,
    pub filter: String,
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
            letter_keys: true,
            show_lights: true,
            show_timeline: true,
            show_log: true,
            left: None,
            board: Remembered::default(),
            boards_could_join: false,
            zoom: None,
            filter: String::new(),
            hidden: vec![Category::Message],
            span_s: 60,
            junction: String::new(),
        }
    }
}

/// The zoom that egui's own keys reach.
const ZOOMS: std::ops::RangeInclusive<f32> = 0.2..=5.0;

impl Settings {
    /// With what cannot be meant replaced by its default: the file may hold anything.
    #[must_use]
    pub fn checked(mut self) -> Settings {
        self.zoom = self.zoom.filter(|zoom| ZOOMS.contains(zoom));
        self
    }

    #[must_use]
    pub fn shows(&self, part: Part) -> bool {
        match part {
            Part::Lights => self.show_lights,
            Part::Timeline => self.show_timeline,
            Part::Log => self.show_log,
        }
    }

    pub fn perform(&mut self, action: SettingsAction) {
        match action {
            SettingsAction::ChooseTheme(theme) => self.theme = theme,
            SettingsAction::TogglePart(part) => {
                let shown = match part {
                    Part::Lights => &mut self.show_lights,
                    Part::Timeline => &mut self.show_timeline,
                    Part::Log => &mut self.show_log,
                };
                *shown = !*shown;
            }
            SettingsAction::ToggleLeft(panel) => {
                self.left = (self.left != Some(panel)).then_some(panel);
            }
            SettingsAction::ReduceMotion(on) => self.reduce_motion = on,
            SettingsAction::LetterKeys(on) => self.letter_keys = on,
            SettingsAction::AutomaticZoom => self.zoom = None,
            SettingsAction::ToggleCategory(category) => {
                if let Some(at) = self.hidden.iter().position(|hidden| *hidden == category) {
                    self.hidden.swap_remove(at);
                } else {
                    self.hidden.push(category);
                }
            }
            SettingsAction::FilterLog(text) => self.filter = text,
            SettingsAction::SpanTimeline(seconds) => self.span_s = seconds,
        }
    }
}
