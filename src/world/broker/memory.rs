//! What the broker's clients take of its memory, and who has to go when it is too much.
//!
//! What waits for a client waits in the crate's lanes, where nobody can count it. It is bounded from outside:
//!
//! - A client is *blocked* while it takes nothing, or has not acknowledged as much as it may. What waits for it since
//!   then is at most what all have published, less what it has taken. Beyond its share it is disconnected, and the
//!   one that is furthest behind when all together have too much.
//! - Larger payloads are shared by all lanes: a clone of each tells whether any copy is still there. While too many
//!   are, publishers of large messages wait, and those that are furthest behind are disconnected.
//!
//! Clients of this program itself are never disconnected for want of memory.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    limits::{PER_MESSAGE, Shares},
    notice::{BrokerNotice, Notices},
    places::Places,
};
use crate::model::BrokerLimits;

/// How often it is looked who is behind.
pub(super) const SWEEP: Duration = Duration::from_millis(100);
/// A client is given this long before it counts as blocked for good.
const PATIENCE: Duration = Duration::from_millis(500);
/// A connection without a CONNECT lives this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// With more connections without a CONNECT than this, they live for [`CROWDED_TIMEOUT`]. The lights of a large
/// configuration come all at once, so that the number alone is no reason to end any.
const MAX_SILENT: usize = 256;
const CROWDED_TIMEOUT: Duration = Duration::from_secs(1);
/// Payloads from here on are followed through the lanes.
const LARGE: usize = 1024;
/// How often a client without a keep-alive is vouched for.
const VOUCH_EVERY: Duration = Duration::from_hours(1);
/// How long the publisher of a large message waits for others to take theirs.
const WAIT: Duration = Duration::from_secs(1);
const WAIT_STEP: Duration = Duration::from_millis(10);

/// The memory of one broker.
pub(super) struct Memory {
    pub(super) shares: Shares,
    pub(super) places: Places,
    pub(super) notices: Notices,
    /// Plain mutexes: they are held for a few steps and never across an await.
    accounts: Mutex<HashMap<u64, Arc<Account>>>,
    next: AtomicU64,
    /// Bytes that were published since the start.
    published: AtomicU64,
    large: Mutex<Large>,
    retained: Mutex<Retained>,
    /// Whether any client has asked for a session that outlives its connection.
    pub(super) sessions_kept: AtomicBool,
}

#[derive(Default)]
struct Large {
    payloads: VecDeque<Bytes>,
    bytes: usize,
}

#[derive(Default)]
struct Retained {
    topics: HashMap<Arc<str>, usize>,
    bytes: usize,
}

/// What one connection takes.
pub(super) struct Account {
    began: Instant,
    /// What it is called, once it has logged in.
    client: OnceLock<Name>,
    /// Bytes held for this connection alone.
    pub(super) held: AtomicUsize,
    /// Bytes that it has taken since the connection began.
    pub(super) taken: AtomicU64,
    pub(super) blocked: AtomicBool,
    pub(super) ended: AtomicBool,
    pub(super) reset: AtomicBool,
    /// The crate is to hear something of it.
    pub(super) vouched: AtomicBool,
    since: Mutex<Since>,
    waker: Mutex<Option<Waker>>,
}

struct Name {
    id: String,
    own: bool,
    for_ever: bool,
}

/// When it was found to be blocked, and how much all had published and it had taken by then.
#[derive(Default)]
struct Since {
    blocked: Option<(Instant, u64, u64)>,
    vouched: Option<Instant>,
}

/// Takes the account out of the list at the end of its connection.
pub(super) struct Registered {
    pub(super) account: Arc<Account>,
    memory: Arc<Memory>,
    number: u64,
}

impl Registered {
    /// It has sent its CONNECT. Returns whether there is a place for it.
    pub(super) fn logged_in(&self, id: String, own: bool, for_ever: bool) -> bool {
        if !own && !self.memory.places.enter() {
            self.memory.notices.tell(BrokerNotice::NoPlace { client: id.escape_debug().to_string() });
            return false;
        }
        // A second CONNECT does not come here.
        let _ = self.account.client.set(Name { id, own, for_ever });
        true
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.memory.accounts).remove(&self.number);
        if self.account.client.get().is_some_and(|name| !name.own) {
            self.memory.places.leave();
        }
    }
}

impl Memory {
    pub(super) fn new(limits: BrokerLimits, places: Places, notices: Notices) -> Memory {
        Memory {
            shares: limits.into(),
            places,
            notices,
            accounts: Mutex::default(),
            next: AtomicU64::new(0),
            published: AtomicU64::new(0),
            large: Mutex::default(),
            retained: Mutex::default(),
            sessions_kept: AtomicBool::new(false),
        }
    }

