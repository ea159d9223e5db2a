//! `twinlight run`: the main job, with the real binary, real sockets and the real clock.

use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{Run, Workspace, free_port, guarded, publish_raw};

const PAIR: &str =
    "[broker]\nkind = \"embedded\"\nport = 0\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n";
/// L2 of the design: lease + clearance + three heartbeats, for the default timings.
const RECOVERY_MS: u64 = 8_000 + 1_000 + 3 * 500;
/// Links here take no time that counts, but this machine may be busy.
const BUSY_MS: u64 = 500;

fn assert_alternates(greens: &[&str]) {
    for pair in greens.windows(2) {
        assert_ne!(pair[0], pair[1], "one light had two greens in a row: {greens:?}");
    }
}

fn assert_well(run: &Run) {
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(run.summary()["conflicts"], 0);
}

#[test]
fn both_lights_get_green_in_turn_three_times_in_90_seconds() {
    let lab = Workspace::new();
    let mut going = lab.start_run(PAIR);
    let began = Instant::now();
    for _ in 0..3 {
        going.wait_for_greens(&["a", "b"], 40);
    }
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    let run = going.finish();
    assert_well(&run);
    let summary = run.summary();
    for light in ["demo/a", "demo/b"] {
        assert!(summary["greens"][light].as_u64().unwrap() >= 3, "{summary}");
        assert_eq!(summary["joins"][light], 1, "{summary}");
    }
    assert_alternates(&run.greens());
    let reaction = &summary["reaction_ms"];
    for figure in ["p50", "p99", "max"] {
        assert!(reaction[figure].as_f64().unwrap() > 0.0, "{summary}");
    }
    assert_eq!(run.of_kind("broker").count(), 1);
    // Swedish order: no light skips a lamp while nothing is broken.
    for light in ["a", "b"] {
        let shown: Vec<_> =
            run.aspects().into_iter().filter(|(_, of, _)| *of == light).map(|(_, _, a)| a).collect();
        for step in shown.windows(2) {
            let well = matches!(
                step,
                ["red", "red-amber"]
                    | ["red-amber", "green"]
                    | ["green", "amber"]
                    | ["amber", "red"]
                    | [_, "dark"]
            );
            assert!(well, "{light}: {step:?} in {shown:?}");
        }
    }
}

#[test]
fn without_the_broker_both_flash_and_afterwards_they_alternate_again_in_time() {
    let config = format!("{PAIR}[[fault]]\nat_s = 15\nfor_s = 10\nwhat = \"broker-down\"\n");
    let lab = Workspace::new();
    let mut going = lab.start_run(&config);
    going.wait_for_fault_end(40);
    going.wait_for_greens(&["a", "b"], 60);
    let run = going.finish();
    assert_well(&run);
    let faults: Vec<_> =
        run.of_kind("fault").map(|line| (line["ms"].as_u64().unwrap(), line["on"] == true)).collect();
    let [(down, true), (up, false)] = faults[..] else { panic!("{faults:?}") };

    let aspects = run.aspects();
    for light in ["a", "b"] {
        let flashing = aspects.iter().find(|(_, of, aspect)| *of == light && *aspect == "flashing-amber");
        let (since, ..) = flashing.unwrap_or_else(|| panic!("{light} never flashed: {aspects:?}"));
        assert!((down..up + 1_000).contains(since), "{light} flashed at {since}, broker away {down} to {up}");
    }
    let links_up = run
        .of_kind("link")
        .filter(|line| line["layer"] == "mqtt" && line["up"] == true)
        .map(|line| line["ms"].as_u64().unwrap())
        .max()
        .unwrap();
    assert!(links_up > up);
    let first_go = aspects.iter().find(|(ms, _, aspect)| *ms > links_up && *aspect == "red-amber").unwrap().0;
    assert!(first_go - links_up <= RECOVERY_MS + BUSY_MS, "links up at {links_up}, first go at {first_go}");
    let after: Vec<_> = aspects
        .iter()
        .filter(|(ms, _, aspect)| *ms > links_up && *aspect == "green")
        .map(|(_, light, _)| *light)
        .collect();
    assert!(after.len() >= 2, "{aspects:?}");
    assert_alternates(&after);
}

#[test]
fn a_light_without_wifi_flashes_with_the_other_and_joins_again() {
    let config =
        format!("{PAIR}[[fault]]\nat_s = 10\nfor_s = 12\nwhat = \"wifi-down\"\nlight = \"demo/a\"\n");
    let lab = Workspace::new();
    let mut going = lab.start_run(&config);
    going.wait_for_fault_end(40);
    going.wait_for_greens(&["a", "b"], 60);
    let run = going.finish();
    assert_well(&run);
    for light in ["a", "b"] {
        let flashed = run.aspects().iter().any(|(_, of, aspect)| *of == light && *aspect == "flashing-amber");
        assert!(flashed, "{light} never flashed");
    }
    assert_eq!(run.summary()["joins"]["demo/a"], 2);
    assert_eq!(run.summary()["joins"]["demo/b"], 1);
}

