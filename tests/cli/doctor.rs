//! The broker doctor, by the real binary: each common mistake with a real Mosquitto is named, and a
//! broker that is well is left as it was.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use test_support::certificates::{Authority, FAR_AWAY, Issued, LONG_AGO, NOW, OpenSsl, Years};
use test_support::{Mosquitto, Workspace, fill, free_port, guarded};
use traffic_light::mqtt::codec::{self, Packet};
use twinlight::{
    doctor::{Load, Progress, Step, Target, Verdict, examine},
    model::{BrokerLimits, Login},
    world::{
        account_limiter::AccountLimiter,
        broker::{Broker, BrokerConfig, OwnClients},
    },
};

const STEPS: [&str; 9] =
    ["name", "tcp", "tls", "connect", "subscribe", "hear", "sessions", "retained", "will"];

/// What the doctor said.
struct Report {
    lines: Vec<Value>,
    status: i32,
}

impl Report {
    fn of(lab: &Workspace, broker: &str) -> Report {
        let text = format!(
            "[broker]\nkind = \"external\"\n{broker}\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n"
        );
        let file = lab.config(&text);
        let output = lab.output(&["doctor", "--json", "--config", file.to_str().unwrap()]);
        let said = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<_> = lines.iter().filter_map(|line| line["step"].as_str()).collect();
        assert_eq!(told, STEPS, "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(lines.len(), STEPS.len() + 1);
        Report { lines, status: output.status.code().unwrap() }
    }

    fn verdict(&self, step: &str) -> &str {
        self.line(step)["verdict"].as_str().unwrap()
    }

    fn line(&self, step: &str) -> &Value {
        self.lines.iter().find(|line| line["step"] == step).unwrap()
    }

    fn assert_well(&self) {
        assert_eq!(self.status, 0, "{:#?}", self.lines);
        for step in STEPS {
            assert!(["well", "skipped"].contains(&self.verdict(step)), "{:#?}", self.line(step));
        }
        assert_eq!(self.lines.last().unwrap()["well"], true);
    }

    /// This step failed, for this reason, and the ones before it did not.
    fn assert_fails(&self, step: &str, cause: &str, remedy: &str) {
        assert_eq!(self.status, 1, "{:#?}", self.lines);
        let first = STEPS.iter().find(|step| self.verdict(step) == "failed");
        assert_eq!(first, Some(&step), "{:#?}", self.lines);
        self.assert_says(step, cause, remedy);
        let last = self.lines.last().unwrap();
        assert_eq!((&last["kind"], &last["well"]), (&"examination".into(), &false.into()));
        assert!(last["failed"].as_array().unwrap().contains(&step.into()));
    }

    fn assert_says(&self, step: &str, cause: &str, remedy: &str) {
        let line = self.line(step);
        assert!(line["cause"].as_str().unwrap_or_default().contains(cause), "{line:#}");
        assert!(line["remedy"].as_str().unwrap_or_default().contains(remedy), "{line:#}");
    }
}

fn at(port: u16) -> String {
    format!("host = \"127.0.0.1\"\nport = {port}\n")
}

#[test]
fn a_mosquitto_that_is_well_is_found_well_and_left_as_it_was() {
    let broker = Mosquitto::start("allow_anonymous true", &[]);
    Report::of(&Workspace::new(), &at(broker.port)).assert_well();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = rumqttc::MqttOptions::new("after", "127.0.0.1", broker.port);
    runtime.block_on(async {
        let (client, mut events) = rumqttc::AsyncClient::new(options, 10);
        client.subscribe("twinlight/#", rumqttc::QoS::AtMostOnce).await.unwrap();
        let looking = async {
            loop {
                if let rumqttc::Event::Incoming(rumqttc::Packet::Publish(left)) = events.poll().await.unwrap()
                {
                    panic!("the doctor left {left:?}");
                }
            }
        };
        let looked = tokio::time::timeout(Duration::from_secs(1), looking).await;
        assert!(looked.is_err());
    });
}

#[test]
fn the_embedded_broker_is_started_for_the_examination() {
    let lab = Workspace::new();
    let file = lab.config("[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\n");
    let output = lab.output(&["doctor", "--config", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("(the one in this program, started for this)"), "{said}");
    assert!(said.ends_with("lights can work with this broker\n"), "{said}");
    let wrong = lab.output(&["doctor", "--config", "none.toml"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_name_that_nobody_knows_is_told_from_a_port_where_nobody_listens() {
    let lab = Workspace::new();
    let unknown = Report::of(&lab, "host = \"no-such-broker.invalid\"");
    unknown.assert_fails(
        "name",
        "the name no-such-broker.invalid has no address",
        "check how host is written",
    );
    assert_eq!(unknown.verdict("tcp"), "skipped");
    let refused = Report::of(&lab, &at(free_port()));
    refused.assert_fails("tcp", "nothing on this computer listens at 127.0.0.1:", "start the broker");
}

#[test]
fn a_mosquitto_on_loopback_alone_is_recognised_from_another_address() {
    // As Mosquitto 2 does without any listener. All of 127.0.0.0/8 is this computer.
    let broker = Mosquitto::start("allow_anonymous true", &[]);
    let report = Report::of(&Workspace::new(), &format!("host = \"127.0.0.2\"\nport = {}", broker.port));
    report.assert_fails(
        "tcp",
        "listens on 127.0.0.1:",
        "Mosquitto 2 without a listener takes connections from",
    );
}

#[test]
fn logins_that_are_missing_or_wrong_are_named() {
    let (broker, lab) = (guarded("king", "arthur"), Workspace::new());
    let login = |user: &str, password: &str| {
        format!("{}user = \"{user}\"\npassword = \"{password}\"\n", at(broker.port))
    };
    Report::of(&lab, &login("king", "arthur")).assert_well();
    Report::of(&lab, &at(broker.port)).assert_fails(
        "connect",
        "requires user and password",
        "allow_anonymous true",
    );
    Report::of(&lab, &login("king", "Arthur")).assert_fails(
        "connect",
        "refuses the user king: user or password is wrong",
        "check user and password",
    );
}

/// A Mosquitto with TLS, whose certificate has these names and times; and the authority's own.
fn encrypted(lab: &Workspace, names: &[&str], years: Years, lines: &str) -> (Mosquitto, Authority) {
    let authority = Authority::new("Workspace authority");
    let server = authority.server(names, years);
    showing(lab, authority, &server, lines)
}

/// A Mosquitto with TLS that shows this certificate.
fn showing(lab: &Workspace, authority: Authority, server: &Issued, lines: &str) -> (Mosquitto, Authority) {
    let Issued { certificate, key } = server;
    let files =
        [("ca.pem", &*authority.pem), ("server.pem", certificate.as_str()), ("server.key", key.as_str())];
    let tls = "cafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\nallow_anonymous true";
    let broker = Mosquitto::start(&format!("{tls}\n{lines}"), &files);
    fs::write(lab.folder.path().join("ca.pem"), &authority.pem).unwrap();
    (broker, authority)
}

const OWN_CA: &str = "tls = true\nca_file = \"ca.pem\"\n";

#[test]
fn tls_that_is_well_is_found_well() {
    let lab = Workspace::new();
    let (broker, _) = encrypted(&lab, &["localhost", "127.0.0.1"], NOW, "");
    let report = Report::of(&lab, &format!("{}{OWN_CA}", at(broker.port)));
    report.assert_well();
    assert!(report.line("tls")["text"].as_str().unwrap().starts_with("TLS 1.3"));
    let named = Report::of(&lab, &format!("host = \"localhost\"\nport = {}\n{OWN_CA}", broker.port));
    named.assert_well();
    assert_eq!(named.verdict("name"), "well");
    let unchecked = Report::of(&lab, &format!("{}tls = true\ninsecure = true\n", at(broker.port)));
    assert_eq!((unchecked.status, unchecked.verdict("tls")), (0, "doubtful"));
    unchecked.assert_says("tls", "the broker's certificate is not checked", "ca_file");
}

#[test]
fn certificates_that_are_not_good_are_named() {
    for (names, years, cause, remedy) in [
        (["127.0.0.1"], LONG_AGO, "the certificate of 127.0.0.1 expired", "renewed"),
        (["127.0.0.1"], FAR_AWAY, "is not valid yet", "set this computer's clock"),
        (["broker.lab"], NOW, "is for broker.lab", "write one of its names as host"),
    ] {
        let lab = Workspace::new();
        let (broker, _) = encrypted(&lab, &names, years, "");
        Report::of(&lab, &format!("{}{OWN_CA}", at(broker.port))).assert_fails("tls", cause, remedy);
    }
    let lab = Workspace::new();
    let (broker, _) = encrypted(&lab, &["127.0.0.1"], NOW, "");
    fs::write(lab.folder.path().join("ca.pem"), Authority::new("Somebody else").pem).unwrap();
    Report::of(&lab, &format!("{}{OWN_CA}", at(broker.port))).assert_fails(
        "tls",
        "is not trusted here",
        "ca_file",
    );
    // The usual slip of those who make one certificate and use it for both.
    let lab = Workspace::new();
    let authority = Authority::new("127.0.0.1");
    let itself = authority.itself();
    let (broker, _) = showing(&lab, authority, &itself, "");
    Report::of(&lab, &format!("{}{OWN_CA}", at(broker.port))).assert_fails(
        "tls",
        "shows an authority's certificate instead of one that was issued to it",
        "issue a certificate to the broker",
    );
}

#[test]
fn keys_signatures_and_names_that_are_not_taken_are_named_with_what_is() {
    const RSA: &[&str] = &["rsa:2048"];
    const WEAK: &[&str] = &["rsa:1024"];
    const P_521: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
    const BY_ADDRESS: &str = "subjectAltName=IP:127.0.0.1\n";
    for (keys, digest, extensions, cause, remedy) in [
        (
            [WEAK, RSA],
            "-sha256",
            BY_ADDRESS,
            "has an RSA key of 1024 bits, which is not taken",
            "2048 bits or more",
        ),
        ([RSA, RSA], "-sha1", BY_ADDRESS, "is signed with RSA and SHA-1, which is not taken", "-sha256"),
        ([P_521, RSA], "-sha256", BY_ADDRESS, "an ECDSA key on the curve P-521", "P-256 or P-384"),
        (
            [RSA, WEAK],
            "-sha256",
            BY_ADDRESS,
            "of the authority above that of 127.0.0.1 has an RSA key of 1024 bits",
            "2048 bits or more",
        ),
        (
            [RSA, P_521],
            "-sha256",
            BY_ADDRESS,
            "of the authority above that of 127.0.0.1 has an ECDSA key on the curve P-521",
            "P-256 or P-384",
        ),
        (
            [RSA, RSA],
            "-sha256",
            "subjectAltName=DNS:127.0.0.1\n",
            "has that address as a name (DNS:127.0.0.1)",
            "IP:127.0.0.1 in its subjectAltName, not DNS:127.0.0.1",
        ),
        (
            [RSA, RSA],
            "-sha256",
            "basicConstraints=CA:FALSE\n",
            "it has no subjectAltName: 127.0.0.1 stands as its CN alone",
            "subjectAltName = IP:127.0.0.1",
        ),
        ([RSA, RSA], "-sha256", "", "is of an old kind", "version 3, with subjectAltName = IP:127.0.0.1"),
    ] {
        let lab = Workspace::new();
        let (authority, Issued { certificate, key }) = OpenSsl { keys, digest, extensions }.make("127.0.0.1");
        fs::write(lab.folder.path().join("ca.pem"), &authority).unwrap();
        let files = [("server.pem", certificate.as_str()), ("server.key", key.as_str())];
        // What openssl itself would not use any more.
        let lines = "certfile {folder}/server.pem\nkeyfile {folder}/server.key\nallow_anonymous true\n\
                     ciphers DEFAULT@SECLEVEL=0";
        let broker = Mosquitto::start(lines, &files);
        Report::of(&lab, &format!("{}{OWN_CA}", at(broker.port))).assert_fails("tls", cause, remedy);
    }
}

#[test]
fn an_authority_whose_file_was_saved_by_an_editor_of_windows_is_taken() {
    let lab = Workspace::new();
    let (broker, authority) = encrypted(&lab, &["127.0.0.1"], NOW, "");
    let marked = ["\u{feff}", &authority.pem].concat();
    let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = authority.pem.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [marked.into_bytes(), little, big] {
        fs::write(lab.folder.path().join("ca.pem"), bytes).unwrap();
        Report::of(&lab, &format!("{}{OWN_CA}", at(broker.port))).assert_well();
    }
}

#[test]
fn a_broker_at_an_address_of_ipv6_is_reached_with_brackets_and_without() {
    let broker = Mosquitto::with("listener {port} 127.0.0.1\nlistener {port} ::1\nallow_anonymous true", &[]);
    for host in ["::1", "[::1]"] {
        let report = Report::of(&Workspace::new(), &format!("host = \"{host}\"\nport = {}\n", broker.port));
        report.assert_well();
        let text = report.line("tcp")["text"].as_str().unwrap();
        assert!(text.starts_with("[::1]:"), "{text}");
    }
}

#[test]
fn a_client_certificate_that_is_wanted_or_not_taken_is_named() {
    let lab = Workspace::new();
    let (broker, authority) = encrypted(&lab, &["127.0.0.1"], NOW, "require_certificate true");
    let report = Report::of(&lab, &format!("{}{OWN_CA}", at(broker.port)));
    report.assert_fails("connect", "requires a client certificate", "cert_file and key_file");
    let shown = |issued: Issued| {
        fs::write(lab.folder.path().join("me.pem"), issued.certificate).unwrap();
        fs::write(lab.folder.path().join("me.key"), issued.key).unwrap();
        let files = "cert_file = \"me.pem\"\nkey_file = \"me.key\"\n";
        Report::of(&lab, &format!("{}{OWN_CA}{files}", at(broker.port)))
    };
    shown(authority.client("student", NOW)).assert_well();
    shown(authority.client("student", LONG_AGO)).assert_fails("connect", "it has expired", "valid now");
}

#[test]
fn tls_and_plain_mqtt_on_each_others_port_are_told_apart() {
    let lab = Workspace::new();
    let plain = Mosquitto::start("allow_anonymous true", &[]);
    Report::of(&lab, &format!("{}tls = true\ninsecure = true\n", at(plain.port))).assert_fails(
        "tls",
        "speaks MQTT without TLS",
        "tls = false",
    );
    let (broker, _) = encrypted(&lab, &["127.0.0.1"], NOW, "");
    Report::of(&lab, &at(broker.port)).assert_fails("connect", "speaks TLS", "tls = true");
}

#[test]
fn rights_that_are_missing_are_named() {
    let lab = Workspace::new();
    let acl = "allow_anonymous true\nacl_file {folder}/acl";
    for rights in [
        "topic readwrite twinlight/#\n",
        // For the junction alone, which is all that its lights need.
        "topic readwrite twinlight/demo/#\n",
    ] {
        let allowed = Mosquitto::start(acl, &[("acl", rights)]);
        Report::of(&lab, &at(allowed.port)).assert_well();
    }
    for rights in ["topic readwrite other/#\n", "topic read twinlight/#\n", "topic write twinlight/#\n"] {
        let broker = Mosquitto::start(acl, &[("acl", rights)]);
        Report::of(&lab, &at(broker.port)).assert_fails(
            "hear",
            "may not write there, or not read",
            "topic readwrite twinlight/#",
        );
    }
}

#[test]
fn rights_for_the_lights_own_topics_alone_are_enough_and_their_words_are_left_as_they_were() {
    let lab = Workspace::new();
    let acl = "allow_anonymous true\nacl_file {folder}/acl";
    let own = "topic readwrite twinlight/demo/a/#\ntopic readwrite twinlight/demo/b/#\n";
    let broker = Mosquitto::start(acl, &[("acl", own)]);
    publish_kept(broker.port, "twinlight/demo/a/status", "{\"v\":1,\"online\":false,\"fw\":\"0.0.7\"}");
    let report = Report::of(&lab, &at(broker.port));
    report.assert_well();
    let text = report.line("hear")["text"].as_str().unwrap();
    assert!(text.ends_with("on the lights' own topics alone"), "{text}");
    let kept = kept_below(broker.port, "twinlight/#");
    let left =
        ("twinlight/demo/a/status".to_owned(), "{\"v\":1,\"online\":false,\"fw\":\"0.0.7\"}".to_owned());
    assert_eq!(kept, [left]);
}

#[test]
fn messages_that_are_too_long_for_the_broker_are_named_with_its_limit() {
    let broker = Mosquitto::start("allow_anonymous true\nmessage_size_limit 130", &[]);
    let report = Report::of(&Workspace::new(), &at(broker.port));
    report.assert_fails(
        "hear",
        "its limit is too low (Mosquitto: message_size_limit)",
        "raise the limit to 512",
    );
    let enough = Mosquitto::start("allow_anonymous true\nmessage_size_limit 200", &[]);
    Report::of(&Workspace::new(), &at(enough.port)).assert_well();
}

#[test]
fn as_many_sessions_as_the_lights_have_are_asked_for_and_no_more() {
    let lab = Workspace::new();
    let mut passed = Vec::new();
    for most in 1..=3 {
        let lines = format!("allow_anonymous true\nmax_connections {most}");
        // Versions differ in whether the number itself is still let in.
        let measured = Mosquitto::start(&lines, &[]);
        wait_until_alone(measured.port);
        let room = fill(measured.port).len();
        let broker = Mosquitto::start(&lines, &[]);
        wait_until_alone(broker.port);
        let report = Report::of(&lab, &at(broker.port));
        // Two lights and the program itself.
        passed.push(room >= 3);
        match room {
            3.. => report.assert_well(),
            2 => report.assert_fails(
                "sessions",
                "lets 2 sessions in and closes the connection of the next: these lights need 3 at once",
                "max_connections",
            ),
            _ => report.assert_fails("sessions", "lets one session of this computer in", "max_connections"),
        }
    }
    assert!(passed.contains(&true) && passed.contains(&false));
}

/// A broker that does well by one client and has rules of its own for a second one.
fn one_session_broker(ends_the_first: bool) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let first = std::sync::Arc::new(std::sync::Mutex::new(None::<TcpStream>));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, first) = (stream.unwrap(), first.clone());
            thread::spawn(move || {
                let earlier = first.lock().unwrap().replace(stream.try_clone().unwrap());
                if let Some(earlier) = earlier {
                    if ends_the_first {
                        let _ = earlier.shutdown(std::net::Shutdown::Both);
                    } else {
                        let _ = stream.write_all(b"\x20\x02\x00\x05");
                        return;
                    }
                }
                serve(&mut stream);
            });
        }
    });
    port
}

