#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use traffic_light::{Aspect, Name, Rule};

use super::*;
use crate::{
    fault::{BrokerDown, WifiDown},
    model::LightKind,
    world::{
        Event, EventKind,
        event::{Certainty, Layer, TopicKind},
    },
};

fn id(text: &str) -> LightId {
    let (junction, light) = text.split_once('/').unwrap();
    LightId::new(Name::new(junction).unwrap(), Name::new(light).unwrap())
}

fn apply(state: &mut State, at_ms: u64, kind: EventKind) {
    state.apply(&Event { at: Duration::from_millis(at_ms), kind });
}

fn began(lights: &[LightId], certainty: Certainty, since_ms: u64) -> EventKind {
    EventKind::ConflictBegan {
        lights: lights.to_vec(),
        certainty,
        since: Duration::from_millis(since_ms),
        cause: None,
    }
}

fn add(state: &mut State, light: &str) {
    let kind =
        EventKind::LightAdded { light: id(light), kind: LightKind::Virtual, rule: Rule::Lease, keyed: true };
    apply(state, 0, kind);
}

#[test]
fn a_resync_tells_nothing_twice() {
    let mut state = State::default();
    for _ in 0..2 {
        add(&mut state, "demo/b");
        add(&mut state, "demo/a");
        apply(&mut state, 10, EventKind::AspectChanged { light: id("demo/a"), aspect: Aspect::Green });
        apply(&mut state, 20, EventKind::FaultChanged { fault: Fault::on(id("demo/a"), WifiDown), on: true });
        apply(&mut state, 30, began(&[id("demo/a"), id("demo/b")], Certainty::Sure, 30));
    }
    assert_eq!(state.junctions.len(), 1);
    assert_eq!(state.junctions[0].lights.len(), 2);
    assert_eq!(state.light(&id("demo/a")).unwrap().spans.len(), 1);
    assert_eq!(state.faults.len(), 1);
    assert_eq!(state.conflicts.count, 1);
    assert_eq!(state.log.count(), 3);
}

#[test]
fn the_last_packets_of_a_light_on_a_port_are_kept_with_how_many_came_before() {
    let mut state = State::default();
    add(&mut state, "demo/b");
    for number in 0..100 {
        let (light, text) = (id("demo/b"), format!("sent PUBLISH cars \"{number}\", QoS 0").into());
        apply(&mut state, number, EventKind::PacketSeen { light, connection: 1, text, untold: number });
    }
    let packets = &state.light(&id("demo/b")).unwrap().packets;
    assert!(packets.len() < 10, "{}", packets.len());
    let last = packets.back().unwrap();
    assert_eq!((last.at_ms, last.untold, &*last.text), (99, 99, "sent PUBLISH cars \"99\", QoS 0"));
}

#[test]
fn a_conflict_stays_until_it_is_acknowledged() {
    let mut state = State::default();
    add(&mut state, "demo/a");
    add(&mut state, "demo/b");
    let lights = vec![id("demo/a"), id("demo/b")];
    apply(&mut state, 300, began(&lights, Certainty::Sure, 100));
    assert_eq!(state.junctions[0].conflict_since_ms, Some(100));
    let lasted = Duration::from_millis(800);
    let ended = EventKind::ConflictEnded { lights, certainty: Certainty::Sure, lasted, at_most: lasted };
    apply(&mut state, 900, ended);
    assert_eq!(state.junctions[0].conflict_since_ms, None);
    assert_eq!(state.conflicts.pending().unwrap().until_ms, Some(900));
    state.conflicts.acknowledge();
    assert!(state.conflicts.pending().is_none());
}

#[test]
fn a_possible_conflict_gives_way_to_the_sure_one_and_a_glitch_raises_no_alarm() {
    let mut state = State::default();
    add(&mut state, "demo/a");
    add(&mut state, "demo/b");
    let lights = [id("demo/a"), id("demo/b")];
    let lasted = Duration::from_millis(120);
    let since = Duration::from_millis(50);
    apply(&mut state, 170, EventKind::GlitchSeen { lights: lights.to_vec(), since, lasted, at_most: lasted });
    assert!(state.conflicts.pending().is_none());
    apply(&mut state, 1_000, began(&lights, Certainty::Possible, 500));
    assert_eq!(state.conflicts.count, 0, "a doubt is no conflict");
    assert_eq!(state.junctions[0].maybe_since_ms, Some(500));
    apply(&mut state, 1_500, began(&lights, Certainty::Sure, 800));
    let pending = state.conflicts.pending().unwrap();
    assert_eq!(pending.overlap, Overlap::Conflict(Certainty::Sure));
    assert_eq!((state.junctions[0].conflict_since_ms, state.junctions[0].maybe_since_ms), (Some(800), None));
    assert_eq!(state.conflicts.count, 1);
}

