//! What happened in a run, in so few sentences that a person reads them.

use std::time::Duration;

use traffic_light::Aspect;

use crate::{
    model::LightId,
    scenario::{expect::Seconds, record::Record},
    world::event::Layer,
};

/// More than this nobody reads.
const MOST_NOTES: usize = 500;
/// Single ignored messages that are told; the verdicts have their number.
const MOST_IGNORED: usize = 20;

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimelineEntry {
    /// When.
    pub at: Duration,
    /// What sort of thing: `fault`, `conflict`, `unsafe`, `link`, `flashing`, `broker`, `ignored`, `notice`.
    pub kind: &'static str,
    /// The light that it is about, if it is one.
    pub light: Option<LightId>,
    /// A sentence without its stop.
    pub text: String,
}

/// What was worth telling, in its order.
#[must_use]
pub(crate) fn notes(record: &Record) -> Vec<TimelineEntry> {
    let mut notes = Vec::new();
    let mut add = |at, kind, light: Option<&LightId>, text: String| {
        notes.push(TimelineEntry { at, kind, light: light.cloned(), text });
    };
    for span in &record.faults {
        let light = span.fault.light();
        let on = light.map(|light| format!(" on {light}")).unwrap_or_default();
        add(span.from, "fault", light, format!("{}{on} begins", span.fault));
        if let Some(until) = span.until {
            add(until, "fault", light, format!("{}{on} ends", span.fault));
        }
    }
    for span in &record.conflicts {
        let names: Vec<_> = span.lights.iter().map(ToString::to_string).collect();
        let names = names.join(" and ");
        add(span.from, "conflict", None, format!("CONFLICT: {names} have right of way at once"));
        if let Some(until) = span.until {
            let lasted = Seconds(until.saturating_sub(span.from));
            add(until, "conflict", None, format!("the conflict of {names} is over after {lasted}"));
        }
    }
    for span in record.unsafe_flashing() {
        let lasted = Seconds(span.until.saturating_sub(span.from));
        let text = format!(
            "UNSAFE: {} flashes amber while {} has right of way, for {lasted}",
            span.flashing, span.going
        );
        add(span.from, "unsafe", Some(&span.flashing), text);
    }
    for (light, known) in &record.lights {
        for change in known.links.iter().filter(|change| change.layer == Layer::Mqtt) {
            let what = if change.up { "has a session" } else { "has no session any more" };
            add(change.at, "link", Some(light), format!("{light} {what} ({})", change.reason));
        }
        for (from, until, aspect) in known.spans(record.reached) {
            if aspect == Aspect::FlashingAmber {
                let lasted = Seconds(until.saturating_sub(from));
                add(from, "flashing", Some(light), format!("{light} flashes amber, for {lasted}"));
            }
        }
    }
    for (at, up) in record.broker.iter().skip(1) {
        let text = if *up { "the broker is there again" } else { "the broker is gone" };
        add(*at, "broker", None, text.to_owned());
    }
    for ignored in record.ignored.iter().take(MOST_IGNORED) {
        let by = ignored.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        add(
            ignored.at,
            "ignored",
            ignored.light.as_ref(),
            match ignored.count {
                1 => format!("a message was ignored{by}: {}", ignored.reason),
                count => format!("{count} messages were ignored{by}, the last one: {}", ignored.reason),
            },
        );
    }
    for (at, text) in &record.notices {
        add(*at, "notice", None, text.clone());
    }
    notes.sort_by_key(|note| note.at);
    notes.truncate(MOST_NOTES);
    notes
}
