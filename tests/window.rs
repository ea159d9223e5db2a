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
    app::{TwinlightApp, clock::Clock, repaint::waker, settings::Settings, world_client::WorldLink},
    config::Config,
    fault::{Directions, Fault, FaultKind, Suspend},
    model::LightKind,
    world::{
        Command, Event, EventKind, World, WorldOptions,
        event::{Certainty, Layer, Severity},
    },
};

/// The app on a make-believe world.
struct TestWindow {
    harness: Harness<'static, TwinlightApp>,
    script: Script,
    events: broadcast::Sender<Event>,
    commands: mpsc::Receiver<Command>,
    time: Rc<Cell<u64>>,
}

impl TestWindow {
    fn new(junctions: usize, lights: usize) -> TestWindow {
        TestWindow::with(junctions, lights, vec2(1_280.0, 900.0), Settings::default())
    }

    fn with(junctions: usize, lights: usize, size: egui::Vec2, settings: Settings) -> TestWindow {
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
        TestWindow { harness, script, events, commands, time }
    }

    fn started(mut self, until_ms: u64) -> TestWindow {
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
    let window = TestWindow::new(1, 2).started(3_000);
    for label in [
        "Light demo/a shows green",
        "Light demo/b shows red",
        "Broker at 127.0.0.1:1883 runs",
        "demo/b has promised a to stay red",
        "Timeline of demo/a",
        "Wi-Fi of demo/a",
        "Silence demo/b",
        "Drop session of demo/a",
        "Restart demo/b",
        "MQTT of demo/a is up",
        "Filter of the event log",
    ] {
        assert!(window.says(label), "nothing is called {label:?}");
    }
}

#[test]
fn the_keyboard_cuts_and_restores_the_selected_light() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.press(Key::Num2);
    window.press(Key::W);
    assert!(window.says("Wi-Fi of demo/b is down"));
    assert!(window.says("Wi-Fi of demo/a is up"));
    window.run_until(9_000);
    assert!(window.says("Light demo/b flashes amber"));
    window.press(Key::W);
    window.run_until(10_000);
    assert!(window.says("Wi-Fi of demo/b is up"));
    assert!(!window.says("Light demo/a flashes amber") && !window.says("Light demo/b flashes amber"));
}

#[test]
fn letters_typed_into_the_filter_are_no_commands() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.press(Key::L);
    assert!(window.harness.get_by_label("Filter of the event log").is_focused());
    window.press(Key::W);
    window.press(Key::B);
    assert!(window.says("Wi-Fi of demo/a is up") && window.says("Broker at 127.0.0.1:1883 runs"));
}

/// A key as a window system tells it: the key, and the text that it types.
fn type_key(window: &mut TestWindow, key: Key, modifiers: Modifiers) {
    let pressed = egui::Event::Key { key, physical_key: Some(key), pressed: true, repeat: false, modifiers };
    // In the same frame, as a window system does it.
    let events = &mut window.harness.input_mut().events;
    events.extend([pressed, egui::Event::Text(key.name().to_lowercase())]);
    window.settle();
}

#[test]
fn the_key_that_goes_to_the_filter_types_nothing_into_it() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    type_key(&mut window, Key::L, Modifiers::NONE);
    assert!(window.harness.get_by_label("Filter of the event log").is_focused());
    assert_eq!(window.harness.state().settings().filter, "");
    type_key(&mut window, Key::L, Modifiers::NONE);
    assert_eq!(window.harness.state().settings().filter, "l", "now it is a letter of the text");
}

#[test]
fn single_letters_act_only_without_alt_and_shift_and_only_while_nothing_has_the_keyboard() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    for modifiers in [Modifiers::ALT, Modifiers::SHIFT, Modifiers::ALT | Modifiers::SHIFT] {
        window.harness.key_press_modifiers(modifiers, Key::W);
        window.settle();
        assert!(window.says("Wi-Fi of demo/a is up"), "{modifiers:?}+W acts");
    }
    window.harness.key_press_modifiers(Modifiers::ALT, Key::F4);
    window.settle();
    assert!(!window.says("Close the lessons"), "Alt+F4 is the desktop's");
    window.harness.get_by_label("Restart demo/b").focus();
    window.settle();
    window.press(Key::W);
    assert!(window.says("Wi-Fi of demo/a is up"), "a button has the keyboard");
    window.press(Key::Escape);
    window.press(Key::W);
    assert!(window.says("Wi-Fi of demo/a is down"));
}

