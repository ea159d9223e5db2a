//! Backups: the flash in a file, and what is known of it in a file beside it.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use esp_image::{hex, layout::PROTECTED};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{
    BackupPlace, BackupScope, BoardError, JobObserver, Mac, Step, job_event::Backup, loader::Loader,
    progress::ProgressReporter,
};
use crate::model::text_file;

/// Bytes of flash that a second of the line is worth, per baud: one byte takes ten bits.
const BAUD_PER_BYTE: u32 = 10;
/// The least and the most that is read at once: between two of these a job can be cancelled.
const PIECE_BYTES: (u32, u32) = (16 * 1024, 256 * 1024);
/// The largest file that can be a backup.
const MOST_BYTES: u64 = 256 << 20;
/// What stands beside it has a dozen lines.
const MOST_FACTS_BYTES: u64 = 64 << 10;

/// What is known of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Of which board.
    mac: String,
    /// How much of its flash.
    scope: String,
    /// Where the first byte belongs.
    offset: u32,
    /// Bytes.
    pub(super) size: u64,
    /// In lower-case hex.
    sha256: String,
    /// When it was made (RFC 3339, UTC).
    date: String,
    program: String,
}

/// A backup that was read, and is what it was when it was made.
pub(super) struct Loaded {
    pub(super) mac: Mac,
    pub(super) scope: BackupScope,
    pub(super) bytes: Vec<u8>,
}

/// The folder for backups that nobody named a place for.
///
/// # Errors
/// Where the system names no folder for the user's data.
pub(crate) fn default_folder() -> Result<PathBuf, BoardError> {
    let folders = directories::ProjectDirs::from("", "", "twinlight").ok_or(BoardError::NoDataFolder)?;
    Ok(folders.data_dir().join("backups"))
}

/// The file beside a backup.
#[must_use]
pub fn facts_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".toml");
    name.into()
}

/// Whether a backup could be written there; before a board is bothered.
pub(super) fn check_place(place: &BackupPlace) -> Result<(), BoardError> {
    let folder = match place {
        BackupPlace::File(file) => {
            for file in [file.clone(), facts_file(file)] {
                if file.symlink_metadata().is_ok() {
                    return Err(BoardError::BackupExists { file });
                }
            }
            folder_of(file)
        }
        BackupPlace::Folder(folder) => {
            make_private_folder(folder).map_err(|error| unwritable(folder, error))?;
            folder
        }
    };
    NamedTempFile::new_in(folder).map(drop).map_err(|error| unwritable(folder, error))
}

/// Reads the flash, or Pycom's block, into a file.
pub(super) fn back_up(
    loader: &mut Loader,
    scope: BackupScope,
    place: &BackupPlace,
    observer: &mut dyn JobObserver,
) -> Result<Backup, BoardError> {
    let now = SystemTime::now();
    let mac = loader.info.mac;
    let file = match place {
        BackupPlace::File(file) => file.clone(),
        BackupPlace::Folder(folder) => folder.join(file_name(mac, scope, now)),
    };
    let folder = folder_of(&file);
    let range = match scope {
        BackupScope::Whole => 0..loader.info.flash_bytes,
        BackupScope::Identity => PROTECTED,
    };
    let size = range.end - range.start;
    let mut progress = ProgressReporter::begin(Step::BackUp, u64::from(size), observer);
    // Its permissions are this user's alone: the flash may hold passwords.
    let mut beside = NamedTempFile::new_in(folder).map_err(|error| unwritable(&file, error))?;
    let mut sum = Sha256::new();
    let piece = (loader.info.baud / BAUD_PER_BYTE / 4096 * 4096).clamp(PIECE_BYTES.0, PIECE_BYTES.1);
    let mut at = range.start;
    while at < range.end {
        loader.cancel().check()?;
        let before = progress.done();
        let count = piece.min(range.end - at);
        let bytes = loader.read(at, count, &mut |done| progress.set(before + done as u64, observer))?;
        loader.tell(observer);
        beside.write_all(&bytes).map_err(|error| unwritable(&file, error))?;
        sum.update(&bytes);
        at += count;
    }
    let backup = Backup { file, scope, size: u64::from(size), sha256: hex(&sum.finalize()), mac };
    store(beside, &backup, range.start, now)?;
    Ok(backup)
}

