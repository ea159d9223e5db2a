//! What was typed for the variables that presets need. It stays in memory for this run only: never
//! stored, never logged.

use std::{collections::BTreeMap, fmt};

/// Values by the names of their variables. `Debug` shows the names alone.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<&'static str, String>,
    /// Those that the environment of this process has.
    given: Vec<&'static str>,
}

impl Variables {
    /// Nothing typed yet for these variables.
    #[must_use]
    pub(super) fn new(names: impl IntoIterator<Item = &'static &'static str>) -> Variables {
        let values: BTreeMap<_, _> = names.into_iter().map(|name| (*name, String::new())).collect();
        let is_set = |name: &&&str| std::env::var_os(**name).is_some_and(|value| !value.is_empty());
        let given = values.keys().filter(|name| is_set(name)).copied().collect();
        Variables { values, given }
    }

    /// The field of a variable, to be typed in.
    pub(in crate::app) fn field(&mut self, name: &'static str) -> &mut String {
        self.values.entry(name).or_default()
    }

    /// Whether the environment of this process has the variable.
    #[must_use]
    pub(in crate::app) fn is_given(&self, name: &str) -> bool {
        self.given.contains(&name)
    }

    /// Whether the variable has a value, typed or from the environment.
    #[must_use]
    pub(super) fn has(&self, name: &str) -> bool {
        self.is_given(name) || self.typed(name).is_some()
    }

    /// What was typed for a variable; spaces around it come from copying.
    #[must_use]
    pub(crate) fn typed(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
    }
}

/// Whether the value of a variable is hidden on the screen: all but the names of users.
#[must_use]
pub(in crate::app) fn is_secret(name: &str) -> bool {
    !name.ends_with("_USER")
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_given_and_never_shown() {
        let mut typed = Variables::new(&["TWINLIGHT_TEST_TOKEN"]);
        assert!(!typed.has("TWINLIGHT_TEST_TOKEN"));
        "  s3cret\n".clone_into(typed.field("TWINLIGHT_TEST_TOKEN"));
        assert_eq!(typed.typed("TWINLIGHT_TEST_TOKEN").as_deref(), Some("s3cret"));
        assert!(!format!("{typed:?}").contains("s3cret"));
        assert!(is_secret("FLESPI_TOKEN") && is_secret("AIO_KEY") && !is_secret("AIO_USER"));
    }
}
