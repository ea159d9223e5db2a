//! The player in the window: lessons in a simulated world, and a playback made by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod script;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use egui::{Key, Modifiers, accesskit::Role, vec2};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};
use script::Script;
use tokio::sync::{broadcast, mpsc};
use twinlight::{
    app::{
        TwinlightApp,
        clock::Clock,
        player::{JudgedPlayback, PlaybackSource, source::Kind},
        settings::Settings,
        world_client::WorldLink,
    },
    config::Config,
    playback::Playback,
    world::{Command, Event, EventKind, World, WorldOptions},
};

/// A make-believe world on a clock of its own.
struct Scripted {
    script: Script,
    begun: bool,
    now: Duration,
    length: Duration,
    obeys: bool,
}

impl Playback for Scripted {
    fn next_at(&mut self) -> Option<Duration> {
        (self.now < self.length).then_some(self.now + Duration::from_millis(100))
    }

    fn play(&mut self, until: Duration, take: &mut dyn FnMut(Event)) {
        if !self.begun {
            self.begun = true;
            self.script.begin().into_iter().for_each(&mut *take);
        }
        self.now = until.min(self.length).max(self.now);
        let ms = u64::try_from(self.now.as_millis()).unwrap();
        self.script.run_until(ms).into_iter().for_each(take);
    }

    fn now(&self) -> Duration {
        self.now
    }

    fn length(&self) -> Option<Duration> {
        Some(self.length)
    }

    fn obey(&mut self, _: Command) -> Result<(), twinlight::model::Diagnostic> {
        if self.obeys { Ok(()) } else { Err("What was recorded cannot be changed.".into()) }
    }
}

fn recording(length_s: u64) -> PlaybackSource {
    recording_from(0, length_s)
}

/// One that begins in the middle of a run.
fn recording_from(began_s: u64, length_s: u64) -> PlaybackSource {
    let open = move || {
        let playback = Scripted {
            script: Script::new(1, 2),
            begun: false,
            now: Duration::from_secs(began_s),
            length: Duration::from_secs(began_s + length_s),
            obeys: false,
        };
        Ok(JudgedPlayback { playback: Box::new(playback), judge: None })
    };
    let (title, teaches) = ("by hand".to_owned(), String::new());
    PlaybackSource { title, kind: Kind::Recording, teaches, open: Arc::new(open) }
}

/// The app with a live world that says nothing, and maybe something that is played.
struct TestWindow {
    harness: Harness<'static, TwinlightApp>,
    commands: mpsc::Receiver<Command>,
    _events: broadcast::Sender<Event>,
    longest_frame: Duration,
}

impl TestWindow {
    fn new(source: Option<PlaybackSource>) -> TestWindow {
        let (sender, commands) = mpsc::channel(16);
        let (events, receiver) = broadcast::channel(1_024);
        let mut live = Script::new(1, 2);
        for event in live.begin() {
            events.send(event).unwrap();
        }
        let link = WorldLink { commands: sender, events: receiver };
        let harness = Harness::builder().with_size(vec2(1_280.0, 900.0)).build_eframe(|cc| {
            let app = TwinlightApp::new(
                &cc.egui_ctx,
                link,
                Clock::new(Box::new(|| 0)),
                Settings::default(),
                "test".to_owned(),
            );
            match source {
                Some(source) => app.with_source(&cc.egui_ctx, source),
                None => app,
            }
        });
        TestWindow { harness, commands, _events: events, longest_frame: Duration::ZERO }
    }

    fn step(&mut self) {
        let start = Instant::now();
        self.harness.step();
        self.longest_frame = self.longest_frame.max(start.elapsed());
    }

    fn settle(&mut self) {
        for _ in 0..4 {
            self.step();
        }
        self.harness.check_accessibility();
    }

