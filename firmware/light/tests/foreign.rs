//! The partner of a foreign light, through the program that boards and virtual lights run.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use traffic_light::{
    Aspect, Demand, Foreign, Instant, LightConfig, Name, Rule, Start, Timing,
    foreign::{Pointer, Words},
    message::Message,
    program::{Facts, HostCommand, LightHost, LogEvent, Place, Program, Topic},
};

const TICK_MS: u64 = 50;

/// Keeps what is said; publishes at most `room` messages.
struct Host {
    shown: Vec<(u64, Aspect)>,
    said: Vec<(u64, Topic, String)>,
    notes: Vec<LogEvent>,
    room: u32,
    /// The account refuses what it seemed to have room for.
    is_paused: bool,
    now: u64,
}

impl LightHost for Host {
    fn show(&mut self, aspect: Aspect) {
        self.shown.push((self.now, aspect));
    }

    fn publish(&mut self, topic: Topic, message: &Message) -> bool {
        let may = self.room > 0 && !self.is_paused;
        if may {
            self.room -= 1;
            self.said.push((self.now, topic, String::from_utf8(message.to_vec()).unwrap()));
        }
        may
    }

    fn can_tell(&self, messages: u32) -> bool {
        self.room >= messages
    }

    fn execute(&mut self, _command: HostCommand) -> bool {
        true
    }

    fn facts(&self) -> Facts {
        Facts::default()
    }

    fn log(&mut self, event: LogEvent) {
        self.notes.push(event);
    }
}

struct Pair {
    program: Program,
    host: Host,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn foreign() -> Foreign {
    let words =
        [(Aspect::Red, "RED"), (Aspect::Amber, "YELLOW"), (Aspect::Green, "GREEN"), (Aspect::Dark, "OFF")];
    Foreign::new("cars/x", "cars/y", Words::new(&words).unwrap()).unwrap().with_lost_after_ms(10_000)
}

impl Pair {
    fn new(foreign: Foreign, timing: Timing) -> Pair {
        let config = LightConfig::new(name("a"), &[name("b")], Rule::Lease, Demand::Always, timing).unwrap();
        let place = Place::new("twinlight", name("lab"), None).unwrap().with_foreign(Some(foreign));
        let start =
            Start { boot: 7, seed: 1, lease_max_ms: timing.lease_ms, last_run_ended_ms: Start::NEVER };
        let program = Program::of(config, place, start, Instant::from_ms(0));
        let host = Host {
            shown: Vec::new(),
            said: Vec::new(),
            notes: Vec::new(),
            room: u32::MAX,
            is_paused: false,
            now: 0,
        };
        let mut pair = Pair { program, host };
        pair.program.session_up(Instant::from_ms(0), &mut pair.host);
        pair
    }

    fn quick() -> Pair {
        Pair::new(foreign(), Timing::default())
    }

    fn now(&self) -> Instant {
        Instant::from_ms(self.host.now)
    }

    /// Runs until then, or until the light shows this.
    fn run_until(&mut self, until_ms: u64, aspect: Option<Aspect>) {
        while self.host.now < until_ms && Some(self.program.light().aspect()) != aspect {
            self.host.now += TICK_MS;
            self.program.check(self.now(), &mut self.host);
        }
        assert!(
            aspect.is_none_or(|aspect| aspect == self.program.light().aspect()),
            "{aspect:?} did not come"
        );
    }

    fn run(&mut self, ms: u64) {
        self.run_until(self.host.now + ms, None);
    }

    fn wait_shows(&mut self, aspect: Aspect) {
        self.run_until(self.host.now + 120_000, Some(aspect));
    }

    fn hear(&mut self, payload: &str, retained: bool) {
        self.program.hear(self.now(), "cars/x", payload.as_bytes(), retained, &mut self.host);
    }

    fn told(&self) -> Vec<&str> {
        let told = self.host.said.iter().filter(|(_, topic, _)| *topic == Topic::Partner);
        told.map(|(_, _, word)| word.as_str()).collect()
    }

