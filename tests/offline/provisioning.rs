//! The file that a board is provisioned from, as a person meets it.

use std::{fs, path::Path};

use traffic_light::{
    Key, Name, Timing,
    record::{Antenna, Dialect, Record},
};
use twinlight::{board::BoardFile, model::Diagnostic};

const WIFI: &str = "[wifi]\nssid = \"lab\"\npassword = \"\"\n";
const BROKER: &str = "[broker]\nhost = \"192.168.1.2\"\n";
const NAMES: &str = "junction = \"demo\"\nlight = \"b\"\npeers = [\"a\"]\n";

fn env(name: &str) -> Option<String> {
    match name {
        "WIFI_PASSWORD" => Some("a secret of the lab".to_owned()),
        "TWINLIGHT_KEY" => Some("sixteen-or-more-bytes".to_owned()),
        _ => None,
    }
}

fn read(text: &str) -> Result<BoardFile, String> {
    read_in(Path::new("."), text)
}

fn read_in(folder: &Path, text: &str) -> Result<BoardFile, String> {
    BoardFile::from_toml(text, "board.toml", folder, &env).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, said: &str) {
    let error = read(text).unwrap_err();
    assert!(error.contains(said), "{error}");
}

#[test]
fn the_shipped_example_makes_a_record_without_a_warning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = fs::read_to_string(folder.join("board.toml")).unwrap();
    let file = read_in(&folder, &text).unwrap();
    assert_eq!(file.warnings, Vec::<Diagnostic>::new());
    assert_eq!(file.record.junction.as_str(), "demo");
    assert_eq!(file.record.wifi.password, "a secret of the lab");
}

#[test]
fn what_the_example_has_commented_out_is_what_holds_without_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = fs::read_to_string(folder.join("board.toml")).unwrap();
    // The members that have a default, and not the prose or the choices.
    let has_default = |member: &str| {
        let name = member.split_once(" = ").map_or("", |(name, _)| name);
        let choice = ["config", "user", "password", "key"].contains(&name);
        !choice && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let shown = |line: &str| {
        let member = line.strip_prefix("# ").filter(|member| has_default(member));
        member.unwrap_or(line).to_owned()
    };
    let uncommented: Vec<_> = text.lines().map(shown).collect();
    let uncommented = read_in(&folder, &uncommented.join("\n")).unwrap();
    assert_eq!(uncommented.record, read_in(&folder, &text).unwrap().record);
}

#[test]
fn all_members_reach_the_record() {
    let text = format!(
        "{NAMES}key = \"${{TWINLIGHT_KEY}}\"\nrule = \"react\"\ndemand = \"call\"\nroot = \"lab/7\"\nantenna = \"external\"\n\
         keep_alive_s = 9\n{WIFI}{BROKER}port = 1884\nuser = \"king\"\npassword = \"${{WIFI_PASSWORD}}\"\n[leds]\nred = 4\n\
         [timing]\nred_amber_ms = 900\n"
    );
    let file = read(&text).unwrap();
    let record = file.record;
    assert_eq!(record.peers.iter().map(Name::as_str).collect::<Vec<_>>(), ["a"]);
    assert_eq!(record.key, Key::new(b"sixteen-or-more-bytes").ok());
    assert_eq!(
        (record.broker.port, record.broker.user.as_str(), record.broker.keep_alive_s),
        (1884, "king", 9)
    );
    assert_eq!(record.broker.root, "lab/7");
    assert_eq!((record.leds.red, record.antenna, record.timing.red_amber_ms), (4, Antenna::External, 900));
    assert_eq!(file.warnings, Vec::<Diagnostic>::new());
}

#[test]
fn what_is_wrong_is_told_with_line_member_and_remedy() {
    refused("", "board.toml:1:1: junction: it is missing\n  help: add junction");
    refused(&format!("{NAMES}{BROKER}"), "wifi: it is missing\n  help: add [wifi]");
    refused(
        &format!("{NAMES}lihgt = \"c\"\n{WIFI}{BROKER}"),
        "board.toml:4:1: lihgt: it is not known here\n  help: did you mean light?",
    );
    refused(
        &format!("{NAMES}{WIFI}{BROKER}tls = true\n"),
        "board.toml:9:7: broker.tls: a board cannot encrypt",
    );
    let short = format!("{NAMES}[wifi]\nssid = \"lab\"\npassword = \"short\"\n{BROKER}");
    refused(&short, "board.toml:6:12: wifi.password: a WPA2 password has 8 to 63 characters");
    refused(
        &format!("{NAMES}{WIFI}[broker]\nhost = \"a b\"\n"),
        "broker.host: a b is neither a name nor an IPv4 address",
    );
    refused(&format!("{NAMES}{WIFI}{BROKER}[leds]\nred = 34\n"), "leds.red: no LED can be on GPIO 34");
    refused(&format!("{NAMES}{WIFI}{BROKER}[leds]\nred = 26\n"), "two LEDs are on GPIO 26");
    refused(&format!("{NAMES}{WIFI}{BROKER}[timing]\nlease_ms = 1000\n"), "timing");
    let unset = format!("{NAMES}[wifi]\nssid = \"lab\"\npassword = \"${{NOPE}}\"\n{BROKER}");
    refused(&unset, "the environment variable NOPE is not set");
    let error = read(&format!("{NAMES}key = \"short\"\n{WIFI}{BROKER}")).unwrap_err();
    assert!(error.starts_with("board.toml:4:7: key: "), "{error}");
}

