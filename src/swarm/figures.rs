//! The figures of a swarm, and what went wrong in it.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use crate::world::{
    delivery::{Counted, Durations},
    summary::{Reaction, Summary},
};

/// Different reasons that are kept; a broker that is away gives the same one to all.
const MOST_REASONS: usize = 4;

/// The figures of a swarm. Times are in the unit that the name ends with.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Lights that were to be run, each with a connection of its own.
    pub lights: usize,
    /// Those with a session at the end.
    pub(super) connected: usize,
    /// From the start until all were connected and subscribed; `None` where they never were.
    pub(super) connected_after_s: Option<f64>,
    /// For how long it was measured; 0 where it never came to that.
    pub(super) measured_s: f64,
    /// Messages that the lights sent in a second.
    pub(super) sent_per_s: f64,
    /// Messages that came to the lights in a second.
    pub(super) received_per_s: f64,
    /// The mean payload of a message sent.
    pub(super) mean_bytes: f64,
    /// From the publishing of a word of state to its receipt by the other light.
    pub(super) delivery_ms: Option<Spread>,
    /// From the publishing of an end of right of way to its receipt by the waiting light.
    pub reaction_ms: Option<Reaction>,
    /// Processor time in the measured time, in percent of one core; of this process, the embedded broker
    /// included. `None` where the system does not tell.
    pub cpu_percent: Option<f64>,
    /// Resident memory of this process at the end.
    pub resident_kib: Option<f64>,
    /// What of it the lights have brought, for each.
    pub kib_per_light: Option<f64>,
    /// Greens shown.
    pub greens: u64,
    /// Conflicts seen.
    pub conflicts: u64,
    /// Messages ignored.
    pub(super) ignored: u64,
    /// What was not well, one sentence each; empty where all was.
    pub complaints: Vec<String>,
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many were measured.
    pub(super) count: u64,
    /// Half were no longer.
    pub(super) p50: f64,
    /// Of ten, nine were no longer.
    pub(super) p90: f64,
    /// Of a hundred, 99 were no longer.
    pub(super) p99: f64,
    /// Of a thousand, 999 were no longer.
    pub(super) p999: f64,
    /// The longest.
    pub(super) max: f64,
}

/// What was counted in the measured time.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) measured_for: Duration,
    pub(super) since_start: Duration,
    pub(super) counted: Counted,
    pub(super) cpu: Option<f64>,
    /// After and before, in KiB.
    pub(super) resident: Option<(f64, f64)>,
    pub(super) summary: Summary,
}

/// What went wrong on the way.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) interrupted: bool,
    pub(super) not_connected: usize,
    pub(super) sessions_lost: u64,
    pub(super) flashed: u64,
    pub(super) lost_events: u64,
    reasons: BTreeMap<String, u64>,
}

impl Trouble {
    /// A link went down, or did not come up.
    pub(super) fn reason(&mut self, reason: &str) {
        if let Some(count) = self.reasons.get_mut(reason) {
            *count += 1;
        } else if self.reasons.len() < MOST_REASONS && !reason.is_empty() {
            self.reasons.insert(reason.to_owned(), 1);
        }
    }

    fn because(&self) -> String {
        let reasons = self.reasons.iter().map(|(reason, count)| format!("{reason} ({count} times)"));
        let reasons: Vec<_> = reasons.collect();
        if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
    }
}

impl Figures {
    pub(super) fn of(
        lights: usize,
        connected: usize,
        connected_after: Option<Duration>,
        measured: Option<Measured>,
        trouble: Trouble,
        round: Duration,
    ) -> Figures {
        let complaints = complaints(measured.as_ref(), lights, &trouble, round);
        let mut figures = Figures {
            lights,
            connected,
            connected_after_s: connected_after.map(|after| after.as_secs_f64()),
            measured_s: 0.0,
            sent_per_s: 0.0,
            received_per_s: 0.0,
            mean_bytes: 0.0,
            delivery_ms: None,
            reaction_ms: None,
            cpu_percent: None,
            resident_kib: None,
            kib_per_light: None,
            greens: 0,
            conflicts: 0,
            ignored: 0,
            complaints,
        };
        let Some(Measured { measured_for, counted, cpu, resident, summary, .. }) = measured else {
            return figures;
        };
        let seconds = measured_for.as_secs_f64().max(f64::EPSILON);
        figures.measured_s = seconds;
        figures.sent_per_s = counted.sent as f64 / seconds;
        figures.received_per_s = counted.received as f64 / seconds;
        figures.mean_bytes = counted.sent_bytes as f64 / (counted.sent.max(1)) as f64;
        figures.delivery_ms = Spread::of(&counted.took);
        figures.reaction_ms = summary.reaction_ms;
        figures.cpu_percent = cpu.map(|cpu| 100.0 * cpu / seconds);
        figures.resident_kib = resident.map(|(after, _)| after);
        figures.kib_per_light = resident.map(|(after, before)| (after - before) / lights.max(1) as f64);
        figures.greens = summary.greens.values().sum();
        figures.conflicts = summary.conflicts;
        figures.ignored = summary.ignored;
        figures
    }

    /// Whether all went as it should.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.conflicts == 0 && self.complaints.is_empty()
    }
}