    fn shows(&self) -> Aspect {
        self.program.light().aspect()
    }
}

#[test]
fn it_is_told_each_change_once_and_the_word_goes_before_the_state() {
    let mut pair = Pair::quick();
    assert_eq!(pair.program.subscriptions(), ["twinlight/lab/a/cmd", "cars/x"]);
    assert_eq!(pair.told(), ["RED"], "the session came up");
    pair.hear("RED", false);
    pair.wait_shows(Aspect::RedAmber);
    let at = pair.host.now;
    let said: Vec<_> =
        pair.host.said.iter().filter(|(when, ..)| *when == at).map(|(_, topic, _)| *topic).collect();
    assert_eq!(said, [Topic::Partner, Topic::State]);
    assert_eq!(pair.told(), ["RED", "GREEN"], "its right of way has begun");
    pair.wait_shows(Aspect::Green);
    pair.hear("RED", false);
    pair.wait_shows(Aspect::Amber);
    pair.wait_shows(Aspect::Red);
    assert_eq!(pair.told(), ["RED", "GREEN", "YELLOW", "RED"]);
    pair.program.partner_subscribed(pair.now(), &mut pair.host);
    pair.run(1_000);
    assert_eq!(pair.told()[4..], ["RED"]);
    pair.program.session_down(pair.now(), &mut pair.host);
    pair.program.session_up(pair.now(), &mut pair.host);
    assert_eq!(pair.told()[5..], ["RED"]);
}

#[test]
fn it_goes_only_when_the_other_was_heard_and_gives_it_a_turn() {
    let mut pair = Pair::quick();
    pair.run(5_000);
    pair.hear("RED", true);
    assert_eq!(pair.shows(), Aspect::Red, "what the broker kept lets nobody go");
    pair.run(2_000);
    assert_eq!(pair.shows(), Aspect::Red);
    pair.hear("RED", false);
    let heard = pair.host.now;
    pair.wait_shows(Aspect::RedAmber);
    assert!(pair.host.now - heard >= 5_000, "the other was told red a moment ago");
    pair.hear("RED", false);
    pair.wait_shows(Aspect::Red);
    pair.run(1_000);
    pair.hear("GREEN", false);
    pair.run(6_000);
    assert_eq!(pair.shows(), Aspect::Red);
    pair.hear("YELLOW", false);
    pair.run(2_000);
    assert_eq!(pair.shows(), Aspect::Red, "amber after green goes on");
    pair.hear("RED", false);
    let ended = pair.host.now;
    pair.wait_shows(Aspect::RedAmber);
    assert!((1_000..2_000).contains(&(pair.host.now - ended)), "it took its turn, and the junction clears");
}

#[test]
fn it_clears_when_the_other_goes_and_amber_from_the_start_is_caution() {
    let mut pair = Pair::quick();
    pair.hear("YELLOW", false);
    pair.wait_shows(Aspect::Green);
    pair.hear("yellow", false);
    pair.run(200);
    assert_eq!(pair.shows(), Aspect::Green);
    pair.hear("GREEN", false);
    assert_eq!(pair.shows(), Aspect::Amber);
}

#[test]
fn a_lost_light_is_named_and_its_last_red_lets_nobody_go() {
    let mut pair = Pair::quick();
    pair.hear("RED", false);
    pair.run(9_900);
    assert!(!pair.program.light().partner_is_lost());
    pair.run(200);
    assert!(pair.program.light().partner_is_lost());
    assert!(pair.host.notes.contains(&LogEvent::PartnerLost(name("b"))));
    pair.wait_shows(Aspect::FlashingAmber);
    pair.run(30_000);
    assert_eq!(pair.shows(), Aspect::FlashingAmber);
    pair.hear("GREEN", false);
    pair.run(100);
    assert_eq!(pair.shows(), Aspect::Red);
    assert!(pair.host.notes.contains(&LogEvent::PartnerBack(name("b"))));
    // Its session ends, and later its will says so.
    pair.program.partner_gone(pair.now(), &mut pair.host);
    pair.run(100);
    assert_eq!(pair.shows(), Aspect::FlashingAmber);
    pair.run(1_000);
    pair.hear("RED", false);
    pair.run(100);
    assert_eq!(pair.shows(), Aspect::Red);
    pair.hear("OFF", false);
    pair.run(100);
    assert_eq!(pair.shows(), Aspect::FlashingAmber);
}

#[test]
fn a_last_word_that_arrives_after_the_end_of_its_session_does_not_bring_the_light_back() {
    let back = |pair: &Pair| {
        pair.host.notes.iter().filter(|note| **note == LogEvent::PartnerBack(name("b"))).count()
    };
    let gone = || {
        let mut pair = Pair::quick();
        pair.hear("RED", false);
        pair.run(100);
        pair.host.notes.clear();
        pair.program.partner_gone(pair.now(), &mut pair.host);
        pair.run(400);
        pair.hear("GREEN", false);
        pair.run(100);
        pair.hear("RED", false);
        pair.run(100);
        assert!(pair.program.light().partner_is_lost());
        pair
    };
    let mut pair = gone();
    pair.run(20_000);
    assert!(pair.program.light().partner_is_lost() && back(&pair) == 0);
    assert_eq!(pair.shows(), Aspect::FlashingAmber);
    pair.hear("RED", false);
    pair.run(TICK_MS);
    assert!(!pair.program.light().partner_is_lost(), "it has come back");

    // A second after the end, its words are those of a new session, whether that was seen or not.
    let mut pair = gone();
    pair.run(400);
    pair.hear("RED", false);
    pair.run(TICK_MS);
    assert!(!pair.program.light().partner_is_lost() && back(&pair) == 1);

    // A new session is seen to speak: before its first word arrives, or after.
    let mut pair = gone();
    pair.program.partner_speaks(pair.now(), &mut pair.host);
    pair.run(TICK_MS);
    assert!(!pair.program.light().partner_is_lost(), "the word that came before is its");
    let mut pair = Pair::quick();
    pair.hear("RED", false);
    pair.program.partner_gone(pair.now(), &mut pair.host);
    pair.program.partner_speaks(pair.now(), &mut pair.host);
    pair.run(TICK_MS);
    assert!(pair.program.light().partner_is_lost(), "it has said nothing yet");
    pair.hear("RED", false);
    pair.run(TICK_MS);
    assert!(!pair.program.light().partner_is_lost());

    // What its will says comes the same way as its words: what follows is new.
    pair.hear("OFF", false);
    pair.run(TICK_MS);
    assert!(pair.program.light().partner_is_lost());
    pair.hear("RED", false);
    pair.run(TICK_MS);
    assert!(!pair.program.light().partner_is_lost());
}

#[test]
fn without_room_for_its_words_a_light_does_not_go_and_a_green_that_was_not_told_ends_at_once() {
    let mut pair = Pair::quick();
    pair.host.room = 2;
    for _ in 0..10 {
        pair.hear("RED", false);
        pair.run(3_000);
    }
    assert_eq!(pair.shows(), Aspect::Red);
    pair.host.room = u32::MAX;
    // The account is paused in the last moment.
    pair.host.is_paused = true;
    pair.hear("RED", false);
    pair.wait_shows(Aspect::RedAmber);
    pair.run(2 * TICK_MS);
    assert_eq!(pair.shows(), Aspect::Amber);
    pair.wait_shows(Aspect::Red);
    assert_eq!(pair.told(), ["RED"]);
    pair.host.is_paused = false;
    pair.run(TICK_MS);
    assert_eq!(pair.told(), ["RED"], "it thinks so already");
}

#[test]
fn with_a_quota_words_go_at_once_and_states_make_room() {
    let mut pair = Pair::new(foreign().with_lost_after_ms(60_000), Timing::on_account(2, 30).unwrap());
    pair.host.said.clear();
    while pair.host.now < 600_000 {
        pair.hear("RED", false);
        pair.run(10_000);
    }
    for (at, aspect) in &pair.host.shown {
        let word = match aspect {
            Aspect::RedAmber => "GREEN",
            Aspect::Amber => "YELLOW",
            _ => continue,
        };
        let told = pair
            .host
            .said
            .iter()
            .any(|(when, topic, said)| when == at && *topic == Topic::Partner && said == word);
        assert!(told, "{aspect} at {at} ms was not told at once");
    }
    let said = pair.host.said.iter().filter(|(_, topic, _)| *topic != Topic::Status);
    let times: Vec<u64> = said.map(|(at, ..)| *at).collect();
    let busiest =
        times.iter().map(|from| times.iter().filter(|at| (*from..from + 60_000).contains(*at)).count());
    assert!(busiest.max().unwrap() <= 18, "half of the account, and what a bucket holds");
}

#[test]
fn payloads_that_are_not_understood_are_told_once_each_form_and_json_is_read_where_it_stands() {
    let mut pair = Pair::new(foreign().with_json(Some(Pointer::new("/state").unwrap())), Timing::default());
    for payload in ["RED", "RED", r#"{"state":"BLUE"}"#, r#"{"n":1}"#, r#"{"n":22}"#] {
        pair.hear(payload, false);
    }
    let notes: Vec<_> =
        pair.host.notes.iter().filter(|note| matches!(note, LogEvent::NotUnderstood(..))).collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[1].to_string().contains(r#"b said "{\"state\":\"BLUE\"}""#), "{}", notes[1]);
    pair.hear(r#"{"state":"red","n":3}"#, false);
    pair.wait_shows(Aspect::Green);
    assert_eq!(pair.told(), [r#"{"state":"RED"}"#, r#"{"state":"GREEN"}"#]);
}
