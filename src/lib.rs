//! Twinlight: a desktop digital twin of an IoT lab, where traffic lights talk over MQTT.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`config`] | the configuration: a TOML file, read into types that cannot be wrong |
//! | [`world`] | lights, links, faults, broker, monitor; takes commands, gives events |

pub mod config;
pub mod world;
