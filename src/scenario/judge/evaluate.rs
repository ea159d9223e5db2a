//! Evaluates one expectation against what was seen.

use std::time::Duration;

use traffic_light::Aspect;

use super::{
    clash,
    moment::{Known, moment, told},
    run::Run,
    verdict::{Outcome, Verdict},
};
use crate::{
    model::LightId,
    scenario::{
        Expectation,
        expect::{Check, Count, Moment, Scope, Seconds, Window},
        record::LightRecord,
    },
};

/// Single lights that a sentence names.
const MOST_NAMED: usize = 4;

/// An outcome and its evidence.
pub(super) type Evaluation = (Outcome, String);

pub(super) fn evaluate(run: &Run, expectation: &Expectation) -> Verdict {
    let (mut outcome, mut evidence) = match &expectation.check {
        Check::NoConflict => clash::no_conflict(run, expectation),
        Check::Conflict => clash::conflict(run, expectation),
        Check::NoUnsafeFlashing => clash::unsafe_flashing(run, expectation, false),
        Check::UnsafeFlashing => clash::unsafe_flashing(run, expectation, true),
        Check::Flashing { from, within } => shown(run, expectation, Aspect::FlashingAmber, from, *within),
        Check::Alternating { from, within } => shown(run, expectation, Aspect::Green, from, *within),
        Check::Steady => {
            never_shown(run, expectation, "flashed amber", |aspect| aspect == Aspect::FlashingAmber)
        }
        Check::NoGo => never_shown(run, expectation, "had right of way", Aspect::is_go),
        Check::Greens { at_least } => greens(run, expectation, *at_least),
        Check::Joins { at_most } => joins(run, expectation, *at_most),
        Check::Reaction { p99 } => reaction(run, expectation, *p99),
        Check::Ignored { at_least, at_most } => ignored(run, expectation, *at_least, *at_most),
    };
    // What was seen stands; what was not seen may have been missed.
    if let Some(why) = &run.record.incomplete
        && rests_on_absence(&expectation.check, outcome)
    {
        (outcome, evidence) = (Outcome::NotJudged, format!("not everything was seen: {why}"));
    }
    Verdict { expectation: expectation.to_string(), outcome, evidence }
}

/// When the expectation is decided at the latest, where that depends on a moment that has come.
pub(super) fn deadline(run: &Run, expectation: &Expectation) -> Option<Duration> {
    let (Check::Flashing { from, within } | Check::Alternating { from, within }) = &expectation.check else {
        return None;
    };
    match moment(run, from) {
        Known::At(at) => Some(at.saturating_add(*within)),
        _ => None,
    }
}

/// Whether something that was not seen led to this outcome.
fn rests_on_absence(check: &Check, outcome: Outcome) -> bool {
    let by_absence = match check {
        Check::NoConflict | Check::NoUnsafeFlashing | Check::Steady | Check::NoGo | Check::Joins { .. } => {
            Outcome::Held
        }
        Check::Conflict
        | Check::UnsafeFlashing
        | Check::Flashing { .. }
        | Check::Alternating { .. }
        | Check::Greens { .. } => Outcome::Failed,
        Check::Reaction { .. } | Check::Ignored { .. } => return outcome != Outcome::NotJudged,
    };
    outcome == by_absence
}

