//! What is known of one light: its intervals, from its lamps or from its messages.

use std::{collections::VecDeque, time::Duration};

use traffic_light::{Name, PeerMessage};

use super::{
    heard::HeardMessage,
    interval::{Growth, Interval},
    limits::Limits,
};

/// One light.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) name: Name,
    /// Go's that interval on or may still matter, oldest first.
    pub(super) intervals: VecDeque<Interval>,
    numbers: u64,
    /// The last message, where it is heard and not seen.
    last: Option<HeardMessage>,
}

impl Track {
    pub(super) fn new(name: Name) -> Track {
        Track { name, intervals: VecDeque::new(), numbers: 0, last: None }
    }

    /// Whether it is known by its messages alone.
    pub(super) fn is_heard(&self) -> bool {
        self.last.is_some()
    }

    /// The go that is not over, if any.
    fn current(&mut self) -> Option<&mut Interval> {
        self.intervals.back_mut().filter(|interval| !interval.is_over())
    }

    /// Its lamps switch at `now`; returns whether an interval begins or ends.
    pub(super) fn see(&mut self, now: Duration, is_go: bool) -> bool {
        let was_heard = self.last.take().is_some();
        match (self.current(), is_go) {
            (Some(interval), true) if was_heard => interval.end(now, now),
            (Some(_), true) | (None, false) => return false,
            (Some(interval), false) => {
                interval.end(now, now);
                return true;
            }
            (None, true) => {}
        }
        self.begin(now, now, Growth::Seen);
        true
    }

    /// It is heard at `heard`; returns whether that is news.
    pub(super) fn hear(&mut self, heard: Duration, word: &PeerMessage, limits: &Limits) -> bool {
        let message = match word {
            PeerMessage::Plain(aspect) => HeardMessage::plainly(heard, *aspect, limits),
            PeerMessage::State(state) => match HeardMessage::of(heard, state, self.last.as_ref(), limits) {
                Some(message) => message,
                None => return false,
            },
        };
        let last = self.last.replace(message);
        let new_run = last.is_some_and(|last| last.is_of_another_run(&message));
        let follows = last.is_some_and(|last| last.leads_to(&message, limits));
        match (self.current().is_some(), message.aspect.is_go()) {
            (false, false) => {}
            (true, false) => {
                if let Some(interval) = self.current() {
                    interval.end(message.earliest, message.latest);
                }
            }
            (true, true) => self.go_on(&message, follows, new_run, limits),
            (false, true) => {
                let from = self.not_before(&message, last.as_ref(), follows, limits);
                self.begin(from, message.latest, growth(&message, message.latest, limits));
            }
        }
        true
    }

    /// The earliest moment at which an interval that `said` tells of can have begun.
    fn not_before(
        &self,
        message: &HeardMessage,
        last: Option<&HeardMessage>,
        follows: bool,
        limits: &Limits,
    ) -> Duration {
        let told_at_once = message.boot().is_none() || last.is_none() || (follows && limits.told_at_once);
        let from = match last {
            Some(last) if !told_at_once => {
                last.earliest.max(message.earliest.saturating_sub(limits.longest_interval))
            }
            _ => message.earliest.saturating_sub(limits.tick),
        };
        // Go's of one light are apart.
        let before =
            self.intervals.back().map_or(Duration::ZERO, |interval| interval.possible_until(message.heard));
        from.max(before)
    }

    /// Another message of a light with right of way says that it is with right of way.
    fn go_on(&mut self, message: &HeardMessage, follows: bool, new_run: bool, limits: &Limits) {
        let plain = message.boot().is_none();
        let Some(interval) = self.current() else { return };
        let mut began = interval.certain_from;
        if !(follows || plain) || new_run {
            // It may have been without right of way in between.
            let before = (interval.certain_from, interval.certain_until(message.heard));
            interval.certain_before.push(before);
            interval.certain_from = message.latest;
            began = message.latest;
        }
        interval.growth = growth(message, began, limits);
    }

    fn begin(&mut self, possible_from: Duration, certain_from: Duration, growth: Growth) {
        self.numbers += 1;
        let number = self.numbers;
        let possible_from = possible_from.min(certain_from);
        self.intervals.push_back(Interval {
            number,
            possible_from,
            certain_from,
            certain_before: Vec::new(),
            growth,
        });
    }

    /// Ends what time alone ends.
    pub(super) fn expire(&mut self, now: Duration) {
        if let Some(interval) = self.current() {
            interval.expire(now);
        }
    }

    /// Forgets intervals that were over by `before`, but for those that are `in_use`.
    pub(super) fn forget(&mut self, before: Duration, now: Duration, in_use: impl Fn(u64) -> bool) {
        let old = |interval: &Interval| {
            interval.is_over() && interval.possible_until(now) <= before && !in_use(interval.number)
        };
        while self.intervals.front().is_some_and(old) {
            self.intervals.pop_front();
        }
    }

    /// The go of that number.
    pub(super) fn interval(&self, number: u64) -> Option<&Interval> {
        self.intervals.iter().find(|interval| interval.number == number)
    }
}

/// How long an interval holds that began at `began` at the latest, and of which `said` tells.
fn growth(message: &HeardMessage, began: Duration, limits: &Limits) -> Growth {
    let expires = (began + limits.longest_interval).max(message.latest + limits.lost_after);
    if message.boot().is_some() {
        return Growth::Confirmed { certain_until: message.earliest, expires };
    }
    let certain_until = (message.heard + limits.lost_after).saturating_sub(limits.delay);
    Growth::Plain { delay: limits.delay, certain_until, expires }
}
