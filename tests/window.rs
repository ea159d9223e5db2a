//! The window, driven by the names that a screen reader says: by hand on a make-believe world with
//! its own time, and once on the real one with its broker and its lights.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod script;

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use egui::{Key, Modifiers, vec2};
use egui_kittest::{Harness, kittest::Queryable};
use script::{Script, id};
use tokio::sync::{broadcast, mpsc};
use traffic_light::Aspect;
use twinlight::{
    app::{TwinlightApp, clock::Clock, settings::Settings, window::waker, world_client::WorldLink},
    config::Config,
    fault::{LinkFault, LinkFaultSpec},
    model::LightKind,
    world::{
        Command, Event, EventKind, Fault, World, WorldOptions,
        event::{Certainty, Severity},
    },
};

/// The app on a make-believe world.
struct Desk {
    harness: Harness<'static, TwinlightApp>,
    script: Script,
    events: broadcast::Sender<Event>,
    commands: mpsc::Receiver<Command>,
    time: Rc<Cell<u64>>,
}

impl Desk {
    fn new(junctions: usize, lights: usize) -> Desk {
        Desk::with(junctions, lights, vec2(1_280.0, 900.0), Settings::default())
    }

    fn with(junctions: usize, lights: usize, size: egui::Vec2, settings: Settings) -> Desk {
        let (sender, commands) = mpsc::channel(2);
        let (events, receiver) = broadcast::channel(65_536);
        let time = Rc::new(Cell::new(0));
        let clock = Clock::new(Box::new({
            let time = Rc::clone(&time);
            move || time.get()
        }));
        let link = WorldLink { commands: sender, events: receiver };
        let harness = Harness::builder()
            .with_size(size)
            .build_eframe(|cc| TwinlightApp::new(&cc.egui_ctx, link, clock, settings, "test".to_owned()));
        let script = Script::new(junctions, lights);
        Desk { harness, script, events, commands, time }
    }

    fn started(mut self, until_ms: u64) -> Desk {
        let events = self.script.begin();
        self.tell(events);
        self.run_until(until_ms);
        self
    }

    fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            self.events.send(event).unwrap();
        }
    }

    fn run_until(&mut self, until_ms: u64) {
        self.time.set(until_ms);
        let events = self.script.run_until(until_ms);
        self.tell(events);
        self.settle();
    }

    /// Frames until all events are in and the answer to the last key is drawn, obeying commands.
    fn settle(&mut self) {
        for _ in 0..4 {
            self.harness.step();
            while let Ok(command) = self.commands.try_recv() {
                let events = self.script.obey(command);
                self.tell(events);
            }
        }
        self.harness.check_accessibility();
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.settle();
    }

    fn press(&mut self, key: Key) {
        self.harness.key_press(key);
        self.settle();
    }

    fn says(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }
}

#[test]
fn heads_panels_and_timeline_have_names_for_a_screen_reader() {
    let desk = Desk::new(1, 2).started(3_000);
    for label in [
        "Light demo/a shows green",
        "Light demo/b shows red",
        "Broker at 127.0.0.1:1883 runs",
        "demo/b has promised a to stay out of go",
        "Timeline of demo/a",
        "Wi-Fi of demo/a",
        "Silence demo/b",
        "Drop session of demo/a",
        "Restart demo/b",
        "MQTT of demo/a is up",
        "Filter of the event log",
    ] {
        assert!(desk.says(label), "nothing is called {label:?}");
    }
}

#[test]
fn the_keyboard_cuts_and_restores_the_selected_light() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.press(Key::Num2);
    desk.press(Key::W);
    assert!(desk.says("Wi-Fi of demo/b is down"));
    assert!(desk.says("Wi-Fi of demo/a is up"));
    desk.run_until(9_000);
    assert!(desk.says("Light demo/b flashes amber"));
    desk.press(Key::W);
    desk.run_until(10_000);
    assert!(desk.says("Wi-Fi of demo/b is up"));
    assert!(!desk.says("flashes amber"));
}

#[test]
fn letters_typed_into_the_filter_are_no_commands() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.press(Key::L);
    assert!(desk.harness.get_by_label("Filter of the event log").is_focused());
    desk.press(Key::W);
    desk.press(Key::B);
    assert!(desk.says("Wi-Fi of demo/a is up") && desk.says("Broker at 127.0.0.1:1883 runs"));
}

