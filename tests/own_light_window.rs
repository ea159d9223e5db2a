//! "Check my light" in the window, driven by the names that a screen reader says, against a real client on a real
//! port.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use egui::accesskit::Role;
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
        own_light::{OpenPort, OwnLight, OwnLightAction},
        settings::{LeftPanel, Settings},
        world_client::WorldLink,
    },
    check::report::{SealKey, verify},
    config::{BrokerChoice, Config},
    model::BrokerLimits,
    world::broker::{Broker, BrokerConfig, OwnClients},
};

struct Window {
    harness: Harness<'static, TwinlightApp>,
    folder: tempfile::TempDir,
    _world: (broadcast::Sender<twinlight::world::Event>, mpsc::Receiver<twinlight::world::Command>),
}

impl Window {
    fn start() -> Window {
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = broadcast::channel(16);
        let (commands, asked) = mpsc::channel(16);
        let harness = Harness::builder().with_size(vec2(1_280.0, 1_800.0)).build_eframe(|cc| {
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
        // By name, as a screen reader does: what is above may still be moving.
        self.harness.get_by_label(label).click_accesskit();
        self.harness.step();
        self.harness.step();
        self.harness.check_accessibility();
    }

    fn type_port(&mut self, text: &str) {
        self.fill_in("Port for your light", text);
    }

    fn fill_in(&mut self, label: &str, text: &str) {
        let field = || self.harness.get_by_role_and_label(Role::TextInput, label);
        field().focus();
        self.harness.step();
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.harness.step();
        self.harness.get_by_role_and_label(Role::TextInput, label).type_text(text);
        self.harness.step();
        self.harness.step();
    }

    /// Where the light is to connect, as it is shown.
    fn open(&self) -> OpenPort {
        let open = self.harness.state().own_light().job.as_ref().unwrap().open.clone().unwrap();
        assert!(self.says(&open.address()));
        open
    }

    fn port(&self) -> u16 {
        self.open().port
    }

    /// Waits until `first` stands above `second`.
    fn wait_for_order(&mut self, first: &str, second: &str) {
        let start = Instant::now();
        let top = |window: &Window, label: &str| window.harness.get_by_label(label).rect().top();
        while top(self, first) >= top(self, second) {
            assert!(start.elapsed() < Duration::from_secs(30), "{first:?} does not come before {second:?}");
            self.harness.step();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn copied(&mut self) -> String {
        let copied =
            self.harness.output().platform_output.commands.iter().find_map(|command| match command {
                egui::OutputCommand::CopyText(text) => Some(text.clone()),
                _ => None,
            });
        copied.expect("nothing was copied")
    }
}

/// A light that publishes its colour once a second, until its client is dropped.
fn connect(port: u16) -> Client {
    connect_with(MqttOptions::new("student", "127.0.0.1", port))
}

fn connect_with(options: MqttOptions) -> Client {
    let (client, mut connection) = Client::new(options, 10);
    client.subscribe("lab/a", QoS::AtMostOnce).unwrap();
    client.publish("lab/b", QoS::AtMostOnce, false, "red").unwrap();
    std::thread::spawn(move || connection.iter().find(Result::is_err));
    client
}

#[test]
fn a_light_that_connects_is_judged_step_by_step_and_a_cancelled_check_keeps_what_it_has() {
    let mut window = Window::start();
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
    window.wait_for("Check: Reacts to its partner");
    window.wait_for("Light check/light shows red, as heard");
    window.wait_for("Light check/partner shows red, as heard");
    window.wait_for("Link of check/light: All layers of the link are up");
    window.click("Cancel the check");
    window.wait_for("Cancelled before all steps were judged");
    assert!(window.says("Connects: pass"), "what was judged stays");
    assert!(!window.says("Light check/light"), "what is over is not drawn");
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
    let mut window = Window::start();
    window.harness.step();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    window.type_port(&taken.local_addr().unwrap().port().to_string());
    window.click("Start the check");
    window.wait_for("cannot be opened");
    assert!(window.says("type another port") && !window.says("--port"));
}

#[test]
fn a_folder_that_takes_no_reports_is_told_before_the_check_begins() {
    let mut window = Window::start();
    // Where the folder of the reports is to be, there is a file.
    std::fs::write(window.folder.path().join("checks"), "").unwrap();
    window.harness.step();
    window.type_port("0");
    window.click("Start the check");
    window.wait_for("the report cannot be written below");
    assert!(window.says("--state FOLDER") && !window.says("Connects: playing"));
}

#[test]
fn a_check_that_is_cancelled_before_a_light_came_writes_no_page() {
    let mut window = Window::start();
    window.harness.step();
    window.type_port("0");
    window.click("Start the check");
    window.wait_for("Connects: playing");
    window.click("Cancel the check");
    window.wait_for("Cancelled before all steps were judged");
    let start = Instant::now();
    while !window.harness.state().own_light().job.as_ref().unwrap().is_over() {
        assert!(start.elapsed() < Duration::from_secs(30), "the check does not end");
        window.harness.step();
    }
    assert!(window.says("No light came, so there is no report"));
    assert_eq!(std::fs::read_dir(window.folder.path().join("checks")).unwrap().count(), 0);
}

/// Free ports that no system hands out by itself, as it does for the brokers of the groups.
fn class_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let next = || first + NEXT.fetch_add(1, Ordering::Relaxed);
    std::iter::repeat_with(next).filter(free).take(count).collect()
}

#[test]
fn a_class_has_a_row_for_each_group_those_who_need_help_first() {
    let mut window = Window::start();
    window.harness.step();
    let ports = class_ports(2);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let roster = window.folder.path().join("roster.csv");
    let text = format!(
        "group,port\nann & bo,{}\ncy,{}\ndi,{}\n",
        ports[0],
        ports[1],
        taken.local_addr().unwrap().port()
    );
    std::fs::write(&roster, text).unwrap();
    window.click("A class, from a roster");
    window.fill_in("Roster", &roster.display().to_string());
    window.click("Start the checks");
    window.wait_for("di: ");
    window.wait_for("cannot be opened");
    assert!(window.says("give the group another port in the roster") && !window.says("--port"));
    window.wait_for("cy: Connects: waits for its light");
    let light = connect(ports[0]);
    window.wait_for("ann & bo, Connects: pass");
    assert!(window.says("cy, Connects: playing") && window.says("cy, Reacts to its partner: to come"));
    window.wait_for("1 need help · 1 wait · 1 run · 0 passed");
    window.wait_for_order("Draw the lights of di", "Draw the lights of cy");
    window.wait_for_order("Draw the lights of cy", "Draw the lights of ann & bo");

    window.click("Draw the lights of ann & bo");
    window.wait_for("Light check/light shows red, as heard");

    // One is ended alone, and checked again at the same port.
    window.click("Cancel the check of cy");
    window.wait_for("cy: cancelled: 0 passed, 0 failed, 10 not judged");
    assert!(!window.says("Copy where the report of cy is"), "a page of nothing");
    window.click("Check cy again");
    window.wait_for("cy, Connects: playing");
    let again = connect(ports[1]);
    window.wait_for("cy, Connects: pass");
    drop(taken);
    window.click("Check di again");
    window.wait_for("0 need help");

    let table = window.folder.path().join("class.csv");
    window.fill_in("File of the table", &table.display().to_string());
    window.click("Save the table of the class");
    window.wait_for("The table is in");
    window.click("Save the table of the class");
    window.wait_for("exists already and was left as it is");
    let text = std::fs::read_to_string(&table).unwrap();
    assert!(text.contains(&format!("ann & bo,{},", ports[0])) && text.lines().count() == 4, "{text}");

    window.click("Cancel the checks of all groups");
    window.wait_for("Put this class away and begin another");
    window.wait_for("Copy where the report of ann & bo is");
    window.harness.get_by_label("Copy where the report of ann & bo is").click_accesskit();
    window.harness.step();
    let page = std::fs::read_to_string(window.copied()).unwrap();
    let key = SealKey::load(window.folder.path()).unwrap();
    let page = verify(&page, &key).unwrap();
    assert_eq!((page.is_genuine(), page.record.group.as_deref()), (true, Some("ann & bo")));
    window.wait_for("checks/class-");
    drop((light, again));
}

#[test]
fn a_roster_with_mistakes_is_told_with_its_lines() {
    let mut window = Window::start();
    window.harness.step();
    window.click("A class, from a roster");
    assert!(window.harness.get_by_label("Start the checks").accesskit_node().is_disabled());
    let roster = window.folder.path().join("roster.csv");
    std::fs::write(&roster, "group,port\nann,x\nann,1901\n").unwrap();
    window.fill_in("Roster", &roster.display().to_string());
    window.click("Start the checks");
    window.wait_for("line 2: \"x\" is no port");
    assert!(window.says("line 3: the group ann stands here twice"));
    window.fill_in("Roster", "no/such.csv");
    window.click("Start the checks");
    window.wait_for("cannot be read");
    window.click("A class, by the number of its groups");
    window.fill_in("Number of groups", "65");
    assert!(window.harness.get_by_label("Start the checks").accesskit_node().is_disabled(), "too many");
}

#[test]
fn the_port_is_open_to_the_network_only_where_that_is_switched_on_and_asks_for_a_login() {
    let mut window = Window::start();
    window.harness.step();
    window.type_port("0");
    window.click("Let devices in this network connect");
    assert!(window.says("Anyone in this network can then reach the port"));
    window.click("Start the check");
    window.wait_for("Copy address and login");
    let open = window.open();
    let login = open.shown_login().cloned().unwrap();
    assert!(window.says(&login.user) && window.says(&login.password), "a program has to be told");
    window.harness.get_by_label("Copy address and login").click_accesskit();
    window.harness.step();
    let copied = window.copied();
    for wanted in [format!("port: {}", open.port), format!("user: {}", login.user), login.password.clone()] {
        assert!(copied.contains(&wanted), "{wanted}: {copied}");
    }
    match open.addresses.first() {
        None => assert!(window.says("this computer seems to be in none")),
        Some(ip) => {
            window.click("As a QR code");
            window.wait_for(&format!("QR code of mqtt://{}@{ip}:{}", login.user, open.port));
            assert!(std::net::TcpStream::connect((*ip, open.port)).is_ok());
        }
    }
    let mut options = MqttOptions::new("student", "127.0.0.1", open.port);
    options.set_credentials(login.user, login.password);
    let light = connect_with(options);
    window.wait_for("Connects: pass");
    // Closed again, and opened anew for this computer alone.
    window.click("Cancel the check");
    window.wait_for("The report to hand in: ");
    window.click("Put this check away and begin another");
    window.click("Let devices in this network connect");
    window.click("Start the check");
    window.wait_for("127.0.0.1:");
    let closed = window.open();
    assert!(closed.login.is_none());
    if let Some(ip) = open.addresses.first() {
        assert!(std::net::TcpStream::connect((*ip, closed.port)).is_err(), "it listens to the network");
    }
    drop(light);
}

#[test]
fn a_check_is_played_at_the_broker_of_the_live_lab_where_that_is_chosen() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let own = BrokerConfig {
        first_port: 0,
        search: false,
        lan: false,
        login: None,
        limits: BrokerLimits::default(),
        own: OwnClients::default(),
    };
    let broker = runtime.block_on(Broker::start(&own)).unwrap();
    let port = broker.local_address().port();
    let external = BrokerChoice::External { host: "127.0.0.1".to_owned(), port, login: None, tls: None };
    let config = Config { broker: external, ..Config::default() };
    let (client, mut connection) = Client::new(MqttOptions::new("watcher", "127.0.0.1", port), 10);
    client.subscribe("lab/b", QoS::AtMostOnce).unwrap();
    for event in connection.iter() {
        if let rumqttc::Event::Incoming(rumqttc::Packet::SubAck(_)) = event.unwrap() {
            break;
        }
    }
    let wake: twinlight::world::Waker = std::sync::Arc::new(|| ());
    let mut own_light = OwnLight::default();
    own_light.form.port = "0".to_owned();
    own_light.form.broker_in_use = true;
    own_light.perform(OwnLightAction::Begin, Some(std::sync::Arc::new(config)), &wake).unwrap();
    let start = Instant::now();
    let open = loop {
        own_light.drain(&wake).unwrap();
        if let Some(open) = own_light.job.as_ref().and_then(|job| job.open.clone()) {
            break open;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", own_light.job);
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(open.behind, format!("127.0.0.1:{port}"));
    let _light = connect(open.port);
    let said = connection.iter().find_map(|event| match event.unwrap() {
        rumqttc::Event::Incoming(rumqttc::Packet::Publish(publish)) => Some(publish.payload),
        _ => None,
    });
    assert_eq!(said.as_deref(), Some(&b"red"[..]), "it passes the broker that was chosen");
    drop(own_light);
    runtime.block_on(broker.stop());
}

#[test]
fn thirty_groups_are_checked_in_one_program() {
    let mut window = Window::start();
    window.harness.step();
    let ports = class_ports(30);
    let rows: Vec<String> = ports.iter().map(|port| format!("group {port},{port}\n")).collect();
    let roster = window.folder.path().join("roster.csv");
    std::fs::write(&roster, format!("group,port\n{}", rows.concat())).unwrap();
    window.click("A class, from a roster");
    window.fill_in("Roster", &roster.display().to_string());
    window.click("Start the checks");
    window.wait_for("0 need help · 30 wait · 0 run · 0 passed");
    for port in &ports {
        window.wait_for(&format!("group {port}, Connects: playing"));
    }
    let lights: Vec<Client> = ports.iter().map(|port| connect(*port)).collect();
    window.wait_for("0 need help · 0 wait · 30 run · 0 passed");
    window.click("Cancel the checks of all groups");
    window.wait_for("Put this class away and begin another");
    window.wait_for("checks/class-");
    let reports = std::fs::read_dir(window.folder.path().join("checks")).unwrap().count();
    assert_eq!(reports, 31, "a page for each group, and the table");
    window.click("Put this class away and begin another");
    drop(lights);
}
