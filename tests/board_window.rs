//! From a bare board to a flashed one in the window, by what a screen reader says, against a chip in
//! download mode on a pseudo-terminal.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use board_emulator::{Fault, Mode};
use egui::{Key, ViewportEvent, ViewportId, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};
use test_support::board::Board;
use tokio::sync::{broadcast, mpsc};
use traffic_light::record::Record;
use twinlight::{
    app::{
        TwinlightApp,
        board::{context::ProvisioningContext, state::End},
        clock::Clock,
        settings::{LeftPanel, Settings},
        world_client::WorldLink,
    },
    board::{EntryMethod, JobRunner},
    config::Config,
    model::{LightId, LightKind},
    world::{Command, Event, EventKind},
};

const PATIENCE: Duration = Duration::from_secs(120);

/// The window with its board panel open, on a make-believe world.
struct Window {
    harness: Harness<'static, TwinlightApp>,
    commands: mpsc::Receiver<Command>,
    events: broadcast::Sender<Event>,
    frames: Vec<Duration>,
    backups: tempfile::TempDir,
}

impl Window {
    fn open() -> Window {
        Window::with_login_file(None)
    }

    fn with_login_file(file: Option<PathBuf>) -> Window {
        let settings = Settings { left: Some(LeftPanel::Board), ..Settings::default() };
        Window::with(file, vec2(1_400.0, 1_000.0), settings)
    }

    fn with(file: Option<PathBuf>, size: egui::Vec2, settings: Settings) -> Window {
        let (sender, commands) = mpsc::channel(16);
        let (events, receiver) = broadcast::channel(256);
        let backups = tempfile::tempdir().unwrap();
        let context = ProvisioningContext::of(&Config::default(), Some(backups.path().to_path_buf()))
            .with_login_file(file);
        let link = WorldLink { commands: sender, events: receiver };
        let harness = Harness::builder().with_size(size).build_eframe(|cc| {
            let app = TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), settings, "test".to_owned());
            app.with_board(JobRunner::new(Arc::new(|| ())).unwrap(), context)
        });
        let mut window = Window { harness, commands, events, frames: Vec::new(), backups };
        window.tell_of_the_pair();
        window.step();
        window
    }

    fn tell_of_the_pair(&self) {
        for junction in Config::default().junctions {
            for light in junction.light_ids() {
                self.tell(EventKind::LightAdded {
                    light,
                    kind: LightKind::Virtual,
                    rule: junction.rule(),
                    keyed: junction.key().is_some(),
                });
            }
        }
        let address = "127.0.0.1:1883".to_owned();
        self.tell(EventKind::BrokerStarted { address, embedded: true, open: false, note: None });
    }

    fn tell(&self, kind: EventKind) {
        self.events.send(Event { at: Duration::from_millis(1), kind }).unwrap();
    }

    /// One frame, timed.
    fn step(&mut self) {
        let started = Instant::now();
        self.harness.step();
        self.frames.push(started.elapsed());
    }

    fn until(&mut self, what: &str, mut wanted: impl FnMut(&mut Window) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.step();
            if wanted(self) {
                self.harness.check_accessibility();
                return;
            }
            assert!(Instant::now() < end, "{what} did not come");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn says(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.step();
        self.step();
    }

    /// Scrolls until it stands still, so that a click hits it.
    fn scroll_to(&mut self, label: &str) {
        self.harness.get_by_label(label).scroll_to_me();
        for _ in 0..12 {
            self.step();
        }
    }

    fn type_into(&mut self, label: &str, text: &str) {
        self.harness.get_by_label(label).focus();
        self.step();
        self.harness.get_by_label(label).type_text(text);
        self.step();
    }

    /// Fills in what a person has to, for a chip that is in download mode.
    fn fill_in(&mut self, port: &str) {
        self.harness.state_mut().board_mut().unwrap().form.port.clear();
        self.harness.state_mut().board_mut().unwrap().form.entry = EntryMethod::None;
        self.type_into("Serial port of the board", port);
        self.type_into("Name of the Wi-Fi network", "lab");
        self.type_into("Password of the Wi-Fi network", "eight letters");
        self.click("Another one");
        self.type_into("Host of the broker", "192.168.1.2");
    }

    fn end(&self) -> Option<&End> {
        self.harness.state().board()?.state.job.as_ref()?.end.as_ref()
    }

    fn backups(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.backups.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| is_backup(path)).collect()
    }
}

fn is_backup(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "bin")
}

