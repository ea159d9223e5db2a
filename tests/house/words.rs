//! One word for one thing, and the field's word: names that the code once had do not come back.
//!
//! A type, module, file or function is refused where its name holds one of the words below. Verbs in
//! their ordinary sense (`tell`, `say`, `ask`, `make`) are free as names of functions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::source::tokens;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Words of types that have a term of the field, and that term.
const TYPES: [(&str, &str); 57] = [
    ("Purse", "SharedBudget"),
    ("Ear", "Observer"),
    ("Usurper", "DuplicateClient"),
    ("Reign", "ActiveChaos"),
    ("Hub", "EventBus"),
    ("Ledger", "WorldState"),
    ("Gate", "AdafruitFilter, ReplayGuard"),
    ("Meter", "AccountLimiter, ProgressReporter"),
    ("Ladder", "Reconnector"),
    ("Rung", "ConnectionState"),
    ("Hello", "ConnectOptions"),
    ("Wires", "ImpairedLink"),
    ("Passage", "Shaping"),
    ("Fate", "PacketAction"),
    ("Strike", "Termination"),
    ("Placed", "LinkFaultSpec"),
    ("Way", "Direction"),
    ("Dose", "Parameters"),
    ("Us", "Micros"),
    ("Word", "Message, Received"),
    ("Said", "Received"),
    ("Told", "Notification"),
    ("Tell", "Notification"),
    ("Say", "Outgoing"),
    ("News", "JobEvent, LinkEvent"),
    ("Note", "LogEvent"),
    ("Outside", "Host"),
    ("Make", "LightSpec"),
    ("Ask", "LightCommand"),
    ("Order", "LightCommand, LinkCommand"),
    ("Ordered", "LinkCommand"),
    ("Wired", "LightCommand"),
    ("Mirror", "Replica"),
    ("Speech", "Outbox"),
    ("Canon", "canonical form"),
    ("Face", "WorldClient"),
    ("Act", "Action"),
    ("Pace", "RepaintScheduler"),
    ("Desk", "JobRunner"),
    ("Workbench", "BoardController"),
    ("Lab", "ProvisioningContext, or what it is"),
    ("Errand", "BackgroundTask"),
    ("Invitation", "join_info"),
    ("Logbook", "LogMonitor"),
    ("Burn", "WriteReport"),
    ("Burnt", "WriteReport"),
    ("Reel", "PlaybackSource"),
    ("Film", "Playback"),
    ("Keeper", "WorldManager"),
    ("Switch", "WorldSwitcher"),
    ("Patient", "Target"),
    ("Checkup", "Diagnosis"),
    ("Whom", "Subject"),
    ("Anybody", "AcceptAnyCertificate"),
    ("OneLogin", "StaticCredentials"),
    ("Teller", "ProgressPrinter"),
    ("Double", "emulator"),
];

/// Words of modules, files and functions, alone or in a longer name.
const PARTS: [(&str, &str); 22] = [
    ("purse", "shared_budget"),
    ("usurper", "duplicate_client"),
    ("reign", "active_chaos"),
    ("hub", "event_bus"),
    ("ledger", "state"),
    ("ladder", "reconnector"),
    ("climb", "next_action"),
    ("goodbye", "disconnect"),
    ("greet", "on_connect"),
    ("dose", "parameters"),
    ("canon", "canonical"),
    ("desk", "job_runner"),
    ("workbench", "controller"),
    ("errand", "background_task"),
    ("invitation", "join_info"),
    ("logbook", "log_monitor"),
    ("burn", "write_flash"),
    ("reel", "source"),
    ("keeper", "manager"),
    ("patient", "target"),
    ("checkup", "diagnosis"),
    ("whom", "subject"),
];

/// The same of words that are free in a longer name.
const WHOLE: [(&str, &str); 17] = [
    ("ear", "observer"),
    ("gate", "adafruit_filter, boot_sector"),
    ("meter", "account_limiter, progress"),
    ("rung", "state"),
    ("wires", "impaired_link"),
    ("fate", "packet_action"),
    ("mirror", "replica"),
    ("speech", "outbox"),
    ("starts", "boot_counter"),
    ("face", "world_client"),
    ("act", "action"),
    ("pace", "repaint"),
    ("words", "labels"),
    ("keep", "login_store"),
    ("film", "playback"),
    ("wind", "seek"),
    ("double", "emulator"),
];

/// Names that hold such a word in its ordinary sense, and why.
const ORDINARY: [(&str, &str); 3] = [
    ("Double", "a fault of that name: a message arrives twice, as MQTT's QoS 1 allows"),
    ("double", "the file of that fault"),
    ("words", "this file"),
];

#[test]
fn no_name_holds_a_word_that_the_field_has_a_term_for() {
    let mut found = Vec::new();
    for folder in ["src", "firmware", "tests", "benches", "fuzz"] {
        for file in sources(&Path::new(ROOT).join(folder)) {
            let shown = file.strip_prefix(ROOT).unwrap().display().to_string();
            let text = fs::read_to_string(&file).unwrap();
            found.extend(refused(&shown, &text).into_iter().map(|why| format!("{shown}: {why}")));
        }
    }
    assert!(found.is_empty(), "names with another term:\n{}", found.join("\n"));
}

#[test]
fn a_refused_name_is_told_with_its_term_and_a_sentence_of_a_test_is_no_name() {
    let refused = |text| refused("src/x.rs", text);
    assert_eq!(refused("struct LogNews;"), ["LogNews: say JobEvent, LinkEvent"]);
    assert_eq!(refused("fn plan_climb() {}"), ["plan_climb: say next_action"]);
    assert_eq!(refused("mod errand; struct Errands; // struct Purse"), ["errand: say background_task"]);
    assert_eq!(
        refused("fn a_light_that_goes_says_no_goodbye_and_is_gone() { let ear = \"fn ear\"; }"),
        [""; 0]
    );
    assert_eq!(super::words::refused("src/burn.rs", ""), ["burn: say write_flash"]);
}

/// What is wrong with the names that a source defines, and with its own.
fn refused(file: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let mut names = vec![("mod", stem)];
    for pair in tokens.windows(2) {
        let [kind, name] = pair else { continue };
        if matches!(kind.as_str(), "struct" | "enum" | "trait" | "type" | "fn" | "mod") {
            names.push((kind, name));
        }
    }
    let wrong = names.into_iter().filter_map(|(kind, name)| {
        let is_type = matches!(kind, "struct" | "enum" | "trait" | "type");
        let sentence = kind == "fn" && name.split('_').count() > 4;
        if sentence || ORDINARY.iter().any(|(ordinary, _)| *ordinary == name) {
            return None;
        }
        let term = if is_type {
            TYPES.iter().find(|(word, _)| *word == name || camel(name).iter().any(|part| part == word))
        } else {
            PARTS.iter().chain(&WHOLE).find(|(word, _)| {
                *word == name
                    || PARTS.iter().any(|(part, _)| part == word) && name.split('_').any(|part| part == *word)
            })
        };
        term.map(|(_, term)| format!("{name}: say {term}"))
    });
    wrong.collect()
}

/// The words of a type's name.
fn camel(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for c in name.chars() {
        match parts.last_mut() {
            Some(part) if !c.is_uppercase() => part.push(c),
            _ => parts.push(c.to_string()),
        }
    }
    parts
}

pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                all.extend(sources(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all
}