#[test]
fn a_silent_light_keeps_its_session_and_makes_the_junction_flash() {
    let config = format!("{PAIR}[[fault]]\nat_s = 10\nfor_s = 12\nwhat = \"silence\"\nlight = \"demo/a\"\n");
    let lab = Workspace::new();
    let mut going = lab.start_run(&config);
    going.wait_for_fault_end(40);
    going.wait_for_greens(&["a", "b"], 60);
    let run = going.finish();
    assert_well(&run);
    let flashed =
        |light: &str| run.aspects().iter().any(|(_, of, aspect)| *of == light && *aspect == "flashing-amber");
    assert!(flashed("b"), "b heard nothing of a and did not flash");
    assert!(flashed("a"), "a heard that b has lost it and did not flash");
    assert_eq!(run.summary()["joins"]["demo/a"], 1);
}

#[test]
fn the_react_rule_conflicts_when_a_link_is_cut_and_the_lease_rule_does_not() {
    let shipped = include_str!("../../config/react-cut.toml");
    let own_port = "port = 0\n";
    let naive = shipped.replace("kind = \"embedded\"\n", &format!("kind = \"embedded\"\n{own_port}"));
    assert!(naive.contains(own_port), "the shipped file has changed its shape");
    let safe = naive.replace("rule = \"react\"", "rule = \"lease\"");
    assert_ne!(naive, safe);
    let (here, there) = (Workspace::new(), Workspace::new());
    let (mut safe, mut going) = (here.start_run(&safe), there.start_run(&naive));
    going.wait_for("the conflict", 90, |line| line["kind"] == "conflict");
    let run = going.finish();
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.summary()["conflicts"].as_u64().unwrap() >= 1);
    let conflict = run.of_kind("conflict").next().unwrap();
    assert_eq!(conflict["lights"], serde_json::json!(["a", "b"]));
    let cut = run.of_kind("fault").next().unwrap();
    assert!(
        conflict["ms"].as_u64() > cut["ms"].as_u64(),
        "with links that work, react is no worse: {conflict}"
    );
    // By now it has lived through the same cut; what its lights do next shows no conflict either.
    safe.wait_for_greens(&["a", "b"], 90);
    assert_well(&safe.finish());
}

#[test]
fn four_lights_each_get_their_green() {
    let config = include_str!("../../config/crossing.toml");
    let config = config.replace("kind = \"embedded\"\n", "kind = \"embedded\"\nport = 0\n");
    let lab = Workspace::new();
    let mut going = lab.start_run(&config);
    going.wait_for_greens(&["n", "e", "s", "w"], 100);
    let run = going.finish();
    assert_well(&run);
    let greens = run.summary()["greens"].as_object().unwrap();
    assert_eq!(greens.len(), 4);
    assert!(greens.values().all(|count| count.as_u64().unwrap() >= 1), "{greens:?}");
}

#[test]
fn a_foreign_light_is_served_and_bad_messages_are_counted_and_otherwise_ignored() {
    // b is somebody else's: this program runs a alone.
    let config = format!("{PAIR}run = [\"a\"]\n");
    let lab = Workspace::new();
    let mut going = lab.start_run(&config);
    let port = going.port();
    going.wait_for("a's session", 20, |line| {
        line["kind"] == "link" && line["layer"] == "mqtt" && line["up"] == true
    });
    let is = |light: &'static str, aspect: &'static str| {
        move |line: &Value| line["kind"] == "aspect" && line["light"] == light && line["aspect"] == aspect
    };
    going.wait_for("a alone to flash", 20, is("a", "flashing-amber"));

    let topic = "twinlight/demo/b/state";
    publish_raw(port, topic, b"GREEN");
    going.wait_for("the foreign light", 10, is("b", "green"));
    let went = "a went while the foreign light was green";
    going.stays_without(went, Duration::from_secs(6), is("a", "red-amber"));
    publish_raw(port, topic, b"red");
    let red = |line: &Value| is("b", "red")(line) || is("a", "red-amber")(line);
    assert_eq!(going.wait_for("the foreign light's red", 10, red)["light"], "b", "{went}");
    let last_of_a = going.heard.iter().rev().find(|line| line["kind"] == "aspect" && line["light"] == "a");
    assert_eq!(last_of_a.unwrap()["aspect"], "red", "a flashes though it hears the foreign light");
    going.wait_for("a's green", 10, is("a", "green"));

    let ignored = |line: &Value| line["kind"] == "ignored";
    for bad in [
        b"purple".to_vec(),
        b"{\"v\":1}".to_vec(),
        b"{\"v\":2,\"aspect\":\"red\",\"boot\":1,\"seq\":1,\"at\":1}".to_vec(),
        b"{\"v\":1,\"aspect\":\"blue\",\"boot\":1,\"seq\":1,\"at\":1}".to_vec(),
        b"{\"v\":1,\"aspect\":\"red\",\"boot\":1,\"seq\":-1,\"at\":1}".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        b"".to_vec(),
        vec![b'x'; 513],
        vec![b' '; 40_000],
        b"[".repeat(500),
    ] {
        publish_raw(port, topic, &bad);
        let line = going.wait_for("an ignored message", 10, ignored);
        assert!(line["reason"].as_str().unwrap().contains(topic), "{line}");
    }
    let (status, lines) = going.end();
    assert_eq!(status, 0);
    let summary = lines.last().unwrap();
    assert_eq!(summary["ignored"], 10, "{summary}");
    assert_eq!(summary["joins"]["demo/a"], 1, "bad messages cost the light its session");
}

