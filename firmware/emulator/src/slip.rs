//! SLIP, the framing of both loaders (RFC 1055, with a delimiter at both ends of a frame).

/// Begins and ends a frame.
pub(crate) const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;
const ESCAPED_END: u8 = 0xDC;
const ESCAPED_ESCAPE: u8 = 0xDD;

/// The longest frame that is kept: the stub's largest block (16 KiB), the largest command header, and
/// some more. What is longer is noise.
const MAX_FRAME_BYTES: usize = 0x4000 + 64;

/// Takes a stream of bytes apart into frames.
#[derive(Default)]
pub(crate) struct Decoder {
    /// The frame so far; none between frames.
    frame: Option<Vec<u8>>,
    escaped: bool,
}

impl Decoder {
    /// Takes the next byte; gives a frame where that ends one. Bytes between frames, and frames with a
    /// wrong escape or of impossible length, are dropped, as the loaders do.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Vec<u8>> {
        let Some(frame) = &mut self.frame else {
            if byte == END {
                self.frame = Some(Vec::new());
            }
            return None;
        };
        if byte == END {
            self.escaped = false;
            // Two delimiters in a row: the first was the end of a frame whose beginning was lost.
            return if frame.is_empty() { None } else { self.frame.take() };
        }
        let plain = match (self.escaped, byte) {
            (false, ESCAPE) => {
                self.escaped = true;
                return None;
            }
            (false, byte) => Some(byte),
            (true, ESCAPED_END) => Some(END),
            (true, ESCAPED_ESCAPE) => Some(ESCAPE),
            (true, _) => None,
        };
        self.escaped = false;
        match plain {
            Some(plain) if frame.len() < MAX_FRAME_BYTES => frame.push(plain),
            _ => self.frame = None,
        }
        None
    }

    /// Whether a frame has begun and not ended.
    pub(crate) fn inside(&self) -> bool {
        self.frame.is_some()
    }
}

/// A frame as it goes over the line.
pub(crate) fn encode(content: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(content.len() + content.len() / 64 + 2);
    frame.push(END);
    for byte in content {
        match *byte {
            END => frame.extend([ESCAPE, ESCAPED_END]),
            ESCAPE => frame.extend([ESCAPE, ESCAPED_ESCAPE]),
            plain => frame.push(plain),
        }
    }
    frame.push(END);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::default();
        bytes.iter().filter_map(|byte| decoder.push(*byte)).collect()
    }

    #[test]
    fn every_byte_survives_the_way() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), [all]);
    }

    #[test]
    fn noise_between_frames_and_doubled_delimiters_are_dropped() {
        let mut bytes = b"noise".to_vec();
        bytes.extend(encode(b"one"));
        bytes.push(END);
        bytes.extend(encode(b"two"));
        assert_eq!(decode(&bytes), [b"one".to_vec(), b"two".to_vec()]);
    }

    #[test]
    fn a_wrong_escape_loses_its_frame_alone() {
        let mut bytes = vec![END, b'a', ESCAPE, b'b', END];
        bytes.extend(encode(b"next"));
        assert_eq!(decode(&bytes), [b"next".to_vec()]);
    }

    #[test]
    fn a_frame_without_end_does_not_grow_for_ever() {
        let mut bytes = vec![END];
        bytes.extend(vec![0; 2 * MAX_FRAME_BYTES]);
        bytes.extend(encode(b"next"));
        assert_eq!(decode(&bytes), [b"next".to_vec()]);
    }
}
