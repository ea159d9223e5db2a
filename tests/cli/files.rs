//! Files and standard output that are full, shared, lost or open to everybody: told, and never a success.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use test_support::{Workspace, binary};

const PAIR: &str = "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\n";
const KEYED: &str =
    "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\nkey = \"auto\"\n";

/// Runs the program from a shell that has prepared something first, such as a limit.
fn prepared(lab: &Workspace, first: &str, args: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
        .arg(binary())
        .args(args)
        .env("TWINLIGHT_STATE", lab.folder.path().join("state"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_run_on_a_full_disk_ends_with_its_report_and_is_no_success() {
    let lab = Workspace::new();
    let (config, report) = (lab.config(PAIR), lab.folder.path().join("report.json"));
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let args = ["run", "--json", "--seconds", "60", "--config", path(&config), "--report", path(&report)];
    let output = lab.command(&args).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("error: standard output cannot be written"), "{}", told(&output));
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["summary"]["conflicts"], 0);
}

#[test]
fn a_recording_that_cannot_begin_leaves_no_file() {
    let lab = Workspace::new();
    let (config, file) = (lab.config(PAIR), lab.folder.path().join("run.jsonl"));
    // No file can get a byte, and the signal for that is ignored: as on a full disk.
    let args = ["run", "--seconds", "1", "--config", path(&config), "--record", path(&file)];
    let output = prepared(&lab, "trap '' XFSZ; ulimit -f 0", &args);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("cannot make the recording"), "{}", told(&output));
    assert!(!file.exists());
}

#[test]
fn a_disk_that_gets_full_ends_the_recording_with_a_word_and_the_run_is_no_success() {
    let lab = Workspace::new();
    let (config, file) = (lab.config(PAIR), lab.folder.path().join("run.jsonl"));
    let args = ["run", "--json", "--seconds", "6", "--config", path(&config), "--record", path(&file)];
    let output = prepared(&lab, "trap '' XFSZ; ulimit -f 8", &args);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("has ended"), "{}", told(&output));
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(summary.lines().last().unwrap().contains("\"kind\":\"summary\""), "the run went on to its end");
    assert!(fs::metadata(file).unwrap().len() <= 8 * 1_024);
}

#[test]
fn one_file_is_not_written_over_by_the_other() {
    let lab = Workspace::new();
    let config = lab.config(PAIR);
    let folder = lab.folder.path();
    let file = folder.join("run.jsonl");
    symlink("run.jsonl", folder.join("link")).unwrap();
    fs::create_dir(folder.join("in")).unwrap();
    for report in
        [file.clone(), folder.join("link"), folder.join("in/../run.jsonl"), folder.join("./run.jsonl")]
    {
        lab.assert_refused(
            &["run", "--config", path(&config), "--record", path(&file), "--report", path(&report)],
            &["--record and --report are the same file", "help: name two files"],
        );
        assert!(!file.exists());
    }
}

