//! Faults that are planned in the configuration.

use std::{collections::HashMap, ops::Range, time::Duration};

use simulation::Rng;
use traffic_light::Name;

use super::{
    broker::BrokerChoice,
    dose::{self, Kind},
    junction::Junction,
    table::{Member, Reader, Table},
};
use crate::{model::LightId, world::Fault};

/// The most lights that an error message lists.
const MOST_LISTED: usize = 8;
/// The most times that one entry may come.
const MOST_TIMES: u32 = 1_000;

/// A failure to be put in at a certain time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFault {
    /// When, since the world's start.
    pub at: Duration,
    /// What happens then.
    pub what: FaultKind,
    /// Which `[[fault]]` of the file it comes from, counted from 0; one may come several times.
    pub entry: usize,
    /// What the file calls it, where it has a name of its own there.
    pub called: Option<String>,
    /// Where the seed decides how much later than `at` it comes.
    pub spread: Option<Spread>,
}

/// How much later a fault may come than it is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// At the most.
    pub up_to: Duration,
    /// What the draw goes by besides the seed: the time of the entry, so that all that is planned
    /// for one moment with one spread stays together, and a fault that comes again keeps its pace.
    pub together: Duration,
}

/// What a planned fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A failure that stays for a while.
    Lasting {
        /// Which one, and where.
        fault: Fault,
        /// For how long, never zero; `None`: to the end of the run.
        lasts: Option<Duration>,
    },
    /// The light's broker session is cut once; it comes back by itself.
    SessionDrop(LightId),
    /// The light starts anew.
    Reboot(LightId),
}

impl PlannedFault {
    /// A failure that stands in no file.
    #[must_use]
    pub fn new(at: Duration, what: FaultKind) -> PlannedFault {
        PlannedFault { at, what, entry: 0, called: None, spread: None }
    }

    /// The same at the moment that `seed` gives it.
    #[must_use]
    pub fn drawn(self, seed: u64) -> PlannedFault {
        let Some(Spread { up_to, together }) = self.spread else { return self };
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let later = Rng::new(seed, ms(together)).between(0, ms(up_to));
        PlannedFault { at: self.at.saturating_add(Duration::from_millis(later)), spread: None, ..self }
    }

    /// When it has ended at the latest, where that is before `next` begins, wherever the seed puts
    /// the two.
    fn ends_before(&self, next: &PlannedFault) -> Option<Duration> {
        let end = self.ends_at()?;
        // Those that move together keep their distance.
        let late =
            if self.spread == next.spread { Duration::ZERO } else { self.latest().saturating_sub(self.at) };
        Some(end.saturating_add(late)).filter(|end| *end <= next.at)
    }

    /// When it begins at the latest, since the world's start.
    #[must_use]
    pub fn latest(&self) -> Duration {
        self.at.saturating_add(self.spread.map(|spread| spread.up_to).unwrap_or_default())
    }

    /// The word of the configuration, such as `wifi-down`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.what {
            FaultKind::Lasting { fault, .. } => fault.name(),
            FaultKind::SessionDrop(_) => "session-drop",
            FaultKind::Reboot(_) => "reboot",
        }
    }

    /// The light that it strikes; `None` where it strikes all.
    #[must_use]
    pub fn light(&self) -> Option<&LightId> {
        match &self.what {
            FaultKind::Lasting { fault, .. } => fault.light(),
            FaultKind::SessionDrop(light) | FaultKind::Reboot(light) => Some(light),
        }
    }

    /// When it is over, since the world's start; `None` where it lasts to the end of the run. A
    /// fault of an instant is over when it begins.
    #[must_use]
    pub fn ends_at(&self) -> Option<Duration> {
        match &self.what {
            FaultKind::Lasting { lasts, .. } => lasts.map(|lasts| self.at.saturating_add(lasts)),
            FaultKind::SessionDrop(_) | FaultKind::Reboot(_) => Some(self.at),
        }
    }
}

