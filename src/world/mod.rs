//! The world: lights, their links, the broker and the monitor. It runs on tokio, takes
//! [`Command`]s and gives [`Event`]s; the window and the command line are two faces of it.

pub mod command;
pub mod event;

pub use command::Command;
pub use event::{Event, EventKind, LightId};
