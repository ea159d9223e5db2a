//! Single rules of right of way, by the numbers of the design's section 3.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use traffic_light::{
    Aspect, Demand, Heard, Instant, Light, LightConfig, Name, Need, PeerMessage, Rule, Start, State, Timing,
    Waiting,
    message::Give,
    time::{at_least, at_most},
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

const TICK: u64 = 100;
/// From a check to the watchdog's reset, at the longest.
const HANG: u64 = 1_000 + TICK;

/// Light `a` with its clock, beside lights that the test speaks for.
struct Bench {
    light: Light,
    now: u64,
    said: Vec<State>,
}

impl Bench {
    fn with(peers: &[&str], rule: Rule, demand: Demand, ended: Option<u64>) -> Bench {
        let peers: Vec<Name> = peers.iter().map(|peer| name(peer)).collect();
        let config = LightConfig::new(name("a"), &peers, rule, demand, Timing::default()).unwrap();
        let start = Start { boot: 1, seed: 5, lease_max_ms: 0, last_run_ended_ms: ended };
        let now = 1_000_000;
        Bench { light: Light::new(config, start, Instant::from_ms(now)), now, said: Vec::new() }
    }

    /// Runs for the first time, so that nothing has to be waited for.
    fn fresh() -> Bench {
        Bench::with(&["b"], Rule::Lease, Demand::Always, Start::NEVER)
    }

    fn step(&mut self) -> &mut Bench {
        let said = self.light.step(Instant::from_ms(self.now));
        self.said.extend(said);
        self
    }

    fn pass(&mut self, ms: u64) -> &mut Bench {
        let end = self.now + ms;
        while self.now < end {
            self.now = (self.now + TICK).min(end);
            self.step();
        }
        self
    }

    fn hear(&mut self, from: &str, state: State) -> Heard {
        let heard =
            self.light.hear(Instant::from_ms(self.now), &name(from), &PeerMessage::State(state), false);
        self.step();
        heard
    }

    fn last(&self) -> &State {
        self.said.last().expect("the light has said something")
    }

    /// What `from`, of boot 7, says; with a promise that answers the light's last word.
    fn promise(&self, from_seq: u32) -> State {
        let mut state = State::new(Aspect::Red, 7, from_seq, 0);
        state.give.push(Give { to: name("a"), boot: 1, seq: self.last().seq, ms: 8_000 }).unwrap();
        state
    }

    fn aspect(&self) -> Aspect {
        self.light.aspect()
    }
}

fn says(seq: u32, aspect: Aspect, turn: Option<u32>) -> State {
    let mut state = State::new(aspect, 7, seq, 0);
    state.need = turn.map(|turn| Need { turn });
    state
}

/// Light `a` in go by a promise of `b`.
fn going() -> Bench {
    let mut bench = Bench::fresh();
    bench.step();
    let promise = bench.promise(1);
    assert_eq!(bench.hear("b", promise), Heard::New);
    assert_eq!(bench.aspect(), Aspect::RedAmber);
    bench
}

#[test]
fn rule_1_a_turn_is_one_more_than_the_highest_seen() {
    let mut bench = Bench::with(&["b"], Rule::Lease, Demand::Call, Start::NEVER);
    bench.step();
    assert_eq!(bench.last().need, None);
    bench.hear("b", says(1, Aspect::Red, Some(41)));
    bench.hear("b", says(2, Aspect::Red, None));
    bench.light.call();
    bench.step();
    assert_eq!(bench.last().need, Some(Need { turn: 42 }));
}

#[test]
fn rule_1_no_need_until_two_heartbeats_before_the_wait_ends() {
    let mut bench = Bench::with(&["b"], Rule::Lease, Demand::Always, None);
    let wait = at_least(9_000);
    let mut seq = 0;
    for _ in 0..wait / TICK {
        seq += 1;
        bench.now += TICK;
        bench.hear("b", says(seq, Aspect::Red, None));
        let left = (1_000_000 + wait).saturating_sub(bench.now);
        assert_eq!(bench.light.view().turn.is_some(), left <= 1_000, "{left} ms before the end");
    }
}

#[test]
fn rule_1_the_end_of_a_go_forgets_every_lease() {
    let mut bench = going();
    let old = bench.last().seq;
    let mut seq = 1;
    while bench.aspect().is_go() {
        seq += 1;
        let promise = bench.promise(seq);
        bench.hear("b", promise);
        bench.pass(500);
    }
    assert!(bench.light.view().leases.is_empty());
    // A promise that answers a request of the turn before is none.
    let mut late = State::new(Aspect::Red, 7, seq + 1, 0);
    late.give.push(Give { to: name("a"), boot: 1, seq: old, ms: 8_000 }).unwrap();
    bench.hear("b", late);
    assert!(bench.light.view().leases.is_empty());
}