#[test]
fn one_click_backs_up_flashes_sets_up_and_gives_the_board_its_place() {
    let board = Board::new(4);
    let before = board.flash();
    let mut window = Window::open();
    window.fill_in(&board.port());
    window.click("Flash and start");
    window.until("progress in bytes", |window| window.says(" KiB"));
    assert!(window.says("Cancel"));
    window.until("the end", |window| window.end().is_some());
    assert!(window.says("Done: flashing the board"), "{:?}", window.end());
    assert!(window.says("everything is verified"));

    let flash = board.flash();
    let record = Record::decode(&flash[0xF000..]).unwrap();
    assert_eq!((record.junction.as_str(), record.light.as_str()), ("demo", "b"));
    assert_eq!((record.wifi.ssid.as_str(), record.broker.host.as_str()), ("lab", "192.168.1.2"));
    assert!(record.provisioned_s > 1_000_000_000, "the time of provisioning: {}", record.provisioned_s);
    board.assert_identity_untouched(&before);
    let [backup] = window.backups().try_into().unwrap();
    assert!(std::fs::read(backup).unwrap() == before, "the backup is what was on the board");

    // No line told the pseudo-terminal's chip to start, so nothing takes the light's place yet.
    window.click("Put the report away");
    assert!(!window.says("Done:"));

    // A stall would be a frame that waits for the board: hundreds of milliseconds, again and again.
    window.frames.sort();
    let (most, longest) =
        (window.frames[window.frames.len() * 99 / 100], window.frames[window.frames.len() - 1]);
    println!("{} frames, 99 % within {most:?}, the longest {longest:?}", window.frames.len());
    assert!(most < Duration::from_millis(50), "frames of {most:?}");
}

#[test]
fn what_is_missing_is_said_beside_its_field() {
    let board = Board::new(4);
    let mut window = Window::open();
    window.fill_in(&board.port());
    window.harness.state_mut().board_mut().unwrap().form.settings.wifi_ssid.clear();
    window.click("Flash and start");
    let errors = &window.harness.state().board().unwrap().form.errors;
    assert!(window.says("One entry above is missing or wrong."), "{errors:?}");
    assert!(window.says("The name of a Wi-Fi network has 1 to 32 bytes"));
    assert!(window.harness.state().board().unwrap().state.job.is_none());
    assert!(board.seen().commands.is_empty(), "the board was not bothered");
}

#[test]
fn a_broker_on_this_computer_is_refused_for_a_board_and_its_address_offered() {
    let board = Board::new(4);
    let mut window = Window::open();
    window.fill_in(&board.port());
    let form = &mut window.harness.state_mut().board_mut().unwrap().form;
    form.settings.broker_host = "localhost".to_owned();
    window.click("Flash and start");
    assert!(window.says("means the board itself"));
    assert!(window.harness.state().board().unwrap().state.job.is_none());
    assert!(board.seen().commands.is_empty(), "the board was not bothered");
    window.until("the choice", |window| {
        let form = &mut window.harness.state_mut().board_mut().unwrap().form;
        form.addresses = vec![std::net::Ipv4Addr::new(192, 0, 2, 7)];
        window.says("Use 192.0.2.7, this computer")
    });
    window.click("Use 192.0.2.7, this computer");
    let form = &window.harness.state().board().unwrap().form;
    assert_eq!((form.settings.broker_host.as_str(), form.errors.len()), ("192.0.2.7", 0));
}

#[test]
fn a_port_that_is_not_there_is_looked_for_in_the_list_of_the_window() {
    let mut window = Window::open();
    window.fill_in("/dev/no-such-port");
    window.click("Flash and start");
    window.until("the end", |window| window.end().is_some());
    assert!(window.says("The list below shows what is there"), "{:?}", window.end());
    assert!(!window.says("twinlight ports"), "that is for the command line");
}

#[test]
fn a_pulled_cable_is_told_and_the_board_can_be_flashed_again() {
    let mut board = Board::new(4);
    board.emulator.arm(Fault::unplugged().at_block(5));
    let mut window = Window::open();
    window.fill_in(&board.port());
    window.harness.state_mut().board_mut().unwrap().form.backup =
        twinlight::app::board::form::BackupFirst::Nothing;
    window.click("Flash and start");
    window.until("the end", |window| window.end().is_some());
    assert!(window.says("Failed: flashing the board"), "{:?}", window.end());
    assert!(window.says("starts no program"), "what happened to the board is said: {:?}", window.end());

    board.emulator.plug_in(Mode::Download).unwrap();
    window.harness.state_mut().board_mut().unwrap().form.port = board.port();
    window.click("Put the report away");
    window.click("Flash and start");
    window.until("the end", |window| window.end().is_some());
    assert!(window.says("Done: flashing the board"), "{:?}", window.end());
}