/// Serves one client as a broker does, as long as it is alone.
fn serve(stream: &mut TcpStream) {
    let mut inbox = Vec::new();
    let mut bytes = [0; 4_096];
    loop {
        let Ok(count @ 1..) = stream.read(&mut bytes) else { return };
        inbox.extend_from_slice(&bytes[..count]);
        while let Ok(Some((packet, length))) = Packet::read(&inbox) {
            let answer = match packet {
                Packet::Connect(_) => codec::connack(0).to_vec(),
                Packet::Subscribe { id, filters } => {
                    let mut answer = Vec::new();
                    codec::suback(id, &filters.map(|(_, qos)| qos).collect::<Vec<_>>(), |put| {
                        answer.extend_from_slice(put);
                    })
                    .unwrap();
                    answer
                }
                Packet::Publish(publish) => {
                    let mut answer = codec::puback(publish.delivery.id().unwrap()).to_vec();
                    publish.encode(|put| answer.extend_from_slice(put)).unwrap();
                    answer
                }
                Packet::PingReq => codec::PINGRESP.to_vec(),
                _ => Vec::new(),
            };
            inbox.drain(..length);
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }
}

#[test]
fn a_broker_that_allows_one_session_of_a_login_is_named() {
    let lab = Workspace::new();
    let login = |port| format!("{}user = \"king\"\npassword = \"arthur\"\n", at(port));
    let ends = one_session_broker(true);
    Report::of(&lab, &login(ends)).assert_fails(
        "sessions",
        "ends the session of this login as soon as a second one begins",
        "several sessions of one login",
    );
    let refuses = one_session_broker(false);
    Report::of(&lab, &login(refuses)).assert_fails(
        "sessions",
        "lets one session of this login in and refuses the next with code 5",
        "several sessions of one login",
    );
}

/// A broker that lets a client in and takes its first subscription, and then sends this over and over, whatever
/// it is told.
fn flooding(begins: &'static [u8], goes_on: Vec<u8>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, goes_on) = (stream.unwrap(), goes_on.clone());
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4_096]);
                let _ = stream.write_all(b"\x20\x02\x00\x00");
                let _ = stream.read(&mut [0; 4_096]);
                let _ = stream.write_all(begins);
                while !goes_on.is_empty() && stream.write_all(&goes_on).is_ok() {}
                // It hears and never answers.
                while stream.read(&mut [0; 4_096]).is_ok_and(|count| count > 0) {}
            });
        }
    });
    port
}