#[test]
fn a_terminal_that_is_closed_ends_a_run_as_any_other_end_does() {
    let lab = Workspace::new();
    let (config, report) = (lab.config(PAIR), lab.folder.path().join("report.json"));
    let mut run = lab
        .command(&["run", "--json", "--config", path(&config), "--report", path(&report)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    // The lights are there, so the program listens to its signals.
    assert!(lines.by_ref().map(Result::unwrap).any(|line| line.contains("\"aspect\"")));
    assert!(Command::new("kill").args(["-HUP", &run.id().to_string()]).status().unwrap().success());
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(last.contains("\"kind\":\"summary\""), "{last}");
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert!(report.exists());
}

#[test]
fn what_is_kept_is_this_users_alone_whatever_the_mask() {
    let lab = Workspace::new();
    let (config, file) = (lab.config(KEYED), lab.folder.path().join("run.jsonl"));
    let args = ["run", "--seconds", "2", "--config", path(&config), "--record", path(&file)];
    let output = prepared(&lab, "umask 000", &args);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let state = lab.folder.path().join("state");
    let mut all: Vec<_> = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(all.len() >= 2, "{all:?}");
    all.extend([state, file]);
    for kept in all {
        let mode = fs::metadata(&kept).unwrap().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", kept.display());
    }
}

#[test]
fn a_key_file_that_was_emptied_is_an_error_and_makes_no_new_key() {
    let lab = Workspace::new();
    let config = lab.config(KEYED);
    let args = ["key", "--config", path(&config)];
    assert_eq!(lab.output(&args).status.code(), Some(0));
    let file = lab.folder.path().join("state/junction-keys.toml");
    let whole = fs::read(&file).unwrap();
    let (cut, binary) = (&whole[..whole.len() - 20], &b"\xff\xfe\0"[..]);
    for damaged in [&b""[..], b"\n# nothing\n", b"[keys]\n", b"keys = 5\n", cut, binary] {
        fs::write(&file, damaged).unwrap();
        let output = lab.output(&args);
        assert_eq!(output.status.code(), Some(1), "{:?}", String::from_utf8_lossy(damaged));
        assert!(told(&output).contains("help: put back what was in it"), "{}", told(&output));
        assert!(output.stdout.is_empty());
        assert_eq!(fs::read(&file).unwrap(), damaged, "it is left as it is");
    }
}

#[test]
fn a_key_is_taken_without_what_copying_adds_and_not_with_what_no_key_has() {
    let lab = Workspace::new();
    let config = lab.config(KEYED);
    let take = |typed: &[u8]| {
        let mut taking = lab
            .command(&["key", "--take", "--config", path(&config)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        taking.stdin.take().unwrap().write_all(typed).unwrap();
        taking.wait_with_output().unwrap()
    };
    let output = take(b" \t a key that we agreed on  \r\n");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let shown = lab.output(&["key", "--config", path(&config)]);
    assert_eq!(shown.stdout, b"a key that we agreed on\n");
    for typed in
        [&b"a key that we\0agreed on\n"[..], b"a key that we \x1b[31magreed on\n", b"\xff\xfea\0k\0e\0y\0\n"]
    {
        let output = take(typed);
        assert_eq!(output.status.code(), Some(2), "{typed:?}: {}", told(&output));
        assert!(told(&output).contains("help: copy the whole key"), "{}", told(&output));
    }
}

#[test]
fn nothing_that_others_wrote_commands_the_terminal() {
    let lab = Workspace::new();
    let file = lab.folder.path().join("bad\u{1b}[31m.toml");
    let scenario = format!(
        "{PAIR}[scenario]\ntitle = \"T\\u001B]0;owned\\u0007 \\u009B31m\"\nteaches = \"x\"\nseconds = 5\nseeds = 1\n\
         [[expect]]\nwhat = \"no-conflict\"\n"
    );
    fs::write(&file, scenario).unwrap();
    let wrong = lab.folder.path().join("wrong\u{1b}[31m.toml");
    fs::write(&wrong, "[broker]\nkind = \"emb\u{1b}edded\"\n\"na\\u001B[31mme\" = 1\n").unwrap();
    for args in [
        &["scenario", path(&file)][..],
        &["scenario", "--json", path(&file)],
        &["run", "--config", path(&wrong)],
        &["doctor", "--config", path(&wrong)],
        &["scenario", "no\u{1b}[31mlesson"],
        &["presets", "\u{1b}[31m"],
        &["replay", path(&wrong)],
        &["key", "--config", path(&lab.folder.path().join("not\u{9b}there.toml"))],
    ] {
        let output = lab.output(args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &told(&output);
        assert!(!said.is_empty(), "{args:?}");
        let commands = said.chars().find(|letter| letter.is_control() && !"\n\t".contains(*letter));
        assert_eq!(commands, None, "{args:?}: {said:?}");
    }
}
