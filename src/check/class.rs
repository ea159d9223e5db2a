//! The groups of a class: from a roster, or by their number; and the table of what came of them.

use std::{collections::BTreeSet, io::Read, path::Path};

use super::{
    record::Step,
    verdict::{Outcome, Verdict},
    vocabulary::{Profile, Source, Vocabulary},
};

/// The port of the first group, where the roster names none.
pub const FIRST_PORT: u16 = 18_830;
/// More benches do not fit on one computer.
pub const MOST_GROUPS: usize = 64;
/// A longer file is no roster of so many groups.
const MOST_ROSTER_BYTES: u64 = 1024 * 1024;
const COLUMNS: [&str; 4] = ["group", "port", "says", "hears"];

/// A group of the class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    /// Where its light connects.
    pub port: u16,
    /// The topics that were agreed on; learned where there are none.
    topics: Option<(String, String)>,
}

impl Group {
    /// What was agreed on: topics without words.
    #[must_use]
    pub fn given(&self) -> Option<Profile> {
        self.topics.as_ref().map(agreed)
    }
}

/// So many groups, named by their numbers.
#[must_use]
pub fn numbered(count: usize) -> Vec<Group> {
    let group = |(port, number): (u16, usize)| Group { name: format!("Group {number}"), port, topics: None };
    (FIRST_PORT..).zip(1..=count.min(MOST_GROUPS)).map(group).collect()
}

/// What is wrong with a roster: the line, and a sentence.
pub type Problems = Vec<(u64, String)>;

