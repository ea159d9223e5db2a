//! How much memory the broker's clients may take, in bytes.
//!
//! `mqtt5` 0.49.0 limits numbers: messages in a lane, retained topics, clients. None of its limits is in bytes, so
//! that 20,000 messages of 1 MB each wait for a subscriber that does not read.

/// How much the clients of an embedded broker may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerLimits {
    /// Bytes for all that waits or is kept, in all.
    pub memory: usize,
    /// Bytes of one MQTT packet from a client.
    pub packet: usize,
    /// Clients of this program itself, whose connections are kept free from others.
    pub own_clients: usize,
}

/// 256 MiB.
pub const DEFAULT_MEMORY: usize = 256 << 20;
/// The least that the lights of a class work well with.
pub const MIN_MEMORY: usize = 16 << 20;
/// 256 KiB: a light's message has at most 512 bytes.
pub const DEFAULT_PACKET: usize = 256 << 10;
/// What one message takes beside its topic and payload, in the crate's maps and queues.
pub(super) const PER_MESSAGE: usize = 512;

impl Default for BrokerLimits {
    fn default() -> BrokerLimits {
        BrokerLimits { memory: DEFAULT_MEMORY, packet: DEFAULT_PACKET, own_clients: 0 }
    }
}

impl BrokerLimits {
    /// The largest packet that a budget of `memory` bytes has room for.
    #[must_use]
    pub fn largest_packet(memory: usize) -> usize {
        memory / 64
    }

    /// What waits for one client, or was not acknowledged by it.
    pub(super) fn per_client(&self) -> usize {
        self.memory / 16
    }

    /// What waits for all clients.
    pub(super) fn waiting(&self) -> usize {
        self.memory / 4
    }

    /// Payloads on their way through the crate's lanes.
    pub(super) fn routed(&self) -> usize {
        self.memory / 8
    }

    /// Retained messages; the crate keeps each twice, in its router and in its storage.
    pub(super) fn retained(&self) -> usize {
        self.memory / 8
    }

    /// Messages for one client that is away.
    pub(super) fn absent_client(&self) -> usize {
        self.memory / 512
    }

    /// Sessions that are kept for clients that are away.
    pub(super) fn absent_sessions(&self) -> usize {
        128
    }
}
