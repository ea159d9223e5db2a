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
}
