//! `run --record` and `replay`, with the real binary and the embedded broker.

use std::{fs, path::Path};

use serde_json::Value;
use test_support::{Mosquitto, QUICK, Workspace, publish_raw};

/// A run with `--record` and what `replay` makes of it.
struct Both {
    run: Vec<Value>,
    run_status: i32,
    replayed: Vec<Value>,
    replay_status: i32,
    stderr: String,
}

fn lines(bytes: Vec<u8>) -> Vec<Value> {
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn replay(lab: &Workspace, file: &Path) -> (Vec<Value>, i32, String) {
    let output = lab.output(&["replay", "--json", file.to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    (lines(output.stdout), output.status.code().unwrap(), stderr)
}

fn record(config: &str, seconds: u32) -> Both {
    let lab = Workspace::new();
    let (config, file) = (lab.config(config), lab.folder.path().join("run.jsonl"));
    let (config, name) = (config.to_str().unwrap(), file.to_str().unwrap());
    let seconds = seconds.to_string();
    let run = lab.output(&["run", "--json", "--seconds", &seconds, "--config", config, "--record", name]);
    let (replayed, replay_status, stderr) = replay(&lab, &file);
    let stderr = String::from_utf8(run.stderr).unwrap() + &stderr;
    Both { run: lines(run.stdout), run_status: run.status.code().unwrap(), replayed, replay_status, stderr }
}

fn of_kind<'l>(lines: &'l [Value], kind: &'static str) -> impl Iterator<Item = &'l Value> {
    lines.iter().filter(move |line| line["kind"] == kind)
}

#[test]
fn a_recorded_run_is_replayed_line_by_line_with_the_same_summary() {
    let both = record(QUICK, 15);
    assert_eq!((both.run_status, both.replay_status), (0, 0), "{}", both.stderr);
    assert_eq!(both.stderr, "");
    let summary = both.run.last().unwrap();
    assert!(summary["greens"]["demo/a"].as_u64().unwrap() >= 2, "{summary}");
    assert_eq!(both.replayed.last().unwrap(), summary);
    let verdicts = &both.replayed[both.replayed.len() - 2];
    assert_eq!((&verdicts["kind"], &verdicts["same"]), (&"verdicts".into(), &true.into()), "{verdicts}");
    for kind in ["broker", "aspect", "online", "link", "ignored", "conflict", "glitch"] {
        let of = |lines| of_kind(lines, kind).cloned().collect::<Vec<_>>();
        assert_eq!(of(&both.run), of(&both.replayed), "{kind}");
    }
}

#[test]
fn a_conflict_of_the_react_rule_is_found_again_in_the_recording() {
    // Both are cut off for long: each goes by what the other said last.
    let config = format!(
        "rule = \"react\"\nseed = 1\n{QUICK}[[fault]]\nwhat = \"wifi-down\"\nlight = \"demo/a\"\nat_s = 4\nfor_s = 9\n\
         [[fault]]\nwhat = \"wifi-down\"\nlight = \"demo/a\"\nat_s = 15.7\nfor_s = 9\n"
    );
    let both = record(&config, 27);
    let (run, again) = (both.run.last().unwrap(), both.replayed.last().unwrap());
    assert!(run["conflicts"].as_u64().unwrap() >= 1, "{run}");
    assert_eq!((both.run_status, both.replay_status), (3, 3), "{}", both.stderr);
    assert_eq!(run, again);
    let told = |lines| {
        of_kind(lines, "conflict")
            .map(|line| (line["lights"].clone(), line["since_ms"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&both.run), told(&both.replayed));
    let over: Vec<_> = of_kind(&both.replayed, "conflict-over").collect();
    assert!(over.iter().all(|line| line["lasted_ms"].as_u64().unwrap() >= 200), "{over:?}");
}

#[test]
fn a_foreign_light_against_a_virtual_one_is_judged_live_and_again_the_same() {
    let lab = Workspace::new();
    let config = lab.config(&format!("{QUICK}run = [\"a\"]\nrule = \"react\"\n"));
    let file = lab.folder.path().join("run.jsonl");
    let args = ["run", "--json", "--config", config.to_str().unwrap(), "--record", file.to_str().unwrap()];
    let mut going = lab.start(&args);
    let port = going.port();
    let topic = "twinlight/demo/b/state";
    going.wait_for("a green", 20, |line| {
        line["kind"] == "aspect" && line["light"] == "a" && line["aspect"] == "green"
    });
    publish_raw(port, topic, b"GREEN");
    let conflict = going.wait_for("the conflict", 10, |line| line["kind"] == "conflict");
    assert_eq!(conflict["lights"], serde_json::json!(["a", "b"]));
    assert_eq!(conflict["certainty"], "sure");
    publish_raw(port, topic, b"red");
    going.wait_for("its end", 10, |line| line["kind"] == "conflict-over");
    let (status, told) = going.end();
    assert_eq!(status, 3);
    let (replayed, status, stderr) = replay(&lab, &file);
    assert_eq!(status, 3, "{stderr}");
    assert_eq!(replayed.last().unwrap()["conflicts"], told.last().unwrap()["conflicts"]);
    assert_eq!(of_kind(&replayed, "verdicts").next().unwrap()["same"], true, "{replayed:?}");
}

#[test]
fn neither_key_nor_password_is_in_a_recording_and_its_signed_words_are_judged() {
    let (key, password) = ("0123456789abcdef0123456789abcdef", "s3cret-of-the-lab");
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("passwords");
    let made = std::process::Command::new("mosquitto_passwd")
        .args(["-b", "-c", passwords.to_str().unwrap(), "lab-user", password])
        .status()
        .expect("this test needs a real Mosquitto: install it with \".ci/setup test\"");
    assert!(made.success());
    let passwords = fs::read_to_string(&passwords).unwrap();
    let broker = Mosquitto::start(
        "allow_anonymous false\npassword_file {folder}/passwords",
        &[("passwords", &passwords)],
    );
    let external = format!(
        "kind = \"external\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"lab-user\"\npassword = \"{password}\"\n",
        broker.port
    );
    let config = QUICK.replace("kind = \"embedded\"\nport = 0\n", &external) + &format!("key = \"{key}\"\n");

    let lab = Workspace::new();
    let (config, file) = (lab.config(&config), lab.folder.path().join("run.jsonl"));
    let args = ["run", "--json", "--seconds", "10", "--config", config.to_str().unwrap(), "--record"];
    let run = lab.output(&[&args[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(r#""keyed":true"#) && text.contains(r#"\"sig\":"#), "words and their signatures");
    for secret in [key, password, "lab-user"] {
        assert!(!text.contains(secret), "{secret} is in the recording");
    }
    let (replayed, status, stderr) = replay(&lab, &file);
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(replayed.last().unwrap(), lines(run.stdout).last().unwrap());
}

#[test]
fn a_killed_run_leaves_a_recording_that_is_replayed() {
    let lab = Workspace::new();
    let (config, file) = (lab.config(QUICK), lab.folder.path().join("run.jsonl"));
    let args = ["run", "--json", "--config", config.to_str().unwrap(), "--record", file.to_str().unwrap()];
    let mut going = lab.start(&args);
    let green = |line: &Value| line["kind"] == "aspect" && line["aspect"] == "green";
    going.wait_for("a green", 20, green);
    going.wait_for("the next aspect", 20, |line| line["kind"] == "aspect");
    going.kill();
    let (replayed, status, stderr) = replay(&lab, &file);
    assert_eq!(status, 0, "{stderr}");
    assert!(replayed.iter().any(green), "{replayed:?}");
    // People get sentences, and a report.
    let report = lab.folder.path().join("report.json");
    let output = lab.output(&["replay", file.to_str().unwrap(), "--report", report.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("shows green") && said.ends_with("the monitor says now what it said then\n"),
        "{said}"
    );
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!((&report["summary"]["conflicts"], &report["verdicts"]["same"]), (&0.into(), &true.into()));
}

#[test]
fn what_cannot_be_recorded_or_replayed_is_told_with_what_to_do() {
    let lab = Workspace::new();
    let there = lab.folder.path().join("there");
    fs::write(&there, "precious").unwrap();
    let config = lab.config(QUICK);
    let config = config.to_str().unwrap();
    let said = |args: &[&str]| {
        let output = lab.output(args);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, text) =
        said(&["run", "--config", config, "--seconds", "1", "--record", there.to_str().unwrap()]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("not written over\nhelp: choose another name"), "{text}");
    assert_eq!(fs::read_to_string(&there).unwrap(), "precious");
    let (status, text) = said(&["run", "--config", config, "--record", "/nowhere/at/all.jsonl"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("--record: there is no folder"), "{text}");
    let (status, text) = said(&["--record", "x.jsonl", "run", "--config", config]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("write \"run --record FILE\""), "{text}");
    let (status, text) = said(&["replay", there.to_str().unwrap()]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("line 1: this is no recording of Twinlight"), "{text}");
}
