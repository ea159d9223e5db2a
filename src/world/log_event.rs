//! What a virtual light's program notes, as it is told.

use traffic_light::{
    command::Action,
    program::{Counters as Counted, Facts, Note},
};

use super::event::{Counters, LightId, Severity};

/// What becomes of a note.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LogEvent {
    /// A message was ignored, and why.
    Ignored(String),
    /// A sentence for the user.
    Notice(Severity, String),
}

/// What is to be told of a note of `light`; nothing where the lamps or the observer tell of it.
pub(super) fn of(light: &LightId, note: &Note) -> Option<LogEvent> {
    match note {
        // The lamps are told of where they switch, and a bad message once for all lights.
        Note::Shows(_) | Note::Ignored(_) | Note::Speaks => None,
        Note::Doubtful(..)
        | Note::Refused(_)
        | Note::Timing(_)
        | Note::Watchdog { .. }
        | Note::NoTiming
        | Note::NoCall => Some(LogEvent::Ignored(note.to_string())),
        Note::Called | Note::Obeys(_) => Some(LogEvent::Notice(Severity::Info, format!("{light} {note}"))),
        Note::Overrun => Some(LogEvent::Notice(Severity::Warning, note.to_string())),
    }
}

/// Whether the light's silence by command begins with this note, or is over.
pub(super) fn silence(note: &Note) -> Option<bool> {
    match note {
        Note::Obeys(Action::Silence) => Some(true),
        Note::Speaks => Some(false),
        _ => None,
    }
}

/// What the status of a virtual light says of it.
pub(crate) fn facts(wifi_joins: u32, mqtt_joins: u32, reset: &'static str) -> Facts {
    let firmware = env!("CARGO_PKG_VERSION");
    Facts { kind: "virtual", wifi_joins, mqtt_joins, reset, firmware, ..Facts::default() }
}

/// What a program and its host have counted together.
pub(crate) fn counters(counted: Counted, wifi_joins: u32, mqtt_joins: u32) -> Counters {
    let Counted { greens, sent, dropped, received, ignored } = counted;
    Counters { sent, received, ignored, dropped, wifi_joins, mqtt_joins, greens }
}
