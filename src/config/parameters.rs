//! The name of a fault and the members that are its parameters.

use super::table::{Member, Reader, Table};
use crate::{
    fault::{Directions, FaultKind, LeftOut, LinkFaultSpec, Parameter},
    model::Diagnostic,
};

/// The members of `[[fault]]` that are no parameters.
const MEMBERS: [&str; 9] = ["name", "at_s", "spread_s", "for_s", "every_s", "times", "what", "light", "way"];

const DIRECTIONS: [(&str, Directions); 3] =
    [("up", Directions::ToBroker), ("down", Directions::FromBroker), ("both", Directions::Both)];

/// All members of `[[fault]]`.
pub(super) fn members() -> Vec<&'static str> {
    let mut members = MEMBERS.to_vec();
    for parameter in FaultKind::examples().flat_map(|kind| kind.about().parameters) {
        if !members.contains(&parameter.name) {
            members.push(parameter.name);
        }
    }
    members
}

/// The fault of this name, with the parameters of its example.
pub(super) fn read_kind(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<FaultKind> {
    let names: Vec<_> = FaultKind::examples().map(|kind| (kind.about().name, kind)).collect();
    reader.choice(member, &names)
}

/// Reads the parameters and the direction of a fault, and refuses those that it does not have.
pub(super) fn read(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    mut kind: FaultKind,
) -> Option<(FaultKind, Directions)> {
    let problems_before = reader.problems.count();
    let parameters = kind.about().parameters;
    let mut used: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
    if matches!(kind, FaultKind::LinkFault(_)) {
        used.push("way");
    }
    for name in members().into_iter().filter(|name| *name == "way" || !MEMBERS.contains(name)) {
        if let Some(member) = table.member(name).filter(|_| !used.contains(&name)) {
            let problem = if used.is_empty() {
                Diagnostic::new("this fault has no parameters", "remove it")
            } else {
                let help = format!("remove it, or use {}", used.join(", "));
                Diagnostic::new("this fault has no such parameter", help)
            };
            reader.wrong(&member, problem);
        }
    }
    for (number, parameter) in kind.numbers().into_iter().zip(parameters) {
        match (table.member(parameter.name), parameter.left_out) {
            (Some(member), _) => number.set(read_number(reader, &member, parameter)?),
            (None, LeftOut::Example) => {}
            (None, LeftOut::Is(value)) => number.set(value),
            (None, LeftOut::Refused) => {
                let (least, most) = parameter.limits;
                let (least, most) = (parameter.shown(least), parameter.shown(most));
                let help = format!("add {} with a number from {least} to {most}", parameter.name);
                reader.missing(table, parameter.name, &help);
                return None;
            }
        }
    }
    let directions = match table.member("way").filter(|_| used.contains(&"way")) {
        Some(member) => reader.choice(&member, &DIRECTIONS)?,
        None => Directions::Both,
    };
    let checked = match kind {
        FaultKind::LinkFault(fault) => LinkFaultSpec { fault, directions }.check(),
        kind => kind.check(),
    };
    if let Err(problem) = checked
        && let Some(member) = used.iter().find_map(|name| table.member(name)).or_else(|| table.member("what"))
    {
        reader.wrong(&member, problem);
    }
    (reader.problems.count() == problems_before).then_some((kind, directions))
}

/// The number as it is stored.
fn read_number(reader: &mut Reader<'_>, member: &Member<'_>, parameter: &Parameter) -> Option<i64> {
    let (least, most) = parameter.limits;
    if parameter.scale == 1 {
        return reader
            .number(member, u64::try_from(least).ok()?..=u64::try_from(most).ok()?)
            .map(u64::cast_signed);
    }
    let scale = parameter.scale as f64;
    let number = reader.real(member, least as f64 / scale..=most as f64 / scale)?;
    #[expect(clippy::cast_possible_truncation, reason = "it was checked to be within the limits")]
    Some((number * scale).round() as i64)
}
