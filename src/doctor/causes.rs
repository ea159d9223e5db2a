//! The most likely reason why a step failed, and what to do about it.

use std::net::{IpAddr, SocketAddr};

use super::{
    target::{ADAFRUIT, Target},
    wire::Unexpected,
};
use crate::model::Diagnostic;

/// Brokers of the lab that are far away whatever network one is in.
const FAR_AWAY: [&str; 5] =
    ["test.mosquitto.org", "broker.hivemq.com", "broker.emqx.io", "mqtt.flespi.io", "io.adafruit.com"];
/// Port numbers that mean the one or the other as a rule.
const PLAIN_PORT: u16 = 1883;
const TLS_PORT: u16 = 8883;

const PORTAL: &str = "open a web page in a browser on this computer: if a login of the network comes instead, log in \
                      there, or use another network";

pub(super) fn is_known_far_away(host: &str) -> bool {
    FAR_AWAY.contains(&host)
}

// Name.

pub(super) fn name_not_found(host: &str) -> Diagnostic {
    let help = if host.ends_with(".local") {
        "names with .local are known within one network only: check that its computer is on and in this network, and \
         that multicast DNS runs here (Debian: apt install libnss-mdns); or write its address as host"
    } else if host.contains('.') {
        "check how host is written, and that this computer is online (another name in a browser)"
    } else {
        "check how host is written; a name without a dot is known in one network only, so its address may serve better"
    };
    Diagnostic::new(format!("the name {host} has no address"), help)
}

pub(super) fn name_server_silent(host: &str) -> Diagnostic {
    Diagnostic::new(
        format!("no name server gave an address for {host} within 8 s"),
        "check that this computer is online, and that no VPN or login page of the network is in the way",
    )
}

pub(super) fn name_leads_near(host: &str, address: IpAddr) -> Diagnostic {
    Diagnostic::new(
        format!(
            "{host} is on the Internet, but this network gives the address {address}, which is in the local network: \
             a captive portal, or a filter"
        ),
        PORTAL,
    )
}

// TCP.

pub(super) fn loopback_alone(address: SocketAddr) -> Diagnostic {
    let port = address.port();
    Diagnostic::new(
        format!("a broker on this computer listens on 127.0.0.1:{port} only, not at {address}"),
        format!(
            "write host = \"localhost\"; or, if others are to reach it: Mosquitto 2 without a listener takes connections \
             from its own computer alone, so write \"listener {port}\", and \"allow_anonymous true\" or a password_file, \
             into mosquitto.conf"
        ),
    )
}

pub(super) fn nothing_listens(address: SocketAddr, own: bool) -> Diagnostic {
    let port = address.port();
    if own {
        return Diagnostic::new(
            format!("nothing on this computer listens at {address}"),
            "start the broker there (for Mosquitto: mosquitto -c config/mosquitto/mosquitto.conf), or correct host and \
             port",
        );
    }
    Diagnostic::new(
        format!(
            "the computer at {address} is there, and nothing on it takes connections from here on port {port}"
        ),
        format!(
            "check the port, and that the broker runs; Mosquitto 2 without a listener takes connections from its own \
             computer alone: write \"listener {port}\", and \"allow_anonymous true\" or a password_file, into its \
             mosquitto.conf"
        ),
    )
}

pub(super) fn no_answer(address: SocketAddr) -> Diagnostic {
    Diagnostic::new(
        format!("{address} does not answer: a firewall, another network, or a computer that is off"),
        "check that this computer is in the network that the broker is in (a university's broker may need its VPN), and \
         that no firewall drops the port",
    )
}

pub(super) fn no_way(address: SocketAddr) -> Diagnostic {
    Diagnostic::new(
        format!("this computer has no route to {address}"),
        "check that it is online and in the right network",
    )
}

// TLS.

pub(super) fn unchecked(version: &str) -> Diagnostic {
    Diagnostic::new(
        format!("{version}, but the broker's certificate is not checked (insecure = true)"),
        "give the certificate of the broker's authority as ca_file, and remove insecure",
    )
}

pub(super) fn plain_there(target: &Target) -> Diagnostic {
    let port = if target.port == TLS_PORT { "" } else { ", or the broker's port for TLS (8883 as a rule)" };
    Diagnostic::new(
        format!("{} speaks MQTT without TLS, but the configuration asks for TLS", target.address()),
        format!("write tls = false to do without{port}"),
    )
}

pub(super) fn tls_there(target: &Target) -> Diagnostic {
    let port = if target.port == PLAIN_PORT {
        ""
    } else {
        ", or name the broker's port without it (1883 as a rule)"
    };
    Diagnostic::new(
        format!("{} speaks TLS, but the configuration asks for none", target.address()),
        format!("write tls = true into [broker]{port}"),
    )
}

// CONNECT.