#[test]
fn brokers_that_flood_never_answer_or_announce_256_mb_are_done_with_in_time() {
    let lab = Workspace::new();
    let suback = b"\x90\x08\x00\x01\x01\x01\x01\x01\x01\x01";
    let message = b"\x32\x1a\x00\x16twinlight/demo/b/state\x00\x01".repeat(1_000);
    let large = b"\x90\x08\x00\x01\x01\x01\x01\x01\x01\x01\x30\xff\xff\xff\x7f\x00\x16twinlight/demo/b/state";
    for (port, cause) in [
        (flooding(b"", message), "the broker sends without end"),
        (flooding(b"", Vec::new()), "the answer to a subscription does not arrive"),
        // It comes to its end, on loopback, and nonsense follows it.
        (flooding(large, vec![b'x'; 65_536]), "is not an MQTT broker"),
        (flooding(large, Vec::new()), "announces a message of 268435460 bytes"),
        (flooding(suback, vec![0xFF; 65_536]), "is not an MQTT broker"),
    ] {
        let began = Instant::now();
        let report = Report::of(&lab, &at(port));
        assert!(began.elapsed() < Duration::from_secs(30), "{cause}: {:?}", began.elapsed());
        report.assert_fails("subscribe", cause, "");
    }
}

#[test]
fn a_long_message_that_a_healthy_broker_keeps_is_no_obstacle() {
    let broker = Mosquitto::start("allow_anonymous true", &[]);
    publish_kept(broker.port, "twinlight/demo/a/state", &"x".repeat(300_000));
    publish_kept(broker.port, "twinlight/demo/b/state", &"y".repeat(5_000));
    Report::of(&Workspace::new(), &at(broker.port)).assert_well();
}

