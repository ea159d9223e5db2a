//! The messages of a junction: JSON, at most 512 bytes, read and written without allocation.

use core::fmt;

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::{
    aspect::Aspect,
    command::Command,
    json::is_json,
    key::{Key, SIGNED_BYTES, SignatureError},
    name::Name,
};

/// The most lights that one light may conflict with.
pub const MAX_PEERS: usize = 7;
/// The most bytes of a message.
pub const MAX_MESSAGE_BYTES: usize = 512;
/// The most promises in one message; more do not fit, however short their members are.
pub const MAX_GIVES: usize = 14;
/// The version of the wire contract, member `v`.
pub const VERSION: u8 = 1;

/// The most bytes of a text in a status message; longer ones make the message one to ignore.
pub const MAX_TEXT_BYTES: usize = 32;

/// What a light says of itself on `…/state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct State {
    v: u8,
    /// What the light shows.
    pub aspect: Aspect,
    /// The number of the light's run: it grows from start to start.
    pub boot: u32,
    /// Counts the messages of this boot.
    pub seq: u32,
    /// Milliseconds since the light's start.
    pub at: u64,
    /// Present while the light wants or holds right of way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<Need>,
    /// Promises in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub give: Vec<Give, MAX_GIVES>,
    /// Conflicting lights that this one has lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Name, MAX_PEERS>,
}

/// A wish for right of way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Need {
    /// Lower goes first; of equals the lower name.
    pub turn: u32,
}

/// A promise to stay out of go, as the light that made it tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Give {
    /// To which light.
    pub to: Name,
    /// The boot of the request that it answers.
    pub boot: u32,
    /// The seq of the request that it answers.
    pub seq: u32,
    /// For how long it was made, in milliseconds.
    pub ms: u32,
}

/// What a light says of itself on `…/status`, and what the broker says when it is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    v: u8,
    /// Whether the light is connected.
    pub online: bool,
    /// `virtual` or `board`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String<MAX_TEXT_BYTES>>,
    /// Version of the light's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fw: Option<String<MAX_TEXT_BYTES>>,
    /// Signal strength in dBm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wifi_rssi: Option<i32>,
    /// Times that the light joined Wi-Fi since its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wifi_joins: Option<u32>,
    /// Times that the light got an MQTT session since its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mqtt_joins: Option<u32>,
    /// Seconds since the light's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_s: Option<u32>,
    /// Free heap in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap: Option<u32>,
    /// Bytes of stack that were never used, of the thread that has the least of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<u32>,
    /// Why the light last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<String<MAX_TEXT_BYTES>>,
}

/// What was heard on `…/state`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is no allocator to box with, and states are the rule")]
pub enum PeerMessage {
    /// The words of a light that knows the contract.
    State(State),
    /// A bare aspect, as a beginner's own light sends it.
    Plain(Aspect),
}

/// Why a message is counted and otherwise ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Over 512 bytes.
    TooLong { bytes: usize },
    /// Neither the JSON that belongs there nor an aspect.
    Malformed,
    /// JSON of another version of the contract.
    Version { found: u8 },
    /// Names a value that cannot be, such as a promise to two lights of one name.
    Impossible(&'static str),
    /// Without a signature in a junction that has a key.
    Unsigned,
    /// With a signature that the junction's key did not make.
    WrongSignature,
}

impl State {
    /// A state of the light's program, to be sent as message `seq` of `boot`.
    #[must_use]
    pub fn new(aspect: Aspect, boot: u32, seq: u32, at: u64) -> State {
        State { v: VERSION, aspect, boot, seq, at, need: None, give: Vec::new(), lost: Vec::new() }
    }

    /// Writes the message for `topic`, signed where there is a key.
    ///
    /// Where not all of it fits into 512 bytes, the last entries of `give`, then of `lost`, are
    /// left out: a promise that is not told of binds all the same, and one lost light tells as
    /// much as three.
    #[must_use]
    pub fn encode(&self, topic: &str, key: Option<&Key>) -> Message {
        let mut shown = self.clone();
        loop {
            if let Some(message) = write(&shown, topic, key) {
                return message;
            }
            let shortened = shown.give.pop().is_some() || shown.lost.pop().is_some();
            if !shortened {
                return Message::default();
            }
        }
    }

    fn check(&self) -> Result<(), Ignored> {
        check_version(self.v)?;
        for (index, give) in self.give.iter().enumerate() {
            if self.give.iter().skip(index + 1).any(|other| other.to == give.to && other.boot == give.boot) {
                return Err(Ignored::Impossible("two promises to one light"));
            }
        }
        Ok(())
    }
}

impl Status {
    /// The status of a light that is connected.
    #[must_use]
    pub fn online() -> Status {
        Status { v: VERSION, online: true, ..Status::default() }
    }

    /// The last will, and the goodbye of a clean stop.
    #[must_use]
    pub fn offline() -> Status {
        Status { v: VERSION, online: false, ..Status::default() }
    }

