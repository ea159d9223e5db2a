//! The lights: their programs, and what a check must say of them.

use std::{fs, path::PathBuf, time::Duration};

use serde::Deserialize;

/// A light that must pass every step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Good {
    pub name: String,
    /// The light of whose program this one's is a change; without it, it has one of its own.
    #[serde(default)]
    pub of: Option<String>,
    #[serde(default)]
    pub change: Vec<(String, String)>,
    pub why: String,
    pub says: String,
    pub hears: String,
    pub words: Vocabulary,
    #[serde(default)]
    pub json: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    pub red: String,
    pub amber: String,
    pub green: String,
}

/// A light with one mistake.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    pub name: String,
    /// The good light from which it differs by its mistake alone.
    pub of: String,
    pub why: String,
    pub change: Vec<(String, String)>,
    /// The first step that must fail, and why it must be said to fail.
    pub step: String,
    pub cause: String,
    /// Later steps that the same mistake may fail.
    pub also: Vec<String>,
    /// A second board runs the same program, as its partner.
    #[serde(default)]
    pub twin: bool,
    /// That board is switched on so many seconds later.
    #[serde(default)]
    pub twin_after_s: u64,
    /// Its packets pass a radio, which a hook of the check switches.
    #[serde(default)]
    pub radio: bool,
    /// The broker asks for user and password.
    #[serde(default)]
    pub login: bool,
    /// The check is told topics and words instead of learning them.
    #[serde(default)]
    pub foreign: bool,
}

/// What a check must say.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Every step passes.
    Good,
    /// This step is the first to fail, with this cause; these may fail too.
    Wrong { step: String, cause: String, also: Vec<String> },
}

/// A light to be checked.
#[derive(Clone, Debug)]
pub struct Light {
    pub name: String,
    pub of: Good,
    program: String,
    change: Vec<(String, String)>,
    pub twin: bool,
    pub twin_after: Duration,
    pub radio: bool,
    pub login: bool,
    pub foreign: bool,
    pub expected: Expected,
}

/// What a student would change in the program: where the broker is, and the topics on it.
#[derive(Clone, Debug)]
pub struct Address {
    pub port: u16,
    pub login: Option<(&'static str, &'static str)>,
    pub says: String,
    pub hears: String,
}

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    good: Vec<Good>,
    #[serde(default)]
    wrong: Vec<Wrong>,
}

/// `tests/own_light`.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../own_light"))
}

pub fn good() -> Vec<Light> {
    let table = table("good.toml").good.into_iter();
    table.map(|good| Light::new(good.name.clone(), good, Expected::Good)).collect()
}

pub fn wrong() -> Vec<Light> {
    let bases = table("good.toml").good;
    let light = |wrong: Wrong| {
        let of = bases.iter().find(|good| good.name == wrong.of);
        let of = of.unwrap_or_else(|| panic!("{}: there is no good light {}", wrong.name, wrong.of)).clone();
        let expected = Expected::Wrong { step: wrong.step, cause: wrong.cause, also: wrong.also };
        let light = Light::new(wrong.name, of, expected);
        Light {
            change: [light.change.clone(), wrong.change].concat(),
            twin: wrong.twin,
            twin_after: Duration::from_secs(wrong.twin_after_s),
            radio: wrong.radio,
            login: wrong.login,
            foreign: wrong.foreign,
            ..light
        }
    };
    table("wrong.toml").wrong.into_iter().map(light).collect()
}

fn table(file: &str) -> Table {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

impl Light {
    fn new(name: String, of: Good, expected: Expected) -> Light {
        let file = of.of.as_ref().unwrap_or(&of.name);
        let program = fs::read_to_string(folder().join(format!("good/{file}.py"))).unwrap();
        let change = of.change.clone();
        let (twin, radio, login, foreign) = (false, false, false, false);
        let twin_after = Duration::ZERO;
        Light { name, of, program, change, twin, twin_after, radio, login, foreign, expected }
    }

    pub fn program(&self, at: &Address) -> String {
        let mut program = self.program.clone();
        let (user, password) = at.login.unzip();
        let quoted = |text: Option<&str>| text.map_or("None".to_owned(), |text| format!("{text:?}"));
        let good = &self.of;
        self.replace(&mut program, "HOST = \"192.168.1.10\"\n", "HOST = \"127.0.0.1\"\n");
        self.replace(&mut program, "PORT = 1883\n", &format!("PORT = {}\n", at.port));
        self.replace(&mut program, "USER = None\n", &format!("USER = {}\n", quoted(user)));
        self.replace(&mut program, "\nPASSWORD = None\n", &format!("\nPASSWORD = {}\n", quoted(password)));
        for (from, to) in &self.change {
            self.replace(&mut program, from, to);
        }
        let says = format!("SAYS = b\"{}\"\n", good.says);
        self.replace(&mut program, &says, &format!("SAYS = b\"{}\"\n", at.says));
        // The mistake may be the topic itself.
        let hears = format!("HEARS = b\"{}", good.hears);
        if program.contains(&hears) {
            self.replace(&mut program, &hears, &format!("HEARS = b\"{}", at.hears));
        }
        program
    }

    /// What it says and hears, for `--foreign`.
    pub fn foreign(&self, at: &Address) -> String {
        let Good { words, json, .. } = &self.of;
        let json = json.as_ref().map_or(String::new(), |pointer| format!("json = {pointer:?}\n"));
        format!(
            "[[foreign]]\nlight = \"lab/b\"\nsays = {:?}\nhears = {:?}\nwords = {{ red = {:?}, amber = {:?}, green = {:?} }}\n{json}",
            at.says, at.hears, words.red, words.amber, words.green,
        )
    }

    fn replace(&self, program: &mut String, from: &str, to: &str) {
        assert_eq!(
            program.matches(from).count(),
            1,
            "{}: {from:?} stands not once in its program",
            self.name
        );
        *program = program.replace(from, to);
    }
}
