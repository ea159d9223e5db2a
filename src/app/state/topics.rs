//! What passed the broker below the root topic, topic by topic: the last values, how often, and what the
//! broker retains. Bounded: so many topics, so many values of each.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::rate::Rate;

/// The most topics. Five hundred lights have a thousand and a few more.
pub(super) const MAX_TOPICS: usize = 1_200;
/// The most values of one topic.
pub(super) const MAX_VALUES: usize = 50;
/// The most values of one topic where there are many topics.
const FEW_VALUES: usize = 10;
const MANY_TOPICS: usize = 200;

#[derive(Clone, Debug)]
pub struct Value {
    pub(in crate::app) at_ms: u64,
    /// The payload as text, cut off where it is very long.
    pub payload: Arc<str>,
    /// How many bytes the whole payload has.
    pub bytes: usize,
    /// Whether the broker delivered it as a retained message.
    pub(in crate::app) retained: bool,
    /// The quality of service that it was delivered with.
    pub(in crate::app) qos: u8,
}

#[derive(Debug, Default)]
pub struct Topic {
    /// Messages so far, without those that the broker delivered again because it retains them.
    pub messages: u64,
    /// When the broker last delivered a retained message here; `None` where it never did, or has deleted
    /// it.
    pub(crate) retained_at_ms: Option<u64>,
    values: VecDeque<Value>,
    rate: Rate,
}

/// All topics, in the order of their names.
#[derive(Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<Arc<str>, Topic>,
    /// Messages on topics that there was no room for.
    pub(crate) left_out: u64,
}

impl Topics {
    pub(super) fn heard(&mut self, name: &Arc<str>, value: Value) {
        let most = if self.by_name.len() > MANY_TOPICS { FEW_VALUES } else { MAX_VALUES };
        if let Some(topic) = self.by_name.get_mut(name) {
            topic.heard(value, most);
        } else if self.by_name.len() < MAX_TOPICS {
            self.by_name.entry(name.clone()).or_default().heard(value, most);
        } else {
            self.left_out += 1;
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// All topics, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Topic)> {
        self.by_name.iter()
    }

    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    #[must_use]
    pub(in crate::app) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl Topic {
    fn heard(&mut self, value: Value, most: usize) {
        if value.retained {
            self.retained_at_ms = Some(value.at_ms);
            // Asked for again, it is what was heard already.
            if self.values.iter().any(|known| known.payload == value.payload && known.bytes == value.bytes) {
                return;
            }
        } else {
            self.messages += 1;
            self.rate.count(value.at_ms);
            if value.bytes == 0 {
                // That is how a retained message is deleted.
                self.retained_at_ms = None;
            }
        }
        while self.values.len() >= most {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    #[must_use]
    pub fn last(&self) -> Option<&Value> {
        self.values.back()
    }

    /// The values that are remembered, oldest first.
    #[must_use]
    pub(in crate::app) fn values(&self) -> &VecDeque<Value> {
        &self.values
    }

    /// Messages a second over the last seconds.
    #[must_use]
    pub(crate) fn per_second(&self, now_ms: u64) -> f32 {
        self.rate.per_second(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(at_ms: u64, payload: &str, retained: bool) -> Value {
        Value { at_ms, payload: payload.into(), bytes: payload.len(), retained, qos: 1 }
    }

    fn payloads(topics: &Topics, name: &str) -> Vec<String> {
        topics.get(name).unwrap().values().iter().map(|value| value.payload.to_string()).collect()
    }

    #[test]
    fn a_topic_remembers_its_last_values_and_how_often_it_spoke() {
        let (mut topics, name): (Topics, Arc<str>) = (Topics::default(), "t/a".into());
        for number in 0..200_u64 {
            topics.heard(&name, value(number * 250, &number.to_string(), false));
        }
        let topic = topics.get("t/a").unwrap();
        assert_eq!((topic.messages, topic.values().len()), (200, MAX_VALUES));
        assert_eq!(topic.last().unwrap().payload.as_ref(), "199");
        assert!((topic.per_second(50_000) - 4.0).abs() < 0.01);
    }

    #[test]
    fn what_the_broker_retains_is_marked_until_it_is_deleted() {
        let (mut topics, name): (Topics, Arc<str>) = (Topics::default(), "t/a".into());
        topics.heard(&name, value(1, "old", true));
        topics.heard(&name, value(2, "new", false));
        topics.heard(&name, value(3, "new", true));
        let topic = topics.get("t/a").unwrap();
        assert_eq!((topic.retained_at_ms, topic.messages), (Some(3), 1));
        assert_eq!(payloads(&topics, "t/a"), ["old", "new"], "what is told again is no further value");
        topics.heard(&name, value(4, "", false));
        assert_eq!(topics.get("t/a").unwrap().retained_at_ms, None);
    }

    #[test]
    fn too_many_topics_are_counted_and_not_kept() {
        let mut topics = Topics::default();
        for number in 0..MAX_TOPICS + 7 {
            topics.heard(&format!("t/{number}").into(), value(1, "x", false));
        }
        assert_eq!((topics.len(), topics.left_out), (MAX_TOPICS, 7));
        let known: Arc<str> = "t/3".into();
        for _ in 0..FEW_VALUES * 2 {
            topics.heard(&known, value(2, "y", false));
        }
        assert_eq!(payloads(&topics, "t/3").len(), FEW_VALUES);
    }
}