    /// Frames in real time until `done`.
    fn wait(&mut self, what: &str, done: impl Fn(&TestWindow) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < Duration::from_secs(60), "never came: {what}");
            self.step();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for(&mut self, label: &str) {
        self.wait(label, |window| window.says(label));
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

    fn latest_ms(&self) -> u64 {
        self.harness.state().state().latest_ms
    }
}

#[test]
fn a_lesson_is_played_paused_stepped_and_left_for_the_live_lab() {
    let mut window = TestWindow::new(None);
    window.settle();
    window.press(Key::F4);
    let title = twinlight::scenario::lessons()[0].scenario().title;
    window.click(&format!("Play the lesson {title}"));
    window.wait_for("Pause");
    assert!(window.says("Simulation · seed 1"), "nobody may take it for the live lab");
    window.wait("the lights of the lesson", |window| window.says("shows red"));
    window.press(Key::P);
    window.wait_for("Play");
    let paused_at = window.latest_ms();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(10));
        window.step();
    }
    assert_eq!(window.latest_ms(), paused_at, "nothing happens while it is paused");
    let spans = |window: &TestWindow| -> usize {
        let junctions = &window.harness.state().state().junctions;
        junctions.iter().flat_map(|junction| &junction.lights).map(|light| light.spans.len()).sum()
    };
    for _ in 0..2 {
        let before = spans(&window);
        window.press(Key::N);
        window.wait("a change of a lamp", |window| spans(window) > before);
    }
    assert!(window.says("pending") || window.says("as expected so far"), "verdicts are shown while it runs");
    window.click("Back to the live lab");
    assert!(!window.says("Simulation · seed 1"));
    assert!(window.says("Broker at 127.0.0.1:1883 runs"), "the live lab is as it was");
    assert!(window.commands.try_recv().is_err(), "the live lab was asked for nothing");
}

#[test]
fn a_lesson_played_to_its_end_has_a_verdict_on_everything() {
    let mut window = TestWindow::new(None);
    window.settle();
    window.press(Key::F4);
    let scenario = twinlight::scenario::lessons()[0].scenario();
    window.click(&format!("Play the lesson {}", scenario.title));
    window.wait_for("Pause");
    for _ in 0..4 {
        window.press(Key::ArrowUp);
    }
    window.wait_for("Speed, 16×");
    window.wait_for("Play again");
    window.settle();
    for expectation in &scenario.expectations {
        assert!(window.says(&format!("as expected: {expectation}")), "no verdict on {expectation}");
    }
}

#[test]
fn a_recording_is_wound_forth_and_back_and_cannot_be_changed() {
    let mut window = TestWindow::new(Some(recording(120)));
    window.wait_for("Pause");
    window.click("Pause");
    window.wait_for("Play");
    window.click("Step 0.1 s");
    window.wait("a tenth of a second", |window| window.says("of 2:00.0"));
    // One after the other: the player's thread takes them when it can.
    while window.latest_ms() < 8_000 {
        let before = window.latest_ms();
        window.click("Step to the next lamp");
        window.wait("the next lamp", |window| window.latest_ms() > before);
    }
    let far = window.latest_ms();
    window.click("Back 5 s");
    window.wait("five seconds less", |window| {
        let at = window.latest_ms();
        at + 4_800 <= far && at + 5_200 >= far
    });
    for label in ["Silence demo/a", "Stop broker", "Record this run"] {
        assert!(
            window.harness.get_by_label(label).accesskit_node().is_disabled(),
            "{label} would only be refused"
        );
    }
    // A key has no place that tells why it is off.
    window.press(Key::S);
    window.wait_for("What was recorded cannot be changed.");
    window.wait("the notice to leave, though the clock stands", |window| {
        window.harness.query_all_by_role(Role::Alert).next().is_none()
    });
    window.click("Restart");
    window.wait("the start", |window| window.latest_ms() < 1_000);
}

#[test]
fn a_recording_from_the_middle_of_a_run_counts_what_is_played_of_it() {
    let mut window = TestWindow::new(Some(recording_from(690, 10)));
    window.wait_for("Pause");
    window.wait("its end", |window| window.says("0:10.0 of 0:10.0"));
    assert!(!window.says("11:40.0 of"));
    window.harness.get_by_label_contains("Position, ").set_value_accesskit(3.0);
    window.wait("the middle", |window| window.says("0:03.0 of 0:10.0"));
}

