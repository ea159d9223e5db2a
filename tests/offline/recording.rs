//! Recordings: written, read back, damaged, and judged again.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use tokio::sync::broadcast;
use traffic_light::{Aspect, Foreign, Held, Instant, Name, Rule, View, Waiting, foreign::Words};
use twinlight::{
    config::Config,
    fault::{Directions, FaultKind},
    model::Diagnostic,
    model::{LightId, LightKind},
    playback::Playback,
    recording::{Recording, judge},
    world::{
        Command, Event, EventKind, World, WorldOptions,
        event::{About, Certainty, Counters, Ignorer, Layer, Severity, TopicKind},
        recorder::{Header, Limits, RecordError, Recorder, RecorderEvent, Written},
    },
};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn id(text: &str) -> LightId {
    LightId::try_from(text.to_owned()).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Each kind of event at least once. A new kind has to be added here: the match below says so.
fn kinds() -> Vec<EventKind> {
    let (a, b) = (id("demo/a"), id("demo/b"));
    let light = || a.clone();
    let until = Instant::from_ms(9_000);
    let held = Held { light: name("b"), until };
    let reasons = [
        Waiting::Lost(name("b")),
        Waiting::NamedLost(name("b")),
        Waiting::Started { until },
        Waiting::NoDemand,
        Waiting::OtherGoes(name("b")),
        Waiting::Promised(held.clone()),
        Waiting::Clearance { until },
        Waiting::NoLease(name("b")),
        Waiting::Yields { until },
    ];
    let views = [None].into_iter().chain(reasons.into_iter().map(Some)).map(|waiting| {
        let view = View {
            aspect: Aspect::RedAmber,
            since: Instant::from_ms(5),
            green_until: waiting.is_none().then_some(until),
            turn: waiting.is_none().then_some(7),
            waiting,
            promises: [held.clone()].into_iter().collect(),
            leases: heapless::Vec::new(),
            lost: [name("b")].into_iter().collect(),
            boot: u32::MAX,
            seq: 1,
        };
        EventKind::LightReported {
            light: light(),
            view: Arc::new(view),
            counters: Counters { sent: 5, ..Counters::default() },
        }
    });
    let faults = FaultKind::examples().filter_map(|kind| kind.at(Some(light()), Directions::ToBroker));
    let faults = faults.map(|fault| EventKind::FaultChanged { fault, on: true });
    let about = About { kind: "board".to_owned(), wifi_rssi: Some(-61), ..About::default() };
    let (lights, since) = (vec![a.clone(), b.clone()], MS(1));
    let mut all = vec![
        EventKind::LightAdded { light: light(), kind: LightKind::Board, rule: Rule::React, keyed: true },
        EventKind::LightRemoved { light: light() },
        EventKind::ForeignMapped {
            light: light(),
            foreign: Box::new(Foreign::new("cars/x", "cars/y", Words::default()).unwrap()),
        },
        EventKind::BrokerStarted {
            address: "127.0.0.1:1883".to_owned(),
            embedded: true,
            open: false,
            note: Some("a \"note\"\nin two lines".to_owned()),
        },
        EventKind::BrokerStopped { reason: "Ende, öffentlich".to_owned() },
        EventKind::AspectChanged { light: light(), aspect: Aspect::FlashingAmber },
        EventKind::PresenceChanged { light: light(), online: true, about: Some(about) },
        EventKind::PresenceChanged { light: light(), online: false, about: None },
        EventKind::LinkChanged { light: light(), layer: Layer::Mqtt, up: false, reason: "reset".to_owned() },
        EventKind::MessagePassed {
            light: light(),
            topic: TopicKind::State,
            payload: r#"{"v":1,"aspect":"red"}"#.into(),
            retained: true,
        },
        EventKind::TopicHeard {
            topic: "twinlight/other/thing".into(),
            payload: "\u{fffd}".into(),
            bytes: 3_000,
            retained: false,
            qos: 1,
        },
        EventKind::PacketSeen {
            light: light(),
            connection: 3,
            text: "sent PUBLISH cars \"RED\", QoS 0".into(),
            untold: 7,
        },
        EventKind::MessageIgnored {
            light: None,
            by: Ignorer::Observer,
            reason: "not signed".to_owned(),
            more: 1_742,
        },
        EventKind::MessageIgnored {
            light: Some(light()),
            by: Ignorer::Light(b.clone()),
            reason: String::new(),
            more: 0,
        },
        EventKind::ConflictBegan {
            lights: lights.clone(),
            certainty: Certainty::Possible,
            since,
            cause: None,
        },
        EventKind::ConflictEnded {
            lights: lights.clone(),
            certainty: Certainty::Sure,
            lasted: MS(450),
            at_most: MS(500),
        },
        EventKind::ChaosChanged { seed: Some(7) },
        EventKind::ChaosChanged { seed: None },
        EventKind::GlitchSeen { lights, since, lasted: MS(3), at_most: MS(4) },
        EventKind::Reacted { from: light(), to: b, took: Duration::from_nanos(313_007) },
        EventKind::TwinChanged { light: light(), aspect: None },
        EventKind::TwinDiffers { light: light(), board: Aspect::Red, twin: Aspect::Green },
        EventKind::TwinAgrees { light: light(), lasted: MS(70) },
        EventKind::Noticed { severity: Severity::Warning, light: None, text: "careful".to_owned() },
    ];
    all.extend(views);
    all.extend(faults);
    all.push(EventKind::Stopped);
    for kind in &all {
        match kind {
            EventKind::LightAdded { .. }
            | EventKind::ForeignMapped { .. }
            | EventKind::LightRemoved { .. }
            | EventKind::BrokerStarted { .. }
            | EventKind::BrokerStopped { .. }
            | EventKind::AspectChanged { .. }
            | EventKind::LightReported { .. }
            | EventKind::PresenceChanged { .. }
            | EventKind::LinkChanged { .. }
            | EventKind::FaultChanged { .. }
            | EventKind::ChaosChanged { .. }
            | EventKind::MessagePassed { .. }
            | EventKind::TopicHeard { .. }
            | EventKind::PacketSeen { .. }
            | EventKind::MessageIgnored { .. }
            | EventKind::ConflictBegan { .. }
            | EventKind::ConflictEnded { .. }
            | EventKind::GlitchSeen { .. }
            | EventKind::Reacted { .. }
            | EventKind::TwinChanged { .. }
            | EventKind::TwinDiffers { .. }
            | EventKind::TwinAgrees { .. }
            | EventKind::Noticed { .. }
            | EventKind::Stopped => {}
            EventKind::RecordingChanged { .. } => panic!("where a recording lies is not recorded"),
            EventKind::Surveyed(_) => panic!("what others say is not recorded"),
        }
    }
    all
}

struct Recordings {
    folder: TempDir,
}

impl Recordings {
    fn new() -> Recordings {
        Recordings { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("run.jsonl")
    }

    fn record(&self, events: impl IntoIterator<Item = (u64, EventKind)>) -> (Written, Vec<RecorderEvent>) {
        let (sender, receiver) = broadcast::channel(4_096);
        for (at, kind) in events {
            sender.send(Event { at: MS(at), kind }).unwrap();
        }
        self.write(receiver)
    }

    fn record_within(
        &self,
        limits: Limits,
        events: impl IntoIterator<Item = (u64, EventKind)>,
    ) -> (Written, Vec<RecorderEvent>) {
        let (sender, receiver) = broadcast::channel(8_192);
        for (at, kind) in events {
            sender.send(Event { at: MS(at), kind }).unwrap();
        }
        self.write_within(limits, receiver)
    }

    fn write(&self, receiver: broadcast::Receiver<Event>) -> (Written, Vec<RecorderEvent>) {
        self.write_within(Limits::default(), receiver)
    }

    fn write_within(
        &self,
        limits: Limits,
        receiver: broadcast::Receiver<Event>,
    ) -> (Written, Vec<RecorderEvent>) {
        let header = Header::of(&Config::default(), SystemTime::now());
        let news = Arc::new(Mutex::new(Vec::new()));
        let told = news.clone();
        let recorder = Recorder::start(&self.file(), &header, receiver, limits, move |news| {
            told.lock().unwrap().push(news);
        });
        let written = recorder.unwrap().finish();
        let news = news.lock().unwrap().clone();
        (written, news)
    }

    fn open(&self) -> Recording {
        Recording::open(&self.file()).unwrap()
    }

    /// What a changed copy of the recording is said to be.
    fn damaged(&self, change: impl Fn(&mut Vec<String>)) -> String {
        let text = fs::read_to_string(self.file()).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        let copy = self.folder.path().join("damaged.jsonl");
        fs::write(&copy, lines.join("\n") + "\n").unwrap();
        let error = Recording::open(&copy).unwrap_err();
        assert!(error.help().is_some(), "{error}");
        Diagnostic::from(error).one_line().replace(&copy.display().to_string(), "FILE")
    }
}

/// A recording with each kind of event, as its bytes.
pub(super) fn one_of_everything() -> Vec<u8> {
    let recordings = Recordings::new();
    recordings.record(kinds().into_iter().enumerate().map(|(at, kind)| (at as u64, kind)));
    fs::read(recordings.file()).unwrap()
}

#[test]
fn a_recording_ends_at_its_size_with_a_word_and_can_be_played() {
    let recordings = Recordings::new();
    let light = id("demo/a");
    let shows = |at: u64| (at, EventKind::AspectChanged { light: light.clone(), aspect: Aspect::Red });
    let limits = Limits { bytes: 20_000, ..Limits::default() };
    let (written, news) = recordings.record_within(limits, (0..4_000).map(shows));
    let [RecorderEvent::Failed(reason)] = &news[..] else { panic!("{news:?}") };
    assert!(reason.help.as_deref().unwrap().contains("--record-mb"), "{reason:?}");
    let size = fs::metadata(recordings.file()).unwrap().len();
    assert!((20_000..21_000).contains(&size), "{size}");
    assert_eq!(recordings.open().events().len() as u64, written.events);
}

#[test]
fn what_comes_too_fast_is_left_out_but_for_what_is_judged() {
    let recordings = Recordings::new();
    let light = id("demo/a");
    let heard = |at: u64| {
        let (topic, payload) = ("lab/x".into(), "junk".into());
        (at, EventKind::TopicHeard { topic, payload, bytes: 4, retained: false, qos: 0 })
    };
    let limits = Limits { bytes_per_s: 10_000, ..Limits::default() };
    let mut events: Vec<_> = (0..1_000).map(heard).collect();
    events.push((999, EventKind::AspectChanged { light, aspect: Aspect::Green }));
    events.push(heard(1_500));
    let (written, news) = recordings.record_within(limits, events);
    assert_eq!(news, [RecorderEvent::LeftOut]);
    assert!((800..950).contains(&written.lost), "{written:?}");
    assert_eq!(written.events + written.lost, 1_002);
    let recording = recordings.open();
    assert_eq!(recording.lost(), written.lost);
    let last: Vec<_> = recording.events().iter().rev().take(2).map(|event| event.at).collect();
    assert_eq!(last, [MS(1_500), MS(999)], "the lamps and the next second are there");
}

fn debug(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| format!("{event:?}")).collect()
}

#[test]
fn every_kind_of_event_is_read_back_as_it_was() {
    let recordings = Recordings::new();
    let kinds = kinds();
    let count = kinds.len() as u64;
    let expected: Vec<_> =
        kinds.iter().zip(0..).map(|(kind, at)| Event { at: MS(at), kind: kind.clone() }).collect();
    let (written, news) = recordings.record(kinds.into_iter().zip(0..).map(|(kind, at)| (at, kind)));
    assert_eq!((written, news), (Written { events: count, lost: 0 }, Vec::new()));
    let recording = recordings.open();
    assert_eq!(debug(recording.events()), debug(&expected));
    assert!(recording.warnings().is_empty());
}

#[cfg(unix)]
#[test]
fn a_recording_is_its_makers_own_and_writes_over_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let recordings = Recordings::new();
    recordings.record([(0, EventKind::Stopped)]);
    assert_eq!(fs::metadata(recordings.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let (_sender, receiver) = broadcast::channel(1);
    let header = Header::of(&Config::default(), SystemTime::now());
    let again =
        Recorder::start(&recordings.file(), &header, receiver.resubscribe(), Limits::default(), |_| {});
    assert!(matches!(again, Err(RecordError::Exists(_))));
    let nowhere = recordings.folder.path().join("none/run.jsonl");
    let error = Recorder::start(&nowhere, &header, receiver, Limits::default(), |_| {}).unwrap_err();
    assert!(error.help().contains("choose a folder that exists"), "{error}");
}

#[test]
fn what_a_slow_disk_loses_is_counted_and_told() {
    let recordings = Recordings::new();
    let (sender, receiver) = broadcast::channel(16);
    for at in 0..100 {
        let kind = EventKind::AspectChanged { light: id("demo/a"), aspect: Aspect::Red };
        sender.send(Event { at: MS(at), kind }).unwrap();
    }
    let (written, news) = recordings.write(receiver);
    assert_eq!(written, Written { events: 16, lost: 84 });
    assert_eq!(news, [RecorderEvent::Lost(84)]);
    let recording = recordings.open();
    assert_eq!((recording.lost(), recording.events().len()), (84, 16));
    assert!(recording.warnings()[0].starts_with("line 2: 84 events are missing here"));
}

#[test]
fn any_damage_is_told_with_its_line_and_what_to_do() {
    let recordings = Recordings::new();
    recordings.record(kinds().into_iter().zip(0..).map(|(kind, at)| (at * 100, kind)));
    let text = recordings.damaged(|lines| lines[4].truncate(20));
    assert!(
        text.starts_with("FILE, line 5: it is damaged (") && text.contains("take another copy"),
        "{text}"
    );
    let text = recordings.damaged(|lines| lines[6] = lines[6].replace("demo/a", "Demo/a"));
    assert!(text.starts_with("FILE, line 7: it is damaged ("), "{text}");
    let text = recordings.damaged(|lines| lines.swap(2, 30));
    assert!(text.contains("its time is earlier"), "{text}");
    let text = recordings.damaged(|lines| drop(lines.remove(0)));
    assert!(text.starts_with("FILE, line 1: this is no recording of Twinlight"), "{text}");
    let text = recordings.damaged(|lines| lines[0] = lines[0].replace("\"v\":1", "\"v\":2"));
    assert!(
        text.contains("a newer Twinlight") && text.contains("(help: open it with that version"),
        "{text}"
    );
    let text = recordings.damaged(|lines| lines[9] = "x".repeat(100_000));
    assert!(text.starts_with("FILE, line 10: it is far too long"), "{text}");
}

#[test]
fn a_file_that_is_none_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| Recording::open(path).unwrap_err().to_string();
    assert!(open(&folder.path().join("none")).contains("there is no such file"));
    assert!(open(folder.path()).contains("it is a folder"));
    let file = folder.path().join("file");
    for (bytes, says) in [
        (&b""[..], "it is empty"),
        (b"seed = 1\n", "line 1: this is no recording"),
        (b"\xff\xfe\n", "line 1: it is damaged: it is not UTF-8"),
        (
            b"{\"recording\":\"other\",\"v\":1,\"program\":\"\",\"started_unix_ns\":0,\"junctions\":[]}\n",
            "not of Twinlight",
        ),
    ] {
        fs::write(&file, bytes).unwrap();
        assert!(open(&file).contains(says), "{}", open(&file));
    }
}

#[test]
fn a_last_line_that_is_cut_off_is_only_warned_of_wherever_it_is_cut() {
    let recordings = Recordings::new();
    let kinds: Vec<_> = kinds().into_iter().take(4).collect();
    recordings.record(kinds.into_iter().zip(0..).map(|(kind, at)| (at, kind)));
    let bytes = fs::read(recordings.file()).unwrap();
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in last..bytes.len() - 1 {
        fs::write(recordings.file(), &bytes[..end]).unwrap();
        let recording = recordings.open();
        assert_eq!(recording.events().len(), 3, "cut at {end}");
        assert_eq!(recording.warnings().is_empty(), end == last, "cut at {end}");
    }
    // Only the end of the line is missing: nothing is lost.
    fs::write(recordings.file(), &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!((recordings.open().events().len(), recordings.open().warnings().len()), (4, 0));
}

#[test]
fn a_recording_is_played_at_any_pace_and_obeys_nobody() {
    let recordings = Recordings::new();
    let aspect = |aspect| EventKind::AspectChanged { light: id("demo/a"), aspect };
    recordings.record([
        (500, aspect(Aspect::Red)),
        (900, aspect(Aspect::Green)),
        (900, aspect(Aspect::Amber)),
    ]);
    let mut recording = recordings.open();
    assert_eq!((recording.now(), recording.length()), (MS(500), Some(MS(900))));
    let mut played = Vec::new();
    for round in 0..2 {
        assert_eq!(recording.next_at(), Some(MS(500)));
        recording.play(MS(899), &mut |event| played.push(event));
        recording.play(MS(100), &mut |event| played.push(event));
        assert_eq!((recording.now(), played.len()), (MS(899), 3 * round + 1));
        recording.play(MS(900), &mut |event| played.push(event));
        assert_eq!((recording.next_at(), played.len()), (None, 3 * round + 3));
        recording.rewind();
    }
    let refused = recording.obey(Command::StopBroker).unwrap_err();
    assert!(refused.message.contains("cannot be changed") && refused.help.is_some(), "{refused}");
}

#[test]
fn verdicts_are_made_anew_from_lamps_and_messages_and_compared_with_those_of_then() {
    let (a, b) = (id("demo/a"), id("demo/b"));
    let added = |light: &LightId, kind| EventKind::LightAdded {
        light: light.clone(),
        kind,
        rule: Rule::Lease,
        keyed: false,
    };
    let said = |aspect: &str, seq: u64, at: u64| EventKind::MessagePassed {
        light: b.clone(),
        topic: TopicKind::State,
        payload: format!(r#"{{"v":1,"aspect":"{aspect}","boot":1,"seq":{seq},"at":{at}}}"#).into(),
        retained: false,
    };
    let shows = |light: &LightId, aspect| EventKind::AspectChanged { light: light.clone(), aspect };
    let ignored = EventKind::MessageIgnored {
        light: Some(b.clone()),
        by: Ignorer::Observer,
        reason: "it is not signed".to_owned(),
        more: 0,
    };
    let events = vec![
        (0, added(&a, LightKind::Virtual)),
        (0, added(&b, LightKind::Board)),
        (1_000, shows(&a, Aspect::Green)),
        (1_000, said("red", 1, 100)),
        // Not signed, so the observer ignored it: it must not count here either.
        (1_500, said("green", 2, 600)),
        (1_500, ignored),
        (2_000, said("green", 3, 1_100)),
        (2_500, said("green", 4, 1_600)),
        (3_000, said("green", 5, 2_100)),
        (3_500, said("red", 6, 2_600)),
        (4_000, shows(&a, Aspect::Red)),
        (9_000, EventKind::Stopped),
    ];
    let recordings = Recordings::new();
    recordings.record(events);
    let judged = judge(&recordings.open());
    let began: Vec<_> = judged
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::ConflictBegan { certainty, since, .. } => Some((*certainty, since.as_millis())),
            _ => None,
        })
        .collect();
    // Seq 2 is missing, so that the possible go begins with the word before it.
    assert_eq!(began, [(Certainty::Possible, 1_000), (Certainty::Sure, 2_000)]);
    assert_eq!((judged.only_now.len(), judged.only_then.len()), (2, 0));

    // RecordedJunction with its verdicts, it is judged as it was, and a false one is found out.
    let mut then = judged.events.clone();
    let lights = vec![a, b];
    let false_one =
        EventKind::ConflictBegan { lights, certainty: Certainty::Sure, since: MS(7_000), cause: None };
    then.insert(then.len() - 1, Event { at: MS(8_000), kind: false_one });
    let recordings = Recordings::new();
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap();
    recordings.record(then.into_iter().map(|event| (ms(event.at), event.kind)));
    let again = judge(&recordings.open());
    assert!(again.only_now.is_empty(), "{:?}", again.only_now);
    assert_eq!(again.only_then.len(), 1);
    assert_eq!(again.only_then[0].since, MS(7_000));
}

#[test]
fn the_header_has_what_a_judge_needs_and_no_key() {
    let key = "0123456789abcdef0123456789abcdef";
    let text = format!(
        "[broker]\nkind = \"external\"\nhost = \"localhost\"\nuser = \"lab-user\"\npassword = \"s3cret\"\n\
         [[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\nkey = \"{key}\"\n"
    );
    let config = Config::from_toml(&text, "lab.toml", &|_| None).unwrap();
    let header = Header::of(&config, SystemTime::now());
    let text = serde_json::to_string(&header).unwrap();
    for secret in [key, "lab-user", "s3cret"] {
        assert!(!text.contains(secret), "{text}");
    }
    let junction = &header.junctions[0];
    assert!(junction.keyed);
    assert_eq!((junction.lights.len(), junction.timing.rtt_ms), (2, 200));
}

/// A pair that goes within a few seconds.
const QUICK: &str = "[broker]\nkind = \"embedded\"\nport = 0\n[links]\nwifi_join_ms = 50\n[[junction]]\n\
                     name = \"demo\"\nlights = [\"a\", \"b\"]\n";

#[test]
fn a_recording_begun_in_the_middle_of_a_run_begins_with_what_was_true_then() {
    let recordings = Recordings::new();
    let config = Config::from_toml(QUICK, "quick.toml", &|_| None).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let state_folder = Some(recordings.folder.path().to_owned());
        let options = WorldOptions { detailed: true, state_folder, ..WorldOptions::default() };
        let (world, mut events) = World::start(config, options).await.unwrap();
        let mut until = async |wanted: &dyn Fn(&EventKind) -> bool| {
            let found = async {
                loop {
                    let kind = events.recv().await.unwrap().kind;
                    if wanted(&kind) {
                        return kind;
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(60), found).await.unwrap()
        };
        until(&|kind| matches!(kind, EventKind::AspectChanged { aspect: Aspect::Green, .. })).await;
        world.commands().send(Command::StartRecording { file: None }).await.unwrap();
        let begun = until(&|kind| matches!(kind, EventKind::RecordingChanged { file: Some(_) })).await;
        let EventKind::RecordingChanged { file: Some(file) } = begun else { unreachable!() };
        assert!(Path::new(&file).starts_with(recordings.folder.path().join("recordings")), "{file}");
        // A second one beside it is refused.
        world.commands().send(Command::StartRecording { file: None }).await.unwrap();
        let is_refusal = |kind: &EventKind| {
            matches!(kind, EventKind::Noticed { text, .. } if text.contains("is recorded already"))
        };
        until(&is_refusal).await;
        until(&|kind| matches!(kind, EventKind::AspectChanged { aspect: Aspect::Amber, .. })).await;
        world.commands().send(Command::StopRecording).await.unwrap();
        until(&|kind| matches!(kind, EventKind::RecordingChanged { file: None })).await;
        world.stop().await;

        let recording = Recording::open(Path::new(&file)).unwrap();
        assert!(recording.warnings().is_empty() && recording.began() > Duration::ZERO);
        let first = |wanted: &dyn Fn(&EventKind) -> bool| {
            recording.events().iter().position(|event| wanted(&event.kind)).expect("it was told")
        };
        let added = first(&|kind| matches!(kind, EventKind::LightAdded { .. }));
        let green = first(&|kind| matches!(kind, EventKind::AspectChanged { aspect: Aspect::Green, .. }));
        let amber = first(&|kind| matches!(kind, EventKind::AspectChanged { aspect: Aspect::Amber, .. }));
        assert!(added < green && green < amber, "{added} {green} {amber}");
        first(&|kind| matches!(kind, EventKind::LightReported { .. }));
        assert!(!matches!(recording.events().last().unwrap().kind, EventKind::Stopped));
        let judged = judge(&recording);
        assert!(judged.only_now.is_empty() && judged.only_then.is_empty());
    });
}
