//! The keys of junctions with `key = "auto"`: made up once, and kept from run to run for this user
//! alone.
//!
//! Partners need the same key. It is shown when it is asked for (`twinlight key`), and nowhere else:
//! not in logs, not in what a run tells.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use rand::{RngExt, distr::Alphanumeric};
use serde::{Deserialize, Serialize};
use traffic_light::Key;

use crate::{
    config::{BrokerChoice, Config, Junction},
    model::{Diagnostic, private_file, text_file},
};

/// The file in the program's own folder.
pub const FILE_NAME: &str = "junction-keys.toml";

/// Of a file with the keys of some 40,000 junctions.
const MAX_BYTES: u64 = 4 << 20;
/// A made-up key: 24 letters and digits, of 142 bits.
const KEY_CHARACTERS: usize = 24;

const HEADER: &str = "# Keys that Twinlight made up for junctions with key = \"auto\", by broker and junction.\n\
                      # Whoever knows one can switch that junction's lights. \"twinlight key\" shows them.\n";

/// Why keys cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no folder for them.
    #[error("this system has no folder to keep a junction's key in (key = \"auto\")")]
    NoFolder,
    /// The file cannot be read or written.
    #[error("the keys of junctions cannot be kept in {file}: {error}")]
    File {
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file was changed so that it cannot be read.
    #[error("{file} is not as this program wrote it")]
    Damaged { file: PathBuf },
    /// The configuration has no junction of that kind.
    #[error("{0}")]
    NothingToDo(Diagnostic),
}

impl KeyError {
    /// What to do next.
    #[must_use]
    pub fn help(&self) -> String {
        let text = match self {
            KeyError::NoFolder => {
                "name one with --state FOLDER, or give the key as key = \"${TWINLIGHT_KEY}\""
            }
            KeyError::File { .. } => "give the file to this user, or name another folder with --state",
            KeyError::Damaged { .. } => {
                "put back what was in it, or delete it and agree with your partner on a new key"
            }
            KeyError::NothingToDo(diagnostic) => diagnostic.help.as_deref().unwrap_or_default(),
        };
        text.to_owned()
    }
}

/// A junction whose key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The junction's name.
    pub junction: String,
    /// Where its key is kept.
    pub file: PathBuf,
    /// Whether it was made just now.
    pub new: bool,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    keys: BTreeMap<String, String>,
}

/// Gives each junction of `config` that lacks its key the one that is kept for it in `folder`; makes
/// those that are not there yet. Changes nothing where no junction lacks one.
///
/// # Errors
/// When the keys cannot be read or kept.
pub fn give(config: &mut Config, folder: Option<&Path>) -> Result<Vec<Kept>, KeyError> {
    if !config.junctions.iter().any(Junction::lacks_key) {
        return Ok(Vec::new());
    }
    let file = folder.ok_or(KeyError::NoFolder)?.join(FILE_NAME);
    let mut keys = load(&file)?;
    let place = place(config);
    let mut kept = Vec::new();
    for junction in config.junctions.iter_mut().filter(|junction| junction.lacks_key()) {
        let slot = format!("{place}/{}", junction.name());
        let new = !keys.keys.contains_key(&slot);
        let text = keys.keys.entry(slot).or_insert_with(make);
        let key = Key::new(text.as_bytes()).ok().filter(|_| !text.contains(char::is_control));
        let key = key.ok_or_else(|| KeyError::Damaged { file: file.clone() })?;
        junction.set_key(key);
        kept.push(Kept { junction: junction.name().to_string(), file: file.clone(), new });
    }
    if kept.iter().any(|kept| kept.new) {
        save(&file, &keys)?;
    }
    Ok(kept)
}

/// As [`give`], and tells of each key that was made just now among the warnings of `config`. `chosen`:
/// how a command line chooses the configuration; empty: not at all.
///
/// # Errors
/// When the keys cannot be read or kept.
pub fn give_and_tell(config: &mut Config, folder: Option<&Path>, chosen: &str) -> Result<(), KeyError> {
    for kept in give(config, folder)?.into_iter().filter(|kept| kept.new) {
        config.warnings.push(Diagnostic::new(
            format!(
                "a key was made for the junction {} and is kept in {}",
                kept.junction,
                kept.file.display()
            ),
            format!("your partner needs the same one: \"twinlight key {chosen}\" shows it"),
        ));
    }
    Ok(())
}

