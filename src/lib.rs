//! Twinlight: a desktop digital twin of an IoT lab, where traffic lights talk over MQTT.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`adafruit`] | the rules of Adafruit IO, without a socket: for the emulator and for tests |
//! | [`app`] | the window: state from events, a scene, one file a panel; the only eframe code |
//! | [`world`] | lights, links, faults, broker, monitor; takes commands, gives events |
//! | [`playback`] | what a simulated or recorded world has in common: it is played at any pace |
//! | [`chaos`] | random faults without end, from a seed |
//! | [`simulated`] | the same world on a simulated clock |
//! | [`soak`] | random faults for a long time, and a judgement |
//! | [`recording`] | a run in a file: written, read, judged again |
//! | [`board`] | boards on a serial port: found, backed up, flashed, provisioned, watched |
//! | [`scenario`] | a timeline of faults, what must hold meanwhile, and the verdict |
//! | [`config`] | what a configuration says, checked |
//! | [`presets`] | the configurations that come with the program |
//! | [`doctor`] | why a broker cannot be used |
//! | [`keys`] | the keys of junctions that are made up and kept |
//! | [`tls`] | TLS to a broker |
//! | [`model`] | what all of these share |
//! | [`swarm`] | many pairs of lights, and what they cost |
//! | [`cli`] | the command line |

pub mod adafruit;
pub mod app;
pub mod board;
pub mod chaos;
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
pub mod tls;
pub mod world;
