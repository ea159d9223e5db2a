//! Which bytes stand for which aspect.

use core::fmt;

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::aspect::Aspect;

/// The most bytes of a word.
pub const MAX_WORD_BYTES: usize = 24;
/// The most words of a light.
pub const MAX_WORDS: usize = 12;

/// The words of a light: for red and green at least one, no word twice. Of the words of one aspect the first is said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Words(Vec<(Aspect, String<MAX_WORD_BYTES>), MAX_WORDS>);

/// Why there are no such words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordsError {
    /// More than [`MAX_WORDS`].
    TooMany,
    /// Empty, or nothing but white space.
    Empty,
    /// Longer than [`MAX_WORD_BYTES`].
    TooLong,
    /// With white space around it, or a control character or quote in it, which would not come through.
    Character,
    /// The same word, or the same but for the case of its letters where the exact one is not meant, for two aspects.
    Twice,
    /// None for this aspect, which a light has to be able to say.
    Missing(Aspect),
}

impl Words {
    /// These words, of each aspect the one that is said first.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(words: &[(Aspect, &str)]) -> Result<Words, WordsError> {
        let mut all = Words(Vec::new());
        for (aspect, word) in words {
            let word = String::try_from(*word).map_err(|_| WordsError::TooLong)?;
            all.0.push((*aspect, word)).map_err(|_| WordsError::TooMany)?;
        }
        all.check()?;
        Ok(all)
    }

    pub(super) fn check(&self) -> Result<(), WordsError> {
        for (index, (aspect, word)) in self.0.iter().enumerate() {
            Words::check_word(word)?;
            let earlier = self.0.iter().take(index);
            // RED and red may both stand for red; RED for red and Red for amber would be told apart by case alone.
            if earlier.clone().any(|(_, other)| other == word)
                || earlier.clone().any(|(of, other)| of != aspect && other.eq_ignore_ascii_case(word))
            {
                return Err(WordsError::Twice);
            }
        }
        for aspect in [Aspect::Red, Aspect::Green] {
            if !self.0.iter().any(|(of, _)| *of == aspect) {
                return Err(WordsError::Missing(aspect));
            }
        }
        Ok(())
    }

    /// Whether `word` can be one.
    ///
    /// # Errors
    /// Why not.
    pub fn check_word(word: &str) -> Result<(), WordsError> {
        if word.trim().is_empty() {
            Err(WordsError::Empty)
        } else if word.len() > MAX_WORD_BYTES {
            Err(WordsError::TooLong)
        } else if word.trim() != word || word.chars().any(|c| c.is_control() || matches!(c, '"' | '\\')) {
            Err(WordsError::Character)
        } else {
            Ok(())
        }
    }

    /// All words with their aspects, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (Aspect, &str)> {
        self.0.iter().map(|(aspect, word)| (*aspect, word.as_str()))
    }

    /// What these bytes say: white space and one closing NUL do not count, and the exact word goes before one in
    /// another case.
    #[must_use]
    pub fn aspect_of(&self, payload: &[u8]) -> Option<Aspect> {
        let bytes = payload.trim_ascii();
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes).trim_ascii();
        let exact = self.0.iter().find(|(_, word)| word.as_bytes() == bytes);
        let found =
            exact.or_else(|| self.0.iter().find(|(_, word)| word.as_bytes().eq_ignore_ascii_case(bytes)));
        found.map(|(aspect, _)| *aspect)
    }

    /// What a partner says that shows `aspect`. Without words of their own, red-amber and amber are said as green: the
    /// right of way has begun, and goes on. Who flashes, or is dark, claims nothing, and says red.
    #[must_use]
    pub fn word_for(&self, aspect: Aspect) -> Option<&str> {
        let own = |aspect: Aspect| self.0.iter().find(|(of, _)| *of == aspect).map(|(_, word)| word.as_str());
        own(aspect).or_else(|| match aspect {
            Aspect::FlashingAmber | Aspect::Dark => own(Aspect::Red),
            Aspect::RedAmber | Aspect::Amber => own(Aspect::Green),
            Aspect::Red | Aspect::Green => None,
        })
    }
}

/// The names of aspects as a beginner writes them.
impl Default for Words {
    fn default() -> Words {
        let words = [
            (Aspect::Red, "red"),
            (Aspect::Amber, "amber"),
            (Aspect::Amber, "yellow"),
            (Aspect::Green, "green"),
        ];
        Words(
            words
                .into_iter()
                .filter_map(|(aspect, word)| Some((aspect, String::try_from(word).ok()?)))
                .collect(),
        )
    }
}

impl fmt::Display for WordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WordsError::TooMany => write!(f, "a light has at most {MAX_WORDS} words"),
            WordsError::Empty => f.write_str("a word needs at least one character"),
            WordsError::TooLong => write!(f, "a word has at most {MAX_WORD_BYTES} bytes"),
            WordsError::Character => {
                f.write_str("a word has no white space around it, and no control character, \" or \\ in it")
            }
            WordsError::Twice => f.write_str("one word can stand for one aspect only"),
            WordsError::Missing(aspect) => write!(f, "there is no word for {aspect}"),
        }
    }
}

impl core::error::Error for WordsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_could_not_be_told_apart_or_said_are_refused() {
        let pair = [(Aspect::Red, "R"), (Aspect::Green, "G")];
        let with = |aspect, word| Words::new(&[pair[0], pair[1], (aspect, word)]);
        assert!(with(Aspect::Red, "r").is_ok(), "the same in two cases is one word");
        assert_eq!(with(Aspect::Amber, "r"), Err(WordsError::Twice));
        assert_eq!(with(Aspect::Red, "R"), Err(WordsError::Twice));
        assert_eq!(with(Aspect::Amber, " "), Err(WordsError::Empty));
        assert_eq!(with(Aspect::Amber, " Y"), Err(WordsError::Character));
        assert_eq!(with(Aspect::Amber, "Y\"Z"), Err(WordsError::Character));
        assert_eq!(with(Aspect::Amber, "a word of 25 bytes at all"), Err(WordsError::TooLong));
        assert_eq!(Words::new(&pair[..1]), Err(WordsError::Missing(Aspect::Green)));
        assert_eq!(Words::new(&[pair[0]; 13]), Err(WordsError::TooMany));
    }

    #[test]
    fn without_a_word_for_amber_a_light_stays_green_until_it_is_red() {
        let pair = Words::new(&[(Aspect::Red, "R"), (Aspect::Green, "G")]);
        assert_eq!(pair.as_ref().map(|pair| pair.word_for(Aspect::Amber)), Ok(Some("G")));
        assert_eq!(Words::default().check(), Ok(()));
        assert_eq!(Words::default().aspect_of(b"Yellow"), Some(Aspect::Amber));
    }
}