/// Gives the backup its name, if nobody has that; first what is known of it, so that a backup is
/// never without.
fn store(beside: NamedTempFile, backup: &Backup, offset: u32, now: SystemTime) -> Result<(), BoardError> {
    let facts = Facts {
        mac: backup.mac.to_string(),
        scope: scope_name(backup.scope).to_owned(),
        offset,
        size: backup.size,
        sha256: backup.sha256.clone(),
        date: date(now),
        program: concat!("twinlight ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let text = toml::to_string(&facts)
        .map_err(|error| unwritable(&backup.file, io::Error::other(error.to_string())))?;
    let text = format!("# A backup of a board's flash; \"twinlight restore\" writes it back.\n\n{text}");
    let facts_file = facts_file(&backup.file);
    let mut facts =
        NamedTempFile::new_in(folder_of(&backup.file)).map_err(|error| unwritable(&facts_file, error))?;
    facts.write_all(text.as_bytes()).map_err(|error| unwritable(&facts_file, error))?;
    name_it(facts, &facts_file)?;
    name_it(beside, &backup.file).inspect_err(|_| {
        // It would tell of a backup that there is not.
        let _ = fs::remove_file(&facts_file);
    })
}

fn name_it(beside: NamedTempFile, file: &Path) -> Result<(), BoardError> {
    beside.as_file().sync_all().map_err(|error| unwritable(file, error))?;
    match beside.persist_noclobber(file) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(BoardError::BackupExists { file: file.to_owned() })
        }
        Err(error) => Err(unwritable(file, error.error)),
    }
}

/// Reads a backup and checks that it is what it was.
pub(super) fn load(file: &Path) -> Result<Loaded, BoardError> {
    let bad = |reason: String| BoardError::BadBackup { file: file.to_owned(), reason };
    let unreadable = |file: &Path, source| BoardError::File { file: file.to_owned(), doing: "read", source };
    let facts_file = facts_file(file);
    let length = fs::metadata(file).map_err(|error| unreadable(file, error))?.len();
    let text =
        text_file::read(&facts_file, MOST_FACTS_BYTES).map_err(|error| unreadable(&facts_file, error))?;
    let facts: Facts = toml::from_str(&text).map_err(|error| {
        bad(format!("has a {} that cannot be read: {}", shown(&facts_file), error.message()))
    })?;
    if length != facts.size || length > MOST_BYTES {
        return Err(bad(format!("has {length} bytes, and {} when it was made", facts.size)));
    }
    let scope = [BackupScope::Whole, BackupScope::Identity]
        .into_iter()
        .find(|scope| scope_name(*scope) == facts.scope)
        .ok_or_else(|| bad(format!("holds {:?}, which this version does not know", facts.scope)))?;
    let mac =
        facts.mac.parse().map_err(|()| bad(format!("is of {:?}, which is no MAC address", facts.mac)))?;
    let expected = match scope {
        BackupScope::Whole => (0, facts.size),
        BackupScope::Identity => (PROTECTED.start, u64::from(PROTECTED.end - PROTECTED.start)),
    };
    if (facts.offset, facts.size) != expected {
        return Err(bad(format!(
            "has {} bytes for {:#x}, which is no backup's shape",
            facts.size, facts.offset
        )));
    }
    let bytes = fs::read(file).map_err(|error| unreadable(file, error))?;
    if esp_image::sha256(&bytes) != facts.sha256 {
        return Err(bad("is not what it was when it was made: its SHA-256 is another".to_owned()));
    }
    Ok(Loaded { mac, scope, bytes })
}

