//! The live world and the simulated one, told the same at the same times, do the same: each light switches
//! its lamps and loses and gets its link in the same order, within stated times.

use std::{collections::BTreeMap, time::Duration};

use test_support::free_port;
use tokio::time::{Instant, sleep_until, timeout_at};
use traffic_light::Name;
use twinlight::{
    config::Config,
    fault::{BrokerDown, Fault, Hang, NameNotFound, WifiDown, WrongPassword},
    model::LightId,
    playback::Playback,
    simulated::{Options, Simulation},
    world::{Command, Event, EventKind, World, WorldOptions, event::Layer},
};

/// For how long both are played.
const LENGTH: Duration = Duration::from_secs(42);
/// By how much the same change may come at another time: delays are drawn at random in both, and a machine
/// that runs other tests too is late.
const APART: Duration = Duration::from_secs(2);

fn light(name: &str) -> LightId {
    LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
}

fn config(port: u16) -> Config {
    let text = format!(
        "seed = 11\n[broker]\nkind = \"embedded\"\nport = {port}\nuser = \"lab\"\npassword = \"s3cret\"\n[links]\n\
         wifi_join_ms = 60\nkeep_alive_s = 2\n[[junction]]\nname = \"demo\"\nlights = [\"a\", \"b\"]\ndemand = \"call\"\n"
    );
    Config::from_toml(&text, "lab.toml", &|_| None).unwrap()
}

/// What both are told, and when.
fn script() -> Vec<(Duration, Command)> {
    let inject = |fault: Fault, lasts_ms: u64| Command::InjectFault {
        fault,
        lasts: (lasts_ms > 0).then_some(Duration::from_millis(lasts_ms)),
    };
    // Each outage is over, and all have heard each other again, before the next begins: silence of four
    // seconds would let a light flash, and whether it is that long must not be up to chance.
    [
        (2, Command::CallLight { light: light("a") }),
        (4, Command::DropSession { light: light("b") }),
        (13, Command::CallLight { light: light("b") }),
        (15, inject(Fault::on(light("a"), WifiDown), 2_000)),
        (16, inject(Fault::on(light("a"), WifiDown), 1_500)),
        (23, inject(Fault::on(light("b"), WrongPassword), 1_000)),
        (28, inject(Fault::on(light("a"), NameNotFound), 1_000)),
        (33, inject(Fault::on_broker(BrokerDown), 1_000)),
        (38, inject(Fault::on(light("b"), Hang), 0)),
    ]
    .map(|(at_s, command)| (Duration::from_secs(at_s), command))
    .into()
}

/// What a light has done: its lamps, and the layers of its link.
type Steps = Vec<(Duration, String)>;

/// The steps of each light. Who ends a connection that a stopped broker has left, and with what packet, is
/// up to chance, and so is how often a try fails meanwhile.
fn steps(events: &[Event]) -> BTreeMap<String, (Steps, Steps)> {
    let mut lights: BTreeMap<String, (Steps, Steps)> = BTreeMap::new();
    for Event { at, kind } in events {
        let mut add = |light: &LightId, of_link: bool, step: String| {
            let (lamps, link) = lights.entry(light.light.to_string()).or_default();
            let steps = if of_link { link } else { lamps };
            if steps.last().is_none_or(|(_, last)| *last != step) {
                steps.push((*at, step));
            }
        };
        match kind {
            EventKind::AspectChanged { light, aspect } => add(light, false, aspect.to_string()),
            EventKind::LinkChanged { light, layer, up, reason } if *layer == Layer::Wifi => {
                let reason = reason.split(" in ").next().unwrap_or_default();
                add(light, true, format!("Wi-Fi {up}: {reason}"));
            }
            EventKind::LinkChanged { light, layer: Layer::Mqtt, up: true, .. } => {
                add(light, true, "a session".to_owned());
            }
            EventKind::LinkChanged { light, layer: Layer::Mqtt, up: false, reason } => {
                let reason = if reason.contains("connection") { "ended" } else { reason };
                if !reason.contains("nobody listens") {
                    add(light, true, format!("no session: {reason}"));
                }
            }
            _ => {}
        }
    }
    lights
}

async fn live(port: u16) -> Vec<Event> {
    let folder = tempfile::tempdir().unwrap();
    let options = WorldOptions { state_folder: Some(folder.path().to_owned()), ..WorldOptions::default() };
    let (world, mut told) = World::start(config(port), options).await.unwrap();
    let (commands, began) = (world.commands(), Instant::now());
    let speaker = tokio::spawn(async move {
        for (at, command) in script() {
            sleep_until(began + at).await;
            commands.send(command).await.unwrap();
        }
    });
    let mut events = Vec::new();
    while let Ok(Ok(event)) = timeout_at(began + LENGTH, told.recv()).await {
        events.push(event);
    }
    speaker.await.unwrap();
    world.stop().await;
    events
}

fn simulated(port: u16) -> Vec<Event> {
    let mut simulation = Simulation::new(&config(port), 11, Options::default()).unwrap();
    let mut events = Vec::new();
    for (at, command) in script() {
        simulation.play(at, &mut |event| events.push(event));
        simulation.obey(command).unwrap();
    }
    simulation.play(LENGTH, &mut |event| events.push(event));
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn both_worlds_switch_lamps_and_lose_links_in_the_same_order_and_at_the_same_times() {
    let port = free_port();
    let (live, simulated) = (steps(&live(port).await), steps(&simulated(port)));
    assert_eq!(live.keys().collect::<Vec<_>>(), ["a", "b"]);
    for (light, (live_lamps, live_link)) in &live {
        let (lamps, link) = &simulated[light];
        for (what, live, simulated) in [("lamps", live_lamps, lamps), ("link", live_link, link)] {
            let words = |steps: &Steps| steps.iter().map(|(_, step)| step.clone()).collect::<Vec<_>>();
            assert_eq!(words(live), words(simulated), "{what} of {light}:\n{live:#?}\n{simulated:#?}");
            for ((live_at, step), (simulated_at, _)) in live.iter().zip(simulated) {
                let apart = live_at.abs_diff(*simulated_at);
                assert!(
                    apart <= APART,
                    "{what} of {light}: {step} at {live_at:?} live, at {simulated_at:?} simulated"
                );
            }
            assert!(live.len() >= 5, "{what} of {light}: {live:#?}");
        }
    }
}
