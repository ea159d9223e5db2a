//! `twinlight scenario`: the real binary, its words, its files and its exit status.

use std::{fs, path::PathBuf, process::Output};

use serde_json::Value;
use test_support::Workspace;
use xml::reader::{EventReader, XmlEvent};

const PAIR: &str = "\n[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\n";
const CUT: &str = "[[fault]]\nwhat = \"wifi-down\"\nlight = \"demo/a\"\nat_s = 20\nfor_s = 20\n";

fn scenario(seconds: u32, rest: &str) -> String {
    format!(
        "[scenario]\ntitle = \"Cut & <dried>\"\nteaches = \"One \\\"thing\\\".\"\nseconds = {seconds}\n{rest}"
    )
}

/// Plays `text` from a file.
fn play(lab: &Workspace, text: &str, args: &[&str]) -> Output {
    let file = lab.config(text);
    let args: Vec<_> = ["scenario", file.to_str().unwrap()].iter().chain(args).copied().collect();
    lab.output(&args)
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn folder_file(lab: &Workspace, name: &str) -> PathBuf {
    lab.folder.path().join(name)
}

#[test]
fn a_lesson_is_played_by_its_name_and_told_in_one_line_for_each_verdict() {
    let output = Workspace::new().output(&["scenario", "wifi-lost", "--seeds", "3"]);
    assert_eq!(status(&output), 0, "{}", err(&output));
    let text = out(&output);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("Wi-Fi lost: 105 s, simulated, seeds 1 to 3"), "{text}");
    assert_eq!(lines.len(), 5, "a heading, three verdicts, the end: {text}");
    assert!(lines[1..4].iter().all(|line| line.starts_with("held ")), "{text}");
    assert_eq!(lines[4], "all 3 held");
}

#[test]
fn the_lessons_are_listed_with_their_titles() {
    let text = out(&Workspace::new().output(&["scenario", "--list"]));
    assert!(
        text.lines().any(|line| line.starts_with("broker-restart ") && line.ends_with("Broker restart")),
        "{text}"
    );
    assert_eq!(text.lines().count(), twinlight::scenario::lessons().len());
}

#[test]
fn with_json_every_line_is_an_object_and_the_summary_comes_last() {
    let output = Workspace::new().output(&["scenario", "react-fails", "--seed", "4", "--json"]);
    assert_eq!(status(&output), 0, "{}", err(&output));
    let lines = lines(&output);
    let of_kind = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    for kind in ["broker", "aspect", "online", "link", "fault", "conflict"] {
        assert!(!of_kind(kind).is_empty(), "no line of kind {kind}");
    }
    let verdicts = of_kind("verdict");
    assert_eq!(verdicts.len(), 3);
    assert!(verdicts.iter().all(|verdict| verdict["outcome"] == "held"), "{verdicts:?}");
    let summary = lines.last().unwrap();
    assert_eq!(summary["kind"], "summary");
    assert_eq!((&summary["held"], &summary["seeds"]), (&Value::Bool(true), &serde_json::json!([4])));
    assert!(summary["conflicts"].as_u64().unwrap() > 0);
    assert!(lines.iter().all(|line| line.get("seed").is_none()), "there is only one");
}

#[test]
fn with_several_seeds_each_event_says_of_which_one_it_is_in_their_order() {
    let output = Workspace::new().output(&["scenario", "wifi-lost", "--seed", "5", "--seeds", "3", "--json"]);
    let lines = lines(&output);
    let seeds: Vec<_> = lines.iter().filter_map(|line| line["seed"].as_u64()).collect();
    assert!(seeds.is_sorted());
    assert_eq!((seeds.first(), seeds.last()), (Some(&5), Some(&7)));
    assert_eq!(lines.last().unwrap()["seeds"], serde_json::json!([5, 6, 7]));
}

#[test]
fn a_check_that_fails_gives_status_3_and_the_command_that_shows_it_again() {
    let lab = Workspace::new();
    let text = scenario(60, &format!("{PAIR}{CUT}[[expect]]\nwhat = \"joins\"\nat_most = 1\n"));
    let output = play(&lab, &text, &["--seed", "9"]);
    assert_eq!(status(&output), 3, "{}", err(&output));
    let text = out(&output);
    assert!(
        text.contains(
            "FAILED      every light joins at most 1 time: demo/a joined 2 times, demo/b joined 1 time"
        ),
        "{text}"
    );
    assert!(text.contains("1 of 2 did not hold\nhelp: to see it again, run twinlight scenario "), "{text}");
    assert!(text.contains(" --seed 9"), "{text}");
}

