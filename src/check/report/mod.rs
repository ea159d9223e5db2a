//! A check as one HTML page that can be handed in: verdicts, a timeline, and the whole record, sealed.
//!
//! The page follows from the record alone. So a verifier makes it again and compares: what somebody has changed in
//! the page shows, and what somebody has changed in the record does not fit its seal.

mod page;
mod seal;
mod timeline;

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

pub use self::seal::SealKey;
use super::record::{Record, VERSION};
use crate::model::{Diagnostic, private_file};

/// A record that is longer was not made here.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// A longer page was not written here.
const MOST_PAGE_BYTES: u64 = 64 * 1024 * 1024;
const BEGIN: &str = "<script type=\"application/json\" id=\"twinlight-check\">";
const END: &str = "</script>";
/// Where pages are kept, below the state folder.
pub(crate) const FOLDER: &str = "checks";
/// Checks of one group that begin in the same second.
const MOST_OF_ONE_NAME: usize = 100;

/// What stands in the page for programs.
#[derive(serde::Serialize, serde::Deserialize)]
struct Embedded {
    /// The record as JSON, deflated, in base 64.
    record: String,
    /// HMAC-SHA-256 of the record's JSON, in hex.
    seal: String,
}

/// The page of a record.
///
/// # Errors
/// When the record cannot be written as JSON.
pub(crate) fn page(record: &Record, key: &SealKey) -> io::Result<String> {
    let json = serde_json::to_vec(record)?;
    let embedded = Embedded { record: pack(&json)?, seal: key.seal(&json) };
    render(record, &embedded)
}

/// Saves a page below the state folder, beside those that are there already; returns where.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn save(record: &Record, html: &str, state_folder: &Path) -> io::Result<PathBuf> {
    let folder = state_folder.join(FOLDER);
    private_file::make_folder(&folder)?;
    let group = record.group.as_ref().map(|group| format!("-{}", file_name(group))).unwrap_or_default();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 1..=MOST_OF_ONE_NAME {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        let file = folder.join(format!("check-{}{group}{number}.html", record.began_s));
        match private_file::write_new(&file, html) {
            Ok(()) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// A name as a part of a file's name on every system.
fn file_name(name: &str) -> String {
    name.chars().take(40).map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect()
}

fn render(record: &Record, embedded: &Embedded) -> io::Result<String> {
    // Base 64 and hex hold nothing that could end the element.
    let data = format!("{BEGIN}{}{END}", serde_json::to_string(embedded)?);
    Ok(page::page(record, &data).into_string())
}

/// What a verifier found out about a page.
#[derive(Debug)]
pub struct Verified {
    /// What the verdicts are made from.
    pub record: Record,
    /// The seal is this program's, and fits the record.
    pub(super) sealed: bool,
    /// The page shows what the record says; `None`: another version of the program made it, and may show it otherwise.
    pub(super) shows: Option<bool>,
}

impl Verified {
    /// Whether nothing speaks against it.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        self.sealed && self.shows != Some(false)
    }

    /// What was found out, for a person.
    #[must_use]
    pub(crate) fn finding(&self) -> &'static str {
        match (self.sealed, self.shows) {
            (false, _) => {
                "the record in this page does not fit this program's seal: it was changed, or made by a program with \
                 another key"
            }
            (true, Some(false)) => "the record is genuine, but the page shows something else: it was edited",
            (true, Some(true)) => "the page is as this program wrote it",
            (true, None) => "the record is genuine; the page was written by another version of the program",
        }
    }
}

