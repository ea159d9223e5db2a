//! Somebody else's light: where it speaks and listens, and in which words.
//!
//! It knows nothing of this contract: no promises, no signatures. It publishes one word for what it shows, bare or in
//! JSON, and expects its partner's word in the same form.
//!
//! | module | one idea |
//! | --- | --- |
//! | `words` | which bytes stand for which aspect |
//! | `pointer` | where in a JSON object the word stands |
//! | `forms` | which payloads were told as not understood, each form once |

mod forms;
mod pointer;
mod words;

use core::fmt;

use heapless::String;
use serde::{Deserialize, Serialize};

pub use self::{
    forms::{Forms, Shown},
    pointer::{MAX_POINTER_BYTES, Pointer, PointerError},
    words::{MAX_WORD_BYTES, MAX_WORDS, Words, WordsError},
};
use crate::{aspect::Aspect, message::Message};

/// The most bytes of a foreign topic.
pub const MAX_FOREIGN_TOPIC_BYTES: usize = 128;
/// After how long of silence a foreign light is lost, unless something else is said.
pub const LOST_AFTER_MS: u32 = 30_000;
/// The shortest and the longest time that may be said instead: under a second anybody is lost, and an hour is for ever.
pub const LOST_AFTER_RANGE_MS: (u32, u32) = (1_000, 3_600_000);

/// A topic, as text.
pub type ForeignTopic = String<MAX_FOREIGN_TOPIC_BYTES>;

/// How to talk with one foreign light. Checked when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Foreign {
    says: ForeignTopic,
    hears: ForeignTopic,
    words: Words,
    json: Option<Pointer>,
    retain: bool,
    lost_after_ms: u32,
}

/// Why there is no talking with a foreign light like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignError {
    /// A topic is empty, too long, or holds a wildcard or a control character, or is the broker's own.
    Topic,
    /// It would publish where it listens: nobody could tell whose words are whose.
    OneTopic,
    Words(WordsError),
    /// Where its word stands in JSON.
    Pointer(PointerError),
    /// Not one of [`LOST_AFTER_RANGE_MS`].
    LostAfter,
}

impl Foreign {
    /// A light that publishes to `says`, listens to `hears`, and speaks in bare `words`.
    ///
    /// # Errors
    /// When a topic cannot be published to, or both are one.
    pub fn new(says: &str, hears: &str, words: Words) -> Result<Foreign, ForeignError> {
        let topic = |text: &str| {
            ForeignTopic::try_from(text).ok().filter(|text| is_topic(text)).ok_or(ForeignError::Topic)
        };
        if says == hears {
            return Err(ForeignError::OneTopic);
        }
        Ok(Foreign {
            says: topic(says)?,
            hears: topic(hears)?,
            words,
            json: None,
            retain: false,
            lost_after_ms: LOST_AFTER_MS,
        })
    }

    /// The same light, whose word stands at this place of a JSON object, or bare.
    #[must_use]
    pub fn with_json(self, json: Option<Pointer>) -> Foreign {
        Foreign { json, ..self }
    }

    /// The same light, for which the broker keeps what it is told, or does not.
    #[must_use]
    pub fn with_retain(self, retain: bool) -> Foreign {
        Foreign { retain, ..self }
    }

    /// The same light, lost after so long of silence.
    #[must_use]
    pub fn with_lost_after_ms(self, lost_after_ms: u32) -> Foreign {
        Foreign { lost_after_ms, ..self }
    }

    /// Whether it can be, however it came to be: one that was read from a flash may hold anything.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn check(&self) -> Result<(), ForeignError> {
        if self.says == self.hears {
            return Err(ForeignError::OneTopic);
        }
        if !is_topic(&self.says) || !is_topic(&self.hears) {
            return Err(ForeignError::Topic);
        }
        self.words.check().map_err(ForeignError::Words)?;
        if let Some(pointer) = &self.json {
            pointer.check().map_err(ForeignError::Pointer)?;
        }
        let (least, most) = LOST_AFTER_RANGE_MS;
        if (least..=most).contains(&self.lost_after_ms) { Ok(()) } else { Err(ForeignError::LostAfter) }
    }

    /// The topic that it publishes to.
    #[must_use]
    pub fn says(&self) -> &str {
        &self.says
    }

    /// The topic on which it expects its partner.
    #[must_use]
    pub fn hears(&self) -> &str {
        &self.hears
    }

    #[must_use]
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Where its word stands in JSON; `None` for bare words.
    #[must_use]
    pub fn json(&self) -> Option<&Pointer> {
        self.json.as_ref()
    }

    /// Whether the broker keeps what it is told.
    #[must_use]
    pub fn retain(&self) -> bool {
        self.retain
    }

    /// After how long of silence it is lost, in milliseconds.
    #[must_use]
    pub fn lost_after_ms(&self) -> u32 {
        self.lost_after_ms
    }

    /// What a payload of its says; `None` where it is none of its words.
    #[must_use]
    pub fn understand(&self, payload: &[u8]) -> Option<Aspect> {
        match &self.json {
            None => self.words.aspect_of(payload),
            Some(pointer) => pointer.find(payload, |value| self.words.aspect_of(value)),
        }
    }

    /// The payload that tells it what its partner shows; `None` where it has no word for anything like that.
    #[must_use]
    pub fn say(&self, aspect: Aspect) -> Option<Message> {
        let word = self.words.word_for(aspect)?;
        match &self.json {
            None => Message::from_slice(word.as_bytes()).ok(),
            Some(pointer) => pointer.object_with(word),
        }
    }
}

