//! The simulated world: what it tells follows from its seed, and each fault does what it does live.

use std::time::Duration;

use traffic_light::{Aspect, Name};
use twinlight::{
    config::Config,
    fault::{
        Bandwidth, BlackHole, BrokerFault, ClockDrift, Delay, Double, Fault, HalfOpen, Hang, Latency,
        LightFault, LinkFault, LinkFaultSpec, Lose, NameNotFound, Quota, Refuse, Reorder, Reset, Silence,
        SlowClose, Suspend, TakenOver, WifiDown, WrongPassword,
    },
    model::LightId,
    playback::Playback,
    simulated::{Options, Simulation},
    world::{
        Command, Event, EventKind,
        event::{Layer, Severity},
    },
};

const PAIR: &str = "[broker]\nkind = \"embedded\"\nuser = \"lab\"\npassword = \"s3cret\"\n[[junction]]\n\
                    name = \"demo\"\nlights = [\"a\", \"b\"]\n";

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn config(text: &str) -> Config {
    Config::from_toml(text, "lab.toml", &|_| None).unwrap()
}

fn light(name: &str) -> LightId {
    LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
}

fn on_link(name: &str, fault: impl Into<LinkFault>) -> Fault {
    Fault::Link { light: light(name), spec: LinkFaultSpec::both_ways(fault) }
}

/// A simulation, and all that it has told.
struct Run {
    simulation: Simulation,
    told: Vec<Event>,
}

impl Run {
    fn new(text: &str, seed: u64) -> Run {
        let simulation = Simulation::new(&config(text), seed, Options::default()).unwrap();
        Run { simulation, told: Vec::new() }
    }

    /// A pair that alternates.
    fn running(seed: u64) -> Run {
        let mut lab = Run::new(PAIR, seed);
        lab.play(40);
        assert!(lab.greens().len() >= 3, "{:#?}", lab.told);
        lab
    }

    /// Plays on, and returns what was told meanwhile.
    fn play(&mut self, seconds: u64) -> &[Event] {
        let before = self.told.len();
        let until = self.simulation.now() + s(seconds);
        self.simulation.play(until, &mut |event| self.told.push(event));
        &self.told[before..]
    }

    fn obey(&mut self, command: Command) {
        self.simulation.obey(command).unwrap();
    }

    fn put(&mut self, fault: Fault) -> Duration {
        self.obey(Command::InjectFault { fault, lasts: None });
        self.simulation.now()
    }

    fn clear(&mut self) -> Duration {
        self.obey(Command::ClearFaults);
        self.simulation.now()
    }

    /// The lights in the order of their greens.
    fn greens(&self) -> Vec<&str> {
        self.greens_since(Duration::ZERO)
    }

    fn greens_since(&self, since: Duration) -> Vec<&str> {
        let later = self.told.iter().filter(|event| event.at > since);
        let green = later.filter_map(|event| match &event.kind {
            EventKind::AspectChanged { light, aspect: Aspect::Green } => Some(light.light.as_str()),
            _ => None,
        });
        green.collect()
    }

    /// When something was first told after `since`.
    fn first(&self, since: Duration, wanted: impl Fn(&EventKind) -> bool) -> Option<Duration> {
        self.told.iter().find(|event| event.at >= since && wanted(&event.kind)).map(|event| event.at - since)
    }

    fn shows(&self, since: Duration, name: &str, wanted: Aspect) -> Option<Duration> {
        self.first(since, |kind| matches!(kind, EventKind::AspectChanged { light: other, aspect } if *other == light(name) && *aspect == wanted))
    }

    /// When a light first lost its session after `since`, and why.
    fn lost(&self, since: Duration, name: &str) -> Option<(Duration, &str)> {
        self.told.iter().filter(|event| event.at >= since).find_map(|event| match &event.kind {
            EventKind::LinkChanged { light: other, layer: Layer::Mqtt, up: false, reason }
                if *other == light(name) =>
            {
                Some((event.at - since, reason.as_str()))
            }
            _ => None,
        })
    }

