//! One budget for a whole account on a broker that counts: what the lights of this program publish together,
//! when one of their links may log in, and for how long all of them have to rest.
//!
//! Each light has a token bucket of its own (`traffic_light::timing::Quota`), and together they are made to
//! fit. This is the guard behind them, over the real limit: however the buckets were set, and whatever other
//! users of the account do, no more is published within a minute than the account may.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    config::{Feeds, Junction},
    fault::Micros,
};

/// A minute as the broker counts it, and a second more: a message that was held up on its way may come
/// closer to the next than it was sent.
const MINUTE: Duration = Duration::from_secs(61);
/// Logins a minute of this program; the broker allows 20 to the whole account.
const MOST_LOGINS: usize = 15;
/// After a refused login there is none for so long, and for as much more after each that follows.
pub(super) const REFUSED_REST: Duration = Duration::from_secs(30);
/// However often it was refused.
const LONGEST_REST: Duration = Duration::from_mins(10);
/// After a refusal one link tries alone; if it has not told within this how that went, another one does.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);
/// Between two looks whether that one was let in.
const PROBE_LOOK: Duration = Duration::from_secs(1);
/// Green, amber and red.
const WORDS_OF_A_GO: usize = 3;
/// Between two warnings of the same kind.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// What the account has done of late. Time is passed in, as the time since any moment in the past.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    per_minute: usize,
    /// Whether anything is held back.
    keeps: bool,
    /// So many of the publishes of a minute are kept for what foreign lights are told.
    reserved: usize,
    /// The most that the lights of this program publish in a minute, by their own buckets.
    planned: usize,
    own: Minute,
    others: Minute,
    paused_until: Duration,
    logins: Minute,
    no_login_until: Duration,
    refusals: u32,
    probed_at: Option<Duration>,
    warned_at: Option<Duration>,
}

/// What is known when the broker says that too much was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blame {
    /// Publishes of this program in the last minute.
    pub(super) own: usize,
    /// Publishes of other users of the account, as far as they were heard.
    pub(super) others: usize,
    /// What the account may.
    pub(crate) per_minute: usize,
}

impl Budget {
    /// For an account with so many publishes a minute, of which this program's lights want `planned`.
    /// Without `keeps`, publishes are counted and not held back.
    pub(super) fn new(per_minute: u32, planned: u32, keeps: bool) -> Budget {
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Budget {
            per_minute: count(per_minute),
            keeps,
            reserved: 0,
            planned: count(planned),
            own: Minute::default(),
            others: Minute::default(),
            paused_until: Duration::ZERO,
            logins: Minute::default(),
            no_login_until: Duration::ZERO,
            refusals: 0,
            probed_at: None,
            warned_at: None,
        }
    }

    /// For the lights of `junctions` that run here, on one account.
    pub(crate) fn of(feeds: &Feeds, junctions: &[Junction]) -> Budget {
        let here = junctions.iter().flat_map(Junction::virtual_lights);
        let planned = here.filter_map(|light| light.timing().most_per_minute());
        let partners = junctions.iter().flat_map(|junction| {
            junction.virtual_lights().filter(|light| junction.partner_of(light.name()).is_some())
        });
        let reserved = partners.count() * WORDS_OF_A_GO;
        let planned = planned.fold(0, u32::saturating_add);
        Budget { reserved, ..Budget::new(feeds.per_minute, planned, feeds.budget) }
    }

    /// Takes one publish out, if there is that much beside what is kept for foreign lights.
    pub(super) fn publish(&mut self, now: Duration) -> bool {
        self.take(now, self.reserved)
    }

    /// The same for what a foreign light is told: it goes before everything else.
    pub(super) fn publish_first(&mut self, now: Duration) -> bool {
        self.take(now, 0)
    }

    /// Whether a foreign light could be told so much now.
    pub(super) fn has(&mut self, now: Duration, messages: u32) -> bool {
        self.leaves(now, usize::try_from(messages).unwrap_or(usize::MAX).saturating_sub(1))
    }

    fn take(&mut self, now: Duration, left: usize) -> bool {
        let may = self.leaves(now, left);
        if may {
            self.own.add(now);
        }
        may
    }

    /// Whether one publish would leave so many of this minute.
    fn leaves(&mut self, now: Duration, left: usize) -> bool {
        let spent = self.own.count(now) + self.others.count(now);
        !self.keeps || (now >= self.paused_until && spent.saturating_add(left) < self.per_minute)
    }

    /// Another user of the account was heard. Returns whether a person should know by now that little is
    /// left.
    pub(super) fn heard_other(&mut self, now: Duration) -> Option<Blame> {
        self.others.add(now);
        let eaten = self.others.count(now) + self.planned > self.per_minute;
        let told = self.warned_at.is_some_and(|at| now.saturating_sub(at) < WARN_EVERY);
        if !eaten || told {
            return None;
        }
        self.warned_at = Some(now);
        Some(self.blame(now))
    }

