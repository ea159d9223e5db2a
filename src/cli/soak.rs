//! `twinlight soak`: random faults for a long time, simulated or live, and a judgement.

use std::{
    fmt::Write as _,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, atomic::Ordering, mpsc::RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use clap::{ArgGroup, Args};
use serde_json::json;

use super::{json::milliseconds, output, progress::Reporter, report};
use crate::{
    cli::{
        common::{Common, asked_to_end, runtime},
        exit::{CHECK_FAILED, WELL},
        failure::wrong_usage,
    },
    soak::{Figures, Plan, Progress, QUIET, SHORTEST, live, simulated},
    world::WorldOptions,
};

const SOAK_HELP: &str = "Faults of all kinds come at random, drawn from the seed: one every 20 s on average (more often in a soak of \
    a few minutes), up to three at once. Every hour, and at the end, all of them are cleared; every light then has \
    to get green again within six minutes (a light whose login was refused does not try again for a while). Exit \
    status 3: two conflicting lights had right of way at once, or a light did not get green again.\n\n\
    Clocks that are wrong by more than 1 % are left out: the rules do not allow for them, so a conflict would be \
    possible.\n\n\
    Without --live everything is simulated, including the broker, and runs faster than real time; each pair is \
    a world of its own: the lights of --config, or the built-in pair. With --live the lights of --config run in \
    real time on their broker; a broker that is not part of this program is not stopped.\n\n\
    Examples:\n  twinlight soak --pairs 10 --days 1\n  twinlight soak --live --minutes 10 --config my.toml";

#[derive(Clone, Debug, Args)]
#[command(after_help = SOAK_HELP, group = ArgGroup::new("time").args(["days", "hours", "minutes"]))]
pub(super) struct SoakArgs {
    /// How many worlds to simulate, each with its own pair of lights
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pairs: u32,
    /// Days to run each; without any of these, 7 days (with --live: one hour)
    #[arg(long, value_name = "N", value_parser = amount)]
    days: Option<f64>,
    /// Hours to run each
    #[arg(long, value_name = "H", value_parser = amount)]
    hours: Option<f64>,
    /// Minutes to run each
    #[arg(long, value_name = "M", value_parser = amount)]
    minutes: Option<f64>,
    /// The seed of the random faults and the worlds: the same seed gives the same run
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many worlds to simulate at once; without it, one for each core
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Run the lights of the configuration in real time, on their broker
    #[arg(long, conflicts_with_all = ["pairs", "threads"])]
    live: bool,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "F.json")]
    report: Option<PathBuf>,
}

const TELL_EVERY: Duration = Duration::from_secs(5);
const LONGEST_S: f64 = 10.0 * 365.0 * 86_400.0;

fn amount(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(amount) if amount > 0.0 && amount.is_finite() => Ok(amount),
        _ => Err("give a number above 0, such as 1.5".to_owned()),
    }
}

pub(super) fn run(common: &Common, args: &SoakArgs) -> anyhow::Result<u8> {
    let config = common.load()?;
    let seconds = [(args.days, 86_400.0), (args.hours, 3_600.0), (args.minutes, 60.0)];
    let seconds = seconds.into_iter().find_map(|(amount, s)| Some(amount? * s));
    let seconds = seconds.unwrap_or(if args.live { 3_600.0 } else { 7.0 * 86_400.0 });
    if seconds > LONGEST_S {
        return Err(wrong_usage("a soak takes at most ten years"));
    }
    let time = Duration::from_secs_f64(seconds);
    if time < SHORTEST {
        return Err(wrong_usage(format!("a soak takes at least {} s", SHORTEST.as_secs())));
    }
    let runs_here = |junction: &crate::config::Junction| junction.virtual_lights().next().is_some();
    if !config.junctions.iter().any(runs_here) {
        let message = "no light of the configuration runs in this program, so there is nothing to break";
        return Err(wrong_usage((message, "name some in run = [\"a\"] of a [[junction]]")));
    }
    report::check_place("--report", args.report.as_deref())?;
    let began = Instant::now();
    let figures = if args.live {
        let options = WorldOptions { state_folder: common.state_folder(), ..WorldOptions::default() };
        let most = time + QUIET;
        let mut progress = Reporter::new(milliseconds(most), TELL_EVERY);
        runtime()?.block_on(live(config, options, time, args.seed, asked_to_end(), |now| {
            progress
                .set(milliseconds(now), || format!("{} of {} to {}", shown(now), shown(time), shown(most)));
        }))?
    } else {
        simulate(config, args, time)?
    };
    let took = began.elapsed();
    let mut line = figures.json();
    line["kind"] = json!("soak");
    line["live"] = json!(args.live);
    line["seed"] = json!(args.seed);
    line["machine_s"] = json!(took.as_secs_f64());
    output::lines(&if args.json { format!("{line}\n") } else { closing(&figures, took, args.live) })?;
    if let Some(file) = &args.report {
        let version = env!("CARGO_PKG_VERSION");
        report::write(file, &json!({"program": "twinlight", "version": version, "soak": line}))?;
    }
    Ok(if figures.passed() { WELL } else { CHECK_FAILED })
}

