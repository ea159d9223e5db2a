//! The words of a light: which it says, which it is told, and how they stand in a message.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Payload;

/// What a light says that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    Red,
    RedAmber,
    Green,
    Amber,
    Dark,
}

impl Shown {
    /// Whether its traffic may start or move: amber is judged by what came before it.
    #[must_use]
    pub(super) fn is_go(self) -> bool {
        matches!(self, Shown::RedAmber | Shown::Green)
    }

    /// For people.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Shown::Red => "red",
            Shown::RedAmber => "red-amber",
            Shown::Green => "green",
            Shown::Amber => "amber",
            Shown::Dark => "dark",
        }
    }
}

/// The words for each aspect. Any of them is understood, the first is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vocabulary {
    pub(crate) red: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) red_amber: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) amber: Vec<String>,
    pub(crate) green: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dark: Vec<String>,
    /// The JSON pointer at which the word stands; `None`: the payload is the word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<String>,
}

/// How it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// A file says it.
    Given,
    /// Its words are usual ones.
    Dictionary,
    /// It yielded when its partner said one of them.
    Trial,
}

/// What is known of a light.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The topic that it publishes to.
    pub(crate) says: String,
    /// The filter that it subscribes to.
    pub(crate) hears: String,
    /// The topic on which its partner speaks: one that `hears` matches.
    pub(crate) topic: String,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) source: Source,
}

impl Vocabulary {
    /// The words for an aspect.
    #[must_use]
    pub(crate) fn words(&self, shown: Shown) -> &[String] {
        match shown {
            Shown::Red => &self.red,
            Shown::RedAmber => &self.red_amber,
            Shown::Green => &self.green,
            Shown::Amber => &self.amber,
            Shown::Dark => &self.dark,
        }
    }

    /// What a message says; `None` where it is not understood.
    #[must_use]
    pub(super) fn understand(&self, payload: &Payload) -> Option<Shown> {
        let text = text(payload)?;
        let found = match &self.json {
            None => text.to_owned(),
            Some(pointer) => scalar(serde_json::from_str::<Value>(text).ok()?.pointer(pointer)?)?,
        };
        let found = found.trim();
        let all = [Shown::Red, Shown::RedAmber, Shown::Green, Shown::Amber, Shown::Dark];
        let exactly = |shown: &Shown| self.words(*shown).iter().any(|word| word == found);
        let lower = found.to_lowercase();
        let loosely = |shown: &Shown| self.words(*shown).iter().any(|word| word.to_lowercase() == lower);
        all.into_iter().find(exactly).or_else(|| all.into_iter().find(loosely))
    }

    /// The message that says `shown`. Without a word of its own, red-amber is said as green, since the right of way has
    /// begun; anything else as red.
    #[must_use]
    pub(super) fn encode(&self, shown: Shown) -> Payload {
        let own = self.words(shown).first();
        let instead = if shown == Shown::RedAmber { &self.green } else { &self.red };
        let word = own.or(instead.first()).or(self.red.first()).map_or("red", String::as_str);
        self.wrap(word)
    }

    /// `word` as a message of this light's form.
    #[must_use]
    pub(super) fn wrap(&self, word: &str) -> Payload {
        let Some(pointer) = &self.json else { return Payload(word.as_bytes().to_vec()) };
        let mut value = word.parse::<i64>().map_or_else(|_| Value::from(word), Value::from);
        for member in pointer.split('/').skip(1).collect::<Vec<_>>().into_iter().rev() {
            let member = member.replace("~1", "/").replace("~0", "~");
            value = Value::Object([(member, value)].into_iter().collect());
        }
        Payload(value.to_string().into_bytes())
    }
}

/// The text of a payload, without white space around it and one closing NUL.
#[must_use]
pub(super) fn text(payload: &Payload) -> Option<&str> {
    let bytes = payload.0.strip_suffix(b"\0").unwrap_or(&payload.0);
    Some(std::str::from_utf8(bytes).ok()?.trim())
}

/// A value that can be a word.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl fmt::Display for Profile {
    /// One sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Profile { says, hears, vocabulary, source, .. } = self;
        write!(f, "it says on {says} and hears on {hears}")?;
        let listed = [Shown::Red, Shown::RedAmber, Shown::Amber, Shown::Green]
            .into_iter()
            .filter_map(|shown| Some((shown, vocabulary.words(shown).first()?)))
            .map(|(shown, word)| format!("\"{word}\" is {}", shown.name()));
        write!(f, "; {}", listed.collect::<Vec<_>>().join(", "))?;
        if let Some(pointer) = &vocabulary.json {
            write!(f, ", at {pointer} of a JSON object")?;
        }
        f.write_str(match source {
            Source::Given => " (as given)",
            Source::Dictionary => "",
            Source::Trial => " (found by trial)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let of = |word: &str| vec![word.to_owned()];
        Vocabulary { red: of("RED"), amber: of("YELLOW"), green: of("GREEN"), ..Vocabulary::default() }
    }

    #[test]
    fn words_are_trimmed_and_case_counts_last() {
        let payload = |text: &str| Payload(text.as_bytes().to_vec());
        let vocabulary = vocabulary();
        assert_eq!(vocabulary.understand(&payload(" GREEN\r\n\0")), Some(Shown::Green));
        assert_eq!(vocabulary.understand(&payload("yellow")), Some(Shown::Amber));
        assert_eq!(vocabulary.understand(&payload("{\"state\":\"red\"}")), None);
        assert_eq!(vocabulary.understand(&Payload(vec![0xff])), None);
        let tricky = Vocabulary { red: vec!["g".to_owned()], green: vec!["G".to_owned()], ..vocabulary };
        assert_eq!(tricky.understand(&payload("G")), Some(Shown::Green), "exactly first");
    }

    #[test]
    fn a_word_in_json_is_found_and_said_at_its_pointer() {
        let json = Vocabulary { json: Some("/light/state".to_owned()), ..vocabulary() };
        let said = json.encode(Shown::RedAmber);
        assert_eq!(said.0, br#"{"light":{"state":"GREEN"}}"#, "red-amber is said as green");
        assert_eq!(json.understand(&said), Some(Shown::Green));
    }
}
