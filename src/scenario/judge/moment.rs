//! The moments from which expectations count, as they came.

use std::time::Duration;

use super::Judge;
use crate::{
    fault::PlannedFault,
    scenario::{
        expect::{FaultName, Moment, Seconds},
        record::FaultSpan,
    },
};

/// A fault that has not begun so long after its time never will.
const LATEST_FAULT: Duration = Duration::from_secs(2);
/// How much earlier than planned a fault may seem to begin: two clocks that started one after the
/// other.
const EARLIEST_FAULT: Duration = Duration::from_millis(100);

/// A moment of an expectation, as far as it is known.
pub(super) enum Known {
    /// It came then.
    At(Duration),
    /// It has not come, and may.
    Open(String),
    /// It has not come, and will not.
    Never(String),
}

/// When the moment was, or why it is not known.
pub(super) fn moment(judge: &Judge, moment: &Moment) -> Known {
    match moment {
        Moment::At(at) if judge.record.reached >= *at => Known::At(*at),
        Moment::At(at) => Known::Open(format!("second {} has not come yet", Seconds(*at).number())),
        Moment::Began(fault) => began(judge, fault),
        Moment::Ended(fault) => ended(judge, fault),
        Moment::LinksUp(fault) => match ended(judge, fault) {
            Known::At(ended) => links_up(judge, fault, ended),
            other => other,
        },
    }
}

fn began(judge: &Judge, fault: &FaultName) -> Known {
    let Some(planned) = judge.planned(fault.entry).next() else { return never(fault) };
    let reached = judge.record.reached;
    if planned.fault.is_instant() {
        return if reached >= planned.at { Known::At(planned.at) } else { not_yet(fault, planned.at) };
    }
    match span(judge, planned) {
        Some(span) => Known::At(span.from),
        None if reached > planned.latest() + LATEST_FAULT => not_put_in(judge, fault, planned.at),
        None => not_yet(fault, planned.at),
    }
}

fn ended(judge: &Judge, fault: &FaultName) -> Known {
    let Some(planned) = judge.planned(fault.entry).next_back() else { return never(fault) };
    let Some(ends_at) = planned.ends_at() else { return never(fault) };
    let reached = judge.record.reached;
    if planned.fault.is_instant() {
        return if reached >= ends_at { Known::At(ends_at) } else { not_yet(fault, ends_at) };
    }
    match span(judge, planned) {
        Some(FaultSpan { until: Some(until), .. }) => Known::At(*until),
        Some(_) if reached > ends_at + LATEST_FAULT => {
            Known::Never(format!("{} should have ended at {}, and goes on", fault.name, Seconds(ends_at)))
        }
        None if reached > planned.latest() + LATEST_FAULT => not_put_in(judge, fault, planned.at),
        _ => Known::Open(format!("{} ends at {}", fault.name, Seconds(ends_at))),
    }
}

/// When, after `ended`, the last session was there again that had to be.
fn links_up(judge: &Judge, fault: &FaultName, ended: Duration) -> Known {
    let mut last = ended;
    for (light, at, up) in judge.record.sessions() {
        if !up {
            let text = format!("{light} has no session since {}, after {}", Seconds(at), fault.name);
            let over = judge.record.reached >= judge.length;
            return if over { Known::Never(text) } else { Known::Open(text) };
        }
        last = last.max(at);
    }
    Known::At(last)
}

/// The fault that was injected by this plan.
fn span<'j>(judge: &'j Judge, planned: &PlannedFault) -> Option<&'j FaultSpan> {
    let earliest = planned.at.saturating_sub(EARLIEST_FAULT);
    judge.record.faults.iter().find(|span| span.fault == planned.fault && span.from >= earliest)
}

fn never(fault: &FaultName) -> Known {
    Known::Never(format!("{} is not in the plan", fault.name))
}

fn not_yet(fault: &FaultName, at: Duration) -> Known {
    Known::Open(format!("{} begins at {}", fault.name, Seconds(at)))
}

fn not_put_in(judge: &Judge, fault: &FaultName, at: Duration) -> Known {
    let about = judge.record.notices.iter().rev().find(|(noticed, _)| *noticed + EARLIEST_FAULT >= at);
    let why = about.map(|(_, text)| format!(": {text}")).unwrap_or_default();
    Known::Never(format!("{} was not injected at {}{why}", fault.name, Seconds(at)))
}

/// The moment in words, now that it has come.
pub(super) fn told(judge: &Judge, moment: &Moment, at: Duration) -> String {
    let at = Seconds(at);
    let instant = |fault: &FaultName| {
        judge.planned(fault.entry).next().is_some_and(|planned| planned.fault.is_instant())
    };
    match moment {
        Moment::Ended(fault) if instant(fault) => format!("{} came at {at}", fault.name),
        Moment::At(_) => format!("from {at} on"),
        Moment::Began(fault) => format!("{} began at {at}", fault.name),
        Moment::Ended(fault) => format!("{} ended at {at}", fault.name),
        Moment::LinksUp(fault) => format!("all links were up at {at}, after {}", fault.name),
    }
}
