//! The loader that a client puts into the RAM: Espressif's flasher stub. Its answers end with two status
//! bytes, the first of which is the error. The emulator does not run the bytes that a client sends; it
//! plays the program that they are.

use md5::{Digest, Md5};

use crate::{
    download::{Download, Erase, Trouble},
    flash::SECTOR_BYTES,
    loader::{Action, Loader},
    op::Op,
    packet::{self, Request},
};

/// What the stub says, unasked, when it starts.
pub(crate) const GREETING: &[u8] = b"OHAI";
/// The largest block, in bytes.
const MAX_BLOCK_BYTES: u32 = 0x4000;
const SYNC_ANSWERS: usize = 8;

/// Why the stub refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Length = 0xC0,
    Checksum = 0xC1,
    BlockSize = 0xC2,
    Flash = 0xC4,
    NotInFlashMode = 0xC6,
    Inflate = 0xC7,
    NotEnough = 0xC8,
    TooMuch = 0xC9,
    EraseStart = 0x32,
    EraseLength = 0x33,
    EraseSector = 0x35,
    ReadForMd5 = 0x63,
    NotImplemented = 0xFF,
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Refusal {
        match trouble {
            Trouble::Flash => Refusal::Flash,
            Trouble::Inflate => Refusal::Inflate,
            Trouble::TooMuch => Refusal::TooMuch,
            Trouble::NotEnough => Refusal::NotEnough,
        }
    }
}

/// What a command gives: value and data of its answer, and what is done after that.
#[derive(Default)]
struct Done {
    value: u32,
    data: Vec<u8>,
    after: Vec<Action>,
}

impl Done {
    fn then(action: Action) -> Done {
        Done { after: vec![action], ..Done::default() }
    }
}

/// A part of the flash on its way to the client.
pub(crate) struct Stream {
    data: Vec<u8>,
    block_bytes: usize,
    /// In bytes: Espressif's description says packets, and its stub compares bytes, so that with the
    /// usual 64 there is never more than one block under way.
    max_in_flight: usize,
    sent: usize,
    acknowledged: usize,
}

impl Loader {
    /// Answers a request as the stub does.
    pub(crate) fn stub(&mut self, request: &Request) -> Vec<Action> {
        if request.op == Op::RUN_USER_CODE {
            return vec![Action::Run];
        }
        let (done, error) = match self.stub_do(request) {
            Ok(done) => (done, 0),
            Err(refusal) => (Done::default(), refusal as u8),
        };
        let answer = packet::answer(request.op, done.value, &done.data, &[error, 0]);
        let copies = if request.op == Op::SYNC && error == 0 { SYNC_ANSWERS } else { 1 };
        let mut actions: Vec<_> = (0..copies).map(|_| Action::Send(answer.clone())).collect();
        actions.extend(done.after);
        if self.stream.is_some() {
            actions.extend(self.stream_blocks());
        }
        actions
    }

    fn stub_do(&mut self, request: &Request) -> Result<Done, Refusal> {
        match request.op {
            Op::SYNC => {
                exactly::<9>(request)?;
                Ok(Done::default())
            }
            Op::READ_REG => {
                let [address] = exactly(request)?;
                Ok(Done { value: self.read_register(address), ..Done::default() })
            }
            Op::WRITE_REG => self.stub_write_registers(request),
            Op::MEM_BEGIN => {
                let [_, _, _, address] = exactly(request)?;
                self.ram.begin(address);
                Ok(Done::default())
            }
            Op::MEM_DATA => {
                let data = request.data.get(16..).ok_or(Refusal::Length)?;
                if self.ram.take(data) { Ok(Done::default()) } else { Err(Refusal::NotInFlashMode) }
            }
            Op::MEM_END => {
                let [_, entry] = exactly(request)?;
                let starts = entry != 0 && self.ram.end(entry);
                Ok(if starts { Done::then(Action::Send(GREETING.to_vec())) } else { Done::default() })
            }
            Op::SPI_ATTACH => exactly::<1>(request).map(|_| Done::default()),
            Op::SPI_SET_PARAMS => {
                let [_, bytes, ..] = exactly::<6>(request)?;
                self.told_bytes = bytes;
                Ok(Done::default())
            }
            Op::CHANGE_BAUDRATE => {
                let [baud, _] = exactly(request)?;
                Ok(Done::then(Action::Baud(baud)))
            }
            Op::FLASH_BEGIN | Op::FLASH_DEFL_BEGIN => self.stub_flash_begin(request),
            Op::FLASH_DATA | Op::FLASH_DEFL_DATA => self.stub_flash_data(request),
            Op::FLASH_END | Op::FLASH_DEFL_END => self.stub_flash_end(request),
            Op::SPI_FLASH_MD5 => {
                let [start, bytes, _, _] = exactly(request)?;
                let data = self.stub_flash(start, bytes).ok_or(Refusal::ReadForMd5)?;
                Ok(Done { data: Md5::digest(&data).to_vec(), ..Done::default() })
            }
            Op::READ_FLASH => self.stub_read(request),
            Op::ERASE_FLASH => {
                exactly::<0>(request)?;
                let all = 0..self.flash.bytes();
                self.flash.erase(all).map_err(|_| Refusal::EraseSector)?;
                Ok(Done::default())
            }
            Op::ERASE_REGION => self.stub_erase(request),
            _ => Err(Refusal::NotImplemented),
        }
    }

