//! Junctions: the lights that must not conflict, and by what they agree.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use traffic_light::{
    Demand, Foreign, Infeasible, Key, LightConfig, MAX_PEERS, Name, Rule, Timing, name::MAX_NAME_BYTES,
};

use super::{
    table::{Member, Reader, Table},
    timing,
};
use crate::model::{Diagnostic, LightId};

/// The most lights of a junction.
pub const MAX_LIGHTS: usize = MAX_PEERS + 1;
/// The most lights of a configuration: what one computer can run with room to spare.
pub const MAX_LIGHTS_IN_ALL: usize = 4_096;

const MEMBERS: [&str; 8] = ["name", "count", "lights", "run", "key", "rule", "demand", "timing"];

/// Lights that conflict, each with every other. Checked when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Junction {
    name: Name,
    lights: Vec<LightConfig>,
    /// Those of `lights` that this program runs, by the file.
    run: Vec<Name>,
    /// The same by the command line, where it says so.
    picked: Option<Vec<Name>>,
    rule: Rule,
    demand: Demand,
    timing: Timing,
    key: Option<Key>,
    /// Its key is made up once and kept; there is none yet.
    lacks_key: bool,
    /// Those of `lights` that are somebody else's, and how to talk with them.
    foreign: BTreeMap<Name, Foreign>,
    /// The file says which lights to run.
    run_is_given: bool,
}

/// Why there cannot be such a junction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JunctionError {
    /// Fewer than 2 lights or more than 8.
    Lights {
        /// How many were given.
        given: usize,
    },
    /// Two lights of one name.
    NamedTwice(Name),
    /// Timings that cannot work.
    Timing(Infeasible),
}

impl Junction {
    /// The junction `name` of `lights`.
    ///
    /// # Errors
    /// When there are too few or too many lights, two of one name, or timings that cannot work.
    pub fn new(
        name: Name,
        lights: &[Name],
        rule: Rule,
        demand: Demand,
        timing: Timing,
        key: Option<Key>,
    ) -> Result<Junction, JunctionError> {
        let wrong_number = JunctionError::Lights { given: lights.len() };
        if !(2..=MAX_LIGHTS).contains(&lights.len()) {
            return Err(wrong_number);
        }
        let configs = (0..lights.len()).map(|index| {
            let mut peers = lights.to_vec();
            let light = peers.remove(index);
            LightConfig::new(light, &peers, rule, demand, timing)
        });
        let lights: Vec<_> = configs.collect::<Result<_, _>>().map_err(|error| match error {
            traffic_light::ConfigError::TooManyPeers => wrong_number,
            traffic_light::ConfigError::NamedTwice(name) => JunctionError::NamedTwice(name),
            traffic_light::ConfigError::Timing(error) => JunctionError::Timing(error),
        })?;
        let run = lights.iter().map(|config| config.name().clone()).collect();
        Ok(Junction {
            name,
            lights,
            run,
            picked: None,
            rule,
            demand,
            timing,
            key,
            lacks_key: false,
            foreign: BTreeMap::new(),
            run_is_given: false,
        })
    }

    /// Lets its lights follow another rule.
    pub fn set_rule(&mut self, rule: Rule) {
        self.rule = rule;
        for light in &mut self.lights {
            // What could be wrong with it was not wrong before.
            if let Ok(changed) =
                LightConfig::new(light.name().clone(), light.peers(), rule, self.demand, self.timing)
            {
                *light = changed;
            }
        }
    }

    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The names of its lights, 2 to 8, in the order of the file.
    pub fn lights(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.lights.iter().map(LightConfig::name)
    }

    /// The full names of its lights, in the order of the file.
    pub fn light_ids(&self) -> impl ExactSizeIterator<Item = LightId> {
        self.lights().map(|light| LightId::new(self.name.clone(), light.clone()))
    }

    /// What each of its lights is made with, in the order of the file.
    #[must_use]
    pub fn light_configs(&self) -> &[LightConfig] {
        &self.lights
    }

    /// Whether this program runs its light `light`: never one that is somebody else's.
    #[must_use]
    pub fn runs(&self, light: &Name) -> bool {
        self.picked.as_ref().unwrap_or(&self.run).contains(light) && !self.foreign.contains_key(light)
    }

