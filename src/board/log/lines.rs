//! Makes lines of what a board sends.
//!
//! A line ends at LF, at CR, or at both. A CR alone also takes a progress bar back to its start: of lines that follow
//! one another so, and differ in numbers and bars alone, the first is told at once and the last when the bar is over
//! or stands still.

use std::time::Duration;

use super::{
    line::{LogLevel, LogLine},
    terminal::{Action, Terminal},
};

/// The most bytes of a line, or of a piece of one.
const MOST_BYTES: usize = 512;
/// Stands where a line was cut.
const CUT: char = '…';
/// What is left of a piece between two such signs.
const ROOM: usize = MOST_BYTES - 2 * CUT.len_utf8();

/// The lines of one connection.
#[derive(Debug, Default)]
pub(super) struct Lines {
    terminal: Terminal,
    writing: Writing,
}

/// The line that is being written, and what is to be remembered of those before.
#[derive(Debug, Default)]
struct Writing {
    letters: Vec<char>,
    /// Their bytes.
    bytes: usize,
    cursor: usize,
    /// Time and level of the line, of which a piece was told already.
    cut: Option<(Option<Duration>, LogLevel)>,
    /// What has come of the line so far was told after a silence.
    told: bool,
    returned: Returned,
    bar: Bar,
}

/// Whether a CR came last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Returned {
    #[default]
    No,
    /// At the end of a line, which an LF belongs to.
    AfterText,
    /// On an empty line.
    OnEmpty,
}

/// A line that ended with a CR, and may be written over.
#[derive(Debug, Default)]
struct Bar {
    /// Its words; `None` where there was no such line.
    words: Option<String>,
    /// The last one like it, which was not told.
    held: Option<LogLine>,
}

impl Lines {
    /// Takes what was read. How the bytes are cut into reads makes no difference.
    pub(super) fn take(&mut self, bytes: &[u8], put: &mut dyn FnMut(LogLine)) {
        let writing = &mut self.writing;
        for byte in bytes {
            self.terminal.take(*byte, &mut |action| writing.perform(action, put));
        }
    }

    /// What has come of a line that has no end, such as a prompt, and where a progress bar stands. To be called after
    /// a silence.
    pub(super) fn rest(&mut self, put: &mut dyn FnMut(LogLine)) {
        self.writing.rest(put);
    }
}

impl Writing {
    fn perform(&mut self, action: Action, put: &mut dyn FnMut(LogLine)) {
        let returned = std::mem::take(&mut self.returned);
        match action {
            Action::Print(letter) => self.print(letter, put),
            Action::Left(count) => self.cursor = self.cursor.saturating_sub(count),
            Action::Right(count) => self.cursor = self.cursor.saturating_add(count).min(self.letters.len()),
            Action::EraseRight => {
                let erased: usize = self.letters.drain(self.cursor..).map(char::len_utf8).sum();
                self.bytes -= erased;
            }
            Action::CarriageReturn => self.returned = self.carriage_return(returned, put),
            Action::LineFeed => self.line_feed(returned, put),
        }
    }

    fn print(&mut self, letter: char, put: &mut dyn FnMut(LogLine)) {
        let over = self.letters.get(self.cursor).map_or(0, |over| over.len_utf8());
        if self.bytes - over + letter.len_utf8() > ROOM {
            self.bar.end(put);
            let piece = self.piece(true);
            put(piece);
            return self.print(letter, put);
        }
        self.bytes = self.bytes - over + letter.len_utf8();
        match self.letters.get_mut(self.cursor) {
            Some(over) => *over = letter,
            None => self.letters.push(letter),
        }
        self.cursor += 1;
    }

