//! Cars that queue and drive, so that a conflict can be seen for what it is.
//!
//! They only look at the lamps and never act on anything. The same seed and the same lamps give
//! the same cars. All lengths are in metres and all times in seconds, except where said.

use traffic_light::Aspect;

/// How far an arm of the crossing is simulated; more than the widest window shows.
pub(super) const ARM_M: f32 = 80.0;
/// Where cars stop, before the middle of the crossing.
pub(super) const STOP_LINE_M: f32 = 9.0;
/// Half the width of a street: one lane each way.
pub(super) const HALF_STREET_M: f32 = 3.6;
pub(super) const CAR_LENGTH_M: f32 = 4.4;
pub(super) const CAR_WIDTH_M: f32 = 1.9;

const STEP_MS: u64 = 33;
/// After a longer pause (a hidden window) the time between is left out, not caught up on.
const MAX_STEPS: u64 = 8;
const TOP_SPEED: f32 = 9.5;
const CREEP_SPEED: f32 = 4.0;
const ACCELERATION: f32 = 2.6;
const BRAKING: f32 = 4.5;
const GAP_M: f32 = 1.8;
const CRASH_S: f32 = 2.5;
/// What a car that arrives at top speed needs to stop behind the last of a queue.
const ARRIVAL_M: f32 = 18.0;

/// What the cars of one approach see, and on which of the two streets it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Approach {
    pub(super) aspect: Aspect,
    /// Whether it lies on the west–east street; cars cross those of the other street.
    pub(super) west_east: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Car {
    /// Its middle, along its lane; negative before the middle of the crossing.
    pub(super) at_m: f32,
    /// Metres a second.
    pub(super) speed: f32,
    /// Whether its brake lights are on.
    pub(super) braking: bool,
    /// Picks its colour.
    pub(super) paint: usize,
    /// Seconds since it met a car of the other street.
    pub(super) crashed_s: Option<f32>,
}

/// The cars of one crossing.
#[derive(Debug)]
pub(super) struct Traffic {
    lanes: Vec<Lane>,
    random: u64,
    stepped_ms: Option<u64>,
    /// Which lane enters next where all give way.
    turn: usize,
}

#[derive(Debug, Default)]
struct Lane {
    /// The foremost first.
    cars: Vec<Car>,
    next_in_s: f32,
}

impl Traffic {
    #[must_use]
    pub(super) fn new(seed: u64) -> Traffic {
        Traffic { lanes: Vec::new(), random: seed ^ 0x9e37_79b9_7f4a_7c15, stepped_ms: None, turn: 0 }
    }

    /// The cars of each approach, foremost first.
    pub(super) fn lanes(&self) -> impl Iterator<Item = &[Car]> {
        self.lanes.iter().map(|lane| lane.cars.as_slice())
    }

    /// Whether any car moves or is about to come: whether another frame is worth its cost.
    #[must_use]
    pub(super) fn moves(&self) -> bool {
        self.lanes.iter().any(|lane| {
            lane.has_room() || lane.cars.iter().any(|car| car.speed > 0.01 || car.crashed_s.is_some())
        })
    }

    /// Lets time pass until `now_ms`.
    pub(super) fn advance(&mut self, now_ms: u64, approaches: &[Approach]) {
        while self.lanes.len() < approaches.len() {
            let first_in = self.uniform() * 3.0;
            self.lanes.push(Lane { cars: Vec::new(), next_in_s: first_in });
        }
        self.lanes.truncate(approaches.len());
        let from = self.stepped_ms.unwrap_or(now_ms);
        let steps = now_ms.saturating_sub(from) / STEP_MS;
        if steps > MAX_STEPS {
            self.stepped_ms = Some(now_ms);
        } else {
            self.stepped_ms = Some(from + steps * STEP_MS);
        }
        for _ in 0..steps.min(MAX_STEPS) {
            self.step(STEP_MS as f32 / 1_000.0, approaches);
        }
    }

    fn step(&mut self, dt: f32, approaches: &[Approach]) {
        for at in 0..self.lanes.len() {
            self.arrive(at, dt);
        }
        let may_enter: Vec<Entry> = (0..self.lanes.len()).map(|at| self.may_enter(at, approaches)).collect();
        let gives_way_next = self.next_to_give_way();
        for (lane, may_enter) in self.lanes.iter_mut().zip(may_enter) {
            lane.drive(dt, may_enter);
        }
        // The turn passes on once that car is in, and not before: else two would start at once.
        if let Some(at) = gives_way_next.filter(|at| self.lanes[*at].cars.iter().any(Car::is_in_box)) {
            self.turn = (at + 1) % self.lanes.len();
        }
        self.meet(approaches);
    }

