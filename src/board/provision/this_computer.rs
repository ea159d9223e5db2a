//! What this computer knows that a board has to be told.

use std::{
    io::Read,
    net::{Ipv4Addr, UdpSocket},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rand::{RngExt, distr::Alphanumeric};

use crate::model::Login;

/// For how long the system may take to tell of its Wi-Fi, in all.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most that it may say.
const MOST_BYTES: u64 = 65_536;

/// Addresses that the ways to boards are asked for: somewhere beyond the router (RFC 5737), the
/// private networks (RFC 1918), and what computers call their own hotspots on Linux, Windows, macOS.
const ASKED_FOR: [Ipv4Addr; 7] = [
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(192, 168, 0, 1),
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(172, 16, 0, 1),
    Ipv4Addr::new(10, 42, 0, 2),
    Ipv4Addr::new(192, 168, 137, 2),
    Ipv4Addr::new(192, 168, 2, 2),
];

/// The addresses under which boards in the same network reach this computer, the likeliest first.
/// Sends nothing. IPv4, as boards know nothing else.
#[must_use]
pub(crate) fn addresses() -> Vec<Ipv4Addr> {
    let mut addresses = Vec::new();
    for way in ASKED_FOR {
        if let Some(address) = address_towards(way)
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

/// Connecting a UDP socket chooses a route and sends nothing.
fn address_towards(there: Ipv4Addr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((there, 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        std::net::IpAddr::V4(address) if !address.is_loopback() && !address.is_unspecified() => Some(address),
        _ => None,
    }
}

/// The name of the Wi-Fi network that this computer is in, where the system tells within two
/// seconds. Blocks that long: not for the window's own thread.
#[must_use]
pub(crate) fn wifi_name() -> Option<String> {
    let deadline = Instant::now() + PATIENCE;
    if cfg!(windows) {
        return said("netsh", &["wlan", "show", "interfaces"], deadline).and_then(|text| from_netsh(&text));
    }
    if cfg!(target_os = "macos") {
        return said("networksetup", &["-getairportnetwork", "en0"], deadline)
            .and_then(|text| Some(text.trim().split_once(": ")?.1.to_owned()));
    }
    let name = said("iwgetid", &["-r"], deadline).map(|text| text.trim_end_matches('\n').to_owned());
    name.filter(|name| !name.is_empty()).or_else(|| {
        let asked = ["-t", "-f", "active,ssid", "device", "wifi", "list", "--rescan", "no"];
        said("nmcli", &asked, deadline).and_then(|text| from_nmcli(&text))
    })
}

/// What a program says before `deadline`, if it ends well.
fn said(program: &str, arguments: &[&str], deadline: Instant) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    // It would open a console of its own beside a window that has none: CREATE_NO_WINDOW.
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut command, 0x0800_0000);
    let mut child = command.spawn().ok()?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => sleep(Duration::from_millis(10)),
            Ok(None) | Err(_) => {
                // It is of no use any more, and to be gone is all that is asked of it.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let mut text = Vec::new();
    child.stdout.take()?.take(MOST_BYTES).read_to_end(&mut text).ok()?;
    status.success().then(|| String::from_utf8_lossy(&text).into_owned())
}

/// One network a line, `yes:NAME` for the one in use; a colon in a name stands behind a backslash.
fn from_nmcli(text: &str) -> Option<String> {
    let name = text.lines().find_map(|line| line.strip_prefix("yes:"))?;
    Some(name.replace("\\:", ":").replace("\\\\", "\\")).filter(|name| !name.is_empty())
}

/// `    SSID                   : NAME`; `BSSID` is another line.
fn from_netsh(text: &str) -> Option<String> {
    let named = |line: &str| Some(line.trim().strip_prefix("SSID")?.split_once(':')?.1.trim().to_owned());
    text.lines().find_map(named).filter(|name| !name.is_empty())
}

/// A user name and a password made up for the embedded broker.
#[must_use]
pub(crate) fn make_login() -> Login {
    let password = rand::rng().sample_iter(Alphanumeric).take(12).map(char::from).collect();
    Login { user: "lab".to_owned(), password }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_one_that_boards_cannot_reach() {
        for address in addresses() {
            assert!(!address.is_loopback() && !address.is_unspecified(), "{address}");
        }
    }

    #[test]
    fn the_network_in_use_is_found_among_the_others() {
        assert_eq!(from_nmcli("no:guest\nyes:lab\\: upstairs\n").as_deref(), Some("lab: upstairs"));
        assert_eq!(from_nmcli("no:guest\n"), None);
        let netsh = "    BSSID  : aa:bb\r\n    SSID                   : IoT lab\r\n";
        assert_eq!(from_netsh(netsh).as_deref(), Some("IoT lab"));
    }

    #[test]
    fn a_program_that_hangs_or_is_not_there_is_not_waited_for() {
        let started = Instant::now();
        assert_eq!(said("sleep", &["60"], started + Duration::from_millis(50)), None);
        assert_eq!(said("no-such-program-here", &[], started), None);
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_made_up_password_is_another_each_time() {
        assert_ne!(make_login().password, make_login().password);
        assert_eq!(make_login().password.len(), 12);
    }
}
