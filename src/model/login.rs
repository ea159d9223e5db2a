//! A user name and a password.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The one user name and password of the broker. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name, not empty.
    pub user: String,
    /// Password, not empty. It crosses the network in clear text.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).field("password", &"…").finish()
    }
}

impl Login {
    /// Whether a client that says these is let in. Hashes are compared, in constant time, so that neither
    /// the bytes nor the length of the secret can be told from the time that it takes.
    pub(crate) fn admits(&self, user: Option<&str>, password: Option<&[u8]>) -> bool {
        let user = is_same(user.unwrap_or_default().as_bytes(), self.user.as_bytes());
        let password = is_same(password.unwrap_or_default(), self.password.as_bytes());
        (user & password).into()
    }
}

fn is_same(given: &[u8], secret: &[u8]) -> Choice {
    Sha256::digest(given)[..].ct_eq(&Sha256::digest(secret)[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        Login { user: "king".to_owned(), password: "arthur".to_owned() }
    }

    #[test]
    fn a_login_admits_itself_alone() {
        let admits = |user: &str, password: &str| login().admits(Some(user), Some(password.as_bytes()));
        assert!(admits("king", "arthur"));
        for (user, password) in [
            ("king", "arthu"),
            ("king", "arthurarthur"),
            ("king", ""),
            ("kingking", "arthur"),
            ("arthur", "king"),
            ("", ""),
            ("King", "arthur"),
        ] {
            assert!(!admits(user, password), "{user}/{password} was let in");
        }
        assert!(!login().admits(None, None));
        assert!(!login().admits(Some("king"), None));
        assert!(!login().admits(None, Some(b"arthur")));
    }
}
