//! The timeline of a run as SVG.
//!
//! What a light shows can be told without colours: green and amber are tall, red is low, dark is a line; amber and
//! flashing amber have patterns of their own, and what is wide enough has a letter.

use std::time::Duration;

use maud::{Markup, html};
use traffic_light::Aspect;

use super::escape::{Length, Text};
use crate::{
    model::LightId,
    scenario::{
        expect::Seconds,
        record::{ConflictSpan, FaultSpan, LightRecord, Record, UnsafeSpan},
    },
    world::event::Layer,
};

/// More lights do not fit on a page that a person reads.
const MOST_LIGHTS: usize = 40;
/// More spans of one light make a page that no browser likes; the picture ends there.
const MOST_SPANS: usize = 4_000;

const LABELS: f64 = 118.0;
const RIGHT: f64 = 16.0;
const AXIS: f64 = 26.0;
const LANE: f64 = 24.0;
const BAR: f64 = 30.0;
const ROW: f64 = 54.0;
/// Between two junctions.
const GAP: f64 = 14.0;
/// Where the letters of an average text end, of one.
const LETTER: f64 = 6.6;

/// Where things are in the picture.
struct Layout<'r> {
    record: &'r Record,
    lights: Vec<(&'r LightId, &'r LightRecord, f64)>,
    left_out: usize,
    faults: Vec<(&'r FaultSpan, usize)>,
    unsafe_flashing: Vec<UnsafeSpan>,
    end: Duration,
    scale: f64,
    width: f64,
    height: f64,
}

/// The picture of what happened up to `end`, and a word where something is left out of it.
pub(super) fn timeline(record: &Record, end: Duration) -> (Markup, Option<String>) {
    let layout = Layout::new(record, end);
    let mut left_out = Vec::new();
    if layout.left_out > 0 {
        left_out.push(format!("{} more lights are left out", layout.left_out));
    }
    if layout.end < end {
        left_out.push(format!("what comes after {} is left out", Seconds(layout.end)));
    }
    (layout.draw(), (!left_out.is_empty()).then(|| left_out.join("; ")))
}

impl<'r> Layout<'r> {
    fn new(record: &'r Record, end: Duration) -> Layout<'r> {
        let end = record
            .lights
            .values()
            .filter_map(|light| light.aspects.get(MOST_SPANS))
            .map(|(at, _)| *at)
            .min()
            .map_or(end, |crowded| crowded.min(end));
        let seconds = end.as_secs_f64().max(1.0);
        let width = (seconds * 6.0).clamp(862.0, 12_000.0);
        let scale = width / seconds;

        let mut faults = Vec::new();
        let mut lanes: Vec<f64> = Vec::new();
        for span in record.faults.iter().filter(|span| span.from < end) {
            let from = span.from.as_secs_f64() * scale;
            let until = span.until.unwrap_or(end).min(end).as_secs_f64() * scale;
            // A label that does not fit stands beside the bar.
            let label = letters(&label(span)) + 12.0;
            let until = if until - from < label { until + label + 6.0 } else { until };
            let lane = lanes.iter().position(|taken| *taken <= from).unwrap_or(lanes.len());
            match lanes.get_mut(lane) {
                Some(taken) => *taken = until,
                None => lanes.push(until),
            }
            faults.push((span, lane));
        }

        let mut y = AXIS + count(lanes.len()) * LANE + 10.0;
        let mut lights: Vec<(&LightId, &LightRecord, f64)> = Vec::new();
        for (light, known) in record.lights.iter().take(MOST_LIGHTS) {
            if lights.last().is_some_and(|(last, ..)| last.junction != light.junction) {
                y += GAP;
            }
            lights.push((light, known, y));
            y += ROW;
        }
        let left_out = record.lights.len().saturating_sub(MOST_LIGHTS);
        let unsafe_flashing = record.unsafe_flashing();
        Layout { record, lights, left_out, faults, unsafe_flashing, end, scale, width, height: y + 4.0 }
    }

    fn x(&self, at: Duration) -> f64 {
        LABELS + at.min(self.end).as_secs_f64() * self.scale
    }

    fn draw(&self) -> Markup {
        let (width, height) = ((LABELS + self.width + RIGHT).round(), self.height.round());
        html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
                role="img" aria-labelledby="timeline-title timeline-text" {
                title #timeline-title { "What each light showed" }
                desc #timeline-text { (Text(self.described())) }
                (patterns())
                (self.draw_axis())
                @for (span, lane) in &self.faults { (self.draw_fault(span, *lane)) }
                @for (light, known, y) in &self.lights { (self.draw_light(light, known, *y)) }
                @for conflict in &self.record.conflicts { (self.draw_conflict(conflict)) }
                @for span in &self.unsafe_flashing { (self.draw_unsafe(span)) }
            }
        }
    }

