//! Frames on the serial line: SLIP (RFC 1055), as Espressif's serial protocol uses it.
//!
//! Not espflash's `Connection` (read in version 4.7): its reader ends a frame after so many bytes
//! (<https://github.com/esp-rs/espflash/pull/1007>) but at no time, so that a job on a line where
//! something else talks can neither time out nor be cancelled; and `Connection::command` cuts a reply
//! at the length that the reply claims, which panics where bytes are missing. This reader is bounded,
//! and trusts nothing that came.

const END: u8 = 0xC0;
const ESC: u8 = 0xDB;
const ESC_END: u8 = 0xDC;
const ESC_ESC: u8 = 0xDD;

/// The longest frame that any command is answered with: a block of flash and room to spare.
const MOST_BYTES: usize = 0x5000;

/// Cuts what comes into frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    frame: Vec<u8>,
    state: State,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Between frames: what comes is noise.
    #[default]
    Outside,
    Inside,
    Escaped,
}

impl Frames {
    /// Takes a byte; gives a frame when it was the last of one.
    pub(super) fn take(&mut self, byte: u8) -> Option<Vec<u8>> {
        match (&self.state, byte) {
            (State::Outside, END) => self.begin(),
            (State::Outside, _) => {}
            // Two ends in a row are the end of one frame and the beginning of the next.
            (State::Inside, END) if self.frame.is_empty() => {}
            (State::Inside, END) => {
                self.state = State::Outside;
                return Some(std::mem::take(&mut self.frame));
            }
            (State::Escaped, END) => self.begin(),
            (State::Inside, ESC) => self.state = State::Escaped,
            (State::Inside, _) => self.push(byte),
            (State::Escaped, ESC_END) => self.push(END),
            (State::Escaped, ESC_ESC) => self.push(ESC),
            // Not SLIP: what follows belongs to no frame.
            (State::Escaped, _) => self.forget(),
        }
        None
    }

    /// Forgets what has come of a frame.
    pub(super) fn forget(&mut self) {
        self.state = State::Outside;
        self.frame.clear();
    }

    fn begin(&mut self) {
        self.forget();
        self.state = State::Inside;
    }

    fn push(&mut self, byte: u8) {
        self.state = State::Inside;
        self.frame.push(byte);
        if self.frame.len() > MOST_BYTES {
            self.forget();
        }
    }
}

/// `content` as a frame.
pub(super) fn framed(content: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(content.len() + content.len() / 64 + 2);
    frame.push(END);
    for byte in content {
        match *byte {
            END => frame.extend([ESC, ESC_END]),
            ESC => frame.extend([ESC, ESC_ESC]),
            byte => frame.push(byte),
        }
    }
    frame.push(END);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Frames::default();
        bytes.iter().filter_map(|byte| frames.take(*byte)).collect()
    }

    #[test]
    fn what_was_framed_is_cut_out_again_whatever_it_is() {
        let all: Vec<u8> = (0..=255).chain([END, ESC, END]).collect();
        let bytes = [framed(&all), framed(b"OHAI")].concat();
        assert_eq!(cut(&bytes), [all, b"OHAI".to_vec()]);
    }

    #[test]
    fn noise_before_and_between_frames_does_not_count() {
        let bytes = [b"boot:0x13\r\n".to_vec(), framed(b"a"), b"noise".to_vec(), framed(b"b")].concat();
        assert_eq!(cut(&bytes), [b"a".to_vec(), b"b".to_vec()]);
    }

    #[test]
    fn a_broken_frame_is_dropped_and_the_next_one_found() {
        assert_eq!(cut(&[END, 1, ESC, 7, 2, END, END, 3, END]), [vec![3]]);
        assert_eq!(cut(&[END, 1, ESC, END, 3, END]), [vec![3]]);
    }

    #[test]
    fn noise_without_an_end_does_not_fill_the_memory() {
        let mut frames = Frames::default();
        frames.take(END);
        for _ in 0..1_000_000 {
            assert_eq!(frames.take(b'x'), None);
        }
        assert!(frames.frame.capacity() <= 2 * MOST_BYTES);
    }
}