/// Reads the file of a page, and no more of it than a page may have.
///
/// # Errors
/// When it cannot be read, or is none.
pub(crate) fn read(file: &Path) -> Result<String, Diagnostic> {
    let wrong = |why: String| {
        let message = format!("{} cannot be read: {why}", file.display());
        Diagnostic::new(message, "give the file that \"twinlight check --html\" wrote")
    };
    let opened = std::fs::File::open(file).map_err(|error| wrong(error.to_string()))?;
    let mut bytes = Vec::new();
    let read = opened.take(MOST_PAGE_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > MOST_PAGE_BYTES) {
        return Err(wrong("it is too long for a page of a check".to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is no text".to_owned()))
}

/// Reads a page and looks whether it is as it was written.
///
/// # Errors
/// When it is no page of a check, or one that this version cannot judge.
pub fn verify(html: &str, key: &SealKey) -> Result<Verified, Diagnostic> {
    let none = |why: String| {
        Diagnostic::new(why, "give the file that \"twinlight check --html\" wrote, as it was written")
    };
    let data = html.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(data, _)| data);
    let data = data.ok_or_else(|| none("there is no record of a check in this file".to_owned()))?;
    let unreadable = |why: String| none(format!("the record in this file cannot be read: {why}"));
    let embedded: Embedded = serde_json::from_str(data).map_err(|error| unreadable(error.to_string()))?;
    let json = unpack(&embedded.record).map_err(|error| unreadable(error.to_string()))?;
    let record: Record = serde_json::from_slice(&json).map_err(|error| unreadable(error.to_string()))?;
    if record.version != VERSION {
        let why = format!("the record has form {}, and this program knows form {VERSION}", record.version);
        return Err(Diagnostic::new(why, "verify it with the version of Twinlight that wrote it"));
    }
    if !record.is_plausible() {
        return Err(unreadable("no check went like that".to_owned()));
    }
    let sealed = key.fits(&json, &embedded.seal);
    let same_program = record.program == env!("CARGO_PKG_VERSION");
    let again = render(&record, &embedded).map_err(|error| unreadable(error.to_string()))?;
    let shows = same_program.then(|| again == html);
    Ok(Verified { record, sealed, shows })
}

fn pack(json: &[u8]) -> io::Result<String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(json)?;
    Ok(BASE64_STANDARD.encode(encoder.finish()?))
}

fn unpack(text: &str) -> io::Result<Vec<u8>> {
    let deflated = BASE64_STANDARD.decode(text).map_err(io::Error::other)?;
    let mut json = Vec::new();
    ZlibDecoder::new(&deflated[..]).take(MOST_BYTES).read_to_end(&mut json)?;
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{history::by_hand::Script, record::Step, record::What, vocabulary::Shown};

    /// As somebody makes it who has the program, and not its key.
    fn page_of(record: &Record) -> String {
        let json = serde_json::to_vec(record).unwrap();
        let embedded = Embedded { record: pack(&json).unwrap(), seal: String::new() };
        format!("{BEGIN}{}{END}", serde_json::to_string(&embedded).unwrap())
    }

    fn record() -> Record {
        let mut script = Script::learned();
        script
            .began(0, Step::Connects)
            .connected(100, 30)
            .subscribed(110)
            .says(120, "red")
            .ended(200, Step::Connects);
        script.began(200, Step::Talks).ended(300, Step::Talks).partner(400, Shown::Red).says(4_000, "green");
        script.at(5_000, What::Log { line: "<b>&\"</script>".to_owned() });
        script.record
    }

    #[test]
    fn a_page_is_kept_beside_those_of_the_same_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = record();
        (record.group, record.began_s) = (Some("Ann & ../Bo".to_owned()), 7);
        let first = save(&record, "one", folder.path()).unwrap();
        let second = save(&record, "two", folder.path()).unwrap();
        assert_eq!(first, folder.path().join("checks/check-7-Ann------Bo.html"));
        assert_ne!(first, second);
        assert_eq!(std::fs::read_to_string(first).unwrap(), "one");
        assert_eq!(std::fs::read_to_string(second).unwrap(), "two");
    }

    #[test]
    fn a_page_is_verified_and_each_way_to_change_it_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let key = SealKey::load(folder.path()).unwrap();
        let html = page(&record(), &key).unwrap();
        let verified = verify(&html, &key).unwrap();
        assert!(verified.is_genuine() && verified.record.entries == record().entries);

        let shown = html.replace(">pass<", ">pass <");
        assert_ne!(shown, html);
        let verified = verify(&shown, &key).unwrap();
        assert!(!verified.is_genuine() && verified.sealed, "{}", verified.finding());

        let mut changed = record();
        changed.seed += 1;
        let json = serde_json::to_vec(&changed).unwrap();
        let embedded = Embedded { record: pack(&json).unwrap(), seal: key.seal(b"another") };
        let verified = verify(&render(&changed, &embedded).unwrap(), &key).unwrap();
        assert!(!verified.sealed && verified.shows == Some(true));

        let other = SealKey::load(tempfile::tempdir().unwrap().path()).unwrap();
        assert!(!verify(&html, &other).unwrap().is_genuine(), "another program's key");
        for change in [
            (|record: &mut Record| record.entries[3].at = u64::MAX) as fn(&mut Record),
            |record| record.entries.last_mut().unwrap().at = u64::MAX,
            |record| record.steps = vec![Step::Reacts; 100_000],
        ] {
            let mut record = record();
            change(&mut record);
            let why = verify(&page_of(&record), &key).unwrap_err();
            assert!(why.message.contains("no check went like that"), "{why}");
        }
        for broken in ["", "<html></html>", &html[..html.len() / 2], &html.replace("\"seal\":", "\"s\":")] {
            assert!(verify(broken, &key).is_err());
        }
    }
}
