//! What can be made to fail on purpose: links, lights and the broker. One file for each fault in
//! `kinds` says all there is to say of it; everything else follows from the list in `kinds/mod.rs`: what is
//! read from a configuration, the form of the fault panel, chaos, names, and the table in `docs/faults.md`.
//!
//! How to add one: `docs/adding-a-fault.md`.
//!
//! | module | one idea |
//! | --- | --- |
//! | `definition` | what each fault says of itself |
//! | `effect` | what link faults do to packets, bytes and connections |
//! | `kinds` | all faults with their parameters, but without a place |
//! | `spec` | a link fault and its directions |
//! | `injected` | a fault at its place, and its form in a recording |
//! | `planned` | a fault that begins at a certain time |
//! | `impaired_link`, `terminations`, `frame` | what one connection remembers while link faults work on it |
//!
//! Link faults are decided by pure code: bytes, time and random numbers come in, bytes and times
//! come out. The proxy of the live world and the links of the simulated one both run it.

mod definition;
mod effect;
pub(crate) mod frame;
mod impaired_link;
mod injected;
mod kinds;
mod planned;
mod spec;
mod terminations;

pub(crate) use simulation::Rng;

pub use self::{
    definition::LeftOut,
    injected::Fault,
    kinds::*,
    planned::PlannedFault,
    spec::{Direction, Directions, LinkFaultSpec},
};
pub(crate) use self::{
    definition::{Draw, Ink, Parameter, Stroke},
    effect::Micros,
    impaired_link::{ImpairedLink, Item},
    planned::Spread,
    spec::{rules, stalls},
    terminations::{Termination, Terminations},
};
