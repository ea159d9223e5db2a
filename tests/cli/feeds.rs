//! Lights on feeds: the real binary, with a broker inside that counts and bans as Adafruit IO does. Real time,
//! some two minutes; all of it at once.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use test_support::{Going, Workspace};

const EMULATED: &str =
    "[broker]\nport = 0\nemulate = \"adafruit\"\nuser = \"class\"\npassword = \"any-key\"\n";
const PAIR: &str = "[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n";

type Heard = Arc<Mutex<Vec<(Instant, String, String)>>>;

/// Another client of the account, which writes down what it hears.
struct Spy {
    client: Client,
    heard: Heard,
}

impl Spy {
    fn on(port: u16) -> Spy {
        let mut options = MqttOptions::new("spy", "127.0.0.1", port);
        options.set_credentials("class", "any-key").set_keep_alive(Duration::from_secs(5));
        let (client, mut connection) = Client::new(options, 10);
        for filter in ["class/feeds/+", "class/throttle", "class/errors"] {
            client.subscribe(filter, QoS::AtLeastOnce).unwrap();
        }
        let heard = Heard::default();
        let keeps = heard.clone();
        thread::spawn(move || {
            for event in connection.iter().map_while(Result::ok) {
                if let Event::Incoming(Packet::Publish(publish)) = event {
                    let text = String::from_utf8_lossy(&publish.payload).into_owned();
                    keeps.lock().unwrap().push((Instant::now(), publish.topic, text));
                }
            }
        });
        Spy { client, heard }
    }

    fn says(&self, feed: &str, value: &str) {
        self.client.publish(format!("class/feeds/{feed}"), QoS::AtLeastOnce, false, value).unwrap();
    }

    fn heard(&self) -> Vec<(Instant, String, String)> {
        self.heard.lock().unwrap().clone()
    }
}

fn start(lab: &Workspace, config: &str) -> (Going, Spy) {
    let file = lab.config(config);
    let mut going = lab.start(&["run", "--json", "--config", file.to_str().unwrap()]);
    let spy = Spy::on(going.port());
    (going, spy)
}

#[test]
fn two_lights_alternate_and_the_account_never_gets_a_notice() {
    let lab = Workspace::new();
    let (going, spy) = start(&lab, &format!("{EMULATED}{PAIR}"));
    thread::sleep(Duration::from_secs(100));
    let (status, lines) = going.end();
    assert_eq!(status, 0);
    let greens: Vec<_> =
        lines.iter().filter(|l| l["aspect"] == "green").map(|l| l["light"].clone()).collect();
    assert!(greens.len() >= 5, "{greens:?}");
    assert!(greens.windows(2).all(|pair| pair[0] != pair[1]), "{greens:?}");
    assert_eq!(lines.last().unwrap()["conflicts"], 0);
    let heard = spy.heard();
    assert!(heard.len() >= 20, "{heard:?}");
    for (from, topic, text) in &heard {
        assert!(topic.starts_with("class/feeds/demo-"), "{topic}: {text}");
        let minute = Duration::from_secs(60);
        let within = heard.iter().filter(|(at, ..)| at >= from && *at < *from + minute).count();
        assert!(within <= 30, "{within} in a minute");
    }
    for light in ["demo/a", "demo/b"] {
        let joins = lines.last().unwrap()["joins"][light].as_u64();
        assert_eq!(joins, Some(1), "it was thrown out");
        let online =
            lines.iter().find(|l| l["kind"] == "online" && light.ends_with(l["light"].as_str().unwrap()));
        assert!(online.is_some_and(|line| line["online"] == true), "presence is judged without a status");
    }
}

