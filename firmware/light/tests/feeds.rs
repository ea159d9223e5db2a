//! An old word taken for a fresh one, as a feed's last value would be: it may cost time, never safety.
//!
//! A light asks for no last value (see `traffic_light::feeds`). Here it is told some all the same, at its worst:
//! at any moment, of any run, unmarked.
#![allow(clippy::unwrap_used, clippy::panic)]

use traffic_light::{
    Aspect, Instant, Name, Start, State,
    message::Message,
    program::{Facts, HostCommand, LightHost, LogEvent, Program, Topic},
    record::{Dialect, Record},
    timing::Timing,
};

#[derive(Default)]
struct Host {
    said: Vec<Message>,
}

impl LightHost for Host {
    fn show(&mut self, _aspect: Aspect) {}

    fn publish(&mut self, topic: Topic, message: &Message) -> bool {
        assert_eq!(topic, Topic::State);
        self.said.push(message.clone());
        true
    }

    fn execute(&mut self, _command: HostCommand) -> bool {
        true
    }

    fn facts(&self) -> Facts {
        Facts::default()
    }

    fn log(&mut self, _event: LogEvent) {}

    fn says(&mut self, _state: &State, _ends_go: bool) {}
}

/// SplitMix64, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

struct Pair {
    random: Random,
    programs: Vec<Program>,
    hosts: [Host; 2],
    /// All that each light ever said.
    history: [Vec<Message>; 2],
    /// Messages on their way: when they arrive, to whom, what.
    on_way: Vec<(u64, usize, Message)>,
    connected: [bool; 2],
}

fn record(own: &str, other: &str) -> Record {
    let mut record = Record::new(Name::new("demo").unwrap(), Name::new(own).unwrap());
    record.peers.push(Name::new(other).unwrap()).unwrap();
    record.broker.user = "king".try_into().unwrap();
    record.broker.dialect = Dialect::AdafruitIo;
    record.timing = Timing::on_quota();
    record
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let mut random = Random(seed);
        let records = [record("a", "b"), record("b", "a")];
        let programs = records.iter().map(|record| start(record, &mut random, 0, Start::NEVER)).collect();
        let mut pair = Pair {
            random,
            programs,
            hosts: Default::default(),
            history: Default::default(),
            on_way: Vec::new(),
            connected: [false; 2],
        };
        for light in 0..2 {
            pair.connect(light, 0, true);
        }
        pair
    }

    fn connect(&mut self, light: usize, now: u64, up: bool) {
        self.connected[light] = up;
        let (program, host) = (&mut self.programs[light], &mut self.hosts[light]);
        if up {
            program.session_up(Instant::from_ms(now), host);
        } else {
            program.session_down(Instant::from_ms(now), host);
        }
    }

    fn hear(&mut self, light: usize, now: u64, message: &Message) {
        let topic = self.programs[1 - light].topic(Topic::State);
        let host = &mut self.hosts[light];
        self.programs[light].hear(Instant::from_ms(now), &topic, message, false, host);
    }

    /// One tick of everything.
    fn step(&mut self, now: u64) {
        for light in 0..2 {
            self.programs[light].check(Instant::from_ms(now), &mut self.hosts[light]);
            // Now and then something happens to it; on average once in 20 s.
            if self.random.below(400) == 0 {
                match self.random.below(4) {
                    0 => {
                        let record = if light == 0 { record("a", "b") } else { record("b", "a") };
                        self.programs[light] = start(&record, &mut self.random, now, Some(0));
                        self.connect(light, now, true);
                    }
                    1 => {
                        let up = !self.connected[light];
                        self.connect(light, now, up);
                    }
                    // An old value, as if it were fresh: the last one most of all.
                    _ => {
                        let said = &self.history[1 - light];
                        let back = self.random.below(4) * self.random.below(4);
                        let old =
                            usize::try_from(back).ok().and_then(|back| said.iter().rev().nth(back)).cloned();
                        if let Some(old) = old.filter(|_| self.connected[light]) {
                            self.hear(light, now, &old);
                        }
                    }
                }
            }
            for message in std::mem::take(&mut self.hosts[light].said) {
                self.history[light].push(message.clone());
                if self.connected[light] && self.random.below(20) > 0 {
                    let late = self.random.below(300);
                    self.on_way.push((now + late, 1 - light, message));
                }
            }
        }
        let due: Vec<_> = self.on_way.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, light, message) in due {
            if self.connected[light] {
                self.hear(light, now, &message);
            }
        }
    }

    fn aspects(&self) -> [Aspect; 2] {
        [0, 1].map(|light| self.programs[light].light().aspect())
    }
}

fn start(record: &Record, random: &mut Random, now: u64, last_run_ended_ms: Option<u64>) -> Program {
    let boot = u32::try_from(random.below(1 << 32)).unwrap();
    let start = Start { boot, seed: random.below(u64::MAX), lease_max_ms: 30_000, last_run_ended_ms };
    Program::new(record, start, Instant::from_ms(now)).unwrap()
}

#[test]
fn old_values_taken_for_fresh_ones_never_let_two_lights_go_or_one_flash_while_the_other_goes() {
    let mut greens = 0;
    let mut gone_both = 0;
    for seed in 0..100 {
        let mut pair = Pair::new(seed);
        let mut before = pair.aspects();
        // Two lights that run for an hour each.
        for now in (50..3_600_000).step_by(50) {
            pair.step(now);
            let aspects = pair.aspects();
            gone_both += usize::from(aspects.iter().all(|aspect| aspect.is_go()));
            let flashes = aspects.contains(&Aspect::FlashingAmber);
            assert!(!(flashes && aspects.iter().any(|a| a.is_go())), "seed {seed}, {now} ms: {aspects:?}");
            greens += aspects
                .iter()
                .zip(before)
                .filter(|(a, b)| **a == Aspect::Green && *b != Aspect::Green)
                .count();
            before = aspects;
        }
    }
    assert_eq!(gone_both, 0);
    assert!(greens > 5_000, "with only {greens} greens little was tried");
}
