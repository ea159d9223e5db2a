//! The configuration as a person meets it: the shipped files, and what is said of wrong ones.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use traffic_light::{Aspect, Demand, Name, Rule, Timing, timing::Quota};
use twinlight::{
    config::{BrokerChoice, Config, ConfigError, Links, Place},
    fault::{BrokerDown, Fault, FaultKind, PlannedFault},
    model::{BrokerLimits, Diagnostic, LightId},
};

const PAIR: &str = "[[junction]]\nname = \"demo\"\n";

fn env(name: &str) -> Option<String> {
    Some(match name {
        "RANDOM" => "00c0ffee".to_owned(),
        "UNSET" => return None,
        _ => format!("the-value-of-{}", name.to_lowercase()),
    })
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::from_toml(text, "my.toml", &env)
}

/// What is said of `text`, all problems.
fn refusal(text: &str) -> String {
    parse(text).expect_err("this is refused").to_string()
}

/// That `text`, with a pair added, is refused with exactly this.
#[track_caller]
fn assert_refused(text: &str, said: &str) {
    assert_eq!(refusal(&format!("{text}\n{PAIR}")), said);
}

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        // It is for a board, and read by another test.
        .filter(|path| path.file_name().is_some_and(|name| name != "board.toml"))
        .collect();
    files.sort();
    files
}

fn shipped_file(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    parse(&fs::read_to_string(path).unwrap()).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn light(junction: &str, light: &str) -> LightId {
    LightId::new(name(junction), name(light))
}

/// Where everybody reads along, which is told.
const PUBLIC: [&str; 3] = ["test-mosquitto-org.toml", "hivemq.toml", "emqx.toml"];

#[test]
fn every_shipped_file_loads_without_a_warning() {
    let files = shipped();
    assert_eq!(files.len(), 17, "{files:?}");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        match Config::from_toml(&text, file, &env) {
            Ok(config) if PUBLIC.contains(&file) => {
                let [warning] = &config.warnings[..] else { panic!("{file}: {:?}", config.warnings) };
                assert!(warning.message.contains("everybody in the world can read"), "{warning}");
                assert!(config.root.as_str().ends_with("-00c0ffee"), "a root topic of its own");
            }
            Ok(config) => assert_eq!(config.warnings, Vec::<Diagnostic>::new(), "{file}"),
            // Whoever uses it makes that file first, as it says.
            Err(error) if file == "mosquitto-tls.toml" => {
                assert_eq!(error.problems().len(), 1, "{error}");
                assert_eq!(error.problems()[0].member, "broker.ca_file", "{error}");
            }
            Err(error) => panic!("{file}: {error}"),
        }
    }
}

#[test]
fn the_built_in_configuration_is_the_default_file_and_a_pair_on_the_embedded_broker() {
    let config = Config::default();
    assert_eq!(config, shipped_file("default.toml"));
    assert_eq!(config, parse(PAIR).unwrap(), "the comments tell the defaults");
    assert_eq!(
        config.broker,
        BrokerChoice::Embedded { port: 1883, lan: false, login: None, limits: BrokerLimits::default() }
    );
    assert_eq!(config.root.as_str(), "twinlight");
    assert_eq!(config.seed, None);
    assert_eq!(config.run_for, None);
    assert_eq!(config.links, Links::default());
    assert_eq!(config.faults, []);
    let [junction] = config.junctions.as_slice() else { panic!("one junction") };
    assert_eq!(junction.rule(), Rule::Lease);
    assert_eq!(junction.demand(), Demand::Always);
    assert_eq!(*junction.timing(), Timing::default());
    assert!(junction.key().is_none());
    assert_eq!(config.lights().collect::<Vec<_>>(), [light("demo", "a"), light("demo", "b")]);
    let a = junction.light_config(&name("a")).unwrap();
    assert_eq!(a.peers(), [name("b")]);
    assert!(junction.light_config(&name("c")).is_none());
}

/// Each commented-out member of the default file is the default, as its comment says.
#[test]
fn the_default_file_tells_the_true_defaults() {
    let mut told = 0;
    let mut text = String::new();
    for line in twinlight::config::DEFAULT_TEXT.lines() {
        let member = line.strip_prefix("# ").filter(|member| {
            ["_ms = ", "_s = ", "rule = ", "demand = "].iter().any(|part| member.contains(part))
        });
        told += usize::from(member.is_some());
        text += member.unwrap_or(line);
        text.push('\n');
    }
    assert_eq!(told, 15, "eleven timings, two of the links, rule and demand");
    assert_eq!(parse(&text).unwrap(), Config::default());
}

#[test]
fn the_examples_are_what_they_say() {
    let crossing = shipped_file("crossing.toml");
    assert_eq!(crossing.lights().map(|light| light.light.to_string()).collect::<String>(), "nesw");

    let cut = shipped_file("react-cut.toml");
    assert_eq!(cut.junctions[0].rule(), Rule::React);
    assert!(cut.faults.iter().all(|fault| fault.light() == Some(&light("demo", "a"))));

    let restart = shipped_file("broker-restart.toml");
    assert_eq!(restart.run_for, Some(Duration::from_secs(90)));
    let [fault] = restart.faults.as_slice() else { panic!("one fault") };
    assert_eq!(fault.at, Duration::from_secs(40));
    assert_eq!(fault.ends_at(), Some(Duration::from_secs(50)));
    assert_eq!(fault.fault, Fault::on_broker(BrokerDown));
    assert_eq!(fault.lasts, Some(Duration::from_secs(10)));

    let many = shipped_file("many.toml");
    assert_eq!(many.junctions.len(), 500);
    assert_eq!(many.lights().count(), 1_000);
    assert_eq!(many.junctions[499].name().as_str(), "p-500");

    assert_eq!(shipped_file("hivemq.toml").root.as_str(), "twinlight-00c0ffee");

    let lab = shipped_file("lnu.toml");
    assert!(lab.junctions[0].lacks_key() && lab.junctions[0].key().is_none(), "it is made up and kept");
    let BrokerChoice::External { host, port, login: Some(login), tls: None } = lab.broker else { panic!() };
    assert_eq!((host.as_str(), port, login.user.as_str()), ("iot-edu-lab.lnu.se", 1883, "king"));
}

