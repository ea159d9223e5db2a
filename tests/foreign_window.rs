//! A light becomes somebody else's in the window, driven by the names that a screen reader says, on a real world with its
//! broker, and with a real client as that light.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use egui::{Key, Modifiers, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};
use test_support::partner::{LAB, Partner, Talk};
use tokio::runtime::Runtime;
use traffic_light::Name;
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
        state::LightState,
    },
    board::JobRunner,
    config::{Config, Source},
    model::LightId,
    presets::PRESETS,
    world::WorldOptions,
};

static START: LazyLock<String> =
    LazyLock::new(|| format!("# Mine.\n[broker]\nkind = \"embedded\"\nport = 0{LAB}run = [\"a\", \"b\"]\n"));

struct Real {
    harness: Harness<'static, TwinlightApp>,
    live: Option<LiveWorld>,
    runtime: Runtime,
    folder: tempfile::TempDir,
}

fn b() -> LightId {
    LightId::new(Name::new("lab").unwrap(), Name::new("b").unwrap())
}

impl Real {
    fn start(text: &'static str) -> Real {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut live = None;
        let harness = Harness::builder().with_size(vec2(1_280.0, 2_400.0)).build_eframe(|cc| {
            let config = Config::from_toml(text, "start.toml", &|_| None).unwrap();
            let make_context = |config: &Config| ProvisioningContext::of(config, None);
            let context = make_context(&config);
            let wake = Some(Arc::new(waker(&cc.egui_ctx)) as _);
            let state_folder = Some(folder.path().join("state"));
            let options = WorldOptions { detailed: true, wake, state_folder, ..WorldOptions::default() };
            let start = Start {
                config,
                source: Source::Text(text),
                subtitle: "start.toml".to_owned(),
                options,
                context: Arc::new(make_context),
            };
            let (started, link, switcher) = runtime.block_on(LiveWorld::start(start)).unwrap();
            live = Some(started);
            let settings = Settings { left: Some(LeftPanel::ForeignLight), ..Settings::default() };
            TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), settings, "start.toml".to_owned())
                .with_board(JobRunner::new(Arc::new(|| ())).unwrap(), context)
                .with_brokers(BrokerController::new(&PRESETS).with_switcher(switcher))
        });
        Real { harness, live, runtime, folder }
    }

    fn says(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    fn wait(&mut self, what: &str, done: impl Fn(&Real) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < Duration::from_secs(60), "{what} does not come");
            self.harness.step();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for(&mut self, label: &str) {
        self.wait(label, |real| real.says(label));
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.step();
        self.harness.step();
        self.harness.check_accessibility();
    }

    fn type_into(&mut self, label: &str, text: &str) {
        self.harness.get_by_label(label).focus();
        self.harness.step();
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.harness.step();
        self.harness.get_by_label(label).type_text(text);
        self.harness.step();
        self.harness.step();
    }

    fn typed(&self, label: &str) -> String {
        self.harness.get_by_label(label).value().unwrap_or_default()
    }

    fn is_disabled(&self, label: &str) -> bool {
        self.harness.get_by_label(label).accesskit_node().is_disabled()
    }

    fn b(&self) -> Option<&LightState> {
        self.harness.state().state().light(&b())
    }

    fn port(&mut self) -> u16 {
        self.wait("the broker", |real| real.harness.state().state().broker.embedded_port().is_some());
        self.harness.state().state().broker.embedded_port().unwrap()
    }

    fn partner(&mut self) -> Partner {
        let partner = Talk::new(self.port()).connect("student");
        partner.say("RED");
        partner.say("GREEN");
        partner
    }

    fn end(mut self) {
        drop(self.harness);
        self.runtime.block_on(self.live.take().unwrap().stop());
    }
}