#[test]
fn a_number_typed_beside_its_field_breaks_nothing() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.press(Key::F3);
    // Beside the field of the seed: on its name, which cannot be clicked.
    let beside = window.harness.get_by_label("Inject a fault").rect().center();
    window.harness.hover_at(beside);
    window.harness.step();
    for pressed in [true, false] {
        let (button, modifiers) = (egui::PointerButton::Primary, Modifiers::NONE);
        window.harness.event(egui::Event::PointerButton { pos: beside, button, pressed, modifiers });
        window.harness.step();
    }
    window.press(Key::W);
    assert!(window.says("Wi-Fi of demo/a is up"), "somebody writes");
    // After a field was left by Enter, too.
    window.harness.get_by_label("Seed").focus();
    window.settle();
    window.press(Key::Enter);
    window.press(Key::W);
    assert!(window.says("Wi-Fi of demo/a is up"), "somebody may write on");
    window.press(Key::Escape);
    window.press(Key::W);
    assert!(window.says("Wi-Fi of demo/a is down"), "Esc ends the writing");
}

#[test]
fn single_letters_can_be_switched_off() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.click("View");
    window.click("Single-letter keys");
    window.press(Key::Escape);
    for key in [Key::W, Key::B, Key::L, Key::S, Key::Num2] {
        window.press(key);
    }
    assert!(window.says("Wi-Fi of demo/a is up") && window.says("Broker at 127.0.0.1:1883 runs"));
    assert!(!window.harness.state().settings().letter_keys);
    window.press(Key::F1);
    assert!(window.says("What you see, and all keys"), "the other keys act");
}

#[test]
fn esc_does_one_thing_at_a_time_and_clears_the_filter_as_the_log_promises() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.script.reckless = true;
    window.run_until(4_000);
    let before = window.harness.get_by_label("Filter of the event log").rect();
    window.press(Key::L);
    window.harness.get_by_label("Filter of the event log").type_text("nothing has this");
    window.settle();
    assert!(window.says("No event holds this text. Clear the filter with Esc."));
    let after = window.harness.get_by_label("Filter of the event log").rect();
    assert!((before.top() - after.top()).abs() < 1.0, "the log collapsed: {before:?}, {after:?}");
    // Something else has the keyboard, and then nothing.
    window.harness.get_by_label("Help").focus();
    window.settle();
    window.press(Key::Escape);
    assert!(window.says("CONFLICT: a and b"), "Esc only left the button");
    window.press(Key::Escape);
    assert!(!window.says("CONFLICT: a and b"));
    assert_eq!(window.harness.state().settings().filter, "nothing has this");
    window.press(Key::Escape);
    assert_eq!(window.harness.state().settings().filter, "");
    // In the field itself it clears the field, whatever else is on.
    window.script.reckless = false;
    window.run_until(6_000);
    window.script.reckless = true;
    window.run_until(7_000);
    window.press(Key::L);
    window.harness.get_by_label("Filter of the event log").type_text("b");
    window.settle();
    window.press(Key::Escape);
    assert_eq!(window.harness.state().settings().filter, "");
    assert!(window.says("CONFLICT: a and b"));
}

#[test]
fn tab_goes_through_the_bar_from_left_to_right() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    let names =
        ["Stop broker", "Light theme", "View", "Panel of somebody else's light", "Lessons panel", "Help"];
    let mut lefts = Vec::new();
    window.harness.get_by_label(names[0]).focus();
    window.settle();
    for _ in 0..20 {
        let focused = names.iter().find(|name| window.harness.get_by_label(name).is_focused());
        if let Some(name) = focused {
            lefts.push((*name, window.harness.get_by_label(name).rect().left()));
        }
        window.press(Key::Tab);
    }
    assert_eq!(lefts.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names, "in the order of reading");
    assert!(lefts.is_sorted_by(|(_, one), (_, next)| one < next), "{lefts:?}");
}

#[test]
fn without_a_broker_nobody_is_called_online() {
    let mut window = TestWindow::with(1, 2, vec2(1_900.0, 1_000.0), Settings::default()).started(3_000);
    assert!(window.says("2 of 2 lights online"));
    window.click("Stop broker");
    assert!(!window.says("lights online"));
}

