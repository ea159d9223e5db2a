//! One account on a broker that counts: publishes, logins and failures in a sliding minute, the notices that
//! come of too many, and the bans. Time is passed in, as the time since any moment in the past.

use std::{collections::VecDeque, fmt, time::Duration};

/// What is counted is counted over this long, at every moment anew.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// The first ban; the second within an hour is twice as long, and so on.
pub(super) const FIRST_BAN: Duration = Duration::from_secs(30);
/// No ban is longer.
pub(super) const LONGEST_BAN: Duration = Duration::from_hours(1);
/// Bans are remembered for so long.
const BANS_COUNT_FOR: Duration = Duration::from_hours(1);

/// How much an account may do in a sliding minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Publishes, those that were rejected included: who goes on at once stays throttled.
    pub(crate) publishes: u32,
    /// Rejected publishes, at which the account is banned. The documentation says "enough messages after
    /// passing the rate limit"; ten was chosen.
    pub(crate) rejections: u32,
    /// Logins; `None`: any number.
    pub(crate) logins: Option<u32>,
    /// SUBSCRIBE packets' filters; `None`: any number.
    pub(crate) subscribes: Option<u32>,
    /// Failed publishes, and apart from them failed subscribes; `None`: any number.
    pub(crate) failures: Option<u32>,
}

impl Rules {
    /// Adafruit IO's own, with so many publishes a minute: 30, or 60 for IO+.
    #[must_use]
    pub(crate) fn adafruit(publishes: u32) -> Rules {
        Rules { publishes, rejections: 10, logins: Some(20), subscribes: Some(100), failures: Some(10) }
    }

    /// A quota of publishes and nothing else, for any broker.
    #[must_use]
    pub(crate) fn quota(publishes: u32) -> Rules {
        Rules { publishes, rejections: 10, logins: None, subscribes: None, failures: None }
    }
}

/// What the broker says about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A publish was rejected for the rate: on the throttle topic.
    Throttled {
        /// When one may pass again, if none is sent until then, in whole seconds.
        seconds: u64,
    },
    /// The account is banned from now on: on the errors topic.
    Banned {
        /// For how long, in whole seconds.
        seconds: u64,
    },
    /// A publish or subscribe came while the account was banned: on the errors topic.
    Blocked {
        /// `PUBLISH` or `SUBSCRIBE`.
        action: Action,
        /// Its topic or filter.
        topic: String,
    },
    /// A publish or subscribe names what is no topic of this account: on the errors topic.
    Invalid {
        /// `PUBLISH` or `SUBSCRIBE`.
        action: Action,
        /// Its topic or filter.
        topic: String,
        /// Why.
        reason: &'static str,
    },
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A PUBLISH packet.
    Publish,
    /// One filter of a SUBSCRIBE packet.
    Subscribe,
}

impl Notice {
    /// Whether it belongs on the throttle topic; the others belong on the errors topic.
    #[must_use]
    pub(super) fn is_throttle(&self) -> bool {
        matches!(self, Notice::Throttled { .. })
    }

    /// The text, for an account named `user`.
    #[must_use]
    pub(super) fn text(&self, user: &str) -> String {
        match self {
            Notice::Throttled { seconds } => {
                format!("{user} data rate limit reached, {seconds} seconds until throttle released")
            }
            Notice::Banned { seconds } => {
                format!("enforcement limit reached, your account is banned for {seconds} seconds")
            }
            Notice::Blocked { action, topic } => {
                format!("{action} {topic} rejected, user is temporarily blocked")
            }
            Notice::Invalid { action, topic, reason } => format!("{action} {topic} rejected, {reason}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Publish => "PUBLISH",
            Action::Subscribe => "SUBSCRIBE",
        })
    }
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many logins in a minute.
    TooOften,
    /// The account is banned.
    Banned {
        /// For how much longer.
        left: Duration,
    },
}

impl Refusal {
    /// The return code of CONNACK, which MQTT 3.1.1 itself does not know.
    #[must_use]
    pub(crate) fn code(self) -> u8 {
        match self {
            Refusal::TooOften => 6,
            Refusal::Banned { .. } => 7,
        }
    }
}

/// What an action came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it is carried out.
    pub(super) passed: bool,
    /// What the broker has to say.
    pub(super) notices: Vec<Notice>,
}

impl Outcome {
    fn passed() -> Outcome {
        Outcome { passed: true, notices: Vec::new() }
    }

    fn refused(notice: Notice) -> Outcome {
        Outcome { passed: false, notices: vec![notice] }
    }