    /// A `WRITE_REG` of the stub may hold several writes, of address, value, mask and delay each.
    fn stub_write_registers(&mut self, request: &Request) -> Result<Done, Refusal> {
        let (writes, []) = request.data.as_chunks::<16>() else { return Err(Refusal::Length) };
        for index in 0..writes.len() {
            let word = |at: usize| request.word(4 * index + at).unwrap_or_default();
            let (address, value, mask) = (word(0), word(1), word(2));
            self.write_register(address, value, mask);
        }
        Ok(Done::default())
    }

    fn stub_flash_begin(&mut self, request: &Request) -> Result<Done, Refusal> {
        if !matches!(request.data.len(), 16 | 20) {
            return Err(Refusal::Length);
        }
        let [bytes, _, block_bytes, offset] = request.words().ok_or(Refusal::Length)?;
        if block_bytes > MAX_BLOCK_BYTES {
            return Err(Refusal::BlockSize);
        }
        let compressed = request.op == Op::FLASH_DEFL_BEGIN;
        self.late = None;
        if !self.in_reach(offset, bytes) {
            return Err(Refusal::Flash);
        }
        let download = Download::begin(&mut self.flash, offset, bytes, compressed, Erase::AsItGoes);
        self.download = Some(download.map_err(|_| Refusal::Flash)?);
        Ok(Done::default())
    }

    /// A block is answered before it is programmed: what goes wrong then is said with the next answer.
    fn stub_flash_data(&mut self, request: &Request) -> Result<Done, Refusal> {
        let download = self.download.as_mut().ok_or(Refusal::NotInFlashMode)?;
        let block = request.block().ok_or(Refusal::Length)?;
        if !block.sound {
            return Err(Refusal::Checksum);
        }
        if !block.whole {
            return Err(Refusal::Length);
        }
        if let Some(late) = self.late {
            return Err(late.into());
        }
        // The stub trusts that the data is what it began with.
        if download.is_compressed() == (request.op == Op::FLASH_DEFL_DATA) {
            self.late = download.take(&mut self.flash, block.data).err();
        } else {
            self.late = Some(Trouble::Inflate);
        }
        self.blocks += 1;
        Ok(Done::default())
    }

    fn stub_flash_end(&mut self, request: &Request) -> Result<Done, Refusal> {
        let [stay] = request.words().ok_or(Refusal::Length)?;
        let download = self.download.as_ref().ok_or(Refusal::NotInFlashMode)?;
        if !download.is_complete() {
            return Err(Refusal::NotEnough);
        }
        self.download = None;
        if let Some(late) = self.late.take() {
            return Err(late.into());
        }
        // 0 starts the chip anew. The straps stay as they were, so that is the ROM's loader.
        Ok(if stay == 0 { Done::then(Action::Restart) } else { Done::default() })
    }

