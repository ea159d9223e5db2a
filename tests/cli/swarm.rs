//! `twinlight swarm` and `run --lights`, with the real binary.

use rumqttc::{Client, Event, Incoming, MqttOptions, QoS};
use serde_json::Value;
use test_support::{Mosquitto, Workspace, free_port};

fn external(port: u16) -> String {
    format!(
        "[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {port}\n[[junction]]\nname = \"demo\"\n"
    )
}

/// What a broker keeps.
fn kept(port: u16) -> Vec<String> {
    let (client, mut connection) = Client::new(MqttOptions::new("looks", "127.0.0.1", port), 16);
    client.subscribe("#", QoS::AtLeastOnce).unwrap();
    client.publish("end-of-what-is-kept", QoS::AtLeastOnce, false, "").unwrap();
    let mut kept = Vec::new();
    for event in connection.iter() {
        if let Event::Incoming(Incoming::Publish(publish)) = event.unwrap() {
            if publish.topic == "end-of-what-is-kept" {
                return kept;
            }
            kept.push(publish.topic);
        }
    }
    panic!("the broker closed the connection");
}

fn assert_measured(figures: &Value, lights: u64) {
    assert_eq!(figures["kind"], "summary");
    assert_eq!((figures["lights"].as_u64(), figures["connected"].as_u64()), (Some(lights), Some(lights)));
    assert_eq!(figures["conflicts"], 0, "{figures}");
    for figure in ["connected_after_s", "sent_per_s", "received_per_s", "mean_bytes", "measured_s"] {
        assert!(figures[figure].as_f64().unwrap() > 0.0, "{figure} in {figures}");
    }
    let delivery = &figures["delivery_ms"];
    assert!(delivery["count"].as_u64().unwrap() > 0, "{figures}");
    let at = |name: &str| delivery[name].as_f64().unwrap();
    assert!(at("p50") > 0.0 && at("p50") <= at("p99") && at("p99") <= at("max"), "{figures}");
    if cfg!(target_os = "linux") {
        assert!(figures["resident_kib"].as_f64().unwrap() > 0.0, "{figures}");
        assert!(figures["cpu_percent"].as_f64().unwrap() > 0.0, "{figures}");
    }
}

#[test]
fn a_swarm_on_mosquitto_measures_and_leaves_nothing_behind() {
    let broker = Mosquitto::start("allow_anonymous true", &[]);
    let lab = Workspace::new();
    let file = lab.config(&external(broker.port));
    let report = lab.folder.path().join("swarm.json");
    let mut args = vec!["swarm", "--pairs", "10", "--seconds", "5", "--json"];
    args.extend(["--config", file.to_str().unwrap(), "--report", report.to_str().unwrap()]);
    let output = lab.output(&args);
    let said = String::from_utf8(output.stdout).unwrap();
    let figures: Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}"));
    assert_measured(&figures, 20);
    assert_eq!(figures["complaints"].as_array().unwrap().is_empty(), output.status.success(), "{figures}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["swarm"]["delivery_ms"], figures["delivery_ms"]);
    assert_eq!(kept(broker.port), Vec::<String>::new(), "the broker keeps words of lights that are no more");
}

#[test]
fn a_swarm_on_the_embedded_broker_is_told_in_sentences_and_ends_when_it_is_asked_to() {
    let lab = Workspace::new();
    let file = lab.config("[broker]\nport = 0\n[[junction]]\nname = \"demo\"\n");
    let args = ["swarm", "--pairs", "3", "--seconds", "4", "--config", file.to_str().unwrap()];
    let output = lab.output(&args);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("6 of 6 lights connected, all of them after"), "{said}");
    assert!(said.contains("messages a second sent") && said.contains("0 conflicts"), "{said}");

    let endless = ["swarm", "--pairs", "3", "--seconds", "600", "--json", "--config", file.to_str().unwrap()];
    let mut going = lab.start(&endless);
    going.wait_for_note("measuring: 6 of 6", 60);
    let (_, lines) = going.end();
    let figures = lines.last().unwrap();
    assert_measured(figures, 6);
    assert!(figures["measured_s"].as_f64().unwrap() < 60.0, "{figures}");
}

#[test]
fn a_swarm_without_a_broker_says_why_it_has_no_figures() {
    let lab = Workspace::new();
    let file = lab.config(&external(free_port()));
    let args = ["swarm", "--pairs", "2", "--json", "--config", file.to_str().unwrap()];
    let mut going = lab.start(&args);
    going.wait_for_note("0 of 4", 60);
    let (status, lines) = going.end();
    assert_eq!(status, 1);
    let figures = lines.last().unwrap();
    assert_eq!((&figures["connected"], &figures["delivery_ms"]), (&0.into(), &Value::Null));
    assert!(figures["complaints"][0].as_str().unwrap().contains("nobody listens"), "{figures}");
}

#[test]
fn wrong_usage_of_swarm_and_lights_is_refused_with_what_to_do() {
    let lab = Workspace::new();
    let elsewhere = lab.config(&external(1883).replace("127.0.0.1", "broker.example"));
    let elsewhere = elsewhere.to_str().unwrap();
    for (args, words) in [
        (vec!["swarm"], vec!["--pairs"]),
        (vec!["swarm", "--pairs", "0"], vec!["1..=2048"]),
        (vec!["swarm", "--pairs", "4000"], vec!["1..=2048"]),
        (vec!["swarm", "--pairs", "2", "--seconds", "never"], vec!["number of seconds"]),
        (vec!["swarm", "--pairs", "2", "--report", "/no/such/r.json"], vec!["/no/such"]),
        (vec!["swarm", "--pairs", "2", "--config", elsewhere], vec!["broker.example", "--elsewhere"]),
        (vec!["swarm", "--pairs", "2", "--preset", "adafruit-emulated"], vec!["another broker"]),
        (vec!["run", "--lights", "c"], vec!["no light c", "demo/a, demo/b"]),
        (vec!["run", "--lights", "a,other/b"], vec!["no light other/b"]),
        (vec!["run", "--lights", "A"], vec!["demo/a with its junction"]),
        (vec!["--lights", "x"], vec!["no light x", "demo/a, demo/b"]),
        (vec!["--lights", "a", "ports"], vec!["--lights stands before the command", "behind \"run\""]),
    ] {
        lab.assert_refused(&args, &words);
    }
}

#[test]
fn two_programs_share_the_lights_of_a_junction_on_one_broker() {
    let broker = Mosquitto::start("allow_anonymous true", &[]);
    let labs = [Workspace::new(), Workspace::new()];
    let mut runs: Vec<_> = labs
        .iter()
        .zip(["a", "demo/b"])
        .map(|(lab, lights)| {
            let file = lab.config(&external(broker.port));
            lab.start(&["run", "--json", "--lights", lights, "--config", file.to_str().unwrap()])
        })
        .collect();
    // Neither is ended before both have seen both: a light alone flashes.
    for run in &mut runs {
        for light in ["a", "b", "a"] {
            run.wait_for("a green", 40, |line| line["aspect"] == "green" && line["light"] == light);
        }
    }
    for (run, (own, other)) in runs.into_iter().zip([("a", "b"), ("b", "a")]) {
        let (status, lines) = run.end();
        assert_eq!(status, 0);
        let summary = lines.last().unwrap();
        assert_eq!(summary["joins"][format!("demo/{own}")], 1);
        assert_eq!(summary["joins"][format!("demo/{other}")], 0, "it runs in the other program: {summary}");
    }
}
