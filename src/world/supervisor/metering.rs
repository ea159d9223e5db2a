//! What the embedded broker counts, told as notices.

use std::sync::Arc;

use crate::{
    config::{BrokerChoice, Config},
    world::{
        account_limiter::{AccountEvent, AccountLimiter},
        event::Severity,
        event_bus::EventBus,
    },
};

/// The limiter of an embedded broker; `None` for one that runs elsewhere.
pub(super) fn limiter(config: &Config, bus: &Arc<EventBus>) -> Option<AccountLimiter> {
    let BrokerChoice::Embedded { .. } = config.broker else { return None };
    let bus = bus.clone();
    let listener = Box::new(move |event: AccountEvent| {
        let severity = if event == AccountEvent::Released { Severity::Info } else { Severity::Warning };
        bus.notice(severity, None, event.to_string());
    });
    Some(match &config.emulated {
        Some(emulated) => AccountLimiter::adafruit(&emulated.user, emulated.per_minute, listener),
        None => AccountLimiter::idle(config.root.as_str(), listener),
    })
}
