//! The broker doctor, by the real binary: each common mistake with a real Mosquitto is named, and a
//! broker that is well is left as it was.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use serde_json::Value;
use test_support::certificates::{Authority, FAR_AWAY, Issued, LONG_AGO, NOW, Years};
use test_support::{Mosquitto, Workspace, fill, free_port, guarded};
use twinlight::{
    doctor::{Progress, Step, Target, Verdict, examine},
    model::{BrokerLimits, Login},
    world::{
        account_limiter::AccountLimiter,
        broker::{Broker, BrokerConfig, OwnClients},
    },
};

const STEPS: [&str; 8] = ["name", "tcp", "tls", "connect", "subscribe", "hear", "retained", "will"];

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
    let allowed = Mosquitto::start(acl, &[("acl", "topic readwrite twinlight/#\n")]);
    Report::of(&lab, &at(allowed.port)).assert_well();
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
            junctions: Vec::new(),
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
        junctions: Vec::new(),
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
