//! What a virtual light's program logs, as it is told.

use traffic_light::{
    command::Action,
    program::{Counters as Counted, Facts, LogEvent},
};

use super::event::{Counters, Severity};
use crate::model::LightId;

/// What a face is told of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LogEntry {
    /// A message was ignored, and why.
    Ignored(String),
    /// A sentence for the user.
    Notice(Severity, String),
}

/// What is to be told of what the program of `light` logs; nothing where the lamps or the observer tell of it.
pub(super) fn of(light: &LightId, event: &LogEvent) -> Option<LogEntry> {
    match event {
        // The lamps are told of where they switch, and messages by the observer, once for all lights.
        LogEvent::Shows(_)
        | LogEvent::Ignored(_)
        | LogEvent::NotUnderstood(..)
        | LogEvent::WentBack { .. }
        | LogEvent::Speaks => None,
        LogEvent::Doubtful(..)
        | LogEvent::Refused(_)
        | LogEvent::Timing(_)
        | LogEvent::Watchdog { .. }
        | LogEvent::NoTiming
        | LogEvent::NoCall => Some(LogEntry::Ignored(event.to_string())),
        LogEvent::Called | LogEvent::Obeys(_) => {
            Some(LogEntry::Notice(Severity::Info, format!("{light} {event}")))
        }
        LogEvent::PartnerLost(partner) => {
            let partner = LightId::new(light.junction.clone(), partner.clone());
            let text = format!(
                "the foreign light {partner} is lost: it is silent, or its session is over (help: look at its program and \
                 its network; {light} flashes until it is heard)"
            );
            Some(LogEntry::Notice(Severity::Warning, text))
        }
        LogEvent::PartnerBack(partner) => {
            let partner = LightId::new(light.junction.clone(), partner.clone());
            Some(LogEntry::Notice(Severity::Info, format!("the foreign light {partner} is heard again")))
        }
        LogEvent::Overrun => Some(LogEntry::Notice(Severity::Warning, event.to_string())),
    }
}

/// Whether the light's silence by command begins with it, or is over.
pub(super) fn silence(event: &LogEvent) -> Option<bool> {
    match event {
        LogEvent::Obeys(Action::Silence) => Some(true),
        LogEvent::Speaks => Some(false),
        _ => None,
    }
}

/// What the status of a virtual light says of it.
pub(super) fn facts(wifi_joins: u32, mqtt_joins: u32, reset: &'static str) -> Facts {
    let firmware = env!("CARGO_PKG_VERSION");
    Facts { kind: "virtual", wifi_joins, mqtt_joins, reset, firmware, ..Facts::default() }
}

/// What a program and its host have counted together.
pub(super) fn counters(counted: Counted, wifi_joins: u32, mqtt_joins: u32) -> Counters {
    let Counted { greens, sent, dropped, received, ignored } = counted;
    Counters { sent, received, ignored, dropped, wifi_joins, mqtt_joins, greens }
}
