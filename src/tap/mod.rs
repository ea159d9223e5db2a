//! What passes on a link, packet by packet, seen from the light's side.
//!
//! A tap is fed with the bytes of a connection and the time; it holds no socket and no clock. It sees what
//! the light sends before any fault strikes it, and what the light receives after all faults: so it knows
//! exactly what the light knows.

mod reader;

pub(crate) use self::reader::Reader;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::fault::Direction;

/// One thing that was seen on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Time since the link's port was opened.
    pub(crate) at: Duration,
    /// The connection, counted from 1 for each port.
    pub(crate) connection: u64,
    /// What was seen.
    pub what: LinkEvent,
}

/// What can be seen of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The light has opened it.
    Opened {
        /// Where the light connects from.
        from: SocketAddr,
    },
    /// A whole packet; of a long one, its beginning.
    Packet {
        /// Who sent it.
        direction: Direction,
        /// What it says.
        packet: Packet,
    },
    /// Bytes that are no MQTT 3.1.1; nothing more is read of that direction of this connection.
    Malformed {
        /// Who sent them.
        direction: Direction,
        /// What is wrong with them, in a person's words.
        reason: String,
    },
    /// The light has ended its side in an orderly way (a FIN); what the broker still says reaches it. Where
    /// everything passes, `Closed` follows at once; where a fault holds bytes back, it may take long.
    HalfClosed,
    /// It is over; nothing follows of it.
    Closed {
        /// Who ended it.
        by: Closer,
        /// Whether it ended with a reset instead of an orderly end.
        reset: bool,
    },
    /// So much was seen and could not be told, because nobody took it in time.
    Lost {
        /// How many of these events.
        events: u64,
    },
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closer {
    Light,
    Broker,
    /// A fault that was injected here.
    Fault,
}

/// A packet of MQTT 3.1.1, with what may be shown of it: passwords are left out, long payloads are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    Connect(Connect),
    /// CONNACK.
    ConnAck {
        /// Whether the broker kept a session.
        session_present: bool,
        /// 0: accepted.
        code: u8,
    },
    Publish(Publish),
    /// SUBSCRIBE, with each filter and the QoS asked for.
    Subscribe {
        /// Packet identifier.
        id: u16,
        /// Filters and QoS.
        filters: Vec<(String, u8)>,
    },
    /// SUBACK, with a code for each filter.
    SubAck {
        /// Packet identifier.
        id: u16,
        /// 0 to 2: the QoS granted; 128: refused.
        codes: Vec<u8>,
    },
    Unsubscribe {
        /// Packet identifier.
        id: u16,
        /// The filters that are given up.
        filters: Vec<String>,
    },
    /// PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK.
    Ack {
        /// The packet's name in the standard.
        name: &'static str,
        /// Packet identifier.
        id: u16,
    },
    /// PINGREQ.
    PingReq,
    /// PINGRESP.
    PingResp,
    Disconnect,
    /// Another packet that is too long to be read.
    Long {
        /// The packet's name in the standard.
        name: &'static str,
        /// Bytes of the whole packet.
        bytes: usize,
    },
}

/// What a CONNECT says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// As it was given; may be empty.
    pub client_id: String,
    /// Seconds; 0: none.
    pub(crate) keep_alive_s: u16,
    /// Whether the session starts clean.
    pub(crate) clean_session: bool,
    /// Topic, payload and retain flag of the will.
    pub(crate) will: Option<(String, Arc<[u8]>, bool)>,
    /// The user's name, where one was given.
    pub(crate) user: Option<String>,
    /// Whether a password was given.
    pub(crate) has_password: bool,
}

/// What a PUBLISH says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    pub(crate) topic: String,
    /// Its payload, cut off where it is long.
    pub(crate) payload: Arc<[u8]>,
    /// How many bytes the whole payload has.
    pub(crate) bytes: usize,
    /// 0 to 2.
    pub(crate) qos: u8,
    /// From a light: to be kept. To a light: it was kept.
    pub(crate) retain: bool,
    /// Whether it may have been sent before.
    pub(crate) dup: bool,
    /// Packet identifier; `None` at QoS 0.
    pub(crate) id: Option<u16>,
}