pub(super) fn refused(target: &Target, code: u8) -> Diagnostic {
    match code {
        1 => Diagnostic::new(
            "the broker does not speak MQTT 3.1.1",
            "switch that version on there, or use another broker",
        ),
        2 => Diagnostic::new(
            "the broker does not accept the client id",
            "ask whoever runs it which client ids are allowed",
        ),
        3 => Diagnostic::new(
            "the broker says that it is not available just now",
            "try again later (public brokers are overloaded at times)",
        ),
        4 | 5 => not_let_in(target, code),
        6 | 7 => Diagnostic::new(
            format!(
                "the broker refuses with code {code}, which is in no standard; Adafruit IO means by it that the account \
                     is throttled or banned for a while"
            ),
            "wait at least half a minute without using the account, then check user and key",
        ),
        code => Diagnostic::new(
            format!("the broker refuses with code {code}, which is in no standard"),
            "ask whoever runs it",
        ),
    }
}

fn not_let_in(target: &Target, code: u8) -> Diagnostic {
    let Some(login) = &target.login else {
        return Diagnostic::new(
            format!("the broker requires user and password (code {code})"),
            "add user and password to [broker]; or, if it is your own Mosquitto and for this computer alone, write \
             \"allow_anonymous true\" into mosquitto.conf",
        );
    };
    let token_in_password = "flespi wants the token as the user, and an empty password";
    // What acts like Adafruit IO is spoken of like it.
    let host = if target.adafruit { ADAFRUIT } else { target.host.as_str() };
    match host {
        "mqtt.flespi.io" if !login.password.is_empty() => Diagnostic::new(
            format!("{token_in_password}; here something stands in password (code {code})"),
            "write user = \"${FLESPI_TOKEN}\" and password = \"\"",
        ),
        "mqtt.flespi.io" => Diagnostic::new(
            format!("flespi does not take this token (code {code})"),
            "make a new one at flespi.io, and give it alone, without \"FlespiToken\" before it",
        ),
        ADAFRUIT if login.user.starts_with("aio_") || login.password.is_empty() => Diagnostic::new(
            format!("Adafruit IO wants your user name as user and the key (aio_…) as password (code {code})"),
            "write user = \"${AIO_USER}\" and password = \"${AIO_KEY}\"",
        ),
        ADAFRUIT => Diagnostic::new(
            format!("Adafruit IO does not take this user name and key (code {code})"),
            "look both up at io.adafruit.com (the yellow key); a key that was renewed makes the old one useless. After a \
             refusal wait half a minute",
        ),
        _ if code == 4 => Diagnostic::new(
            "user or password is wrong (code 4)",
            "check user and password, upper and lower case too",
        ),
        // Mosquitto says 5 for a wrong password too.
        _ => Diagnostic::new(
            format!(
                "the broker refuses the user {}: user or password is wrong, or the user may not connect (code 5)",
                shown(&login.user)
            ),
            "check user and password, upper and lower case too, then ask whoever runs the broker whether the user may connect",
        ),
    }
}

/// A user name may be a token, and then it is a secret.
fn shown(user: &str) -> &str {
    if user.len() > 24 { "of this token" } else { user }
}

pub(super) fn closed_at_connect(target: &Target, reset: bool) -> Diagnostic {
    let how = if reset { "resets" } else { "closes" };
    let tls =
        if target.tls.is_some() { "a certificate that it wants of its clients (cert_file), " } else { "" };
    let adafruit =
        if target.adafruit { "a ban for flooding (it takes half a minute and longer), " } else { "" };
    Diagnostic::new(
        format!(
            "the broker {how} the connection without an answer: {adafruit}{tls}a limit on connections (Mosquitto: \
             max_connections), or a ban of this computer"
        ),
        "end programs that use the same broker, wait a minute and try again, or look into the broker's log if it is yours",
    )
}

/// Something else came than what MQTT expects there.
pub(super) fn unexpected(target: &Target, what: &Unexpected, awaited: &str) -> Diagnostic {
    let address = target.address();
    match what {
        Unexpected::Silence => Diagnostic::new(
            format!("{address} accepts the connection, but {awaited} does not arrive"),
            "check the port: something other than a broker may listen there, or a firewall may hold back the answers",
        ),
        Unexpected::End { .. } => Diagnostic::new(
            format!("the broker closed the connection before {awaited} arrived"),
            "try again, and if it happens again, look into the broker's log",
        ),
        Unexpected::Refused(code) => refused(target, *code),
        Unexpected::Http(line) => Diagnostic::new(
            format!(
                "a web server answers at {address} (\"{line}\"): a captive portal that answers for everybody, or the \
                 port of a web page"
            ),
            format!("{PORTAL}. Also check the port"),
        ),
        Unexpected::Tls => tls_there(target),
        Unexpected::TlsAlert(failure) => failure.diagnostic(&target.host),
        Unexpected::NotMqtt(start) => Diagnostic::new(
            format!("what answers at {address} is not an MQTT broker: its answer begins with \"{start}\""),
            "check the port (usually 1883, or 8883 with TLS), and whether this network has a login page",
        ),
        Unexpected::Flood { messages } => Diagnostic::new(
            format!(
                "the broker sends without end: {messages} messages came on the lights' topics, and {awaited} was not \
                 among them"
            ),
            "find out who publishes so much there and end it, or choose another root topic",
        ),
        Unexpected::Endless { bytes } => Diagnostic::new(
            format!(
                "the broker announces a message of {bytes} bytes and does not come to its end, so that {awaited} cannot \
                 follow"
            ),
            "find out who published that on the lights' topics and remove it, or choose another root topic or broker",
        ),
        Unexpected::Io(error) => Diagnostic::new(
            format!("the connection failed: {error}"),
            "try again, and if it happens again, check the network",
        ),
    }
}