#[test]
fn the_log_shows_only_what_the_filter_holds() {
    let mut desk = Desk::new(1, 2).started(3_000);
    assert!(desk.says("demo/b shows red") && desk.says("demo/a shows green"));
    desk.harness.get_by_label("Filter of the event log").focus();
    desk.settle();
    desk.harness.get_by_label("Filter of the event log").type_text("demo/B");
    desk.settle();
    assert_eq!(desk.harness.state().settings().filter, "demo/B");
    let shown = |desk: &Desk, text: &str| {
        desk.harness.query_all_by_value(text).count()
            + usize::from(desk.harness.query_all_by_label(text).next().is_some())
    };
    assert_eq!(shown(&desk, "demo/a shows green"), 0);
    assert_ne!(shown(&desk, "demo/b shows red"), 0);
    desk.press(Key::Escape);
    assert_eq!(desk.harness.state().settings().filter, "");
}

#[test]
fn a_category_can_be_hidden_in_the_log() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.click("Show lights in the log");
    assert_eq!(desk.harness.query_all_by_label("demo/a shows green").count(), 0);
    desk.click("Show lights in the log");
    assert_ne!(desk.harness.query_all_by_label("demo/a shows green").count(), 0);
}

#[test]
fn a_conflict_is_told_in_large_letters_until_it_is_cleared() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.script.reckless = true;
    desk.run_until(4_000);
    assert!(desk.says("CONFLICT: a and b. Both are in go at once in junction demo, now."));
    desk.script.reckless = false;
    desk.run_until(6_000);
    assert!(desk.says("CONFLICT: a and b. Both were in go at once"), "it must stay after it ended");
    desk.click("Clear the conflict");
    assert!(!desk.says("CONFLICT: a and b"));
    assert!(desk.says("demo/a and demo/b are in go at once"), "the log keeps it");
}

#[test]
fn a_possible_conflict_is_told_as_a_doubt_and_a_glitch_only_in_the_log() {
    let mut desk = Desk::new(1, 2).started(3_000);
    let lights = vec![id("demo/a"), id("demo/b")];
    let ms = Duration::from_millis;
    let glitch =
        EventKind::GlitchSeen { lights: lights.clone(), since: ms(2_800), lasted: ms(120), at_most: ms(120) };
    desk.tell(vec![Event { at: ms(3_000), kind: glitch }]);
    desk.settle();
    assert!(desk.says("demo/a and demo/b were in go at once for 120 ms, too short to count"));
    assert!(!desk.says("Clear the conflict"), "a glitch raises no alarm");

    let certainty = Certainty::Possible;
    let began = EventKind::ConflictBegan { lights: lights.clone(), certainty, since: ms(2_500) };
    desk.tell(vec![Event { at: ms(3_000), kind: began }]);
    desk.settle();
    assert!(desk.says("Possible conflict: a and b. By what is heard of them, both may be in go at once"));
    assert!(!desk.says("CONFLICT"));
    let ended = EventKind::ConflictEnded { lights, certainty, lasted: ms(0), at_most: ms(700) };
    desk.tell(vec![Event { at: ms(3_200), kind: ended }]);
    desk.settle();
    assert!(desk.says("Both may have been in go at once in junction demo at 0:02.5, for 0.7 s at the most"));
    desk.press(Key::Escape);
    assert!(!desk.says("Clear the conflict"));
    assert!(desk.says("if it was one, it lasted 0.7 s at the most"), "the log keeps it");
}

#[test]
fn a_run_is_recorded_by_a_switch_that_shows_it() {
    let mut desk = Desk::new(1, 2).started(3_000);
    assert_eq!(desk.harness.state().state().recording, None);
    desk.click("Record this run");
    assert!(desk.says("This run is recorded to recordings/run-1.jsonl"));
    assert!(desk.harness.state().state().recording.is_some());
    desk.click("Record this run");
    assert_eq!(desk.harness.state().state().recording, None);
    assert!(desk.says("This run is not recorded any more"));
}