#[test]
fn a_secret_in_the_file_itself_is_warned_of_and_never_printed() {
    let text = format!("{NAMES}[wifi]\nssid = \"lab\"\npassword = \"topsecret\"\n{BROKER}");
    let file = read(&text).unwrap();
    assert_eq!(file.warnings.len(), 1);
    assert!(
        file.warnings[0].message.starts_with("board.toml:6:12: wifi.password: a secret stands in this file")
    );
    assert!(!format!("{file:?}").contains("topsecret"));
}

fn lab(folder: &Path, broker: &str, run: &str) {
    let text = format!(
        "root = \"lab/3\"\n{broker}\n[links]\nkeep_alive_s = 7\n[timing]\nred_amber_ms = 900\n[[junction]]\n\
         name = \"x\"\nlights = [\"a\", \"b\", \"c\"]\n{run}key = \"${{TWINLIGHT_KEY}}\"\nrule = \"react\"\n"
    );
    fs::write(folder.join("lab.toml"), text).unwrap();
}

#[test]
fn a_board_can_take_all_that_virtual_lights_know_from_their_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let external = "[broker]\nkind = \"external\"\nhost = \"h\"\nport = 1999\nuser = \"u\"\npassword = \"${WIFI_PASSWORD}\"";
    lab(folder.path(), external, "run = [\"a\", \"c\"]\n");
    let file = read_in(folder.path(), &format!("config = \"lab.toml\"\nlight = \"b\"\n{WIFI}")).unwrap();
    let record = file.record;
    assert_eq!((record.junction.as_str(), record.light.as_str()), ("x", "b"));
    assert_eq!(record.peers.iter().map(Name::as_str).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(record.key, Key::new(b"sixteen-or-more-bytes").ok());
    assert_eq!((record.timing.red_amber_ms, record.broker.keep_alive_s), (900, 7));
    assert_eq!(
        (record.broker.host.as_str(), record.broker.port, record.broker.user.as_str()),
        ("h", 1999, "u")
    );
    assert_eq!(record.broker.root, "lab/3");
    assert_eq!(file.warnings, Vec::<Diagnostic>::new());

    let own_broker =
        read_in(folder.path(), &format!("config = \"lab.toml\"\nlight = \"b\"\n{WIFI}{BROKER}")).unwrap();
    assert_eq!(own_broker.record.broker.host, "192.168.1.2");
    assert_eq!(own_broker.record.broker.user, "", "another broker has another login");
}

#[test]
fn what_a_configuration_does_not_give_a_board_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let from = |text: &str| read_in(folder.path(), &format!("config = \"lab.toml\"\n{text}{WIFI}"));
    assert!(from("light = \"b\"\n").unwrap_err().contains("there is no such file"));
    lab(folder.path(), "", "");
    let closed = from("light = \"b\"\n").unwrap_err();
    assert!(
        closed.contains("listens on this computer only") && closed.contains("write lan = true"),
        "{closed}"
    );
    assert!(from("").unwrap_err().contains("light: it is missing"));
    assert!(from("light = \"z\"\n").unwrap_err().contains("no light z\n  help: its lights are a, b, c"));
    assert!(
        from("light = \"b\"\njunction = \"y\"\n")
            .unwrap_err()
            .contains("has no junction y\n  help: it has x")
    );
    assert!(
        from("light = \"b\"\npeers = [\"a\"]\n")
            .unwrap_err()
            .contains("it comes from the file that config names")
    );
    lab(folder.path(), "[broker]\nkind = \"external\"\nhost = \"h\"", "");
    let both = from("light = \"b\"\n").unwrap();
    assert!(both.warnings[0].message.contains("runs this light as a virtual one too"), "{:?}", both.warnings);
    fs::write(folder.path().join("lab.toml"), "root = \"t-${RANDOM}\"\n[[junction]]\nname = \"x\"\n")
        .unwrap();
    assert!(from("light = \"b\"\n").unwrap_err().contains("write a fixed root topic"));
}

