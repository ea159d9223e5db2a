//! `twinlight check`: the real binary grades lights that are written here, over a client of their own.

use std::{
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
