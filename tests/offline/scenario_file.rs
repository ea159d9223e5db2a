//! Scenario files as a person meets them: what is said of wrong ones.

use std::time::Duration;

use twinlight::{
    config::Config,
    model::Diagnostic,
    scenario::{Scenario, Stage},
};

/// What comes before the expectations; its own lines are 1 to 20.
const BEFORE: &str = r#"[scenario]
title = "t"
teaches = "x"
seconds = 60

[[junction]]
name = "demo"
[[junction]]
name = "other"

[[fault]]
what = "wifi-down"
light = "demo/a"
at_s = 20
for_s = 10
[[fault]]
what = "silence"
light = "demo/b"
at_s = 30
"#;

fn read(text: &str) -> Result<Scenario, String> {
    Scenario::from_toml(text, "my.toml", &|_| None).map_err(|error| error.to_string())
}

fn refusal(text: &str) -> String {
    read(text).expect_err("this is refused")
}

/// That a scenario with this expectation, from line 21 on, is refused with exactly this.
#[track_caller]
fn assert_refused(expectation: &str, said: &str) {
    let text = format!("{BEFORE}\n[[expect]]\n{expectation}\n");
    assert_eq!(refusal(&text), format!("my.toml:{said}"));
}

#[test]
fn a_small_scenario_is_read_and_expects_no_conflict_by_itself() {
    let text =
        format!("{BEFORE}\n[[expect]]\nwhat = \"greens\"\nlight = \"demo/b\"\nat_least = 2\nuntil_s = 20\n");
    let scenario = read(&text).unwrap();
    assert_eq!(scenario.length, Duration::from_secs(60));
    assert_eq!((scenario.stage, scenario.seeds), (Stage::Simulated, 1));
    let expected: Vec<_> = scenario.expectations.iter().map(ToString::to_string).collect();
    assert_eq!(expected, ["demo/b has at least 2 greens, from 0 s to 20 s", "never a conflict"]);
    assert_eq!(scenario.expectations[0].line, Some(21));
    assert_eq!(scenario.expectations[1].line, None);
}

#[test]
fn a_conflict_expected_in_one_junction_is_still_none_in_another() {
    let text = format!("{BEFORE}\n[[expect]]\nwhat = \"conflict\"\njunction = \"demo\"\n");
    let expected: Vec<_> = read(&text).unwrap().expectations.iter().map(ToString::to_string).collect();
    assert_eq!(expected, ["a conflict in demo", "never a conflict in other"]);
}

#[test]
fn a_scenario_is_a_configuration_too_that_says_it_is_not_judged() {
    let text = format!("{BEFORE}\n[[expect]]\nwhat = \"no-conflict\"\n");
    let config = Config::from_toml(&text, "my.toml", &|_| None).unwrap();
    assert_eq!(config.run_for, Some(Duration::from_secs(60)));
    assert_eq!(config.faults.len(), 2);
    assert_eq!(
        config.warnings,
        [Diagnostic::new(
            "my.toml:1:1: scenario: this is a scenario, which is played here and not judged",
            "use \"twinlight scenario my.toml\" to have it judged"
        )]
    );
    let scenario = read(&text).unwrap();
    assert_eq!(scenario.config.warnings, Vec::<Diagnostic>::new(), "as a scenario it needs no such word");
}

#[test]
fn what_is_missing_is_asked_for_with_an_example() {
    let said = refusal("[[junction]]\nname = \"demo\"\n");
    assert!(
        said.contains("my.toml:1:1: scenario: it is missing\n  help: add [scenario] with title"),
        "{said}"
    );
    let said = refusal("[scenario]\n[[junction]]\nname = \"demo\"\n");
    let lines: Vec<_> = said.split("\nmy.toml:1:1: ").collect();
    assert_eq!(
        lines,
        [
            "my.toml:1:1: scenario.title: it is missing\n  help: add title = \"…\" with a few words",
            "scenario.teaches: it is missing\n  help: add teaches = \"…\" with what to watch and what it shows",
            "scenario.seconds: it is missing\n  help: add seconds = 90 with how long it is played",
            "expect: it is missing\n  help: add [[expect]] with what = \"no-conflict\": a scenario without expectations \
             judges nothing",
        ]
    );
    assert_refused(
        "light = \"demo/a\"",
        "21:1: expect.what: it is missing\n  help: add what = \"no-conflict\" or another expectation",
    );
    for (entry, said) in [
        ("greens", "at_least: it is missing\n  help: add at_least = 3 with the fewest greens"),
        ("joins", "at_most: it is missing\n  help: add at_most = 2 with the most sessions of a light"),
        (
            "reaction",
            "p99_ms: it is missing\n  help: add p99_ms = 500 with what 99 of 100 reactions may take, in milliseconds",
        ),
        (
            "ignored",
            "at_least: it is missing\n  help: add at_least = 1, or at_most = 0 with how many messages may be ignored",
        ),
    ] {
        assert_refused(&format!("what = \"{entry}\""), &format!("21:1: expect.{said}"));
    }
    assert_refused(
        "what = \"flashing\"\nafter = \"wifi-down\"",
        "21:1: expect.within_s: it is missing\n  help: add within_s = 15 with the seconds that it may take",
    );
    assert_refused(
        "what = \"flashing\"\nwithin_s = 5",
        "21:1: expect.after: it is missing\n  help: add after = \"…\" with the name of a fault, or at_s = 20 with a second",
    );
}

