//! Lights that reach a real Mosquitto by TLS, and what is said where they cannot.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;
use test_support::certificates::{Authority, FAR_AWAY, Issued, LONG_AGO, NOW, Years};
use test_support::{Mosquitto, Workspace, free_port, publish_raw};
use twinlight::{config::Config, model::Diagnostic};

const TLS_LINES: &str = "cafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\nallow_anonymous true\n";

/// A Mosquitto with TLS, and the authority of its certificate.
struct Encrypted {
    broker: Mosquitto,
    authority: Authority,
}

impl Encrypted {
    fn start(names: &[&str], years: Years, lines: &str) -> Encrypted {
        let authority = Authority::new("Workspace authority");
        let Issued { certificate, key } = authority.server(names, years);
        let files = [
            ("ca.pem", authority.pem.as_str()),
            ("server.pem", certificate.as_str()),
            ("server.key", key.as_str()),
        ];
        let broker = Mosquitto::start(&format!("{TLS_LINES}{lines}"), &files);
        Encrypted { broker, authority }
    }

    /// A configuration beside the authority's certificate.
    fn config(&self, lab: &Workspace, members: &str) -> String {
        store(lab, "ca.pem", &self.authority.pem);
        pair(&format!("port = {}\ntls = true\n{members}", self.broker.port))
    }
}

