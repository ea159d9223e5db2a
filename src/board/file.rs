//! What a board is to know, from a TOML file: the same mechanism, and the same kind of help with
//! what is wrong, as for a configuration.

use std::path::{Path, PathBuf};

use toml::de::DeTable;
use traffic_light::{
    Demand, Foreign, Name, Rule, Timing,
    feeds::PUBLISHES_PER_MINUTE,
    record::{Antenna, Dialect, LED_GPIOS, Record, RecordError},
};

use super::provision::{self, Member as Setting, Settings, dialect_of, this_computer};
use crate::{
    config::{
        BrokerChoice, Config, ConfigError,
        error::Problems,
        expand,
        file::read_file,
        foreign, junction, syntax_problems,
        table::{Member, Reader, Table},
        timing,
    },
    keys,
    model::{Diagnostic, private_file},
};

const TOP: [&str; 15] = [
    "config",
    "junction",
    "light",
    "peers",
    "key",
    "rule",
    "demand",
    "root",
    "antenna",
    "wifi",
    "broker",
    "leds",
    "timing",
    "keep_alive_s",
    "foreign",
];
const WIFI: [&str; 2] = ["ssid", "password"];
const BROKER: [&str; 6] = ["host", "port", "user", "password", "tls", "dialect"];
const LEDS: [&str; 3] = ["red", "amber", "green"];
/// What a configuration says for all lights of its junction.
const FROM_CONFIG: [&str; 8] =
    ["peers", "key", "rule", "demand", "root", "timing", "keep_alive_s", "foreign"];

/// What a file says that a board is to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardFile {
    /// What it comes to; it makes a record.
    pub settings: Settings,
    pub record: Record,
    /// What a person should know though it works; each with file and line.
    pub warnings: Vec<Diagnostic>,
}

impl BoardFile {
    /// Reads the file at `path`, with this process's environment.
    ///
    /// # Errors
    /// When the file cannot be read, or a board could not work with what it says; the error has all
    /// problems, each with its place and what to do.
    pub fn load(path: &Path) -> Result<BoardFile, ConfigError> {
        BoardFile::load_with_keys(path, None)
    }

    /// As [`BoardFile::load`], with the keys of junctions that are kept in `keys` (see
    /// [`crate::keys`]).
    ///
    /// # Errors
    /// As for [`BoardFile::load`], and when such a key cannot be read or made.
    pub fn load_with_keys(path: &Path, keys: Option<&Path>) -> Result<BoardFile, ConfigError> {
        let name = path.display().to_string();
        let text = read_file(path).map_err(|reason| ConfigError::unreadable(&name, reason))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let env = |variable: &str| std::env::var(variable).ok();
        let mut file = BoardFile::parse(&text, &name, Sources { folder, keys, env: &env })?;
        if !file.warnings.is_empty() && private_file::is_readable_for_others(path) {
            file.warnings.push(Diagnostic::new(
                format!("{name}: every user of this computer can read the secrets in it"),
                format!("run \"chmod 600 {name}\""),
            ));
        }
        Ok(file)
    }

    /// Reads `text`, which came from `file`; a configuration that it names is looked for in `folder`.
    /// `env` looks environment variables up.
    ///
    /// # Errors
    /// As for [`BoardFile::load`].
    pub fn from_toml(
        text: &str,
        file: &str,
        folder: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<BoardFile, ConfigError> {
        BoardFile::parse(text, file, Sources { folder, keys: None, env })
    }

    fn parse(text: &str, file: &str, sources: Sources<'_>) -> Result<BoardFile, ConfigError> {
        let mut problems = Problems::new(file, text);
        let (document, errors) = DeTable::parse_recoverable(text);
        if syntax_problems(&mut problems, text, &errors) {
            return Err(problems.into_error());
        }
        let mut reader = Reader::new(problems, sources.env, &TOP);
        let top = reader.top(document.get_ref());
        let settings = read(&mut reader, &top, sources);
        if reader.problems.count() > 0 {
            return Err(reader.problems.into_error());
        }
        let record = match settings.record_near(&this_computer::addresses()) {
            Ok(record) => record,
            Err(errors) => {
                for error in errors {
                    blame(&mut reader, &top, error.member, error.diagnostic);
                }
                return Err(reader.problems.into_error());
            }
        };
        Ok(BoardFile { settings, record, warnings: reader.warnings })
    }
}

/// Where a file's references lead.
#[derive(Clone, Copy)]
struct Sources<'a> {
    /// Where a configuration that it names is looked for.
    folder: &'a Path,
    /// Where the keys of junctions are kept.
    keys: Option<&'a Path>,
    env: &'a dyn Fn(&str) -> Option<String>,
}

