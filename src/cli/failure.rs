//! How a command ends that cannot do what it was asked to: `error: …`, `help: …`, and the exit status.

use std::{
    error::Error,
    io::{self, IsTerminal},
};

use super::output;
use crate::{
    board::BoardError,
    cli::exit::{FAILED, WRONG_USAGE},
    config::{ConfigError, NoSuchLight},
    keys::KeyError,
    model::Diagnostic,
    recording::RecordingError,
    simulated::SimulationError,
    soak::LiveError,
    swarm::SwarmError,
    world::{WorldError, broker::BrokerError},
};

/// An error with the exit status that goes with it.
#[derive(Debug, thiserror::Error)]
#[error("{diagnostic}")]
pub(super) struct Failure {
    pub(super) status: u8,
    pub(super) diagnostic: Diagnostic,
}

/// A command line that does not fit together.
pub(super) fn wrong_usage(diagnostic: impl Into<Diagnostic>) -> anyhow::Error {
    Failure { status: WRONG_USAGE, diagnostic: diagnostic.into() }.into()
}

/// Tells of an error on standard error; returns the exit status.
pub(super) fn tell(error: &anyhow::Error) -> u8 {
    if let Some(error) = error.chain().find_map(<dyn Error>::downcast_ref::<ConfigError>) {
        let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        output::drawn(&error.draw(coloured));
        return WRONG_USAGE;
    }
    note!("error: {error:#}");
    if let Some(help) = error.chain().find_map(help_of) {
        note!("help: {help}");
    }
    let failure = error.chain().find_map(<dyn Error>::downcast_ref::<Failure>);
    match failure {
        Some(failure) => failure.status,
        None if error.chain().any(<dyn Error>::is::<NoSuchLight>) => WRONG_USAGE,
        None => FAILED,
    }
}

/// Tells of a warning on standard error.
pub(super) fn warn(warning: &Diagnostic) {
    note!("warning: {warning}");
    if let Some(help) = &warning.help {
        note!("help: {help}");
    }
}

fn help_of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.diagnostic.help.clone();
    }
    if let Some(diagnostic) = error.downcast_ref::<Diagnostic>() {
        return diagnostic.help.clone();
    }
    let board = error.downcast_ref().map(BoardError::help);
    let light = || error.downcast_ref().map(NoSuchLight::help);
    let key = || error.downcast_ref().map(KeyError::help);
    let broker = || error.downcast_ref().map(|error: &BrokerError| error.help().to_owned());
    let world = || error.downcast_ref().and_then(WorldError::help);
    let recording = || error.downcast_ref().and_then(RecordingError::help).map(str::to_owned);
    let simulation = || error.downcast_ref().map(|error: &SimulationError| error.help().to_owned());
    let live = || error.downcast_ref().and_then(LiveError::help);
    let swarm = || error.downcast_ref().and_then(SwarmError::help);
    board
        .or_else(light)
        .or_else(key)
        .or_else(broker)
        .or_else(world)
        .or_else(recording)
        .or_else(simulation)
        .or_else(live)
        .or_else(swarm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_is_found_below_what_was_said_on_top() {
        let error = anyhow::Error::new(KeyError::NoFolder).context("the world cannot start");
        assert!(error.chain().find_map(help_of).is_some_and(|help| help.contains("--state")));
        let error = wrong_usage(("there is no preset \"x\"", "choose one"));
        assert_eq!(error.chain().find_map(help_of).as_deref(), Some("choose one"));
        assert_eq!(error.to_string(), "there is no preset \"x\"");
    }
}
