//! Warnings and errors that are shown over the window for a while. All are in the log as well.

use std::collections::VecDeque;

use crate::world::event::Severity;

/// How long one is shown, in milliseconds.
pub(in crate::app) const SHOWN_MS: u64 = 8_000;

/// The most that are shown at once; the oldest makes room.
const MOST: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub(in crate::app) at_ms: u64,
    pub(crate) severity: Severity,
    pub text: String,
}

impl Notice {
    /// When it is not shown any more, on the world's clock.
    #[must_use]
    pub(in crate::app) fn over_ms(&self) -> u64 {
        self.at_ms.saturating_add(SHOWN_MS)
    }
}

/// The newest of them, oldest first. What is merely informative never enters, and so drives none away.
#[derive(Debug, Default)]
pub struct Notices {
    queue: VecDeque<Notice>,
}

impl Notices {
    pub(super) fn add(&mut self, at_ms: u64, severity: Severity, text: &str) {
        if severity == Severity::Info {
            return;
        }
        // The same again is one notice that stays longer.
        self.queue.retain(|known| known.text != text || known.severity != severity);
        if self.queue.len() == MOST {
            self.queue.pop_front();
        }
        self.queue.push_back(Notice { at_ms, severity, text: text.to_owned() });
    }

    /// All that are known, oldest first.
    pub(in crate::app) fn all(&self) -> impl Iterator<Item = &Notice> {
        self.queue.iter()
    }

    /// Those to be shown at `now_ms`, oldest first.
    pub(in crate::app) fn shown(&self, now_ms: u64) -> impl Iterator<Item = &Notice> {
        self.queue.iter().filter(move |notice| now_ms < notice.over_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(notices: &Notices, now_ms: u64) -> Vec<&str> {
        notices.shown(now_ms).map(|notice| notice.text.as_str()).collect()
    }

    #[test]
    fn each_is_shown_for_its_own_time_and_none_drives_another_away() {
        let mut notices = Notices::default();
        notices.add(0, Severity::Warning, "first");
        notices.add(5_000, Severity::Error, "second");
        notices.add(5_001, Severity::Info, "good to know");
        assert_eq!(texts(&notices, 5_001), ["first", "second"]);
        assert_eq!(texts(&notices, SHOWN_MS), ["second"]);
        assert_eq!(texts(&notices, 5_000 + SHOWN_MS), [""; 0]);
    }

    #[test]
    fn the_same_sentence_again_is_one_notice_and_the_oldest_makes_room() {
        let mut notices = Notices::default();
        for at_ms in 0..3 {
            notices.add(at_ms, Severity::Warning, "busy");
        }
        assert_eq!(texts(&notices, 3), ["busy"]);
        for number in 0..MOST {
            notices.add(4, Severity::Error, &number.to_string());
        }
        assert_eq!(texts(&notices, 5), ["0", "1", "2", "3"]);
    }
}