/// Reads all faults, sorted by their start. `junctions` is `None` where they could not be read:
/// then no light can be called unknown.
pub(super) fn read(
    reader: &mut Reader<'_>,
    top: &Table<'_>,
    broker: &BrokerChoice,
    junctions: Option<&[Junction]>,
    run_for: Option<Duration>,
) -> Vec<PlannedFault> {
    let Some(member) = top.member("fault") else { return Vec::new() };
    let lights = junctions.map(|junctions| {
        junctions.iter().map(|junction| (junction.name().clone(), junction)).collect::<HashMap<_, _>>()
    });
    let tables = reader.tables(&member, &dose::MEMBERS);
    let mut faults = Vec::new();
    for (entry, table) in tables.into_iter().enumerate() {
        for fault in read_one(reader, &table, entry, broker, junctions, lights.as_ref()) {
            if run_for.is_some_and(|run_for| fault.at >= run_for)
                && let Some(at) = table.member("at_s")
            {
                reader
                    .warn(&at, "the run is over before; give it more seconds, or the fault an earlier time");
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
) -> Vec<PlannedFault> {
    let called = table.member("name").and_then(|member| {
        let name = reader.text(&member)?;
        if name.trim().is_empty() {
            reader
                .wrong(&member, "it is empty; give it the word that an expectation is to use, or remove it");
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
    let word = match table.member("what") {
        Some(member) => dose::read_word(reader, &member),
        None => {
            reader.missing(table, "what", "add what = \"wifi-down\" or another fault");
            None
        }
    };
    let lasts = read_lasts(reader, table, word.as_ref());
    let repeats = read_repeats(reader, table);
    let what = word.and_then(|word| {
        if word.strikes_all() {
            refuse_on_broker(reader, table, word, broker);
            let dosed = dose::read(reader, table, word);
            return dosed?(None, lasts?);
        }
        let light = read_light(reader, table, junctions, lights);
        let dosed = dose::read(reader, table, word);
        dosed?(Some(light?), lasts?)
    });
    let spread = match table.member("spread_s") {
        Some(member) => {
            let Some(up_to) = reader.seconds(&member) else { return Vec::new() };
            at.map(|together| Spread { up_to, together })
        }
        None => None,
    };
    let (Some(at), Some(what), Some((every, times))) = (at, what, repeats) else { return Vec::new() };
    (0..times)
        .map(|time| PlannedFault {
            at: at + every * time,
            what: what.clone(),
            entry,
            called: called.clone(),
            spread,
        })
        .collect()
}

fn refuse_on_broker(reader: &mut Reader<'_>, table: &Table<'_>, word: Kind, broker: &BrokerChoice) {
    let (name, elsewhere) = if word == Kind::Quota {
        ("quota", "only the embedded broker can be given a quota; use it for this, or remove the fault")
    } else {
        (
            "broker-down",
            "only the embedded broker can be stopped from here; stop yours by hand, or use wifi-down on each light",
        )
    };
    if let (BrokerChoice::External { .. }, Some(member)) = (broker, table.member("what")) {
        reader.wrong(&member, elsewhere);
    }
    if let Some(member) = table.member("light") {
        reader.wrong(&member, format!("{name} strikes all lights; remove light"));
    }
}

/// The outer `None` says that it is wrong.
#[expect(clippy::option_option, reason = "left out and wrong are two things")]
fn read_lasts(reader: &mut Reader<'_>, table: &Table<'_>, word: Option<&Kind>) -> Option<Option<Duration>> {
    let Some(member) = table.member("for_s") else { return Some(None) };
    if word.is_some_and(|word| matches!(word, Kind::SessionDrop | Kind::Reboot)) {
        reader.wrong(&member, "this fault happens at an instant and has no length; remove for_s");
        return None;
    }
    let lasts = reader.seconds(&member)?;
    if lasts.is_zero() {
        reader.wrong(&member, "a fault of no length does nothing; give it more than 0 seconds");
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

fn read_light(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    junctions: Option<&[Junction]>,
    by_name: Option<&HashMap<Name, &Junction>>,
) -> Option<LightId> {
    let Some(member) = table.member("light") else {
        reader.missing(table, "light", "add light = \"demo/a\", the junction and the light that it strikes");
        return None;
    };
    let id = read_light_id(reader, &member, junctions, by_name)?;
    if !by_name?.get(&id.junction).is_some_and(|junction| junction.runs(&id.light)) {
        reader.wrong(&member, "this program does not run that light (see run); faults strike its own lights");
        return None;
    }
    Some(id)
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
        reader.wrong(member, format!("{text:?} names no light; write JUNCTION/LIGHT, such as \"demo/a\""));
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
    reader.wrong(member, format!("there is no light {id}; use one of {listed}"));
    None
}

/// The end of one would end the other, which nobody means.
fn refuse_overlaps(reader: &mut Reader<'_>, faults: &[(Range<usize>, PlannedFault)], path: &str) {
    let mut seen: Vec<(&PlannedFault, usize)> = Vec::new();
    for (place, planned) in faults {
        let FaultKind::Lasting { fault, .. } = &planned.what else { continue };
        let same = |other: &PlannedFault| matches!(&other.what, FaultKind::Lasting { fault: other, .. } if other.is_replaced_by(fault));
        let last = seen.iter().position(|(other, _)| same(other));
        if let Some((other, line)) = last.map(|last| seen.swap_remove(last))
            && other.ends_before(planned).is_none()
        {
            let line = reader.problems.line_of(line);
            let text = format!(
                "{} is in force already, from the fault in line {line}; begin later, or make one fault of both",
                planned.name()
            );
            reader.problems.add(place.clone(), path, text);
        }
        seen.push((planned, place.start));
    }
}
