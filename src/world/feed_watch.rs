//! What the observer does on feeds beside listening: it asks for last values, it judges presence by silence,
//! and it reads the account's notices.
//!
//! Adafruit IO marks no value as old, but it answers in the form in which it is asked: so the observer asks
//! in the short form (`USER/f/KEY/get`), listens for what is fresh in the long one (`USER/feeds/KEY`), and takes
//! the short one for answers alone.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use traffic_light::feeds;

use super::{
    budget::{Budget, SharedBudget},
    event::Severity,
};
use crate::{adafruit, config::Junction, model::LightId};

/// A feed's answer comes within this, or not at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Follows the feeds of one account. Time is passed in, as the time since the world's start.
#[derive(Debug)]
pub(super) struct FeedWatch {
    user: String,
    pub(super) budget: SharedBudget,
    /// After how long of silence a light is not there.
    lost_after: HashMap<LightId, Duration>,
    /// Lights of this program: what they publish is counted where it is sent.
    own: HashSet<LightId>,
    heard_at: HashMap<LightId, Duration>,
    /// Feeds whose last value was asked for, and when.
    asked: HashMap<LightId, Duration>,
}

impl FeedWatch {
    pub(super) fn new(user: &str, budget: SharedBudget, junctions: &[Junction]) -> FeedWatch {
        let lights =
            || junctions.iter().flat_map(|junction| junction.light_ids().map(move |id| (junction, id)));
        // Foreign lights have feeds of their own, and are followed there.
        let followed = || lights().filter(|(junction, id)| junction.foreign(&id.light).is_none());
        FeedWatch {
            user: user.to_owned(),
            budget,
            lost_after: followed()
                .map(|(junction, id)| (id, Duration::from_millis(u64::from(junction.timing().lost_after_ms))))
                .collect(),
            own: lights().filter(|(junction, id)| junction.runs(&id.light)).map(|(_, id)| id).collect(),
            heard_at: HashMap::new(),
            asked: HashMap::new(),
        }
    }

    /// There is a session: the topics to publish to, so that the last values of lights that run elsewhere
    /// come. What this program's own lights said last is known.
    pub(super) fn asks(&mut self, now: Duration) -> Vec<String> {
        let mut elsewhere: Vec<_> =
            self.lost_after.keys().filter(|id| !self.own.contains(*id)).cloned().collect();
        elsewhere.sort();
        elsewhere.retain(|_| self.budget.with(Budget::publish));
        self.asked.extend(elsewhere.iter().map(|id| (id.clone(), now)));
        let feed = |id: &LightId| feeds::state_feed(&id.junction, &id.light);
        elsewhere.iter().map(|id| format!("{}/f/{}/get", self.user, feed(id))).collect()
    }

    /// Whether a message in this form of its topic is an answer; `None` for one in the short form that
    /// nobody asked for: it has come in the long one too.
    pub(super) fn is_answer(&mut self, topic: &str, light: Option<&LightId>, now: Duration) -> Option<bool> {
        let below = topic.strip_prefix(&self.user).unwrap_or(topic);
        if !below.starts_with("/f/") {
            return Some(false);
        }
        let asked = self.asked.remove(light?)?;
        (now.saturating_sub(asked) < ANSWER_WITHIN).then_some(true)
    }

    /// A fresh word of `light`. Returns whether it was not there before.
    pub(super) fn heard(&mut self, light: &LightId, now: Duration) -> bool {
        self.heard_at.insert(light.clone(), now).is_none()
    }

    /// The lights that have been silent for too long, each once.
    pub(super) fn gone(&mut self, now: Duration) -> Vec<LightId> {
        let lost_after = &self.lost_after;
        let silent = |light: &LightId, at: &Duration| {
            lost_after.get(light).is_some_and(|lost_after| now.saturating_sub(*at) >= *lost_after)
        };
        let gone: Vec<_> = self
            .heard_at
            .iter()
            .filter(|(light, at)| silent(light, at))
            .map(|(light, _)| light.clone())
            .collect();
        for light in &gone {
            self.heard_at.remove(light);
        }
        gone
    }

    /// A message of the account's that is none of its lights run here: it eats from the same budget.
    pub(super) fn count_other(&self, light: Option<&LightId>) -> Option<(Severity, String)> {
        if light.is_some_and(|light| self.own.contains(light)) {
            return None;
        }
        let blame = self.budget.with(Budget::heard_other)?;
        Some((Severity::Warning, format!("other users of the account eat its budget: {blame}")))
    }

