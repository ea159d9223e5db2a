//! One right-of-way interval of one light beside one interval of another: how long both lasted at once.

use std::time::Duration;

use super::{
    Certainty,
    interval::{Interval, common},
    verdict::{CONFLICT_FROM, GLITCH_BELOW},
};

/// A light's place in its junction, and the number of its interval.
pub(super) type IntervalId = (usize, u64);

/// A pair of intervals that is watched.
#[derive(Debug)]
pub(super) struct Overlap {
    pub(super) one: IntervalId,
    pub(super) other: IntervalId,
    /// What was told, and since when it was so.
    pub(super) told: Option<(Certainty, Duration)>,
    /// Nothing more can come of it.
    pub(super) settled: bool,
}

/// How far two intervals lie over each other, as far as is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) possible_from: Duration,
    pub(super) possible: Duration,
    /// The first certain moment.
    pub(super) sure_from: Option<Duration>,
    /// The longest certain span, without a gap of doubt in it.
    pub(super) longest_sure: Duration,
    /// Whether nothing can change any more.
    pub(super) settled: bool,
    /// When time alone settles it.
    settles_at: Option<Duration>,
    /// When time alone makes it a sure conflict, and a possible one.
    sure_at: Option<Duration>,
    possible_at: Option<Duration>,
}

impl Overlap {
    pub(super) fn new(one: IntervalId, other: IntervalId) -> Overlap {
        Overlap { one, other, told: None, settled: false }
    }

    pub(super) fn is_of(&self, interval: IntervalId) -> bool {
        self.one == interval || self.other == interval
    }

    pub(super) fn told(&self) -> Option<Certainty> {
        self.told.map(|(certainty, _)| certainty)
    }

    /// Whether a conflict was told of it that is not over.
    pub(super) fn is_open(&self) -> bool {
        self.told.is_some() && !self.settled
    }

    /// What has become of it, if that is news.
    pub(super) fn verdict(&self, extent: &Extent) -> Option<(Certainty, Duration)> {
        let told = self.told();
        match extent.sure_from {
            Some(from) if told < Some(Certainty::Sure) && extent.longest_sure >= GLITCH_BELOW => {
                Some((Certainty::Sure, from))
            }
            _ if told.is_none() && extent.possible >= CONFLICT_FROM => {
                Some((Certainty::Possible, extent.possible_from))
            }
            _ => None,
        }
    }

    /// When it has to be looked at again though nothing is heard.
    pub(super) fn due_at(&self, extent: &Extent) -> Option<Duration> {
        let told = self.told();
        let sure = extent.sure_at.filter(|_| told < Some(Certainty::Sure));
        let possible = extent.possible_at.filter(|_| told.is_none());
        [sure, possible, extent.settles_at].into_iter().flatten().min()
    }
}

impl Extent {
    pub(super) fn of(one: &Interval, other: &Interval, now: Duration) -> Extent {
        let possible_from = one.possible_from.max(other.possible_from);
        let until = one.possible_until(now).min(other.possible_until(now));
        let (mut first_sure, mut longest_sure) = (None, Duration::ZERO);
        for span in one.certain(now) {
            for (from, to) in other.certain(now).filter_map(|with| common(span, with)) {
                first_sure.get_or_insert(from);
                longest_sure = longest_sure.max(to - from);
            }
        }
        let over = |interval: &Interval| interval.is_over().then(|| interval.possible_until(now));
        let ahead = |at: &Duration| *at > now;
        let both = |a: Option<Duration>, b: Option<Duration>| Some(a?.max(b?)).filter(ahead);
        let sure_from = one.certain_from.max(other.certain_from) + GLITCH_BELOW;
        let maybe_from = possible_from + CONFLICT_FROM;
        let settled = over(one).is_some_and(|end| other.is_settled(end, now))
            || over(other).is_some_and(|end| one.is_settled(end, now));
        let settles = [
            over(one).and_then(|end| other.certain_at(end)),
            over(other).and_then(|end| one.certain_at(end)),
            one.expires(),
            other.expires(),
        ];
        Extent {
            possible_from,
            possible: until.saturating_sub(possible_from),
            sure_from: first_sure,
            longest_sure,
            settled,
            settles_at: settles.into_iter().flatten().filter(ahead).min(),
            sure_at: both(one.certain_at(sure_from), other.certain_at(sure_from)),
            possible_at: both(one.possible_at(maybe_from), other.possible_at(maybe_from)),
        }
    }
}
