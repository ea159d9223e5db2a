//! Who holds which fault in force, and until when.

use std::time::Duration;

use crate::fault::Fault;

/// Who injected a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    User,
    Plan,
    Chaos,
    /// A command over MQTT to a light that runs here.
    Mqtt,
    /// A light's own program, which is silent because a command said so, and ends that by itself.
    Program,
}

/// One injection of a fault.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) fault: Fault,
    pub(super) source: Source,
    /// On the world's clock; `None`: until it is cleared.
    pub(super) until: Option<Duration>,
}

/// All holds, the newest last.
#[derive(Debug, Default)]
pub(super) struct Holds(Vec<Hold>);

impl Holds {
    /// Adds a hold. Those of the same fault that would end no later never matter again.
    pub(super) fn add(&mut self, hold: Hold) {
        let Hold { fault, source, until } = &hold;
        // A program has one end of its silence, which a hold of the world's takes the place of.
        if *source == Source::Program && self.newest(fault).is_some() {
            return;
        }
        let outlived = |other: &Hold| match (other.until, until) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(other), Some(until)) => other <= *until,
        };
        let taken_over = |other: &Hold| {
            other.source == Source::Program || (other.source == Source::Chaos && *source != Source::Chaos)
        };
        self.0.retain(|other| !other.fault.is_replaced_by(fault) || !(outlived(other) || taken_over(other)));
        self.0.push(hold);
    }

    /// The fault with the parameters that apply; `None` where nobody holds it.
    pub(super) fn newest(&self, like: &Fault) -> Option<&Fault> {
        self.0.iter().rev().map(|hold| &hold.fault).find(|fault| fault.is_replaced_by(like))
    }

    /// Whoever holds it holds it no more.
    pub(super) fn clear(&mut self, like: &Fault) {
        self.0.retain(|hold| !hold.fault.is_replaced_by(like));
    }

    /// Lets the newest hold of a fault have its parameters as they were: others could not be given.
    pub(super) fn keep_as_it_was(&mut self, was: &Fault) {
        if let Some(hold) = self.0.iter_mut().rev().find(|hold| hold.fault.is_replaced_by(was)) {
            hold.fault = was.clone();
        }
    }

    /// Ends the holds that `over` chooses, and returns their faults.
    pub(super) fn end(&mut self, over: impl Fn(&Hold) -> bool) -> Vec<Fault> {
        self.0.extract_if(.., |hold| over(hold)).map(|hold| hold.fault).collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().map(|hold| &hold.fault)
    }

    /// When the next hold ends.
    pub(super) fn next_end(&self) -> Option<Duration> {
        self.0.iter().filter_map(|hold| hold.until).min()
    }
}