#[test]
fn a_lesson_claims_no_port() {
    let mut window = TestWindow::new(None);
    window.settle();
    window.press(Key::F4);
    let title = twinlight::scenario::lessons()[0].scenario().title;
    window.click(&format!("Play the lesson {title}"));
    window.wait_for("The simulated broker runs");
    assert!(window.says("Simulated broker") && !window.says("1883"));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let open = || Err("the file ends in the middle of a message; record it again".to_owned());
    let source = PlaybackSource {
        title: "broken".to_owned(),
        kind: Kind::Recording,
        teaches: String::new(),
        open: Arc::new(open),
    };
    let mut window = TestWindow::new(Some(source));
    window.wait_for("broken cannot be played: the file ends in the middle of a message; record it again");
    window.settle();
    assert!(
        window.says("Light demo/a") && window.says("Broker at 127.0.0.1:1883 runs"),
        "the lab stays in sight"
    );
    assert!(!window.says("The world has stopped"));
    window.press(Key::P);
    assert!(!window.says("The player is busy"), "there is no player");
    window.click("Put the failure away");
    assert!(!window.says("cannot be played"));
}

#[test]
fn a_mistyped_path_of_a_recording_leaves_the_lab_as_it_is() {
    let mut window = TestWindow::new(None);
    window.settle();
    window.press(Key::F4);
    window.harness.get_by_label("Open a recording").focus();
    window.settle();
    window.harness.get_by_label("Open a recording").type_text("recordings/nun-1.jsonl");
    window.settle();
    window.click("Play the recording");
    window.wait_for("nun-1.jsonl cannot be played: ");
    window.settle();
    assert!(!window.says("The world has stopped"), "the lab runs on");
    assert!(window.says("Light demo/a"), "and is shown");
    // What is asked for is asked of the live lab.
    window.click("Silence demo/a");
    assert!(matches!(window.commands.try_recv(), Ok(Command::SetSilence { .. })));
    assert!(window.says("cannot be played"), "until it was read");
    window.click("Put the failure away");
    assert!(!window.says("cannot be played"));
}

#[test]
fn a_long_recording_is_wound_without_blocking_a_frame() {
    let mut window = TestWindow::new(Some(recording(3_600)));
    window.wait_for("Pause");
    window.press(Key::P);
    window.wait_for("Play");
    // An hour in one go, by the reading of its own clock.
    window.harness.get_by_label_contains("Position, ").set_value_accesskit(3_500.0);
    window.wait("nearly an hour", |window| window.latest_ms() >= 3_499_000);
    // A frame of a loaded machine may be long; one that waits for the hour would be far longer.
    assert!(window.longest_frame < Duration::from_secs(2), "{:?}", window.longest_frame);
    window.harness.key_press_modifiers(Modifiers::NONE, Key::Home);
    window.wait("the start", |window| window.latest_ms() < 1_000);
}

#[test]
fn a_recorded_run_is_played_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.jsonl");
    let text = "[broker]\nkind = \"embedded\"\nport = 0\n[links]\nwifi_join_ms = 50\n[[junction]]\nname = \"kept\"\n";
    let config = Config::from_toml(text, "test.toml", &|_| None).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options =
            WorldOptions { record_to: Some(file.clone()), detailed: true, ..WorldOptions::default() };
        let (world, mut events) = World::start(config, options).await.unwrap();
        // Until both have shown something.
        let mut shown = std::collections::BTreeSet::new();
        while shown.len() < 2 {
            if let EventKind::AspectChanged { light, .. } = events.recv().await.unwrap().kind {
                shown.insert(light);
            }
        }
        world.stop().await;
    });

    let mut window = TestWindow::new(None);
    window.settle();
    window.press(Key::F4);
    window.harness.get_by_label("Open a recording").focus();
    window.settle();
    window.harness.get_by_label("Open a recording").type_text(file.to_str().unwrap());
    window.settle();
    window.click("Play the recording");
    window.wait_for("Play again");
    assert!(window.says("Light kept/a") && window.says("Light kept/b"));
    assert!(window.says("run.jsonl") && window.says("Recording"));
    window.click("Back to the live lab");
    assert!(window.says("Light demo/a") && !window.says("Light kept/a"));
}
