//! A fault at its place, and its form in a recording.

use std::fmt;

use serde::{Deserialize, Serialize, de::Error};
use serde_json::{Map, Value};

use super::{
    definition::About,
    kinds::{self, BrokerFault, FaultKind, LightFault},
    spec::{Directions, LinkFaultSpec},
};
use crate::model::{Diagnostic, LightId, LightKind};

/// A failure that is injected on purpose, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Value", try_from = "Value")]
pub enum Fault {
    /// Something between a light and the broker.
    Link {
        /// Whose link.
        light: LightId,
        /// What, and in which directions.
        spec: LinkFaultSpec,
    },
    /// Something of a light itself.
    Light {
        light: LightId,
        /// What.
        fault: LightFault,
    },
    /// Something of the embedded broker; it strikes all lights.
    Broker(BrokerFault),
}

impl FaultKind {
    /// The same at a place; `None` where it needs a light and there is none. What has no direction
    /// takes none.
    #[must_use]
    pub fn at(self, light: Option<LightId>, directions: Directions) -> Option<Fault> {
        let directions = if self.has_direction() { directions } else { Directions::Both };
        Some(match self {
            FaultKind::LinkFault(fault) => {
                Fault::Link { light: light?, spec: LinkFaultSpec { fault, directions } }
            }
            FaultKind::LightFault(fault) => Fault::Light { light: light?, fault },
            FaultKind::BrokerFault(fault) => Fault::Broker(fault),
        })
    }
}

impl Fault {
    #[must_use]
    pub fn on(light: LightId, fault: impl Into<LightFault>) -> Fault {
        Fault::Light { light, fault: fault.into() }
    }

    /// A fault of a light's link.
    #[must_use]
    pub(super) fn on_link(light: LightId, spec: LinkFaultSpec) -> Fault {
        Fault::Link { light, spec }
    }

    /// A fault of the embedded broker.
    #[must_use]
    pub fn on_broker(fault: impl Into<BrokerFault>) -> Fault {
        Fault::Broker(fault.into())
    }

    /// The same without its place.
    #[must_use]
    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Fault::Link { spec, .. } => spec.fault.into(),
            Fault::Light { fault, .. } => (*fault).into(),
            Fault::Broker(fault) => (*fault).into(),
        }
    }

    /// What holds for it whatever its parameters.
    #[must_use]
    pub fn about(&self) -> &'static About {
        self.kind().about()
    }

    /// The word of configurations, reports and the command line, such as `wifi-down`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.about().name
    }

    /// The light that it strikes; `None` where it strikes all.
    #[must_use]
    pub fn light(&self) -> Option<&LightId> {
        match self {
            Fault::Link { light, .. } | Fault::Light { light, .. } => Some(light),
            Fault::Broker(_) => None,
        }
    }

    /// Whether it happens once and is over, and so cannot be cleared.
    #[must_use]
    pub fn is_instant(&self) -> bool {
        self.about().instant
    }

    /// # Errors
    /// Returns why the parameters are invalid and which values are accepted.
    pub(crate) fn check(&self) -> Result<(), Diagnostic> {
        match self {
            Fault::Link { spec, .. } => spec.check(),
            fault => fault.kind().check(),
        }
    }

    /// Whether both are the same fault at the same place, perhaps with other parameters: then one
    /// takes the place of the other.
    #[must_use]
    pub fn is_replaced_by(&self, other: &Fault) -> bool {
        match (self, other) {
            (Fault::Link { light, spec }, Fault::Link { light: on, spec: other }) => {
                light == on && spec.is_replaced_by(other)
            }
            _ => self.name() == other.name() && self.light() == other.light(),
        }
    }

    /// Why a light of this kind cannot be given this fault from here, and what to do by hand; `None`
    /// where it can.
    #[must_use]
    pub(crate) fn why_not(&self, kind: LightKind) -> Option<Diagnostic> {
        let (about, link) = (self.about(), matches!(self, Fault::Link { .. }));
        let (message, help) = match kind {
            LightKind::Virtual => return None,
            _ if link => ("its link does not go through this program", about.board),
            LightKind::Board => ("this program cannot do that to a board", about.board),
            LightKind::Foreign => ("a foreign light obeys no commands", about.foreign),
        };
        help.map(|help| Diagnostic::new(message, help))
    }

    /// The title with parameters and direction, for the window: `Latency 200 ms ± 50 ms, to the
    /// broker`.
    #[must_use]
    pub fn label(&self) -> String {
        let mut label = String::new();
        // Nothing can go wrong in writing to a text.
        let _ = self.write(&mut label, self.about().title);
        label
    }

    /// What the event log says when it begins (`on`) or ends; without the light, which stands beside it.
    #[must_use]
    pub(crate) fn log(&self, on: bool) -> String {
        match (self.about().log, on) {
            (Some([begun, _]), true) => begun.to_owned(),
            (Some([_, ended]), false) => ended.to_owned(),
            (None, true) => format!("Fault injected: {}", self.label()),
            (None, false) => format!("Fault cleared: {}", self.about().title),
        }
    }

    fn write(&self, f: &mut impl fmt::Write, name: &str) -> fmt::Result {
        match self {
            Fault::Link { spec, .. } => spec.write(f, name),
            fault => kinds::write(f, name, &fault.kind().parameters()),
        }
    }
}

impl fmt::Display for Fault {
    /// The name with its parameters, without the light: `latency 200 ms ± 50 ms, to the broker`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, self.name())
    }
}

