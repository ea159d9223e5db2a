//! What the embedded broker counts, told as notices.

use std::sync::Arc;

use super::{BrokerChoice, Config, EventBus, Meter, Severity};
use crate::world::meter::Counted;

/// The meter of an embedded broker; `None` for one that runs elsewhere.
pub(super) fn meter(config: &Config, bus: &Arc<EventBus>) -> Option<Meter> {
    let BrokerChoice::Embedded { .. } = config.broker else { return None };
    let bus = bus.clone();
    let listener = Box::new(move |counted: Counted| {
        let severity = if counted == Counted::Released { Severity::Info } else { Severity::Warning };
        bus.notice(severity, None, counted.to_string());
    });
    Some(match &config.emulated {
        Some(emulated) => Meter::adafruit(&emulated.user, emulated.per_minute, listener),
        None => Meter::idle(config.root.as_str(), listener),
    })
}