/// Each light shows `aspect` at some time within `within` of a moment.
fn shown(
    run: &Run,
    expectation: &Expectation,
    aspect: Aspect,
    from: &Moment,
    within: Duration,
) -> Evaluation {
    if let Some(unseen) = unseen(run, expectation) {
        return unseen;
    }
    let base = match moment(run, from) {
        Known::At(at) => at,
        Known::Open(why) | Known::Never(why) => return (Outcome::NotJudged, why),
    };
    let deadline = base.saturating_add(within);
    let green = aspect == Aspect::Green;
    let later = |at: Duration| format!("{} later", Seconds(at.saturating_sub(base)));
    let (mut came, mut missing) = (Vec::new(), Vec::new());
    for (light, record) in lights(run, expectation) {
        let began = record.began(aspect).find(|at| (base..=deadline).contains(at));
        // A green has to begin; a light that flashes already does what is wanted.
        let already = !green && record.aspect_at(base) == Some(aspect);
        match began {
            _ if already => came.push((light, "already".to_owned())),
            Some(at) => came.push((light, later(at))),
            None => missing.push((light, record)),
        }
    }
    let about = told(run, from, base);
    if missing.is_empty() {
        let verb = if green { " had green" } else { " flashed amber" };
        let verbs = [verb].into_iter().chain(std::iter::repeat(""));
        let each = came.iter().zip(verbs).map(|((light, when), verb)| format!("{light}{verb} {when}"));
        let each = listed(&each.collect::<Vec<_>>());
        return (Outcome::Held, format!("{about}; {each} (allowed: {})", Seconds(within)));
    }
    let names = listed(&missing.iter().map(|(light, _)| light.to_string()).collect::<Vec<_>>());
    if run.record.reached < deadline {
        return (
            Outcome::NotJudged,
            format!("{about}; {names} not yet, with time until {}", Seconds(deadline)),
        );
    }
    let verb = if green { "had no green" } else { "did not flash amber" };
    let instead = missing.first().map(|(light, record)| {
        match (record.began(aspect).find(|at| *at > deadline), record.aspect_at(deadline)) {
            (Some(at), _) => format!("{light} did {}", later(at)),
            (None, Some(shows)) => format!("{light} showed {shows} then"),
            (None, None) => format!("{light} showed nothing yet"),
        }
    });
    let instead = instead.unwrap_or_default();
    (Outcome::Failed, format!("{about}; {names} {verb} within {} ({instead})", Seconds(within)))
}

fn never_shown(run: &Run, expectation: &Expectation, verb: &str, bad: impl Fn(Aspect) -> bool) -> Evaluation {
    let window = expectation.window;
    let mut first: Option<(Duration, Duration, &LightId)> = None;
    for (light, record) in lights(run, expectation) {
        let mut spans = record.spans(run.record.reached);
        let found =
            spans.find(|(from, until, aspect)| bad(*aspect) && *from <= window.until && *until > window.from);
        if let Some((from, until, _)) = found
            && first.is_none_or(|(earliest, ..)| from < earliest)
        {
            first = Some((from, until, light));
        }
    }
    if let Some((from, until, light)) = first {
        let text =
            format!("{light} {verb} from {} on, for {}", Seconds(from), Seconds(until.saturating_sub(from)));
        return (Outcome::Failed, text);
    }
    unseen(run, expectation).unwrap_or_else(|| until_end(run, &window, "none did".to_owned()))
}

fn greens(run: &Run, expectation: &Expectation, at_least: u64) -> Evaluation {
    if let Some(unseen) = unseen(run, expectation) {
        return unseen;
    }
    let counted = counted(run, expectation, |record| Box::new(record.began(Aspect::Green)));
    let text =
        listed(&counted.iter().map(|(light, count)| format!("{light} had {count}")).collect::<Vec<_>>());
    if counted.iter().all(|(_, count)| *count >= at_least) {
        return (Outcome::Held, text);
    }
    if run.record.reached < expectation.window.until {
        return open(run, &expectation.window, &text);
    }
    (Outcome::Failed, text)
}

fn joins(run: &Run, expectation: &Expectation, at_most: u64) -> Evaluation {
    let counted: Vec<_> = counted(run, expectation, |record| Box::new(record.joins()))
        .into_iter()
        .filter(|(light, _)| runs_here(run, light))
        .collect();
    let text = listed(
        &counted
            .iter()
            .map(|(light, count)| format!("{light} joined {}", Count(*count, "time")))
            .collect::<Vec<_>>(),
    );
    if counted.iter().any(|(_, count)| *count > at_most) {
        return (Outcome::Failed, text);
    }
    unseen(run, expectation).unwrap_or_else(|| until_end(run, &expectation.window, text))
}