    fn stub_erase(&mut self, request: &Request) -> Result<Done, Refusal> {
        let [start, bytes] = exactly(request)?;
        if !start.is_multiple_of(SECTOR_BYTES) {
            return Err(Refusal::EraseStart);
        }
        if !bytes.is_multiple_of(SECTOR_BYTES) {
            return Err(Refusal::EraseLength);
        }
        let end = start.checked_add(bytes).ok_or(Refusal::EraseSector)?;
        self.flash.erase(start..end).map_err(|_| Refusal::EraseSector)?;
        Ok(Done::default())
    }

    fn stub_flash(&self, start: u32, bytes: u32) -> Option<Vec<u8>> {
        let reached = self.in_reach(start, bytes);
        reached.then(|| self.flash.read(start..start + bytes).ok()).flatten()
    }

    fn stub_read(&mut self, request: &Request) -> Result<Done, Refusal> {
        let [start, bytes, block_bytes, max_in_flight] = exactly(request)?;
        // A block larger than a sector ends the stub's reading before it begins, without a word.
        if (1..=SECTOR_BYTES).contains(&block_bytes) {
            self.stream = Some(Stream {
                data: self.stub_flash(start, bytes).unwrap_or_default(),
                block_bytes: usize::try_from(block_bytes).unwrap_or(1),
                max_in_flight: usize::try_from(max_in_flight).unwrap_or(usize::MAX),
                sent: 0,
                acknowledged: 0,
            });
        }
        Ok(Done::default())
    }

    /// Takes what the client says while it is being sent the flash: how many bytes it has.
    pub(crate) fn stream_on(&mut self, frame: &[u8]) -> Vec<Action> {
        let Some(stream) = &mut self.stream else { return Vec::new() };
        match <[u8; 4]>::try_from(frame) {
            Ok(count) => {
                stream.acknowledged = usize::try_from(u32::from_le_bytes(count)).unwrap_or(usize::MAX);
                self.stream_blocks()
            }
            // Anything else ends it.
            Err(_) => self.stream_digest(),
        }
    }

    /// Sends as many blocks as may be under way, and the digest behind the last.
    fn stream_blocks(&mut self) -> Vec<Action> {
        let Some(stream) = &mut self.stream else { return Vec::new() };
        if stream.acknowledged >= stream.data.len() || stream.acknowledged > stream.sent {
            return self.stream_digest();
        }
        let mut actions = Vec::new();
        while stream.sent < stream.data.len() && stream.sent - stream.acknowledged < stream.max_in_flight {
            let end = (stream.sent + stream.block_bytes).min(stream.data.len());
            let block = stream.data.get(stream.sent..end).unwrap_or_default();
            actions.push(Action::Send(block.to_vec()));
            stream.sent = end;
        }
        actions
    }

    fn stream_digest(&mut self) -> Vec<Action> {
        let Some(stream) = self.stream.take() else { return Vec::new() };
        let sent = stream.data.get(..stream.sent).unwrap_or_default();
        vec![Action::Send(Md5::digest(sent).to_vec())]
    }
}

