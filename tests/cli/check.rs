//! `twinlight check`: the real binary grades lights that are written here, over a client of their own.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use test_support::{Going, Workspace, free_port};

const SAYS: &str = "lab/b";
const HEARS: &str = "lab/a";

/// What is wrong with a light.
#[derive(Clone, Copy, Default)]
struct Mistakes {
    subscribes_once: bool,
    hears_nothing: bool,
    ends_with_its_connection: bool,
}

/// A light that runs until it is dropped.
struct StudentLight(Arc<AtomicBool>);

impl StudentLight {
    fn start(port: u16, mistakes: Mistakes) -> StudentLight {
        let going = Arc::new(AtomicBool::new(true));
        let runs = going.clone();
        thread::spawn(move || live(port, mistakes, &runs));
        StudentLight(going)
    }
}

impl Drop for StudentLight {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn live(port: u16, mistakes: Mistakes, going: &AtomicBool) {
    let (mut aspect, mut since) = ("red", Instant::now());
    let (mut partner, mut heard) = ("red".to_owned(), Instant::now());
    let mut subscribed = false;
    while going.load(Ordering::Relaxed) {
        let mut options = MqttOptions::new("student", "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(8));
        let (client, mut connection) = Client::new(options, 10);
        let (mut up, mut said) = (None::<Instant>, "");
        loop {
            match connection.recv_timeout(Duration::from_millis(40)) {
                Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                    up = Some(Instant::now());
                    if !(mistakes.subscribes_once && subscribed) {
                        client.subscribe(HEARS, QoS::AtMostOnce).unwrap();
                        subscribed = true;
                    }
                }
                Ok(Ok(Event::Incoming(Packet::Publish(publish)))) if !mistakes.hears_nothing => {
                    partner = String::from_utf8_lossy(&publish.payload).into_owned();
                    heard = Instant::now();
                }
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(rumqttc::RecvTimeoutError::Disconnected) => break,
                Err(rumqttc::RecvTimeoutError::Timeout) if !going.load(Ordering::Relaxed) => return,
                Err(rumqttc::RecvTimeoutError::Timeout) => {}
            }
            let held = since.elapsed();
            let told = partner == "green" && heard.elapsed() < Duration::from_secs(15);
            let steady = up.is_some_and(|up| up.elapsed() > Duration::from_secs(3));
            let next = match aspect {
                "red" if steady && !told && held > Duration::from_secs(3) => "green",
                "green" if told || held > Duration::from_secs(5) => "red",
                _ => aspect,
            };
            if next != aspect {
                (aspect, since) = (next, Instant::now());
            }
            if up.is_some() && said != aspect {
                client.publish(SAYS, QoS::AtMostOnce, false, aspect).unwrap();
                said = aspect;
            }
        }
        if mistakes.ends_with_its_connection {
            return;
        }
        thread::sleep(Duration::from_secs(2));
    }
}

fn start(lab: &Workspace, args: &[&str]) -> (Going, u16) {
    let port = free_port();
    let port_text = port.to_string();
    let args = [&["check", "--json", "--seed", "7", "--port", &port_text], args].concat();
    let mut going = lab.start(&args);
    going.wait_for("the port", 20, |line| line["kind"] == "broker");
    (going, port)
}

fn outcome(going: &mut Going, step: &str, seconds: u64) -> Value {
    going.wait_for(step, seconds, |line| line["kind"] == "step" && line["step"] == step)
}

#[test]
fn a_good_light_passes_every_step() {
    let lab = Workspace::new();
    let (mut going, port) = start(&lab, &[]);
    let _light = StudentLight::start(port, Mistakes::default());
    let summary = going.wait_for("the summary", 420, |line| line["kind"] == "summary");
    assert_eq!(
        (summary["failed"].as_u64(), summary["passed"].as_u64()),
        (Some(0), Some(10)),
        "{:#?}",
        going.heard
    );
    assert_eq!(summary["seed"], 7);
}

#[test]
fn a_light_that_subscribes_once_is_told_so_and_one_that_does_not_hear_too() {
    let lab = Workspace::new();
    let steps = ["--steps", "reacts,recovers-from-reset"];
    let (mut once, once_port) = start(&lab, &steps);
    let (mut deaf, deaf_port) = start(&lab, &steps);
    let (mut ends, ends_port) = start(&lab, &steps);
    let _lights = [
        StudentLight::start(once_port, Mistakes { subscribes_once: true, ..Mistakes::default() }),
        StudentLight::start(deaf_port, Mistakes { hears_nothing: true, ..Mistakes::default() }),
        StudentLight::start(ends_port, Mistakes { ends_with_its_connection: true, ..Mistakes::default() }),
    ];
    assert_eq!(outcome(&mut once, "reacts", 120)["outcome"], "pass");
    let verdict = outcome(&mut once, "recovers-from-reset", 60);
    assert_eq!((&verdict["outcome"], &verdict["cause"]), (&"fail".into(), &"no-resubscribe".into()));
    assert!(verdict["advice"].as_str().unwrap().contains("subscribe again"), "{verdict}");
    assert_eq!(outcome(&mut deaf, "reacts", 120)["cause"], "never-yields");
    assert_eq!(outcome(&mut ends, "recovers-from-reset", 120)["cause"], "not-reconnected");
    for going in [once, deaf, ends] {
        assert_eq!(going.end().0, 3);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    let lab = Workspace::new();
    lab.assert_refused(&["check", "--steps", "reakts"], &["no step \"reakts\"", "did you mean \"reacts\""]);
    let port = free_port();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut command = lab.command(&["check", "--port", &port.to_string()]);
    let output = command.stdout(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be opened") && said.contains("--port"), "{said}");
}

#[test]
fn a_port_that_is_open_to_the_network_is_told_by_an_address_that_reaches_it() {
    let lab = Workspace::new();
    let (mut going, port) = start(&lab, &["--lan"]);
    let opened = going.heard.iter().find(|line| line["kind"] == "broker").unwrap().clone();
    // Empty on a computer that is in no network.
    for host in opened["hosts"].as_array().unwrap() {
        let host = host.as_str().unwrap();
        assert!(host != "0.0.0.0" && std::net::TcpStream::connect((host, port)).is_ok(), "{opened}");
    }
    going.wait_for_note("made up for this check", 10);
    let mut command = lab.command(&["check", "--lan", "--port", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.starts_with("let your light connect to ") && !first.contains("0.0.0.0"), "{first}");
}

#[test]
fn what_could_not_be_kept_is_told_before_the_check_begins() {
    let lab = Workspace::new();
    let folder = lab.folder.path();
    let (page, roster) = (folder.join("ann.html"), folder.join("roster.csv"));
    fs::write(&page, "an earlier page").unwrap();
    fs::write(&roster, "group\nann\n").unwrap();
    let (page, roster, folder) =
        (page.to_str().unwrap(), roster.to_str().unwrap(), folder.to_str().unwrap().to_owned());
    for option in ["--html", "--report", "--learn"] {
        let no_folder = format!("{option}: there is no folder /nowhere");
        lab.assert_refused(&["check", option, "/nowhere/f"], &[&no_folder, "help: make it first"]);
        let unwritten = format!("{option}: {folder} cannot be written");
        lab.assert_refused(&["check", option, &folder], &[&unwritten, "help: name a file"]);
    }
    let class = ["check", "--class", roster, "--csv", "/nowhere/f"];
    lab.assert_refused(&class, &["--csv: there is no folder /nowhere"]);
    lab.assert_refused(
        &["check", "--class", roster, "--csv", roster],
        &["--class and --csv are the same file"],
    );
    lab.assert_refused(
        &["check", "--html", page, "--report", page],
        &["--report and --html are the same file", "help: name two files"],
    );
    assert_eq!(fs::read_to_string(page).unwrap(), "an earlier page");
}

#[test]
fn a_check_that_is_ended_keeps_what_it_has() {
    let lab = Workspace::new();
    let page = lab.folder.path().join("ann.html");
    let page = page.to_str().unwrap();
    let (mut going, port) = start(&lab, &["--html", page]);
    let _light = StudentLight::start(port, Mistakes::default());
    assert_eq!(outcome(&mut going, "connects", 30)["outcome"], "pass");
    let (status, lines) = going.end();
    let summary = lines.last().unwrap();
    assert_eq!((status, &summary["kind"], &summary["passed"]), (1, &"summary".into(), &1.into()));
    let verified = lab.output(&["check", "--verify", page]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert!(String::from_utf8(verified.stdout).unwrap().contains("as this program wrote it"));
}

#[test]
fn a_check_that_is_ended_before_a_light_came_leaves_an_earlier_page_as_it_is() {
    let lab = Workspace::new();
    let page = lab.folder.path().join("ann.html");
    fs::write(&page, "an earlier page").unwrap();
    let (mut going, _) = start(&lab, &["--html", page.to_str().unwrap()]);
    going.wait_for_note("waits for the light to connect", 20);
    let run = going.finish();
    assert_eq!((run.status, run.summary()["unjudged"].as_u64()), (1, Some(10)));
    assert!(run.stderr.contains("no light came, so there is nothing to keep"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(page).unwrap(), "an earlier page");
}

#[test]
#[cfg(target_os = "linux")]
fn a_page_that_finds_no_room_is_kept_in_the_state_folder_and_the_other_files_are_written() {
    let lab = Workspace::new();
    let learned = lab.folder.path().join("report.json");
    let (mut going, port) = start(&lab, &["--html", "/dev/full", "--report", learned.to_str().unwrap()]);
    let _light = StudentLight::start(port, Mistakes::default());
    outcome(&mut going, "connects", 30);
    let run = going.finish();
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("/dev/full") && run.stderr.contains("the page is in "), "{}", run.stderr);
    assert!(learned.exists(), "one file that cannot be written costs no other");
    let pages = fs::read_dir(lab.folder.path().join("state/checks")).unwrap();
    let page = pages.map(|page| page.unwrap().path()).next().unwrap();
    assert_eq!(lab.output(&["check", "--verify", page.to_str().unwrap()]).status.code(), Some(0));
}

#[test]
fn ports_of_a_roster_that_are_taken_are_told_with_their_groups_before_a_check_begins() {
    let lab = Workspace::new();
    let (roster, table) = (lab.folder.path().join("roster.csv"), lab.folder.path().join("out.csv"));
    let taken = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [ann, cy] = taken.each_ref().map(|taken| taken.local_addr().unwrap().port());
    fs::write(&roster, format!("group,port\nann,{ann}\nbo,{}\ncy,{cy}\n", free_port())).unwrap();
    fs::write(&table, "an earlier table").unwrap();
    let output =
        lab.output(&["check", "--class", roster.to_str().unwrap(), "--csv", table.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for wanted in [format!("ann: the light's port {ann}"), format!("cy: the light's port {cy}")] {
        assert!(said.contains(&wanted), "{wanted}: {said}");
    }
    assert!(said.contains("in the roster") && !said.contains("--port") && !said.contains("bo:"), "{said}");
    assert_eq!(fs::read_to_string(table).unwrap(), "an earlier table");
}

#[test]
fn a_broker_that_is_away_is_told_at_once_and_not_the_lights_fault() {
    let lab = Workspace::new();
    let port = free_port();
    let config = lab.config(&format!("[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {port}\n"));
    let output = lab.output(&["check", "--port", "0", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let wanted = format!("the broker at 127.0.0.1:{port} cannot be reached");
    assert!(said.contains(&wanted) && said.contains("twinlight doctor"), "{said}");
}

#[test]
fn what_is_no_page_of_a_check_is_refused_however_long_it_is() {
    let lab = Workspace::new();
    let file = lab.folder.path().join("page.html");
    for (bytes, wanted) in [
        (&b"\xff\xfe"[..], "it is no text"),
        (b"", "there is no record"),
        (b"<html></html>", "there is no record"),
    ] {
        fs::write(&file, bytes).unwrap();
        lab.assert_refused(&["check", "--verify", file.to_str().unwrap()], &[wanted, "help: give the file"]);
    }
    #[cfg(unix)]
    lab.assert_refused(&["check", "--verify", "/dev/zero"], &["it is too long for a page"]);
}
