//! Boards, as far as they can be seen without one: every job against an emulated LoPy4, and every
//! fault that it can have.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use board_emulator::{ChipKind, Fault, LoaderKind, Mode, Op, PicEmulator, PicEvent};
use test_support::{
    board::{Board, PROTECTED},
    images,
};
use traffic_light::{Name, record::Record};
use twinlight::board::{
    BackupJob, BackupPlace, BackupScope, BoardError, Cancel, Connection, EntryMethod, FlashJob, Identity,
    ImageChoice, JobEvent, JobObserver, Outcome, ProvisionJob, Question, RestoreJob, Step, Written, back_up,
    examine, facts_file, flash, provision, reset, restore,
};

use crate::connection;

const MERGED: &[u8] = include_bytes!("../../assets/firmware/twinlight-lopy4.bin");

/// Remembers the events, answers questions, and cancels when it is told to.
#[derive(Default)]
struct Witness {
    events: Vec<JobEvent>,
    asked: usize,
    answer: bool,
    cancel: Cancel,
    cancel_at: Option<(Step, u64)>,
}

impl JobObserver for Witness {
    fn notify(&mut self, event: JobEvent) {
        if let (JobEvent::Progressed(progress), Some((step, done))) = (&event, self.cancel_at)
            && progress.step == step
            && progress.done >= done
        {
            self.cancel.cancel();
        }
        self.events.push(event);
    }

    fn ask(&mut self, _: &Question) -> bool {
        self.asked += 1;
        self.answer
    }
}

fn record() -> Record {
    let mut record = Record::new(Name::new("demo").unwrap(), Name::new("b").unwrap());
    record.wifi.ssid = "lab".try_into().unwrap();
    record.broker.host = "192.168.1.2".try_into().unwrap();
    record
}

fn flash_job(board: &Board) -> FlashJob {
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

#[test]
fn a_board_is_backed_up_flashed_provisioned_verified_and_restored_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lopy4.bin");
    let board = Board::new(8);
    let before = board.flash();
    let backup = Some((BackupScope::Whole, BackupPlace::File(file.clone())));
    let written = do_flash(&FlashJob { backup, ..flash_job(&board) }).unwrap();
    assert_eq!(written.board.mac.to_string(), "24:0a:c4:01:02:03");
    let info = &written.board;
    assert_eq!((info.revision, info.flash_bytes, info.stub, info.baud), ((1, 0), 8 << 20, true, 921_600));
    assert!(fs::read(&file).unwrap() == before, "the backup is what was there");
    let facts = fs::read_to_string(facts_file(&file)).unwrap();
    assert!(facts.contains("mac = \"24:0a:c4:01:02:03\"") && facts.contains("scope = \"whole\""), "{facts}");
    assert_flashed(&board.flash());
    board.assert_identity_untouched(&before);
    assert!(board.flash()[0x40_0000..] == before[0x40_0000..]);

    // A board that has been running writes to its flash.
    board.write(0x9000, &[0; 16]);
    let job = RestoreJob { connection: connection(&board), file, of_another_board: false };
    let mut witness = Witness::default();
    let Outcome::Restored { written, identity } = restore(&job, &mut witness, &Cancel::default()).unwrap()
    else {
        panic!()
    };
    assert_eq!((identity, witness.asked), (Identity::Equal, 0));
    assert!(written.skipped > written.written, "most of it was right already");
    assert!(board.flash() == before);
    board.assert_identity_untouched(&before);
}

#[test]
fn the_roms_own_loader_does_all_of_it_too() {
    let board = Board::new(4);
    let before = board.flash();
    let mut job = flash_job(&board);
    job.connection.stub = false;
    assert!(!do_flash(&job).unwrap().board.stub);
    assert_flashed(&board.flash());
    board.assert_identity_untouched(&before);
    let seen = board.seen();
    assert_eq!((seen.count(Op::MEM_BEGIN), seen.count(Op::FLASH_DEFL_BEGIN)), (0, 0));
    assert_eq!(
        (seen.loader, seen.baud),
        (LoaderKind::Rom, Some(115_200)),
        "found at the usual rate by the next job"
    );
}