/// Publishes a message that the broker keeps, as anybody may.
fn publish_kept(port: u16, topic: &str, payload: &str) {
    let mut options = rumqttc::MqttOptions::new("keeper", "127.0.0.1", port);
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut connection) = rumqttc::Client::new(options, 10);
    client.publish(topic, rumqttc::QoS::AtLeastOnce, true, payload).unwrap();
    for event in connection.iter() {
        if matches!(event.unwrap(), rumqttc::Event::Incoming(rumqttc::Packet::PubAck(_))) {
            client.disconnect().unwrap();
            while connection.iter().next().is_some_and(|event| event.is_ok()) {}
            return;
        }
    }
}

/// What the broker keeps: what comes before a message that is published after the subscription.
fn kept_below(port: u16, filter: &str) -> Vec<(String, String)> {
    let options = rumqttc::MqttOptions::new("looker", "127.0.0.1", port);
    let (client, mut connection) = rumqttc::Client::new(options, 10);
    client.subscribe(filter, rumqttc::QoS::AtLeastOnce).unwrap();
    client.publish("twinlight/demo/b/cmd", rumqttc::QoS::AtLeastOnce, false, "end").unwrap();
    let mut kept = Vec::new();
    for event in connection.iter() {
        if let rumqttc::Event::Incoming(rumqttc::Packet::Publish(message)) = event.unwrap() {
            if !message.retain {
                break;
            }
            kept.push((message.topic, String::from_utf8(message.payload.to_vec()).unwrap()));
        }
    }
    kept
}