    /// How to talk with its light `light`, where that is somebody else's.
    #[must_use]
    pub fn foreign(&self, light: &Name) -> Option<&Foreign> {
        self.foreign.get(light)
    }

    /// Its lights that are somebody else's.
    pub fn foreign_lights(&self) -> impl Iterator<Item = (&Name, &Foreign)> {
        self.foreign.iter()
    }

    /// How its light `light` talks with the one that it conflicts with, where that is somebody else's.
    #[must_use]
    pub fn partner_of(&self, light: &Name) -> Option<&Foreign> {
        self.foreign.iter().find(|(foreign, _)| *foreign != light).map(|(_, foreign)| foreign)
    }

    /// Somebody else's light takes the place of its light `light`, or gives it back.
    pub(crate) fn set_foreign(&mut self, light: &Name, foreign: Option<Foreign>) {
        self.run.retain(|run| run != light);
        match foreign {
            Some(foreign) => {
                self.foreign.insert(light.clone(), foreign);
            }
            None => {
                self.foreign.remove(light);
                self.run.push(light.clone());
            }
        }
    }

    /// Leaves the place of its light `light` to whoever comes.
    pub(super) fn vacate(&mut self, light: &Name) {
        self.foreign.remove(light);
        self.run.retain(|run| run != light);
    }

    /// Whether the file says by name that this program is to run `light`.
    pub(super) fn is_named_to_run(&self, light: &Name) -> bool {
        self.run_is_given && self.run.contains(light)
    }

    /// Whether the file leaves its light `light` to others: to a board above all.
    #[must_use]
    pub fn leaves(&self, light: &Name) -> bool {
        !self.run.contains(light)
    }

    pub(super) fn run_only(&mut self, picked: Vec<Name>) {
        self.picked = Some(picked);
    }

    /// The lights that this program runs; the others are boards, or run elsewhere.
    pub fn virtual_lights(&self) -> impl Iterator<Item = &LightConfig> {
        self.lights.iter().filter(|config| self.runs(config.name()))
    }

    /// What its light `light` is made with; `None` where it has no such light.
    #[must_use]
    pub fn light_config(&self, light: &Name) -> Option<&LightConfig> {
        self.lights.iter().find(|config| config.name() == light)
    }

    /// The rule that its lights follow.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// When its lights want green.
    #[must_use]
    pub fn demand(&self) -> Demand {
        self.demand
    }

    /// The timings of its lights.
    #[must_use]
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The key that signs its messages, where there is one.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Whether its messages are to be signed with a key that is made up once and kept (`key =
    /// "auto"`), and that it has not been given yet. It must not run like that.
    #[must_use]
    pub fn lacks_key(&self) -> bool {
        self.lacks_key
    }

    /// Gives it the key that was made up for it.
    pub fn set_key(&mut self, key: Key) {
        self.key = Some(key);
        self.lacks_key = false;
    }
}

impl fmt::Display for JunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JunctionError::Lights { given } => {
                write!(f, "a junction has 2 to {MAX_LIGHTS} lights, this one has {given}")
            }
            JunctionError::NamedTwice(name) => write!(f, "the light \"{name}\" is named twice"),
            JunctionError::Timing(error) => error.fmt(f),
        }
    }
}

impl JunctionError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            JunctionError::Lights { .. } => "name more or fewer".to_owned(),
            JunctionError::NamedTwice(_) => "give every light its own name".to_owned(),
            JunctionError::Timing(error) => error.help().to_string(),
        }
    }

    fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.to_string(), self.help())
    }
}

impl std::error::Error for JunctionError {}

/// The key that is made up once and kept.
const AUTO: &str = "auto";

enum KeyChoice {
    None,
    Given(Key),
    Auto,
}

/// What junctions have that do not say otherwise.
struct Defaults<'a> {
    rule: Rule,
    demand: Demand,
    timing: Timing,
    timing_table: Option<Table<'a>>,
    shared: bool,
}