#[test]
fn a_stub_that_does_not_start_is_done_without() {
    for refuse in [Some(Fault::refused(6).at_command(Op::MEM_BEGIN, 1)), None] {
        let board = Board::made(4, |builder| builder.stub_allowed(refuse.is_some()));
        if let Some(fault) = refuse {
            board.emulator.arm(fault);
        }
        let mut witness = Witness::default();
        flash(&flash_job(&board), &mut witness, &Cancel::default()).unwrap();
        let without = |event: &JobEvent| matches!(event, JobEvent::Noted(text) if text.contains("the flasher stub does not start"));
        assert!(witness.events.iter().any(without), "{:?}", witness.events);
        assert_flashed(&board.flash());
    }
}

#[test]
fn a_chip_that_does_not_change_the_rate_is_flashed_at_the_rate_it_has() {
    let board = Board::new(4);
    board.emulator.arm(Fault::refused(6).at_command(Op::CHANGE_BAUDRATE, 1));
    assert_eq!(do_flash(&flash_job(&board)).unwrap().board.baud, 115_200);
    assert_flashed(&board.flash());
}

fn behind_pic(version: u16) -> Board {
    Board::made(4, |builder| builder.behind_pic(PicEmulator::new(version)).mode(Mode::Running))
}

#[test]
fn a_board_behind_a_pic_is_entered_flashed_at_a_lower_rate_and_started() {
    let board = behind_pic(8);
    let before = board.flash();
    let mut job = flash_job(&board);
    job.connection.entry = EntryMethod::Pic;
    let written = do_flash(&job).unwrap();
    assert!(written.started);
    assert_eq!(written.board.baud, 230_400);
    assert_flashed(&board.flash());
    board.assert_identity_untouched(&before);
    let seen = board.seen();
    let events: Vec<_> = seen.pic.iter().map(|(_, event)| *event).collect();
    let expected = [PicEvent::Held, PicEvent::ReleasedToDownload, PicEvent::Held, PicEvent::ReleasedToRun];
    assert_eq!((events.as_slice(), seen.mode), (expected.as_slice(), Mode::Running));
    let held = seen.pic[1].0 - seen.pic[0].0;
    // When the emulator came to see it, on a busy computer.
    assert!(held >= Duration::from_millis(100), "{held:?}");
}

/// Presses the reset button when the line has failed.
struct Hand<'a> {
    board: &'a Board,
    notes: Vec<String>,
}

impl JobObserver for Hand<'_> {
    fn notify(&mut self, event: JobEvent) {
        if let JobEvent::Noted(text) = event {
            if text.contains("do not work") {
                self.board.emulator.enter_download_mode();
            }
            self.notes.push(text);
        }
    }

    fn ask(&mut self, _: &Question) -> bool {
        false
    }
}

#[test]
fn a_rate_that_the_line_does_not_carry_is_given_up_for_a_lower_one() {
    let board = Board::new(4);
    board.emulator.break_above(Some(230_400));
    let mut job = flash_job(&board);
    job.connection.entry = EntryMethod::Manual;
    let mut hand = Hand { board: &board, notes: Vec::new() };
    let outcome = flash(&job, &mut hand, &Cancel::default()).unwrap();
    assert!(matches!(outcome, Outcome::Flashed(written) if written.board.baud == 230_400));
    assert_eq!(hand.notes[0], "921600 baud do not work on this line; trying 460800");
    assert_eq!(hand.notes[1], "460800 baud do not work on this line; trying 230400");
    assert_flashed(&board.flash());
}

#[test]
fn a_pic_that_is_too_old_or_not_there_is_told() {
    let through_pic = |board: &Board| {
        let connection = Connection { entry: EntryMethod::Pic, ..Connection::new(board.port()) };
        examine(&connection, &mut Witness::default(), &Cancel::default()).unwrap_err()
    };
    assert!(matches!(through_pic(&behind_pic(5)), BoardError::PicTooOld { version: 5 }));
    assert!(matches!(through_pic(&Board::new(4)), BoardError::PicSilent { .. }));
}

#[test]
fn a_board_behind_a_pic_is_reset_without_flashing() {
    let board = behind_pic(6);
    board.emulator.forget();
    let connection = Connection { entry: EntryMethod::Pic, ..Connection::new(board.port()) };
    assert_eq!(reset(&connection).unwrap(), Outcome::Reset);
    assert_eq!(board.seen().resets, 1);
    let by_hand = reset(&crate::connection(&board)).unwrap_err();
    assert_eq!(
        (by_hand.to_string().as_str(), by_hand.help().as_str()),
        ("this board cannot be reset from here", "press its reset button")
    );
}

