//! How long a packet from a broker may be.

use super::{Diagnostic, grouped};

/// Bytes of a packet that a client of this program takes from a broker which is not its own: a light's message has
/// at most 512, all feeds of a group at Adafruit IO some 100,000. A longer one ends the client's session as soon as
/// it is announced, since rumqttc cannot pass over it; what lights and the doctor speak does.
pub(crate) const MAX_PACKET_BYTES: usize = 1 << 20;

/// The broker has announced a packet of `bytes`, to a client that takes `most`.
pub(crate) fn too_long(bytes: usize, most: usize) -> Diagnostic {
    let shown = |bytes: usize| grouped(bytes as u64, ',');
    Diagnostic::new(
        format!("the broker sends a message of {} bytes; at most {} are taken", shown(bytes), shown(most)),
        "have that message deleted at the broker, or choose another root topic",
    )
}