// Subscribe.

pub(super) fn may_not_read(target: &Target, refused: &[&str]) -> Diagnostic {
    let root = &target.root;
    Diagnostic::new(
        format!("the broker refuses to let this user read {}", refused.join(" and ")),
        format!(
            "choose a root topic that this user may use; or, if the broker is yours, allow it (Mosquitto's acl_file: \
             \"topic readwrite {root}/#\")"
        ),
    )
}

/// The lights work; the program that shows them does not see them.
pub(super) fn may_not_watch(refused: &[String]) -> Diagnostic {
    let topics = refused.join(" and ");
    Diagnostic::new(
        format!(
            "the broker lets the lights hear each other, and refuses the subscription {topics}, by which this program \
             shows them"
        ),
        format!("let this user read {topics} if the broker is yours. Without it the lights work unseen"),
    )
}

pub(super) fn at_subscribe(target: &Target, filters: &[String], what: &Unexpected) -> Diagnostic {
    match what {
        Unexpected::End { .. } => Diagnostic::new(
            format!(
                "the broker closes the connection at the subscription to {}: this user may not read that",
                filters.join(", ")
            ),
            format!("choose another root topic than {}, or ask whoever runs the broker", target.root),
        ),
        what => unexpected(target, what, "the answer to a subscription"),
    }
}

pub(super) fn lower_qos() -> Diagnostic {
    Diagnostic::new(
        "the broker grants QoS 0 instead of QoS 1: a message that is lost on the way is not sent again",
        "raise its highest QoS (Mosquitto: max_qos) to 1 if it is yours. Lights work without, but flash amber more \
         often where messages get lost",
    )
}

// Hear.

pub(super) fn not_heard(target: &Target, topic: &str) -> Diagnostic {
    let root = &target.root;
    let who = match &target.login {
        Some(_) => "this user",
        None => "a client without a user name",
    };
    Diagnostic::new(
        format!(
            "the broker accepts a message to {topic} but does not deliver it to the subscription: {who} may not write \
             there, or not read (many brokers do not report that)"
        ),
        format!(
            "choose a root topic that may be used; or, if the broker is yours, allow it (Mosquitto's acl_file: \"topic \
             readwrite {root}/#\")"
        ),
    )
}

/// Messages of `short` bytes pass.
pub(super) fn too_long(target: &Target, short: usize, long: usize) -> Diagnostic {
    Diagnostic::new(
        format!(
            "the broker delivers a message of {short} bytes and drops one of {long}, which is how long the messages of \
             these lights become: its limit is too low (Mosquitto: message_size_limit)"
        ),
        format!(
            "raise the limit to 512 bytes and more if the broker is yours (a light's message never has more), or use \
             another broker than {}",
            target.host
        ),
    )
}

/// `topic` is beside the topics of the lights; `light` begins those of a light that runs.
pub(super) fn only_own_topics(topic: &str, light: &str) -> Diagnostic {
    Diagnostic::new(
        format!(
            "this user may not use {topic}, and perhaps only the lights' own topics; {light} runs, so they were not tried"
        ),
        "stop the lights and start this again, or trust that they work",
    )
}

pub(super) fn not_acknowledged() -> Diagnostic {
    Diagnostic::new(
        "the broker delivers a message of QoS 1 but never acknowledges it",
        "use another broker (lights give up a session whose messages are not acknowledged)",
    )
}

pub(super) fn silent_at_publish() -> Diagnostic {
    Diagnostic::new(
        "the broker sends nothing more after a message was published",
        "try again, and if it happens again, look for something between here and the broker that drops messages",
    )
}

pub(super) fn closed_at_publish(target: &Target) -> Diagnostic {
    if target.adafruit {
        return quota("the connection was closed");
    }
    Diagnostic::new(
        "the broker closes the connection at a message of QoS 1: it accepts only QoS 0 (Mosquitto: max_qos 0), or this \
         user may not write there",
        format!(
            "set max_qos to 1 or 2 if the broker is yours, or choose another root topic than {}, or another broker",
            target.root
        ),
    )
}

