//! A replica shows what the replicated light shows while the light follows the rules and hears what
//! the replica hears, and differs where it does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation)]

use std::collections::BinaryHeap;

use traffic_light::{
    Aspect, Demand, Instant, Light, LightConfig, Name, PeerMessage, Replica, Rule, Start, State, Timing,
};

/// Between two checks of a light, in milliseconds.
const CHECK_MS: u64 = 50;

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
            while let Some((at, number, to)) = self.flying.peek().copied() {
                if -at > self.now as i64 {
                    break;
                }
                self.flying.pop();
                let number = number.unsigned_abs();
                let (from, word) = ((number % 2) as usize, (number / 2 - 1) as usize);
                self.deliver(from, word, to);
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
        } else {
            let since = *self.differ_since.get_or_insert(self.now);
            self.longest_ms = self.longest_ms.max(self.now - since);
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
