//! How the broker's memory is shared out, in bytes.
//!
//! `mqtt5` 0.49.0 limits numbers: messages in a lane, retained topics, clients. None of its limits is in bytes, so
//! that 20,000 messages of 1 MB each wait for a subscriber that does not read.

use crate::model::BrokerLimits;

/// What one message takes beside its topic and payload, in the crate's maps and queues.
pub(super) const PER_MESSAGE: usize = 512;

/// What each part of the broker may take. Together they stay below [`BrokerLimits::memory`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// One packet from a client.
    pub(super) packet: usize,
    /// What waits for one client, or was not acknowledged by it.
    pub(super) per_client: usize,
    /// What waits for all clients.
    pub(super) waiting: usize,
    /// Payloads on their way through the crate's lanes.
    pub(super) routed: usize,
    /// Retained messages; the crate keeps each twice, in its router and in its storage.
    pub(super) retained: usize,
    /// Messages for one client that is away.
    pub(super) absent_client: usize,
    /// Sessions, not bytes, that are kept for clients that are away.
    pub(super) absent_sessions: usize,
}

impl From<BrokerLimits> for Shares {
    fn from(BrokerLimits { memory, packet }: BrokerLimits) -> Shares {
        Shares {
            packet,
            per_client: memory / 16,
            waiting: memory / 4,
            routed: memory / 8,
            retained: memory / 8,
            absent_client: memory / 512,
            absent_sessions: 128,
        }
    }
}
