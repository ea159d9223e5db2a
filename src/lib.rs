//! Twinlight: a desktop digital twin of an IoT lab, where traffic lights talk over MQTT.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`app`] | the window: state from events, a scene, one file a panel; the only eframe code |
//! | [`world`] | lights, links, faults, broker, monitor; takes commands, gives events |
//! | [`playback`] | what a simulated or recorded world has in common: it is played at any pace |
//! | [`board`] | boards on a serial port: found, backed up, flashed, provisioned, watched |
//! | [`config`] | what a configuration says, checked |
//! | [`presets`] | the configurations that come with the program |
//! | [`doctor`] | why a broker cannot be used |
//! | [`keys`] | the keys of junctions that are made up and kept |
//! | [`tls`] | TLS to a broker |
//! | [`cli`] | the command line |

pub mod app;
pub mod board;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod fault;
pub mod keys;
pub mod playback;
pub mod presets;
mod private;
pub mod tls;
pub mod world;