fn reaction(run: &Run, expectation: &Expectation, allowed: Duration) -> Evaluation {
    let mut took: Vec<Duration> = run
        .record
        .reactions
        .iter()
        .filter(|reacted| expectation.scope.includes(&reacted.to) && expectation.window.includes(reacted.at))
        .map(|reacted| reacted.took)
        .collect();
    took.sort_unstable();
    // Nearest rank, as in the summary of a run.
    let rank = (took.len() * 99).div_ceil(100).max(1);
    let over = run.record.reached >= expectation.window.until;
    match took.get(rank - 1) {
        None if over => (Outcome::NotJudged, "no reaction was measured".to_owned()),
        None => open(run, &expectation.window, "no reaction was measured so far"),
        Some(p99) => {
            let ms = p99.as_secs_f64() * 1_000.0;
            let text =
                format!("99 of 100 took at most {ms:.2} ms, of {}", Count(took.len() as u64, "reaction"));
            match (over, *p99 <= allowed) {
                (false, _) => open(run, &expectation.window, &text),
                (true, true) => (Outcome::Held, text),
                (true, false) => (Outcome::Failed, text),
            }
        }
    }
}

fn ignored(run: &Run, expectation: &Expectation, at_least: u64, at_most: Option<u64>) -> Evaluation {
    let all = expectation.scope == Scope::All;
    let mut found = run.record.ignored.iter().filter(|ignored| {
        let of_scope = ignored.light.as_ref().is_some_and(|light| expectation.scope.includes(light));
        expectation.window.includes(ignored.at) && (all || of_scope)
    });
    let first = found.next();
    let count = first.map_or(0, |first| first.count + found.map(|ignored| ignored.count).sum::<u64>());
    let example = first
        .map(|ignored| format!("; the first at {}: {}", Seconds(ignored.at), ignored.reason))
        .unwrap_or_default();
    let text = format!("{} ignored{example}", Count(count, "message"));
    if at_most.is_some_and(|most| count > most) {
        return (Outcome::Failed, text);
    }
    if at_most.is_none() && count >= at_least {
        return (Outcome::Held, text);
    }
    if run.record.reached < expectation.window.until {
        return open(run, &expectation.window, &text);
    }
    (if count >= at_least { Outcome::Held } else { Outcome::Failed }, text)
}

/// The lights of the expectation's scope of which something is known.
pub(super) fn lights<'j>(
    run: &'j Run,
    expectation: &'j Expectation,
) -> impl Iterator<Item = (&'j LightId, &'j LightRecord)> {
    run.record.lights.iter().filter(|(light, _)| expectation.scope.includes(light))
}

/// How many moments of each light fall into the window.
fn counted<'j>(
    run: &'j Run,
    expectation: &'j Expectation,
    moments: impl for<'r> Fn(&'r LightRecord) -> Box<dyn Iterator<Item = Duration> + 'r>,
) -> Vec<(&'j LightId, u64)> {
    lights(run, expectation)
        .map(|(light, record)| {
            (light, moments(record).filter(|at| expectation.window.includes(*at)).count() as u64)
        })
        .collect()
}

/// Nothing can be said where nothing was heard of a light.
pub(super) fn unseen(run: &Run, expectation: &Expectation) -> Option<Evaluation> {
    let silent =
        |light: &LightId| run.record.lights.get(light).is_none_or(|record| record.aspects.is_empty());
    let names: Vec<_> = expectation
        .scope
        .lights(&run.config)
        .iter()
        .filter(|light| silent(light))
        .map(ToString::to_string)
        .collect();
    if names.is_empty() {
        return None;
    }
    Some((Outcome::NotJudged, format!("nothing was seen of {}", listed(&names))))
}

/// What is seen to its end holds.
pub(super) fn until_end(run: &Run, window: &Window, text: String) -> Evaluation {
    if run.record.reached < window.until { open(run, window, &text) } else { (Outcome::Held, text) }
}

pub(super) fn open(run: &Run, window: &Window, text: &str) -> Evaluation {
    let (reached, until) = (Seconds(run.record.reached), Seconds(window.until));
    (Outcome::NotJudged, format!("{text}, up to {reached} of {until}"))
}

fn runs_here(run: &Run, light: &LightId) -> bool {
    run.config.junction(&light.junction).is_some_and(|junction| junction.runs(&light.light))
}

pub(super) fn listed(parts: &[String]) -> String {
    let mut text = parts.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if parts.len() > MOST_NAMED {
        text += &format!(" and {} more", parts.len() - MOST_NAMED);
    }
    text
}