#[test]
fn what_is_right_already_is_skipped_and_credentials_alone_touch_one_sector() {
    let board = Board::new(4);
    let first = do_flash(&flash_job(&board)).unwrap();
    assert_eq!(first.skipped, 0);
    board.emulator.forget();
    let second = do_flash(&flash_job(&board)).unwrap();
    assert_eq!((second.written, second.skipped), (0, first.written));
    board.assert_unchanged();

    let mut other = record();
    other.wifi.ssid = "upstairs".try_into().unwrap();
    let job = ProvisionJob { connection: connection(&board), record: other.clone() };
    let Outcome::Provisioned(written) = provision(&job, &mut Witness::default(), &Cancel::default()).unwrap()
    else {
        panic!()
    };
    assert_eq!(written.written, 4096);
    let seen = board.seen();
    let sector = std::slice::from_ref(&(0xF000..0x1_0000));
    assert_eq!((seen.erased.as_slice(), seen.written.as_slice()), (sector, sector));
    assert_eq!(Record::decode(&board.flash()[0xF000..]), Ok(other));
}

#[test]
fn a_board_with_another_firmware_is_not_provisioned() {
    let board = Board::new(4);
    let job = ProvisionJob { connection: connection(&board), record: record() };
    let error = provision(&job, &mut Witness::default(), &Cancel::default()).unwrap_err();
    assert!(matches!(error, BoardError::OtherFirmware), "{error}");
    board.assert_unchanged();
}

/// Why a board is refused; nothing is written to it.
fn refused(board: &Board) -> BoardError {
    let error = do_flash(&flash_job(board)).unwrap_err();
    board.assert_unchanged();
    let seen = board.seen();
    assert_eq!(seen.count(Op::FLASH_BEGIN) + seen.count(Op::FLASH_DEFL_BEGIN), 0, "{error}");
    assert!(error.help().contains("nothing was written"), "{}", error.help());
    error
}

#[test]
fn a_board_that_may_not_be_flashed_is_refused_before_a_byte_is_written() {
    for (kind, name) in [(ChipKind::Esp32S3, "ESP32-S3"), (ChipKind::Esp32C3, "ESP32-C3")] {
        let error = refused(&Board::made(4, |builder| builder.chip(kind)));
        assert!(matches!(&error, BoardError::WrongChip { chip } if chip == name), "{error:?}");
    }
    for revision in [1, 3] {
        let locked = Board::made(4, |builder| builder.secure_boot(true).revision(revision));
        assert!(matches!(refused(&locked), BoardError::SecureBoot));
    }
    let encrypted = Board::made(4, |builder| builder.flash_encryption(true));
    assert!(matches!(refused(&encrypted), BoardError::Encrypted));
    assert!(matches!(refused(&Board::new(2)), BoardError::FlashTooSmall { bytes: 0x20_0000 }));
    let board = Board::new(4);
    board.emulator.arm(Fault::refused(5).at_command(Op::READ_REG, 1).lasting());
    assert!(matches!(refused(&board), BoardError::Locked));
}

#[test]
fn an_image_that_cannot_start_is_refused_before_a_byte_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.bin");
    let board = Board::new(4);
    let before = board.flash();
    let job = FlashJob { image: ImageChoice::File(file.clone()), ..flash_job(&board) };
    let images = images::refused();
    assert!(images.len() > 35);
    for image in images {
        board.emulator.forget();
        fs::write(&file, &image.bytes).unwrap();
        let error = do_flash(&job).expect_err(image.says);
        assert!(matches!(error, BoardError::BadImage { .. }), "{error:?}");
        assert!(error.to_string().contains(image.says), "{error}, and not: {}", image.says);
        let help = error.help();
        assert!(help.starts_with(image.help) && help.ends_with("Nothing was written"), "{help}");
        assert_eq!(board.seen().commands.is_empty(), !image.asks_board, "{error}");
        board.assert_unchanged();
    }
    assert!(board.flash() == before);
    // What they were made of is flashed: none was refused for how it was put together.
    fs::write(&file, images::sound()).unwrap();
    do_flash(&job).unwrap();
    assert_flashed(&board.flash());
}

