//! Faults of lights and their links in a world with real sockets and the real clock.

use std::time::Duration;

use tokio::{
    sync::{broadcast::Receiver, mpsc::Sender},
    time::timeout,
};
use traffic_light::{Aspect, Name};
use twinlight::{
    config::Config,
    fault::{
        BlackHole, ClockDrift, Double, Fault, HalfOpen, Hang, Latency, LinkFaultSpec, NameNotFound, Refuse,
        Reset, Silence, Suspend, TakenOver, WrongPassword,
    },
    model::LightId,
    world::{
        Command, Event, EventKind, World, WorldOptions,
        event::{Layer, Severity},
    },
};

const PAIR: &str = "[broker]\nkind = \"embedded\"\nport = 0\nuser = \"lab\"\npassword = \"s3cret\"\n[links]\n\
                    wifi_join_ms = 50\nkeep_alive_s = 2\n[[junction]]\nname = \"demo\"\n";
/// Far longer than anything here takes on a machine at rest.
const SOON: Duration = Duration::from_secs(60);

struct TestWorld {
    world: World,
    commands: Sender<Command>,
    events: Receiver<Event>,
    /// The events that were waited for or passed over.
    seen: Vec<Event>,
}

impl TestWorld {
    async fn start(text: &str) -> TestWorld {
        let config = Config::from_toml(text, "lab.toml", &|_| None).unwrap();
        let (world, events) = World::start(config, WorldOptions::default()).await.unwrap();
        let mut lab = TestWorld { commands: world.commands(), world, events, seen: Vec::new() };
        for _ in 0..2 {
            lab.wait("a session", |kind| {
                matches!(kind, EventKind::LinkChanged { layer: Layer::Mqtt, up: true, .. })
            })
            .await;
        }
        lab
    }

    async fn put(&self, fault: Fault) {
        self.commands.send(Command::InjectFault { fault, lasts: None }).await.unwrap();
    }

    async fn clear(&self, fault: Fault) {
        self.commands.send(Command::ClearFault(fault)).await.unwrap();
    }

    async fn wait(&mut self, what: &str, wanted: impl Fn(&EventKind) -> bool) -> EventKind {
        let found = async {
            loop {
                let event = self.events.recv().await.unwrap();
                self.seen.push(event.clone());
                if wanted(&event.kind) {
                    return event.kind;
                }
            }
        };
        timeout(SOON, found).await.unwrap_or_else(|_| panic!("{what} did not come"))
    }