    fn up_again(&self, since: Duration, name: &str) -> Option<Duration> {
        self.first(since, |kind| matches!(kind, EventKind::LinkChanged { light: other, layer: Layer::Mqtt, up: true, .. } if *other == light(name)))
    }

    fn offline(&self, since: Duration, name: &str) -> Option<Duration> {
        self.first(since, |kind| matches!(kind, EventKind::PresenceChanged { light: other, online: false, .. } if *other == light(name)))
    }

    fn conflicts(&self) -> usize {
        self.told.iter().filter(|event| matches!(event.kind, EventKind::ConflictBegan { .. })).count()
    }

    /// Checks that both lights have their green again, and that nothing was ever wrong.
    fn alternates(&mut self) {
        let since = self.simulation.now();
        self.play(60);
        let greens: String = self.greens_since(since).concat();
        assert!(greens.contains("abab") || greens.contains("baba"), "{greens}: {}", shown(&self.told));
        assert_eq!(self.conflicts(), 0);
    }
}

fn shown(events: &[Event]) -> String {
    events.iter().map(|event| format!("{event:?}\n")).collect()
}

#[test]
fn the_same_seed_means_the_same_events_and_another_seed_others() {
    let told = |seed, steps: u64| {
        let mut simulation = Simulation::new(&config(PAIR), seed, Options { detailed: true }).unwrap();
        let mut told = Vec::new();
        for step in 1..=steps {
            simulation.play(
                s(120) * u32::try_from(step).unwrap() / u32::try_from(steps).unwrap(),
                &mut |event| {
                    told.push(event);
                },
            );
        }
        shown(&told)
    };
    let first = told(7, 1);
    assert_eq!(first, told(7, 977), "it does not matter how often it is asked to play on");
    assert_ne!(first, told(8, 1));
    assert!(first.contains("MessagePassed") && first.contains("LightReported") && first.contains("Reacted"));
}

