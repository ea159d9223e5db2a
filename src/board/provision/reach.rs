//! What a broker's address means on a board. A name or an address that means this computer here means the
//! board itself there.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::model::Diagnostic;

/// Names that every computer has for itself.
const OWN_NAMES: [&str; 4] = ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"];

/// Why no board finds a broker at `host`, and what to write instead; `None` where one may. `here` are the
/// addresses of this computer in the networks of boards.
pub(crate) fn problem(host: &str, here: &[Ipv4Addr]) -> Option<Diagnostic> {
    meaning(host).map(|means| Diagnostic::new(format!("{host} {means}"), help(here)))
}

/// What `host` means instead; continues a sentence that begins with it.
fn meaning(host: &str) -> Option<&'static str> {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let itself = "means the board itself on a board";
    if OWN_NAMES.contains(&name.as_str()) || name.ends_with(".localhost") {
        return Some(itself);
    }
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Some("is an IPv6 address, and boards know IPv4 alone");
    }
    if name.contains([':', '/', ' ', '@']) {
        return Some("is neither a name nor an IPv4 address alone");
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.is_empty() || !last.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let Ok(address) = name.parse::<Ipv4Addr>() else { return Some("is no IPv4 address") };
    match address.octets()[0] {
        127 => Some(itself),
        0 => Some("is the address of no computer"),
        _ if address.is_broadcast() => Some("means all computers, and a broker is one"),
        224..=239 => Some("means a group of computers, and a broker is one"),
        240..=255 => Some("is an address that no computer has"),
        _ => None,
    }
}

fn help(here: &[Ipv4Addr]) -> String {
    let here: Vec<_> = here.iter().take(3).map(Ipv4Addr::to_string).collect();
    if here.is_empty() {
        return "write the broker's address in the board's network, in [broker] host = \"…\" where it is a file"
            .to_owned();
    }
    format!(
        "write the broker's address in the board's network, in [broker] host = \"…\" where it is a file: this \
         computer's is {}, and a broker here has to listen there too",
        here.join(" or ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_else_on_a_board_is_refused_and_the_rest_is_not() {
        for (host, what) in [
            ("localhost", "board itself"),
            ("LocalHost.", "board itself"),
            ("broker.localhost", "board itself"),
            ("127.0.0.1", "board itself"),
            ("127.9.9.9", "board itself"),
            ("0.0.0.0", "no computer"),
            ("255.255.255.255", "all computers"),
            ("239.1.2.3", "a group of computers"),
            ("250.1.2.3", "no computer has"),
            ("::1", "IPv6"),
            ("[fe80::1]", "IPv6"),
            ("192.168.1", "no IPv4 address"),
            ("192.168.1.256", "no IPv4 address"),
            ("192.168.1.2:1883", "neither a name nor"),
            ("mqtt://broker.lab", "neither a name nor"),
        ] {
            let found = problem(host, &[]).unwrap_or_else(|| panic!("{host} is taken"));
            assert!(found.message.starts_with(host) && found.message.contains(what), "{found:?}");
        }
        for host in ["192.168.1.2", "10.0.0.1", "broker.lab", "localhost.lab", "lab-7", "3com.com", "a", ""] {
            assert_eq!(problem(host, &[]), None, "{host}");
        }
    }

    #[test]
    fn this_computers_addresses_are_told() {
        let here = [Ipv4Addr::new(192, 168, 1, 7), Ipv4Addr::new(10, 42, 0, 1)];
        let help = problem("localhost", &here).unwrap().help.unwrap();
        assert!(help.contains("this computer's is 192.168.1.7 or 10.42.0.1"), "{help}");
    }
}
