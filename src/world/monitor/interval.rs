//! One right-of-way interval of one light: from when to when it had right of way possibly, and when certainly.

use std::time::Duration;

/// From a moment to a later one.
pub(super) type Span = (Duration, Duration);

/// What is known of one interval.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    /// Tells it from the light's other intervals.
    pub(super) number: u64,
    /// It did not begin earlier.
    pub(super) possible_from: Duration,
    /// It had begun by then: certain from here on.
    pub(super) certain_from: Duration,
    /// Certain spans before `certain_from`, where messages were missing in between.
    pub(super) certain_before: Vec<Span>,
    pub(super) growth: Growth,
}

/// How a intervals end is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Growth {
    /// The lamps themselves are seen.
    Seen,
    /// A plain message holds until another one would have been heard.
    Plain {
        /// How late the next message may be.
        delay: Duration,
        /// Nothing is certain any more of what comes after.
        certain_until: Duration,
        /// Not even possible any more.
        expires: Duration,
    },
    /// Certain up to when the last message was message.
    Confirmed {
        /// The earliest moment of that.
        certain_until: Duration,
        /// Not even possible any more.
        expires: Duration,
    },
    Over {
        /// Until when it was certain.
        certain_until: Duration,
        /// Until when it was possible.
        possible_until: Duration,
    },
}

impl Interval {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.growth, Growth::Over { .. })
    }

    /// Until when it has certainly lasted, as far as is known at `now`.
    pub(super) fn certain_until(&self, now: Duration) -> Duration {
        match self.growth {
            Growth::Seen => now,
            Growth::Plain { delay, certain_until, .. } => now.saturating_sub(delay).min(certain_until),
            Growth::Confirmed { certain_until, .. } | Growth::Over { certain_until, .. } => certain_until,
        }
    }

    /// Until when it may have lasted, as far as is known at `now`.
    pub(super) fn possible_until(&self, now: Duration) -> Duration {
        match self.growth {
            Growth::Seen => now,
            Growth::Plain { expires, .. } | Growth::Confirmed { expires, .. } => now.min(expires),
            Growth::Over { possible_until, .. } => possible_until,
        }
    }

    /// When `moment` is certainly in it, if nothing more is heard; `None` for never by time alone.
    pub(super) fn certain_at(&self, moment: Duration) -> Option<Duration> {
        match self.growth {
            Growth::Seen => Some(moment),
            Growth::Plain { delay, certain_until, .. } => (moment <= certain_until).then(|| moment + delay),
            Growth::Confirmed { certain_until, .. } | Growth::Over { certain_until, .. } => {
                (moment <= certain_until).then_some(moment)
            }
        }
    }

    /// When `moment` is possibly in it, if nothing more is heard.
    pub(super) fn possible_at(&self, moment: Duration) -> Option<Duration> {
        let until = match self.growth {
            Growth::Seen => return Some(moment),
            Growth::Plain { expires, .. } | Growth::Confirmed { expires, .. } => expires,
            Growth::Over { possible_until, .. } => possible_until,
        };
        (moment <= until).then_some(moment)
    }

    /// Whether nothing that is heard later can change what is known of it up to `moment`.
    pub(super) fn is_settled(&self, moment: Duration, now: Duration) -> bool {
        self.is_over() || self.certain_until(now) >= moment
    }

    /// When time alone ends it.
    pub(super) fn expires(&self) -> Option<Duration> {
        match self.growth {
            Growth::Plain { expires, .. } | Growth::Confirmed { expires, .. } => Some(expires),
            Growth::Seen | Growth::Over { .. } => None,
        }
    }

    /// Ends it where time alone does.
    pub(super) fn expire(&mut self, now: Duration) {
        if let Some(expires) = self.expires().filter(|expires| *expires <= now) {
            let certain_until = self.certain_until(now).min(expires);
            self.growth = Growth::Over { certain_until, possible_until: expires };
        }
    }

    /// Ends it: certainly not before `earliest`, as far as that is known, and not after `latest`.
    pub(super) fn end(&mut self, earliest: Duration, latest: Duration) {
        let certain_until = match self.growth {
            Growth::Seen => latest,
            Growth::Plain { certain_until, .. } => earliest.min(certain_until),
            // Nothing is certain after the last message that told of right of way.
            Growth::Confirmed { certain_until, .. } | Growth::Over { certain_until, .. } => certain_until,
        };
        let possible_until = latest.max(self.possible_from).max(certain_until);
        self.growth = Growth::Over { certain_until, possible_until };
    }

    /// The certain spans, oldest first.
    pub(super) fn certain(&self, now: Duration) -> impl Iterator<Item = Span> {
        let last = (self.certain_from, self.certain_until(now));
        self.certain_before.iter().copied().chain([last]).filter(|(from, to)| from < to)
    }
}

/// What two spans have in common.
pub(super) fn common(one: Span, other: Span) -> Option<Span> {
    let (from, to) = (one.0.max(other.0), one.1.min(other.1));
    (from < to).then_some((from, to))
}
