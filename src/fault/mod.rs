//! Faults of a link: what can go wrong between a light and its broker, as configuration.
//!
//! Everything here is decided by pure code: bytes, time and random numbers come in, bytes and times
//! come out. [`ImpairedLink`] keeps what one connection needs to remember; the proxy of the world and the
//! links of a simulated one both run it.
//!
//! | module | what it does to a link |
//! | --- | --- |
//! | [`latency`] | every byte takes longer |
//! | [`bandwidth`] | only so many bytes a second |
//! | [`black_hole`] | the connection stays, nothing passes |
//! | [`reset`] | the connection is reset by the peer |
//! | [`refuse`] | no new connection is accepted |
//! | [`slow_close`] | one end learns late that the other has closed |
//! | [`half_open`] | one end is gone, and the other is not told |
//! | [`lose`], [`double`], [`delay`], [`reorder`] | whole PUBLISH packets are lost, doubled, late, overtaken |
//!
//! # A new fault
//!
//! 1. Copy the file that is most like it ([`latency`] for bytes, [`delay`] for packets, [`reset`]
//!    for connections), with its test.
//! 2. Implement [`Effect`]: refuse a dose that cannot be meant, and change what passes: a
//!    [`PacketAction`] for each PUBLISH packet, a [`Shaping`] for each piece of bytes, or the [`Rules`] of a
//!    connection. What it does not touch it need not mention. It keeps no state: what has to be
//!    remembered belongs to the connection.
//! 3. Add a variant to [`LinkFault`] and a line each to [`LinkFault::effect`],
//!    [`LinkFault::NAMES`] and [`LinkFault::name`]; the compiler and a test name what is missing.
//! 4. Give it its members in [`crate::config`] (`fault.rs`), and it can be written in a file.

pub mod bandwidth;
pub mod black_hole;
pub mod delay;
pub mod double;
pub(crate) mod frame;
pub mod half_open;
mod impaired_link;
pub mod latency;
pub mod lose;
pub mod refuse;
pub mod reorder;
pub mod reset;
pub mod slow_close;
mod terminations;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::{
    bandwidth::Bandwidth,
    black_hole::BlackHole,
    delay::Delay,
    double::Double,
    half_open::HalfOpen,
    impaired_link::{ImpairedLink, Item},
    latency::Latency,
    lose::Lose,
    refuse::Refuse,
    reorder::Reorder,
    reset::Reset,
    slow_close::SlowClose,
    terminations::{Termination, Terminations},
};
pub use simulation::Rng;

/// Microseconds, from any origin.
pub type Micros = u64;

/// The longest span of a dose, in milliseconds: an hour.
pub const LONGEST_MS: u32 = 3_600_000;

/// A direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the light to the broker.
    ToBroker,
    /// From the broker to the light.
    FromBroker,
}

impl Direction {
    /// Both of them.
    pub const BOTH: [Direction; 2] = [Direction::ToBroker, Direction::FromBroker];

    /// The other direction.
    #[must_use]
    pub fn other(self) -> Direction {
        match self {
            Direction::ToBroker => Direction::FromBroker,
            Direction::FromBroker => Direction::ToBroker,
        }
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self == Direction::FromBroker)
    }
}

/// Which directions a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Directions {
    /// From the light to the broker.
    #[serde(rename = "up")]
    ToBroker,
    /// From the broker to the light.
    #[serde(rename = "down")]
    FromBroker,
    /// Both directions.
    #[default]
    Both,
}

impl Directions {
    /// Whether `way` is among them.
    #[must_use]
    pub fn include(self, direction: Direction) -> bool {
        matches!(
            (self, direction),
            (Directions::Both, _)
                | (Directions::ToBroker, Direction::ToBroker)
                | (Directions::FromBroker, Direction::FromBroker)
        )
    }
}

impl fmt::Display for Directions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Directions::ToBroker => "to the broker",
            Directions::FromBroker => "from the broker",
            Directions::Both => "both ways",
        })
    }
}

/// One failure of a link, with its dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkFault {
    /// Every byte takes longer.
    Latency(Latency),
    /// Only so many bytes a second.
    Bandwidth(Bandwidth),
    /// The connection stays, nothing passes.
    BlackHole(BlackHole),
    /// The connection is reset by the peer.
    Reset(Reset),
    /// No new connection is accepted.
    Refuse(Refuse),
    /// One end learns late that the other has closed.
    SlowClose(SlowClose),
    /// One end is gone, and the other is not told.
    HalfOpen(HalfOpen),
    /// PUBLISH packets are lost.
    Lose(Lose),
    /// PUBLISH packets come twice.
    Double(Double),
    /// PUBLISH packets come late.
    Delay(Delay),
    /// PUBLISH packets are overtaken.
    Reorder(Reorder),
}

