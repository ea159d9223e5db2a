//! MQTT 3.1.1 without a socket: its packets, what is answered to them, and one session of a light.
//!
//! Section numbers are those of the OASIS standard "MQTT Version 3.1.1".

pub mod codec;
mod inbox;
mod session;

pub use inbox::{Inbox, Incoming};
pub use session::{ConnectOptions, End, Event, INBOX_BYTES, MAX_UNACKED, OUTBOX_BYTES, Session, client_id};
