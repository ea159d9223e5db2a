//! The part of a scenario's file that a configuration does not have.

mod check;

use std::time::Duration;

use traffic_light::Name;

use super::{
    Expectation, Scenario, Stage,
    expect::{Check, Scope, Window},
    why_not_simulated,
};
use crate::{
    config::{
        self, Config, Junction,
        table::{Member, Reader, Table},
    },
    model::Diagnostic,
};

const SCENARIO: [&str; 5] = ["title", "teaches", "seconds", "stage", "seeds"];

/// The longest scenario: a day.
const LONGEST: Duration = Duration::from_hours(24);
/// The most seeds that one file may ask for.
pub(super) const MOST_SEEDS: u32 = 100_000;

/// `None` where something is wrong, which the reader then knows of.
pub(super) fn read(reader: &mut Reader<'_>, top: &Table<'_>) -> Option<Scenario> {
    let config = config::read(reader, top).filter(|_| reader.problems.count() == 0);
    if let Some(member) = top.member("seconds") {
        reader.wrong(&member, ("the length of a scenario stands in [scenario]", "remove it here"));
    }
    let Some(member) = top.member("scenario") else {
        let help = "add [scenario] with title = \"…\", teaches = \"…\" and seconds = 90, or play the file with \
                      \"twinlight run\"";
        reader.missing(top, "scenario", help);
        return None;
    };
    let table = reader.table(&member, &SCENARIO)?;
    let title = read_text(reader, &table, "title", "add title = \"…\" with a few words");
    let teaches =
        read_text(reader, &table, "teaches", "add teaches = \"…\" with what to watch and what it shows");
    let length = read_length(reader, &table);
    let (stage, seeds) = read_stage(reader, &table, config.as_ref());
    if let (Some(config), Some(length)) = (&config, length) {
        refuse_late_faults(reader, top, config, length);
    }
    let expectations = read_expectations(reader, top, config.as_ref(), length);
    Some(Scenario {
        title: title?,
        teaches: teaches?,
        length: length?,
        stage: stage?,
        seeds: seeds?,
        expectations: expectations?,
        config: config?,
    })
}

fn read_text(reader: &mut Reader<'_>, table: &Table<'_>, name: &str, help: &str) -> Option<String> {
    let Some(member) = table.member(name) else {
        reader.missing(table, name, help);
        return None;
    };
    let text = flowing(reader.text(&member)?);
    if text.is_empty() {
        reader.wrong(&member, ("it is empty", help));
        return None;
    }
    Some(text)
}