#[test]
fn a_junction_overrides_the_file_member_by_member() {
    let config = parse(
        r#"
        seed = 0xFF
        seconds = 2.5
        root = "lab/7"
        rule = "react"
        demand = "call"
        timing = { green_min_ms = 5_000, quota = { burst = 3, refill_ms = 500 } }
        links = { wifi_join_ms = 0, keep_alive_s = 60 }
        [[junction]]
        name = "one"
        lights = ["n", "e", "s"]
        [[junction]]
        name = "two"
        rule = "lease"
        demand = "always"
        key = "${KEY_OF_TWO_ALONE}"
        [junction.timing]
        green_max_ms = 9000
        [[fault]]
        what = "reboot"
        light = "two/a"
        at_s = 1.5
        [[fault]]
        what = "silence"
        light = "one/s"
        at_s = 0
        "#,
    )
    .unwrap();
    assert_eq!(config.seed, Some(255));
    assert_eq!(config.run_for, Some(Duration::from_millis(2_500)));
    assert_eq!(config.links, Links { wifi_join_ms: 0, keep_alive_s: 60, ..Links::default() });
    let quota = Some(Quota { burst: 3, refill_ms: 500 });
    let of_file = Timing { green_min_ms: 5_000, quota, ..Timing::default() };
    let [one, two] = config.junctions.as_slice() else { panic!("two junctions") };
    assert_eq!((one.rule(), one.demand(), *one.timing()), (Rule::React, Demand::Call, of_file));
    assert_eq!(
        (two.rule(), two.demand(), *two.timing()),
        (Rule::Lease, Demand::Always, Timing { green_max_ms: 9_000, ..of_file })
    );
    assert!(one.key().is_none());
    assert!(two.key().is_some());
    assert_eq!(two.light_config(&name("b")).unwrap().timing(), two.timing());
    let what: Vec<_> = config.faults.iter().map(PlannedFault::name).collect();
    assert_eq!(what, ["silence", "reboot"], "sorted by their start");
    assert_eq!(config.faults[0].ends_at(), None, "to the end of the run");
}

#[test]
fn all_unknown_members_are_named_at_once_with_what_was_meant() {
    let said = refusal(
        "sed = 1\n[broker]\nkind = \"embedded\"\nPort = 1\nrule = \"react\"\n[timing]\nlease = 8000\ncolour = 1\n\
         [[junction]]\nname = \"demo\"\nlight = [\"a\", \"b\"]\n",
    );
    let expected = [
        "my.toml:1:1: sed: it is not known here\n  help: did you mean seed?",
        "my.toml:4:1: broker.Port: it is not known here\n  help: did you mean port?",
        "my.toml:5:1: broker.rule: it is not known here\n  help: move rule to the top, above the first [table]",
        "my.toml:7:1: timing.lease: it is not known here\n  help: did you mean lease_ms?",
        "my.toml:8:1: timing.colour: it is not known here\n  help: remove it, or use one of red_amber_ms, green_min_ms, \
         green_max_ms, amber_ms, clearance_ms, heartbeat_ms, lease_ms, lost_after_ms, tick_ms, watchdog_ms, rtt_ms, \
         quota",
        "my.toml:11:1: junction.light: it is not known here\n  help: did you mean lights?",
    ];
    assert_eq!(said, expected.join("\n"));
}

#[test]
fn problems_have_a_place_for_faces_that_show_it() {
    let error = parse("seed = -1\n[[junction]]\nname = \"A\"\n").unwrap_err();
    let places: Vec<_> =
        error.problems().iter().map(|problem| (problem.place, problem.member.as_str())).collect();
    assert_eq!(
        places,
        [(Some(Place { line: 1, column: 8 }), "seed"), (Some(Place { line: 3, column: 8 }), "junction.name"),]
    );
    assert_eq!(error.file(), "my.toml");
}

#[test]
fn a_slip_of_syntax_is_placed_and_explained() {
    let said = refusal("[broker]\nkind = embedded\n");
    assert!(said.starts_with("my.toml:2:8: this is not TOML: "), "{said}");
    assert!(said.contains("in double quotes"), "{said}");
    let said = refusal("seed = 1\nseed = 2\n");
    assert!(said.starts_with("my.toml:2:1: this is not TOML: duplicate key\n  help: remove one"), "{said}");
    let said = refusal("[broker\n");
    assert!(said.starts_with("my.toml:1:8: this is not TOML: "), "{said}");
    assert!(parse("name = \"").is_err());
}

#[test]
fn wrong_types_and_ranges_are_told_with_what_is_wanted() {
    for (text, said) in [
        (
            "seed = \"1\"",
            "my.toml:1:8: seed: it is a string, not a whole number\n  help: write it without quotes",
        ),
        (
            "seed = 18446744073709551616",
            "my.toml:1:8: seed: 18446744073709551616 is out of range\n  help: give 0 to 18446744073709551615",
        ),
        (
            "seconds = nan",
            "my.toml:1:11: seconds: it is not a time\n  help: give 0 to 604800 seconds (a week)",
        ),
        (
            "seconds = -0.5",
            "my.toml:1:11: seconds: it is not a time\n  help: give 0 to 604800 seconds (a week)",
        ),
        (
            "seconds = 0",
            "my.toml:1:11: seconds: a run of 0 seconds shows nothing\n  help: give it more, or remove seconds",
        ),
        (
            "rule = \"laese\"",
            "my.toml:1:8: rule: \"laese\" is not known\n  help: did you mean \"lease\"? It may be \"lease\" or \"react\"",
        ),
        ("demand = true", "my.toml:1:10: demand: it is a boolean, not a text\n  help: put it in quotes"),
        ("links = 3", "my.toml:1:9: links: it is an integer, not a table\n  help: write it as [links]"),
        (
            "links = { keep_alive_s = 0 }",
            "my.toml:1:26: links.keep_alive_s: 0 is out of range\n  help: give 1 to 3600",
        ),
        (
            "broker = { port = 65536 }",
            "my.toml:1:19: broker.port: 65536 is out of range\n  help: give 0 to 65535",
        ),
        (
            "timing = { amber_ms = 0 }",
            "my.toml:1:23: timing.amber_ms: 0 is out of range\n  help: give 1 to 3600000",
        ),
        (
            "timing = { quota = { burst = 3 } }",
            "my.toml:1:20: timing.quota.refill_ms: it is missing\n  help: a quota is { burst = 3, refill_ms = 5000 }",
        ),
    ] {
        assert_refused(text, said);
    }
}

