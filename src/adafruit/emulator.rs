//! A broker's side of one account: what a login, a publish and a subscribe come to, by Adafruit IO's rules
//! or by a bare quota on a broker that has topics like any other.

use std::{collections::BTreeMap, time::Duration};

use super::{
    account::{Account, Action, Notice, Outcome, Refusal, Rules, Tally},
    topics::{self, Target},
};

/// Feeds and groups that have a last value, at most; more keep none. An account has far fewer.
const MOST_VALUES: usize = 10_000;

/// What an account may do, and what it did.
#[derive(Clone, Debug)]
pub(crate) struct Emulator {
    /// The first level of the topics for notices; with feeds, the account's name.
    user: String,
    /// Whether there are feeds and nothing else; otherwise any topic is as good.
    feeds: bool,
    account: Account,
    /// The last value of each feed and group.
    last: BTreeMap<(bool, String), Vec<u8>>,
}

/// What a publish comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Published {
    /// Whether it is passed on to who subscribed to its topic.
    pub passed: bool,
    /// Another topic that the value goes to as well.
    pub(crate) also_on: Option<String>,
    /// What is sent to this client alone: topic and value.
    pub(crate) answer: Option<(String, Vec<u8>)>,
    /// What the broker has to say of it: topic and text.
    pub(crate) notices: Vec<(String, String)>,
    /// A ban begins: every connection of the account is cut.
    pub(crate) bans: bool,
}

/// What a subscribe comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscribed {
    /// Whether the filter is taken.
    pub(crate) passed: bool,
    /// What the broker has to say of it: topic and text.
    pub(crate) notices: Vec<(String, String)>,
    /// A ban begins: every connection of the account is cut.
    pub(crate) bans: bool,
}

impl Emulator {
    /// Adafruit IO for the account `user`.
    #[must_use]
    pub(crate) fn adafruit(user: &str, rules: Rules) -> Emulator {
        Emulator { user: user.to_owned(), feeds: true, account: Account::new(rules), last: BTreeMap::new() }
    }

    /// A broker like any other that counts; its notices come on `root/throttle` and `root/errors`.
    #[must_use]
    pub(crate) fn counting(root: &str, rules: Rules) -> Emulator {
        Emulator { feeds: false, ..Emulator::adafruit(root, rules) }
    }

    /// What was done.
    #[must_use]
    pub(crate) fn tally(&self) -> Tally {
        self.account.tally()
    }

    /// What may be done.
    #[must_use]
    pub(crate) fn rules(&self) -> Rules {
        self.account.rules()
    }

    /// Other rules from now on.
    pub(crate) fn set_rules(&mut self, rules: Rules) {
        self.account.set_rules(rules);
    }

    /// For how much longer the account is banned, if it is.
    #[must_use]
    pub(crate) fn banned_for(&self, now: Duration) -> Option<Duration> {
        self.account.banned_for(now)
    }

    /// Somebody logs in; see [`Account::login`].
    ///
    /// # Errors
    /// Why the login is refused.
    pub(crate) fn login(&mut self, now: Duration) -> Result<(), Refusal> {
        self.account.login(now)
    }

    /// Somebody publishes. Retain flags count for nothing, which is the caller's to see to.
    pub(crate) fn publish(&mut self, now: Duration, topic: &str, payload: &[u8]) -> Published {
        if !self.feeds {
            let outcome = self.account.publish(now, topic);
            return self.published(outcome);
        }
        let target = match topics::publish(&self.user, topic) {
            Ok(target) => target,
            Err(reason) => {
                let outcome = self.account.fail(now, Action::Publish, topic, reason);
                return self.published(outcome);
            }
        };
        let outcome = self.account.publish(now, topic);
        let passed = outcome.passed;
        let mut published = self.published(outcome);
        if !passed {
            return published;
        }
        match target {
            Target::Get(key) => {
                published.passed = false;
                let own = topic.strip_suffix("/get").unwrap_or(topic).to_owned();
                published.answer =
                    self.last.get(&(key.group, key.key.to_owned())).map(|value| (own, value.clone()));
            }
            Target::Value(key) => {
                published.also_on = key.topics(&self.user).into_iter().find(|other| other != topic);
                let place = (key.group, key.key.to_owned());
                if self.last.len() < MOST_VALUES || self.last.contains_key(&place) {
                    self.last.insert(place, payload.to_vec());
                }
            }
        }
        published
    }

