//! Whether a text is JSON.
//!
//! The reader of messages looks at the members that it knows, and passes over all others without a look at
//! what they hold. Another implementation may look, and would ignore the message: so the whole text is checked
//! first, by the grammar of RFC 8259.

/// The deepest nesting: a message has not more bytes.
const MAX_DEPTH: usize = 512;

/// Whether `text` is one JSON value, with nothing but white space around it.
///
/// What only a reader of values could object to is JSON all the same, as in the grammar: half a surrogate pair
/// in a string, a number that nobody can hold, two members of one name.
#[must_use]
pub fn is_json(text: &[u8]) -> bool {
    core::str::from_utf8(text).is_ok()
        && Checker { rest: text, open: [0; MAX_DEPTH / 8], depth: 0 }.check().is_some()
}

/// Goes through the text once. A step is `None` where the text is no JSON.
struct Checker<'a> {
    rest: &'a [u8],
    /// What is open: a bit a level, set for an object.
    open: [u8; MAX_DEPTH / 8],
    depth: usize,
}

impl Checker<'_> {
    fn check(mut self) -> Option<()> {
        loop {
            self.skip_space();
            let closed = match self.next()? {
                b'{' => self.begin(true)?,
                b'[' => self.begin(false)?,
                b'"' => self.string().map(|()| true)?,
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                first => self.number(first)?,
            };
            if closed && self.end_values()? {
                return Some(());
            }
        }
    }

    /// An object or array has been opened; returns whether it was closed at once.
    fn begin(&mut self, is_object: bool) -> Option<bool> {
        self.skip_space();
        if self.take(if is_object { b'}' } else { b']' }) {
            return Some(true);
        }
        let bit = 1 << (self.depth % 8);
        let level = self.open.get_mut(self.depth / 8)?;
        *level = if is_object { *level | bit } else { *level & !bit };
        self.depth += 1;
        if is_object {
            self.name()?;
        }
        Some(false)
    }

    /// A value has ended: goes on to the next one. Returns whether that was the last.
    fn end_values(&mut self) -> Option<bool> {
        loop {
            self.skip_space();
            let Some(level) = self.depth.checked_sub(1) else {
                return self.rest.is_empty().then_some(true);
            };
            let is_object = self.open.get(level / 8)? & (1 << (level % 8)) != 0;
            match (self.next()?, is_object) {
                (b',', true) => {
                    self.skip_space();
                    self.name()?;
                    return Some(false);
                }
                (b',', false) => return Some(false),
                (b'}', true) | (b']', false) => self.depth = level,
                _ => return None,
            }
        }
    }

    /// The name of a member, and its colon.
    fn name(&mut self) -> Option<()> {
        if !self.take(b'"') {
            return None;
        }
        self.string()?;
        self.skip_space();
        self.take(b':').then_some(())
    }

    /// The rest of a string.
    fn string(&mut self) -> Option<()> {
        loop {
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            self.next().filter(u8::is_ascii_hexdigit)?;
                        }
                    }
                    _ => return None,
                },
                0..=0x1F => return None,
                _ => {}
            }
        }
    }

    /// The rest of a number that begins with `first`.
    fn number(&mut self, first: u8) -> Option<bool> {
        let digit = if first == b'-' { self.next()? } else { first };
        match digit {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return None,
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Some(true)
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        self.next().filter(u8::is_ascii_digit)?;
        self.skip_digits();
        Some(())
    }

    fn word(&mut self, rest: &[u8]) -> Option<bool> {
        self.rest = self.rest.strip_prefix(rest)?;
        Some(true)
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.next();
        }
        found
    }

    fn skip_digits(&mut self) {
        self.skip(|byte| byte.is_ascii_digit());
    }

    fn skip_space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn skip(&mut self, which: impl Fn(u8) -> bool) {
        let count = self.rest.iter().take_while(|byte| which(**byte)).count();
        self.rest = self.rest.get(count..).unwrap_or_default();
    }
}
