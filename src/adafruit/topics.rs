//! Which topics an account has: feeds and groups, in their long and short forms, and its two topics for
//! notices.

use super::data::Form;

/// The most characters of a feed's key, of the group before the dot apart.
const MAX_KEY_BYTES: usize = 128;
/// The group of a feed that was put into none.
const DEFAULT_GROUP: &str = "default";
/// Why a topic cannot be, in Adafruit's own words.
const NO_TOPIC: &str = "not a valid resource topic";
const NOT_OURS: &str = "only shared feeds may be published to";
const NOT_FOR_US: &str = "resource not available or not authorized";

/// What a topic leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The value of a feed, or values of a group.
    Value(Key<'a>, Form),
    /// A request for the last value, in this form.
    Get(Key<'a>, Form),
}

/// A feed or a group, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Whether it is a group; else it is a feed.
    pub group: bool,
    /// Its key, such as `demo-a` or, of a feed in a group, `lab.demo-a`.
    pub key: &'a str,
}

impl<'a> Key<'a> {
    /// All topics on which the account `user` is told of its values in this form.
    #[must_use]
    pub fn topics(&self, user: &str, form: Form) -> [String; 2] {
        let (long, short) = if self.group { ("groups", "g") } else { ("feeds", "f") };
        [long, short].map(|kind| format!("{user}/{kind}/{}{}", self.key, form.ending()))
    }

    /// The group of a feed, and the feed's key in it.
    #[must_use]
    pub fn in_group(&self) -> (Key<'a>, &'a str) {
        let (group, feed) = self.key.split_once('.').unwrap_or((DEFAULT_GROUP, self.key));
        (Key { group: true, key: group }, feed)
    }

    /// The feed of a group; `None` where that is no key.
    #[must_use]
    pub fn feed(&self, feed: &str) -> Option<String> {
        let key = if self.key == DEFAULT_GROUP { feed.to_owned() } else { format!("{}.{feed}", self.key) };
        Some(key).filter(|key| is_key(key))
    }
}

/// What a client of the account `user` reaches when it publishes to `topic`.
///
/// # Errors
/// Why it reaches nothing.
pub fn publish<'a>(user: &str, topic: &'a str) -> Result<Target<'a>, &'static str> {
    let Some(rest) = own(user, topic) else {
        return Err(if is_feed_of_another(topic) { NOT_FOR_US } else { NOT_OURS });
    };
    let (kind, rest) = rest.split_once('/').ok_or(NO_TOPIC)?;
    let group = is_group(kind).ok_or(NO_TOPIC)?;
    let (key, get) = match rest.strip_suffix("/get") {
        Some(key) => (key, true),
        None => (rest, false),
    };
    let (key, form) = with_form(key);
    let key = Key { group, key: Some(key).filter(|key| is_key(key)).ok_or(NO_TOPIC)? };
    Ok(if get { Target::Get(key, form) } else { Target::Value(key, form) })
}

/// Whether a client of the account `user` may subscribe to `filter`.
///
/// # Errors
/// Why not.
pub fn subscribe(user: &str, filter: &str) -> Result<(), &'static str> {
    if matches!(filter, "time/seconds" | "time/millis" | "time/ISO-8601" | "time/hours") {
        return Ok(());
    }
    let Some(rest) = own(user, filter) else {
        return Err(if is_feed_of_another(filter) { NOT_FOR_US } else { NO_TOPIC });
    };
    match rest.split_once('/') {
        None if matches!(rest, "throttle" | "errors") => Ok(()),
        Some(("integration", service)) if !service.contains(['+', '#']) => Ok(()),
        Some((kind, key)) if is_group(kind).is_some() && (key == "#" || is_key_or_any(with_form(key).0)) => {
            Ok(())
        }
        _ => Err(NO_TOPIC),
    }
}

/// The topic for a notice.
#[must_use]
pub fn notices(user: &str, throttle: bool) -> String {
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

/// What stands before the ending of a form, and the form.
fn with_form(key: &str) -> (&str, Form) {
    let ended =
        [Form::Json, Form::Csv].into_iter().find_map(|form| Some((key.strip_suffix(form.ending())?, form)));
    ended.unwrap_or((key, Form::Usual))
}

fn is_key_or_any(key: &str) -> bool {
    key == "+" || is_key(key)
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
            assert_eq!(publish("king", topic), Ok(Target::Value(feed("demo-a"), Form::Usual)));
        }
        assert_eq!(
            publish("king", "king/feeds/lab.demo-a/get"),
            Ok(Target::Get(feed("lab.demo-a"), Form::Usual))
        );
        assert_eq!(
            publish("king", "king/g/lab"),
            Ok(Target::Value(Key { group: true, key: "lab" }, Form::Usual))
        );
        assert_eq!(publish("king", "king/f/x/csv"), Ok(Target::Value(feed("x"), Form::Csv)));
        assert_eq!(
            publish("king", "king/groups/lab/json/get"),
            Ok(Target::Get(Key { group: true, key: "lab" }, Form::Json))
        );
        assert_eq!(feed("x").topics("king", Form::Json), ["king/feeds/x/json", "king/f/x/json"]);
        assert_eq!(feed("lab.x").in_group(), (Key { group: true, key: "lab" }, "x"));
        assert_eq!(feed("x").in_group().0.feed("y"), Some("y".to_owned()));
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
        for filter in [
            "king/feeds/a",
            "king/f/+",
            "king/feeds/#",
            "king/groups/lab",
            "king/throttle",
            "king/errors",
            "king/feeds/a/csv",
            "king/f/+/json",
            "king/g/lab/json",
            "time/seconds",
            "king/integration/weather/1/current",
        ] {
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
