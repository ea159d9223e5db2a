//! What a scenario came to: as JSON for programs, and as one page for people.

mod escape;
mod legend;
mod notes;
mod page;
mod timeline;

use serde_json::{Value, json};

pub(super) use self::notes::notes;
use super::{Scenario, Stage, Verdict, series::Series};

/// Everything that a report tells of.
#[derive(Clone, Debug)]
pub(crate) struct Report<'a> {
    /// What was played.
    pub(crate) scenario: &'a Scenario,
    /// The file that it came from, or the name of the lesson.
    pub(crate) source: &'a str,
    /// Where it was played.
    pub(crate) stage: Stage,
    /// The runs.
    pub(crate) series: &'a Series,
    /// The command that plays the run again that is shown.
    pub(crate) again: &'a str,
}

impl Report<'_> {
    /// As JSON: the scenario, its verdicts, and the run that tells most.
    ///
    /// # Errors
    /// When a figure cannot be written as JSON, which no run makes.
    pub(crate) fn json(&self) -> serde_json::Result<Value> {
        let Scenario { title, teaches, length, .. } = self.scenario;
        let lines = self.scenario.expectations.iter().map(|expectation| expectation.line);
        let verdicts: Vec<_> = self
            .series
            .verdicts()
            .iter()
            .zip(lines)
            .map(|(verdict, line)| {
                let mut value = verdict_json(verdict);
                value["line"] = json!(line);
                value
            })
            .collect();
        let shown = match self.series.shown() {
            Some(shown) => {
                let notes: Vec<_> = notes(&shown.record)
                    .iter()
                    .map(|note| {
                        let light = note.light.as_ref().map(ToString::to_string);
                        let ms = u64::try_from(note.at.as_millis()).unwrap_or(u64::MAX);
                        json!({"ms": ms, "kind": note.kind, "light": light, "text": note.text})
                    })
                    .collect();
                json!({
                    "seed": shown.seed,
                    "verdicts": shown.verdicts.iter().map(verdict_json).collect::<Vec<_>>(),
                    "summary": serde_json::to_value(shown.tally.summary())?,
                    "notes": notes,
                })
            }
            None => Value::Null,
        };
        Ok(json!({
            "program": "twinlight",
            "version": env!("CARGO_PKG_VERSION"),
            "scenario": {
                "title": title,
                "file": self.source,
                "teaches": teaches,
                "seconds": length.as_secs_f64(),
                "stage": self.stage.to_string(),
            },
            "held": self.series.held(),
            "seeds": self.series.seeds(),
            "verdicts": verdicts,
            "shown": shown,
            "again": self.again,
        }))
    }

    /// As an HTML page that needs nothing else: no script, no picture, no font from elsewhere. It is
    /// well-formed XML too.
    #[must_use]
    pub(crate) fn html(&self) -> String {
        page::page(self).into_string()
    }
}

/// A verdict, for other programs.
#[must_use]
pub(crate) fn verdict_json(verdict: &Verdict) -> Value {
    let Verdict { expectation, outcome, evidence } = verdict;
    json!({"expectation": expectation, "outcome": outcome.as_str(), "evidence": evidence})
}