#[test]
fn an_outside_broker_that_cannot_be_used_has_its_own_words_and_a_button_that_helps() {
    let mut window = TestWindow::new(1, 2);
    let reason = "broker.example does not let lab in: wrong user name or password";
    let lost = EventKind::BrokerStopped { reason: reason.to_owned() };
    let started = |address: &str| EventKind::BrokerStarted {
        address: address.to_owned(),
        embedded: false,
        open: false,
        note: None,
    };
    let light = |name: &str| EventKind::LightAdded {
        light: id(name),
        kind: LightKind::Virtual,
        rule: traffic_light::Rule::Lease,
        keyed: true,
    };
    let at = |ms, kind| Event { at: Duration::from_millis(ms), kind };
    window.tell(vec![at(1, light("demo/a")), at(1, light("demo/b")), at(2, lost.clone())]);
    window.settle();
    assert!(!window.says("Broker stopped") && !window.says("Start broker"), "nobody here can start it");
    assert!(window.says(&format!("Not connected to the broker: {reason}")), "the cause is in the bar");
    assert!(window.says(&format!("Broker not connected: {reason}")), "and on the scene");
    window.press(Key::B);
    assert!(window.commands.try_recv().is_err());
    window.click("Check the broker");
    assert!(window.says("Close the broker panel"), "the doctor's place is open");
    // It comes, and goes again.
    window.tell(vec![at(3, started("broker.example:1883")), at(4, lost)]);
    window.settle();
    assert!(!window.says("Broker stopped") && window.says("Not connected to the broker"));
}

#[test]
fn the_log_shows_only_what_the_filter_holds() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    assert!(window.says("demo/b shows red") && window.says("demo/a shows green"));
    window.harness.get_by_label("Filter of the event log").focus();
    window.settle();
    window.harness.get_by_label("Filter of the event log").type_text("demo/B");
    window.settle();
    assert_eq!(window.harness.state().settings().filter, "demo/B");
    let shown = |window: &TestWindow, text: &str| {
        window.harness.query_all_by_value(text).count()
            + usize::from(window.harness.query_all_by_label(text).next().is_some())
    };
    assert_eq!(shown(&window, "demo/a shows green"), 0);
    assert_ne!(shown(&window, "demo/b shows red"), 0);
    window.press(Key::Escape);
    assert_eq!(window.harness.state().settings().filter, "");
}

#[test]
fn a_category_can_be_hidden_in_the_log() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.click("Show lights in the log");
    assert_eq!(window.harness.query_all_by_label("demo/a shows green").count(), 0);
    window.click("Show lights in the log");
    assert_ne!(window.harness.query_all_by_label("demo/a shows green").count(), 0);
}

#[test]
fn a_conflict_is_told_in_large_letters_until_it_is_cleared() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.script.reckless = true;
    window.run_until(4_000);
    assert!(window.says("CONFLICT: a and b. Both have right of way at once in junction demo, now."));
    window.script.reckless = false;
    window.run_until(6_000);
    assert!(!window.says("CONFLICT: a and b"), "it is over");
    let over = "Conflict, over now: a and b. Both had right of way at once";
    assert!(window.says(over), "it must stay after it ended");
    window.click("Clear the conflict");
    assert!(!window.says(over));
    assert!(window.says("demo/a and demo/b have right of way at once"), "the log keeps it");
}

#[test]
fn a_possible_conflict_is_told_as_a_doubt_and_a_glitch_only_in_the_log() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    let lights = vec![id("demo/a"), id("demo/b")];
    let ms = Duration::from_millis;
    let glitch =
        EventKind::GlitchSeen { lights: lights.clone(), since: ms(2_800), lasted: ms(120), at_most: ms(120) };
    window.tell(vec![Event { at: ms(3_000), kind: glitch }]);
    window.settle();
    assert!(window.says("demo/a and demo/b had right of way at once for 120 ms, too short to count"));
    assert!(!window.says("Clear the conflict"), "a glitch raises no alarm");

    let certainty = Certainty::Possible;
    let began = EventKind::ConflictBegan { lights: lights.clone(), certainty, since: ms(2_500), cause: None };
    window.tell(vec![Event { at: ms(3_000), kind: began }]);
    window.settle();
    assert!(window.says("Possible conflict: a and b. As far as heard, both may have right of way at once"));
    assert!(!window.says("CONFLICT"));
    let ended = EventKind::ConflictEnded { lights, certainty, lasted: ms(0), at_most: ms(700) };
    window.tell(vec![Event { at: ms(3_200), kind: ended }]);
    window.settle();
    assert!(
        window.says("Both may have had right of way at once in junction demo at 0:02.5, for 0.7 s at most")
    );
    window.press(Key::Escape);
    assert!(!window.says("Clear the conflict"));
    assert!(window.says("If it was one, it lasted 0.7 s at most"), "the log keeps it");
}

