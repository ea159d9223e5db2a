//! A user name and a password.

use std::{fmt, hint::black_box};

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
    /// Looks at every byte of user and password in any case, so that the time it takes tells nothing.
    pub(crate) fn admits(&self, user: Option<&str>, password: Option<&[u8]>) -> bool {
        let user_fits = same_bytes(user.unwrap_or_default().as_bytes(), self.user.as_bytes());
        let password_fits = same_bytes(password.unwrap_or_default(), self.password.as_bytes());
        user_fits & password_fits
    }
}

/// Compares in a time that depends on the length of `given` alone.
fn same_bytes(given: &[u8], secret: &[u8]) -> bool {
    let lengths = u8::from(given.len() != secret.len());
    let difference = given
        .iter()
        .zip(secret.iter().cycle())
        .fold(lengths, |difference, (a, b)| black_box(difference | (a ^ b)));
    difference == 0
}
