//! A failure put in on purpose: into a link, a light or the broker.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    fault::LinkFaultSpec,
    model::{LightId, LightKind},
};

/// A failure put in on purpose, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The light's Wi-Fi is gone; coming back takes a join.
    WifiDown(LightId),
    /// The light keeps its session and publishes nothing.
    Silence(LightId),
    /// The embedded broker is stopped.
    BrokerDown,
    /// The embedded broker counts publishes as Adafruit IO does, of all its clients together: too many are
    /// rejected with a notice, and who goes on is banned, with a reset of every connection.
    Quota {
        /// How many publishes of a sliding minute pass.
        per_minute: u32,
    },
    /// Something between the light and the broker, with its dose.
    Link {
        /// Whose link.
        light: LightId,
        /// What, and in which direction.
        #[serde(rename = "placed")]
        spec: LinkFaultSpec,
    },
    /// The light logs in with a password that is not the broker's.
    WrongPassword(LightId),
    /// The light looks for its broker under a name that nobody has.
    NameNotFound(LightId),
    /// Another client has the light's client id, and takes its session over again and again.
    TakenOver(LightId),
    /// The light's program is not called; at the watchdog its host resets it.
    Hang(LightId),
    /// The light's clock is wrong.
    ClockDrift {
        /// Whose clock.
        light: LightId,
        /// By how much it is fast, in millionths; slow where this is negative.
        ppm: i32,
    },
    /// The light's host sleeps, lamps dark, its clock standing still.
    Suspend(LightId),
}

/// No clock is wrong by more than a half: beyond, nothing new can be learnt.
pub const MOST_DRIFT_PPM: i32 = 500_000;
/// More publishes a minute are no quota.
pub const MOST_PER_MINUTE: u32 = 100_000;
/// What a quota is if nobody says otherwise: that of a free account on Adafruit IO.
pub const USUAL_PER_MINUTE: u32 = 30;

