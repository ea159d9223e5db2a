//! The topics of the wire contract: `ROOT/JUNCTION/LIGHT/{state,status,cmd}`, or on Adafruit IO the feeds
//! `USER/feeds/JUNCTION-LIGHT`.

use std::{collections::HashMap, fmt::Display, sync::Arc};

use traffic_light::{Name, feeds, mqtt::codec::matches};

use super::event::TopicKind;
use crate::model::{Diagnostic, LightId};

/// The topics below one root, or the feeds of one account.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    /// With feeds, the account's name.
    root: String,
    /// Whose feed is whose, by the last level of its topic: that cannot be told from the feed's name.
    feeds: Option<Arc<HashMap<String, LightId>>>,
}

impl Topics {
    /// The topics below `root`.
    #[must_use]
    pub(crate) fn new(root: impl Display) -> Topics {
        Topics { root: root.to_string(), feeds: None }
    }

    /// The feeds of the account `user` for `lights`.
    #[must_use]
    pub(crate) fn on_feeds(user: &str, lights: impl Iterator<Item = LightId>) -> Topics {
        let feeds = lights.map(|id| (feeds::state_feed(&id.junction, &id.light).to_string(), id));
        Topics { root: user.to_owned(), feeds: Some(Arc::new(feeds.collect())) }
    }

    /// The topic of one kind of one light. On feeds there is the state alone.
    #[must_use]
    pub(crate) fn of(&self, light: &LightId, kind: TopicKind) -> String {
        if self.feeds.is_some() {
            return format!("{}/feeds/{}", self.root, feeds::state_feed(&light.junction, &light.light));
        }
        format!("{}/{}/{}/{}", self.root, light.junction, light.light, last_level(kind))
    }

    /// The filters that match every topic of every light below the root; on feeds, all of the account's, and
    /// its notices.
    #[must_use]
    pub(super) fn all(&self) -> Vec<String> {
        match self.feeds {
            Some(_) => {
                ["feeds/+", "f/+", "throttle", "errors"].map(|last| format!("{}/{last}", self.root)).to_vec()
            }
            None => vec![format!("{}/+/+/+", self.root)],
        }
    }

    /// The filters that match whatever is said below the root, of the contract or not. With `feeds/#`, feeds
    /// would come in three forms each.
    #[must_use]
    pub(super) fn everything(&self) -> Vec<String> {
        if self.feeds.is_some() { self.all() } else { vec![format!("{}/#", self.root)] }
    }

    /// The filters for everything, or for what lights say, and for `others` that those do not match.
    pub(super) fn with_others(&self, everything: bool, others: Vec<String>) -> Vec<String> {
        let mut filters = if everything { self.everything() } else { self.all() };
        for other in others {
            // A broker may send twice what two filters match.
            if !filters.iter().any(|filter| matches(filter, &other)) {
                filters.push(other);
            }
        }
        filters
    }

    /// Whether `topic` is below the root, which [`Topics::everything`] listens to.
    pub(crate) fn are_below_root(&self, topic: &str) -> bool {
        topic.strip_prefix(&self.root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Which light and kind a topic is of; `None` for a topic that is not of the contract.
    #[must_use]
    pub(crate) fn parse(&self, topic: &str) -> Option<(LightId, TopicKind)> {
        let below = topic.strip_prefix(&self.root)?.strip_prefix('/')?;
        if let Some(feeds) = &self.feeds {
            let light = feeds.get(below.strip_prefix("feeds/").or_else(|| below.strip_prefix("f/"))?)?;
            return Some((light.clone(), TopicKind::State));
        }
        let mut levels = below.split('/');
        let junction = Name::new(levels.next()?).ok()?;
        let light = Name::new(levels.next()?).ok()?;
        let level = levels.next()?;
        let kind = [TopicKind::State, TopicKind::Status, TopicKind::Command]
            .into_iter()
            .find(|kind| last_level(*kind) == level)?;
        levels.next().is_none().then(|| (LightId::new(junction, light), kind))
    }
}

/// Sees that a message can be published on `topic` (MQTT 3.1.1, section 4.7).
///
/// # Errors
/// What is wrong with it, and what to do.
pub(crate) fn check_publishable(topic: &str) -> Result<(), Diagnostic> {
    let (message, help) = if topic.is_empty() {
        ("the topic is empty", "write one, such as twinlight/demo/a/state")
    } else if topic.len() > usize::from(u16::MAX) {
        ("the topic is longer than MQTT allows", "write a shorter one")
    } else if topic.contains(['+', '#']) {
        ("+ and # are allowed only in subscriptions", "write one whole topic")
    } else if topic.chars().any(char::is_control) {
        ("the topic holds a control character", "type it again")
    } else if topic.starts_with('$') {
        ("topics that begin with $ belong to the broker", "choose another one")
    } else {
        return Ok(());
    };
    Err(Diagnostic::new(message, help))
}

fn last_level(kind: TopicKind) -> &'static str {
    match kind {
        TopicKind::State => "state",
        TopicKind::Status => "status",
        TopicKind::Command => "cmd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_read_back_to_the_light_that_it_is_of() {
        let id = |junction: &str, light: &str| {
            LightId::new(Name::new(junction).unwrap(), Name::new(light).unwrap())
        };
        let topics = Topics::on_feeds("king", [id("a-b", "c"), id("demo", "a")].into_iter());
        assert_eq!(topics.of(&id("a-b", "c"), TopicKind::State), "king/feeds/a-b-c");
        assert_eq!(topics.parse("king/feeds/a-b-c"), Some((id("a-b", "c"), TopicKind::State)));
        for other in
            ["king/feeds/demo-b", "king/feeds/demo-a-call", "king/throttle", "king/g/demo-a", "kings"]
        {
            assert_eq!(topics.parse(other), None, "{other}");
        }
        assert_eq!(topics.parse("king/f/demo-a"), Some((id("demo", "a"), TopicKind::State)));
        assert_eq!(topics.everything(), ["king/feeds/+", "king/f/+", "king/throttle", "king/errors"]);
    }

    #[test]
    fn a_topic_is_read_back_and_anything_else_is_not_a_lights() {
        let topics = Topics::new("lab/twinlight");
        let light = LightId::new(Name::new("demo").unwrap(), Name::new("a").unwrap());
        for kind in [TopicKind::State, TopicKind::Status, TopicKind::Command] {
            assert_eq!(topics.parse(&topics.of(&light, kind)), Some((light.clone(), kind)));
        }
        for other in [
            "lab/twinlight/demo/a",
            "lab/twinlight/demo/a/state/x",
            "lab/twinlight/Demo/a/state",
            "lab/twinlightdemo/a/state",
            "twinlight/demo/a/state",
            "lab/twinlight/demo//state",
            "",
        ] {
            assert_eq!(topics.parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_message_goes_to_one_whole_topic_that_is_not_the_brokers() {
        for good in ["a", "twinlight/demo/a/state", "å/ä ö", "/", "a$"] {
            assert_eq!(check_publishable(good), Ok(()), "{good}");
        }
        for bad in ["", "a/+", "#", "$SYS/x", "a\0b", &"x".repeat(65_536)] {
            assert!(check_publishable(bad).is_err(), "{bad}");
        }
    }
}
