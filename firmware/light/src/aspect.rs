//! What a light shows.

use core::fmt;

use serde::{Deserialize, Serialize};

/// What a light shows, in the words of the wire.
///
/// The sequence is the Swedish one: red, red-amber, green, amber, red. Flashing amber is the
/// fail-safe: drivers give way as if there were no signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// No lamp is lit: without power, or not yet started.
    #[default]
    Dark,
    /// Stop.
    Red,
    /// Stop, green follows.
    RedAmber,
    /// Go.
    Green,
    /// Stop if you can do so safely, red follows.
    Amber,
    /// The signal is out of order: give way.
    FlashingAmber,
}

impl Aspect {
    /// All aspects, in the order of the sequence.
    pub const ALL: [Aspect; 6] =
        [Aspect::Dark, Aspect::Red, Aspect::RedAmber, Aspect::Green, Aspect::Amber, Aspect::FlashingAmber];

    /// Whether a light that shows this is in go: from the start of red-amber to the end of amber.
    #[must_use]
    pub const fn is_go(self) -> bool {
        matches!(self, Aspect::RedAmber | Aspect::Green | Aspect::Amber)
    }

    /// The word of the wire, such as `red-amber`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Aspect::Dark => "dark",
            Aspect::Red => "red",
            Aspect::RedAmber => "red-amber",
            Aspect::Green => "green",
            Aspect::Amber => "amber",
            Aspect::FlashingAmber => "flashing-amber",
        }
    }

    /// Reads a word as a beginner's own light may send it: any case, blanks around it, and
    /// `_`, a blank or `+` for the hyphen. `yellow` is taken for amber.
    ///
    /// Returns `None` for anything else.
    #[must_use]
    pub fn from_plain(word: &str) -> Option<Aspect> {
        let word = word.trim();
        let same = |name: &str| {
            word.len() == name.len()
                && word.bytes().zip(name.bytes()).all(|(given, wanted)| match wanted {
                    b'-' => matches!(given, b'-' | b'_' | b' ' | b'+'),
                    letter => given.eq_ignore_ascii_case(&letter),
                })
        };
        if same("yellow") {
            return Some(Aspect::Amber);
        }
        if same("red-yellow") {
            return Some(Aspect::RedAmber);
        }
        Aspect::ALL.into_iter().find(|aspect| same(aspect.as_str()))
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