#[test]
fn closing_the_window_while_a_board_is_flashed_asks_first() {
    let board = Board::new(4);
    let mut window = Window::open();
    window.fill_in(&board.port());
    window.click("Flash and start");
    window.until("progress in bytes", |window| window.says(" KiB"));
    let close = |window: &mut Window| {
        let viewport = window.harness.input_mut().viewports.entry(ViewportId::ROOT).or_default();
        viewport.events.push(ViewportEvent::Close);
        window.step();
        window.harness.input_mut().viewports.entry(ViewportId::ROOT).or_default().events.clear();
        window.step();
    };
    close(&mut window);
    assert!(window.says("A board is being worked on"));
    window.click("Let it finish");
    assert!(!window.says("A board is being worked on"));
    close(&mut window);
    window.click("Interrupt and close");
    window.until("the end", |window| window.end().is_some());
    assert!(matches!(window.end(), Some(End::Failed { cancelled: true, .. })), "{:?}", window.end());
}

#[test]
fn the_log_of_a_board_is_shown_held_still_and_closed() {
    let board = Board::made(4, |builder| builder.mode(Mode::Running));
    let mut window = Window::open();
    window.harness.state_mut().board_mut().unwrap().form.port = board.port();
    window.step();
    window.click("Watch its log");
    window.until("the log", |window| window.says(&format!("{} is open", board.port())));
    board.emulator.say("     1.500 warning the broker refused the password\r\n");
    window.until("a line of the board", |window| {
        window.says("1.500 s  warning: the broker refused the password")
    });

    window.click("Hold the log still");
    board.emulator.say("     2.500 info    joined Wi-Fi \"lab\" in 2.1 s\r\n");
    let has_come = |window: &mut Window| {
        let log = &window.harness.state().board().unwrap().state.log;
        log.lines.iter().any(|line| line.text.contains("joined Wi-Fi"))
    };
    window.until("the next line", has_come);
    assert!(!window.says("joined Wi-Fi"), "what is held still does not move");
    window.click("Let the log go on");
    window.until("the next line on the screen", |window| window.says("joined Wi-Fi"));
    window.click("Close the board's log");
    window.until("the end of the log", |window| !window.says("Log of"));
}

#[test]
fn boards_keep_their_login_from_one_run_of_the_program_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("login.toml");
    let joined = |window: &mut Window| {
        window.harness.get_by_label("Let boards join").scroll_to_me();
        window.step();
        window.click("Let boards join");
        window.step();
        loop {
            if let Command::LetBoardsJoin { login } = window.commands.try_recv().unwrap() {
                return login;
            }
        }
    };
    let mut window = Window::with_login_file(Some(file.clone()));
    let first = joined(&mut window);
    window.until("the login to be kept", |_| file.exists());
    let form = &window.harness.state().board().unwrap().form;
    assert_eq!((&form.settings.broker_user, &form.settings.broker_password), (&first.user, &first.password));
    drop(window);
    assert_eq!(joined(&mut Window::with_login_file(Some(file))), first);
}

#[test]
fn the_open_broker_shows_its_address_as_text_and_code_without_the_password_unless_asked() {
    let mut window = Window::open();
    window.harness.get_by_label("Let boards join").scroll_to_me();
    window.step();
    assert!(window.says("A firewall may have to allow it"));
    window.click("Let boards join");
    window.step();
    let password = {
        let bench = window.harness.state_mut().board_mut().unwrap();
        bench.form.addresses = vec![[192, 168, 7, 9].into(), [10, 42, 0, 1].into()];
        bench.form.settings.broker_password.clone()
    };
    assert_eq!(password.len(), 12);
    let address = "0.0.0.0:1884".to_owned();
    window.tell(EventKind::BrokerStarted { address, embedded: true, open: true, note: None });
    window.until("the address", |window| window.says("192.168.7.9:1884"));
    assert!(window.says("QR code of mqtt://lab@192.168.7.9:1884"));
    assert!(window.says("Broker 192.168.7.9:1884") && window.says("Broker at 192.168.7.9:1884 runs"));
    assert!(!window.says("0.0.0.0"), "no program can connect to that");
    assert!(!window.says(&password), "the password is shown without being asked for");

    // A program of one's own needs it in letters.
    window.scroll_to("Show user and password");
    window.click("Show user and password");
    assert!(window.says(&password) && window.says("Copy the password"));
    window.click("Show user and password");
    assert!(!window.says(&password));

    window.harness.get_by_label("Password in the code, too").scroll_to_me();
    window.step();
    window.click("Password in the code, too");
    let whole = format!("mqtt://lab:{password}@192.168.7.9:1884");
    window.until("the code with the password", |window| {
        window.harness.state().board().unwrap().state.code.as_ref().is_some_and(|code| code.is_of(&whole))
    });
    assert!(!window.says(&password), "it is in the code, and nowhere else");

    window.harness.get_by_label("If a board cannot connect").scroll_to_me();
    window.step();
    window.click("If a board cannot connect");
    window.until("the firewalls", |window| window.says("Copy the line for Linux, ufw"));
    assert!(window.says("sudo ufw allow 1884/tcp") && window.says("localport=1884"));

    // The computer is in two networks; the board is in the other one.
    let form = &mut window.harness.state_mut().board_mut().unwrap().form;
    form.addresses.swap(0, 1);
    window.until("the other address", |window| window.says("QR code of mqtt://lab@10.42.0.1:1884"));

    // And it can be closed again.
    window.scroll_to("Let no more boards join");
    while window.commands.try_recv().is_ok() {}
    window.click("Let no more boards join");
    assert_eq!(window.commands.try_recv(), Ok(Command::CloseToBoards));
    let address = "127.0.0.1:1884".to_owned();
    window.tell(EventKind::BrokerStarted { address, embedded: true, open: false, note: None });
    window.until("the closed broker", |window| window.says("Let boards join"));
    assert!(!window.says("QR code of"));
}

