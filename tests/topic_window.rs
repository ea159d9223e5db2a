//! The topic panel, driven by the names that a screen reader says: on events made by hand, and on the
//! real world with its broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use egui::{Key, vec2};
use egui_kittest::{Harness, kittest::Queryable};
use tokio::{
    runtime::Runtime,
    sync::{broadcast, mpsc},
};
use twinlight::{
    app::{TwinlightApp, clock::Clock, repaint::waker, settings::Settings, world_client::WorldLink},
    config::Config,
    world::{ByHand, Command, Event, EventKind, World, WorldOptions},
};

const STATE: &str = "twinlight/demo/a/state";

/// The app on events that the test makes.
struct TestWindow {
    harness: Harness<'static, TwinlightApp>,
    events: broadcast::Sender<Event>,
    commands: mpsc::Receiver<Command>,
}

impl TestWindow {
    fn new(embedded: bool) -> TestWindow {
        let (sender, commands) = mpsc::channel(4);
        let (events, receiver) = broadcast::channel(4_096);
        let link = WorldLink { commands: sender, events: receiver };
        let clock = Clock::new(Box::new(|| 9_000));
        let harness = Harness::builder().with_size(vec2(1_280.0, 900.0)).build_eframe(|cc| {
            TwinlightApp::new(&cc.egui_ctx, link, clock, Settings::default(), "test".to_owned())
        });
        let mut window = TestWindow { harness, events, commands };
        let address = "127.0.0.1:1883".to_owned();
        window.tell(1, EventKind::BrokerStarted { address, embedded, open: false, note: None });
        window.press(Key::F5);
        window
    }

    fn tell(&mut self, at_ms: u64, kind: EventKind) {
        self.events.send(Event { at: Duration::from_millis(at_ms), kind }).unwrap();
        self.settle();
    }

    fn hear(&mut self, at_ms: u64, topic: &str, payload: &str, retained: bool) {
        let (topic, bytes) = (topic.into(), payload.len());
        self.tell(at_ms, EventKind::TopicHeard { topic, payload: payload.into(), bytes, retained, qos: 1 });
    }

    fn settle(&mut self) {
        for _ in 0..3 {
            self.harness.step();
        }
        self.harness.check_accessibility();
    }

    fn press(&mut self, key: Key) {
        self.harness.key_press(key);
        self.settle();
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.settle();
    }

    fn write(&mut self, field: &str, text: &str) {
        write(&mut self.harness, field, text);
        self.settle();
    }

    fn says(&self, label: &str) -> bool {
        says(&self.harness, label)
    }
}

fn says(harness: &Harness<'static, TwinlightApp>, label: &str) -> bool {
    harness.query_all_by_label_contains(label).next().is_some()
}

fn write(harness: &mut Harness<'static, TwinlightApp>, field: &str, text: &str) {
    harness.get_by_label(field).focus();
    harness.step();
    harness.get_by_label(field).type_text(text);
    harness.step();
}