/// What an amber means that is heard after `before`: amber after green goes on, any other is what a beginner shows
/// before it knows anything, and as much as flashing.
#[must_use]
pub fn amber_after(before: Aspect, word: Aspect) -> Aspect {
    if word == Aspect::Amber && !before.is_go() { Aspect::FlashingAmber } else { word }
}

/// Whether a message can be published to `topic`, and a broker lets anybody do so.
#[must_use]
pub fn is_topic(topic: &str) -> bool {
    !topic.is_empty()
        && topic.len() <= MAX_FOREIGN_TOPIC_BYTES
        && !topic.starts_with('$')
        && !topic.chars().any(|c| matches!(c, '+' | '#') || c.is_control())
}

impl fmt::Display for ForeignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForeignError::Topic => write!(
                f,
                "a foreign light's topic has 1 to {MAX_FOREIGN_TOPIC_BYTES} bytes without wildcards and control characters"
            ),
            ForeignError::OneTopic => f.write_str("a foreign light cannot speak and listen on one topic"),
            ForeignError::Words(error) => write!(f, "a foreign light's words: {error}"),
            ForeignError::Pointer(error) => write!(f, "a foreign light's JSON pointer: {error}"),
            ForeignError::LostAfter => {
                let (least, most) = LOST_AFTER_RANGE_MS;
                write!(f, "a foreign light is lost after {least} to {most} ms")
            }
        }
    }
}

impl core::error::Error for ForeignError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cars(json: Option<&str>) -> Foreign {
        let words = Words::new(&[
            (Aspect::Red, "RED"),
            (Aspect::Amber, "YELLOW"),
            (Aspect::Amber, "AMBER"),
            (Aspect::Green, "GREEN"),
        ]);
        let json = json.map(|json| Pointer::new(json).unwrap());
        Foreign::new("cowboys/x/cars", "cowboys/y/cars", words.unwrap()).unwrap().with_json(json)
    }

    #[test]
    fn bare_words_are_understood_in_any_case_and_the_first_of_an_aspect_is_said() {
        let cars = cars(None);
        assert_eq!(cars.check(), Ok(()));
        for (payload, aspect) in [
            (&b"RED"[..], Some(Aspect::Red)),
            (b" green\r\n", Some(Aspect::Green)),
            (b"Amber\0", Some(Aspect::Amber)),
            (b"RED \0\n", Some(Aspect::Red)),
            (b"RED\0\0", None),
            (b"b'RED'", None),
            (b"", None),
            (b"\0", None),
            (b"\xFF\xFE", None),
            (b"{\"state\":\"RED\"}", None),
        ] {
            assert_eq!(cars.understand(payload), aspect, "{payload:?}");
        }
        for (aspect, word) in [
            (Aspect::Red, "RED"),
            (Aspect::RedAmber, "GREEN"),
            (Aspect::Green, "GREEN"),
            (Aspect::Amber, "YELLOW"),
            (Aspect::FlashingAmber, "RED"),
        ] {
            assert_eq!(cars.say(aspect).unwrap(), word.as_bytes());
        }
    }

    #[test]
    fn words_in_json_are_found_wherever_the_pointer_leads_and_said_there() {
        let flat = cars(Some("/state"));
        assert_eq!(flat.understand(br#"{"id":7,"state":"green"}"#), Some(Aspect::Green));
        assert_eq!(flat.understand(b"green"), None, "it is to be in JSON");
        assert_eq!(flat.say(Aspect::Green).unwrap(), br#"{"state":"GREEN"}"#);
        let deep = cars(Some("/light/a~1b"));
        assert_eq!(deep.understand(br#"{"light":{"x":[1,{"a/b":"no"}],"a/b":"RED"}}"#), Some(Aspect::Red));
        assert_eq!(deep.say(Aspect::Red).unwrap(), br#"{"light":{"a/b":"RED"}}"#);
    }

    #[test]
    fn a_topic_is_whole_and_speaking_and_listening_are_two() {
        let words = || Words::new(&[(Aspect::Red, "R"), (Aspect::Green, "G")]).unwrap();
        for bad in ["", "a/+", "#", "$SYS/x", "a\0"] {
            assert_eq!(Foreign::new(bad, "ok", words()), Err(ForeignError::Topic), "{bad:?}");
        }
        assert_eq!(Foreign::new("x", "x", words()), Err(ForeignError::OneTopic));
    }

    #[test]
    fn amber_goes_on_after_green_and_is_caution_else() {
        assert_eq!(amber_after(Aspect::Green, Aspect::Amber), Aspect::Amber);
        assert_eq!(amber_after(Aspect::Amber, Aspect::Amber), Aspect::Amber);
        for before in [Aspect::Dark, Aspect::Red, Aspect::FlashingAmber] {
            assert_eq!(amber_after(before, Aspect::Amber), Aspect::FlashingAmber);
        }
        assert_eq!(amber_after(Aspect::Green, Aspect::Red), Aspect::Red);
    }
}
