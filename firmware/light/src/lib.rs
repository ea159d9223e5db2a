//! The light itself: what it shows, what it says, and when it may go.
//!
//! This library is the part that a virtual light on a computer and a light on a LoPy4 have in
//! common, to the letter. It has no I/O, no clock and no randomness of its own: the host passes
//! the time and random numbers in, delivers what it hears, switches the lamps to
//! [`Light::aspect`] and sends what [`Light::step`] returns.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`aspect`] | what a light shows |
//! | [`name`] | names of lights and junctions |
//! | [`time`] | instants, and spans stretched or shrunk by the error of a clock |
//! | [`timing`] | how long everything takes, and whether that can work |
//! | [`message`] | the JSON of states, status and commands, bounded, without allocation |
//! | [`json`] | whether a text is JSON |
//! | [`key`] | a junction's key and its signatures |
//! | [`command`] | which commands a light obeys |
//! | [`freshness`] | which of another light's messages are new |
//! | [`light`] | the program of a light: phases, promises, leases, and when to speak |
//!
//! | [`program`] | what a host does around its light: topics, status, commands |
//! | [`feeds`] | where a light speaks on Adafruit IO |
//! | [`foreign`] | the topics and words of somebody else's light |
//!
//! and what a board needs around it, here so that it is tested without a board:
//!
//! | module | one idea |
//! | --- | --- |
//! | [`reconnector`] | the way to the broker: join, connect, and again, with back-off |
//! | [`link`] | reconnector and session together: what a failed connection means |
//! | [`mqtt`] | one MQTT 3.1.1 session, without a socket |
//! | [`record`] | the provisioning record: what a board has to know, as it lies on flash |
//! | [`boot_counter`] | the count of a board's starts, from which its runs get their numbers |
//! | [`lamps`] | which LEDs are lit for an aspect, and how far the board has come |
//! | [`button`] | debounced short and long presses |
//! | [`backoff`] | how long to wait before the next try |
//! | [`crc`] | the checksum of what lies on flash |
//!
//! The rules of right of way are those of a signal controller without a leader: a light goes only
//! while every conflicting light has promised it to stay out of go.
#![no_std]

pub mod aspect;
pub mod backoff;
pub mod button;
pub mod command;
pub mod crc;
pub mod feeds;
pub mod foreign;
pub mod freshness;
pub mod json;
pub mod key;

pub mod boot_counter;
pub mod lamps;
pub mod light;
pub mod link;
pub mod message;
pub mod mqtt;
pub mod name;
pub mod program;
pub mod reconnector;
pub mod record;
pub mod time;
pub mod timing;

pub use aspect::Aspect;
pub use command::{Refused, ReplayGuard};
pub use foreign::Foreign;
pub use key::{Key, KeyError};
#[cfg(feature = "mutations")]
pub use light::Mutation;
pub use light::{ConfigError, Demand, Heard, Held, Light, LightConfig, Replica, Rule, Start, View, Waiting};
pub use message::{Ignored, MAX_MESSAGE_BYTES, MAX_PEERS, Need, PeerMessage, State, Status};
pub use name::{Name, NameError};
pub use time::Instant;
pub use timing::{Infeasible, Timing};