    /// Waits until this light's session is lost, and says why.
    async fn wait_lost(&mut self, light: &LightId) -> String {
        let lost = |kind: &EventKind| matches!(kind, EventKind::LinkChanged { light: other, layer: Layer::Mqtt, up: false, .. } if other == light);
        match self.wait("a lost session", lost).await {
            EventKind::LinkChanged { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    async fn wait_up(&mut self, light: &LightId) {
        let up = |kind: &EventKind| matches!(kind, EventKind::LinkChanged { light: other, layer: Layer::Mqtt, up: true, .. } if other == light);
        self.wait("a session again", up).await;
    }

    async fn wait_shows(&mut self, light: &LightId, aspect: Aspect) {
        let shows = |kind: &EventKind| *kind_aspect(kind) == Some((light, aspect));
        self.wait("an aspect", shows).await;
    }

    async fn wait_refused(&mut self) -> String {
        let refused =
            |kind: &EventKind| matches!(kind, EventKind::Noticed { severity: Severity::Warning, .. });
        match self.wait("a refusal", refused).await {
            EventKind::Noticed { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }
}

fn light(name: &str) -> LightId {
    LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
}

fn kind_aspect(kind: &EventKind) -> Box<Option<(&LightId, Aspect)>> {
    Box::new(match kind {
        EventKind::AspectChanged { light, aspect } => Some((light, *aspect)),
        _ => None,
    })
}

fn on_link(name: &str, spec: LinkFaultSpec) -> Fault {
    Fault::Link { light: light(name), spec }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_that_hangs_is_reset_by_its_watchdog_and_one_that_goes_on_in_time_is_not() {
    let mut lab = TestWorld::start(PAIR).await;
    let hang = Fault::on(light("a"), Hang);
    lab.put(hang.clone()).await;
    let over = lab.wait("the end", |kind| matches!(kind, EventKind::FaultChanged { on: false, .. })).await;
    assert!(matches!(over, EventKind::FaultChanged { fault, .. } if fault == hang), "the reset ends it");
    lab.wait_shows(&light("a"), Aspect::Dark).await;
    lab.wait_up(&light("a")).await;
    lab.put(hang.clone()).await;
    lab.clear(hang).await;
    lab.wait("the end", |kind| matches!(kind, EventKind::FaultChanged { on: false, .. })).await;
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_ends_a_hang_that_no_watchdog_would_end() {
    let mut lab = TestWorld::start(PAIR).await;
    let hang = Fault::on(light("a"), Hang);
    lab.put(Fault::on(light("a"), Suspend)).await;
    lab.put(hang.clone()).await;
    lab.commands.send(Command::RebootLight { light: light("a") }).await.unwrap();
    let over = lab.wait("the end", |kind| matches!(kind, EventKind::FaultChanged { on: false, .. })).await;
    assert!(matches!(over, EventKind::FaultChanged { fault, .. } if fault == hang));
    lab.clear(Fault::on(light("a"), Suspend)).await;
    lab.wait_up(&light("a")).await;
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_that_sleeps_is_dark_loses_its_session_and_comes_back_red() {
    let mut lab = TestWorld::start(PAIR).await;
    let suspend = Fault::on(light("a"), Suspend);
    lab.put(suspend.clone()).await;
    lab.wait_shows(&light("a"), Aspect::Dark).await;
    lab.wait_shows(&light("b"), Aspect::FlashingAmber).await;
    lab.clear(suspend).await;
    lab.wait("a to show something", |kind| {
        kind_aspect(kind)
            .is_some_and(|(of, aspect)| *of == light("a") && !aspect.is_go() && aspect != Aspect::Dark)
    })
    .await;
    lab.wait_shows(&light("a"), Aspect::Green).await;
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_name_keep_a_light_out_until_they_are_put_right() {
    let mut lab = TestWorld::start(PAIR).await;
    for (fault, word) in [
        (Fault::on(light("a"), WrongPassword), "password"),
        (Fault::on(light("a"), NameNotFound), "not found"),
    ] {
        lab.put(fault.clone()).await;
        while !lab.wait_lost(&light("a")).await.contains(word) {}
        lab.clear(fault).await;
        lab.wait_up(&light("a")).await;
    }
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_taken_over_comes_back_when_the_other_has_gone() {
    let mut lab = TestWorld::start(PAIR).await;
    let taken = Fault::on(light("a"), TakenOver);
    lab.put(taken.clone()).await;
    lab.wait_lost(&light("a")).await;
    lab.wait_up(&light("a")).await;
    lab.wait_lost(&light("a")).await;
    lab.clear(taken).await;
    lab.wait_shows(&light("a"), Aspect::Green).await;
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_link_strike_the_light_as_they_strike_any_socket() {
    let mut lab = TestWorld::start(PAIR).await;
    lab.put(on_link("a", LinkFaultSpec::both_ways(Reset { after_ms: 0 }))).await;
    assert!(lab.wait_lost(&light("a")).await.contains("reset"));
    lab.commands.send(Command::ClearFaults).await.unwrap();
    lab.wait_up(&light("a")).await;

    lab.put(on_link("a", LinkFaultSpec::both_ways(Refuse))).await;
    lab.commands.send(Command::DropSession { light: light("a") }).await.unwrap();
    while !lab.wait_lost(&light("a")).await.contains("nobody listens") {}
    lab.commands.send(Command::ClearFaults).await.unwrap();
    lab.wait_up(&light("a")).await;

    // MQTT lets the light notice by its own pings, and the proxy tells nobody.
    for fault in [LinkFaultSpec::both_ways(BlackHole), LinkFaultSpec::both_ways(HalfOpen { after_ms: 0 })] {
        lab.put(on_link("a", fault)).await;
        let reason = lab.wait_lost(&light("a")).await;
        assert!(reason.contains("keep-alives"), "{fault}: {reason}");
        lab.commands.send(Command::ClearFaults).await.unwrap();
        lab.wait_up(&light("a")).await;
    }

    // Doubled and slow messages cost no session.
    lab.seen.clear();
    lab.put(on_link("a", LinkFaultSpec::both_ways(Double { percent: 100 }))).await;
    lab.put(on_link("b", LinkFaultSpec::both_ways(Latency { ms: 20, jitter_ms: 20 }))).await;
    lab.wait_shows(&light("a"), Aspect::Green).await;
    lab.wait_shows(&light("b"), Aspect::Green).await;
    let lost = |event: &&Event| matches!(event.kind, EventKind::LinkChanged { up: false, .. });
    let lost = lab.seen.iter().find(lost);
    assert!(lost.is_none(), "{lost:?}");
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_invalid_or_cannot_be_done_is_refused_with_the_reason() {
    let text = PAIR
        .replace("user = \"lab\"\npassword = \"s3cret\"\n", "")
        .replace("[links]", "[links]\nproxy = false");
    let mut lab = TestWorld::start(&text).await;
    let drift = |ppm| Fault::on(light("a"), ClockDrift { ppm });
    for (fault, word) in [
        (on_link("a", LinkFaultSpec::to_broker(Refuse)), "whole"),
        (on_link("a", LinkFaultSpec::to_broker(Latency { ms: 1, jitter_ms: 2 })), "jitter"),
        (on_link("a", LinkFaultSpec::to_broker(BlackHole)), "links.proxy"),
        (on_link("c", LinkFaultSpec::to_broker(BlackHole)), "no light demo/c"),
        (Fault::on(light("a"), WrongPassword), "lets everybody in"),
        (drift(0), "has no effect"),
    ] {
        lab.put(fault).await;
        let said = lab.wait_refused().await;
        assert!(said.contains(word), "{said}");
    }
    lab.put(drift(5_000)).await;
    lab.wait("a drift", |kind| matches!(kind, EventKind::FaultChanged { on: true, .. })).await;
    lab.put(drift(6_000)).await;
    lab.wait("another drift", |kind| matches!(kind, EventKind::FaultChanged { on: true, .. })).await;
    lab.commands.send(Command::ClearFaults).await.unwrap();
    lab.wait("its end", |kind| matches!(kind, EventKind::FaultChanged { on: false, .. })).await;
    lab.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_strikes_by_its_seed_leaves_a_persons_faults_alone_and_mends_what_it_broke() {
    let mut lab = TestWorld::start(PAIR).await;
    let own = Fault::on(light("a"), Silence);
    lab.commands.send(Command::InjectFault { fault: own.clone(), lasts: None }).await.unwrap();
    let pace = Duration::from_millis(60);
    lab.commands.send(Command::StartChaos { seed: Some(42), pace }).await.unwrap();
    let seed = lab.wait("chaos", |kind| matches!(kind, EventKind::ChaosChanged { .. })).await;
    assert!(matches!(seed, EventKind::ChaosChanged { seed: Some(42) }));
    let mut on: Vec<Fault> = Vec::new();
    for _ in 0..20 {
        let changed = lab.wait("a fault", |kind| matches!(kind, EventKind::FaultChanged { .. })).await;
        let EventKind::FaultChanged { fault, on: is_on } = changed else { panic!("{changed:?}") };
        assert_ne!(fault, own, "a person's own fault was touched");
        on.retain(|known| !known.is_replaced_by(&fault));
        if is_on {
            on.push(fault);
        }
    }
    lab.commands.send(Command::StopChaos).await.unwrap();
    loop {
        let changed = lab
            .wait("its end", |kind| {
                matches!(kind, EventKind::FaultChanged { .. } | EventKind::ChaosChanged { .. })
            })
            .await;
        match changed {
            EventKind::FaultChanged { fault, on: true } => on.push(fault),
            EventKind::FaultChanged { fault, on: false } => on.retain(|known| !known.is_replaced_by(&fault)),
            EventKind::ChaosChanged { seed } => {
                assert_eq!(seed, None);
                break;
            }
            _ => {}
        }
    }
    assert_eq!(on, [], "what chaos had injected is cleared");
    lab.commands.send(Command::ClearFaults).await.unwrap();
    lab.wait(
        "the person's own fault, which had stayed",
        |kind| matches!(kind, EventKind::FaultChanged { fault, on: false } if *fault == own),
    )
    .await;
    lab.world.stop().await;
}