fn read(reader: &mut Reader<'_>, top: &Table<'_>, sources: Sources<'_>) -> Settings {
    let mut settings = match top.member("config") {
        Some(member) => from_config(reader, top, &member, sources).unwrap_or_default(),
        None => from_members(reader, top),
    };
    if let Some(table) = top.member("wifi").and_then(|member| reader.table(&member, &WIFI)) {
        read_wifi(reader, &table, &mut settings);
    } else if top.member("wifi").is_none() {
        reader.missing(top, "wifi", "add [wifi] with ssid = \"…\" and password = \"${WIFI_PASSWORD}\"");
    }
    if let Some(table) = top.member("broker").and_then(|member| reader.table(&member, &BROKER)) {
        read_broker(reader, &table, &mut settings);
        if settings.broker_dialect == Dialect::AdafruitIo && settings.timing == Timing::default() {
            let lights = u32::try_from(settings.peers.len() + 1).unwrap_or(u32::MAX);
            settings.timing = Timing::on_account(lights, PUBLISHES_PER_MINUTE).unwrap_or(settings.timing);
        }
    } else if top.member("broker").is_none() && top.member("config").is_none() {
        reader.missing(top, "broker", "add [broker] with host = \"…\", the broker's name or address");
    }
    if top.member("config").is_none() {
        settings.foreign = read_foreign(reader, top, &settings);
    }
    if let Some(table) = top.member("leds").and_then(|member| reader.table(&member, &LEDS)) {
        read_leds(reader, &table, &mut settings);
    }
    let antennas = [("internal", Antenna::Internal), ("external", Antenna::External)];
    if let Some(antenna) = top.member("antenna").and_then(|member| reader.choice(&member, &antennas)) {
        settings.antenna = antenna;
    }
    settings
}

/// Everything from the file itself.
fn from_members(reader: &mut Reader<'_>, top: &Table<'_>) -> Settings {
    let mut settings = Settings::default();
    for (name, field) in [("junction", &mut settings.junction), ("light", &mut settings.light)] {
        match top.member(name) {
            Some(member) => *field = reader.name(&member).map(|name| name.to_string()).unwrap_or_default(),
            None => {
                reader.missing(
                    top,
                    name,
                    format!("add {name} = \"…\", or config = \"…\" to take it from there"),
                );
            }
        }
    }
    match top.member("peers") {
        Some(member) => {
            let names = reader.names(&member).unwrap_or_default();
            settings.peers = names.into_iter().map(|(_, name)| name.to_string()).collect();
        }
        None => reader.missing(top, "peers", "add peers = [\"a\"] with the other lights of the junction"),
    }
    if let Some(member) = top.member("key") {
        settings.key = secret(reader, &member, "TWINLIGHT_KEY");
    }
    let rule: Option<Rule> = junction::read_rule(reader, top);
    let demand: Option<Demand> = junction::read_demand(reader, top);
    settings.rule = rule.unwrap_or_default();
    settings.demand = demand.unwrap_or_default();
    if let Some(member) = top.member("root") {
        settings.broker_root = reader.expanded(&member, false).map(|text| text.text).unwrap_or_default();
    }
    if let Some(member) = top.member("keep_alive_s") {
        settings.keep_alive_s = reader.number(&member, 1..=600).unwrap_or(settings.keep_alive_s);
    }
    if let Some(table) = timing::table(reader, top) {
        settings.timing = timing::read(reader, &table, Timing::default()).unwrap_or_default();
    }
    settings
}

/// The foreign light that the board conflicts with, where there is one.
fn read_foreign(reader: &mut Reader<'_>, top: &Table<'_>, settings: &Settings) -> Option<Foreign> {
    let member = top.member("foreign")?;
    let tables = reader.tables(&member, &foreign::MEMBERS);
    if let Some(second) = tables.get(1) {
        let message = "a board is the partner of one foreign light";
        reader.problems.add(second.span.clone(), &second.path, (message, "leave one"));
    }
    let table = tables.first()?;
    let user = (settings.broker_dialect == Dialect::AdafruitIo).then_some(settings.broker_user.as_str());
    let read = foreign::read_one(reader, table, user)?;
    let known = read.light.junction.as_str() == settings.junction
        && settings.peers.iter().any(|peer| peer == read.light.light.as_str());
    if let (false, Some(place)) = (known, table.member("light")) {
        let message = format!("{} is no peer of this board", read.light);
        reader.wrong(
            &place,
            (message, "name the one light of peers, with the junction before it, as in \"demo/b\""),
        );
    }
    Some(read.foreign)
}

