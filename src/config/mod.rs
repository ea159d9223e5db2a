//! The configuration: a TOML file, read into types that cannot be wrong.
//!
//! What is wrong with a file is told all at once, each problem with its line, its member and what
//! to do. After that, nothing has to be checked again.
//!
//! | module | one idea |
//! | --- | --- |
//! | `adafruit` | the dialect and the rules of Adafruit IO |
//! | `board` | what a board is to know, from a file of its own |
//! | `broker` | which broker the lights meet on |
//! | `tls` | TLS to it, and the files that it takes |
//! | `root` | the root topic |
//! | `junction` | lights that must not conflict |
//! | `foreign` | somebody else's lights, with their topics and words |
//! | `timing` | timings of the file and of one junction |
//! | `fault`, `parameters` | planned faults: when and on which light, what and with which parameters |
//! | `pick` | which lights this process runs, by the command line |
//! | `table` | reads members, notes what is wrong with them |
//! | `expand` | `${NAME}`: secrets come from the environment |
//! | `nearest` | "did you mean …?" |
//! | `edit` | foreign lights put into the text of one |
//! | `file` | its text, and who else can read it |
//! | `error` | problems, where they are, and how they are drawn |
//! | `secrets` | covered in the lines that are drawn |

#![allow(missing_docs, reason = "a name that says all needs no second one")]

mod adafruit;
mod broker;
pub(crate) mod edit;
pub(crate) mod error;
pub(crate) mod expand;
mod fault;
pub(crate) mod file;
pub(crate) mod foreign;
pub(crate) mod junction;
pub(crate) mod nearest;
mod parameters;
mod pick;
mod secrets;
pub(crate) mod table;
pub(crate) mod timing;
mod tls;

use std::{cell::OnceCell, path::Path, time::Duration};

use rand::{TryRng, rngs::SysRng};
use toml::de::DeTable;
use traffic_light::{Name, Rule, Timing};

use self::{
    adafruit::AdafruitOptions,
    error::Problems,
    table::{Reader, Table},
};
pub use self::{
    adafruit::{Emulated, Feeds},
    broker::BrokerChoice,
    error::{ConfigError, Place, Problem},
    file::Source,
    foreign::ForeignLight,
    junction::{Junction, JunctionError, MAX_LIGHTS, MAX_LIGHTS_IN_ALL},
    pick::{NoSuchLight, Pick},
};
pub(crate) use self::{broker::is_public, expand::Environment, fault::read_light_id};
use crate::{
    fault::PlannedFault,
    model::{Diagnostic, LightId, RootTopic},
};

/// The text of the built-in configuration, `config/default.toml`.
pub const DEFAULT_TEXT: &str = include_str!("../../config/default.toml");

/// More errors of syntax are mostly consequences of the first ones.
const MOST_SYNTAX_ERRORS: usize = 5;

const TOP: [&str; 13] = [
    "seed", "seconds", "root", "rule", "demand", "broker", "timing", "links", "junction", "foreign", "fault",
    "scenario", "expect",
];
const LINKS: [&str; 5] = ["wifi_join_ms", "keep_alive_s", "proxy", "board_port", "board_lan"];

/// Everything that a world is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Makes a run repeatable as far as the network lets it; `None`: another run each time.
    pub seed: Option<u64>,
    /// For how long to run, never zero; `None`: until it is stopped.
    pub run_for: Option<Duration>,
    /// Which broker the lights meet on.
    pub broker: BrokerChoice,
    /// Whether the embedded broker is to be like Adafruit IO.
    pub emulated: Option<Emulated>,
    /// Whether the lights meet on feeds, as Adafruit IO has them; otherwise on topics below the root.
    pub feeds: Option<Feeds>,
    /// What stands before the junction in every topic.
    pub root: RootTopic,
    /// The junctions, at least one, no two of one name.
    pub junctions: Vec<Junction>,
    /// How the virtual lights are linked.
    pub links: Links,
    /// The planned faults, sorted by their start, on lights that exist.
    pub faults: Vec<PlannedFault>,
    /// What a person should know though it works; each with file and line.
    pub warnings: Vec<Diagnostic>,
}

