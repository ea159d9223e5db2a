//! Texts in a page that is HTML and XML at once.

use std::fmt::{Display, Write as _};

use maud::{Escaper, Render};

/// A text without what XML has no place for at all, control characters above all.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Render for Text<T> {
    fn render_to(&self, buffer: &mut String) {
        let lawful = |letter: char| match letter {
            '\t' | '\n' | '\r' => letter,
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        };
        let text: String = self.0.to_string().chars().map(lawful).collect();
        // Writing to a string cannot fail.
        let _ = Escaper::new(buffer).write_str(&text);
    }
}

/// A coordinate or length in a picture, to a hundredth of its unit.
pub(super) struct Length(pub(super) f64);

impl Render for Length {
    fn render_to(&self, buffer: &mut String) {
        let _ = write!(buffer, "{:.2}", self.0);
    }
}
