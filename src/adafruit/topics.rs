//! Which topics an account has: feeds and groups, in their long and short forms, and its two topics for
//! notices.

/// The most characters of a feed's key, of the group before the dot apart.
const MAX_KEY_BYTES: usize = 128;
/// Why a topic cannot be, in Adafruit's own words.
const NO_TOPIC: &str = "not a valid resource topic";
const NOT_OURS: &str = "only shared feeds may be published to";
const NOT_FOR_US: &str = "resource not available or not authorized";

/// What a topic leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// The value of a feed or group.
    Value(Key<'a>),
    /// A request for the last value.
    Get(Key<'a>),
}

/// A feed or a group, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    /// Whether it is a group; else it is a feed.
    pub(super) group: bool,
    /// Its key, such as `demo-a` or, of a feed in a group, `lab.demo-a`.
    pub(super) key: &'a str,
}

impl Key<'_> {
    /// All topics on which the account `user` is told of its values.
    #[must_use]
    pub(super) fn topics(&self, user: &str) -> [String; 2] {
        let (long, short) = if self.group { ("groups", "g") } else { ("feeds", "f") };
        [long, short].map(|kind| format!("{user}/{kind}/{}", self.key))
    }
}

/// What a client of the account `user` reaches when it publishes to `topic`.
///
/// # Errors
/// Why it reaches nothing.
pub(crate) fn publish<'a>(user: &str, topic: &'a str) -> Result<Target<'a>, &'static str> {
    let Some(rest) = own(user, topic) else {
        return Err(if is_feed_of_another(topic) { NOT_FOR_US } else { NOT_OURS });
    };
    let (kind, rest) = rest.split_once('/').ok_or(NO_TOPIC)?;
    let group = is_group(kind).ok_or(NO_TOPIC)?;
    let (key, get) = match rest.strip_suffix("/get") {
        Some(key) => (key, true),
        None => (rest, false),
    };
    let key = Key { group, key: Some(key).filter(|key| is_key(key)).ok_or(NO_TOPIC)? };
    Ok(if get { Target::Get(key) } else { Target::Value(key) })
}

/// Whether a client of the account `user` may subscribe to `filter`.
///
/// # Errors
/// Why not.
pub(super) fn subscribe(user: &str, filter: &str) -> Result<(), &'static str> {
    let Some(rest) = own(user, filter) else {
        return Err(if is_feed_of_another(filter) { NOT_FOR_US } else { NO_TOPIC });
    };
    match rest.split_once('/') {
        None if matches!(rest, "throttle" | "errors") => Ok(()),
        Some((kind, key)) if is_group(kind).is_some() && (matches!(key, "+" | "#") || is_key(key)) => Ok(()),
        _ => Err(NO_TOPIC),
    }
}

/// The topic for a notice.
#[must_use]
pub(super) fn notices(user: &str, throttle: bool) -> String {
    format!("{user}/{}", if throttle { "throttle" } else { "errors" })
}

fn own<'a>(user: &str, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix(user)?.strip_prefix('/')
}

fn is_group(kind: &str) -> Option<bool> {
    match kind {
        "feeds" | "f" => Some(false),
        "groups" | "g" => Some(true),
        _ => None,
    }
}

fn is_feed_of_another(topic: &str) -> bool {
    matches!(topic.split('/').nth(1), Some("feeds" | "f"))
}

/// Lower-case letters, digits and dashes, with at most one dot between group and feed.
fn is_key(key: &str) -> bool {
    let parts = key.split('.').collect::<Vec<_>>();
    parts.len() <= 2
        && parts.iter().all(|part| {
            (1..=MAX_KEY_BYTES).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_and_groups_are_reached_in_both_forms_and_asked_for_their_last_value() {
        let feed = |key| Key { group: false, key };
        for topic in ["king/feeds/demo-a", "king/f/demo-a"] {
            assert_eq!(publish("king", topic), Ok(Target::Value(feed("demo-a"))));
        }
        assert_eq!(publish("king", "king/feeds/lab.demo-a/get"), Ok(Target::Get(feed("lab.demo-a"))));
        assert_eq!(publish("king", "king/g/lab"), Ok(Target::Value(Key { group: true, key: "lab" })));
        assert_eq!(feed("x").topics("king"), ["king/feeds/x", "king/f/x"]);
    }

    #[test]
    fn anything_else_is_rejected_for_the_reason_that_adafruit_gives() {
        for (topic, reason) in [
            ("twinlight/demo/a/state", NOT_OURS),
            ("", NOT_OURS),
            ("kingdom/feeds/a", NOT_FOR_US),
            ("king", NOT_OURS),
            ("king/feeds", NO_TOPIC),
            ("king/feeds/", NO_TOPIC),
            ("king/feeds/Demo", NO_TOPIC),
            ("king/feeds/a/b", NO_TOPIC),
            ("king/feeds/a.b.c", NO_TOPIC),
            ("king/throttle", NO_TOPIC),
            ("king/status/a", NO_TOPIC),
        ] {
            assert_eq!(publish("king", topic), Err(reason), "{topic}");
        }
    }

    #[test]
    fn one_may_subscribe_to_what_is_ones_own_and_nothing_else() {
        for filter in
            ["king/feeds/a", "king/f/+", "king/feeds/#", "king/groups/lab", "king/throttle", "king/errors"]
        {
            assert_eq!(subscribe("king", filter), Ok(()), "{filter}");
        }
        for (filter, reason) in [
            ("#", NO_TOPIC),
            ("$SYS/#", NO_TOPIC),
            ("king/#", NO_TOPIC),
            ("king/+/a", NO_TOPIC),
            ("king/feeds/a/get", NO_TOPIC),
            ("queen/feeds/a", NOT_FOR_US),
            ("queen/throttle", NO_TOPIC),
        ] {
            assert_eq!(subscribe("king", filter), Err(reason), "{filter}");
        }
    }
}