    /// What a message of the account's own topics means; `None` where it is none of them.
    pub(super) fn notice(&self, topic: &str, payload: &[u8]) -> Option<(Severity, String)> {
        let kind = topic.strip_prefix(&self.user)?.strip_prefix('/')?;
        let text = String::from_utf8_lossy(payload);
        let text = text.trim();
        match kind {
            "throttle" => Some(match adafruit::throttle_in(text) {
                Some(lasts) => {
                    let blame = self.budget.with(|budget, now| budget.throttled(now, lasts));
                    let text = format!(
                        "the broker rejects what this account publishes for {} s: {blame}",
                        lasts.as_secs()
                    );
                    (Severity::Warning, text)
                }
                None => (Severity::Warning, format!("the broker warns this account: {text}")),
            }),
            "errors" => Some(match adafruit::ban_in(text) {
                Some(lasts) => {
                    self.budget.with(|budget, now| budget.banned(now, lasts));
                    let text = format!(
                        "the broker has banned this account for {} s: every connection ends, and no light logs in \
                         before that is over",
                        lasts.as_secs()
                    );
                    (Severity::Error, text)
                }
                None => (Severity::Warning, format!("the broker tells this account of an error: {text}")),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use traffic_light::Name;

    use super::*;
    use crate::config::Config;

    fn watch() -> FeedWatch {
        let text = "[broker]\nemulate = \"adafruit\"\nuser = \"king\"\npassword = \"arthur\"\n\
                    [[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\nrun = [\"a\"]\n";
        let config = Config::from_toml(text, "F", &|_| None).unwrap();
        let budget = SharedBudget::new(Budget::new(30, 15, true));
        FeedWatch::new("king", budget, &config.junctions)
    }

    fn light(name: &str) -> LightId {
        LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
    }

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn the_last_value_is_asked_for_of_lights_elsewhere_and_only_the_answer_comes_in_the_short_form() {
        let (mut watch, b) = (watch(), light("b"));
        assert_eq!(watch.asks(at(1)), ["king/f/demo-b/get"]);
        assert_eq!(watch.is_answer("king/feeds/demo-b", Some(&b), at(2)), Some(false), "it is fresh");
        assert_eq!(watch.is_answer("king/f/demo-b", Some(&b), at(2)), Some(true));
        assert_eq!(watch.is_answer("king/f/demo-b", Some(&b), at(3)), None, "a fresh one, again");
        assert_eq!(watch.is_answer("king/f/demo-a", Some(&light("a")), at(3)), None);
        assert_eq!(watch.is_answer("king/f/other", None, at(3)), None);
        watch.asks(at(20));
        assert_eq!(watch.is_answer("king/f/demo-b", Some(&b), at(31)), None, "no answer takes that long");
    }

    #[test]
    fn who_is_silent_for_too_long_is_gone_once_and_back_when_heard() {
        let (mut watch, b) = (watch(), light("b"));
        assert!(watch.heard(&b, at(0)) && !watch.heard(&b, at(8)));
        assert_eq!(watch.gone(at(32)), []);
        assert_eq!(watch.gone(at(33)), std::slice::from_ref(&b));
        assert_eq!(watch.gone(at(34)), []);
        assert!(watch.heard(&b, at(40)));
    }

    #[test]
    fn notices_are_told_for_what_they_mean_and_honoured() {
        let watch = watch();
        let told = |topic: &str, text: &str| watch.notice(topic, text.as_bytes()).map(|(_, text)| text);
        let throttled =
            told("king/throttle", "king data rate limit reached, 21 seconds until throttle released");
        assert!(
            throttled
                .unwrap()
                .starts_with("the broker rejects what this account publishes for 21 s: in the last")
        );
        assert!(!watch.budget.with(Budget::publish));
        let banned = told("king/errors", "enforcement limit reached, your account is banned for 60 seconds");
        assert!(banned.unwrap().starts_with("the broker has banned this account for 60 s"));
        let wait = watch.budget.with(Budget::login).unwrap_err();
        assert!(wait > at(55), "{wait:?}");
        let other = told("king/errors", "PUBLISH x rejected, not a valid resource topic").unwrap();
        assert!(other.ends_with("error: PUBLISH x rejected, not a valid resource topic"));
        assert_eq!(told("king/feeds/demo-b", "red"), None);
        assert_eq!(told("queen/errors", "x"), None);
    }

    #[test]
    fn what_others_publish_is_counted_and_a_person_is_told_when_it_eats_the_lights_share() {
        let watch = watch();
        assert_eq!(watch.count_other(Some(&light("a"))), None);
        let told: Vec<_> = (0..20).filter_map(|_| watch.count_other(None)).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].1.starts_with("other users of the account eat its budget"), "{told:?}");
    }
}
