//! Adafruit IO's rules, as its documentation tells them, without a socket or a clock: for the emulator
//! on the embedded broker, for the simulated broker, and for tests.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`account`] | what an account may do in a minute, and what happens when it does more |
//! | [`topics`] | which topics there are |
//! | [`emulator`] | both together: what a login, a publish and a subscribe come to |
//!
//! Where the documentation leaves a number out, one was chosen: see [`account::Rules`]. Known from it, and
//! not emulated: the `/json` and `/csv` forms of a feed, the `time`, `weather` and `randomizer` topics, feeds
//! that others share, and the limit on the number of feeds.
//!
//! Source: <https://io.adafruit.com/api/docs/mqtt.html>, and for the codes 6 and 7 of CONNACK Adafruit's
//! own announcement "Extending the MQTT Protocol".

pub mod account;
pub mod emulator;
pub mod topics;

pub use account::{Account, Notice, Outcome, Refusal, Rules, Tally};
pub use emulator::{Emulator, Published, Subscribed};
