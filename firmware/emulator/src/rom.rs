//! The loader in the ESP32's ROM. Its answers end with four status bytes.
//!
//! Where the public description is silent, this is what was assumed: an unknown command is answered
//! once, under its own number, with error 5; a block out of turn with error 6; any command for the
//! flash before `SPI_ATTACH` with error 6; blocks for the flash that were not announced with error 6.

use md5::{Digest, Md5};

use crate::{
    download::{Download, Erase, Trouble},
    loader::{Action, Loader, LoaderKind},
    op::Op,
    packet::{self, Block, Request},
    stub::GREETING,
};

/// How often a `SYNC` is answered.
const SYNC_ANSWERS: usize = 8;
const SYNC_START: [u8; 4] = [0x07, 0x07, 0x12, 0x20];
/// How much `READ_FLASH_SLOW` answers, however little was asked for.
const SLOW_READ_BYTES: u32 = 64;

/// Why the ROM refuses (Espressif's "ROM Loader Errors").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Parameter = 0x01,
    Message = 0x05,
    Failed = 0x06,
    Checksum = 0x07,
    Write = 0x08,
    Read = 0x09,
    ReadLength = 0x0A,
    Inflate = 0x0B,
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Refusal {
        match trouble {
            Trouble::Flash => Refusal::Write,
            Trouble::Inflate | Trouble::NotEnough | Trouble::TooMuch => Refusal::Inflate,
        }
    }
}

/// What a command gives: the data of its answer, and what is done after that.
type Done = Result<(Vec<u8>, Vec<Action>), Refusal>;

fn done() -> Done {
    Ok((Vec::new(), Vec::new()))
}

impl Loader {
    /// Answers a request as the ROM does.
    pub(crate) fn rom(&mut self, request: &Request) -> Vec<Action> {
        let done = self.rom_do(request);
        let (data, status, after) = match done {
            Ok((data, after)) => (data, [0; 4], after),
            Err(refusal) => (Vec::new(), [1, refusal as u8, 0, 0], Vec::new()),
        };
        let answer = packet::answer(request.op, self.value, &data, &status);
        let copies = if request.op == Op::SYNC && status == [0; 4] { SYNC_ANSWERS } else { 1 };
        let mut actions: Vec<_> = (0..copies).map(|_| Action::Send(answer.clone())).collect();
        actions.extend(after);
        actions
    }

    fn rom_do(&mut self, request: &Request) -> Done {
        match request.op {
            Op::SYNC => self.rom_sync(request),
            Op::READ_REG => {
                let [address] = request.words().ok_or(Refusal::Message)?;
                self.value = self.read_register(address);
                done()
            }
            Op::WRITE_REG => {
                let [address, value, mask] = request.words().ok_or(Refusal::Message)?;
                self.write_register(address, value, mask);
                done()
            }
            Op::MEM_BEGIN => {
                let [_, _, _, address] = request.words().ok_or(Refusal::Message)?;
                self.ram.begin(address);
                done()
            }
            Op::MEM_DATA => {
                let block = checked(request)?;
                if self.ram.take(block.data) { done() } else { Err(Refusal::Failed) }
            }
            Op::MEM_END => self.rom_mem_end(request),
            Op::SPI_ATTACH => {
                self.attached = true;
                done()
            }
            Op::SPI_SET_PARAMS => {
                let [_, bytes] = request.words().ok_or(Refusal::Message)?;
                self.told_bytes = bytes;
                done()
            }
            Op::CHANGE_BAUDRATE => {
                let [baud] = request.words().ok_or(Refusal::Message)?;
                if baud == 0 {
                    return Err(Refusal::Parameter);
                }
                Ok((Vec::new(), vec![Action::Baud(baud)]))
            }
            Op::GET_SECURITY_INFO => {
                let info = self.chip.security_info().ok_or(Refusal::Message)?;
                Ok((info.to_vec(), Vec::new()))
            }
            Op::FLASH_BEGIN | Op::FLASH_DEFL_BEGIN => self.rom_flash_begin(request),
            Op::FLASH_DATA | Op::FLASH_DEFL_DATA => self.rom_flash_data(request),
            Op::FLASH_END | Op::FLASH_DEFL_END => {
                let [stay] = request.words().ok_or(Refusal::Message)?;
                self.download.take().ok_or(Refusal::Failed)?;
                // 0 starts the chip anew, with the straps that it saw at its last reset; 1 goes on to
                // the program.
                Ok((Vec::new(), vec![if stay == 0 { Action::Restart } else { Action::Run }]))
            }
            Op::SPI_FLASH_MD5 => self.rom_md5(request),
            Op::READ_FLASH_SLOW => self.rom_read(request),
            _ => Err(Refusal::Message),
        }
    }