/// What the virtual lights of the same junction know, from their configuration.
fn from_config(
    reader: &mut Reader<'_>,
    top: &Table<'_>,
    member: &Member<'_>,
    sources: Sources<'_>,
) -> Option<Settings> {
    for name in FROM_CONFIG {
        if let Some(member) = top.member(name) {
            reader.wrong(&member, ("it comes from the file that config names", "remove it here or there"));
        }
    }
    let path: PathBuf = sources.folder.join(reader.text(member)?);
    let name = path.display().to_string();
    let text = read_file(&path).map_err(|error| {
        let message = format!("{name}: {error}");
        reader.wrong(member, Diagnostic { message, help: error.help });
    });
    let text = text.ok()?;
    // Another random number than the virtual lights' would be another root topic.
    let without_random =
        |variable: &str| if variable == expand::RANDOM { None } else { (sources.env)(variable) };
    let mut config = match Config::from_toml(&text, &name, &without_random) {
        Ok(config) => config,
        Err(error) => {
            let mut diagnostic = Diagnostic::from(format!("correct that file first:\n{error}"));
            if text.contains("${RANDOM}") {
                diagnostic.help =
                    Some("write a fixed root topic: a board keeps the one that it gets".to_owned());
            }
            reader.wrong(member, diagnostic);
            return None;
        }
    };
    if let Err(error) = keys::give(&mut config, sources.keys) {
        reader.wrong(member, (error.to_string(), error.help()));
        return None;
    }
    let junction = match top.member("junction") {
        Some(place) => {
            let wanted: Name = reader.name(&place)?;
            let found = config.junction(&wanted);
            if found.is_none() {
                reader.wrong(
                    &place,
                    (format!("{name} has no junction {wanted}"), format!("it has {}", names_of(&config))),
                );
            }
            found?
        }
        None if config.junctions.len() == 1 => config.junctions.first()?,
        None => {
            reader.missing(top, "junction", format!("choose one: {name} has {}", names_of(&config)));
            return None;
        }
    };
    let place = match top.member("light") {
        Some(place) => place,
        None => {
            reader.missing(
                top,
                "light",
                "add light = \"…\", the one of the junction that the board is to be",
            );
            return None;
        }
    };
    let light = reader.name(&place)?;
    if junction.light_config(&light).is_none() {
        let known: Vec<_> = junction.lights().map(Name::as_str).collect();
        let help = format!("its lights are {}", known.join(", "));
        reader.wrong(&place, (format!("the junction has no light {light}"), help));
        return None;
    }
    if junction.foreign(&light).is_some() {
        let help = "let the board be the other light, or remove its [[foreign]] there";
        reader.wrong(&place, (format!("{name} says that {light} is somebody else's light"), help));
        return None;
    }
    if junction.runs(&light) {
        reader.warn(
            &place,
            (
                "that configuration runs this light as a virtual one too: there would be two of one name",
                "leave it out of the junction's run",
            ),
        );
    }
    let mut settings = Settings::of(junction, &light);
    config.root.as_str().clone_into(&mut settings.broker_root);
    settings.keep_alive_s = config.links.keep_alive_s;
    if top.member("broker").is_none() {
        settings.broker_dialect = dialect_of(&config);
        broker_of(reader, member, &name, &config.broker, &mut settings);
    }
    Some(settings)
}

/// The broker of the virtual lights; the embedded one is on this computer.
fn broker_of(
    reader: &mut Reader<'_>,
    member: &Member<'_>,
    name: &str,
    broker: &BrokerChoice,
    settings: &mut Settings,
) {
    let (port, login) = match broker {
        BrokerChoice::External { tls: Some(_), .. } => {
            let help = "add a [broker] here with what the board connects to without TLS: the broker's plain port, or \
                        this computer's address and its port of links.board_port, which leads there with TLS";
            reader.wrong(member, (format!("the broker of {name} uses TLS, and a board cannot"), help));
            return;
        }
        BrokerChoice::External { host, port, login, tls: None } => {
            settings.broker_host.clone_from(host);
            (*port, login)
        }
        BrokerChoice::Embedded { lan: false, .. } => {
            let message =
                format!("the broker of {name} listens on this computer only, where no board reaches it");
            let help = "write lan = true, user and password into its [broker], or name another broker in a [broker] \
                        here";
            reader.wrong(member, (message, help));
            return;
        }
        BrokerChoice::Embedded { port: 0, .. } => {
            let message = format!("the broker of {name} has another port each time");
            reader.wrong(member, (message, "give it a fixed port"));
            return;
        }
        BrokerChoice::Embedded { port, login, .. } => {
            let Some(address) = this_computer::addresses().first().copied() else {
                let message = "the broker is to run on this computer, which is in no network";
                reader.wrong(member, (message, "join one, or name a broker in a [broker] here"));
                return;
            };
            settings.broker_host = address.to_string();
            let message =
                format!("the board will look for the broker at {address}, this computer's present address");
            reader.warn(member, (message, "provision the board again when that changes"));
            (*port, login)
        }
    };
    settings.broker_port = port;
    if let Some(login) = login {
        settings.broker_user.clone_from(&login.user);
        settings.broker_password.clone_from(&login.password);
    }
}

