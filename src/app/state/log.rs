//! The event log: bounded, and never formatted before it is shown where that can be helped.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::model::LightId;

/// The most entries kept besides messages.
const MAX_ENTRIES: usize = 2_000;

/// The most messages kept. They have a ring of their own, for they would drive out all else.
const MAX_MESSAGES: usize = 1_000;

/// What an entry is about; the log can be filtered by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Category {
    /// Two lights have right of way at once.
    Conflict,
    /// A failure put in on purpose.
    Fault,
    /// A link or the broker came or went.
    Link,
    /// A light changed what it shows, or came or went.
    Light,
    /// A message passed the broker.
    Message,
    /// A refusal, a message ignored, a warning.
    Notice,
}

impl Category {
    pub(in crate::app) const ALL: [Category; 6] = [
        Category::Conflict,
        Category::Fault,
        Category::Link,
        Category::Light,
        Category::Message,
        Category::Notice,
    ];

    #[must_use]
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Category::Conflict => "Conflicts",
            Category::Fault => "Faults",
            Category::Link => "Links",
            Category::Light => "Lights",
            Category::Message => "Messages",
            Category::Notice => "Notices",
        }
    }
}

/// An entry's sentence; kept in the form that costs least to make.
#[derive(Clone, Debug)]
pub enum Text {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl Text {
    #[must_use]
    pub(in crate::app) fn as_str(&self) -> &str {
        match self {
            Text::Fixed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Text {
        Text::Fixed(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text::Shared(text.into())
    }
}

#[derive(Clone, Debug)]
pub struct Entry {
    /// Counts up over all entries.
    pub(super) number: u64,
    pub(in crate::app) at_ms: u64,
    pub category: Category,
    pub(in crate::app) light: Option<LightId>,
    /// A word before the sentence, such as a message's topic.
    pub(crate) lead: &'static str,
    pub(in crate::app) text: Text,
}

impl Entry {
    /// Whether the entry holds `needle`, which is in lower case; an empty one is in all.
    #[must_use]
    pub(super) fn holds(&self, needle: &str) -> bool {
        needle.is_empty()
            || contains_ignoring_case(self.text.as_str(), needle)
            || contains_ignoring_case(self.lead, needle)
            || self.light.as_ref().is_some_and(|light| {
                // A name is lower case already; look into both parts and across the slash.
                light.junction.as_str().contains(needle)
                    || light.light.as_str().contains(needle)
                    || (needle.contains('/') && light.to_string().contains(needle))
            })
    }
}

/// Whether `text` holds `needle` (lower case), without making a copy of the text.
fn contains_ignoring_case(text: &str, needle: &str) -> bool {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    text.len() >= needle.len() && text.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    messages: VecDeque<Entry>,
    count: u64,
}

impl Log {
    /// Adds a line; the oldest goes when the log is full.
    pub(super) fn add(
        &mut self,
        at_ms: u64,
        category: Category,
        light: Option<LightId>,
        lead: &'static str,
        text: impl Into<Text>,
    ) {
        self.count += 1;
        let (ring, most) = match category {
            Category::Message => (&mut self.messages, MAX_MESSAGES),
            _ => (&mut self.entries, MAX_ENTRIES),
        };
        if ring.len() == most {
            ring.pop_front();
        }
        ring.push_back(Entry { number: self.count, at_ms, category, light, lead, text: text.into() });
    }

    /// How many lines have ever been added.
    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The entries that pass the filter, oldest first. `needle` is in lower case.
    #[must_use]
    pub(in crate::app) fn filtered(&self, needle: &str, hidden: &[Category]) -> Vec<&Entry> {
        let passes = |entry: &&Entry| !hidden.contains(&entry.category) && entry.holds(needle);
        let mut entries = self.entries.iter().filter(passes).peekable();
        if hidden.contains(&Category::Message) {
            return entries.collect();
        }
        let mut messages = self.messages.iter().filter(passes).peekable();
        let mut merged = Vec::with_capacity(self.entries.len() + self.messages.len());
        loop {
            let first = match (entries.peek(), messages.peek()) {
                (Some(entry), Some(message)) if entry.number < message.number => entries.next(),
                (_, Some(_)) => messages.next(),
                (_, None) => entries.next(),
            };
            match first {
                Some(entry) => merged.push(entry),
                None => return merged,
            }
        }
    }
}
