//! The world: lights, their links, the broker and the monitor. It runs on tokio, takes
//! [`Command`]s and gives [`Event`]s; the window and the command line are two clients of it.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`command`], [`event`] | what may be asked, what has happened |
//! | [`chaos`] | random faults without end, from a seed |
//! | `supervisor` | starts everything, performs what the engine asks for, ends everything |
//! | `light` | a virtual light without I/O: the board's program and link, and what is around them |
//! | `virtual_light` | its socket and timer |
//! | `link` | where the broker is, and why it could not be reached |
//! | `client` | the observer's own MQTT client |
//! | `client_watch` | who speaks and listens where, and the sessions of foreign lights |
//! | [`proxy`] | the way of one link to the broker, where its faults are injected |
//! | `port_watch` | what a light that runs elsewhere does on its port |
//! | `upstream` | from a proxy to the broker, with TLS or without |
//! | `observer` | what passes the broker: boards, foreign lights, what is ignored |
//! | [`broker`] | the broker inside the program, as Adafruit IO where that is wanted |
//! | `budget` | what the lights may publish and log in together, where an account counts |
//! | `foreign` | what passes on the topics of foreign lights |
//! | `survey`, `surveyor` | what speaks on the broker beside this program's lights: the book, and who listens |
//! | `feed_watch` | the observer on feeds: last values, presence by silence, notices |
//! | [`account_limiter`] | what the clients of that broker do, counted as an account's |
//! | `twin` | what a board should show |
//! | [`delivery`] | how long messages are on their way |
//! | `engine` | what is true, and what is due, without I/O and clock |
//! | `event_bus` | the engine behind one lock: one clock, one order of events |
//! | [`monitor`] | judges the lamps, and knows nothing of promises |
//! | `log_event` | what a virtual light's program logs, as it is told |
//! | [`recorder`] | a run in a file, written while it goes on |
//! | [`summary`] | what a run comes to |

pub mod account_limiter;
pub mod broker;
pub(crate) mod budget;
pub mod chaos;
mod client;
mod client_watch;
pub mod clock;
pub mod command;
pub mod delivery;
pub(crate) mod engine;
pub mod event;
mod event_bus;
mod feed_watch;
pub(crate) mod foreign;
mod last_run;
pub(crate) mod light;
mod link;
pub(crate) mod log_event;
pub mod monitor;
mod observer;
mod own_ports;
mod port_watch;
pub mod proxy;
pub mod recorder;
pub mod summary;
mod supervisor;
mod survey;
mod surveyor;
pub mod topics;
mod twin;
mod upstream;
mod virtual_light;

pub use command::{ByHand, Command};
pub use event::{Event, EventKind};
pub use event_bus::Waker;
pub(crate) use observer::shortened;
pub use supervisor::{World, WorldError, WorldOptions};
