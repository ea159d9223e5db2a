//! Faults that are planned in the configuration.

use std::{collections::HashMap, time::Duration};

use traffic_light::Name;

use super::{
    broker::BrokerChoice,
    junction::Junction,
    table::{Reader, Table},
};
use crate::world::event::{Fault, LightId};

const MEMBERS: [&str; 4] = ["at_s", "for_s", "what", "light"];

/// The most lights that an error message lists.
const MOST_LISTED: usize = 8;

/// A failure to be put in at a certain time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFault {
    /// When, since the world's start.
    pub at: Duration,
    /// What happens then.
    pub what: FaultKind,
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    WifiDown,
    Silence,
    SessionDrop,
    BrokerDown,
    Reboot,
}

const WORDS: [(&str, Word); 5] = [
    ("wifi-down", Word::WifiDown),
    ("silence", Word::Silence),
    ("session-drop", Word::SessionDrop),
    ("broker-down", Word::BrokerDown),
    ("reboot", Word::Reboot),
];

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
    let tables = reader.tables(&member, &MEMBERS);
    let mut faults = Vec::new();
    for table in tables {
        if let Some(fault) = read_one(reader, &table, broker, junctions, lights.as_ref()) {
            if run_for.is_some_and(|run_for| fault.at >= run_for)
                && let Some(at) = table.member("at_s")
            {
                reader
                    .warn(&at, "the run is over before; give it more seconds, or the fault an earlier time");
            }
            faults.push((table.at, fault));
        }
    }
    faults.sort_by_key(|(_, fault)| fault.at);
    refuse_overlaps(reader, &faults, &member.path);
    faults.into_iter().map(|(_, fault)| fault).collect()
}

fn read_one(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    broker: &BrokerChoice,
    junctions: Option<&[Junction]>,
    lights: Option<&HashMap<Name, &Junction>>,
) -> Option<PlannedFault> {
    let at = match table.member("at_s") {
        Some(member) => reader.seconds(&member),
        None => {
            reader.missing(table, "at_s", "add at_s = 40 with the second at which it begins");
            None
        }
    };
    let word = match table.member("what") {
        Some(member) => reader.choice(&member, &WORDS),
        None => {
            reader.missing(table, "what", "add what = \"wifi-down\" or another fault");
            None
        }
    };
    let lasts = read_lasts(reader, table, word);
    if word == Some(Word::BrokerDown) {
        if let (BrokerChoice::External { .. }, Some(member)) = (broker, table.member("what")) {
            reader.wrong(
                &member,
                "only the embedded broker can be stopped from here; stop yours by hand, or use wifi-down on each light",
            );
        }
        if let Some(member) = table.member("light") {
            reader.wrong(&member, "broker-down strikes all lights; remove light");
        }
        return Some(PlannedFault {
            at: at?,
            what: FaultKind::Lasting { fault: Fault::BrokerDown, lasts: lasts? },
        });
    }
    let light = read_light(reader, table, word, junctions, lights);
    let (at, word, lasts, light) = (at?, word?, lasts?, light?);
    let what = match word {
        Word::WifiDown => FaultKind::Lasting { fault: Fault::WifiDown(light), lasts },
        Word::Silence => FaultKind::Lasting { fault: Fault::Silence(light), lasts },
        Word::BrokerDown => FaultKind::Lasting { fault: Fault::BrokerDown, lasts },
        Word::SessionDrop => FaultKind::SessionDrop(light),
        Word::Reboot => FaultKind::Reboot(light),
    };
    Some(PlannedFault { at, what })
}

/// The outer `None` says that it is wrong.
#[expect(clippy::option_option, reason = "left out and wrong are two things")]
fn read_lasts(reader: &mut Reader<'_>, table: &Table<'_>, word: Option<Word>) -> Option<Option<Duration>> {
    let Some(member) = table.member("for_s") else { return Some(None) };
    if matches!(word, Some(Word::SessionDrop | Word::Reboot)) {
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

fn read_light(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    word: Option<Word>,
    junctions: Option<&[Junction]>,
    by_name: Option<&HashMap<Name, &Junction>>,
) -> Option<LightId> {
    let Some(member) = table.member("light") else {
        if word.is_some() {
            reader.missing(
                table,
                "light",
                "add light = \"demo/a\", the junction and the light that it strikes",
            );
        }
        return None;
    };
    let text = reader.text(&member)?;
    let id = text
        .split_once('/')
        .and_then(|(junction, light)| Some(LightId::new(Name::new(junction).ok()?, Name::new(light).ok()?)));
    let Some(id) = id else {
        reader.wrong(&member, format!("{text:?} names no light; write JUNCTION/LIGHT, such as \"demo/a\""));
        return None;
    };
    let (junctions, by_name) = (junctions?, by_name?);
    let known = by_name.get(&id.junction).is_some_and(|junction| junction.light_config(&id.light).is_some());
    if known {
        if !by_name.get(&id.junction).is_some_and(|junction| junction.runs(&id.light)) {
            reader.wrong(
                &member,
                "this program does not run that light (see run); faults strike its own lights",
            );
            return None;
        }
        return Some(id);
    }
    let all = || junctions.iter().flat_map(Junction::light_ids);
    let mut listed = all().take(MOST_LISTED).map(|light| light.to_string()).collect::<Vec<_>>().join(", ");
    if all().count() > MOST_LISTED {
        listed += ", …";
    }
    reader.wrong(&member, format!("there is no light {id}; use one of {listed}"));
    None
}

/// The end of one would end the other, which nobody means.
fn refuse_overlaps(reader: &mut Reader<'_>, faults: &[(usize, PlannedFault)], path: &str) {
    let mut last: HashMap<&Fault, (usize, Option<Duration>)> = HashMap::new();
    for (place, planned) in faults {
        let FaultKind::Lasting { fault, .. } = &planned.what else { continue };
        if let Some((other, end)) = last.get(fault)
            && end.is_none_or(|end| end > planned.at)
        {
            let line = reader.problems.line_of(*other);
            let text = format!(
                "{} is in force already, from the fault in line {line}; begin later, or make one fault of both",
                planned.name()
            );
            reader.problems.add(*place, path, text);
        }
        last.insert(fault, (*place, planned.ends_at()));
    }
}