#[test]
fn timings_that_cannot_work_are_refused_at_the_member_that_has_to_change() {
    let said = refusal(&format!("[timing]\namber_ms = 3000\nlease_ms = 5000\n{PAIR}"));
    assert!(said.starts_with("my.toml:3:12: timing.lease_ms: the light would never go"), "{said}");
    assert!(said.contains("make lease_ms at least 6466"), "{said}");
    // The junction's own member comes before the file's.
    let said = refusal(&format!("[timing]\nlease_ms = 9000\n{PAIR}[junction.timing]\nred_amber_ms = 9000\n"));
    assert!(
        said.starts_with("my.toml:6:16: junction.timing.red_amber_ms: the light would never go"),
        "{said}"
    );
    // Said once, not once for each junction.
    let said = refusal(&format!("timing.watchdog_ms = 4000\n{PAIR}[[junction]]\nname = \"other\"\n"));
    assert!(said.starts_with("my.toml:1:22: timing.watchdog_ms: a hanging light"), "{said}");
    assert_eq!(said.lines().count(), 2, "a problem and its help: {said}");
    // A junction may mend what the file leaves wrong.
    parse(&format!("[timing]\nwatchdog_ms = 4000\n{PAIR}timing = {{ watchdog_ms = 1000 }}\n")).unwrap();
}

#[test]
fn junctions_that_cannot_be_are_refused() {
    for (text, said) in [
        (
            "",
            "my.toml:1:1: junction: it is missing\n  help: add [[junction]] with name = \"demo\" and lights = [\"a\", \"b\"]",
        ),
        (
            "junction = []",
            "my.toml:1:12: junction: there is no junction\n  help: write [[junction]] and a name",
        ),
        (
            "[junction]\nname = \"demo\"",
            "my.toml:1:1: junction: it is a table, not a list of tables\n  help: write [[junction]], in two brackets",
        ),
        ("[[junction]]", "my.toml:1:1: junction.name: it is missing\n  help: add name = \"demo\""),
        (
            "[[junction]]\nname = \"Demo\"",
            "my.toml:2:8: junction.name: \"Demo\" is no name\n  help: a name may hold only a to z, 0 to 9 and -",
        ),
        (
            "[[junction]]\nname = \"demo\"\nlights = [\"a\"]",
            "my.toml:3:10: junction.lights: a junction has 2 to 8 lights, this one has 1\n  help: name more or fewer",
        ),
        (
            "[[junction]]\nname = \"demo\"\nlights = [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]",
            "my.toml:3:10: junction.lights: a junction has 2 to 8 lights, this one has 9\n  help: name more or fewer",
        ),
        (
            "[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\", \"a\"]",
            "my.toml:3:21: junction.lights: the light \"a\" is named twice\n  help: give every light its own name",
        ),
        (
            "[[junction]]\nname = \"p-2\"\n[[junction]]\nname = \"p\"\ncount = 3",
            "my.toml:4:8: junction.name: line 2 already has a junction p-2\n  help: give one of them another name",
        ),
        (
            "[[junction]]\nname = \"a-long-name-of\"\ncount = 10",
            "my.toml:2:8: junction.name: count would make names as long as \"a-long-name-of-10\", and a name has at \
             most 16 characters\n  help: give a shorter one",
        ),
        (
            "[[junction]]\nname = \"demo\"\ncount = 0",
            "my.toml:3:9: junction.count: 0 is out of range\n  help: give 1 to 2048",
        ),
        (
            "[[junction]]\nname = \"p\"\ncount = 2048\n[[junction]]\nname = \"q\"",
            "my.toml:5:8: junction.name: these are more than 4096 lights in all\n  help: remove some",
        ),
        (
            "[[junction]]\nname = \"demo\"\nkey = \"too short\"",
            "my.toml:3:7: junction.key: a junction's key has 16 to 64 bytes, this one has 9\n  help: use a text of such a length",
        ),
    ] {
        assert_eq!(refusal(text), said);
    }
}

#[test]
fn logins_and_brokers_that_cannot_be_are_refused_with_the_remedy() {
    for (text, said) in [
        (
            "broker = { lan = true }",
            "my.toml:1:18: broker.lan: anybody in the network could switch the lights\n  help: add user and password to \
             [broker], or write lan = false",
        ),
        (
            "broker = { user = \"lab\" }",
            "my.toml:1:10: broker.password: it is missing\n  help: add password = \"${NAME}\" and export \
             NAME=… (or password = \"\" for none)",
        ),
        (
            "broker = { lan = true, password = \"x\" }",
            "my.toml:1:10: broker.user: it is missing\n  help: add user = \"…\", or remove the password",
        ),
        (
            "broker = { host = \"localhost\" }",
            "my.toml:1:19: broker.host: the embedded broker runs on this machine\n  help: remove host, or write kind = \
             \"external\" above it",
        ),
        (
            "broker = { kind = \"external\" }",
            "my.toml:1:10: broker.host: it is missing\n  help: add host = \"…\" with the broker's name or address",
        ),
        (
            "broker = { kind = \"external\", host = \"mqtt://x\", lan = true }",
            "my.toml:1:38: broker.host: it is a URL\n  help: give the name alone, without mqtt://\n\
             my.toml:1:56: broker.lan: only the embedded broker can be opened to the network\n  help: remove lan",
        ),
        (
            "broker = { kind = \"external\", host = \"x:1883\" }",
            "my.toml:1:38: broker.host: it contains a colon\n  help: give the port as port = …",
        ),
        (
            "broker = { tls = true }",
            "my.toml:1:18: broker.tls: the embedded broker has no TLS\n  help: remove tls, or run a Mosquitto with TLS and name \
             it as kind = \"external\"",
        ),
        (
            "root = \"twinlight/#\"",
            "my.toml:1:8: root: a root topic must not contain '#'\n  help: use letters, digits, - and /",
        ),
    ] {
        assert_refused(text, said);
    }
    for host in ["::1", "192.168.1.2", "broker.local", "${BROKER_HOST}"] {
        let env = |_: &str| Some("from-the.environment".to_owned());
        let text = format!("broker = {{ kind = \"external\", host = \"{host}\" }}\n{PAIR}");
        Config::from_toml(&text, "my.toml", &env).unwrap();
    }
}

#[test]
fn a_missing_variable_is_named_with_the_command_that_sets_it() {
    let text = format!("broker = {{ user = \"lab\", password = \"${{UNSET}}\", lan = true }}\n{PAIR}");
    assert_eq!(
        refusal(&text),
        "my.toml:1:37: broker.password: the environment variable UNSET is not set\n  help: export UNSET=… in this terminal \
         (PowerShell: $env:UNSET = \"…\") and start again"
    );
}