    fn carriage_return(&mut self, returned: Returned, put: &mut dyn FnMut(LogLine)) -> Returned {
        if self.letters.is_empty() {
            return match returned {
                Returned::No if self.is_told() => {
                    self.forget_told();
                    Returned::AfterText
                }
                Returned::No => Returned::OnEmpty,
                returned => returned,
            };
        }
        let is_whole = self.cut.is_none();
        let line = self.piece(false);
        if is_whole {
            self.bar.end_of(line, put);
        } else {
            self.bar.end(put);
            put(line);
        }
        Returned::AfterText
    }

    fn line_feed(&mut self, returned: Returned, put: &mut dyn FnMut(LogLine)) {
        match returned {
            // What stood there is a line, and no state of a bar.
            Returned::AfterText => self.bar.end(put),
            Returned::No if self.letters.is_empty() && self.is_told() => self.forget_told(),
            Returned::No | Returned::OnEmpty => {
                let line = self.piece(false);
                self.bar.end_before(&line, put);
                put(line);
            }
        }
    }

    fn rest(&mut self, put: &mut dyn FnMut(LogLine)) {
        if self.letters.iter().all(|letter| letter.is_whitespace()) {
            self.bar.tell(put);
            return;
        }
        let cut = self.cut;
        let line = self.piece(false);
        if self.bar.is_like(&line) {
            self.bar.held = None;
        }
        self.bar.tell(put);
        put(line);
        (self.cut, self.told) = (cut, true);
    }

    /// Takes what is written, to be gone on with where it `is_cut`.
    fn piece(&mut self, is_cut: bool) -> LogLine {
        let mut text = String::with_capacity(MOST_BYTES);
        text.extend(self.cut.map(|_| CUT));
        text.extend(self.letters.drain(..));
        (self.bytes, self.cursor, self.told) = (0, 0, false);
        if is_cut {
            text.push(CUT);
        } else {
            text.truncate(text.trim_end().len());
        }
        let line = match self.cut {
            Some((uptime, level)) => LogLine { uptime, level, text },
            None => LogLine::parse(&text),
        };
        self.cut = is_cut.then_some((line.uptime, line.level));
        line
    }

    /// Whether something was told of the line that has just begun.
    fn is_told(&self) -> bool {
        self.told || self.cut.is_some()
    }

    fn forget_told(&mut self) {
        (self.told, self.cut) = (false, None);
    }
}

impl Bar {
    /// A line ended with a CR.
    fn end_of(&mut self, line: LogLine, put: &mut dyn FnMut(LogLine)) {
        if self.is_like(&line) {
            self.held = Some(line);
            return;
        }
        self.end(put);
        self.words = Some(words(&line));
        put(line);
    }

    /// Another `line` follows, which takes the place of one like it.
    fn end_before(&mut self, line: &LogLine, put: &mut dyn FnMut(LogLine)) {
        if self.is_like(line) {
            self.held = None;
        }
        self.end(put);
    }

    fn end(&mut self, put: &mut dyn FnMut(LogLine)) {
        self.tell(put);
        self.words = None;
    }

    /// Tells how far it is, if that was not told.
    fn tell(&mut self, put: &mut dyn FnMut(LogLine)) {
        if let Some(line) = self.held.take() {
            put(line);
        }
    }

    fn is_like(&self, line: &LogLine) -> bool {
        self.words.as_ref().is_some_and(|bar| *bar == words(line))
    }
}

