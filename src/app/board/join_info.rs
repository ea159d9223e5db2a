//! What a person needs to bring a board, a phone or another program to the broker here: the address, as
//! text and as a QR code, and what may stand in the way.

use std::{fmt::Write, net::Ipv4Addr};

use qrcodegen::{QrCode, QrCodeEcc};

/// Characters that a user name or a password may have in a URL as they are (RFC 3986, section 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// `mqtt://user@address:port`; with the password behind the user where it is given.
#[must_use]
pub(in crate::app) fn address(user: &str, password: Option<&str>, ip: Ipv4Addr, port: u16) -> String {
    let mut text = "mqtt://".to_owned();
    escape(&mut text, user);
    if let Some(password) = password {
        text.push(':');
        escape(&mut text, password);
    }
    if !user.is_empty() {
        text.push('@');
    }
    // Writing to a string cannot fail.
    let _ = write!(text, "{ip}:{port}");
    text
}

fn escape(text: &mut String, part: &str) {
    for byte in part.bytes() {
        if is_unreserved(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

/// A QR code (ISO/IEC 18004), made once for each text. `Debug` does not show the text, which may hold a
/// password.
pub struct Code {
    text: String,
    /// Modules on a side.
    pub(in crate::app) side: usize,
    /// Row by row: whether a module is dark.
    dark: Vec<bool>,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code").field("side", &self.side).finish_non_exhaustive()
    }
}

impl Code {
    /// The code of `text`; `None` where it is too long for any, which is more than 2,000 letters.
    #[must_use]
    pub(crate) fn of(text: &str) -> Option<Code> {
        // Medium: bears a reflection on the screen.
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let modules = code.size();
        let dark = (0..modules).flat_map(|y| (0..modules).map(move |x| (x, y)));
        let dark = dark.map(|(x, y)| code.get_module(x, y)).collect();
        Some(Code { text: text.to_owned(), side: usize::try_from(modules).ok()?, dark })
    }

    /// Whether it is the code of `text`.
    #[must_use]
    pub fn is_of(&self, text: &str) -> bool {
        self.text == text
    }

    /// The runs of dark modules: row, first module, how many.
    pub(in crate::app) fn runs(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        self.dark.chunks(self.side.max(1)).enumerate().flat_map(|(y, row)| {
            let mut at = 0;
            row.chunk_by(|one, next| one == next).filter_map(move |run| {
                let from = at;
                at += run.len();
                run.first().filter(|dark| **dark).map(|_| (y, from, run.len()))
            })
        })
    }
}

/// What lets the port through a firewall: where, and the command or the way to it. The one of the system
/// that this program runs on comes first.
#[must_use]
pub(in crate::app) fn firewalls(port: u16) -> [(&'static str, String); 4] {
    let mut all = [
        ("Linux, ufw", format!("sudo ufw allow {port}/tcp")),
        ("Linux, firewalld", format!("sudo firewall-cmd --add-port={port}/tcp")),
        (
            "Windows, as administrator",
            format!(
                "netsh advfirewall firewall add rule name=\"Twinlight {port}\" dir=in action=allow protocol=TCP \
                 localport={port}"
            ),
        ),
        (
            "macOS",
            "sudo /usr/libexec/ApplicationFirewall/socketfilterfw --add \"$(which twinlight)\"".to_owned(),
        ),
    ];
    let first = if cfg!(windows) {
        2
    } else if cfg!(target_os = "macos") {
        3
    } else {
        0
    };
    all.rotate_left(first);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 7);

    #[test]
    fn the_address_has_the_password_only_where_it_is_given_and_nothing_that_breaks_a_url() {
        assert_eq!(address("lab", None, IP, 1883), "mqtt://lab@192.168.1.7:1883");
        assert_eq!(address("", None, IP, 1884), "mqtt://192.168.1.7:1884");
        assert_eq!(address("a/b", Some("p@ss:ö"), IP, 1883), "mqtt://a%2Fb:p%40ss%3A%C3%B6@192.168.1.7:1883");
    }

    #[test]
    fn a_code_has_its_three_eyes_and_no_module_of_one_that_is_light() {
        let text = address("lab", Some("twelveletter"), IP, 1883);
        let code = Code::of(&text).unwrap();
        assert!(code.is_of(&text) && !code.is_of("mqtt://else"));
        // ISO/IEC 18004, section 6.3.3: an eye is a dark square of seven modules.
        let eye_tops: Vec<_> = code.runs().filter(|(y, _, long)| *y == 0 && *long == 7).collect();
        assert_eq!(eye_tops, [(0, 0, 7), (0, code.side - 7, 7)]);
        assert!(code.runs().any(|run| run == (code.side - 1, 0, 7)));
        let dark: usize = code.runs().map(|(_, _, long)| long).sum();
        assert_eq!(dark, code.dark.iter().filter(|dark| **dark).count());
        assert!(!format!("{code:?}").contains("twelveletter"), "the password was shown");
        assert!(Code::of(&"x".repeat(10_000)).is_none());
    }

    #[test]
    fn each_firewall_is_told_of_the_port() {
        let all = firewalls(1_899);
        assert!(all.iter().filter(|(_, line)| line.contains("1899")).count() >= 3, "{all:?}");
    }
}