#[test]
fn secrets_are_never_shown() {
    let config = parse(
        "broker = { user = \"lab\", password = \"${SESAME}\" }\n[[junction]]\nname = \"demo\"\nkey = \"${SESAME}\"\n",
    )
    .unwrap();
    assert!(!format!("{config:?}").contains("the-value-of-sesame"), "{config:?}");
    let error = parse("[[junction]]\nname = \"demo\"\nkey = \"open sesame\"\n").unwrap_err();
    for said in [error.to_string(), error.draw(false), format!("{error:?}")] {
        assert!(said.contains("16 to 64 bytes") && !said.contains("open"), "{said}");
    }
    let unclosed = parse("[broker]\npassword = \"open sesame\nport = 1\n").unwrap_err();
    assert!(!unclosed.draw(false).contains("open"), "{}", unclosed.draw(false));
}

#[test]
fn a_secret_in_the_file_of_a_shared_broker_is_warned_of() {
    let external = |rest: &str| {
        parse(&format!("[broker]\nkind = \"external\"\n{rest}\n{PAIR}"))
            .unwrap()
            .warnings
            .iter()
            .map(Diagnostic::one_line)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let said = external("host = \"h\"\nuser = \"me\"\npassword = \"1234\"");
    assert!(said.starts_with("my.toml:5:12: broker.password: a secret stands in this file"), "{said}");
    assert!(said.contains("export BROKER_SECRET=…"), "{said}");
    assert!(!said.contains("1234"), "{said}");
    let said = external("host = \"h\"\nuser = \"token\"\npassword = \"\"");
    assert!(said.contains("broker.user: a secret stands"), "{said}");
    assert_eq!(external("host = \"h\"\nuser = \"me\"\npassword = \"${P}\""), "");
    assert_eq!(external("host = \"iot-edu-lab.lnu.se\"\nuser = \"king\"\npassword = \"arthur\""), "");
    assert!(
        external("host = \"mqtt.eclipse.org\"").contains("no longer exists (help: use test.mosquitto.org")
    );
    assert!(external("host = \"h\"\nport = 8883").contains("8883 is usually the port for TLS"));
    let embedded = parse(&format!("broker = {{ user = \"me\", password = \"1234\" }}\n{PAIR}")).unwrap();
    assert_eq!(embedded.warnings, Vec::<Diagnostic>::new());
}

#[test]
fn faults_that_cannot_be_are_refused() {
    let mut names: Vec<_> = FaultKind::examples().map(|kind| format!("{:?}", kind.about().name)).collect();
    let last = names.pop().unwrap();
    let mistyped = format!(
        "my.toml:4:8: fault.at_s: it is not a time\n  help: give 0 to 604800 seconds (a week)\n\
         my.toml:5:8: fault.what: \"wifidown\" is not known\n  help: did you mean \"wifi-down\"? It may be {} or {last}",
        names.join(", ")
    );
    let fault = |text: &str| refusal(&format!("{PAIR}[[fault]]\n{text}\n"));
    for (text, said) in [
        (
            "at_s = 1\nwhat = \"reboot\"\nlight = \"demo/c\"",
            "my.toml:6:9: fault.light: there is no light demo/c\n  help: use one of demo/a, demo/b",
        ),
        (
            "at_s = 1\nwhat = \"reboot\"\nlight = \"a\"",
            "my.toml:6:9: fault.light: \"a\" names no light\n  help: write JUNCTION/LIGHT, such as \"demo/a\"",
        ),
        (
            "at_s = 1\nwhat = \"silence\"",
            "my.toml:3:1: fault.light: it is missing\n  help: add light = \"demo/a\", the junction and the light that it strikes",
        ),
        (
            "at_s = 1\nwhat = \"broker-down\"\nlight = \"demo/a\"",
            "my.toml:6:9: fault.light: broker-down strikes all lights\n  help: remove light",
        ),
        (
            "at_s = 1\nfor_s = 2\nwhat = \"session-drop\"\nlight = \"demo/a\"",
            "my.toml:5:9: fault.for_s: this fault happens at an instant and has no duration\n  help: remove for_s",
        ),
        (
            "at_s = 1\nfor_s = 0.0\nwhat = \"silence\"\nlight = \"demo/a\"",
            "my.toml:5:9: fault.for_s: a fault with a duration of 0 s has no effect\n  help: give it more than 0 seconds",
        ),
        ("at_s = inf\nwhat = \"wifidown\"\nlight = \"demo/a\"", &mistyped),
        (
            "at_s = 9\nwhat = \"broker-down\"\n[[fault]]\nat_s = 1\nfor_s = 8.5\nwhat = \"broker-down\"",
            "my.toml:3:1: fault: broker-down is in force already, from the fault in line 6\n  help: begin later, or make one \
             fault of both",
        ),
    ] {
        assert_eq!(fault(text), said);
    }
    assert_refused(
        "broker = { kind = \"external\", host = \"h\" }\nfault = [{ at_s = 1, what = \"quota\" }]",
        "my.toml:2:29: fault.what: only the broker in this program can be given this fault\n  help: use the broker in this program: another one \
         counts by its own rules",
    );
    assert_refused(
        "broker = { kind = \"external\", host = \"h\" }\nfault = [{ at_s = 1, what = \"broker-down\" }]",
        "my.toml:2:29: fault.what: only the broker in this program can be given this fault\n  help: stop yours by hand, or \
         use wifi-down on each light",
    );
    // A fault on a light of a junction that has a slip is not held against the fault.
    let said = refusal(
        "[[junction]]\nname = \"demo!\"\n[[fault]]\nat_s = 1\nwhat = \"reboot\"\nlight = \"demo/a\"\n",
    );
    assert_eq!(said.lines().count(), 2, "a problem and its help: {said}");
}

#[test]
fn faults_may_follow_each_other_at_once_and_late_ones_are_warned_of() {
    let config = parse(&format!(
        "seconds = 30\n{PAIR}\
         [[fault]]\nat_s = 20\nfor_s = 5\nwhat = \"wifi-down\"\nlight = \"demo/a\"\n\
         [[fault]]\nat_s = 10\nfor_s = 10\nwhat = \"wifi-down\"\nlight = \"demo/a\"\n\
         [[fault]]\nat_s = 12\nwhat = \"wifi-down\"\nlight = \"demo/b\"\n\
         [[fault]]\nat_s = 30\nwhat = \"broker-down\"\n"
    ))
    .unwrap();
    let starts: Vec<_> = config.faults.iter().map(|fault| fault.at.as_secs()).collect();
    assert_eq!(starts, [10, 12, 20, 30]);
    assert_eq!(
        config.warnings,
        [Diagnostic::new(
            "my.toml:19:8: fault.at_s: the run is over before",
            "give the run more seconds, or the fault an earlier time"
        )]
    );
}

#[test]
fn a_hopeless_file_is_not_answered_with_a_flood() {
    let text: String = (0..1_000).map(|number| format!("x{number} = 1\n")).collect();
    let said = refusal(&text);
    assert_eq!(said.lines().count(), 41, "{said}");
    assert!(said.ends_with("my.toml: and 981 more"), "{said}");
}

#[test]
fn files_that_cannot_be_read_are_told_of_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let said = |path: &Path| {
        let said = Config::load(path).unwrap_err().to_string();
        said.strip_prefix(&format!("{}: ", path.display())).expect("the file comes first").to_owned()
    };
    assert!(
        said(&folder.path().join("no.toml")).starts_with("there is no such file\n  help: check the name")
    );
    assert!(said(folder.path()).starts_with("it is a folder\n  help: name a .toml file"));
    assert!(
        said(&file("latin-1.toml", b"seed = 1\n# \xE5\n"))
            .starts_with("line 2 is not UTF-8 text\n  help: save")
    );
    assert!(said(&file("large.toml", &vec![b'#'; (1 << 20) + 1])).starts_with("it is larger than 1 MiB"));
    let good =
        file("good.toml", format!("\u{feff}root = \"t-${{RANDOM}}/${{RANDOM}}\"\r\n{PAIR}").as_bytes());
    let config = Config::load(&good).unwrap();
    let (first, second) = config.root.as_str().strip_prefix("t-").unwrap().split_once('/').unwrap();
    assert_eq!(first, second, "one number in one file");
    assert_eq!(first.len(), 8);
    assert!(first.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)), "{first}");
    assert_ne!(Config::load(&good).unwrap().root, config.root, "and another one each time");
}