#[test]
fn a_keyed_junction_takes_no_word_without_its_signature() {
    let key = "0123456789abcdef0123456789abcdef";
    let lab = Workspace::new();
    let mut going = lab.start_run(&format!("{PAIR}key = \"{key}\"\n"));
    let port = going.port();
    going.wait_for("a green", 40, |line| line["kind"] == "aspect" && line["aspect"] == "green");
    let topic = "twinlight/demo/b/state";
    let unsigned = br#"{"v":1,"aspect":"red","boot":1,"seq":1,"at":1}"#.to_vec();
    let wrong = br#"{"v":1,"aspect":"red","boot":1,"seq":1,"at":1,"sig":"00000000000000000000000000000000"}"#
        .to_vec();
    for (message, why) in
        [(b"red".to_vec(), "not signed"), (unsigned, "not signed"), (wrong, "not of the junction's key")]
    {
        publish_raw(port, topic, &message);
        let line = going.wait_for("an ignored message", 10, |line| line["kind"] == "ignored");
        assert!(line["reason"].as_str().unwrap().contains(why), "{line}");
    }
    let (status, lines) = going.end();
    assert_eq!(status, 0);
    assert!(!lines.iter().any(|line| line.to_string().contains(key)), "the key was shown");
}

#[test]
fn two_programs_that_run_the_same_lights_are_told_of() {
    let lab = Workspace::new();
    let mut first = lab.start_run(PAIR);
    let port = first.port();
    first.wait_for("a green", 40, |line| line["kind"] == "aspect" && line["aspect"] == "green");

    let other = Workspace::new();
    let external = format!("[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {port}\n");
    let file = other.config(&PAIR.replace("[broker]\nkind = \"embedded\"\nport = 0\n", &external));
    // People read sentences: this warning is for them.
    let mut second = other.start(&["run", "--config", file.to_str().unwrap()]);
    second.wait_for("the warning", 30, |line| {
        line.as_str().is_some_and(|line| line.contains("another program also runs a light named demo/"))
    });
    second.end();
    let (_, lines) = first.end();
    assert_eq!(lines.last().unwrap()["conflicts"], 0);
}

