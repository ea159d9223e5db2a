//! Boards, as far as they can be seen without one: every job against a stand-in for a LoPy4 in
//! download mode, and every fault that it can have.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "board/stand_in.rs"]
mod stand_in;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use stand_in::*;
use traffic_light::{Name, record::Record};
use twinlight::board::{
    BackupJob, BackupPlace, BackupScope, BoardError, Cancel, Connection, EntryMethod, FlashJob, Identity,
    ImageChoice, News, Observer, Outcome, ProvisionJob, Question, RestoreJob, Step, Written, back_up,
    examine, facts_file, flash, provision, restore,
};

const PROTECTED: std::ops::Range<usize> = 0x3F_F000..0x40_0000;
const MERGED: &[u8] = include_bytes!("../assets/firmware/twinlight-lopy4.bin");

/// Remembers the news, answers questions, and cancels when it is told to.
#[derive(Default)]
struct Witness {
    news: Vec<News>,
    asked: usize,
    answer: bool,
    cancel: Cancel,
    cancel_at: Option<(Step, u64)>,
}

impl Observer for Witness {
    fn tell(&mut self, news: News) {
        if let (News::Progressed(progress), Some((step, done))) = (&news, self.cancel_at)
            && progress.step == step
            && progress.done >= done
        {
            self.cancel.cancel();
        }
        self.news.push(news);
    }

    fn ask(&mut self, _: &Question) -> bool {
        self.asked += 1;
        self.answer
    }
}

fn connection(board: &StandIn) -> Connection {
    Connection { entry: EntryMethod::None, ..Connection::new(&board.path) }
}

fn record() -> Record {
    let mut record = Record::new(Name::new("demo").unwrap(), Name::new("b").unwrap());
    record.wifi.ssid = "lab".try_into().unwrap();
    record.broker.host = "192.168.1.2".try_into().unwrap();
    record
}

fn flash_job(board: &StandIn) -> FlashJob {
    FlashJob { connection: connection(board), record: record(), image: ImageChoice::BuiltIn, backup: None }
}

