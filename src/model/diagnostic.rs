//! A message for a person, and what to do about it.

use std::fmt;

/// An error or a warning for a person. `Display` gives the message alone, so that it can stand in a
/// longer one; whoever shows it also shows the help, on a line of its own where there is room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// What is wrong: a clause without a full stop.
    pub message: String,
    /// What to do next, as an imperative without a full stop.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Both are a clause without a full stop.
    #[must_use]
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic { message: message.into(), help: Some(help.into()) }
    }

    /// Message and help on one line, for logs, notices and members of JSON objects.
    #[must_use]
    pub fn one_line(&self) -> String {
        match &self.help {
            Some(help) => format!("{} (help: {help})", self.message),
            None => self.message.clone(),
        }
    }
}

impl<M: Into<String>, H: Into<String>> From<(M, H)> for Diagnostic {
    fn from((message, help): (M, H)) -> Diagnostic {
        Diagnostic::new(message, help)
    }
}

/// A message without a help: there is nothing to be done about it, or the message says all.
impl From<String> for Diagnostic {
    fn from(message: String) -> Diagnostic {
        Diagnostic { message, help: None }
    }
}

impl From<&str> for Diagnostic {
    fn from(message: &str) -> Diagnostic {
        Diagnostic::from(message.to_owned())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_stands_apart_from_the_message() {
        let both = Diagnostic::new("the port is in use", "choose another one");
        assert_eq!(both.to_string(), "the port is in use");
        assert_eq!(both.one_line(), "the port is in use (help: choose another one)");
        assert_eq!(Diagnostic::from("it is gone").one_line(), "it is gone");
    }
}
