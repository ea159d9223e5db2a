//! What this computer knows that a board has to be told.

use std::net::IpAddr;

use crate::world::broker::Login;

/// The addresses under which boards in the same network reach this computer, the likeliest first.
/// Sends nothing.
#[must_use]
pub fn addresses() -> Vec<IpAddr> {
    Vec::new()
}

/// The name of the Wi-Fi network that this computer is in, where the system tells within two
/// seconds. Blocks that long: not for the window's own thread.
#[must_use]
pub fn wifi_name() -> Option<String> {
    None
}

/// A user name and a password made up for the embedded broker.
#[must_use]
pub fn make_login() -> Login {
    Login { user: "lab".to_owned(), password: String::new() }
}