/// The data's words, if it holds just that many.
fn exactly<const N: usize>(request: &Request) -> Result<[u32; N], Refusal> {
    if !request.is_whole() || request.data.len() != 4 * N {
        return Err(Refusal::Length);
    }
    request.words().ok_or(Refusal::Length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        loader::{
            LoaderKind,
            tests::{ending, loader, start_stub},
        },
        packet::tests::{block, request},
    };

    const FINE: [u8; 2] = [0; 2];

    fn stub() -> (tempfile::TempDir, Loader) {
        let (folder, mut loader) = loader(true);
        let actions = start_stub(&mut loader);
        assert_eq!(actions[1..], [Action::Send(b"OHAI".to_vec())]);
        assert_eq!(loader.kind, LoaderKind::Stub);
        (folder, loader)
    }

    fn sent(actions: Vec<Action>) -> Vec<Vec<u8>> {
        actions
            .into_iter()
            .map(|action| if let Action::Send(content) = action { content } else { panic!("{action:?}") })
            .collect()
    }

    #[test]
    fn it_answers_with_two_status_bytes_and_knows_what_it_does_not_know() {
        let (_folder, mut loader) = stub();
        assert_eq!(ending(&loader.take(&request(Op::SYNC, &[0; 9]))), FINE);
        assert_eq!(ending(&loader.take(&request(Op::GET_SECURITY_INFO, &[]))), [0xFF, 0]);
        assert_eq!(ending(&loader.take(&request(Op::READ_FLASH_SLOW, &[0, 64]))), [0xFF, 0]);
        assert_eq!(ending(&loader.take(&request(Op::READ_REG, &[]))), [0xC0, 0]);
    }

    #[test]
    fn what_goes_wrong_with_a_block_is_said_with_the_next() {
        let (_folder, mut loader) = stub();
        loader.take(&request(Op::FLASH_DEFL_BEGIN, &[0x1000, 2, 0x4000, 0]));
        let noise = block(Op::FLASH_DEFL_DATA, 0, &[0xA5; 64]);
        assert_eq!(ending(&loader.take(&noise)), FINE);
        assert_eq!(ending(&loader.take(&noise)), [0xC7, 0]);
        assert_eq!(ending(&loader.take(&request(Op::FLASH_DEFL_END, &[1]))), [0xC8, 0]);
        loader.take(&request(Op::FLASH_BEGIN, &[64, 1, 0x4000, 0]));
        assert_eq!(ending(&loader.take(&block(Op::FLASH_DATA, 0, &[0x5A; 64]))), FINE);
        assert_eq!(ending(&loader.take(&request(Op::FLASH_END, &[1]))), FINE);
        assert_eq!(loader.flash.read(0..64).unwrap(), [0x5A; 64]);
    }

    #[test]
    fn blocks_are_refused_outside_of_a_download_and_with_a_wrong_checksum() {
        let (_folder, mut loader) = stub();
        let mut data = block(Op::FLASH_DATA, 0, &[1; 64]);
        assert_eq!(ending(&loader.take(&data)), [0xC6, 0]);
        assert_eq!(ending(&loader.take(&request(Op::FLASH_BEGIN, &[64, 1, 0x4001, 0]))), [0xC2, 0]);
        loader.take(&request(Op::FLASH_BEGIN, &[64, 1, 0x4000, 0]));
        *data.last_mut().unwrap() ^= 1;
        assert_eq!(ending(&loader.take(&data)), [0xC1, 0]);
    }

    #[test]
    fn no_more_of_the_flash_is_under_way_than_the_client_allows() {
        let (_folder, mut loader) = stub();
        let data: Vec<u8> = (0..=255).collect();
        loader.flash.erase(0..0x1000).unwrap();
        loader.flash.program(0, &data).unwrap();
        let first = sent(loader.take(&request(Op::READ_FLASH, &[0, 250, 100, 2])));
        assert_eq!(first[1..], [data[..100].to_vec()]);
        assert_eq!(sent(loader.take(&100_u32.to_le_bytes())), [data[100..200].to_vec()]);
    }

    #[test]
    fn reading_ends_with_the_sum_of_what_was_sent() {
        let (_folder, mut loader) = stub();
        let answers = sent(loader.take(&request(Op::READ_FLASH, &[0x10, 250, 100, 200])));
        assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [10, 100, 100]);
        assert_eq!(sent(loader.take(&100_u32.to_le_bytes())), [vec![0; 50]]);
        assert!(loader.take(&200_u32.to_le_bytes()).is_empty());
        assert_eq!(sent(loader.take(&250_u32.to_le_bytes())), [Md5::digest([0; 250]).to_vec()]);
        assert_eq!(ending(&loader.take(&request(Op::SYNC, &[0; 9]))), FINE, "and then it listens again");
    }

    #[test]
    fn erasing_wants_whole_sectors() {
        let (_folder, mut loader) = stub();
        assert_eq!(ending(&loader.take(&request(Op::ERASE_REGION, &[1, 0x1000]))), [0x32, 0]);
        assert_eq!(ending(&loader.take(&request(Op::ERASE_REGION, &[0, 0x1001]))), [0x33, 0]);
        assert_eq!(ending(&loader.take(&request(Op::ERASE_REGION, &[0x1000, 0x2000]))), FINE);
        assert_eq!(loader.flash.erased.as_slice(), [0x1000..0x3000]);
    }

    #[test]
    fn leaving_for_the_program_is_not_answered() {
        let (_folder, mut loader) = stub();
        assert_eq!(loader.take(&request(Op::RUN_USER_CODE, &[])), [Action::Run]);
    }
}
