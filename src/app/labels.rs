//! What the window says in words; one place, so that a thing has one name everywhere.

use std::time::Duration;

use traffic_light::{Aspect, Waiting};

use crate::{
    model::{LightId, LightKind, grouped},
    world::event::{Certainty, Layer, Severity},
};

/// What `insecure = true` means.
pub(super) const UNCHECKED: &str = "The broker's certificate is not checked (insecure = true). Whoever is on the way to it can read and \
                             change everything, passwords too.";

#[must_use]
pub(super) fn aspect(aspect: Aspect) -> &'static str {
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
pub(super) fn shows(aspect: Aspect) -> &'static str {
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
pub(super) fn meaning(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Dark => "No lamp is lit: it has no power, or was never heard of.",
        Aspect::Red => "Stop.",
        Aspect::RedAmber => "Get ready: green follows. The right of way begins here.",
        Aspect::Green => "Go.",
        Aspect::Amber => "Stop if you safely can: red follows. The right of way lasts until then.",
        Aspect::FlashingAmber => {
            "Out of order: give way. The fail-safe of a light that cannot reach its junction."
        }
    }
}

/// The first word of a notice in the log.
#[must_use]
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "",
        Severity::Warning => "Warning:",
        Severity::Error => "Error:",
    }
}

#[must_use]
pub(super) fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Wifi => "Wi-Fi",
        Layer::Tcp => "TCP",
        Layer::Mqtt => "MQTT",
    }
}

/// What a layer is for, for its tooltip.
#[must_use]
pub(super) fn layer_meaning(layer: Layer) -> &'static str {
    match layer {
        Layer::Wifi => "The light's association with the access point.",
        Layer::Tcp => "The connection to the broker; needs Wi-Fi.",
        Layer::Mqtt => "The session with the broker, subscribed to the other lights; needs TCP.",
    }
}

#[must_use]
pub(super) fn kind(kind: LightKind) -> &'static str {
    match kind {
        LightKind::Virtual => "virtual",
        LightKind::Board => "board",
        LightKind::Foreign => "foreign",
    }
}

/// What a kind means, for the badge's tooltip.
#[must_use]
pub(super) fn kind_meaning(kind: LightKind) -> &'static str {
    match kind {
        LightKind::Virtual => "Runs in this program, with the same library as the boards.",
        LightKind::Board => "A LoPy4. It is shown from its messages.",
        LightKind::Foreign => "Somebody's own program. It is shown from its messages.",
    }
}

/// When the reason to wait ends, on the world's clock, where that is known.
#[must_use]
pub(super) fn waits_until_ms(waiting: &Waiting) -> Option<u64> {
    match waiting {
        Waiting::Promised(held) => Some(held.until.as_ms()),
        Waiting::Started { until } | Waiting::Clearance { until } | Waiting::Yields { until } => {
            Some(until.as_ms())
        }
        _ => None,
    }
}

/// The log's first word and sentence for a conflict that begins.
#[must_use]
pub(super) fn conflict_began(lights: &[LightId], certainty: Certainty) -> (&'static str, String) {
    match certainty {
        Certainty::Sure => ("CONFLICT", format!("{} have right of way at once", list(lights))),
        Certainty::Possible => {
            ("Possible conflict:", format!("{} may have right of way at once, as far as heard", list(lights)))
        }
    }
}

/// The log's first word and sentence for a conflict that is over.
#[must_use]
pub(super) fn conflict_ended(
    lights: &[LightId],
    certainty: Certainty,
    lasted: Duration,
    at_most: Duration,
) -> (&'static str, String) {
    let (lights, lasted_s, at_most_s) = (list(lights), lasted.as_secs_f32(), at_most.as_secs_f32());
    match certainty {
        Certainty::Sure if lasted == at_most => ("Conflict", format!("{lights}: over after {lasted_s:.1} s")),
        Certainty::Sure => {
            let text = format!("{lights}: over after {lasted_s:.1} s for sure, {at_most_s:.1} s at most");
            ("Conflict", text)
        }
        Certainty::Possible => {
            let text = format!("{lights}: over. If it was one, it lasted {at_most_s:.1} s at most");
            ("Possible conflict:", text)
        }
    }
}

/// The log's sentence for a glitch.
#[must_use]
pub(super) fn glitch(lights: &[LightId], lasted: Duration) -> String {
    format!("{} had right of way at once for {} ms, too short to count", list(lights), lasted.as_millis())
}

/// `a`, `a and b`, or `a, b and c`.
#[must_use]
pub(super) fn list(lights: &[LightId]) -> String {
    let names: Vec<String> = lights.iter().map(LightId::to_string).collect();
    match names.as_slice() {
        [] => "no light".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// With a capital letter.
#[must_use]
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A time on the world's clock as `m:ss.t`.
#[must_use]
pub(super) fn clock(ms: u64) -> String {
    format!("{}:{:02}.{}", ms / 60_000, ms / 1_000 % 60, ms / 100 % 10)
}

/// A whole number with thin groups of three, such as `12 345`.
#[must_use]
pub(super) fn count(number: u64) -> String {
    grouped(number, '\u{a0}')
}

/// What is left until `until_ms`, in seconds; 0 when it is over.
#[must_use]
pub(super) fn seconds_left(now_ms: u64, until_ms: u64) -> f32 {
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
