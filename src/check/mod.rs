//! A light that somebody else wrote, graded from its packets alone: `twinlight check`.
//!
//! The light connects to a port of the bench. Everything that passes there, and everything that the bench does, is
//! written into one record; verdicts are made from the record, and from nothing else.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`record`] | what was seen and done, in the order of time |
//! | [`vocabulary`], `dictionary` | the words of a light, and the usual ones |
//! | `history` | a record, looked at: connections, words, deliveries |
//! | `by_itself` | what happened though the bench had broken nothing |
//! | [`given`] | a profile as a `[[foreign]]` table |
//! | `learn` | what a light says and hears |
//! | [`live`] | what both lights show now, and the fault that is on |
//! | [`verdict`] | outcome, cause, evidence, advice |
//! | `timings` | how long everything may take, and why |
//! | `partner` | the MQTT client that plays against the light |
//! | `hook` | the command that switches the light's network |
//! | [`bench`](mod@bench) | the port with the tap and the faults, and the record that is written there |
//! | `reaction` | whether the light yields and goes |
//! | `steps` | the steps, one a file: how it is played and judged |
//! | `play` | the steps in their order |
//! | [`ground`] | the broker behind the light's port |
//! | [`class`] | the groups of a class, and the table of what came of them |
//! | [`report`] | the page that is handed in, and how it is verified |
//! | [`judge`] | every verdict from the record |

#![allow(missing_docs, reason = "a name that says all needs no second one")]

pub mod bench;
mod by_itself;
pub mod class;
mod dictionary;
pub mod given;
pub mod ground;
mod history;
mod hook;
pub mod judge;
mod learn;
pub mod live;
mod partner;
mod play;
mod reaction;
pub mod record;
pub mod report;
mod steps;
mod timings;
pub mod verdict;
pub mod vocabulary;

use std::net::SocketAddr;

use self::bench::{Bench, Observer, Recording, Setup};
pub(crate) use self::{
    dictionary::guess,
    learn::{heard, topic_of},
};
use crate::model::Diagnostic;

/// A check that waits for its light.
pub struct Check {
    bench: Bench,
}

impl Check {
    /// Opens the light's port. Has to be called within a tokio runtime.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn start(setup: Setup, observer: Observer) -> Result<Check, Diagnostic> {
        Bench::start(setup, observer).map(|bench| Check { bench })
    }

    /// Where the light connects.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.bench.address()
    }

    /// What is written down while it runs.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.bench.recording()
    }

    /// Plays all steps. It can be dropped at any moment: the recording has what was done.
    pub async fn run(mut self) {
        play::play(&mut self.bench).await;
    }
}
