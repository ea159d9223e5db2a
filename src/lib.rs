//! Twinlight: a desktop digital twin of an IoT lab, where traffic lights talk over MQTT.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`world`] | lights, links, faults, broker, monitor; takes commands, gives events |

pub mod world;
