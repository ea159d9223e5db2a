//! A junction's key, and the signatures made with it.
//!
//! A signature is the first 16 bytes of HMAC-SHA-256 over the topic, one zero byte, and the
//! payload's bytes before `,"sig"`, in lower-case hex. It ends the message.

use core::fmt;

use heapless::Vec;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The least bytes of a key.
pub const MIN_KEY_BYTES: usize = 16;
/// The most bytes of a key.
pub const MAX_KEY_BYTES: usize = 64;
/// Bytes of a signature, before they are written in hex.
const SIGNATURE_BYTES: usize = 16;
const MEMBER: &[u8] = b",\"sig\":\"";
const END: &[u8] = b"\"}";
/// Bytes that a signature adds to a message.
pub const SIGNED_BYTES: usize = MEMBER.len() + 2 * SIGNATURE_BYTES + END.len() - 1;

/// The secret that the lights of a junction share: the bytes of a text of 16 to 64 characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Vec<u8, MAX_KEY_BYTES>);

/// Why bytes are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// How many bytes were given.
    pub bytes: usize,
}

/// Why a message is not taken as one of the junction's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The message does not end with a signature.
    Missing,
    /// It ends with one that this key did not make for this topic and payload.
    Wrong,
}

impl Key {
    /// Takes `bytes` as a key.
    ///
    /// # Errors
    /// When there are fewer than 16 or more than 64.
    pub fn new(bytes: &[u8]) -> Result<Key, KeyError> {
        if bytes.len() < MIN_KEY_BYTES {
            return Err(KeyError { bytes: bytes.len() });
        }
        Vec::from_slice(bytes).map(Key).map_err(|_| KeyError { bytes: bytes.len() })
    }

    /// The key's bytes, for the place that stores it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends the signature to the JSON object in `message[..len]`.
    ///
    /// Returns the new length, or `None` where `message` is too short to hold it or is no object.
    pub(crate) fn sign(&self, topic: &str, message: &mut [u8], len: usize) -> Option<usize> {
        let body_len = message.get(..len)?.strip_suffix(b"}")?.len();
        let mut tail = [0; SIGNED_BYTES + 1];
        let (member, rest) = tail.split_at_mut(MEMBER.len());
        let (hex, end) = rest.split_at_mut(2 * SIGNATURE_BYTES);
        member.copy_from_slice(MEMBER);
        end.copy_from_slice(END);
        let mac = self.mac(topic, message.get(..body_len)?)?.finalize().into_bytes();
        for (pair, byte) in hex.chunks_exact_mut(2).zip(mac) {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        message.get_mut(body_len..body_len + tail.len())?.copy_from_slice(&tail);
        Some(body_len + tail.len())
    }

    /// Checks that `message` ends with this key's signature for `topic`, in constant time.
    pub(crate) fn verify(&self, topic: &str, message: &[u8]) -> Result<(), SignatureError> {
        let signed = message.strip_suffix(END).ok_or(SignatureError::Missing)?;
        let (rest, hex) =
            signed.split_last_chunk::<{ 2 * SIGNATURE_BYTES }>().ok_or(SignatureError::Missing)?;
        let body = rest.strip_suffix(MEMBER).ok_or(SignatureError::Missing)?;
        let mut signature = [0; SIGNATURE_BYTES];
        for (byte, pair) in signature.iter_mut().zip(hex.chunks_exact(2)) {
            let digit = |digit: u8| match digit {
                b'0'..=b'9' => Some(digit - b'0'),
                b'a'..=b'f' => Some(digit - b'a' + 10),
                _ => None,
            };
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => return Err(SignatureError::Wrong),
            }
        }
        self.mac(topic, body)
            .ok_or(SignatureError::Wrong)?
            .verify_truncated_left(&signature)
            .map_err(|_| SignatureError::Wrong)
    }

    fn mac(&self, topic: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(topic.as_bytes());
        mac.update(&[0]);
        mac.update(body);
        Some(mac)
    }
}

/// Never prints the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a junction's key has {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes, this one has {}",
            self.bytes
        )
    }
}

impl core::error::Error for KeyError {}
