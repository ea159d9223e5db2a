//! How long a light's word is on its way to another light, and how many there are. Both ends are in
//! this process, so one clock measures them. It is kept only where somebody asks for it: see
//! [`super::WorldOptions::deliveries`].

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::model::LightId;

/// Words of one light that may be on their way; older ones are not waited for any more.
const MOST_ON_THE_WAY: usize = 64;
/// Steps to a doubling, which makes a percentile at most 1.6 % too high.
const STEPS_BITS: u32 = 6;
const STEPS: u64 = 1 << STEPS_BITS;
const CELLS: usize = 40 << STEPS_BITS;

/// Counts what virtual lights send and receive. Shared by all of a world.
#[derive(Debug, Default)]
pub struct Deliveries(Mutex<SentLog>);

/// What was counted since the last time that it was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    /// Messages handed to a session, status messages included.
    pub sent: u64,
    /// Their payloads, in bytes.
    pub(crate) sent_bytes: u64,
    /// Messages that came to a light.
    pub(crate) received: u64,
    /// Words of state whose way to another light was measured: once for each light that took them in.
    pub took: Durations,
}

/// Many durations in little room: each is kept to 1.6 %, the longest exactly.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations {
    /// Grows to the cell of the longest.
    cells: Vec<u64>,
    count: u64,
    longest_us: u64,
}

#[derive(Debug, Default)]
struct SentLog {
    counted: Counted,
    on_the_way: HashMap<LightId, VecDeque<SentState>>,
}

#[derive(Clone, Copy, Debug)]
struct SentState {
    boot: u32,
    seq: u32,
    at: Duration,
}

impl Deliveries {
    /// What was counted since this was last asked for.
    #[must_use]
    pub(crate) fn take(&self) -> Counted {
        std::mem::take(&mut self.sent_log().counted)
    }

    /// `light` is about to say word `seq` of its run `boot`.
    pub(super) fn said(&self, light: &LightId, boot: u32, seq: u32, at: Duration) {
        let mut sent_log = self.sent_log();
        let words = match sent_log.on_the_way.get_mut(light) {
            Some(words) => words,
            None => sent_log.on_the_way.entry(light.clone()).or_default(),
        };
        if words.len() == MOST_ON_THE_WAY {
            words.pop_front();
        }
        words.push_back(SentState { boot, seq, at });
    }

    /// A message was handed to a session.
    pub(super) fn sent(&self, bytes: usize) {
        let counted = &mut self.sent_log().counted;
        counted.sent += 1;
        counted.sent_bytes += bytes as u64;
    }

    /// A message came to a light.
    pub(super) fn received(&self) {
        self.sent_log().counted.received += 1;
    }

    /// Another light has taken in word `seq` of the run `boot` of `from`.
    pub(super) fn heard(&self, from: &LightId, boot: u32, seq: u32, at: Duration) {
        let mut sent_log = self.sent_log();
        let words = sent_log.on_the_way.get(from).into_iter().flatten();
        let sent = words.rev().find(|sent| (sent.boot, sent.seq) == (boot, seq)).copied();
        if let Some(sent) = sent {
            sent_log.counted.took.add(at.saturating_sub(sent.at));
        }
    }

    fn sent_log(&self) -> MutexGuard<'_, SentLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Durations {
    pub(crate) fn add(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let cell = cell(us).min(CELLS - 1);
        if cell >= self.cells.len() {
            self.cells.resize(cell + 1, 0);
        }
        if let Some(cell) = self.cells.get_mut(cell) {
            *cell += 1;
        }
        self.count += 1;
        self.longest_us = self.longest_us.max(us);
    }

    /// How many there are.
    #[must_use]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The longest; zero where there is none.
    #[must_use]
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_us)
    }

    /// The shortest duration that `share` (0 to 1) of all do not exceed, by nearest rank; zero where
    /// there is none.
    #[must_use]
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let mut before = 0;
        for (cell, count) in self.cells.iter().enumerate() {
            before += count;
            if *count > 0 && before as f64 >= share * self.count as f64 {
                return Duration::from_micros(highest_us(cell).min(self.longest_us));
            }
        }
        self.longest()
    }
}

/// Each microsecond up to [`STEPS`] has a cell of its own; then each doubling has [`STEPS`] cells.
fn cell(us: u64) -> usize {
    let doublings = (us / STEPS).checked_ilog2().map_or(0, |log| log + 1).saturating_sub(1);
    usize::try_from(u64::from(doublings) * STEPS + (us >> doublings)).unwrap_or(usize::MAX)
}

/// The longest duration of a cell, in microseconds.
fn highest_us(cell: usize) -> u64 {
    let cell = cell as u64;
    if cell < 2 * STEPS {
        return cell;
    }
    let doublings = cell / STEPS - 1;
    ((cell - doublings * STEPS + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use traffic_light::Name;

    use super::*;

    fn light(name: &str) -> LightId {
        LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
    }

    #[test]
    fn a_duration_is_kept_to_two_parts_in_a_hundred_over_the_whole_range() {
        let mut us = 1_u64;
        let mut last = 0;
        while us < 3_600_000_000 {
            let cell = cell(us);
            let highest = highest_us(cell);
            assert!(cell >= last && cell < CELLS, "{us} µs in cell {cell}, the one before in {last}");
            assert!(highest >= us && highest as f64 <= us as f64 * 1.016 + 1.0, "{us} µs kept as {highest}");
            last = cell;
            us += 1 + us / 97;
        }
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut all = Durations::default();
        assert_eq!((all.count(), all.percentile(0.99), all.longest()), (0, Duration::ZERO, Duration::ZERO));
        for us in 1..=100 {
            all.add(Duration::from_micros(us));
        }
        assert_eq!(all.percentile(0.5), Duration::from_micros(50));
        assert_eq!(all.percentile(0.99), Duration::from_micros(99));
        assert_eq!(all.percentile(1.0), Duration::from_micros(100));
        all.add(Duration::from_millis(777));
        assert_eq!((all.count(), all.longest()), (101, Duration::from_millis(777)));
        assert_eq!(all.percentile(1.0), Duration::from_millis(777));
    }

    #[test]
    fn a_word_is_measured_at_each_light_that_hears_it_and_a_stranger_is_not() {
        let deliveries = Deliveries::default();
        let ms = Duration::from_millis;
        deliveries.said(&light("a"), 7, 1, ms(10));
        deliveries.said(&light("a"), 7, 2, ms(20));
        deliveries.sent(100);
        deliveries.heard(&light("a"), 7, 1, ms(15));
        deliveries.heard(&light("a"), 7, 2, ms(23));
        deliveries.heard(&light("a"), 7, 2, ms(26));
        deliveries.heard(&light("a"), 8, 2, ms(99));
        deliveries.heard(&light("b"), 7, 2, ms(99));
        let counted = deliveries.take();
        assert_eq!((counted.sent, counted.sent_bytes, counted.took.count()), (1, 100, 3));
        assert_eq!(counted.took.longest(), ms(6));
        assert_eq!(deliveries.take().sent, 0, "it counts anew");
        deliveries.heard(&light("a"), 7, 2, ms(30));
        assert_eq!(deliveries.take().took.count(), 1, "what is on its way is not forgotten");
    }

    #[test]
    fn words_that_nobody_hears_do_not_pile_up() {
        let deliveries = Deliveries::default();
        for seq in 0..10_000 {
            deliveries.said(&light("a"), 7, seq, Duration::ZERO);
        }
        assert_eq!(deliveries.sent_log().on_the_way[&light("a")].len(), MOST_ON_THE_WAY);
    }
}