#[test]
fn files_on_this_machine_load_as_a_person_would_name_them() {
    for path in shipped() {
        let needs_nothing =
            !fs::read_to_string(&path).unwrap().lines().filter(|line| !line.starts_with('#')).any(|line| {
                (line.contains("${") && !line.contains("${RANDOM}")) || line.starts_with("ca_file")
            });
        if needs_nothing {
            Config::load(&path).unwrap();
        }
    }
}

#[test]
fn a_program_may_run_some_lights_of_a_junction_and_faults_strike_only_those() {
    let pair = "[broker]\nkind = \"embedded\"\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n";
    let names = |text: &str| -> Vec<String> {
        let config = parse(text).unwrap();
        config.junctions[0].virtual_lights().map(|light| light.name().to_string()).collect()
    };
    assert_eq!(names(pair), ["a", "b"]);
    assert_eq!(names(&format!("{pair}run = [\"b\"]\n")), ["b"]);
    assert_eq!(names(&format!("{pair}run = []\n")), [""; 0]);
    let unknown = parse(&format!("{pair}run = [\"c\"]\n")).unwrap_err().to_string();
    assert!(
        unknown.contains(":6:") && unknown.contains("no light c\n  help: its lights are a, b"),
        "{unknown}"
    );
    let fault = "[[fault]]\nat_s = 1\nwhat = \"wifi-down\"\nlight = \"demo/a\"\n";
    let foreign = parse(&format!("{pair}run = [\"b\"]\n{fault}")).unwrap_err().to_string();
    assert!(foreign.contains(":10:") && foreign.contains("does not run that light"), "{foreign}");
}