impl Fault {
    /// The word of the command line and the event log, such as `wifi-down`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Fault::WifiDown(_) => "wifi-down",
            Fault::Silence(_) => "silence",
            Fault::BrokerDown => "broker-down",
            Fault::Quota { .. } => "quota",
            Fault::Link { spec, .. } => spec.fault.name(),
            Fault::WrongPassword(_) => "wrong-password",
            Fault::NameNotFound(_) => "name-not-found",
            Fault::TakenOver(_) => "taken-over",
            Fault::Hang(_) => "hang",
            Fault::ClockDrift { .. } => "clock-drift",
            Fault::Suspend(_) => "suspend",
        }
    }

    /// The light that it strikes; `None` where it strikes all.
    #[must_use]
    pub fn light(&self) -> Option<&LightId> {
        match self {
            Fault::BrokerDown | Fault::Quota { .. } => None,
            Fault::WifiDown(light)
            | Fault::Silence(light)
            | Fault::Link { light, .. }
            | Fault::WrongPassword(light)
            | Fault::NameNotFound(light)
            | Fault::TakenOver(light)
            | Fault::Hang(light)
            | Fault::ClockDrift { light, .. }
            | Fault::Suspend(light) => Some(light),
        }
    }

    /// # Errors
    /// Why the dose cannot be meant, and what would do.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Fault::Link { spec, .. } => spec.check(),
            Fault::ClockDrift { ppm, .. } if *ppm == 0 || ppm.abs() > MOST_DRIFT_PPM => Err(format!(
                "a drift of {ppm} millionths cannot be meant; give 1 to {MOST_DRIFT_PPM}, or as much below 0"
            )),
            Fault::Quota { per_minute } if !(1..=MOST_PER_MINUTE).contains(per_minute) => {
                Err(format!("a quota of {per_minute} a minute cannot be meant; give 1 to {MOST_PER_MINUTE}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether both are the same fault at the same place, be it with another dose: then one takes
    /// the place of the other.
    #[must_use]
    pub fn is_replaced_by(&self, other: &Fault) -> bool {
        let same_ways = match (self, other) {
            (Fault::Link { spec, .. }, Fault::Link { spec: other, .. }) => spec.is_replaced_by(other),
            _ => true,
        };
        self.name() == other.name() && self.light() == other.light() && same_ways
    }

    /// Why a light of this kind cannot be given this fault from here, and what to do by hand; `None`
    /// where it can.
    #[must_use]
    pub fn why_not(&self, kind: LightKind) -> Option<&'static str> {
        match (kind, self) {
            (LightKind::Virtual, _) | (_, Fault::BrokerDown | Fault::Quota { .. }) => None,
            (LightKind::Board, Fault::WifiDown(_) | Fault::Silence(_)) => None,
            (LightKind::Foreign, Fault::WifiDown(_)) => {
                Some("only its owner can: switch its Wi-Fi off, or the hotspot")
            }
            (_, Fault::Link { .. }) => {
                Some("its link does not go through this program, unless it connects to the port of its proxy")
            }
            (LightKind::Foreign, _) => Some("it obeys no commands; its owner has to do it"),
            (_, Fault::WrongPassword(_)) => Some("write a record with a wrong password to it"),
            (_, Fault::NameNotFound(_)) => Some("write a record with a wrong host to it"),
            (_, Fault::TakenOver(_)) => Some("run a virtual light of the same name beside it"),
            (_, Fault::Hang(_)) => {
                Some("nothing makes its program hang from outside; press its reset button")
            }
            (_, Fault::ClockDrift { .. }) => Some("its clock is a crystal"),
            (_, Fault::Suspend(_)) => Some("it never sleeps; take its power away instead"),
        }
    }
}

impl fmt::Display for Fault {
    /// The name with its dose, without the light: `latency 200 ms ± 50 ms, to the broker`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Link { spec, .. } => spec.fmt(f),
            Fault::ClockDrift { ppm, .. } => {
                let (whole, part) = (ppm.unsigned_abs() / 10_000, ppm.unsigned_abs() % 10_000);
                let sign = if *ppm < 0 { "-" } else { "+" };
                write!(f, "clock-drift {sign}{whole}.{part:04} %")
            }
            Fault::Quota { per_minute } => write!(f, "quota {per_minute} a minute"),
            fault => f.write_str(fault.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use traffic_light::Name;

    use super::*;
    use crate::fault::{Latency, LinkFaultSpec};

    fn light(name: &str) -> LightId {
        LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
    }

    #[test]
    fn a_dose_replaces_the_last_at_the_same_place_only() {
        let latency = |name: &str, ms| Fault::Link {
            light: light(name),
            spec: LinkFaultSpec::to_broker(Latency { ms, jitter_ms: 0 }),
        };
        assert!(latency("a", 10).is_replaced_by(&latency("a", 20)));
        assert!(!latency("a", 10).is_replaced_by(&latency("b", 10)));
        let drift = |ppm| Fault::ClockDrift { light: light("a"), ppm };
        assert!(drift(5).is_replaced_by(&drift(-5)));
        assert!(!Fault::Hang(light("a")).is_replaced_by(&Fault::Suspend(light("a"))));
    }

    #[test]
    fn a_drift_is_told_in_percent_and_must_be_one() {
        let drift = |ppm| Fault::ClockDrift { light: light("a"), ppm };
        assert_eq!(drift(-30_500).to_string(), "clock-drift -3.0500 %");
        assert!(drift(0).check().is_err() && drift(600_000).check().is_err());
        assert_eq!(drift(10_000).check(), Ok(()));
    }

    #[test]
    fn a_quota_strikes_all_lights_of_any_kind_and_lets_something_pass() {
        let quota = |per_minute| Fault::Quota { per_minute };
        assert_eq!((quota(30).to_string(), quota(30).light()), ("quota 30 a minute".to_owned(), None));
        assert!(quota(0).check().is_err() && quota(200_000).check().is_err());
        assert!(quota(30).is_replaced_by(&quota(5)) && !quota(30).is_replaced_by(&Fault::BrokerDown));
        for kind in [LightKind::Virtual, LightKind::Board, LightKind::Foreign] {
            assert_eq!(quota(30).why_not(kind), None);
        }
    }
}
