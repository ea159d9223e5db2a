//! What a light lets its host do and tell.

use traffic_light::{
    Aspect, Name,
    program::{HostCommand, LogEvent},
};

use crate::{
    fault::Fault,
    model::LightId,
    world::{engine::Engine, event::Layer},
};

/// What the host has to do or to tell.
#[derive(Clone, Debug)]
pub(crate) enum LightEffect {
    /// The lamps switch.
    Shows(Aspect),
    /// It is about to publish message `seq`, which tells, where `ends_go`, that its right of way has ended.
    Said {
        boot: u32,
        seq: u32,
        ends_go: bool,
    },
    /// It has handed so many bytes to its session.
    Sent(usize),
    /// A message came in.
    Received,
    /// Message `seq` of `from` was new to it; it may have `waited` for green.
    Heard {
        from: Name,
        boot: u32,
        seq: u32,
        waited: bool,
    },
    Log(LogEvent),
    /// A command asks for it that the program has just obeyed.
    Order(HostCommand),
    Link {
        layer: Layer,
        up: bool,
        reason: String,
    },
    /// A new run of the program has begun.
    Booted(u32),
    /// A fault has ended with the run that it struck.
    FaultOver(Fault),
    /// Connect to the broker; [`Light::connected`] or [`Light::connection_lost`] follows.
    Connect,
    /// Close the connection, if there still is one.
    HangUp,
    /// Keep the connection without using it: the Wi-Fi is gone, and the broker does not know.
    Park,
    /// Close the connection that was parked.
    CloseParked,
}

impl LightEffect {
    /// Tells the engine what it has to know of this; returns what is left for the light's host to do.
    pub(crate) fn tell(self, light: &LightId, engine: &mut Engine) -> Option<LightEffect> {
        match self {
            LightEffect::Shows(aspect) => engine.state.aspect_changed(light, aspect),
            LightEffect::Said { boot, seq, ends_go: true } => engine.state.go_ended(light, boot, seq),
            LightEffect::Heard { from, boot, seq, waited: true } => {
                engine.state.heard(&LightId::new(light.junction.clone(), from), light, boot, seq);
            }
            LightEffect::Said { .. } | LightEffect::Heard { .. } => {}
            LightEffect::Log(event) => engine.log(light, &event),
            LightEffect::Order(command) => {
                if !engine.order(light, command) {
                    engine.log(light, &LogEvent::Overrun);
                }
            }
            LightEffect::Link { layer, up, reason } => engine.state.link_changed(light, layer, up, reason),
            LightEffect::Booted(boot) => engine.state.booted(light, boot),
            LightEffect::FaultOver(fault) => engine.fault_over(fault),
            left => return Some(left),
        }
        None
    }
}
