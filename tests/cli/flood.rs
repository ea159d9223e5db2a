//! Somebody without a key floods a junction's topics with junk: neither disk nor screen fills with it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use test_support::Workspace;

const PAIR: &str =
    "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\nkey = \"0123456789abcdef\"\n";
const FLOOD: Duration = Duration::from_secs(6);
/// What a second of flood may cost the disk, however fast it is: it was 1.9 MB and 6.2 MB at 22,000 messages a second.
const MOST_LINE_BYTES: u64 = 50_000;
const MOST_RECORD_BYTES: u64 = 1_500_000;

fn publish(topic: &str, payload: &str) -> Vec<u8> {
    let left = u8::try_from(2 + topic.len() + payload.len()).unwrap();
    assert!(left < 128);
    let mut packet = vec![0x30, left, 0, u8::try_from(topic.len()).unwrap()];
    packet.extend(topic.as_bytes());
    packet.extend(payload.as_bytes());
    packet
}

/// Junk of every kind, as fast as the broker takes it; returns how many messages it took.
fn flood(address: &str) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04junk").unwrap();
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < FLOOD {
        let mut burst = Vec::new();
        for n in 0..250 {
            let name = sent + n;
            burst.extend(publish("twinlight/demo/a/state", "junk"));
            burst.extend(publish("twinlight/demo/b/status", r#"{"v":1,"online":false}"#));
            burst.extend(publish(&format!("twinlight/demo/x{name}/state"), r#"{"v":1,"aspect":"green"}"#));
            burst.extend(publish(&format!("twinlight/else/{name}"), "junk"));
        }
        stream.write_all(&burst).unwrap();
        sent += 1_000;
    }
    sent
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len()
}

#[test]
fn a_flood_of_junk_is_summed_up_and_fills_no_disk() {
    let lab = Workspace::new();
    let config = lab.config(PAIR);
    let (said, record) = (lab.folder.path().join("said.jsonl"), lab.folder.path().join("run.jsonl"));
    let mut run = lab
        .command(&["run", "--json", "--seconds", "14", "--config"])
        .arg(&config)
        .arg("--record")
        .arg(&record)
        .stdout(fs::File::create(&said).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = || -> Vec<Value> {
        let text = fs::read_to_string(&said).unwrap();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let until = Instant::now() + Duration::from_secs(20);
    let address = loop {
        let broker = lines().into_iter().find(|line| line["kind"] == "broker");
        if let Some(broker) = broker {
            break broker["address"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < until, "the broker did not start");
        thread::sleep(Duration::from_millis(50));
    };
    let before = (size(&said), size(&record));
    let sent = flood(&address);
    let status = run.wait().unwrap();
    let seconds = FLOOD.as_secs();
    // What the run itself says in its 14 s is in these figures, too.
    let (line_bytes, record_bytes) =
        ((size(&said) - before.0) / seconds, (size(&record) - before.1) / seconds);
    eprintln!(
        "{} junk messages a second: {line_bytes} bytes of lines and {record_bytes} of recording a second",
        sent / seconds
    );
    assert!(line_bytes < MOST_LINE_BYTES, "{line_bytes} bytes of lines a second");
    assert!(record_bytes < MOST_RECORD_BYTES, "{record_bytes} bytes of recording a second");

    let lines = lines();
    let summary = lines.last().unwrap();
    assert_eq!((&summary["kind"], &summary["conflicts"]), (&"summary".into(), &0.into()));
    let lost = summary["lost"].as_u64().unwrap();
    assert_eq!(status.code(), Some(i32::from(lost > 0)), "{summary}");
    let summed = lines.iter().filter_map(|line| line["more"].as_u64()).sum::<u64>();
    let single =
        lines.iter().filter(|line| line["kind"] == "ignored" && line["more"].is_null()).count() as u64;
    assert!(summed > single, "{single} one by one and {summed} summed up");
    assert_eq!(summary["ignored"], single + summed);

    let replayed = lab.output(&["replay", "--json", record.to_str().unwrap()]);
    let last = String::from_utf8(replayed.stdout).unwrap();
    let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!((&last["conflicts"], &last["ignored"]), (&0.into(), &summary["ignored"]));
}
