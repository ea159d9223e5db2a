//! Commands to a light, and which of them it obeys.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{message::VERSION, timing::Timing};

/// A message on `…/cmd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub(crate) v: u8,
    /// The boot that it is meant for.
    pub boot: u32,
    /// Grows within a boot.
    pub n: u32,
    /// What to do.
    #[serde(rename = "do")]
    pub action: Action,
    /// For how long, in milliseconds, where that has a meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u32>,
    /// New timings, with `set`; members left out have their default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Blink the on-board LED.
    Identify,
    /// Leave Wi-Fi for a while.
    WifiDown,
    /// Drop the broker session once.
    MqttDrop,
    /// Keep the session and publish nothing for a while.
    Silence,
    /// Start anew.
    Reboot,
    /// Take other timings.
    Set,
}

impl Command {
    /// Command number `n` to the light that runs as `boot`.
    #[must_use]
    pub fn new(boot: u32, n: u32, action: Action) -> Command {
        Command { v: VERSION, boot, n, action, ms: None, timing: None }
    }
}

/// Lets through the commands that a light obeys: of its own boot, each once, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayGuard {
    boot: u32,
    last_n: Option<u32>,
    keyed: bool,
}

/// Why a command is not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is meant for another run of this light.
    OtherBoot,
    /// Its number is not higher than that of an earlier command.
    Replayed,
    /// A light without a key obeys `identify` alone.
    NeedsKey,
}

impl ReplayGuard {
    /// For the light that runs as `boot`; `keyed` where its junction has a key.
    #[must_use]
    pub fn new(boot: u32, keyed: bool) -> ReplayGuard {
        ReplayGuard { boot, last_n: None, keyed }
    }

    /// Decides on a command whose signature has been checked.
    ///
    /// # Errors
    /// Why the light does not obey.
    pub fn admit(&mut self, command: &Command) -> Result<(), Refused> {
        if command.boot != self.boot {
            return Err(Refused::OtherBoot);
        }
        if self.last_n.is_some_and(|last| command.n <= last) {
            return Err(Refused::Replayed);
        }
        if !self.keyed && command.action != Action::Identify {
            return Err(Refused::NeedsKey);
        }
        self.last_n = Some(command.n);
        Ok(())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::OtherBoot => "the command is meant for an earlier run of this light",
            Refused::Replayed => "the command's number is not higher than the last one's: it may be a replay",
            Refused::NeedsKey => "a light without a key obeys identify alone",
        })
    }
}
