//! Faults that are planned in the configuration.

use std::{collections::HashMap, ops::Range, time::Duration};

use traffic_light::Name;

use super::{
    broker::BrokerChoice,
    junction::Junction,
    parameters,
    table::{Member, Reader, Table},
};
use crate::{
    fault::{FaultKind, PlannedFault, Spread},
    model::{Diagnostic, LightId},
};

/// The most lights that an error message lists.
const MOST_LISTED: usize = 8;
/// The most times that one entry may come.
const MOST_TIMES: u32 = 1_000;

/// Reads all faults, sorted by their start. `junctions` is `None` where they could not be read:
/// then no light can be called unknown. `board_ports`: lights that run elsewhere connect through this program.
pub(super) fn read(
    reader: &mut Reader<'_>,
    top: &Table<'_>,
    broker: &BrokerChoice,
    junctions: Option<&[Junction]>,
    run_for: Option<Duration>,
    board_ports: bool,
) -> Vec<PlannedFault> {
    let Some(member) = top.member("fault") else { return Vec::new() };
    let lights = junctions.map(|junctions| {
        junctions.iter().map(|junction| (junction.name().clone(), junction)).collect::<HashMap<_, _>>()
    });
    let tables = reader.tables(&member, &parameters::members());
    let mut faults = Vec::new();
    for (entry, table) in tables.into_iter().enumerate() {
        for fault in read_one(reader, &table, entry, broker, junctions, lights.as_ref(), board_ports) {
            if run_for.is_some_and(|run_for| fault.at >= run_for)
                && let Some(at) = table.member("at_s")
            {
                let help = "give the run more seconds, or the fault an earlier time";
                reader.warn(&at, ("the run is over before", help));
            }
            faults.push((table.span.clone(), fault));
        }
    }
    faults.sort_by_key(|(_, fault)| fault.at);
    refuse_overlaps(reader, &faults, &member.path);
    faults.into_iter().map(|(_, fault)| fault).collect()
}

/// One entry: a fault, or as many as it comes times.
fn read_one(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    entry: usize,
    broker: &BrokerChoice,
    junctions: Option<&[Junction]>,
    lights: Option<&HashMap<Name, &Junction>>,
    board_ports: bool,
) -> Vec<PlannedFault> {
    let called = table.member("name").and_then(|member| {
        let name = reader.text(&member)?;
        if name.trim().is_empty() {
            reader.wrong(
                &member,
                ("it is empty", "give it the word that an expectation is to use, or remove it"),
            );
        }
        Some(name.to_owned())
    });
    let at = match table.member("at_s") {
        Some(member) => reader.seconds(&member),
        None => {
            reader.missing(table, "at_s", "add at_s = 40 with the second at which it begins");
            None
        }
    };
    let kind = match table.member("what") {
        Some(member) => parameters::read_kind(reader, &member),
        None => {
            reader.missing(table, "what", "add what = \"wifi-down\" or another fault");
            None
        }
    };
    let lasts = read_lasts(reader, table, kind.as_ref());
    let repeats = read_repeats(reader, table);
    let fault = kind.and_then(|kind| {
        let light = if kind.strikes_all() {
            refuse_elsewhere(reader, table, kind, broker);
            None
        } else {
            let on_port = board_ports && matches!(kind, FaultKind::LinkFault(_));
            read_light(reader, table, junctions, lights, on_port)
        };
        let (kind, directions) = parameters::read(reader, table, kind)?;
        kind.at(light, directions)
    });
    let spread = match table.member("spread_s") {
        Some(member) => {
            let Some(up_to) = reader.seconds(&member) else { return Vec::new() };
            at.map(|together| Spread { up_to, together })
        }
        None => None,
    };
    let (Some(at), Some(fault), Some(lasts), Some((every, times))) = (at, fault, lasts, repeats) else {
        return Vec::new();
    };
    (0..times)
        .map(|time| PlannedFault {
            at: at + every * time,
            fault: fault.clone(),
            lasts,
            entry,
            called: called.clone(),
            spread,
        })
        .collect()
}

fn refuse_elsewhere(reader: &mut Reader<'_>, table: &Table<'_>, kind: FaultKind, broker: &BrokerChoice) {
    let about = kind.about();
    if let (BrokerChoice::External { .. }, Some(member)) = (broker, table.member("what")) {
        let message = "only the broker in this program can be given this fault";
        reader.wrong(&member, Diagnostic::new(message, about.other_broker.unwrap_or("remove it")));
    }
    if let Some(member) = table.member("light") {
        reader.wrong(&member, Diagnostic::new(format!("{} strikes all lights", about.name), "remove light"));
    }
}

