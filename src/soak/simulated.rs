//! Many simulated worlds at once, each with random faults of its own.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{Figures, Judge, QUIET, ROUND, command, options};
use crate::{
    config::{BrokerChoice, Config},
    model::Login,
    playback::Playback,
    simulated::{Options, Simulation, SimulationError},
    world::chaos::Chaos,
};

/// How often in the quiet time it is checked whether all lights have had green.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is to be played.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The world; its planned faults are left out, and a broker without a login gets one, so that
    /// there can be a wrong password.
    pub(crate) config: Config,
    /// How many worlds of that kind, each for itself.
    pub(crate) worlds: usize,
    /// For how long each.
    pub(crate) time: Duration,
    /// World `n`, counted from 1, has the seed `seed` + n − 1.
    pub(crate) seed: u64,
    /// How many at once.
    pub(crate) threads: NonZeroUsize,
}

/// How far a soak is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Simulated milliseconds played so far, all worlds together.
    pub(crate) played_ms: AtomicU64,
    /// Set to end early, with the figures so far.
    pub cancelled: AtomicBool,
}

/// Begins to play on threads of their own. What comes is the figures of each world as it ends; it is
/// over when there are no more. A slow receiver holds the threads up.
///
/// # Errors
/// When the world cannot be simulated, or the system gives no thread.
pub(crate) fn simulated(plan: Plan, progress: Arc<Progress>) -> anyhow::Result<Receiver<Figures>> {
    let plan = Arc::new(Plan { config: prepared(plan.config), ..plan });
    // An invalid configuration is reported once, before the threads start.
    Simulation::new(&plan.config, plan.seed, Options::default())?;
    let next = Arc::new(AtomicUsize::new(0));
    let threads = plan.threads.get().min(plan.worlds.max(1));
    let (done, figures) = sync_channel(threads);
    for number in 1..=threads {
        let (plan, next, progress, done) = (plan.clone(), next.clone(), progress.clone(), done.clone());
        thread::Builder::new()
            .name(format!("twinlight-soak-{number}"))
            .spawn(move || work(&plan, &next, &progress, &done))?;
    }
    Ok(figures)
}

fn prepared(config: Config) -> Config {
    let mut config = Config { faults: Vec::new(), run_for: None, ..config };
    if let BrokerChoice::Embedded { login: login @ None, .. } = &mut config.broker {
        *login = Some(Login { user: "soak".to_owned(), password: "soak".to_owned() });
    }
    config
}

fn work(plan: &Plan, next: &AtomicUsize, progress: &Progress, done: &SyncSender<Figures>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= plan.worlds || progress.cancelled.load(Ordering::Relaxed) {
            return;
        }
        let seed = plan.seed.wrapping_add(number as u64);
        match play(plan, number + 1, seed, progress) {
            // Nobody waits for the figures any more.
            Ok(figures) => {
                if done.send(figures).is_err() {
                    return;
                }
            }
            Err(error) => return tracing::error!(%error, "a simulated world could not begin"),
        }
    }
}

fn play(plan: &Plan, number: usize, seed: u64, progress: &Progress) -> Result<Figures, SimulationError> {
    let mut simulation = Simulation::new(&plan.config, seed, Options::default())?;
    let mut judge = Judge::new(format!("world {number}, seed {seed}"));
    let lights = plan.config.junctions.iter().flat_map(|junction| {
        let ids = junction.light_ids().filter(|light| junction.runs(&light.light));
        ids.collect::<Vec<_>>()
    });
    let mut options = options(&plan.config, plan.time);
    // The broker of a simulation is simulated, whoever's it is.
    options.stops_broker = true;
    let mut faults = Chaos::new(seed, lights.collect(), options).peekable();
    let mut told = 0;
    while simulation.now() < plan.time && !progress.cancelled.load(Ordering::Relaxed) {
        let round_ends = (simulation.now() + ROUND).min(plan.time);
        let quiet_at = round_ends.saturating_sub(QUIET).max(simulation.now());
        while let Some(planned) = faults.next_if(|planned| planned.at < quiet_at) {
            if progress.cancelled.load(Ordering::Relaxed) {
                break;
            }
            // What would have come in the quiet time is left out.
            if planned.at < simulation.now() {
                continue;
            }
            simulation.play(planned.at, &mut |event| judge.take(&event));
            judge.fault(planned.name());
            obey(&mut simulation, command(planned));
            told = tell(&simulation, progress, told);
        }
        if progress.cancelled.load(Ordering::Relaxed) {
            break;
        }
        simulation.play(quiet_at, &mut |event| judge.take(&event));
        obey(&mut simulation, crate::world::Command::ClearFaults);
        judge.begin_quiet(simulation.now());
        let until = simulation.now() + QUIET;
        while simulation.now() < until && !judge.all_had_green() {
            let look_at = (simulation.now() + LOOK_EVERY).min(until);
            simulation.play(look_at, &mut |event| judge.take(&event));
        }
        judge.end_quiet();
        simulation.play(until, &mut |event| judge.take(&event));
        told = tell(&simulation, progress, told);
    }
    Ok(judge.finish(simulation.now()))
}

fn obey(simulation: &mut Simulation, command: crate::world::Command) {
    if let Err(reason) = simulation.obey(command) {
        tracing::error!(%reason, "a simulated world refused a fault");
    }
}

/// Tells how far this world is, and returns that.
fn tell(simulation: &Simulation, progress: &Progress, told_ms: u64) -> u64 {
    let now_ms = u64::try_from(simulation.now().as_millis()).unwrap_or(u64::MAX);
    progress.played_ms.fetch_add(now_ms.saturating_sub(told_ms), Ordering::Relaxed);
    now_ms
}