/// Waits until the look whether the broker runs is no connection of its any more.
fn wait_until_alone(port: u16) {
    let until = Instant::now() + Duration::from_secs(20);
    let port = format!(":{port:04X}");
    loop {
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
        // The local address is the second field, the state the fourth: 0A listens, 06 is over.
        let connected = sockets.lines().any(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            fields[1].ends_with(&port) && !["0A", "06"].contains(&fields[3])
        });
        if !connected {
            return;
        }
        assert!(Instant::now() < until, "still connected");
        thread::yield_now();
    }
}

#[test]
fn a_broker_that_is_full_is_named() {
    let broker = Mosquitto::start("allow_anonymous true\nmax_connections 2", &[]);
    let _others = fill(broker.port);
    Report::of(&Workspace::new(), &at(broker.port)).assert_fails(
        "connect",
        "max_connections",
        "end programs",
    );
}

#[test]
fn a_lower_qos_and_messages_that_are_not_retained_are_named() {
    let lab = Workspace::new();
    let broker = Mosquitto::start("allow_anonymous true\nmax_qos 0", &[]);
    Report::of(&lab, &at(broker.port)).assert_fails("hear", "it accepts only QoS 0", "set max_qos to 1");
    let broker = Mosquitto::start("allow_anonymous true\nretain_available false", &[]);
    let report = Report::of(&lab, &at(broker.port));
    report.assert_fails("retained", "retained message", "retain_available true");
}

