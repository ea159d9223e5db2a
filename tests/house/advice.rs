//! A message says what is wrong, and its help says what to do: advice does not hang behind a semicolon.

use std::{fs, path::Path};

use crate::{source::texts, words::sources};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How advice begins.
const IMPERATIVES: [&str; 40] = [
    "add",
    "allow",
    "ask",
    "check",
    "choose",
    "clear",
    "close",
    "copy",
    "correct",
    "cut",
    "end",
    "flash",
    "give",
    "install",
    "leave",
    "let",
    "look",
    "make",
    "name",
    "open",
    "play",
    "provision",
    "put",
    "record",
    "reduce",
    "remove",
    "rename",
    "replace",
    "run",
    "see",
    "set",
    "start",
    "stop",
    "switch",
    "take",
    "try",
    "use",
    "wait",
    "write",
    "type",
];

/// Files that are still to be mended.
const OPEN: [&str; 1] = ["firmware/light/src/program.rs"];

#[test]
fn no_message_has_its_advice_behind_a_semicolon() {
    let mut found = Vec::new();
    for folder in ["src", "firmware"] {
        for file in sources(&Path::new(ROOT).join(folder)) {
            let shown = file.strip_prefix(ROOT).unwrap().display().to_string();
            if OPEN.contains(&shown.as_str()) {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            found.extend(with_advice(&text).into_iter().map(|text| format!("{shown}: {text}")));
        }
    }
    assert!(found.is_empty(), "give these a help of their own:\n{}", found.join("\n"));
}

#[test]
fn advice_is_found_and_an_explanation_is_none() {
    assert_eq!(with_advice("bail!(\"it is full; make room\")"), ["it is full; make room"]);
    assert_eq!(with_advice("#[error(\"{0} is there; \\\n   choose another\")]").len(), 1);
    assert_eq!(with_advice("let text = r#\"it is full; wait\"#;").len(), 1);
    assert_eq!(with_advice("// it is full; make room\nlet text = \"it ends; makers differ\";"), [""; 0]);
}

/// The texts of a source that have advice behind a semicolon.
fn with_advice(source: &str) -> Vec<String> {
    let mut texts = texts(source);
    texts.retain(|text| {
        text.split("; ").skip(1).any(|clause| {
            let clause = clause.trim_start_matches(|c: char| c == '\\' || c.is_whitespace());
            let first = clause.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
            IMPERATIVES.contains(&first)
        })
    });
    texts
}
