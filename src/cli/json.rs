//! Events as JSON lines, for other programs.

use std::{collections::HashSet, time::SystemTime};

use serde_json::{Value, json};

use crate::{
    model::LightId,
    world::{
        Event, EventKind,
        event::{Certainty, Grade, Ignorer, Layer},
        summary::Summary,
    },
};

/// What was told, so that nothing is told twice.
#[derive(Default)]
pub(super) struct ChangeFilter {
    /// The lights that were last told to be online: what they tell of themselves besides changes all
    /// the time, and is for the window.
    online: HashSet<LightId>,
}

impl ChangeFilter {
    /// Whether an event tells something new.
    pub(super) fn is_new(&mut self, event: &Event) -> bool {
        match &event.kind {
            EventKind::PresenceChanged { light, online: true, .. } => self.online.insert(light.clone()),
            EventKind::PresenceChanged { light, online: false, .. } => self.online.remove(light),
            _ => true,
        }
    }
}

/// The line for an event; `None` for one that is for people alone.
pub(super) fn line(event: &Event) -> Option<Value> {
    let ms = milliseconds(event.at);
    let line = match &event.kind {
        EventKind::BrokerStarted { address, embedded, .. } => {
            json!({"ms": ms, "kind": "broker", "address": address, "embedded": embedded})
        }
        EventKind::AspectChanged { light, aspect } => {
            with(light, json!({"ms": ms, "kind": "aspect", "aspect": aspect}))
        }
        EventKind::PresenceChanged { light, online, .. } => {
            with(light, json!({"ms": ms, "kind": "online", "online": online}))
        }
        EventKind::LinkChanged { light, layer, up, reason } => {
            let layer = match layer {
                Layer::Wifi => "wifi",
                Layer::Tcp => "tcp",
                Layer::Mqtt => "mqtt",
            };
            with(light, json!({"ms": ms, "kind": "link", "layer": layer, "up": up, "reason": reason}))
        }
        EventKind::FaultChanged { fault, on } => {
            let line =
                json!({"ms": ms, "kind": "fault", "name": fault.name(), "what": fault.to_string(), "on": on});
            match fault.light() {
                Some(light) => with(light, line),
                None => line,
            }
        }
        EventKind::ConflictBegan { lights, certainty, since, cause } => {
            let kind = match certainty {
                Certainty::Sure => "conflict",
                Certainty::Possible => "possible-conflict",
            };
            let since = milliseconds(*since);
            let mut line =
                json!({"ms": ms, "kind": kind, "certainty": certainty.as_str(), "since_ms": since});
            if let Some(cause) = cause {
                line["cause"] = json!(cause.as_str());
            }
            of_both(lights, line)
        }
        EventKind::ConflictEnded { lights, certainty, lasted, at_most } => {
            let mut line = json!({"ms": ms, "kind": "conflict-over", "certainty": certainty.as_str()});
            if *certainty == Certainty::Sure {
                line["grade"] = json!(Grade::of(*lasted).as_str());
            }
            of_both(lights, lasting(line, *lasted, *at_most))
        }
        EventKind::GlitchSeen { lights, since, lasted, at_most } => {
            let line = json!({"ms": ms, "kind": "glitch", "since_ms": milliseconds(*since)});
            of_both(lights, lasting(line, *lasted, *at_most))
        }
        EventKind::TwinChanged { light, aspect } => {
            let judgement = if aspect.is_some() { "shows" } else { "cannot-tell" };
            with(light, json!({"ms": ms, "kind": "twin", "judgement": judgement, "twin": aspect}))
        }
        EventKind::TwinDiffers { light, board, twin } => {
            let line =
                json!({"ms": ms, "kind": "twin", "judgement": "differs", "twin": twin, "board": board});
            with(light, line)
        }
        EventKind::TwinAgrees { light, lasted } => {
            let lasted = milliseconds(*lasted);
            with(light, json!({"ms": ms, "kind": "twin", "judgement": "agrees", "lasted_ms": lasted}))
        }
        // The observer hears what any light hears; one line for each message is enough, unless a
        // light knows better.
        EventKind::MessageIgnored { light, by, reason, more } => {
            let mut line = json!({"ms": ms, "kind": "ignored", "reason": reason});
            if *more > 0 {
                line["more"] = json!(more);
            }
            if let Ignorer::Light(by) = by {
                line["by"] = json!(by.to_string());
            }
            match light {
                Some(light) => with(light, line),
                None => line,
            }
        }
        _ => return None,
    };
    Some(line)
}

/// Adds to a broker's line the wall clock at its `ms`: what several processes tell can then be put in
/// one order, as well as their computers' clocks agree.
pub(super) fn with_wall_clock(mut line: Value, event: &Event, started_at: SystemTime) -> Value {
    if matches!(event.kind, EventKind::BrokerStarted { .. }) {
        let since = (started_at + event.at).duration_since(SystemTime::UNIX_EPOCH);
        line["unix_ms"] = json!(since.map_or(0, milliseconds));
    }
    line
}

/// The last line of a run.
pub(super) fn summary(at: std::time::Duration, summary: &Summary) -> serde_json::Result<Value> {
    let mut line = serde_json::to_value(summary)?;
    line["ms"] = json!(milliseconds(at));
    line["kind"] = json!("summary");
    Ok(line)
}

fn with(light: &LightId, mut line: Value) -> Value {
    line["junction"] = json!(light.junction);
    line["light"] = json!(light.light);
    line
}

fn of_both(lights: &[LightId], mut line: Value) -> Value {
    line["junction"] = json!(lights.first().map(|light| light.junction.as_str()));
    line["lights"] = lights.iter().map(|light| light.light.as_str()).collect();
    line
}

fn lasting(mut line: Value, lasted: std::time::Duration, at_most: std::time::Duration) -> Value {
    line["lasted_ms"] = json!(milliseconds(lasted));
    line["at_most_ms"] = json!(milliseconds(at_most));
    line
}

pub(super) fn milliseconds(at: std::time::Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use traffic_light::{Aspect, Name};

    use super::*;

    #[test]
    fn what_a_twin_judges_is_told() {
        let light = LightId::new(Name::new("demo").unwrap(), Name::new("b").unwrap());
        let told = |kind| line(&Event { at: Duration::from_millis(1_500), kind }).unwrap();
        let of_b = |mut line: Value| {
            for (member, value) in [("ms", json!(1_500)), ("kind", json!("twin"))] {
                line[member] = value;
            }
            with(&LightId::new(Name::new("demo").unwrap(), Name::new("b").unwrap()), line)
        };
        let (twin, board) = (Aspect::Green, Aspect::Red);
        assert_eq!(
            told(EventKind::TwinChanged { light: light.clone(), aspect: Some(twin) }),
            of_b(json!({"judgement": "shows", "twin": "green"}))
        );
        assert_eq!(
            told(EventKind::TwinChanged { light: light.clone(), aspect: None }),
            of_b(json!({"judgement": "cannot-tell", "twin": null}))
        );
        assert_eq!(
            told(EventKind::TwinDiffers { light: light.clone(), board, twin }),
            of_b(json!({"judgement": "differs", "twin": "green", "board": "red"}))
        );
        assert_eq!(
            told(EventKind::TwinAgrees { light, lasted: Duration::from_millis(700) }),
            of_b(json!({"judgement": "agrees", "lasted_ms": 700}))
        );
    }
}
