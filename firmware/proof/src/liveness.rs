//! L1 and L2, judged from the go's that were seen after all faults had ended.
//!
//! Let T be that moment, R = lease + clearance + three heartbeats, and W(x) what may be left at T
//! of light x's wait after a start (0 where it has not just started). All spans are in true time.
//!
//! - **L2**: some light is in go at T, or enters go by T + R + the least of all W(x). (While one
//!   light is past its wait, W is 0: the others' waits are no excuse.)
//! - **L1**: a turn takes at most G = (red-amber + the longest green + amber)/(1−ρ) and an overhead
//!   O = clearance·(1+ρ)/(1−ρ) + two round trips + three ticks + a heartbeat. Every light x enters go by
//!   T + R + W(x) + (n−1)·(G + O), counted from the end of a go that is under way at T; and from
//!   T + R + the greatest W on, from the end of each go of x to its next lie at most
//!   (n−1)·(G + O) + O.

use crate::{
    clock::TrueMicros,
    plan::Plan,
    watcher::{Go, Property, Violation, letter, seconds},
};

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// From T to the first go; 0 where one was under way or every light had just started.
    pub recovery_us: TrueMicros,
    /// The longest wait between two go's of one light, after recovery.
    pub wait_us: TrueMicros,
}

/// Checks the go's of a run whose faults ended at `heal_at_us`.
///
/// # Errors
/// When L1 or L2 does not hold.
pub fn check(
    plan: &Plan,
    heal_at_us: TrueMicros,
    holds_left_us: &[TrueMicros],
    goes: &[Go],
) -> Result<Report, Violation> {
    let timing = &plan.timings[0];
    let us = |ms: u64| ms * 1_000;
    let slow = |ms: u64| us(ms) * 100 / 99 + 2_000;
    let recovery_us = us(timing.recovery_ms());
    let go_us = slow(timing.longest_go_ms());
    let overhead_ms = u64::from(timing.clearance_ms) * 101 / 100
        + 2 * u64::from(timing.rtt_ms)
        + 3 * u64::from(timing.tick_ms)
        + u64::from(timing.heartbeat_ms);
    let overhead_us = slow(overhead_ms);
    let others = plan.lights() as u64 - 1;
    let least_hold_us = holds_left_us.iter().copied().min().unwrap_or(0);
    let greatest_hold_us = holds_left_us.iter().copied().max().unwrap_or(0);

    let mut report = Report::default();
    let after: Vec<&Go> =
        goes.iter().filter(|go| go.end_us.is_none_or(|end_us| end_us > heal_at_us)).collect();
    let late = |property, at_us: TrueMicros, what: String| Err(Violation { property, at_us, what });

    let under_way_us = after.iter().filter(|go| go.start_us < heal_at_us).filter_map(|go| go.end_us).max();
    let first_us = after.iter().map(|go| go.start_us.max(heal_at_us)).min();
    let first_by_us = heal_at_us + recovery_us + least_hold_us;
    if first_us.is_none_or(|first_us| first_us > first_by_us) && plan.end_us > first_by_us {
        let when = first_us.map_or("never".into(), |us| format!("{:.3} s", seconds(us - heal_at_us)));
        let allowed = seconds(first_by_us - heal_at_us);
        return late(
            Property::L2,
            first_by_us,
            format!("first go {when} after all faults, allowed {allowed:.3} s"),
        );
    }
    if least_hold_us == 0 && under_way_us.is_none() {
        report.recovery_us = first_us.map_or(0, |us| us - heal_at_us);
    }

    for (light, hold_us) in holds_left_us.iter().enumerate() {
        let own: Vec<&&Go> = after.iter().filter(|go| go.light == light).collect();
        let by_us =
            under_way_us.unwrap_or(heal_at_us) + recovery_us + hold_us + others * (go_us + overhead_us);
        let first_us = own.first().map(|go| go.start_us);
        if first_us.is_none_or(|us| us > by_us) && plan.end_us > by_us {
            let when = first_us.map_or("never".into(), |us| format!("{:.3} s", seconds(us - heal_at_us)));
            let allowed = seconds(by_us - heal_at_us);
            let what = format!("{} goes {when} after all faults, allowed {allowed:.3} s", letter(light));
            return late(Property::L1, by_us, what);
        }
        let settled_us = heal_at_us + recovery_us + greatest_hold_us;
        let allowed_us = others * (go_us + overhead_us) + overhead_us;
        for (index, go) in own.iter().enumerate() {
            let Some(ended_us) = go.end_us.filter(|us| *us >= settled_us) else { continue };
            let next_us = own.get(index + 1).map_or(plan.end_us, |next| next.start_us);
            let wait_us = next_us.saturating_sub(ended_us);
            if wait_us > allowed_us {
                let (waited, allowed) = (seconds(wait_us), seconds(allowed_us));
                let what =
                    format!("{} waits {waited:.3} s for its next go, allowed {allowed:.3} s", letter(light));
                return late(Property::L1, ended_us + allowed_us, what);
            }
            if index + 1 < own.len() {
                report.wait_us = report.wait_us.max(wait_us);
            }
        }
    }
    Ok(report)
}
