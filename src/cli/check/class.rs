//! A class at once: a roster of groups, a port and a bench for each, and a table of what came of it.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

use super::{CheckArgs, Ground, PROGRESS, line, output, sentence, status, summary};
use crate::{
    check::{
        Check,
        bench::{Observer, Progress, Recording, Setup},
        judge::{judge, judge_step},
        record::{Record, Step},
        verdict::{Outcome, Verdict},
        vocabulary::{Profile, Source, Vocabulary},
    },
    cli::{common::asked_to_end, failure::wrong_usage},
    config::Config,
    model::Diagnostic,
};

/// The port of the first group, where the roster names none.
const FIRST_PORT: u16 = 18_830;
/// More benches do not fit on one computer.
const MOST_GROUPS: usize = 64;
const COLUMNS: [&str; 4] = ["group", "port", "says", "hears"];

/// A group of the roster.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    group: String,
    port: u16,
    /// The topics that were agreed on; learned where there are none.
    topics: Option<(String, String)>,
}

/// Reads the roster; what is wrong is told with its line.
pub(super) fn roster(file: &Path) -> anyhow::Result<Vec<Row>> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("the roster {} cannot be read: {error}", file.display());
        wrong_usage((message, "give a table of comma-separated values in UTF-8, with the column group"))
    })?;
    rows(&text).map_err(|problems| {
        let listed = problems.iter().map(|(line, what)| format!("{}:{line}: {what}", file.display()));
        let message = listed.collect::<Vec<_>>().join("\n");
        wrong_usage((message, "the first line names the columns: group, and port, says, hears where wanted"))
    })
}

/// Where a decimal comma is usual, tables come with semicolons.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    if first.contains(',') {
        return b',';
    }
    if first.contains(';') {
        return b';';
    }
    if first.contains('\t') { b'\t' } else { b',' }
}

type Problems = Vec<(u64, String)>;