#[test]
fn a_conflict_that_nobody_expects_fails_whatever_else_is_asked() {
    let greens = "[[expect]]\nwhat = \"greens\"\nlight = \"demo/b\"\nat_least = 1\n";
    let text = scenario(60, &format!("{PAIR}{CUT}{greens}"));
    let lab = Workspace::new();
    assert_eq!(status(&play(&lab, &text, &["--seeds", "20"])), 0);
    let output = play(&lab, &text, &["--seeds", "20", "--rule", "react"]);
    assert_eq!(status(&output), 3);
    assert!(out(&output).contains("FAILED      never a conflict: "), "{}", out(&output));
}

#[test]
fn what_cannot_be_judged_counts_as_failed() {
    // Nobody needs a password, so that a wrong one cannot be given.
    let fault = "[[fault]]\nwhat = \"wrong-password\"\nlight = \"demo/a\"\nat_s = 5\nfor_s = 5\n";
    let expect = "[[expect]]\nwhat = \"flashing\"\nafter = \"wrong-password\"\nwithin_s = 10\n";
    let output = play(&Workspace::new(), &scenario(30, &format!("{PAIR}{fault}{expect}")), &[]);
    assert_eq!(status(&output), 3, "{}", err(&output));
    let text = out(&output);
    assert!(text.contains("NOT JUDGED  every light flashes amber"), "{text}");
    assert!(text.contains("wrong-password on demo/a was not injected at 5 s"), "{text}");
    assert!(text.contains("this broker lets everybody in"), "the reason is told: {text}");
}

#[test]
fn a_wrong_file_or_command_line_gives_status_2_and_says_what_to_do() {
    let lab = Workspace::new();
    let text = scenario(30, &format!("{PAIR}[[expect]]\nwhat = \"stedy\"\n"));
    let output = play(&lab, &text, &[]);
    assert_eq!(status(&output), 2);
    assert!(
        err(&output).contains("error: expect.what: \"stedy\" is not known\n")
            && err(&output).contains("lab.toml:12:8\n")
            && err(&output).contains("help: did you mean \"steady\"?"),
        "{}",
        err(&output)
    );

    let good = scenario(30, &format!("{PAIR}[[expect]]\nwhat = \"steady\"\n"));
    for (args, said) in [
        (&["--report", "/nowhere/r.json"][..], "--report: there is no folder /nowhere\nhelp: make it first"),
        (&["--html", "/nowhere/r.html"], "--html: there is no folder /nowhere\nhelp: make it first"),
        (&["--live", "--seeds", "2"], "cannot be used with"),
        (
            &["--config", "x.toml"],
            "a scenario file is a configuration already\nhelp: name it without --config",
        ),
        (&["--rule", "hope"], "give lease or react"),
        (&["--seeds", "0"], "0 is not in 1..=100000"),
    ] {
        let output = play(&lab, &good, args);
        assert_eq!(status(&output), 2, "{args:?}: {}", err(&output));
        assert!(err(&output).contains(said), "{args:?}: {}", err(&output));
    }
    for (name, said) in [
        ("wifi-lots", "did you mean wifi-lost?"),
        ("no-such-lesson", "\"twinlight scenario --list\" lists the lessons"),
        ("missing.toml", "there is no such file"),
    ] {
        let output = lab.output(&["scenario", name]);
        assert_eq!(status(&output), 2, "{name}");
        assert!(err(&output).contains(said), "{name}: {}", err(&output));
    }
    let outside = good.replace("kind = \"embedded\"\nport = 0", "kind = \"external\"\nhost = \"localhost\"");
    let output = play(&lab, &outside, &["--simulated"]);
    assert_eq!(status(&output), 2);
    assert!(
        err(&output).contains("--simulated: it cannot be simulated: its broker is localhost"),
        "{}",
        err(&output)
    );
    assert_eq!(status(&lab.output(&["scenario"])), 2);
}