#[test]
fn a_run_is_recorded_by_a_switch_that_shows_it() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    assert_eq!(window.harness.state().state().recording, None);
    window.click("Record this run");
    assert!(window.says("Recording to recordings/run-1.jsonl"));
    assert!(window.harness.state().state().recording.is_some());
    window.click("Record this run");
    assert_eq!(window.harness.state().state().recording, None);
    assert!(window.says("Recording ended"));
}

#[test]
fn the_theme_is_switched_by_button_and_by_key_and_remembered() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.click("Light theme");
    assert_eq!(window.harness.ctx.theme(), egui::Theme::Light);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    window.settle();
    assert_eq!(window.harness.ctx.theme(), egui::Theme::Dark);
    assert_eq!(window.harness.state().settings().theme, twinlight::app::settings::ThemeChoice::Dark);
}

#[test]
fn theme_and_zoom_can_follow_desktop_and_window_again() {
    use twinlight::app::settings::ThemeChoice;
    let mut window = TestWindow::with(1, 2, vec2(1_900.0, 1_200.0), Settings::default()).started(3_000);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::T);
    window.settle();
    assert_ne!(window.harness.state().settings().theme, ThemeChoice::System);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::Plus);
    window.settle();
    assert!(window.harness.state().settings().zoom.is_some_and(|zoom| zoom > 1.0));
    window.click("View");
    window.click("Theme as the desktop has it");
    assert_eq!(window.harness.state().settings().theme, ThemeChoice::System);
    if !window.says("Automatic zoom") {
        window.click("View");
    }
    window.click("Automatic zoom");
    assert_eq!(window.harness.state().settings().zoom, None);
    assert_eq!(window.harness.ctx.zoom_factor(), 1.0);
    window.run_until(3_100);
    assert_eq!(window.harness.state().settings().zoom, None, "and it stays so");
}

#[test]
fn a_fault_is_injected_with_parameters_seen_and_cleared() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.press(Key::F3);
    assert!(window.says("No fault is on."));
    window.click("Fault on demo/b");
    window.click("Lose messages");
    window.click("to the broker");
    assert!(window.says("Inject the fault"));
    window.click("Inject the fault");
    assert!(
        window.says("demo/b: Lose messages 20 %, to the broker"),
        "what is on is in sight, with its parameters"
    );
    window.click("Suspend");
    window.click("Inject the fault");
    assert!(window.says("Fault panel, 2 on"));
    window.click("Clear demo/b: Suspend");
    assert!(window.says("Fault panel, 1 on"));
    window.click("Clear all faults");
    assert!(window.says("No fault is on."));
    window.click("Close the fault panel");
    assert!(!window.says("Inject the fault"));
}

#[test]
fn a_link_is_picked_on_the_scene_broken_seen_there_and_mended() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.click("Link of demo/b: All layers of the link are up, no fault on it");
    assert!(window.says("Inject the fault"), "picking opens the fault panel");
    window.click("Black hole");
    window.click("from the broker");
    window.click("Inject the fault");
    assert!(window.says("On the link of demo/b: Black hole, from the broker"), "drawn where it strikes");
    assert!(window.says("Link of demo/b: All layers of the link are up, on it: Black hole, from the broker"));
    window.press(Key::F3);
    assert!(!window.says("Inject the fault"));
    assert!(window.says("On now: demo/b, Black hole, from the broker"), "in sight with the panel closed");
    window.click("Clear all faults");
    assert!(!window.says("On the link of demo/b"));
    window.harness.get_by_label_contains("Link of demo/a").focus();
    window.settle();
    window.press(Key::Enter);
    window.click("Lose messages");
    assert!(window.says("Inject:") || window.says("Inject the fault"));
    window.click("Inject the fault");
    assert!(window.says("On the link of demo/a: Lose messages 20 %"), "by keyboard too");
}

#[test]
fn the_broker_is_picked_on_the_scene_too() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.click("Broker at 127.0.0.1:1883 runs");
    window.click("Inject the fault");
    assert!(window.says("On the broker: Broker down"));
}

