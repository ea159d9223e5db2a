//! The account that the simulated broker counts while a quota is in: the same rules as the embedded
//! broker's, on simulated time.

use std::time::Duration;

use crate::{
    adafruit::{Emulator, Published, Refusal, Rules, Subscribed},
    world::meter::Counted,
};

/// Outlives a restart of the broker, as an account does.
pub(super) struct Meter {
    root: String,
    emulator: Option<Emulator>,
    throttled: bool,
}

impl Meter {
    /// Counts nothing until a quota is set. Notices come on `root/throttle` and `root/errors`.
    pub(super) fn idle(root: String) -> Meter {
        Meter { root, emulator: None, throttled: false }
    }

    pub(super) fn set_quota(&mut self, per_minute: Option<u32>) {
        self.throttled = false;
        self.emulator = per_minute.map(|publishes| Emulator::counting(&self.root, Rules::quota(publishes)));
    }

    pub(super) fn counts(&self) -> bool {
        self.emulator.is_some()
    }

    /// Somebody logs in.
    pub(super) fn login(&mut self, now: Duration) -> Result<(), Refusal> {
        self.emulator.as_mut().map_or(Ok(()), |emulator| emulator.login(now))
    }

    /// Somebody publishes; what comes of it, and what a person should know.
    pub(super) fn publish(
        &mut self,
        now: Duration,
        topic: &str,
        payload: &[u8],
    ) -> (Published, Option<Counted>) {
        let Some(emulator) = &mut self.emulator else {
            return (Published { passed: true, ..Published::default() }, None);
        };
        let before = emulator.tally().throttled;
        let published = emulator.publish(now, topic, payload);
        let throttled = emulator.tally().throttled > before;
        let told = match (self.throttled, throttled, published.notices.is_empty()) {
            (false, true, _) => Some(Counted::Throttled { per_minute: emulator.rules().publishes }),
            (true, false, true) => Some(Counted::Released),
            _ => None,
        };
        self.throttled = throttled || self.throttled && !published.notices.is_empty();
        (published, told)
    }

    /// Somebody subscribes.
    pub(super) fn subscribe(&mut self, now: Duration, filter: &str) -> Subscribed {
        match &mut self.emulator {
            Some(emulator) => emulator.subscribe(now, filter),
            None => Subscribed { passed: true, ..Subscribed::default() },
        }
    }

    /// For how much longer the account is banned.
    pub(super) fn banned_for(&self, now: Duration) -> Duration {
        self.emulator.as_ref().and_then(|emulator| emulator.banned_for(now)).unwrap_or_default()
    }
}
