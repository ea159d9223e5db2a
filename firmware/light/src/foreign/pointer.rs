//! Where in a JSON object the word stands: a JSON pointer (RFC 6901) of a few members, without array places, which could
//! not be said.
//!
//! The reader of JSON that the messages of the contract go through needs to know every member beforehand. Here only the
//! way to one value is known, so the text is walked through once, without recursion.

use core::fmt;

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::message::Message;

/// The most bytes of a pointer.
pub const MAX_POINTER_BYTES: usize = 48;
/// A member has a name, and a `/` before it.
const MAX_MEMBERS: usize = MAX_POINTER_BYTES / 2;
/// Longer values are no words.
const MAX_VALUE_BYTES: usize = 64;
/// Arrays and objects inside each other; deeper ones are not read.
const MAX_DEPTH: usize = 16;

/// A place in a JSON object, such as `/state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pointer(String<MAX_POINTER_BYTES>);

/// Why a text is no place that a word can stand at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerError {
    /// It does not begin with `/`.
    NoSlash,
    /// Longer than [`MAX_POINTER_BYTES`].
    TooLong,
    /// A member has no name, or one with a quote, a backslash or a control character.
    Member,
    /// A number: the place in an array, which cannot be said.
    Number,
    /// `~` stands alone; it is written `~0`.
    Tilde,
}

impl Pointer {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// When a word cannot stand there.
    pub fn new(text: &str) -> Result<Pointer, PointerError> {
        let pointer = Pointer(String::try_from(text).map_err(|_| PointerError::TooLong)?);
        pointer.check()?;
        Ok(pointer)
    }

    pub(super) fn check(&self) -> Result<(), PointerError> {
        let members = self.0.strip_prefix('/').ok_or(PointerError::NoSlash)?;
        for member in members.split('/') {
            if member.is_empty() || member.chars().any(|c| c.is_control() || matches!(c, '"' | '\\')) {
                return Err(PointerError::Member);
            }
            if member.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(PointerError::Number);
            }
            let escapes = member.split('~').skip(1);
            if escapes.into_iter().any(|after| !after.starts_with(['0', '1'])) {
                return Err(PointerError::Tilde);
            }
        }
        Ok(())
    }

    /// The pointer as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }

    /// Calls `read` with the value at this place: a text without its quotes, or what else stands there and is no array or
    /// object. Where a member stands twice, with the last.
    pub(super) fn find<T>(&self, json: &[u8], read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let text = core::str::from_utf8(json).ok()?;
        let text = text.trim_ascii().strip_suffix('\0').unwrap_or(text);
        let mut members = Vec::<&str, MAX_MEMBERS>::new();
        for member in self.members() {
            members.push(member).ok()?;
        }
        let mut walker = Walker { rest: text.as_bytes() };
        let value = walker.value_at(&members)?;
        walker.blanks();
        if walker.rest.is_empty() { read(&value?) } else { None }
    }

    /// An object with `word` at this place.
    pub(super) fn object_with(&self, word: &str) -> Option<Message> {
        let mut message = Message::new();
        for member in self.members() {
            message.extend_from_slice(b"{\"").ok()?;
            for byte in unescaped(member) {
                message.push(byte).ok()?;
            }
            message.extend_from_slice(b"\":").ok()?;
        }
        message.push(b'"').ok()?;
        message.extend_from_slice(word.as_bytes()).ok()?;
        message.push(b'"').ok()?;
        for _ in self.members() {
            message.push(b'}').ok()?;
        }
        Some(message)
    }
}

/// The bytes of a member's name: `~1` is `/`, and `~0` is `~`.
fn unescaped(member: &str) -> impl Iterator<Item = u8> {
    let mut bytes = member.bytes();
    core::iter::from_fn(move || {
        let byte = bytes.next()?;
        Some(if byte != b'~' {
            byte
        } else if bytes.next() == Some(b'1') {
            b'/'
        } else {
            b'~'
        })
    })
}

type Value = Vec<u8, MAX_VALUE_BYTES>;

/// Goes through a JSON text. `None` from any of its ways means that this is no JSON.
struct Walker<'a> {
    rest: &'a [u8],
}