    /// Whether a ban begins with it: then every connection of the account has to be cut.
    #[must_use]
    pub(super) fn bans(&self) -> bool {
        self.notices.iter().any(|notice| matches!(notice, Notice::Banned { .. }))
    }
}

/// What an account has come to since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Publishes that passed.
    pub passed: u64,
    /// Publishes that were rejected for the rate.
    pub throttled: u64,
    /// Publishes and subscribes that named no topic of the account.
    pub failed: u64,
    /// Logins that were let in.
    pub(super) logins: u64,
    /// Logins that were refused for their number or a ban.
    pub refused: u64,
    pub bans: u64,
    /// The most publishes of any sliding minute, those that were rejected included.
    pub busiest_minute: u32,
}

/// One account, as its broker sees it.
#[derive(Clone, Debug)]
pub struct Account {
    rules: Rules,
    publishes: Window,
    rejections: Window,
    logins: Window,
    subscribes: Window,
    failed_publishes: Window,
    failed_subscribes: Window,
    /// When each ban of the last hour began.
    bans: VecDeque<Duration>,
    banned_until: Option<Duration>,
    tally: Tally,
}

impl Account {
    /// An account that has done nothing yet.
    #[must_use]
    pub(super) fn new(rules: Rules) -> Account {
        Account {
            rules,
            publishes: Window::default(),
            rejections: Window::default(),
            logins: Window::default(),
            subscribes: Window::default(),
            failed_publishes: Window::default(),
            failed_subscribes: Window::default(),
            bans: VecDeque::new(),
            banned_until: None,
            tally: Tally::default(),
        }
    }

    /// What it may do.
    #[must_use]
    pub(super) fn rules(&self) -> Rules {
        self.rules
    }

    /// Lets it do more or less from now on; what it has done stays counted.
    pub(super) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// What it has come to.
    #[must_use]
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// For how much longer it is banned, if it is.
    #[must_use]
    pub(super) fn banned_for(&self, now: Duration) -> Option<Duration> {
        self.banned_until.and_then(|until| until.checked_sub(now)).filter(|left| !left.is_zero())
    }

    /// Somebody logs in, with the right password or a wrong one. A refusal for too many logins is also the
    /// beginning of a ban, which [`Account::banned_for`] tells.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn login(&mut self, now: Duration) -> Result<(), Refusal> {
        let logins = self.logins.add(now);
        let refused = if let Some(left) = self.banned_for(now) {
            Some(Refusal::Banned { left })
        } else if self.rules.logins.is_some_and(|most| logins > most) {
            self.ban(now);
            Some(Refusal::TooOften)
        } else {
            None
        };
        match refused {
            Some(refusal) => {
                self.tally.refused += 1;
                Err(refusal)
            }
            None => {
                self.tally.logins += 1;
                Ok(())
            }
        }
    }

    /// Somebody publishes to a topic that there is.
    pub(super) fn publish(&mut self, now: Duration, topic: &str) -> Outcome {
        if let Some(blocked) = self.blocked(now, Action::Publish, topic) {
            return blocked;
        }
        let publishes = self.publishes.add(now);
        self.tally.busiest_minute = self.tally.busiest_minute.max(publishes);
        if publishes <= self.rules.publishes {
            self.tally.passed += 1;
            return Outcome::passed();
        }
        self.tally.throttled += 1;
        let seconds = whole_seconds(self.publishes.falls_below(now, self.rules.publishes));
        let mut outcome = Outcome::refused(Notice::Throttled { seconds });
        if self.rejections.add(now) >= self.rules.rejections {
            outcome.notices.push(self.ban(now));
        }
        outcome
    }

    /// Somebody subscribes to a topic that there is.
    pub(super) fn subscribe(&mut self, now: Duration, filter: &str) -> Outcome {
        if let Some(blocked) = self.blocked(now, Action::Subscribe, filter) {
            return blocked;
        }
        let subscribes = self.subscribes.add(now);
        if self.rules.subscribes.is_some_and(|most| subscribes > most) {
            return Outcome::refused(self.ban(now));
        }
        Outcome::passed()
    }

    /// Somebody tries what cannot be, for this reason.
    pub(super) fn fail(
        &mut self,
        now: Duration,
        action: Action,
        topic: &str,
        reason: &'static str,
    ) -> Outcome {
        if let Some(blocked) = self.blocked(now, action, topic) {
            return blocked;
        }
        self.tally.failed += 1;
        let failed = match action {
            Action::Publish => self.failed_publishes.add(now),
            Action::Subscribe => self.failed_subscribes.add(now),
        };
        let mut outcome = Outcome::refused(Notice::Invalid { action, topic: topic.to_owned(), reason });
        if self.rules.failures.is_some_and(|most| failed > most) {
            outcome.notices.push(self.ban(now));
        }
        outcome
    }

    fn blocked(&self, now: Duration, action: Action, topic: &str) -> Option<Outcome> {
        self.banned_for(now)?;
        Some(Outcome::refused(Notice::Blocked { action, topic: topic.to_owned() }))
    }

    fn ban(&mut self, now: Duration) -> Notice {
        self.bans.retain(|began| now.saturating_sub(*began) < BANS_COUNT_FOR);
        self.bans.push_back(now);
        let times = u32::try_from(self.bans.len()).unwrap_or(u32::MAX);
        let lasts = FIRST_BAN.saturating_mul(times).min(LONGEST_BAN);
        self.banned_until = Some(now + lasts);
        self.tally.bans += 1;
        // What led to this ban does not lead to the next one as well.
        for window in [
            &mut self.rejections,
            &mut self.logins,
            &mut self.subscribes,
            &mut self.failed_publishes,
            &mut self.failed_subscribes,
        ] {
            window.times.clear();
        }
        Notice::Banned { seconds: whole_seconds(lasts) }
    }
}

