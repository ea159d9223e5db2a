//! What the broker tells people of its clients.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    mem::{self, Discriminant, discriminant},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use crate::model::Diagnostic;

/// Notices that wait to be read; more are left out.
const QUEUE: usize = 64;
/// Between two notices of one kind; those in between are counted.
const PAUSE: Duration = Duration::from_secs(5);

/// Something that the broker has done to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerNotice {
    /// It was disconnected: too much waited for it.
    TooSlow {
        /// Its client id, escaped.
        client: String,
        /// Bytes that waited, at most.
        bytes: usize,
    },
    /// It was disconnected: it sent a packet that is too large.
    TooLarge {
        /// Its client id, escaped.
        client: String,
        /// Bytes of the packet.
        bytes: usize,
        /// Bytes that a packet may have.
        limit: usize,
    },
    /// No more is retained.
    RetainedFull {
        /// The client id, escaped, of who wanted it.
        client: String,
    },
    /// The session of a client that is away was given up, because there are too many.
    SessionForgotten {
        /// Its client id, escaped.
        client: String,
    },
    /// A client was refused: the places of others than this program's own lights are taken.
    NoPlace {
        /// Its client id, escaped.
        client: String,
    },
}

impl fmt::Display for BrokerNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BrokerNotice::TooSlow { client, bytes } => {
                write!(f, "the broker disconnected \"{client}\": up to {} KiB waited for it", bytes / 1024)
            }
            BrokerNotice::TooLarge { client, bytes, limit } => write!(
                f,
                "the broker disconnected \"{client}\": it sent a packet of {bytes} bytes, and {limit} are allowed"
            ),
            BrokerNotice::RetainedFull { client } => {
                write!(
                    f,
                    "the broker passed a message of \"{client}\" on without retaining it: its memory is full"
                )
            }
            BrokerNotice::SessionForgotten { client } => {
                write!(f, "the broker forgot the session of \"{client}\", which is away: too many are kept")
            }
            BrokerNotice::NoPlace { client } => {
                write!(f, "the broker refused \"{client}\": too many other clients are connected")
            }
        }
    }
}

impl BrokerNotice {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            BrokerNotice::TooSlow { .. } => {
                "let that client read and acknowledge, subscribe it to less, or raise memory_mb in [broker]"
            }
            BrokerNotice::TooLarge { .. } => "send less at once, or raise max_packet_kb in [broker]",
            BrokerNotice::RetainedFull { .. } => {
                "clear retained messages that nobody needs (publish an empty one), or raise memory_mb in [broker]"
            }
            BrokerNotice::SessionForgotten { .. } => {
                "let clients whose id changes from start to start connect with a clean session"
            }
            BrokerNotice::NoPlace { .. } => "end clients that nobody needs, or raise \"ulimit -n\"",
        }
    }
}

/// A notice, and how many like it were left out since the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummedNotice {
    pub notice: BrokerNotice,
    /// Notices of its kind that were not told.
    pub left_out: u64,
}

impl From<SummedNotice> for Diagnostic {
    fn from(SummedNotice { notice, left_out }: SummedNotice) -> Diagnostic {
        let more = if left_out > 0 { format!(" ({left_out} more like it)") } else { String::new() };
        Diagnostic::new(format!("{notice}{more}"), notice.help())
    }
}

/// Where notices go: of each kind one in [`PAUSE`].
pub(super) struct Notices {
    sender: mpsc::Sender<SummedNotice>,
    /// By kind, when the last one was told, and how many were not since.
    told: Mutex<HashMap<Discriminant<BrokerNotice>, (Instant, u64)>>,
}

impl Notices {
    pub(super) fn channel() -> (Notices, mpsc::Receiver<SummedNotice>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Notices { sender, told: Mutex::default() }, receiver)
    }

    pub(super) fn tell(&self, notice: BrokerNotice) {
        let now = Instant::now();
        let left_out = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            match told.entry(discriminant(&notice)) {
                Entry::Vacant(entry) => {
                    entry.insert((now, 0));
                    0
                }
                Entry::Occupied(mut entry) => {
                    let (last, left_out) = entry.get_mut();
                    if now.saturating_duration_since(*last) < PAUSE {
                        *left_out += 1;
                        return;
                    }
                    *last = now;
                    mem::take(left_out)
                }
            }
        };
        tracing::warn!("{notice}");
        // Nobody may be reading, or too slowly.
        let _ = self.sender.try_send(SummedNotice { notice, left_out });
    }
}