    /// The broker says that publishes are rejected for so long.
    pub(super) fn throttled(&mut self, now: Duration, lasts: Duration) -> Blame {
        self.paused_until = self.paused_until.max(now + lasts);
        self.blame(now)
    }

    /// The broker says that the account is banned for so long.
    pub(super) fn banned(&mut self, now: Duration, lasts: Duration) {
        self.paused_until = self.paused_until.max(now + lasts);
        self.rest(now, lasts.max(REFUSED_REST));
    }

    /// Whether a link may log in now.
    ///
    /// # Errors
    /// For how long it has to wait before it asks again.
    pub(super) fn login(&mut self, now: Duration) -> Result<(), Duration> {
        if now < self.no_login_until {
            return Err(self.no_login_until - now);
        }
        if self.refusals > 0 {
            if self.probed_at.is_some_and(|at| now.saturating_sub(at) < PROBE_TIMEOUT) {
                return Err(PROBE_LOOK);
            }
            self.probed_at = Some(now);
        }
        if self.logins.count(now) >= MOST_LOGINS {
            return Err(self.logins.frees_in(now));
        }
        self.logins.add(now);
        Ok(())
    }

    /// A link was let in.
    pub(super) fn let_in(&mut self) {
        self.refusals = 0;
        self.probed_at = None;
    }

    /// A link was not let in, or its connection was reset for a ban that was not told.
    pub(super) fn refused(&mut self, now: Duration) {
        // Links that were refused together are one refusal.
        if now >= self.no_login_until {
            self.refusals = self.refusals.saturating_add(1);
        }
        let rest = REFUSED_REST.saturating_mul(self.refusals.max(1)).min(LONGEST_REST);
        self.rest(now, rest);
    }

    fn rest(&mut self, now: Duration, rest: Duration) {
        self.refusals = self.refusals.max(1);
        self.probed_at = None;
        self.no_login_until = self.no_login_until.max(now + rest);
    }

    fn blame(&mut self, now: Duration) -> Blame {
        Blame { own: self.own.count(now), others: self.others.count(now), per_minute: self.per_minute }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Blame { own, others, per_minute } = self;
        if *others > 0 {
            write!(
                f,
                "in the last minute the lights of this program published {own} times and others {others} times, of the \
                 {per_minute} that the account may (help: stop what else uses the account, or run fewer lights)"
            )
        } else if own < per_minute {
            write!(
                f,
                "in the last minute the lights of this program published only {own} of the {per_minute} times that the \
                 account may: something else uses the account, unheard (help: stop it)"
            )
        } else {
            write!(
                f,
                "in the last minute the lights of this program published {own} times, of the {per_minute} that the \
                 account may (help: take slower timings, or leave budget at true)"
            )
        }
    }
}

/// When something happened in the last minute.
#[derive(Clone, Debug, Default)]
struct Minute(VecDeque<Duration>);

impl Minute {
    fn add(&mut self, now: Duration) {
        self.0.push_back(now);
    }

    fn count(&mut self, now: Duration) -> usize {
        while self.0.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            self.0.pop_front();
        }
        self.0.len()
    }

    /// When the first of them is older than a minute.
    fn frees_in(&self, now: Duration) -> Duration {
        self.0.front().map_or(Duration::ZERO, |at| (*at + MINUTE).saturating_sub(now))
    }
}

/// The budget of a world. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct SharedBudget {
    clock: BudgetClock,
    /// A plain mutex: it is held for a few additions and never across an await.
    budget: Arc<Mutex<Budget>>,
}

#[derive(Clone, Debug)]
enum BudgetClock {
    Real(Instant),
    /// In microseconds.
    Simulated(Arc<AtomicU64>),
}

impl SharedBudget {
    /// On the computer's clock.
    pub(super) fn new(budget: Budget) -> SharedBudget {
        SharedBudget { clock: BudgetClock::Real(Instant::now()), budget: Arc::new(Mutex::new(budget)) }
    }

    /// On a clock that [`SharedBudget::set_now`] moves.
    pub(crate) fn simulated(budget: Budget) -> SharedBudget {
        let clock = BudgetClock::Simulated(Arc::default());
        SharedBudget { clock, budget: Arc::new(Mutex::new(budget)) }
    }

    /// Moves a simulated clock.
    pub(crate) fn set_now(&self, now: Micros) {
        if let BudgetClock::Simulated(clock) = &self.clock {
            clock.store(now, Ordering::Relaxed);
        }
    }

