//! Timings: those of the whole file, and those of one junction on top of them.

use traffic_light::{Infeasible, Timing, timing::Quota};

use super::table::{Reader, Table};
use crate::model::Diagnostic;

/// An hour, the longest that [`Timing::check`] takes.
const LONGEST_MS: u32 = 3_600_000;

const MEMBERS: [&str; 12] = [
    "red_amber_ms",
    "green_min_ms",
    "green_max_ms",
    "amber_ms",
    "clearance_ms",
    "heartbeat_ms",
    "lease_ms",
    "lost_after_ms",
    "tick_ms",
    "watchdog_ms",
    "rtt_ms",
    "quota",
];

/// The `timing` table of `parent`, where there is one.
pub(crate) fn table<'a>(reader: &mut Reader<'_>, parent: &Table<'a>) -> Option<Table<'a>> {
    parent.member("timing").and_then(|member| reader.table(&member, &MEMBERS))
}

/// `base` with the members that `table` gives; `None` where one of them is wrong.
pub(crate) fn read(reader: &mut Reader<'_>, table: &Table<'_>, base: Timing) -> Option<Timing> {
    let problems_before = reader.problems.count();
    let mut timing = base;
    for (name, field) in [
        ("red_amber_ms", &mut timing.red_amber_ms),
        ("green_min_ms", &mut timing.green_min_ms),
        ("green_max_ms", &mut timing.green_max_ms),
        ("amber_ms", &mut timing.amber_ms),
        ("clearance_ms", &mut timing.clearance_ms),
        ("heartbeat_ms", &mut timing.heartbeat_ms),
        ("lease_ms", &mut timing.lease_ms),
        ("lost_after_ms", &mut timing.lost_after_ms),
        ("tick_ms", &mut timing.tick_ms),
        ("watchdog_ms", &mut timing.watchdog_ms),
        ("rtt_ms", &mut timing.rtt_ms),
    ] {
        let least = u32::from(name != "rtt_ms");
        if let Some(member) = table.member(name)
            && let Some(ms) = reader.number(&member, least..=LONGEST_MS)
        {
            *field = ms;
        }
    }
    timing.quota = read_quota(reader, table).or(timing.quota);
    (reader.problems.count() == problems_before).then_some(timing)
}

fn read_quota(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Quota> {
    let quota = table.member("quota").and_then(|member| reader.table(&member, &["burst", "refill_ms"]))?;
    let mut part = |name, most| match quota.member(name) {
        Some(member) => reader.number(&member, 1..=most),
        None => {
            reader.missing(&quota, name, "a quota is { burst = 3, refill_ms = 5000 }");
            None
        }
    };
    let (burst, refill_ms) = (part("burst", 1_000), part("refill_ms", LONGEST_MS));
    Some(Quota { burst: burst?, refill_ms: refill_ms? })
}

/// Notes that timings cannot work, at the member that most likely has to change: the junction's
/// own before the file's, else at the table's header.
pub(super) fn blame(reader: &mut Reader<'_>, error: &Infeasible, tables: [Option<&Table<'_>>; 2]) {
    let given = tables.into_iter().flatten();
    let member = given.clone().find_map(|table| suspects(error).iter().find_map(|name| table.member(name)));
    let diagnostic = Diagnostic::new(error.to_string(), error.help().to_string());
    if let Some(member) = member {
        reader.wrong(&member, diagnostic);
    } else if let Some(table) = given.into_iter().next() {
        reader.problems.add(table.span.clone(), &table.path, diagnostic);
    }
}

/// The members that a condition is about, the likeliest first.
fn suspects(error: &Infeasible) -> &'static [&'static str] {
    match error {
        Infeasible::Zero(_) | Infeasible::TooLong(_) => &[],
        Infeasible::GreenRange => &["green_min_ms", "green_max_ms"],
        Infeasible::NeverGoes { .. } => {
            &["lease_ms", "red_amber_ms", "amber_ms", "heartbeat_ms", "rtt_ms", "tick_ms"]
        }
        Infeasible::CutShort { .. } => &["lease_ms", "heartbeat_ms", "amber_ms", "rtt_ms", "tick_ms"],
        Infeasible::LostTooSoon { .. } => &["lost_after_ms", "heartbeat_ms", "rtt_ms"],
        Infeasible::WatchdogTooSlow { .. } => &["watchdog_ms", "amber_ms"],
        Infeasible::RecoveryTooSlow { .. } => &["heartbeat_ms", "rtt_ms", "lease_ms", "clearance_ms"],
        Infeasible::QuotaTooSlow { .. } => &["heartbeat_ms", "quota"],
    }
}