    /// The picture in words, for who cannot see it; the table of notes has the rest.
    fn described(&self) -> String {
        let mut text = format!(
            "A row for each of {} lights over {}; {} faults above",
            self.lights.len(),
            Seconds(self.end),
            self.faults.len()
        );
        text += &match self.record.conflicts.len() {
            0 => "; no conflict.".to_owned(),
            1 => "; one conflict, marked.".to_owned(),
            many => format!("; {many} conflicts, marked."),
        };
        if !self.unsafe_flashing.is_empty() {
            text += " Where a light flashes amber while another has right of way, that is marked too.";
        }
        text + " What happened, and when, is told in the table below."
    }

    fn draw_axis(&self) -> Markup {
        let seconds = self.end.as_secs_f64();
        let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0];
        let step = steps.into_iter().find(|step| step * self.scale >= 55.0).unwrap_or(7_200.0);
        let times = std::iter::successors(Some(0.0), |at| Some(at + step));
        html! {
            @for at in times.take_while(|at| *at <= seconds + 1e-9) {
                @let x = Length(LABELS + at * self.scale);
                line .grid x1=(x) y1=(Length(AXIS)) x2=(x) y2=(Length(self.height - 4.0)) {}
                text .tick x=(x) y="16" text-anchor="middle" { (at) @if at == 0.0 { " s" } }
            }
        }
    }

    fn draw_fault(&self, span: &FaultSpan, lane: usize) -> Markup {
        let (from, until) = (self.x(span.from), self.x(span.until.unwrap_or(self.end)));
        let y = AXIS + count(lane) * LANE + 3.0;
        let width = (until - from).max(3.0);
        // What does not fit into the bar stands beside it.
        let beside = width < letters(&label(span)) + 12.0;
        let end = span.until.map_or_else(|| "the end".to_owned(), |until| Seconds(until).to_string());
        let bar = |fill: Option<&str>| {
            let class = fill.is_none().then_some("fault");
            html! {
                rect class=[class] x=(Length(from)) y=(Length(y)) width=(Length(width)) height=(Length(LANE - 6.0)) rx="3"
                    fill=[fill] {}
            }
        };
        html! {
            g {
                title { (Text(label(span))) ", from " (Seconds(span.from)) " to " (end) }
                (bar(None))
                (bar(Some("url(#hatch)")))
                text .fault-name .beside[beside] x=(Length(if beside { from + width + 6.0 } else { from + 7.0 }))
                    y=(Length(y + 13.0)) { (Text(label(span))) }
            }
        }
    }

    fn draw_light(&self, light: &LightId, known: &LightRecord, y: f64) -> Markup {
        let about = known.rule.map(|rule| format!("{rule:?}").to_lowercase()).unwrap_or_default();
        let x = Length(LABELS - 12.0);
        let spans = known.spans(self.end).take_while(|(from, ..)| *from < self.end);
        html! {
            text .light x=(x) y=(Length(y + 16.0)) text-anchor="end" { (Text(light)) }
            text .about x=(x) y=(Length(y + 30.0)) text-anchor="end" { (about) }
            @for (from, until, aspect) in spans { (self.draw_aspect(light, y, (from, until.min(self.end), aspect))) }
            (self.draw_session(light, known, y + BAR + 5.0))
        }
    }

    fn draw_aspect(
        &self,
        light: &LightId,
        y: f64,
        (from, until, aspect): (Duration, Duration, Aspect),
    ) -> Markup {
        let (x, width) = (self.x(from), self.x(until) - self.x(from));
        let (class, letter, height) = match aspect {
            Aspect::Dark => ("dark", "", 3.0),
            Aspect::Red => ("red", "R", 13.0),
            Aspect::RedAmber => ("red-amber", "", BAR),
            Aspect::Green => ("green", "G", BAR),
            Aspect::Amber => ("amber", "A", BAR),
            Aspect::FlashingAmber => ("flashing", "F", BAR - 8.0),
        };
        let top = y + BAR - height;
        // As the lamps have it, red stands above amber; amber alone has lines.
        let bars = match aspect {
            Aspect::RedAmber => vec![("red", top, height / 2.0), ("amber", top + height / 2.0, height / 2.0)],
            Aspect::Amber => vec![(class, top, height), ("amber-lines", top, height)],
            _ => vec![(class, top, height)],
        };
        html! {
            g {
                title { (Text(light)) " " (aspect) ", " (Seconds(from)) " to " (Seconds(until)) }
                @for (class, top, height) in bars {
                    rect class=(class) x=(Length(x)) y=(Length(top)) width=(Length(width)) height=(Length(height)) {}
                }
                @if !letter.is_empty() && width >= 12.0 {
                    text class={ "letter on-" (class) } x=(Length(x + width / 2.0)) y=(Length(top + height / 2.0 + 4.0))
                        text-anchor="middle" { (letter) }
                }
            }
        }
    }

    /// A thin line below: whether the light has a session.
    fn draw_session(&self, light: &LightId, known: &LightRecord, y: f64) -> Markup {
        let changes: Vec<_> = known.links.iter().filter(|change| change.layer == Layer::Mqtt).collect();
        let ends = changes.iter().skip(1).map(|change| change.at).chain([self.end]);
        let told = changes.iter().zip(ends).map(|(change, until)| (change.at, until, change.up));
        let first = changes.first().map(|change| (Duration::ZERO, change.at, false));
        let spans = first.into_iter().chain(told).filter(|(from, until, _)| from < until && *from < self.end);
        html! {
            @for (from, until, up) in spans {
                @let (class, word) = if up { ("link-up", "has a session") } else { ("link-down", "has no session") };
                g {
                    title { (Text(light)) " " (word) ", " (Seconds(from)) " to " (Seconds(until.min(self.end))) }
                    line class=(class) x1=(Length(self.x(from))) y1=(Length(y)) x2=(Length(self.x(until))) y2=(Length(y)) {}
                }
            }
        }
    }

    fn draw_conflict(&self, conflict: &ConflictSpan) -> Markup {
        let names: Vec<_> = conflict.lights.iter().map(ToString::to_string).collect();
        let title = format!("conflict of {}", names.join(" and "));
        let lights: Vec<_> = conflict.lights.iter().collect();
        self.draw_clash("conflict", &title, &lights, (conflict.from, conflict.until.unwrap_or(self.end)))
    }

    fn draw_unsafe(&self, span: &UnsafeSpan) -> Markup {
        let title = format!("{} flashes amber while {} has green", span.flashing, span.going);
        self.draw_clash("unsafe", &title, &[&span.flashing, &span.going], (span.from, span.until))
    }

    /// What must not be: a frame over the rows of the lights that it is about.
    fn draw_clash(
        &self,
        class: &str,
        title: &str,
        lights: &[&LightId],
        (from, until): (Duration, Duration),
    ) -> Markup {
        let rows = self.lights.iter().filter(|(light, ..)| lights.contains(light)).map(|(.., y)| *y);
        let (top, bottom) = rows.fold((f64::MAX, f64::MIN), |(top, bottom), y| (top.min(y), bottom.max(y)));
        if top > bottom || from >= self.end {
            return Markup::default();
        }
        let left = self.x(from);
        let width = (self.x(until) - left).max(2.0);
        let (top, height) = (top - 5.0, bottom - top + BAR + 10.0);
        let middle = Length(left + width / 2.0);
        html! {
            g {
                title { (Text(title)) " from " (Seconds(from)) }
                rect class=(class) x=(Length(left)) y=(Length(top)) width=(Length(width)) height=(Length(height)) rx="3" {}
                circle .conflict-mark cx=(middle) cy=(Length(top)) r="7" {}
                text .conflict-sign x=(middle) y=(Length(top + 4.0)) text-anchor="middle" { "!" }
            }
        }
    }
}

fn label(span: &FaultSpan) -> String {
    match span.fault.light() {
        Some(light) => format!("{} on {light}", span.fault),
        None => span.fault.to_string(),
    }
}

/// About how wide a text is.
fn letters(text: &str) -> f64 {
    count(text.chars().count()) * LETTER
}

#[expect(clippy::cast_precision_loss, reason = "there are few rows and letters")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Hatches, stripes and lines, so that nothing is told by colour alone.
fn patterns() -> Markup {
    html! {
        defs {
            pattern #hatch width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                line .hatch x1="0" y1="0" x2="0" y2="7" {}
            }
            pattern #blink width="10" height="10" patternUnits="userSpaceOnUse" {
                rect .blink-on width="6" height="10" {}
            }
            pattern #lines width="5" height="5" patternUnits="userSpaceOnUse" {
                line .amber-line x1="0" y1="1" x2="5" y2="1" {}
            }
        }
    }
}
