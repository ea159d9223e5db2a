//! Which broker the lights meet on.

use std::net::{IpAddr, Ipv6Addr};

use super::{
    adafruit::{self, AdafruitOptions},
    table::{Member, Reader, Table},
    tls,
};
use crate::{
    model::{BrokerLimits, Login},
    tls::Tls,
};

/// MQTT's port without TLS.
const PORT: u16 = 1883;
/// MQTT's port with TLS.
const TLS_PORT: u16 = 8883;

/// The lab's broker. Its login is known to every student, and so no secret.
const LAB_HOST: &str = "iot-edu-lab.lnu.se";
const LAB_PASSWORD: &str = "arthur";

/// Brokers that older instructions name, and that are no more.
const GONE: [&str; 2] = ["mqtt.eclipse.org", "mqtt.eclipseprojects.io"];

/// Brokers that are open to everybody in the world.
const PUBLIC: [&str; 3] = ["test.mosquitto.org", "broker.hivemq.com", "broker.emqx.io"];

const MEMBERS: &[&str] = &[
    "kind",
    "port",
    "lan",
    "host",
    "user",
    "password",
    "tls",
    "ca_file",
    "cert_file",
    "key_file",
    "insecure",
    "dialect",
    "emulate",
    "quota_per_minute",
    "budget",
    "memory_mb",
    "max_packet_kb",
];

/// The broker that the lights meet on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerChoice {
    /// The one inside this program.
    Embedded {
        /// The port to try first, before the next free ones; 0 leaves the choice to the system.
        port: u16,
        /// Listens on all interfaces, so that boards can join. Only with a login.
        lan: bool,
        /// What a client has to say to be let in; `None` lets everybody on this machine in.
        login: Option<Login>,
        /// How much its clients may use.
        limits: BrokerLimits,
    },
    /// One that runs elsewhere.
    External {
        /// Host name or IP address, without a scheme or a port.
        host: String,
        /// TCP port, never 0.
        port: u16,
        /// How to log in, where that is needed.
        login: Option<Login>,
        /// How to encrypt; `None`: not at all.
        tls: Option<Tls>,
    },
}

impl BrokerChoice {
    /// How what is said to the broker is encrypted; `None`: not at all.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            BrokerChoice::Embedded { .. } => None,
            BrokerChoice::External { tls, .. } => tls.as_ref(),
        }
    }
}

impl Default for BrokerChoice {
    /// The embedded one, for this machine alone.
    fn default() -> BrokerChoice {
        BrokerChoice::Embedded { port: PORT, lan: false, login: None, limits: BrokerLimits::default() }
    }
}

/// Whether a broker is open to everybody in the world.
pub(crate) fn is_public(host: &str) -> bool {
    PUBLIC.contains(&host)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Embedded,
    External,
}

pub(super) fn read(reader: &mut Reader<'_>, top: &Table<'_>) -> (BrokerChoice, AdafruitOptions) {
    let Some(table) = top.member("broker").and_then(|member| reader.table(&member, MEMBERS)) else {
        return (BrokerChoice::default(), AdafruitOptions::default());
    };
    let kinds = [("embedded", Kind::Embedded), ("external", Kind::External)];
    let kind = match table.member("kind") {
        Some(member) => match reader.choice(&member, &kinds) {
            Some(kind) => kind,
            None => return (BrokerChoice::default(), AdafruitOptions::default()),
        },
        None => Kind::Embedded,
    };
    let broker = match kind {
        Kind::Embedded => read_embedded(reader, &table),
        Kind::External => read_external(reader, &table),
    };
    let (BrokerChoice::Embedded { login, .. } | BrokerChoice::External { login, .. }) = &broker;
    let user = login.as_ref().map(|login| login.user.as_str());
    let adafruit_options = adafruit::read(reader, &table, kind == Kind::Embedded, user);
    (broker, adafruit_options)
}

fn read_embedded(reader: &mut Reader<'_>, table: &Table<'_>) -> BrokerChoice {
    if let Some(host) = table.member("host") {
        reader.wrong(
            &host,
            (
                "the embedded broker runs on this machine",
                "remove host, or write kind = \"external\" above it",
            ),
        );
    }
    if let Some(member) = table.member("tls")
        && reader.flag(&member) == Some(true)
    {
        reader.wrong(
            &member,
            (
                "the embedded broker has no TLS",
                "remove tls, or run a Mosquitto with TLS and name it as kind = \"external\"",
            ),
        );
    }
    let port = table.member("port").and_then(|member| reader.number(&member, 0..=u16::MAX)).unwrap_or(PORT);
    let login = read_login(reader, table).map(|(login, _)| login);
    let lan = table.member("lan");
    let on = lan.as_ref().and_then(|member| reader.flag(member)).unwrap_or(false);
    if let Some(member) = lan
        && on
        && table.member("user").is_none()
        && table.member("password").is_none()
    {
        reader.wrong(
            &member,
            (
                "anybody in the network could switch the lights",
                "add user and password to [broker], or write lan = false",
            ),
        );
    }
    BrokerChoice::Embedded { port, lan: on, login, limits: read_limits(reader, table) }
}

fn read_limits(reader: &mut Reader<'_>, table: &Table<'_>) -> BrokerLimits {
    let default = BrokerLimits::default();
    let memory = table.member("memory_mb").and_then(|member| reader.number(&member, 16_u16..=16_384));
    let memory = memory.map_or(default.memory, |mb| usize::from(mb) << 20);
    let largest = memory / BrokerLimits::PACKETS_IN_MEMORY;
    let member = table.member("max_packet_kb");
    let packet = member.as_ref().and_then(|member| reader.number(member, 1_u32..=262_144));
    let packet = packet.map_or(default.packet, |kb| kb as usize * 1024);
    if let Some(member) = member.filter(|_| packet > largest) {
        let needed = (packet * BrokerLimits::PACKETS_IN_MEMORY).div_ceil(1 << 20);
        reader.wrong(
            &member,
            (
                format!(
                    "{} packets of this size have to fit into the broker's memory",
                    BrokerLimits::PACKETS_IN_MEMORY
                ),
                format!("write at most {}, or memory_mb = {needed}", largest / 1024),
            ),
        );
    }
    BrokerLimits { memory, packet }
}

