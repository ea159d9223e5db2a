//! A scenario in simulated worlds, one for each seed, as many at once as the computer has cores.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::json;

use super::{
    super::{json, output, progress::Reporter},
    Plan,
};
use crate::{
    cli::common::{asked_to_end, runtime},
    scenario::series::{Played, Series, play as play_one},
    simulated::{Options, Simulation},
};

/// How often it is said how far it has come.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// What one seed came to, and the lines that tell of it.
type SeedResult = anyhow::Result<(Played, Vec<String>)>;

pub(super) fn play(plan: &Plan<'_>) -> anyhow::Result<Series> {
    let stop = AtomicBool::new(false);
    let runtime = runtime()?;
    let mut series = Series::new(&plan.scenario);
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    let mut progress = Reporter::new(u64::from(plan.seeds), TELL_EVERY);
    thread::scope(|scope| {
        // Ends with the runtime, whichever way this ends.
        let (over, is_over) = tokio::sync::oneshot::channel::<()>();
        let (runtime, stop) = (&runtime, &stop);
        thread::Builder::new().name("twinlight-ctrl-c".to_owned()).spawn_scoped(scope, move || {
            runtime.block_on(async {
                tokio::select! {
                    () = asked_to_end() => stop.store(true, Ordering::Relaxed),
                    _ = is_over => {}
                }
            });
        })?;
        let seeds: Vec<_> = plan.seeds().collect();
        for some in seeds.chunks(at_once) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            for done in play_some(plan, some, stop)? {
                let (played, lines) = done?;
                progress.suspend(|| lines.iter().try_for_each(output::line))?;
                series.add(played);
            }
            let played = series.seeds().len();
            progress.set(played as u64, || format!("{played} of {} seeds played", seeds.len()));
        }
        drop(over);
        anyhow::Ok(())
    })?;
    Ok(series)
}

/// Plays one seed on each of a few threads; gives what came of them in the order of the seeds.
fn play_some(plan: &Plan<'_>, seeds: &[u64], stop: &AtomicBool) -> io::Result<Vec<SeedResult>> {
    thread::scope(|scope| {
        let started = seeds.iter().map(|seed| {
            let name = format!("twinlight-seed-{seed}");
            thread::Builder::new().name(name).spawn_scoped(scope, move || play_seed(plan, *seed, stop))
        });
        let started: Vec<_> = started.collect::<io::Result<_>>()?;
        let ended = started.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a simulation ended by itself (a bug: see above)")))
        });
        Ok(ended.collect())
    })
}

fn play_seed(plan: &Plan<'_>, seed: u64, stop: &AtomicBool) -> SeedResult {
    let mut simulation = Simulation::new(&plan.scenario.drawn(seed).config, seed, Options::default())?;
    let mut lines = Vec::new();
    let mut filter = json::ChangeFilter::default();
    let mut tell = |event: &crate::world::Event| {
        if plan.args.json
            && filter.is_new(event)
            && let Some(mut line) = json::line(event)
        {
            if plan.seeds > 1 {
                line["seed"] = json!(seed);
            }
            lines.push(line.to_string());
        }
    };
    let played = play_one(&plan.scenario, seed, &mut simulation, &mut tell, &|| stop.load(Ordering::Relaxed));
    Ok((played, lines))
}
