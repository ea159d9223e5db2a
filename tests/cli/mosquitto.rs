//! The same lights, with the real binary, on a Mosquitto set up in each of the ways that a lab meets.

use std::fs;

use serde_json::Value;
use test_support::certificates::{Authority, Issued, NOW};
use test_support::{Going, Mosquitto, Workspace, fill, free_port, guarded, passwords};

fn pair(port: u16, members: &str) -> String {
    format!(
        "[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {port}\n{members}\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n"
    )
}

fn is_green(line: &Value, light: &str) -> bool {
    line["kind"] == "aspect" && line["aspect"] == "green" && line["light"] == light
}

fn end_well(run: Going) {
    let (status, lines) = run.end();
    assert_eq!(status, 0, "{:#?}", lines.last());
    assert_eq!(lines.last().unwrap()["conflicts"], 0);
}

#[test]
fn lights_alternate_anonymously() {
    let broker = Mosquitto::start("allow_anonymous true", &[]);
    let lab = Workspace::new();
    let mut run = lab.start_run(&pair(broker.port, ""));
    run.wait_for_greens(&["a", "b"], 60);
    end_well(run);
}

#[test]
fn lights_alternate_with_user_and_password_and_say_when_they_are_wrong() {
    let broker = guarded("king", "arthur");
    let lab = Workspace::new();
    let mut run = lab.start_run(&pair(broker.port, "user = \"king\"\npassword = \"arthur\""));
    run.wait_for_greens(&["a", "b"], 60);
    end_well(run);
    let mut run = lab.start_run(&pair(broker.port, "user = \"king\"\npassword = \"mordred\""));
    let down = run.wait_for("the refusal", 20, |line| line["layer"] == "mqtt" && line["up"] == false);
    assert!(down["reason"].as_str().unwrap().contains("does not let this user in"), "{down}");
}

#[test]
fn lights_meet_across_two_listeners_with_settings_of_their_own() {
    let authority = Authority::new("Workspace authority");
    let Issued { certificate, key } = authority.server(&["127.0.0.1"], NOW);
    let inner = free_port();
    let text = format!(
        "per_listener_settings true\nlistener {inner} 127.0.0.1\nallow_anonymous true\n\
         listener {{port}} 127.0.0.1\nallow_anonymous false\npassword_file {{folder}}/passwords\n\
         cafile {{folder}}/ca.pem\ncertfile {{folder}}/server.pem\nkeyfile {{folder}}/server.key\n"
    );
    let files = [
        ("passwords", &*passwords("king", "arthur")),
        ("ca.pem", &*authority.pem),
        ("server.pem", &*certificate),
        ("server.key", &*key),
    ];
    let broker = Mosquitto::with(&text, &files);
    let (here, there) = (Workspace::new(), Workspace::new());
    fs::write(there.folder.path().join("ca.pem"), &authority.pem).unwrap();
    let run_a = format!("{}run = [\"a\"]\n", pair(inner, ""));
    let encrypted = "tls = true\nca_file = \"ca.pem\"\nuser = \"king\"\npassword = \"arthur\"";
    let run_b = format!("{}run = [\"b\"]\n", pair(broker.port, encrypted));
    let mut a = here.start_run(&run_a);
    let mut b = there.start_run(&run_b);
    a.wait_for("green of a", 60, |line| is_green(line, "a"));
    b.wait_for("green of b", 60, |line| is_green(line, "b"));
    end_well(a);
    end_well(b);
    // What one listener lets in, the other does not.
    let mut stranger =
        there.start_run(&format!("{}run = [\"b\"]\n", pair(broker.port, "tls = true\nca_file = \"ca.pem\"")));
    let down = stranger.wait_for("the refusal", 20, |line| line["layer"] == "mqtt" && line["up"] == false);
    assert!(down["reason"].as_str().unwrap().contains("lets nobody in without a user"), "{down}");
}

#[test]
fn lights_find_back_after_a_restart_with_persistence_and_without() {
    for lines in ["persistence false", "persistence true\npersistence_location {folder}/"] {
        let mut broker = Mosquitto::start(&format!("allow_anonymous true\n{lines}"), &[]);
        let lab = Workspace::new();
        let mut run = lab.start_run(&pair(broker.port, ""));
        run.wait_for_greens(&["a", "b"], 60);
        broker.stop();
        for light in ["a", "b"] {
            if !run.heard.iter().any(|line| line["aspect"] == "flashing-amber" && line["light"] == light) {
                run.wait_for("flashing amber", 30, |line| {
                    line["aspect"] == "flashing-amber" && line["light"] == light
                });
            }
        }
        broker.restart();
        run.wait_for_greens(&["a", "b"], 60);
        end_well(run);
    }
}

#[test]
fn without_the_right_to_their_topics_lights_flash_and_never_go() {
    let acl = [("acl", "topic readwrite other/#\n")];
    let broker = Mosquitto::start("allow_anonymous true\nacl_file {folder}/acl", &acl);
    let run = Workspace::new().run(&pair(broker.port, ""), 12);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.greens().is_empty(), "{:?}", run.aspects());
    for light in ["a", "b"] {
        assert!(run.aspects().iter().any(|(_, of, aspect)| *of == light && *aspect == "flashing-amber"));
    }
    let acl = [("acl", "topic readwrite twinlight/demo/#\n")];
    let broker = Mosquitto::start("allow_anonymous true\nacl_file {folder}/acl", &acl);
    let lab = Workspace::new();
    let mut run = lab.start_run(&pair(broker.port, ""));
    run.wait_for_greens(&["a", "b"], 60);
    end_well(run);
}

#[test]
fn a_light_that_a_full_broker_leaves_out_makes_the_junction_flash_and_never_conflict() {
    let broker = Mosquitto::start("allow_anonymous true\nmax_connections 3", &[]);
    let mut others = fill(broker.port);
    // Room for one: at least one light is left out.
    drop(others.pop());
    let run = Workspace::new().run(&pair(broker.port, ""), 15);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let left_out = run.of_kind("link").any(|line| {
        let reason = line["reason"].as_str().unwrap();
        line["layer"] == "mqtt" && (reason.contains("closed the connection") || reason.contains("reset"))
    });
    assert!(left_out, "{:?}", run.lines);
    assert!(run.greens().is_empty(), "{:?}", run.aspects());
    assert_eq!(run.summary()["conflicts"], 0);
}

#[test]
fn a_broker_without_qos_1_is_refused_by_itself_and_lights_say_so() {
    let broker = Mosquitto::start("allow_anonymous true\nmax_qos 0", &[]);
    let run = Workspace::new().run(&pair(broker.port, ""), 10);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.greens().is_empty(), "{:?}", run.aspects());
    let reasons: Vec<_> = run.of_kind("link").filter_map(|line| line["reason"].as_str()).collect();
    assert!(
        reasons.iter().any(|reason| reason.contains("closed the connection") || reason.contains("reset")),
        "{reasons:?}"
    );
}
