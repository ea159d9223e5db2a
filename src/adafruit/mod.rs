//! Adafruit IO's rules, as its documentation tells them, without a socket or a clock: for the emulator
//! on the embedded broker, for the simulated broker, and for tests.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`account`] | what an account may do in a minute, and what happens when it does more |
//! | [`topics`] | which topics there are |
//! | [`data`] | values alone, in JSON and in CSV |
//! | [`emulator`] | both together: what a login, a publish and a subscribe come to |
//!
//! Where the documentation leaves a number out, one was chosen: see [`account::Rules`]. `docs/brokers.md` has a table
//! of what is emulated and what is not.
//!
//! Source: <https://io.adafruit.com/api/docs/mqtt.html>, and for the codes 6 and 7 of CONNACK Adafruit's
//! own announcement "Extending the MQTT Protocol".

pub mod account;
pub mod data;
pub mod emulator;
pub mod topics;

pub use account::{Account, Notice, Outcome, Refusal, Rules, Tally};
pub use emulator::{Emulator, Published, Subscribed};

/// For how long publishes are rejected, by a text of the throttle topic.
#[must_use]
pub fn throttle_in(text: &str) -> Option<std::time::Duration> {
    let seconds = text.split_once(" until throttle released")?.0.trim_end_matches(" seconds");
    seconds_at_end(seconds)
}

/// For how long the account is banned, by a text of the errors topic; half a minute where it does not say.
#[must_use]
pub fn ban_in(text: &str) -> Option<std::time::Duration> {
    let (_, lasts) = text.split_once("banned")?;
    let lasts = lasts.trim_end_matches('.').trim_end_matches("seconds").trim_end();
    Some(seconds_at_end(lasts).unwrap_or(account::FIRST_BAN))
}

/// No pause is believed to be longer than the longest ban.
fn seconds_at_end(text: &str) -> Option<std::time::Duration> {
    let seconds = text.rsplit(' ').next()?.parse().ok()?;
    Some(std::time::Duration::from_secs(seconds).min(account::LONGEST_BAN))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_the_notices_say_is_read_back() {
        for seconds in [1, 21, 60, 3_600] {
            let throttled = Notice::Throttled { seconds }.text("king");
            assert_eq!(throttle_in(&throttled), Some(Duration::from_secs(seconds)));
            assert_eq!(ban_in(&Notice::Banned { seconds }.text("king")), Some(Duration::from_secs(seconds)));
        }
        assert_eq!(
            throttle_in("u data rate limit reached, 99999999 seconds until throttle released"),
            Some(account::LONGEST_BAN)
        );
        assert_eq!(ban_in("your account is banned"), Some(account::FIRST_BAN));
        for other in
            ["", "only 5 attempts remaining in the next 60 seconds", "x seconds until throttle released"]
        {
            assert_eq!((throttle_in(other), ban_in(other)), (None, None), "{other}");
        }
    }
}