    /// Writes the message for `topic`, signed where there is a key.
    #[must_use]
    pub fn encode(&self, topic: &str, key: Option<&Key>) -> Message {
        write(self, topic, key).unwrap_or_default()
    }

    /// Reads a message that came on `topic`.
    ///
    /// # Errors
    /// Why the message is to be ignored.
    pub fn decode(topic: &str, payload: &[u8], key: Option<&Key>) -> Result<Status, Ignored> {
        let status: Status = read(topic, payload, key)?;
        check_version(status.v)?;
        status.check()?;
        Ok(status)
    }

    /// The reader of JSON leaves escapes as they stand, and JSON may hold the control characters above 0x7E;
    /// neither belongs in a version or on anybody's terminal.
    fn check(&self) -> Result<(), Ignored> {
        let plain = |text: &String<MAX_TEXT_BYTES>| !text.chars().any(|c| c.is_control() || c == '\\');
        if [&self.kind, &self.fw, &self.reset].into_iter().flatten().all(plain) {
            Ok(())
        } else {
            Err(Ignored::Impossible("a text with escapes or control characters"))
        }
    }
}

impl Command {
    /// Writes the message for `topic`, signed where there is a key.
    #[must_use]
    pub fn encode(&self, topic: &str, key: Option<&Key>) -> Message {
        write(self, topic, key).unwrap_or_default()
    }

    /// Reads a message that came on `topic`.
    ///
    /// # Errors
    /// Why the message is to be ignored.
    pub fn decode(topic: &str, payload: &[u8], key: Option<&Key>) -> Result<Command, Ignored> {
        let command: Command = read(topic, payload, key)?;
        check_version(command.v)?;
        Ok(command)
    }
}

impl PeerMessage {
    /// What the light shows by this word.
    #[must_use]
    pub fn aspect(&self) -> Aspect {
        match self {
            PeerMessage::State(state) => state.aspect,
            PeerMessage::Plain(aspect) => *aspect,
        }
    }

    /// Reads a message that came on `topic`: a state, or, in a junction without a key, a bare
    /// aspect.
    ///
    /// # Errors
    /// Why the message is to be ignored.
    pub fn decode(topic: &str, payload: &[u8], key: Option<&Key>) -> Result<PeerMessage, Ignored> {
        if key.is_none() && payload.len() <= MAX_TEXT_BYTES {
            let plain = core::str::from_utf8(payload).ok().and_then(Aspect::from_plain);
            if let Some(aspect) = plain {
                return Ok(PeerMessage::Plain(aspect));
            }
        }
        let state: State = read(topic, payload, key)?;
        state.check()?;
        Ok(PeerMessage::State(state))
    }
}

/// The bytes of a message, at most 512.
pub type Message = Vec<u8, MAX_MESSAGE_BYTES>;

fn check_version(found: u8) -> Result<(), Ignored> {
    if found == VERSION { Ok(()) } else { Err(Ignored::Version { found }) }
}

fn write<T: Serialize>(value: &T, topic: &str, key: Option<&Key>) -> Option<Message> {
    let mut message = Message::new();
    message.resize_default(MAX_MESSAGE_BYTES).ok()?;
    let room = MAX_MESSAGE_BYTES - if key.is_some() { SIGNED_BYTES } else { 0 };
    let mut len = serde_json_core::to_slice(value, &mut message[..room]).ok()?;
    if let Some(key) = key {
        len = key.sign(topic, &mut message, len)?;
    }
    message.truncate(len);
    Some(message)
}

fn read<'a, T: Deserialize<'a>>(topic: &str, payload: &'a [u8], key: Option<&Key>) -> Result<T, Ignored> {
    if payload.len() > MAX_MESSAGE_BYTES {
        return Err(Ignored::TooLong { bytes: payload.len() });
    }
    if let Some(key) = key {
        key.verify(topic, payload).map_err(|error| match error {
            SignatureError::Missing => Ignored::Unsigned,
            SignatureError::Wrong => Ignored::WrongSignature,
        })?;
    }
    if !is_json(payload) {
        return Err(Ignored::Malformed);
    }
    let (value, _) = serde_json_core::from_slice(payload).map_err(|_| Ignored::Malformed)?;
    Ok(value)
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ignored::TooLong { bytes } => {
                write!(f, "it has {bytes} bytes, more than the {MAX_MESSAGE_BYTES} of a message")
            }
            Ignored::Malformed => {
                f.write_str("it is neither a message of the junction nor the name of an aspect")
            }
            Ignored::Version { found } => {
                write!(f, "it is of version {found}, and only {VERSION} is known here")
            }
            Ignored::Impossible(what) => write!(f, "it names what cannot be: {what}"),
            Ignored::Unsigned => f.write_str("it is not signed, and the junction has a key"),
            Ignored::WrongSignature => f.write_str("its signature is not of the junction's key"),
        }
    }
}

impl core::error::Error for Ignored {}
