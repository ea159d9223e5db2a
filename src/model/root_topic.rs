//! The root topic: what stands before the junction in every topic.

use std::fmt;

use super::Diagnostic;

/// The most bytes of a root topic.
pub const MAX_ROOT_BYTES: usize = 128;

/// One or more topic levels, such as `twinlight` or `lab/group-7`: at most 128 bytes, without
/// wildcards, control characters and empty levels, and not starting with `$` (which MQTT keeps for
/// the broker itself: MQTT 3.1.1, section 4.7.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RootTopic(String);

/// Why a text is not a root topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootError {
    /// Over 128 bytes.
    TooLong,
    /// It holds `+`, `#` or a control character.
    Character(char),
    /// It is empty, begins or ends with `/`, or holds `//`.
    EmptyLevel,
    /// It begins with `$`.
    Reserved,
}

impl RootTopic {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// When `text` cannot stand at the beginning of every topic.
    pub(crate) fn new(text: &str) -> Result<RootTopic, RootError> {
        if text.len() > MAX_ROOT_BYTES {
            return Err(RootError::TooLong);
        }
        if let Some(bad) = text.chars().find(|c| matches!(c, '+' | '#') || c.is_control()) {
            return Err(RootError::Character(bad));
        }
        if text.split('/').any(str::is_empty) {
            return Err(RootError::EmptyLevel);
        }
        if text.starts_with('$') {
            return Err(RootError::Reserved);
        }
        Ok(RootTopic(text.to_owned()))
    }

    /// The topic as text, without a `/` at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RootTopic {
    /// `twinlight`.
    fn default() -> RootTopic {
        RootTopic("twinlight".to_owned())
    }
}

impl fmt::Display for RootTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl RootError {
    /// What is wrong with the text, and how to mend it.
    #[must_use]
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        match self {
            RootError::TooLong => {
                Diagnostic::new("it is too long", format!("make it at most {MAX_ROOT_BYTES} bytes"))
            }
            RootError::Character(bad) => Diagnostic::new(
                format!("a root topic must not contain {bad:?}"),
                "use letters, digits, - and /",
            ),
            RootError::EmptyLevel => Diagnostic::new(
                "a root topic has no empty level",
                "leave out / at the beginning and end, and //",
            ),
            RootError::Reserved => Diagnostic::new(
                "topics that begin with $ belong to the broker",
                "begin with another character",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_topic_has_whole_levels_without_wildcards() {
        for good in ["twinlight", "lab/group-7", "å/ä", "a$", &"x".repeat(128)] {
            assert_eq!(RootTopic::new(good).as_ref().map(RootTopic::as_str), Ok(good));
        }
        for (bad, why) in [
            ("", RootError::EmptyLevel),
            ("/a", RootError::EmptyLevel),
            ("a/", RootError::EmptyLevel),
            ("a//b", RootError::EmptyLevel),
            ("a/+", RootError::Character('+')),
            ("#", RootError::Character('#')),
            ("a\0", RootError::Character('\0')),
            ("$SYS/a", RootError::Reserved),
            (&"x".repeat(129), RootError::TooLong),
        ] {
            assert_eq!(RootTopic::new(bad), Err(why), "{bad:?}");
        }
    }
}
