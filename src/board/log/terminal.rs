//! What a terminal would make of a board's bytes: letters, ends of lines, moves within the line. Sequences that
//! command a terminal (ECMA-48) leave nothing behind, however the reads cut them.

/// The most letters of a sequence of colours, moves or modes; what follows is text again.
const MOST_OF_A_SEQUENCE: usize = 64;
/// The most letters of a text to the terminal, such as a title.
const MOST_OF_A_TEXT: usize = 512;

/// What is to be done with the line that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Print(char),
    /// The cursor goes back.
    Left(usize),
    /// The cursor goes on, over what is there.
    Right(usize),
    /// What stands from the cursor on is taken away.
    EraseRight,
    CarriageReturn,
    LineFeed,
}

#[derive(Debug, Default)]
pub(super) struct Terminal {
    /// The first bytes of a letter whose last ones have not come yet; at most three.
    begun: Vec<u8>,
    state: State,
    /// Letters of the sequence so far.
    letters: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and a letter that asks for one more.
    Intermediate,
    /// After CSI, with its parameter so far; `None` where it has more than one number.
    Csi(Option<usize>),
    /// Within OSC, which BEL ends too.
    Osc,
    /// Within DCS, SOS, PM or APC.
    Hidden,
}

impl Terminal {
    pub(super) fn take(&mut self, byte: u8, perform: &mut dyn FnMut(Action)) {
        self.begun.push(byte);
        while !self.begun.is_empty() {
            let (letter, bytes) = match std::str::from_utf8(&self.begun) {
                Ok(text) => (text.chars().next(), self.begun.len()),
                Err(error) => match (error.error_len(), self.begun.first()) {
                    // The rest of the letter is on its way.
                    (None, _) => return,
                    // A control character of eight bits.
                    (Some(bytes), Some(first @ 0x80..=0x9F)) => (Some(char::from(*first)), bytes),
                    (Some(bytes), _) => (Some(char::REPLACEMENT_CHARACTER), bytes),
                },
            };
            self.begun.drain(..bytes);
            if let Some(letter) = letter {
                self.obey(letter, perform);
            }
        }
    }

    fn obey(&mut self, letter: char, perform: &mut dyn FnMut(Action)) {
        if self.state == State::Text {
            return self.text(letter, perform);
        }
        self.letters += 1;
        let most = if matches!(self.state, State::Osc | State::Hidden) {
            MOST_OF_A_TEXT
        } else {
            MOST_OF_A_SEQUENCE
        };
        match letter {
            // Nothing goes on over the end of a line: the board may have been reset in the middle of it.
            '\r' | '\n' | '\u{1b}' | '\u{80}'..='\u{9f}' => self.end_with(letter, perform),
            // CAN and SUB.
            '\u{18}' | '\u{1a}' => self.state = State::Text,
            _ if self.letters > most => self.end_with(letter, perform),
            _ => self.within(letter, perform),
        }
    }

    /// A letter within a sequence.
    fn within(&mut self, letter: char, perform: &mut dyn FnMut(Action)) {
        self.state = match (self.state, letter) {
            (State::Osc, '\u{7}') => State::Text,
            (State::Osc | State::Hidden, _) => return,
            (_, '\0'..='\u{1f}' | '\u{7f}') => return,
            (State::Escape, '[') => State::Csi(Some(0)),
            (State::Escape, ']') => State::Osc,
            (State::Escape, 'P' | 'X' | '^' | '_') => State::Hidden,
            (State::Escape | State::Intermediate, ' '..='/') => State::Intermediate,
            (State::Escape | State::Intermediate, '0'..='~') => State::Text,
            (State::Csi(number), '0'..='9') => {
                let digit = usize::try_from(letter.to_digit(10).unwrap_or_default()).unwrap_or_default();
                State::Csi(number.map(|number| number.saturating_mul(10).saturating_add(digit)))
            }
            (State::Csi(_), ' '..='?') => State::Csi(None),
            (State::Csi(number), '@'..='~') => {
                match (letter, number) {
                    ('K', Some(0)) => perform(Action::EraseRight),
                    ('D', Some(count)) => perform(Action::Left(count.max(1))),
                    ('C', Some(count)) => perform(Action::Right(count.max(1))),
                    _ => {}
                }
                State::Text
            }
            // No letter of a sequence: it was cut short.
            _ => return self.end_with(letter, perform),
        };
    }

    /// The sequence is over, and the letter is none of its.
    fn end_with(&mut self, letter: char, perform: &mut dyn FnMut(Action)) {
        self.state = State::Text;
        self.text(letter, perform);
    }