fn rows(text: &str) -> Result<Vec<Row>, Problems> {
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
                wrong(format!("says and hears are both {says}: a light would hear itself"));
                continue;
            }
            (Some(topic), Some(other)) if [topic, other].iter().any(|topic| topic.contains(['+', '#'])) => {
                wrong("a topic has + or #, and stands for many".to_owned());
                continue;
            }
            (Some(says), Some(hears)) => Some((says.to_owned(), hears.to_owned())),
            (None, None) => None,
            _ => {
                wrong("says and hears go together".to_owned());
                continue;
            }
        };
        rows.push(Row { group: name.to_owned(), port, topics });
    }
    if rows.is_empty() && problems.is_empty() {
        problems.push((1, "there is no group in it".to_owned()));
    }
    if rows.len() > MOST_GROUPS {
        problems.push((1, format!("{} groups are too many: {MOST_GROUPS} fit", rows.len())));
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// Checks all groups at once, and writes the table.
pub(super) async fn run(
    args: &CheckArgs,
    config: &Config,
    rows: Vec<Row>,
    csv: &Path,
    (seed, steps): (u64, Vec<Step>),
) -> anyhow::Result<u8> {
    // Where it cannot be written, that is better known now.
    let mut table = csv::Writer::from_path(csv).map_err(|error| {
        let message = format!("{} cannot be written: {error}", csv.display());
        anyhow::Error::new(Diagnostic::new(message, "name another file with --csv"))
    })?;
    let (tell, mut told) = mpsc::channel::<(usize, Step)>(PROGRESS);
    let (mut checks, mut recordings, mut brokers) = (JoinSet::new(), Vec::<Recording>::new(), Vec::new());
    for (index, row) in rows.iter().enumerate() {
        // A broker for each group: students agree on their topics with nobody but their partner.
        let ground = Ground::prepare(config, args.lan).await?;
        let mut record = Record::new(
            seed ^ u64::from(row.port) << 32,
            steps.clone(),
            ground.label.clone(),
            ground.retains,
        );
        record.group = Some(row.group.clone());
        record.given = row.topics.as_ref().map(agreed);
        let tell = tell.clone();
        let observer: Observer = Box::new(move |progress| {
            if let Progress::Ended(step) = progress {
                // What is dropped here is a line on the way: the table is made from the records.
                let _ = tell.try_send((index, step));
            }
        });
        let ip = if ground.lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let setup = Setup {
            listen: SocketAddr::from((ip, row.port)),
            destination: ground.destination.clone(),
            login: ground.login.clone(),
            wifi_hook: args.wifi_hook.clone(),
            record,
        };
        let check = Check::start(setup, observer)?;
        opened(args, row, check.address(), &ground)?;
        recordings.push(check.recording());
        brokers.extend(ground.broker);
        checks.spawn(check.run());
    }
    drop(tell);
    let mut ended = std::pin::pin!(asked_to_end());
    loop {
        tokio::select! {
            biased;
            Some((index, step)) = told.recv() => tell_step(args, &recordings, index, step)?,
            done = checks.join_next() => if done.is_none() { break },
            () = &mut ended => break,
        }
    }
    while let Ok((index, step)) = told.try_recv() {
        tell_step(args, &recordings, index, step)?;
    }
    checks.shutdown().await;
    for broker in brokers {
        broker.stop().await;
    }
    let mut header = vec!["group", "port", "passed", "failed", "unjudged"];
    header.extend(steps.iter().map(|step| step.name()));
    table.write_record(header)?;
    let mut statuses = Vec::new();
    for (row, recording) in rows.iter().zip(&recordings) {
        let record = recording.record();
        let verdicts = judge(&record);
        table.write_record(cells(row, &verdicts))?;
        let mut last = summary(&record, &verdicts);
        last["group"] = json!(row.group);
        output::line(if args.json {
            last.to_string()
        } else {
            format!("{}: {}", row.group, super::closing(&record, &verdicts))
        })?;
        statuses.push(status(&verdicts));
    }
    table.flush()?;
    Ok(statuses.into_iter().max().unwrap_or_default())
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

fn opened(args: &CheckArgs, row: &Row, address: SocketAddr, ground: &Ground) -> anyhow::Result<()> {
    let login = ground.login.as_ref();
    if args.json {
        let address = address.to_string();
        let user = login.map(|login| &login.user);
        return output::line(
            json!({"ms": 0, "kind": "broker", "group": row.group, "address": address, "user": user}),
        );
    }
    let login = login
        .filter(|_| ground.made_up)
        .map(|login| format!(", user {}, password {}", login.user, login.password));
    output::line(format!("{}: {address}{}", row.group, login.unwrap_or_default()))
}

fn tell_step(args: &CheckArgs, recordings: &[Recording], index: usize, step: Step) -> anyhow::Result<()> {
    let Some(record) = recordings.get(index).map(Recording::record) else { return Ok(()) };
    if !record.steps.contains(&step) {
        return Ok(());
    }
    let verdict = judge_step(&record, step);
    let group = record.group.as_deref().unwrap_or_default();
    if args.json {
        let mut line = line(&record, &verdict);
        line["group"] = json!(group);
        return output::line(line);
    }
    output::line(format!("{group}: {}", sentence(&verdict)))
}

fn cells(row: &Row, verdicts: &[Verdict]) -> Vec<String> {
    let count = |wanted| verdicts.iter().filter(|verdict| verdict.outcome == wanted).count().to_string();
    let mut cells = vec![row.group.clone(), row.port.to_string()];
    cells.extend([Outcome::Pass, Outcome::Fail, Outcome::Unjudged].map(count));
    cells.extend(verdicts.iter().map(|verdict| match verdict.cause {
        Some(cause) => cause.name().to_owned(),
        None => verdict.outcome.name().to_owned(),
    }));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_has_groups_and_may_have_ports_and_topics() {
        let read = rows("group,port,says,hears\nann & bo,1901,x/a,x/b\ncy,,,\n").unwrap();
        assert_eq!(read[0].topics, Some(("x/a".to_owned(), "x/b".to_owned())));
        assert_eq!((read[0].port, read[1].port), (1901, FIRST_PORT + 1));
        assert_eq!(rows("\u{feff}Group\nann\n").unwrap()[0].group, "ann");
        assert_eq!(rows("group;port\nann;1901\n").unwrap()[0].port, 1901, "as a spreadsheet writes it here");
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