#[test]
fn what_speaks_on_the_broker_becomes_a_light_of_the_lab_at_once_and_again_from_the_file_that_keeps_it() {
    let mut real = Real::start(&START);
    let mut partner = real.partner();
    real.wait_for("from the client student");
    assert!(!real.says("This is lab/a"), "the lights' own topics are left out");
    real.click("cars/x is lab/b");
    assert_eq!(real.typed("Topic that it publishes to"), "cars/x");
    assert_eq!(real.typed("Topic that it subscribes to"), "cars/y");
    assert_eq!((real.typed("Words for red"), real.typed("Words for green")), ("RED".into(), "GREEN".into()));
    real.type_into("Words for amber", "YELLOW, AMBER");

    real.type_into("Topic that it publishes to", "cars/+");
    assert!(real.says("+ and # stand for many topics") && real.is_disabled("Let it be lab/b now"));
    assert!(real.is_disabled("Save this configuration"));
    real.type_into("Topic that it publishes to", "cars/x");

    real.click("Let it be lab/b now");
    real.wait_for("lab/b is somebody else's light now");
    // The partner starts anew, and waits as after any start.
    partner.say_until("RED", "GREEN");
    real.wait_for("Told \"GREEN\"");
    for label in ["said \"RED\", red", "cars/y", "red RED · amber YELLOW, AMBER · green GREEN"] {
        assert!(real.says(label), "{label}");
    }

    let file = real.folder.path().join("lab.toml");
    real.type_into("File for this configuration", &file.display().to_string());
    real.click("Save this configuration");
    real.wait_for("Saved. Start with it: twinlight --config");
    let saved = Config::load(&file).unwrap();
    let foreign = saved.junction(&b().junction).unwrap().foreign(&b().light).unwrap();
    assert_eq!((foreign.says(), foreign.hears(), foreign.words().iter().count()), ("cars/x", "cars/y", 4));
    assert!(fs::read_to_string(&file).unwrap().starts_with("# Mine.\n"), "what its author wrote stays");

    fs::write(&file, "precious").unwrap();
    real.click("Save this configuration");
    real.wait_for("Nothing was written: there is a file");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    real.click(&format!("Replace {}", file.display()));
    real.wait_for("Saved. Start with it: twinlight --config");
    assert_eq!(Config::load(&file).unwrap(), saved);

    real.click("Run lab/b in this program again");
    real.wait("lab/b", |real| real.b().is_some_and(|b| b.is_virtual() && b.foreign.is_none()));
    drop(partner);
    real.end();
}

#[test]
fn an_empty_field_is_no_mistake_before_somebody_typed_or_pressed_a_button() {
    let mut real = Real::start(&START);
    real.wait("the form", |real| real.says("How lab/b is talked with"));
    assert!(!real.says("It is empty") && !real.says("Correct what is marked"));
    assert!(!real.is_disabled("Let it be lab/b now") && !real.is_disabled("Save this configuration"));
    real.type_into("Topic that it publishes to", "cars/+");
    assert!(real.says("+ and # stand for many topics") && !real.says("It is empty"));
    assert!(real.is_disabled("Let it be lab/b now"));
    real.type_into("Topic that it publishes to", "cars/x");
    real.click("Let it be lab/b now");
    assert!(real.says("It is empty") && real.is_disabled("Let it be lab/b now"));
    real.type_into("Topic that it subscribes to", "cars/y");
    assert!(!real.says("It is empty") && !real.is_disabled("Let it be lab/b now"));
    real.end();
}

#[test]
fn f8_and_the_other_keys_do_without_a_mouse() {
    let mut real = Real::start(&START);
    let partner = real.partner();
    real.wait_for("from the client student");
    real.harness.key_press(Key::F8);
    real.harness.step();
    real.harness.step();
    assert!(!real.says("What speaks on this broker"));
    real.harness.key_press(Key::F8);
    real.wait_for("Nothing yet, beside this program's own lights");
    partner.say("RED");
    real.wait_for("from the client student");
    for (label, key) in [
        ("cars/x is lab/b", Key::Space),
        ("The broker keeps what it is told", Key::Space),
        ("Let it be lab/b now", Key::Enter),
    ] {
        real.harness.get_by_label(label).focus();
        real.harness.step();
        real.harness.key_press(key);
        real.harness.step();
        real.harness.step();
    }
    real.wait("lab/b as a foreign light", |real| real.b().is_some_and(|b| b.foreign.is_some()));
    assert!(real.b().unwrap().foreign.as_ref().unwrap().foreign.retain());
    real.end();
}

#[test]
fn while_it_is_recorded_it_takes_a_restart_and_that_is_offered() {
    let mut real = Real::start(&START);
    let mut partner = real.partner();
    real.wait_for("from the client student");
    real.click("Record this run");
    real.wait("the recording", |real| real.harness.state().state().recording.is_some());
    real.click("cars/x is lab/b");
    real.type_into("Words for amber", "YELLOW");
    assert!(real.is_disabled("Let it be lab/b now") && real.says("a recording is of one configuration"));
    drop(partner);
    real.click("Restart with this configuration");
    real.wait("lab/b as a foreign light", |real| real.b().is_some_and(|b| b.foreign.is_some()));
    real.wait("another world", |real| real.harness.state().state().recording.is_none());
    partner = Talk::new(real.port()).connect("student");
    partner.say_until("RED", "GREEN");
    real.end();
}