#[test]
fn rule_2_a_doubled_or_overtaken_message_is_ignored() {
    let mut bench = Bench::fresh();
    assert_eq!(bench.hear("b", says(5, Aspect::Red, None)), Heard::New);
    assert_eq!(bench.hear("b", says(5, Aspect::Red, Some(0))), Heard::Stale);
    assert_eq!(bench.hear("b", says(4, Aspect::Red, Some(0))), Heard::Stale);
    assert!(bench.light.view().promises.is_empty());
    assert_eq!(bench.hear("b", says(6, Aspect::Red, Some(0))), Heard::New);
    assert_eq!(bench.hear("x", says(7, Aspect::Red, Some(0))), Heard::NoConflict);
    assert_eq!(bench.light.view().promises.len(), 1);
}

#[test]
fn rule_2_a_promise_lasts_a_lease_and_the_error_of_clocks_from_receipt() {
    let mut bench = Bench::fresh();
    bench.hear("b", says(1, Aspect::Red, Some(0)));
    let give = &bench.last().give[0];
    assert_eq!((give.boot, give.seq, give.ms), (7, 1, 8_000));
    assert_eq!(bench.light.view().promises[0].until.as_ms(), bench.now + at_least(8_000));
}

#[test]
fn rule_2_only_the_same_boots_newer_red_releases_a_promise() {
    for (state, releases) in [
        (says(9, Aspect::Red, None), true),
        (says(9, Aspect::Red, Some(2)), true),
        (says(9, Aspect::Red, Some(1)), false),
        (says(9, Aspect::FlashingAmber, None), false),
        (says(9, Aspect::Amber, None), false),
        (State::new(Aspect::Red, 8, 9, 0), false),
    ] {
        let mut bench = Bench::with(&["b"], Rule::Lease, Demand::Call, Start::NEVER);
        bench.hear("b", says(5, Aspect::Red, Some(1)));
        let promised = bench.last().give[0].seq;
        assert_eq!(promised, 5);
        let text = format!("{state:?}");
        bench.light.hear(Instant::from_ms(bench.now), &name("b"), &PeerMessage::State(state), false);
        assert_eq!(bench.light.view().promises.is_empty(), releases, "{text}");
    }
}

/// What `b` said in its run `boot`, which made lights flash and cut greens.
fn alarming(boot: u32, seq: u32) -> State {
    let mut state = State::new(Aspect::FlashingAmber, boot, seq, 0);
    state.lost.push(name("c")).unwrap();
    state
}

#[test]
fn rule_2_words_of_an_earlier_run_move_nothing() {
    let mut bench = going();
    bench.pass(2_000);
    let before = bench.light.view();
    assert_eq!(bench.hear("b", alarming(6, 1_000)), Heard::Stale);
    assert_eq!(bench.hear("b", State::new(Aspect::Green, 6, 1_001, 0)), Heard::Stale);
    assert_eq!(bench.hear("b", alarming(7, 1)), Heard::Stale, "of the same run, and heard already");
    assert_eq!(bench.light.view(), before);
    assert_eq!(bench.hear("b", alarming(8, 1)), Heard::New, "a new run");
    assert_eq!(bench.aspect(), Aspect::Amber);
}

#[test]
fn rule_2_nor_do_they_keep_a_light_from_being_lost() {
    let mut bench = going();
    for seq in 2..9 {
        bench.pass(500);
        bench.hear("b", State::new(Aspect::Red, 6, seq, 0));
        assert_eq!(bench.light.view().lost.len(), 0);
    }
    bench.pass(500);
    assert_eq!(bench.light.view().lost, [name("b")]);
}

