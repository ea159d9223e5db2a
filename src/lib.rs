//! Twinlight: a desktop digital twin of an IoT lab, where traffic lights talk over MQTT.
//!
//! The layers, from the bottom up: a module uses those in the rows above its own and none below it.
//! `tests/house/layers.rs` reads this table and refuses an arrow that runs the other way.
//!
//! | layer | what is in it |
//! | --- | --- |
//! | [`model`] | what all share: names of lights, logins, limits, messages for people |
//! | [`fault`] | the faults that can be injected |
//! | [`tap`] | what passes on a link, packet by packet |
//! | [`tls`] | TLS to a broker |
//! | [`adafruit`] | the rules of Adafruit IO, without a socket |
//! | [`config`] | what a configuration says, checked |
//! | [`presets`] | the configurations that come with the program |
//! | [`keys`] | generated keys of junctions, kept from run to run |
//! | [`board`] | boards on a serial port: found, backed up, flashed, provisioned, watched |
//! | [`world`] | lights, links, broker, monitor: takes commands, gives events |
//! | [`playback`] | what is played at any pace: a simulated or a recorded world |
//! | [`simulated`] | the same world on a simulated clock |
//! | [`recording`] | a recorded run: read, played, judged again |
//! | [`check`] | a light that somebody else wrote: played against, and graded |
//! | [`scenario`] | a timeline of faults, what must hold meanwhile, and the verdict |
//! | [`doctor`] | why a broker cannot be used |
//! | [`soak`] | random faults for a long time, and a verdict |
//! | [`swarm`] | many pairs of lights, and what they cost |
//! | [`app`] | the window: state from events, a scene, one file a panel |
//! | [`cli`] | the command line |

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "who reads about a module wants to find its parts, though no other crate sees them"
)]
#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "println! panics where its end is closed or full, and lets others command the terminal: cli::output does not"
)]

pub mod adafruit;
pub mod app;
pub mod board;
pub mod check;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod fault;
pub mod keys;
pub mod model;
pub mod playback;
pub mod presets;
pub mod recording;
pub mod scenario;
pub mod simulated;
pub mod soak;
pub mod swarm;
pub mod tap;
pub mod tls;
pub mod world;
