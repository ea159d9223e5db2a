//! Soaks as a user runs them: simulated ones, and one against a real Mosquitto.

use serde_json::Value;
use test_support::{Mosquitto, Workspace};
use twinlight::fault::{FaultKind, LinkFault};

/// What a soak said, and how it ended.
fn soak(lab: &Workspace, args: &[&str]) -> (Value, i32) {
    let output = lab.output(&[&["soak", "--json"], args].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (serde_json::from_str(last).unwrap(), output.status.code().unwrap())
}

/// The figures that follow from the seed.
fn without_time(mut figures: Value) -> Value {
    figures["machine_s"] = Value::Null;
    figures
}

#[test]
fn a_short_soak_of_all_faults_passes_and_its_seed_means_the_same_figures() {
    let lab = Workspace::new();
    let report = lab.folder.path().join("soak.json");
    let args = ["--pairs", "3", "--hours", "1.5", "--seed", "5"];
    let with_report = [&args[..], &["--threads", "2", "--report", report.to_str().unwrap()]].concat();
    let (figures, status) = soak(&lab, &with_report);
    assert_eq!((status, &figures["kind"]), (0, &Value::from("soak")), "{figures:#}");
    for (name, expected) in
        [("conflicts", 0), ("glitches", 0), ("stuck", 0), ("worlds", 3), ("quiet_times", 6)]
    {
        assert_eq!(figures[name], expected, "{name}: {figures:#}");
    }
    assert_eq!(figures["simulated_s"], 3.0 * 5_400.0);
    assert!(figures["greens"].as_u64().unwrap() > 600 && figures["sessions"].as_u64().unwrap() > 100);
    assert!((5.0..360.0).contains(&figures["longest_recovery_s"].as_f64().unwrap()));
    let kinds = figures["faults"].as_object().unwrap();
    assert!(
        kinds.len() >= 22
            && LinkFault::EXAMPLES
                .iter()
                .all(|fault| kinds.contains_key(FaultKind::from(*fault).about().name)),
        "{figures:#}"
    );
    let written: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(written["soak"], figures);
    let (again, _) = soak(&lab, &[&args[..], &["--threads", "1"]].concat());
    assert_eq!(without_time(again), without_time(figures));
}

#[test]
fn a_rule_that_is_not_safe_fails_and_says_how_to_see_it_again() {
    let lab = Workspace::new();
    let text = "rule = \"react\"\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n";
    let file = lab.config(text);
    let args = ["--config", file.to_str().unwrap(), "--pairs", "2", "--hours", "2", "--seed", "40"];
    let (figures, status) = soak(&lab, &args);
    assert_eq!(status, 3, "{figures:#}");
    assert!(figures["conflicts"].as_u64().unwrap() > 0);
    let failure = &figures["failures"][0];
    assert!(failure["what"].as_str().unwrap().contains("had right of way at once for"), "{failure}");
    assert!(failure["world"].as_str().unwrap().contains("seed 4"), "{failure}");
}

#[test]
fn a_long_soak_can_be_ended_early_and_gives_its_figures() {
    let lab = Workspace::new();
    let mut going = lab.start(&["soak", "--json", "--pairs", "1000", "--days", "365"]);
    going.wait_for_note("worlds done", 60);
    let (status, heard) = going.end();
    let figures = heard.last().unwrap();
    assert_eq!((status, &figures["kind"]), (0, &Value::from("soak")));
    assert!(figures["simulated_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_does_not_fit_together_is_wrong_usage() {
    let lab = Workspace::new();
    for (args, word) in [
        (&["--days", "1", "--hours", "1"][..], "cannot be used with"),
        (&["--live", "--pairs", "3"][..], "cannot be used with"),
        (&["--minutes", "0.1"][..], "at least 20 s"),
        (&["--hours", "0"][..], "above 0"),
        (&["--report", "nowhere/at/all.json"][..], "no folder"),
    ] {
        let output = lab.output(&[&["soak"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(word), "{args:?}: {said}");
    }
}

#[test]
fn a_live_soak_against_a_real_mosquitto_passes_and_leaves_its_broker_alone() {
    let broker = Mosquitto::start("allow_anonymous true", &[]);
    let lab = Workspace::new();
    let text = format!(
        "root = \"soak\"\n[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {}\n[[junction]]\n\
         name = \"demo\"\nlights = [\"a\", \"b\"]\n",
        broker.port
    );
    let file = lab.config(&text);
    let args = ["--live", "--config", file.to_str().unwrap(), "--minutes", "0.75", "--seed", "3"];
    let (figures, status) = soak(&lab, &args);
    assert_eq!(status, 0, "{figures:#}");
    assert_eq!((&figures["conflicts"], &figures["stuck"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(figures["quiet_times"], 1);
    let faults = figures["faults"].as_object().unwrap();
    assert!(figures["faults_in_all"].as_u64().unwrap() >= 5, "{figures:#}");
    assert!(!faults.contains_key("broker-down") && !faults.contains_key("wrong-password"), "{figures:#}");
}