fn do_flash(job: &FlashJob) -> Result<Written, BoardError> {
    let mut witness = Witness::default();
    let cancel = witness.cancel.clone();
    match flash(job, &mut witness, &cancel)? {
        Outcome::Flashed(written) => Ok(written),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_flashed(flash: &[u8]) {
    for range in [0x1000..0x7500, 0x8000..0x8C00, 0x1_0000..MERGED.len()] {
        assert!(flash[range.clone()] == MERGED[range.clone()], "{range:?}");
    }
    assert_eq!(Record::decode(&flash[0xF000..0x1_0000]), Ok(record()));
}

/// Nothing may ever have been done to Pycom's block.
#[track_caller]
fn assert_untouched(chip: &Chip, before: &[u8]) {
    for range in &chip.touched {
        assert!(range.end <= 0x3F_F000 || range.start >= 0x40_0000, "{range:x?}");
    }
    assert!(chip.flash[PROTECTED] == before[PROTECTED]);
}

#[test]
fn a_board_is_backed_up_flashed_provisioned_verified_and_restored_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lopy4.bin");
    let board = StandIn::plug_in(Chip::new(8));
    let before = board.chip.lock().unwrap().flash.clone();
    let job =
        FlashJob { backup: Some((BackupScope::Whole, BackupPlace::File(file.clone()))), ..flash_job(&board) };
    let written = do_flash(&job).unwrap();
    assert_eq!(written.board.mac.to_string(), "24:0a:c4:01:02:03");
    assert_eq!(
        (written.board.revision, written.board.flash_bytes, written.board.stub),
        ((1, 0), 8 << 20, true)
    );
    assert!(fs::read(&file).unwrap() == before, "the backup is what was there");
    let facts = fs::read_to_string(facts_file(&file)).unwrap();
    assert!(facts.contains("mac = \"24:0a:c4:01:02:03\"") && facts.contains("scope = \"whole\""), "{facts}");
    {
        let chip = board.chip.lock().unwrap();
        assert_flashed(&chip.flash);
        assert_untouched(&chip, &before);
        assert!(chip.flash[0x40_0000..] == before[0x40_0000..]);
    }

    // A board that has been running writes to its flash.
    board.chip.lock().unwrap().flash[0x9000..0x9010].fill(0);
    let job = RestoreJob { connection: connection(&board), file, of_another_board: false };
    let mut witness = Witness::default();
    let cancel = witness.cancel.clone();
    let Outcome::Restored { written, identity } = restore(&job, &mut witness, &cancel).unwrap() else {
        panic!()
    };
    assert_eq!((identity, witness.asked), (Identity::Equal, 0));
    assert!(written.skipped > written.written, "most of it was right already");
    let chip = board.chip.lock().unwrap();
    assert!(chip.flash == before);
    assert_untouched(&chip, &before);
}

#[test]
fn the_roms_own_loader_does_all_of_it_too() {
    let board = StandIn::plug_in(Chip::new(4));
    let before = board.chip.lock().unwrap().flash.clone();
    let mut job = flash_job(&board);
    job.connection.stub = false;
    let written = do_flash(&job).unwrap();
    assert!(!written.board.stub);
    let chip = board.chip.lock().unwrap();
    assert_flashed(&chip.flash);
    assert_untouched(&chip, &before);
    assert_eq!((chip.count(MEM_BEGIN), chip.count(FLASH_DEFL_BEGIN)), (0, 0));
}

#[test]
fn a_stub_that_does_not_start_is_done_without() {
    let mut chip = Chip::new(4);
    chip.fault = Some((MEM_BEGIN, 0, Fault::Refusal));
    let board = StandIn::plug_in(chip);
    let mut witness = Witness::default();
    let cancel = witness.cancel.clone();
    flash(&flash_job(&board), &mut witness, &cancel).unwrap();
    let noted =
        |news: &News| matches!(news, News::Noted(text) if text.contains("the flasher stub does not start"));
    assert!(witness.news.iter().any(noted), "{:?}", witness.news);
    assert_flashed(&board.chip.lock().unwrap().flash);
}

#[test]
fn a_chip_that_does_not_change_the_rate_is_flashed_at_the_rate_it_has() {
    let mut chip = Chip::new(4);
    chip.fault = Some((CHANGE_BAUDRATE, 0, Fault::Refusal));
    let board = StandIn::plug_in(chip);
    assert_eq!(do_flash(&flash_job(&board)).unwrap().board.baud, 115_200);
    assert_flashed(&board.chip.lock().unwrap().flash);
}

#[test]
fn what_is_right_already_is_skipped_and_credentials_alone_touch_one_sector() {
    let board = StandIn::plug_in(Chip::new(4));
    let first = do_flash(&flash_job(&board)).unwrap();
    assert_eq!(first.skipped, 0);
    board.chip.lock().unwrap().touched.clear();
    let second = do_flash(&flash_job(&board)).unwrap();
    assert_eq!((second.written, second.skipped), (0, first.written));
    assert_eq!(board.chip.lock().unwrap().touched, []);

    let mut other = record();
    other.wifi.ssid = "upstairs".try_into().unwrap();
    let job = ProvisionJob { connection: connection(&board), record: other.clone() };
    let mut witness = Witness::default();
    let Outcome::Provisioned(written) = provision(&job, &mut witness, &Cancel::default()).unwrap() else {
        panic!()
    };
    assert_eq!(written.written, 4096);
    let chip = board.chip.lock().unwrap();
    assert!(
        chip.touched.iter().all(|range| range.start >= 0xF000 && range.end <= 0x1_0000),
        "{:x?}",
        chip.touched
    );
    assert_eq!(Record::decode(&chip.flash[0xF000..]), Ok(other));
}

#[test]
fn a_board_with_another_firmware_is_not_provisioned() {
    let board = StandIn::plug_in(Chip::new(4));
    let job = ProvisionJob { connection: connection(&board), record: record() };
    let error = provision(&job, &mut Witness::default(), &Cancel::default()).unwrap_err();
    assert!(matches!(error, BoardError::OtherFirmware), "{error}");
    assert_eq!(board.chip.lock().unwrap().touched, []);
}

/// Why a board is refused; nothing is written to it.
fn refused(change: impl FnOnce(&mut Chip)) -> BoardError {
    let mut chip = Chip::new(4);
    change(&mut chip);
    let board = StandIn::plug_in(chip);
    let error = do_flash(&flash_job(&board)).unwrap_err();
    let chip = board.chip.lock().unwrap();
    assert_eq!(chip.touched, [], "{error}");
    assert_eq!(chip.count(FLASH_BEGIN) + chip.count(FLASH_DEFL_BEGIN), 0, "{error}");
    assert!(error.advice().contains("nothing was written"), "{}", error.advice());
    error
}

#[test]
fn a_board_that_may_not_be_flashed_is_refused_before_a_byte_is_written() {
    let wrong = refused(|chip| chip.magic = 0x0000_0009);
    assert!(matches!(&wrong, BoardError::WrongChip { chip } if chip == "ESP32-S3"), "{wrong:?}");
    assert!(matches!(
        refused(|chip| chip.magic = 0xDEAD_BEEF),
        BoardError::UnknownChip { magic: 0xDEAD_BEEF }
    ));
    assert!(matches!(refused(|chip| chip.efuses[6] = 1 << 4), BoardError::SecureBoot));
    assert!(matches!(refused(|chip| chip.efuses[6] = 1 << 5), BoardError::SecureBoot));
    assert!(matches!(refused(|chip| chip.efuses[0] = 1 << 20), BoardError::Encrypted));
    assert!(matches!(
        refused(|chip| chip.flash_id = 0x15_40C8),
        BoardError::FlashTooSmall { bytes: 0x20_0000 }
    ));
    assert!(matches!(refused(|chip| chip.flash_id = 0xFF_FFFF), BoardError::FlashSilent { .. }));
    assert!(matches!(refused(|chip| chip.flash_id = 0), BoardError::FlashSilent { .. }));
    assert!(matches!(refused(|chip| chip.fault = Some((READ_REG, 0, Fault::Refusal))), BoardError::Locked));
}

/// Flashes with a fault; afterwards the board is reset and flashed again, which has to work.
fn with_fault(stub: bool, op: u8, nth: u32, fault: Fault) -> Result<Written, BoardError> {
    let mut chip = Chip::new(4);
    chip.fault = Some((op, nth, fault));
    let before = chip.flash.clone();
    let board = StandIn::plug_in(chip);
    let mut job = flash_job(&board);
    job.connection.stub = stub;
    let done = do_flash(&job);
    let chip = board.unplug();
    {
        let mut chip = chip.lock().unwrap();
        if matches!(done, Err(BoardError::Halfway(_))) {
            assert_ne!(chip.flash[0x1000], 0xE9, "a board that is half written must not start");
        }
        chip.fault = None;
    }
    let board = StandIn::plug_in_again(Arc::clone(&chip));
    do_flash(&flash_job(&board)).unwrap();
    let chip = chip.lock().unwrap();
    assert_flashed(&chip.flash);
    assert_untouched(&chip, &before);
    done
}

#[test]
fn a_reply_that_is_lost_or_garbled_once_while_writing_is_made_up_for() {
    for (stub, begin, data) in [(true, FLASH_DEFL_BEGIN, FLASH_DEFL_DATA), (false, FLASH_BEGIN, FLASH_DATA)] {
        for fault in [Fault::DroppedByte, Fault::Garbage] {
            with_fault(stub, begin, 2, fault).unwrap();
            with_fault(stub, data, 5, fault).unwrap();
            with_fault(stub, FLASH_MD5, 1, fault).unwrap();
            with_fault(stub, FLASH_MD5, 8, fault).unwrap();
        }
    }
    with_fault(true, FLASH_DEFL_DATA, 7, Fault::LostReply).unwrap();
}

#[test]
fn silence_in_the_middle_is_told_and_the_board_can_be_flashed_again() {
    let error = with_fault(true, FLASH_DEFL_DATA, 6, Fault::Silence).unwrap_err();
    assert!(
        matches!(&error, BoardError::Halfway(inner) if matches!(**inner, BoardError::Silent { .. })),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "the board stopped answering (after a lost reply); the board is half written and starts no program"
    );
    assert!(error.advice().ends_with("its download mode is in ROM and always works"), "{}", error.advice());
}

#[test]
fn a_cable_pulled_at_any_block_is_told_and_the_board_can_be_flashed_again() {
    for (stub, op, blocks) in [(true, FLASH_DEFL_DATA, [0, 1, 9, 20]), (false, FLASH_DATA, [0, 3, 300, 800])]
    {
        for block in blocks {
            let error = with_fault(stub, op, block, Fault::Unplugged).unwrap_err();
            let lost = |error: &BoardError| matches!(error, BoardError::PortLost { .. });
            assert!(matches!(&error, BoardError::Halfway(inner) if lost(inner)), "{error:?}");
        }
    }
    let error = with_fault(true, FLASH_MD5, 0, Fault::Unplugged).unwrap_err();
    assert!(matches!(error, BoardError::PortLost { .. }), "nothing was written yet: {error:?}");
}

#[test]
fn a_chip_that_refuses_to_write_or_never_reads_back_right_is_told() {
    let error = with_fault(true, FLASH_DEFL_BEGIN, 1, Fault::Refusal).unwrap_err();
    assert!(
        matches!(&error, BoardError::Halfway(inner) if matches!(**inner, BoardError::Refused { code: 6, .. }))
    );
    let error = with_fault(true, FLASH_MD5, 0, Fault::WrongChecksum).unwrap_err();
    assert!(
        matches!(&error, BoardError::Halfway(inner) if matches!(**inner, BoardError::VerifyFailed { .. }))
    );
}

#[test]
fn faults_before_anything_is_written_leave_the_board_as_it_was() {
    for (op, nth, fault) in [
        (READ_REG, 3, Fault::Silence),
        (READ_REG, 3, Fault::Garbage),
        (READ_REG, 3, Fault::DroppedByte),
        (READ_REG, 5, Fault::Unplugged),
        (MEM_BEGIN, 1, Fault::Unplugged),
    ] {
        let error = with_fault(true, op, nth, fault).unwrap_err();
        assert!(!matches!(error, BoardError::Halfway(_)), "{error}");
    }
    // The stub's start survives a panic of the library: the ROM does it then.
    for fault in [Fault::DroppedByte, Fault::Garbage] {
        with_fault(true, MEM_BEGIN, 0, fault).unwrap();
    }
}

#[test]
fn a_cancelled_job_ends_between_blocks_and_the_board_can_be_flashed_again() {
    let board = StandIn::plug_in(Chip::new(4));
    for cancel_at in [(Step::Compare, 0), (Step::Write, 100_000), (Step::Verify, 0)] {
        let mut witness = Witness { cancel_at: Some(cancel_at), ..Witness::default() };
        let cancel = witness.cancel.clone();
        let started = Instant::now();
        let error = flash(&flash_job(&board), &mut witness, &cancel).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert_eq!(matches!(error, BoardError::Halfway(_)), cancel_at.0 != Step::Compare, "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
        if cancel_at.0 != Step::Compare {
            assert_eq!(board.chip.lock().unwrap().flash[0x1000], 0xFF, "it must not start");
        }
        // The same loader goes on: nobody pressed reset.
        settle();
    }
    do_flash(&flash_job(&board)).unwrap();
    assert_flashed(&board.chip.lock().unwrap().flash);
}

fn backup_job(board: &StandIn, scope: BackupScope, file: &Path) -> BackupJob {
    BackupJob { connection: connection(board), scope, place: BackupPlace::File(file.to_owned()) }
}

fn do_back_up(job: &BackupJob) -> Result<Outcome, BoardError> {
    back_up(job, &mut Witness::default(), &Cancel::default())
}

#[test]
fn backups_survive_lost_replies_and_are_never_written_over_or_left_half() {
    let folder = tempfile::tempdir().unwrap();
    for (name, stub, fault) in [
        ("a", true, None),
        ("b", true, Some((READ_FLASH, 3, Fault::DroppedByte))),
        ("c", true, Some((FLASH_MD5, 3, Fault::Garbage))),
        ("d", false, Some((READ_FLASH_SLOW, 30, Fault::DroppedByte))),
    ] {
        let mut chip = Chip::new(4);
        if !stub {
            // Reading by the ROM takes long.
            chip.flash[0x2_0000..].fill(0xFF);
        }
        chip.fault = fault;
        let before = chip.flash.clone();
        let board = StandIn::plug_in(chip);
        let file = folder.path().join(name);
        let mut job = backup_job(&board, BackupScope::Whole, &file);
        job.connection.stub = stub;
        do_back_up(&job).unwrap();
        assert!(fs::read(&file).unwrap() == before, "{name}");
        assert_eq!(board.chip.lock().unwrap().touched, []);
        assert!(matches!(do_back_up(&job), Err(BoardError::BackupExists { .. })));
    }
    let board = StandIn::plug_in(Chip { fault: Some((READ_FLASH, 4, Fault::Unplugged)), ..Chip::new(4) });
    let job = backup_job(&board, BackupScope::Whole, &folder.path().join("e"));
    assert!(matches!(do_back_up(&job), Err(BoardError::PortLost { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 8, "nothing is left of it");
}

/// A board whose block has changed since the backup in `file`.
fn changed_since(file: &Path, scope: BackupScope) -> StandIn {
    let board = StandIn::plug_in(Chip::new(8));
    do_back_up(&backup_job(&board, scope, file)).unwrap();
    board.chip.lock().unwrap().flash[0x3F_F010] ^= 0xFF;
    board
}

fn do_restore(board: &StandIn, file: &Path, answer: bool) -> (Identity, usize) {
    let job = RestoreJob { connection: connection(board), file: file.to_owned(), of_another_board: false };
    let mut witness = Witness { answer, ..Witness::default() };
    match restore(&job, &mut witness, &Cancel::default()).unwrap() {
        Outcome::Restored { identity, .. } => (identity, witness.asked),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pycoms_block_is_restored_only_when_a_person_confirms_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, scope) in [("whole", BackupScope::Whole), ("block", BackupScope::Identity)] {
        let file = folder.path().join(name);
        let board = changed_since(&file, scope);
        let changed = board.chip.lock().unwrap().flash.clone();
        assert_eq!(do_restore(&board, &file, false), (Identity::LeftAlone, 1));
        assert_untouched(&board.chip.lock().unwrap(), &changed);
        assert_eq!(do_restore(&board, &file, true), (Identity::Written, 1));
        assert_eq!(do_restore(&board, &file, true), (Identity::Equal, 0));
        let chip = board.chip.lock().unwrap();
        assert_eq!(chip.flash[0x3F_F010], changed[0x3F_F010] ^ 0xFF);
        assert!(chip.touched.iter().all(|range| range.start >= 0x3F_F000 && range.end <= 0x40_0000));
    }
}

#[test]
fn a_backup_of_another_board_is_refused_and_never_brings_its_identity_even_when_forced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b");
    let board = changed_since(&file, BackupScope::Whole);
    board.chip.lock().unwrap().efuses[1] ^= 1;
    board.chip.lock().unwrap().flash[0x5_0000] ^= 0xFF;
    let before = board.chip.lock().unwrap().flash.clone();
    let mut job = RestoreJob { connection: connection(&board), file, of_another_board: false };
    let mut witness = Witness { answer: true, ..Witness::default() };
    let error = restore(&job, &mut witness, &Cancel::default()).unwrap_err();
    assert!(matches!(error, BoardError::OtherBoard { .. }), "{error}");
    assert_eq!(board.chip.lock().unwrap().touched, []);
    job.of_another_board = true;
    let outcome = restore(&job, &mut witness, &Cancel::default()).unwrap();
    assert!(matches!(outcome, Outcome::Restored { identity: Identity::LeftAlone, .. }));
    assert_eq!(witness.asked, 0);
    let chip = board.chip.lock().unwrap();
    assert_untouched(&chip, &before);
    assert_eq!(chip.flash[0x5_0000], before[0x5_0000] ^ 0xFF);
}

#[test]
fn a_backup_of_a_flash_of_another_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b");
    changed_since(&file, BackupScope::Whole);
    let board = StandIn::plug_in(Chip::new(4));
    let job = RestoreJob { connection: connection(&board), file, of_another_board: true };
    let error = restore(&job, &mut Witness::default(), &Cancel::default()).unwrap_err();
    assert!(matches!(error, BoardError::OtherSize { .. }), "{error}");
    assert_eq!(board.chip.lock().unwrap().touched, []);
}

#[test]
fn a_port_without_a_chip_is_told_from_one_whose_program_talks() {
    let quiet = StandIn::plug_in(Chip::new(4));
    let path = quiet.path.clone();
    let chip = Arc::clone(&quiet.chip);
    let (mut master, slave) = serialport::TTYPort::pair().unwrap();
    let talking = serialport::SerialPort::name(&slave).unwrap();
    let stop = Arc::new(Mutex::new(false));
    let stopped = Arc::clone(&stop);
    let talk = std::thread::spawn(move || {
        while !*stopped.lock().unwrap() {
            let _ = std::io::Write::write_all(&mut master, b"    12.345 info    the lamps are red\r\n");
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let look = |port: &str| {
        let connection = Connection { entry: EntryMethod::None, ..Connection::new(port) };
        examine(&connection, &mut Witness::default(), &Cancel::default())
    };
    let error = look(&talking).unwrap_err();
    assert!(error.to_string().ends_with("something else does, as a program that runs would"), "{error}");
    *stop.lock().unwrap() = true;
    talk.join().unwrap();
    assert!(matches!(look(&path).unwrap(), Outcome::Examined(_)));
    chip.lock().unwrap().fault = Some((0x08, 0, Fault::Silence));
    let error = look(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("no chip in download mode answers on {path}"));
}

#[test]
fn waiting_for_a_hand_is_told_and_can_be_cancelled() {
    let board = StandIn::plug_in(Chip { fault: Some((0x08, 0, Fault::Silence)), ..Chip::new(4) });
    let connection = Connection { entry: EntryMethod::Manual, ..Connection::new(&board.path) };
    let mut witness = Witness::default();
    let cancel = witness.cancel.clone();
    let later = cancel.clone();
    let hand = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1200));
        later.cancel();
    });
    let error = examine(&connection, &mut witness, &cancel).unwrap_err();
    hand.join().unwrap();
    assert!(error.is_cancelled());
    let waits = witness.news.iter().filter(|news| matches!(news, News::WaitingForChip { .. })).count();
    assert!((2..=4).contains(&waits), "{waits}");
}