#[test]
fn rule_2_a_number_that_went_back_counts_again_only_without_a_key_and_is_told_once() {
    for keyed in [true, false] {
        let peers = [name("b")];
        let config =
            LightConfig::new(name("a"), &peers, Rule::Lease, Demand::Always, Timing::default()).unwrap();
        let start = Start { boot: 1, seed: 5, lease_max_ms: 0, last_run_ended_ms: Start::NEVER };
        let mut light = Light::new(config.keyed(keyed), start, Instant::from_ms(0));
        let mut hear = |ms: u64, boot, seq| {
            let word = PeerMessage::State(State::new(Aspect::Red, boot, seq, 0));
            light.step(Instant::from_ms(ms));
            light.hear(Instant::from_ms(ms), &name("b"), &word, false)
        };
        assert_eq!(hear(0, 900, 1), Heard::New);
        let heard: Vec<Heard> = (1..12).map(|n| hear(n * 500, 7, u32::try_from(n).unwrap())).collect();
        assert!(heard[..7].iter().all(|heard| *heard == Heard::Stale), "{heard:?}");
        assert_eq!(heard[7], Heard::WentBack { taken: !keyed }, "after 4 s");
        let after = if keyed { Heard::Stale } else { Heard::New };
        assert!(heard[8..].iter().all(|heard| *heard == after), "{heard:?}");
    }
}

#[test]
fn rule_2_the_light_with_the_earlier_need_promises_nothing() {
    let mut bench = Bench::fresh();
    bench.step();
    assert_eq!(bench.last().need, Some(Need { turn: 1 }));
    bench.hear("b", says(1, Aspect::Red, Some(1)));
    assert!(bench.light.view().promises.is_empty(), "of equal turns the lower name is first");
    bench.hear("b", says(2, Aspect::Red, Some(0)));
    assert_eq!(bench.light.view().promises.len(), 1);
}

#[test]
fn rule_3_a_lease_counts_from_the_sending_of_the_request_less_the_error_of_clocks() {
    let mut bench = Bench::fresh();
    bench.step();
    let sent = bench.now;
    let promise = bench.promise(1);
    bench.pass(300);
    bench.hear("b", promise);
    assert_eq!(bench.light.view().leases[0].until.as_ms(), sent + at_most(8_000));
}

#[test]
fn rule_3_a_check_that_finds_a_lease_ended_shows_red_at_once() {
    let mut bench = going();
    bench.pass(1_000);
    assert_eq!(bench.aspect(), Aspect::Green);
    bench.now += 8_000;
    bench.step();
    assert_eq!(bench.aspect(), Aspect::Red);
}

#[test]
fn rule_3_amber_begins_while_the_lease_still_covers_it() {
    let mut bench = going();
    let end = bench.light.view().leases[0].until.as_ms();
    let mut seq = 1;
    while bench.aspect() != Aspect::Amber {
        // It is heard, so that it is not lost, but promises nothing further.
        seq += 1;
        bench.now += TICK;
        bench.hear("b", says(seq, Aspect::Red, None));
    }
    assert!(end - bench.now >= 3_000 + TICK + HANG, "{} ms are left", end - bench.now);
    assert!(end - bench.now <= 3_000 + 2 * TICK + HANG + 1);
    bench.pass(3_000);
    assert_eq!(bench.aspect(), Aspect::Red);
    assert!(bench.now + TICK + HANG <= end);
}

#[test]
fn rule_3_a_light_that_hangs_at_any_moment_of_its_go_is_reset_before_its_lease_ends() {
    let mut bench = going();
    let mut seq = 1;
    while bench.aspect() != Aspect::Red {
        let end = bench.light.view().leases[0].until.as_ms();
        assert!(bench.now + HANG < end, "{} with {} ms left", bench.aspect(), end - bench.now);
        seq += 1;
        bench.now += TICK;
        bench.hear("b", says(seq, Aspect::Red, None));
    }
}

#[test]
fn rule_4_a_light_that_has_started_holds_and_promises() {
    let mut bench = Bench::with(&["b"], Rule::Lease, Demand::Always, None);
    bench.hear("b", says(1, Aspect::Red, Some(1)));
    assert_eq!(bench.light.view().promises.len(), 1);
    // It has lost b long before, but does not flash until the wait is over.
    bench.pass(at_least(9_000) - TICK);
    assert_eq!(bench.aspect(), Aspect::Red);
    assert_eq!(bench.light.view().lost.len(), 1);
    bench.pass(2 * TICK);
    assert_eq!(bench.aspect(), Aspect::FlashingAmber);
}

#[test]
fn rule_4_a_light_that_knows_how_long_it_was_off_waits_for_the_rest_alone() {
    let mut bench = Bench::with(&["b"], Rule::Lease, Demand::Always, Some(9_000));
    bench.step();
    let Some(Waiting::Started { until }) = bench.light.view().waiting else { panic!("it has to wait") };
    assert_eq!(until.as_ms() - bench.now, at_least(9_000) - 9_000);
}