#[test]
fn what_a_board_cannot_be_given_from_here_is_told_with_what_to_do_by_hand() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    let kind = EventKind::LightAdded {
        light: id("demo/b"),
        kind: LightKind::Board,
        rule: traffic_light::Rule::Lease,
        keyed: true,
    };
    window.tell(vec![Event { at: Duration::from_millis(3_000), kind }]);
    window.settle();
    window.press(Key::F3);
    window.click("Fault on demo/b");
    window.click("Hang");
    assert!(window.says("Not from here: this program cannot do that to a board"));
    assert!(window.says("Press its reset button"), "what to do by hand");
    window.click("Inject the fault");
    assert!(window.says("No fault is on."));
    window.click("Wi-Fi down");
    assert!(!window.says("Not from here"), "it obeys that as a command");
    window.click("Ends by itself");
    assert!(window.says("board cannot be called back from it"));
    window.click("Latency");
    assert!(window.says("Let it connect to the port of its proxy"), "the world knows whether it does");
}

#[test]
fn every_kind_of_fault_is_drawn_and_named_on_the_scene() {
    let mut window = TestWindow::with(1, 2, vec2(1_600.0, 1_000.0), Settings::default()).started(3_000);
    for kind in FaultKind::examples().filter(|kind| !kind.strikes_all() && !kind.about().instant) {
        let fault = kind.at(Some(id("demo/a")), Directions::Both).unwrap();
        let place = if matches!(fault, Fault::Link { .. }) { "On the link of" } else { "On" };
        let label = format!("{place} demo/a: {}", fault.label());
        let change = |on| Event {
            at: Duration::from_millis(3_000),
            kind: EventKind::FaultChanged { fault: fault.clone(), on },
        };
        window.tell(vec![change(true)]);
        window.settle();
        assert!(window.says(&label), "nothing is called {label:?}");
        window.tell(vec![change(false)]);
        window.settle();
        assert!(!window.says(&label), "{label:?} stays");
    }
}

#[test]
fn a_suspended_light_says_so_and_not_what_it_thought_before() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    assert!(window.says("Going: green for") && window.says("MQTT of demo/a is up"));
    let fault = Fault::on(id("demo/a"), Suspend);
    let at = Duration::from_millis(3_000);
    window.tell(vec![
        Event { at, kind: EventKind::FaultChanged { fault: fault.clone(), on: true } },
        Event { at, kind: EventKind::AspectChanged { light: id("demo/a"), aspect: Aspect::Dark } },
    ]);
    window.settle();
    assert!(window.says("Suspended: its host sleeps, and its program stands still"));
    assert!(!window.says("Going:"), "it is dark");
    assert!(
        window.says("MQTT of demo/a is not known while it sleeps"),
        "no green dot for what nobody watches"
    );
    window.tell(vec![Event { at, kind: EventKind::FaultChanged { fault, on: false } }]);
    window.settle();
    assert!(!window.says("Suspended:") && window.says("MQTT of demo/a is up"));
}

#[test]
fn the_card_names_what_failed_last() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    let down = |ms, layer, reason: &str| Event {
        at: Duration::from_millis(ms),
        kind: EventKind::LinkChanged { light: id("demo/a"), layer, up: false, reason: reason.to_owned() },
    };
    window.tell(vec![
        down(3_000, Layer::Mqtt, "the session was dropped on purpose"),
        down(3_000, Layer::Tcp, "the session was dropped on purpose"),
        down(3_010, Layer::Mqtt, "the broker refuses user name or password"),
    ]);
    window.settle();
    let shown = |label: &str| window.harness.query_all_by_label(label).count();
    assert_eq!(shown("MQTT: the broker refuses user name or password"), 1);
    assert_eq!(shown("TCP: the session was dropped on purpose"), 0);
}

#[test]
fn chaos_is_switched_on_with_a_seed_seen_and_switched_off() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.press(Key::F3);
    window.harness.get_by_label("Seed").focus();
    window.settle();
    window.harness.get_by_label("Seed").type_text("42");
    window.settle();
    window.click("Chaos");
    assert_eq!(window.harness.state().state().chaos, Some(42));
    assert!(window.says("on, seed 42"));
    window.press(Key::Escape);
    window.click("Close the fault panel");
    assert!(window.says("Chaos, seed 42"), "in sight with the panel closed");
    window.click("Stop chaos");
    assert_eq!(window.harness.state().state().chaos, None);
}

#[test]
fn the_help_opens_and_closes_by_key_and_by_button() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    window.press(Key::F1);
    assert!(window.says("What you see, and all keys"));
    window.press(Key::Escape);
    assert!(!window.says("What you see, and all keys"));
    window.click("Help");
    assert!(window.says("What you see, and all keys"));
    window.click("Close the help");
    assert!(!window.says("What you see, and all keys"));
}