    /// The budget, and now on its clock.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Budget, Duration) -> T) -> T {
        let now = match &self.clock {
            BudgetClock::Real(began) => began.elapsed(),
            BudgetClock::Simulated(clock) => Duration::from_micros(clock.load(Ordering::Relaxed)),
        };
        let mut budget: MutexGuard<'_, Budget> = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut budget, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn no_more_is_published_in_any_minute_than_the_account_may() {
        let mut budget = Budget::new(30, 30, true);
        let published: Vec<u64> =
            (0..600_000).step_by(100).filter(|ms| budget.publish(Duration::from_millis(*ms))).collect();
        let busiest =
            published.iter().map(|at| published.iter().filter(|ms| (*at..at + 60_000).contains(*ms)).count());
        assert_eq!(busiest.max(), Some(30));
        assert!(published.len() >= 290, "and nearly all of it: {}", published.len());
    }

    #[test]
    fn what_a_foreign_light_is_told_goes_before_everything_else() {
        let mut budget = Budget { reserved: 3, ..Budget::new(30, 15, true) };
        assert_eq!((0..100).filter(|_| budget.publish(at(1))).count(), 27);
        assert!(budget.has(at(1), 3) && !budget.has(at(1), 4));
        assert_eq!((0..100).filter(|_| budget.publish_first(at(2))).count(), 3);
        assert!(!budget.has(at(3), 1) && budget.has(at(63), 3));
        budget.throttled(at(63), at(10));
        assert!(!budget.has(at(64), 1));
    }

    #[test]
    fn others_are_counted_in_and_a_person_is_told_once_a_minute() {
        let mut budget = Budget::new(30, 20, true);
        let told = (0..15).filter_map(|s| budget.heard_other(at(s))).collect::<Vec<_>>();
        assert_eq!(told, [Blame { own: 0, others: 11, per_minute: 30 }]);
        assert_eq!((0..100).filter(|_| budget.publish(at(20))).count(), 15);
        assert!(budget.heard_other(at(80)).is_none(), "those of the first seconds are forgotten");
        assert!(told[0].to_string().contains("others 11 times"));
    }

    #[test]
    fn a_throttle_pauses_and_tells_whose_fault_it_is() {
        let mut budget = Budget::new(30, 30, true);
        assert!(budget.publish(at(0)));
        let blame = budget.throttled(at(1), at(21));
        assert!(blame.to_string().contains("only 1 of the 30"), "{blame}");
        assert!(!budget.publish(at(21)) && budget.publish(at(22)));
        let mut careless = Budget::new(30, 30, false);
        careless.throttled(at(1), at(21));
        assert!((0..100).all(|_| careless.publish(at(2))));
        assert!(careless.throttled(at(3), at(1)).to_string().contains("published 100 times"));
    }

    #[test]
    fn logins_are_few_a_minute() {
        let mut budget = Budget::new(30, 30, true);
        assert_eq!((0..100).filter(|_| budget.login(at(5)).is_ok()).count(), MOST_LOGINS);
        assert_eq!(budget.login(at(6)), Err(at(60)));
        assert_eq!(budget.login(at(66)), Ok(()));
    }

    #[test]
    fn after_a_refusal_all_rest_and_then_one_tries_alone() {
        let mut budget = Budget::new(30, 30, true);
        assert_eq!(budget.login(at(0)), Ok(()));
        assert_eq!(budget.login(at(0)), Ok(()));
        budget.refused(at(1));
        budget.refused(at(1));
        assert_eq!(budget.login(at(2)), Err(at(29)), "two at once are one refusal");
        assert_eq!(budget.login(at(31)), Ok(()));
        assert_eq!(budget.login(at(32)), Err(PROBE_LOOK), "the others wait for its fate");
        budget.refused(at(33));
        assert_eq!(budget.login(at(34)), Err(at(59)), "longer each time");
        assert_eq!(budget.login(at(93)), Ok(()));
        budget.let_in();
        assert_eq!(budget.login(at(93)), Ok(()));
        budget.refused(at(94));
        assert_eq!(budget.login(at(95)), Err(at(29)), "short again");
    }

    #[test]
    fn a_probe_that_never_tells_is_followed_by_another() {
        let mut budget = Budget::new(30, 30, true);
        budget.refused(at(0));
        assert_eq!(budget.login(at(30)), Ok(()));
        assert!(budget.login(at(40)).is_err());
        assert_eq!(budget.login(at(45)), Ok(()));
    }

    #[test]
    fn no_rest_is_longer_than_ten_minutes_and_a_ban_is_kept_to_the_end() {
        let mut budget = Budget::new(30, 30, true);
        let mut now = Duration::ZERO;
        for _ in 0..50 {
            budget.refused(now);
            now = budget.no_login_until;
        }
        budget.refused(now);
        assert_eq!(budget.login(now), Err(LONGEST_REST));
        let mut budget = Budget::new(30, 30, true);
        budget.banned(at(0), at(90));
        assert_eq!(budget.login(at(1)), Err(at(89)));
        assert!(!budget.publish(at(89)));
        budget.refused(at(2));
        assert_eq!(budget.login(at(3)), Err(at(87)), "a refusal does not make it shorter");
    }
}
