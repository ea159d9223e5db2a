//! The broker panel, driven by the names that a screen reader says, on real worlds with their brokers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use egui::{Key, vec2};
use egui_kittest::{Harness, kittest::Queryable};
use tokio::{
    runtime::Runtime,
    sync::{broadcast, mpsc},
};
use twinlight::{
    app::{
        TwinlightApp,
        board::context::ProvisioningContext,
        brokers::{
            BrokerController,
            world_switcher::{LiveWorld, Start},
        },
        clock::Clock,
        repaint::waker,
        settings::{LeftPanel, Settings},
        world_client::WorldLink,
    },
    board::{Event, JobId, JobKind, JobRunner},
    config::{Config, Source},
    presets::{PRESETS, Preset},
    world::WorldOptions,
};

const START: &str = "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"first\"\n";

const fn preset(name: &'static str, title: &'static str, text: &'static str) -> Preset {
    Preset { name, title, about: "for a test", needs: &[], text }
}

/// Another junction, on a broker of its own; one where nobody listens; one whose file is missing; one that
/// nobody checks; one with a variable.
const OWN: [Preset; 5] = [
    preset(
        "second",
        "The second",
        "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"second\"\n",
    ),
    preset(
        "nobody",
        "Nobody there",
        "[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = 1\n[[junction]]\nname = \"demo\"\n",
    ),
    preset(
        "no-file",
        "No file",
        "[broker]\nkind = \"external\"\nhost = \"localhost\"\ntls = true\nca_file = \"there/is.none\"\n\
         [[junction]]\nname = \"demo\"\n",
    ),
    preset(
        "unchecked",
        "Unchecked",
        "[broker]\nkind = \"external\"\nhost = \"localhost\"\ntls = true\ninsecure = true\n\
         [[junction]]\nname = \"demo\"\n",
    ),
    Preset {
        needs: &["TWINLIGHT_TEST_USER", "TWINLIGHT_TEST_KEY"],
        ..preset(
            "login",
            "With login",
            "[broker]\nkind = \"embedded\"\nport = 0\nuser = \"${TWINLIGHT_TEST_USER}\"\n\
             password = \"${TWINLIGHT_TEST_KEY}\"\n[[junction]]\nname = \"third\"\n",
        )
    },
];

/// The app on the real world, with the switch to others.
struct Real {
    harness: Harness<'static, TwinlightApp>,
    live: Option<LiveWorld>,
    runtime: Runtime,
}