/// Paragraphs without the line ends that an editor put into them.
fn flowing(text: &str) -> String {
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in text.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            Some(last) if !last.is_empty() => paragraphs.push(String::new()),
            _ => {}
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

fn read_length(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Duration> {
    let Some(member) = table.member("seconds") else {
        reader.missing(table, "seconds", "add seconds = 90 with how long it is played");
        return None;
    };
    let length = reader.seconds(&member)?;
    if length.is_zero() {
        reader.wrong(&member, ("a scenario of 0 seconds shows nothing", "give it more seconds"));
        return None;
    }
    if length > LONGEST {
        reader.wrong(&member, ("a scenario is at most a day long", "give it 86400 seconds or fewer"));
        return None;
    }
    Some(length)
}

/// What the file asks for, or what can be done.
fn read_stage(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    config: Option<&Config>,
) -> (Option<Stage>, Option<u32>) {
    let words = [("auto", None), ("simulated", Some(Stage::Simulated)), ("live", Some(Stage::Live))];
    let member = table.member("stage");
    let asked = match &member {
        Some(member) => reader.choice(member, &words),
        None => Some(None),
    };
    let why_not = config.map(why_not_simulated);
    if let (Some(Some(Stage::Simulated)), Some(member), Some(Some(why))) = (asked, &member, &why_not) {
        reader.wrong(member, (format!("it cannot be simulated: {why}"), "write \"live\" or \"auto\""));
    }
    let stage = match (asked, why_not) {
        (Some(Some(stage)), _) => Some(stage),
        (Some(None), Some(None)) => Some(Stage::Simulated),
        (Some(None), Some(Some(_))) => Some(Stage::Live),
        _ => None,
    };
    let seeds = match table.member("seeds") {
        Some(member) => {
            if stage == Some(Stage::Live) {
                reader.wrong(&member, ("a live scenario is played once, in real time", "remove seeds"));
            }
            reader.number(&member, 1..=MOST_SEEDS)
        }
        None => Some(1),
    };
    (stage, seeds)
}

fn refuse_late_faults(reader: &mut Reader<'_>, top: &Table<'_>, config: &Config, length: Duration) {
    let entries = config::fault_entries(reader, top);
    for fault in config.faults.iter().filter(|fault| fault.latest() >= length) {
        if let Some(at) = entries.get(fault.entry).and_then(|entry| entry.member("at_s")) {
            let help = "give the scenario more seconds, or the fault an earlier time";
            reader.wrong(&at, ("the scenario is over before it begins", help));
        }
    }
}

fn read_expectations(
    reader: &mut Reader<'_>,
    top: &Table<'_>,
    config: Option<&Config>,
    length: Option<Duration>,
) -> Option<Vec<Expectation>> {
    let problems_before = reader.problems.count();
    let Some(member) = top.member("expect") else {
        let remedy =
            "add [[expect]] with what = \"no-conflict\": a scenario without expectations judges nothing";
        reader.missing(top, "expect", remedy);
        return None;
    };
    let tables = reader.tables(&member, &check::MEMBERS);
    if tables.is_empty() && reader.problems.count() == problems_before {
        reader
            .wrong(&member, ("a scenario that expects nothing judges nothing", "add what = \"no-conflict\""));
    }
    let mut expectations: Vec<Expectation> = Vec::new();
    for table in tables {
        let Some(expectation) = check::read(reader, &table, config, length) else { continue };
        if let Some(other) = expectations.iter().find(|other| contradict(other, &expectation)) {
            let line = other.line.unwrap_or_default();
            let message = format!("it contradicts what line {line} expects");
            let help = "remove one, or give them other times";
            reader.problems.add(table.span.clone(), &table.path, (message, help));
        }
        expectations.push(expectation);
    }
    if let (Some(config), Some(length)) = (config, length) {
        expect_no_other_conflict(&mut expectations, config, length);
    }
    (reader.problems.count() == problems_before).then_some(expectations)
}

fn contradict(one: &Expectation, other: &Expectation) -> bool {
    let opposite = matches!(
        (&one.check, &other.check),
        (Check::NoConflict, Check::Conflict)
            | (Check::Conflict, Check::NoConflict)
            | (Check::NoUnsafeFlashing, Check::UnsafeFlashing)
            | (Check::UnsafeFlashing, Check::NoUnsafeFlashing)
    );
    let apart = one.window.until < other.window.from || other.window.until < one.window.from;
    opposite && !apart && one.scope == other.scope
}

/// A conflict that nobody expects fails every scenario, whatever else it is about.
fn expect_no_other_conflict(expectations: &mut Vec<Expectation>, config: &Config, length: Duration) {
    let told = |junction: &Name| {
        expectations.iter().any(|expectation| {
            let about_conflicts = match expectation.check {
                Check::NoConflict => expectation.window.whole,
                Check::Conflict => true,
                _ => false,
            };
            about_conflicts
                && match &expectation.scope {
                    Scope::All => true,
                    Scope::Junction(only) => only == junction,
                    Scope::Light(light) => light.junction == *junction,
                }
        })
    };
    let untold: Vec<_> = config.junctions.iter().map(Junction::name).filter(|name| !told(name)).collect();
    let scopes = if untold.len() == config.junctions.len() {
        vec![Scope::All]
    } else {
        untold.into_iter().cloned().map(Scope::Junction).collect()
    };
    let window = Window { from: Duration::ZERO, until: length, whole: true };
    expectations.extend(scopes.into_iter().map(|scope| Expectation {
        check: Check::NoConflict,
        scope,
        window,
        line: None,
    }));
}

/// Notes at `member` what is wrong, and gives nothing.
fn refused<T>(reader: &mut Reader<'_>, member: &Member<'_>, diagnostic: impl Into<Diagnostic>) -> Option<T> {
    reader.wrong(member, diagnostic);
    None
}
