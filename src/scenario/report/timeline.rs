//! The timeline of a run as SVG.
//!
//! What a light shows can be told without colours: go is tall, red is low, dark is a line; amber and
//! flashing amber have patterns of their own, and what is wide enough has a letter.

use std::{fmt::Write as _, time::Duration};

use traffic_light::Aspect;

use super::escape::Escaped;
use crate::{
    model::LightId,
    scenario::{
        expect::Seconds,
        record::{FaultSpan, LightRecord, Record, UnsafeSpan},
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
pub(super) fn timeline(record: &Record, end: Duration) -> (String, Option<String>) {
    let layout = Layout::new(record, end);
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = layout.draw(&mut svg);
    let mut left_out = Vec::new();
    if layout.left_out > 0 {
        left_out.push(format!("{} more lights are left out", layout.left_out));
    }
    if layout.end < end {
        left_out.push(format!("what comes after {} is left out", Seconds(layout.end)));
    }
    (svg, (!left_out.is_empty()).then(|| left_out.join("; ")))
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

    fn draw(&self, svg: &mut String) -> std::fmt::Result {
        let (width, height) = (LABELS + self.width + RIGHT, self.height);
        write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\" aria-labelledby=\"timeline-title timeline-text\">\n\
             <title id=\"timeline-title\">What each light showed</title>\n\
             <desc id=\"timeline-text\">{}</desc>\n{PATTERNS}",
            Escaped(self.described())
        )?;
        self.draw_axis(svg)?;
        for (span, lane) in &self.faults {
            self.draw_fault(svg, span, *lane)?;
        }
        for (light, known, y) in &self.lights {
            self.draw_light(svg, light, known, *y)?;
        }
        for conflict in &self.record.conflicts {
            let names: Vec<_> = conflict.lights.iter().map(ToString::to_string).collect();
            let title = format!("conflict of {}", names.join(" and "));
            let lights: Vec<_> = conflict.lights.iter().collect();
            let span = (conflict.from, conflict.until.unwrap_or(self.end));
            self.draw_clash(svg, "conflict", &title, &lights, span)?;
        }
        for span in &self.unsafe_flashing {
            let title = format!("{} flashes amber while {} is in go", span.flashing, span.going);
            let lights = [&span.flashing, &span.going];
            self.draw_clash(svg, "unsafe", &title, &lights, (span.from, span.until))?;
        }
        svg.push_str("</svg>\n");
        Ok(())
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
            text += " Where a light flashes amber while another is in go, that is marked too.";
        }
        text + " What happened, and when, is told in the table below."
    }

    fn draw_axis(&self, svg: &mut String) -> std::fmt::Result {
        let seconds = self.end.as_secs_f64();
        let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0];
        let step = steps.into_iter().find(|step| step * self.scale >= 55.0).unwrap_or(7_200.0);
        let bottom = self.height - 4.0;
        let mut at = 0.0;
        while at <= seconds + 1e-9 {
            let x = LABELS + at * self.scale;
            writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{AXIS:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"16\" text-anchor=\"middle\">{at:.0}{}</text>",
                if at == 0.0 { " s" } else { "" }
            )?;
            at += step;
        }
        Ok(())
    }

    fn draw_fault(&self, svg: &mut String, span: &FaultSpan, lane: usize) -> std::fmt::Result {
        let (from, until) = (self.x(span.from), self.x(span.until.unwrap_or(self.end)));
        let y = AXIS + count(lane) * LANE + 3.0;
        let width = (until - from).max(3.0);
        let (height, text_y) = (LANE - 6.0, y + 13.0);
        // What does not fit into the bar stands beside it.
        let outside = width < letters(&label(span)) + 12.0;
        let class = if outside { "fault-name beside" } else { "fault-name" };
        let end = span.until.map_or_else(|| "the end".to_owned(), |until| Seconds(until).to_string());
        writeln!(
            svg,
            "<g><title>{0}, from {1} to {end}</title>\
             <rect class=\"fault\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"3\"/>\
             <rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"3\" fill=\"url(#hatch)\"/>\
             <text class=\"{class}\" x=\"{2:.1}\" y=\"{text_y:.1}\">{0}</text></g>",
            Escaped(label(span)),
            Seconds(span.from),
            if outside { from + width + 6.0 } else { from + 7.0 }
        )
    }

    fn draw_light(&self, svg: &mut String, light: &LightId, known: &LightRecord, y: f64) -> std::fmt::Result {
        let (name_y, about_y) = (y + 16.0, y + 30.0);
        let about = known.rule.map(|rule| format!("{rule:?}").to_lowercase()).unwrap_or_default();
        writeln!(
            svg,
            "<text class=\"light\" x=\"{0:.1}\" y=\"{name_y:.1}\" text-anchor=\"end\">{1}</text>\
             <text class=\"about\" x=\"{0:.1}\" y=\"{about_y:.1}\" text-anchor=\"end\">{2}</text>",
            LABELS - 12.0,
            Escaped(light),
            Escaped(about)
        )?;
        for (from, until, aspect) in known.spans(self.end) {
            if from >= self.end {
                break;
            }
            self.draw_aspect(svg, light, y, (from, until.min(self.end), aspect))?;
        }
        self.draw_session(svg, light, known, y + BAR + 5.0)
    }

    fn draw_aspect(
        &self,
        svg: &mut String,
        light: &LightId,
        y: f64,
        (from, until, aspect): (Duration, Duration, Aspect),
    ) -> std::fmt::Result {
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
        let bar = |class: &str, top: f64, height: f64| {
            format!(
                "<rect class=\"{class}\" x=\"{x:.2}\" y=\"{top:.1}\" width=\"{width:.2}\" height=\"{height:.1}\"/>"
            )
        };
        write!(
            svg,
            "<g><title>{} {aspect}, {} to {}</title>",
            Escaped(light),
            Seconds(from),
            Seconds(until)
        )?;
        match aspect {
            // As the lamps have it: red above amber.
            Aspect::RedAmber => {
                svg.push_str(&bar("red", top, height / 2.0));
                svg.push_str(&bar("amber", top + height / 2.0, height / 2.0));
            }
            Aspect::Amber => {
                svg.push_str(&bar(class, top, height));
                svg.push_str(&bar("amber-lines", top, height));
            }
            _ => svg.push_str(&bar(class, top, height)),
        }
        if !letter.is_empty() && width >= 12.0 {
            let (middle, base) = (x + width / 2.0, top + height / 2.0 + 4.0);
            write!(
                svg,
                "<text class=\"letter on-{class}\" x=\"{middle:.1}\" y=\"{base:.1}\" text-anchor=\"middle\">{letter}</text>"
            )?;
        }
        svg.push_str("</g>\n");
        Ok(())
    }

    /// A thin line below: whether the light has a session.
    fn draw_session(
        &self,
        svg: &mut String,
        light: &LightId,
        known: &LightRecord,
        y: f64,
    ) -> std::fmt::Result {
        let changes: Vec<_> = known.links.iter().filter(|change| change.layer == Layer::Mqtt).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let ends = changes.iter().skip(1).map(|change| change.at).chain([self.end]);
        let told = changes.iter().zip(ends).map(|(change, until)| (change.at, until, change.up));
        let first = changes.first().map(|change| (Duration::ZERO, change.at, false));
        for (from, until, up) in
            first.into_iter().chain(told).filter(|(from, until, _)| from < until && *from < self.end)
        {
            let (class, word) =
                if up { ("link-up", "has a session") } else { ("link-down", "has no session") };
            writeln!(
                svg,
                "<g><title>{} {word}, {} to {}</title><line class=\"{class}\" x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" \
                 y2=\"{y:.1}\"/></g>",
                Escaped(light),
                Seconds(from),
                Seconds(until.min(self.end)),
                self.x(from),
                self.x(until)
            )?;
        }
        Ok(())
    }

    /// What must not be: a frame over the rows of the lights that it is about.
    fn draw_clash(
        &self,
        svg: &mut String,
        class: &str,
        title: &str,
        lights: &[&LightId],
        (from, until): (Duration, Duration),
    ) -> std::fmt::Result {
        let rows: Vec<f64> =
            self.lights.iter().filter(|(light, ..)| lights.contains(light)).map(|(.., y)| *y).collect();
        let (Some(top), Some(bottom)) =
            (rows.iter().copied().reduce(f64::min), rows.iter().copied().reduce(f64::max))
        else {
            return Ok(());
        };
        if from >= self.end {
            return Ok(());
        }
        let (left, right) = (self.x(from), self.x(until));
        let width = (right - left).max(2.0);
        let (top, height) = (top - 5.0, bottom - top + BAR + 10.0);
        let middle = left + width / 2.0;
        writeln!(
            svg,
            "<g><title>{} from {}</title>\
             <rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"3\"/>\
             <circle class=\"conflict-mark\" cx=\"{middle:.1}\" cy=\"{top:.1}\" r=\"7\"/>\
             <text class=\"conflict-sign\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">!</text></g>",
            Escaped(title),
            Seconds(from),
            top + 4.0
        )
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
const PATTERNS: &str = "<defs>\
<pattern id=\"hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
<line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"7\"/></pattern>\
<pattern id=\"blink\" width=\"10\" height=\"10\" patternUnits=\"userSpaceOnUse\">\
<rect class=\"blink-on\" width=\"6\" height=\"10\"/></pattern>\
<pattern id=\"lines\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
<line class=\"amber-line\" x1=\"0\" y1=\"1\" x2=\"5\" y2=\"1\"/></pattern>\
</defs>\n";