#[test]
fn lights_that_publish_too_fast_are_banned_visibly_wait_and_come_back() {
    let lab = Workspace::new();
    let config = format!(
        "{EMULATED}budget = false\n[timing]\nheartbeat_ms = 1000\nquota = {{ burst = 100, refill_ms = 500 }}\n{PAIR}"
    );
    let file = lab.config(&config);
    let output = lab.output(&["run", "--seconds", "80", "--config", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "no conflict may come of it: {said}");
    let at = |words: &str| {
        let line = said
            .lines()
            .find(|line| line.contains(words))
            .unwrap_or_else(|| panic!("no {words:?} in {said}"));
        line.trim_start().split_once(' ').unwrap().0.parse::<f64>().unwrap()
    };
    assert!(
        said.contains("up to 440 times a minute, and the account may 30 times: the account will be banned")
    );
    let throttled = at("the broker rejects what this account publishes");
    let banned = at("the broker has banned this account for 30 s");
    assert!(throttled < banned);
    assert!(at("the broker has banned its account for 30 s: every connection is reset") >= throttled);
    let again = said
        .lines()
        .filter(|line| line.contains("Mqtt up"))
        .map(|line| line.trim_start().split_once(' ').unwrap().0.parse::<f64>().unwrap())
        .find(|at| *at > banned);
    assert!(again.unwrap() >= banned + 29.0, "nobody tries before a ban is over: {said}");
    assert!(said.contains("flashing-amber"), "a junction that cannot be reached flashes: {said}");
}

#[test]
fn a_budget_keeps_lights_that_would_publish_too_fast_from_a_ban() {
    let lab = Workspace::new();
    let config = format!(
        "{EMULATED}[timing]\nheartbeat_ms = 1000\nquota = {{ burst = 100, refill_ms = 500 }}\n{PAIR}"
    );
    let (going, spy) = start(&lab, &config);
    thread::sleep(Duration::from_secs(75));
    let (status, _) = going.end();
    assert_eq!(status, 0);
    let heard = spy.heard();
    let notices: Vec<_> = heard.iter().filter(|(_, topic, _)| !topic.contains("/feeds/")).collect();
    assert!(notices.is_empty(), "{notices:?}");
    assert!(heard.len() >= 30, "{} messages", heard.len());
}

#[test]
fn a_dashboard_calls_a_light_and_a_plain_value_is_a_foreign_light_until_it_is_silent() {
    let lab = Workspace::new();
    let rest = "[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\nrun = [\"a\"]\ndemand = \"call\"\nrule = \"react\"\n";
    let (mut going, spy) = start(&lab, &format!("{EMULATED}{rest}"));
    let is = |light: &'static str, aspect: &'static str| {
        move |line: &serde_json::Value| line["light"] == light && line["aspect"] == aspect
    };
    going.wait_for("the light's session", 20, |line| {
        line["kind"] == "link" && line["layer"] == "mqtt" && line["up"] == true && line["light"] == "a"
    });
    spy.says("demo-b", "red");
    going.wait_for("the foreign light", 20, is("b", "red"));
    spy.says("demo-a-call", "OFF");
    spy.says("demo-a-call", "ON");
    going.wait_for("the green that was called for", 40, is("a", "green"));
    going.wait_for("its end", 30, is("a", "red"));
    going.wait_for("the silence of the foreign light", 60, is("b", "dark"));
    let (_, lines) = going.end();
    let greens = lines.iter().filter(|line| line["aspect"] == "green").count();
    assert_eq!(greens, 1, "one call, one green");
}

#[test]
fn a_quota_put_on_the_broker_bans_lights_and_they_alternate_again_when_it_ends() {
    let lab = Workspace::new();
    let config = format!(
        "[broker]\nport = 0\n[[fault]]\nat_s = 10\nfor_s = 20\nwhat = \"quota\"\nper_minute = 30\n{PAIR}"
    );
    let run = lab.run(&config, 100);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let reason = |words: &str| {
        let line = run
            .of_kind("link")
            .find(|line| line["reason"].as_str().is_some_and(|reason| reason.contains(words)));
        line.unwrap_or_else(|| panic!("no {words:?}"))["ms"].as_u64().unwrap()
    };
    let reset = reason("reset by the broker");
    assert!((10_000..40_000).contains(&reset), "{reset}");
    assert!(reason("(code 7)") > reset);
    let flashing = run.aspects().iter().any(|(_, _, aspect)| *aspect == "flashing-amber");
    assert!(flashing, "they could not be reached for half a minute");
    let aspects = run.aspects();
    let late: Vec<_> = aspects
        .iter()
        .filter(|(ms, _, aspect)| *ms > 70_000 && *aspect == "green")
        .map(|(_, l, _)| *l)
        .collect();
    assert!(late.contains(&"a") && late.contains(&"b"), "{late:?}");
}
