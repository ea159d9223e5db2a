use traffic_light::{Rule, Timing, light::Demand, link::LinkError};

use super::*;
use crate::world::event::Layer;

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

/// A light and the time, driven without sockets.
struct Rig {
    light: Light,
    now: Micros,
    effects: Vec<LightEffect>,
}

impl Rig {
    fn new() -> Rig {
        let config =
            LightConfig::new(name("a"), &[name("b")], Rule::Lease, Demand::Always, Timing::default())
                .unwrap();
        let parts = LightParts {
            id: LightId::new(name("demo"), name("a")),
            config,
            place: Place::new("twinlight", name("demo"), None).unwrap(),
            start: Start { boot: 1_000, seed: 1, lease_max_ms: 0, last_run_ended_ms: Start::NEVER },
            client_id: "id".to_owned(),
            broker: Arc::new(BrokerAddress { host: "broker.example".to_owned(), port: 1883 }),
            keep_alive_s: 5,
            budget: None,
            wifi_join_us: 1_000_000,
            seed: 7,
            rerun_seed: 7,
            epoch_s: 1_000,
            measured: false,
        };
        let mut rig = Rig { light: Light::new(parts, 0), now: 0, effects: Vec::new() };
        rig.light.tick(0);
        rig
    }

    /// Lets time pass until the light wants to connect; returns when.
    fn connects_at(&mut self) -> Micros {
        for _ in 0..1_000 {
            if self.took(|effect| matches!(effect, LightEffect::Connect)) {
                return self.now;
            }
            self.now = self.light.due_us().max(self.now);
            self.light.tick(self.now);
        }
        panic!("it does not connect")
    }

    /// Whether the light asked for such a thing since the last call.
    fn took(&mut self, wanted: impl Fn(&LightEffect) -> bool) -> bool {
        self.effects.clear();
        self.light.swap_effects(&mut self.effects);
        self.effects.iter().any(wanted)
    }

    fn hears(&mut self, bytes: &[u8]) {
        assert_eq!(self.light.feed(self.now, bytes), bytes.len());
        let sent = self.light.outgoing().len();
        self.light.sent(self.now, sent);
    }

    /// Up to a session.
    fn up(&mut self) {
        self.connects_at();
        self.light.connected(self.now, None);
        self.hears(&[0x20, 2, 0, 0]);
        self.hears(&[0x90, 4, 0, 1, 1, 1]);
        assert!(self.took(|effect| matches!(effect, LightEffect::Link { layer: Layer::Mqtt, up: true, .. })));
    }
}

#[test]
fn a_broker_that_takes_connections_and_never_answers_is_tried_at_growing_intervals() {
    let mut rig = Rig::new();
    let mut waits = Vec::new();
    let mut connected_at = rig.connects_at();
    for _ in 0..7 {
        rig.light.connected(rig.now, None);
        let next_at = rig.connects_at();
        assert!(rig.light.due_us() > rig.now, "nothing is due again and again");
        // Five seconds go by before it is given up.
        waits.push(next_at - connected_at - 5_000_000);
        connected_at = next_at;
    }
    assert!(waits[0] <= 250_000, "{waits:?}");
    assert!(waits[3] >= 1_000_000 && waits[6] >= 2_000_000, "{waits:?}");
}

#[test]
fn a_connection_that_never_comes_to_be_is_given_up_after_five_seconds_and_tried_less_and_less_often() {
    let mut rig = Rig::new();
    let mut last = rig.connects_at();
    let mut gaps = Vec::new();
    for _ in 0..7 {
        let next = rig.connects_at();
        gaps.push(next - last);
        last = next;
    }
    assert!(gaps[0] <= 5_250_000 && gaps[6] >= 7_000_000, "{gaps:?}");
}

#[test]
fn a_session_that_lasted_makes_the_next_wait_a_short_one() {
    let mut rig = Rig::new();
    for _ in 0..6 {
        rig.connects_at();
        rig.light.connection_lost(rig.now, LinkError::NobodyListens, None);
    }
    rig.up();
    rig.now += 10_000_000;
    rig.light.connection_lost(rig.now, LinkError::Closed, None);
    let lost_at = rig.now;
    assert!(rig.connects_at() - lost_at <= 250_000);
}

#[test]
fn a_lost_wifi_parks_the_connection_and_a_new_one_closes_it() {
    let mut rig = Rig::new();
    rig.up();
    rig.light.obey(rig.now, LightCommand::SetWifi(false));
    assert!(rig.took(|effect| matches!(effect, LightEffect::Park)), "the broker is not told");
    assert_eq!(rig.light.room(), 0, "nothing is read");
    assert!(rig.light.outgoing().is_empty(), "and nothing sent");
    rig.light.obey(rig.now, LightCommand::SetWifi(true));
    rig.connects_at();
    let closed = rig.effects.iter().position(|effect| matches!(effect, LightEffect::CloseParked));
    let connects = rig.effects.iter().position(|effect| matches!(effect, LightEffect::Connect));
    assert!(closed < connects, "{:?}", rig.effects);
}

#[test]
fn a_host_that_sleeps_does_nothing_and_goes_on_when_it_wakes_up() {
    let mut rig = Rig::new();
    rig.up();
    rig.light.obey(rig.now, LightCommand::Suspend(true));
    assert_eq!((rig.light.due_us(), rig.light.room()), (Micros::MAX, 0));
    rig.light.obey(rig.now, LightCommand::SetWrongPassword(true));
    rig.now += 60_000_000;
    rig.light.obey(rig.now, LightCommand::Suspend(false));
    let woke_at = rig.now;
    assert!(rig.connects_at() - woke_at <= 1_000_000, "its session was ended meanwhile");
}

#[test]
fn a_program_that_hangs_is_reset_by_its_watchdog_and_hears_before_only_what_there_is_room_for() {
    let mut rig = Rig::new();
    rig.up();
    rig.light.obey(rig.now, LightCommand::Hang(true));
    let message = b"\x30\x06\x00\x01x{}}";
    let mut taken = 0;
    while rig.light.room() > 0 {
        rig.hears(message);
        taken += 1;
    }
    assert!((INBOX..INBOX + 200).contains(&taken), "{taken}");
    let hung_at = rig.now;
    rig.now = rig.light.due_us();
    rig.light.tick(rig.now);
    assert!(rig.now - hung_at <= 3_000_000);
    assert!(rig.took(|effect| matches!(effect, LightEffect::FaultOver(fault) if fault.name() == "hang")));
    assert_eq!(rig.light.boot(), rig.light.program.light().boot());
    assert_eq!(
        rig.light.boot(),
        1_000 + u32::try_from(rig.now / 1_000_000).unwrap(),
        "its number is the time"
    );
    for more in 1..4 {
        let before = rig.light.boot();
        rig.light.obey(rig.now, LightCommand::Reboot);
        assert_eq!(rig.light.boot(), before + 1, "start {more} within the same second");
    }
}
