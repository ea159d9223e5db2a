//! The scenarios that can be played: those that come with the program, and the one that the command line
//! named.

use super::player::source::PlaybackSource;
use crate::scenario::{Lesson, Scenario, lessons};

/// What is typed in the lessons panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LessonsForm {
    pub(super) seed: String,
    /// The file of a recording: the last one that was made here, or what was typed.
    pub(super) recording: String,
}

impl LessonsForm {
    /// The seed, where it is a number.
    #[must_use]
    pub(super) fn seed(&self) -> Option<u64> {
        self.seed.trim().parse().ok()
    }
}

/// Owns the list and what is typed for it.
#[derive(Debug)]
pub(super) struct Lessons {
    /// In the order of the list: what the command line named comes first.
    pub(super) entries: Vec<Scenario>,
    pub(super) form: LessonsForm,
    /// Whether those that come with the program are among them.
    read: bool,
}

impl Default for Lessons {
    fn default() -> Lessons {
        let form = LessonsForm { seed: "1".to_owned(), recording: String::new() };
        Lessons { entries: Vec::new(), form, read: false }
    }
}

impl Lessons {
    /// Reads the lessons that come with the program, once they are looked for. `recorded_to` is the file
    /// that the live lab is being recorded to.
    pub(super) fn fill_in(&mut self, recorded_to: Option<&String>) {
        if !self.read {
            self.read = true;
            self.entries.extend(lessons().iter().map(Lesson::scenario));
        }
        if let Some(file) = recorded_to {
            self.form.recording.clone_from(file);
        }
    }

    /// What plays the one at `place`.
    ///
    /// # Errors
    /// Why it cannot be played here.
    pub(super) fn source(&self, place: usize, seed: u64) -> Result<PlaybackSource, String> {
        let lesson = self.entries.get(place).ok_or("There is no such lesson.")?;
        PlaybackSource::simulation(lesson.clone(), seed)
    }
}
