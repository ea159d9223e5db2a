//! What the window remembers from one run to the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::app::{board::form::Remembered, state::Category};

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
    /// Width and height of the window where it is not maximized, in points without zoom; `None` = the default.
    pub size: Option<(u32, u32)>,
    pub maximized: bool,
    /// Width or height of panels by their name, in points.
    pub panels: BTreeMap<String, f32>,
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
            size: None,
            maximized: false,
            panels: BTreeMap::new(),
            filter: String::new(),
            hidden: vec![Category::Message],
            span_s: 60,
            junction: String::new(),
        }
    }
}

/// The zoom that egui's own keys reach.
const ZOOMS: std::ops::RangeInclusive<f32> = 0.2..=5.0;
/// The smallest window, in points without zoom, and the largest that is remembered.
pub(super) const LEAST_SIZE: (u32, u32) = (760, 480);
const MOST_SIZE: (u32, u32) = (16_384, 16_384);
/// Panels have limits of their own within these.
const PANEL_SIZES: std::ops::RangeInclusive<f32> = 40.0..=2_000.0;
const SPANS_S: std::ops::RangeInclusive<u32> = 5..=600;
const MAX_FILTER_BYTES: usize = 1_024;

fn fits((width, height): &(u32, u32)) -> bool {
    (LEAST_SIZE.0..=MOST_SIZE.0).contains(width) && (LEAST_SIZE.1..=MOST_SIZE.1).contains(height)
}

impl Settings {
    /// Reads what [`Settings::to_toml`] wrote. Each member that cannot be read gets its default.
    #[must_use]
    pub fn from_toml(text: &str) -> Settings {
        let Ok(mut table) = text.parse::<toml::Table>() else { return Settings::default() };
        table.retain(|name, value| {
            let alone = toml::Table::from_iter([(name.to_owned(), value.clone())]);
            alone.try_into::<Settings>().is_ok()
        });
        table.try_into::<Settings>().unwrap_or_default().checked()
    }

    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// With what cannot be meant replaced by its default: the file may hold anything.
    #[must_use]
    pub fn checked(mut self) -> Settings {
        let default = Settings::default();
        self.zoom = self.zoom.filter(|zoom| ZOOMS.contains(zoom));
        self.size = self.size.filter(fits);
        self.panels.retain(|_, size| PANEL_SIZES.contains(size));
        if !SPANS_S.contains(&self.span_s) {
            self.span_s = default.span_s;
        }
        if self.filter.len() > MAX_FILTER_BYTES || self.filter.contains('\0') {
            self.filter = default.filter;
        }
        self
    }

    /// The size of a window that is so many points wide and high without zoom; `None` where that cannot be
    /// remembered.
    #[must_use]
    pub(super) fn size_of(width: f32, height: f32) -> Option<(u32, u32)> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast to integers saturates"
        )]
        let whole = |points: f32| points.round() as u32;
        Some((whole(width), whole(height))).filter(fits)
    }

    /// Remembers the width or height of a panel.
    pub(super) fn panel_resized(&mut self, name: &str, size: f32) {
        let size = size.round();
        if PANEL_SIZES.contains(&size) && self.panels.get(name) != Some(&size) {
            self.panels.insert(name.to_owned(), size);
        }
    }

    /// The width or height that a panel had; `default` where none is remembered.
    #[must_use]
    pub(super) fn panel_size(&self, name: &str, default: f32) -> f32 {
        self.panels.get(name).copied().unwrap_or(default)
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