/// How the virtual lights are linked to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    /// How long a simulated light needs to join Wi-Fi, in milliseconds, at most a minute.
    pub wifi_join_ms: u32,
    /// MQTT keep-alive in seconds, 1 to 3600: a broker declares a silent light dead after 1.5 of
    /// it.
    pub keep_alive_s: u16,
    /// Whether each virtual light's link goes through a proxy of its own, so that it can be broken.
    pub proxy: bool,
    /// The first of the ports that lead boards to the broker, one for each light that does not run
    /// here, in the order of the file; `None`: there are none.
    pub board_port: Option<u16>,
    /// Whether those ports are open to the network; else to this machine alone.
    pub board_lan: bool,
}

impl Default for Links {
    /// What a LoPy4 needs in the lab, and a loss that is noticed within the time of a lease.
    fn default() -> Links {
        Links { wifi_join_ms: 1_500, keep_alive_s: 5, proxy: true, board_port: None, board_lan: false }
    }
}

impl Config {
    /// Reads the file at `path`, with this process's environment.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold a configuration that works; the error has
    /// all problems, each with its place and what to do.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        with_file(path, Config::from_toml)
    }

    /// Reads `text`, which came from `file`, with this process's environment.
    ///
    /// # Errors
    /// As for [`Config::from_toml`].
    pub fn from_text(text: &str, file: &str) -> Result<Config, ConfigError> {
        Config::from_toml(text, file, &with_random_digits())
    }

    /// Reads `text`, which came from `file`. `env` looks environment variables up; it also gives
    /// the eight hex digits for `${RANDOM}`, under that name.
    ///
    /// # Errors
    /// When `text` is no configuration that works; the error has all problems, each with its
    /// place and what to do.
    pub fn from_toml(
        text: &str,
        file: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        let (config, warnings) = parse(text, file, env, |reader, top| {
            if let Some(scenario) = top.member("scenario") {
                let help = format!("use \"twinlight scenario {file}\" to have it judged");
                reader.warn(&scenario, ("this is a scenario, which is played here and not judged", help));
            }
            read(reader, top)
        })?;
        Ok(Config { warnings, ..config })
    }

    /// This configuration in which `light` is somebody else's, as `table` says, the text of one `[[foreign]]` table;
    /// and what a person should know of that.
    ///
    /// # Errors
    /// When the table is wrong, or does not go with the configuration; the error has all problems.
    pub fn with_foreign(
        &self,
        light: &LightId,
        table: &str,
    ) -> Result<(Config, Vec<Diagnostic>), ConfigError> {
        let (junctions, warnings) = parse(table, "", &with_random_digits(), |reader, top| {
            Some(foreign::read_beside(reader, top, self, light))
        })?;
        Ok((Config { junctions, ..self.clone() }, warnings))
    }

    /// The junction `name`.
    #[must_use]
    pub fn junction(&self, name: &Name) -> Option<&Junction> {
        self.junctions.iter().find(|junction| junction.name() == name)
    }

    /// Lets the lights of all junctions follow this rule.
    pub fn set_rule(&mut self, rule: Rule) {
        for junction in &mut self.junctions {
            junction.set_rule(rule);
        }
    }

    /// Lets `seed` decide when the faults come whose moment is open.
    pub fn draw_faults(&mut self, seed: u64) {
        let faults = std::mem::take(&mut self.faults);
        self.faults = faults.into_iter().map(|fault| fault.drawn(seed)).collect();
        self.faults.sort_by_key(|fault| fault.at);
    }

    /// The ports that lead boards to the broker, one for each light that the file leaves to others. A
    /// light keeps its number where the command line picks other lights to run here.
    pub fn board_ports(&self) -> impl Iterator<Item = (LightId, u16)> {
        let elsewhere = self.junctions.iter().flat_map(|junction| {
            let left = junction.light_ids().filter(|light| junction.leaves(&light.light));
            left.map(|light| (junction.runs(&light.light), light)).collect::<Vec<_>>()
        });
        let ports = self.links.board_port.map(|first| first..=u16::MAX);
        let numbered = elsewhere.zip(ports.into_iter().flatten());
        let boards = numbered.filter(|((runs_here, _), _)| !runs_here);
        boards.map(|((_, light), port)| (light, port)).collect::<Vec<_>>().into_iter()
    }

    /// All lights of all junctions, in the order of the file.
    pub fn lights(&self) -> impl Iterator<Item = LightId> {
        self.junctions.iter().flat_map(Junction::light_ids)
    }
}

