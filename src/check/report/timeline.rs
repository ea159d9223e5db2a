//! The timeline of a check as SVG: steps, faults, what both lights said, and the packets.

use maud::{Markup, html};

use crate::check::{
    history::{History, seconds},
    record::{BenchFault, Entry, Record, What, Who},
    vocabulary::Shown,
};

/// More marks make a page that no browser likes.
const MOST_MARKS: usize = 4_000;
const LEFT: u64 = 90;
/// Pixels for a second.
const SCALE: u64 = 8;
const STEPS_Y: u64 = 20;
const FAULTS_Y: u64 = 48;
const PARTNER_Y: u64 = 76;
const LIGHT_Y: u64 = 104;
const PACKETS_Y: u64 = 136;
const HEIGHT: u64 = 196;

fn x(at: u64) -> u64 {
    LEFT + at * SCALE / 1_000_000
}

pub(super) fn timeline(record: &Record) -> Markup {
    let history = History::of(record);
    let end = history.end();
    let width = x(end) + 24;
    let partner =
        bars(&history.partner(0, end).iter().map(|(at, shown, _)| (*at, *shown)).collect::<Vec<_>>(), end);
    let light = bars(&history.spoken(0, end), end);
    let faults = [
        BenchFault::Reset,
        BenchFault::Refuse,
        BenchFault::Silence,
        BenchFault::RefuseLogin,
        BenchFault::CutConnect,
        BenchFault::Hook,
    ];
    let packets = record.entries.iter().filter_map(mark).take(MOST_MARKS);
    html! {
        svg width=(width) height=(HEIGHT) role="img" aria-label="Timeline of the check" {
            @for (y, name) in [(STEPS_Y, "steps"), (FAULTS_Y, "faults"), (PARTNER_Y, "partner"), (LIGHT_Y, "light"), (PACKETS_Y, "sent"), (PACKETS_Y + 24, "received")] {
                text x="4" y=(y + 12) { (name) }
            }
            @for step in &record.steps {
                @if let Some((from, to)) = record.span(*step) {
                    rect x=(x(from)) y=(STEPS_Y) width=(width_of(from, to)) height="16" fill="#8b9099" fill-opacity="0.25" {
                        title { (step) ": " (seconds(from)) " to " (seconds(to)) }
                    }
                    text x=(x(from) + 2) y=(STEPS_Y + 12) { (step) }
                }
            }
            @for fault in faults {
                @for (from, to) in history.faults(fault, 0, end) {
                    rect x=(x(from)) y=(FAULTS_Y) width=(width_of(from, to.unwrap_or(end))) height="16" fill="#6a58b5" fill-opacity="0.6" {
                        title { (fault.text()) ": " (seconds(from)) " to " (seconds(to.unwrap_or(end))) }
                    }
                }
            }
            @for (y, bars) in [(PARTNER_Y, partner), (LIGHT_Y, light)] {
                @for (from, to, shown) in bars {
                    rect x=(x(from)) y=(y) width=(width_of(from, to)) height="20" fill=(colour(shown)) {
                        title { (shown.name()) ": " (seconds(from)) " to " (seconds(to)) }
                    }
                }
            }
            @for (at, up, colour, text) in packets {
                rect x=(x(at)) y=(if up { PACKETS_Y } else { PACKETS_Y + 24 }) width="2" height="18" fill=(colour) {
                    title { (seconds(at)) ": " (text) }
                }
            }
            @for second in (0..=end / 1_000_000).step_by(10) {
                text x=(x(second * 1_000_000)) y="12" { (second) " s" }
            }
        }
    }
}

fn width_of(from: u64, to: u64) -> u64 {
    (x(to) - x(from)).max(2)
}

/// From when to when something was shown; what is only said again makes no new bar.
fn bars(said: &[(u64, Shown)], end: u64) -> Vec<(u64, u64, Shown)> {
    let mut bars: Vec<(u64, u64, Shown)> = Vec::new();
    for (at, shown) in said {
        match bars.last_mut() {
            Some((_, _, last)) if last == shown => continue,
            Some((_, until, _)) => *until = *at,
            None => {}
        }
        if bars.len() >= MOST_MARKS {
            break;
        }
        bars.push((*at, end, *shown));
    }
    bars
}

fn colour(shown: Shown) -> &'static str {
    match shown {
        Shown::Red => "#c9302c",
        Shown::RedAmber => "#e0701f",
        Shown::Amber => "#f0a30a",
        Shown::Green => "#2c9a4b",
        Shown::Dark => "#8b9099",
    }
}

/// When, whether the light sent it, its colour, and what it is.
fn mark(entry: &Entry) -> Option<(u64, bool, &'static str, String)> {
    let by = |who: &Who| *who == Who::Light;
    let (up, colour, text) = match &entry.what {
        What::Opened { c, .. } => (true, "#1d6fb8", format!("connection {c} opened")),
        What::Connect { client_id, .. } => (true, "#1d6fb8", format!("CONNECT as {client_id}")),
        What::ConnAck { code, .. } => (false, "#1d6fb8", format!("CONNACK {code}")),
        What::Publish { by: who, topic, payload, retain, .. } => {
            let kept = if *retain { ", kept" } else { "" };
            (by(who), "#2c9a4b", format!("PUBLISH {topic} {payload}{kept}"))
        }
        What::Subscribe { filters, .. } => (true, "#b0126f", format!("SUBSCRIBE {}", filters.join(", "))),
        What::Ping { by: who, .. } => (by(who), "#8b9099", "ping".to_owned()),
        What::Disconnect { by: who, .. } => (by(who), "#c9302c", "DISCONNECT".to_owned()),
        What::Malformed { by: who, reason, .. } => (by(who), "#c9302c", format!("malformed: {reason}")),
        What::Closed { by: who, c, .. } => (by(who), "#c9302c", format!("connection {c} ended")),
        What::Dropped { packets, .. } => (true, "#8b9099", format!("{packets} packets more")),
        _ => return None,
    };
    Some((entry.at, up, colour, text))
}
