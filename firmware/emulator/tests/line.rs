//! The line itself: speeds that differ, speeds that are too high, and the time that bytes take.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::{Duration, Instant};

use board_emulator::Emulator;
use espflash::target::DefaultProgressCallback;

use self::common::{connect, content};

#[test]
fn a_line_that_does_not_carry_a_speed_fails_at_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let board = Emulator::builder(folder.path().join("flash")).start().unwrap();
    board.break_above(Some(500_000));
    let mut flasher = connect(&board, true, Some(460_800)).unwrap();
    flasher.checksum_md5(0, 0x1000).unwrap();
    drop(flasher);
    board.enter_download_mode();
    // espflash does not ask whether anybody is there at the new speed.
    let mut flasher = connect(&board, true, Some(921_600)).unwrap();
    assert!(flasher.connection().read_reg(0x4000_1000).is_err());
    drop(flasher);
    board.break_above(None);
    board.enter_download_mode();
    connect(&board, true, Some(921_600)).unwrap().checksum_md5(0, 0x1000).unwrap();
}

#[test]
fn a_client_with_another_speed_hears_and_makes_noise() {
    let folder = tempfile::tempdir().unwrap();
    let board = Emulator::builder(folder.path().join("flash")).start().unwrap();
    drop(connect(&board, true, Some(460_800)).unwrap());
    board.forget();
    assert!(connect(&board, true, None).is_err());
    let seen = board.seen();
    assert!(seen.commands.is_empty() && seen.bytes_in > 100, "{seen:?}");
}

#[test]
fn bytes_take_the_time_that_the_speed_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let board = Emulator::builder(folder.path().join("flash")).paced(true).start().unwrap();
    let baud = 921_600;
    let mut flasher = connect(&board, true, Some(baud)).unwrap();
    board.forget();
    let began = Instant::now();
    flasher.write_bin_to_flash(0x1_0000, &content(200_000, 3), &mut DefaultProgressCallback).unwrap();
    let copy = folder.path().join("copy");
    flasher.read_flash(0x1_0000, 200_000, 0x1000, 64, copy).unwrap();
    let took = began.elapsed();
    let seen = board.seen();
    let bytes = u32::try_from(seen.bytes_in + seen.bytes_out).unwrap();
    assert!(bytes > 250_000, "{bytes}");
    let wanted = Duration::from_secs(1) * bytes * 10 / baud;
    assert!(took >= wanted, "{took:?} is less than {wanted:?}");
    assert!(took < wanted * 2, "{took:?} is far more than {wanted:?}");
}
