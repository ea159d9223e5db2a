//! Which messages are shown one by one, where somebody looks or records: of a flood not each one.

use std::{collections::HashMap, time::Duration};

const WINDOW: Duration = Duration::from_secs(1);
/// Messages of one topic that are shown in a window. A light says a few in a second.
const OF_ONE_TOPIC: u32 = 50;
/// Messages of all topics, for each light of the configuration, and beside.
const FOR_EACH_LIGHT: u32 = 20;
const BESIDE: u32 = 500;
/// How often it is said that some were not shown.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// What was shown in this window.
#[derive(Debug)]
pub(super) struct Flow {
    most: u32,
    began: Duration,
    shown: u32,
    of_topic: HashMap<String, u32>,
    /// Not shown, and not said.
    unshown: u64,
    said: Option<Duration>,
}

impl Flow {
    pub(super) fn new(lights: usize) -> Flow {
        let lights = u32::try_from(lights).unwrap_or(u32::MAX);
        let most = FOR_EACH_LIGHT.saturating_mul(lights).saturating_add(BESIDE);
        Flow { most, began: Duration::ZERO, shown: 0, of_topic: HashMap::new(), unshown: 0, said: None }
    }

    /// A message came on `topic`; returns whether it is to be shown.
    pub(super) fn shows(&mut self, now: Duration, topic: &str) -> bool {
        if now >= self.began + WINDOW {
            (self.began, self.shown) = (now, 0);
            self.of_topic.clear();
        }
        let has_room = self.shown < self.most
            && match self.of_topic.get_mut(topic) {
                Some(shown) => {
                    *shown += 1;
                    *shown <= OF_ONE_TOPIC
                }
                None => self.of_topic.insert(topic.to_owned(), 1).is_none(),
            };
        if has_room {
            self.shown += 1;
        } else {
            self.unshown += 1;
        }
        has_room
    }

    /// How many were not shown, where it is time to say so.
    pub(super) fn unshown(&mut self, now: Duration) -> Option<u64> {
        if self.unshown == 0 || self.said.is_some_and(|said| now < said + SAID_EVERY) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unshown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_topic_leaves_the_others_theirs_and_is_said_now_and_then() {
        let (s, mut flow) = (Duration::from_secs, Flow::new(2));
        let shown = (0..60_000).filter(|_| flow.shows(s(1), "lab/demo/a/state")).count();
        assert_eq!(shown, 50);
        assert!(flow.shows(s(1), "lab/demo/b/state"));
        assert_eq!(flow.unshown(s(1)), Some(59_950));
        assert!(flow.shows(s(2), "lab/demo/a/state"), "a new second");
        let shown = (0..60_000).filter(|n| flow.shows(s(3), &format!("lab/x{n}"))).count();
        assert_eq!(shown, 540);
        assert!(flow.of_topic.len() <= 540);
        assert_eq!((flow.unshown(s(9)), flow.unshown(s(11))), (None, Some(59_460)));
    }
}
