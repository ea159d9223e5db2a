//! The account that the embedded broker counts, on real time: Adafruit IO's where the broker is to be like
//! it, or a bare quota while that fault is in.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mqtt5::{
    QoS,
    broker::{
        events::{BrokerEventHandler, ClientPublishEvent, PublishAction},
        router::MessageRouter,
    },
    packet::publish::PublishPacket,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::adafruit::{Emulator, Published, Refusal, Rules, Subscribed, Tally};

/// From a ban to the reset of its connections, so that the notice of it still gets there.
const LAST_NOTICE: Duration = Duration::from_millis(250);

/// What the user should know of an account. Of a series of alike ones the first is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// Publishes are rejected from now on.
    Throttled {
        /// How many a minute may pass.
        per_minute: u32,
    },
    /// Publishes pass again.
    Released,
    /// The account is banned; all its connections are reset.
    Banned {
        /// For how long, in seconds.
        seconds: u64,
    },
    /// Something failed, or a notice that says more than its kind.
    Rejected(String),
}

impl fmt::Display for AccountEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountEvent::Throttled { per_minute } => write!(
                f,
                "the broker rejects messages: there were more than {per_minute} publishes within a minute, and going on \
                 leads to a ban"
            ),
            AccountEvent::Released => f.write_str("the broker accepts messages again"),
            AccountEvent::Banned { seconds } => write!(
                f,
                "the broker has banned its account for {seconds} s: every connection is reset, and every login \
                 refused"
            ),
            AccountEvent::Rejected(text) => write!(f, "notice of the broker: {text}"),
        }
    }
}

/// Is called with each event.
pub(super) type Listener = Box<dyn Fn(AccountEvent) + Send + Sync>;

/// Counts what the clients of one broker do. Clones count together; like an account, it outlives a restart of
/// the broker.
#[derive(Clone)]
pub struct AccountLimiter(Arc<Shared>);

struct Shared {
    began: Instant,
    /// A plain mutex: it is held for a few additions and never across an await.
    state: Mutex<AccountLimits>,
    cuts: watch::Sender<u64>,
    listener: Listener,
}

/// The account, and what was reported of it. Time is passed in, as the time since any moment in the past.
pub(crate) struct AccountLimits {
    /// The first level of topics for notices, where the broker has topics like any other.
    root: String,
    emulator: Option<Emulator>,
    /// The rules to go back to when a quota ends; `None`: nothing is counted then.
    own: Option<Rules>,
    throttled: bool,
}

impl AccountLimits {
    /// Counts nothing until a quota is set. Notices come on `root/throttle` and `root/errors`.
    pub(crate) fn idle(root: &str) -> AccountLimits {
        AccountLimits { root: root.to_owned(), emulator: None, own: None, throttled: false }
    }

    /// The account `user` of Adafruit IO, with so many publishes a minute.
    pub(crate) fn adafruit(user: &str, per_minute: u32) -> AccountLimits {
        let rules = Rules::adafruit(per_minute);
        let emulator = Some(Emulator::adafruit(user, rules));
        AccountLimits { emulator, own: Some(rules), ..AccountLimits::idle(user) }
    }

    /// Whether the broker is to be like Adafruit IO.
    pub(crate) fn emulates(&self) -> bool {
        self.own.is_some()
    }

    /// Whether anything is counted at present.
    pub(crate) fn counts(&self) -> bool {
        self.emulator.is_some()
    }

    /// What has been counted; `None` while nothing is.
    pub(crate) fn tally(&self) -> Option<Tally> {
        self.emulator.as_ref().map(Emulator::tally)
    }

    /// Sets the publishes a minute; `None` ends that and brings the account's own rules back.
    pub(crate) fn set_quota(&mut self, per_minute: Option<u32>) {
        self.throttled = false;
        match (per_minute, self.own, &mut self.emulator) {
            (Some(publishes), Some(own), Some(emulator)) => emulator.set_rules(Rules { publishes, ..own }),
            (None, Some(own), Some(emulator)) => emulator.set_rules(own),
            (per_minute, _, emulator) => {
                *emulator =
                    per_minute.map(|publishes| Emulator::counting(&self.root, Rules::quota(publishes)));
            }
        }
    }

    /// A client logs in. An error says for how long a ban lasts that begins with it.
    pub(crate) fn login(&mut self, now: Duration) -> Result<(), (Refusal, Option<Duration>)> {
        let Some(emulator) = &mut self.emulator else { return Ok(()) };
        emulator.login(now).map_err(|refusal| {
            let bans = refusal == Refusal::TooOften;
            (refusal, emulator.banned_for(now).filter(|_| bans))
        })
    }

    /// A client publishes. Returns what comes of it, and what the user should know.
    pub(crate) fn publish(
        &mut self,
        now: Duration,
        topic: &str,
        payload: &[u8],
    ) -> (Published, Option<AccountEvent>) {
        let Some(emulator) = &mut self.emulator else {
            return (Published { passed: true, ..Published::default() }, None);
        };
        let before = emulator.tally().throttled;
        let published = emulator.publish(now, topic, payload);
        let throttled = emulator.tally().throttled > before;
        let told = match (self.throttled, throttled, published.notices.is_empty()) {
            (false, true, _) => Some(AccountEvent::Throttled { per_minute: emulator.rules().publishes }),
            (true, false, true) => Some(AccountEvent::Released),
            _ => None,
        };
        self.throttled = throttled || self.throttled && !published.notices.is_empty();
        (published, told)
    }

