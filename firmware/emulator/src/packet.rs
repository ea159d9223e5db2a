//! Requests and answers, as they stand in a frame.

use crate::op::Op;

const HEADER_BYTES: usize = 8;
const REQUEST: u8 = 0;
const ANSWER: u8 = 1;
const CHECKSUM_SEED: u8 = 0xEF;
/// Before the data of a block: its length, its number, and two words of zeros.
const BLOCK_HEADER_BYTES: usize = 16;

/// What a client wants.
pub(crate) struct Request {
    pub(crate) op: Op,
    /// Of the data of a block; meaningless elsewhere.
    checksum: u32,
    /// How many bytes of data the header names.
    size: usize,
    pub(crate) data: Vec<u8>,
}

/// A block of data within a request.
pub(crate) struct Block<'a> {
    /// Its number, from 0.
    pub(crate) sequence: u32,
    pub(crate) data: &'a [u8],
    /// Whether the length that it names is its own.
    pub(crate) whole: bool,
    /// Whether its checksum is right.
    pub(crate) sound: bool,
}

impl Request {
    /// Reads a frame; none if that is no request.
    pub(crate) fn parse(frame: &[u8]) -> Option<Request> {
        let (header, data) = frame.split_first_chunk::<HEADER_BYTES>()?;
        let [direction, op, size_low, size_high, checksum @ ..] = *header;
        (direction == REQUEST).then(|| Request {
            op: Op(op),
            checksum: u32::from_le_bytes(checksum),
            size: usize::from(u16::from_le_bytes([size_low, size_high])),
            data: data.to_vec(),
        })
    }

    /// Whether the frame holds as much as its header says.
    pub(crate) fn is_whole(&self) -> bool {
        self.size == self.data.len()
    }

    /// The data's word number `index`.
    pub(crate) fn word(&self, index: usize) -> Option<u32> {
        let bytes = self.data.get(4 * index..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// The data's first `N` words.
    pub(crate) fn words<const N: usize>(&self) -> Option<[u32; N]> {
        let mut words = [0; N];
        for (index, word) in words.iter_mut().enumerate() {
            *word = self.word(index)?;
        }
        Some(words)
    }

    /// The data as a block.
    pub(crate) fn block(&self) -> Option<Block<'_>> {
        let [length, sequence] = self.words::<2>()?;
        let data = self.data.get(BLOCK_HEADER_BYTES..)?;
        Some(Block {
            sequence,
            data,
            whole: self.is_whole() && usize::try_from(length) == Ok(data.len()),
            sound: u32::from(checksum(data)) == self.checksum & 0xFF,
        })
    }
}

/// The checksum of a block's data.
fn checksum(data: &[u8]) -> u8 {
    data.iter().fold(CHECKSUM_SEED, |sum, byte| sum ^ byte)
}

/// An answer. `status` ends it: four bytes from the ROM, two from the stub.
pub(crate) fn answer(op: Op, value: u32, data: &[u8], status: &[u8]) -> Vec<u8> {
    let size = u16::try_from(data.len() + status.len()).unwrap_or(u16::MAX);
    let mut answer = vec![ANSWER, op.0];
    answer.extend(size.to_le_bytes());
    answer.extend(value.to_le_bytes());
    answer.extend(data);
    answer.extend(status);
    answer
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request as a client makes it.
    pub(crate) fn request(op: Op, words: &[u32]) -> Vec<u8> {
        let data: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        frame(op, 0, &data)
    }

    /// A request with a block of data.
    pub(crate) fn block(op: Op, sequence: u32, data: &[u8]) -> Vec<u8> {
        let mut content = u32::try_from(data.len()).unwrap().to_le_bytes().to_vec();
        content.extend(sequence.to_le_bytes());
        content.extend([0; 8]);
        content.extend(data);
        frame(op, checksum(data), &content)
    }

    fn frame(op: Op, checksum: u8, data: &[u8]) -> Vec<u8> {
        let mut frame = vec![REQUEST, op.0];
        frame.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
        frame.extend(u32::from(checksum).to_le_bytes());
        frame.extend(data);
        frame
    }

    #[test]
    fn a_block_that_lost_a_byte_is_neither_whole_nor_sound() {
        let mut bytes = block(Op::FLASH_DATA, 3, b"some data");
        let whole = Request::parse(&bytes).unwrap();
        let read = whole.block().unwrap();
        assert!(read.whole && read.sound && read.sequence == 3 && read.data == b"some data");
        bytes.remove(30);
        let lost = Request::parse(&bytes).unwrap();
        let read = lost.block().unwrap();
        assert!(!read.whole && !read.sound);
    }

    #[test]
    fn what_is_no_request_is_not_taken_for_one() {
        assert!(Request::parse(&[0, 8, 0, 0, 0, 0, 0]).is_none());
        assert!(Request::parse(&answer(Op::SYNC, 0, &[], &[0; 4])).is_none());
    }
}