/// Reads a roster.
///
/// # Errors
/// All that is wrong with it, each with its line.
pub fn read(file: &Path) -> Result<Vec<Group>, Problems> {
    let unread = |why: String| vec![(1, why)];
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map(|file| file.take(MOST_ROSTER_BYTES + 1));
    let read = opened.and_then(|mut opened| opened.read_to_end(&mut bytes));
    read.map_err(|error| unread(format!("it cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > MOST_ROSTER_BYTES) {
        return Err(unread("it is too long for a roster".to_owned()));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| unread("it is no text in UTF-8: save it as \"CSV UTF-8\"".to_owned()))?;
    rows(&text)
}

/// Where a decimal comma is usual, spreadsheets write semicolons.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let has = |delimiter: &u8| first.contains(char::from(*delimiter));
    [b',', b';', b'\t'].into_iter().find(has).unwrap_or(b',')
}

fn rows(text: &str) -> Result<Vec<Group>, Problems> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let headers = reader.headers().map_err(|error| vec![(1, error.to_string())])?.clone();
    let column = |name: &str| headers.iter().position(|header| header.eq_ignore_ascii_case(name));
    let mut problems: Problems = Vec::new();
    for header in &headers {
        if !COLUMNS.iter().any(|known| header.eq_ignore_ascii_case(known)) {
            problems.push((1, format!("there is no column \"{header}\"")));
        }
    }
    let Some(group) = column("group") else {
        problems.push((1, "the column group is missing".to_owned()));
        return Err(problems);
    };
    let (mut rows, mut groups, mut ports) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (index, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                problems.push((line, error.to_string()));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).filter(|text| !text.is_empty());
        let mut wrong = |what: String| problems.push((line, what));
        if record.len() != headers.len() {
            wrong(format!("it has {} cells, and the first line has {}", record.len(), headers.len()));
        }
        let Some(name) = cell(Some(group)) else {
            wrong("the group has no name".to_owned());
            continue;
        };
        if !groups.insert(name.to_owned()) {
            wrong(format!("the group {name} stands here twice"));
        }
        let next = FIRST_PORT.saturating_add(u16::try_from(index).unwrap_or(u16::MAX));
        let port = match cell(column("port")).map(|text| (text, text.parse::<u16>())) {
            None => next,
            Some((_, Ok(port @ 1..))) => port,
            Some((text, _)) => {
                wrong(format!("\"{text}\" is no port"));
                continue;
            }
        };
        if !ports.insert(port) {
            wrong(format!("the port {port} is another group's already"));
        }
        let topics = match (cell(column("says")), cell(column("hears"))) {
            (Some(says), Some(hears)) if says == hears => {
                wrong(format!("says and hears are both {says}, so its light would hear itself"));
                continue;
            }
            (Some(says), Some(hears)) if says.contains(['+', '#']) || hears.contains(['+', '#']) => {
                wrong("a topic has + or #, which stand for many".to_owned());
                continue;
            }
            (Some(says), Some(hears)) => Some((says.to_owned(), hears.to_owned())),
            (None, None) => None,
            _ => {
                wrong("says and hears go together".to_owned());
                continue;
            }
        };
        rows.push(Group { name: name.to_owned(), port, topics });
    }
    if rows.is_empty() && problems.is_empty() {
        problems.push((1, "there is no group in it".to_owned()));
    }
    if rows.len() > MOST_GROUPS {
        problems.push((1, format!("{} groups are too many: {MOST_GROUPS} fit", rows.len())));
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// Topics that were agreed on; the words are learned.
fn agreed((says, hears): &(String, String)) -> Profile {
    Profile {
        says: says.clone(),
        hears: hears.clone(),
        topic: hears.clone(),
        vocabulary: Vocabulary::default(),
        source: Source::Given,
    }
}

/// The table of a class: a line for each group with the cause or the outcome of each of `steps`.
///
/// # Errors
/// Where it cannot be written.
pub fn table<'v>(
    steps: &[Step],
    groups: impl IntoIterator<Item = (&'v Group, &'v [Verdict])>,
    to: impl std::io::Write,
) -> Result<(), csv::Error> {
    let mut table = csv::Writer::from_writer(to);
    let mut header = vec!["group", "port", "passed", "failed", "unjudged"];
    header.extend(steps.iter().map(|step| step.name()));
    table.write_record(header)?;
    for (group, verdicts) in groups {
        let count = |wanted| verdicts.iter().filter(|verdict| verdict.outcome == wanted).count().to_string();
        let mut cells = vec![group.name.clone(), group.port.to_string()];
        cells.extend([Outcome::Pass, Outcome::Fail, Outcome::Unjudged].map(count));
        cells.extend(steps.iter().map(|step| {
            let verdict = verdicts.iter().find(|verdict| verdict.step == *step);
            let name = |verdict: &Verdict| verdict.cause.map_or(verdict.outcome.name(), |cause| cause.name());
            verdict.map_or_else(|| Outcome::Unjudged.name(), name).to_owned()
        }));
        table.write_record(cells)?;
    }
    table.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_has_groups_and_may_have_ports_and_topics() {
        let read = rows("group,port,says,hears\nann & bo,1901,x/a,x/b\ncy,,,\n").unwrap();
        assert_eq!(read[0].topics, Some(("x/a".to_owned(), "x/b".to_owned())));
        assert_eq!((read[0].port, read[1].port), (1901, FIRST_PORT + 1));
        assert_eq!(rows("\u{feff}Group\nann\n").unwrap()[0].name, "ann");
        assert_eq!(rows("group;port\nann;1901\n").unwrap()[0].port, 1901);
    }

    #[test]
    fn every_mistake_of_a_roster_is_told_with_its_line() {
        let problems = rows(
            "group,port,says,hears,mark\nann,x,,\nbo,9000,a,b,\nbo,9000,a,,\n,1,,,\ncy,2,a,a,\ndi,3,a,+,\n",
        )
        .unwrap_err();
        let told: Vec<String> = problems.iter().map(|(line, what)| format!("{line} {what}")).collect();
        for wanted in [
            "1 there is no column \"mark\"",
            "2 it has 4 cells",
            "2 \"x\" is no port",
            "4 the group bo stands here twice",
            "4 the port 9000 is another",
            "4 says and hears go together",
            "5 the group has no name",
            "6 says and hears are both a",
            "7 a topic has + or #",
        ] {
            assert!(told.iter().any(|line| line.starts_with(wanted)), "{wanted}: {told:#?}");
        }
        assert!(rows("").is_err() && rows("name\nann\n").is_err() && rows("group\n").is_err());
    }
}