    fn rom_sync(&mut self, request: &Request) -> Done {
        if !request.data.starts_with(&SYNC_START) {
            return Err(Refusal::Message);
        }
        self.value = u32::from_le_bytes(SYNC_START);
        done()
    }

    fn rom_mem_end(&mut self, request: &Request) -> Done {
        let [stay, entry] = request.words().ok_or(Refusal::Message)?;
        let loaded = self.ram.end(entry);
        if stay != 0 || !loaded || !self.stub_allowed {
            return done();
        }
        self.kind = LoaderKind::Stub;
        self.attached = true;
        self.download = None;
        Ok((Vec::new(), vec![Action::Send(GREETING.to_vec())]))
    }

    fn rom_flash_begin(&mut self, request: &Request) -> Done {
        let [bytes, _, _, offset] = request.words().ok_or(Refusal::Message)?;
        if !self.attached || !self.in_reach(offset, bytes) {
            return Err(Refusal::Failed);
        }
        let compressed = request.op == Op::FLASH_DEFL_BEGIN;
        let download = Download::begin(&mut self.flash, offset, bytes, compressed, Erase::Before);
        self.download = Some(download.map_err(|_| Refusal::Write)?);
        done()
    }

    fn rom_flash_data(&mut self, request: &Request) -> Done {
        let block = checked(request)?;
        let download = self.download.as_mut().ok_or(Refusal::Failed)?;
        let compressed = request.op == Op::FLASH_DEFL_DATA;
        if download.is_compressed() != compressed || download.sequence != block.sequence {
            return Err(Refusal::Failed);
        }
        download.take(&mut self.flash, block.data)?;
        self.blocks += 1;
        done()
    }

    fn rom_md5(&mut self, request: &Request) -> Done {
        let [start, bytes] = request.words().ok_or(Refusal::Message)?;
        let data = self.rom_flash(start, bytes)?;
        let hex: String = Md5::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((hex.into_bytes(), Vec::new()))
    }

    fn rom_read(&mut self, request: &Request) -> Done {
        let [start, bytes] = request.words().ok_or(Refusal::Message)?;
        if bytes > SLOW_READ_BYTES {
            return Err(Refusal::ReadLength);
        }
        let mut data = self.rom_flash(start, bytes)?;
        data.resize(64, 0);
        Ok((data, Vec::new()))
    }

    fn rom_flash(&self, start: u32, bytes: u32) -> Result<Vec<u8>, Refusal> {
        if !self.attached || !self.in_reach(start, bytes) {
            return Err(Refusal::Failed);
        }
        self.flash.read(start..start + bytes).map_err(|_| Refusal::Read)
    }
}