#[test]
fn rule_5_clearance_follows_the_end_of_a_conflicting_go() {
    let mut bench = Bench::with(&["b"], Rule::Lease, Demand::Always, Start::NEVER);
    bench.hear("b", says(1, Aspect::Green, Some(0)));
    bench.pass(300);
    let ended = bench.now;
    let mut over = bench.promise(2);
    over.need = Some(Need { turn: 9 });
    bench.hear("b", over);
    assert_eq!(bench.aspect(), Aspect::Red);
    while bench.aspect() == Aspect::Red {
        bench.now += 1;
        bench.step();
    }
    assert_eq!((bench.aspect(), bench.now - ended), (Aspect::RedAmber, at_least(1_000)));
}

#[test]
fn rule_6_a_light_alone_flashes_and_recovers() {
    let mut bench = going();
    bench.pass(3_900);
    assert!(bench.aspect().is_go());
    bench.pass(200);
    assert_eq!(bench.aspect(), Aspect::Amber);
    assert_eq!(bench.last().lost, [name("b")]);
    bench.pass(3_200);
    assert_eq!(bench.aspect(), Aspect::FlashingAmber);
    bench.hear("b", says(2, Aspect::FlashingAmber, None));
    assert_eq!(bench.aspect(), Aspect::Red);
    assert!(bench.last().lost.is_empty());
}

/// Keeps away a go straight out of flashing amber, which drivers would not see coming.
#[test]
fn rule_6_a_light_that_has_flashed_shows_red_before_it_goes() {
    let mut bench = Bench::fresh();
    bench.pass(4_200);
    assert_eq!(bench.aspect(), Aspect::FlashingAmber);
    let promise = bench.promise(1);
    bench.hear("b", promise);
    assert_eq!((bench.aspect(), bench.light.view().leases.len()), (Aspect::Red, 1));
    bench.pass(TICK);
    assert_eq!(bench.aspect(), Aspect::RedAmber);
}

#[test]
fn a_press_of_the_button_is_served_once_and_one_during_amber_asks_for_the_next_green() {
    let mut bench = Bench::with(&["b"], Rule::Lease, Demand::Call, Start::NEVER);
    bench.step();
    let mut seq = 0;
    let mut serve = |bench: &mut Bench, presses_in_amber: bool| {
        let mut greens = 0;
        for _ in 0..200 {
            seq += 1;
            let promise = bench.promise(seq);
            let before = bench.aspect();
            bench.hear("b", promise);
            bench.pass(TICK);
            greens += u32::from(before != Aspect::Green && bench.aspect() == Aspect::Green);
            if presses_in_amber && before == Aspect::Green && bench.aspect() == Aspect::Amber && greens == 1 {
                bench.light.call();
            }
        }
        greens
    };
    assert_eq!(serve(&mut bench, false), 0, "nobody pressed");
    bench.light.call();
    assert_eq!(serve(&mut bench, false), 1);
    bench.light.call();
    assert_eq!(serve(&mut bench, true), 2, "the press during amber is lost");
}

#[test]
fn rule_6_the_junction_flashes_as_a_whole_and_nobody_promises() {
    let mut bench = Bench::with(&["b", "c"], Rule::Lease, Demand::Always, Start::NEVER);
    let mut state = says(1, Aspect::Red, Some(0));
    state.lost.push(name("c")).unwrap();
    bench.hear("b", state);
    assert_eq!(bench.aspect(), Aspect::FlashingAmber);
    bench.hear("c", says(1, Aspect::Red, Some(0)));
    assert!(bench.light.view().promises.is_empty());
    bench.hear("b", says(2, Aspect::Red, Some(0)));
    assert_eq!((bench.aspect(), bench.light.view().promises.len()), (Aspect::Red, 2));
}

#[test]
fn rule_6_a_promise_is_kept_before_flashing() {
    let mut bench = Bench::with(&["b"], Rule::Lease, Demand::Call, Start::NEVER);
    bench.hear("b", says(1, Aspect::Red, Some(1)));
    bench.pass(at_least(8_000) - TICK);
    assert_eq!((bench.aspect(), bench.light.view().lost.len()), (Aspect::Red, 1));
    bench.pass(2 * TICK);
    assert_eq!(bench.aspect(), Aspect::FlashingAmber);
}

