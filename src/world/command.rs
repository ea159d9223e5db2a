//! What a face (window or command line) asks of the world. Everything that a person can do to the
//! world is one of these; nothing else changes it.

use std::{path::PathBuf, time::Duration};

use traffic_light::{Foreign, command::Action};

use crate::{
    fault::Fault,
    model::{LightId, Login},
};

/// A message that a person publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// The whole topic, root included.
    pub topic: String,
    /// Anything.
    pub payload: Vec<u8>,
    /// Whether the broker is to keep it. An empty payload lets it forget what it kept.
    pub retain: bool,
    /// Quality of service, 0 to 2.
    pub qos: u8,
}

/// One request. The world answers with events, never directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take a virtual light's Wi-Fi away, or give it back (joining then takes its time again).
    SetWifi {
        light: LightId,
        /// Whether there is Wi-Fi.
        up: bool,
    },
    /// Cut a virtual light's broker session; it comes back by itself after its back-off.
    DropSession { light: LightId },
    /// Let a virtual light keep its session and publish nothing, or speak again.
    SetSilence {
        light: LightId,
        /// Whether it is silent.
        on: bool,
    },
    /// Start a virtual light anew, as a reset does.
    RebootLight { light: LightId },
    /// Press the button of a virtual light that goes only on call.
    CallLight { light: LightId },
    /// Let a virtual light say goodbye and go, so that a board can take its place, or run it here
    /// (again).
    RunLight {
        /// Which light of the configuration.
        light: LightId,
        /// Whether it is to run in this program.
        on: bool,
    },
    /// Let somebody else's program be this light from now on, or run it here again. A light of that name that runs
    /// here says goodbye, and its partner starts anew as the partner of the other one. What cannot be done while
    /// the world runs is refused with a notice.
    SetForeign {
        light: LightId,
        /// How to talk with it; `None`: it is no foreign light any more.
        foreign: Option<Box<Foreign>>,
    },
    /// Listen to what speaks on the broker beside this program's own lights.
    Survey {
        /// The filter, such as `#`; `None`: listen no more.
        filter: Option<String>,
    },
    /// Send a command over MQTT, to a board above all: signed where the junction has a key.
    TellLight {
        light: LightId,
        /// What it is to do.
        action: Action,
        /// For how long, in milliseconds, where that has a meaning.
        ms: Option<u32>,
    },
    /// Publish one message by hand, as anybody on the broker may. What cannot be published is refused
    /// with a notice.
    Publish(ByHand),
    /// Let the broker tell once more what it keeps below the root topic.
    RequestRetained,
    /// Open the embedded broker to the network: it starts again on the same port, on all interfaces,
    /// and lets in who knows this login.
    LetBoardsJoin {
        /// The login. It crosses the network in clear text.
        login: Login,
    },
    /// Close the embedded broker to the network again: it starts again on the same port, on this computer only,
    /// with the login that it had before [`Command::LetBoardsJoin`].
    CloseToBoards,
    /// Inject a fault, or give it other parameters. What is invalid, or cannot be done to that
    /// light, is refused with a notice.
    InjectFault {
        /// Which one, and where.
        fault: Fault,
        /// For how long; `None`: until it is cleared.
        lasts: Option<Duration>,
    },
    /// Clear a fault, whatever its parameters.
    ClearFault(Fault),
    /// Take all faults out.
    ClearFaults,
    /// Let random faults come and go on all lights, see [`super::chaos`].
    StartChaos {
        /// What they are drawn from; `None`: a new one, which the event tells.
        seed: Option<u64>,
        /// The mean time from one fault to the next.
        pace: Duration,
    },
    /// End that, and clear what it has injected.
    StopChaos,
    /// Stop the embedded broker.
    StopBroker,
    /// Start the embedded broker again, on the same port.
    StartBroker,
    /// Record all that happens from now on.
    StartRecording {
        /// Into which file, which must not exist; `None`: one of the user's own folder, named by the
        /// time.
        file: Option<PathBuf>,
    },
    /// End the recording.
    StopRecording,
    /// Send the present state of everything again, for a face that has lost events.
    Resync,
    /// End the world: lights say goodbye, the broker stops.
    Shutdown,
}