/// A fault of a link, and the directions that it strikes. Of one fault there is at most one for the
/// same directions; put in again, it takes the new dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LinkFaultSpec {
    /// What it does.
    pub fault: LinkFault,
    /// Where. Refuse, reset and half-open strike the connection as a whole.
    #[serde(rename = "ways")]
    pub directions: Directions,
}

/// What becomes of one PUBLISH packet. Faults change it one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketAction {
    /// How often it arrives; 1 without a fault.
    pub copies: u32,
    /// How much later it goes on than it came.
    pub delay_us: Micros,
    /// How many later PUBLISH packets go before it.
    pub behind: u32,
}

impl Default for PacketAction {
    /// It arrives once, in its turn.
    fn default() -> PacketAction {
        PacketAction { copies: 1, delay_us: 0, behind: 0 }
    }
}

/// How a piece of bytes passes. Faults change it one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shaping {
    /// How long it travels.
    pub delay_us: Micros,
    /// How many bytes a second go onto the wire.
    pub bytes_per_s: Option<u32>,
    /// Nothing passes for now.
    pub stalled: bool,
    /// How much later than its bytes an end of the stream travels.
    pub close_delay_us: Micros,
}

/// What holds for connections as a whole. Faults change it one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// New connections are refused.
    pub refuse: bool,
    /// A connection is reset so long after it was made, or after this came into force.
    pub reset_after_us: Option<Micros>,
    /// A connection loses one end so long after it was made, or after this came into force.
    pub half_open_after_us: Option<Micros>,
}

/// What a fault does. See the [module](self) for how to write one.
pub trait Effect {
    /// # Errors
    /// Why the dose cannot be meant, and what would do.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The dose in a person's words, such as `200 ms ± 50 ms`; empty where there is none.
    fn dose(&self) -> String {
        String::new()
    }

    /// Whether it looks at whole PUBLISH packets.
    fn reads_packets(&self) -> bool {
        false
    }

    /// Decides what becomes of a PUBLISH packet.
    fn packet(&self, _fate: &mut PacketAction, _rng: &mut Rng) {}

    /// Decides how a piece of bytes passes.
    fn bytes(&self, _passage: &mut Shaping, _rng: &mut Rng) {}

    /// Decides what holds for connections.
    fn connection(&self, _rules: &mut Rules) {}
}

impl LinkFault {
    /// The words of the configuration and the event log.
    pub const NAMES: [&str; 11] = [
        "latency",
        "bandwidth",
        "black-hole",
        "reset",
        "refuse",
        "slow-close",
        "half-open",
        "lose",
        "double",
        "delay",
        "reorder",
    ];

    /// Its word, one of [`LinkFault::NAMES`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        let index = match self {
            LinkFault::Latency(_) => 0,
            LinkFault::Bandwidth(_) => 1,
            LinkFault::BlackHole(_) => 2,
            LinkFault::Reset(_) => 3,
            LinkFault::Refuse(_) => 4,
            LinkFault::SlowClose(_) => 5,
            LinkFault::HalfOpen(_) => 6,
            LinkFault::Lose(_) => 7,
            LinkFault::Double(_) => 8,
            LinkFault::Delay(_) => 9,
            LinkFault::Reorder(_) => 10,
        };
        LinkFault::NAMES[index]
    }

    /// The fault of this name with a dose that shows what it does; `None` for another word.
    #[must_use]
    pub fn example(name: &str) -> Option<LinkFault> {
        Some(match name {
            "latency" => Latency { ms: 200, jitter_ms: 50 }.into(),
            "bandwidth" => Bandwidth { bytes_per_s: 200 }.into(),
            "black-hole" => BlackHole.into(),
            "reset" => Reset { after_ms: 0 }.into(),
            "refuse" => Refuse.into(),
            "slow-close" => SlowClose { ms: 5_000 }.into(),
            "half-open" => HalfOpen { after_ms: 0 }.into(),
            "lose" => Lose { percent: 20 }.into(),
            "double" => Double { percent: 30 }.into(),
            "delay" => Delay { percent: 30, ms: 3_000 }.into(),
            "reorder" => Reorder { percent: 30 }.into(),
            _ => return None,
        })
    }

    /// What it does.
    #[must_use]
    pub fn effect(&self) -> &dyn Effect {
        match self {
            LinkFault::Latency(fault) => fault,
            LinkFault::Bandwidth(fault) => fault,
            LinkFault::BlackHole(fault) => fault,
            LinkFault::Reset(fault) => fault,
            LinkFault::Refuse(fault) => fault,
            LinkFault::SlowClose(fault) => fault,
            LinkFault::HalfOpen(fault) => fault,
            LinkFault::Lose(fault) => fault,
            LinkFault::Double(fault) => fault,
            LinkFault::Delay(fault) => fault,
            LinkFault::Reorder(fault) => fault,
        }
    }

    /// Whether it strikes connections as a whole, so that a direction has no meaning.
    #[must_use]
    pub fn strikes_connections(&self) -> bool {
        matches!(self, LinkFault::Reset(_) | LinkFault::Refuse(_) | LinkFault::HalfOpen(_))
    }
}

