//! The port beside loading: a program's log, and the PIC before the chip.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use board_emulator::{Emulator, Mode, PicEmulator, PicEvent, Program, pic::register};
use serialport::{DataBits, SerialPort};

use self::common::{connect, open};

/// What comes until `wanted` has, or ten seconds are over.
fn heard(port: &mut dyn SerialPort, wanted: &str) -> String {
    port.set_timeout(Duration::from_millis(100)).unwrap();
    let began = Instant::now();
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains(wanted) || began.elapsed() > Duration::from_secs(10) {
            return text;
        }
        let mut buffer = [0; 256];
        match port.read(&mut buffer) {
            Ok(count) => bytes.extend(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
        }
    }
}

fn talkative(folder: &tempfile::TempDir) -> Emulator {
    let program = Program::Text {
        boot: "hello\r\n".into(),
        lines: vec!["one".into(), "two".into()],
        every: Duration::from_millis(20),
    };
    Emulator::builder(folder.path().join("flash")).mode(Mode::Running).program(program).start().unwrap()
}

#[test]
fn a_program_is_heard_from_its_start_on_after_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let board = talkative(&folder);
    let mut port = open(board.port(), 115_200);
    board.reset();
    let text = heard(&mut port, "two\r\none");
    assert!(text.contains("hello\r\none\r\ntwo\r\none"), "{text:?}");
    board.say("something else\r\n");
    assert!(heard(&mut port, "something else").contains("something else"));
}

#[test]
fn what_is_said_to_a_closed_port_is_not_heard_later() {
    let folder = tempfile::tempdir().unwrap();
    let board = talkative(&folder);
    drop(open(board.port(), 115_200));
    board.say("lost\r\n");
    std::thread::sleep(Duration::from_millis(100));
    let text = heard(&mut open(board.port(), 115_200), "two\r\none");
    assert!(!text.contains("lost") && !text.contains("hello"), "{text:?}");
}

#[test]
fn a_program_heard_at_another_speed_is_noise() {
    let folder = tempfile::tempdir().unwrap();
    let board = talkative(&folder);
    let mut port = open(board.port(), 9_600);
    port.set_timeout(Duration::from_millis(100)).unwrap();
    let mut bytes = vec![0; 100];
    port.read_exact(&mut bytes).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("one"));
}

#[test]
fn the_firmware_says_what_is_in_its_flash_and_the_rom_that_it_waits() {
    let folder = tempfile::tempdir().unwrap();
    let board = Emulator::builder(folder.path().join("flash")).start().unwrap();
    let mut port = open(board.port(), 115_200);
    board.reset();
    assert!(heard(&mut port, "invalid header").contains("(SPI_FAST_FLASH_BOOT)"));
    board.enter_download_mode();
    assert!(heard(&mut port, "waiting for download").contains("DOWNLOAD_BOOT"));
}

#[test]
fn a_board_that_is_dropped_takes_its_port_along() {
    let folder = tempfile::tempdir().unwrap();
    let board = talkative(&folder);
    let mut port = open(board.port(), 115_200);
    drop(board);
    let mut rest = Vec::new();
    let end = port.read_to_end(&mut rest);
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() != ErrorKind::TimedOut));
}

/// Changes a register of the PIC.
fn modify(port: &mut dyn SerialPort, register: u16, and: u8, or: u8) {
    let [low, high] = register.to_le_bytes();
    port.write_all(&[0x02, low, high, and, or, 0]).unwrap();
}

fn reset(port: &mut dyn SerialPort) {
    modify(port, register::TRISC, !(1 << 5), 0);
    modify(port, register::PORTC, !(1 << 5), 0);
    std::thread::sleep(Duration::from_millis(200));
    modify(port, register::PORTC, 0xFF, 1 << 5);
    modify(port, register::TRISC, 0xFF, 1 << 5);
}

#[test]
fn the_pic_leads_into_download_mode_and_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    // Whether a PIC that takes commands still passes on what the ESP32 says is not known; the emulator does.
    let program = Program::Text { boot: "it runs\r\n".into(), lines: Vec::new(), every: Duration::ZERO };
    let board = Emulator::builder(folder.path().join("flash"))
        .mode(Mode::Running)
        .program(program)
        .behind_pic(PicEmulator::default())
        .start()
        .unwrap();
    let name = board.port().to_str().unwrap();
    let five_bits = || {
        let port = serialport::new(name, 115_200).data_bits(DataBits::Five).open().unwrap();
        port.clear(serialport::ClearBuffer::Input).unwrap();
        port
    };

    let mut port = five_bits();
    port.set_timeout(Duration::from_secs(1)).unwrap();
    port.write_all(&[0x11]).unwrap();
    let mut version = [0; 2];
    port.read_exact(&mut version).unwrap();
    assert_eq!(version, [8, 0]);
    modify(&mut *port, register::TRISA, !(1 << 5), 0);
    modify(&mut *port, register::PORTA, !(1 << 5), 0);
    modify(&mut *port, register::TRISC, !1, 0);
    modify(&mut *port, register::PORTC, !1, 0);
    reset(&mut *port);
    assert!(heard(&mut *port, "waiting for download").contains("waiting for download"));
    drop(port);
    assert_eq!(board.seen().mode, Mode::Download);

    connect(&board, true, Some(230_400)).unwrap().checksum_md5(0, 0x1000).unwrap();

    let mut port = five_bits();
    modify(&mut *port, register::TRISA, !(1 << 5), 0);
    modify(&mut *port, register::PORTA, 0xFF, 1 << 5);
    modify(&mut *port, register::TRISC, 0xFF, 1);
    reset(&mut *port);
    assert!(heard(&mut *port, "it runs").contains("it runs"));
    let seen = board.seen();
    assert_eq!(seen.mode, Mode::Running);
    let events: Vec<PicEvent> = seen.pic.iter().map(|(_, event)| *event).collect();
    use PicEvent::{Held, ReleasedToDownload, ReleasedToRun};
    assert_eq!(events, [Held, ReleasedToDownload, Held, ReleasedToRun]);
    // Less than was slept: the board's clock begins when its thread hears of it.
    assert!(seen.pic[1].0 - seen.pic[0].0 >= Duration::from_millis(100));
}