    /// For a new connection.
    pub(super) fn register(self: &Arc<Memory>) -> Registered {
        let account = Arc::new(Account {
            began: Instant::now(),
            client: OnceLock::new(),
            held: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            vouched: AtomicBool::new(false),
            since: Mutex::default(),
            waker: Mutex::default(),
        });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.accounts).insert(number, account.clone());
        Registered { account, memory: self.clone(), number }
    }

    /// A message has come from a client.
    pub(super) fn count_publish(&self, bytes: usize) {
        self.published.fetch_add(bytes.saturating_add(PER_MESSAGE) as u64, Ordering::Relaxed);
    }

    /// Waits, for a while, until there is room for one more large payload, and follows it.
    pub(super) async fn admit(&self, payload: &Bytes) {
        if payload.len() < LARGE {
            return;
        }
        let deadline = Instant::now() + WAIT;
        while self.large_bytes() > self.shares.routed && Instant::now() < deadline {
            tokio::time::sleep(WAIT_STEP).await;
        }
        let mut large = lock(&self.large);
        large.bytes += payload.len();
        large.payloads.push_back(payload.clone());
    }

    /// Bytes of large payloads of which there is still a copy.
    fn large_bytes(&self) -> usize {
        let mut large = lock(&self.large);
        if large.bytes > self.shares.routed / 2 {
            large.payloads.retain(|payload| !payload.is_unique());
            large.bytes = large.payloads.iter().map(Bytes::len).sum();
        }
        large.bytes
    }

    /// Whether a message of `bytes` may be retained on `topic`. A quarter is kept for this program's own lights.
    pub(super) fn may_retain(&self, topic: &str, bytes: usize, own: bool) -> bool {
        let share = if own { self.shares.retained } else { self.shares.retained / 4 * 3 };
        let retained = lock(&self.retained);
        let present = retained.topics.get(topic).copied().unwrap_or(0);
        let wanted = bytes + topic.len() + PER_MESSAGE;
        wanted <= present || retained.bytes - present + wanted <= share
    }

    /// A message was retained, or with no bytes taken away.
    pub(super) fn count_retained(&self, topic: &Arc<str>, bytes: usize) {
        let mut retained = lock(&self.retained);
        let (new, old) = if bytes == 0 {
            (0, retained.topics.remove(topic))
        } else {
            let new = bytes + topic.len() + PER_MESSAGE;
            (new, retained.topics.insert(topic.clone(), new))
        };
        retained.bytes = retained.bytes + new - old.unwrap_or(0);
    }

    /// Looks who is behind, and ends whom it must.
    pub(super) fn sweep(&self, now: Instant) {
        let published = self.published.load(Ordering::Relaxed);
        let accounts: Vec<_> = lock(&self.accounts).values().cloned().collect();
        let mut behind = Vec::new();
        let mut waiting: usize = 0;
        let silent = accounts.iter().filter(|account| account.is_silent()).count();
        let timeout = if silent > MAX_SILENT { CROWDED_TIMEOUT } else { CONNECT_TIMEOUT };
        for account in &accounts {
            if account.is_silent() {
                if now.saturating_duration_since(account.began) > timeout {
                    account.end();
                }
                continue;
            }
            account.vouch(now);
            let held = account.held.load(Ordering::Relaxed);
            let (lag, patient) = account.lag(now, published);
            let all = held.saturating_add(lag);
            waiting = waiting.saturating_add(all);
            if account.is_own() {
                continue;
            }
            if all > self.shares.per_client && !patient {
                self.end(account, all);
            } else if all > 0 {
                behind.push((all, account));
            }
        }
        let mut surplus = waiting.saturating_sub(self.shares.waiting);
        let mut crowded = self.large_bytes() > self.shares.routed;
        behind.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        for (bytes, account) in behind {
            if surplus == 0 && !crowded {
                break;
            }
            self.end(account, bytes);
            surplus = surplus.saturating_sub(bytes);
            // What is shared by several is free once the last of them has gone: one at a time.
            crowded = false;
        }
    }

    fn end(&self, account: &Account, bytes: usize) {
        if !account.ended.load(Ordering::Relaxed) {
            account.end();
            self.notices.tell(BrokerNotice::TooSlow { client: account.name(), bytes });
        }
    }
}

impl Account {
    /// What it is called, for people.
    pub(super) fn name(&self) -> String {
        self.client.get().map(|name| name.id.escape_debug().to_string()).unwrap_or_default()
    }

    /// Whose task is to be woken when the connection is to end, or is vouched for.
    pub(super) fn set_waker(&self, waker: &Waker) {
        let mut kept = lock(&self.waker);
        match &mut *kept {
            Some(kept) => kept.clone_from(waker),
            None => *kept = Some(waker.clone()),
        }
    }

    fn is_silent(&self) -> bool {
        self.client.get().is_none()
    }

    pub(super) fn is_own(&self) -> bool {
        self.client.get().is_some_and(|name| name.own)
    }

    /// Ends the connection with an RST.
    pub(super) fn cut(&self) {
        self.reset.store(true, Ordering::Relaxed);
        self.end();
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake_by_ref();
        }
    }

    /// Bytes that may wait for it in the crate, and whether it has to be given more time.
    fn lag(&self, now: Instant, published: u64) -> (usize, bool) {
        let mut since = lock(&self.since);
        if !self.blocked.load(Ordering::Relaxed) {
            since.blocked = None;
            return (0, true);
        }
        let taken = self.taken.load(Ordering::Relaxed);
        let (began, published_then, taken_then) = *since.blocked.get_or_insert((now, published, taken));
        let lag = (published - published_then).saturating_sub(taken - taken_then);
        (usize::try_from(lag).unwrap_or(usize::MAX), now.saturating_duration_since(began) < PATIENCE)
    }

    fn vouch(&self, now: Instant) {
        if self.client.get().is_some_and(|name| name.for_ever) {
            let mut since = lock(&self.since);
            if now.saturating_duration_since(*since.vouched.get_or_insert(now)) > VOUCH_EVERY {
                since.vouched = Some(now);
                self.vouched.store(true, Ordering::Relaxed);
                self.wake();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