fn simulate(config: crate::config::Config, args: &SoakArgs, time: Duration) -> anyhow::Result<Figures> {
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let worlds = usize::try_from(args.pairs).unwrap_or(usize::MAX);
    let threads = args.threads.unwrap_or_else(cores);
    let plan = Plan { config, worlds, time, seed: args.seed, threads };
    let progress = Arc::new(Progress::default());
    let finished = simulated(plan, progress.clone())?;
    let runtime = runtime()?;
    let for_end = progress.clone();
    runtime.spawn(async move {
        asked_to_end().await;
        for_end.cancelled.store(true, Ordering::Relaxed);
    });
    let began = Instant::now();
    let mut figures = Figures::default();
    let all_s = time.as_secs_f64() * f64::from(args.pairs);
    let all_ms = milliseconds(time).saturating_mul(u64::from(args.pairs));
    let mut reporter = Reporter::new(all_ms, TELL_EVERY);
    loop {
        match finished.recv_timeout(Duration::from_millis(200)) {
            Ok(world) => figures.add(world),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let played_ms = progress.played_ms.load(Ordering::Relaxed);
        reporter.set(played_ms, || {
            let played_s = Duration::from_millis(played_ms).as_secs_f64();
            let left_s = began.elapsed().as_secs_f64() * (all_s / played_s.max(1.0) - 1.0);
            format!(
                "{:.1} % of {}, {} worlds done, {} conflicts, about {} left",
                100.0 * played_s / all_s,
                shown(Duration::from_secs_f64(all_s)),
                figures.worlds,
                figures.conflicts,
                shown(Duration::from_secs_f64(left_s.clamp(0.0, LONGEST_S))),
            )
        });
    }
    drop(reporter);
    runtime.shutdown_background();
    if progress.cancelled.load(Ordering::Relaxed) {
        note!("ended early: these are the figures so far");
    }
    Ok(figures)
}

/// A time as a person says it.
fn shown(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{:.1} h", time.as_secs_f64() / 3_600.0),
        _ => format!("{:.1} days", time.as_secs_f64() / 86_400.0),
    }
}

fn closing(figures: &Figures, took: Duration, live: bool) -> String {
    let mut text = String::new();
    let played_s = figures.played.as_secs_f64();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "worlds: {}", figures.worlds);
    if live {
        let _ = writeln!(text, "played: {}", shown(figures.played));
    } else {
        let _ = writeln!(
            text,
            "simulated: {} in all, in {:.1} s of this computer's time: {:.0} times real time",
            shown(figures.played),
            took.as_secs_f64(),
            played_s / took.as_secs_f64().max(0.001)
        );
    }
    let kinds: Vec<_> = figures.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let _ = writeln!(text, "faults: {} ({})", figures.faults_in_all(), kinds.join(", "));
    let _ = writeln!(text, "conflicts: {}", figures.conflicts);
    if figures.possible > 0 {
        let _ = writeln!(text, "possible conflicts, of lights that are only heard: {}", figures.possible);
    }
    let _ = writeln!(text, "glitches (shorter than 0.2 s): {}", figures.glitches);
    let _ = writeln!(text, "greens: {}", figures.greens);
    let _ = writeln!(text, "sessions: {}", figures.sessions);
    let _ = writeln!(text, "quiet times: {}, lights without green in one: {}", figures.rounds, figures.stuck);
    let _ = writeln!(
        text,
        "longest time from the end of all faults to the green of every light: {:.1} s",
        figures.longest_recovery.as_secs_f64()
    );
    for failure in &figures.failures {
        let _ = writeln!(
            text,
            "FAILED: {}, at {:.3} s: {}",
            failure.world,
            failure.at.as_secs_f64(),
            failure.text
        );
    }
    text
}