#[test]
fn every_revision_that_a_lopy4_has_is_flashed() {
    for revision in [0, 1] {
        let board = Board::made(4, |builder| builder.revision(revision));
        assert_eq!(do_flash(&flash_job(&board)).unwrap().board.revision, (revision.into(), 0));
    }
}

/// Flashes with a fault; afterwards the board is reset and flashed again, which has to work.
fn with_fault(stub: bool, fault: Fault) -> Result<Written, BoardError> {
    let mut board = Board::new(4);
    let before = board.flash();
    let mut job = flash_job(&board);
    job.connection.stub = stub;
    board.emulator.arm(fault);
    let done = do_flash(&job);
    board.emulator.disarm();
    if matches!(done, Err(BoardError::Halfway(_))) {
        assert_ne!(board.flash()[0x1000], 0xE9, "a board that is half written must not start");
    }
    board.emulator.plug_in(Mode::Download).unwrap();
    do_flash(&flash_job(&board)).unwrap();
    assert_flashed(&board.flash());
    board.assert_identity_untouched(&before);
    done
}

/// What can be made up for, each in its own thread: they mostly wait.
fn at_once(faults: Vec<Fault>, check: impl Fn(Fault) + Sync) {
    thread::scope(|scope| {
        for fault in faults {
            scope.spawn(|| check(fault));
        }
    });
}

fn lost_or_garbled_while_writing(stub: bool, begin: Op) {
    for make in [Fault::short_answer, Fault::noise, Fault::flipped_bit, Fault::lost_byte, Fault::lost_answer]
    {
        let faults = vec![
            make().at_command(begin, 3),
            make().at_block(6),
            make().at_command(Op::SPI_FLASH_MD5, 2),
            make().at_command(Op::SPI_FLASH_MD5, 9),
        ];
        at_once(faults, |fault| {
            let shown = format!("{fault:?}");
            with_fault(stub, fault).unwrap_or_else(|error| panic!("{shown}: {error}"));
        });
    }
}

#[test]
fn what_is_lost_or_garbled_once_is_made_up_for_with_the_stub() {
    lost_or_garbled_while_writing(true, Op::FLASH_DEFL_BEGIN);
}

#[test]
fn what_is_lost_or_garbled_once_is_made_up_for_with_the_rom() {
    lost_or_garbled_while_writing(false, Op::FLASH_BEGIN);
}

#[test]
fn silence_in_the_middle_is_told_and_the_board_can_be_flashed_again() {
    for (stub, block) in [(true, 7), (false, 200)] {
        let error = with_fault(stub, Fault::silence().at_block(block).lasting()).unwrap_err();
        assert!(
            matches!(&error, BoardError::Halfway(inner) if matches!(**inner, BoardError::Silent { .. })),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "the board stopped answering (after a lost reply): the board is half written and starts no program"
        );
        assert!(error.help().ends_with("its download mode is in ROM and always works"), "{}", error.help());
    }
}

#[test]
fn a_cable_pulled_at_any_block_is_told_and_the_board_can_be_flashed_again() {
    for (stub, blocks) in [(true, [1, 2, 10, 30]), (false, [1, 4, 300, 800])] {
        for block in blocks {
            let error = with_fault(stub, Fault::unplugged().at_block(block)).unwrap_err();
            let lost = |error: &BoardError| matches!(error, BoardError::PortLost { .. });
            assert!(matches!(&error, BoardError::Halfway(inner) if lost(inner)), "{block}: {error:?}");
        }
    }
    let error = with_fault(true, Fault::unplugged().at_command(Op::SPI_FLASH_MD5, 1)).unwrap_err();
    assert!(matches!(error, BoardError::PortLost { .. }), "nothing was written yet: {error:?}");
}

#[test]
fn a_chip_that_refuses_to_write_or_never_reads_back_right_is_told() {
    let error =
        with_fault(true, Fault::refused(6).at_command(Op::FLASH_DEFL_BEGIN, 2).lasting()).unwrap_err();
    assert!(
        matches!(&error, BoardError::Halfway(inner) if matches!(**inner, BoardError::Refused { code: 6, .. }))
    );
    let error = with_fault(true, Fault::wrong_md5().lasting()).unwrap_err();
    assert!(
        matches!(&error, BoardError::Halfway(inner) if matches!(**inner, BoardError::VerifyFailed { .. }))
    );
}