    /// Somebody subscribes.
    pub(crate) fn subscribe(&mut self, now: Duration, filter: &str) -> Subscribed {
        let outcome = match topics::subscribe(&self.user, filter) {
            Err(reason) if self.feeds => self.account.fail(now, Action::Subscribe, filter, reason),
            _ => self.account.subscribe(now, filter),
        };
        Subscribed { passed: outcome.passed, bans: outcome.bans(), notices: self.texts(outcome.notices) }
    }

    fn published(&self, outcome: Outcome) -> Published {
        Published {
            passed: outcome.passed,
            bans: outcome.bans(),
            notices: self.texts(outcome.notices),
            ..Published::default()
        }
    }

    fn texts(&self, notices: Vec<Notice>) -> Vec<(String, String)> {
        notices
            .into_iter()
            .map(|notice| (topics::notices(&self.user, notice.is_throttle()), notice.text(&self.user)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn a_value_passes_in_both_forms_of_its_topic_and_is_kept_for_who_asks() {
        let mut emulator = Emulator::adafruit("king", Rules::adafruit(30));
        assert_eq!(emulator.publish(NOW, "king/f/demo-a/get", b"\0").answer, None, "there is none yet");
        let published = emulator.publish(NOW, "king/feeds/demo-a", b"red");
        assert_eq!(
            published,
            Published { passed: true, also_on: Some("king/f/demo-a".to_owned()), ..Published::default() }
        );
        emulator.publish(NOW, "king/feeds/demo-a", b"green");
        let asked = emulator.publish(NOW, "king/f/demo-a/get", b"");
        assert_eq!(asked.answer, Some(("king/f/demo-a".to_owned(), b"green".to_vec())));
        assert!(!asked.passed, "nobody else hears of it");
        assert_eq!(emulator.tally().passed, 4, "asking counts as publishing does");
    }

    #[test]
    fn topics_of_other_brokers_are_rejected_and_ban_in_the_end() {
        let mut emulator = Emulator::adafruit("king", Rules::adafruit(30));
        let rejected = emulator.publish(NOW, "twinlight/demo/a/state", b"red");
        assert_eq!(
            rejected.notices,
            [(
                "king/errors".to_owned(),
                "PUBLISH twinlight/demo/a/state rejected, only shared feeds may be published to".to_owned()
            )]
        );
        for _ in 0..10 {
            let rejected = emulator.subscribe(NOW, "#");
            assert!(!rejected.passed && !rejected.bans, "publishes and subscribes are counted apart");
        }
        assert!(emulator.subscribe(NOW, "#").bans);
        assert!(emulator.banned_for(NOW).is_some() && emulator.login(NOW).is_err());
    }

    #[test]
    fn a_rejected_value_is_not_kept() {
        let mut emulator = Emulator::adafruit("king", Rules::adafruit(1));
        emulator.publish(NOW, "king/f/a", b"red");
        let rejected = emulator.publish(NOW, "king/f/a", b"green");
        assert_eq!(rejected.notices.first().map(|(topic, _)| topic.as_str()), Some("king/throttle"));
        assert!(!rejected.passed && rejected.also_on.is_none());
        let later = NOW + Duration::from_secs(120);
        assert_eq!(emulator.publish(later, "king/f/a/get", b"").answer.unwrap().1, b"red");
    }

    #[test]
    fn a_counting_broker_takes_any_topic_until_the_quota_is_used_up() {
        let mut emulator = Emulator::counting("twinlight", Rules::quota(2));
        for _ in 0..2 {
            assert!(emulator.publish(NOW, "twinlight/demo/a/state", b"red").passed);
        }
        let throttled = emulator.publish(NOW, "twinlight/demo/a/state", b"red");
        assert_eq!(throttled.notices.first().map(|(topic, _)| topic.as_str()), Some("twinlight/throttle"));
        assert!(emulator.subscribe(NOW, "#").passed);
        assert!((0..9).any(|_| emulator.publish(NOW, "x", b"").bans));
    }
}
