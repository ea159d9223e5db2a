//! Events as sentences, for people, and the report file.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    exit::{CONFLICT, FAILED, WELL},
    failure::wrong_usage,
};
use crate::{
    cli::common::shown,
    model::{Diagnostic, LightId, grouped},
    world::{
        Event, EventKind,
        event::{Certainty, Severity},
        summary::Summary,
    },
};

/// Links that lead to each other are followed so far, as the system does.
const MOST_LINKS: usize = 40;

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
        EventKind::ChaosChanged { seed: Some(seed) } => format!("chaos begins, with seed {seed}"),
        EventKind::ChaosChanged { seed: None } => "chaos ends".to_owned(),
        EventKind::ConflictBegan { lights, certainty: Certainty::Sure, .. } => {
            format!("CONFLICT: {} have right of way at once", names(lights))
        }
        EventKind::ConflictBegan { lights, certainty: Certainty::Possible, .. } => {
            format!(
                "possible conflict: {} may have right of way at once, by what is heard of them",
                names(lights)
            )
        }
        EventKind::ConflictEnded { lights, certainty, lasted, at_most } => {
            let lights = names(lights);
            match certainty {
                Certainty::Sure if lasted == at_most => {
                    format!("the conflict of {lights} is over after {:.2} s", lasted.as_secs_f64())
                }
                Certainty::Sure => format!(
                    "the conflict of {lights} is over after {:.2} s or more, {:.2} s at the most",
                    lasted.as_secs_f64(),
                    at_most.as_secs_f64()
                ),
                Certainty::Possible => format!(
                    "the possible conflict of {lights} is over: if it was one, it lasted for {:.2} s at the most",
                    at_most.as_secs_f64()
                ),
            }
        }
        EventKind::GlitchSeen { lights, lasted, .. } => {
            format!(
                "glitch: {} had right of way at once for {} ms, too short to count",
                names(lights),
                lasted.as_millis()
            )
        }
        EventKind::TwinDiffers { light, board, twin } => {
            format!("{light} shows {board}, and its twin shows {twin}")
        }
        EventKind::TwinAgrees { light, lasted } => {
            format!("{light} shows what its twin shows again, after {:.1} s", lasted.as_secs_f64())
        }
        EventKind::MessageIgnored { reason, more: 0, .. } => format!("ignored: {reason}"),
        EventKind::MessageIgnored { light, reason, more, .. } => {
            let from = light.as_ref().map(|light| format!(" from {light}")).unwrap_or_default();
            format!("ignored {} more{from}, the last one: {reason}", grouped(*more, ','))
        }
        EventKind::RecordingChanged { file: Some(file) } => format!("this run is recorded to {file}"),
        EventKind::Noticed { severity, text, .. } => match severity {
            Severity::Info => text.clone(),
            Severity::Warning => format!("warning: {text}"),
            Severity::Error => format!("error: {text}"),
        },
        _ => return None,
    };
    Some(format!("{:9.3} s  {text}", event.at.as_secs_f64()))
}

fn names(lights: &[LightId]) -> String {
    let names: Vec<_> = lights.iter().map(ToString::to_string).collect();
    names.join(" and ")
}

/// What a run came to, in a few lines.
pub(super) fn closing(summary: &Summary) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "conflicts: {}", summary.conflicts);
    if summary.possible_conflicts > 0 {
        let _ = writeln!(text, "possible conflicts: {}", summary.possible_conflicts);
    }
    if summary.glitches > 0 {
        let _ = writeln!(text, "glitches: {}", summary.glitches);
    }
    for (light, greens) in &summary.greens {
        let joins = summary.joins.get(light).copied().unwrap_or_default();
        let _ = writeln!(text, "{light}: {greens} greens, {joins} sessions");
    }
    if summary.ignored > 0 {
        let _ = writeln!(text, "messages ignored: {}", summary.ignored);
    }
    if summary.lost > 0 {
        let _ = writeln!(text, "INCOMPLETE: {} events were lost, and the figures lack them", summary.lost);
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

/// The exit status of a run with these figures: those that lack events are no success.
pub(super) fn status(summary: &Summary) -> u8 {
    match summary {
        Summary { conflicts: 1.., .. } => CONFLICT,
        Summary { lost: 1.., .. } => FAILED,
        _ => WELL,
    }
}

/// That a file can come to be where `option` names one: better known before the work than after it.
pub(super) fn check_place(option: &str, file: Option<&Path>) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(wrong_usage((
            format!("{option}: there is no folder {}", shown(folder)),
            "make it first, or name a file in another one",
        )));
    }
    try_to_write(file).map_err(|error| {
        wrong_usage((
            format!("{option}: {} cannot be written: {error}", shown(file)),
            "name a file in a folder that is yours and has room",
        ))
    })
}

/// Leaves what is there as it is.
fn try_to_write(file: &Path) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // To open a pipe and to close it again would end whoever reads it.
        Ok(there) if !there.is_file() => Ok(()),
        Ok(_) => {
            fs::OpenOptions::new().write(true).open(file)?;
            beside(&place(file)).map(drop)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let place = place(file);
            fs::OpenOptions::new().write(true).create_new(true).open(&place)?;
            fs::remove_file(place)
        }
        Err(error) => Err(error),
    }
}

/// That no two of these files are the same, by whatever way they are named: one would be written over by the other.
pub(super) fn check_apart<const N: usize>(files: [(&str, Option<&Path>); N]) -> anyhow::Result<()> {
    let named = files.into_iter().filter_map(|(option, file)| Some((option, file?)));
    let places: Vec<_> = named.map(|(option, file)| (option, file, place(file))).collect();
    for (nth, (option, file, there)) in places.iter().enumerate() {
        if let Some((other, ..)) = places[..nth].iter().find(|(.., other)| other == there) {
            let message = format!("{other} and {option} are the same file {}", shown(file));
            return Err(wrong_usage((message, "name two files")));
        }
    }
    Ok(())
}

/// Where a file is or will be, without links and detours.
fn place(file: &Path) -> PathBuf {
    // A link to a file that is not there yet leads where it will be made.
    let mut file = file.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&file) else { break };
        file = file.parent().unwrap_or(Path::new("")).join(target);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(&file), fs::canonicalize(folder), file.file_name()) {
        (Ok(place), ..) => place,
        (Err(_), Ok(folder), Some(name)) => folder.join(name),
        _ => file,
    }
}

/// Writes the report as JSON.
pub(super) fn write(file: &Path, report: &Value) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(report)?;
    text.push(b'\n');
    write_whole(file, &text)
}

/// Writes a file beside its place and moves it there, so that there is never half of it. What is no file, such as a
/// pipe, is written to as it is.
pub(super) fn write_whole(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        if fs::metadata(file).is_ok_and(|there| !there.is_file()) {
            return fs::OpenOptions::new().write(true).open(file)?.write_all(bytes);
        }
        let place = place(file);
        let mut beside = beside(&place)?;
        beside.write_all(bytes)?;
        beside.persist(place)?;
        Ok(())
    };
    write().map_err(|error| {
        // That of a file beside its place names that file, which is nobody's concern.
        let inner = error.get_ref().and_then(|inner| inner.source());
        let why = inner.map_or_else(|| error.to_string(), ToString::to_string);
        let message = format!("cannot write the report {}: {why}", shown(file));
        Diagnostic::new(message, "choose a folder that exists, is yours and has room").into()
    })
}

/// A file for a moment, in the folder of this one.
fn beside(file: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As any other file that this user makes: it is to be handed on.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
