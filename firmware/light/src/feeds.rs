//! Where a light speaks on Adafruit IO, which has feeds and no free topics, keeps no messages and knows no
//! wills: its state goes to the feed `JUNCTION-LIGHT`, there is no status and there are no commands, and
//! presence is judged by silence.
//!
//! A light never asks for a feed's last value (`…/get`), though a display may. What is answered carries
//! no mark that would tell it from a fresh word, and an old word taken for a fresh one makes a dead light
//! look alive for a while. Who has not asked is told nothing old: Adafruit answers that client alone. (The
//! rules of right of way themselves bear it, as they bear any late or doubled message: a lease
//! answers a request of this run, and a promise too many only keeps a light at red.)
//!
//! A plain value in the feed `JUNCTION-LIGHT-call`, as a dashboard's button or switch sends it, stands for
//! the light's own button.

use core::fmt::Write;

use heapless::String;

use crate::{
    name::{MAX_NAME_BYTES, Name},
    record::MAX_LOGIN_BYTES,
};

/// The most bytes of a feed's key: junction, light, `-call` and a dash.
pub const MAX_FEED_BYTES: usize = 2 * MAX_NAME_BYTES + 6;
/// The most bytes of a feed's topic.
pub const MAX_FEED_TOPIC_BYTES: usize = MAX_LOGIN_BYTES + 7 + MAX_FEED_BYTES;
/// The publishes of a minute that a free account may make; twice that with IO+.
pub const PUBLISHES_PER_MINUTE: u32 = 30;

/// A feed's key, as text.
pub type FeedText = String<MAX_FEED_BYTES>;

/// The feed that a light's state goes to.
///
/// Names may hold dashes, so that two lights may have one feed: `a-b`/`c` and `a`/`b-c`. Who makes lights for
/// one account has to see to it that they have not.
#[must_use]
pub fn state_feed(junction: &Name, light: &Name) -> FeedText {
    let mut feed = FeedText::new();
    // It fits: that is how long a feed text is.
    let _ = write!(feed, "{junction}-{light}");
    feed
}

/// The feed that stands for a light's button.
#[must_use]
pub fn call_feed(junction: &Name, light: &Name) -> FeedText {
    let mut feed = state_feed(junction, light);
    // It fits: that is how long a feed text is.
    let _ = feed.push_str("-call");
    feed
}

/// Whether `user` can be an account's name: it has to be one level of a topic.
#[must_use]
pub fn is_account(user: &str) -> bool {
    !user.is_empty()
        && user.len() <= MAX_LOGIN_BYTES
        && !user.starts_with('$')
        && !user.chars().any(|c| matches!(c, '/' | '+' | '#') || c.is_control() || c.is_whitespace())
}

/// Whether a value in the call feed is a press of the button; `None` for what is neither that nor a
/// release.
#[must_use]
pub fn is_call(value: &[u8]) -> Option<bool> {
    let value = value.trim_ascii();
    let is = |word: &str| value.eq_ignore_ascii_case(word.as_bytes());
    if ["1", "on", "true", "call"].into_iter().any(is) {
        Some(true)
    } else if ["0", "off", "false", ""].into_iter().any(is) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn feeds_are_named_after_junction_and_light_and_the_longest_fit() {
        assert_eq!(state_feed(&name("demo"), &name("a")), "demo-a");
        assert_eq!(call_feed(&name("demo"), &name("a")), "demo-a-call");
        let (junction, light) = (name("junction-sixteen"), name("light-of-sixteen"));
        assert_eq!(call_feed(&junction, &light), "junction-sixteen-light-of-sixteen-call");
        assert_eq!(state_feed(&name("a-b"), &name("c")), state_feed(&name("a"), &name("b-c")));
    }

    #[test]
    fn an_account_is_one_level_of_a_topic() {
        assert!(is_account("king") && is_account("King_2"));
        for user in ["", "a/b", "+", "a#", "a b", "$SYS", "a\n"] {
            assert!(!is_account(user), "{user:?}");
        }
    }

    #[test]
    fn what_buttons_and_switches_of_a_dashboard_send_is_understood() {
        for (value, call) in [
            ("1", Some(true)),
            ("ON", Some(true)),
            (" true\n", Some(true)),
            ("OFF", Some(false)),
            ("0", Some(false)),
            ("", Some(false)),
            ("2", None),
            ("red", None),
        ] {
            assert_eq!(is_call(value.as_bytes()), call, "{value:?}");
        }
    }
}
