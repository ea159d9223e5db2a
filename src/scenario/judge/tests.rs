use std::time::Duration;

use traffic_light::{Aspect, Name, Rule};

use super::{Judge, Outcome};
use crate::{
    fault::{Fault, WifiDown},
    model::{LightId, LightKind},
    scenario::Scenario,
    world::{
        Event, EventKind,
        event::{Certainty, Ignorer, Layer, Severity},
    },
};

const PAIR: &str = r#"[scenario]
title = "t"
teaches = "x"
seconds = 60
[[junction]]
name = "demo"
[[fault]]
what = "wifi-down"
light = "demo/a"
at_s = 20
for_s = 10
[[fault]]
what = "reboot"
light = "demo/b"
at_s = 5
"#;

fn scenario(expectations: &str) -> Scenario {
    Scenario::from_toml(&format!("{PAIR}{expectations}"), "my.toml", &|_| None).unwrap()
}

/// One expectation, and events told by hand.
struct Story {
    judge: Judge,
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn light(name: &str) -> LightId {
    LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
}

impl Story {
    /// Both lights are red from the start.
    fn of(expectation: &str) -> Story {
        let mut story = Story::untold(expectation);
        for name in ["a", "b"] {
            story = story.at(0.0, "a light is there", added(name)).shows(0.0, name, Aspect::Red);
        }
        story
    }

    fn untold(expectation: &str) -> Story {
        Story { judge: Judge::new(&scenario(&format!("[[expect]]\n{expectation}\n"))) }
    }

    fn at(mut self, at: f64, _what: &str, kind: EventKind) -> Story {
        self.judge.see(&Event { at: secs(at), kind });
        self
    }

    fn shows(self, at: f64, name: &str, aspect: Aspect) -> Story {
        self.at(at, "a light switches", EventKind::AspectChanged { light: light(name), aspect })
    }

    fn wifi_down(self, at: f64, on: bool) -> Story {
        self.at(at, "a fault", EventKind::FaultChanged { fault: Fault::on(light("a"), WifiDown), on })
    }

    fn session(self, at: f64, name: &str, up: bool) -> Story {
        let (layer, reason) = (Layer::Mqtt, String::new());
        self.at(at, "a link", EventKind::LinkChanged { light: light(name), layer, up, reason })
    }

    fn conflict(self, at: f64, until: f64) -> Story {
        let lights = vec![light("a"), light("b")];
        let (lasted, certainty) = (secs(until - at), Certainty::Sure);
        self.at(
            at,
            "begins",
            EventKind::ConflictBegan { lights: lights.clone(), certainty, since: secs(at), cause: None },
        )
        .at(until, "ends", EventKind::ConflictEnded { lights, certainty, lasted, at_most: lasted })
    }

    fn reacted(self, at: f64, ms: u64) -> Story {
        let took = Duration::from_millis(ms);
        self.at(at, "a reaction", EventKind::Reacted { from: light("a"), to: light("b"), took })
    }

    fn ignored(self, at: f64, name: &str) -> Story {
        let reason = "it is no message".to_owned();
        let light = Some(light(name));
        self.at(at, "ignored", EventKind::MessageIgnored { light, by: Ignorer::Observer, reason, more: 0 })
    }