#[test]
fn reports_are_written_whole_and_the_page_is_well_formed_and_escaped() {
    let lab = Workspace::new();
    let (json, html) = (folder_file(&lab, "r.json"), folder_file(&lab, "r.html"));
    let text =
        scenario(90, &format!("{PAIR}{CUT}[[expect]]\nwhat = \"steady\"\n[[expect]]\nwhat = \"conflict\"\n"));
    let args = [
        "--seeds",
        "4",
        "--rule",
        "react",
        "--report",
        json.to_str().unwrap(),
        "--html",
        html.to_str().unwrap(),
    ];
    let output = play(&lab, &text, &args);
    assert_eq!(status(&output), 0, "{}{}", out(&output), err(&output));

    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report["scenario"]["title"], "Cut & <dried>");
    assert_eq!(report["held"], true);
    assert_eq!(report["seeds"], serde_json::json!([1, 2, 3, 4]));
    assert_eq!(report["verdicts"].as_array().unwrap().len(), 2);
    let notes = report["shown"]["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note["kind"] == "conflict"), "{notes:?}");
    assert!(
        notes.iter().any(|note| note["text"] == "wifi-down on demo/a begins" && note["ms"] == 20_000),
        "{notes:?}"
    );
    assert!(report["again"].as_str().unwrap().ends_with("--rule react"), "{report}");

    let page = fs::read_to_string(&html).unwrap();
    assert!(!page.contains("<dried>") && page.contains("Cut &amp; &lt;dried&gt;"));
    for outside in ["http://", "https://", "src=", "@import", "<script"] {
        let without_names = page.replace("http://www.w3.org/", "");
        assert!(!without_names.contains(outside), "the page needs nothing from outside, but has {outside}");
    }
    let mut titles = Vec::new();
    let mut elements = Vec::new();
    let mut inside = String::new();
    for event in EventReader::from_str(&page) {
        match event.expect("the page is well-formed XML") {
            XmlEvent::StartElement { name, .. } => {
                elements.push(name.local_name.clone());
                inside = name.local_name;
            }
            XmlEvent::Characters(text) if inside == "title" => titles.push(text),
            XmlEvent::EndElement { .. } => inside.clear(),
            _ => {}
        }
    }
    assert_eq!(titles[0], "Cut & <dried>: held");
    assert!(
        titles.iter().any(|title| title.starts_with("conflict of demo/a and demo/b from ")),
        "{titles:?}"
    );
    for wanted in ["main", "svg", "table", "th", "figcaption", "desc"] {
        assert!(elements.iter().any(|element| element == wanted), "no <{wanted}>");
    }
    let left: Vec<_> =
        fs::read_dir(lab.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.iter().filter(|name| name.to_str().unwrap().starts_with('.')).count(), 0, "{left:?}");
}

#[test]
fn a_live_scenario_is_judged_with_real_links_in_real_time() {
    let expect = "[[expect]]\nwhat = \"greens\"\nlight = \"demo/a\"\nat_least = 1\n[[expect]]\nwhat = \"joins\"\nat_most = 1\n";
    let lab = Workspace::new();
    let file = lab.config(&scenario(20, &format!("stage = \"live\"\n{PAIR}{expect}")));
    let output = lab.output(&["scenario", file.to_str().unwrap(), "--json", "--seed", "3"]);
    assert_eq!(status(&output), 0, "{}{}", out(&output), err(&output));
    let lines = lines(&output);
    let verdicts: Vec<_> = lines.iter().filter(|line| line["kind"] == "verdict").collect();
    assert_eq!(verdicts.len(), 3, "{verdicts:?}");
    assert!(lines.last().unwrap()["ms"].as_u64().unwrap() >= 20_000);
}

#[test]
fn a_live_scenario_that_is_broken_off_tells_what_was_judged_and_has_failed() {
    let lab = Workspace::new();
    let expect = "[[expect]]\nwhat = \"no-conflict\"\n";
    let file = lab.config(&scenario(600, &format!("{PAIR}{expect}")));
    let mut going = lab.start(&["scenario", file.to_str().unwrap(), "--live", "--json"]);
    // One that was not seen yet is told in another word.
    let first = going.wait_for("a light", 20, |line| line["kind"] == "aspect");
    going.wait_for("the other", 20, |line| line["kind"] == "aspect" && line["light"] != first["light"]);
    let (status, lines) = going.end();
    assert_eq!(status, 3);
    let verdict = lines.iter().find(|line| line["kind"] == "verdict").unwrap();
    assert_eq!(verdict["outcome"], "not judged");
    assert!(verdict["evidence"].as_str().unwrap().contains(" of 600 s"), "{verdict}");
    assert_eq!(lines.last().unwrap()["held"], false);
}
