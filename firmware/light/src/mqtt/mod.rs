//! MQTT 3.1.1 without a socket: its packets, and one session of a light.
//!
//! Section numbers are those of the OASIS standard "MQTT Version 3.1.1".

pub mod codec;
mod session;

pub use session::{ConnectOptions, End, Event, INBOX_BYTES, MAX_UNACKED, OUTBOX_BYTES, Session, client_id};