#[test]
fn a_block_that_arrived_damaged_is_sent_again_alone() {
    let begins = |stub: bool, fault: Option<Fault>| {
        let board = Board::new(4);
        let mut job = flash_job(&board);
        job.connection.stub = stub;
        fault.into_iter().for_each(|fault| board.emulator.arm(fault));
        do_flash(&job).unwrap();
        assert_flashed(&board.flash());
        let seen = board.seen();
        let (begin, data) = if stub {
            (Op::FLASH_DEFL_BEGIN, Op::FLASH_DEFL_DATA)
        } else {
            (Op::FLASH_BEGIN, Op::FLASH_DATA)
        };
        (seen.count(begin), seen.count(data))
    };
    for (stub, codes) in [(false, [0x05, 0x07].as_slice()), (true, &[0xC0, 0xC1, 0xC2])] {
        let (plain_begins, plain_blocks) = begins(stub, None);
        let faults: Vec<_> = codes.iter().map(|code| Fault::refused(*code).at_block(5)).collect();
        for fault in faults.into_iter().chain([Fault::damaged_command().at_block(5)]) {
            let shown = format!("{fault:?}");
            assert_eq!(begins(stub, Some(fault)), (plain_begins, plain_blocks + 1), "{shown}");
        }
    }
}

#[test]
fn a_line_that_damages_blocks_at_a_high_rate_is_slowed_down_until_it_does_not() {
    let board = Board::new(4);
    board.emulator.arm(Fault::damaged_command().at_block(3).lasting().above(230_400));
    let mut witness = Witness::default();
    let outcome = flash(&flash_job(&board), &mut witness, &Cancel::default()).unwrap();
    assert!(matches!(outcome, Outcome::Flashed(written) if written.board.baud == 230_400));
    for text in [
        "921600 baud are too fast for this line; going on at 460800",
        "460800 baud are too fast for this line; going on at 230400",
    ] {
        assert!(witness.events.contains(&JobEvent::Noted(text.to_owned())), "{:?}", witness.events);
    }
    assert_flashed(&board.flash());
}

#[test]
fn a_line_that_damages_blocks_at_every_rate_is_told_and_not_the_flash() {
    for (stub, code) in [(true, 0xC1), (false, 0x07)] {
        let error = with_fault(stub, Fault::refused(code).at_block(3).lasting()).unwrap_err();
        let BoardError::Halfway(inner) = &error else { panic!("{error:?}") };
        assert!(matches!(**inner, BoardError::Damaged { .. }), "{error:?}");
        let help = error.help();
        assert!(help.contains("check the cable") && !help.contains("flash may be failing"), "{help}");
    }
}