/// The outer `None` says that it is wrong.
#[expect(clippy::option_option, reason = "left out and wrong are two things")]
fn read_lasts(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    kind: Option<&FaultKind>,
) -> Option<Option<Duration>> {
    let Some(member) = table.member("for_s") else { return Some(None) };
    if kind.is_some_and(|kind| kind.about().instant) {
        let message = "this fault happens at an instant and has no duration";
        reader.wrong(&member, Diagnostic::new(message, "remove for_s"));
        return None;
    }
    let lasts = reader.seconds(&member)?;
    if lasts.is_zero() {
        let message = "a fault with a duration of 0 s has no effect";
        reader.wrong(&member, Diagnostic::new(message, "give it more than 0 seconds"));
        return None;
    }
    Some(Some(lasts))
}

/// How far apart, and how often.
fn read_repeats(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<(Duration, u32)> {
    match (table.member("every_s"), table.member("times")) {
        (None, None) => Some((Duration::ZERO, 1)),
        (Some(every), Some(times)) => Some((reader.seconds(&every)?, reader.number(&times, 1..=MOST_TIMES)?)),
        (Some(member), None) => {
            reader.wrong(&member, "add times = 5 with how often the fault comes");
            None
        }
        (None, Some(member)) => {
            reader.wrong(&member, "add every_s = 10 with the seconds from one time to the next");
            None
        }
    }
}

/// A light that runs here; `on_port`: or one whose link goes through this program.
fn read_light(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    junctions: Option<&[Junction]>,
    by_name: Option<&HashMap<Name, &Junction>>,
    on_port: bool,
) -> Option<LightId> {
    let Some(member) = table.member("light") else {
        reader.missing(table, "light", "add light = \"demo/a\", the junction and the light that it strikes");
        return None;
    };
    let id = read_light_id(reader, &member, junctions, by_name)?;
    let junction = by_name?.get(&id.junction)?;
    if junction.runs(&id.light) || on_port && junction.leaves(&id.light) {
        return Some(id);
    }
    let help = "add it to run, or use a light that runs here; faults of its link reach it at a port of links.board_port";
    reader.wrong(&member, ("this program does not run that light", help));
    None
}

/// A light of the file, by its full name.
pub(crate) fn read_light_id(
    reader: &mut Reader<'_>,
    member: &Member<'_>,
    junctions: Option<&[Junction]>,
    by_name: Option<&HashMap<Name, &Junction>>,
) -> Option<LightId> {
    let text = reader.text(member)?;
    let id = text
        .split_once('/')
        .and_then(|(junction, light)| Some(LightId::new(Name::new(junction).ok()?, Name::new(light).ok()?)));
    let Some(id) = id else {
        let message = format!("{text:?} names no light");
        reader.wrong(member, (message, "write JUNCTION/LIGHT, such as \"demo/a\""));
        return None;
    };
    let (junctions, by_name) = (junctions?, by_name?);
    if by_name.get(&id.junction).is_some_and(|junction| junction.light_config(&id.light).is_some()) {
        return Some(id);
    }
    let all = || junctions.iter().flat_map(Junction::light_ids);
    let mut listed = all().take(MOST_LISTED).map(|light| light.to_string()).collect::<Vec<_>>().join(", ");
    if all().count() > MOST_LISTED {
        listed += ", …";
    }
    reader.wrong(member, (format!("there is no light {id}"), format!("use one of {listed}")));
    None
}

/// The end of one would end the other, which nobody means.
fn refuse_overlaps(reader: &mut Reader<'_>, faults: &[(Range<usize>, PlannedFault)], path: &str) {
    let mut seen: Vec<(&PlannedFault, usize)> = Vec::new();
    for (place, planned) in faults.iter().filter(|(_, planned)| !planned.fault.is_instant()) {
        let last = seen.iter().position(|(other, _)| other.fault.is_replaced_by(&planned.fault));
        if let Some((other, line)) = last.map(|last| seen.swap_remove(last))
            && other.ends_before(planned).is_none()
        {
            let line = reader.problems.line_of(line);
            let text = format!("{} is in force already, from the fault in line {line}", planned.name());
            reader.problems.add(place.clone(), path, (text, "begin later, or make one fault of both"));
        }
        seen.push((planned, place.start));
    }
}
