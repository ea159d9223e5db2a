//! Load: many pairs of virtual lights on one broker, each light with a connection of its own, and what
//! that costs. `twinlight swarm` and the benchmark `many` are two faces of it.
//!
//! | module | one idea |
//! | --- | --- |
//! | `figures` | what was measured, and what of it is not well |
//! | `process` | what this process takes of memory and processor |

mod figures;
pub mod process;

use std::{collections::HashSet, future::Future, io, sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep_until},
};
use traffic_light::{Aspect, Name};

pub use self::figures::{Figures, Spread};
use self::figures::{Measured, Trouble};
use crate::{
    config::{Config, Junction, JunctionError, MAX_LIGHTS_IN_ALL},
    model::LightId,
    world::{
        Event, EventKind, World, WorldError, WorldOptions,
        delivery::{Counted, Deliveries},
        event::Layer,
        summary::Tally,
    },
};

/// The most pairs that one process makes.
pub const MAX_PAIRS: u32 = 2_048;
const _: () = assert!(2 * MAX_PAIRS as usize == MAX_LIGHTS_IN_ALL);

/// Lights that have just met still have much to say; it would count as load.
const SETTLE: Duration = Duration::from_secs(2);
/// How long all connections may take: so long, and so much more for each light.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
const CONNECT_EACH: Duration = Duration::from_millis(20);
/// How often it is told how it goes.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Pairs of lights, 1 to [`MAX_PAIRS`].
    pub pairs: u32,
    /// For how long, from when all are connected and have settled.
    pub measured_for: Duration,
    /// Whether each link has its proxy before it, as in the window.
    pub proxies: bool,
}

/// How far a swarm has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Lights with a session.
    pub connected: usize,
    /// Lights in all.
    pub lights: usize,
    /// Since the start.
    pub after: Duration,
    /// Whether it is measured already.
    pub measuring: bool,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    /// The junctions could not be made.
    #[error("a pair with these timings cannot be made: {0}")]
    Junction(JunctionError),
    /// The world did not start.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The folder for what its lights remember could not be made.
    #[error("there is no room for temporary files: {0}")]
    Folder(#[from] io::Error),
}

impl SwarmError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            SwarmError::World(error) => error.help(),
            SwarmError::Folder(_) => Some("make room in the system's temporary folder".to_owned()),
            SwarmError::Junction(error) => Some(error.help()),
        }
    }
}

/// `base` with `pairs` pairs of lights instead of its junctions. Broker, root, key, rule and timings stay
/// as they are, those of the first junction. The names are new each time, so that swarms of several
/// computers can share a broker.
///
/// # Errors
/// When there cannot be such junctions.
pub fn configure(base: Config, plan: &Plan) -> Result<Config, SwarmError> {
    let names = ["a", "b"].map(Name::new);
    let mark = rand::random::<u32>() & 0x00ff_ffff;
    let mut junctions = Vec::new();
    if let (Some(like), [Ok(a), Ok(b)]) = (base.junctions.first(), names) {
        let lights = [a, b];
        for number in 1..=plan.pairs.min(MAX_PAIRS) {
            let Ok(name) = Name::new(&format!("s{mark:06x}-{number}")) else { continue };
            let (rule, demand, timing) = (like.rule(), like.demand(), *like.timing());
            let junction = Junction::new(name, &lights, rule, demand, timing, like.key().cloned());
            junctions.push(junction.map_err(SwarmError::Junction)?);
        }
    }
    let mut links = base.links;
    (links.wifi_join_ms, links.proxy, links.board_port) = (0, plan.proxies, None);
    Ok(Config { junctions, links, faults: Vec::new(), run_for: None, ..base })
}

/// Runs a configuration of [`configure`], measures, and ends. `end` cuts it short.
///
/// # Errors
/// When nothing could be started. What went wrong later is in the figures.
pub async fn run(
    config: Config,
    plan: &Plan,
    end: impl Future<Output = ()>,
    tell: impl FnMut(Progress),
) -> Result<Figures, SwarmError> {
    // The names are new: these lights never ran, and need not wait for what an earlier run promised.
    let remembered = tempfile::tempdir()?;
    let deliveries = Arc::new(Deliveries::default());
    let options = WorldOptions {
        state_folder: Some(remembered.path().to_path_buf()),
        deliveries: Some(deliveries.clone()),
        forgets: true,
        ..WorldOptions::default()
    };
    let lights = config.lights().count();
    let round = round(&config);
    let resident_before = process::resident_kib();
    let started = Instant::now();
    let (world, events) = World::start(config, options).await?;
    let mut swarm = Swarm {
        lights,
        started,
        tell,
        events,
        tally: Tally::default(),
        connected: HashSet::new(),
        trouble: Trouble::default(),
    };
    tokio::pin!(end);

    let connect_by = started + CONNECT_WITHIN + CONNECT_EACH * u32::try_from(lights).unwrap_or(u32::MAX);
    let all_up = |swarm: &Swarm<_>| swarm.connected.len() == lights;
    let met = swarm.listen(connect_by, &mut end, all_up).await;
    let connected_after = met.then(|| started.elapsed());
    let mut measured = None;
    if met && !swarm.listen(Instant::now() + SETTLE, &mut end, |_| false).await && !swarm.trouble.interrupted
    {
        measured = Some(swarm.measure(plan, &deliveries, resident_before, &mut end).await);
    }
    let mut trouble = swarm.trouble;
    if !met && !trouble.interrupted {
        trouble.not_connected = lights - swarm.connected.len();
    }
    let connected = swarm.connected.len();
    world.stop().await;
    Ok(Figures::of(lights, connected, connected_after, measured, trouble, round))
}

