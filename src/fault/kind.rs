//! Any fault with its parameters, but without its place.

use std::fmt;

use super::{
    BrokerFault, Directions, Fault, LightFault, LinkFault, LinkFaultSpec,
    definition::{About, Definition, Draw, Number},
};
use crate::model::{Diagnostic, LightId};

/// Makes the enums of the list of faults, and what they need to be asked alike.
macro_rules! faults {
    ($($(#[$doc:meta])* $part:ident: $trait:ident { $($file:ident::$fault:ident),* $(,)? })*) => {$(
        $(pub use self::$file::$fault;)*

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[expect(missing_docs, reason = "each fault's type says what it is")]
        pub enum $part {
            $($fault($fault)),*
        }

        $(impl From<$fault> for $part {
            fn from(fault: $fault) -> $part {
                $part::$fault(fault)
            }
        })*

        impl $part {
            /// All of them, with parameters that show what they do.
            pub const EXAMPLES: &[$part] = &[$($part::$fault($file::EXAMPLE)),*];

            pub(crate) fn about(&self) -> &'static About {
                match self {
                    $($part::$fault(_) => &$file::ABOUT),*
                }
            }

            pub(crate) fn definition(&self) -> &dyn $trait {
                match self {
                    $($part::$fault(fault) => fault),*
                }
            }

            fn definition_mut(&mut self) -> &mut dyn Definition {
                match self {
                    $($part::$fault(fault) => fault),*
                }
            }
        }

        impl From<$part> for FaultKind {
            fn from(fault: $part) -> FaultKind {
                FaultKind::$part(fault)
            }
        }
    )*};
}
pub(super) use faults;

/// Any fault with its parameters, but without its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each part's type says what it is")]
pub enum FaultKind {
    LinkFault(LinkFault),
    LightFault(LightFault),
    BrokerFault(BrokerFault),
}

impl FaultKind {
    /// All faults, with parameters that show what they do.
    pub fn examples() -> impl Iterator<Item = FaultKind> {
        let links = LinkFault::EXAMPLES.iter().copied().map(FaultKind::from);
        let lights = LightFault::EXAMPLES.iter().copied().map(FaultKind::from);
        links.chain(lights).chain(BrokerFault::EXAMPLES.iter().copied().map(FaultKind::from))
    }

    fn definition(&self) -> &dyn Definition {
        match self {
            FaultKind::LinkFault(fault) => fault.definition(),
            FaultKind::LightFault(fault) => fault.definition(),
            FaultKind::BrokerFault(fault) => fault.definition(),
        }
    }

    fn definition_mut(&mut self) -> &mut dyn Definition {
        match self {
            FaultKind::LinkFault(fault) => fault.definition_mut(),
            FaultKind::LightFault(fault) => fault.definition_mut(),
            FaultKind::BrokerFault(fault) => fault.definition_mut(),
        }
    }

    /// What holds for it whatever the parameters.
    #[must_use]
    pub fn about(&self) -> &'static About {
        match self {
            FaultKind::LinkFault(fault) => fault.about(),
            FaultKind::LightFault(fault) => fault.about(),
            FaultKind::BrokerFault(fault) => fault.about(),
        }
    }

    /// The numbers of its parameters, as stored, in the order of [`About::parameters`].
    #[must_use]
    pub fn values(&self) -> Vec<i64> {
        self.definition().values()
    }

    /// The same, to be changed.
    pub fn numbers(&mut self) -> Vec<&mut dyn Number> {
        self.definition_mut().numbers()
    }

    /// The parameters for people, such as `200 ms ± 50 ms`; empty where there are none.
    #[must_use]
    pub fn parameters(&self) -> String {
        self.definition().words().unwrap_or_else(|| {
            let numbers = self.about().parameters.iter().zip(self.values());
            let shown = numbers.map(|(about, value)| format!("{} {}", about.shown(value), about.unit));
            shown.collect::<Vec<_>>().join(", ")
        })
    }

    /// # Errors
    /// Returns why the parameters are invalid and which values are accepted.
    pub fn check(&self) -> Result<(), Diagnostic> {
        self.definition().check()?;
        self.about().parameters.iter().zip(self.values()).try_for_each(|(about, value)| about.check(value))
    }

    /// Brings parameters that depend on each other together, after one was changed in a form.
    pub fn settle(&mut self) {
        self.definition_mut().settle();
    }

    /// Draws other parameters.
    pub fn draw(&mut self, draw: &mut Draw<'_>) {
        self.definition_mut().draw(draw);
    }

    /// Whether it strikes all lights, and so names none.
    #[must_use]
    pub fn strikes_all(&self) -> bool {
        matches!(self, FaultKind::BrokerFault(_))
    }

    /// Whether a direction has a meaning.
    #[must_use]
    pub fn has_direction(&self) -> bool {
        matches!(self, FaultKind::LinkFault(_)) && !self.about().whole_connection
    }

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

impl fmt::Display for FaultKind {
    /// `latency 200 ms ± 50 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.about().name, &self.parameters())
    }
}

pub(super) fn write(f: &mut impl fmt::Write, name: &str, parameters: &str) -> fmt::Result {
    f.write_str(name)?;
    if parameters.is_empty() { Ok(()) } else { write!(f, " {parameters}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fault::Rng;

    #[test]
    fn every_fault_has_every_part() {
        let mut names = BTreeSet::new();
        let mut signs = BTreeSet::new();
        for mut kind in FaultKind::examples() {
            let about = kind.about();
            let name = about.name;
            assert!(!name.is_empty() && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()));
            assert!(names.insert(name), "{name} comes twice");
            assert!(about.title.starts_with(char::is_uppercase), "{name}");
            assert!(about.meaning.ends_with('.'), "{name}");
            assert!(!about.sign.is_empty() && signs.insert(format!("{:?}", about.sign)), "{name}");
            assert_eq!(kind.check(), Ok(()), "{name}: its example");
            assert!(kind.to_string().starts_with(name));
            let values = kind.values();
            assert_eq!(
                (values.len(), kind.numbers().len()),
                (about.parameters.len(), values.len()),
                "{name}"
            );
            for (place, parameter) in about.parameters.iter().enumerate() {
                let (least, most) = parameter.limits;
                assert!(
                    least < most && parameter.offered.0 >= least && parameter.offered.1 <= most,
                    "{name}"
                );
                assert!((parameter.offered.0..=parameter.offered.1).contains(&values[place]), "{name}");
                for wrong in [least - 1, most + 1] {
                    let mut other = kind;
                    other.numbers()[place].set(wrong);
                    let stored = other.values()[place];
                    assert!(stored != wrong || other.check().is_err(), "{name}: {stored}");
                }
            }
            for seed in 0..100 {
                kind.draw(&mut Draw { rng: &mut Rng::new(seed, 0), beyond_rho: seed % 2 == 0 });
                assert_eq!(kind.check(), Ok(()), "{kind} was drawn");
            }
            let by_hand = [about.board, about.foreign, about.other_broker];
            assert_eq!(kind.strikes_all(), about.other_broker.is_some(), "{name}");
            assert!(by_hand.into_iter().flatten().all(|text| !text.contains(';') && !text.ends_with('.')));
        }
        assert!(names.len() >= 23, "{names:?}");
    }
}