/// Answers each connection with these bytes, once it has heard something, and closes it.
fn answering(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 1_024]);
                let _ = stream.write_all(answer);
                let _ = stream.shutdown(std::net::Shutdown::Write);
                // So that what was written is not lost to a reset.
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    port
}

#[test]
fn what_answers_in_place_of_a_broker_is_recognised() {
    let lab = Workspace::new();
    let portal = answering(b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n");
    let report = Report::of(&lab, &at(portal));
    report.assert_fails("connect", "a web server answers", "open a web page in a browser");
    report.assert_says("connect", "(\"HTTP/1.1 302 Found\"): a captive portal", "log in there");
    let over_tls = Report::of(&lab, &format!("{}tls = true\ninsecure = true\n", at(portal)));
    over_tls.assert_fails("tls", "does not speak TLS", "port for TLS");
    let shell = Report::of(&lab, &at(answering(b"SSH-2.0-OpenSSH_9.6\r\n")));
    shell.assert_fails(
        "connect",
        "is not an MQTT broker: its answer begins with \"SSH-2.0-OpenSSH_9.6\"",
        "check the port",
    );
    for (answer, code) in [(&b"\x20\x02\x00\x06"[..], 6), (b"\x20\x02\x00\x07", 7)] {
        let banned = Report::of(&lab, &at(answering(answer)));
        banned.assert_fails(
            "connect",
            &format!("code {code}, which is in no standard"),
            "wait at least half a minute",
        );
    }
    let bad_password =
        Report::of(&lab, &format!("{}user = \"u\"\npassword = \"p\"\n", at(answering(b"\x20\x02\x00\x04"))));
    bad_password.assert_fails("connect", "user or password is wrong (code 4)", "upper and lower case");
    let busy = Report::of(&lab, &at(answering(b"\x20\x02\x00\x03")));
    busy.assert_fails("connect", "not available just now", "try again later");
}

#[test]
fn a_listener_that_says_nothing_is_told_from_one_that_is_not_there() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let report = Report::of(&Workspace::new(), &at(listener.local_addr().unwrap().port()));
    report.assert_fails(
        "connect",
        "accepts the connection, but the answer to CONNECT does not arrive",
        "check the port",
    );
}