/// The form in a recording: `"broker-down"`, `{"quota": {"per_minute": 30}}`, `{"hang": "demo/a"}`,
/// `{"clock-drift": {"light": "demo/a", "ppm": 5}}` or `{"link": {"light": "demo/a", "placed": …}}`.
impl From<Fault> for Value {
    fn from(fault: Fault) -> Value {
        let form = |name: &str, body: Value| Value::from(Map::from_iter([(name.to_owned(), body)]));
        // None of these forms has anything that JSON cannot say.
        let body = |value: Result<Value, serde_json::Error>| {
            let value = value.unwrap_or_default();
            value.as_object().and_then(|tagged| tagged.values().next()).cloned().unwrap_or_default()
        };
        match &fault {
            Fault::Link { light, spec } => form("link", serde_json::json!({"light": light, "placed": spec})),
            Fault::Light { light, fault: kind } => match body(serde_json::to_value(kind)) {
                Value::Object(mut members) => {
                    members.insert("light".to_owned(), light.to_string().into());
                    form(fault.name(), members.into())
                }
                _ => form(fault.name(), light.to_string().into()),
            },
            Fault::Broker(kind) => match body(serde_json::to_value(kind)) {
                Value::Null => fault.name().into(),
                members => form(fault.name(), members),
            },
        }
    }
}

impl TryFrom<Value> for Fault {
    type Error = serde_json::Error;

    fn try_from(value: Value) -> Result<Fault, serde_json::Error> {
        let (name, mut body) = match value {
            Value::String(name) => (name, Value::Null),
            Value::Object(form) => {
                form.into_iter().next().ok_or_else(|| Error::custom("a fault without a name"))?
            }
            _ => return Err(Error::custom("a fault is a name, or an object with its name")),
        };
        if name == "link" {
            #[derive(Deserialize)]
            struct Link {
                light: LightId,
                placed: LinkFaultSpec,
            }
            let Link { light, placed } = serde_json::from_value(body)?;
            return Ok(Fault::on_link(light, placed));
        }
        let light = match &mut body {
            Value::String(_) => Some(body.take()),
            Value::Object(members) => members.remove("light"),
            _ => None,
        };
        let kind = Value::from(Map::from_iter([(name, body)]));
        Ok(match light {
            Some(light) => {
                Fault::Light { light: serde_json::from_value(light)?, fault: serde_json::from_value(kind)? }
            }
            None => Fault::Broker(serde_json::from_value(kind)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use traffic_light::Name;

    use super::*;
    use crate::fault::{BrokerDown, ClockDrift, Directions, Hang, Latency, Quota, Suspend};

    fn light(name: &str) -> LightId {
        LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
    }

    #[test]
    fn new_parameters_replace_the_last_at_the_same_place_only() {
        let latency = |name: &str, ms| {
            Fault::on_link(light(name), LinkFaultSpec::to_broker(Latency { ms, jitter_ms: 0 }))
        };
        assert!(latency("a", 10).is_replaced_by(&latency("a", 20)));
        assert!(!latency("a", 10).is_replaced_by(&latency("b", 10)));
        let drift = |ppm| Fault::on(light("a"), ClockDrift { ppm });
        assert!(drift(5).is_replaced_by(&drift(-5)));
        assert!(!Fault::on(light("a"), Hang).is_replaced_by(&Fault::on(light("a"), Suspend)));
    }

    #[test]
    fn a_quota_strikes_all_lights_of_any_kind_and_lets_something_pass() {
        let quota = |per_minute| Fault::on_broker(Quota { per_minute });
        assert_eq!((quota(30).to_string(), quota(30).light()), ("quota 30 a minute".to_owned(), None));
        assert!(quota(0).check().is_err() && quota(200_000).check().is_err());
        assert!(quota(30).is_replaced_by(&quota(5)));
        assert!(!quota(30).is_replaced_by(&Fault::on_broker(BrokerDown)));
        for kind in [LightKind::Virtual, LightKind::Board, LightKind::Foreign] {
            assert_eq!(quota(30).why_not(kind), None);
        }
    }

    #[test]
    fn every_fault_keeps_its_form_in_recordings() {
        for kind in FaultKind::examples() {
            let fault = kind.at(Some(light("a")), Directions::ToBroker).unwrap();
            let text = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault, "{text}");
        }
        for (text, label) in [
            ("\"broker-down\"", "Broker down"),
            ("{\"quota\":{\"per_minute\":12}}", "Quota 12 a minute"),
            ("{\"hang\":\"demo/a\"}", "Hang"),
            ("{\"clock-drift\":{\"light\":\"demo/a\",\"ppm\":-30500}}", "Clock drift -3.05 %"),
            (
                "{\"link\":{\"light\":\"demo/a\",\"placed\":{\"fault\":{\"delay\":{\"ms\":9,\"percent\":5}},\"ways\":\"up\"}}}",
                "Delay messages 5 %, up to 9 ms, to the broker",
            ),
        ] {
            let fault: Fault = serde_json::from_str(text).unwrap();
            assert_eq!(fault.label(), label);
            let again: Value = serde_json::to_value(&fault).unwrap();
            assert_eq!(again, serde_json::from_str::<Value>(text).unwrap(), "as 0.1.0 wrote it");
        }
        for wrong in ["5", "{}", "\"gremlins\"", "{\"hang\":5}", "\"hang\"", "{\"broker-down\":\"demo/a\"}"] {
            assert!(serde_json::from_str::<Fault>(wrong).is_err(), "{wrong}");
        }
    }
}