/// Reads all junctions; `None` where one of them is wrong, so that nobody is told of a fault on a
/// light that is only missing for a slip in its junction.
///
/// A key that stands in the file is worth a warning where strangers see the messages that it signs:
/// on a broker that is `shared`.
///
/// Timings that nobody gives are `usual`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    top: &Table<'_>,
    shared: bool,
    usual: Timing,
) -> Option<Vec<Junction>> {
    let problems_before = reader.problems.count();
    let rule = read_rule(reader, top).unwrap_or_default();
    let demand = read_demand(reader, top).unwrap_or_default();
    let timing_table = timing::table(reader, top);
    let timing = match &timing_table {
        Some(table) => timing::read(reader, table, usual),
        None => Some(usual),
    };
    // Without the file's own timings nothing can be said of a junction's: they build on them.
    let timings_known = timing.is_some();
    let defaults = Defaults { rule, demand, timing: timing.unwrap_or_default(), timing_table, shared };

    let tables = match top.member("junction") {
        Some(member) => {
            let tables = reader.tables(&member, &MEMBERS);
            if tables.is_empty() && reader.problems.count() == problems_before {
                reader.wrong(&member, ("there is no junction", "write [[junction]] and a name"));
            }
            tables
        }
        None => {
            reader.missing(
                top,
                "junction",
                "add [[junction]] with name = \"demo\" and lights = [\"a\", \"b\"]",
            );
            Vec::new()
        }
    };
    let mut all = Vec::new();
    let mut first_places = HashMap::new();
    let mut lights = 0;
    for table in tables {
        let Some((junctions, place)) = read_one(reader, &table, &defaults, timings_known) else { continue };
        lights += junctions.iter().map(|junction| junction.lights.len()).sum::<usize>();
        if lights > MAX_LIGHTS_IN_ALL {
            let message = format!("these are more than {MAX_LIGHTS_IN_ALL} lights in all");
            reader.wrong(&place, (message, "remove some"));
            break;
        }
        for junction in junctions {
            if let Some(first) = first_places.insert(junction.name.clone(), place.span.start) {
                let line = reader.problems.line_of(first);
                let message = format!("line {line} already has a junction {}", junction.name);
                reader.wrong(&place, (message, "give one of them another name"));
                break;
            }
            all.push(junction);
        }
    }
    (reader.problems.count() == problems_before).then_some(all)
}

/// How many lights the file has, as far as that can be told before it is known to be right.
pub(super) fn count_lights(top: &Table<'_>) -> u32 {
    let tables = top.member("junction").map(|member| member.peek_tables()).unwrap_or_default();
    let lights = tables.iter().map(|table| {
        let lights = table.member("lights").and_then(|member| member.peek_length()).unwrap_or(2);
        let count = table.member("count").and_then(|member| member.peek_number()).unwrap_or(1);
        u32::try_from(lights).unwrap_or(u32::MAX).saturating_mul(count)
    });
    lights.fold(0, u32::saturating_add)
}

/// One `[[junction]]` table: one junction, or `count` of them. Returns the member that names them.
fn read_one<'a>(
    reader: &mut Reader<'_>,
    table: &Table<'a>,
    defaults: &Defaults<'a>,
    timings_known: bool,
) -> Option<(Vec<Junction>, Member<'a>)> {
    let named = match table.member("name") {
        Some(member) => reader.name(&member).map(|name| (member, name)),
        None => {
            reader.missing(table, "name", "add name = \"demo\"");
            None
        }
    };
    let lights = read_lights(reader, table);
    let key = match table.member("key") {
        Some(member) if reader.is_text(&member, AUTO) => Some(KeyChoice::Auto),
        Some(member) => read_key(reader, &member, defaults.shared).map(KeyChoice::Given),
        None => Some(KeyChoice::None),
    };
    let rule = read_rule(reader, table).unwrap_or(defaults.rule);
    let demand = read_demand(reader, table).unwrap_or(defaults.demand);
    let timing_table = timing::table(reader, table);
    let timing = match &timing_table {
        Some(own) => timing::read(reader, own, defaults.timing),
        None => Some(defaults.timing),
    };
    let count = table.member("count");
    let most = u32::try_from(MAX_LIGHTS_IN_ALL / 2).unwrap_or(u32::MAX);
    let number = count.as_ref().map(|member| reader.number(member, 1..=most));

    let (place, name) = named?;
    let (lights, key, timing) = (lights?, key?, timing.filter(|_| timings_known)?);
    let lacks_key = matches!(key, KeyChoice::Auto);
    let key = if let KeyChoice::Given(key) = key { Some(key) } else { None };
    let junction = Junction::new(name, &lights, rule, demand, timing, key).map_err(|error| match error {
        JunctionError::Timing(error) => {
            timing::blame(reader, &error, [timing_table.as_ref(), defaults.timing_table.as_ref()]);
        }
        // The lights left out are a pair, which cannot be wrong.
        error => reader.wrong(table.member("lights").as_ref().unwrap_or(&place), error.diagnostic()),
    });
    let mut junction = junction.ok()?;
    junction.lacks_key = lacks_key;
    if let Some(run) = read_run(reader, table, &lights) {
        junction.run = run?;
        junction.run_is_given = true;
    }
    let junctions = match number {
        Some(number) => numbered(reader, &place, &junction, number?)?,
        None => vec![junction],
    };
    Some((junctions, place))
}

