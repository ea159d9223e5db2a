//! Which payloads were told as not understood: each form once, or a light that speaks in tongues would fill every log.

use core::fmt;

use heapless::{String, Vec};

use crate::crc::crc32;

/// Forms that are kept apart. Later ones are told no more.
const MAX_FORMS: usize = 16;
/// Bytes of a payload that are shown.
const SHOWN_BYTES: usize = 32;
/// Each byte may be shown as four characters; quotes and an ellipsis stand around it.
const SHOWN_CHARS: usize = SHOWN_BYTES * 4 + 8;

/// A payload as a person may see it: shortened, in quotes, with escapes for what is no plain ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(String<SHOWN_CHARS>);

impl Shown {
    /// Shows a payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Shown {
        let mut shown = String::new();
        // All of it fits: that is how long the text is.
        let _ = shown.push('"');
        for byte in payload.iter().take(SHOWN_BYTES) {
            for c in core::ascii::escape_default(*byte) {
                let _ = shown.push(char::from(c));
            }
        }
        let _ = shown.push_str(if payload.len() > SHOWN_BYTES { "…\"" } else { "\"" });
        Shown(shown)
    }

    /// The text, quotes included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The forms that were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forms(Vec<u32, MAX_FORMS>);

impl Forms {
    /// Whether this payload is of a form that was not told yet; from now on it is. Payloads that differ in their numbers
    /// alone are of one form.
    pub fn is_new(&mut self, payload: &[u8]) -> bool {
        let mut form = Vec::<u8, 64>::new();
        for byte in payload {
            let byte = if byte.is_ascii_digit() { b'0' } else { *byte };
            if byte == b'0' && form.last() == Some(&b'0') {
                continue;
            }
            if form.push(byte).is_err() {
                break;
            }
        }
        let sum = crc32(&form);
        !self.0.contains(&sum) && self.0.push(sum).is_ok()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn each_form_is_told_once_and_no_more_than_a_few() {
        let mut forms = Forms::default();
        assert!(forms.is_new(b"b'RED'") && !forms.is_new(b"b'RED'"));
        assert!(forms.is_new(b"count 9") && !forms.is_new(b"count 10"));
        let told = (0..100).filter(|n| forms.is_new(&[b'a'; 60][..*n % 60])).count();
        assert_eq!(told, MAX_FORMS - 2);
    }

    #[test]
    fn a_payload_is_shown_escaped_and_short() {
        assert_eq!(Shown::of(b"R\"\n\xFF\0").as_str(), r#""R\"\n\xff\x00""#);
        let long = Shown::of(&[0xFF; 500]);
        assert!(long.as_str().ends_with("…\"") && long.as_str().len() < 140, "{long}");
    }
}
