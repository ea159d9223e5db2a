//! A fault that begins at a certain time.

use std::time::Duration;

use simulation::Rng;

use super::injected::Fault;
use crate::model::LightId;

/// A fault that is to be injected at a certain time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFault {
    /// When, since the world's start.
    pub at: Duration,
    /// What, and where.
    pub fault: Fault,
    /// For how long, never zero; `None`: to the end of the run, or an instant.
    pub lasts: Option<Duration>,
    /// Which `[[fault]]` of the file it comes from, counted from 0; one may come several times.
    pub entry: usize,
    /// What the file calls it, where it has a name of its own there.
    pub(crate) called: Option<String>,
    /// Where the seed decides how much later than `at` it comes.
    pub spread: Option<Spread>,
}

/// How much later a fault may come than it is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// At the most.
    pub(crate) up_to: Duration,
    /// What the draw goes by besides the seed: the time of the entry, so that all that is planned
    /// for one moment with one spread stays together, and a fault that comes again keeps its pace.
    pub(crate) together: Duration,
}

impl PlannedFault {
    /// A fault that stands in no file.
    #[must_use]
    pub(crate) fn new(at: Duration, fault: Fault, lasts: Option<Duration>) -> PlannedFault {
        PlannedFault { at, fault, lasts, entry: 0, called: None, spread: None }
    }

    /// The same at the moment that `seed` gives it.
    #[must_use]
    pub(crate) fn drawn(self, seed: u64) -> PlannedFault {
        let Some(Spread { up_to, together }) = self.spread else { return self };
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let later = Rng::new(seed, ms(together)).between(0, ms(up_to));
        PlannedFault { at: self.at.saturating_add(Duration::from_millis(later)), spread: None, ..self }
    }

    /// When it has ended at the latest, where that is before `next` begins, wherever the seed puts
    /// the two.
    pub(crate) fn ends_before(&self, next: &PlannedFault) -> Option<Duration> {
        let end = self.ends_at()?;
        // Those that move together keep their distance.
        let late =
            if self.spread == next.spread { Duration::ZERO } else { self.latest().saturating_sub(self.at) };
        Some(end.saturating_add(late)).filter(|end| *end <= next.at)
    }

    /// When it begins at the latest, since the world's start.
    #[must_use]
    pub(crate) fn latest(&self) -> Duration {
        self.at.saturating_add(self.spread.map(|spread| spread.up_to).unwrap_or_default())
    }

    /// The word of the configuration, such as `wifi-down`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.fault.name()
    }

    /// The light that it strikes; `None` where it strikes all.
    #[must_use]
    pub fn light(&self) -> Option<&LightId> {
        self.fault.light()
    }

    /// When it is over, since the world's start; `None` where it lasts to the end of the run. An
    /// instant is over when it begins.
    #[must_use]
    pub fn ends_at(&self) -> Option<Duration> {
        if self.fault.is_instant() { Some(self.at) } else { Some(self.at.saturating_add(self.lasts?)) }
    }
}
