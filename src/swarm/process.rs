//! What this process takes of memory and processor, by the system's own account. Linux alone tells it in
//! files; elsewhere there is no figure rather than a guess.

use std::fs;

/// Resident memory in KiB: `proc(5)`, `/proc/self/status`.
#[must_use]
pub(super) fn resident_kib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// User and system time in seconds: `proc(5)`, `/proc/self/stat`, fields 14 and 15. Their unit is 1/100 s on
/// every Linux of today.
#[must_use]
pub(super) fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name before it, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / 100.0)
}
