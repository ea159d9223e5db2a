//! Lights on feeds, simulated: the board's own program and session against Adafruit IO's rules, many minutes
//! in a moment, for many seeds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use traffic_light::Aspect;
use twinlight::{
    adafruit::Tally,
    config::Config,
    fault::{Fault, Quota},
    model::LightId,
    playback::Playback,
    simulated::{Options, Simulation},
    world::{Command, EventKind, event::Layer},
};

const EMULATED: &str = "[broker]\nemulate = \"adafruit\"\nuser = \"class\"\npassword = \"any-key\"\n";
const TEN_MINUTES: Duration = Duration::from_mins(10);

struct Played {
    tally: Tally,
    greens: Vec<LightId>,
    conflicts: usize,
    notices: Vec<(Duration, String)>,
    /// When each session came up.
    joins: Vec<Duration>,
    /// Why sessions were lost or refused, and when.
    losses: Vec<(Duration, String)>,
    flashed: bool,
}

fn play(text: &str, seed: u64, length: Duration) -> Played {
    play_with(text, seed, length, &[])
}

/// Plays a configuration with commands at their times, in order.
fn play_with(text: &str, seed: u64, length: Duration, commands: &[(Duration, Command)]) -> Played {
    let config = Config::from_toml(text, "test.toml", &|_| Some("secret".to_owned())).unwrap();
    let mut simulation = Simulation::new(&config, seed, Options::default()).unwrap();
    let mut events = Vec::new();
    for (at, command) in commands {
        simulation.play(*at, &mut |event| events.push(event));
        simulation.obey(command.clone()).unwrap();
    }
    simulation.play(length, &mut |event| events.push(event));
    let mut played = Played {
        tally: simulation.tally().unwrap_or_default(),
        greens: Vec::new(),
        conflicts: 0,
        notices: Vec::new(),
        joins: Vec::new(),
        losses: Vec::new(),
        flashed: false,
    };
    for event in events {
        match event.kind {
            EventKind::AspectChanged { light, aspect: Aspect::Green } => played.greens.push(light),
            EventKind::AspectChanged { aspect: Aspect::FlashingAmber, .. } => played.flashed = true,
            EventKind::ConflictBegan { .. } => played.conflicts += 1,
            EventKind::Noticed { text, .. } => played.notices.push((event.at, text)),
            EventKind::LinkChanged { layer: Layer::Mqtt, up: true, .. } => played.joins.push(event.at),
            EventKind::LinkChanged { layer: Layer::Mqtt, up: false, reason, .. } => {
                played.losses.push((event.at, reason));
            }
            _ => {}
        }
    }
    played
}

fn lights(names: &[&str]) -> String {
    format!("{EMULATED}[[junction]]\nname = \"demo\"\nlights = {names:?}\n")
}

fn count(greens: &[LightId]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for light in greens {
        *counts.entry(light.to_string()).or_default() += 1;
    }
    counts
}

#[test]
fn two_lights_are_never_banned_in_ten_minutes_publish_at_most_30_times_in_every_minute_and_alternate() {
    for seed in 0..20 {
        let played = play(&lights(&["a", "b"]), seed, TEN_MINUTES);
        let Tally { throttled, failed, refused, bans, busiest_minute, passed, .. } = played.tally;
        assert_eq!((throttled, failed, refused, bans, played.conflicts), (0, 0, 0, 0, 0), "seed {seed}");
        assert!(busiest_minute <= 30, "seed {seed}: {busiest_minute} publishes in a minute");
        assert!(passed >= 100, "seed {seed}: only {passed} publishes");
        assert!(played.greens.len() >= 40, "seed {seed}: {} greens", played.greens.len());
        assert!(played.greens.windows(2).all(|pair| pair[0] != pair[1]), "seed {seed}: {:?}", played.greens);
        assert_eq!(played.joins.len(), 2, "seed {seed}");
        assert_eq!(played.notices, [], "seed {seed}");
    }
}

#[test]
fn more_lights_share_the_account_and_all_get_their_green() {
    for (names, seeds) in [
        (&["a", "b", "c"][..], 5),
        (&["a", "b", "c", "d"], 5),
        (&["a", "b", "c", "d", "e", "f", "g", "h"], 3),
    ] {
        for seed in 0..seeds {
            let played = play(&lights(names), seed, Duration::from_mins(20));
            let Tally { throttled, bans, busiest_minute, .. } = played.tally;
            assert_eq!((throttled, bans, played.conflicts), (0, 0, 0), "{} lights, seed {seed}", names.len());
            assert!(busiest_minute <= 30, "{} lights: {busiest_minute}", names.len());
            let counts = count(&played.greens);
            assert_eq!(counts.len(), names.len(), "seed {seed}: {counts:?}");
        }
    }
    let plus = lights(&["a", "b"]).replace("emulate", "quota_per_minute = 60\nemulate");
    let played = play(&plus, 1, TEN_MINUTES);
    assert!(played.tally.bans == 0 && (31..=60).contains(&played.tally.busiest_minute), "{:?}", played.tally);
}

