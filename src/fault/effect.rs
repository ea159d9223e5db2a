//! What link faults do to packets, bytes and connections.

use simulation::Rng;

use super::definition::Definition;

/// Microseconds, from any origin.
pub(crate) type Micros = u64;

/// What becomes of one PUBLISH packet. Faults change it one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketAction {
    /// How often it arrives; 1 without a fault.
    pub(super) copies: u32,
    /// How much later it goes on than it came.
    pub(super) delay_us: Micros,
    /// How many later PUBLISH packets go before it.
    pub(super) behind: u32,
}

impl Default for PacketAction {
    /// It arrives once, in its turn.
    fn default() -> PacketAction {
        PacketAction { copies: 1, delay_us: 0, behind: 0 }
    }
}

/// How a piece of bytes passes. Faults change it one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shaping {
    /// How long it travels.
    pub(super) delay_us: Micros,
    /// How many bytes a second go onto the wire.
    pub(super) bytes_per_s: Option<u32>,
    /// Nothing passes for now.
    pub(super) stalled: bool,
    /// How much later than its bytes an end of the stream travels.
    pub(super) close_delay_us: Micros,
}

/// What holds for connections as a whole. Faults change it one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionRules {
    /// New connections are refused.
    pub refuse: bool,
    /// A connection is reset so long after it was made, or after this came into force.
    pub(super) reset_after_us: Option<Micros>,
    /// A connection loses one end so long after it was made, or after this came into force.
    pub(super) half_open_after_us: Option<Micros>,
}

/// What a link fault does. It keeps no state: what has to be remembered belongs to the connection.
pub(crate) trait Effect: Definition {
    /// Whether it looks at whole PUBLISH packets.
    fn reads_packets(&self) -> bool {
        false
    }

    /// Decides what becomes of a PUBLISH packet.
    fn packet(&self, _action: &mut PacketAction, _rng: &mut Rng) {}

    /// Decides how a piece of bytes passes.
    fn bytes(&self, _shaping: &mut Shaping, _rng: &mut Rng) {}

    /// Decides what holds for connections.
    fn connection(&self, _rules: &mut ConnectionRules) {}
}

pub(super) fn us(ms: u32) -> Micros {
    u64::from(ms) * 1_000
}

pub(super) fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.chance(u64::from(percent) * 10)
}
