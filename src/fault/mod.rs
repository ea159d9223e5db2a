//! What can be made to fail on purpose: links, lights and the broker. One file for each fault says
//! all there is to say of it; everything else follows from the list below: what is read from a
//! configuration, the form of the fault panel, chaos, names, and the tables in `docs/`.
//!
//! How to add one: `docs/adding-a-fault.md`.
//!
//! | module | one idea |
//! | --- | --- |
//! | `definition` | what each fault says of itself |
//! | `kind` | any fault with its parameters, but without its place |
//! | `injected` | a fault at its place, and its form in a recording |
//! | `planned` | a fault that begins at a certain time |
//! | `effect` | what link faults do to packets, bytes and connections |
//! | `impaired_link`, `terminations`, `frame` | what one connection remembers while link faults work on it |
//!
//! Link faults are decided by pure code: bytes, time and random numbers come in, bytes and times
//! come out. The proxy of the live world and the links of the simulated one both run it.

mod definition;
mod effect;
pub(crate) mod frame;
mod impaired_link;
mod injected;
mod kind;
mod planned;
mod terminations;

mod bandwidth;
mod black_hole;
mod broker_down;
mod clock_drift;
mod delay;
mod double;
mod half_open;
mod hang;
mod latency;
mod lose;
mod name_not_found;
mod quota;
mod reboot;
mod refuse;
mod reorder;
mod reset;
mod session_drop;
mod silence;
mod slow_close;
mod suspend;
mod taken_over;
mod wifi_down;
mod wrong_password;

use self::{
    definition::Definition,
    effect::{Effect, PacketAction, Shaping, chance, us},
    kind::faults,
};
pub use self::{
    definition::{About, Draw, Ink, LeftOut, Number, Parameter, Stroke},
    effect::{ConnectionRules, Direction, Directions, LinkFaultSpec, rules, stalls},
    impaired_link::{ImpairedLink, Item},
    injected::Fault,
    kind::FaultKind,
    planned::{PlannedFault, Spread},
    quota::MOST_PER_MINUTE,
    terminations::{Termination, Terminations},
};
pub use simulation::Rng;

/// Microseconds, from any origin.
pub type Micros = u64;

// The list. A new fault comes last in its part: the draws of chaos go by the order.
faults! {
    /// A fault of the link between a light and its broker.
    LinkFault: Effect {
        latency::Latency,
        bandwidth::Bandwidth,
        black_hole::BlackHole,
        reset::Reset,
        refuse::Refuse,
        slow_close::SlowClose,
        half_open::HalfOpen,
        lose::Lose,
        double::Double,
        delay::Delay,
        reorder::Reorder,
    }

    /// A fault of a light: its Wi-Fi, login, program or clock.
    LightFault: Definition {
        wifi_down::WifiDown,
        silence::Silence,
        wrong_password::WrongPassword,
        name_not_found::NameNotFound,
        taken_over::TakenOver,
        hang::Hang,
        clock_drift::ClockDrift,
        suspend::Suspend,
        session_drop::SessionDrop,
        reboot::Reboot,
    }

    /// A fault of the embedded broker; it strikes all lights.
    BrokerFault: Definition {
        broker_down::BrokerDown,
        quota::Quota,
    }
}