    fn arrive(&mut self, at: usize, dt: f32) {
        let spread = self.uniform();
        let paint = usize::try_from(self.next() % 6).unwrap_or(0);
        let lane = &mut self.lanes[at];
        lane.next_in_s -= dt;
        if lane.next_in_s <= 0.0 && lane.has_room() {
            lane.next_in_s = 1.8 + spread * 5.5;
            lane.cars.push(Car { at_m: -ARM_M, speed: TOP_SPEED, braking: false, paint, crashed_s: None });
        }
    }

    /// Whether the foremost waiting car of a lane may pass the stop line.
    fn may_enter(&self, at: usize, approaches: &[Approach]) -> Entry {
        let approach = approaches[at];
        let crossing_clear = !self.lanes.iter().zip(approaches).any(|(lane, other)| {
            other.west_east != approach.west_east && lane.cars.iter().any(Car::is_in_box)
        });
        match approach.aspect {
            Aspect::Green => {
                // Lets the last of the other street clear, but does not expect anybody to run in
                // against a red: with two greens nobody looks.
                let other_goes = approaches
                    .iter()
                    .any(|other| other.west_east != approach.west_east && other.aspect.is_go());
                if crossing_clear || other_goes { Entry::Free } else { Entry::Closed }
            }
            Aspect::Amber => Entry::IfTooLateToStop,
            Aspect::FlashingAmber if self.next_to_give_way() == Some(at) => Entry::Slowly,
            Aspect::FlashingAmber => Entry::Closed,
            // A head without power closes its arm here, so that a world without life is still.
            Aspect::Dark | Aspect::Red | Aspect::RedAmber => Entry::Closed,
        }
    }

    /// Where all give way, one car at a time: the lane whose turn it is, while the box is empty.
    fn next_to_give_way(&self) -> Option<usize> {
        if self.lanes.iter().flat_map(|lane| &lane.cars).any(Car::is_in_box) {
            return None;
        }
        let lanes = self.lanes.len();
        let waits = |at: &usize| self.lanes[*at].cars.iter().any(Car::is_at_line);
        (0..lanes).map(|step| (self.turn + step) % lanes).find(waits)
    }

    /// Stops cars of crossing streets that have met.
    fn meet(&mut self, approaches: &[Approach]) {
        for first in 0..self.lanes.len() {
            for second in first + 1..self.lanes.len() {
                if approaches[first].west_east == approaches[second].west_east {
                    continue;
                }
                let (before, after) = self.lanes.split_at_mut(second);
                for one in &mut before[first].cars {
                    for other in &mut after[0].cars {
                        if one.crashed_s.is_none() && other.crashed_s.is_none() && one.meets(other) {
                            (one.crashed_s, other.crashed_s) = (Some(0.0), Some(0.0));
                        }
                    }
                }
            }
        }
    }

    fn next(&mut self) -> u64 {
        // SplitMix64: small, seeded, and good enough for cars.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Free,
    Slowly,
    IfTooLateToStop,
    Closed,
}

impl Car {
    fn front(&self) -> f32 {
        self.at_m + CAR_LENGTH_M / 2.0
    }

    fn is_in_box(&self) -> bool {
        self.crashed_s.is_none()
            && self.front() > -STOP_LINE_M + 0.3
            && self.at_m - CAR_LENGTH_M / 2.0 < HALF_STREET_M + 0.5
    }

    fn is_at_line(&self) -> bool {
        (-0.3..1.5).contains(&(-STOP_LINE_M - self.front()))
    }

    /// Whether it touches a car of the crossing street. The lanes cross within the box, where
    /// both are near the middle; which side matters little to what a person sees.
    fn meets(&self, other: &Car) -> bool {
        let reach = (CAR_LENGTH_M + CAR_WIDTH_M) / 2.0;
        self.at_m.abs() < reach && other.at_m.abs() < reach
    }
}

impl Lane {
    fn has_room(&self) -> bool {
        self.cars.last().is_none_or(|last| last.at_m > -ARM_M + ARRIVAL_M)
    }

