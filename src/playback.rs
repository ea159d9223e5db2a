//! What happens on a clock of its own, so that it can be shown at any pace: a simulated world, or one
//! that was recorded.

use std::time::Duration;

use crate::{
    model::Diagnostic,
    world::{Command, Event},
};

/// Events that wait to be played. Nothing happens between two calls; [`Playback::play`] is what
/// makes time pass.
pub trait Playback: Send {
    /// When the next event is due, on the playback's own clock; `None` at its end.
    fn next_at(&mut self) -> Option<Duration>;

    /// Lets time pass up to `until`, that moment included, and gives what happens on the way, in
    /// order. A moment that has passed already is no error: nothing happens.
    fn play(&mut self, until: Duration, take: &mut dyn FnMut(Event));

    /// Where the clock stands.
    fn now(&self) -> Duration;

    /// How long it is; `None` where it goes on for as long as it is played.
    fn length(&self) -> Option<Duration>;

    /// Asks something of what is played, at the present moment.
    ///
    /// # Errors
    /// Why that cannot be: what was recorded cannot be changed.
    fn obey(&mut self, command: Command) -> Result<(), Diagnostic>;
}
