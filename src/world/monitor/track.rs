//! What is known of one light: its go's, from its lamps or from its words.

use std::{collections::VecDeque, time::Duration};

use traffic_light::{Name, PeerMessage};

use super::{
    go::{Go, Growth},
    hearing::Said,
    limits::Limits,
};

/// One light.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) name: Name,
    /// Go's that go on or may still matter, oldest first.
    pub(super) goes: VecDeque<Go>,
    numbers: u64,
    /// The last word, where it is heard and not seen.
    last: Option<Said>,
    /// The run before the present one: stragglers of it are no news.
    former_boot: Option<u32>,
}

impl Track {
    pub(super) fn new(name: Name) -> Track {
        Track { name, goes: VecDeque::new(), numbers: 0, last: None, former_boot: None }
    }

    /// Whether it is known by its words alone.
    pub(super) fn is_heard(&self) -> bool {
        self.last.is_some()
    }

    /// The go that is not over, if any.
    fn going(&mut self) -> Option<&mut Go> {
        self.goes.back_mut().filter(|go| !go.is_over())
    }

    /// Its lamps switch at `now`; returns whether a go begins or ends.
    pub(super) fn see(&mut self, now: Duration, is_go: bool) -> bool {
        let was_heard = self.last.take().is_some();
        match (self.going(), is_go) {
            (Some(go), true) if was_heard => go.end(now, now),
            (Some(_), true) | (None, false) => return false,
            (Some(go), false) => {
                go.end(now, now);
                return true;
            }
            (None, true) => {}
        }
        self.begin(now, now, Growth::Seen);
        true
    }

    /// It is heard at `heard`; returns whether that is news.
    pub(super) fn hear(&mut self, heard: Duration, word: &PeerMessage, limits: &Limits) -> bool {
        let said = match word {
            PeerMessage::Plain(aspect) => Said::plainly(heard, *aspect, limits),
            PeerMessage::State(state) if self.former_boot == Some(state.boot) => return false,
            PeerMessage::State(state) => match Said::of(heard, state, self.last.as_ref(), limits) {
                Some(said) => said,
                None => return false,
            },
        };
        let last = self.last.replace(said);
        let new_run = last.is_some_and(|last| last.is_of_another_run(&said));
        if new_run {
            self.former_boot = last.and_then(|last| last.boot());
        }
        let follows = last.is_some_and(|last| last.leads_to(&said, limits));
        match (self.going().is_some(), said.aspect.is_go()) {
            (false, false) => {}
            (true, false) => {
                if let Some(go) = self.going() {
                    go.end(said.earliest, said.latest);
                }
            }
            (true, true) => self.go_on(&said, follows, new_run, limits),
            (false, true) => {
                let from = self.not_before(&said, last.as_ref(), follows, limits);
                self.begin(from, said.latest, growth(&said, said.latest, limits));
            }
        }
        true
    }

    /// The earliest moment at which a go that `said` tells of can have begun.
    fn not_before(&self, said: &Said, last: Option<&Said>, follows: bool, limits: &Limits) -> Duration {
        let told_at_once = said.boot().is_none() || last.is_none() || (follows && limits.told_at_once);
        let from = match last {
            Some(last) if !told_at_once => last.earliest.max(said.earliest.saturating_sub(limits.longest_go)),
            _ => said.earliest.saturating_sub(limits.tick),
        };
        // Go's of one light are apart.
        let before = self.goes.back().map_or(Duration::ZERO, |go| go.possible_until(said.heard));
        from.max(before)
    }

    /// Another word of a light in go says that it is in go.
    fn go_on(&mut self, said: &Said, follows: bool, new_run: bool, limits: &Limits) {
        let plain = said.boot().is_none();
        let Some(go) = self.going() else { return };
        let mut began = go.certain_from;
        if !(follows || plain) || new_run {
            // It may have been out of go in between.
            let before = (go.certain_from, go.certain_until(said.heard));
            go.certain_before.push(before);
            go.certain_from = said.latest;
            began = said.latest;
        }
        go.growth = growth(said, began, limits);
    }

    fn begin(&mut self, possible_from: Duration, certain_from: Duration, growth: Growth) {
        self.numbers += 1;
        let number = self.numbers;
        let possible_from = possible_from.min(certain_from);
        self.goes.push_back(Go { number, possible_from, certain_from, certain_before: Vec::new(), growth });
    }

    /// Ends what time alone ends.
    pub(super) fn expire(&mut self, now: Duration) {
        if let Some(go) = self.going() {
            go.expire(now);
        }
    }

    /// Forgets go's that were over by `before`, but for those that are `in_use`.
    pub(super) fn forget(&mut self, before: Duration, now: Duration, in_use: impl Fn(u64) -> bool) {
        let old = |go: &Go| go.is_over() && go.possible_until(now) <= before && !in_use(go.number);
        while self.goes.front().is_some_and(old) {
            self.goes.pop_front();
        }
    }

    /// The go of that number.
    pub(super) fn go(&self, number: u64) -> Option<&Go> {
        self.goes.iter().find(|go| go.number == number)
    }
}

/// How long a go holds that began at `began` at the latest, and of which `said` tells.
fn growth(said: &Said, began: Duration, limits: &Limits) -> Growth {
    let expires = (began + limits.longest_go).max(said.latest + limits.lost_after);
    if said.boot().is_some() {
        return Growth::Confirmed { certain_until: said.earliest, expires };
    }
    let certain_until = (said.heard + limits.lost_after).saturating_sub(limits.delay);
    Growth::PeerMessage { delay: limits.delay, certain_until, expires }
}