impl Walker<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.blanks();
        self.rest.first() == Some(&byte)
    }

    /// The value that `members` lead to from here, where there is one. Calls itself once for each member.
    fn value_at(&mut self, members: &[&str]) -> Option<Option<Value>> {
        let Some((member, below)) = members.split_first() else { return self.scalar() };
        if !self.next_is(b'{') {
            self.skip()?;
            return Some(None);
        }
        self.take(b'{')?;
        let mut found = None;
        if self.next_is(b'}') {
            self.take(b'}')?;
            return Some(None);
        }
        loop {
            let name = self.text()?;
            self.take(b':')?;
            if name.is_some_and(|name| unescaped(member).eq(name.iter().copied())) {
                found = self.value_at(below)?;
            } else {
                self.skip()?;
            }
            if self.next_is(b'}') {
                self.take(b'}')?;
                return Some(found);
            }
            self.take(b',')?;
        }
    }

    /// A text, number, truth value or null; an array or object is passed over.
    fn scalar(&mut self) -> Option<Option<Value>> {
        self.blanks();
        match self.rest.first()? {
            b'"' => self.text(),
            b'{' | b'[' => {
                self.skip()?;
                Some(None)
            }
            _ => {
                let literal = self.literal()?;
                Some(Value::from_slice(literal).ok())
            }
        }
    }

    /// A text, its escapes resolved; `Some(None)` for one that is too long to be a word.
    fn text(&mut self) -> Option<Option<Value>> {
        self.take(b'"')?;
        let (mut value, mut fits) = (Value::new(), true);
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return Some(fits.then_some(value)),
                b'\\' => {
                    let (escape, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    let plain = match escape {
                        b'"' | b'\\' | b'/' => *escape,
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'u' => self.code()?,
                        _ => return None,
                    };
                    fits &= value.push(plain).is_ok();
                }
                0..0x20 => return None,
                _ => fits &= value.push(*byte).is_ok(),
            }
        }
    }

    /// `\u0041`; what is not ASCII is in no word and stands as `?`.
    fn code(&mut self) -> Option<u8> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        let digits = core::str::from_utf8(digits).ok()?;
        let code = u16::from_str_radix(digits, 16).ok()?;
        Some(u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(b'?'))
    }

    /// A number, `true`, `false` or `null`.
    fn literal(&mut self) -> Option<&[u8]> {
        let end = self
            .rest
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')));
        let (literal, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let number = || core::str::from_utf8(literal).ok()?.parse::<f64>().ok().map(|_| ());
        let known = matches!(literal, b"true" | b"false" | b"null")
            || (literal.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
                && number().is_some());
        known.then_some(literal)
    }

    /// Passes any value over.
    fn skip(&mut self) -> Option<()> {
        let mut closing = Vec::<u8, MAX_DEPTH>::new();
        loop {
            self.blanks();
            match self.rest.first()? {
                open @ (b'{' | b'[') => {
                    let close = if *open == b'{' { b'}' } else { b']' };
                    self.take(*open)?;
                    closing.push(close).ok()?;
                    if !self.next_is(close) {
                        self.member_name(close)?;
                        continue;
                    }
                }
                b'"' => {
                    self.text()?;
                }
                b'}' | b']' => {}
                _ => {
                    self.literal()?;
                }
            }
            // A value is over: the next one of what it stands in follows, or that is over too.
            loop {
                let Some(close) = closing.last().copied() else { return Some(()) };
                if self.next_is(close) {
                    self.take(close)?;
                    closing.pop();
                    continue;
                }
                self.take(b',')?;
                self.member_name(close)?;
                break;
            }
        }
    }

    /// In an object, the name that stands before each value.
    fn member_name(&mut self, close: u8) -> Option<()> {
        if close == b'}' {
            self.text()?;
            self.take(b':')?;
        }
        Some(())
    }
}

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PointerError::NoSlash => f.write_str("it does not begin with /"),
            PointerError::TooLong => write!(f, "it has more than {MAX_POINTER_BYTES} bytes"),
            PointerError::Member => {
                f.write_str("a member has no name, or one with \", \\ or a control character")
            }
            PointerError::Number => f.write_str("a number is a place in an array, where no word can be said"),
            PointerError::Tilde => f.write_str("~ is written ~0, and / in a name ~1"),
        }
    }
}

impl core::error::Error for PointerError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    extern crate std;

    use std::{string::String, vec::Vec};

    use super::*;

    fn found(pointer: &str, json: &str) -> Option<String> {
        let pointer = Pointer::new(pointer).unwrap();
        pointer.find(json.as_bytes(), |value| String::from_utf8(value.to_vec()).ok())
    }

    #[test]
    fn a_pointer_has_members_that_can_be_said() {
        for good in ["/state", "/a/b", "/a~1b", "/~0", "/x1"] {
            assert!(Pointer::new(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", PointerError::NoSlash),
            ("state", PointerError::NoSlash),
            ("/", PointerError::Member),
            ("/a//b", PointerError::Member),
            ("/a\"b", PointerError::Member),
            ("/a/0", PointerError::Number),
            ("/a~b", PointerError::Tilde),
        ] {
            assert_eq!(Pointer::new(bad), Err(why), "{bad:?}");
        }
        assert_eq!(Pointer::new(&std::format!("/{}", "x".repeat(48))), Err(PointerError::TooLong));
    }

    #[test]
    fn the_value_is_found_past_anything_else() {
        let json =
            r#" { "n" : -1.5e3, "l":[1,[],{"s":"no"}], "o":{"s":"deep","x":{}}, "s" : "R\u0045D\n" } "#;
        assert_eq!(found("/s", json).as_deref(), Some("RED\n"));
        assert_eq!(found("/o/s", json).as_deref(), Some("deep"));
        assert_eq!(found("/n", json).as_deref(), Some("-1.5e3"));
        for nothing in ["/x", "/o", "/l", "/n/x", "/o/x/y"] {
            assert_eq!(found(nothing, json), None, "{nothing}");
        }
        assert_eq!(found("/s", r#"{"s":1,"s":true}"#).as_deref(), Some("true"), "the last one counts");
    }

    #[test]
    fn what_is_no_json_says_nothing_and_nothing_makes_it_panic() {
        let whole = r#"{"a":[1,{"b":"x\"y"}],"s":"RED"}"#;
        for end in 0..whole.len() {
            assert_eq!(found("/s", &whole[..end]), None, "{}", &whole[..end]);
        }
        for bad in [
            r#"{"s":"RED"} x"#,
            r#"{"s":RED}"#,
            r#"{"a":}"#,
            r#"{"a" 1,"s":"RED"}"#,
            r#"["s","RED"]"#,
            r#"{"a":],"s":"RED"}"#,
            "{'s':'RED'}",
        ] {
            assert_eq!(found("/s", bad), None, "{bad}");
        }
        let deep: Vec<u8> = std::iter::repeat_n(b'[', 500).collect();
        assert_eq!(Pointer::new("/s").unwrap().find(&deep, |_| Some(())), None);
    }
}
