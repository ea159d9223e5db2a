#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use traffic_light::{Aspect, Name, Rule};

use super::*;
use crate::world::{
    Event, EventKind,
    event::{LightKind, TopicKind},
};

fn id(text: &str) -> LightId {
    let (junction, light) = text.split_once('/').unwrap();
    LightId::new(Name::new(junction).unwrap(), Name::new(light).unwrap())
}

fn apply(state: &mut State, at_ms: u64, kind: EventKind) {
    state.apply(&Event { at: Duration::from_millis(at_ms), kind });
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
        apply(&mut state, 20, EventKind::FaultChanged { fault: Fault::WifiDown(id("demo/a")), on: true });
        apply(&mut state, 30, EventKind::ConflictBegan { lights: vec![id("demo/a"), id("demo/b")] });
    }
    assert_eq!(state.junctions.len(), 1);
    assert_eq!(state.junctions[0].lights.len(), 2);
    assert_eq!(state.light(&id("demo/a")).unwrap().spans.len(), 1);
    assert_eq!(state.faults.len(), 1);
    assert_eq!(state.conflict_count, 1);
    assert_eq!(state.log.count(), 3);
}

#[test]
fn a_conflict_stays_until_it_is_acknowledged() {
    let mut state = State::default();
    add(&mut state, "demo/a");
    add(&mut state, "demo/b");
    let lights = vec![id("demo/a"), id("demo/b")];
    apply(&mut state, 100, EventKind::ConflictBegan { lights: lights.clone() });
    apply(&mut state, 900, EventKind::ConflictEnded { lights, lasted: Duration::from_millis(800) });
    assert_eq!(state.pending_conflict().unwrap().until_ms, Some(900));
    state.acknowledge_conflicts();
    assert!(state.pending_conflict().is_none());
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
