//! A broker's side of one account: what a login, a publish and a subscribe come to, by Adafruit IO's rules
//! or by a bare quota on a broker that has topics like any other.

use std::{collections::BTreeMap, time::Duration};

use super::{
    account::{Account, Action, Notice, Outcome, Refusal, Rules, Tally},
    data::{Form, Value, group_told},
    topics::{self, Key, Target},
};

/// Feeds that have a last value, at most; more keep none. An account has far fewer.
const MOST_VALUES: usize = 1_000;
/// A longer value is not kept: with that, Adafruit's own limit, all together stay below 100 MB.
const MOST_KEPT_BYTES: usize = 100 * 1_000;

/// Why a group takes nothing for such a feed.
const NO_KEY: &str = "the payload names a feed by what is no key";

/// What an account may do, and what it did.
#[derive(Clone, Debug)]
pub struct Emulator {
    /// The first level of the topics for notices; with feeds, the account's name.
    user: String,
    /// Whether there are feeds and nothing else; otherwise any topic is as good.
    feeds: bool,
    account: Account,
    /// The last value of each feed.
    last: BTreeMap<String, Value>,
}

/// What a publish comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Whether it is passed on to who subscribed to its topic.
    pub passed: bool,
    /// What is passed on, where that is something else than what was sent.
    pub instead: Option<Vec<u8>>,
    /// Other topics that are told of it, each in its own form.
    pub also_on: Vec<(String, Vec<u8>)>,
    /// What is sent to this client alone: topic and value.
    pub answer: Option<(String, Vec<u8>)>,
    /// What the broker has to say of it: topic and text.
    pub notices: Vec<(String, String)>,
    /// A ban begins: every connection of the account is cut.
    pub bans: bool,
}

/// What a subscribe comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscribed {
    /// Whether the filter is taken.
    pub passed: bool,
    /// What the broker has to say of it: topic and text.
    pub notices: Vec<(String, String)>,
    /// A ban begins: every connection of the account is cut.
    pub bans: bool,
}

impl Emulator {
    /// Adafruit IO for the account `user`.
    #[must_use]
    pub fn adafruit(user: &str, rules: Rules) -> Emulator {
        Emulator { user: user.to_owned(), feeds: true, account: Account::new(rules), last: BTreeMap::new() }
    }

    /// A broker like any other that counts; its notices come on `root/throttle` and `root/errors`.
    #[must_use]
    pub fn counting(root: &str, rules: Rules) -> Emulator {
        Emulator { feeds: false, ..Emulator::adafruit(root, rules) }
    }