#[test]
fn that_the_broker_is_closed_again_after_a_start_is_told_and_can_be_changed() {
    let settings = Settings { boards_could_join: true, ..Settings::default() };
    let mut window = Window::with(None, vec2(1_024.0, 640.0), settings.clone());
    window.until("the strip", |window| window.says("Boards could join in the last run"));
    while window.commands.try_recv().is_ok() {}
    window.click("Let boards join again");
    assert!(matches!(window.commands.try_recv(), Ok(Command::LetBoardsJoin { .. })));
    assert!(!window.says("Boards could join in the last run"));

    let mut window = Window::with(None, vec2(1_024.0, 640.0), settings);
    window.until("the strip", |window| window.says("Boards could join in the last run"));
    window.click("Keep the broker closed to boards");
    assert!(!window.says("Boards could join in the last run"));
}

#[test]
fn the_job_and_how_it_ended_are_in_sight_wherever_the_form_is_scrolled_to() {
    let mut board = Board::new(4);
    board.emulator.arm(Fault::unplugged().at_block(5));
    let settings = Settings { left: Some(LeftPanel::Board), ..Settings::default() };
    let mut window = Window::with(None, vec2(1_024.0, 640.0), settings);
    let panel = window.harness.get_by_label("Close the board panel").rect().bottom();
    let form = &mut window.harness.state_mut().board_mut().unwrap().form;
    (form.port, form.entry) = (board.port(), EntryMethod::None);
    form.backup = twinlight::app::board::form::BackupFirst::Nothing;
    form.addresses = vec![[192, 168, 7, 9].into()];
    form.settings.wifi_ssid = "lab".to_owned();
    form.settings.wifi_password = "eight letters".to_owned();
    let address = "0.0.0.0:1884".to_owned();
    window.tell(EventKind::BrokerStarted { address, embedded: true, open: true, note: None });
    window.until("the code", |window| window.says("QR code of"));
    window.scroll_to("Flash and start");
    window.click("Flash and start");
    let in_sight = |window: &Window, label: &str| {
        let rect = window.harness.get_by_label_contains(label).rect();
        rect.top() >= panel && rect.bottom() <= 640.0
    };
    window.until("the job", |window| window.says("Flashing the board on"));
    assert!(in_sight(&window, "Flashing the board on") && in_sight(&window, "Cancel"));
    let is_off =
        |window: &Window, label: &str| window.harness.get_by_label(label).accesskit_node().is_disabled();
    assert!(is_off(&window, "Name of the Wi-Fi network"), "what the job uses cannot be changed");
    assert!(!is_off(&window, "Password in the code, too"), "others join meanwhile");
    window.until("the end", |window| window.end().is_some());
    assert!(in_sight(&window, "Failed: flashing the board"));
    board.emulator.plug_in(Mode::Download).unwrap();
}

#[test]
fn a_virtual_light_gives_its_place_to_a_board_that_started() {
    let mut window = Window::open();
    let bench = window.harness.state_mut().board_mut().unwrap();
    assert_eq!(bench.form.light().map(|light: LightId| light.to_string()), Some("demo/b".to_owned()));
    assert!(window.says("The board replaces the virtual light b"));
    while window.commands.try_recv().is_ok() {}
    window.harness.key_press(Key::F2);
    window.step();
    window.step();
    assert!(!window.says("Flash and start"), "F2 hides the panel");
    window.harness.key_press(Key::F2);
    window.step();
    window.step();
    assert!(window.says("Flash and start"));
}