#[test]
fn a_topic_shows_its_last_value_and_in_words_what_changed() {
    let mut window = TestWindow::new(true);
    assert!(window.says("Nothing has been heard"));
    window.hear(2_000, STATE, r#"{"v":1,"aspect":"red","seq":41,"lost":["b"]}"#, false);
    window.hear(3_000, STATE, r#"{"v":1,"aspect":"green","seq":42,"need":{"turn":7}}"#, false);
    assert!(window.says(&format!("Topic {STATE}")) && window.says("Topics below twinlight/demo"));
    window.click(&format!("Topic {STATE}"));
    for told in ["changed, was red", "changed, was 41", "gone, was [\"b\"]", "need.turn", "new", "received"] {
        assert!(window.says(told), "it does not say {told:?}");
    }
    assert!(window.says("Not retained, as far as known"));

    window.hear(4_000, STATE, r#"{"v":1,"aspect":"amber","seq":43,"need":{"turn":7}}"#, false);
    assert!(window.says("changed, was green"), "the newest value is followed");
    window.click("Value at 0:03.0");
    assert!(window.says("changed, was red"), "an earlier value is held against the one before it");
    window.hear(5_000, STATE, r#"{"v":1,"aspect":"red","seq":44}"#, false);
    assert!(window.says("changed, was red"), "what was chosen stays");
    window.click("Follow the newest value");
    assert!(window.says("changed, was amber"));
}

#[test]
fn what_the_broker_keeps_is_marked_and_can_be_asked_for() {
    let mut window = TestWindow::new(true);
    window.hear(2_000, STATE, "red", false);
    window.click(&format!("Topic {STATE}"));
    window.click("Ask the broker for its retained messages");
    assert_eq!(window.commands.try_recv().unwrap(), Command::RequestRetained);
    window.hear(3_000, STATE, "red", true);
    assert!(window.says("Retained, as delivered 0:03.0"));
    window.hear(4_000, STATE, "", false);
    assert!(window.says("Not retained, as far as known") && window.says("changed, was red"));
}

#[test]
fn the_tree_is_filtered_and_its_levels_close() {
    let mut window = TestWindow::new(true);
    for topic in [STATE, "twinlight/demo/b/state", "twinlight/demo/b/status"] {
        window.hear(2_000, topic, "red", false);
    }
    window.click("Topics below twinlight/demo/b");
    assert!(window.says("2 topics") && !window.says("Topic twinlight/demo/b/state"));
    window.write("Filter of the topics", "STATUS");
    assert!(window.says("Topic twinlight/demo/b/status") && !window.says(&format!("Topic {STATE}")));
    window.press(Key::Escape);
    assert!(window.says(&format!("Topic {STATE}")));
}

#[test]
fn a_message_by_hand_goes_out_as_it_was_filled_in() {
    let mut window = TestWindow::new(true);
    window.write("Topic to publish on", "twinlight/demo/a/+");
    assert!(window.says("write one whole topic"), "what cannot be published is refused with what to do");
    window.click("Publish the message");
    assert!(window.commands.try_recv().is_err());

    window.hear(2_000, STATE, "red", false);
    window.click(&format!("Topic {STATE}"));
    window.click("Copy this message to the form below");
    window.write("Payload to publish", &"d".repeat(600));
    assert!(window.says("a light ignores more than 512"), "it may be tried all the same");
    window.click("Retain");
    window.click("QoS 2");
    window.click("Publish the message");
    let Command::Publish(ByHand { topic, payload, retain, qos }) = window.commands.try_recv().unwrap() else {
        panic!("another command");
    };
    assert_eq!((topic.as_str(), payload.len(), retain, qos), (STATE, 603, true, 2));
}

#[test]
fn on_a_broker_that_others_use_nothing_is_published_before_it_is_allowed() {
    let mut window = TestWindow::new(false);
    assert!(window.says("Others may use it too") && !window.says("Publish the message"));
    window.click("I may publish on this broker");
    assert!(window.says("Publish the message"));
}

#[test]
fn the_panels_on_the_left_give_way_to_each_other_by_key() {
    let mut window = TestWindow::new(true);
    window.press(Key::F3);
    assert!(window.says("Close the fault panel") && !window.says("Close the topic panel"));
    window.press(Key::F5);
    assert!(window.says("Close the topic panel") && !window.says("Close the fault panel"));
    window.click("Close the topic panel");
    assert!(!window.says("Close the topic panel"));
}

#[test]
fn what_is_published_by_hand_is_seen_in_the_tree_and_kept_when_asked() {
    let text = "[broker]\nkind = \"embedded\"\nport = 0\n[links]\nwifi_join_ms = 100\n[[junction]]\nname = \"demo\"\n";
    let config = Config::from_toml(text, "test.toml", &|_| None).unwrap();
    let runtime = Runtime::new().unwrap();
    let mut started = None;
    let mut harness = Harness::builder().with_size(vec2(1_280.0, 900.0)).build_eframe(|cc| {
        let wake: twinlight::world::Waker = std::sync::Arc::new(waker(&cc.egui_ctx));
        let options = WorldOptions { detailed: true, wake: Some(wake), ..WorldOptions::default() };
        let (world, events) = runtime.block_on(World::start(config, options)).unwrap();
        let link = WorldLink { commands: world.commands(), events };
        started = Some(world);
        TwinlightApp::new(&cc.egui_ctx, link, Clock::monotonic(), Settings::default(), String::new())
    });
    let wait_for = |harness: &mut Harness<'static, TwinlightApp>, label: &str| {
        let start = Instant::now();
        while !says(harness, label) {
            assert!(start.elapsed() < Duration::from_secs(30), "{label} did not come");
            harness.step();
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    harness.key_press(Key::F5);
    wait_for(&mut harness, &format!("Topic {STATE}"));

    // Of no light and no contract: the panel shows whatever is said below the root.
    write(&mut harness, "Topic to publish on", "twinlight/notes/by-hand");
    write(&mut harness, "Payload to publish", "hello lights");
    harness.get_by_label("Retain").click();
    harness.step();
    harness.get_by_label("Publish the message").click();
    wait_for(&mut harness, "Topic twinlight/notes/by-hand");
    harness.get_by_label("Topic twinlight/notes/by-hand").click();
    wait_for(&mut harness, "received 0:");
    assert!(says(&harness, "Not retained, as far as known"), "it came live");
    harness.get_by_label("Ask the broker for its retained messages").click();
    wait_for(&mut harness, "Retained, as delivered");
    let topic = harness.state().state().topics.get("twinlight/notes/by-hand").unwrap();
    assert_eq!((topic.messages, &*topic.last().unwrap().payload), (1, "hello lights"));
    runtime.block_on(started.unwrap().stop());
}