/// Keeps `key`, a partner's, for the junction of `config` that lacks one.
///
/// # Errors
/// When there is not exactly one such junction, or the key cannot be kept.
pub fn take(config: &mut Config, folder: Option<&Path>, key: &str) -> Result<Kept, KeyError> {
    let place = place(config);
    let mut lacking = config.junctions.iter_mut().filter(|junction| junction.lacks_key());
    let (Some(junction), None) = (lacking.next(), lacking.next()) else {
        return Err(KeyError::NothingToDo(Diagnostic::new(
            "this takes a configuration with exactly one junction that has key = \"auto\"",
            "write the key of any other as key = \"${NAME}\" and export NAME=…",
        )));
    };
    // What is copied brings blanks and line ends along.
    let key = key.trim();
    let help = "copy the whole key that \"twinlight key\" shows at your partner's";
    let no_key = |why| KeyError::NothingToDo(Diagnostic::new(format!("this is no key: {why}"), help));
    if let Some(letter) = key.chars().find(|letter| letter.is_control()) {
        return Err(no_key(format!("it has a control character in it (U+{:04X})", u32::from(letter))));
    }
    let parsed = Key::new(key.as_bytes()).map_err(|error| no_key(error.to_string()))?;
    let file = folder.ok_or(KeyError::NoFolder)?.join(FILE_NAME);
    let mut keys = load(&file)?;
    let old = keys.keys.insert(format!("{place}/{}", junction.name()), key.to_owned());
    let kept =
        Kept { junction: junction.name().to_string(), file: file.clone(), new: old.as_deref() != Some(key) };
    junction.set_key(parsed);
    save(&file, &keys)?;
    Ok(kept)
}

/// What a key belongs to, beside its junction's name. Not the root topic: that may be another one
/// with each start, and a signature holds for one topic alone.
fn place(config: &Config) -> String {
    match &config.broker {
        BrokerChoice::Embedded { .. } => "embedded".to_owned(),
        BrokerChoice::External { host, .. } => host.clone(),
    }
}

fn make() -> String {
    rand::rng().sample_iter(Alphanumeric).take(KEY_CHARACTERS).map(char::from).collect()
}

fn load(file: &Path) -> Result<Keys, KeyError> {
    match text_file::read(file, MAX_BYTES) {
        // The parser's own words would show the line, with the key in it.
        Ok(text) => match toml::from_str::<Keys>(&text) {
            // It is never written without a key: a new one would lock out the partner without a word.
            Ok(keys) if !keys.keys.is_empty() => Ok(keys),
            _ => Err(KeyError::Damaged { file: file.to_owned() }),
        },
        // Text of no kind that this program writes.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(KeyError::Damaged { file: file.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Keys::default()),
        Err(error) => Err(KeyError::File { file: file.to_owned(), error }),
    }
}

/// Whole or not at all, and from the start for this user alone.
fn save(file: &Path, keys: &Keys) -> Result<(), KeyError> {
    let write = || -> io::Result<()> {
        let text = toml::to_string(keys).map_err(io::Error::other)?;
        private_file::write(file, &format!("{HEADER}{text}"))
    };
    write().map_err(|error| KeyError::File { file: file.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LAB: &str =
        "[broker]\nkind = \"external\"\nhost = \"lab\"\n[[junction]]\nname = \"demo\"\nkey = \"auto\"\n";

    fn config(text: &str) -> Config {
        Config::from_toml(text, "lab.toml", &|_| None).unwrap()
    }

    #[test]
    fn a_key_is_made_once_and_is_this_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = config(LAB);
        assert!(first.junctions[0].lacks_key());
        let kept = give(&mut first, Some(folder.path())).unwrap();
        assert!(kept[0].new && !first.junctions[0].lacks_key());
        let mut second = config(LAB);
        assert!(!give(&mut second, Some(folder.path())).unwrap()[0].new);
        assert_eq!(first.junctions[0].key(), second.junctions[0].key());
        let mut elsewhere = config(&LAB.replace("\"lab\"", "\"other\""));
        give(&mut elsewhere, Some(folder.path())).unwrap();
        assert_ne!(first.junctions[0].key(), elsewhere.junctions[0].key(), "another broker, another key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&kept[0].file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_partners_key_takes_the_place_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        give(&mut config(LAB), Some(folder.path())).unwrap();
        assert!(take(&mut config(LAB), Some(folder.path()), "too short").is_err());
        assert!(take(&mut config(LAB), Some(folder.path()), "a key that we agreed on").unwrap().new);
        let mut next = config(LAB);
        give(&mut next, Some(folder.path())).unwrap();
        assert_eq!(next.junctions[0].key(), Some(&Key::new(b"a key that we agreed on").unwrap()));
        let without = LAB.replace("key = \"auto\"\n", "");
        assert!(take(&mut config(&without), Some(folder.path()), "a key that we agreed on").is_err());
    }

    #[test]
    fn a_file_that_was_changed_is_told_of_without_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "[keys]\nlab = topsecret\n").unwrap();
        let told = give(&mut config(LAB), Some(folder.path())).unwrap_err().to_string();
        assert!(told.contains(FILE_NAME) && !told.contains("topsecret"), "{told}");
        assert!(matches!(give(&mut config(LAB), None), Err(KeyError::NoFolder)));
    }
}
