//! A replica shows what the replicated light shows while the light follows the rules and hears what
//! the replica hears, and differs where it does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation)]

use std::collections::BinaryHeap;

use traffic_light::{
    Aspect, Demand, Instant, Light, LightConfig, Name, PeerMessage, Replica, Rule, Start, State, Timing,
};

/// Between two checks of a light, in milliseconds.
const CHECK_MS: u64 = 50;

/// What the desktop lets pass for words that are on their way.
const PATIENCE_MS: u64 = 600;

/// Two lights, `a` replicated, with a broker between; each way to or from it takes
/// up to `delay_ms`.
struct Pair {
    lights: [Light; 2],
    replica: Replica,
    now: u64,
    random: u64,
    delay_ms: u64,
    /// Messages on their way: when (negated, so that the soonest comes first), a number, to whom.
    flying: BinaryHeap<(i64, i64, usize)>,
    /// When the last word from one to another arrives.
    arrival: [[u64; 3]; 2],
    words: Vec<State>,
    /// Words to `a` are lost; the replica hears them.
    deaf: bool,
    /// Since when replica and light differ.
    differ_since: Option<u64>,
    longest_ms: u64,
    /// Differences that proved nothing.
    doubts: u32,
    /// After an outage, when each light and the replica are connected again.
    back_at: [Option<u64>; 3],
    known_ms: u64,
    greens: u32,
    seen: Aspect,
}

/// Who receives: the lights, and the replica, which listens at the broker.
const MIRROR: usize = 2;

impl Pair {
    fn new(seed: u64, delay_ms: u64) -> Pair {
        let name = |light: usize| Name::new(["a", "b"][light]).unwrap();
        let config = |light: usize| {
            LightConfig::new(name(light), &[name(1 - light)], Rule::Lease, Demand::Always, Timing::default())
                .unwrap()
        };
        let light = |light: usize| {
            let boot = u32::try_from(seed).unwrap() + 7 + u32::try_from(light).unwrap();
            let start = Start { boot, seed: seed + 1, lease_max_ms: 8_000, last_run_ended_ms: None };
            Light::new(config(light), start, Instant::from_ms(0))
        };
        Pair {
            lights: [light(0), light(1)],
            replica: Replica::new(config(0), Instant::from_ms(0)),
            now: 0,
            random: seed * 2 + 1,
            delay_ms,
            flying: BinaryHeap::new(),
            arrival: [[0; 3]; 2],
            words: Vec::new(),
            deaf: false,
            differ_since: None,
            longest_ms: 0,
            doubts: 0,
            back_at: [None; 3],
            known_ms: 0,
            greens: 0,
            seen: Aspect::Dark,
        }
    }

    fn reboot(&mut self, boot: u32) {
        let start = Start { boot, seed: 3, lease_max_ms: 8_000, last_run_ended_ms: None };
        let config = self.lights[0].config().clone();
        self.lights[0] = Light::new(config, start, Instant::from_ms(self.now));
    }

    fn delay(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + (self.random >> 33) % self.delay_ms.max(1)
    }

    fn step(&mut self, light: usize) {
        if let Some(state) = self.lights[light].step(Instant::from_ms(self.now)) {
            self.say(light, state);
        }
    }

    fn say(&mut self, light: usize, state: State) {
        self.words.push(state);
        if self.back_at[light].is_some() {
            return;
        }
        let number = self.words.len() as u64 * 2 + light as u64;
        self.send(light, number, MIRROR);
    }

    /// What goes one way keeps its order, as over TCP.
    fn send(&mut self, from: usize, number: u64, to: usize) {
        let at = (self.now + self.delay()).max(self.arrival[from][to]);
        self.arrival[from][to] = at;
        self.flying.push((-(at as i64), -(number as i64), to));
    }

    fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            self.now += 1;
            self.come_back();
            while let Some((at, number, to)) = self.flying.peek().copied() {
                if -at > self.now as i64 {
                    break;
                }
                self.flying.pop();
                let number = number.unsigned_abs();
                let (from, word) = ((number % 2) as usize, (number / 2 - 1) as usize);
                if self.back_at[to].is_none() {
                    self.deliver(from, word, to);
                }
                if to == MIRROR {
                    self.send(from, number, 1 - from);
                }
            }
            for light in 0..2 {
                if (self.now + 20 * light as u64).is_multiple_of(CHECK_MS) {
                    self.step(light);
                }
            }
            if self.now.is_multiple_of(CHECK_MS) {
                self.replica.step(Instant::from_ms(self.now));
            }
            self.compare();
        }
    }

    /// The broker is gone, with all that is on its way, for so long; each light and the replica find back some time later.
    fn outage(&mut self, ms: u64, later_ms: [u64; 3]) {
        self.flying.clear();
        self.back_at = later_ms.map(|later_ms| Some(self.now + ms + later_ms));
        self.replica.lose();
        for light in &mut self.lights {
            light.set_connected(Instant::from_ms(self.now), false);
        }
    }

    fn come_back(&mut self) {
        for place in 0..3 {
            if self.back_at[place].is_some_and(|at| at <= self.now) {
                self.back_at[place] = None;
                if let Some(light) = self.lights.get_mut(place) {
                    light.set_connected(Instant::from_ms(self.now), true);
                }
            }
        }
    }

    fn deliver(&mut self, from: usize, word: usize, to: usize) {
        let (now, state) = (Instant::from_ms(self.now), self.words[word].clone());
        let sender = self.lights[from].config().name().clone();
        match (to, from) {
            (MIRROR, 0) => self.replica.follow(now, &state),
            (MIRROR, _) => self.replica.hear(now, &sender, &PeerMessage::State(state), false),
            (0, _) if self.deaf => {}
            _ => {
                self.lights[to].hear(now, &sender, &PeerMessage::State(state), false);
                self.step(to);
            }
        }
    }

    fn compare(&mut self) {
        let shown = self.lights[0].aspect();
        if shown == Aspect::Green && self.seen != Aspect::Green {
            self.greens += 1;
        }
        self.seen = shown;
        let Some(twin) = self.replica.aspect() else {
            self.differ_since = None;
            return;
        };
        self.known_ms += 1;
        if twin == shown {
            self.differ_since = None;
            return;
        }
        let lasts_ms = self.now - *self.differ_since.get_or_insert(self.now);
        if self.replica.is_sure() {
            self.longest_ms = self.longest_ms.max(lasts_ms);
        } else if lasts_ms > PATIENCE_MS {
            self.replica.doubt();
            self.doubts += 1;
            self.differ_since = None;
        }
    }
}

#[test]
fn a_mirror_shows_what_the_light_shows() {
    for seed in 0..20 {
        for delay_ms in [1, 30, 150] {
            let mut pair = Pair::new(seed, delay_ms);
            pair.run(300_000);
            assert!(pair.greens > 8, "seed {seed}: {} greens", pair.greens);
            assert!(pair.known_ms > 280_000, "seed {seed}: known for {} ms alone", pair.known_ms);
            // Each step of the light is heard up to `delay_ms` late, and one that waits for
            // another's word is up to two such late.
            let most = 3 * delay_ms + 2 * CHECK_MS;
            assert!(
                pair.longest_ms <= most,
                "seed {seed}, {delay_ms} ms: differs for {} ms",
                pair.longest_ms
            );
        }
    }
}

