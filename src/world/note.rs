//! What a virtual light's program notes, as the worlds tell it: the one in real time and the
//! simulated one.

use traffic_light::{
    command::Action,
    program::{Counters as Counted, Facts, LogEvent},
};

use super::event::{Counters, Severity};
use crate::model::LightId;

/// What becomes of a note; nothing at all where the lamps or the observer tell of it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// A message was ignored, and why.
    pub(crate) ignored: Option<String>,
    /// The light's silence by command has begun, or is over.
    pub(crate) silence: Option<bool>,
    /// A sentence for the user.
    pub(crate) notice: Option<(Severity, String)>,
}

/// What is to be told of a note of `light`.
pub(crate) fn told(light: &LightId, note: &LogEvent) -> Told {
    let info = || Some((Severity::Info, format!("{light} {note}")));
    match note {
        // The lamps are told of where they switch, and a bad message once for all lights.
        LogEvent::Shows(_) | LogEvent::Ignored(_) => Told::default(),
        LogEvent::Doubtful(..)
        | LogEvent::Refused(_)
        | LogEvent::Timing(_)
        | LogEvent::Watchdog { .. }
        | LogEvent::NoTiming
        | LogEvent::NoCall => Told { ignored: Some(note.to_string()), ..Told::default() },
        LogEvent::Called => Told { notice: info(), ..Told::default() },
        LogEvent::Overrun => Told { notice: Some((Severity::Warning, note.to_string())), ..Told::default() },
        LogEvent::Obeys(action) => {
            Told { silence: (*action == Action::Silence).then_some(true), notice: info(), ..Told::default() }
        }
        LogEvent::Speaks => Told { silence: Some(false), ..Told::default() },
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
