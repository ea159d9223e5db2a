//! What a person is shown of a light's inside.

use core::fmt;

use heapless::Vec;

use super::{Light, Phase, peer::Peer};
use crate::{aspect::Aspect, message::MAX_PEERS, name::Name, time::Instant};

/// A promise or a lease, and until when it holds on the light's clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// The other light: whom the promise was given to, or who gave the lease.
    pub light: Name,
    /// The end on the clock of the light that is viewed.
    pub until: Instant,
}

/// A light's inside, as of its last step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// What it shows.
    pub aspect: Aspect,
    /// Since when.
    pub since: Instant,
    /// When the planned green ends, while it shows green and somebody waits.
    pub green_until: Option<Instant>,
    /// Its turn, while it wants or holds right of way.
    pub turn: Option<u32>,
    /// Why it does not go, while it is not in go.
    pub waiting: Option<Waiting>,
    /// Promises that it has given and that are in force.
    pub promises: Vec<Held, MAX_PEERS>,
    /// Leases that it holds.
    pub leases: Vec<Held, MAX_PEERS>,
    /// Conflicting lights that it has lost.
    pub lost: Vec<Name, MAX_PEERS>,
    /// The number of this run.
    pub boot: u32,
    /// Messages said in this run.
    pub seq: u32,
}

/// Why a light does not go. The first reason of the order below is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// It has heard nothing new from this light for too long.
    Lost(Name),
    /// This light tells that it has lost another.
    NamedLost(Name),
    /// It has only just started, and an earlier run may have promised something.
    Started {
        /// Until when.
        until: Instant,
    },
    /// It does not want green.
    NoDemand,
    /// This light was in go when it was last heard.
    OtherGoes(Name),
    /// It has promised this light to stay out of go.
    Promised(Held),
    /// The junction is being cleared.
    Clearance {
        /// Until when.
        until: Instant,
    },
    /// It has no promise of this light that lasts long enough.
    NoLease(Name),
    /// This foreign light has said nothing that can be counted on.
    Unheard(Name),
    /// This foreign light cannot be told of a green just now.
    Untold(Name),
    /// It lets others go first.
    Yields {
        /// Until when.
        until: Instant,
    },
}

impl Light {
    /// The light's inside, as of its last step.
    #[must_use]
    pub fn view(&self) -> View {
        let green_until = match self.phase {
            Phase::Green { planned_ms } if self.somebody_waits() => Some(self.phase_since.after(planned_ms)),
            _ => None,
        };
        View {
            aspect: self.aspect(),
            since: self.phase_since,
            green_until,
            turn: self.need.map(|need| need.turn),
            waiting: if self.in_go() { None } else { self.waiting() },
            promises: self.held(Peer::promised_until),
            leases: self.held(|peer| peer.lease_until),
            lost: self.lost(),
            boot: self.outbox.boot(),
            seq: self.outbox.seq(),
        }
    }

    /// Whether the light wants green and is kept from it by others.
    #[must_use]
    pub fn waits_for_others(&self) -> bool {
        !self.in_go() && !matches!(self.waiting(), None | Some(Waiting::NoDemand | Waiting::Started { .. }))
    }

    fn held(&self, until: impl Fn(&Peer) -> Option<Instant>) -> Vec<Held, MAX_PEERS> {
        self.peers
            .iter()
            .filter_map(|peer| {
                let until = until(peer).filter(|until| *until > self.now)?;
                Some(Held { light: peer.name.clone(), until })
            })
            .collect()
    }

    pub(super) fn lost(&self) -> Vec<Name, MAX_PEERS> {
        self.peers.iter().filter(|peer| peer.lost).map(|peer| peer.name.clone()).collect()
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Lost(light) => write!(f, "{light} is not heard any more"),
            Waiting::NamedLost(light) => write!(f, "{light} does not hear another light any more"),
            Waiting::Started { .. } => f.write_str("its promises from before the restart may still hold"),
            Waiting::NoDemand => f.write_str("no one has called"),
            Waiting::OtherGoes(light) => write!(f, "{light} has right of way"),
            Waiting::Promised(held) => write!(f, "it promised {} to stay red", held.light),
            Waiting::Clearance { .. } => f.write_str("the junction clears"),
            Waiting::NoLease(light) => write!(f, "for a promise of {light}"),
            Waiting::Unheard(light) => write!(f, "{light} has not been heard yet"),
            Waiting::Untold(light) => write!(f, "{light} cannot be told just now"),
            Waiting::Yields { .. } => f.write_str("it lets the others go first"),
        }
    }
}