/// The moments of the last minute at which something happened.
#[derive(Clone, Debug, Default)]
struct Window {
    times: VecDeque<Duration>,
}

impl Window {
    /// Adds one; returns how many there are now.
    fn add(&mut self, now: Duration) -> u32 {
        while self.times.front().is_some_and(|time| now.saturating_sub(*time) >= WINDOW) {
            self.times.pop_front();
        }
        self.times.push_back(now);
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// How long until one more would make no more than `most`, if none is added meanwhile.
    fn falls_below(&self, now: Duration, most: u32) -> Duration {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let last_too_many = self.times.len().checked_sub(most).and_then(|index| self.times.get(index));
        // With a quota of nothing, none ever passes.
        last_too_many.map_or(WINDOW, |time| (*time + WINDOW).saturating_sub(now))
    }
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn account() -> Account {
        Account::new(Rules::adafruit(30))
    }

    /// Publishes until a ban begins; returns at which try, and for how long.
    fn publish_until_banned(account: &mut Account, now: Duration) -> (u32, u64) {
        for tried in 1..1_000 {
            let outcome = account.publish(now, "u/feeds/x");
            for notice in &outcome.notices {
                if let Notice::Banned { seconds } = notice {
                    return (tried, *seconds);
                }
            }
        }
        unreachable!("no ban after 1,000 publishes at once")
    }

    #[test]
    fn thirty_publishes_of_a_sliding_minute_pass_and_the_next_is_told_how_long_to_wait() {
        let mut account = account();
        for n in 0..30 {
            assert_eq!(account.publish(at(n * 1_000), "u/feeds/x"), Outcome::passed());
        }
        let outcome = account.publish(at(39_500), "u/feeds/x");
        assert_eq!(
            outcome,
            Outcome::refused(Notice::Throttled { seconds: 22 }),
            "the second of them is 60 s old then"
        );
        assert!(outcome.notices[0].is_throttle());
        assert_eq!(
            outcome.notices[0].text("king"),
            "king data rate limit reached, 22 seconds until throttle released"
        );
        assert!(
            account.publish(at(61_000), "u/feeds/x").passed,
            "two have left the window, one was rejected"
        );
        assert!(!account.publish(at(61_001), "u/feeds/x").passed, "the rejected one still counts");
        assert_eq!(account.tally().busiest_minute, 31);
    }

    #[test]
    fn a_minute_slides_and_a_steady_beat_just_below_the_limit_is_never_throttled() {
        let mut account = account();
        for n in 0..600 {
            assert!(account.publish(at(n * 2_000), "u/feeds/x").passed, "{n}");
        }
        assert_eq!(account.tally(), Tally { passed: 600, busiest_minute: 30, ..Tally::default() });
    }

    #[test]
    fn an_account_of_io_plus_has_sixty() {
        let mut account = Account::new(Rules::adafruit(60));
        assert_eq!((0..100).filter(|n| account.publish(at(*n), "u/feeds/x").passed).count(), 60);
    }

    #[test]
    fn who_goes_on_at_once_stays_throttled_and_who_pauses_is_let_in_again() {
        let mut account = Account::new(Rules { rejections: u32::MAX, ..Rules::adafruit(30) });
        let passed = (0..600).filter(|n| account.publish(at(n * 1_000), "u/feeds/x").passed).count();
        assert_eq!(passed, 30, "one a second is twice the rate, for ever");
        assert!(account.publish(at(660_000), "u/feeds/x").passed);
    }

    #[test]
    fn flooding_bans_and_every_ban_of_an_hour_is_longer_than_the_last() {
        let mut account = account();
        assert_eq!(publish_until_banned(&mut account, at(0)), (40, 30));
        assert_eq!(account.banned_for(at(29_999)), Some(at(1)));
        assert_eq!(account.banned_for(at(30_000)), None);
        assert_eq!(publish_until_banned(&mut account, at(100_000)).1, 60);
        assert_eq!(publish_until_banned(&mut account, at(300_000)).1, 90);
        assert_eq!(
            publish_until_banned(&mut account, at(3_601_000)).1,
            90,
            "the first one is forgotten by now"
        );
        assert_eq!(publish_until_banned(&mut account, at(20_000_000)).1, 30);
        assert_eq!(account.tally().bans, 5);
    }

    #[test]
    fn no_ban_is_longer_than_an_hour() {
        let mut account = account();
        let mut longest = 0;
        for _ in 0..300 {
            // One at once after another, as nobody can do while banned: the hour is what limits.
            account.banned_until = None;
            longest = longest.max(publish_until_banned(&mut account, at(1_000)).1);
        }
        assert_eq!(longest, 3_600);
    }

    #[test]
    fn nothing_passes_during_a_ban_and_trying_does_not_make_it_longer() {
        let mut account = account();
        publish_until_banned(&mut account, at(0));
        let publish = account.publish(at(10_000), "u/feeds/x");
        assert_eq!(publish.notices[0].text("u"), "PUBLISH u/feeds/x rejected, user is temporarily blocked");
        assert!(!publish.passed && !account.subscribe(at(10_000), "u/feeds/x").passed);
        assert!(!account.fail(at(10_000), Action::Publish, "x", "no").bans());
        let Err(refusal) = account.login(at(12_000)) else { unreachable!("it was let in") };
        assert_eq!((refusal, refusal.code()), (Refusal::Banned { left: at(18_000) }, 7));
        assert_eq!(account.login(at(30_000)), Ok(()));
    }

    #[test]
    fn more_than_twenty_logins_a_minute_are_refused_and_banned() {
        let mut account = account();
        for n in 0..20 {
            assert_eq!(account.login(at(n * 100)), Ok(()));
        }
        let Err(refusal) = account.login(at(3_000)) else { unreachable!("the 21st was let in") };
        assert_eq!((refusal, refusal.code()), (Refusal::TooOften, 6));
        assert_eq!(account.banned_for(at(3_000)), Some(FIRST_BAN));
        assert_eq!(account.tally(), Tally { logins: 20, refused: 1, bans: 1, ..Tally::default() });
        let mut account = self::account();
        assert!((0..100).all(|n| account.login(at(n * 3_000)).is_ok()), "twenty a minute are well");
    }

    #[test]
    fn more_than_ten_failed_publishes_or_subscribes_a_minute_ban() {
        for action in [Action::Publish, Action::Subscribe] {
            let mut account = account();
            for n in 0..10 {
                assert!(!account.fail(at(n), action, "x", "not a valid resource topic").bans());
            }
            let last = account.fail(at(11), action, "x", "not a valid resource topic");
            assert!(last.bans() && !last.passed);
            assert_eq!(last.notices[0].text("u"), format!("{action} x rejected, not a valid resource topic"));
        }
        let mut account = account();
        for n in 0..10 {
            account.fail(at(n), Action::Publish, "x", "no");
            assert!(!account.fail(at(n), Action::Subscribe, "x", "no").bans(), "they are counted apart");
        }
    }

    #[test]
    fn more_than_a_hundred_subscribes_a_minute_ban() {
        let mut account = account();
        assert!((0..100).all(|n| account.subscribe(at(n), "u/feeds/x").passed));
        assert!(account.subscribe(at(101), "u/feeds/x").bans());
    }

    #[test]
    fn a_bare_quota_counts_publishes_alone() {
        let mut account = Account::new(Rules::quota(5));
        assert!((0..200).all(|n| account.login(at(n)).is_ok() && account.subscribe(at(n), "x").passed));
        assert_eq!(publish_until_banned(&mut account, at(300)), (15, 30));
    }

    #[test]
    fn a_quota_of_nothing_is_survived() {
        let mut account = Account::new(Rules::quota(0));
        assert_eq!(account.publish(at(5), "x"), Outcome::refused(Notice::Throttled { seconds: 60 }));
    }
}