#[test]
fn the_theme_is_switched_by_button_and_by_key_and_remembered() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.click("Light theme");
    assert_eq!(desk.harness.ctx.theme(), egui::Theme::Light);
    desk.harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    desk.settle();
    assert_eq!(desk.harness.ctx.theme(), egui::Theme::Dark);
    assert_eq!(desk.harness.state().settings().theme, twinlight::app::settings::ThemeChoice::Dark);
}

#[test]
fn a_fault_is_put_in_dosed_seen_and_cleared() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.press(Key::F3);
    assert!(desk.says("No fault is on."));
    desk.click("Fault on demo/b");
    desk.click("Lose messages");
    desk.click("light to broker");
    assert!(desk.says("Put the fault in"));
    desk.click("Put the fault in");
    assert!(desk.says("demo/b: lose 20 %, to the broker"), "what is on is in sight, with its dose");
    desk.click("Suspend");
    desk.click("Put the fault in");
    assert!(desk.says("Fault panel, 2 on"));
    desk.click("Clear demo/b: suspend");
    assert!(desk.says("Fault panel, 1 on"));
    desk.click("Clear all faults");
    assert!(desk.says("No fault is on."));
    desk.click("Close the fault panel");
    assert!(!desk.says("Put the fault in"));
}

#[test]
fn a_link_is_picked_on_the_scene_broken_seen_there_and_mended() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.click("Link of demo/b: All layers of the link are up, no fault on it");
    assert!(desk.says("Put the fault in"), "picking opens the fault panel");
    desk.click("Black hole");
    desk.click("broker to light");
    desk.click("Put the fault in");
    assert!(desk.says("On the link of demo/b: black-hole, from the broker"), "drawn where it strikes");
    assert!(desk.says("Link of demo/b: All layers of the link are up, on it: black-hole, from the broker"));
    desk.press(Key::F3);
    assert!(!desk.says("Put the fault in"));
    assert!(desk.says("On now: demo/b, black-hole, from the broker"), "in sight with the panel closed");
    desk.click("Clear all faults");
    assert!(!desk.says("On the link of demo/b"));
    desk.harness.get_by_label_contains("Link of demo/a").focus();
    desk.settle();
    desk.press(Key::Enter);
    desk.click("Lose messages");
    assert!(desk.says("Put it in") || desk.says("Put the fault in"));
    desk.click("Put the fault in");
    assert!(desk.says("On the link of demo/a: lose 20 %"), "by keyboard too");
}

#[test]
fn the_broker_is_picked_on_the_scene_too() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.click("Broker at 127.0.0.1:1883 runs");
    desk.click("Put the fault in");
    assert!(desk.says("On the broker: broker-down"));
}

#[test]
fn what_a_board_cannot_be_given_from_here_is_told_with_what_to_do_by_hand() {
    let mut desk = Desk::new(1, 2).started(3_000);
    let kind = EventKind::LightAdded {
        light: id("demo/b"),
        kind: LightKind::Board,
        rule: traffic_light::Rule::Lease,
        keyed: true,
    };
    desk.tell(vec![Event { at: Duration::from_millis(3_000), kind }]);
    desk.settle();
    desk.press(Key::F3);
    desk.click("Fault on demo/b");
    desk.click("Hang");
    assert!(desk.says("Not from here: nothing makes its program hang from outside; press its reset button"));
    desk.click("Put the fault in");
    assert!(desk.says("No fault is on."));
    desk.click("Wi-Fi down");
    assert!(!desk.says("Not from here"), "it obeys that as a command");
    desk.click("Ends by itself");
    assert!(desk.says("board cannot be called back from it"));
    desk.click("Latency");
    assert!(desk.says("unless it connects to the port of its proxy"), "the world knows whether it does");
}