#[test]
fn a_mirror_is_back_with_the_first_word_after_an_outage_and_raises_no_false_alarm() {
    let (mut doubts, mut outages, mut unknown_ms) = (0, 0, 0);
    for seed in 0..60 {
        for delay_ms in [1, 30, 100] {
            let mut pair = Pair::new(seed, delay_ms);
            pair.run(25_000 + seed * 613);
            for lasts_ms in [50, 400, 1_500, 5_000, 12_000, 40_000] {
                let mut later_ms = || (pair.delay() * 7_919 + seed * 131) % 2_500;
                let later_ms = [later_ms(), later_ms(), later_ms()];
                pair.outage(lasts_ms, later_ms);
                (pair.longest_ms, pair.differ_since, pair.doubts) = (0, None, 0);
                let came_back = pair.now + lasts_ms + later_ms[0].max(later_ms[2]);
                pair.run(came_back - pair.now);
                // A word each heartbeat, and the way to the replica.
                pair.run(500 + CHECK_MS + delay_ms);
                assert!(
                    pair.replica.aspect().is_some(),
                    "seed {seed}, {delay_ms} ms, outage of {lasts_ms} ms"
                );
                let (known_ms, from) = (pair.known_ms, pair.now);
                pair.run(35_000);
                unknown_ms += pair.now - from - (pair.known_ms - known_ms);
                assert!(
                    pair.longest_ms <= PATIENCE_MS,
                    "seed {seed}, {delay_ms} ms, outage of {lasts_ms} ms: {} ms",
                    pair.longest_ms
                );
                assert!(pair.replica.is_sure());
                doubts += pair.doubts;
                outages += 1;
            }
        }
    }
    // It takes over what it cannot know well enough to be seldom wrong.
    assert!(doubts * 5 <= outages, "{doubts} in {outages} outages");
    assert!(unknown_ms <= u64::from(outages) * 200, "{unknown_ms} ms in {outages} outages");
}

#[test]
fn a_light_that_was_deaf_before_it_was_first_heard_is_seen_to_differ_too() {
    let mut pair = Pair::new(1, 10);
    pair.deaf = true;
    pair.back_at[MIRROR] = Some(20_000);
    pair.run(90_000);
    assert_eq!(pair.lights[0].aspect(), Aspect::FlashingAmber);
    assert!(pair.replica.is_sure() && pair.longest_ms > 2_000, "{} ms", pair.longest_ms);
}

#[test]
fn a_mirror_follows_a_restart() {
    for seed in 0..10 {
        let mut pair = Pair::new(seed, 20);
        pair.run(60_000 + seed * 1_370);
        pair.reboot(5_000);
        // The lamps go out and red at once; nobody can know before the first word.
        pair.run(100);
        pair.longest_ms = 0;
        (pair.differ_since, pair.greens) = (None, 0);
        pair.run(120_000);
        assert!(pair.greens > 2 && pair.longest_ms <= 160, "seed {seed}: {} ms", pair.longest_ms);
    }
}

#[test]
fn a_mirror_is_not_moved_by_what_a_light_said_in_an_earlier_run() {
    let mut pair = Pair::new(3, 20);
    pair.run(40_000);
    let (old, boot) = (pair.words.clone(), pair.lights[0].boot());
    pair.reboot(5_000);
    pair.run(20_000);
    pair.longest_ms = 0;
    (pair.differ_since, pair.greens) = (None, 0);
    let mut replayed = 0;
    for word in old.iter().filter(|word| word.boot == boot) {
        pair.run(500);
        pair.replica.follow(Instant::from_ms(pair.now), word);
        replayed += 1;
    }
    assert!(replayed > 50 && pair.greens >= 2, "{replayed} words, {} greens", pair.greens);
    assert!(pair.longest_ms <= 160, "{} ms", pair.longest_ms);
}

#[test]
fn a_light_that_hears_less_than_its_mirror_is_seen_to_differ() {
    let mut pair = Pair::new(1, 10);
    pair.run(60_000);
    pair.longest_ms = 0;
    pair.deaf = true;
    pair.run(30_000);
    assert_eq!(pair.lights[0].aspect(), Aspect::FlashingAmber);
    assert!(pair.longest_ms > 2_000, "{} ms", pair.longest_ms);
    pair.deaf = false;
    pair.run(60_000);
    assert_eq!(pair.replica.aspect(), Some(pair.lights[0].aspect()), "and it finds back");
}

#[test]
fn a_light_that_goes_without_a_lease_is_seen_to_differ_at_once() {
    let mut pair = Pair::new(2, 10);
    pair.run(30_000);
    while pair.lights[1].aspect() != Aspect::Green {
        pair.run(1);
    }
    let boot = pair.lights[0].boot();
    let mut lie = pair.words.iter().rfind(|word| word.boot == boot).unwrap().clone();
    (lie.aspect, lie.seq) = (Aspect::Green, lie.seq + 1_000);
    pair.replica.follow(Instant::from_ms(pair.now), &lie);
    assert_eq!(pair.replica.aspect(), Some(Aspect::Red));
}
