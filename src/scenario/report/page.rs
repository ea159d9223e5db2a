//! A report as one HTML page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Report, escape::Text, legend, notes, timeline};
use crate::{
    scenario::{
        Outcome, Verdict,
        expect::Seconds,
        series::{Played, seeds_told},
    },
    world::summary::Summary,
};

/// A longer table waits to be asked for.
const MOST_OPEN: usize = 40;

const STYLE: &str = include_str!("page.css");
/// Closed as XML wants it.
const META: PreEscaped<&str> = PreEscaped(
    "<meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>",
);

pub(super) fn page(report: &Report<'_>) -> Markup {
    let scenario = report.scenario;
    let verdicts = report.series.verdicts();
    let (class, word) = overall(report, &verdicts);
    let shown = report.series.shown();
    html! {
        (DOCTYPE)
        html xmlns="http://www.w3.org/1999/xhtml" lang="en" {
            head {
                (META)
                title { (Text(&scenario.title)) ": " (word) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { (Text(&scenario.title)) }
                        span class={ "badge " (class) } { (word) }
                    }
                    p .under { (Text(under(report))) }
                    section .card aria-label="What it teaches" {
                        @for paragraph in scenario.teaches.split("\n\n") { p { (Text(paragraph)) } }
                    }
                    @if let Some(shown) = shown { (timeline_card(report, shown)) }
                    (verdict_table(report, &verdicts))
                    @if let Some(shown) = shown {
                        (figures(&shown.tally.summary()))
                        (note_table(shown))
                    }
                    h2 { "Play it again" }
                    div .card { pre { code { (Text(report.again)) } } }
                    footer { "Written by Twinlight " (env!("CARGO_PKG_VERSION")) "." }
                }
            }
        }
    }
}

fn overall(report: &Report<'_>, verdicts: &[Verdict]) -> (&'static str, &'static str) {
    if report.series.held() {
        ("held", "held")
    } else if verdicts.iter().any(|verdict| verdict.outcome == Outcome::Failed) {
        ("failed", "failed")
    } else {
        ("not-judged", "not judged")
    }
}

fn under(report: &Report<'_>) -> String {
    let mut parts =
        vec![report.source.to_owned(), Seconds(report.scenario.length).to_string(), report.stage.to_string()];
    let seeds = seeds_told(report.series.seeds());
    if !seeds.is_empty() {
        parts.push(seeds);
    }
    parts.join(" · ")
}

fn timeline_card(report: &Report<'_>, shown: &Played) -> Markup {
    let end = shown.record.reached.min(report.scenario.length);
    let (picture, left_out) = timeline::timeline(&shown.record, end);
    let seed = shown.seed.filter(|_| report.series.seeds().len() > 1);
    html! {
        h2 { "What happened" @if let Some(seed) = seed { " with seed " (seed) } }
        figure .card {
            div .scroll role="group" aria-label="Timeline" tabindex="0" { (picture) }
            (legend::legend())
            figcaption {
                "Tall has green or amber, low is red. Point at a bar for its times."
                @if let Some(left_out) = left_out { " " (Text(left_out)) "." }
            }
        }
    }
}

fn verdict_table(report: &Report<'_>, verdicts: &[Verdict]) -> Markup {
    html! {
        h2 { "What had to hold" }
        div .card.tables.scroll role="group" aria-label="Verdicts" tabindex="0" {
            table {
                thead { tr { th scope="col" { "Verdict" } th scope="col" { "Expected" } th scope="col" { "Evidence" } } }
                tbody {
                    @for (verdict, expectation) in verdicts.iter().zip(&report.scenario.expectations) {
                        tr {
                            td .outcome { span class={ "badge " (class(verdict.outcome)) } { (verdict.outcome) } }
                            th scope="row" {
                                (Text(&verdict.expectation))
                                @if expectation.line.is_none() { " (always expected)" }
                            }
                            td { (Text(&verdict.evidence)) }
                        }
                    }
                }
            }
        }
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "held",
        Outcome::Failed => "failed",
        Outcome::NotJudged => "not-judged",
    }
}

fn figures(summary: &Summary) -> Markup {
    html! {
        h2 { "Figures" }
        div .card.tables {
            table .figures {
                thead {
                    tr { th scope="col" { "Light" } th .number scope="col" { "Greens" } th .number scope="col" { "Sessions" } }
                }
                tbody {
                    @for (light, greens) in &summary.greens {
                        tr {
                            th scope="row" { (Text(light)) }
                            td .number { (greens) }
                            td .number { (summary.joins.get(light).copied().unwrap_or_default()) }
                        }
                    }
                }
            }
            @if let Some(reaction) = &summary.reaction_ms {
                p {
                    (format!(
                        "A waiting light knew that the other's green was over after {:.1} ms in half of {} cases, {:.1} ms in \
                         99 of 100, {:.1} ms at the most.",
                        reaction.p50, reaction.count, reaction.p99, reaction.max
                    ))
                }
            }
        }
    }
}

fn note_table(shown: &Played) -> Markup {
    let notes = notes(&shown.record);
    html! {
        h2 { "In words" }
        details .card open=[(notes.len() <= MOST_OPEN).then_some("open")] {
            summary { "What happened, and when" }
            table {
                thead { tr { th .number scope="col" { "Second" } th scope="col" { "What" } } }
                tbody {
                    @for note in &notes {
                        tr {
                            td .number { (format!("{:.3}", note.at.as_secs_f64())) }
                            td { (Text(&note.text)) }
                        }
                    }
                }
            }
        }
    }
}
