//! Every fault reaches a client as an error, and leaves a board that can be flashed again.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{fs, io::Read};

use board_emulator::{Emulator, Fault, Mode, Op};
use espflash::{Error, flasher::Flasher, target::DefaultProgressCallback};

use self::common::{connect, content, open};

const APP: u32 = 0x1_0000;

fn write(flasher: &mut Flasher) -> Result<(), Error> {
    flasher.write_bin_to_flash(APP, &content(120_000, 7), &mut DefaultProgressCallback)
}

fn assert_written(board: &Emulator) {
    let flash = board.flash().unwrap();
    assert!(flash[0x1_0000..].starts_with(&content(120_000, 7)));
}

/// What writing says with the fault; afterwards it is written without.
fn written_with(fault: Fault, stub: bool) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let mut board = Emulator::builder(folder.path().join("flash")).start().unwrap();
    let mut flasher = connect(&board, stub, None).unwrap();
    board.arm(fault);
    let error = write(&mut flasher).unwrap_err();
    drop(flasher);
    board.disarm();
    board.plug_in(Mode::Download).unwrap();
    write(&mut connect(&board, stub, None).unwrap()).unwrap();
    assert_written(&board);
    error
}

#[test]
fn a_refused_block_is_an_error_of_the_loader() {
    for stub in [true, false] {
        let error = written_with(Fault::refused(0x08).at_block(2), stub);
        assert!(matches!(error, Error::RomError(_)), "{error:?}");
    }
}

#[test]
fn a_byte_that_is_lost_on_the_way_is_noticed_by_the_loader() {
    for stub in [true, false] {
        let error = written_with(Fault::lost_byte().at_block(3), stub);
        assert!(matches!(error, Error::RomError(_)), "{error:?}");
    }
}

#[test]
fn a_wrong_sum_is_noticed_by_the_client() {
    for stub in [true, false] {
        let error = written_with(Fault::wrong_md5(), stub);
        assert!(matches!(error, Error::VerifyFailed), "{error:?}");
    }
}

#[test]
fn a_pulled_cable_hangs_up() {
    written_with(Fault::unplugged().at_block(2), true);
}

#[test]
fn silence_and_a_lost_answer_are_waited_out() {
    std::thread::scope(|scope| {
        for fault in [Fault::silence().at_block(2).lasting(), Fault::lost_answer().at_block(2)] {
            scope.spawn(|| written_with(fault, true));
        }
        scope.spawn(|| written_with(Fault::noise().at_command(Op::SPI_FLASH_MD5, 1), true));
    });
}

#[test]
fn what_is_read_wrong_is_noticed_by_the_client() {
    let folder = tempfile::tempdir().unwrap();
    let board = Emulator::builder(folder.path().join("flash")).start().unwrap();
    let copy = folder.path().join("copy");
    for (fault, seen_as) in [
        (Fault::flipped_bit().at_read_block(3), "DigestMismatch"),
        (Fault::short_answer().at_read_block(3), "CorruptData"),
        (Fault::short_answer().at_read_block(9), "IncorrectDigestLength"),
    ] {
        board.enter_download_mode();
        let mut flasher = connect(&board, true, None).unwrap();
        board.arm(fault);
        let error = flasher.read_flash(0, 0x8000, 0x1000, 64, copy.clone()).unwrap_err();
        assert!(format!("{error:?}").starts_with(seen_as), "{error:?}");
    }
    board.enter_download_mode();
    connect(&board, true, None).unwrap().read_flash(0, 0x8000, 0x1000, 64, copy.clone()).unwrap();
    assert_eq!(fs::read(&copy).unwrap(), [0xFF; 0x8000]);
}

#[test]
fn a_cable_can_be_pulled_while_the_flash_is_read_and_nobody_writes() {
    let folder = tempfile::tempdir().unwrap();
    let mut board = Emulator::builder(folder.path().join("flash")).start().unwrap();
    let mut flasher = connect(&board, true, None).unwrap();
    board.arm(Fault::unplugged().at_read_block(2));
    assert!(flasher.read_flash(0, 0x8000, 0x1000, 64, folder.path().join("copy")).is_err());
    board.plug_in(Mode::Running).unwrap();
    let mut port = open(board.port(), 115_200);
    board.unplug();
    assert!(!matches!(port.read(&mut [0]), Ok(1..)));
    assert!(board.seen().commands.contains(&Op::READ_FLASH));
}

#[test]
fn a_stub_that_does_not_start_is_noticed_and_the_rom_still_writes() {
    let folder = tempfile::tempdir().unwrap();
    let board = Emulator::builder(folder.path().join("flash")).stub_allowed(false).start().unwrap();
    assert!(connect(&board, true, None).is_err());
    write(&mut connect(&board, false, None).unwrap()).unwrap();
    assert_written(&board);
}
