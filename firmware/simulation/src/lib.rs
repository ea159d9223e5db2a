//! What every simulator of lights needs.
//!
//! Two use it: the proof, which attacks the light's rules with a network that obeys nothing, and
//! Twinlight's scenarios, which play links, sessions and a broker as they are.
//!
//! | module | one idea |
//! | --- | --- |
//! | [`clock`] | clocks that are wrong |
//! | [`queue`] | events in true time |
//! | [`rng`] | numbers from a seed |

pub mod clock;
pub mod queue;
pub mod rng;

pub use clock::{Clock, TrueMicros};
pub use queue::Queue;
pub use rng::Rng;
