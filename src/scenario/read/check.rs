//! One `[[expect]]` entry.

use std::{collections::HashMap, time::Duration};

use traffic_light::Name;

use super::refused;
use crate::{
    config::{
        self, Config,
        nearest::nearest,
        table::{Member, Reader, Table},
    },
    fault::PlannedFault,
    scenario::expect::{Check, Expectation, FaultName, Moment, Scope, Seconds, Window},
};

pub(super) const MEMBERS: [&str; 12] = [
    "what", "light", "junction", "from_s", "until_s", "after", "since", "at_s", "within_s", "at_most",
    "at_least", "p99_ms",
];

/// A very large number of anything.
const MOST: u64 = 1_000_000_000;
/// The most faults that an error message lists.
const MOST_LISTED: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    NoConflict,
    Conflict,
    NoUnsafeFlashing,
    UnsafeFlashing,
    Flashing,
    Alternating,
    Steady,
    NoGo,
    Greens,
    Joins,
    Reaction,
    Ignored,
}

const WORDS: [(&str, Word); 12] = [
    ("no-conflict", Word::NoConflict),
    ("conflict", Word::Conflict),
    ("no-unsafe-flashing", Word::NoUnsafeFlashing),
    ("unsafe-flashing", Word::UnsafeFlashing),
    ("flashing", Word::Flashing),
    ("alternating", Word::Alternating),
    ("steady", Word::Steady),
    ("no-go", Word::NoGo),
    ("greens", Word::Greens),
    ("joins", Word::Joins),
    ("reaction", Word::Reaction),
    ("ignored", Word::Ignored),
];

impl Word {
    /// The members that it takes besides what, light and junction.
    fn members(self) -> &'static [&'static str] {
        match self {
            Word::NoConflict
            | Word::Conflict
            | Word::NoUnsafeFlashing
            | Word::UnsafeFlashing
            | Word::Steady
            | Word::NoGo => &["from_s", "until_s"],
            Word::Flashing => &["after", "at_s", "within_s"],
            Word::Alternating => &["after", "since", "at_s", "within_s"],
            Word::Greens => &["at_least", "from_s", "until_s"],
            Word::Joins => &["at_most", "from_s", "until_s"],
            Word::Reaction => &["p99_ms", "from_s", "until_s"],
            Word::Ignored => &["at_least", "at_most", "from_s", "until_s"],
        }
    }
}

/// What is known when an entry is read; what could not be read is `None`, and nothing is said of it.
struct Known<'k> {
    config: Option<&'k Config>,
    length: Option<Duration>,
}

/// `None` where it is wrong, which the reader then knows of.
pub(super) fn read(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    config: Option<&Config>,
    length: Option<Duration>,
) -> Option<Expectation> {
    let problems_before = reader.problems.count();
    let known = Known { config, length };
    let Some(member) = table.member("what") else {
        reader.missing(table, "what", "add what = \"no-conflict\" or another expectation");
        return None;
    };
    let word = reader.choice(&member, &WORDS)?;
    refuse_strangers(reader, table, &member, word);
    let scope = read_scope(reader, table, &known);
    let window = read_window(reader, table, &known);
    let check = read_check(reader, table, word, &known);
    let expectation = Expectation {
        check: check?,
        scope: scope?,
        window: window?,
        line: Some(reader.problems.line_of(table.span.start)),
    };
    if let Some(config) = config {
        refuse_unseen(reader, &member, &expectation, config);
    }
    (reader.problems.count() == problems_before).then_some(expectation)
}

/// Members that mean nothing for this word.
fn refuse_strangers(reader: &mut Reader<'_>, table: &Table<'_>, what: &Member<'_>, word: Word) {
    for name in MEMBERS.iter().filter(|name| !["what", "light", "junction"].contains(*name)) {
        if let Some(member) = table.member(name).filter(|_| !word.members().contains(name)) {
            let message = format!("{} takes no {name}", reader.text(what).unwrap_or_default());
            reader.wrong(&member, (message, format!("remove it, or use {}", word.members().join(", "))));
        }
    }
}