    /// The verdict on the first expectation after so many seconds.
    #[track_caller]
    fn comes_to(mut self, at: f64, outcome: Outcome, evidence: &str) {
        self.judge.reach(secs(at));
        let verdict = self.judge.verdicts().remove(0);
        assert_eq!((verdict.outcome, verdict.evidence.as_str()), (outcome, evidence));
    }
}

fn added(name: &str) -> EventKind {
    EventKind::LightAdded { light: light(name), kind: LightKind::Virtual, rule: Rule::Lease, keyed: false }
}

use Outcome::{Failed, Held, NotJudged};

#[test]
fn no_conflict_holds_at_the_end_and_fails_at_once() {
    let story = || Story::of("what = \"no-conflict\"").shows(7.0, "a", Aspect::Green);
    story().comes_to(60.0, Held, "none, with 1 green");
    story().comes_to(12.0, NotJudged, "none, with 1 green, up to 12 s of 60 s");
    story().conflict(8.0, 9.25).comes_to(
        12.0,
        Failed,
        "demo/a and demo/b had right of way at once from 8 s on, for 1.25 s",
    );
    story().conflict(8.0, 9.0).conflict(18.5, 19.0).comes_to(
        60.0,
        Failed,
        "demo/a and demo/b had right of way at once from 8 s on, for 1 s (one of 2)",
    );
}

#[test]
fn a_conflict_counts_where_and_when_it_is_asked_for() {
    let after = "what = \"no-conflict\"\nfrom_s = 30";
    Story::of(after).conflict(8.0, 9.0).comes_to(60.0, Held, "none, with 0 greens");
    Story::of(after).conflict(29.0, 31.0).comes_to(
        60.0,
        Failed,
        "demo/a and demo/b had right of way at once from 29 s on, for 2 s",
    );
    let wanted = "what = \"conflict\"\nuntil_s = 30";
    Story::of(wanted).conflict(40.0, 41.0).comes_to(60.0, Failed, "none came");
    Story::of(wanted).comes_to(20.0, NotJudged, "none so far, up to 20 s of 30 s");
    Story::of(wanted).conflict(9.0, 11.0).comes_to(
        11.0,
        Held,
        "demo/a and demo/b had right of way at once from 9 s on, for 2 s",
    );
}

/// What is heard of boards may leave it open.
#[test]
fn a_possible_conflict_fails_who_wants_none_and_shows_none_to_who_wants_one() {
    let possible = |expectation: &str| {
        let lights = vec![light("a"), light("b")];
        let certainty = Certainty::Possible;
        let began =
            EventKind::ConflictBegan { lights: lights.clone(), certainty, since: secs(7.9), cause: None };
        let ended =
            EventKind::ConflictEnded { lights, certainty, lasted: Duration::ZERO, at_most: secs(2.0) };
        Story::of(expectation).at(8.2, "begins", began).at(10.5, "ends", ended)
    };
    let told = "demo/a and demo/b may have had right of way at once from 7.9 s on, for up to 2 s";
    possible("what = \"no-conflict\"").comes_to(60.0, Failed, told);
    possible("what = \"conflict\"").comes_to(60.0, NotJudged, told);
    let sure = possible("what = \"conflict\"").conflict(20.0, 21.0);
    sure.comes_to(60.0, Held, "demo/a and demo/b had right of way at once from 20 s on, for 1 s (one of 2)");
}

#[test]
fn a_conflict_that_turns_out_to_be_sure_is_one() {
    let lights = vec![light("a"), light("b")];
    let possible =
        EventKind::ConflictBegan { lights, certainty: Certainty::Possible, since: secs(7.9), cause: None };
    let story = Story::of("what = \"conflict\"").at(8.2, "perhaps", possible).conflict(8.5, 9.5);
    story.comes_to(60.0, Held, "demo/a and demo/b had right of way at once from 7.9 s on, for 1 s");
}

#[test]
fn a_glitch_is_told_apart_and_fails_nothing() {
    let lights = vec![light("a"), light("b")];
    let short = Duration::from_millis(120);
    let glitch = EventKind::GlitchSeen { lights, since: secs(8.0), lasted: short, at_most: short };
    let story = Story::of("what = \"no-conflict\"").at(8.12, "a glitch", glitch);
    story.comes_to(60.0, Held, "none, with 0 greens and 1 overlap of less than 200 ms");
}

#[test]
fn flashing_against_a_go_is_unsafe_from_a_glitch_on() {
    let story = |expectation: &str, until| {
        let story = Story::of(expectation).shows(5.0, "a", Aspect::RedAmber).shows(6.0, "a", Aspect::Green);
        story.shows(7.0, "b", Aspect::FlashingAmber).shows(until, "a", Aspect::Red)
    };
    let told = "demo/b flashed amber while demo/a had right of way, from 7 s on, for 0.25 s";
    story("what = \"no-unsafe-flashing\"", 7.25).comes_to(60.0, Failed, told);
    story("what = \"unsafe-flashing\"", 7.25).comes_to(8.0, Held, told);
    story("what = \"no-unsafe-flashing\"", 7.1).comes_to(60.0, Held, "none did");
    story("what = \"unsafe-flashing\"", 7.1).comes_to(60.0, Failed, "none did");
    story("what = \"unsafe-flashing\"", 7.1).comes_to(30.0, NotJudged, "none did, up to 30 s of 60 s");
}

#[test]
fn a_light_of_which_nothing_was_heard_is_not_judged() {
    let text = "nothing was seen of demo/b";
    for expectation in
        ["what = \"no-conflict\"", "what = \"steady\"", "what = \"no-go\"", "what = \"greens\"\nat_least = 1"]
    {
        let story = Story::untold(expectation).at(0.0, "added", added("b")).shows(1.0, "a", Aspect::Red);
        story.comes_to(60.0, NotJudged, text);
    }
}

#[test]
fn flashing_is_counted_from_the_start_of_the_fault() {
    let story = || {
        Story::of("what = \"flashing\"\nafter = \"wifi-down\"\nwithin_s = 13").shows(2.0, "b", Aspect::Red)
    };
    story().comes_to(19.0, NotJudged, "wifi-down on demo/a begins at 20 s");
    let begun = || story().wifi_down(20.0, true).shows(24.3, "b", Aspect::FlashingAmber);
    begun().comes_to(
        30.0,
        NotJudged,
        "wifi-down on demo/a began at 20 s; demo/a not yet, with time until 33 s",
    );
    begun().shows(32.9, "a", Aspect::FlashingAmber).comes_to(
        33.0,
        Held,
        "wifi-down on demo/a began at 20 s; demo/a flashed amber 12.9 s later, demo/b 4.3 s later (allowed: 13 s)",
    );
    begun().shows(33.5, "a", Aspect::FlashingAmber).comes_to(
        60.0,
        Failed,
        "wifi-down on demo/a began at 20 s; demo/a did not flash amber within 13 s (demo/a did 13.5 s later)",
    );
    story().at(20.0, "refused", warning("it cannot be injected: no proxy")).comes_to(
        60.0,
        NotJudged,
        "wifi-down on demo/a was not injected at 20 s: it cannot be injected: no proxy",
    );
}

fn warning(text: &str) -> EventKind {
    EventKind::Noticed { severity: Severity::Warning, light: None, text: text.to_owned() }
}

#[test]
fn a_light_that_flashes_already_needs_not_begin() {
    let story = Story::of("what = \"flashing\"\nat_s = 10\nwithin_s = 2\nlight = \"demo/b\"");
    story.shows(8.0, "b", Aspect::FlashingAmber).comes_to(
        12.0,
        Held,
        "from 10 s on; demo/b flashed amber already (allowed: 2 s)",
    );
}

#[test]
fn alternating_wants_a_green_of_each_light_that_begins_after_the_end() {
    let story = || {
        let story = Story::of("what = \"alternating\"\nafter = \"wifi-down\"\nwithin_s = 25");
        story.wifi_down(20.0, true).shows(29.0, "a", Aspect::Green).wifi_down(30.0, false)
    };
    story().comes_to(
        31.0,
        NotJudged,
        "wifi-down on demo/a ended at 30 s; demo/a, demo/b not yet, with time until 55 s",
    );
    let again = || story().shows(35.0, "b", Aspect::Green);
    again().shows(41.0, "a", Aspect::Red).shows(46.5, "a", Aspect::Green).comes_to(
        47.0,
        Held,
        "wifi-down on demo/a ended at 30 s; demo/a had green 16.5 s later, demo/b 5 s later (allowed: 25 s)",
    );
    again().comes_to(
        60.0,
        Failed,
        "wifi-down on demo/a ended at 30 s; demo/a had no green within 25 s (demo/a showed green then)",
    );
}

#[test]
fn alternating_can_be_counted_from_when_all_links_are_up() {
    let story = || {
        let text = "what = \"alternating\"\nafter = \"wifi-down\"\nsince = \"links-up\"\nwithin_s = 25";
        let story = Story::of(text).session(1.0, "a", true).session(1.0, "b", true);
        story.wifi_down(20.0, true).session(20.0, "a", false).wifi_down(30.0, false)
    };
    story().comes_to(32.0, NotJudged, "demo/a has no session since 20 s, after wifi-down on demo/a");
    story().comes_to(60.0, NotJudged, "demo/a has no session since 20 s, after wifi-down on demo/a");
    let up = story().session(34.0, "a", true).shows(40.0, "a", Aspect::Green).shows(58.5, "b", Aspect::Green);
    up.comes_to(
        60.0,
        Held,
        "all links were up at 34 s, after wifi-down on demo/a; demo/a had green 6 s later, demo/b 24.5 s later (allowed: \
         25 s)",
    );
}

#[test]
fn a_fault_of_an_instant_counts_from_its_time() {
    let story = Story::of("what = \"alternating\"\nafter = \"reboot\"\nwithin_s = 10");
    story.shows(6.0, "a", Aspect::Green).shows(14.0, "b", Aspect::Green).comes_to(
        14.0,
        Held,
        "reboot on demo/b came at 5 s; demo/a had green 1 s later, demo/b 9 s later (allowed: 10 s)",
    );
}

#[test]
fn steady_and_no_go_look_at_all_that_reaches_into_their_time() {
    let steady =
        || Story::of("what = \"steady\"\nfrom_s = 10\nuntil_s = 20").shows(8.0, "b", Aspect::FlashingAmber);
    steady().shows(9.0, "b", Aspect::Red).comes_to(20.0, Held, "none did");
    steady().shows(11.0, "b", Aspect::Red).comes_to(
        20.0,
        Failed,
        "demo/b flashed amber from 8 s on, for 3 s",
    );
    let no_go = || Story::of("what = \"no-go\"\nlight = \"demo/a\"");
    no_go().shows(5.0, "b", Aspect::Green).comes_to(60.0, Held, "none did");
    no_go().shows(5.0, "a", Aspect::RedAmber).comes_to(
        6.0,
        Failed,
        "demo/a had right of way from 5 s on, for 1 s",
    );
    no_go().comes_to(6.0, NotJudged, "none did, up to 6 s of 60 s");
}

#[test]
fn greens_and_joins_are_counted_light_by_light() {
    let greens = || {
        let story = Story::of("what = \"greens\"\nat_least = 2").shows(5.0, "a", Aspect::Green);
        story.shows(9.0, "a", Aspect::Amber).shows(25.0, "a", Aspect::Green).shows(15.0, "b", Aspect::Green)
    };
    greens().comes_to(30.0, NotJudged, "demo/a had 2, demo/b had 1, up to 30 s of 60 s");
    greens().comes_to(60.0, Failed, "demo/a had 2, demo/b had 1");
    greens().shows(31.0, "b", Aspect::Red).shows(32.0, "b", Aspect::Green).comes_to(
        33.0,
        Held,
        "demo/a had 2, demo/b had 2",
    );
    let joins = |most| {
        let story = Story::of(&format!("what = \"joins\"\nat_most = {most}"));
        let story = story.session(1.0, "a", true).session(1.1, "b", true);
        story.session(20.0, "a", false).session(31.0, "a", true)
    };
    joins(1).comes_to(40.0, Failed, "demo/a joined 2 times, demo/b joined 1 time");
    joins(2).comes_to(60.0, Held, "demo/a joined 2 times, demo/b joined 1 time");
}

#[test]
fn reactions_need_to_be_there_to_be_judged() {
    let story = || Story::of("what = \"reaction\"\np99_ms = 50");
    story().comes_to(60.0, NotJudged, "no reaction was measured");
    story().reacted(9.0, 50).comes_to(60.0, Held, "99 of 100 took at most 50.00 ms, of 1 reaction");
    story().reacted(9.0, 51).reacted(19.0, 1).comes_to(
        60.0,
        Failed,
        "99 of 100 took at most 51.00 ms, of 2 reactions",
    );
    story().reacted(9.0, 5).comes_to(
        30.0,
        NotJudged,
        "99 of 100 took at most 5.00 ms, of 1 reaction, up to 30 s of 60 s",
    );
}

#[test]
fn ignored_messages_are_counted_between_their_bounds() {
    let two = |expectation: &str| Story::of(expectation).ignored(5.0, "a").ignored(6.0, "b");
    let told = "2 messages ignored; the first at 5 s: it is no message";
    two("what = \"ignored\"\nat_least = 2").comes_to(7.0, Held, told);
    two("what = \"ignored\"\nat_least = 3").comes_to(60.0, Failed, told);
    two("what = \"ignored\"\nat_most = 1").comes_to(7.0, Failed, told);
    two("what = \"ignored\"\nat_most = 2\nat_least = 1").comes_to(60.0, Held, told);
    let one = "1 message ignored; the first at 6 s: it is no message";
    two("what = \"ignored\"\nat_least = 1\nlight = \"demo/b\"").comes_to(7.0, Held, one);
}

#[test]
fn lost_events_leave_nothing_that_rests_on_not_having_seen() {
    let text = "not everything was seen: 5 events were lost";
    for expectation in ["what = \"no-conflict\"", "what = \"steady\"", "what = \"greens\"\nat_least = 1"] {
        let mut story = Story::of(expectation);
        story.judge.miss("5 events were lost");
        story.comes_to(60.0, NotJudged, text);
    }
    let mut story =
        Story::of("what = \"greens\"\nat_least = 1\nlight = \"demo/a\"").shows(3.0, "a", Aspect::Green);
    story.judge.miss("5 events were lost");
    story.comes_to(60.0, Held, "demo/a had 1");
}

#[test]
fn what_happens_after_the_end_does_not_count() {
    let story = Story::of("what = \"no-conflict\"").conflict(61.0, 62.0);
    story.comes_to(63.0, Held, "none, with 0 greens");
}

#[test]
fn a_fault_that_came_late_gives_the_run_as_much_more_time() {
    let story = Story::of("what = \"alternating\"\nafter = \"wifi-down\"\nwithin_s = 30");
    assert_eq!(story.judge.ends_at(), secs(60.0));
    let story = story.wifi_down(20.0, true).wifi_down(30.04, false);
    assert_eq!(story.judge.ends_at(), secs(60.04));
}

#[test]
fn what_is_told_again_changes_nothing() {
    let story =
        Story::of("what = \"greens\"\nat_least = 2\nlight = \"demo/a\"").shows(5.0, "a", Aspect::Green);
    story.shows(6.0, "a", Aspect::Green).comes_to(60.0, Failed, "demo/a had 1");
}
