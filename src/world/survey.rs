//! What speaks on the broker beside this program's own lights: topics, words, how often, and who. Bounded, whatever passes:
//! so many topics, so many words of each. Pure: the time comes in.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// Topics that are told apart.
const MOST_TOPICS: usize = 64;
/// Different payloads of a topic.
const MOST_FORMS: usize = 8;
/// Characters of a payload; a light's word is shorter, with the JSON around it.
const MOST_CHARS: usize = 120;
/// A topic that was silent for so long makes room for another one.
const STALE: Duration = Duration::from_secs(60);

/// What was heard since the listening began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Survey {
    /// What is listened to.
    pub filter: String,
    /// Whether the broker has granted that.
    pub listens: bool,
    /// Why it does not, where that is known.
    pub trouble: Option<String>,
    /// In the order of their names.
    pub topics: Vec<SurveyTopic>,
    /// Messages on topics that there was no room for.
    pub left_out: u64,
}

/// What passes on one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SurveyTopic {
    pub topic: Arc<str>,
    /// Messages so far, without a retained one.
    pub messages: u64,
    /// The first and the last of them, in milliseconds since the world's start.
    pub first_ms: u64,
    pub last_ms: u64,
    /// The last payload as text, cut off where it is long.
    pub last: Arc<str>,
    /// The payloads that differ, as far as they are kept, in the order in which they came.
    pub forms: Vec<Arc<str>>,
    /// Who publishes here, where the broker in this program or a port has seen it.
    pub client: Option<String>,
    /// What that client has subscribed to.
    pub filters: Vec<String>,
}

impl SurveyTopic {
    /// The mean time from one message to the next, in milliseconds.
    #[must_use]
    pub fn every_ms(&self) -> Option<u64> {
        let steps = self.messages.checked_sub(1).filter(|steps| *steps > 0)?;
        Some(self.last_ms.saturating_sub(self.first_ms) / steps)
    }
}

/// Takes in what is heard. Time is passed in.
#[derive(Debug, Default)]
pub(super) struct SurveyBook {
    topics: BTreeMap<Arc<str>, SurveyTopic>,
    left_out: u64,
}

impl SurveyBook {
    pub(super) fn topics(&self) -> impl Iterator<Item = &SurveyTopic> {
        self.topics.values()
    }

    /// Messages on topics that there was no room for.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn hear(&mut self, now_ms: u64, topic: &str, payload: &[u8], retained: bool) {
        if !self.topics.contains_key(topic) && !self.make_room(now_ms) {
            self.left_out += 1;
            return;
        }
        let name: Arc<str> = topic.into();
        let known = self.topics.entry(name.clone()).or_insert_with(|| SurveyTopic {
            topic: name,
            first_ms: now_ms,
            ..SurveyTopic::default()
        });
        if !retained {
            if known.messages == 0 {
                known.first_ms = now_ms;
            }
            known.messages += 1;
        }
        known.last_ms = now_ms;
        let start = payload.get(..4 * MOST_CHARS).unwrap_or(payload);
        let text: Arc<str> =
            String::from_utf8_lossy(start).chars().take(MOST_CHARS).collect::<String>().into();
        if known.forms.len() < MOST_FORMS && !known.forms.contains(&text) {
            known.forms.push(text.clone());
        }
        known.last = text;
    }

    /// Whether one more topic fits, perhaps in place of a stale one.
    fn make_room(&mut self, now_ms: u64) -> bool {
        if self.topics.len() < MOST_TOPICS {
            return true;
        }
        let stale_ms = u64::try_from(STALE.as_millis()).unwrap_or(u64::MAX);
        let oldest = self.topics.values().min_by_key(|known| (known.messages > 0, known.last_ms));
        let gives_way =
            |known: &&SurveyTopic| known.messages == 0 || now_ms.saturating_sub(known.last_ms) > stale_ms;
        let oldest = oldest.filter(gives_way).map(|known| known.topic.clone());
        oldest.is_some_and(|oldest| self.topics.remove(&oldest).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_keeps_its_last_word_its_forms_and_how_often_it_speaks() {
        let mut book = SurveyBook::default();
        book.hear(1, "lab/b", b"OLD", true);
        for (ms, word) in [(1_000, "RED"), (3_000, "GREEN"), (5_000, "RED")] {
            book.hear(ms, "lab/b", word.as_bytes(), false);
        }
        let topic = &book.topics["lab/b"];
        assert_eq!((topic.messages, topic.every_ms(), &*topic.last), (3, Some(2_000), "RED"));
        assert_eq!(topic.forms.iter().map(|form| &**form).collect::<Vec<_>>(), ["OLD", "RED", "GREEN"]);
        for number in 0..1_000 {
            book.hear(6_000, "lab/b", format!("{number}{}", "x".repeat(9_000)).as_bytes(), false);
        }
        let topic = &book.topics["lab/b"];
        assert_eq!((topic.forms.len(), topic.last.chars().count()), (MOST_FORMS, MOST_CHARS));
    }

    #[test]
    fn of_too_many_topics_the_silent_ones_give_way_and_the_rest_is_counted() {
        let mut book = SurveyBook::default();
        for number in 0..MOST_TOPICS {
            book.hear(0, &format!("kept/{number}"), b"x", true);
        }
        book.hear(1, "lab/b", b"RED", false);
        assert!(book.topics.contains_key("lab/b"), "what the broker only retains gives way");
        for number in 0..2 * MOST_TOPICS {
            book.hear(2, &format!("flood/{number}"), b"x", false);
        }
        assert_eq!(book.topics.len(), MOST_TOPICS);
        assert_eq!(book.left_out, 1 + u64::try_from(MOST_TOPICS).unwrap());
        book.hear(70_000, "late", b"GREEN", false);
        assert!(book.topics.contains_key("late"), "what was silent for a minute gives way");
    }
}
