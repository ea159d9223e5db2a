//! What happened in a run, in aligned columns, to be read by a person.

use std::fmt::Write as _;

use traffic_light::State;

use crate::{
    clock::TrueMicros,
    watcher::{letter, seconds},
};

/// The lines of a run, kept only where somebody will read them.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    /// One that keeps its lines.
    #[must_use]
    pub fn kept() -> Trace {
        Trace { lines: Some(Vec::new()) }
    }

    /// Notes what happened to `light`, or to all where there is none. `what` is asked only where
    /// it will be read.
    pub fn note(&mut self, now: TrueMicros, light: Option<usize>, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let who = light.map_or('*', letter);
            lines.push(format!("{:>11.6} s  {who}  {}", seconds(now), what()));
        }
    }

    /// The last `count` lines.
    #[must_use]
    pub fn last(&self, count: usize) -> String {
        let lines = self.lines.as_deref().unwrap_or_default();
        let skipped = lines.len().saturating_sub(count);
        let mut text = String::new();
        if skipped > 0 {
            let _ = writeln!(text, "  … {skipped} earlier lines");
        }
        for line in lines.iter().skip(skipped) {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// A state in short: `green #42 turn 7 gives b#9 lost c`.
#[must_use]
pub fn short(state: &State) -> String {
    let mut text = format!("{:<14} {:>8x}#{}", state.aspect.as_str(), state.boot, state.seq);
    if let Some(need) = state.need {
        let _ = write!(text, " turn {}", need.turn);
    }
    for give in &state.give {
        let _ = write!(text, " gives {} {:x}#{} {} ms", give.to, give.boot, give.seq, give.ms);
    }
    for lost in &state.lost {
        let _ = write!(text, " lost {lost}");
    }
    text
}
