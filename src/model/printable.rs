//! Text of others, as a terminal may get it.

use std::borrow::Cow;

/// `text` with each control character but line feed and tab written out (`\u001b`): titles, names and payloads
/// come from others, and must not command the terminal. In JSON such an escape is the same character.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let commands = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if commands(letter) {
            shown.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_the_terminal_and_json_stays_what_it_was() {
        assert_eq!(printable("a\tb\nå"), "a\tb\nå");
        assert_eq!(printable("\x1b]0;title\x07\x7f\r"), "\\u001b]0;title\\u0007\\u007f\\u000d");
        // The one byte that begins a command in some terminals is not escaped by JSON itself.
        let line = serde_json::to_string("red\u{9b}31m").unwrap();
        let shown = printable(&line);
        assert!(!shown.contains('\u{9b}'));
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "red\u{9b}31m");
    }
}