fn complaints(measured: Option<&Measured>, lights: usize, trouble: &Trouble, round: Duration) -> Vec<String> {
    let mut complaints = Vec::new();
    if trouble.not_connected > 0 {
        let (away, why) = (trouble.not_connected, trouble.because());
        complaints
            .push(format!("{away} of {lights} lights got no session in time, so nothing was measured{why}"));
    } else if measured.is_none() && trouble.interrupted {
        let why = trouble.because();
        complaints.push(format!("it was ended before anything could be measured{why}"));
    }
    if trouble.sessions_lost > 0 {
        complaints.push(format!("{} sessions were lost{}", trouble.sessions_lost, trouble.because()));
    }
    if trouble.flashed > 0 {
        let text =
            "times a light went to flashing amber: it lost the other one for too long, or its own session";
        complaints.push(format!("{} {text}", trouble.flashed));
    }
    if trouble.lost_events > 0 {
        let text = "events came faster than they could be counted and are not in the figures (help: run fewer pairs)";
        complaints.push(format!("{} {text}", trouble.lost_events));
    }
    if let Some(measured) = measured
        && measured.since_start >= round
    {
        let dark = measured.summary.greens.values().filter(|greens| **greens == 0).count();
        if dark > 0 {
            complaints.push(format!(
                "{dark} lights never got green in {:.0} s",
                measured.since_start.as_secs_f64()
            ));
        }
    }
    if measured.is_some_and(|measured| measured.counted.took.count() == 0) {
        complaints.push("no word came from one light to another".to_owned());
    }
    complaints
}

impl Spread {
    fn of(took: &Durations) -> Option<Spread> {
        let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        (took.count() > 0).then(|| Spread {
            count: took.count(),
            p50: ms(took.percentile(0.5)),
            p90: ms(took.percentile(0.9)),
            p99: ms(took.percentile(0.99)),
            p999: ms(took.percentile(0.999)),
            max: ms(took.longest()),
        })
    }
}

/// For people: a few lines.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} lights connected", self.connected, self.lights)?;
        match self.connected_after_s {
            Some(after) => writeln!(f, ", all of them after {after:.2} s")?,
            None => writeln!(f)?,
        }
        if self.measured_s > 0.0 {
            writeln!(
                f,
                "in {:.0} s: {:.0} messages a second sent, {:.0} received, of {:.0} bytes each",
                self.measured_s, self.sent_per_s, self.received_per_s, self.mean_bytes
            )?;
            writeln!(
                f,
                "{} greens, {} conflicts, {} messages ignored",
                self.greens, self.conflicts, self.ignored
            )?;
        }
        if let Some(delivery) = &self.delivery_ms {
            writeln!(
                f,
                "from publishing to the other light's receipt: {:.2} ms in half of {} cases, {:.2} ms in 90 %, \
                 {:.2} ms in 99 %, {:.2} ms in 99.9 %, {:.2} ms at the most",
                delivery.p50, delivery.count, delivery.p90, delivery.p99, delivery.p999, delivery.max
            )?;
        }
        if let (Some(cpu), Some(resident), Some(each)) =
            (self.cpu_percent, self.resident_kib, self.kib_per_light)
        {
            let resident = resident / 1024.0;
            writeln!(f, "{cpu:.1} % of a core, {resident:.1} MiB resident: {each:.1} KiB for each light")?;
        }
        for complaint in &self.complaints {
            writeln!(f, "not well: {complaint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Duration = Duration::from_secs(39);

    fn measured(seconds: u64) -> Measured {
        let mut counted = Counted { sent: 300, sent_bytes: 36_000, received: 280, ..Counted::default() };
        counted.took.add(Duration::from_millis(2));
        let summary =
            Summary { greens: [("p/a".to_owned(), 3), ("p/b".to_owned(), 0)].into(), ..Summary::default() };
        let since_start = Duration::from_secs(seconds + 3);
        let measured_for = Duration::from_secs(seconds);
        Measured {
            measured_for,
            since_start,
            counted,
            cpu: Some(0.5),
            resident: Some((900.0, 700.0)),
            summary,
        }
    }

    fn figures(seconds: u64, trouble: Trouble) -> Figures {
        let after = Some(Duration::from_millis(120));
        Figures::of(2, 2, after, Some(measured(seconds)), trouble, ROUND)
    }

    #[test]
    fn figures_are_per_second_and_per_light() {
        let figures = figures(10, Trouble::default());
        assert_eq!((figures.sent_per_s, figures.received_per_s, figures.mean_bytes), (30.0, 28.0, 120.0));
        assert_eq!((figures.cpu_percent, figures.kib_per_light), (Some(5.0), Some(100.0)));
        assert_eq!(figures.delivery_ms.map(|spread| (spread.count, spread.max)), Some((1, 2.0)));
        assert!(figures.is_well(), "ten seconds are too short for every green: {:?}", figures.complaints);
        assert!(figures.to_string().contains("2 of 2 lights connected, all of them after 0.12 s"));
    }

    #[test]
    fn what_is_not_well_is_said_with_its_reason() {
        let dark = figures(60, Trouble::default());
        assert_eq!(dark.complaints, ["1 lights never got green in 63 s"]);
        let mut trouble = Trouble { not_connected: 3, ..Trouble::default() };
        trouble.reason("nobody listens");
        trouble.reason("nobody listens");
        let away = Figures::of(4, 1, None, None, trouble, ROUND);
        assert!(!away.is_well());
        assert!(
            away.complaints[0].contains("3 of 4") && away.complaints[0].contains("nobody listens (2 times)"),
            "{away}"
        );
        let lost = figures(10, Trouble { sessions_lost: 1, flashed: 2, ..Trouble::default() });
        assert_eq!(lost.complaints.len(), 2, "{lost}");
        let cut = Trouble { interrupted: true, ..Trouble::default() };
        assert!(Figures::of(4, 1, None, None, cut, ROUND).to_string().contains("ended before"));
    }
}