/// The longest that a light may have to wait for its green: the other's right of way, its own clearance, twice for
/// a beginning in the middle of it.
fn round(config: &Config) -> Duration {
    let timing = config.junctions.first().map(|junction| *junction.timing()).unwrap_or_default();
    let go = timing.red_amber_ms + timing.green_max_ms + timing.amber_ms + timing.clearance_ms;
    Duration::from_millis(u64::from(3 * go))
}

struct Swarm<T> {
    lights: usize,
    started: Instant,
    tell: T,
    events: Receiver<Event>,
    tally: Tally,
    connected: HashSet<LightId>,
    trouble: Trouble,
}

impl<T: FnMut(Progress)> Swarm<T> {
    /// Listens until `until`, until it is as `wanted`, or until the user ends it; returns whether it is as
    /// wanted.
    async fn listen(
        &mut self,
        until: Instant,
        end: &mut (impl Future<Output = ()> + Unpin),
        wanted: impl Fn(&Swarm<T>) -> bool,
    ) -> bool {
        self.listen_telling(until, end, wanted, false).await
    }

    async fn listen_telling(
        &mut self,
        until: Instant,
        end: &mut (impl Future<Output = ()> + Unpin),
        wanted: impl Fn(&Swarm<T>) -> bool,
        measuring: bool,
    ) -> bool {
        let mut tells = tokio::time::interval_at(Instant::now() + TELL_EVERY, TELL_EVERY);
        while !wanted(self) {
            tokio::select! {
                () = sleep_until(until) => return false,
                () = &mut *end => {
                    self.trouble.interrupted = true;
                    return false;
                }
                _ = tells.tick() => {
                    let (connected, lights) = (self.connected.len(), self.lights);
                    (self.tell)(Progress { connected, lights, after: self.started.elapsed(), measuring });
                }
                event = self.events.recv() => match event {
                    Ok(event) => self.take(&event),
                    Err(RecvError::Lagged(lost)) => self.trouble.lost_events += lost,
                    Err(RecvError::Closed) => return false,
                },
            }
        }
        true
    }

    async fn measure(
        &mut self,
        plan: &Plan,
        deliveries: &Deliveries,
        resident_before: Option<f64>,
        end: &mut (impl Future<Output = ()> + Unpin),
    ) -> Measured {
        let _: Counted = deliveries.take();
        self.tally.forget_reactions();
        let (from, cpu_before) = (Instant::now(), process::cpu_seconds());
        self.listen_telling(from + plan.measured_for, end, |_| false, true).await;
        let measured_for = from.elapsed();
        let counted = deliveries.take();
        let cpu = process::cpu_seconds().zip(cpu_before).map(|(after, before)| after - before);
        Measured {
            measured_for,
            since_start: self.started.elapsed(),
            counted,
            cpu,
            resident: process::resident_kib().zip(resident_before),
            summary: self.tally.summary(),
        }
    }

    fn take(&mut self, event: &Event) {
        self.tally.count(event);
        match &event.kind {
            EventKind::LinkChanged { light, layer: Layer::Mqtt, up: true, .. } => {
                self.connected.insert(light.clone());
            }
            EventKind::LinkChanged { light, layer: Layer::Mqtt, up: false, reason } => {
                if self.connected.remove(light) {
                    self.trouble.sessions_lost += 1;
                }
                self.trouble.reason(reason);
            }
            EventKind::LinkChanged { layer: Layer::Tcp, up: false, reason, .. } => {
                self.trouble.reason(reason);
            }
            EventKind::AspectChanged { aspect: Aspect::FlashingAmber, .. } => self.trouble.flashed += 1,
            EventKind::BrokerStopped { reason } => self.trouble.reason(reason),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_takes_everything_but_the_lights_from_the_configuration() {
        let text = "root = \"lab\"\n[broker]\nport = 0\n[timing]\nheartbeat_ms = 490\n[[junction]]\nname = \"x\"\n\
                    lights = [\"k\", \"l\", \"m\"]\nkey = \"0123456789abcdef\"\n\
                    [[fault]]\nat_s = 1\nwhat = \"broker-down\"\n";
        let base = Config::from_toml(text, "test.toml", &|_| None).unwrap();
        let plan = Plan { pairs: 3, measured_for: Duration::from_secs(1), proxies: false };
        let made = configure(base.clone(), &plan).unwrap();
        assert_eq!((made.junctions.len(), made.lights().count(), made.faults.len()), (3, 6, 0));
        assert_eq!((&made.root, &made.broker), (&base.root, &base.broker));
        for junction in &made.junctions {
            assert_eq!(junction.timing().heartbeat_ms, 490);
            assert_eq!(junction.key(), base.junctions[0].key());
        }
        let again = configure(base, &plan).unwrap();
        assert_ne!(made.junctions[0].name(), again.junctions[0].name(), "two swarms would meet");
    }
}