fn scope_name(scope: BackupScope) -> &'static str {
    match scope {
        BackupScope::Whole => "whole",
        BackupScope::Identity => "identity",
    }
}

fn file_name(mac: Mac, scope: BackupScope, now: SystemTime) -> String {
    let mac: String = mac.to_string().split(':').collect();
    let date = date(now).replace(':', "").replace('T', "-").replace('Z', "");
    format!("lopy4-{mac}-{date}{}.bin", if scope == BackupScope::Identity { "-identity" } else { "" })
}

/// RFC 3339, in UTC, to the second.
fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day after 1970-01-01. Years begin in March here, so that the day that
/// some have more is their last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn unwritable(file: &Path, source: io::Error) -> BoardError {
    BoardError::File { file: file.to_owned(), doing: "written", source }
}

fn shown(file: &Path) -> std::path::Display<'_> {
    file.display()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn made(folder: &Path, bytes: &[u8]) -> Backup {
        let mut beside = NamedTempFile::new_in(folder).unwrap();
        beside.write_all(bytes).unwrap();
        let backup = Backup {
            file: folder.join("b.bin"),
            scope: BackupScope::Whole,
            size: bytes.len() as u64,
            sha256: esp_image::sha256(bytes),
            mac: Mac([1, 2, 3, 4, 5, 6]),
        };
        store(beside, &backup, 0, UNIX_EPOCH).unwrap();
        backup
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
        let name = file_name(Mac([0x24, 0x0A, 0xC4, 0, 1, 2]), BackupScope::Identity, UNIX_EPOCH);
        assert_eq!(name, "lopy4-240ac4000102-1970-01-01-000000-identity.bin");
    }

    #[test]
    fn a_backup_is_read_back_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let backup = made(folder.path(), b"flash");
        let loaded = load(&backup.file).unwrap();
        assert_eq!(
            (loaded.mac, loaded.scope, loaded.bytes.as_slice()),
            (backup.mac, backup.scope, &b"flash"[..])
        );
        #[cfg(unix)]
        for file in [backup.file.clone(), facts_file(&backup.file)] {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_backup_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let backup = made(folder.path(), b"first");
        let again = store(NamedTempFile::new_in(folder.path()).unwrap(), &backup, 0, UNIX_EPOCH);
        assert!(matches!(again, Err(BoardError::BackupExists { .. })));
        assert_eq!(fs::read(&backup.file).unwrap(), b"first");
        let place = BackupPlace::File(backup.file.clone());
        assert!(matches!(check_place(&place), Err(BoardError::BackupExists { .. })));
        fs::remove_file(&backup.file).unwrap();
        assert!(check_place(&place).is_err(), "what is known of another is there still");
        fs::remove_file(facts_file(&backup.file)).unwrap();
        fs::write(&backup.file, "stranger").unwrap();
        let again = store(NamedTempFile::new_in(folder.path()).unwrap(), &backup, 0, UNIX_EPOCH);
        assert!(matches!(again, Err(BoardError::BackupExists { .. })));
        assert_eq!(fs::read(&backup.file).unwrap(), b"stranger");
        assert!(!facts_file(&backup.file).exists(), "nothing tells of a backup that there is not");
    }

    #[test]
    fn a_changed_or_cut_backup_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let backup = made(folder.path(), b"flash");
        fs::write(&backup.file, "flask").unwrap();
        assert!(load(&backup.file).err().unwrap().to_string().contains("its SHA-256 is another"));
        fs::write(&backup.file, "flas").unwrap();
        assert!(
            load(&backup.file).err().unwrap().to_string().contains("has 4 bytes, and 5 when it was made")
        );
        fs::write(facts_file(&backup.file), "no facts").unwrap();
        assert!(matches!(load(&backup.file), Err(BoardError::BadBackup { .. })));
        fs::remove_file(facts_file(&backup.file)).unwrap();
        assert!(matches!(load(&backup.file), Err(BoardError::File { doing: "read", .. })));
    }
}
