//! Holds the `traffic_light` library to what it promises.
//!
//! Two checkers run the library's own [`traffic_light::Light`], not a model beside it:
//!
//! | module | one idea |
//! | --- | --- |
//! | [`plan`] | what happens in a run, drawn from a seed |
//! | [`world`] | plays a plan: hosts, network, faults |
//! | [`watcher`] | S1, S2, S3 from the lamps alone, in true time |
//! | [`liveness`] | L1, L2 from the go's that were seen |
//! | [`search`] | many runs |
//! | [`exhaust`] | every behaviour of a small world |
//! | [`figures`] | the design's comparison figures |
//! | [`trace`] | a run in words |
//! | [`mutation`] | safeguards to switch off, by name |
//!
//! Clocks, random numbers and the queue of events are those of the crate `simulation`.

pub mod exhaust;
pub mod figures;
pub mod liveness;
pub mod mutation;
pub mod plan;
pub mod search;
pub mod trace;
pub mod watcher;
pub mod world;

pub use simulation::{clock, queue, rng};