    /// A client subscribes.
    pub(crate) fn subscribe(&mut self, now: Duration, filter: &str) -> Subscribed {
        match &mut self.emulator {
            Some(emulator) => emulator.subscribe(now, filter),
            None => Subscribed { passed: true, ..Subscribed::default() },
        }
    }

    /// For how much longer the account is banned.
    pub(crate) fn banned_for(&self, now: Duration) -> Duration {
        self.emulator.as_ref().and_then(|emulator| emulator.banned_for(now)).unwrap_or_default()
    }
}

impl AccountLimiter {
    /// Counts nothing until a quota is set. Notices come on `root/throttle` and `root/errors`.
    #[must_use]
    pub fn idle(root: &str, listener: Listener) -> AccountLimiter {
        AccountLimiter::new(AccountLimits::idle(root), listener)
    }

    /// The account `user` of Adafruit IO, with so many publishes a minute.
    #[must_use]
    pub fn adafruit(user: &str, per_minute: u32, listener: Listener) -> AccountLimiter {
        AccountLimiter::new(AccountLimits::adafruit(user, per_minute), listener)
    }

    fn new(counting: AccountLimits, listener: Listener) -> AccountLimiter {
        let cuts = watch::channel(0).0;
        AccountLimiter(Arc::new(Shared {
            began: Instant::now(),
            state: Mutex::new(counting),
            cuts,
            listener,
        }))
    }

    /// Whether the broker is to be like Adafruit IO.
    #[must_use]
    pub(super) fn emulates(&self) -> bool {
        self.state().emulates()
    }

    /// Sets the publishes a minute; `None` ends that and brings the account's own rules back.
    pub fn set_quota(&self, per_minute: Option<u32>) {
        self.state().set_quota(per_minute);
    }

    /// What has been counted; `None` while nothing is.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        self.state().tally()
    }

    /// Whether anything is counted at present.
    pub(super) fn counts(&self) -> bool {
        self.state().counts()
    }

    /// A client logs in.
    pub(super) fn login(&self) -> Result<(), Refusal> {
        let refused = self.state().login(self.now());
        refused.map_err(|(refusal, banned_for)| {
            if let Some(lasts) = banned_for {
                (self.0.listener)(AccountEvent::Banned { seconds: lasts.as_secs() });
                self.cut_soon();
            }
            refusal
        })
    }

    /// A client publishes. Sends the notices and starts the ban that may come of it.
    pub(super) async fn publish(&self, topic: &str, payload: &[u8], router: &MessageRouter) -> Published {
        let now = self.now();
        let (published, told) = self.state().publish(now, topic, payload);
        told.into_iter().for_each(&self.0.listener);
        self.enforce(&published.notices, published.bans, now, router).await;
        published
    }

    /// A client subscribes. Sends the notices and starts the ban that may come of it.
    pub(super) async fn subscribe(&self, filter: &str, router: &MessageRouter) -> Subscribed {
        let now = self.now();
        let subscribed = self.state().subscribe(now, filter);
        self.enforce(&subscribed.notices, subscribed.bans, now, router).await;
        subscribed
    }

    async fn enforce(&self, notices: &[(String, String)], bans: bool, now: Duration, router: &MessageRouter) {
        for (topic, text) in notices {
            if !bans && topic.ends_with("/errors") {
                (self.0.listener)(AccountEvent::Rejected(text.clone()));
            }
            publish_notice(router, topic, text.as_bytes()).await;
        }
        if bans {
            let seconds = self.state().banned_for(now).as_secs();
            (self.0.listener)(AccountEvent::Banned { seconds });
            self.cut_soon();
        }
    }

    /// Changes when every connection of the account has to be reset.
    pub(super) fn cuts(&self) -> watch::Receiver<u64> {
        self.0.cuts.subscribe()
    }

    fn cut_soon(&self) {
        let limiter = self.clone();
        tokio::spawn(async move {
            sleep(LAST_NOTICE).await;
            limiter.0.cuts.send_modify(|cuts| *cuts += 1);
        });
    }

    fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, AccountLimits> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AccountLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountLimiter").field("tally", &self.tally()).finish_non_exhaustive()
    }
}

/// Publishes a message of the broker's own.
pub(super) async fn publish_notice(router: &MessageRouter, topic: &str, payload: &[u8]) {
    let publish = PublishPacket::new_v311(topic, payload.to_vec(), QoS::AtMostOnce);
    router.route_message(&publish, None).await;
}

/// Makes the broker ask before it passes a message on.
pub(super) struct PublishHandler {
    pub(super) limiter: AccountLimiter,
    pub(super) router: Arc<MessageRouter>,
}

impl BrokerEventHandler for PublishHandler {
    fn on_client_publish<'a>(
        &'a self,
        event: ClientPublishEvent,
    ) -> std::pin::Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        Box::pin(async move {
            if self.limiter.publish(&event.topic, &event.payload, &self.router).await.passed {
                PublishAction::Continue
            } else {
                PublishAction::Handled
            }
        })
    }
}