impl Default for Config {
    /// The built-in configuration: `config/default.toml`, a pair on the embedded broker.
    fn default() -> Config {
        #[expect(clippy::expect_used, reason = "the text is part of the program, and a test reads it")]
        Config::from_toml(DEFAULT_TEXT, "config/default.toml", &|_| None)
            .expect("the built-in configuration has been tested")
    }
}

/// Reads the file at `path` with `from_toml`, which gets its text, its name and this process's
/// environment.
pub(crate) fn with_file<T>(
    path: &Path,
    from_toml: impl FnOnce(&str, &str, Environment<'_>) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    let name = path.display().to_string();
    let text = file::read_file(path).map_err(|reason| ConfigError::unreadable(&name, reason))?;
    from_toml(&text, &name, &with_random_digits())
}

/// This process's environment, and the same random digits each time that they are asked for.
pub(crate) fn with_random_digits() -> impl Fn(&str) -> Option<String> {
    let random = OnceCell::new();
    move |variable: &str| match variable {
        expand::RANDOM => random.get_or_init(random_digits).clone(),
        _ => std::env::var(variable).ok(),
    }
}

/// Reads `text` as TOML with `read`, which gives `None` where something is wrong that the reader then
/// knows of. Gives what was read, and the warnings.
pub(crate) fn parse<T>(
    text: &str,
    file: &str,
    env: Environment<'_>,
    read: impl FnOnce(&mut Reader<'_>, &Table<'_>) -> Option<T>,
) -> Result<(T, Vec<Diagnostic>), ConfigError> {
    let mut problems = Problems::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if syntax_problems(&mut problems, text, &errors) {
        return Err(problems.into_error());
    }
    let mut reader = Reader::new(problems, env, &TOP);
    let top = reader.top(document.get_ref());
    let done = read(&mut reader, &top);
    match done.filter(|_| reader.problems.count() == 0) {
        Some(done) => Ok((done, reader.warnings)),
        None => Err(reader.problems.into_error()),
    }
}

/// `None` where something is wrong, which the reader then knows of.
pub(crate) fn read(reader: &mut Reader<'_>, top: &Table<'_>) -> Option<Config> {
    let seed = top.member("seed").and_then(|member| reader.number(&member, 0..=u64::MAX));
    let run_for = top.member("seconds").and_then(|member| {
        let run_for = reader.seconds(&member);
        if run_for.is_some_and(|run_for| run_for.is_zero()) {
            reader.wrong(&member, ("a run of 0 seconds shows nothing", "give it more, or remove seconds"));
        }
        run_for
    });
    let run_for = run_for.or_else(|| read_scenario_length(reader, top));
    let (broker, AdafruitOptions { emulated, feeds }) = broker::read(reader, top);
    let root = read_root(reader, top);
    let usual = match &feeds {
        Some(feeds) => feeds.timing(reader, top, junction::count_lights(top)),
        None => Some(Timing::default()),
    };
    let shared = matches!(broker, BrokerChoice::External { .. });
    let mut junctions = junction::read(reader, top, shared, usual?);
    if let Some(junctions) = &mut junctions {
        let user = feeds.as_ref().map(|feeds| feeds.user.as_str());
        foreign::read(reader, top, junctions, &root, user);
    }
    if let (Some(feeds), Some(junctions)) = (&feeds, &junctions) {
        feeds.check(reader, top, junctions);
        foreign::check_feeds(reader, top, &feeds.user, junctions);
    }
    let lan = matches!(broker, BrokerChoice::Embedded { lan: true, .. });
    let links = read_links(reader, top, lan);
    let faults = fault::read(reader, top, &broker, junctions.as_deref(), run_for, links.board_port.is_some());
    let junctions = junctions?;
    let warnings = Vec::new();
    Some(Config { seed, run_for, broker, emulated, feeds, root, junctions, links, faults, warnings })
}

/// The `[[fault]]` entries, in the order of the file.
pub(crate) fn fault_entries<'a>(reader: &mut Reader<'_>, top: &Table<'a>) -> Vec<Table<'a>> {
    top.member("fault").map(|member| reader.tables(&member, &parameters::members())).unwrap_or_default()
}

/// The length of the scenario that the file is, where it is one: it can be played as a configuration.
fn read_scenario_length(reader: &mut Reader<'_>, top: &Table<'_>) -> Option<Duration> {
    let scenario = top.member("scenario")?;
    let seconds = scenario.within("seconds")?;
    reader.seconds(&seconds).filter(|length| !length.is_zero())
}

fn read_root(reader: &mut Reader<'_>, top: &Table<'_>) -> RootTopic {
    let Some(member) = top.member("root") else { return RootTopic::default() };
    let Some(expanded) = reader.expanded(&member, true) else { return RootTopic::default() };
    RootTopic::new(&expanded.text).unwrap_or_else(|error| {
        reader.wrong(&member, error.diagnostic());
        RootTopic::default()
    })
}

fn read_links(reader: &mut Reader<'_>, top: &Table<'_>, lan: bool) -> Links {
    let mut links = Links { board_lan: lan, ..Links::default() };
    let Some(table) = top.member("links").and_then(|member| reader.table(&member, &LINKS)) else {
        return links;
    };
    if let Some(ms) = table.member("wifi_join_ms").and_then(|member| reader.number(&member, 0..=60_000)) {
        links.wifi_join_ms = ms;
    }
    if let Some(s) = table.member("keep_alive_s").and_then(|member| reader.number(&member, 1..=3_600)) {
        links.keep_alive_s = s;
    }
    if let Some(proxy) = table.member("proxy").and_then(|member| reader.flag(&member)) {
        links.proxy = proxy;
    }
    links.board_port = table.member("board_port").and_then(|member| reader.number(&member, 1..=65_000));
    if let Some(lan) = table.member("board_lan").and_then(|member| reader.flag(&member)) {
        links.board_lan = lan;
    }
    links
}

/// Notes what is wrong with the syntax of `text`; whether anything is.
pub(crate) fn syntax_problems(problems: &mut Problems<'_>, text: &str, errors: &[toml::de::Error]) -> bool {
    for error in errors.iter().take(MOST_SYNTAX_ERRORS) {
        let span = error.span().unwrap_or(text.len()..text.len());
        problems.add(span, "", syntax(error.message()));
    }
    !errors.is_empty()
}

/// What the parser says, and what to do about the usual slips.
fn syntax(message: &str) -> Diagnostic {
    let help = if message.contains("duplicate key") {
        "remove one of the two"
    } else if message.contains("escape") || message.contains("unicode") {
        "write a text with \\ in single quotes, as in 'C:\\Users\\me\\ca.pem', or a path with / instead"
    } else if message.contains("string") || message.contains("literal") {
        "put texts in double quotes, as in name = \"demo\""
    } else {
        "write members as name = value, tables as [name] or [[name]], each on a line of its own"
    };
    Diagnostic::new(format!("this is not TOML: {message}"), help)
}

/// Eight hex digits, so that strangers on a public broker do not meet by chance.
fn random_digits() -> Option<String> {
    SysRng.try_next_u32().ok().map(|number| format!("{number:08x}"))
}