#[test]
fn a_pair_alternates_and_says_goodbye() {
    let mut lab = Run::new(PAIR, 1);
    lab.play(600);
    let greens = lab.greens();
    assert!((45..60).contains(&greens.len()), "{greens:?}");
    assert!(greens.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(lab.conflicts(), 0);
    lab.obey(Command::Shutdown);
    lab.play(5);
    assert!(matches!(lab.told.last().unwrap().kind, EventKind::Stopped));
    assert!(lab.offline(s(600), "a").is_some() && lab.offline(s(600), "b").is_some());
    assert_eq!(lab.simulation.next_at(), None);
    assert!(lab.simulation.obey(Command::ClearFaults).is_err());
}

#[test]
fn without_wifi_a_light_is_lost_and_the_broker_notices_by_keep_alive() {
    let mut lab = Run::running(2);
    let since = lab.put(Fault::on(light("a"), WifiDown));
    lab.play(30);
    assert_eq!(lab.lost(since, "a").unwrap(), (Duration::ZERO, "Wi-Fi lost"));
    let offline = lab.offline(since, "a").unwrap();
    assert!((s(5)..s(8)).contains(&offline), "1.5 keep-alives after its last word: {offline:?}");
    for name in ["a", "b"] {
        let flashing = lab.shows(since, name, Aspect::FlashingAmber).unwrap();
        assert!((s(3)..s(14)).contains(&flashing), "lost, and its promises over: {name} {flashing:?}");
    }
    let since = lab.clear();
    lab.alternates();
    assert!((s(1)..s(6)).contains(&lab.up_again(since, "a").unwrap()), "joining takes its time again");
}

#[test]
fn a_broker_that_stops_closes_every_session_and_forgets_it() {
    let mut lab = Run::running(3);
    lab.obey(Command::StopBroker);
    let since = lab.simulation.now();
    lab.play(30);
    for name in ["a", "b"] {
        let (after, reason) = lab.lost(since, name).unwrap();
        assert!(
            after < Duration::from_millis(10) && reason.contains("closed the connection"),
            "{after:?} {reason}"
        );
        assert!(lab.shows(since, name, Aspect::FlashingAmber).is_some());
    }
    let last = lab.told.iter().rev().find_map(|event| match &event.kind {
        EventKind::LinkChanged { layer: Layer::Tcp, reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert!(last.unwrap().contains("nobody listens at 127.0.0.1:1883"));
    assert!(
        lab.first(since, |kind| matches!(
            kind,
            EventKind::FaultChanged { fault: Fault::Broker(BrokerFault::BrokerDown(_)), on: true }
        ))
        .is_some()
    );
    lab.obey(Command::StartBroker);
    let since = lab.simulation.now();
    lab.alternates();
    assert!(lab.up_again(since, "a").unwrap() < s(5));
}

#[test]
fn a_light_that_hangs_is_reset_by_its_watchdog_and_one_that_goes_on_in_time_is_not() {
    let mut lab = Run::running(4);
    let since = lab.put(Fault::on(light("a"), Hang));
    lab.play(20);
    let over = lab.first(since, |kind| {
        matches!(
            kind,
            EventKind::FaultChanged { fault: Fault::Light { fault: LightFault::Hang(_), .. }, on: false }
        )
    });
    assert_eq!(over, Some(s(1)), "the watchdog ends it");
    assert_eq!(lab.shows(since, "a", Aspect::Dark), Some(s(1)));
    assert!(lab.up_again(since, "a").is_some());
    lab.alternates();
    let since = lab.put(Fault::on(light("a"), Hang));
    lab.simulation.play(since + Duration::from_millis(900), &mut |_| ());
    lab.clear();
    lab.alternates();
    assert_eq!((lab.shows(since, "a", Aspect::Dark), lab.lost(since, "a")), (None, None));
}

#[test]
fn a_light_that_sleeps_is_dark_loses_its_session_and_comes_back() {
    let mut lab = Run::running(5);
    let since = lab.put(Fault::on(light("a"), Suspend));
    lab.play(60);
    assert_eq!(lab.shows(since, "a", Aspect::Dark), Some(Duration::ZERO));
    assert!((s(5)..s(9)).contains(&lab.offline(since, "a").unwrap()));
    assert!(lab.shows(since, "b", Aspect::FlashingAmber).unwrap() < s(14));
    assert_eq!(lab.lost(since, "a"), None, "it does not know of anything");
    let since = lab.clear();
    lab.alternates();
    let (after, reason) = lab.lost(since, "a").unwrap();
    assert!(after < Duration::from_millis(10) && reason.contains("closed"), "{after:?} {reason}");
}

#[test]
fn what_happens_to_the_link_of_a_light_that_sleeps_or_hangs_is_told_to_its_program_later() {
    for fault in [Fault::on(light("a"), Suspend), Fault::on(light("a"), Hang)] {
        let mut lab = Run::running(23);
        let since = lab.put(fault);
        lab.obey(Command::DropSession { light: light("a") });
        lab.simulation.play(since + Duration::from_millis(800), &mut |_| ());
        lab.clear();
        lab.alternates();
    }
}

#[test]
fn a_wrong_password_and_an_unknown_name_keep_a_light_out_until_they_are_put_right() {
    for (fault, word) in [
        (Fault::on(light("a"), WrongPassword), "refused user or password"),
        (Fault::on(light("a"), NameNotFound), "was not found"),
    ] {
        let mut lab = Run::running(6);
        let since = lab.put(fault);
        lab.play(30);
        let after = lab.told.iter().filter(|event| event.at >= since);
        let reasons: Vec<_> = after
            .filter_map(|event| match &event.kind {
                EventKind::LinkChanged { layer: Layer::Mqtt, up, reason, .. } => Some((*up, reason.as_str())),
                _ => None,
            })
            .collect();
        assert!(reasons.iter().all(|(up, _)| !up) && reasons.last().unwrap().1.contains(word));
        lab.clear();
        lab.alternates();
    }
}

#[test]
fn a_session_is_taken_over_again_and_again_until_the_other_has_gone() {
    let mut lab = Run::running(7);
    let since = lab.put(Fault::on(light("a"), TakenOver));
    lab.play(60);
    let losses = lab.told.iter().filter(|event| event.at >= since).filter(|event| {
        matches!(&event.kind, EventKind::LinkChanged { light: other, layer: Layer::Mqtt, up: false, .. } if *other == light("a"))
    });
    assert!(losses.count() > 3);
    assert!(lab.lost(since, "a").unwrap().1.contains("closed the connection"));
    lab.clear();
    lab.alternates();
}

#[test]
fn a_silent_light_keeps_its_session_and_is_lost_to_the_other() {
    let mut lab = Run::running(8);
    let since = lab.put(Fault::on(light("a"), Silence));
    lab.play(40);
    assert!(lab.shows(since, "b", Aspect::FlashingAmber).unwrap() < s(14));
    assert_eq!(lab.lost(since, "a"), None);
    lab.clear();
    lab.alternates();
}

#[test]
fn connections_are_reset_refused_and_broken_as_a_proxy_does_it() {
    let mut lab = Run::running(9);
    let since = lab.put(on_link("a", Reset { after_ms: 300 }));
    lab.play(5);
    let (after, reason) = lab.lost(since, "a").unwrap();
    let ms = Duration::from_millis;
    assert!((ms(300)..ms(310)).contains(&after) && reason.contains("reset"), "{after:?} {reason}");
    assert!(lab.offline(since, "a").unwrap() <= ms(300), "the broker's end is reset too");
    lab.clear();
    lab.alternates();

    let since = lab.put(on_link("a", Refuse));
    lab.play(20);
    assert_eq!(lab.lost(since, "a"), None, "a connection that is there stays");
    lab.obey(Command::DropSession { light: light("a") });
    lab.play(10);
    let refused = lab.first(since, |kind| matches!(kind, EventKind::LinkChanged { layer: Layer::Tcp, up: false, reason, .. } if reason.contains("nobody listens")));
    assert!(refused.is_some() && lab.up_again(since, "a").is_none());
    lab.clear();
    lab.alternates();

    let since = lab.put(on_link("a", HalfOpen { after_ms: 0 }));
    lab.play(20);
    assert!(lab.offline(since, "a").unwrap() < ms(10), "the broker knows at once");
    let (after, reason) = lab.lost(since, "a").unwrap();
    assert!((s(5)..s(11)).contains(&after) && reason.contains("two keep-alives"), "{after:?} {reason}");
    lab.clear();
    lab.alternates();
}

#[test]
fn a_black_hole_is_noticed_by_keep_alive_at_both_ends() {
    let mut lab = Run::running(10);
    let since = lab.put(on_link("a", BlackHole));
    lab.play(40);
    let (after, reason) = lab.lost(since, "a").unwrap();
    assert!((s(5)..s(11)).contains(&after) && reason.contains("two keep-alives"), "{after:?} {reason}");
    assert!((s(7)..=s(8)).contains(&lab.offline(since, "a").unwrap()), "1.5 keep-alives");
    assert_eq!(lab.up_again(since, "a"), None, "no connection comes to be");
    let tries = lab.told.iter().filter(|event| matches!(&event.kind, EventKind::LinkChanged { reason, .. } if reason.contains("did not answer in time")));
    assert!(tries.count() > 0);
    lab.clear();
    lab.alternates();
}

#[test]
fn a_close_that_is_slow_is_heard_late() {
    for (slow, at_least, at_most) in [(0, 0, 10), (5_000, 5_000, 5_010)] {
        let mut lab = Run::running(11);
        if slow > 0 {
            lab.put(on_link("a", SlowClose { ms: slow }));
        }
        // It does not come back, and so does not take its old session over.
        let since = lab.put(Fault::on(light("a"), NameNotFound));
        lab.play(10);
        let ms = Duration::from_millis;
        let offline = lab.offline(since, "a").unwrap();
        assert!((ms(at_least)..ms(at_most)).contains(&offline), "{slow}: {offline:?}");
    }
}

#[test]
fn a_longer_or_narrower_way_delays_words_by_as_much() {
    let reactions = |fault: Option<Fault>| {
        let mut lab = Run::running(12);
        if let Some(fault) = fault {
            lab.put(fault);
        }
        let since = lab.simulation.now();
        lab.play(300);
        let took = lab.told.iter().filter(|event| event.at > since).filter_map(|event| match &event.kind {
            EventKind::Reacted { from, took, .. } if *from == light("a") => {
                Some(took.as_secs_f64() * 1_000.0)
            }
            _ => None,
        });
        let took: Vec<f64> = took.collect();
        assert!(took.len() > 5, "{}", took.len());
        took.iter().sum::<f64>() / took.len() as f64
    };
    let near = reactions(None);
    assert!((0.4..4.0).contains(&near), "{near}");
    let far = reactions(Some(on_link("a", Latency { ms: 100, jitter_ms: 0 })));
    assert!((near + 98.0..near + 103.0).contains(&far), "{far}");
    let narrow = reactions(Some(on_link("a", Bandwidth { bytes_per_s: 2_000 })));
    assert!((near + 20.0..near + 400.0).contains(&narrow), "{narrow}");
}

#[test]
fn words_that_are_lost_doubled_late_or_overtaken_cost_no_safety() {
    for fault in [
        on_link("a", Lose { percent: 40 }),
        on_link("a", Double { percent: 100 }),
        on_link("b", Delay { percent: 50, ms: 3_000 }),
        on_link("b", Reorder { percent: 50 }),
    ] {
        for seed in 0..5 {
            let mut lab = Run::running(seed);
            lab.put(fault.clone());
            lab.play(300);
            assert_eq!(lab.conflicts(), 0, "{fault}");
            lab.clear();
            lab.alternates();
        }
    }
}

#[test]
fn a_light_whose_words_are_all_lost_speaks_again_when_that_is_over() {
    let mut lab = Run::running(13);
    let since = lab.put(on_link("a", Lose { percent: 100 }));
    lab.play(60);
    assert!(lab.shows(since, "b", Aspect::FlashingAmber).unwrap() < s(14));
    lab.clear();
    lab.alternates();
}

#[test]
fn clocks_that_are_wrong_within_what_the_rules_bear_do_no_harm() {
    let mut lab = Run::running(14);
    lab.put(Fault::on(light("a"), ClockDrift { ppm: 10_000 }));
    lab.put(Fault::on(light("b"), ClockDrift { ppm: -10_000 }));
    lab.play(3_600);
    lab.alternates();
    lab.clear();
    lab.alternates();
}

#[test]
fn a_reboot_a_dropped_session_and_a_light_that_goes_and_comes_back() {
    let mut lab = Run::running(15);
    lab.obey(Command::RebootLight { light: light("a") });
    assert_eq!(lab.shows(lab.simulation.now(), "a", Aspect::Dark), None, "nothing happens between two calls");
    let since = lab.simulation.now();
    lab.play(1);
    assert_eq!(lab.shows(since, "a", Aspect::Dark), Some(Duration::ZERO));
    lab.alternates();
    let since = lab.simulation.now();
    lab.obey(Command::DropSession { light: light("b") });
    lab.alternates();
    assert!(lab.up_again(since, "b").unwrap() < s(1));
    let since = lab.simulation.now();
    lab.obey(Command::RunLight { light: light("b"), on: false });
    lab.play(30);
    assert!(lab.offline(since, "b").unwrap() < Duration::from_millis(10));
    assert!(lab.first(since, |kind| matches!(kind, EventKind::LightRemoved { .. })).is_some());
    lab.obey(Command::RunLight { light: light("b"), on: true });
    lab.play(10);
    lab.alternates();
}

#[test]
fn a_light_obeys_commands_over_mqtt_and_its_button() {
    use traffic_light::command::Action;
    let keyed = PAIR.replace("[[junction]]\n", "[[junction]]\nkey = \"a key of sixteen or more\"\n");
    let mut lab = Run::new(&keyed, 16);
    lab.play(40);
    let since = lab.simulation.now();
    let tell = |action, ms| Command::TellLight { light: light("a"), action, ms };
    lab.obey(tell(Action::Silence, Some(3_000)));
    lab.play(10);
    for on in [true, false] {
        assert!(lab.first(since, |kind| matches!(kind, EventKind::FaultChanged { fault: Fault::Light { fault: LightFault::Silence(_), .. }, on: told } if *told == on)).is_some());
    }
    let since = lab.simulation.now();
    lab.obey(tell(Action::WifiDown, Some(2_000)));
    lab.play(20);
    assert!(lab.lost(since, "a").unwrap().1.contains("Wi-Fi") && lab.up_again(since, "a").is_some());
    let since = lab.simulation.now();
    lab.obey(tell(Action::Reboot, None));
    lab.play(20);
    assert!(lab.shows(since, "a", Aspect::Dark).is_some());
    lab.alternates();

    let mut lab = Run::new(&PAIR.replace("[[junction]]\n", "[[junction]]\ndemand = \"call\"\n"), 17);
    lab.play(60);
    assert!(lab.greens().is_empty());
    lab.obey(Command::CallLight { light: light("b") });
    lab.play(20);
    assert_eq!(lab.greens(), ["b"]);
}

#[test]
fn what_is_invalid_or_cannot_be_done_is_refused_with_the_reason() {
    let text = PAIR
        .replace("user = \"lab\"\npassword = \"s3cret\"\n", "")
        .replace("[[junction]]", "[links]\nproxy = false\n[[junction]]");
    let mut lab = Run::new(&text, 18);
    lab.play(10);
    let drift = |ppm| Fault::on(light("a"), ClockDrift { ppm });
    let up = |fault| Fault::Link { light: light("a"), spec: LinkFaultSpec::to_broker(fault) };
    for (fault, word) in [
        (up(LinkFault::from(Refuse)), "whole"),
        (up(Latency { ms: 1, jitter_ms: 2 }.into()), "jitter"),
        (up(BlackHole.into()), "links.proxy"),
        (on_link("c", BlackHole), "no light demo/c"),
        (Fault::on(light("a"), WrongPassword), "lets everybody in"),
        (Fault::on(light("c"), Hang), "does not run"),
        (drift(0), "has no effect"),
    ] {
        lab.put(fault);
        let said = lab.play(1).iter().find_map(|event| match &event.kind {
            EventKind::Noticed { severity: Severity::Warning, text, .. } => Some(text.clone()),
            _ => None,
        });
        assert!(said.as_ref().unwrap().contains(word), "{said:?}");
        assert!(!lab.told.iter().any(|event| matches!(event.kind, EventKind::FaultChanged { .. })));
    }
    let login = twinlight::model::Login { user: "a".to_owned(), password: "b".to_owned() };
    let refused = lab.simulation.obey(Command::LetBoardsJoin { login }).unwrap_err();
    assert!(refused.message.contains("cannot join a simulation") && refused.help.is_some());
}

#[test]
fn a_quota_rejects_and_then_bans_and_lights_come_back_when_it_is_over() {
    let mut lab = Run::running(20);
    let since = lab.put(Fault::on_broker(Quota { per_minute: 30 }));
    lab.play(90);
    let notices: Vec<_> = lab
        .told
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Noticed { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(
        notices.iter().any(|text| text.contains("more than 30 publishes within a minute")),
        "{notices:?}"
    );
    assert!(notices.iter().any(|text| text.contains("banned its account for 30 s")), "{notices:?}");
    let (after, reason) = lab.lost(since, "a").unwrap();
    assert!(after < s(40) && reason.contains("reset"), "{after:?} {reason}");
    let refused = lab.first(since, |kind| matches!(kind, EventKind::LinkChanged { layer: Layer::Mqtt, up: false, reason, .. } if reason.contains("code 7")));
    assert!(refused.is_some(), "nobody is let in while the account is banned");
    lab.clear();
    // Who was banned waits a while before the next try.
    lab.play(60);
    lab.alternates();
}

#[test]
fn the_chaos_switch_brings_faults_takes_them_out_and_leaves_a_persons_own_alone() {
    let mut lab = Run::running(22);
    lab.put(Fault::on(light("b"), Silence));
    lab.obey(Command::StartChaos { seed: Some(5), pace: s(2) });
    let since = lab.simulation.now();
    lab.play(600);
    let changes = |on| {
        let changes = lab.told.iter().filter(|event| event.at >= since);
        changes
            .filter(|event| matches!(&event.kind, EventKind::FaultChanged { on: told, .. } if *told == on))
            .count()
    };
    assert!(changes(true) > 50 && changes(false) > 50, "{} and {}", changes(true), changes(false));
    assert!(lab.told.iter().any(|event| matches!(event.kind, EventKind::ChaosChanged { seed: Some(5) })));
    let since = lab.simulation.now();
    lab.obey(Command::StopChaos);
    lab.obey(Command::Resync);
    lab.play(1);
    let left: Vec<_> = lab
        .told
        .iter()
        .filter(|event| event.at >= since)
        .filter_map(|event| match &event.kind {
            EventKind::FaultChanged { fault, on: true } => Some(fault),
            _ => None,
        })
        .collect();
    assert_eq!(left, [&Fault::on(light("b"), Silence)], "a person injected it");
    lab.clear();
    lab.alternates();
}

#[test]
fn messages_can_be_published_by_hand_and_what_is_kept_is_told_again() {
    use twinlight::world::command::ByHand;
    let mut simulation = Simulation::new(&config(PAIR), 21, Options { detailed: true }).unwrap();
    let mut told = Vec::new();
    simulation.play(s(10), &mut |event| told.push(event));
    told.clear();
    let message = |topic: &str, payload: &str| {
        Command::Publish(ByHand { topic: topic.to_owned(), payload: payload.into(), retain: true, qos: 1 })
    };
    simulation.obey(message("twinlight/notes", "hello")).unwrap();
    simulation.obey(message("twinlight/+", "")).unwrap();
    simulation.obey(message("twinlight/demo/b/state", "green")).unwrap();
    simulation.obey(Command::RequestRetained).unwrap();
    simulation.play(s(11), &mut |event| told.push(event));
    let text = shown(&told);
    assert!(text.contains("nothing was published: + and #"), "{text}");
    let kept =
        told.iter().filter(|event| matches!(&event.kind, EventKind::TopicHeard { retained: true, .. }));
    assert_eq!(kept.count(), 5, "two states, two statuses and the note");
    assert!(text.contains("MessageIgnored"), "a bare aspect on the topic of b: {text}");
}

#[test]
fn an_outside_broker_is_simulated_too_and_lights_that_do_not_run_are_lost() {
    let text = PAIR
        .replace("kind = \"embedded\"", "kind = \"external\"\nhost = \"broker.example\"")
        .replace("lights = [\"a\", \"b\"]", "lights = [\"a\", \"b\"]\nrun = [\"a\"]");
    let mut lab = Run::new(&text, 19);
    lab.play(60);
    let started = lab.first(
        Duration::ZERO,
        |kind| matches!(kind, EventKind::BrokerStarted { address, .. } if address == "broker.example:1883"),
    );
    assert!(started.is_some() && lab.up_again(Duration::ZERO, "a").is_some());
    assert!(lab.greens().is_empty() && lab.shows(Duration::ZERO, "a", Aspect::FlashingAmber).is_some());
    lab.obey(Command::StopBroker);
    lab.play(1);
    assert!(lab.told.iter().any(|event| matches!(event.kind, EventKind::BrokerStopped { .. })));
}

#[test]
fn the_react_rule_conflicts_where_the_lease_rule_does_not() {
    let text = std::fs::read_to_string("config/react-cut.toml").unwrap();
    let conflicts = |text: &str, seed| {
        let mut lab = Run::new(text, seed);
        let faults = lab
            .play(90)
            .iter()
            .filter(|event| matches!(event.kind, EventKind::FaultChanged { .. }))
            .map(|event| event.at.as_secs())
            .collect::<Vec<_>>();
        assert_eq!(faults, [15, 40, 52, 77], "the planned faults are played");
        lab.conflicts()
    };
    assert!((0..20).any(|seed| conflicts(&text, seed) > 0));
    let lease = text.replace("rule = \"react\"", "rule = \"lease\"");
    assert_eq!((0..20).map(|seed| conflicts(&lease, seed)).sum::<usize>(), 0);
}