#[test]
fn a_board_with_another_firmware_than_this_program_is_told_of_once() {
    let lab = Workspace::new();
    let file = lab.config(&format!("{PAIR}run = [\"a\"]\n"));
    // People read sentences: this warning is for them.
    let mut going = lab.start(&["run", "--config", file.to_str().unwrap()]);
    let says =
        |words: &'static str| move |line: &Value| line.as_str().is_some_and(|line| line.contains(words));
    let address = going.wait_for("the address", 10, says("listens at"));
    let port = address.as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    going.wait_for("a's session", 20, says("demo/a is online"));
    let topic = "twinlight/demo/b/status";
    let status = |fw: &str| format!(r#"{{"v":1,"online":true,"kind":"board","fw":"{fw}"}}"#);
    publish_raw(port, topic, status(env!("CARGO_PKG_VERSION")).as_bytes());
    going.wait_for("the board", 10, says("demo/b is online"));
    let other = status("0.0.7");
    publish_raw(port, topic, other.as_bytes());
    publish_raw(port, topic, other.as_bytes());
    going.wait_for("the warning", 10, says("runs firmware \"0.0.7\""));
    let (_, lines) = going.end();
    assert_eq!(lines.iter().filter(|line| says("runs firmware")(line)).count(), 1, "{lines:#?}");
}

#[test]
fn the_pair_works_over_mosquitto_with_user_and_password_and_through_its_restart() {
    let mut broker = guarded("lab", "s3cret-of-the-lab");
    let config = |password: &str| {
        format!(
            "[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"lab\"\npassword = \"{password}\"\n\
             [[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n",
            broker.port
        )
    };
    let (right, wrong) = (config("s3cret-of-the-lab"), config("not-the-password"));
    let lab = Workspace::new();
    let mut going = lab.start_run(&wrong);
    going.wait_for("the refusal", 20, |line| {
        line["kind"] == "link" && line["reason"].as_str().unwrap().contains("password")
    });
    let refused = going.finish();
    assert_eq!(refused.summary()["joins"]["demo/a"], 0);
    let shown = |line: &Value| line.to_string().contains("not-the-password");
    assert!(!refused.lines.iter().any(shown), "the password was shown");
    assert!(!refused.stderr.contains("not-the-password"));

    let lab = Workspace::new();
    let mut going = lab.start_run(&right);
    let green = |line: &Value| line["kind"] == "aspect" && line["aspect"] == "green";
    going.wait_for("a green", 40, green);
    broker.stop();
    going.wait_for("flashing amber", 20, |line| line["aspect"] == "flashing-amber");
    broker.restart();
    let after = going.heard.len();
    going.wait_for("a green after the restart", 40, green);
    assert!(
        going.heard[after..].iter().filter(|line| line["kind"] == "link" && line["up"] == true).count() >= 1
    );
    let (status, lines) = going.end();
    assert_eq!(status, 0);
    assert_eq!(lines.last().unwrap()["conflicts"], 0);
}

#[test]
fn a_port_in_use_is_an_answer_and_the_next_one_is_taken() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let lab = Workspace::new();
    let file = lab.config(&PAIR.replace("port = 0", &format!("port = {port}")));
    let output = lab.output(&["run", "--seconds", "1", "--config", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("port {port} is in use")), "{said}");

    let output = lab.output(&["broker", "--port", &port.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&port.to_string()) && said.contains("in use"), "{said}");
}

#[test]
fn the_broker_command_serves_on_its_port_until_it_is_told_to_end() {
    let port = free_port();
    let lab = Workspace::new();
    let mut going = lab.start(&["broker", "--port", &port.to_string()]);
    going.wait_for("the address", 10, |line| {
        line.as_str().is_some_and(|line| line.contains(&port.to_string()))
    });
    publish_raw(port, "some/topic", b"hello");
    let (status, _) = going.end();
    assert_eq!(status, 0);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is still open");
}

#[test]
fn wrong_usage_and_wrong_configurations_end_with_2_and_say_what_to_do() {
    let lab = Workspace::new();
    let file = lab.config(&format!("{PAIR}colour = \"blue\"\n"));
    let file = file.to_str().unwrap();
    let missing = lab.folder.path().join("missing.toml");
    let impossible = lab.folder.path().join("impossible.toml");
    std::fs::write(&impossible, format!("{PAIR}[junction.timing]\nlease_ms = 2000\n")).unwrap();
    for (args, words) in [
        (vec!["fly"], vec!["fly", "--help"]),
        (vec!["run", "--seconds", "soon"], vec!["soon", "number of seconds"]),
        (vec!["run", "--seconds", "-1"], vec!["--help"]),
        (vec!["run", "--seconds", "nan"], vec!["number of seconds"]),
        (vec!["broker", "--port", "70000"], vec!["70000"]),
        (vec!["run", "--report", "/no/such/folder/r.json"], vec!["/no/such/folder"]),
        (vec!["run", "--config", file], vec!["lab.toml:7", "colour"]),
        (vec!["run", "--config", missing.to_str().unwrap()], vec!["missing.toml"]),
        (vec!["run", "--config", impossible.to_str().unwrap()], vec!["impossible.toml", "lease_ms"]),
    ] {
        lab.assert_refused(&args, &words);
    }
}

#[test]
fn without_a_display_the_window_says_so_and_names_run() {
    let output = Workspace::new().output(&[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("display") && said.contains("twinlight run"), "{said}");
}

#[test]
fn the_report_is_a_whole_file_with_the_summary() {
    let lab = Workspace::new();
    let file = lab.config(PAIR);
    let report = lab.folder.path().join("report.json");
    let args =
        ["run", "--seconds", "1", "--config", file.to_str().unwrap(), "--report", report.to_str().unwrap()];
    assert!(lab.output(&args).status.success());
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["summary"]["conflicts"], 0);
    assert_eq!(report["program"], "twinlight");
}

#[test]
fn a_light_that_starts_right_after_a_run_keeps_what_that_run_may_have_promised() {
    let lab = Workspace::new();
    let mut first = lab.start_run(PAIR);
    first.wait_for("a green", 20, |line| line["aspect"] == "green");
    first.kill();
    let run = lab.run(PAIR, 14);
    let first_go = run.aspects().into_iter().find(|(_, _, aspect)| *aspect == "red-amber");
    // Lease and clearance, stretched by the error of a clock.
    assert!(first_go.is_none_or(|(ms, ..)| ms >= 9_090), "{first_go:?}");
}
