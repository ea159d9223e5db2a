//! Events as sentences, for people, and the report file.

use std::{fmt::Write as _, io::Write as _, path::Path};

use anyhow::Context;
use serde_json::Value;

use super::{Usage, shown};
use crate::world::{Event, EventKind, event::Severity, summary::Summary};

/// One line for an event; `None` for one that would only be noise in a terminal.
pub(super) fn sentence(event: &Event) -> Option<String> {
    let text = match &event.kind {
        EventKind::BrokerStarted { address, embedded, note, .. } => {
            let whose =
                if *embedded { "the embedded broker listens at" } else { "connected to the broker at" };
            let note = note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            format!("{whose} {address}{note}")
        }
        EventKind::BrokerStopped { reason } => format!("no broker: {reason}"),
        EventKind::AspectChanged { light, aspect } => format!("{light} shows {aspect}"),
        EventKind::PresenceChanged { light, online: true, .. } => format!("{light} is online"),
        EventKind::PresenceChanged { light, online: false, .. } => format!("{light} is offline"),
        EventKind::LinkChanged { light, layer, up, reason } => {
            format!("{light}: {layer:?} {} ({reason})", if *up { "up" } else { "down" })
        }
        EventKind::FaultChanged { fault, on } => {
            let light = fault.light().map(|light| format!(" on {light}")).unwrap_or_default();
            format!("fault {fault}{light} {}", if *on { "begins" } else { "ends" })
        }
        EventKind::ConflictBegan { lights } => {
            let names: Vec<_> = lights.iter().map(ToString::to_string).collect();
            format!("CONFLICT: {} are in go at once", names.join(" and "))
        }
        EventKind::ConflictEnded { lasted, .. } => {
            format!("the conflict is over after {:.1} s", lasted.as_secs_f64())
        }
        EventKind::TwinDiffers { light, board, twin } => {
            format!("{light} shows {board}, and its twin shows {twin}")
        }
        EventKind::TwinAgrees { light, lasted } => {
            format!("{light} shows what its twin shows again, after {:.1} s", lasted.as_secs_f64())
        }
        EventKind::MessageIgnored { reason, .. } => format!("ignored: {reason}"),
        EventKind::Noticed { severity, text, .. } => match severity {
            Severity::Info => text.clone(),
            Severity::Warning => format!("warning: {text}"),
            Severity::Error => format!("error: {text}"),
        },
        _ => return None,
    };
    Some(format!("{:9.3} s  {text}", event.at.as_secs_f64()))
}

/// What a run came to, in a few lines.
pub(super) fn closing(summary: &Summary) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "conflicts: {}", summary.conflicts);
    for (light, greens) in &summary.greens {
        let joins = summary.joins.get(light).copied().unwrap_or_default();
        let _ = writeln!(text, "{light}: {greens} greens, {joins} sessions");
    }
    if summary.ignored > 0 {
        let _ = writeln!(text, "messages ignored: {}", summary.ignored);
    }
    if let Some(reaction) = &summary.reaction_ms {
        let _ = writeln!(
            text,
            "reaction: {:.2} ms in half of {} cases, {:.2} ms in 99 %, {:.2} ms at the most",
            reaction.p50, reaction.count, reaction.p99, reaction.max
        );
    }
    text
}

/// Sees before a long run that its report will have a place.
pub(super) fn check_folder(report: Option<&Path>) -> Result<(), Usage> {
    match report.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            Err(Usage(format!("--report: there is no folder {}; make it first", shown(folder))))
        }
        _ => Ok(()),
    }
}

/// Writes the report beside its place and moves it there, so that there is never half a file.
pub(super) fn write(file: &Path, report: &Value) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let advice =
        || format!("cannot write the report {}; choose a folder that exists and is yours", shown(file));
    let mut beside = tempfile::NamedTempFile::new_in(folder).with_context(advice)?;
    serde_json::to_writer_pretty(&mut beside, report).with_context(advice)?;
    beside.write_all(b"\n").with_context(advice)?;
    beside.persist(file).with_context(advice)?;
    Ok(())
}
