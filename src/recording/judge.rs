//! The monitor's verdicts over again, from the lamps and messages that were recorded, and not from
//! what the monitor said then.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use traffic_light::{Aspect, Foreign, Name, PeerMessage, foreign::amber_after};

use super::Recording;
use crate::{
    model::{LightId, LightKind},
    world::{
        Event, EventKind,
        event::{Cause, Certainty, Ignorer, TopicKind},
        monitor::{Limits, Monitor},
    },
};

/// Both judge the same lamps, but a message is recorded some moments before it is judged live.
const TOLERANCE: Duration = Duration::from_millis(50);

/// What began: a sure conflict, a possible one, or (`None`) a glitch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub lights: Vec<LightId>,
    /// How sure it is; `None` for a glitch.
    pub certainty: Option<Certainty>,
    /// Since when they had right of way at once.
    pub since: Duration,
}

/// A recording, judged.
#[derive(Debug)]
pub struct Judged {
    /// All events in their order, with the verdicts of now in place of those of then.
    pub events: Vec<Event>,
    /// Verdicts of now that were not told then.
    pub only_now: Vec<Verdict>,
    /// Verdicts of then that do not hold now.
    pub only_then: Vec<Verdict>,
}

#[must_use]
pub fn judge(recording: &Recording) -> Judged {
    let mut monitor = Monitor::default();
    for junction in &recording.header().junctions {
        monitor.set_limits(&junction.name, Limits::of(&junction.timing));
    }
    let foreign: HashMap<LightId, &Foreign> = recording
        .header()
        .junctions
        .iter()
        .flat_map(|junction| {
            let id = |light: &Name| LightId::new(junction.name.clone(), light.clone());
            junction.foreign.iter().map(move |(light, foreign)| (id(light), foreign))
        })
        .collect();
    let mut shown: HashMap<LightId, Aspect> = HashMap::new();
    let causes = causes(recording.events());
    let ignored = ignored(recording.events());
    let mut kinds: HashMap<LightId, LightKind> = HashMap::new();
    let (mut events, mut now, mut then) = (Vec::new(), Vec::new(), Vec::new());
    for (place, event) in recording.events().iter().enumerate() {
        let at = event.at;
        while let Some(due) = monitor.due_at().filter(|due| *due <= at) {
            let news = monitor.check(due);
            tell(due, named(news, &causes), &mut events, &mut now);
        }
        if let Some(verdict) = Verdict::of(&event.kind) {
            then.push(verdict);
        }
        let news = match &event.kind {
            EventKind::ConflictBegan { .. }
            | EventKind::ConflictEnded { .. }
            | EventKind::GlitchSeen { .. } => {
                continue;
            }
            EventKind::LightAdded { light, kind, .. } => {
                kinds.insert(light.clone(), *kind);
                Vec::new()
            }
            EventKind::LightRemoved { light } => {
                kinds.remove(light);
                Vec::new()
            }
            EventKind::AspectChanged { light, aspect } if kinds.get(light) == Some(&LightKind::Virtual) => {
                monitor.observe(at, light, *aspect)
            }
            EventKind::MessagePassed { light, topic: TopicKind::State, payload, retained: false }
                if kinds.get(light) != Some(&LightKind::Virtual) && !ignored.contains(&place) =>
            {
                let word = match foreign.get(light) {
                    Some(foreign) => foreign.understand(payload.as_bytes()).map(|word| {
                        let shown = shown.entry(light.clone()).or_default();
                        *shown = amber_after(*shown, word);
                        PeerMessage::Plain(*shown)
                    }),
                    // Its signature was judged when it was heard: the key is not in the recording.
                    None => PeerMessage::decode("", payload.as_bytes(), None).ok(),
                };
                word.map(|word| monitor.hear(at, light, &word)).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        events.push(event.clone());
        tell(at, named(news, &causes), &mut events, &mut now);
    }
    let only_now = without(&now, &then);
    let only_then = without(&then, &now);
    Judged { events, only_now, only_then }
}

impl Verdict {
    fn of(kind: &EventKind) -> Option<Verdict> {
        match kind {
            EventKind::ConflictBegan { lights, certainty, since, .. } => {
                Some(Verdict { lights: lights.clone(), certainty: Some(*certainty), since: *since })
            }
            EventKind::GlitchSeen { lights, since, .. } => {
                Some(Verdict { lights: lights.clone(), certainty: None, since: *since })
            }
            _ => None,
        }
    }
}

fn tell(at: Duration, news: Vec<EventKind>, events: &mut Vec<Event>, verdicts: &mut Vec<Verdict>) {
    for kind in news {
        verdicts.extend(Verdict::of(&kind));
        events.push(Event { at, kind });
    }
}

/// The causes that were told of conflicts: what a light had been told then is not judged again.
fn causes(events: &[Event]) -> Vec<(Vec<LightId>, Duration, Cause)> {
    let told = events.iter().filter_map(|event| match &event.kind {
        EventKind::ConflictBegan { lights, since, cause: Some(cause), .. } => {
            Some((lights.clone(), *since, *cause))
        }
        _ => None,
    });
    told.collect()
}

/// Gives the conflicts of now the causes of then.
fn named(mut news: Vec<EventKind>, causes: &[(Vec<LightId>, Duration, Cause)]) -> Vec<EventKind> {
    for kind in &mut news {
        if let EventKind::ConflictBegan { lights, since, cause, .. } = kind {
            let like = |(of, at, _): &&(Vec<LightId>, Duration, Cause)| {
                of == lights && at.abs_diff(*since) <= TOLERANCE
            };
            *cause = causes.iter().find(like).map(|(_, _, cause)| *cause);
        }
    }
    news
}

/// The places of the messages that the observer ignored: it says so before it tells of the next one. Those that
/// it summed up were not told before.
fn ignored(events: &[Event]) -> HashSet<usize> {
    let mut ignored = HashSet::new();
    let mut message = None;
    for (place, event) in events.iter().enumerate() {
        match &event.kind {
            EventKind::MessagePassed { .. } => message = Some(place),
            EventKind::MessageIgnored { by: Ignorer::Observer, more: 0, .. } => {
                ignored.extend(message.take());
            }
            _ => {}
        }
    }
    ignored
}

/// Those of `verdicts` that have no like in `others`.
fn without(verdicts: &[Verdict], others: &[Verdict]) -> Vec<Verdict> {
    let mut others = others.to_vec();
    let mut is_new = |verdict: &&Verdict| {
        let like = |other: &Verdict| {
            other.lights == verdict.lights
                && other.certainty == verdict.certainty
                && other.since.abs_diff(verdict.since) <= TOLERANCE
        };
        match others.iter().position(like) {
            Some(place) => {
                others.swap_remove(place);
                false
            }
            None => true,
        }
    };
    verdicts.iter().filter(&mut is_new).cloned().collect()
}
