#![allow(clippy::unwrap_used)]

use traffic_light::State;

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn light(name: &str) -> LightId {
    let (junction, light) = name.split_once('/').unwrap();
    LightId::new(Name::new(junction).unwrap(), Name::new(light).unwrap())
}

fn word(aspect: Aspect, seq: u32, at: u64) -> PeerMessage {
    PeerMessage::State(State::new(aspect, 7, seq, at))
}

fn kinds(news: &[EventKind]) -> Vec<String> {
    let names =
        |lights: &[LightId]| lights.iter().map(|light| light.light.to_string()).collect::<Vec<_>>().join("+");
    news.iter()
        .map(|kind| match kind {
            EventKind::ConflictBegan { lights, certainty, since, .. } => {
                format!("{certainty} {} since {}", names(lights), since.as_millis())
            }
            EventKind::ConflictEnded { lights, certainty, lasted, at_most } => {
                let (lasted, at_most) = (lasted.as_millis(), at_most.as_millis());
                format!("over {certainty} {} {lasted} to {at_most}", names(lights))
            }
            EventKind::GlitchSeen { lights, since, lasted, .. } => {
                format!("glitch {} at {} for {}", names(lights), since.as_millis(), lasted.as_millis())
            }
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn red_amber_and_amber_count_as_go_and_other_junctions_do_not_matter() {
    let mut monitor = Monitor::default();
    assert!(monitor.observe(MS(0), &light("x/a"), Aspect::Amber).is_empty());
    assert!(monitor.observe(MS(1), &light("y/b"), Aspect::Green).is_empty());
    assert!(monitor.observe(MS(2), &light("x/b"), Aspect::FlashingAmber).is_empty());
    assert!(monitor.observe(MS(3), &light("x/b"), Aspect::RedAmber).is_empty(), "it may still be a glitch");
    assert_eq!(monitor.due_at(), Some(MS(203)));
    assert!(monitor.check(MS(202)).is_empty());
    assert_eq!(kinds(&monitor.check(MS(203))), ["sure a+b since 3"]);
    assert_eq!(monitor.conflicts().count(), 1);
    assert!(monitor.observe(MS(300), &light("x/b"), Aspect::Green).is_empty(), "the same conflict goes on");
    assert_eq!(kinds(&monitor.observe(MS(903), &light("x/a"), Aspect::Red)), ["over sure a+b 900 to 900"]);
    assert_eq!((monitor.due_at(), monitor.conflicts().count()), (None, 0));
}

#[test]
fn the_bounds_of_nema_are_kept_to_the_millisecond() {
    for (lasted, told) in [
        (199, vec!["glitch a+b at 1000 for 199"]),
        (200, vec!["sure a+b since 1000", "over sure a+b 200 to 200"]),
        (449, vec!["sure a+b since 1000", "over sure a+b 449 to 449"]),
        (450, vec!["sure a+b since 1000", "over sure a+b 450 to 450"]),
    ] {
        let mut monitor = Monitor::default();
        let _ = monitor.observe(MS(500), &light("x/a"), Aspect::Green);
        let mut news = monitor.observe(MS(1_000), &light("x/b"), Aspect::RedAmber);
        // Nobody asks in between: the verdict is late, and the same.
        news.extend(monitor.observe(MS(1_000 + lasted), &light("x/a"), Aspect::Red));
        assert_eq!(kinds(&news), told);
    }
    let grades = [199, 200, 449, 450].map(|ms| Grade::of(MS(ms)));
    assert_eq!(grades, [Grade::Glitch, Grade::Brief, Grade::Brief, Grade::Full]);
}

#[test]
fn of_three_lights_each_pair_is_a_conflict_of_its_own() {
    let mut monitor = Monitor::default();
    for (at, name) in [(0, "x/a"), (100, "x/b"), (500, "x/c")] {
        let _ = monitor.observe(MS(at), &light(name), Aspect::Green);
    }
    assert_eq!(monitor.conflicts().count(), 1, "a and b, told when c came");
    assert_eq!(kinds(&monitor.check(MS(700))), ["sure a+c since 500", "sure b+c since 500"]);
    let news = kinds(&monitor.observe(MS(800), &light("x/b"), Aspect::Dark));
    assert_eq!(news, ["over sure a+b 700 to 700", "over sure b+c 300 to 300"]);
}

#[test]
fn a_heard_light_is_surely_in_go_only_between_two_words_without_a_gap() {
    let mut monitor = Monitor::default();
    let (a, b) = (light("x/a"), light("x/b"));
    let _ = monitor.observe(MS(0), &a, Aspect::Green);
    let _ = monitor.hear(MS(1_000), &b, &word(Aspect::Red, 1, 100));
    let _ = monitor.hear(MS(1_500), &b, &word(Aspect::RedAmber, 2, 600));
    // The fastest message may have taken 200 ms, and lamps a tick.
    assert_eq!(kinds(&monitor.check(MS(1_700))), ["possible a+b since 1114"]);
    // Between the two messages there are 500 ms, less what the second may have been faster than the first.
    assert_eq!(
        kinds(&monitor.hear(MS(2_000), &b, &word(Aspect::RedAmber, 3, 1_100))),
        ["sure a+b since 1500"]
    );
    // One message is missing: it may have been without right of way in between, and the conflict is the same.
    assert!(monitor.hear(MS(3_500), &b, &word(Aspect::Green, 6, 2_600)).is_empty());
    assert!(
        monitor.observe(MS(4_000), &a, Aspect::Red).is_empty(),
        "b may not have had right of way any more"
    );
    // What was sure ends 286 ms before 2000; what was possible began at 1114.
    let news = kinds(&monitor.hear(MS(5_000), &b, &word(Aspect::Red, 9, 4_100)));
    assert_eq!(news, ["over sure a+b 214 to 2886"]);
    assert_eq!(monitor.conflicts().count(), 0);
}

#[test]
fn an_orderly_change_from_a_board_to_a_virtual_light_is_no_possible_conflict() {
    let mut monitor = Monitor::default();
    let (a, b) = (light("x/a"), light("x/b"));
    let mut news = Vec::new();
    let mut seq = 0;
    let mut say = |monitor: &mut Monitor, heard: u64, aspect| {
        seq += 1;
        monitor.hear(MS(heard), &b, &word(aspect, seq, heard - 20))
    };
    for round in 0..5 {
        let start = 1_000 + round * 20_000;
        for beat in 0..16 {
            let aspect = if beat < 2 { Aspect::RedAmber } else { Aspect::Green };
            news.extend(say(&mut monitor, start + beat * 500, aspect));
        }
        news.extend(say(&mut monitor, start + 8_000, Aspect::Red));
        // The clearance after the message was heard.
        news.extend(monitor.observe(MS(start + 9_010), &a, Aspect::RedAmber));
        for beat in 18..34 {
            news.extend(say(&mut monitor, start + beat * 500 + 20, Aspect::Red));
        }
        news.extend(monitor.observe(MS(start + 17_010), &a, Aspect::Red));
        news.extend(say(&mut monitor, start + 17_600, Aspect::Red));
    }
    assert!(news.is_empty(), "{:?}", kinds(&news));
    assert_eq!(monitor.due_at(), None);
}

#[test]
fn a_plain_light_is_taken_at_its_word() {
    let mut monitor = Monitor::default();
    let (a, b) = (light("x/a"), light("x/b"));
    let _ = monitor.observe(MS(0), &a, Aspect::Green);
    let _ = monitor.hear(MS(1_000), &b, &PeerMessage::Plain(Aspect::Green));
    // In go at 1000 for sure; that it still was so 200 ms later is known when no message has come by then.
    assert_eq!(kinds(&monitor.check(MS(1_399))), ["possible a+b since 700"]);
    assert_eq!(kinds(&monitor.check(MS(1_400))), ["sure a+b since 1000"]);
    let news = kinds(&monitor.hear(MS(3_000), &b, &PeerMessage::Plain(Aspect::Red)));
    assert_eq!(news, ["over sure a+b 1800 to 2300"]);
}

#[test]
fn a_light_that_falls_silent_in_go_may_be_in_go_until_its_longest_interval_is_over() {
    let mut monitor = Monitor::default();
    let (a, b) = (light("x/a"), light("x/b"));
    let _ = monitor.hear(MS(1_000), &b, &word(Aspect::Red, 1, 100));
    let _ = monitor.hear(MS(1_500), &b, &word(Aspect::RedAmber, 2, 600));
    assert!(monitor.observe(MS(9_000), &a, Aspect::RedAmber).is_empty());
    assert_eq!(kinds(&monitor.check(MS(9_450))), ["possible a+b since 9000"]);
    // Red-amber, the longest green and amber are 12 s, and its clock may be slow.
    let due = monitor.due_at().unwrap();
    assert_eq!(due, MS(1_500 + 12_121));
    assert_eq!(kinds(&monitor.check(due)), ["over possible a+b 0 to 4621"]);
    assert_eq!(monitor.due_at(), None);
    assert!(monitor.observe(MS(20_000), &a, Aspect::Red).is_empty());
}

#[test]
fn a_late_word_takes_a_possible_conflict_back() {
    let mut monitor = Monitor::default();
    let (a, b) = (light("x/a"), light("x/b"));
    let _ = monitor.hear(MS(1_000), &b, &word(Aspect::RedAmber, 1, 0));
    let _ = monitor.observe(MS(5_000), &a, Aspect::RedAmber);
    assert_eq!(kinds(&monitor.check(MS(5_450))), ["possible a+b since 5000"]);
    // HeardMessage at 4000 by its clock, and two seconds under way.
    let news = kinds(&monitor.hear(MS(6_000), &b, &word(Aspect::Red, 7, 3_000)));
    assert_eq!(news, ["over possible a+b 0 to 0"]);
}
