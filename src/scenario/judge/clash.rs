//! Lights that show what they must not show at once.

use traffic_light::Aspect;

use super::{
    evaluate::{Evaluation, lights, open, unseen, until_end},
    run::Run,
    verdict::Outcome,
};
use crate::{
    scenario::{
        Expectation,
        expect::{Count, Seconds},
        record::ConflictSpan,
    },
    world::monitor::{Certainty, GLITCH_BELOW},
};

pub(super) fn no_conflict(run: &Run, expectation: &Expectation) -> Evaluation {
    let found = conflicts(run, expectation);
    // A sure one says more than one that was only possible.
    let worst = found.iter().find(|span| span.certainty == Certainty::Sure).or(found.first());
    if let Some(worst) = worst {
        return (Outcome::Failed, conflict_told(run, worst, found.len()));
    }
    if let Some(unseen) = unseen(run, expectation) {
        return unseen;
    }
    let greens: usize = lights(run, expectation)
        .map(|(_, record)| record.began(Aspect::Green).filter(|at| expectation.window.includes(*at)).count())
        .sum();
    let glitches = run.record.glitches.iter().filter(|glitch| {
        glitch.lights.iter().any(|light| expectation.scope.includes(light))
            && expectation.window.includes(glitch.from)
    });
    let glitches = match glitches.count() as u64 {
        0 => String::new(),
        count => format!(" and {} of less than {} ms", Count(count, "overlap"), GLITCH_BELOW.as_millis()),
    };
    until_end(run, &expectation.window, format!("none, with {}{glitches}", Count(greens as u64, "green")))
}

pub(super) fn conflict(run: &Run, expectation: &Expectation) -> Evaluation {
    let found = conflicts(run, expectation);
    let sure = found.iter().find(|span| span.certainty == Certainty::Sure);
    let over = run.record.reached >= expectation.window.until;
    match (sure, found.first()) {
        (Some(sure), _) => (Outcome::Held, conflict_told(run, sure, found.len())),
        (None, Some(possible)) if over => (Outcome::NotJudged, conflict_told(run, possible, found.len())),
        (None, None) if over => (Outcome::Failed, "none came".to_owned()),
        _ => open(run, &expectation.window, "none so far"),
    }
}

fn conflicts<'j>(run: &'j Run, expectation: &Expectation) -> Vec<&'j ConflictSpan> {
    let reached = run.record.reached;
    let window = expectation.window;
    let within = |span: &&ConflictSpan| {
        span.lights.iter().any(|light| expectation.scope.includes(light))
            && span.from <= window.until
            && span.until.unwrap_or(reached) >= window.from
    };
    run.record.conflicts.iter().filter(within).collect()
}

fn conflict_told(run: &Run, span: &ConflictSpan, count: usize) -> String {
    let names: Vec<_> = span.lights.iter().map(ToString::to_string).collect();
    let lasted = span.until.unwrap_or(run.record.reached).saturating_sub(span.from);
    let length = match (span.until, span.certainty) {
        (Some(_), Certainty::Sure) => format!("for {}", Seconds(lasted)),
        (Some(_), Certainty::Possible) => format!("for up to {}", Seconds(lasted)),
        (None, _) => "to the end".to_owned(),
    };
    let had = match span.certainty {
        Certainty::Sure => "had",
        Certainty::Possible => "may have had",
    };
    let others = if count == 1 { String::new() } else { format!(" (one of {count})") };
    format!(
        "{} {had} right of way at once from {} on, {length}{others}",
        names.join(" and "),
        Seconds(span.from)
    )
}

pub(super) fn unsafe_flashing(run: &Run, expectation: &Expectation, sought: bool) -> Evaluation {
    let window = expectation.window;
    let found: Vec<_> = run
        .record
        .unsafe_flashing()
        .into_iter()
        .filter(|span| expectation.scope.includes(&span.flashing))
        .filter(|span| span.from <= window.until && span.until >= window.from)
        .collect();
    if let Some(first) = found.first() {
        let others =
            if found.len() == 1 { String::new() } else { format!(" (the first of {})", found.len()) };
        let text = format!(
            "{} flashed amber while {} had right of way, from {} on, for {}{others}",
            first.flashing,
            first.going,
            Seconds(first.from),
            Seconds(first.until.saturating_sub(first.from))
        );
        return (if sought { Outcome::Held } else { Outcome::Failed }, text);
    }
    if let Some(unseen) = unseen(run, expectation) {
        return unseen;
    }
    match (sought, run.record.reached >= expectation.window.until) {
        (true, true) => (Outcome::Failed, "none did".to_owned()),
        _ => until_end(run, &expectation.window, "none did".to_owned()),
    }
}