    /// What was done.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.account.tally()
    }

    /// What may be done.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.account.rules()
    }

    /// Other rules from now on.
    pub fn set_rules(&mut self, rules: Rules) {
        self.account.set_rules(rules);
    }

    /// For how much longer the account is banned, if it is.
    #[must_use]
    pub fn banned_for(&self, now: Duration) -> Option<Duration> {
        self.account.banned_for(now)
    }

    /// Somebody logs in; see [`Account::login`].
    ///
    /// # Errors
    /// Why the login is refused.
    pub fn login(&mut self, now: Duration) -> Result<(), Refusal> {
        self.account.login(now)
    }

    /// Somebody publishes. Retain flags count for nothing, which is the caller's to see to.
    pub fn publish(&mut self, now: Duration, topic: &str, payload: &[u8]) -> Published {
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
        let values = match target {
            Target::Value(key, form) if key.group => Value::of_group(form, payload).and_then(|values| {
                let feeds = values.into_iter().map(|(feed, value)| Some((key.feed(&feed)?, value)));
                feeds.collect::<Option<Vec<_>>>().ok_or(NO_KEY)
            }),
            Target::Value(key, form) => Ok(vec![(key.key.to_owned(), Value::of_feed(form, payload))]),
            Target::Get(..) => Ok(Vec::new()),
        };
        let values = match values {
            Ok(values) => values,
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
            Target::Get(key, form) => {
                published.passed = false;
                let own = topic.strip_suffix("/get").unwrap_or(topic).to_owned();
                published.answer = self.last_of(key, form).map(|value| (own, value));
            }
            Target::Value(key, _) => self.tell(topic, key, values, &mut published),
        }
        published
    }

    /// Keeps new values, and tells of them on all topics of their feeds and of the group, in all forms.
    fn tell(&mut self, topic: &str, key: Key<'_>, values: Vec<(String, Value)>, published: &mut Published) {
        let mut told = Vec::new();
        for form in Form::ALL {
            for (feed, value) in &values {
                let feed = Key { group: false, key: feed };
                told.extend(feed.topics(&self.user, form).map(|topic| (topic, value.told(form))));
            }
            let group = if key.group { key } else { key.in_group().0 };
            let feeds =
                values.iter().map(|(feed, value)| (Key { group: false, key: feed }.in_group().1, value));
            let of_group = group_told(form, feeds);
            told.extend(group.topics(&self.user, form).map(|topic| (topic, of_group.clone())));
        }
        if let Some(own) = told.iter().position(|(told, _)| told == topic) {
            published.instead = Some(told.remove(own).1);
        }
        published.also_on = told;
        for (feed, value) in values {
            let room = self.last.len() < MOST_VALUES || self.last.contains_key(&feed);
            if room && value.bytes.len() <= MOST_KEPT_BYTES {
                self.last.insert(feed, value);
            }
        }
    }

    /// The last value of a feed; of a group the last ones of all of its feeds.
    fn last_of(&self, key: Key<'_>, form: Form) -> Option<Vec<u8>> {
        if !key.group {
            return self.last.get(key.key).map(|value| value.told(form));
        }
        let feeds = self.last.iter().filter_map(|(feed, value)| {
            let (group, feed) = Key { group: false, key: feed }.in_group();
            (group.key == key.key).then_some((feed, value))
        });
        let feeds: Vec<_> = feeds.collect();
        if feeds.is_empty() { None } else { Some(group_told(form, feeds.into_iter())) }
    }

    /// Somebody subscribes.
    pub fn subscribe(&mut self, now: Duration, filter: &str) -> Subscribed {
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
        let told = |topic: &str, payload: &str| (format!("king/{topic}"), payload.as_bytes().to_vec());
        let group = r#"{"feeds":{"demo-a":"red"}}"#;
        assert_eq!(
            published,
            Published {
                passed: true,
                instead: Some(b"red".to_vec()),
                also_on: vec![
                    told("f/demo-a", "red"),
                    told("groups/default", group),
                    told("g/default", group),
                    told("feeds/demo-a/json", r#"{"value":"red"}"#),
                    told("f/demo-a/json", r#"{"value":"red"}"#),
                    told("groups/default/json", group),
                    told("g/default/json", group),
                    told("feeds/demo-a/csv", "red"),
                    told("f/demo-a/csv", "red"),
                    told("groups/default/csv", "demo-a,red"),
                    told("g/default/csv", "demo-a,red"),
                ],
                ..Published::default()
            }
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
        assert!(!rejected.passed && rejected.also_on.is_empty());
        let later = NOW + Duration::from_secs(120);
        assert_eq!(emulator.publish(later, "king/f/a/get", b"").answer.unwrap().1, b"red");
    }

    #[test]
    fn a_groups_values_reach_its_feeds_and_a_groups_last_values_are_those_of_all_its_feeds() {
        let mut emulator = Emulator::adafruit("king", Rules::adafruit(30));
        let sent = br#"{"feeds":{"a":"red","b":"green"}}"#;
        let published = emulator.publish(NOW, "king/groups/lab/json", sent);
        assert_eq!(published.instead.as_deref(), Some(&sent[..]));
        for (feed, value) in [("king/feeds/lab.a", "red"), ("king/f/lab.b", "green")] {
            assert!(
                published.also_on.contains(&(feed.to_owned(), value.as_bytes().to_vec())),
                "{published:?}"
            );
        }
        emulator.publish(NOW, "king/f/lab.a/csv", b"amber,1.5,2.5");
        let asked = emulator.publish(NOW, "king/g/lab/csv/get", b"\0").answer.unwrap();
        assert_eq!(String::from_utf8(asked.1).unwrap(), "a,amber\nb,green\nlocation,1.5,2.5");
        let rejected = emulator.publish(NOW, "king/groups/lab", b"red");
        assert!(!rejected.passed && rejected.notices[0].1.ends_with("names no feeds of the group"));
        let rejected = emulator.publish(NOW, "king/groups/lab", br#"{"feeds":{"A b":1}}"#);
        assert!(!rejected.passed && rejected.notices[0].1.ends_with("no key"));
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
