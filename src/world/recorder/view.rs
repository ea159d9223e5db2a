//! A light's inside in a recording: the library that it comes from is also the firmware's, and knows
//! no recordings.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use traffic_light::{Aspect, Held, Instant, MAX_PEERS, Name, View, Waiting};

/// [`View`], with every instant in milliseconds on the world's clock.
#[derive(Serialize, Deserialize)]
struct Written {
    aspect: Aspect,
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    green_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turn: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<Reason>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    promises: Vec<(Name, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    leases: Vec<(Name, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<Name>,
    boot: u32,
    seq: u32,
}

/// [`Waiting`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reason {
    Lost(Name),
    NamedLost(Name),
    Started(u64),
    NoDemand,
    OtherGoes(Name),
    Promised(Name, u64),
    Clearance(u64),
    NoLease(Name),
    Unheard(Name),
    Untold(Name),
    Yields(u64),
}

pub(in crate::world) fn serialize<S: Serializer>(view: &Arc<View>, serializer: S) -> Result<S::Ok, S::Error> {
    let held = |held: &[Held]| held.iter().map(|held| (held.light.clone(), held.until.as_ms())).collect();
    let written = Written {
        aspect: view.aspect,
        since: view.since.as_ms(),
        green_until: view.green_until.map(Instant::as_ms),
        turn: view.turn,
        waiting: view.waiting.clone().map(Reason::from),
        promises: held(&view.promises),
        leases: held(&view.leases),
        lost: view.lost.to_vec(),
        boot: view.boot,
        seq: view.seq,
    };
    written.serialize(serializer)
}

pub(in crate::world) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<View>, D::Error> {
    let written = Written::deserialize(deserializer)?;
    let held = |held: Vec<(Name, u64)>| {
        bounded(held.into_iter().map(|(light, until)| Held { light, until: Instant::from_ms(until) }))
    };
    Ok(Arc::new(View {
        aspect: written.aspect,
        since: Instant::from_ms(written.since),
        green_until: written.green_until.map(Instant::from_ms),
        turn: written.turn,
        waiting: written.waiting.map(Waiting::from),
        promises: held(written.promises)?,
        leases: held(written.leases)?,
        lost: bounded(written.lost.into_iter())?,
        boot: written.boot,
        seq: written.seq,
    }))
}

fn bounded<T, E: Error>(items: impl Iterator<Item = T>) -> Result<heapless::Vec<T, MAX_PEERS>, E> {
    let mut all = heapless::Vec::new();
    for item in items {
        all.push(item).map_err(|_| E::custom("a light has at most 7 conflicting lights"))?;
    }
    Ok(all)
}

impl From<Waiting> for Reason {
    fn from(waiting: Waiting) -> Reason {
        match waiting {
            Waiting::Lost(light) => Reason::Lost(light),
            Waiting::NamedLost(light) => Reason::NamedLost(light),
            Waiting::Started { until } => Reason::Started(until.as_ms()),
            Waiting::NoDemand => Reason::NoDemand,
            Waiting::OtherGoes(light) => Reason::OtherGoes(light),
            Waiting::Promised(held) => Reason::Promised(held.light, held.until.as_ms()),
            Waiting::Clearance { until } => Reason::Clearance(until.as_ms()),
            Waiting::NoLease(light) => Reason::NoLease(light),
            Waiting::Unheard(light) => Reason::Unheard(light),
            Waiting::Untold(light) => Reason::Untold(light),
            Waiting::Yields { until } => Reason::Yields(until.as_ms()),
        }
    }
}

impl From<Reason> for Waiting {
    fn from(reason: Reason) -> Waiting {
        let instant = Instant::from_ms;
        match reason {
            Reason::Lost(light) => Waiting::Lost(light),
            Reason::NamedLost(light) => Waiting::NamedLost(light),
            Reason::Started(until) => Waiting::Started { until: instant(until) },
            Reason::NoDemand => Waiting::NoDemand,
            Reason::OtherGoes(light) => Waiting::OtherGoes(light),
            Reason::Promised(light, until) => Waiting::Promised(Held { light, until: instant(until) }),
            Reason::Clearance(until) => Waiting::Clearance { until: instant(until) },
            Reason::NoLease(light) => Waiting::NoLease(light),
            Reason::Unheard(light) => Waiting::Unheard(light),
            Reason::Untold(light) => Waiting::Untold(light),
            Reason::Yields(until) => Waiting::Yields { until: instant(until) },
        }
    }
}