#[test]
fn every_kind_of_fault_is_drawn_and_named_on_the_scene() {
    let mut desk = Desk::with(1, 2, vec2(1_600.0, 1_000.0), Settings::default()).started(3_000);
    let light = || id("demo/a");
    let links = LinkFault::NAMES.map(|name| {
        let spec = LinkFaultSpec::both_ways(LinkFault::example(name).unwrap());
        Fault::Link { light: light(), spec }
    });
    let others = [
        Fault::WifiDown(light()),
        Fault::Silence(light()),
        Fault::WrongPassword(light()),
        Fault::NameNotFound(light()),
        Fault::TakenOver(light()),
        Fault::Hang(light()),
        Fault::ClockDrift { light: light(), ppm: 20_000 },
        Fault::Suspend(light()),
    ];
    for fault in links.into_iter().chain(others) {
        let place = if matches!(fault, Fault::Link { .. }) { "On the link of" } else { "On" };
        let label = format!("{place} demo/a: {fault}");
        let change = |on| Event {
            at: Duration::from_millis(3_000),
            kind: EventKind::FaultChanged { fault: fault.clone(), on },
        };
        desk.tell(vec![change(true)]);
        desk.settle();
        assert!(desk.says(&label), "nothing is called {label:?}");
        desk.tell(vec![change(false)]);
        desk.settle();
        assert!(!desk.says(&label), "{label:?} stays");
    }
}

#[test]
fn chaos_is_switched_on_with_a_seed_seen_and_switched_off() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.press(Key::F3);
    desk.harness.get_by_label("Seed").focus();
    desk.settle();
    desk.harness.get_by_label("Seed").type_text("42");
    desk.settle();
    desk.click("Chaos");
    assert_eq!(desk.harness.state().state().chaos, Some(42));
    assert!(desk.says("on, seed 42"));
    desk.press(Key::Escape);
    desk.click("Close the fault panel");
    assert!(desk.says("Chaos, seed 42"), "in sight with the panel closed");
    desk.click("Stop chaos");
    assert_eq!(desk.harness.state().state().chaos, None);
}

#[test]
fn the_help_opens_and_closes_by_key_and_by_button() {
    let mut desk = Desk::new(1, 2).started(3_000);
    desk.press(Key::F1);
    assert!(desk.says("What you see, and all keys"));
    desk.press(Key::Escape);
    assert!(!desk.says("What you see, and all keys"));
    desk.click("Help");
    assert!(desk.says("What you see, and all keys"));
    desk.click("Close the help");
    assert!(!desk.says("What you see, and all keys"));
}

#[test]
fn before_the_first_light_the_window_explains_itself() {
    let mut desk = Desk::new(1, 0);
    desk.settle();
    assert!(desk.says("Starting the broker…"));
    let desk = desk.started(100);
    assert!(desk.says("No lights yet"));
}

#[test]
fn a_full_queue_of_commands_is_told_and_not_waited_for() {
    let mut desk = Desk::new(1, 2).started(3_000);
    for _ in 0..3 {
        desk.harness.get_by_label("Drop session of demo/a").click();
        desk.harness.step();
    }
    desk.harness.step();
    assert!(desk.says("The world is too busy for another command"));
}

#[test]
fn a_window_that_fell_behind_asks_for_all_again() {
    let (sender, mut commands) = mpsc::channel(2);
    let (events, receiver) = broadcast::channel(4);
    let link = WorldLink { commands: sender, events: receiver };
    for number in 0..20 {
        let text = format!("note {number}");
        let kind = EventKind::Noticed { severity: Severity::Info, light: None, text };
        events.send(Event { at: Duration::from_millis(number), kind }).unwrap();
    }
    let mut harness = Harness::builder().build_eframe(|cc| {
        TwinlightApp::new(&cc.egui_ctx, link, Clock::new(Box::new(|| 30)), Settings::default(), String::new())
    });
    harness.step();
    assert_eq!(commands.try_recv().unwrap(), Command::Resync);
}

#[test]
fn five_hundred_lights_show_one_junction_large_and_the_others_as_tiles() {
    let mut desk = Desk::new(250, 2).started(2_000);
    assert!(desk.says("250 junctions") && desk.says("Light j-001/a"));
    desk.press(Key::PageDown);
    assert!(desk.says("Light j-002/a") && !desk.says("Light j-001/a"));
    assert!(!desk.says("Junction j-250:"), "tiles out of sight are not made");
}

