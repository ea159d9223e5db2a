//! What is known of somebody else's light beside what it shows: how to talk with it, what it said and was told, and how
//! its last connection ended.

use std::{collections::VecDeque, sync::Arc};

use traffic_light::{Aspect, Foreign};

use super::{Value, light::push_bounded};

/// The most words kept for its card.
const MAX_WORDS: usize = 6;

/// A payload on one of its topics.
#[derive(Clone, Debug)]
pub struct ForeignMessage {
    pub at_ms: u64,
    pub payload: Arc<str>,
    /// What it says; `None` where it is none of its words.
    pub aspect: Option<Aspect>,
}

#[derive(Clone, Debug)]
pub struct ForeignState {
    pub foreign: Foreign,
    /// What it said, the newest last.
    pub said: VecDeque<ForeignMessage>,
    /// What it was told last.
    pub told: Option<ForeignMessage>,
}

impl ForeignState {
    pub(super) fn new(foreign: Foreign) -> ForeignState {
        ForeignState { foreign, said: VecDeque::new(), told: None }
    }

    /// A message on a topic, which may be none of its own.
    pub(super) fn heard(&mut self, topic: &str, value: &Value) {
        // What the broker kept was said before.
        if value.retained {
            return;
        }
        let word = |foreign: &Foreign| ForeignMessage {
            at_ms: value.at_ms,
            payload: value.payload.clone(),
            aspect: foreign.understand(value.payload.as_bytes()),
        };
        if topic == self.foreign.says() {
            push_bounded(&mut self.said, word(&self.foreign), MAX_WORDS);
        } else if topic == self.foreign.hears() {
            self.told = Some(word(&self.foreign));
        }
    }

    /// Whether the last that it was told is what a partner says that shows `aspect`.
    #[must_use]
    pub fn knows(&self, aspect: Aspect) -> bool {
        let right = self.foreign.say(aspect);
        self.told.as_ref().is_some_and(|told| right.is_some_and(|right| right == told.payload.as_bytes()))
    }
}
