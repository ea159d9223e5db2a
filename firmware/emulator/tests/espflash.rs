//! espflash's library, which shares no code with the emulator, uses it as it would a board.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;

use board_emulator::{ChipKind, Emulator, LoaderKind, Mode, Op};
use espflash::{
    flasher::FlashSize,
    image_format::Segment,
    target::{Chip, DefaultProgressCallback},
};

use self::common::{connect, content};

const MAC: [u8; 6] = [0x24, 0x0A, 0xC4, 0xAB, 0xCD, 0xEF];
const PROTECTED: std::ops::Range<u32> = 0x3F_F000..0x40_0000;

fn board(folder: &tempfile::TempDir, mb: u32) -> Emulator {
    Emulator::builder(folder.path().join("flash")).flash_mb(mb).mac(MAC).start().unwrap()
}

fn segments<'a>(parts: &'a [(u32, Vec<u8>)]) -> Vec<Segment<'a>> {
    parts.iter().map(|(at, data)| Segment { addr: *at, data: data.into() }).collect()
}

#[test]
fn the_chip_is_recognised_with_and_without_stub() {
    let folder = tempfile::tempdir().unwrap();
    for (mb, size) in [(4, FlashSize::_4Mb), (8, FlashSize::_8Mb), (2, FlashSize::_2Mb)] {
        let folder = folder.path().join(mb.to_string());
        fs::create_dir(&folder).unwrap();
        let board =
            Emulator::builder(folder.join("flash")).flash_mb(mb).mac(MAC).revision(0).start().unwrap();
        for stub in [false, true] {
            board.enter_download_mode();
            let info = connect(&board, stub, None).unwrap().device_info().unwrap();
            assert_eq!(info.chip, Chip::Esp32);
            assert_eq!(info.flash_size, size);
            assert_eq!(info.mac_address.as_deref(), Some("24:0a:c4:ab:cd:ef"));
            assert_eq!(info.revision, Some((0, 0)));
            assert_eq!(info.crystal_frequency.to_string(), "40 MHz");
            assert_eq!(board.seen().loader, if stub { LoaderKind::Stub } else { LoaderKind::Rom });
        }
    }
}

#[test]
fn what_is_written_is_in_the_flash_and_nothing_else_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let board = board(&folder, 4);
    let parts = [
        (0x1000, content(20_000, 3)),
        (0x8000, content(3_072, 5)),
        (0xF000, content(300, 11)),
        (0x1_0000, content(200_000, 7)),
    ];
    for stub in [true, false] {
        board.enter_download_mode();
        board.forget();
        let mut flasher = connect(&board, stub, None).unwrap();
        flasher.write_bins_to_flash(&segments(&parts), &mut DefaultProgressCallback).unwrap();
        let flash = board.flash().unwrap();
        for (at, data) in &parts {
            let at = usize::try_from(*at).unwrap();
            assert!(flash[at..].starts_with(data), "at {at:#x}, stub {stub}");
        }
        let seen = board.seen();
        assert!(!seen.touched(&PROTECTED));
        let wanted = [0x1000..0x6000, 0x8000..0x9000, 0xF000..0x4_1000];
        assert_eq!(seen.erased.as_slice(), wanted, "stub {stub}");
        let blocks = if stub { Op::FLASH_DEFL_DATA } else { Op::FLASH_DATA };
        assert!(seen.count(blocks) > 8 && seen.count(Op::SPI_FLASH_MD5) == 4, "{:?}", seen.commands);
    }
}

