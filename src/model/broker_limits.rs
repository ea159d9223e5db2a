//! How much the clients of the embedded broker may use.

/// How much the clients of the embedded broker may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerLimits {
    /// Bytes for all that waits or is kept.
    pub memory: usize,
    /// Bytes of one MQTT packet from a client.
    pub packet: usize,
}

impl Default for BrokerLimits {
    /// 256 MiB, and 256 KiB: a light's message has at most 512 bytes.
    fn default() -> BrokerLimits {
        BrokerLimits { memory: 256 << 20, packet: 256 << 10 }
    }
}

impl BrokerLimits {
    /// The share of the memory that one packet may be.
    pub const PACKETS_IN_MEMORY: usize = 64;
}