/// A line's words: what stays while a progress bar moves.
fn words(line: &LogLine) -> String {
    let mut words = String::new();
    for word in line.text.split(|letter: char| !letter.is_alphanumeric()) {
        if !word.is_empty() && !word.contains(char::is_numeric) {
            words.push_str(word);
            words.push(' ');
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        told(&[bytes]).into_iter().map(|line| line.text).collect()
    }

    /// What is told of pieces, with a silence after the last one.
    fn told(pieces: &[&[u8]]) -> Vec<LogLine> {
        let mut lines = Lines::default();
        let mut told = Vec::new();
        for piece in pieces {
            lines.take(piece, &mut |line| told.push(line));
        }
        lines.rest(&mut |line| told.push(line));
        told
    }

    /// Bytes and silences, and the lines that they give.
    #[derive(Default)]
    struct Session(Lines);

    impl Session {
        fn hears(&mut self, bytes: &[u8], told: &[&str]) {
            let mut lines = Vec::new();
            self.0.take(bytes, &mut |line| lines.push(line.text));
            assert_eq!(lines, told);
        }

        fn waits(&mut self, told: &[&str]) {
            let mut lines = Vec::new();
            self.0.rest(&mut |line| lines.push(line.text));
            assert_eq!(lines, told);
        }
    }

    #[test]
    fn lines_end_at_each_of_the_three_ends() {
        assert_eq!(lines(b"a\nb\r\nc\rd\r\r\ne"), ["a", "b", "c", "d", "e"]);
        assert_eq!(lines(b"a\r\n\r\nb\n\nc"), ["a", "", "b", "", "c"], "empty lines stay");
        assert_eq!(lines(b"\ra\r\n"), ["a"]);
        assert_eq!(lines(b"same\r\nsame\r\nsame\r\n"), ["same"; 3]);
        assert_eq!(lines(b"1\r\n2\r\n3\r\n"), ["1", "2", "3"]);
        assert_eq!(lines(b"one word\rtwo words\rthree\r"), ["one word", "two words", "three"]);
    }

    #[test]
    fn of_a_progress_bar_the_first_and_the_last_are_told() {
        for end in ["\n", "\r\n", "\r\r\n", "\r"] {
            let mut sent = "flashing\r\n".to_owned();
            for number in 0..=100 {
                let bar = "#".repeat(number / 2);
                sent.push_str(&format!("\rWriting at 0x{number:04x}a [{bar:50}] {number} %"));
            }
            sent.push_str(end);
            sent.push_str("done\n");
            let told = lines(sent.as_bytes());
            assert_eq!(told.len(), 4, "{end:?}: {told:?}");
            assert!(told[1].ends_with("] 0 %") && told[2].ends_with("] 100 %"), "{end:?}: {told:?}");
        }
        assert_eq!(lines(b"|\r/\r-\r\\\r|\r/\rready\n"), ["|", "/", "ready"]);
    }

    #[test]
    fn a_bar_that_stands_still_is_told_where_it_stands() {
        let mut session = Session::default();
        session.hears(b"1 %\r2 %\r3 %\r", &["1 %"]);
        session.waits(&["3 %"]);
        session.hears(b"4 %\r5 %\r6 %", &[]);
        session.waits(&["6 %"]);
        session.waits(&[]);
        session.hears(b"\r\nready\n", &["ready"]);
    }

    #[test]
    fn a_long_line_is_cut_and_nothing_of_it_is_lost() {
        for end in ["\n", "\r", "\r\n", ""] {
            let text: String = (0..400).map(|number| format!("{number}ü ")).collect();
            let told = told(&[format!("  1.500 warning {text}{end}").as_bytes()]);
            assert!(told.len() > 3);
            for (number, line) in told.iter().enumerate() {
                let (starts, ends) = (line.text.starts_with(CUT), line.text.ends_with(CUT));
                assert_eq!((starts, ends), (number > 0, number + 1 < told.len()));
                assert!(line.text.len() <= MOST_BYTES);
                let head = (line.uptime, line.level);
                assert_eq!(head, (Some(Duration::from_millis(1_500)), LogLevel::Warning));
            }
            let joined: String = told.iter().map(|line| line.text.trim_matches(CUT)).collect();
            assert_eq!(joined, text.trim_end());
        }
        assert_eq!(lines(&[b'x'; ROOM]), ["x".repeat(ROOM)], "what just fits is whole");
        assert_eq!(lines(&[&[b'x'; ROOM][..], b"\nnext\n"].concat()), ["x".repeat(ROOM), "next".to_owned()]);
    }

    #[test]
    fn backspace_goes_back_and_what_follows_stands_in_its_place() {
        assert_eq!(lines(b"helo\x08lo\n"), ["hello"]);
        assert_eq!(lines(b"red\x08 \x08\n"), ["re"]);
        assert_eq!(lines(b"a\x08\x08\x08b\n"), ["b"]);
        assert_eq!(lines("grün\u{8}\u{8}een\n".as_bytes()), ["green"]);
        // As MicroPython does it: one letter less, and one put in before the last three.
        assert_eq!(lines(b">>> abc\x08\x1b[K\n"), [">>> ab"]);
        assert_eq!(lines(b">>> abde\x08\x08cde\x08\x08\r\n"), [">>> abcde"]);
        assert_eq!(lines(b">>> abde\x1b[2Dcde\x1b[K\n"), [">>> abcde"]);
    }

    #[test]
    fn a_prompt_is_shown_after_a_silence_and_the_rest_of_its_line_by_itself() {
        let mut session = Session::default();
        session.hears(b">>> ", &[]);
        session.waits(&[">>>"]);
        session.hears(b"print(1)", &[]);
        session.waits(&["print(1)"]);
        session.hears(b"\r\n1\r\n\r\n", &["1", ""]);
        session.waits(&[]);
    }

    #[test]
    fn a_letter_that_comes_in_two_pieces_is_held_over_a_silence() {
        let mut session = Session::default();
        session.hears(b"gr\xC3", &[]);
        session.waits(&["gr"]);
        session.hears(b"\xBCn\n", &["ün"]);
    }

    /// Bytes at random, from those that mean something.
    fn random(seed: u64, count: usize) -> Vec<u8> {
        let pieces: [&[u8]; 24] = [
            b"\r",
            b"\n",
            b"\r\n",
            b"\x08",
            b"\x1b[31m",
            b"\x1b[K",
            b"\x1b[2D",
            b"\x1b[C",
            b"\x1b]0;t\x07",
            b"\x1bP",
            b"\x1b\\",
            b"\x9b",
            b"\x9c",
            b"\x90",
            b"\x1b",
            "ü".as_bytes(),
            "€".as_bytes(),
            b"\xE2",
            b"12 %",
            b"word ",
            b"#",
            b"\t",
            b"  1.500 info ",
            b"\xFF",
        ];
        let mut state = seed * 2 + 1;
        let mut bytes = Vec::new();
        for _ in 0..count {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match (state >> 33) % 40 {
                piece @ 0..24 => bytes.extend_from_slice(pieces[usize::try_from(piece).unwrap()]),
                24 => bytes.extend(std::iter::repeat_n(b'x', 300)),
                _ => bytes.push((state >> 41).to_le_bytes()[0]),
            }
        }
        bytes
    }

    #[test]
    fn bytes_at_random_give_bounded_lines_without_control_characters() {
        let mut all = Lines::default();
        let mut told = 0;
        for byte in random(1, 30_000) {
            all.take(&[byte], &mut |line| {
                told += 1;
                assert!(line.text.len() <= MOST_BYTES && !line.text.contains(char::is_control));
            });
            assert!(all.writing.bytes <= ROOM && all.writing.letters.len() <= ROOM);
            let bytes: usize = all.writing.letters.iter().map(|letter| letter.len_utf8()).sum();
            assert_eq!(bytes, all.writing.bytes);
        }
        assert!(told > 300);
    }

    #[test]
    fn however_the_reads_cut_it_the_lines_are_the_same() {
        for seed in 0..25 {
            let bytes = random(seed, 60);
            let whole = told(&[&bytes]);
            for at in 0..=bytes.len() {
                let (before, after) = bytes.split_at(at);
                assert_eq!(told(&[before, after]), whole, "seed {seed}, cut at {at}");
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(told(&single), whole, "seed {seed}, byte by byte");
        }
    }
}
