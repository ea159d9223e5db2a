//! Configurations by name, and keys that are made up and kept, with the real binary.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Output, Stdio},
};

use test_support::Lab;
use twinlight::presets::{PRESETS, find};

const KEYED: &str =
    "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\nkey = \"auto\"\n";

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn every_preset_is_its_file_and_needs_what_it_says() {
    for preset in PRESETS {
        assert_eq!(preset.text, fs::read_to_string(preset.file()).unwrap(), "{}", preset.name);
        for variable in preset.needs {
            assert!(preset.text.contains(&format!("${{{variable}}}")), "{}: {variable}", preset.name);
        }
        let asks = preset.text.lines().filter(|line| !line.starts_with('#') && line.contains("${"));
        let asked = asks
            .filter(|line| !line.contains("RANDOM") && !preset.needs.iter().any(|need| line.contains(need)));
        assert_eq!(asked.count(), 0, "{} needs a variable that it does not name", preset.name);
    }
    for preset in PRESETS {
        assert_eq!(find(preset.name), Some(&preset), "two presets of one name");
    }
    assert!(find("flespi").unwrap().text.contains("\ntls = true\n"), "a token does not leave in clear text");
}

#[test]
fn presets_are_listed_printed_and_opened_by_name() {
    let lab = Lab::new();
    let listed = lab.output(&["presets"]);
    assert!(listed.status.success());
    assert!(PRESETS.iter().all(|preset| out(&listed).contains(preset.name)));
    assert_eq!(out(&lab.output(&["presets", "lnu"])), find("lnu").unwrap().text);
    let wrong = lab.output(&["--preset", "lun", "run"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("did you mean \"lnu\"?"), "{}", err(&wrong));
    let both = lab.output(&["run", "--preset", "lnu", "--config", "my.toml"]);
    assert_eq!(both.status.code(), Some(2));
    let run = lab.output(&["run", "--preset", "default", "--seconds", "0.5", "--json"]);
    assert!(run.status.success(), "{}", err(&run));
    assert!(out(&run).contains("\"summary\""));
    let token = lab.command(&["run", "--preset", "flespi"]).env_remove("FLESPI_TOKEN").output().unwrap();
    assert_eq!(token.status.code(), Some(2));
    assert!(err(&token).contains("config/flespi.toml:") && err(&token).contains("export FLESPI_TOKEN"));
}

#[test]
fn a_key_is_made_once_kept_for_its_user_and_shown_only_when_asked_for() {
    let lab = Lab::new();
    let file = lab.config(KEYED);
    let file = file.to_str().unwrap();
    let first = lab.output(&["run", "--config", file, "--seconds", "1"]);
    assert!(first.status.success(), "{}", err(&first));
    assert!(out(&first).contains("a key was made for the junction demo"), "{}", out(&first));
    assert!(out(&first).contains("\"twinlight key --config "), "{}", out(&first));
    let again = lab.output(&["run", "--config", file, "--seconds", "1"]);
    assert!(!out(&again).contains("a key was made"), "{}", out(&again));

    let shown = lab.output(&["key", "--config", file]);
    let key = out(&shown).trim().to_owned();
    assert_eq!(key.len(), 24, "{key}");
    for said in [out(&first), err(&first), out(&again), err(&again), err(&shown)] {
        assert!(!said.contains(&key), "the key was told unasked: {said}");
    }
    let kept = lab.folder.path().join("state/junction-keys.toml");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    let partner = Lab::new();
    let theirs = partner.config(KEYED);
    let mut take = partner
        .command(&["key", "--take", "--config", theirs.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(take.stdin.take().unwrap(), "{key}").unwrap();
    assert!(take.wait().unwrap().success());
    assert_eq!(out(&partner.output(&["key", "--config", theirs.to_str().unwrap()])).trim(), key);

    let without = lab.output(&["key"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(err(&without).contains("has no junction with key = \"auto\""), "{}", err(&without));
}

#[test]
fn a_board_gets_the_key_that_is_kept_for_its_junction() {
    let lab = Lab::new();
    let crossing =
        KEYED.replace("port = 0", "port = 1883\nlan = true\nuser = \"lab\"\npassword = \"arthur\"");
    fs::write(lab.folder.path().join("crossing.toml"), crossing).unwrap();
    let board = lab.folder.path().join("board.toml");
    let text = "config = \"crossing.toml\"\nlight = \"b\"\n[wifi]\nssid = \"lab\"\npassword = \"\"\n[broker]\nhost = \"192.168.1.2\"\n";
    fs::write(&board, text).unwrap();
    let state = lab.folder.path().join("state");
    let load = || twinlight::board::BoardFile::load_with_keys(&board, Some(&state));
    let first = load().unwrap();
    assert_eq!(first.settings.key.len(), 24);
    assert_eq!(load().unwrap().settings.key, first.settings.key);
    let without = twinlight::board::BoardFile::load(&board).unwrap_err().to_string();
    assert!(without.contains("has no folder to keep a junction's key in"), "{without}");
}