fn names_of(config: &Config) -> String {
    let names: Vec<_> = config.junctions.iter().take(10).map(|junction| junction.name().as_str()).collect();
    names.join(", ")
}

fn read_wifi(reader: &mut Reader<'_>, table: &Table<'_>, settings: &mut Settings) {
    match table.member("ssid") {
        Some(member) => settings.wifi_ssid = plain(reader, &member),
        None => reader.missing(table, "ssid", "add ssid = \"…\", the name of the network"),
    }
    match table.member("password") {
        Some(member) => settings.wifi_password = secret(reader, &member, "WIFI_PASSWORD"),
        None => reader.missing(
            table,
            "password",
            "add password = \"${WIFI_PASSWORD}\" and export it, or password = \"\" for an open network",
        ),
    }
}

fn read_broker(reader: &mut Reader<'_>, table: &Table<'_>, settings: &mut Settings) {
    match table.member("host") {
        Some(member) => settings.broker_host = plain(reader, &member),
        None => reader.missing(table, "host", "add host = \"…\", the broker's name or address"),
    }
    if let Some(member) = table.member("port") {
        settings.broker_port = reader.number(&member, 1..=u16::MAX).unwrap_or(settings.broker_port);
    }
    if let Some(member) = table.member("user") {
        settings.broker_user = plain(reader, &member);
    }
    if let Some(member) = table.member("password") {
        settings.broker_password = secret(reader, &member, "BROKER_SECRET");
    }
    if let Some(member) = table.member("tls")
        && reader.flag(&member) == Some(true)
    {
        reader.wrong(&member, provision::diagnostic(&RecordError::Tls));
    }
    let dialects = [("standard", Dialect::Standard), ("adafruit", Dialect::AdafruitIo)];
    if let Some(dialect) = table.member("dialect").and_then(|member| reader.choice(&member, &dialects)) {
        settings.broker_dialect = dialect;
    }
}

fn read_leds(reader: &mut Reader<'_>, table: &Table<'_>, settings: &mut Settings) {
    let leds = &mut settings.leds;
    for (name, field) in [("red", &mut leds.red), ("amber", &mut leds.amber), ("green", &mut leds.green)] {
        let Some(member) = table.member(name) else { continue };
        let Some(gpio) = reader.number(&member, 0..=39) else { continue };
        if !LED_GPIOS.contains(&gpio) {
            reader.wrong(&member, provision::diagnostic(&RecordError::LedGpio(gpio)));
        }
        *field = gpio;
    }
}

fn plain(reader: &mut Reader<'_>, member: &Member<'_>) -> String {
    reader.expanded(member, false).map(|expanded| expanded.text).unwrap_or_default()
}

/// A secret; warns where it stands in the file itself.
fn secret(reader: &mut Reader<'_>, member: &Member<'_>, variable: &str) -> String {
    let Some(expanded) = reader.expanded(member, false) else { return String::new() };
    if expanded.literal && !expanded.text.is_empty() {
        reader.secret_stands_here(member, variable);
    }
    expanded.text
}

/// Notes what is wrong with a setting, where it stands in the file.
fn blame(reader: &mut Reader<'_>, top: &Table<'_>, setting: Setting, diagnostic: Diagnostic) {
    let (table, name) = match setting {
        Setting::Junction => (None, "junction"),
        Setting::Light => (None, "light"),
        Setting::Peers => (None, "peers"),
        Setting::Key => (None, "key"),
        Setting::WifiSsid => (Some("wifi"), "ssid"),
        Setting::WifiPassword => (Some("wifi"), "password"),
        Setting::BrokerHost => (Some("broker"), "host"),
        Setting::BrokerPort => (Some("broker"), "port"),
        Setting::BrokerUser => (Some("broker"), "user"),
        Setting::BrokerPassword => (Some("broker"), "password"),
        Setting::BrokerRoot => (None, "root"),
        Setting::KeepAlive => (None, "keep_alive_s"),
        Setting::Timing => (None, "timing"),
        Setting::Leds => (None, "leds"),
    };
    let parent = table.and_then(|table| top.member(table));
    let inner = parent.as_ref().and_then(|parent| reader.table(parent, &[WIFI.as_slice(), &BROKER].concat()));
    let member = inner.map_or_else(|| top.member(name), |table| table.member(name));
    match member.or(parent).or_else(|| top.member("config")) {
        Some(member) => reader.wrong(&member, diagnostic),
        None => reader.problems.add(top.span.clone(), name, diagnostic),
    }
}
