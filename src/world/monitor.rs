//! The monitor: an independent watcher that reports when two conflicting lights are with right of way at once.
//!
//! It knows what the lamps show and nothing of promises, as the malfunction unit of a real signal
//! cabinet does. It is pure: it is told what is seen and heard and when, and when time has passed
//! ([`Monitor::due_at`]), and gives its verdicts; the real world and a simulated one drive the same.
//!
//! **Virtual lights** share one clock, and their lamps switch under the lock that it judges under:
//! of them it is exact.
//!
//! **Boards and foreign lights** are only heard. Of each of their intervals the monitor keeps from when to
//! when it lasted *possibly*, and when *certainly*. Two certain intervals at once are a **sure** conflict,
//! two possible ones a **possible** conflict. What it takes for granted ([`Limits`]):
//!
//! - Of the messages that are heard of a run within any `lost_after`, the fastest took no longer than
//!   `rtt`, and so did the first of all. Any other message may be late, doubled, out of order or lost.
//! - A light's own clock (`at`) is right within ρ. The fastest message then bounds when every other
//!   one was said; a clock that does not go, or contradicts what is heard by more than
//!   `lost_after`, is not believed.
//! - An interval is certain only between two messages of one run without a message missing in between, and
//!   neither before the first nor after the last; a light that has left go stays out of it for
//!   `lost_after`. A possible go begins with the message before where one is missing, or where a quota
//!   makes aspects ride on later messages.
//! - A plain message has neither clock nor number. It is taken at its message: it was sent at most `rtt`
//!   ago, and holds until another could have been heard, for at most `lost_after`.
//! - A light that was with right of way when it fell silent may be so until its longest interval is over, and at
//!   least for `lost_after`; not longer.
//!
//! What it cannot tell: an interval of which no message was heard at all, such as one that begins after a
//! light has fallen silent without right of way; and an overlap under 450 ms that is not certain.
//!
//! An overlap is graded by how long it lasted, see [`Grade`]; a conflict is told as soon as it is
//! one.

mod heard;
mod interval;
mod junction;
mod limits;
mod overlap;
#[cfg(test)]
mod tests;
mod track;
mod verdict;

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use traffic_light::{Aspect, Name, PeerMessage};

use self::junction::Junction;
pub(crate) use self::limits::Limits;
pub use self::verdict::{CONFLICT_FROM, Certainty, GLITCH_BELOW, Grade};
use super::event::EventKind;
use crate::model::LightId;

/// Which lights are with right of way, junction by junction.
#[derive(Debug, Default)]
pub struct Monitor {
    places: HashMap<Name, usize>,
    junctions: Vec<Junction>,
    /// Junctions that have to be judged again at some moment, by that moment.
    due: BTreeSet<(Duration, usize)>,
}

impl Monitor {
    /// What is assumed of the lights of `junction` that are only heard; the defaults go with the
    /// default timings.
    pub(crate) fn set_limits(&mut self, junction: &Name, limits: Limits) {
        let place = self.place(junction);
        if let Some(junction) = self.junctions.get_mut(place) {
            junction.set_limits(limits);
        }
    }

    /// Takes note that the lamps of `light` are seen to show `aspect` from `now` on, and gives what
    /// is news: conflicts that began or ended, glitches.
    #[must_use]
    pub fn observe(&mut self, now: Duration, light: &LightId, aspect: Aspect) -> Vec<EventKind> {
        self.with(&light.junction, |junction, news| junction.see(now, &light.light, aspect.is_go(), news))
    }

    /// Takes note that `light` is heard at `now`, and gives what is news.
    #[must_use]
    pub fn hear(&mut self, now: Duration, light: &LightId, word: &PeerMessage) -> Vec<EventKind> {
        self.with(&light.junction, |junction, news| junction.hear(now, &light.light, word, news))
    }

    /// When [`Monitor::check`] will have something to say though nothing is seen or heard.
    #[must_use]
    pub fn due_at(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Judges what time alone has made of it up to `now`, and gives what is news. Costs nothing
    /// before [`Monitor::due_at`].
    #[must_use]
    pub fn check(&mut self, now: Duration) -> Vec<EventKind> {
        let mut news = Vec::new();
        while let Some((at, place)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, place));
            let Some(junction) = self.junctions.get_mut(place) else { continue };
            junction.judge(now, &mut news);
            if let Some(due) = junction.due_at {
                self.due.insert((due, place));
            }
        }
        news
    }

    /// The conflicts that interval on: which lights, how sure it is, and since when.
    pub fn conflicts(&self) -> impl Iterator<Item = (Vec<LightId>, Certainty, Duration)> {
        self.junctions.iter().flat_map(Junction::conflicts)
    }

    fn with(
        &mut self,
        junction: &Name,
        judge: impl FnOnce(&mut Junction, &mut Vec<EventKind>),
    ) -> Vec<EventKind> {
        let mut news = Vec::new();
        let place = self.place(junction);
        if let Some(junction) = self.junctions.get_mut(place) {
            let before = junction.due_at;
            judge(junction, &mut news);
            if junction.due_at != before {
                before.map(|due| self.due.remove(&(due, place)));
                junction.due_at.map(|due| self.due.insert((due, place)));
            }
        }
        news
    }

    fn place(&mut self, junction: &Name) -> usize {
        if let Some(place) = self.places.get(junction) {
            return *place;
        }
        self.junctions.push(Junction::new(junction.clone(), Limits::default()));
        let place = self.junctions.len() - 1;
        self.places.insert(junction.clone(), place);
        place
    }
}
