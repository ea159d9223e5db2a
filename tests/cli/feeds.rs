//! Lights on feeds: the real binary, with a broker inside that counts and bans as Adafruit IO does. How they get
//! on for many minutes is looked at on the simulated clock: see `tests/offline/simulated_feeds.rs`.

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

/// Heartbeats that the account does not allow.
const TOO_FAST: &str = "[timing]\nheartbeat_ms = 1000\nquota = { burst = 100, refill_ms = 500 }\n";

/// Topics and payloads, in the order of their arrival.
type Heard = Arc<Mutex<Vec<(String, String)>>>;

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
                    keeps.lock().unwrap().push((publish.topic, text));
                }
            }
        });
        Spy { client, heard }
    }

    fn says(&self, feed: &str, value: &str) {
        self.client.publish(format!("class/feeds/{feed}"), QoS::AtLeastOnce, false, value).unwrap();
    }

    fn heard(&self) -> Vec<(String, String)> {
        self.heard.lock().unwrap().clone()
    }
}

fn start(lab: &Workspace, config: &str) -> (Going, Spy) {
    let mut going = lab.start_run(config);
    let spy = Spy::on(going.port());
    (going, spy)
}

#[test]
fn two_lights_alternate_and_the_account_never_gets_a_notice() {
    let lab = Workspace::new();
    let (mut going, spy) = start(&lab, &format!("{EMULATED}{PAIR}"));
    going.wait_for_greens(&["a", "b"], 90);
    let run = going.finish();
    assert_eq!(run.status, 0);
    let greens = run.greens();
    assert!(greens.windows(2).all(|pair| pair[0] != pair[1]), "{greens:?}");
    let heard = spy.heard();
    assert!(heard.len() >= 4, "{heard:?}");
    for (topic, text) in &heard {
        assert!(topic.starts_with("class/feeds/demo-"), "{topic}: {text}");
    }
    let summary = run.summary();
    assert_eq!(summary["conflicts"], 0);
    for light in ["a", "b"] {
        assert_eq!(summary["joins"][format!("demo/{light}")], 1, "it was thrown out");
        let online = run.of_kind("online").find(|line| line["light"] == light);
        assert!(online.is_some_and(|line| line["online"] == true), "presence is judged without a status");
    }
}

#[test]
fn lights_that_publish_too_fast_are_banned_visibly_and_flash() {
    let lab = Workspace::new();
    let file = lab.config(&format!("{EMULATED}budget = false\n{TOO_FAST}{PAIR}"));
    // People read sentences: what happens to the account is for them.
    let mut going = lab.start(&["run", "--config", file.to_str().unwrap()]);
    for words in [
        "up to 440 times a minute, and the account may 30 times: the account will be banned",
        "the broker rejects what this account publishes",
        "the broker has banned this account for 30 s",
        "flashing-amber",
    ] {
        going.wait_for(words, 60, |line| line.as_str().is_some_and(|line| line.contains(words)));
    }
    let run = going.finish();
    assert_eq!(run.status, 0, "no conflict may come of it: {:#?}", run.lines);
    let at = |words: &str| run.lines.iter().position(|line| line.as_str().unwrap().contains(words));
    let reset = "the broker has banned its account for 30 s: every connection is reset";
    assert!(at(reset) > at("the broker rejects what this account publishes"), "{:#?}", run.lines);
}

#[test]
fn a_budget_keeps_lights_that_would_publish_too_fast_from_a_ban() {
    let lab = Workspace::new();
    let (going, spy) = start(&lab, &format!("{EMULATED}{TOO_FAST}{PAIR}"));
    // More than the account may publish in a minute: without the budget they are banned by then.
    let until = Instant::now() + Duration::from_secs(120);
    while spy.heard().len() <= 30 {
        assert!(Instant::now() < until, "only {} messages", spy.heard().len());
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(going.end().0, 0);
    let heard = spy.heard();
    let notices: Vec<_> = heard.iter().filter(|(topic, _)| !topic.contains("/feeds/")).collect();
    assert!(notices.is_empty(), "{notices:?}");
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
    // In each of the forms that Adafruit knows.
    spy.says("demo-b", "{\"value\": \"red\", \"lat\": 56.9, \"lon\": 14.8}");
    going.wait_for("the foreign light", 20, is("b", "red"));
    spy.says("demo-a-call/csv", "OFF,56.9,14.8");
    spy.says("demo-a-call/json", "{\"value\":\"ON\"}");
    going.wait_for("the green that was called for", 40, is("a", "green"));
    going.wait_for("its end", 30, is("a", "red"));
    going.wait_for("the silence of the foreign light", 60, is("b", "dark"));
    let (_, lines) = going.end();
    let greens = lines.iter().filter(|line| line["aspect"] == "green").count();
    assert_eq!(greens, 1, "one call, one green");
}