#[test]
fn a_broker_that_means_something_else_on_the_board_is_refused_before_a_byte_is_written() {
    let board = Board::new(4);
    let before = board.flash();
    let hosts = ["localhost", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.168.1.300", "::1"];
    for host in hosts {
        let mut record = record();
        record.broker.host = host.try_into().unwrap();
        let flashed = do_flash(&FlashJob { record: record.clone(), ..flash_job(&board) }).unwrap_err();
        let job = ProvisionJob { connection: connection(&board), record };
        let provisioned = provision(&job, &mut Witness::default(), &Cancel::default()).unwrap_err();
        for error in [flashed, provisioned] {
            assert!(matches!(error, BoardError::UnreachableBroker(_)), "{host}: {error:?}");
            assert!(error.to_string().starts_with(host), "{error}");
            assert!(error.help().contains("the broker's address in the board's network"), "{}", error.help());
        }
    }
    assert_eq!(board.seen().commands, []);
    assert!(board.flash() == before);
}

#[test]
fn faults_before_anything_is_written_leave_the_board_as_it_was() {
    for fault in [
        Fault::silence().at_command(Op::READ_REG, 4).lasting(),
        Fault::unplugged().at_command(Op::READ_REG, 6),
        Fault::unplugged().at_command(Op::MEM_BEGIN, 2),
        Fault::unplugged().at_command(Op::CHANGE_BAUDRATE, 1),
    ] {
        let error = with_fault(true, fault).unwrap_err();
        assert!(!matches!(error, BoardError::Halfway(_)), "{error}");
    }
}

#[test]
fn a_fault_while_the_board_is_reached_is_told_or_made_up_for_and_never_a_panic() {
    let places = [
        (Op::READ_REG, 4),
        (Op::SPI_ATTACH, 1),
        (Op::MEM_BEGIN, 1),
        (Op::MEM_DATA, 2),
        (Op::MEM_END, 1),
        (Op::SPI_SET_PARAMS, 2),
    ];
    for make in [Fault::short_answer, Fault::noise, Fault::lost_byte, Fault::lost_answer] {
        let faults = places.iter().map(|(op, nth)| make().at_command(*op, *nth)).collect();
        at_once(faults, |fault| {
            let shown = format!("{fault:?}");
            match with_fault(true, fault) {
                Ok(_) => {}
                Err(BoardError::Silent { .. } | BoardError::Garbled { .. } | BoardError::Refused { .. }) => {}
                Err(BoardError::NoAnswer { .. } | BoardError::Damaged { .. }) => {}
                Err(other) => panic!("{shown}: {other:?}"),
            }
        });
    }
}

#[test]
fn a_cancelled_job_ends_between_blocks_and_the_board_can_be_flashed_again() {
    let board = Board::new(4);
    for cancel_at in [(Step::Compare, 0), (Step::Write, 100_000), (Step::Verify, 0)] {
        let mut witness = Witness { cancel_at: Some(cancel_at), ..Witness::default() };
        let cancel = witness.cancel.clone();
        let started = Instant::now();
        let error = flash(&flash_job(&board), &mut witness, &cancel).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert_eq!(matches!(error, BoardError::Halfway(_)), cancel_at.0 != Step::Compare, "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
        if cancel_at.0 != Step::Compare {
            assert_eq!(board.flash()[0x1000], 0xFF, "it must not start");
        }
    }
    // The same loader goes on: nobody pressed reset.
    do_flash(&flash_job(&board)).unwrap();
    assert_flashed(&board.flash());
}

fn backup_job(board: &Board, scope: BackupScope, file: &Path) -> BackupJob {
    BackupJob { connection: connection(board), scope, place: BackupPlace::File(file.to_owned()) }
}

fn do_back_up(job: &BackupJob) -> Result<Outcome, BoardError> {
    back_up(job, &mut Witness::default(), &Cancel::default())
}

#[test]
fn backups_survive_lost_replies_and_are_never_written_over_or_left_half() {
    let folder = tempfile::tempdir().unwrap();
    let faults = [
        ("a", true, Fault::short_answer().at_read_block(30)),
        ("b", true, Fault::noise().at_command(Op::SPI_FLASH_MD5, 4)),
        ("c", true, Fault::lost_answer().at_read_block(70)),
        ("d", true, Fault::flipped_bit().at_read_block(9)),
        ("e", false, Fault::short_answer().at_command(Op::READ_FLASH_SLOW, 30)),
    ];
    for (name, stub, fault) in faults {
        let board = Board::new(4);
        if !stub {
            // Reading by the ROM takes long.
            board.write(0x2_0000, &vec![0xFF; 0x3E_0000]);
        }
        let before = board.flash();
        board.emulator.arm(fault);
        let file = folder.path().join(name);
        let mut job = backup_job(&board, BackupScope::Whole, &file);
        job.connection.stub = stub;
        do_back_up(&job).unwrap();
        assert!(fs::read(&file).unwrap() == before, "{name}");
        board.assert_unchanged();
        assert!(matches!(do_back_up(&job), Err(BoardError::BackupExists { .. })));
    }
    let board = Board::new(4);
    board.emulator.arm(Fault::unplugged().at_command(Op::READ_FLASH, 4));
    let job = backup_job(&board, BackupScope::Whole, &folder.path().join("f"));
    assert!(matches!(do_back_up(&job), Err(BoardError::PortLost { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 10, "nothing is left of it");
}

/// A board whose block has changed since the backup in `file`.
fn changed_since(file: &Path, scope: BackupScope, mac: [u8; 6]) -> Board {
    let board = Board::made(8, |builder| builder.mac(mac));
    do_back_up(&backup_job(&board, scope, file)).unwrap();
    board.flip(0x3F_F010);
    board
}

const THIS: [u8; 6] = [0x24, 0x0A, 0xC4, 9, 9, 9];

fn do_restore(board: &Board, file: &Path, answer: bool) -> (Identity, usize) {
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
        let board = changed_since(&file, scope, THIS);
        let changed = board.flash();
        assert_eq!(do_restore(&board, &file, false), (Identity::LeftAlone, 1));
        board.assert_identity_untouched(&changed);
        assert_eq!(do_restore(&board, &file, true), (Identity::Written, 1));
        assert_eq!(do_restore(&board, &file, true), (Identity::Equal, 0));
        assert_eq!(board.flash()[0x3F_F010], changed[0x3F_F010] ^ 0xFF);
        let seen = board.seen();
        assert_eq!((seen.erased.as_slice(), seen.written.as_slice()), (&[PROTECTED][..], &[PROTECTED][..]));
    }
}

#[test]
fn a_backup_of_another_board_is_refused_and_never_brings_its_identity_even_when_forced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b");
    changed_since(&file, BackupScope::Whole, THIS);
    let board = Board::new(8);
    board.flip(0x3F_F010);
    board.flip(0x5_0000);
    let before = board.flash();
    let mut job = RestoreJob { connection: connection(&board), file, of_another_board: false };
    let mut witness = Witness { answer: true, ..Witness::default() };
    let error = restore(&job, &mut witness, &Cancel::default()).unwrap_err();
    assert!(matches!(error, BoardError::OtherBoard { .. }), "{error}");
    board.assert_unchanged();
    job.of_another_board = true;
    let outcome = restore(&job, &mut witness, &Cancel::default()).unwrap();
    assert!(matches!(outcome, Outcome::Restored { identity: Identity::LeftAlone, .. }));
    assert_eq!(witness.asked, 0);
    board.assert_identity_untouched(&before);
    assert_eq!(board.flash()[0x5_0000], before[0x5_0000] ^ 0xFF);
}

#[test]
fn a_backup_of_a_flash_of_another_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b");
    changed_since(&file, BackupScope::Whole, THIS);
    let board = Board::new(4);
    let job = RestoreJob { connection: connection(&board), file, of_another_board: true };
    let error = restore(&job, &mut Witness::default(), &Cancel::default()).unwrap_err();
    assert!(matches!(error, BoardError::OtherSize { .. }), "{error}");
    board.assert_unchanged();
}

#[test]
fn a_port_without_a_chip_is_told_from_one_whose_program_talks() {
    let board = Board::made(4, |builder| builder.mode(Mode::Running));
    let look = || examine(&connection(&board), &mut Witness::default(), &Cancel::default());
    let done = thread::scope(|scope| {
        let looking = scope.spawn(look);
        while !looking.is_finished() {
            board.emulator.say("    12.345 info    the lamps are red");
            thread::sleep(Duration::from_millis(10));
        }
        looking.join().unwrap()
    });
    let error = done.unwrap_err();
    assert!(error.to_string().ends_with("but something else does: perhaps a program that runs"), "{error}");
    board.emulator.enter_download_mode();
    assert!(matches!(look().unwrap(), Outcome::Examined(_)));
    board.emulator.arm(Fault::silence().lasting());
    assert_eq!(
        look().unwrap_err().to_string(),
        format!("no chip in download mode answers on {}", board.port())
    );
}

#[test]
fn waiting_for_a_hand_is_told_until_the_chip_answers() {
    let board = Board::made(4, |builder| builder.mode(Mode::Running));
    // A pseudo-terminal has no wires, so that the automatic choice is the hand.
    let connection = Connection::new(board.port());
    let mut witness = Witness::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(1300));
            board.emulator.enter_download_mode();
        });
        assert!(matches!(examine(&connection, &mut witness, &Cancel::default()), Ok(Outcome::Examined(_))));
    });
    let at = |wanted: fn(&JobEvent) -> bool| witness.events.iter().filter(|event| wanted(event)).count();
    assert!(at(|event| matches!(event, JobEvent::WaitingForChip { .. })) >= 2, "{:?}", witness.events);
    assert_eq!(at(|event| *event == JobEvent::ChipAnswered), 1);
}

#[test]
fn waiting_for_a_hand_can_be_cancelled() {
    let board = Board::made(4, |builder| builder.mode(Mode::Running));
    let connection = Connection { entry: EntryMethod::Manual, ..Connection::new(board.port()) };
    let cancel = Cancel::default();
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(600));
            cancel.cancel();
        });
        examine(&connection, &mut Witness::default(), &cancel).unwrap_err()
    });
    assert!(error.is_cancelled());
    assert_eq!(error.help(), "nothing was changed on the board. Start the job again when you like");
}