/// Keeps away a light that is cut off, makes a promise which nobody hears of when its go is over,
/// and for its sake does not flash through an outage of ten seconds.
#[test]
fn rule_6_a_light_that_is_cut_off_flashes_as_soon_as_the_promises_of_before_are_over() {
    let mut bench = going();
    let mut seq = 1;
    while bench.aspect() != Aspect::Amber {
        seq += 1;
        let mut state = bench.promise(seq);
        state.need = Some(Need { turn: 9 });
        bench.hear("b", state);
        bench.pass(500);
    }
    let cut_at = bench.now;
    bench.light.set_connected(Instant::from_ms(cut_at), false);
    while bench.aspect() != Aspect::FlashingAmber {
        bench.pass(TICK);
        assert!(bench.light.view().promises.is_empty(), "nobody can hear of this promise");
        assert!(bench.now - cut_at <= 4_000, "it does not flash");
    }
    bench.light.set_connected(Instant::from_ms(bench.now), true);
    bench.hear("b", says(seq + 1, Aspect::Red, Some(9)));
    assert_eq!((bench.aspect(), bench.light.view().promises.len()), (Aspect::Red, 1));
}

#[test]
fn rule_6_a_retained_word_is_not_fresh_and_asks_for_nothing() {
    let mut bench = Bench::fresh();
    bench.step();
    let mut state = bench.promise(1);
    state.need = Some(Need { turn: 0 });
    state.lost.push(name("a")).unwrap();
    let heard =
        bench.light.hear(Instant::from_ms(bench.now), &name("b"), &PeerMessage::State(state.clone()), true);
    bench.step();
    let view = bench.light.view();
    assert_eq!((heard, bench.aspect()), (Heard::Kept, Aspect::Red));
    assert!(view.promises.is_empty() && view.leases.is_empty());
    assert_eq!(bench.hear("b", state), Heard::New, "it is new when it comes fresh");
}

#[test]
fn rule_7_a_clock_that_jumped_ends_the_go() {
    let mut bench = going();
    bench.pass(2_000);
    bench.light.lose_leases();
    bench.step();
    assert_eq!(bench.aspect(), Aspect::Red);
}

#[test]
fn by_last_words_a_light_yields_to_a_go_and_takes_turns() {
    let mut bench = Bench::with(&["b"], Rule::React, Demand::Always, None);
    bench.pass(3_000);
    assert!(bench.aspect().is_go(), "nobody is known to go");
    bench.hear("b", says(1, Aspect::Green, None));
    assert_eq!(bench.aspect(), Aspect::Amber);
    bench.pass(3_100);
    assert_eq!(bench.aspect(), Aspect::Red);
    bench.pass(2_000);
    assert_eq!(bench.aspect(), Aspect::Red, "b still goes");
    bench.hear("b", says(2, Aspect::Red, None));
    bench.pass(2_500);
    assert!(bench.aspect().is_go(), "b has had its turn");
}

/// Keeps away two lights that go at once because neither has said hello yet.
#[test]
fn by_last_words_a_light_does_not_go_before_its_first_session() {
    let mut bench = Bench::with(&["b"], Rule::React, Demand::Always, None);
    bench.light.set_connected(Instant::from_ms(bench.now), false);
    bench.pass(30_000);
    assert_eq!(bench.aspect(), Aspect::Red);
    bench.light.set_connected(Instant::from_ms(bench.now), true);
    bench.pass(900);
    assert_eq!(bench.aspect(), Aspect::Red);
    bench.pass(400);
    assert_eq!(bench.aspect(), Aspect::RedAmber);
}

#[test]
fn a_foreign_light_is_served_by_its_last_word() {
    let mut bench = Bench::fresh();
    let plain = |bench: &mut Bench, aspect| {
        bench.light.hear(Instant::from_ms(bench.now), &name("b"), &PeerMessage::Plain(aspect), false);
        bench.step();
    };
    plain(&mut bench, Aspect::Green);
    bench.pass(10_000);
    assert_eq!(bench.aspect(), Aspect::Red, "it goes by the last word however long ago");
    plain(&mut bench, Aspect::Red);
    bench.pass(3_000);
    assert!(bench.aspect().is_go());
    plain(&mut bench, Aspect::Green);
    assert_eq!(bench.aspect(), Aspect::Amber);
}

#[test]
fn a_bare_aspect_on_a_topic_of_a_light_that_speaks_the_contract_is_doubtful() {
    let mut bench = Bench::fresh();
    bench.hear("b", says(1, Aspect::Red, None));
    let word = PeerMessage::Plain(Aspect::Green);
    assert_eq!(bench.light.hear(Instant::from_ms(bench.now), &name("b"), &word, false), Heard::Doubtful);
}
