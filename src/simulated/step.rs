//! What happens next in a simulation.

use super::net::ConnId;
use crate::fault::Direction;

/// One thing that happens at a planned moment.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A light's program is called.
    Check(usize),
    /// A light has something to do.
    Light(usize),
    DuplicateClient(usize),
    /// An answer to who dialled.
    Dialled(ConnId),
    /// The proxy's answer from the broker.
    Reached(ConnId),
    /// Bytes arrive.
    Arrive(ConnId, Direction),
    /// The account is banned: every connection is reset.
    Cut,
    /// Something comes out of a connection's link.
    Deliver(ConnId),
    /// A fault strikes a connection as a whole.
    Terminate(ConnId),
    /// The broker looks whether a client still speaks.
    KeepAlive(ConnId),
    /// The last messages have arrived.
    Over,
}
