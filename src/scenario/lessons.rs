//! The scenarios that come with the program, from `config/scenarios`.

use super::Scenario;
use crate::config;

/// A scenario that comes with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// What it is called on the command line, such as `wifi-lost`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! lessons {
    ($($name:literal),* $(,)?) => {
        &[$(Lesson { name: $name, text: include_str!(concat!("../../config/scenarios/", $name, ".toml")) }),*]
    };
}

/// All of them, the first ones first.
#[must_use]
pub fn lessons() -> &'static [Lesson] {
    lessons![
        "wifi-lost",
        "broker-restart",
        "react-fails",
        "one-way-silence",
        "half-open",
        "slow-link",
        "lost-messages",
        "duplicates-and-old-messages",
        "flapping-link",
        "partition",
        "hang",
        "suspend",
        "wrong-password",
        "takeover",
        "quota",
        "quota-exceeded",
        "clock-drift-beyond-rho",
    ]
}

impl Lesson {
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Lesson> {
        lessons().iter().find(|lesson| lesson.name == name)
    }

    /// The name of its file in the repository.
    #[must_use]
    pub fn file(&self) -> String {
        format!("config/scenarios/{}.toml", self.name)
    }

    /// What it says.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        #[expect(clippy::expect_used, reason = "the texts are part of the program, and a test reads each")]
        Scenario::from_toml(self.text, &self.file(), &config::with_random_digits())
            .expect("a lesson has been tested")
    }
}