macro_rules! into_link_fault {
    ($($name:ident),*) => {
        $(impl From<$name> for LinkFault {
            fn from(fault: $name) -> LinkFault {
                LinkFault::$name(fault)
            }
        })*
    };
}

into_link_fault!(
    Latency, Bandwidth, BlackHole, Reset, Refuse, SlowClose, HalfOpen, Lose, Double, Delay, Reorder
);

impl LinkFaultSpec {
    /// In both directions.
    #[must_use]
    pub fn both_ways(fault: impl Into<LinkFault>) -> LinkFaultSpec {
        LinkFaultSpec { fault: fault.into(), directions: Directions::Both }
    }

    /// From the light to the broker.
    #[must_use]
    pub fn to_broker(fault: impl Into<LinkFault>) -> LinkFaultSpec {
        LinkFaultSpec { fault: fault.into(), directions: Directions::ToBroker }
    }

    /// From the broker to the light.
    #[must_use]
    pub fn from_broker(fault: impl Into<LinkFault>) -> LinkFaultSpec {
        LinkFaultSpec { fault: fault.into(), directions: Directions::FromBroker }
    }

    /// # Errors
    /// Why it cannot be meant, and what would do.
    pub fn check(&self) -> Result<(), String> {
        if self.fault.strikes_connections() && self.directions != Directions::Both {
            let name = self.fault.name();
            return Err(format!("{name} strikes the connection as a whole; leave the direction out"));
        }
        self.fault.effect().check()
    }

    /// Whether putting `other` in would give this one another dose.
    #[must_use]
    pub fn is_replaced_by(&self, other: &LinkFaultSpec) -> bool {
        self.fault.name() == other.fault.name() && self.directions == other.directions
    }
}

/// What `faults` make of connections as a whole.
#[must_use]
pub fn rules(faults: &[LinkFaultSpec]) -> Rules {
    let mut rules = Rules::default();
    for spec in faults {
        spec.fault.effect().connection(&mut rules);
    }
    rules
}

/// Whether nothing passes in one of the directions, so that no connection can come to be.
#[must_use]
pub fn stalls(faults: &[LinkFaultSpec]) -> bool {
    faults.iter().any(|spec| matches!(spec.fault, LinkFault::BlackHole(_)))
}

impl fmt::Display for LinkFaultSpec {
    /// `latency 200 ms ± 50 ms, to the broker`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fault.name())?;
        let dose = self.fault.effect().dose();
        if !dose.is_empty() {
            write!(f, " {dose}")?;
        }
        match self.directions {
            Directions::Both => Ok(()),
            directions => write!(f, ", {directions}"),
        }
    }
}

/// Refuses a share of packets that is none.
fn check_percent(percent: u8) -> Result<(), String> {
    match percent {
        1..=100 => Ok(()),
        _ => Err(format!("{percent} % of the messages cannot be meant; give 1 to 100")),
    }
}

/// Refuses a span over an hour, or, where it must not be, of nothing.
fn check_ms(ms: u32, least: u32) -> Result<(), String> {
    if (least..=LONGEST_MS).contains(&ms) {
        return Ok(());
    }
    Err(format!("{ms} ms cannot be meant; give {least} to {LONGEST_MS} (an hour)"))
}

fn us(ms: u32) -> Micros {
    u64::from(ms) * 1_000
}

fn chance(rng: &mut Rng, percent: u8) -> bool {
    rng.chance(u64::from(percent) * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_example_that_can_be_meant_and_prints_itself() {
        for name in LinkFault::NAMES {
            let fault = LinkFault::example(name).unwrap();
            assert_eq!(fault.name(), name);
            assert_eq!(LinkFaultSpec::both_ways(fault).check(), Ok(()));
            assert!(LinkFaultSpec::both_ways(fault).to_string().starts_with(name));
        }
        assert_eq!(LinkFault::example("gremlins"), None);
    }

    #[test]
    fn a_direction_for_a_whole_connection_is_refused_and_a_dose_replaces_the_last() {
        assert!(LinkFaultSpec::to_broker(Refuse).check().unwrap_err().contains("leave the direction out"));
        let slow = LinkFaultSpec::to_broker(Latency { ms: 100, jitter_ms: 0 });
        assert!(slow.is_replaced_by(&LinkFaultSpec::to_broker(Latency { ms: 200, jitter_ms: 10 })));
        assert!(!slow.is_replaced_by(&LinkFaultSpec::from_broker(Latency { ms: 200, jitter_ms: 10 })));
        assert_eq!(slow.to_string(), "latency 100 ms, to the broker");
    }
}
