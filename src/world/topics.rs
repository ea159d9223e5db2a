//! The topics of the wire contract: `ROOT/JUNCTION/LIGHT/{state,status,cmd}`.

use std::fmt::Display;

use traffic_light::Name;

use super::event::{LightId, TopicKind};

/// The topics below one root.
#[derive(Clone, Debug)]
pub struct Topics {
    root: String,
}

impl Topics {
    /// The topics below `root`.
    #[must_use]
    pub fn new(root: impl Display) -> Topics {
        Topics { root: root.to_string() }
    }

    /// The topic of one kind of one light.
    #[must_use]
    pub fn of(&self, light: &LightId, kind: TopicKind) -> String {
        format!("{}/{}/{}/{}", self.root, light.junction, light.light, last_level(kind))
    }

    /// The filter that matches every topic of every light below the root.
    #[must_use]
    pub fn all(&self) -> String {
        format!("{}/+/+/+", self.root)
    }

    /// The filter that matches whatever is said below the root, of the contract or not.
    #[must_use]
    pub fn everything(&self) -> String {
        format!("{}/#", self.root)
    }

    /// Whether `topic` is below the root, which [`Topics::everything`] listens to.
    pub(crate) fn are_below_root(&self, topic: &str) -> bool {
        topic.strip_prefix(&self.root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Which light and kind a topic is of; `None` for a topic that is not of the contract.
    #[must_use]
    pub fn parse(&self, topic: &str) -> Option<(LightId, TopicKind)> {
        let mut levels = topic.strip_prefix(&self.root)?.strip_prefix('/')?.split('/');
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
pub fn check_publishable(topic: &str) -> Result<(), &'static str> {
    if topic.is_empty() {
        Err("the topic is empty; write one, such as twinlight/demo/a/state")
    } else if topic.len() > usize::from(u16::MAX) {
        Err("the topic is longer than MQTT can carry; write a shorter one")
    } else if topic.contains(['+', '#']) {
        Err("+ and # are for listening; write one whole topic")
    } else if topic.chars().any(char::is_control) {
        Err("the topic holds a control character; write it anew")
    } else if topic.starts_with('$') {
        Err("topics that begin with $ belong to the broker; write another one")
    } else {
        Ok(())
    }
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