    fn drive(&mut self, dt: f32, entry: Entry) {
        let mut ahead_rear: Option<f32> = None;
        let mut top = TOP_SPEED;
        for car in &mut self.cars {
            if let Some(crashed) = &mut car.crashed_s {
                *crashed += dt;
                car.speed = 0.0;
                car.braking = true;
                ahead_rear = Some(car.at_m - CAR_LENGTH_M / 2.0);
                continue;
            }
            let mut room = ahead_rear.map_or(f32::INFINITY, |rear| rear - GAP_M - car.front());
            let to_line = -STOP_LINE_M - car.front();
            if to_line > -0.3 {
                let braking_m = car.speed * car.speed / (2.0 * BRAKING);
                let stops = match entry {
                    Entry::Free => false,
                    Entry::Slowly => {
                        top = CREEP_SPEED;
                        !car.is_at_line()
                    }
                    Entry::IfTooLateToStop => to_line >= braking_m,
                    Entry::Closed => to_line >= braking_m - 0.5,
                };
                if stops {
                    room = room.min(to_line.max(0.0));
                }
            }
            let safe = (2.0 * BRAKING * room.max(0.0)).sqrt();
            let wanted = (car.speed + ACCELERATION * dt).min(top).min(safe);
            let most = car.speed - 1.6 * BRAKING * dt;
            let speed = wanted.max(most).max(0.0);
            car.braking = speed < car.speed - 0.02 || speed < 0.05;
            car.speed = if speed < 0.05 { 0.0 } else { speed };
            car.at_m += car.speed * dt;
            ahead_rear = Some(car.at_m - CAR_LENGTH_M / 2.0);
        }
        self.cars.retain(|car| car.at_m < ARM_M && car.crashed_s.is_none_or(|since| since < CRASH_S));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(seed: u64, seconds: u64, lamps: impl Fn(u64) -> [Aspect; 2]) -> Traffic {
        let mut traffic = Traffic::new(seed);
        for ms in (0..seconds * 1_000).step_by(33) {
            let [we, ns] = lamps(ms);
            let approaches =
                [Approach { aspect: we, west_east: true }, Approach { aspect: ns, west_east: false }];
            traffic.advance(ms, &approaches);
            if we.is_go() != ns.is_go() || !we.is_go() {
                let crashed = traffic.lanes().flatten().any(|car| car.crashed_s.is_some());
                assert!(!crashed, "cars met at {ms} ms though the lamps were right");
            }
        }
        traffic
    }

    /// The sequence of a pair, 16 s a round, with the shortest clearance.
    fn proper(ms: u64) -> [Aspect; 2] {
        let phase = |ms: u64| match ms % 18_000 {
            0..1_000 => Aspect::RedAmber,
            1_000..5_000 => Aspect::Green,
            5_000..8_000 => Aspect::Amber,
            _ => Aspect::Red,
        };
        [phase(ms), phase(ms + 9_000)]
    }

    #[test]
    fn nobody_meets_while_the_lamps_are_right() {
        for seed in 0..20 {
            drive(seed, 120, proper);
        }
    }

    #[test]
    fn two_greens_are_seen_as_cars_that_meet() {
        let mut traffic = Traffic::new(1);
        let green = |west_east| Approach { aspect: Aspect::Green, west_east };
        let met = (0..60_000).step_by(33).any(|ms| {
            traffic.advance(ms, &[green(true), green(false)]);
            traffic.lanes().flatten().any(|car| car.crashed_s.is_some())
        });
        assert!(met);
    }

    #[test]
    fn red_stops_every_car_and_a_full_street_is_still() {
        let traffic = drive(3, 180, |_| [Aspect::Red, Aspect::Red]);
        assert!(traffic.lanes().flatten().all(|car| car.front() < -STOP_LINE_M + 0.5));
        assert!(!traffic.moves(), "a full street must not cost a frame");
    }

    #[test]
    fn flashing_amber_lets_cars_through_one_at_a_time() {
        drive(4, 120, |_| [Aspect::FlashingAmber, Aspect::FlashingAmber]);
    }

    #[test]
    fn the_same_seed_gives_the_same_cars() {
        let places = |seed| drive(seed, 60, proper).lanes().flatten().map(|car| car.at_m).collect::<Vec<_>>();
        assert_eq!(places(9), places(9));
        assert_ne!(places(9), places(10));
    }
}
