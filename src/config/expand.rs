//! References to environment variables: `${NAME}` in a text is replaced by the variable's value,
//! so that a secret never stands in a file.

use crate::model::Diagnostic;

/// The name that stands for eight random hex digits, in the root topic alone.
pub(crate) const RANDOM: &str = "RANDOM";

/// Looks a variable up.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text with its references replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub text: String,
    /// Whether the file held the text itself, without any reference.
    pub(crate) literal: bool,
}

/// Why a text cannot be completed. Never holds a variable's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ExpandError {
    Unset(String),
    Empty(String),
    Unclosed,
    NotAName(String),
    RandomElsewhere,
}

/// Replaces the references in `text`. `random` says whether `${RANDOM}` has a meaning here.
pub(super) fn expand(text: &str, random: bool, env: Environment<'_>) -> Result<Expanded, ExpandError> {
    let mut expanded = Expanded { text: String::new(), literal: true };
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        let (name, after) = reference.split_once('}').ok_or(ExpandError::Unclosed)?;
        if !is_variable(name) {
            return Err(ExpandError::NotAName(name.to_owned()));
        }
        if name == RANDOM && !random {
            return Err(ExpandError::RandomElsewhere);
        }
        let value = env(name).ok_or_else(|| ExpandError::Unset(name.to_owned()))?;
        if value.is_empty() {
            return Err(ExpandError::Empty(name.to_owned()));
        }
        expanded.text += before;
        expanded.text += &value;
        expanded.literal = false;
        rest = after;
    }
    expanded.text += rest;
    Ok(expanded)
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl ExpandError {
    pub(super) fn diagnostic(&self) -> Diagnostic {
        match self {
            ExpandError::Unset(name) if name == RANDOM => Diagnostic::new(
                "the system gave no random number for ${RANDOM}",
                "write eight digits of your own in its place",
            ),
            ExpandError::Unset(name) => Diagnostic::new(
                format!("the environment variable {name} is not set"),
                format!("export {name}=… in this terminal (PowerShell: $env:{name} = \"…\") and start again"),
            ),
            ExpandError::Empty(name) => Diagnostic::new(
                format!("the environment variable {name} is empty"),
                format!("export {name}=… with its value"),
            ),
            ExpandError::Unclosed => Diagnostic::new("a ${ is not closed", "write it as ${NAME}"),
            ExpandError::NotAName(name) => Diagnostic::new(
                format!("${{{name}}} is not the name of an environment variable"),
                "use letters, digits and _, as in ${AIO_KEY}",
            ),
            ExpandError::RandomElsewhere => Diagnostic::new(
                "${RANDOM} is new with each start and works in root only",
                "use another variable here",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "AIO_KEY" => Some("k ${A}".to_owned()),
            "RANDOM" => Some("00c0ffee".to_owned()),
            "NOTHING" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn references_are_replaced_once_and_wherever_they_stand() {
        assert_eq!(
            expand("a/${AIO_KEY}/${AIO_KEY}b", false, &env),
            Ok(Expanded { text: "a/k ${A}/k ${A}b".to_owned(), literal: false })
        );
        assert_eq!(expand("$5 {x}", false, &env), Ok(Expanded { text: "$5 {x}".to_owned(), literal: true }));
        assert_eq!(expand("t-${RANDOM}", true, &env).map(|done| done.text), Ok("t-00c0ffee".to_owned()));
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        assert_eq!(expand("${AIO}", false, &env), Err(ExpandError::Unset("AIO".to_owned())));
        assert_eq!(expand("${NOTHING}", false, &env), Err(ExpandError::Empty("NOTHING".to_owned())));
        assert_eq!(expand("${AIO", false, &env), Err(ExpandError::Unclosed));
        assert_eq!(expand("${}", false, &env), Err(ExpandError::NotAName(String::new())));
        assert_eq!(expand("${1A}", false, &env), Err(ExpandError::NotAName("1A".to_owned())));
        assert_eq!(expand("${RANDOM}", false, &env), Err(ExpandError::RandomElsewhere));
    }
}