fn store(lab: &Workspace, name: &str, text: &str) {
    let file = lab.folder.path().join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn pair(broker: &str) -> String {
    format!(
        "[broker]\nkind = \"external\"\nhost = \"localhost\"\n{broker}\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n"
    )
}

/// Runs until each light has been green once.
fn alternates(lab: &Workspace, config: &str) -> Vec<Value> {
    let file = lab.config(config);
    let mut run = lab.start(&["run", "--json", "--config", file.to_str().unwrap()]);
    for light in ["a", "b"] {
        let said = run.heard.iter().any(|line| line["aspect"] == "green" && line["light"] == light);
        if !said {
            run.wait_for(&format!("green of {light}"), 60, |line| {
                line["aspect"] == "green" && line["light"] == light
            });
        }
    }
    let (status, lines) = run.end();
    assert_eq!(status, 0);
    lines
}

/// Runs until a link of a light says why there is no session, and returns that.
fn refusal(lab: &Workspace, config: &str) -> String {
    let file = lab.config(config);
    let mut run = lab.start(&["run", "--json", "--config", file.to_str().unwrap()]);
    let down = run.wait_for("why there is no session", 30, |line| {
        line["kind"] == "link" && line["layer"] == "mqtt" && line["up"] == false
    });
    down["reason"].as_str().unwrap().to_owned()
}

#[test]
fn lights_alternate_by_tls_with_and_without_proxies_of_their_own() {
    let encrypted = Encrypted::start(&["localhost"], NOW, "");
    let lab = Workspace::new();
    let config = encrypted.config(&lab, "ca_file = \"ca.pem\"");
    alternates(&lab, &config);
    let lab = Workspace::new();
    let config = encrypted.config(&lab, "ca_file = \"ca.pem\"");
    alternates(&lab, &format!("links = {{ proxy = false }}\n{config}"));
}

#[test]
fn faults_of_links_work_on_what_tls_carries() {
    let encrypted = Encrypted::start(&["localhost"], NOW, "");
    let lab = Workspace::new();
    let config = encrypted.config(&lab, "ca_file = \"ca.pem\"");
    let fault = "[[fault]]\nwhat = \"lose\"\nlight = \"demo/a\"\nat_s = 4\nfor_s = 8\npercent = 100\n";
    let mut going = lab.start_run(&format!("{config}{fault}"));
    going.wait_for_fault_end(40);
    going.wait_for("a green after it", 40, |line| line["aspect"] == "green");
    let run = going.finish();
    assert_eq!(run.status, 0, "{}", run.stderr);
    let flashed =
        |light| run.aspects().iter().any(|(_, of, aspect)| *of == light && *aspect == "flashing-amber");
    assert!(flashed("a") && flashed("b"), "{:?}", run.aspects());
}

#[test]
fn a_board_without_tls_reaches_the_broker_through_its_port_here() {
    let encrypted = Encrypted::start(&["localhost"], NOW, "");
    let lab = Workspace::new();
    let port = free_port();
    let config = encrypted.config(&lab, "ca_file = \"ca.pem\"");
    let file = lab.config(&format!("links = {{ board_port = {port} }}\n{config}run = [\"a\"]\n"));
    let mut run = lab.start(&["run", "--json", "--config", file.to_str().unwrap()]);
    run.wait_for("a session", 30, |line| line["layer"] == "mqtt" && line["up"] == true);
    publish_raw(port, "twinlight/demo/b/state", b"a message that is none");
    let ignored = run.wait_for("what came by the port", 20, |line| line["kind"] == "ignored");
    assert!(ignored["reason"].as_str().unwrap().contains("demo/b/state"), "{ignored}");
}

#[test]
fn a_client_certificate_opens_a_broker_that_wants_one() {
    let encrypted = Encrypted::start(&["localhost"], NOW, "require_certificate true\n");
    let lab = Workspace::new();
    let members = "ca_file = \"ca.pem\"\ncert_file = \"me.pem\"\nkey_file = \"me.key\"";
    let config = encrypted.config(&lab, members);
    let Issued { certificate, key } = encrypted.authority.client("student", NOW);
    store(&lab, "me.pem", &certificate);
    store(&lab, "me.key", &key);
    alternates(&lab, &config);

    let without = encrypted.config(&lab, "ca_file = \"ca.pem\"");
    let said = refusal(&lab, &without);
    assert!(said.contains("localhost requires a client certificate (help: give one"), "{said}");

    let Issued { certificate, key } = Authority::new("Somebody else").client("student", NOW);
    store(&lab, "me.pem", &certificate);
    store(&lab, "me.key", &key);
    let said = refusal(&lab, &config);
    assert!(said.contains("refuses the client certificate"), "{said}");
}

#[test]
fn a_certificate_that_is_not_good_is_named_with_what_to_do() {
    for (names, years, trusted, expected) in [
        (["localhost"], LONG_AGO, true, "the certificate of localhost expired"),
        (["localhost"], FAR_AWAY, true, "set this computer's clock"),
        (
            ["broker.lab"],
            NOW,
            true,
            "the certificate that answers at localhost is for broker.lab (help: write one of its",
        ),
        (["localhost"], NOW, false, "is not trusted here (help: give the certificate"),
    ] {
        let encrypted = Encrypted::start(&names, years, "");
        let lab = Workspace::new();
        let config = encrypted.config(&lab, "ca_file = \"ca.pem\"");
        if !trusted {
            store(&lab, "ca.pem", &Authority::new("Somebody else").pem);
        }
        let said = refusal(&lab, &config);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn insecure_takes_any_certificate_and_is_said_aloud() {
    let encrypted = Encrypted::start(&["broker.lab"], LONG_AGO, "");
    let lab = Workspace::new();
    let config = encrypted.config(&lab, "insecure = true");
    let mut going = lab.start_run(&config);
    going.wait_for("a green", 40, |line| line["aspect"] == "green");
    let run = going.finish();
    assert!(run.stderr.contains("certificate is not checked (insecure = true)"), "{}", run.stderr);
}

#[test]
fn tls_on_a_plain_port_and_plain_words_on_a_tls_port_are_told_apart() {
    let plain = Mosquitto::start("allow_anonymous true", &[]);
    let lab = Workspace::new();
    let said = refusal(&lab, &pair(&format!("port = {}\ntls = true\n", plain.port)));
    assert!(said.contains("use the broker's port for TLS"), "{said}");
}

#[test]
fn mistakes_with_files_have_their_line_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Workspace authority");
    let client = authority.client("student", NOW);
    let other = authority.client("other", NOW);
    for (name, text) in [
        ("ca.pem", authority.pem.as_str()),
        ("me.pem", &client.certificate),
        ("me.key", &client.key),
        ("other.key", &other.key),
        ("empty", ""),
        ("cut.pem", &authority.pem[..200]),
        ("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let file = folder.path().join("my.toml");
    let load = |members: &str| {
        let text =
            format!("[[junction]]\nname = \"demo\"\n[broker]\nkind = \"external\"\nhost = \"h\"\n{members}");
        Config::from_toml(&text, file.to_str().unwrap(), &|_| None)
    };
    for (members, line, said) in [
        (
            "tls = true\nca_file = \"none.pem\"",
            7,
            "none.pem does not exist\n  help: check the name, which is relative to the folder",
        ),
        ("tls = true\nca_file = \"empty\"", 7, "empty contains no certificate in PEM"),
        ("tls = true\nca_file = \"me.key\"", 7, "me.key contains a key and no certificate"),
        ("tls = true\nca_file = \"cut.pem\"", 7, "cut.pem is damaged (its end is missing)"),
        ("tls = true\nca_file = \".\"", 7, "is a folder\n  help: name the file in it"),
        ("tls = true\nca_file = \"\"", 7, "it is empty\n  help: name a file"),
        (
            "tls = true\nca_file = \"C:\\new\\tls.pem\"",
            7,
            "it holds a control character: \\n in double quotes is one, as in \"C:\\n…\"\n  help: write a path with \\ in single \
             quotes",
        ),
        ("tls = true\nca_file = \"C:\\new\\ca.pem\"", 7, "help: write a text with \\ in single quotes"),
        ("tls = true\nca_file = \"C:\\Users\\ca.pem\"", 7, "help: write a text with \\ in single quotes"),
        ("tls = true\nca_file = 'C:\\new\\ca.pem'", 7, "does not exist\n  help: check the name"),
        ("tls = true\ncert_file = \"me.pem\"", 3, "add key_file"),
        ("tls = true\nkey_file = \"me.key\"", 3, "add cert_file"),
        (
            "tls = true\ncert_file = \"me.pem\"\nkey_file = \"other.key\"",
            8,
            "this key does not belong to the certificate",
        ),
        ("tls = true\ncert_file = \"me.pem\"\nkey_file = \"me.pem\"", 8, "me.pem contains no key in PEM"),
        ("tls = true\ncert_file = \"me.pem\"\nkey_file = \"locked.key\"", 8, "is locked with a password"),
        (
            "tls = true\nca_file = \"ca.pem\"\ninsecure = true",
            8,
            "ca_file says whom to trust\n  help: remove one of the two",
        ),
        ("ca_file = \"ca.pem\"", 6, "it only works with TLS\n  help: add tls = true"),
        ("insecure = true", 6, "it only works with TLS"),
    ] {
        let error = load(members).unwrap_err().to_string();
        assert!(error.contains(&format!("my.toml:{line}:")), "{members}: {error}");
        assert!(error.contains(said), "{members}: {error}");
        assert!(!error.contains("PRIVATE KEY-----\n"), "a key is never shown");
    }
    let mine = "tls = true\nca_file = \"ca.pem\"\ncert_file = \"me.pem\"\nkey_file = \"me.key\"\n";
    fs::set_permissions(folder.path().join("me.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let [warning] = &load(mine).unwrap().warnings[..] else { panic!("one warning") };
    assert!(warning.message.contains("every user of this computer can read the key"), "{warning}");
    fs::set_permissions(folder.path().join("me.key"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(load(mine).unwrap().warnings, Vec::<Diagnostic>::new());
    let warned =
        |members: &str| load(members).unwrap().warnings.iter().map(Diagnostic::one_line).collect::<String>();
    assert!(warned("port = 8883").contains("8883 is usually the port for TLS (help: add tls = true)"));
    assert!(
        warned("port = 1883\ntls = true\nca_file = \"ca.pem\"")
            .contains("1883 is usually the port without TLS")
    );
    assert!(!format!("{:?}", load(mine).unwrap()).contains("KEY"), "a configuration prints no secret");
}