fn read_check(reader: &mut Reader<'_>, table: &Table<'_>, word: Word, known: &Known<'_>) -> Option<Check> {
    Some(match word {
        Word::NoConflict => Check::NoConflict,
        Word::Conflict => Check::Conflict,
        Word::NoUnsafeFlashing => Check::NoUnsafeFlashing,
        Word::UnsafeFlashing => Check::UnsafeFlashing,
        Word::Steady => Check::Steady,
        Word::NoGo => Check::NoGo,
        Word::Flashing => {
            let (from, within) = read_deadline(reader, table, word, known)?;
            Check::Flashing { from, within }
        }
        Word::Alternating => {
            let (from, within) = read_deadline(reader, table, word, known)?;
            Check::Alternating { from, within }
        }
        Word::Greens => Check::Greens {
            at_least: read_count(reader, table, "at_least", 1, "add at_least = 3 with the fewest greens")?,
        },
        Word::Joins => Check::Joins {
            at_most: read_count(
                reader,
                table,
                "at_most",
                0,
                "add at_most = 2 with the most sessions of a light",
            )?,
        },
        Word::Reaction => {
            let remedy = "add p99_ms = 500 with what 99 of 100 reactions may take, in milliseconds";
            Check::Reaction { p99: Duration::from_millis(read_count(reader, table, "p99_ms", 1, remedy)?) }
        }
        Word::Ignored => read_ignored(reader, table)?,
    })
}

fn read_count(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    name: &str,
    least: u64,
    remedy: &str,
) -> Option<u64> {
    match table.member(name) {
        Some(member) => reader.number(&member, least..=MOST),
        None => {
            reader.missing(table, name, remedy);
            None
        }
    }
}

fn read_ignored(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Check> {
    let (least, most) = (table.member("at_least"), table.member("at_most"));
    if least.is_none() && most.is_none() {
        reader.missing(
            table,
            "at_least",
            "add at_least = 1, or at_most = 0 with how many messages may be ignored",
        );
        return None;
    }
    let number = |reader: &mut Reader<'_>, member: &Option<Member<'_>>, least| match member {
        Some(member) => reader.number(member, least..=MOST).map(Some),
        None => Some(None),
    };
    let lower = number(reader, &least, 1);
    let upper = number(reader, &most, 0);
    let (at_least, at_most) = (lower?.unwrap_or(0), upper?);
    if let (Some(member), true) = (&most, at_most.is_some_and(|most| most < at_least)) {
        return refused(
            reader,
            member,
            (format!("it is below at_least ({at_least})"), "give it as much or more"),
        );
    }
    Some(Check::Ignored { at_least, at_most })
}

fn read_scope(reader: &mut Reader<'_>, table: &Table<'_>, known: &Known<'_>) -> Option<Scope> {
    match (table.member("light"), table.member("junction")) {
        (Some(_), Some(junction)) => {
            refused(reader, &junction, ("light names the junction already", "remove one of the two"))
        }
        (Some(member), None) => {
            let by_name: Option<HashMap<_, _>> = known.config.map(|config| {
                config.junctions.iter().map(|junction| (junction.name().clone(), junction)).collect()
            });
            let junctions = known.config.map(|config| config.junctions.as_slice());
            config::read_light_id(reader, &member, junctions, by_name.as_ref()).map(Scope::Light)
        }
        (None, Some(member)) => {
            let name = reader.name(&member)?;
            let config = known.config?;
            if config.junction(&name).is_some() {
                return Some(Scope::Junction(name));
            }
            let names: Vec<_> = config.junctions.iter().map(|junction| junction.name().as_str()).collect();
            let near = nearest(name.as_str(), &names).map(|near| format!("did you mean {near:?}?"));
            let listed = names.iter().take(MOST_LISTED).copied().collect::<Vec<_>>().join(", ");
            let help = near.unwrap_or_else(|| format!("use one of {listed}"));
            refused(reader, &member, (format!("there is no junction {name}"), help))
        }
        (None, None) => Some(Scope::All),
    }
}

fn read_window(reader: &mut Reader<'_>, table: &Table<'_>, known: &Known<'_>) -> Option<Window> {
    let (first, last) = (table.member("from_s"), table.member("until_s"));
    let mut bound = |member: &Option<Member<'_>>| match member {
        Some(member) => reader.seconds(member).map(Some),
        None => Some(None),
    };
    let (from, until) = (bound(&first), bound(&last));
    let (from, until) = (from?.unwrap_or_default(), until?);
    let length = known.length?;
    if let (Some(member), true) = (&first, from >= length) {
        let message = format!("the scenario is over at {}", Seconds(length));
        return refused(reader, member, (message, "begin earlier, or give it more seconds"));
    }
    if let (Some(member), Some(until)) = (&last, until) {
        if until > length {
            let message = format!("the scenario is over at {}", Seconds(length));
            return refused(reader, member, (message, "end earlier, or give it more seconds"));
        }
        if until <= from {
            let message = format!("it ends at or before its beginning ({})", Seconds(from));
            return refused(reader, member, (message, "give it a later end"));
        }
    }
    let until = until.unwrap_or(length);
    Some(Window { from, until, whole: from.is_zero() && until == length })
}

