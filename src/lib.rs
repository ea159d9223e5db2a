//! Twinlight: a desktop digital twin of an IoT lab, where traffic lights talk over MQTT.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`app`] | the window: state from events, a scene, one file a panel; the only eframe code |
//! | [`world`] | lights, links, faults, broker, monitor; takes commands, gives events |
//! | [`playback`] | what a simulated or recorded world has in common: it is played at any pace |
//! | [`chaos`] | random faults without end, from a seed |
//! | [`simulated`] | the same world on a simulated clock |
//! | [`board`] | boards on a serial port: found, backed up, flashed, provisioned, watched |
//! | [`scenario`] | a timeline of faults, what must hold meanwhile, and the verdict |
//! | [`config`] | what a configuration says, checked |
//! | [`cli`] | the command line |

pub mod app;
pub mod board;
pub mod chaos;
pub mod cli;
pub mod config;
pub mod fault;
pub mod playback;
pub mod scenario;
pub mod simulated;
pub mod world;