#[cfg(unix)]
#[test]
fn a_file_with_secrets_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.toml");
    fs::write(&path, format!("{NAMES}[wifi]\nssid = \"lab\"\npassword = \"topsecret\"\n{BROKER}")).unwrap();
    for (mode, warned) in [(0o644, true), (0o600, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let warnings = BoardFile::load(&path).unwrap().warnings;
        assert_eq!(
            warnings.iter().any(|warning| warning.one_line().contains("chmod 600")),
            warned,
            "{warnings:?}"
        );
    }
}

#[test]
fn a_board_may_join_adafruit_io_with_timings_that_fit_the_account() {
    let text = format!(
        "{NAMES}{WIFI}[broker]\nhost = \"io.adafruit.com\"\nuser = \"king\"\npassword = \"${{TWINLIGHT_KEY}}\"\n\
         dialect = \"adafruit\"\n"
    );
    let record = read(&text).unwrap().record;
    assert_eq!((record.broker.dialect, record.broker.user.as_str()), (Dialect::AdafruitIo, "king"));
    assert_eq!(record.timing, Timing::on_quota());
    refused(
        &text.replace("\"king\"", "\"\"").replace("\"${TWINLIGHT_KEY}\"", "\"\""),
        "broker.user: Adafruit IO's topics begin",
    );
    let fast = format!("{text}[timing]\ngreen_min_ms = 3000\n");
    refused(&fast, "these timings have no quota");
    let call = text.replace("peers = [\"a\"]", "peers = [\"b-call\"]");
    refused(&call, "the feed of light b-call would be the one that calls this light");

    let folder = tempfile::tempdir().unwrap();
    let config = "[broker]\nemulate = \"adafruit\"\nlan = true\nport = 1883\nuser = \"class\"\npassword = \"any-key\"\n\
                  [[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\", \"c\"]\nrun = [\"a\", \"c\"]\n";
    fs::write(folder.path().join("lab.toml"), config).unwrap();
    let text = format!("config = \"lab.toml\"\nlight = \"b\"\n{WIFI}");
    match read_in(folder.path(), &text) {
        Ok(file) => {
            let record = file.record;
            assert_eq!((record.broker.dialect, record.broker.user.as_str()), (Dialect::AdafruitIo, "class"));
            assert_eq!(Some(record.timing), Timing::on_account(3, 30));
        }
        // A computer in no network has no address that a board could be told.
        Err(error) => assert!(error.contains("which is in no network"), "{error}"),
    }
}

const FOREIGN: &str = "[[foreign]]\nlight = \"demo/a\"\nsays = \"cars/x\"\nhears = \"cars/y\"\n";

#[test]
fn a_board_can_be_the_partner_of_a_foreign_light() {
    let file = read(&format!("{NAMES}{WIFI}{BROKER}{FOREIGN}")).unwrap();
    let foreign = file.record.foreign.clone().unwrap();
    assert_eq!((foreign.says(), foreign.hears()), ("cars/x", "cars/y"));
    let bytes = file.record.encode().unwrap();
    assert_eq!(Record::decode(&bytes).unwrap().foreign, Some(foreign), "it is on the flash");
    let second = FOREIGN.replace("cars/", "bikes/");
    refused(&format!("{NAMES}{WIFI}{BROKER}{FOREIGN}{second}"), "the partner of one foreign light");
    let stranger = FOREIGN.replace("demo/a", "demo/c");
    refused(&format!("{NAMES}{WIFI}{BROKER}{stranger}"), "demo/c is no peer of this board");
    let three = NAMES.replace("[\"a\"]", "[\"a\", \"c\"]");
    refused(&format!("{three}{WIFI}{BROKER}{FOREIGN}"), "only as its single peer");
}

#[test]
fn a_board_takes_the_foreign_light_of_its_configuration_and_cannot_be_it() {
    let folder = tempfile::tempdir().unwrap();
    let lab = format!("[[junction]]\nname = \"demo\"\nrun = []\n{FOREIGN}");
    fs::write(folder.path().join("lab.toml"), lab).unwrap();
    let with = |light: &str| {
        read_in(folder.path(), &format!("config = \"lab.toml\"\nlight = \"{light}\"\n{WIFI}{BROKER}"))
    };
    assert_eq!(with("b").unwrap().record.foreign.unwrap().says(), "cars/x");
    let error = with("a").unwrap_err();
    assert!(error.contains("says that a is somebody else's light"), "{error}");
}