fn read_external(reader: &mut Reader<'_>, table: &Table<'_>) -> BrokerChoice {
    if let Some(lan) = table.member("lan") {
        reader.wrong(&lan, ("only the embedded broker can be opened to the network", "remove lan"));
    }
    for name in ["memory_mb", "max_packet_kb"] {
        if let Some(member) = table.member(name) {
            reader.wrong(&member, ("only the embedded broker is limited here", format!("remove {name}")));
        }
    }
    let host = match table.member("host") {
        Some(member) => read_host(reader, &member).unwrap_or_default(),
        None => {
            reader.missing(table, "host", "add host = \"…\" with the broker's name or address");
            String::new()
        }
    };
    let wants_tls = table.member("tls").is_some_and(|member| reader.flag(&member) == Some(true));
    let port_member = table.member("port");
    let usual = if wants_tls { TLS_PORT } else { PORT };
    let port = port_member.as_ref().and_then(|member| reader.number(member, 1..=u16::MAX)).unwrap_or(usual);
    if let Some(member) = &port_member {
        match (port, wants_tls) {
            (TLS_PORT, false) => reader.warn(member, ("8883 is usually the port for TLS", "add tls = true")),
            (PORT, true) => {
                reader.warn(
                    member,
                    ("1883 is usually the port without TLS", "write port = 8883, or leave it out"),
                );
            }
            _ => {}
        }
    }
    if let Some(member) = table.member("host").filter(|_| is_public(&host)) {
        reader.warn(
            &member,
            (
                "everybody in the world can read what passes this public broker, and send",
                "put no secrets on it, and give the junction a key so that strangers cannot switch its lights",
            ),
        );
    }
    let tls = tls::read(reader, table);
    let login = read_login(reader, table);
    if let Some((login, literal)) = &login
        && !(host == LAB_HOST && login.password == LAB_PASSWORD)
    {
        warn_of_secrets(reader, table, login, *literal);
    }
    BrokerChoice::External { host, port, login: login.map(|(login, _)| login), tls }
}

/// Which parts of a login stand in the file itself.
#[derive(Clone, Copy)]
struct Literal {
    user: bool,
    password: bool,
}

fn read_login(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<(Login, Literal)> {
    match (table.member("user"), table.member("password")) {
        (Some(user), Some(password)) => {
            let name = reader.expanded(&user, false);
            let secret = reader.expanded(&password, false);
            let (name, secret) = (name?, secret?);
            if name.text.is_empty() {
                reader.wrong(&user, ("it is empty", "give a user name, or remove user and password"));
            }
            for (member, text) in [(&user, &name.text), (&password, &secret.text)] {
                if text.len() > usize::from(u16::MAX) {
                    reader.wrong(member, ("MQTT has no room for it", "make it at most 65535 bytes"));
                }
            }
            let literal = Literal { user: name.literal, password: secret.literal };
            Some((Login { user: name.text, password: secret.text }, literal))
        }
        (Some(_), None) => {
            reader.missing(
                table,
                "password",
                "add password = \"${NAME}\" and export NAME=… (or password = \"\" for none)",
            );
            None
        }
        (None, Some(_)) => {
            reader.missing(table, "user", "add user = \"…\", or remove the password");
            None
        }
        (None, None) => None,
    }
}

/// A broker that wants no password takes the user name for the secret, as flespi does its token.
fn warn_of_secrets(reader: &mut Reader<'_>, table: &Table<'_>, login: &Login, literal: Literal) {
    let (name, stands_in_file) =
        if login.password.is_empty() { ("user", literal.user) } else { ("password", literal.password) };
    if let Some(member) = table.member(name).filter(|_| stands_in_file) {
        reader.secret_stands_here(&member, "BROKER_SECRET");
    }
}

fn read_host(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<String> {
    let host = reader.expanded(member, false)?.text;
    // As in a URL.
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'))
        && address.parse::<Ipv6Addr>().is_ok()
    {
        return Some(address.to_owned());
    }
    if let Some((address, port)) = host.strip_prefix('[').and_then(|host| host.split_once("]:"))
        && address.parse::<Ipv6Addr>().is_ok()
    {
        let help = format!("write host = \"{address}\" and port = {port}");
        reader.wrong(member, ("it has the port behind the address", help));
        return None;
    }
    let reason = if host.is_empty() {
        ("it is empty", "give the broker's name or address")
    } else if host.contains("://") {
        ("it is a URL", "give the name alone, without mqtt://")
    } else if host.parse::<IpAddr>().is_ok() {
        return Some(host);
    } else if host.matches(':').count() > 1 {
        (
            "it is no address of IPv6 that can be used",
            "give one without a zone (%…) and a port, as in \"::1\", or a name",
        )
    } else if host.contains(':') {
        ("it contains a colon", "give the port as port = …")
    } else if host.len() > 253 || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        ("it is no host name", "give at most 253 letters, digits, - and .")
    } else {
        if GONE.contains(&host.as_str()) {
            reader.warn(
                member,
                (
                    "this public broker no longer exists",
                    "use test.mosquitto.org, broker.hivemq.com or broker.emqx.io",
                ),
            );
        }
        return Some(host);
    };
    reader.wrong(member, reason);
    None
}
