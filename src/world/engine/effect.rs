//! What an engine lets its world do.

use std::path::PathBuf;

use traffic_light::{Foreign, command::Action};

use crate::{
    fault::{BrokerFault, Fault, LightFault, LinkFaultSpec},
    model::{Diagnostic, LightId, Login},
    world::command::ByHand,
};

/// Something that a world does for its engine, one after the other; what came of it goes to
/// [`super::Engine::performed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// To a light that runs here.
    Light(LightId, LightCommand),
    /// A fault comes to, or leaves, the proxy of the light's link.
    LinkFault {
        light: LightId,
        spec: LinkFaultSpec,
        on: bool,
    },
    /// A second client with the light's client id begins or ends.
    DuplicateClient {
        light: LightId,
        on: bool,
    },
    /// The broker in this program starts or stops; nothing where it has already.
    RunBroker(bool),
    /// The broker in this program starts again, open to the network.
    OpenBroker(Login),
    /// The broker in this program starts again, on this computer only.
    CloseBroker,
    /// The broker in this program counts publishes: so many a minute pass; `None`: it counts no more.
    SetQuota(Option<u32>),
    /// A light of the configuration starts here.
    AddLight(LightId),
    /// A light says goodbye and ends, which takes a while; then [`super::Engine::light_removed`].
    RetireLight(LightId),
    /// Broker and observer take a light for somebody else's; `None`: no more.
    SetForeign {
        light: LightId,
        foreign: Option<Box<Foreign>>,
    },
    /// What matches the filter is listened to; `None`: nothing is.
    Survey(Option<String>),
    /// A command goes to a light over MQTT.
    TellLight {
        light: LightId,
        action: Action,
        ms: Option<u32>,
    },
    Publish(ByHand),
    RequestRetained,
    StartRecording(Option<PathBuf>),
    StopRecording,
    /// What the engine does not know is told once more: the insides of the lights, the recording.
    Report,
}

/// Something that is done to a light that runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LightCommand {
    SetWifi(bool),
    /// The session is kept and nothing is published, or it speaks again.
    Silence(bool),
    SetWrongPassword(bool),
    SetNameNotFound(bool),
    /// The program is called no more, or is again.
    Hang(bool),
    /// The clock is fast by so many millionths.
    Drift(i32),
    /// The host sleeps, or wakes up.
    Suspend(bool),
    DropSession,
    Reboot,
    /// The button of a light that goes only on call.
    Call,
    /// The foreign light that it conflicts with has subscribed anew to what it is told.
    PartnerSubscribed,
    /// That one speaks in a new session.
    PartnerSpeaks,
    /// The session of that one is over.
    PartnerGone,
}

impl Effect {
    /// What injects `fault`, or clears it.
    pub(super) fn of(fault: &Fault, on: bool) -> Effect {
        let (light, fault) = match fault {
            Fault::Broker(BrokerFault::BrokerDown(_)) => return Effect::RunBroker(!on),
            Fault::Broker(BrokerFault::Quota(quota)) => {
                return Effect::SetQuota(on.then_some(quota.per_minute));
            }
            Fault::Link { light, spec } => {
                return Effect::LinkFault { light: light.clone(), spec: *spec, on };
            }
            Fault::Light { light, fault } => (light.clone(), fault),
        };
        let does = match fault {
            LightFault::TakenOver(_) => return Effect::DuplicateClient { light, on },
            LightFault::WifiDown(_) => LightCommand::SetWifi(!on),
            LightFault::Silence(_) => LightCommand::Silence(on),
            LightFault::WrongPassword(_) => LightCommand::SetWrongPassword(on),
            LightFault::NameNotFound(_) => LightCommand::SetNameNotFound(on),
            LightFault::Hang(_) => LightCommand::Hang(on),
            LightFault::ClockDrift(drift) => LightCommand::Drift(if on { drift.ppm } else { 0 }),
            LightFault::Suspend(_) => LightCommand::Suspend(on),
            LightFault::SessionDrop(_) => LightCommand::DropSession,
            LightFault::Reboot(_) => LightCommand::Reboot,
        };
        Effect::Light(light, does)
    }

    /// The light that a notice about it names.
    pub(super) fn light(&self) -> Option<&LightId> {
        match self {
            Effect::Light(light, _)
            | Effect::LinkFault { light, .. }
            | Effect::DuplicateClient { light, .. }
            | Effect::AddLight(light)
            | Effect::RetireLight(light)
            | Effect::SetForeign { light, .. }
            | Effect::TellLight { light, .. } => Some(light),
            _ => None,
        }
    }
}

/// An effect, and the change of a fault that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) effect: Effect,
    pub(super) change: Option<Change>,
}

/// A fault is injected, or cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) fault: Fault,
    pub(super) on: bool,
}

/// What a command asks of a light, in a person's words.
pub(super) fn action_words(action: Action) -> &'static str {
    match action {
        Action::Identify => "show yourself",
        Action::WifiDown => "leave the Wi-Fi for a while",
        Action::MqttDrop => "drop your session",
        Action::Silence => "be silent for a while",
        Action::Reboot => "start anew",
        Action::Set => "take other timings",
    }
}

/// Why nothing can be said to the broker.
#[derive(Clone, Debug)]
pub(crate) enum NotSent {
    UnknownJunction,
    NeverHeard,
    NoSession,
    /// Adafruit IO has no commands.
    Feeds,
    /// The account's share of this minute has been spent.
    Budget,
    /// What is wrong with the topic.
    Topic(Diagnostic),
    Qos,
    /// The queue to the broker is full.
    BrokerSlow,
    /// The broker cannot be asked for what it keeps.
    CannotAsk,
}

impl From<NotSent> for Diagnostic {
    fn from(reason: NotSent) -> Diagnostic {
        let (message, help) = match reason {
            NotSent::UnknownJunction => return "its junction is not in the configuration".into(),
            NotSent::Topic(wrong) => return wrong,
            NotSent::Qos => return "the quality of service is 0, 1 or 2".into(),
            NotSent::NeverHeard => ("it has not been heard yet", "wait until it speaks"),
            NotSent::NoSession => ("there is no session with the broker", "wait for it"),
            NotSent::Feeds => ("there are no commands on Adafruit IO", "do it by hand"),
            NotSent::Budget => ("the account may publish no more in this minute", "wait"),
            NotSent::BrokerSlow => ("the broker is too slow just now", "try again"),
            NotSent::CannotAsk => ("the broker cannot be asked just now", "try again"),
        };
        Diagnostic::new(message, help)
    }
}
