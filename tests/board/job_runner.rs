//! The board's runner, as the window uses it, against an emulated LoPy4.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use test_support::board::Board;
use traffic_light::{Name, record::Record};
use twinlight::board::{
    Answer, BackupJob, BackupPlace, BackupScope, Busy, Event, FlashJob, Identity, ImageChoice, JobEvent,
    JobRunner, Outcome, Request, RestoreJob, Step, log::LogEvent,
};

use crate::connection;

fn flash(board: &Board) -> Request {
    let mut record = Record::new(Name::new("demo").unwrap(), Name::new("b").unwrap());
    record.wifi.ssid = "lab".try_into().unwrap();
    record.broker.host = "192.168.1.2".try_into().unwrap();
    Request::Flash(FlashJob {
        connection: connection(board),
        record,
        image: ImageChoice::BuiltIn,
        backup: None,
    })
}

/// Events up to one that `is_last`; each call returns at once, as a frame of the window needs.
fn events(runner: &JobRunner, is_last: impl Fn(&Event) -> bool) -> Vec<Event> {
    let started = Instant::now();
    let mut events = Vec::new();
    while started.elapsed() < Duration::from_secs(60) {
        let asked = Instant::now();
        let event = runner.next_event();
        assert!(asked.elapsed() < Duration::from_millis(50));
        let Some(event) = event else {
            sleep(Duration::from_millis(5));
            continue;
        };
        let last = is_last(&event);
        events.push(event);
        if last {
            return events;
        }
    }
    panic!("it never came: {events:?}");
}

fn is_end(event: &Event) -> bool {
    matches!(event, Event::JobDone { .. } | Event::JobFailed { .. })
}

#[test]
fn a_flash_is_told_step_by_step_and_no_second_job_starts_meanwhile() {
    let board = Board::new(4);
    let wakes = Arc::new(AtomicUsize::new(0));
    let woken = Arc::clone(&wakes);
    let runner = JobRunner::new(Arc::new(move || {
        woken.fetch_add(1, Ordering::Relaxed);
    }))
    .unwrap();
    let job = runner.start(flash(&board)).unwrap();
    assert_eq!(runner.start(flash(&board)), Err(Busy));
    assert_eq!(runner.running(), Some(job));
    let events = events(&runner, is_end);
    assert!(matches!(events.last(), Some(Event::JobDone { outcome: Outcome::Flashed(_), .. })), "{events:?}");
    let steps: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::JobReported { event: JobEvent::StepBegan(step), .. } => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [Step::Enter, Step::Examine, Step::Compare, Step::Write, Step::Verify, Step::Start]);
    assert!(wakes.load(Ordering::Relaxed) >= events.len());
    assert_eq!(runner.running(), None);
}

#[test]
fn a_job_is_cancelled_without_blocking_and_the_next_one_works() {
    let board = Board::new(4);
    let runner = JobRunner::new(Arc::new(|| {})).unwrap();
    runner.start(flash(&board)).unwrap();
    let writes =
        |event: &Event| matches!(event, Event::JobReported { event: JobEvent::StepBegan(Step::Write), .. });
    events(&runner, writes);
    runner.cancel();
    let ended = events(&runner, is_end);
    let Some(Event::JobFailed { diagnostic, cancelled: true, .. }) = ended.last() else {
        panic!("{ended:?}")
    };
    assert_eq!(diagnostic.message, "the job was cancelled: the board is half written and starts no program");
    assert_eq!(
        diagnostic.help.as_deref().unwrap(),
        "flash or restore it again: its download mode is in ROM and always works"
    );
    runner.start(flash(&board)).unwrap();
    let ended = events(&runner, is_end);
    assert!(matches!(ended.last(), Some(Event::JobDone { .. })), "{ended:?}");
}

#[test]
fn a_question_waits_for_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b");
    let board = Board::new(4);
    let runner = JobRunner::new(Arc::new(|| {})).unwrap();
    let (scope, place) = (BackupScope::Identity, BackupPlace::File(file.clone()));
    runner.start(Request::BackUp(BackupJob { connection: connection(&board), scope, place })).unwrap();
    events(&runner, is_end);
    board.flip(0x3F_F000);
    let restore =
        Request::Restore(RestoreJob { connection: connection(&board), file, of_another_board: false });
    for (answer, outcome) in [(Answer::No, Identity::LeftAlone), (Answer::Yes, Identity::Written)] {
        let job = runner.start(restore.clone()).unwrap();
        events(&runner, |event| matches!(event, Event::JobAsked { .. }));
        runner.answer(job, answer);
        let ended = events(&runner, is_end);
        let Some(Event::JobDone { outcome: Outcome::Restored { identity, .. }, .. }) = ended.last() else {
            panic!("{ended:?}")
        };
        assert_eq!(*identity, outcome);
    }
    board.flip(0x3F_F000);
    runner.start(restore).unwrap();
    events(&runner, |event| matches!(event, Event::JobAsked { .. }));
    runner.cancel();
    let ended = events(&runner, is_end);
    assert!(matches!(ended.last(), Some(Event::JobFailed { cancelled: true, .. })), "{ended:?}");
}

#[test]
fn a_log_makes_way_for_a_job_on_its_port_and_goes_on_afterwards() {
    let board = Board::new(4);
    let runner = JobRunner::new(Arc::new(|| {})).unwrap();
    runner.watch_log(&board.port());
    let opened = |event: &Event| matches!(event, Event::Log(LogEvent::Opened { .. }));
    events(&runner, opened);
    runner.start(Request::Examine(connection(&board))).unwrap();
    let all = events(&runner, opened);
    let closed = all.iter().position(|event| *event == Event::Log(LogEvent::Closed)).unwrap();
    let met = all
        .iter()
        .position(|event| matches!(event, Event::JobReported { event: JobEvent::BoardMet(_), .. }))
        .unwrap();
    assert!(closed < met, "{all:?}");
}

#[test]
fn a_desk_that_closes_in_the_middle_of_a_job_ends_it_soon() {
    let board = Board::new(4);
    let runner = JobRunner::new(Arc::new(|| {})).unwrap();
    runner.watch_log("/dev/no-such-port");
    runner.start(flash(&board)).unwrap();
    events(&runner, |event| {
        matches!(event, Event::JobReported { event: JobEvent::StepBegan(Step::Write), .. })
    });
    let closing = Instant::now();
    drop(runner);
    assert!(closing.elapsed() < Duration::from_secs(5), "{:?}", closing.elapsed());
}