#[test]
fn the_smallest_and_a_huge_window_show_everything_that_matters() {
    for size in [vec2(760.0, 480.0), vec2(1_024.0, 640.0), vec2(3_840.0, 2_160.0)] {
        let mut desk = Desk::with(1, 4, size, Settings::default()).started(3_000);
        desk.settle();
        let window = desk.harness.ctx.content_rect();
        for label in ["Stop broker", "Help", "Light demo/a shows green", "Filter of the event log"] {
            let node = desk.harness.get_by_label(label).rect();
            assert!(window.contains_rect(node), "{label} at {node:?} leaves {window:?}");
        }
    }
}

#[test]
fn a_still_picture_asks_for_no_frame() {
    let settings = Settings { show_timeline: false, reduce_motion: true, ..Settings::default() };
    let mut desk = Desk::with(1, 0, vec2(1_024.0, 640.0), settings).started(100);
    desk.harness.run();
    let wait = desk.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(wait > Duration::from_secs(3_600), "asked for a frame after {wait:?}");
}

const QUICK: &str = r#"
[broker]
kind = "embedded"
port = 0
[links]
wifi_join_ms = 200
[timing]
red_amber_ms = 300
green_min_ms = 600
green_max_ms = 1500
amber_ms = 500
clearance_ms = 300
heartbeat_ms = 300
lease_ms = 2500
lost_after_ms = 2000
tick_ms = 50
watchdog_ms = 200
rtt_ms = 80
[[junction]]
name = "demo"
lights = ["a", "b"]
"#;

/// The app on the real world.
struct Real {
    harness: Harness<'static, TwinlightApp>,
    _world: World,
    _runtime: tokio::runtime::Runtime,
}

impl Real {
    fn start() -> Real {
        let config = Config::from_toml(QUICK, "quick.toml", &|_| None).expect("the timings work");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let mut started = None;
        let harness = Harness::builder().with_size(vec2(1_280.0, 900.0)).build_eframe(|cc| {
            let options = WorldOptions {
                detailed: true,
                wake: Some(std::sync::Arc::new(waker(&cc.egui_ctx))),
                ..WorldOptions::default()
            };
            let (world, events) = runtime.block_on(World::start(config, options)).unwrap();
            let link = WorldLink { commands: world.commands(), events };
            started = Some(world);
            TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), Settings::default(), String::new())
        });
        Real { harness, _world: started.unwrap(), _runtime: runtime }
    }

    /// Frames in real time until `done`; panics with what was expected after `limit_s`.
    fn wait(&mut self, what: &str, limit_s: u64, done: impl Fn(&Harness<'static, TwinlightApp>) -> bool) {
        let start = Instant::now();
        while !done(&self.harness) {
            assert!(start.elapsed() < Duration::from_secs(limit_s), "not within {limit_s} s: {what}");
            self.harness.step();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for(&mut self, label: &str, limit_s: u64) {
        self.wait(label, limit_s, |harness| harness.query_all_by_label_contains(label).next().is_some());
    }
}

#[test]
fn cut_a_link_and_see_it_flash_then_restore_it_and_see_it_recover() {
    let mut real = Real::start();
    real.wait_for("Light demo/a shows green", 15);
    real.harness.get_by_label("Wi-Fi of demo/a").click();
    real.wait_for("Wi-Fi of demo/a is down", 3);
    real.wait_for("Light demo/a flashes amber", 10);
    real.wait_for("Light demo/b flashes amber", 10);
    real.harness.get_by_label("Wi-Fi of demo/a").click();
    real.wait_for("MQTT of demo/a is up", 10);
    for light in ["a", "b"] {
        real.wait_for(&format!("Light demo/{light} shows green"), 15);
    }
    assert_eq!(real.harness.state().state().conflicts.count, 0);
}

#[test]
fn stop_the_broker_and_see_both_flash_then_start_it_and_see_them_recover() {
    let mut real = Real::start();
    real.wait_for("Light demo/b shows green", 15);
    real.harness.get_by_label("Stop broker").click();
    real.wait_for("Broker stopped", 5);
    real.wait("both flash", 10, |harness| {
        ["demo/a", "demo/b"]
            .iter()
            .all(|light| harness.state().state().light(&id(light)).unwrap().aspect == Aspect::FlashingAmber)
    });
    real.harness.get_by_label("Start broker").click();
    for light in ["a", "b"] {
        real.wait_for(&format!("Light demo/{light} shows green"), 20);
    }
}
