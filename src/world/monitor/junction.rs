//! The lights of one junction, and the overlaps of their intervals, pair by pair.

use std::time::Duration;

use traffic_light::{Name, PeerMessage};

use super::{
    Certainty,
    limits::Limits,
    overlap::{Extent, IntervalId, Overlap},
    track::Track,
};
use crate::{model::LightId, world::event::EventKind};

/// A junction that is watched.
#[derive(Debug)]
pub(crate) struct Junction {
    name: Name,
    limits: Limits,
    tracks: Vec<Track>,
    overlaps: Vec<Overlap>,
    /// When it has to be judged again though nothing is seen or heard.
    pub(super) due_at: Option<Duration>,
}

impl Junction {
    pub(super) fn new(name: Name, limits: Limits) -> Junction {
        Junction { name, limits, tracks: Vec::new(), overlaps: Vec::new(), due_at: None }
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The lamps of a light switch.
    pub(super) fn see(&mut self, now: Duration, light: &Name, is_go: bool, news: &mut Vec<EventKind>) {
        let place = self.place(light);
        if self.tracks.get_mut(place).is_some_and(|track| track.see(now, is_go)) {
            self.watch_newest(now, place);
            self.judge(now, news);
        }
    }

    /// A light is heard.
    pub(super) fn hear(
        &mut self,
        now: Duration,
        light: &Name,
        word: &PeerMessage,
        news: &mut Vec<EventKind>,
    ) {
        let place = self.place(light);
        let limits = &self.limits;
        if self.tracks.get_mut(place).is_some_and(|track| track.hear(now, word, limits)) {
            self.watch_newest(now, place);
            self.judge(now, news);
        }
    }

    /// The conflicts that interval on: lights, how sure it is, since when.
    pub(super) fn conflicts(&self) -> impl Iterator<Item = (Vec<LightId>, Certainty, Duration)> {
        self.overlaps.iter().filter(|overlap| overlap.is_open()).filter_map(|overlap| {
            let (certainty, since) = overlap.told?;
            Some((self.lights(overlap), certainty, since))
        })
    }

    fn place(&mut self, light: &Name) -> usize {
        let known = self.tracks.iter().position(|track| track.name == *light);
        known.unwrap_or_else(|| {
            self.tracks.push(Track::new(light.clone()));
            self.tracks.len() - 1
        })
    }

    /// Watches the newest interval of a light beside those of all others.
    fn watch_newest(&mut self, now: Duration, place: usize) {
        let Some(interval) = self.tracks.get(place).and_then(|track| track.intervals.back()) else { return };
        let (id, from) = ((place, interval.number), interval.possible_from);
        if self.overlaps.iter().any(|overlap| overlap.is_of(id)) && interval.is_over() {
            return;
        }
        for (with, track) in self.tracks.iter().enumerate().filter(|(with, _)| *with != place) {
            for other in track
                .intervals
                .iter()
                .filter(|interval| !interval.is_over() || interval.possible_until(now) > from)
            {
                let other = (with, other.number);
                if !self.overlaps.iter().any(|overlap| overlap.is_of(id) && overlap.is_of(other)) {
                    self.overlaps.push(Overlap::new(id, other));
                }
            }
        }
    }

    /// Judges all overlaps, as far as they are known at `now`.
    pub(super) fn judge(&mut self, now: Duration, news: &mut Vec<EventKind>) {
        for track in &mut self.tracks {
            track.expire(now);
        }
        self.due_at = None;
        for at in 0..self.overlaps.len() {
            self.judge_one(now, at, news);
        }
        self.forget(now);
    }

    fn judge_one(&mut self, now: Duration, at: usize, news: &mut Vec<EventKind>) {
        let Some(overlap) = self.overlaps.get(at).filter(|overlap| !overlap.settled) else { return };
        let Some(extent) = self.extent(overlap, now) else { return };
        let verdict = overlap.verdict(&extent);
        if let Some((certainty, since)) = verdict {
            let (one, other) = (overlap.one.0, overlap.other.0);
            let lights = self.lights(overlap);
            self.end_others(now, at, (one, other), news);
            news.push(EventKind::ConflictBegan { lights, certainty, since, cause: None });
        }
        let Some(overlap) = self.overlaps.get_mut(at) else { return };
        overlap.told = verdict.or(overlap.told);
        if extent.settled {
            self.settle(at, &extent, news);
        } else if let Some(due) = overlap.due_at(&extent) {
            self.due_at = Some(self.due_at.map_or(due, |known| known.min(due)));
        }
    }

    /// Of two lights one conflict goes on at a time: what was told of earlier or later intervals of theirs,
    /// and might still have changed, is over with this.
    fn end_others(&mut self, now: Duration, at: usize, lights: (usize, usize), news: &mut Vec<EventKind>) {
        for other in 0..self.overlaps.len() {
            let Some(overlap) = self.overlaps.get(other).filter(|overlap| overlap.is_open()) else {
                continue;
            };
            let of = (overlap.one.0, overlap.other.0);
            if other != at
                && (of == lights || of == (lights.1, lights.0))
                && let Some(extent) = self.extent(overlap, now)
            {
                self.settle(other, &extent, news);
            }
        }
    }

    fn settle(&mut self, at: usize, extent: &Extent, news: &mut Vec<EventKind>) {
        let Some(overlap) = self.overlaps.get(at) else { return };
        let (lasted, at_most) = (extent.longest_sure, extent.possible);
        match (overlap.told(), extent.sure_from) {
            (Some(certainty), _) => {
                let lights = self.lights(overlap);
                news.push(EventKind::ConflictEnded { lights, certainty, lasted, at_most });
            }
            (None, Some(since)) => {
                let lights = self.lights(overlap);
                news.push(EventKind::GlitchSeen { lights, since, lasted, at_most });
            }
            (None, None) => {}
        }
        if let Some(overlap) = self.overlaps.get_mut(at) {
            overlap.settled = true;
        }
    }

    fn extent(&self, overlap: &Overlap, now: Duration) -> Option<Extent> {
        Some(Extent::of(self.interval(overlap.one)?, self.interval(overlap.other)?, now))
    }

    /// Forgets intervals that are over and that no later message can lie beside.
    fn forget(&mut self, now: Duration) {
        let heard = self.tracks.iter().any(Track::is_heard);
        let memory = if heard { self.limits.memory() } else { Duration::ZERO };
        let overlaps = &self.overlaps;
        for (place, track) in self.tracks.iter_mut().enumerate() {
            track.forget(now.saturating_sub(memory), now, |number| {
                overlaps.iter().any(|overlap| !overlap.settled && overlap.is_of((place, number)))
            });
        }
        let tracks = &self.tracks;
        let is_known = |(place, number): IntervalId| {
            tracks.get(place).is_some_and(|track| track.interval(number).is_some())
        };
        self.overlaps.retain(|overlap| is_known(overlap.one) && is_known(overlap.other));
    }

    fn interval(&self, (place, number): IntervalId) -> Option<&super::interval::Interval> {
        self.tracks.get(place)?.interval(number)
    }

    fn lights(&self, overlap: &Overlap) -> Vec<LightId> {
        let names =
            [overlap.one.0, overlap.other.0].map(|place| self.tracks.get(place).map(|track| &track.name));
        let mut lights: Vec<_> =
            names.into_iter().flatten().map(|light| LightId::new(self.name.clone(), light.clone())).collect();
        lights.sort_unstable();
        lights
    }
}