    fn text(&mut self, letter: char, perform: &mut dyn FnMut(Action)) {
        self.letters = 0;
        match letter {
            '\u{1b}' => self.state = State::Escape,
            '\u{9b}' => self.state = State::Csi(Some(0)),
            '\u{9d}' => self.state = State::Osc,
            '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => self.state = State::Hidden,
            '\r' => perform(Action::CarriageReturn),
            '\n' => perform(Action::LineFeed),
            '\u{8}' => perform(Action::Left(1)),
            '\t' => perform(Action::Print(' ')),
            letter if letter.is_control() => {}
            letter => perform(Action::Print(letter)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed, with ends of lines and moves as marks.
    fn shown(bytes: &[u8]) -> String {
        let mut terminal = Terminal::default();
        let mut shown = String::new();
        for byte in bytes {
            terminal.take(*byte, &mut |action| match action {
                Action::Print(letter) => shown.push(letter),
                Action::Left(count) => shown.push_str(&format!("<{count}")),
                Action::Right(count) => shown.push_str(&format!(">{count}")),
                Action::EraseRight => shown.push('~'),
                Action::CarriageReturn => shown.push('\r'),
                Action::LineFeed => shown.push('\n'),
            });
            assert!(terminal.begun.len() < 4);
        }
        shown
    }

    #[test]
    fn sequences_of_every_form_leave_nothing_behind() {
        for sequence in [
            // CSI, in seven bits, in eight, and in eight as UTF-8.
            &b"\x1b[0;32m"[..],
            b"\x1b[m",
            b"\x1b[38;2;1;2;3m",
            b"\x1b[38:5:9m",
            b"\x1b[?25l",
            b"\x1b[>c",
            b"\x1b[2 q",
            b"\x1b[!p",
            b"\x1b[2J",
            b"\x1b[1K",
            b"\x9b31m",
            "\u{9b}31m".as_bytes(),
            // OSC, ended in each way.
            b"\x1b]0;title\x07",
            b"\x1b]0;title\x1b\\",
            b"\x1b]8;;https://example.org\x9c",
            b"\x9d2;title\x07",
            // One of a title's letters holds the byte that ends it in eight bits.
            "\u{1b}]0;“title”\u{7}".as_bytes(),
            // DCS, SOS, PM, APC.
            b"\x1bP1$r0m\x1b\\",
            b"\x90q#0;2;0;0;0\x9c",
            b"\x1bXhidden\x1b\\",
            b"\x98hidden\x9c",
            b"\x1b^hidden\x1b\\",
            b"\x1b_hidden\x1b\\",
            b"\x9fhidden\x9c",
            // Two and three bytes.
            b"\x1bc",
            b"\x1b7",
            b"\x1b=",
            b"\x1bM",
            b"\x1b(B",
            b"\x1b#8",
            b"\x1b%G",
            // Eight bits alone.
            b"\x84",
            b"\x8d",
            "\u{8d}".as_bytes(),
            // Cancelled.
            b"\x1b[31\x18",
            b"\x1b]0;title\x1a",
            // One in another.
            b"\x1b[3\x1b[31m",
            b"\x1b]0;ti\x1b[31m",
            b"\x1b[3\x071m",
            b"\x07\x00\x7f",
        ] {
            let mut bytes = b"red".to_vec();
            bytes.extend_from_slice(sequence);
            bytes.extend_from_slice("grün".as_bytes());
            assert_eq!(shown(&bytes), "redgrün", "{:?}", String::from_utf8_lossy(sequence));
        }
    }

    #[test]
    fn what_never_ends_is_bounded_and_an_end_of_line_ends_it() {
        for start in [&b"\x1b]0;"[..], b"\x1bP", b"\x1b_", b"\x90"] {
            let mut bytes = start.to_vec();
            bytes.extend(std::iter::repeat_n(b'x', 2_000));
            let shown = shown(&bytes).len();
            assert!((2_000 - MOST_OF_A_TEXT..2_000).contains(&shown), "{shown}");
        }
        let mut bytes = b"\x1b[".to_vec();
        bytes.extend(std::iter::repeat_n(b'1', 2_000));
        assert!((2_000 - MOST_OF_A_SEQUENCE..2_000).contains(&shown(&bytes).len()));
        for start in ["\u{1b}]0;title", "\u{1b}[31", "\u{1b}P", "\u{1b}", "\u{1b}(", "\u{9d}"] {
            assert_eq!(shown(format!("{start}\r\nboot").as_bytes()), "\r\nboot");
        }
        assert_eq!(shown("\u{1b}[31ü".as_bytes()), "ü");
    }

    #[test]
    fn what_moves_within_the_line_is_told() {
        assert_eq!(shown(b"ab\x08\x1b[Kc\x1b[3D\x1b[Cx\x1b[0K\x1b[2K"), "ab<1~c<3>1x~");
    }

    #[test]
    fn bytes_that_are_no_text_stand_as_marks() {
        assert_eq!(shown(b"\xFF\xFEboot"), "\u{fffd}\u{fffd}boot");
        assert_eq!(shown(b"\xE2\x82boot\xE2\x82\xAC\xC3"), "\u{fffd}boot€");
    }
}