/// The block of a request, if it came over the line as it was sent.
fn checked(request: &Request) -> Result<Block<'_>, Refusal> {
    let block = request.block().filter(|block| block.whole).ok_or(Refusal::Message)?;
    if block.sound { Ok(block) } else { Err(Refusal::Checksum) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        loader::tests::{ending, loader, start_stub},
        packet::tests::{block, request},
    };

    const FINE: [u8; 4] = [0; 4];

    fn attached() -> (tempfile::TempDir, Loader) {
        let (folder, mut loader) = loader(true);
        assert_eq!(ending(&loader.take(&request(Op::SPI_ATTACH, &[0, 0]))), FINE);
        (folder, loader)
    }

    #[test]
    fn a_greeting_is_answered_eight_times() {
        let (_folder, mut loader) = loader(true);
        let mut words = [0x5555_5555; 9];
        words[0] = 0x2012_0707;
        let answers = loader.take(&request(Op::SYNC, &words));
        let answer = [1, 8, 4, 0, 7, 7, 0x12, 0x20, 0, 0, 0, 0];
        assert_eq!(answers, vec![Action::Send(answer.to_vec()); 8]);
    }

    #[test]
    fn what_only_a_stub_or_a_later_chip_knows_is_refused() {
        let (_folder, mut loader) = attached();
        for op in [Op::ERASE_FLASH, Op::READ_FLASH, Op::RUN_USER_CODE, Op::GET_SECURITY_INFO, Op(0x77)] {
            assert_eq!(ending(&loader.take(&request(op, &[0; 4]))), [1, 5, 0, 0], "{op:?}");
        }
    }

    #[test]
    fn the_flash_is_out_of_reach_before_it_is_attached() {
        let (_folder, mut loader) = loader(true);
        assert_eq!(ending(&loader.take(&request(Op::FLASH_BEGIN, &[64, 1, 64, 0]))), [1, 6, 0, 0]);
    }

    #[test]
    fn a_block_with_a_wrong_checksum_is_not_programmed_and_can_be_sent_again() {
        let (_folder, mut loader) = attached();
        loader.take(&request(Op::FLASH_BEGIN, &[64, 1, 64, 0x1000]));
        assert_eq!(loader.flash.erased.as_slice(), [0x1000..0x2000]);
        let good = block(Op::FLASH_DATA, 0, &[0x5A; 64]);
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        assert_eq!(ending(&loader.take(&bad)), [1, 7, 0, 0]);
        assert_eq!(loader.flash.read(0x1000..0x1040).unwrap(), [0xFF; 64]);
        let out_of_turn = block(Op::FLASH_DATA, 1, &[0x5A; 64]);
        assert_eq!(ending(&loader.take(&out_of_turn)), [1, 6, 0, 0]);
        assert_eq!(ending(&loader.take(&good)), FINE);
        assert_eq!(loader.flash.read(0x1000..0x1040).unwrap(), [0x5A; 64]);
        assert_eq!(loader.blocks, 1);
    }

    #[test]
    fn what_lies_beyond_the_told_size_is_refused() {
        let (_folder, mut loader) = attached();
        loader.take(&request(Op::SPI_SET_PARAMS, &[0, 0x8_0000, 0x1_0000, 0x1000, 256, 0xFFFF]));
        assert_eq!(ending(&loader.take(&request(Op::READ_FLASH_SLOW, &[0x7_FFF0, 16]))).len(), 64 + 4);
        assert_eq!(ending(&loader.take(&request(Op::READ_FLASH_SLOW, &[0x7_FFF0, 17]))), [1, 6, 0, 0]);
        assert_eq!(ending(&loader.take(&request(Op::READ_FLASH_SLOW, &[0, 65]))), [1, 0x0A, 0, 0]);
        assert_eq!(ending(&loader.take(&request(Op::FLASH_BEGIN, &[64, 1, 64, 0x7_FFFF]))), [1, 6, 0, 0]);
    }

    #[test]
    fn the_sum_comes_as_hex_digits() {
        let (_folder, mut loader) = attached();
        let answers = loader.take(&request(Op::SPI_FLASH_MD5, &[0, 0, 0, 0]));
        // The MD5 sum of nothing (RFC 1321).
        assert_eq!(ending(&answers), [&b"d41d8cd98f00b204e9800998ecf8427e"[..], &FINE].concat());
    }

    #[test]
    fn a_rom_that_runs_no_stub_says_nothing_of_it() {
        let (_folder, mut loader) = loader(false);
        assert_eq!(start_stub(&mut loader).len(), 1);
        assert_eq!(loader.kind, LoaderKind::Rom);
    }

    #[test]
    fn nothing_starts_where_nothing_was_put() {
        let (_folder, mut loader) = loader(true);
        assert_eq!(loader.take(&request(Op::MEM_END, &[0, 0x4009_0000])).len(), 1);
        assert_eq!(loader.kind, LoaderKind::Rom);
    }

    #[test]
    fn the_end_of_a_download_leaves_the_loader() {
        let (_folder, mut loader) = attached();
        for (stay, action) in [(0, Action::Restart), (1, Action::Run)] {
            loader.take(&request(Op::FLASH_BEGIN, &[0, 0, 64, 0]));
            assert_eq!(loader.take(&request(Op::FLASH_END, &[stay]))[1..], [action]);
        }
    }
}