/// A moment and the time from it, both given and within the run.
fn read_deadline(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    word: Word,
    known: &Known<'_>,
) -> Option<(Moment, Duration)> {
    let moment = read_moment(reader, table, word, known);
    let Some(member) = table.member("within_s") else {
        reader.missing(table, "within_s", "add within_s = 15 with the seconds that it may take");
        return None;
    };
    let within = reader.seconds(&member)?;
    if within.is_zero() {
        return refused(reader, &member, ("nothing happens within 0 seconds", "give it more than 0 seconds"));
    }
    let (moment, earliest) = moment?;
    let length = known.length?;
    let decided = earliest + within;
    if decided > length {
        let message = format!(
            "the scenario is over at {}, and this is decided at {} at the latest",
            Seconds(length),
            Seconds(decided)
        );
        let help = format!(
            "give the scenario at least {} seconds, or this a shorter time",
            Seconds(decided).number()
        );
        return refused(reader, &member, (message, help));
    }
    Some((moment, within))
}

/// A moment, and when it comes by the plan.
fn read_moment(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    word: Word,
    known: &Known<'_>,
) -> Option<(Moment, Duration)> {
    let since = match table.member("since") {
        Some(member) => Some((reader.choice(&member, &[("end", false), ("links-up", true)])?, member)),
        None => None,
    };
    match (table.member("after"), table.member("at_s")) {
        (Some(_), Some(at)) => {
            refused(reader, &at, ("after gives the moment already", "remove one of the two"))
        }
        (None, None) => {
            reader.missing(
                table,
                "after",
                "add after = \"…\" with the name of a fault, or at_s = 20 with a second",
            );
            None
        }
        (None, Some(member)) => {
            if let Some((_, since)) = since {
                return refused(reader, &since, ("it goes with after", "remove it, or use after"));
            }
            let at = reader.seconds(&member)?;
            Some((Moment::At(at), at))
        }
        (Some(member), None) => {
            let name = reader.text(&member)?;
            let entry = find_fault(reader, &member, name, known.config?)?;
            let times = || {
                known
                    .config
                    .into_iter()
                    .flat_map(|config| &config.faults)
                    .filter(|fault| fault.entry == entry)
            };
            let (first, last) = (times().next()?, times().next_back()?);
            let light = first.light().map(|light| format!(" on {light}")).unwrap_or_default();
            let fault = FaultName { entry, name: format!("{name}{light}") };
            if word == Word::Flashing {
                return Some((Moment::Began(fault), first.latest()));
            }
            let late = last.latest().saturating_sub(last.at);
            let Some(end) = last.ends_at().map(|end| end.saturating_add(late)) else {
                return refused(
                    reader,
                    &member,
                    ("that fault never ends", "give it for_s, or use at_s here"),
                );
            };
            let links_up = since.is_some_and(|(links_up, _)| links_up);
            Some((if links_up { Moment::LinksUp(fault) } else { Moment::Ended(fault) }, end))
        }
    }
}

/// The entry of the fault that is called `name`.
fn find_fault(reader: &mut Reader<'_>, member: &Member<'_>, name: &str, config: &Config) -> Option<usize> {
    let called = |fault: &PlannedFault| fault.called.clone().unwrap_or_else(|| fault.name().to_owned());
    let mut entries: Vec<(usize, String)> =
        config.faults.iter().map(|fault| (fault.entry, called(fault))).collect();
    entries.sort_unstable();
    entries.dedup();
    let mut found = entries.iter().filter(|(_, called)| called == name);
    match (found.next(), found.next()) {
        (Some((entry, _)), None) => return Some(*entry),
        (Some(_), Some(_)) => {
            let help = "give the one that is meant a name of its own (name = \"…\") and write that here";
            return refused(reader, member, (format!("several faults are called {name:?}"), help));
        }
        (None, _) => {}
    }
    let names: Vec<_> = entries.iter().map(|(_, called)| called.as_str()).collect();
    let help = match nearest(name, &names) {
        Some(near) => format!("did you mean {near:?}?"),
        None if names.is_empty() => "there are none: add [[fault]], or use at_s".to_owned(),
        None => {
            let listed: Vec<_> = names.iter().take(MOST_LISTED).map(|name| format!("{name:?}")).collect();
            format!("there are {}", listed.join(", "))
        }
    };
    refused(reader, member, (format!("no fault is called {name:?}"), help))
}

/// What cannot be seen of lights that run elsewhere.
fn refuse_unseen(reader: &mut Reader<'_>, what: &Member<'_>, expectation: &Expectation, config: &Config) {
    let own =
        |light: &Name, junction: &Name| config.junction(junction).is_some_and(|found| found.runs(light));
    let seen = expectation.scope.lights(config).iter().any(|light| own(&light.light, &light.junction));
    if matches!(expectation.check, Check::Joins { .. } | Check::Reaction { .. }) && !seen {
        let message = "it is only seen of lights that this program runs (see run)";
        reader.wrong(what, (message, "name another light"));
    }
}