#[test]
fn before_the_first_light_the_window_explains_itself() {
    let mut window = TestWindow::new(1, 0);
    window.settle();
    assert!(window.says("Starting the broker…"));
    let window = window.started(100);
    assert!(window.says("No lights yet"));
}

#[test]
fn a_full_queue_of_commands_is_told_and_not_waited_for() {
    let mut window = TestWindow::new(1, 2).started(3_000);
    for _ in 0..3 {
        window.harness.get_by_label("Drop session of demo/a").click();
        window.harness.step();
    }
    window.harness.step();
    assert!(window.says("The world is too busy for another command"));
}

#[test]
fn a_remembered_zoom_that_cannot_be_is_forgotten() {
    for zoom in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-9, 1e9] {
        let settings = Settings { zoom: Some(zoom), ..Settings::default() };
        let mut window = TestWindow::with(1, 2, vec2(1_280.0, 900.0), settings).started(1_000);
        window.run_until(1_100);
        assert_eq!(window.harness.state().settings().zoom, None, "{zoom}");
    }
}

#[test]
fn a_warning_stays_in_sight_though_something_informative_follows() {
    // Without the log, which keeps all of them.
    let settings = Settings { show_log: false, ..Settings::default() };
    let mut window = TestWindow::with(1, 2, vec2(1_280.0, 900.0), settings).started(3_000);
    let told = |ms, severity, text: &str| {
        let kind = EventKind::Noticed { severity, light: None, text: text.to_owned() };
        Event { at: Duration::from_millis(ms), kind }
    };
    window.tell(vec![
        told(3_000, Severity::Warning, "the port is taken"),
        told(3_010, Severity::Error, "the file is full"),
        told(3_020, Severity::Info, "a light has joined"),
    ]);
    window.run_until(3_100);
    assert!(window.says("the port is taken"), "another notice drove it away");
    assert!(window.says("the file is full"), "an informative notice drove it away");
    assert!(!window.says("a light has joined"), "what is only good to know stays in the log");
    window.run_until(20_000);
    assert!(!window.says("the port is taken") && !window.says("the file is full"), "they go by themselves");
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
    let mut window = TestWindow::new(250, 2).started(2_000);
    assert!(window.says("250 junctions") && window.says("Light j-001/a"));
    window.press(Key::PageDown);
    assert!(window.says("Light j-002/a") && !window.says("Light j-001/a"));
    assert!(!window.says("Junction j-250:"), "tiles out of sight are not made");
}

#[test]
fn the_smallest_and_a_huge_window_show_everything_that_matters() {
    for size in [vec2(760.0, 480.0), vec2(1_024.0, 640.0), vec2(3_840.0, 2_160.0)] {
        let mut window = TestWindow::with(1, 4, size, Settings::default()).started(3_000);
        window.settle();
        let whole = window.harness.ctx.content_rect();
        for label in ["Stop broker", "Help", "Light demo/a shows green", "Filter of the event log"] {
            let node = window.harness.get_by_label(label).rect();
            assert!(whole.contains_rect(node), "{label} at {node:?} leaves {whole:?}");
        }
        let broker = window.harness.get_by_label("embedded").rect();
        let stop = window.harness.get_by_label("Stop broker").rect();
        assert!(!broker.intersects(stop), "{stop:?} lies over the broker's badge at {broker:?}");
    }
}

#[test]
fn a_small_window_has_the_panels_without_a_button_in_its_menu() {
    let mut window = TestWindow::with(1, 2, vec2(1_024.0, 640.0), Settings::default()).started(3_000);
    assert!(!window.says("Topic panel") && window.says("Lessons panel"));
    window.harness.get_by_label("More").click();
    window.settle();
    window.harness.get_by_label("Topic panel").click();
    window.settle();
    assert!(window.says("Topics"));
}

#[test]
fn a_still_picture_asks_for_no_frame() {
    let settings = Settings { show_timeline: false, reduce_motion: true, ..Settings::default() };
    let mut window = TestWindow::with(1, 0, vec2(1_024.0, 640.0), settings).started(100);
    window.harness.run();
    let wait = window.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(wait > Duration::from_secs(3_600), "asked for a frame after {wait:?}");
}

/// The app on the real world.
struct Real {
    harness: Harness<'static, TwinlightApp>,
    _world: World,
    _runtime: tokio::runtime::Runtime,
}

impl Real {
    fn start() -> Real {
        let config =
            Config::from_toml(test_support::QUICK, "quick.toml", &|_| None).expect("the timings work");
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