/// Keeps away panics on files that were cut off, mistyped or mixed up.
#[test]
fn no_file_makes_it_panic() {
    let mut rng = StdRng::seed_from_u64(7);
    let texts: Vec<String> = shipped().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let words = [
        "\"",
        "[",
        "]",
        "[[fault]]",
        "=",
        "\n",
        "-1",
        "1e999",
        "nan",
        "{",
        "}",
        "${",
        "${X}",
        "å",
        "\0",
        "99999999999999999999",
        "true",
        "\"demo/a\"",
        "'''",
        "#",
        ".",
        ",",
        "_",
        "0x",
        "count = 2048\n",
    ];
    let mut refused = 0;
    for round in 0..600 {
        let mut bytes = texts[rng.random_range(0..texts.len())].clone().into_bytes();
        match round % 3 {
            0 => bytes.truncate(rng.random_range(0..bytes.len())),
            1 => {
                for _ in 0..rng.random_range(1..6) {
                    let at = rng.random_range(0..bytes.len());
                    let word = words[rng.random_range(0..words.len())].bytes();
                    let end = (at + rng.random_range(0..4)).min(bytes.len());
                    bytes.splice(at..end, word);
                }
            }
            _ => {
                for _ in 0..rng.random_range(1..4) {
                    let at = rng.random_range(0..bytes.len());
                    bytes[at] = rng.next_u32().to_le_bytes()[0];
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = parse(&text) {
            assert!(error.draw(false).contains("error: "), "{text}");
            refused += 1;
            assert!(!error.problems().is_empty(), "{text}");
            let lines = text.split('\n').count();
            for problem in error.problems() {
                assert!(problem.place.is_some_and(|place| place.line <= lines + 1), "{problem:?}\n{text}");
                assert!(problem.diagnostic.help.is_some(), "no help: {problem:?}");
            }
        }
    }
    assert!((100..600).contains(&refused), "{refused} of 600 were refused");
}

#[test]
fn every_fault_can_be_written_with_its_parameters() {
    let head = "[[junction]]\nname = \"demo\"\n";
    let read = |members: &str| {
        let text = format!("{head}[[fault]]\nat_s = 1\nfor_s = 2\nlight = \"demo/a\"\n{members}\n");
        Config::from_toml(&text, "f.toml", &|_| None).map(|config| config.faults[0].fault.to_string())
    };
    for (members, shown) in [
        (
            "what = \"latency\"\nms = 300\njitter_ms = 20\nway = \"up\"",
            "latency 300 ms ± 20 ms, to the broker",
        ),
        ("what = \"latency\"", "latency 200 ms"),
        ("what = \"bandwidth\"\nbytes_per_s = 100", "bandwidth 100 bytes/s"),
        ("what = \"black-hole\"\nway = \"down\"", "black-hole, from the broker"),
        ("what = \"reset\"\nafter_ms = 70", "reset after 70 ms"),
        ("what = \"refuse\"", "refuse"),
        ("what = \"slow-close\"\nms = 9", "slow-close 9 ms"),
        ("what = \"half-open\"", "half-open at once"),
        ("what = \"lose\"\npercent = 5", "lose 5 %"),
        ("what = \"double\"", "double 30 %"),
        ("what = \"delay\"\npercent = 5\nms = 70", "delay 5 %, up to 70 ms"),
        ("what = \"reorder\"", "reorder 30 %"),
        ("what = \"hang\"", "hang"),
        ("what = \"suspend\"", "suspend"),
        ("what = \"wrong-password\"", "wrong-password"),
        ("what = \"name-not-found\"", "name-not-found"),
        ("what = \"taken-over\"", "taken-over"),
        ("what = \"clock-drift\"\ndrift_percent = -1.5", "clock-drift -1.5 %"),
    ] {
        assert_eq!(read(members).unwrap(), shown);
    }
    let everywhere = |members: &str| {
        let text = format!("{head}[[fault]]\nat_s = 1\n{members}\n");
        Config::from_toml(&text, "f.toml", &|_| None).map(|config| config.faults[0].fault.to_string())
    };
    assert_eq!(everywhere("what = \"quota\"").unwrap(), "quota 30 a minute");
    assert_eq!(everywhere("what = \"quota\"\nper_minute = 12").unwrap(), "quota 12 a minute");
    for (members, words) in [
        ("what = \"quota\"\nlight = \"demo/a\"", "quota strikes all lights\n  help: remove light"),
        ("what = \"quota\"\nper_minute = 0", "f.toml:6:14: fault.per_minute"),
        ("what = \"quota\"\nms = 5", "help: remove it, or use per_minute"),
        ("what = \"broker-down\"\nper_minute = 5", "this fault has no parameters"),
    ] {
        let said = everywhere(members).unwrap_err().to_string();
        assert!(said.contains(words), "{members}: {said}");
    }
    for (members, words) in [
        ("what = \"latency\"\nms = 10\njitter_ms = 20", "f.toml:8:6: fault.ms: a jitter of 20 ms"),
        ("what = \"latency\"\npercent = 20", "help: remove it, or use ms, jitter_ms, way"),
        ("what = \"refuse\"\nway = \"up\"", "leave the direction out"),
        ("what = \"lose\"\npercent = 0", "give 1 to 100"),
        ("what = \"lose\"\nway = \"sideways\"", "\"up\", \"down\" or \"both\""),
        ("what = \"hang\"\nms = 5", "this fault has no parameters"),
        ("what = \"clock-drift\"", "add drift_percent with"),
        ("what = \"clock-drift\"\ndrift_percent = 0.0", "has no effect"),
        ("what = \"clock-drift\"\ndrift_percent = 70", "out of range"),
        ("what = \"bandwidht\"", "did you mean \"bandwidth\"?"),
        ("what = \"hang\"\nevery_s = 5", "add times = 5"),
        ("what = \"hang\"\nevery_s = 1\ntimes = 3", "in force already"),
    ] {
        let said = read(members).unwrap_err().to_string();
        assert!(said.contains(words), "{members}: {said}");
    }
    let text = format!(
        "{head}[[fault]]\nat_s = 10\nfor_s = 2\nevery_s = 5\ntimes = 4\nlight = \"demo/a\"\nwhat = \"wifi-down\"\n"
    );
    let config = Config::from_toml(&text, "f.toml", &|_| None).unwrap();
    assert_eq!(config.faults.iter().map(|fault| fault.at.as_secs()).collect::<Vec<_>>(), [10, 15, 20, 25]);
}

#[test]
fn lights_that_run_elsewhere_get_a_port_each_where_one_is_asked_for() {
    let text = "[links]\nboard_port = 18830\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\", \"c\"]\nrun = [\"b\"]\n";
    let config = Config::from_toml(text, "f.toml", &|_| None).unwrap();
    let ports: Vec<_> = config.board_ports().map(|(light, port)| format!("{light} {port}")).collect();
    assert_eq!(ports, ["demo/a 18830", "demo/c 18831"]);
    assert!(!config.links.board_lan && config.links.proxy);

    // Faults of their links can be planned, and no others.
    let fault = |what: &str| format!("{text}[[fault]]\nat_s = 1\nwhat = \"{what}\"\nlight = \"demo/c\"\n");
    let planned = Config::from_toml(&fault("reset"), "f.toml", &|_| None).unwrap();
    assert_eq!(planned.faults[0].fault.light().unwrap().to_string(), "demo/c");
    let refused = Config::from_toml(&fault("hang"), "f.toml", &|_| None).unwrap_err().to_string();
    assert!(refused.contains("does not run that light"), "{refused}");
    let no_port = fault("reset").replace("board_port = 18830", "");
    let refused = Config::from_toml(&no_port, "f.toml", &|_| None).unwrap_err().to_string();
    assert!(refused.contains("links.board_port"), "{refused}");
}

#[test]
fn the_embedded_broker_is_like_adafruit_io_where_that_is_asked_for() {
    let read = |members: &str| {
        let text = format!("[broker]\n{members}\n[[junction]]\nname = \"demo\"\n");
        Config::from_toml(&text, "f.toml", &|_| None)
    };
    let config =
        read("emulate = \"adafruit\"\nuser = \"king\"\npassword = \"arthur\"\nquota_per_minute = 60")
            .unwrap();
    let emulated = config.emulated.unwrap();
    assert_eq!((emulated.user.as_str(), emulated.per_minute), ("king", 60));
    assert_eq!(read("emulate = \"nothing\"").unwrap().emulated, None);
    for (members, words) in [
        ("emulate = \"adafruit\"", "f.toml:2:11: broker.emulate: Adafruit IO has accounts\n  help: add user"),
        ("emulate = \"aio\"", "it may be \"nothing\" or \"adafruit\""),
        (
            "kind = \"external\"\nhost = \"h\"\nemulate = \"adafruit\"",
            "f.toml:4:11: broker.emulate: only the embedded broker can imitate Adafruit IO\n  help: remove emulate",
        ),
        (
            "emulate = \"adafruit\"\nuser = \"king\"\npassword = \"arthur\"\nquota_per_minute = 0",
            "f.toml:5:20: broker.quota_per_minute",
        ),
    ] {
        let said = read(members).unwrap_err().to_string();
        assert!(said.contains(words), "{members}: {said}");
    }
}

/// Two lights on feeds, with what else stands in `[broker]` and below.
fn feeds(broker: &str, rest: &str) -> Result<Config, twinlight::config::ConfigError> {
    let text = format!(
        "[broker]\nkind = \"external\"\nhost = \"h\"\nuser = \"king\"\npassword = \"${{KEY}}\"\n\
         dialect = \"adafruit\"\n{broker}{rest}"
    );
    Config::from_toml(&text, "f.toml", &|_| Some("secret".to_owned()))
}

#[test]
fn lights_on_feeds_have_timings_that_fit_the_account_however_many_they_are() {
    let config = feeds("", PAIR).unwrap();
    let found = config.feeds.unwrap();
    assert_eq!((found.user.as_str(), found.per_minute, found.budget), ("king", 30, true));
    assert_eq!(*config.junctions[0].timing(), Timing::on_quota());
    assert_eq!(config.warnings, Vec::<Diagnostic>::new());

    let plus = feeds("quota_per_minute = 60\n", PAIR).unwrap();
    assert_eq!(Some(*plus.junctions[0].timing()), Timing::on_account(2, 60));
    let four = "[[junction]]\nname = \"p\"\ncount = 2\n";
    assert_eq!(Some(*feeds("", four).unwrap().junctions[0].timing()), Timing::on_account(4, 30));
    let more = "[[junction]]\nname = \"p\"\nlights = [\"a\", \"b\", \"c\"]\n[[junction]]\nname = \"q\"\n";
    assert_eq!(Some(*feeds("", more).unwrap().junctions[1].timing()), Timing::on_account(5, 30));
    let said = feeds("", "[[junction]]\nname = \"p\"\ncount = 6\n").unwrap_err().to_string();
    assert!(
        said.starts_with("f.toml:6:11: broker.dialect: 12 lights on an account with 30 publishes a minute"),
        "{said}"
    );
    let emulated =
        "[broker]\nemulate = \"adafruit\"\nuser = \"u\"\npassword = \"k\"\n[[junction]]\nname = \"demo\"\n";
    let emulated = Config::from_toml(emulated, "f.toml", &|_| None).unwrap();
    assert_eq!(emulated.feeds.unwrap().user, "u", "an emulated account is spoken to as a real one");
    let standard = "[broker]\nemulate = \"adafruit\"\nuser = \"u\"\npassword = \"k\"\ndialect = \"standard\"\n\
                    [[junction]]\nname = \"demo\"\n";
    assert_eq!(
        Config::from_toml(standard, "f.toml", &|_| None).unwrap().feeds,
        None,
        "to see what comes of it"
    );
}

#[test]
fn what_does_not_go_with_feeds_is_refused_or_warned_of() {
    for (broker, rest, words) in [
        (
            "",
            "[[junction]]\nname = \"a-b\"\nlights = [\"c\", \"x\"]\n[[junction]]\nname = \"a\"\nlights = [\"b-c\", \"y\"]\n",
            "a-b/c and a/b-c would share the feed a-b-c\n  help: give one of them another name",
        ),
        (
            "",
            "[[junction]]\nname = \"demo\"\nlights = [\"a\", \"a-call\"]\ndemand = \"call\"\n",
            "the button of demo/a and demo/a-call would share the feed",
        ),
        ("budget = 3\n", PAIR, "f.toml:7:10: broker.budget: it is an integer, not true or false"),
        ("quota_per_minute = 0\n", PAIR, "broker.quota_per_minute: 0 is out of range"),
        (
            "",
            "[timing]\nheartbeat_ms = 1000\n[[junction]]\nname = \"demo\"\n",
            "the quota allows less than one message a heartbeat",
        ),
    ] {
        let said = feeds(broker, rest).unwrap_err().to_string();
        assert!(said.contains(words), "{rest}: {said}");
    }
    let read = |text: &str| Config::from_toml(text, "f.toml", &|_| None).unwrap_err().to_string();
    let login = "host = \"h\"\nuser = \"king\"\npassword = \"\"\ndialect = \"adafruit\"\n";
    let root = read(&format!("root = \"x\"\n[broker]\nkind = \"external\"\n{login}{PAIR}"));
    assert!(root.starts_with("f.toml:1:8: root: Adafruit IO has feeds and no free topics"), "{root}");
    let user = read(&format!("[broker]\nkind = \"external\"\n{}{PAIR}", login.replace("king", "king/x")));
    assert!(
        user.starts_with("f.toml:4:8: broker.user: every topic begins with the account's name"),
        "{user}"
    );
    let none = read(&format!("[broker]\nkind = \"external\"\nhost = \"h\"\ndialect = \"adafruit\"\n{PAIR}"));
    assert!(
        none.starts_with("f.toml:4:11: broker.dialect: Adafruit IO has accounts\n  help: add user"),
        "{none}"
    );
    let idle = read(&format!("[broker]\nquota_per_minute = 30\nbudget = true\n{PAIR}"));
    assert!(
        idle.contains("only Adafruit IO has a quota") && idle.contains("a budget goes with dialect"),
        "{idle}"
    );

    let fast = "[timing]\nheartbeat_ms = 1000\nquota = { burst = 100, refill_ms = 500 }\n[[junction]]\nname = \"demo\"\n";
    for (broker, much, consequence) in [
        ("", "up to 440 times a minute", "some of it will be held back"),
        ("budget = false\n", "up to 440 times a minute", "the account will be banned"),
    ] {
        let warnings = feeds(broker, fast).unwrap().warnings;
        assert!(
            warnings.len() == 1
                && warnings[0].message.contains(much)
                && warnings[0].message.contains(consequence),
            "{warnings:?}"
        );
    }
    let many = "[[junction]]\nname = \"p\"\nlights = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]\ndemand = \"call\"\n";
    assert!(
        feeds("", many).unwrap().warnings[0].message.contains("need 12 feeds, and a free account has 10")
    );
}

/// A configuration with one foreign light; `table` stands in for the members of `[[foreign]]` after `light`.
fn with_foreign(table: &str) -> String {
    format!(
        "[[junction]]\nname = \"lab\"\nlights = [\"a\", \"b\"]\n[[foreign]]\nlight = \"lab/b\"\n{table}\n"
    )
}

const CARS: &str = "says = \"cowboys/x/cars\"\nhears = \"cowboys/y/cars\"";

#[test]
fn a_foreign_light_takes_the_place_of_a_light_that_then_does_not_run_here() {
    let words = "words = { red = \"RED\", amber = [\"YELLOW\", \"AMBER\"], green = \"GREEN\" }";
    let config =
        parse(&with_foreign(&format!("{CARS}\n{words}\njson = \"/state\"\nlost_after_s = 12.5"))).unwrap();
    let junction = &config.junctions[0];
    let (a, b) = (name("a"), name("b"));
    assert!(junction.runs(&a) && !junction.runs(&b) && junction.leaves(&b));
    let foreign = junction.foreign(&b).unwrap();
    assert_eq!((foreign.says(), foreign.hears()), ("cowboys/x/cars", "cowboys/y/cars"));
    assert_eq!(foreign.lost_after_ms(), 12_500);
    assert_eq!(foreign.understand(br#"{"state":"amber"}"#), Some(Aspect::Amber));
    assert_eq!(foreign.say(Aspect::Amber).unwrap(), br#"{"state":"YELLOW"}"#);
    assert_eq!(junction.partner_of(&a), Some(foreign));
    assert_eq!(junction.partner_of(&b), None);
    assert_eq!(config.warnings, []);
    let light = twinlight::config::ForeignLight {
        light: LightId::new(name("lab"), name("b")),
        foreign: foreign.clone(),
    };
    let written = light.to_toml();
    let again = parse(&format!("[[junction]]\nname = \"lab\"\n{written}")).unwrap();
    assert_eq!(again.junctions[0].foreign(&b), Some(foreign), "{written}");
}

#[test]
fn two_foreign_lights_of_one_junction_may_be_watched() {
    let other = "[[foreign]]\nlight = \"lab/a\"\nsays = \"cowboys/y/cars\"\nhears = \"cowboys/x/cars\"";
    let config = parse(&with_foreign(&format!("{CARS}\n{other}"))).unwrap();
    assert_eq!(config.junctions[0].virtual_lights().count(), 0);
}

#[test]
fn each_slip_in_a_foreign_light_is_told_with_its_remedy() {
    let words = |words: &str| with_foreign(&format!("{CARS}\nwords = {{ {words} }}"));
    let cars = |more: &str| with_foreign(&format!("{CARS}\n{more}"));
    let topics = |says: &str, hears: &str| with_foreign(&format!("says = {says:?}\nhears = {hears:?}"));
    for (text, what, help) in [
        (with_foreign("says = \"x\""), "foreign.hears: it is missing", "add the topic that it subscribes to"),
        (topics("x", "x"), "speak and listen on one topic", "publish to one topic and subscribe to another"),
        (topics("cars/+", "y"), "+ and # stand for many topics", "write one whole topic"),
        (topics("", "y"), "it is empty", "write one whole topic"),
        (topics("$SYS/x", "y"), "nobody can publish there", "leave out $"),
        (topics(&"x".repeat(129), "y"), "it is too long", "128"),
        (topics("twinlight/lab/a/state", "y"), "Twinlight's lights use the topics", "choose a topic outside"),
        (cars("").replace("lab/b", "lab"), "\"lab\" is no light", "write it as \"demo/b\""),
        (cars("").replace("lab/b", "lap/b"), "there is no junction lap", "name a light of a [[junction]]"),
        (cars("").replace("lab/b", "lab/c"), "the junction lab has no light c", "its lights are a, b"),
        (
            cars("").replace("lights = [\"a\", \"b\"]", "lights = [\"a\", \"b\", \"c\"]"),
            "the junction lab has 3 lights",
            "give it a junction of two lights",
        ),
        (
            cars("").replace("lights = [\"a\", \"b\"]", "run = [\"b\"]"),
            "this program is to run b itself",
            "leave b out of run",
        ),
        (words("red = \"R\""), "there is no word for green", "add green"),
        (words("red = [], green = \"G\""), "there is nothing in it", "write at least one"),
        (
            words("red = \" \", green = \"G\""),
            "a word needs at least one character",
            "without what is around",
        ),
        (words("red = \"X\", green = \"x\""), "one word for two aspects", "words of its own"),
        (words("red = \"R\", green = \"G\", orange = \"O\""), "it is not known here", "use one of red"),
        (cars("json = \"state\""), "\"state\" is no place for a word", "\"/state\""),
        (cars("json = \"/lights/0\""), "a place in an array", "\"/state\""),
        (cars("lost_after_s = 0.5"), "a light is not lost after such a time", "give 1 to 3600 seconds"),
        (cars("topic = \"x\""), "foreign.topic: it is not known here", "use one of light"),
        (
            cars(&format!("[[foreign]]\nlight = \"lab/a\"\n{CARS}")),
            "says its words on this topic already",
            "topics of its own",
        ),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains(help), "{text}\n{error}");
    }
}

#[test]
fn on_adafruit_the_topics_of_a_foreign_light_are_feeds_of_the_account() {
    let with = |says: &str, more: &str| {
        format!(
            "[broker]\nemulate = \"adafruit\"\nuser = \"king\"\npassword = \"arthur\"\n\
             [[junction]]\nname = \"lab\"\n[[foreign]]\nlight = \"lab/b\"\nsays = {says:?}\nhears = \"king/feeds/y\"\n{more}\n"
        )
    };
    assert!(parse(&with("king/feeds/x", "")).is_ok());
    for (says, more, what, help) in [
        ("cars", "", "it is no feed of this account", "king/feeds/cars"),
        ("queen/feeds/x", "", "it is no feed of this account", "king/feeds/x"),
        ("king/f/x", "", "not the long form", "king/feeds/x"),
        ("king/feeds/My_Car", "", "not the long form", "king/feeds/my-car"),
        ("king/feeds/lab-a", "", "one of Twinlight's own lights", "choose another feed"),
        ("king/feeds/x", "retain = true", "Adafruit IO keeps no messages", "remove retain"),
    ] {
        let error = parse(&with(says, more)).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains(help), "{says}\n{error}");
    }
}

#[test]
fn a_key_does_not_protect_what_a_foreign_light_says_and_the_file_is_told_so() {
    let keyed =
        with_foreign(CARS).replace("name = \"lab\"", "name = \"lab\"\nkey = \"sixteen bytes or more\"");
    let warnings = parse(&keyed).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.message.contains("signs nothing")), "{warnings:?}");
}

#[test]
fn the_limits_of_the_embedded_broker_are_read_and_fit_each_other() {
    let broker = |members: &str| parse(&format!("{PAIR}[broker]\n{members}\n"));
    let config = broker("memory_mb = 1024\nmax_packet_kb = 2048").unwrap();
    let BrokerChoice::Embedded { limits, .. } = config.broker else { panic!("{:?}", config.broker) };
    assert_eq!(limits, BrokerLimits { memory: 1 << 30, packet: 2 << 20 });
    let said = broker("memory_mb = 64\nmax_packet_kb = 2048").unwrap_err().to_string();
    assert!(said.contains("write at most 1024, or memory_mb = 128"), "{said}");
    assert!(broker("memory_mb = 8").is_err());
    assert!(broker("kind = \"external\"\nhost = \"h\"\nmemory_mb = 64").is_err());
}
