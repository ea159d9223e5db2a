//! What all layers share, and what depends on none of them.
//!
//! | module | one idea |
//! | --- | --- |
//! | `broker_limits` | how much the clients of the embedded broker may use |
//! | [`diagnostic`] | a message for a person, and what to do about it |
//! | `grouped` | large numbers, as people read them |
//! | [`light`] | which light: its full name, and where its program runs |
//! | [`login`] | a user name and a password |
//! | `packet_limit` | how long a packet from a broker may be |
//! | [`root_topic`] | what stands before the junction in every topic |
//! | `wall_clock` | numbers that grow with the wall clock |
//! | `printable` | text of others, as a terminal may get it |
//! | `private_file` | files that only this user can read |
//! | `text_file` | text files that may hold anything |

mod broker_limits;
pub mod diagnostic;
mod grouped;
pub mod light;
pub mod login;
pub(crate) mod packet_limit;
mod printable;
pub(crate) mod private_file;
pub mod root_topic;
pub(crate) mod text_file;
mod wall_clock;

pub use broker_limits::BrokerLimits;
pub use diagnostic::Diagnostic;
pub(crate) use grouped::grouped;
pub use light::{LightId, LightKind};
pub use login::Login;
pub(crate) use printable::printable;
pub use root_topic::{MAX_ROOT_BYTES, RootError, RootTopic};
pub use wall_clock::unix_seconds;
