//! A report as one HTML page.

use std::fmt::{self, Write as _};

use super::{Report, escape::Escaped, legend, notes, timeline};
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

pub(super) fn page(report: &Report<'_>) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut html, report);
    html
}

fn write(html: &mut String, report: &Report<'_>) -> fmt::Result {
    let scenario = report.scenario;
    let title = Escaped(&scenario.title);
    let verdicts = report.series.verdicts();
    let (class, word) = overall(report, &verdicts);
    writeln!(
        html,
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}: {word}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header><h1>{title}</h1>\
         <span class=\"badge {class}\">{word}</span></header>\n<p class=\"under\">{}</p>",
        Escaped(under(report))
    )?;
    html.push_str("<section class=\"card\" aria-label=\"What it teaches\">\n");
    for paragraph in scenario.teaches.split("\n\n") {
        writeln!(html, "<p>{}</p>", Escaped(paragraph))?;
    }
    html.push_str("</section>\n");
    if let Some(shown) = report.series.shown() {
        write_timeline(html, report, shown)?;
    }
    write_verdicts(html, report, &verdicts)?;
    if let Some(shown) = report.series.shown() {
        write_figures(html, &shown.tally.summary())?;
        write_notes(html, shown)?;
    }
    writeln!(
        html,
        "<h2>Play it again</h2>\n<div class=\"card\"><pre><code>{}</code></pre></div>\n\
         <footer>Written by Twinlight {}.</footer>\n</main>\n</body>\n</html>",
        Escaped(report.again),
        env!("CARGO_PKG_VERSION")
    )
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

fn write_timeline(html: &mut String, report: &Report<'_>, shown: &Played) -> fmt::Result {
    let end = shown.record.reached.min(report.scenario.length);
    let (picture, left_out) = timeline::timeline(&shown.record, end);
    let seed = match (shown.seed, report.series.seeds().len()) {
        (Some(seed), 2..) => format!(" with seed {seed}"),
        _ => String::new(),
    };
    let left_out = left_out.map(|text| format!(" {}.", Escaped(text))).unwrap_or_default();
    writeln!(
        html,
        "<h2>What happened{seed}</h2>\n<figure class=\"card\">\n\
         <div class=\"scroll\" role=\"group\" aria-label=\"Timeline\" tabindex=\"0\">\n{picture}</div>\n{}\
         <figcaption>Tall is go, low is red. Point at a bar for its times.{left_out}</figcaption>\n</figure>",
        legend::legend()
    )
}

fn write_verdicts(html: &mut String, report: &Report<'_>, verdicts: &[Verdict]) -> fmt::Result {
    html.push_str(
        "<h2>What had to hold</h2>\n<div class=\"card tables scroll\" role=\"group\" aria-label=\"Verdicts\" tabindex=\"0\"><table>\n\
         <thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\">Expected</th><th scope=\"col\">Evidence</th></tr></thead>\n\
         <tbody>\n",
    );
    for (verdict, expectation) in verdicts.iter().zip(&report.scenario.expectations) {
        let class = match verdict.outcome {
            Outcome::Held => "held",
            Outcome::Failed => "failed",
            Outcome::NotJudged => "not-judged",
        };
        let always = if expectation.line.is_none() { " (always expected)" } else { "" };
        writeln!(
            html,
            "<tr><td class=\"outcome\"><span class=\"badge {class}\">{}</span></td><th scope=\"row\">{}{always}</th>\
             <td>{}</td></tr>",
            verdict.outcome,
            Escaped(&verdict.expectation),
            Escaped(&verdict.evidence)
        )?;
    }
    html.push_str("</tbody>\n</table></div>\n");
    Ok(())
}

fn write_figures(html: &mut String, summary: &Summary) -> fmt::Result {
    html.push_str(
        "<h2>Figures</h2>\n<div class=\"card tables\"><table class=\"figures\">\n<thead><tr><th scope=\"col\">Light</th>\
         <th scope=\"col\" class=\"number\">Greens</th><th scope=\"col\" class=\"number\">Sessions</th></tr></thead>\n<tbody>\n",
    );
    for (light, greens) in &summary.greens {
        let joins = summary.joins.get(light).copied().unwrap_or_default();
        writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{greens}</td><td class=\"number\">{joins}</td></tr>",
            Escaped(light)
        )?;
    }
    html.push_str("</tbody>\n</table>\n");
    if let Some(reaction) = &summary.reaction_ms {
        writeln!(
            html,
            "<p>A waiting light knew that the other's go was over after {:.1} ms in half of {} cases, {:.1} ms in 99 of 100, \
             {:.1} ms at the most.</p>",
            reaction.p50, reaction.count, reaction.p99, reaction.max
        )?;
    }
    html.push_str("</div>\n");
    Ok(())
}

fn write_notes(html: &mut String, shown: &Played) -> fmt::Result {
    let notes = notes(&shown.record);
    let open = if notes.len() <= MOST_OPEN { " open=\"open\"" } else { "" };
    writeln!(
        html,
        "<h2>In words</h2>\n<details class=\"card\"{open}><summary>What happened, and when</summary>\n<table>\n\
         <thead><tr><th scope=\"col\" class=\"number\">Second</th><th scope=\"col\">What</th></tr></thead>\n<tbody>"
    )?;
    for note in &notes {
        writeln!(
            html,
            "<tr><td class=\"number\">{:.3}</td><td>{}</td></tr>",
            note.at.as_secs_f64(),
            Escaped(&note.text)
        )?;
    }
    html.push_str("</tbody>\n</table></details>\n");
    Ok(())
}
