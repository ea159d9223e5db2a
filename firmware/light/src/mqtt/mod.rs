//! MQTT 3.1.1 without a socket: one session of a light.
//!
//! Section numbers are those of the OASIS standard "MQTT Version 3.1.1".

mod session;

pub use session::{ConnectOptions, End, Event, INBOX_BYTES, MAX_UNACKED, OUTBOX_BYTES, Session, client_id};