const TOO_FAST: &str = "[timing]\nheartbeat_ms = 1000\nquota = { burst = 100, refill_ms = 500 }\n";

#[test]
fn with_the_heartbeat_forced_too_fast_they_are_banned_again_and_again_for_longer_and_flash() {
    for seed in 0..5 {
        let text = lights(&["a", "b"]).replace("[[junction]]", &format!("{TOO_FAST}[[junction]]"));
        let played = play(&text.replace("emulate", "budget = false\nemulate"), seed, TEN_MINUTES);
        assert!(played.tally.bans >= 3, "seed {seed}: {:?}", played.tally);
        let banned: Vec<_> =
            played.notices.iter().filter(|(_, text)| text.contains("has banned its account for")).collect();
        for (number, (at, text)) in banned.iter().enumerate() {
            let seconds = 30 * (number as u64 + 1);
            assert!(text.contains(&format!("for {seconds} s")), "seed {seed}: {text}");
            let over = *at + Duration::from_secs(seconds);
            let early =
                played.joins.iter().find(|join| **join > *at + Duration::from_secs(1) && **join < over);
            assert_eq!(early, None, "seed {seed}: somebody was let in during the ban");
        }
        assert!(played.flashed && played.conflicts == 0, "seed {seed}");

        // The same lights with the budget kept: never.
        let kept = play(&text, seed, TEN_MINUTES);
        assert_eq!((kept.tally.bans, kept.tally.throttled, kept.conflicts), (0, 0, 0), "seed {seed}");
        assert!(kept.tally.busiest_minute <= 30 && kept.tally.passed >= 200, "seed {seed}: {:?}", kept.tally);
    }
}

#[test]
fn with_the_quota_lowered_they_are_banned_and_alternate_again_when_it_is_as_before() {
    let quota = Fault::on_broker(Quota { per_minute: 5 });
    let commands = [
        (Duration::from_mins(2), Command::InjectFault { fault: quota.clone(), lasts: None }),
        (Duration::from_mins(6), Command::ClearFault(quota)),
    ];
    for seed in 0..5 {
        let played = play_with(&lights(&["a", "b"]), seed, Duration::from_mins(16), &commands);
        assert!(played.tally.bans >= 1 && played.conflicts == 0, "seed {seed}: {:?}", played.tally);
        let late = play_with(&lights(&["a", "b"]), seed, Duration::from_mins(10), &commands);
        assert!(played.greens.len() >= late.greens.len() + 15, "seed {seed}: they did not recover");
    }
}

#[test]
fn a_quota_put_on_any_broker_bans_lights_and_they_alternate_again_when_it_ends() {
    let quota = "[[fault]]\nat_s = 10\nfor_s = 20\nwhat = \"quota\"\nper_minute = 30\n";
    for seed in 0..5 {
        let text = format!("[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\n{quota}");
        let played = play(&text, seed, Duration::from_secs(100));
        let first = |words: &str| {
            let loss = played.losses.iter().find(|(_, reason)| reason.contains(words));
            loss.unwrap_or_else(|| panic!("seed {seed}: no {words:?} in {:?}", played.losses)).0
        };
        let reset = first("reset by the broker");
        assert!(
            (Duration::from_secs(10)..Duration::from_secs(40)).contains(&reset),
            "seed {seed}: {reset:?}"
        );
        assert!(first("(code 7)") > reset, "seed {seed}");
        assert!(played.flashed, "seed {seed}: they could not be reached for half a minute");
        assert_eq!(played.conflicts, 0, "seed {seed}");
        let late = play(&text, seed, Duration::from_secs(70)).greens.len();
        let names: BTreeSet<_> = played.greens[late..].iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 2, "seed {seed}: {names:?}");
    }
}

#[test]
fn lights_that_speak_as_on_any_other_broker_are_banned_for_their_topics() {
    let text = lights(&["a", "b"]).replace("emulate", "dialect = \"standard\"\nemulate");
    let played = play(&text, 1, TEN_MINUTES);
    assert!(played.tally.failed > 10 && played.tally.bans > 0, "{:?}", played.tally);
    assert_eq!(played.tally.passed, 0);
}

#[test]
fn an_account_of_ones_own_can_be_played_without_it() {
    let text = "[broker]\nkind = \"external\"\nhost = \"io.adafruit.com\"\nuser = \"king\"\npassword = \"${KEY}\"\n\
                dialect = \"adafruit\"\n[[junction]]\nname = \"demo\"\n";
    let played = play(text, 1, TEN_MINUTES);
    assert!(played.tally.bans == 0 && played.greens.len() >= 40);
}
