//! "Check my light" in the window, driven by the names that a screen reader says, against a real client on a real
//! port.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use egui::{Key, Modifiers, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};
use rumqttc::{Client, MqttOptions, QoS};
use tokio::sync::{broadcast, mpsc};
use twinlight::{
    app::{
        TwinlightApp,
        clock::Clock,
        settings::{LeftPanel, Settings},
        world_client::WorldLink,
    },
    check::report::{SealKey, verify},
};

struct Window {
    harness: Harness<'static, TwinlightApp>,
    folder: tempfile::TempDir,
    _world: (broadcast::Sender<twinlight::world::Event>, mpsc::Receiver<twinlight::world::Command>),
}

impl Window {
    fn open() -> Window {
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = broadcast::channel(16);
        let (commands, asked) = mpsc::channel(16);
        let harness = Harness::builder().with_size(vec2(1_280.0, 1_400.0)).build_eframe(|cc| {
            let settings = Settings { left: Some(LeftPanel::OwnLight), ..Settings::default() };
            let link = WorldLink { events, commands };
            TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), settings, "test".to_owned())
                .with_reports(Some(folder.path().to_path_buf()))
        });
        Window { harness, folder, _world: (sender, asked) }
    }

    fn says(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    fn wait_for(&mut self, label: &str) {
        let start = Instant::now();
        while !self.says(label) {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is called {label:?}");
            self.harness.step();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.step();
        self.harness.step();
        self.harness.check_accessibility();
    }

    fn type_port(&mut self, text: &str) {
        let field = || self.harness.get_by_label("Port for your light");
        field().focus();
        self.harness.step();
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.harness.step();
        self.harness.get_by_label("Port for your light").type_text(text);
        self.harness.step();
        self.harness.step();
    }

    /// Where the light is to connect, as it is shown.
    fn port(&self) -> u16 {
        let job = self.harness.state().own_light().job.as_ref().unwrap();
        let address = job.address.clone().unwrap();
        assert!(self.says(&address));
        address.rsplit(':').next().unwrap().parse().unwrap()
    }
}

/// A light that publishes its colour once a second, until its client is dropped.
fn connect(port: u16) -> Client {
    let (client, mut connection) = Client::new(MqttOptions::new("student", "127.0.0.1", port), 10);
    client.subscribe("lab/a", QoS::AtMostOnce).unwrap();
    client.publish("lab/b", QoS::AtMostOnce, false, "red").unwrap();
    std::thread::spawn(move || connection.iter().find(Result::is_err));
    client
}

#[test]
fn a_light_that_connects_is_judged_step_by_step_and_a_cancelled_check_keeps_what_it_has() {
    let mut window = Window::open();
    window.harness.step();
    window.type_port("x");
    assert!(window.harness.get_by_label("Start the check").accesskit_node().is_disabled(), "x is no port");
    window.type_port("0");
    window.click("Start the check");
    window.wait_for("127.0.0.1:");
    window.wait_for("Connects: playing");
    assert!(window.says("Survives a refused login: to come"));
    let _light = connect(window.port());
    window.wait_for("Connects: pass");
    window.wait_for("Reacts to its partner: playing");
    window.click("Cancel the check");
    window.wait_for("Cancelled before all steps were judged");
    assert!(window.says("Connects: pass"), "what was judged stays");
    window.wait_for("The report to hand in: ");
    let reports = std::fs::read_dir(window.folder.path().join("checks")).unwrap();
    let pages: Vec<_> = reports.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let key = SealKey::load(window.folder.path()).unwrap();
    assert!(pages.len() == 1 && verify(&pages[0], &key).unwrap().is_genuine());
    window.click("Put this check away and begin another");
    assert!(window.says("Port for your light"));
}

#[test]
fn a_port_that_is_taken_is_told_with_what_to_do() {
    let mut window = Window::open();
    window.harness.step();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    window.type_port(&taken.local_addr().unwrap().port().to_string());
    window.click("Start the check");
    window.wait_for("cannot be opened");
}