impl Real {
    fn start(presets: &[Preset]) -> Real {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let mut live = None;
        let harness = Harness::builder().with_size(vec2(1_280.0, 2_400.0)).build_eframe(|cc| {
            let config = Config::from_toml(START, "start.toml", &|_| None).unwrap();
            let make_context = |config: &Config| ProvisioningContext::of(config, None);
            let context = make_context(&config);
            let wake = Some(Arc::new(waker(&cc.egui_ctx)) as _);
            let options = WorldOptions { detailed: true, wake, ..WorldOptions::default() };
            let start = Start {
                config,
                source: Source::Text(START),
                subtitle: "start.toml".to_owned(),
                options,
                context: Arc::new(make_context),
            };
            let (started, link, switcher) = runtime.block_on(LiveWorld::start(start)).unwrap();
            live = Some(started);
            let settings = Settings { left: Some(LeftPanel::Brokers), ..Settings::default() };
            TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), settings, "start.toml".to_owned())
                .with_board(JobRunner::new(Arc::new(|| ())).unwrap(), context)
                .with_brokers(BrokerController::new(presets).with_switcher(switcher))
        });
        Real { harness, live, runtime }
    }

    fn wait_for(&mut self, label: &str) {
        let start = Instant::now();
        while !self.says(label) {
            assert!(start.elapsed() < Duration::from_secs(40), "nothing is called {label:?}");
            self.harness.step();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for_both(&mut self) {
        let start = Instant::now();
        while self.harness.state().state().presence() != (2, 2) {
            assert!(start.elapsed() < Duration::from_secs(40), "the lights do not come online");
            self.harness.step();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn says(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.step();
        self.harness.step();
        self.harness.check_accessibility();
    }

    fn junctions(&self) -> Vec<String> {
        let state = self.harness.state().state();
        state.junctions.iter().map(|junction| junction.name.to_string()).collect()
    }

    fn end(mut self) {
        drop(self.harness);
        self.runtime.block_on(self.live.take().unwrap().stop());
    }
}

#[test]
fn f6_lists_the_presets_with_what_they_need_and_what_to_know() {
    let (commands, _commanded) = mpsc::channel(1);
    let (_events, events) = broadcast::channel(16);
    let mut harness = Harness::builder().with_size(vec2(1_280.0, 3_600.0)).build_eframe(|cc| {
        let link = WorldLink { commands, events };
        TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), Settings::default(), String::new())
    });
    harness.step();
    assert!(harness.query_by_label("Close the broker panel").is_none());
    harness.key_press(Key::F6);
    harness.step();
    harness.step();
    harness.check_accessibility();
    let says = |label: &str| harness.query_all_by_label_contains(label).next().is_some();
    for preset in PRESETS {
        assert!(says(&format!("Use the broker {}", preset.title)), "{}", preset.name);
        assert!(says(&format!("Check {} with the doctor", preset.title)), "{}", preset.name);
    }
    for label in [
        "io.adafruit.com:8883 with TLS · --preset adafruit",
        "Public: everybody in the world can read along",
        "Needs the file config/mosquitto/ca.crt",
        "FLESPI_TOKEN for flespi",
        "AIO_USER for Adafruit IO",
        "AIO_KEY for Adafruit IO",
    ] {
        assert!(says(label), "nothing is called {label:?}");
    }
}

#[test]
fn the_doctor_finds_the_broker_in_use_well() {
    let mut real = Real::start(&OWN);
    real.wait_for("In use: start.toml, at 127.0.0.1:");
    real.click("Check the broker in use with the doctor");
    real.wait_for("Lights can work with this broker.");
    for step in ["Reach it (TCP): ok", "Log in: ok", "Subscribe: ok", "Receive a message: ok"] {
        assert!(real.says(step), "{step}");
    }
    assert!(real.says("Retained messages: ok") && real.says("Last will: ok"));
    assert!(real.says("Encrypt (TLS): skipped"));
    assert!(!real.says(": failed") && !real.says(": doubtful"));
    real.click("Hide what the doctor found");
    assert!(!real.says("Log in: ok"));
    real.end();
}

#[test]
fn the_doctor_names_what_fails_and_what_to_do() {
    let mut real = Real::start(&OWN);
    real.click("Check Nobody there with the doctor");
    real.wait_for("Lights cannot work with this broker as they should.");
    assert!(real.says("Reach it (TCP): failed"));
    assert!(real.says("127.0.0.1:1") && real.says("What to do: "));
    assert!(real.says("Log in: skipped"));
    real.click("Check No file with the doctor");
    real.wait_for("there/is.none does not exist");
    real.end();
}

#[test]
fn an_examination_can_be_cancelled() {
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let text = format!(
        "[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {port}\n[[junction]]\nname = \"demo\"\n"
    );
    let mut real = Real::start(&[preset("silent", "Silent", text.leak())]);
    real.click("Check Silent with the doctor");
    real.wait_for("Log in: trying…");
    assert!(real.says("Reach it (TCP): ok"), "each step shows as it is done");
    real.click("Cancel the examination");
    assert!(real.says("Cancelled before all steps were done."));
    assert!(!real.says("Cancel the examination") && !real.says("trying…"));
    real.end();
}

#[test]
fn the_lab_moves_to_another_broker_and_back() {
    let mut real = Real::start(&OWN);
    real.wait_for("Light first/a shows");
    real.click("Use the broker The second");
    real.wait_for("Light second/a shows");
    assert_eq!(real.junctions(), ["second"], "nothing of the world before is left");
    assert!(real.says("In use: The second, at 127.0.0.1:"));
    real.wait_for_both();
    real.click("Back to start.toml, as started");
    real.wait_for("Light first/a shows");
    assert_eq!(real.junctions(), ["first"]);
    assert!(real.says("In use: start.toml"));
    real.end();
}

#[test]
fn a_broker_that_cannot_be_used_leaves_the_lab_alone() {
    let mut real = Real::start(&OWN);
    real.wait_for_both();
    let before = real.harness.state().state().messages;
    real.click("Use the broker No file");
    real.wait_for("Nothing was changed: ");
    assert!(real.says("there/is.none does not exist"));
    assert_eq!(real.junctions(), ["first"]);
    assert!(real.harness.state().state().messages >= before, "it is the same world");
    real.click("Dismiss what went wrong");
    assert!(!real.says("Dismiss what went wrong"));
    real.end();
}

#[test]
fn from_a_broker_elsewhere_one_button_leads_back_to_the_one_inside() {
    let inside = Preset { name: "default", ..OWN[0] };
    let mut real = Real::start(&[inside, OWN[1]]);
    assert!(!real.says("Back to the built-in broker"), "it is in use");
    real.click("Use the broker Nobody there");
    real.wait_for("In use: Nobody there");
    real.click("Back to the built-in broker");
    real.wait_for("Light second/a shows");
    real.wait_for_both();
    assert!(!real.says("Back to the built-in broker"));
    real.end();
}

#[test]
fn a_world_that_does_not_start_gives_its_place_back() {
    // The last port there is, so that none after it can be tried; whoever has it already does as well.
    let _taken = TcpListener::bind("127.0.0.1:65535");
    let text = "[broker]\nkind = \"embedded\"\nport = 65535\n[[junction]]\nname = \"demo\"\n";
    let mut real = Real::start(&[preset("taken", "Taken", text)]);
    real.wait_for_both();
    real.click("Use the broker Taken");
    real.wait_for("The lab goes on as before.");
    assert!(real.says("preset taken cannot be started: no port from 65535"));
    real.wait_for("Light first/a shows");
    real.wait_for_both();
    assert!(real.says("In use: start.toml"));
    real.end();
}

#[test]
fn no_other_broker_is_used_while_a_board_is_worked_on() {
    let mut real = Real::start(&OWN);
    real.wait_for("Light first/a shows");
    let begun = Event::JobStarted { job: JobId(1), kind: JobKind::Flash, port: "/dev/none".to_owned() };
    real.harness.state_mut().board_mut().unwrap().state.apply(begun);
    real.harness.step();
    assert!(real.says("A board is being worked on. Let that finish first"));
    real.click("Use the broker The second");
    assert!(real.harness.state().brokers().list.working.is_none());
    assert_eq!(real.junctions(), ["first"]);
    real.end();
}

#[test]
fn what_is_typed_logs_in_and_is_masked() {
    let mut real = Real::start(&OWN);
    real.click("Use the broker With login");
    assert!(real.harness.state().brokers().list.working.is_none(), "it is disabled until both are typed");
    for (label, text) in [
        ("TWINLIGHT_TEST_USER for With login", "somebody"),
        ("TWINLIGHT_TEST_KEY for With login", "s3cret-word"),
    ] {
        real.harness.get_by_label(label).focus();
        real.harness.step();
        real.harness.get_by_label(label).type_text(text);
        real.harness.step();
        real.harness.step();
    }
    assert!(!format!("{:?}", real.harness.state().brokers()).contains("s3cret-word"));
    real.click("Use the broker With login");
    real.wait_for("Light third/a shows");
    real.wait_for_both();
    real.click("Check the broker in use with the doctor");
    real.wait_for("Lights can work with this broker.");
    assert!(real.says("Log in: ok"));
    real.end();
}

#[test]
fn a_broker_that_nobody_checks_is_marked() {
    let mut real = Real::start(&OWN);
    real.wait_for("not checked");
    assert!(real.says("The broker's certificate is not checked"));
    real.end();
}