/// `count` junctions like `pattern`: `p-1`, `p-2`, …
fn numbered(
    reader: &mut Reader<'_>,
    place: &Member<'_>,
    pattern: &Junction,
    count: u32,
) -> Option<Vec<Junction>> {
    let name = |number| Name::new(&format!("{}-{number}", pattern.name));
    let junctions = (1..=count).map(|number| Some(Junction { name: name(number).ok()?, ..pattern.clone() }));
    let junctions: Option<Vec<_>> = junctions.collect();
    if junctions.is_none() {
        let longest = format!("{}-{count}", pattern.name);
        let message = format!(
            "count would make names as long as {longest:?}, and a name has at most {MAX_NAME_BYTES} characters"
        );
        reader.wrong(place, (message, "give a shorter one"));
    }
    junctions
}

fn read_lights(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Vec<Name>> {
    let Some(member) = table.member("lights") else {
        return ["a", "b"].into_iter().map(|name| Name::new(name).ok()).collect();
    };
    let names = reader.names(&member)?;
    for (index, (place, name)) in names.iter().enumerate().take(MAX_LIGHTS) {
        if names.iter().take(index).any(|(_, earlier)| earlier == name) {
            reader.wrong(place, JunctionError::NamedTwice(name.clone()).diagnostic());
            return None;
        }
    }
    Some(names.into_iter().map(|(_, name)| name).collect())
}

/// The lights that this program is to run; `None` where the file leaves it at all of them,
/// `Some(None)` where what it says is wrong.
#[expect(clippy::option_option, reason = "left out and wrong are two things")]
fn read_run(reader: &mut Reader<'_>, table: &Table<'_>, lights: &[Name]) -> Option<Option<Vec<Name>>> {
    let member = table.member("run")?;
    let Some(names) = reader.names(&member) else { return Some(None) };
    for (place, name) in &names {
        if !lights.contains(name) {
            let known: Vec<_> = lights.iter().map(Name::as_str).collect();
            let help = format!("its lights are {}", known.join(", "));
            reader.wrong(place, (format!("the junction has no light {name}"), help));
            return Some(None);
        }
    }
    Some(Some(names.into_iter().map(|(_, name)| name).collect()))
}

fn read_key(reader: &mut Reader<'_>, member: &Member<'_>, shared: bool) -> Option<Key> {
    let key = reader.expanded(member, false)?;
    if key.literal && shared {
        reader.secret_stands_here(member, "TWINLIGHT_KEY");
    }
    Key::new(key.text.as_bytes())
        .map_err(|error| reader.wrong(member, (error.to_string(), "use a text of such a length")))
        .ok()
}

pub(crate) fn read_rule(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Rule> {
    let rules = [("lease", Rule::Lease), ("react", Rule::React)];
    table.member("rule").and_then(|member| reader.choice(&member, &rules))
}

pub(crate) fn read_demand(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Demand> {
    let demands = [("always", Demand::Always), ("call", Demand::Call)];
    table.member("demand").and_then(|member| reader.choice(&member, &demands))
}
