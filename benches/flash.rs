//! What flashing costs beside espflash's own, on the same emulated LoPy4 in the same run:
//! `cargo bench --bench flash`. Prints figures; fails where a figure breaks its promise.
//!
//! The emulated line takes the time of a real one at 921,600 baud (or `-- BAUD`), so that the times are
//! those of a line and not of this computer; its flash takes none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the emulated board needs the pseudo-terminals of Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        borrow::Cow,
        time::{Duration, Instant},
    };

    use espflash::{
        connection::{Connection as Line, ResetAfterOperation, ResetBeforeOperation},
        flasher::Flasher,
        image_format::Segment,
        target::{Chip as Kind, DefaultProgressCallback},
    };
    use serialport::UsbPortInfo;
    use traffic_light::{Name, record::Record};
    use twinlight::board::{
        Cancel, Connection, EntryMethod, FlashJob, ImageChoice, JobEvent, JobObserver, Outcome, ProvisionJob,
        Question, Written, flash, provision,
    };

    use test_support::board::Board;

    const BOOTLOADER: &[u8] = include_bytes!("../assets/firmware/bootloader.bin");
    const TABLE: &[u8] = include_bytes!("../assets/firmware/partition-table.bin");
    const APP: &[u8] = include_bytes!("../assets/firmware/app.bin");

    /// What was promised.
    const MOST_OF_ESPFLASH: f64 = 1.1;
    const MOST_OF_A_FLASH: f64 = 0.1;

    struct Nobody;

    impl JobObserver for Nobody {
        fn notify(&mut self, _: JobEvent) {}

        fn ask(&mut self, _: &Question) -> bool {
            false
        }
    }

    pub(crate) fn main() {
        let baud = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(921_600);
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            theirs.push(by_espflash(baud));
            ours.push(by_twinlight(baud));
        }
        let theirs = theirs.into_iter().min_by(|a, b| a.1.cmp(&b.1)).expect("three runs");
        let ours = ours.into_iter().min_by(|a, b| a.1.cmp(&b.1)).expect("three runs");
        println!("line of {baud} baud, image of {} bytes; the best of three runs each", APP.len());
        println!("espflash's write_bins_to_flash, verified: {}", seconds(theirs.1));
        println!("Twinlight's compare, write and verify:    {}", seconds(ours.1));
        let ratio = ours.1.as_secs_f64() / theirs.1.as_secs_f64();
        println!("ratio: {ratio:.3} (promised: at most {MOST_OF_ESPFLASH})");
        println!("with reaching the board and the stub: {} and {}", seconds(theirs.0), seconds(ours.0));
        println!("credentials alone, in all: {}", seconds(ours.2));
        let share = ours.2.as_secs_f64() / ours.0.as_secs_f64();
        println!("share of a flash: {share:.3} (promised: less than {MOST_OF_A_FLASH})");
        assert!(ratio <= MOST_OF_ESPFLASH && share < MOST_OF_A_FLASH, "a promise is broken");
    }

    fn seconds(time: Duration) -> String {
        format!("{:.2} s", time.as_secs_f64())
    }

    fn board() -> Board {
        Board::made(4, |builder| builder.paced(true))
    }

    fn record(ssid: &str) -> Record {
        let mut record = Record::new(Name::new("demo").unwrap(), Name::new("b").unwrap());
        record.wifi.ssid = ssid.try_into().unwrap();
        record.broker.host = "192.168.1.2".try_into().unwrap();
        record
    }

    /// In all, and for writing alone.
    fn by_espflash(baud: u32) -> (Duration, Duration) {
        let board = board();
        let started = Instant::now();
        let port =
            serialport::new(board.port(), 115_200).timeout(Duration::from_secs(3)).open_native().unwrap();
        let usb = UsbPortInfo { vid: 0, pid: 0, serial_number: None, manufacturer: None, product: None };
        let line =
            Line::new(port, usb, ResetAfterOperation::NoResetNoStub, ResetBeforeOperation::NoReset, 115_200);
        let mut flasher = Flasher::connect(line, true, true, false, Some(Kind::Esp32), Some(baud)).unwrap();
        let mut prov = record("lab").encode().unwrap().to_vec();
        prov.resize(4096, 0xFF);
        let segment = |addr, data| Segment { addr, data: Cow::Borrowed(data) };
        let segments = [
            segment(0x1000, BOOTLOADER),
            segment(0x8000, TABLE),
            segment(0xF000, &prov),
            segment(0x1_0000, APP),
        ];
        let writing = Instant::now();
        flasher.write_bins_to_flash(&segments, &mut DefaultProgressCallback).unwrap();
        (started.elapsed(), writing.elapsed())
    }

    /// In all, for writing alone, and for credentials alone, in all.
    fn by_twinlight(baud: u32) -> (Duration, Duration, Duration) {
        let board = board();
        let connection =
            Connection { entry: EntryMethod::None, max_baud: baud, ..Connection::new(board.port()) };
        let job = FlashJob {
            connection: connection.clone(),
            record: record("lab"),
            image: ImageChoice::BuiltIn,
            backup: None,
        };
        let started = Instant::now();
        let Outcome::Flashed(Written { took, .. }) = flash(&job, &mut Nobody, &Cancel::default()).unwrap()
        else {
            panic!("it was flashed")
        };
        let flashed = started.elapsed();
        // The board was reset in between: its ROM answers.
        board.emulator.enter_download_mode();
        let started = Instant::now();
        provision(&ProvisionJob { connection, record: record("upstairs") }, &mut Nobody, &Cancel::default())
            .unwrap();
        (flashed, took, started.elapsed())
    }
}
