//! What the light's thread, the link and the log share: channels between them, and figures that one
//! writes and another reads.

use core::{
    cell::Cell,
    net::Ipv4Addr,
    sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicUsize, Ordering},
};

use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    channel::Channel,
};
use traffic_light::{
    Instant,
    lamps::Progress,
    message::Message,
    program::{HostCommand, Topic, TopicText},
};

use crate::stack::Painted;

/// The stack of the light's thread; 11 kB of it were ever used.
pub const LIGHT_STACK_BYTES: usize = 20 * 1024;

/// What the link tells the light.
pub enum LinkEvent {
    /// There is a session; what is said in it carries this number.
    Up(u32),
    /// The session is over.
    Down,
    /// A message came in.
    Message {
        topic: TopicText,
        /// Its content.
        payload: Message,
        /// The broker had kept it.
        retained: bool,
    },
    /// A message came in that is no message of a junction.
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
}

/// A message to be sent in one session, and in no other.
pub struct Publication {
    /// The session's number.
    pub session: u32,
    /// Which of the light's own topics.
    pub topic: Topic,
    /// Its content.
    pub message: Message,
}

/// What the light's program needs of the link for the topics.
pub struct Topics {
    /// What to listen to.
    pub subscriptions: heapless::Vec<TopicText, 8>,
    /// Where the state goes.
    pub state: TopicText,
    /// Where the status goes; empty on a broker with neither wills nor kept messages.
    pub status: TopicText,
    /// What the broker says there when the board is gone.
    pub will: Message,
    /// Where a foreign light listens; empty where there is none.
    pub partner: TopicText,
    /// Whether the broker keeps what it is told.
    pub partner_retains: bool,
}

/// From the link; while it is full the link stops reading, and TCP holds the broker back.
pub static LINK_EVENTS: Channel<CriticalSectionRawMutex, LinkEvent, 6> = Channel::new();
/// To the link; while it is full, messages are dropped.
pub static OUTBOUND: Channel<CriticalSectionRawMutex, Publication, 6> = Channel::new();
/// Orders to the link; while it is full, orders are dropped.
pub static ORDERS: Channel<CriticalSectionRawMutex, HostCommand, 4> = Channel::new();
/// How far the link has come.
pub static PROGRESS: Shared = Shared(AtomicU8::new(Progress::Joining as u8));
/// When the main thread last told that it lives, in seconds since the start.
pub static MAIN_ALIVE_S: AtomicU32 = AtomicU32::new(0);
/// The board's address, while it is on Wi-Fi.
pub static ADDRESS: Mutex<CriticalSectionRawMutex, Cell<Option<Ipv4Addr>>> = Mutex::new(Cell::new(None));
/// Signal strength in dBm; 0 while it is not known.
pub static RSSI: AtomicI32 = AtomicI32::new(0);
/// Joins since the start.
pub static WIFI_JOINS: AtomicU32 = AtomicU32::new(0);
/// Sessions since the start.
pub static MQTT_JOINS: AtomicU32 = AtomicU32::new(0);

static LIGHT_STACK: Mutex<CriticalSectionRawMutex, Cell<Option<Painted>>> = Mutex::new(Cell::new(None));

/// A [`Progress`] that threads share.
pub struct Shared(AtomicU8);

impl Shared {
    pub fn set(&self, progress: Progress) {
        self.0.store(progress as u8, Ordering::Relaxed);
    }

    /// What was set last.
    pub fn get(&self) -> Progress {
        let value = self.0.load(Ordering::Relaxed);
        [Progress::Unprovisioned, Progress::Joining, Progress::Connecting, Progress::Connected]
            .into_iter()
            .find(|progress| *progress as u8 == value)
            .unwrap_or(Progress::Failing)
    }
}

/// Says that the calling thread is the light's; called once, before it uses much of its stack.
pub fn paint_light_stack() {
    LIGHT_STACK.lock(|stack| stack.set(Some(Painted::thread(LIGHT_STACK_BYTES))));
}

/// How much of the stack of the light's thread was ever used, and how much there is.
pub fn light_stack_use() -> (usize, usize) {
    LIGHT_STACK.lock(Cell::get).map_or((0, LIGHT_STACK_BYTES), Painted::most_used)
}

/// The main thread's stack is looked at by that thread, once a minute.
pub static MAIN_STACK_FREE: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The bytes of stack that were never used, of the thread that has the least of them.
pub fn least_stack_free() -> usize {
    let (used, size) = light_stack_use();
    (size - used).min(MAIN_STACK_FREE.load(Ordering::Relaxed))
}

/// The clock: it counts from the reset and never stops.
pub fn now() -> Instant {
    Instant::from_ms(embassy_time::Instant::now().as_millis())
}

/// Seconds since the start.
pub fn uptime_s() -> u32 {
    u32::try_from(embassy_time::Instant::now().as_secs()).unwrap_or(u32::MAX)
}