pub(super) fn quota(said: &str) -> Diagnostic {
    Diagnostic::new(
        format!("the account's quota is used up: {said}"),
        "wait a minute, end other programs that use the account, and give the lights the timings of config/adafruit.toml",
    )
}

// Sessions.

/// How a session was refused or ended.
fn how(what: &Unexpected) -> String {
    match what {
        Unexpected::Refused(code) => format!("refuses the next with code {code}"),
        Unexpected::End { .. } => "closes the connection of the next".to_owned(),
        Unexpected::Silence => "does not answer the next".to_owned(),
        Unexpected::Io(error) => format!("does not take the connection of the next ({error})"),
        what => format!("answers the next with something else ({what:?})"),
    }
}

pub(super) fn no_more_sessions(
    target: &Target,
    there: usize,
    needed: usize,
    what: &Unexpected,
) -> Diagnostic {
    if there == 1 {
        return Diagnostic::new(
            format!(
                "the broker lets one session of {} in and {}: these lights need {needed} at once",
                whose(target),
                how(what)
            ),
            SEVERAL_SESSIONS,
        );
    }
    Diagnostic::new(
        format!("the broker lets {there} sessions in and {}: these lights need {needed} at once", how(what)),
        "raise its limit on connections if it is yours (Mosquitto: max_connections), end other programs that use it, or \
         run fewer lights",
    )
}

const SEVERAL_SESSIONS: &str = "let the broker allow several sessions of one login if it is yours (and several connections: \
                                Mosquitto's max_connections), or use another broker: each light has a session of its own";

fn whose(target: &Target) -> &'static str {
    if target.login.is_some() { "this login" } else { "this computer" }
}

pub(super) fn one_session_a_login(target: &Target, needed: usize) -> Diagnostic {
    Diagnostic::new(
        format!(
            "the broker ends the session of {} as soon as a second one begins under another client id: it allows one, \
             and these lights need {needed} at once",
            whose(target)
        ),
        SEVERAL_SESSIONS,
    )
}

pub(super) fn session_taken_away(
    target: &Target,
    number: usize,
    total: usize,
    what: &Unexpected,
) -> Diagnostic {
    let end = match what {
        Unexpected::End { .. } => "was ended",
        _ => "no longer answers",
    };
    Diagnostic::new(
        format!(
            "of {total} sessions of {}, which these lights need at once, number {number} {end} when the others were there",
            whose(target)
        ),
        SEVERAL_SESSIONS,
    )
}

pub(super) fn slow_sessions(limit: std::time::Duration, total: usize) -> Diagnostic {
    Diagnostic::new(
        format!(
            "the broker does not let {total} sessions in within {} s, and these lights need them",
            limit.as_secs()
        ),
        "run fewer lights, or use a broker that is nearer or quicker",
    )
}

// Retained and will.

pub(super) fn not_retained(target: &Target) -> Diagnostic {
    Diagnostic::new(
        format!(
            "{} does not keep retained messages: a client that connects later sees nothing until a light publishes again",
            target.host
        ),
        "enable retained messages if the broker is yours (Mosquitto: retain_available true). Lights agree without \
         them, and only what the window shows at first is missing",
    )
}

pub(super) fn retained_unmarked() -> Diagnostic {
    Diagnostic::new(
        "the broker delivers a retained message without the retain flag",
        "use another broker (a light would take an old message for a fresh one)",
    )
}

pub(super) fn closed_at_retained() -> Diagnostic {
    Diagnostic::new(
        "the broker closes the connection at a retained message: it does not allow them",
        "enable them if the broker is yours (Mosquitto: retain_available true), or use another one (all states of \
         lights are published retained)",
    )
}

pub(super) fn not_removed(topic: &str) -> Diagnostic {
    Diagnostic::new(
        format!(
            "the broker works, but the connection ended before the doctor could remove its message from {topic}"
        ),
        format!("remove it, if it disturbs: mosquitto_pub -t {topic} -r -n"),
    )
}

pub(super) fn no_will_taken() -> Diagnostic {
    Diagnostic::new(
        "the broker closes the connection of a client with a last will of QoS 1, retained",
        "allow them if the broker is yours (Mosquitto: max_qos 1, retain_available true; room for one connection more in \
         max_connections), or use another one: each light has such a will",
    )
}

pub(super) fn no_will_heard(topic: &str) -> Diagnostic {
    Diagnostic::new(
        format!("a client vanished, but its last will on {topic} did not arrive within 5 s"),
        "see that the broker allows writing there and does not delay wills, if it is yours. Lights agree without \
         it, but a light that has gone is shown as online for a while",
    )
}

#[cfg(test)]
mod tests;
