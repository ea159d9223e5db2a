//! The login that boards were given, saved from one run to the next: a board has it in its flash, and
//! a broker with another one would reject it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::model::{Login, private_file, text_file};

/// The file in the program's own folder.
pub(crate) const FILE_NAME: &str = "boards-login.toml";

const MAX_BYTES: u64 = 4_096;

const HEADER: &str = "# What boards log in with at the broker of Twinlight. Delete it to make a new one.\n";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLogin {
    user: String,
    password: String,
}

/// Reads the login that was saved in `file`; `None` where there is none, or none that can be used. One that cannot
/// is put aside, since a new one will take its place.
#[must_use]
pub(super) fn load(file: &Path) -> Option<Login> {
    let login = match text_file::read(file, MAX_BYTES) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        Err(_) => return None,
    };
    if login.is_none() {
        let aside = file.with_extension("damaged");
        let kept = fs::rename(file, &aside).is_ok();
        let (file, aside) = (file.display(), aside.display());
        tracing::warn!(
            kept,
            "{file} holds no login: a new one will be made, and what was there is in {aside}"
        );
    }
    login
}

fn parse(text: &str) -> Option<Login> {
    let StoredLogin { user, password } = toml::from_str(text).ok()?;
    (!user.is_empty() && !password.is_empty()).then_some(Login { user, password })
}

/// Saves a login in `file`, readable by this user alone; never half of it.
///
/// # Errors
/// What happened and what to do, as a sentence.
pub(super) fn save(file: &Path, login: &Login) -> Result<PathBuf, String> {
    let stored = StoredLogin { user: login.user.clone(), password: login.password.clone() };
    let write = || -> std::io::Result<()> {
        let text = toml::to_string(&stored).map_err(std::io::Error::other)?;
        private_file::write(file, &format!("{HEADER}{text}"))
    };
    write().map(|()| file.to_owned()).map_err(|error| {
        format!(
            "The login for boards could not be saved in {}: {error}. Boards that are flashed now need \
             a new one after the next start.",
            file.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_saved_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/er").join(FILE_NAME);
        assert_eq!(load(&file), None);
        let login = Login { user: "lab".to_owned(), password: "with \"quotes\" and = signs".to_owned() };
        save(&file, &login).unwrap();
        assert_eq!(load(&file), Some(login));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&file, "user = \"\"\npassword = \"x\"\n").unwrap();
        assert_eq!(load(&file), None, "what cannot be used is as good as nothing");
        for damaged in
            [&b"gibberish"[..], b"", b"user = 5\npassword = []\n", b"\xff\0", b"user = \"lab\"\npass"]
        {
            fs::write(&file, damaged).unwrap();
            assert_eq!(load(&file), None);
            assert_eq!(fs::read(file.with_extension("damaged")).unwrap(), damaged, "nothing is lost");
        }
        let told =
            save(Path::new("/proc/no/such/place.toml"), &Login { user: "a".into(), password: "b".into() });
        assert!(told.unwrap_err().contains("could not be saved"));
    }
}