#[test]
fn slips_of_the_pen_are_met_with_the_nearest_word() {
    assert_refused(
        "what = \"no-conflit\"",
        "22:8: expect.what: \"no-conflit\" is not known\n  help: did you mean \"no-conflict\"? It may be \"no-conflict\", \
         \"conflict\", \"no-unsafe-flashing\", \"unsafe-flashing\", \"flashing\", \"alternating\", \"steady\", \"no-go\", \
         \"greens\", \"joins\", \"reaction\" or \"ignored\"",
    );
    assert_refused(
        "what = \"flashing\"\nafter = \"wifi-dwn\"\nwithin_s = 9",
        "23:9: expect.after: no fault is called \"wifi-dwn\"\n  help: did you mean \"wifi-down\"?",
    );
    assert_refused(
        "what = \"flashing\"\nafter = \"earthquake\"\nwithin_s = 9",
        "23:9: expect.after: no fault is called \"earthquake\"\n  help: there are \"wifi-down\", \"silence\"",
    );
    assert_refused(
        "what = \"steady\"\nform_s = 5",
        "23:1: expect.form_s: it is not known here\n  help: did you mean from_s?",
    );
    assert_refused(
        "what = \"steady\"\njunction = \"dmo\"",
        "23:12: expect.junction: there is no junction dmo\n  help: did you mean \"demo\"?",
    );
    assert_refused(
        "what = \"steady\"\njunction = \"elsewhere\"",
        "23:12: expect.junction: there is no junction elsewhere\n  help: use one of demo, other",
    );
    assert_refused(
        "what = \"steady\"\nlight = \"demo/c\"",
        "23:9: expect.light: there is no light demo/c\n  help: use one of demo/a, demo/b, other/a, other/b",
    );
    let said = refusal(&BEFORE.replace("teaches", "teach"));
    assert!(said.contains("scenario.teach: it is not known here\n  help: did you mean teaches?"), "{said}");
    let text = BEFORE.replace("seconds = 60", "seconds = 60\nstage = \"simulate\"");
    assert!(refusal(&text).contains("\"simulate\" is not known\n  help: did you mean \"simulated\"?"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    assert_refused(
        "what = \"no-conflict\"\nwithin_s = 4",
        "23:12: expect.within_s: no-conflict takes no within_s\n  help: remove it, or use from_s, until_s",
    );
    assert_refused(
        "what = \"steady\"\nlight = \"demo/a\"\njunction = \"demo\"",
        "24:12: expect.junction: light names the junction already\n  help: remove one of the two",
    );
    assert_refused(
        "what = \"flashing\"\nafter = \"wifi-down\"\nat_s = 20\nwithin_s = 4",
        "24:8: expect.at_s: after gives the moment already\n  help: remove one of the two",
    );
    assert_refused(
        "what = \"alternating\"\nat_s = 20\nsince = \"links-up\"\nwithin_s = 4",
        "24:9: expect.since: it goes with after\n  help: remove it, or use after",
    );
    assert_refused(
        "what = \"ignored\"\nat_least = 5\nat_most = 4",
        "24:11: expect.at_most: it is below at_least (5)\n  help: give it as much or more",
    );
    assert_refused(
        "what = \"conflict\"\n[[expect]]\nwhat = \"no-conflict\"\nfrom_s = 10",
        "23:1: expect: it contradicts what line 21 expects\n  help: remove one, or give them other times",
    );
    let said = refusal(&format!("seconds = 5\n{BEFORE}[[expect]]\nwhat = \"no-conflict\"\n"));
    assert!(
        said.contains(
            "my.toml:1:11: seconds: the length of a scenario stands in [scenario]\n  help: remove it here"
        ),
        "{said}"
    );
}

#[test]
fn what_could_never_be_judged_is_refused() {
    assert_refused(
        "what = \"steady\"\nfrom_s = 60",
        "23:10: expect.from_s: the scenario is over at 60 s\n  help: begin earlier, or give it more seconds",
    );
    assert_refused(
        "what = \"steady\"\nuntil_s = 61",
        "23:11: expect.until_s: the scenario is over at 60 s\n  help: end earlier, or give it more seconds",
    );
    assert_refused(
        "what = \"steady\"\nfrom_s = 30\nuntil_s = 30",
        "24:11: expect.until_s: it ends at or before its beginning (30 s)\n  help: give it a later end",
    );
    assert_refused(
        "what = \"flashing\"\nafter = \"wifi-down\"\nwithin_s = 0",
        "24:12: expect.within_s: nothing happens within 0 seconds\n  help: give it more than 0 seconds",
    );
    assert_refused(
        "what = \"alternating\"\nafter = \"wifi-down\"\nwithin_s = 31",
        "24:12: expect.within_s: the scenario is over at 60 s, and this is decided at 61 s at the latest\n  help: give the scenario \
         at least 61 seconds, or this a shorter time",
    );
    assert_refused(
        "what = \"alternating\"\nafter = \"silence\"\nwithin_s = 5",
        "23:9: expect.after: that fault never ends\n  help: give it for_s, or use at_s here",
    );
    let text = BEFORE.replace("at_s = 30", "at_s = 60") + "[[expect]]\nwhat = \"no-conflict\"\n";
    assert_eq!(
        refusal(&text),
        "my.toml:19:8: fault.at_s: the scenario is over before it begins\n  help: give the scenario more seconds, or the fault an \
         earlier time"
    );
    let text = BEFORE.replace("seconds = 60", "seconds = 0") + "[[expect]]\nwhat = \"no-conflict\"\n";
    assert!(
        refusal(&text).contains(
            "scenario.seconds: a scenario of 0 seconds shows nothing\n  help: give it more seconds"
        )
    );
    let text = BEFORE.replace("seconds = 60", "seconds = 90000") + "[[expect]]\nwhat = \"no-conflict\"\n";
    assert!(
        refusal(&text).contains("a scenario is at most a day long\n  help: give it 86400 seconds or fewer")
    );
    assert_eq!(
        refusal(&format!("{BEFORE}[[expect]]\n")),
        "my.toml:20:1: expect.what: it is missing\n  help: add what = \"no-conflict\" or another expectation"
    );
    let said = refusal(&format!("expect = []\n{BEFORE}"));
    assert!(said.contains("expect: a scenario that expects nothing judges nothing"), "{said}");
}

#[test]
fn faults_of_one_word_need_names_to_be_told_apart() {
    let twice = BEFORE.replace("what = \"silence\"", "what = \"wifi-down\"");
    let expect = "[[expect]]\nwhat = \"flashing\"\nafter = \"wifi-down\"\nwithin_s = 9\n";
    assert_eq!(
        refusal(&format!("{twice}{expect}")),
        "my.toml:22:9: expect.after: several faults are called \"wifi-down\"\n  help: give the one that is meant a name of its own \
         (name = \"…\") and write that here"
    );
    let named = twice.replacen("[[fault]]", "[[fault]]\nname = \"first\"", 1);
    let scenario = read(&format!("{named}{}", expect.replace("\"wifi-down\"", "\"first\""))).unwrap();
    assert_eq!(
        scenario.expectations[0].to_string(),
        "every light flashes amber within 9 s of the start of first on demo/a"
    );
    assert!(
        refusal(&format!("{}{expect}", twice.replace("[[fault]]", "[[fault]]\nname = \"\"")))
            .contains("fault.name")
    );
}

#[test]
fn the_stage_has_to_be_one_where_it_can_be_played() {
    let live = "[broker]\nkind = \"external\"\nhost = \"localhost\"\n";
    let rest = format!("{BEFORE}{live}[[expect]]\nwhat = \"no-conflict\"\n");
    assert_eq!(read(&rest).unwrap().stage, Stage::Live);
    let simulated = rest.replace("seconds = 60", "seconds = 60\nstage = \"simulated\"");
    assert_eq!(
        refusal(&simulated),
        "my.toml:5:9: scenario.stage: it cannot be simulated: its broker is localhost, which cannot be simulated\n  help: write \
         \"live\" or \"auto\""
    );
    let seeds = rest.replace("seconds = 60", "seconds = 60\nseeds = 4");
    assert!(refusal(&seeds).contains("a live scenario is played once, in real time\n  help: remove seeds"));
    let board = format!("{BEFORE}[[expect]]\nwhat = \"no-conflict\"\n")
        .replace("name = \"other\"", "name = \"other\"\nrun = [\"b\"]");
    let scenario = read(&board).unwrap();
    assert_eq!(scenario.stage, Stage::Live);
    assert_eq!(scenario.why_not_simulated().unwrap(), "other/a does not run in this program (see run)");
    let joins = board.replace("what = \"no-conflict\"", "what = \"joins\"\nlight = \"other/a\"\nat_most = 1");
    assert!(
        refusal(&joins).contains(
            "it is only seen of lights that this program runs (see run)\n  help: name another light"
        )
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let said = refusal(
        "[scenario]\ntitle = 5\n[[junction]]\nname = \"demo\"\n[[fault]]\nwhat = \"wifi-dwon\"\nat_s = 1\n\
         [[expect]]\nwhat = \"greens\"\nat_least = 0\n[[expect]]\nwhat = \"x\"\n",
    );
    assert_eq!(said.lines().filter(|line| line.starts_with("my.toml:")).count(), 6, "{said}");
}
