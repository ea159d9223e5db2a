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

/// What the broker did that a person should know. The first of a row is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
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

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Counted::Throttled { per_minute } => write!(
                f,
                "the broker rejects what is published: there were more than {per_minute} publishes within a minute; \
                 who goes on will be banned"
            ),
            Counted::Released => f.write_str("the broker takes what is published again"),
            Counted::Banned { seconds } => write!(
                f,
                "the broker has banned its account for {seconds} s: every connection is reset, and nobody is let in"
            ),
            Counted::Rejected(text) => write!(f, "the broker says: {text}"),
        }
    }
}

/// Told of what the broker did.
pub type Listener = Box<dyn Fn(Counted) + Send + Sync>;

/// Counts what the clients of one broker do. Clones count together; it outlives a restart of the broker, as
/// an account does.
#[derive(Clone)]
pub struct Meter(Arc<Shared>);

struct Shared {
    began: Instant,
    /// A plain mutex: it is held for a few additions and never across an await.
    state: Mutex<State>,
    cuts: watch::Sender<u64>,
    listener: Listener,
    /// The first level of topics for notices, where the broker has topics like any other.
    root: String,
}

struct State {
    emulator: Option<Emulator>,
    /// The rules to go back to when the quota ends; `None`: nothing is counted then.
    own: Option<Rules>,
    throttled: bool,
}

impl Meter {
    /// Counts nothing until a quota is set. Notices come on `root/throttle` and `root/errors`.
    #[must_use]
    pub fn idle(root: &str, listener: Listener) -> Meter {
        Meter::new(root, None, listener)
    }

    /// Is the account `user` of Adafruit IO, with so many publishes a minute.
    #[must_use]
    pub fn adafruit(user: &str, per_minute: u32, listener: Listener) -> Meter {
        let rules = Rules::adafruit(per_minute);
        Meter::new(user, Some(Emulator::adafruit(user, rules)), listener)
    }

    fn new(root: &str, emulator: Option<Emulator>, listener: Listener) -> Meter {
        let own = emulator.as_ref().map(Emulator::rules);
        Meter(Arc::new(Shared {
            began: Instant::now(),
            state: Mutex::new(State { emulator, own, throttled: false }),
            cuts: watch::channel(0).0,
            listener,
            root: root.to_owned(),
        }))
    }

    /// Whether the broker is to be like Adafruit IO.
    #[must_use]
    pub fn emulates(&self) -> bool {
        self.state().own.is_some()
    }

    /// Sets the publishes a minute, or lets things be as they were before.
    pub fn set_quota(&self, per_minute: Option<u32>) {
        let mut state = self.state();
        state.throttled = false;
        let own = state.own;
        match (per_minute, own, &mut state.emulator) {
            (Some(publishes), Some(own), Some(emulator)) => emulator.set_rules(Rules { publishes, ..own }),
            (None, Some(own), Some(emulator)) => emulator.set_rules(own),
            (Some(publishes), _, emulator) => {
                *emulator = Some(Emulator::counting(&self.0.root, Rules::quota(publishes)));
            }
            (None, _, emulator) => *emulator = None,
        }
    }

    /// What has been counted; `None` while nothing is.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        self.state().emulator.as_ref().map(Emulator::tally)
    }

    /// Whether anything is counted at present.
    pub(super) fn counts(&self) -> bool {
        self.state().emulator.is_some()
    }

    /// Somebody logs in.
    pub(super) fn login(&self) -> Result<(), Refusal> {
        let now = self.now();
        let mut state = self.state();
        let Some(emulator) = &mut state.emulator else { return Ok(()) };
        let refused = emulator.login(now);
        let banned = emulator.banned_for(now);
        drop(state);
        if let (Err(Refusal::TooOften), Some(left)) = (refused, banned) {
            (self.0.listener)(Counted::Banned { seconds: left.as_secs() });
            self.cut_soon();
        }
        refused
    }

    /// Somebody publishes; sees to the notices and the ban that may come of it.
    pub(super) async fn publish(&self, topic: &str, payload: &[u8], router: &MessageRouter) -> Published {
        let now = self.now();
        let published = {
            let mut state = self.state();
            let Some(emulator) = &mut state.emulator else {
                return Published { passed: true, ..Published::default() };
            };
            let throttled_before = emulator.tally().throttled;
            let published = emulator.publish(now, topic, payload);
            let per_minute = emulator.rules().publishes;
            let throttled = emulator.tally().throttled > throttled_before;
            let told = match (state.throttled, throttled, published.notices.is_empty()) {
                (false, true, _) => Some(Counted::Throttled { per_minute }),
                (true, false, true) => Some(Counted::Released),
                _ => None,
            };
            state.throttled = throttled || state.throttled && !published.notices.is_empty();
            drop(state);
            told.into_iter().for_each(&self.0.listener);
            published
        };
        self.see_to(&published.notices, published.bans, now, router).await;
        published
    }

    /// Somebody subscribes; sees to the notices and the ban that may come of it.
    pub(super) async fn subscribe(&self, filter: &str, router: &MessageRouter) -> Subscribed {
        let now = self.now();
        let subscribed = match &mut self.state().emulator {
            Some(emulator) => emulator.subscribe(now, filter),
            None => return Subscribed { passed: true, ..Subscribed::default() },
        };
        self.see_to(&subscribed.notices, subscribed.bans, now, router).await;
        subscribed
    }

    async fn see_to(&self, notices: &[(String, String)], bans: bool, now: Duration, router: &MessageRouter) {
        for (topic, text) in notices {
            if !bans && topic.ends_with("/errors") {
                (self.0.listener)(Counted::Rejected(text.clone()));
            }
            say(router, topic, text.as_bytes()).await;
        }
        if bans {
            let left = self.state().emulator.as_ref().and_then(|emulator| emulator.banned_for(now));
            (self.0.listener)(Counted::Banned { seconds: left.unwrap_or_default().as_secs() });
            self.cut_soon();
        }
    }

    /// Changes when every connection of the account has to be reset.
    pub(super) fn cuts(&self) -> watch::Receiver<u64> {
        self.0.cuts.subscribe()
    }

    fn cut_soon(&self) {
        let meter = self.clone();
        tokio::spawn(async move {
            sleep(LAST_NOTICE).await;
            meter.0.cuts.send_modify(|cuts| *cuts += 1);
        });
    }

    fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("tally", &self.tally()).finish_non_exhaustive()
    }
}

/// Publishes from the broker itself.
pub(super) async fn say(router: &MessageRouter, topic: &str, payload: &[u8]) {
    let publish = PublishPacket::new_v311(topic, payload.to_vec(), QoS::AtMostOnce);
    router.route_message(&publish, None).await;
}

/// Lets the broker ask before it passes a message on.
pub(super) struct Counter {
    pub(super) meter: Meter,
    pub(super) router: Arc<MessageRouter>,
}

impl BrokerEventHandler for Counter {
    fn on_client_publish<'a>(
        &'a self,
        event: ClientPublishEvent,
    ) -> std::pin::Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        Box::pin(async move {
            if self.meter.publish(&event.topic, &event.payload, &self.router).await.passed {
                PublishAction::Continue
            } else {
                PublishAction::Handled
            }
        })
    }
}
