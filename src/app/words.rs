//! What the window says in words; one place, so that a thing has one name everywhere.

use traffic_light::{Aspect, Waiting};

use crate::world::{
    LightId,
    event::{Fault, Layer, LightKind},
};

/// What an aspect is called on the screen.
#[must_use]
pub fn aspect(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Dark => "dark",
        Aspect::Red => "red",
        Aspect::RedAmber => "red and amber",
        Aspect::Green => "green",
        Aspect::Amber => "amber",
        Aspect::FlashingAmber => "flashing amber",
    }
}

/// The log's sentence for a change of aspect.
#[must_use]
pub fn shows(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Dark => "shows nothing",
        Aspect::Red => "shows red",
        Aspect::RedAmber => "shows red and amber",
        Aspect::Green => "shows green",
        Aspect::Amber => "shows amber",
        Aspect::FlashingAmber => "flashes amber",
    }
}

/// What an aspect means for a driver and for the program.
#[must_use]
pub fn meaning(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Dark => "No lamp is lit: it has no power, or was never heard.",
        Aspect::Red => "Stop.",
        Aspect::RedAmber => "Get ready: green follows. The light is in go from here.",
        Aspect::Green => "Go.",
        Aspect::Amber => "Stop if you safely can: red follows. The light is still in go.",
        Aspect::FlashingAmber => {
            "Out of order: give way. The fail-safe of a light that cannot reach its junction."
        }
    }
}

/// The name of a link's layer.
#[must_use]
pub fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Wifi => "Wi-Fi",
        Layer::Tcp => "TCP",
        Layer::Mqtt => "MQTT",
    }
}

/// What a layer is for, for its tooltip.
#[must_use]
pub fn layer_meaning(layer: Layer) -> &'static str {
    match layer {
        Layer::Wifi => "The light's association with the access point.",
        Layer::Tcp => "The connection to the broker; needs Wi-Fi.",
        Layer::Mqtt => "The session with the broker, subscribed to the other lights; needs TCP.",
    }
}

/// The badge of a light's kind.
#[must_use]
pub fn kind(kind: LightKind) -> &'static str {
    match kind {
        LightKind::Virtual => "virtual",
        LightKind::Board => "board",
        LightKind::Foreign => "foreign",
    }
}

/// What a kind means, for the badge's tooltip.
#[must_use]
pub fn kind_meaning(kind: LightKind) -> &'static str {
    match kind {
        LightKind::Virtual => "Runs in this program, with the same library as the boards.",
        LightKind::Board => "A LoPy4. It is shown as its messages are heard.",
        LightKind::Foreign => "Anybody's own program. It is shown as its messages are heard.",
    }
}

/// The log's sentence for a fault that was put in or has ended.
#[must_use]
pub fn fault(fault: &Fault, on: bool) -> String {
    let text = match (fault, on) {
        (Fault::WifiDown(_), true) => "Its Wi-Fi was taken away on purpose",
        (Fault::WifiDown(_), false) => "Its Wi-Fi was given back",
        (Fault::Silence(_), true) => "Was told to be silent: it keeps its session and publishes nothing",
        (Fault::Silence(_), false) => "May speak again",
        (Fault::BrokerDown, true) => "The broker was stopped on purpose",
        (Fault::BrokerDown, false) => "The broker was started again",
        (Fault::Quota { per_minute }, true) => {
            return format!(
                "The broker counts from now on: {per_minute} publishes a minute pass, of all together"
            );
        }
        (Fault::Quota { .. }, false) => "The broker counts publishes no more",
        (fault, true) => return format!("Was given a fault on purpose: {fault}"),
        (fault, false) => return format!("A fault is over: {}", fault.name()),
    };
    text.to_owned()
}

/// A fault's short name on the timeline.
#[must_use]
pub fn fault_name(fault: &Fault) -> &'static str {
    match fault {
        Fault::WifiDown(_) => "Wi-Fi cut",
        Fault::Silence(_) => "silenced",
        Fault::BrokerDown => "broker stopped",
        fault => fault.name(),
    }
}

/// When the reason to wait ends, on the world's clock, where that is known.
#[must_use]
pub fn waits_until_ms(waiting: &Waiting) -> Option<u64> {
    match waiting {
        Waiting::Promised(held) => Some(held.until.as_ms()),
        Waiting::Started { until } | Waiting::Clearance { until } | Waiting::Yields { until } => {
            Some(until.as_ms())
        }
        _ => None,
    }
}

/// `a`, `a and b`, or `a, b and c`.
#[must_use]
pub fn list(lights: &[LightId]) -> String {
    let names: Vec<String> = lights.iter().map(LightId::to_string).collect();
    match names.as_slice() {
        [] => "no light".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A time on the world's clock as `m:ss.t`.
#[must_use]
pub fn clock(ms: u64) -> String {
    format!("{}:{:02}.{}", ms / 60_000, ms / 1_000 % 60, ms / 100 % 10)
}

/// A whole number with thin groups of three, such as `12 345`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// What is left until `until_ms`, in seconds; 0 when it is over.
#[must_use]
pub fn seconds_left(now_ms: u64, until_ms: u64) -> f32 {
    until_ms.saturating_sub(now_ms) as f32 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_234), "1\u{a0}234");
        assert_eq!(count(1_234_567), "1\u{a0}234\u{a0}567");
    }
}