#[test]
fn the_flash_is_read_in_a_stream_by_the_stub_and_in_pieces_by_the_rom() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash");
    let all = content(4 << 20, 13);
    fs::write(&path, &all).unwrap();
    let board = Emulator::builder(&path).start().unwrap();
    let copy = folder.path().join("copy");
    let mut flasher = connect(&board, true, Some(921_600)).unwrap();
    flasher.read_flash(0, 4 << 20, 0x1000, 64, copy.clone()).unwrap();
    assert!(fs::read(&copy).unwrap() == all);
    flasher.read_flash(0x123, 0x1001, 0x400, 1, copy.clone()).unwrap();
    assert!(fs::read(&copy).unwrap() == all[0x123..0x1124]);

    drop(flasher);
    board.enter_download_mode();
    let mut flasher = connect(&board, false, None).unwrap();
    // espflash 4.7 loses count of the address after two pieces.
    flasher.read_flash_rom(0x1_0000, 128, 64, 1, copy.clone()).unwrap();
    assert!(fs::read(&copy).unwrap() == all[0x1_0000..0x1_0080]);
}

#[test]
fn checksums_erasing_and_speeds_are_the_chips() {
    let folder = tempfile::tempdir().unwrap();
    let board = board(&folder, 8);
    let mut flasher = connect(&board, true, Some(460_800)).unwrap();
    assert_eq!(board.seen().baud, Some(460_800));
    flasher.write_bin_to_flash(0x2_0000, &content(0x3000, 3), &mut DefaultProgressCallback).unwrap();
    let blank = flasher.checksum_md5(0x40_0000, 0x1000).unwrap();
    assert_ne!(flasher.checksum_md5(0x2_1000, 0x1000).unwrap(), blank);
    flasher.erase_region(0x2_1000, 0x1000).unwrap();
    assert_eq!(flasher.checksum_md5(0x2_1000, 0x1000).unwrap(), blank);
    assert!(flasher.erase_region(0x2_1001, 0x1000).is_err());
    flasher.erase_flash().unwrap();
    assert!(board.flash().unwrap().iter().all(|byte| *byte == 0xFF));

    drop(flasher);
    board.enter_download_mode();
    let mut flasher = connect(&board, false, Some(230_400)).unwrap();
    assert_eq!(board.seen().baud, Some(230_400));
    assert_eq!(flasher.checksum_md5(0x40_0000, 0x1000).unwrap(), blank);
}

#[test]
fn the_port_can_be_opened_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let board = board(&folder, 4);
    for _ in 0..5 {
        connect(&board, true, None).unwrap();
    }
    let seen = board.seen();
    assert_eq!((seen.opened, seen.open), (5, false));
}

#[test]
fn a_running_board_does_not_answer_a_flasher() {
    let folder = tempfile::tempdir().unwrap();
    let board = Emulator::builder(folder.path().join("flash")).mode(Mode::Running).start().unwrap();
    assert!(connect(&board, true, None).is_err());
    assert!(board.seen().commands.is_empty());
}

#[test]
fn other_chips_revisions_and_locked_ones_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || Emulator::builder(folder.path().join("flash"));
    for (kind, chip) in [(ChipKind::Esp32S3, Chip::Esp32s3), (ChipKind::Esp32C3, Chip::Esp32c3)] {
        let board = builder().chip(kind).mac(MAC).start().unwrap();
        let mut flasher = connect(&board, false, None).unwrap();
        assert_eq!(flasher.chip(), chip);
        assert_eq!(flasher.device_info().unwrap().mac_address.as_deref(), Some("24:0a:c4:ab:cd:ef"));
    }
    for revision in [0, 1, 2, 3] {
        let board = builder().revision(revision).start().unwrap();
        let info = connect(&board, false, None).unwrap().device_info().unwrap();
        assert_eq!(info.revision, Some((revision.into(), 0)));
    }
    // The ESP32's manual: FLASH_CRYPT_CNT and ABS_DONE_0 of fuse block 0.
    for locked in [false, true] {
        let board = builder().secure_boot(locked).flash_encryption(locked).start().unwrap();
        let mut flasher = connect(&board, false, None).unwrap();
        let mut word = |index: u32| flasher.connection().read_reg(0x3FF5_A000 + 4 * index).unwrap();
        let crypt_count = word(0) >> 20 & 0x7F;
        assert_eq!((crypt_count.count_ones() % 2 == 1, word(6) >> 4 & 1 == 1), (locked, locked));
    }
}