#[test]
fn messages_never_drive_other_events_out_of_the_log() {
    let mut state = State::default();
    add(&mut state, "demo/a");
    apply(&mut state, 1, EventKind::AspectChanged { light: id("demo/a"), aspect: Aspect::Red });
    let payload: Arc<str> = Arc::from("{}");
    for at in 0..10_000 {
        let topic = TopicKind::State;
        let light = id("demo/a");
        apply(
            &mut state,
            at,
            EventKind::MessagePassed { light, topic, payload: payload.clone(), retained: false },
        );
    }
    assert_eq!(state.log.filtered("", &[Category::Message]).len(), 1);
    assert!(state.log.filtered("", &[]).len() <= 1_001);
    assert_eq!(state.messages, 10_000);
}

#[test]
fn the_log_is_filtered_by_text_in_any_case_and_by_category() {
    let mut state = State::default();
    add(&mut state, "demo/a");
    add(&mut state, "demo/b");
    apply(&mut state, 1, EventKind::AspectChanged { light: id("demo/a"), aspect: Aspect::Red });
    apply(&mut state, 2, EventKind::AspectChanged { light: id("demo/b"), aspect: Aspect::Green });
    apply(&mut state, 3, EventKind::BrokerStopped { reason: "Asked for".to_owned() });
    assert_eq!(state.log.filtered("asked", &[]).len(), 1);
    assert_eq!(state.log.filtered("demo/b", &[]).len(), 1);
    assert_eq!(state.log.filtered("", &[Category::Light]).len(), 1);
}

#[test]
fn a_fault_that_goes_on_is_kept_whatever_comes_and_goes_after_it() {
    let mut state = State::default();
    add(&mut state, "demo/a");
    apply(&mut state, 0, EventKind::FaultChanged { fault: Fault::on_broker(BrokerDown), on: true });
    for at in 1..=2 * MAX_MARKS as u64 {
        for on in [true, false] {
            apply(&mut state, at, EventKind::FaultChanged { fault: Fault::on(id("demo/a"), WifiDown), on });
        }
    }
    assert_eq!(state.faults_on().collect::<Vec<_>>(), [&Fault::on_broker(BrokerDown)]);
    assert_eq!(state.faults.len(), MAX_MARKS, "what is over makes room");
}

#[test]
fn faults_without_an_end_are_bounded_too() {
    let mut state = State::default();
    for at in 0..20 * MAX_MARKS as u64 {
        let light = LightId::new(Name::new("demo").unwrap(), Name::new(&format!("l{at}")).unwrap());
        apply(&mut state, at, EventKind::FaultChanged { fault: Fault::on(light, WifiDown), on: true });
    }
    assert_eq!(state.faults.len(), 16 * MAX_MARKS);
}

#[test]
fn a_conflict_that_goes_on_is_kept_whatever_glitches_follow() {
    let mut state = State::default();
    let lights = [id("demo/a"), id("demo/b")];
    lights.iter().for_each(|light| add(&mut state, &light.to_string()));
    apply(&mut state, 1_000, began(&lights, Certainty::Sure, 1_000));
    for at in 0..2 * MAX_MARKS as u64 {
        let (since, lasted) = (Duration::from_millis(at), Duration::from_millis(1));
        let lights = vec![id("demo/b"), id("demo/c")];
        apply(&mut state, at, EventKind::GlitchSeen { lights, since, lasted, at_most: lasted });
    }
    assert!(state.conflicts.pending().is_some_and(|conflict| conflict.until_ms.is_none()));
}

#[test]
fn what_failed_last_is_the_cause_and_of_what_failed_at_once_the_lowest() {
    let mut state = State::default();
    add(&mut state, "demo/a");
    let mut link = |at, layer, up, reason: &str| {
        let kind = EventKind::LinkChanged { light: id("demo/a"), layer, up, reason: reason.to_owned() };
        apply(&mut state, at, kind);
        let light = state.light(&id("demo/a")).unwrap();
        light.broken_layer().map(|layer| light.layer(layer).reason.to_string())
    };
    link(1, Layer::Wifi, true, "joined");
    link(2, Layer::Tcp, true, "connected");
    assert_eq!(link(3, Layer::Mqtt, true, "subscribed"), None);
    // As the fault *Wrong password* goes: the session is cut, and the next login is refused.
    link(10, Layer::Mqtt, false, "the session was dropped on purpose");
    link(10, Layer::Tcp, false, "the session was dropped on purpose");
    assert_eq!(link(1_000, Layer::Mqtt, false, "wrong password").as_deref(), Some("wrong password"));
    // Then the broker stops: nobody listens, which both layers tell.
    link(2_000, Layer::Mqtt, false, "nobody listens");
    assert_eq!(link(2_000, Layer::Tcp, false, "nobody listens").as_deref(), Some("nobody listens"));
    assert_eq!(state.light(&id("demo/a")).unwrap().broken_layer(), Some(Layer::Tcp));
}