#[test]
fn adafruit_ios_rules_are_known_and_not_taken_for_faults() {
    let lab = Workspace::new();
    let file = lab.config(
        "[broker]\nkind = \"embedded\"\nport = 0\nemulate = \"adafruit\"\nuser = \"me\"\npassword = \"aio_key\"\n\
         [timing]\nheartbeat_ms = 8000\nlease_ms = 30000\nlost_after_ms = 25000\nquota = { burst = 3, refill_ms = 5000 }\n\
         [[junction]]\nname = \"demo\"\n",
    );
    let output = lab.output(&["doctor", "--json", "--config", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for (step, verdict) in [
        ("connect", "well"),
        ("subscribe", "well"),
        ("hear", "well"),
        ("retained", "skipped"),
        ("will", "skipped"),
    ] {
        let line = said.lines().find(|line| line.contains(&format!("\"step\":\"{step}\""))).unwrap();
        assert!(line.contains(&format!("\"verdict\":\"{verdict}\"")), "{line}");
    }
}

#[test]
fn a_quota_that_is_used_up_is_named_as_such() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let login = Login { user: "me".to_owned(), password: "aio_key".to_owned() };
        let config = BrokerConfig {
            first_port: 0,
            search: false,
            lan: false,
            login: Some(login.clone()),
            limits: BrokerLimits::default(),
            own: OwnClients::default(),
        };
        let one_a_minute = AccountLimiter::adafruit("me", 1, Box::new(|_| {}));
        let broker = Broker::start_limited(&config, Some(one_a_minute)).await.unwrap();
        let target = Target {
            host: "127.0.0.1".to_owned(),
            port: broker.address().port(),
            login: Some(login),
            tls: None,
            root: "twinlight".to_owned(),
            load: Load::default(),
            adafruit: true,
        };
        let (progress, mut told) = tokio::sync::mpsc::channel(64);
        let first = examine(&target, &progress).await;
        assert!(!first.iter().any(|finding| finding.verdict.is_failure()), "{first:?}");
        assert!(matches!(told.recv().await, Some(Progress::StepBegan(Step::Name))));
        drop(told);
        // With nobody who listens, too.
        let second = examine(&target, &progress).await;
        let failed = second.iter().find(|finding| finding.verdict.is_failure()).unwrap();
        let Verdict::Failed(diagnostic) = &failed.verdict else { panic!() };
        assert_eq!(failed.step, Step::Hear);
        assert!(diagnostic.message.contains("quota is used up"), "{diagnostic:?}");
        broker.stop().await;
    });
}

#[test]
fn an_examination_that_is_dropped_ends_at_once() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        login: None,
        tls: None,
        root: "twinlight".to_owned(),
        load: Load::default(),
        adafruit: false,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (progress, mut told) = tokio::sync::mpsc::channel(64);
        let exam = tokio::spawn(async move { examine(&target, &progress).await });
        loop {
            match told.recv().await.unwrap() {
                Progress::StepBegan(Step::Connect) => break,
                other => assert!(
                    !matches!(&other, Progress::StepEnded(done) if done.verdict.is_failure()),
                    "{other:?}"
                ),
            }
        }
        let (mut client, _) = listener.accept().unwrap();
        exam.abort();
        assert!(exam.await.unwrap_err().is_cancelled());
        // Its connection goes with it, after the CONNECT that was sent.
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    });
}
