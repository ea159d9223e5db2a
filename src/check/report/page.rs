//! The page itself: a function of the record.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::timeline;
use crate::check::{
    judge::judge,
    record::{Record, What},
    verdict::{Outcome, Verdict},
};

const STYLE: &str = include_str!("page.css");

pub(super) fn page(record: &Record, data: &str) -> Markup {
    let verdicts = judge(record);
    let title = match &record.group {
        Some(group) => format!("Check of the light of {group}"),
        None => "Check of a light".to_owned(),
    };
    let count = |wanted| verdicts.iter().filter(|verdict| verdict.outcome == wanted).count();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    p .under {
                        (count(Outcome::Pass)) " passed · " (count(Outcome::Fail)) " failed · "
                        (count(Outcome::Unjudged)) " not judged · " (record.broker) " · seed " (record.seed)
                        " · " (date(record.began_s))
                    }
                    @if let Some(profile) = record.profile() { p { "What was learned: " (profile) "." } }
                    @for text in notices(record) { p .notice { (text) } }
                    h2 { "Steps" }
                    div .card { (table(&verdicts)) }
                    h2 { "What happened" }
                    div .card role="group" aria-label="Timeline" tabindex="0" { (timeline::timeline(record)) }
                    p .under { "Point at a mark for what it is and when it was." }
                    footer {
                        "Written by Twinlight " (record.program) ". The record that the verdicts are made from is part of this \
                         page; \"twinlight check --verify\" judges it again."
                    }
                }
                (PreEscaped(data))
            }
        }
    }
}

/// More of them say nothing new.
const MOST_NOTICES: usize = 20;

fn notices(record: &Record) -> Vec<&str> {
    let mut notices: Vec<&str> = Vec::new();
    for entry in &record.entries {
        if let What::Notice { text } | What::Trouble { text } = &entry.what
            && !notices.contains(&text.as_str())
            && notices.len() < MOST_NOTICES
        {
            notices.push(text);
        }
    }
    notices
}

fn table(verdicts: &[Verdict]) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Outcome" } th scope="col" { "Step" } th scope="col" { "What was seen" } } }
            tbody {
                @for verdict in verdicts {
                    tr {
                        td .outcome { span class=(verdict.outcome.name()) { (verdict.outcome.name()) } }
                        th scope="row" { (verdict.step) }
                        td {
                            @if let Some(cause) = verdict.cause { strong { (cause.name()) } ": " }
                            (verdict.evidence)
                            @if let Some(advice) = verdict.advice() { br; span .advice { (advice) } }
                        }
                    }
                }
            }
        }
    }
}

/// The day, in the calendar of 1970 on (the algorithm is Howard Hinnant's `civil_from_days`).
fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", seconds / 3_600 % 24, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_795_920_360), "2026-11-29 02:46 UTC");
    }
}
