//! `twinlight replay`: a recording, told and judged again.

use std::{io, path::PathBuf, time::SystemTime};

use clap::Args;
use serde_json::{Value, json};

use super::{json, output, report};
use crate::{
    model::LightId,
    recording::{Judged, Recording, Verdict, judge},
    world::{event::Certainty, summary::Tally},
};

#[derive(Clone, Debug, Args)]
pub(super) struct ReplayArgs {
    /// The recording, made by "twinlight run --record FILE"
    file: PathBuf,
    /// Print one JSON object a line instead of sentences
    #[arg(long)]
    json: bool,
    /// Write a summary of the recording to this file, as JSON
    #[arg(long, value_name = "F.json")]
    report: Option<PathBuf>,
}

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<u8> {
    report::check_place("--report", args.report.as_deref())?;
    report::check_apart([("the recording", Some(&args.file)), ("--report", args.report.as_deref())])?;
    let recording = Recording::open(&args.file)?;
    for warning in recording.warnings() {
        note!("warning: {}, {warning}", args.file.display());
    }
    let judged = judge(&recording);
    // Whoever read along and does not any more has seen enough; the verdict is the exit status.
    output::told(tell(&judged, args.json.then(|| recording.header().started_at())))?;
    let mut tally = Tally::default();
    judged.events.iter().for_each(|event| tally.count(event));
    tally.miss(recording.lost());
    let summary = tally.summary();
    let last = judged.events.last().map(|event| event.at).unwrap_or_default();
    let last_line = json::summary(last, &summary)?;
    let verdicts = verdicts(&judged, recording.lost());
    output::lines(&if args.json {
        format!("{verdicts}\n{last_line}\n")
    } else {
        report::closing(&summary) + &compared(&judged, recording.lost())
    })?;
    if let Some(file) = &args.report {
        let version = env!("CARGO_PKG_VERSION");
        let report = json!({
            "program": "twinlight", "version": version, "recorded_by": recording.header().program,
            "verdicts": verdicts, "summary": last_line,
        });
        report::write(file, &report)?;
    }
    Ok(report::status(&summary))
}

/// So much is printed at once.
const PIECE_BYTES: usize = 64 * 1_024;

/// `as_json` is when the run started, where the lines are to be JSON.
fn tell(judged: &Judged, as_json: Option<SystemTime>) -> io::Result<()> {
    // Piece by piece: a recording is long.
    let mut lines = String::new();
    let mut filter = json::ChangeFilter::default();
    for event in judged.events.iter().filter(|event| filter.is_new(event)) {
        let line = match as_json {
            Some(started_at) => {
                json::line(event).map(|line| json::with_wall_clock(line, event, started_at).to_string())
            }
            None => report::sentence(event),
        };
        if let Some(line) = line {
            lines += &line;
            lines.push('\n');
        }
        if lines.len() > PIECE_BYTES {
            output::try_lines(&std::mem::take(&mut lines))?;
        }
    }
    output::try_lines(&lines)
}

/// How the verdicts of now compare with those of then, for other programs.
fn verdicts(judged: &Judged, lost: u64) -> Value {
    let all = |verdicts: &[Verdict]| verdicts.iter().map(line).collect::<Vec<_>>();
    json!({
        "kind": "verdicts",
        "same": is_same(judged),
        "only_now": all(&judged.only_now),
        "only_then": all(&judged.only_then),
        "lost": lost,
    })
}

fn line(verdict: &Verdict) -> Value {
    let Verdict { lights, certainty, since } = verdict;
    let names: Vec<_> = lights.iter().map(LightId::to_string).collect();
    json!({"what": what(verdict), "certainty": certainty, "lights": names, "since_ms": json::milliseconds(*since)})
}

fn is_same(judged: &Judged) -> bool {
    judged.only_now.is_empty() && judged.only_then.is_empty()
}

fn what(verdict: &Verdict) -> &'static str {
    match verdict.certainty {
        Some(Certainty::Sure) => "conflict",
        Some(Certainty::Possible) => "possible conflict",
        None => "glitch",
    }
}

/// The same for people.
fn compared(judged: &Judged, lost: u64) -> String {
    let mut text = String::new();
    for (when, verdicts) in
        [("judged so only now", &judged.only_now), ("judged so only then", &judged.only_then)]
    {
        for verdict in verdicts {
            let names: Vec<_> = verdict.lights.iter().map(LightId::to_string).collect();
            let (what, at) = (what(verdict), verdict.since.as_secs_f64());
            text.push_str(&format!("{when}: {what} of {} at {at:.3} s\n", names.join(" and ")));
        }
    }
    if is_same(judged) {
        text.push_str("the monitor says now what it said then\n");
    } else if lost > 0 {
        text.push_str("events are missing in the recording; what the monitor said then may be right\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::world::{Event, EventKind};

    #[test]
    fn a_difference_is_told_with_its_lights_and_time() {
        let light = |text: &str| LightId::try_from(text.to_owned()).unwrap();
        let lights = vec![light("demo/a"), light("demo/b")];
        let verdict =
            Verdict { lights, certainty: Some(Certainty::Sure), since: Duration::from_millis(1_500) };
        let event = Event { at: Duration::ZERO, kind: EventKind::Stopped };
        let judged = Judged { events: vec![event], only_now: vec![verdict], only_then: Vec::new() };
        assert_eq!(compared(&judged, 0), "judged so only now: conflict of demo/a and demo/b at 1.500 s\n");
        assert_eq!(verdicts(&judged, 0)["only_now"][0]["since_ms"], 1_500);
        assert_eq!(verdicts(&judged, 0)["same"], false);
    }
}
